"""Where a model may be trusted: how far a point is from the nearest reference, against how far training points are.

The scale is the distance of each training point to the nearest reference other than itself. Frames of one run follow each
other closely, so that their distances within the run say nothing of a new run: with runs given, the nearest
reference of another run counts.
"""

from dataclasses import dataclass

import numpy as np

from auric.errors import InputError
from auric.potential.distances import MEMORY_MIB, DistancesTo

QUANTILE = 0.99


@dataclass(frozen=True)
class DomainVerdict:
    """Of some points.

    Attributes:
        distance: To the nearest reference, shape (n,), in units of the features.
        nearest: Which reference that is, shape (n,).
        quantile: Share of training points that are as near or nearer to theirs, shape (n,).
        outside: Farther than the limit, shape (n,).
    """

    distance: np.ndarray
    nearest: np.ndarray
    quantile: np.ndarray
    outside: np.ndarray


class TrainingDomain:
    """Distances of training points to their nearest other reference, and the judgement of new points by them.

    Args:
        features: Training points, shape (N, d), scaled as the model scales them.
        references: Indices of the references among them, shape (K,); None: all.
        runs: Run of each training point, shape (N,): only references of other runs count; None: all others.
        quantile: Of the training distances; beyond it a point is outside.
        memory_mib: For blocks of distances.

    Attributes:
        to_references: Distances to the references.
        training: Sorted distances of the training points, shape (N,).
        limit: Beyond it a point is outside.

    Raises:
        InputError: Fewer than two points, runs of another length or all the same, a single reference, wrong indices, values
            that are not finite, or a quantile not between 0 and 1.
    """

    def __init__(
        self, features: np.ndarray, references: np.ndarray | None = None, runs: np.ndarray | None = None,
        quantile: float = QUANTILE, memory_mib: float = MEMORY_MIB,
    ) -> None:  # fmt: skip
        points = _finite(features)
        chosen = np.arange(len(points)) if references is None else np.asarray(references)
        if chosen.ndim != 1 or not len(chosen) or chosen.min() < 0 or chosen.max() >= len(points):
            raise InputError(f"references of a domain of {len(points)} points: give their indices, counted from 0")
        groups = np.arange(len(points)) if runs is None else np.asarray(runs)
        if groups.shape != (len(points),):
            raise InputError(f"runs {groups.shape} for {len(points)} points; give one run for each point")
        if not 0 < quantile < 1:
            raise InputError(f"quantile {quantile} of a domain; give a number between 0 and 1")
        names, members = np.unique(groups, return_inverse=True)
        if len(np.unique(members[chosen])) < 2:
            raise InputError(
                f"a domain from {len(names)} run(s) or point(s) and references from one of them; give references from two or more"
            )
        self.quantile, self.memory_mib = quantile, memory_mib
        self.to_references = DistancesTo(points[chosen])
        found = np.empty(len(points))
        for rows, part in self.to_references.blocks(points, memory_mib):
            part[members[rows, None] == members[chosen]] = np.inf
            found[rows] = part.min(axis=1)
        self._take(np.sort(found))

    @classmethod
    def from_parts(
        cls, to_references: DistancesTo, training: np.ndarray, quantile: float, memory_mib: float
    ) -> "TrainingDomain":
        """The same from the attributes of another."""
        made = cls.__new__(cls)
        made.quantile, made.memory_mib, made.to_references = quantile, memory_mib, to_references
        made._take(training)
        return made

    def _take(self, training: np.ndarray) -> None:
        self.training = training
        self.limit = float(np.quantile(training, self.quantile))

    def judge(self, features: np.ndarray) -> DomainVerdict:
        """Distances and flags of points, shape (n, d), scaled as the model scales them.

        Raises:
            InputError: Values that are not finite, or another number of features.
        """
        points = _finite(features)
        distance, nearest = np.empty(len(points)), np.empty(len(points), dtype=np.intp)
        for rows, part in self.to_references.blocks(points, self.memory_mib):
            nearest[rows] = part.argmin(axis=1)
            distance[rows] = part.min(axis=1)
        share = np.searchsorted(self.training, distance, side="right") / len(self.training)
        return DomainVerdict(distance, nearest, share, distance > self.limit)


def _finite(features: np.ndarray) -> np.ndarray:
    """The features as an array.

    Raises:
        InputError: Values that are not finite.
    """
    points = np.asarray(features, dtype=np.float64)
    if not np.isfinite(points).all():
        row = int(np.argwhere(~np.isfinite(points))[0][0]) + 1
        raise InputError(f"point {row} has a feature that is not finite; leave it out or correct it")
    return points
