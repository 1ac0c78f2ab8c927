"""Euclidean distances at the speed of one product of matrices, also right for points that nearly coincide.

|x - q|^2 = |x|^2 + |q|^2 - 2 x.q costs one product of matrices, but its rounding is that of |x|^2, not of the distance. So
everything is centred on the mean of the references first, and pairs nearer than about 3% of |x| are computed again from
their differences. What remains is a relative error of a distance below 1e-11, or an absolute one of a few roundings of
the centred features. Threads are left to the linear algebra library.
"""

from collections.abc import Iterator

import numpy as np

from auric.errors import InputError

CLOSE = 1e-3
"""Squared distances below this share of |x|^2 are computed again from differences."""
MEMORY_MIB = 256.0
_CHUNK = 1 << 17  # numbers that stay in a core's cache while they are finished


class FeaturesError(InputError, ValueError):
    """Features a model cannot use; also a ValueError, which scikit-learn's conventions ask for."""


class DistancesTo:
    """Distances from any points to a fixed set of references.

    Args:
        references: Shape (K, d), finite; taken in float64.

    Attributes:
        centre: Mean of the references, shape (d,).
        centred: References less the centre, shape (K, d), float64.
        squares: Squared lengths of `centred`, shape (K,).
        basis: Orthonormal rows, shape (r, d), if products are taken in the space they span (see `compress`), else None.
        projected: References in that space, shape (K, r), or None.

    Raises:
        FeaturesError: No references, or not a matrix.
    """

    def __init__(self, references: np.ndarray) -> None:
        matrix(references, "references")
        self.centre: np.ndarray = np.asarray(np.mean(references, axis=0, dtype=np.float64))
        self._take(np.asarray(np.subtract(references, self.centre, dtype=np.float64)))

    @classmethod
    def from_centred(cls, centred: np.ndarray, centre: np.ndarray, basis: np.ndarray | None = None) -> "DistancesTo":
        """The same from the attributes of another, which it then equals bit for bit."""
        made = cls.__new__(cls)
        made.centre = centre
        made._take(np.ascontiguousarray(centred))
        if basis is not None:
            made.project(basis)
        return made

    def _take(self, centred: np.ndarray) -> None:
        self.centred: np.ndarray = centred
        self.squares: np.ndarray = np.einsum("kd,kd->k", centred, centred)
        self.basis: np.ndarray | None = None
        self.projected: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.centred)

    def project(self, basis: np.ndarray) -> None:
        """Take products in the space of these orthonormal rows, shape (r, d), from now on.

        Lengths stay those of all features, so of |x - q|^2 = |P(x - q)|^2 + |x - Px|^2 + |q - Pq|^2 - 2 (x - Px).(q - Pq) only
        the last term is lost, at most twice the product of the two residuals.
        """
        self.basis = np.ascontiguousarray(basis)
        self.projected = self.centred @ self.basis.T
        # |q|^2 - 2 q.x + |x|^2 as one product of matrices, which saves passes over all pairs.
        self._whole = np.hstack([-2 * self.projected, self.squares[:, None], np.ones((len(self), 1))])

    def residual(self, points: np.ndarray) -> np.ndarray:
        """Length of each point, centred, outside the space of the basis, shape (N,).

        Raises:
            FeaturesError: Without a basis, or with another number of features.
        """
        if self.basis is None:
            raise FeaturesError("no basis to project on; call project first")
        moved = self._moved(points)
        return np.asarray(np.linalg.norm(moved - (moved @ self.basis.T) @ self.basis, axis=1))

    def __call__(self, points: np.ndarray, count: int | None = None, exact: bool = False) -> np.ndarray:
        """Distances, shape (N, K), in the unit of the features.

        Args:
            points: Shape (N, d).
            count: Only to the first so many references.
            exact: Take products of all features, whether there is a basis or not.

        Raises:
            FeaturesError: Another number of features.
        """
        return self.from_moved(self._moved(points), count, exact)

    def from_moved(self, moved: np.ndarray, count: int | None = None, exact: bool = False) -> np.ndarray:
        """The same from points less the centre: `centred` gives exact zeros of references to themselves."""
        squares, own = self.squares[:count], np.einsum("nd,nd->n", moved, moved)
        projected = self.basis is not None and not exact
        if projected:
            along = np.column_stack([moved @ self.basis.T, np.ones(len(moved)), own])  # type: ignore[union-attr]
            found = along @ self._whole[:count].T
        else:
            found = moved @ self.centred[:count].T
        rows = max(1, _CHUNK // max(1, len(squares)))
        for at in range(0, len(moved), rows):
            part = found[at : at + rows]
            if not projected:
                part *= -2
                part += squares
                part += own[at : at + rows, None]
            limit = CLOSE * own[at : at + rows, None]
            if (part.min(axis=1) <= limit[:, 0]).any():
                close = np.flatnonzero(part <= limit)
                self._again(part, close, moved[at : at + rows])
            np.sqrt(part, out=part)
        return np.asarray(found)

    def blocks(self, points: np.ndarray, memory_mib: float = MEMORY_MIB) -> Iterator[tuple[slice, np.ndarray]]:
        """Distances in blocks of rows that fit the memory, each with the rows it is of.

        Args:
            points: Shape (N, d), of any floating type; may be memory-mapped, is read block by block.
            memory_mib: For one block and its copy of the points; at least one row is taken.

        Raises:
            FeaturesError: Another number of features.
        """
        matrix(points, "points", self.centred.shape[1])
        for rows in row_slices(len(points), len(self) + 2 * self.centred.shape[1], memory_mib):
            yield rows, self(points[rows])

    def _moved(self, points: np.ndarray) -> np.ndarray:
        matrix(points, "points", self.centred.shape[1])
        return np.asarray(np.subtract(points, self.centre, dtype=np.float64))

    def _again(self, part: np.ndarray, close: np.ndarray, moved: np.ndarray) -> None:
        """Squared distances of these pairs (flat positions in `part`) from differences."""
        step = max(1, 8 * _CHUNK // self.centred.shape[1])
        for at in range(0, len(close), step):
            rows, columns = np.unravel_index(close[at : at + step], part.shape)
            differences = moved[rows] - self.centred[columns]
            part[rows, columns] = np.einsum("pd,pd->p", differences, differences)


def distances(points: np.ndarray, references: np.ndarray) -> np.ndarray:
    """Euclidean distances between all pairs, shape (N, K), float64.

    Args:
        points: Shape (N, d).
        references: Shape (K, d).

    Raises:
        FeaturesError: Shapes that do not fit.
    """
    return DistancesTo(references)(points)


def distance_blocks(
    points: np.ndarray, references: np.ndarray, memory_mib: float = MEMORY_MIB
) -> Iterator[tuple[slice, np.ndarray]]:
    """The same in blocks of rows (see `DistancesTo.blocks`).

    Raises:
        FeaturesError: Shapes that do not fit.
    """
    return DistancesTo(references).blocks(points, memory_mib)


def row_slices(rows: int, numbers_per_row: int, memory_mib: float) -> Iterator[slice]:
    """Slices of rows that fit the memory at so many float64 numbers a row."""
    step = max(1, int(memory_mib * 2**17) // max(1, numbers_per_row))
    for at in range(0, rows, step):
        yield slice(at, min(at + step, rows))


def matrix(features: np.ndarray, what: str, count: int | None = None) -> None:
    """Refuse what is not rows of features, `count` of them where it is given.

    Raises:
        FeaturesError: Naming what was given and its shape.
    """
    if np.ndim(features) != 2 or 0 in np.shape(features):
        raise FeaturesError(f"{what} of shape {np.shape(features)}; give rows of features, shape (n, d)")
    if count is not None and np.shape(features)[1] != count:
        raise FeaturesError(f"{what} with {np.shape(features)[1]} features where the references have {count}")
