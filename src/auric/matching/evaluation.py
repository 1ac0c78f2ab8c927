"""How good probabilities are: ranking, decisions, calibration, and intervals that draw groups again, not single examples."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from auric.errors import InputError

METRICS = ("auc", "accuracy", "precision", "recall", "f1", "expected_calibration_error")
BINS = 10
THRESHOLD = 0.5
LEAST_DRAWN = 6
"""Fewer examples are not drawn by t-SNE."""


def auc(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Area under the ROC curve (Mann and Whitney's statistic; ties count half); NaN where one label is missing."""
    return float(_auc(np.asarray(labels), np.asarray(probabilities), np.ones((1, len(labels))))[0])


def _auc(labels: np.ndarray, probabilities: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The same where examples count several times or not at all, shape (draws,); `weights` are of shape (draws, n)."""
    order = np.argsort(probabilities, kind="stable")
    starts = np.flatnonzero(np.diff(np.asarray(probabilities)[order], prepend=-np.inf))
    above, below = (
        np.add.reduceat(np.where(labels[order] == label, weights[:, order], 0.0), starts, axis=1) for label in (1, 0)
    )
    wins = (above * (np.cumsum(below, axis=1) - below / 2)).sum(axis=1)
    return _share(wins, above.sum(axis=1) * below.sum(axis=1))


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """NaN where there is nothing to have a share of."""
    return np.asarray(np.divide(part, whole, out=np.full(np.shape(part), np.nan), where=whole > 0))


def confusion(labels: np.ndarray, probabilities: np.ndarray) -> dict[str, int]:
    """True and false positives and negatives; a probability above 0.5 says positive."""
    counts = _confusion(np.asarray(labels), np.asarray(probabilities), np.ones((1, len(labels))))
    return {name: round(value[0]) for name, value in counts.items()}


def _confusion(labels: np.ndarray, probabilities: np.ndarray, weights: np.ndarray) -> dict[str, np.ndarray]:
    said, there = probabilities > THRESHOLD, labels == 1
    return {
        "true_positives": weights @ (said & there), "false_positives": weights @ (said & ~there),
        "false_negatives": weights @ (~said & there), "true_negatives": weights @ (~said & ~there),
    }  # fmt: skip


def bins_of(probabilities: np.ndarray) -> np.ndarray:
    """Number of the bin of each probability, shape (n,)."""
    return np.asarray(np.minimum((np.asarray(probabilities) * BINS).astype(int), BINS - 1))


def reliability(labels: np.ndarray, probabilities: np.ndarray) -> list[dict[str, float]]:
    """Share of positives beside the mean probability in `BINS` bins of equal width; bins without examples are left out.

    Raises:
        InputError: A probability outside 0 to 1, or arrays of different lengths.
    """
    labels, probabilities = np.asarray(labels, dtype=float), np.asarray(probabilities, dtype=float)
    if labels.shape != probabilities.shape or not ((probabilities >= 0) & (probabilities <= 1)).all():
        raise InputError("probabilities: give one from 0 to 1 for each label")
    place = bins_of(probabilities)
    return [
        {"bin": float(b), "n": float((place == b).sum()), "probability": float(probabilities[place == b].mean()), "share": float(labels[place == b].mean())}
        for b in range(BINS) if (place == b).any()
    ]  # fmt: skip


def expected_calibration_error(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Mean gap between share and probability over `BINS` bins, weighted by their examples (Naeini et al., AAAI 2015)."""
    return scores_of(labels, probabilities)["expected_calibration_error"]


def scores_of(labels: np.ndarray, probabilities: np.ndarray) -> dict[str, float]:
    """All `METRICS`; precision is NaN where nothing is called positive, recall where nothing is."""
    found = drawn_scores(labels, probabilities, np.ones((1, len(labels))))
    return {name: float(values[0]) for name, values in found.items()}


def drawn_scores(labels: np.ndarray, probabilities: np.ndarray, weights: np.ndarray) -> dict[str, np.ndarray]:
    """All `METRICS` of draws of examples, each of shape (draws,).

    Args:
        labels: 1 or 0, shape (n,).
        probabilities: Shape (n,).
        weights: How often each example is in each draw, shape (draws, n).
    """
    labels, probabilities = np.asarray(labels), np.asarray(probabilities, dtype=float)
    counts = _confusion(labels, probabilities, weights)
    hit, total = counts["true_positives"], weights.sum(axis=1)
    called, there = hit + counts["false_positives"], hit + counts["false_negatives"]
    place = bins_of(probabilities)
    gaps = sum(np.abs(weights @ np.where(place == b, labels - probabilities, 0.0)) for b in range(BINS))
    return {
        "auc": _auc(labels, probabilities, weights),
        "accuracy": (hit + counts["true_negatives"]) / total,
        "precision": _share(hit, called),
        "recall": _share(hit, there),
        "f1": _share(2 * hit, called + there),
        "expected_calibration_error": np.asarray(gaps) / total,
    }


def draws_of(groups: Sequence[Any], *, samples: int, seed: int) -> np.ndarray:
    """How often each example is in each draw, shape (samples, n): groups are drawn again with replacement, examples with their group.

    Raises:
        InputError: Fewer than two groups.
    """
    names, place = np.unique(np.asarray(groups).astype(str), return_inverse=True)
    if len(names) < 2:
        raise InputError(f"{len(names)} group of examples gives no interval; give two or more")
    drawn = np.random.default_rng(seed).integers(len(names), size=(samples, len(names)))
    counts = np.zeros((samples, len(names)))
    np.add.at(counts, (np.arange(samples)[:, None], drawn), 1.0)
    return np.asarray(counts[:, place])


def intervals_of(
    labels: np.ndarray, probabilities: np.ndarray, groups: Sequence[Any], *, samples: int = 1000, seed: int = 0
) -> dict[str, tuple[float, float]]:
    """95 % intervals of the means over seeds of all `METRICS`; groups are drawn again, all seeds with the same draws.

    Args:
        labels: Shape (n,).
        probabilities: Of each seed, shape (seeds, n).
        groups: What of each example belongs together, n of them.
        samples: Draws.
        seed: Of the draws.

    Raises:
        InputError: Fewer than two groups.
    """
    weights = draws_of(groups, samples=samples, seed=seed)
    each = [drawn_scores(labels, one, weights) for one in np.atleast_2d(probabilities)]
    return {name: _interval(_mean([scores[name] for scores in each])) for name in METRICS}


def paired_difference(
    labels: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    groups: Sequence[Any],
    *,
    samples: int = 1000,
    seed: int = 0,
) -> dict[str, float]:
    """AUC of the first less that of the second on the same examples, means over seeds, with a 95 % interval from drawing groups again.

    `p_value`: two-sided, twice the smaller share of draws on one side of zero, at least 1 / samples. Arguments as `intervals_of`.

    Raises:
        InputError: Fewer than two groups.
    """
    labels = np.asarray(labels)
    weights = draws_of(groups, samples=samples, seed=seed)

    def difference(counted: np.ndarray) -> np.ndarray:
        one, other = (_mean([_auc(labels, p, counted) for p in np.atleast_2d(given)]) for given in (first, second))
        return np.asarray(one - other)

    drawn = difference(weights)
    kept = drawn[np.isfinite(drawn)]
    low, high = _interval(drawn)
    below, above = float((kept <= 0).mean()), float((kept >= 0).mean())
    return {
        "difference": float(difference(np.ones((1, len(labels))))[0]), "low": low, "high": high,
        "p_value": float(np.clip(2 * min(below, above), 1 / samples, 1.0)),
    }  # fmt: skip


def _mean(seeds: Sequence[np.ndarray]) -> np.ndarray:
    """Mean over seeds, shape (draws,), of those that are defined."""
    values = np.array(seeds)
    there = np.isfinite(values)
    return _share(np.where(there, values, 0.0).sum(axis=0), there.sum(axis=0))


def _interval(values: np.ndarray) -> tuple[float, float]:
    kept = values[np.isfinite(values)]
    if not len(kept):
        return float("nan"), float("nan")
    low, high = np.quantile(kept, [0.025, 0.975])
    return float(low), float(high)


def separation(vectors: np.ndarray, labels: np.ndarray, *, seed: int = 0) -> tuple[np.ndarray, dict[str, float]]:
    """Places of examples in two dimensions (t-SNE), and how far labels lie apart there: Davies-Bouldin (low is apart) and Calinski-Harabasz (high).

    Args:
        vectors: Shape (n, width); columns are scaled to one standard deviation first.
        labels: Two or more different.
        seed: Of t-SNE.

    Raises:
        InputError: Fewer than six examples, or one label.
    """
    if len(vectors) < LEAST_DRAWN or len(set(np.asarray(labels).tolist())) < 2:
        raise InputError(f"{len(vectors)} examples cannot be drawn apart; give {LEAST_DRAWN} or more, of two labels")
    places = plane_of(vectors, seed=seed)
    return places, apartness(places, labels)


def plane_of(vectors: np.ndarray, *, seed: int = 0) -> np.ndarray:
    """Places in two dimensions (t-SNE), shape (n, 2), of vectors of shape (n, width), scaled first."""
    from sklearn.manifold import TSNE

    width = max(2.0, min(30.0, (len(vectors) - 1) / 3))
    return np.asarray(TSNE(perplexity=width, init="pca", random_state=seed).fit_transform(scaled(vectors)))


def apartness(vectors: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """How far two or more labels lie apart: Davies-Bouldin (low is apart) and Calinski-Harabasz (high), of vectors of shape (n, width)."""
    from sklearn.metrics import calinski_harabasz_score, davies_bouldin_score

    return {
        "davies_bouldin": float(davies_bouldin_score(vectors, labels)),
        "calinski_harabasz": float(calinski_harabasz_score(vectors, labels)),
    }


def scaled(vectors: np.ndarray) -> np.ndarray:
    """Vectors of shape (n, width), columns moved to mean 0 and scaled to one standard deviation."""
    return np.asarray((vectors - vectors.mean(axis=0)) / np.maximum(vectors.std(axis=0), 1e-9))
