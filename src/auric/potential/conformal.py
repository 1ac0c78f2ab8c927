r"""Split conformal intervals from calibration residuals, blocked by run.

Frames of one run are alike, so runs, not frames, are the independent draws. Every calibration run has the same weight, however
long it is. Two corrections for finite calibration data are offered:

* by runs (hierarchical conformal prediction; Lee, Barber and Willett, arXiv:2306.06342): a frame of a new run, drawn as the
  calibration runs were, lies inside with at least the stated probability. It needs many runs: with fewer than
  coverage / (1 - coverage), nine for 90%, the interval is infinite.
* by frames (split conformal; Vovk, Gammerman and Shafer 2005): the same only if frames were exchangeable across runs. With few
  runs it is what can be had, and its coverage on new runs is to be measured, not believed.

Neither holds for runs drawn otherwise (another temperature, another isomer).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from auric.errors import InputError, suggestion

CORRECTIONS = ("frames", "runs")


@dataclass(frozen=True)
class ConformalIntervals:
    """Symmetric intervals around predictions.

    Attributes:
        coverage: Stated probability.
        half_width: In the unit of the target; infinite if there are too few runs.
        correction: "frames" or "runs" (see the module).
        centred: Whether residuals were taken less their run's mean: then the interval is for differences of energy within
            a run, not for energies.
        runs: Number of calibration runs.
        frames: Number of calibration frames.
    """

    coverage: float
    half_width: float
    correction: str
    centred: bool
    runs: int
    frames: int

    def interval(self, predictions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper ends, shapes as the predictions."""
        return predictions - self.half_width, predictions + self.half_width

    def evaluate(self, residuals: np.ndarray, runs: np.ndarray) -> dict[str, Any]:
        """Coverage on other data.

        Args:
            residuals: Prediction less truth, shape (n,).
            runs: Run of each, shape (n,).

        Returns:
            `coverage` (share of frames inside), `coverage_of_runs` (run to its share), `worst` (least of these), `width`
            (twice the half width).

        Raises:
            InputError: As `conformal_intervals`.
        """
        sizes, members, names = _sizes(residuals, runs, self.centred)
        inside = sizes <= self.half_width
        shares = {str(name): float(inside[members == number].mean()) for number, name in enumerate(names)}
        return {
            "coverage": float(inside.mean()), "coverage_of_runs": shares, "worst": min(shares.values()),
            "width": 2 * self.half_width,
        }  # fmt: skip


def conformal_intervals(
    residuals: np.ndarray, runs: np.ndarray, coverage: float = 0.9, correction: str = "frames", centred: bool = False
) -> ConformalIntervals:
    """Intervals from calibration data that took no part in training.

    The half width is the least t such that the share of |residual| <= t, every run weighing the same, reaches
    coverage (1 + 1 / units), units being frames or runs; for one run and frames it is the usual
    ceil((n + 1) coverage)-th smallest.

    Args:
        residuals: Prediction less truth, shape (n,).
        runs: Run of each, shape (n,).
        coverage: Above 0, below 1.
        correction: "frames" or "runs".
        centred: Take residuals less their run's mean.

    Raises:
        InputError: Not finite, of different lengths, empty, or an unknown choice.
    """
    if not 0 < coverage < 1:
        raise InputError(f"coverage {coverage}; give a number between 0 and 1")
    if correction not in CORRECTIONS:
        raise InputError(f"unknown correction '{correction}'; {suggestion(correction, CORRECTIONS)}")
    sizes, members, names = _sizes(residuals, runs, centred)
    weights = 1.0 / (np.bincount(members) * len(names))[members]
    order = np.argsort(sizes, kind="stable")
    reached = np.cumsum(weights[order])
    units = len(sizes) if correction == "frames" else len(names)
    level = coverage * (1 + 1 / units)
    # Rounding of the sum of weights must not push the quantile one residual further.
    place = int(np.searchsorted(reached, level - 1e-12))
    half_width = float(sizes[order[place]]) if place < len(sizes) else float("inf")
    return ConformalIntervals(coverage, half_width, correction, centred, len(names), len(sizes))


def _sizes(residuals: np.ndarray, runs: np.ndarray, centred: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Absolute residuals, number of each one's run, and the runs.

    Raises:
        InputError: Not finite, of different lengths, or empty.
    """
    values, groups = np.asarray(residuals, dtype=float), np.asarray(runs)
    if values.ndim != 1 or values.shape != groups.shape or not len(values):
        raise InputError(f"residuals {values.shape} and runs {groups.shape}; give one run for each residual")
    if not np.isfinite(values).all():
        raise InputError(
            f"residual {int(np.argmin(np.isfinite(values))) + 1} is not finite; leave it out or correct it"
        )
    names, members = np.unique(groups, return_inverse=True)
    if centred:
        values = values - (np.bincount(members, values) / np.bincount(members))[members]
    return np.abs(values), members, names
