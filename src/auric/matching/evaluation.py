"""How good probabilities are: ranking, decisions, calibration, and intervals that draw groups again, not single examples.

AUC counts pairs of a positive and a negative that were tested in one fold, by one model: models of different folds have seen
different shares of positives, and one that says no more than its own share would else be worse than chance (Forman and Scholz, doi:10.1145/1882471.1882479).
So chance is 0.5 whatever the folds hold.

Examples share cores and ligands with each other, so intervals draw both again, and seeds (`draws_of`).
"""

from collections.abc import Sequence

import numpy as np

from auric.errors import InputError

METRICS = ("auc", "accuracy", "precision", "recall", "f1", "expected_calibration_error")
BINS = 10
THRESHOLD = 0.5
LEAST_DRAWN = 6
"""Fewer examples are not drawn by t-SNE."""


def auc(labels: np.ndarray, probabilities: np.ndarray, folds: np.ndarray | None = None) -> float:
    """Area under the ROC curve (Mann and Whitney's statistic; ties count half) over pairs within one fold.

    Args:
        labels: 1 or 0, shape (n,).
        probabilities: Shape (n,).
        folds: In which each was tested, shape (n,); None: all in one.

    Returns:
        Share of the pairs of a positive and a negative of one fold that are in the right order; NaN where no fold holds both.
    """
    labels = np.asarray(labels)
    folds = np.zeros(len(labels)) if folds is None else np.asarray(folds)
    return float(_auc(labels, np.asarray(probabilities, dtype=float), folds, np.ones((1, len(labels))))[0])


