"""How good predictions are: accuracy, F1, Matthews' correlation and calibration, with intervals and paired tests over records."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

BINS = 5
"""Of predicted probability, for the error of calibration."""


class Score(NamedTuple):
    """A number with its 95 % interval."""

    value: float
    low: float
    high: float


def matthews(outcomes: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Matthews' correlation of outcomes and predictions, both 0 or 1, over the last axis; 0 where either does not vary."""
    y, p = np.asarray(outcomes, dtype=float), np.asarray(predicted, dtype=float)
    covariance = (y * p).mean(-1) - y.mean(-1) * p.mean(-1)
    spread = np.sqrt(y.mean(-1) * (1 - y.mean(-1)) * p.mean(-1) * (1 - p.mean(-1)))
    found: np.ndarray = np.divide(covariance, spread, out=np.zeros_like(covariance), where=spread > 0)
    return found


def f1(outcomes: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """F1 of class 1 over the last axis; 0 where nothing is or is predicted to be a success."""
    y, p = np.asarray(outcomes, dtype=float), np.asarray(predicted, dtype=float)
    whole = (y + p).sum(-1)
    found: np.ndarray = np.divide(2 * (y * p).sum(-1), whole, out=np.zeros_like(whole), where=whole > 0)
    return found


def accuracy(outcomes: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Share of right predictions over the last axis."""
    found: np.ndarray = (np.asarray(outcomes) == np.asarray(predicted)).mean(-1)
    return found


def brier(outcomes: np.ndarray, probability: np.ndarray) -> np.ndarray:
    """Mean squared error of probabilities over the last axis."""
    found: np.ndarray = np.square(np.asarray(probability) - np.asarray(outcomes)).mean(-1)
    return found


def calibration_error(outcomes: np.ndarray, probability: np.ndarray) -> float:
    """Expected error of calibration: over equal bins of probability, how far its mean is from the share of successes, by the bins' sizes."""
    y, p = np.ravel(outcomes), np.ravel(probability)
    place = np.minimum((p * BINS).astype(int), BINS - 1)
    return float(sum(abs(p[place == b].mean() - y[place == b].mean()) * (place == b).mean() for b in np.unique(place)))


MEASURES: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "accuracy": lambda y, p: accuracy(y, p > 0.5),
    "f1": lambda y, p: f1(y, p > 0.5),
    "mcc": lambda y, p: matthews(y, p > 0.5),
    "brier": brier,
}


def resampled(n: int, samples: int, seed: int) -> np.ndarray:
    """Records drawn with replacement, shape (samples, n)."""
    return np.random.default_rng(seed).integers(n, size=(samples, n))


def measured(name: str, outcomes: np.ndarray, probability: np.ndarray, drawn: np.ndarray) -> Score:
    """A measure, mean over repeats, with its interval over records.

    Args:
        name: One of `MEASURES`.
        outcomes: Shape (n,), 0 or 1.
        probability: Out-of-fold probabilities, shape (repeats, n).
        drawn: As `resampled` gives them.
    """
    measure = MEASURES[name]
    each = np.array([measure(outcomes[rows], probability[:, rows]).mean() for rows in drawn])
    return Score(
        float(measure(np.broadcast_to(outcomes, probability.shape), probability).mean()),
        *np.quantile(each, (0.025, 0.975)),
    )


def paired(
    name: str, outcomes: np.ndarray, first: np.ndarray, second: np.ndarray, drawn: np.ndarray
) -> tuple[Score, float]:
    """First less second in a measure, on the same records drawn again, and the two-sided p of no difference.

    Args:
        name: One of `MEASURES`.
        outcomes: Shape (n,).
        first: Probabilities of one model, shape (repeats, n).
        second: Of another, likewise.
        drawn: As `resampled` gives them.
    """
    measure = MEASURES[name]
    whole = [float(measure(np.broadcast_to(outcomes, each.shape), each).mean()) for each in (first, second)]
    each = np.array(
        [measure(outcomes[r], first[:, r]).mean() - measure(outcomes[r], second[:, r]).mean() for r in drawn]
    )
    p = 2 * min((each <= 0).mean(), (each >= 0).mean())
    return Score(whole[0] - whole[1], *np.quantile(each, (0.025, 0.975))), float(min(1.0, max(p, 1 / len(drawn))))


def mean_over_sets(values: np.ndarray, samples: int, seed: int) -> Score:
    """Mean over independent data sets and its interval by drawing sets again; values of shape (sets,)."""
    each = values[resampled(len(values), samples, seed)].mean(1)
    return Score(float(values.mean()), *np.quantile(each, (0.025, 0.975)))
