"""Weights by bond length: rare long bonds count more.

Zhang et al., "Build a Ruler to Measure Electron Localization Function with Machine Learning Models", table S2: bins
2.3-2.4, 2.4-2.5, 2.5-2.6 and 2.6-2.7 angstrom with weights 1, 2, 20 and 30, there by duplication. Bins are half-open
here, [low, high), so that no length is in two; shorter bonds join the first bin and longer ones the last.

The three ways to use the weights agree in expectation: a mean over duplicated images, a mean over images drawn with
probability proportional to the weight, and a weighted mean over images are the same number.
"""

from collections.abc import Sequence

import numpy as np


def bin_index(lengths_angstrom: np.ndarray, edges_angstrom: Sequence[float]) -> np.ndarray:
    """Bin of each length, shape (n,), 0 to len(edges) - 2."""
    inner = np.asarray(edges_angstrom)[1:-1]
    return np.asarray(np.searchsorted(inner, lengths_angstrom, side="right"))


def bin_weights(lengths_angstrom: np.ndarray, edges_angstrom: Sequence[float], weights: Sequence[int]) -> np.ndarray:
    """Weight of each length, shape (n,), whole numbers.

    Raises:
        ValueError: If there is not one weight per bin.
    """
    if len(weights) != len(edges_angstrom) - 1:
        raise ValueError(f"{len(weights)} weights for {len(edges_angstrom) - 1} bins")
    return np.take(np.asarray(weights, dtype=int), bin_index(lengths_angstrom, edges_angstrom))


def duplicate(items: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Each item as often as its weight says, in order."""
    return np.repeat(items, weights, axis=0)
