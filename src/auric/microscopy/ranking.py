"""Scores of images by how they rank for every particle, as in the paper, and what they say of isomers.

Each particle gives its most similar image N - 1 points and its least similar none; an image's points over all particles are divided by
particles x (N - 1). Particles that agree give scores near y = 1 - x / N by rank x; particles that do not, near one half for all.
"""

import numpy as np
from scipy.stats import hypergeom, rankdata

TOP = 25
"""Images at the top of which it is counted how many are of one isomer."""


def rank_scores(similarity: np.ndarray) -> np.ndarray:
    """Score of each image, between 0 and 1; equal similarities share their points.

    Args:
        similarity: Shape (particles, images), with at least two images.

    Raises:
        ValueError: If there are fewer than two images, or no particles.
    """
    if similarity.ndim != 2 or similarity.shape[1] < 2 or not len(similarity):
        raise ValueError(
            f"similarities have the shape {similarity.shape}; ranks need particles and at least two images"
        )
    points = rankdata(similarity, axis=1) - 1
    return np.asarray(points.sum(axis=0) / (len(similarity) * (similarity.shape[1] - 1)))


def departure_from_line(scores: np.ndarray) -> float:
    """Mean distance of the scores, highest first, from y = 1 - x / N (x from 0): 0 where all particles rank alike, 1/4 by chance."""
    line = 1 - np.arange(len(scores)) / len(scores)
    return float(np.abs(np.sort(scores)[::-1] - line).mean())


def top_share(scores: np.ndarray, labels: np.ndarray, label: str, top: int = TOP) -> tuple[int, float]:
    """How many of the best images are of one isomer, and how likely as many are where labels are permuted.

    Args:
        scores: Of the images, shape (n,).
        labels: Isomer of each, shape (n,).
        label: That is counted.
        top: How many of the best are looked at; at most n.

    Returns:
        The number, and the probability of at least as many by the hypergeometric distribution. That takes images for exchangeable.
        Neighbouring directions look alike, so that the best images come in groups, and a structure that is none of the isomers has many of
        one too: the probability is small more often than its name says and is no evidence for an isomer.
    """
    top = min(top, len(scores))
    best = np.argsort(-scores, kind="stable")[:top]
    mine = int((labels[best] == label).sum())
    return mine, float(hypergeom.sf(mine - 1, len(labels), int((labels == label).sum()), top))


def by_isomer(similarity: np.ndarray, labels: np.ndarray, names: list[str]) -> np.ndarray:
    """Highest similarity of each particle among the images of each isomer, shape (particles, isomers)."""
    return np.stack([similarity[:, labels == name].max(axis=1) for name in names], axis=1)
