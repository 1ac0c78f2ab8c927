"""Scaling of descriptors, fitted on each member's own training records and on nothing else.

Missing values take the median of the training records, beside a column that says they were missing. Concentrations and ratios enter as
logarithms. A column that does not vary in training says nothing and becomes zero.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from auric.synthesis.descriptors import LOGARITHMIC, NAMES
from auric.synthesis.records import MAY_BE_MISSING

LOGS = np.isin(NAMES, LOGARITHMIC)
TOLD = np.isin(NAMES, MAY_BE_MISSING)
INPUTS = len(NAMES) + int(TOLD.sum())
"""Columns that models see."""
CONSTANT = 1e-9


@dataclass(frozen=True)
class FoldScaler:
    """Scaling of several members (folds) at once.

    Attributes:
        median: In place of missing values, after logarithms, shape (members, len(NAMES)).
        mean: Of the filled columns and of those that tell what was missing, shape (members, INPUTS).
        scale: Their standard deviation, infinite for a constant one, same shape.
    """

    median: np.ndarray
    mean: np.ndarray
    scale: np.ndarray

    @classmethod
    def fit(cls, values: np.ndarray, training: np.ndarray) -> "FoldScaler":
        """Fit.

        Args:
            values: Descriptors, shape (n, len(NAMES)); missing is NaN.
            training: What each member learns from, shape (members, n), bool.
        """
        logged = _logged(values)
        median = np.zeros((len(training), len(NAMES)))
        for member, mine in enumerate(training):
            known = ~np.isnan(logged[mine])
            for column in np.flatnonzero(known.any(axis=0)):
                median[member, column] = np.median(logged[mine][known[:, column], column])
        filled = _filled(logged, median)
        mean = np.stack([part[mine].mean(axis=0) for part, mine in zip(filled, training, strict=True)])
        scale = np.stack([part[mine].std(axis=0) for part, mine in zip(filled, training, strict=True)])
        return cls(median, mean, np.where(scale > CONSTANT, scale, np.inf))

    def transform(self, values: np.ndarray) -> np.ndarray:
        """Descriptors as each member sees them, shape (members, n, INPUTS).

        Args:
            values: Shape (n, len(NAMES)); missing is NaN.
        """
        scaled: np.ndarray = (_filled(_logged(values), self.median) - self.mean[:, None]) / self.scale[:, None]
        return scaled

    def parts(self) -> dict[str, np.ndarray]:
        """Arrays to be saved."""
        return {"median": self.median, "mean": self.mean, "scale": self.scale}

    @classmethod
    def from_parts(cls, parts: Mapping[str, np.ndarray]) -> "FoldScaler":
        """What `parts` gave."""
        return cls(parts["median"], parts["mean"], parts["scale"])


def _logged(values: np.ndarray) -> np.ndarray:
    found = np.array(values, dtype=float)
    found[:, LOGS] = np.log10(found[:, LOGS])
    return found


def _filled(logged: np.ndarray, median: np.ndarray) -> np.ndarray:
    missing = np.isnan(logged)
    filled = np.where(missing, median[:, None], logged)
    told = np.broadcast_to(missing[:, TOLD].astype(float), (len(median), len(logged), int(TOLD.sum())))
    return np.concatenate([filled, told], axis=2)
