"""Core metal laid upon core metal by triangles: the atom and two of its neighbours, judged by all neighbours.

The neighbours of core metal have no order and are too many for permutations. If both atoms have a sulfur, the triangle of the
input is atom, sulfur, nearest metal, and each metal of the reference is tried as the third corner. Else it is the atom and its
two nearest metals, and those ordered pairs of the reference's metals are tried whose triangles are most like it (thesis 2.33;
arXiv:2203.09788, II.C). One thing is added: where the two nearest metals are in line with their atom, which is then on the
line between them, they define no plane, and the next nearest takes the place of the second.
"""

from collections.abc import Iterator
from itertools import permutations

import numpy as np

from auric.potential.environments import Environments

TRIANGLES = 10
"""Triangles that are laid upon that of the input, of all of a reference."""
_NUMBERS = 16_384
"""Corners at a time: the distances of a step stay in the second-level cache."""
_IN_LINE = 0.1
"""Sine of an angle below which two neighbours are in line with their atom."""
_FAR = 1e6
_EXACT = 1e-2


class TriangleReferences:
    """Core references that all have, or all lack, sulfur; those with few neighbours first."""

    def __init__(self, references: Environments, directions: np.ndarray, rows: np.ndarray) -> None:
        self.rows = rows[np.argsort(references.counts[rows], kind="stable")]
        self.counts = references.counts[self.rows]
        self.sulfur = bool(len(rows) and references.has_sulfur[rows[0]])
        self.points = np.ascontiguousarray(references.vectors[self.rows].transpose(1, 2, 0))  # (M, 3, K)
        self.directions = directions[self.rows].T
        self.missing = np.arange(len(self.points))[:, None] >= self.counts  # (M, K)
        self.pairs = np.array(list(permutations(range(int(self.sulfur), len(self.points)), 2))).T  # (2, pairs)
        shapes = triangle(*(self.points[each].transpose(1, 2, 0) for each in self.pairs))  # (6, K, pairs)
        self.shapes = np.ascontiguousarray(shapes.reshape(6, -1))
        self.squares = (self.shapes**2).sum(axis=0).reshape(shapes.shape[1:])
        self.squares[(self.missing[self.pairs[0]] | self.missing[self.pairs[1]]).T] = np.inf

    def align(
        self, neighbours: np.ndarray, has_sulfur: bool, both: bool, reflections: bool, root: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        """Rotated directions (K, 3) and errors (K,) for one input (count, 3)."""
        if both:
            first, second = neighbours[0], neighbours[1]
            ends = np.arange(1, len(self.points))[:, None].repeat(len(self.rows), axis=1)
            ends = np.where(self.missing[1:], 1, ends)  # one that is there, twice
            candidates = np.zeros_like(ends), ends
        else:
            metals = neighbours[int(has_sulfur) :]
            first, second = metals[0], metals[_not_in_line(metals)]
            candidates = self._similar(first, second)
        rotations = self._rotations(first, second, candidates, reflections)
        return self._best(neighbours, rotations, root)

    def _similar(self, first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Ends of the references' triangles that are most like the input's (thesis 2.33), two arrays (triangles, K)."""
        differences = self.squares - 2 * (triangle(first, second) @ self.shapes).reshape(self.squares.shape)
        kept = min(TRIANGLES, differences.shape[1])
        best = np.argpartition(differences, kept - 1, axis=1)[:, :kept]
        found = np.take_along_axis(differences, best, axis=1)
        least = np.take_along_axis(best, found.argmin(axis=1)[:, None], axis=1)
        best = np.where(np.isfinite(found), best, least).T
        return self.pairs[0][best], self.pairs[1][best]

    def _rotations(
        self, first: np.ndarray, second: np.ndarray, candidates: tuple[np.ndarray, np.ndarray], reflections: bool
    ) -> np.ndarray:
        """Rotations of triangles upon that of the input, shape (3, 3, candidates, K).

        Both triangles have a corner at the origin. Within a right-handed frame of its own plane each has positive area,
        so the best orthogonal map of one plane onto the other is a turn, and its angle is known in closed form.
        """
        s1, s2 = (np.take_along_axis(self.points, ends[:, None], axis=0).transpose(1, 0, 2) for ends in candidates)
        frame = _frame(first[:, None], second[:, None])[..., 0]
        other = _frame(s1, s2)
        p, q = frame[:2] @ np.stack([first, second], axis=1)  # components along the two axes, of both corners
        u1, u2 = _dot(other[0], s1), _dot(other[0], s2)
        v2 = _dot(other[1], s2)
        cosine = p[0] * u1 + p[1] * u2 + q[1] * v2
        sine = q[1] * u2 - p[1] * v2 + q[0] * u1
        length = np.hypot(cosine, sine)
        length = np.where(length > 0, length, 1.0)
        cosine, sine = cosine / length, sine / length
        e1, e2, normal = (axis[:, None, None] for axis in frame)
        turned = e1 * cosine + e2 * sine, e2 * cosine - e1 * sine
        plane = turned[0][:, None] * other[0] + turned[1][:, None] * other[1]
        across = normal[:, None] * other[2]
        return np.concatenate([plane + across, plane - across], axis=2) if reflections else np.asarray(plane + across)

    def _best(self, neighbours: np.ndarray, rotations: np.ndarray, root: bool) -> tuple[np.ndarray, np.ndarray]:
        """Of each reference's rotations that with the least error: rotated directions (K, 3), errors (K,)."""
        width, tried = len(self.points), rotations.shape[2]
        count = len(neighbours)
        factors = np.column_stack([-2 * neighbours, np.ones(count), (neighbours**2).sum(axis=1)])
        sums = np.empty((tried, len(self.rows)))
        split = int(np.searchsorted(self.counts, count))  # from here on the reference has as many neighbours or more
        step = max(1, _NUMBERS // (tried * width))
        for start, stop, larger in _pieces(split, len(self.rows), step):
            points, missing = self.points[:, :, start:stop], self.missing[:, start:stop]
            extended = np.empty((5, width, tried, stop - start))
            for a in range(3):
                row = rotations[a, :, :, start:stop]
                extended[a] = row[0] * points[:, None, 0] + row[1] * points[:, None, 1] + row[2] * points[:, None, 2]
            squares = (points**2).sum(axis=1)
            squares[missing] = _FAR
            extended[3], extended[4] = squares[:, None], 1
            distances = (factors @ extended.reshape(5, -1)).reshape(count, width, tried, stop - start)
            nearest = np.maximum(distances.min(axis=0 if larger else 1), 0)
            if larger:
                nearest[np.broadcast_to(missing[:, None], nearest.shape)] = 0
            sums[:, start:stop] = (nearest if root else np.sqrt(nearest)).sum(axis=0)
        best = sums.argmin(axis=0)
        columns = np.arange(len(best))
        chosen = rotations[:, :, best, columns]
        errors = sums[best, columns]
        close = np.flatnonzero(errors < _EXACT)
        if len(close):  # the product above has lost the digits of small distances
            errors[close] = self._exact(neighbours, chosen[:, :, close], close, root)
        errors = (np.sqrt(errors) if root else errors) / (1 + np.maximum(self.counts, count))
        return (chosen * self.directions).sum(axis=1).T, errors

    def _exact(self, neighbours: np.ndarray, rotations: np.ndarray, rows: np.ndarray, root: bool) -> np.ndarray:
        """Sums over nearest neighbours' distances (or their squares) by differences, shape (rows,)."""
        turned = np.einsum("abk,mbk->kma", rotations, self.points[:, :, rows])
        distances = ((neighbours[:, None] - turned[:, None]) ** 2).sum(axis=-1)  # (rows, count, M)
        missing = self.missing[:, rows].T
        distances[np.broadcast_to(missing[:, None], distances.shape)] = _FAR
        onto_input, onto_reference = distances.min(axis=1), distances.min(axis=2)
        onto_input[missing] = 0
        power = 1.0 if root else 0.5
        larger = self.counts[rows] >= len(neighbours)
        return np.asarray(np.where(larger, (onto_input**power).sum(axis=1), (onto_reference**power).sum(axis=1)))


def triangle(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Sides (angstrom) and angles (radians) of triangles with one corner at the origin.

    Args:
        first: One other corner, shape (3, ...).
        second: The last corner, same shape.

    Returns:
        Shape (6, ...): sides to the first and second corner and between them; angles at the origin, first and second.
    """
    between = second - first
    sides = [np.sqrt(_dot(each, each)) for each in (first, second, between)]
    angles = [
        np.arctan2(np.sqrt(_dot(normal, normal)), product)
        for normal, product in (
            (_cross(first, second), _dot(first, second)),
            (_cross(first, between), -_dot(first, between)),
            (_cross(second, between), _dot(second, between)),
        )
    ]
    return np.array([*sides, *angles])


def _not_in_line(metals: np.ndarray) -> int:
    """The nearest neighbour that is not in line with the first: two opposite ones define no plane."""
    cross = np.linalg.norm(np.cross(metals[0], metals[1:]), axis=1)
    sines = cross / np.linalg.norm(metals[0]) / np.linalg.norm(metals[1:], axis=1)
    bent = np.flatnonzero(sines > _IN_LINE)
    return int(bent[0]) + 1 if len(bent) else 1


def _frame(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Right-handed frames (axis, component, ...): along the first vector, in the plane towards the second, normal to it.

    Where the two are parallel the normal is one of many.
    """
    along = first / np.sqrt(_dot(first, first))
    normal = _cross(along, second)
    length = np.sqrt(_dot(normal, normal))
    flat = length < 1e-9 * np.sqrt(_dot(second, second))
    if flat.any():
        axis = np.zeros((3, int(flat.sum())))
        axis[np.abs(along[:, flat]).argmin(axis=0), np.arange(axis.shape[1])] = 1
        normal[:, flat] = _cross(along[:, flat], axis)
        length = np.sqrt(_dot(normal, normal))
    normal = normal / length
    return np.stack([along, _cross(normal, along), normal])


def _cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.stack([a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]])


def _dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.asarray(a[0] * b[0] + a[1] * b[1] + a[2] * b[2])


def _pieces(split: int, size: int, step: int) -> Iterator[tuple[int, int, bool]]:
    """Ranges of at most `step` that do not cross the split, and whether they lie behind it."""
    for begin, end, behind in ((0, split, False), (split, size, True)):
        for start in range(begin, end, step):
            yield start, min(start + step, end), behind
