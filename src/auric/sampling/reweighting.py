"""A walk on one potential, told as if it had been on another: each structure counts with exp(-(E' - E) / (k_B T)).

The better the two agree, the more structures count; the effective sample size (Kish, 1965) says how many of equal weight the
weighted ones are worth. With few of them left, the result is that of a few structures, whatever the interval says.
"""

from dataclasses import dataclass

import numpy as np
from ase.units import kB

from auric.errors import InputError


@dataclass(frozen=True)
class Reweighted:
    """Structures of a walk with weights.

    Attributes:
        weights: Shape (n,), their sum is 1.
        effective: Effective sample size, between 1 and n.
        spread_ev: Standard deviation of the difference of energies; well above k_B T, hardly anything is left.
    """

    weights: np.ndarray
    effective: float
    spread_ev: float

    def mean(self, values: np.ndarray) -> np.ndarray:
        """Weighted mean of values, shape (n, ...)."""
        return np.asarray(np.tensordot(self.weights, values, axes=1))

    def interval(self, values: np.ndarray, *, samples: int = 1000, seed: int = 0) -> tuple[float, float]:
        """95 % interval of the mean of values, shape (n,), from drawing structures with their weights again.

        The structures must be independent draws, several autocorrelation times apart.
        """
        rng = np.random.default_rng(seed)
        drawn = rng.integers(len(values), size=(samples, len(values)))
        weights = self.weights[drawn]
        low, high = np.percentile((weights * values[drawn]).sum(axis=1) / weights.sum(axis=1), [2.5, 97.5])
        return float(low), float(high)


def reweight(walked_ev: np.ndarray, wanted_ev: np.ndarray, temperature_k: float) -> Reweighted:
    """Weights of structures drawn on one potential for averages on another.

    Args:
        walked_ev: Energies on the potential that was walked on, shape (n,).
        wanted_ev: Energies of the same structures on the other; a constant difference does not matter.
        temperature_k: Of the walk.

    Raises:
        InputError: If there are none, as many of one as of the other are not given, or one is not finite.
    """
    walked, wanted = np.asarray(walked_ev, dtype=float), np.asarray(wanted_ev, dtype=float)
    if walked.ndim != 1 or walked.shape != wanted.shape or not len(walked):
        raise InputError(
            f"energies of shapes {walked.shape} and {wanted.shape} to reweight; give one of each structure"
        )
    if not (np.isfinite(walked).all() and np.isfinite(wanted).all() and temperature_k > 0):
        raise InputError(
            f"reweighting at {temperature_k} K needs finite energies and a temperature above 0; leave others out"
        )
    difference = wanted - walked
    weights = np.exp(-(difference - difference.min()) / (kB * temperature_k))
    weights /= weights.sum()
    return Reweighted(weights, float(1 / (weights**2).sum()), float(difference.std()))
