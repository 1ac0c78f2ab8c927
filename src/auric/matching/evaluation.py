"""How good probabilities are: ranking, decisions, calibration, and intervals that draw groups again, not single examples."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.stats import rankdata

from auric.errors import InputError

METRICS = ("auc", "accuracy", "precision", "recall", "f1", "expected_calibration_error")
BINS = 10


def auc(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Area under the ROC curve (Mann and Whitney's statistic; ties count half); NaN where one label is missing."""
    labels = np.asarray(labels)
    positives, negatives = int((labels == 1).sum()), int((labels == 0).sum())
    if not positives or not negatives:
        return float("nan")
    ranks = rankdata(probabilities)
    return float((ranks[labels == 1].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def confusion(labels: np.ndarray, probabilities: np.ndarray, *, threshold: float = 0.5) -> dict[str, int]:
    """True and false positives and negatives; a probability above the threshold says positive."""
    said, labels = np.asarray(probabilities) > threshold, np.asarray(labels) == 1
    return {
        "true_positives": int((said & labels).sum()), "false_positives": int((said & ~labels).sum()),
        "false_negatives": int((~said & labels).sum()), "true_negatives": int((~said & ~labels).sum()),
    }  # fmt: skip


def reliability(labels: np.ndarray, probabilities: np.ndarray, *, bins: int = BINS) -> list[dict[str, float]]:
    """Share of positives beside the mean probability in bins of equal width; bins without examples are left out.

    Raises:
        InputError: A probability outside 0 to 1, or arrays of different lengths.
    """
    labels, probabilities = np.asarray(labels, dtype=float), np.asarray(probabilities, dtype=float)
    if labels.shape != probabilities.shape or not ((probabilities >= 0) & (probabilities <= 1)).all():
        raise InputError("probabilities: give one from 0 to 1 for each label")
    place = np.minimum((probabilities * bins).astype(int), bins - 1)
    return [
        {"bin": float(b), "n": float((place == b).sum()), "probability": float(probabilities[place == b].mean()), "share": float(labels[place == b].mean())}
        for b in range(bins) if (place == b).any()
    ]  # fmt: skip


def expected_calibration_error(labels: np.ndarray, probabilities: np.ndarray, *, bins: int = BINS) -> float:
    """Mean gap between share and probability over bins, weighted by their examples (Naeini et al., AAAI 2015)."""
    rows = reliability(labels, probabilities, bins=bins)
    return float(sum(row["n"] * abs(row["share"] - row["probability"]) for row in rows) / len(labels))


def scores_of(labels: np.ndarray, probabilities: np.ndarray) -> dict[str, float]:
    """All `METRICS`; precision is NaN where nothing is called positive, recall where nothing is."""
    counts = confusion(labels, probabilities)
    hit, called, there = (
        counts["true_positives"],
        counts["true_positives"] + counts["false_positives"],
        counts["true_positives"] + counts["false_negatives"],
    )
    nan = float("nan")
    return {
        "auc": auc(labels, probabilities),
        "accuracy": (hit + counts["true_negatives"]) / len(labels),
        "precision": hit / called if called else nan,
        "recall": hit / there if there else nan,
        "f1": 2 * hit / (called + there) if called + there else nan,
        "expected_calibration_error": expected_calibration_error(labels, probabilities),
    }  # fmt: skip


def intervals_of(
    labels: np.ndarray, probabilities: np.ndarray, groups: Sequence[Any], *, samples: int = 1000, seed: int = 0
) -> dict[str, tuple[float, float]]:
    """95 % intervals of all `METRICS`: groups (of examples that belong together) are drawn again with replacement.

    Raises:
        InputError: Fewer than two groups.
    """
    names, place = np.unique(np.asarray(groups).astype(str), return_inverse=True)
    if len(names) < 2:
        raise InputError(f"{len(names)} group of examples gives no interval; give two or more")
    members = [np.flatnonzero(place == k) for k in range(len(names))]
    rng = np.random.default_rng(seed)
    drawn: dict[str, list[float]] = {name: [] for name in METRICS}
    for _ in range(samples):
        rows = np.concatenate([members[k] for k in rng.integers(len(names), size=len(names))])
        for name, value in scores_of(labels[rows], probabilities[rows]).items():
            drawn[name].append(value)
    return {name: _interval(values) for name, values in drawn.items()}


def paired_difference(
    labels: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    groups: Sequence[Any],
    *,
    samples: int = 1000,
    seed: int = 0,
) -> dict[str, float]:
    """AUC of the first less that of the second on the same examples, with a 95 % interval from drawing groups again.

    `p_value`: two-sided, twice the smaller share of draws on one side of zero, at least 1 / samples.

    Raises:
        InputError: Fewer than two groups.
    """
    names, place = np.unique(np.asarray(groups).astype(str), return_inverse=True)
    if len(names) < 2:
        raise InputError(f"{len(names)} group of examples gives no interval; give two or more")
    members = [np.flatnonzero(place == k) for k in range(len(names))]
    rng = np.random.default_rng(seed)
    drawn = []
    for _ in range(samples):
        rows = np.concatenate([members[k] for k in rng.integers(len(names), size=len(names))])
        drawn.append(auc(labels[rows], first[rows]) - auc(labels[rows], second[rows]))
    kept = np.array([value for value in drawn if np.isfinite(value)])
    low, high = _interval(drawn)
    below, above = float((kept <= 0).mean()), float((kept >= 0).mean())
    return {
        "difference": auc(labels, first) - auc(labels, second), "low": low, "high": high,
        "p_value": float(np.clip(2 * min(below, above), 1 / samples, 1.0)),
    }  # fmt: skip


def _interval(values: Sequence[float]) -> tuple[float, float]:
    kept = np.array([value for value in values if np.isfinite(value)])
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
    from sklearn.manifold import TSNE
    from sklearn.metrics import calinski_harabasz_score, davies_bouldin_score

    if len(vectors) < 6 or len(set(np.asarray(labels).tolist())) < 2:
        raise InputError(f"{len(vectors)} examples cannot be drawn apart; give six or more, of two labels")
    scaled = (vectors - vectors.mean(axis=0)) / np.maximum(vectors.std(axis=0), 1e-9)
    width = max(2.0, min(30.0, (len(vectors) - 1) / 3))
    places = np.asarray(TSNE(perplexity=width, init="pca", random_state=seed).fit_transform(scaled))
    return places, {
        "davies_bouldin": float(davies_bouldin_score(places, labels)),
        "calinski_harabasz": float(calinski_harabasz_score(places, labels)),
    }