def _auc(labels: np.ndarray, probabilities: np.ndarray, folds: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The same where examples count several times or not at all, shape (draws,); `weights` are of shape (draws, n)."""
    wins, pairs = np.zeros(len(weights)), np.zeros(len(weights))
    for fold in np.unique(folds):
        own = np.flatnonzero(folds == fold)
        order = own[np.argsort(probabilities[own], kind="stable")]
        starts = np.flatnonzero(np.diff(probabilities[order], prepend=-np.inf))
        above, below = (
            np.add.reduceat(np.where(labels[order] == label, weights[:, order], 0.0), starts, axis=1)
            for label in (1, 0)
        )
        wins += (above * (np.cumsum(below, axis=1) - below / 2)).sum(axis=1)
        pairs += above.sum(axis=1) * below.sum(axis=1)
    return _share(wins, pairs)


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


def scores_of(labels: np.ndarray, probabilities: np.ndarray, folds: np.ndarray | None = None) -> dict[str, float]:
    """All `METRICS`; arguments as `auc`. Precision is NaN where nothing is called positive, recall where nothing is."""
    folds = np.zeros(len(labels)) if folds is None else folds
    found = drawn_scores(labels, probabilities, folds, np.ones((1, len(labels))))
    return {name: float(values[0]) for name, values in found.items()}


def drawn_scores(
    labels: np.ndarray, probabilities: np.ndarray, folds: np.ndarray, weights: np.ndarray
) -> dict[str, np.ndarray]:
    """All `METRICS` of draws of examples, each of shape (draws,); NaN for a draw without examples.

    Args:
        labels: 1 or 0, shape (n,).
        probabilities: Shape (n,).
        folds: In which each was tested, shape (n,).
        weights: How often each example is in each draw, shape (draws, n).
    """
    labels, probabilities = np.asarray(labels), np.asarray(probabilities, dtype=float)
    counts = _confusion(labels, probabilities, weights)
    hit, total = counts["true_positives"], weights.sum(axis=1)
    called, there = hit + counts["false_positives"], hit + counts["false_negatives"]
    place = bins_of(probabilities)
    gaps = sum(np.abs(weights @ np.where(place == b, labels - probabilities, 0.0)) for b in range(BINS))
    return {
        "auc": _auc(labels, probabilities, np.asarray(folds), weights),
        "accuracy": _share(hit + counts["true_negatives"], total),
        "precision": _share(hit, called),
        "recall": _share(hit, there),
        "f1": _share(2 * hit, called + there),
        "expected_calibration_error": _share(np.asarray(gaps), total),
    }


def calibration_floor(probabilities: np.ndarray, *, samples: int = 1000, seed: int = 0) -> tuple[float, float]:
    """Expected calibration error of a predictor whose probabilities are right: mean, and what 95 % of draws stay below.

    It is not zero, as bins of a few examples never hold the share that is expected of them. Labels are drawn from the probabilities
    themselves; the errors of seeds are averaged within a draw, as they are where the error is told.

    Args:
        probabilities: Of each seed, shape (seeds, n).
        samples: Draws of labels.
        seed: Of the draws.
    """
    seeds = np.atleast_2d(probabilities)
    uniform = np.random.default_rng(seed).random((samples, seeds.shape[1]))
    errors = np.zeros(samples)
    for one in seeds:
        beyond, place = (uniform < one) - one, bins_of(one)
        errors += sum(np.abs(beyond[:, place == b].sum(axis=1)) for b in range(BINS)) / len(one) / len(seeds)
    return float(errors.mean()), float(np.quantile(errors, 0.95))


def draws_of(ways: Sequence[Sequence[str]], *, samples: int, seed: int) -> np.ndarray:
    """How often each example is in each draw, shape (samples, n): groups are drawn again with replacement, examples with their groups.

    Where examples are grouped in two ways, groups of either are drawn for themselves, and an example counts as often as the product of
    its groups (pigeonhole bootstrap: Owen, doi:10.1214/07-AOAS122; Owen and Eckles, doi:10.1214/12-AOAS547). That interval is rather
    too wide than too narrow.

    Args:
        ways: One or more, such as cores and families of ligands: of each example its group, or several joined by ';'.
        samples: Draws.
        seed: Of the draws.

    Raises:
        InputError: Fewer than two groups.
    """
    rng = np.random.default_rng(seed)
    weights = np.ones((samples, len(ways[0])))
    for groups in ways:
        own = [str(group).split(";") for group in groups]
        names = sorted({name for each in own for name in each})
        if len(names) < 2:
            raise InputError(f"{len(names)} group of examples gives no interval; give two or more")
        counts = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=samples)
        place = {name: number for number, name in enumerate(names)}
        weights *= np.array([counts[:, [place[name] for name in each]].prod(axis=1) for each in own]).T
    return weights


def intervals_of(
    labels: np.ndarray,
    probabilities: np.ndarray,
    folds: np.ndarray,
    ways: Sequence[Sequence[str]],
    *,
    samples: int = 1000,
    seed: int = 0,
) -> dict[str, tuple[float, float]]:
    """95 % intervals of the means over seeds of all `METRICS`; groups and seeds are drawn again, all seeds with the same groups.

    Intervals are percentiles of the draws, but for the calibration error: fewer different examples make it larger in every draw, so its
    interval is the basic bootstrap's (twice the error less the percentiles, not below zero).

    Args:
        labels: Shape (n,).
        probabilities: Of each seed, shape (seeds, n).
        folds: In which each example was tested, shape (n,).
        ways: As `draws_of`.
        samples: Draws.
        seed: Of the draws.

    Raises:
        InputError: Fewer than two groups.
    """
    seeds = np.atleast_2d(probabilities)
    weights, often = draws_of(ways, samples=samples, seed=seed), _seed_draws(len(seeds), samples, seed)
    each = [drawn_scores(labels, one, folds, weights) for one in seeds]
    found = {name: _interval(_mean([scores[name] for scores in each], often)) for name in METRICS}
    name = "expected_calibration_error"
    error = np.mean([scores_of(labels, one)[name] for one in seeds])
    low, high = np.maximum(2 * error - np.array(found[name][::-1]), 0.0)
    return found | {name: (float(low), float(high))}


def paired_difference(
    labels: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    folds: np.ndarray,
    ways: Sequence[Sequence[str]],
    *,
    samples: int = 1000,
    seed: int = 0,
) -> dict[str, float]:
    """AUC of the first less that of the second on the same examples, means over seeds, with a 95 % interval.

    Groups are drawn again for both together, seeds for each by itself, as a seed of one has nothing in common with that of the other.
    `p_value`: two-sided, twice the smaller share of draws on one side of zero, at least 1 / samples; it stands for one comparison
    (`auric.chance.holm` for several). Arguments as `intervals_of`.

    Raises:
        InputError: Fewer than two groups.
    """
    labels, folds = np.asarray(labels), np.asarray(folds)
    weights = draws_of(ways, samples=samples, seed=seed)
    told, drawn = [], []
    for number, given in enumerate((first, second)):
        seeds = np.atleast_2d(np.asarray(given, dtype=float))
        often = _seed_draws(len(seeds), samples, seed + number)
        told.append(np.mean([auc(labels, p, folds) for p in seeds]))
        drawn.append(_mean([_auc(labels, p, folds, weights) for p in seeds], often))
    differences = drawn[0] - drawn[1]
    kept = differences[np.isfinite(differences)]
    low, high = _interval(differences)
    tail = min((kept <= 0).mean(), (kept >= 0).mean()) if len(kept) else np.nan
    return {
        "difference": float(told[0] - told[1]), "low": low, "high": high,
        "p_value": float(np.clip(2 * tail, 1 / samples, 1.0)),
    }  # fmt: skip


def _seed_draws(seeds: int, samples: int, seed: int) -> np.ndarray:
    """How often each seed is in each draw, shape (seeds, samples)."""
    rng = np.random.default_rng([seed, seeds])
    return np.asarray(rng.multinomial(seeds, np.full(seeds, 1 / seeds), size=samples).T)


def _mean(scores: Sequence[np.ndarray], often: np.ndarray) -> np.ndarray:
    """Mean over seeds, shape (draws,), of those that are defined, each as often as it was drawn."""
    values = np.array(scores)
    counted = np.where(np.isfinite(values), often, 0)
    return _share((np.where(counted, values, 0.0) * counted).sum(axis=0), counted.sum(axis=0))


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
