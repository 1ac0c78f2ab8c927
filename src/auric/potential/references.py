"""Reference points spread over the data: RS-maximin.

The first is the point nearest to the mean of the data (or a random one), every further one the point whose distance to the
nearest reference so far is largest (Gonzalez, doi:10.1016/0304-3975(85)90224-5; for the minimal learning machine
Haemaelaeinen et al., J. Mach. Learn. Res. 21(239), 2020). No matrix of all pairs is made.

**How.** Distances to the nearest reference only fall as references are added, so an old distance is an upper bound. A batch
of points with the largest bounds is brought up to date by one product of matrices; as long as the farthest point of
the batch is no nearer than the largest bound outside it, it is the farthest of all, and only the batch is updated.
"""

import numpy as np

from auric.errors import suggestion
from auric.potential.distances import MEMORY_MIB, DistancesTo, FeaturesError, matrix, row_slices

BATCH = 2048
STARTS = ("mean", "random")


def select_references(
    features: np.ndarray, count: int | str, start: str = "mean", seed: int = 0, batch: int = BATCH
) -> np.ndarray:
    """Indices of reference points by RS-maximin, in the order they were chosen, shape (count,).

    Among equally far points, one is taken, always the same one. Work is at most N x count x d multiplications; memory is two
    numbers a point, the chosen points and a batch.

    Args:
        features: Shape (N, d), of any floating type; may be memory-mapped, is never copied whole.
        count: How many, or "all": every point, in their own order.
        start: "mean": the first is the point nearest to the mean of the data; "random": any, by the seed.
        seed: Of the random start.
        batch: Points brought up to date together; changes the time only.

    Raises:
        FeaturesError: A value that is not finite, fewer points than references, fewer distinct points than references,
            or an unknown choice.
    """
    matrix(features, "features")
    if isinstance(count, str) and count == "all":
        for rows in row_slices(len(features), 2 * features.shape[1], MEMORY_MIB):
            _finite(features, rows)
        return np.arange(len(features))
    if isinstance(count, str | bool | np.bool_) or int(count) != count or count < 1:
        raise FeaturesError(f"{count!r} references; give a number of at least 1, or 'all'")
    if count > len(features):
        raise FeaturesError(
            f"{count} references from {len(features)} points; give that many points, or fewer references"
        )
    if start not in STARTS:
        raise FeaturesError(f"unknown start '{start}' of the reference points; {suggestion(start, STARTS)}")
    return _Maximin(features, batch).choose(int(count), _first(features, start, seed))


def _first(features: np.ndarray, start: str, seed: int) -> int:
    """The first reference; every value is looked at on the way."""
    total = np.zeros(features.shape[1])
    for rows in row_slices(len(features), 2 * features.shape[1], MEMORY_MIB):
        total += _finite(features, rows).sum(axis=0)
    if start == "random":
        return int(np.random.default_rng(seed).integers(len(features)))
    return int(np.argmin(_to_one(features, total / len(features))))


def _finite(features: np.ndarray, rows: slice) -> np.ndarray:
    """Some rows as float64.

    Raises:
        FeaturesError: Naming the first value that is not finite.
    """
    part = np.asarray(features[rows], dtype=np.float64)
    if not np.isfinite(part).all():
        row, column = (int(each) for each in np.argwhere(~np.isfinite(part))[0])
        raise FeaturesError(
            f"feature {column + 1} of point {rows.start + row + 1} is not finite; leave the point out or correct it"
        )
    return part


def _to_one(features: np.ndarray, point: np.ndarray) -> np.ndarray:
    """Distances of all points to one, shape (N,)."""
    parts = (
        np.linalg.norm(np.subtract(features[rows], point, dtype=np.float64), axis=1)
        for rows in row_slices(len(features), 2 * features.shape[1], MEMORY_MIB)
    )
    return np.concatenate(list(parts))


class _Maximin:
    """Bounds of all points: distance to the nearest of the first `seen` references."""

    def __init__(self, features: np.ndarray, batch: int) -> None:
        self.features, self.batch = features, max(1, min(batch, len(features)))

    def choose(self, count: int, first: int) -> np.ndarray:
        self.chosen = np.empty((count, self.features.shape[1]))
        self.indices = [first]
        self.chosen[0] = self.features[first]
        self.bounds = _to_one(self.features, self.chosen[0])
        self.seen = np.ones(len(self.bounds), dtype=np.intp)
        while len(self.indices) < count:
            # The batch in the order of the data: neighbours in a file are read together, and ties fall the same way.
            order = np.argpartition(self.bounds, len(self.bounds) - self.batch)
            members = np.sort(order[len(order) - self.batch :])
            outside = self.bounds[order[: len(order) - self.batch]].max(initial=-1.0)
            points = np.asarray(self.features[members], dtype=np.float64)
            self._bring_up_to_date(members, points)
            self._choose_inside(members, points, float(outside), count)
        return np.array(self.indices)

    def _bring_up_to_date(self, members: np.ndarray, points: np.ndarray) -> None:
        for seen in np.unique(self.seen[members]):
            if seen < len(self.indices):
                these = np.flatnonzero(self.seen[members] == seen)
                nearest = DistancesTo(self.chosen[seen : len(self.indices)])(points[these]).min(axis=1)
                self.bounds[members[these]] = np.minimum(self.bounds[members[these]], nearest)
        self.seen[members] = len(self.indices)

    def _choose_inside(self, members: np.ndarray, points: np.ndarray, outside: float, count: int) -> None:
        own = self.bounds[members]
        to_members = DistancesTo(points)
        while len(self.indices) < count and own.max() >= outside:
            farthest = int(own.argmax())
            if not own[farthest]:
                raise FeaturesError(
                    f"{count} references from {len(self.indices)} distinct points; ask for fewer, or add different points"
                )
            self.chosen[len(self.indices)] = points[farthest]
            self.indices.append(int(members[farthest]))
            np.minimum(own, to_members(points[farthest : farthest + 1])[0], out=own)
        self.bounds[members] = own
        self.seen[members] = len(self.indices)
