"""What chance does, where several things are compared at once."""

from collections.abc import Sequence

import numpy as np


def holm(p_values: Sequence[float]) -> np.ndarray:
    """Probabilities adjusted for there being several, in their order, shape (n,); all NaN if any is.

    Source: Holm, Scandinavian Journal of Statistics 6, 65 (1979).
    """
    given = np.asarray(p_values, dtype=float)
    if not np.isfinite(given).all():
        return np.full(len(given), np.nan)
    order = np.argsort(given, kind="stable")
    adjusted = np.empty(len(given))
    adjusted[order] = np.maximum.accumulate(np.minimum(1, given[order] * np.arange(len(given), 0, -1)))
    return adjusted
