r"""The many-body tensor representation of pairs of atoms (MBTR, k = 2; Huo and Rupp, doi:10.1088/2632-2153/aca005).

For each pair of elements and each grid point x_k, summed over the pairs of atoms i < j of these elements,

    f_k = sum  w(r) [Phi((x_k + dx/2 - 1/r) / s) - Phi((x_k - dx/2 - 1/r) / s)] / dx,     w(r) = exp(-a r)

with Phi the cumulative normal distribution, s the width, a the decay and dx the spacing of the grid: the mean of a Gaussian
over a cell of the grid, as DScribe has it (doi:10.1016/j.cpc.2019.106949). A pair with w below the threshold is left out,
so the features step by up to threshold / (s sqrt(2 pi)) when a pair crosses r = -ln(threshold) / a. Atoms so near that 1/r
lies beyond the grid leave no trace either: the descriptor does not see them overlap.

**How it is summed.** A pair enters through 1/r alone, and all f_k are smooth in it. The axis of 1/r is cut into bins a
quarter of a width wide, and in each the bracket is a polynomial (through Chebyshev nodes) with an error below 1e-14. So the
moments sum w u^m of each bin (u in [-1, 1] its inner coordinate) are gathered once, and one product of matrices gives all
features: a pair costs a few multiplications in place of a hundred error functions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols
from numba import njit
from numpy.polynomial import chebyshev
from scipy.spatial.distance import squareform
from scipy.special import ndtr

from auric.descriptors.checks import (
    SAME_PLACE_ANGSTROM,
    check_move,
    elements_and_distances,
    elements_of,
    same_place,
    species_numbers,
)
from auric.errors import InputError, StructureError

BIN_WIDTHS = 0.25
"""Width of a bin of 1/r, in widths of the Gaussian."""
ORDER = 9
"""Coefficients of the polynomial in a bin."""
REACH_WIDTHS = 8.5
"""Beyond this many widths a Gaussian's tail is below the rounding of its sum."""
LARGEST_TABLE = 50_000_000
BLOCK_PAIRS = 16_384
"""Pairs of moved chains treated at a time, so that their moments stay in the cache."""


@dataclass(frozen=True)
class MbtrSettings:
    """The grid of inverse distances and how pairs enter.

    Attributes:
        minimum: First grid point, 1/angstrom.
        maximum: Last grid point, 1/angstrom.
        points: Number of grid points.
        width: Standard deviation of the Gaussians, 1/angstrom.
        decay: Of the weight exp(-decay r), 1/angstrom.
        threshold: Pairs of smaller weight are left out.
    """

    minimum: float
    maximum: float
    points: int
    width: float
    decay: float
    threshold: float

    def __post_init__(self) -> None:
        """Refuse what describes nothing.

        Raises:
            InputError: Naming the setting.
        """
        numbers = (self.minimum, self.maximum, self.width, self.decay, self.threshold)
        if not np.isfinite(numbers).all():
            raise InputError(f"MBTR settings {numbers} are not all finite; give numbers")
        if self.points < 2 or not self.minimum < self.maximum or self.maximum <= 0:
            raise InputError(
                f"MBTR grid of {self.points} points from {self.minimum:g} to {self.maximum:g}: give two points or more, "
                "and a maximum above the minimum and above 0"
            )
        if self.width <= 0 or self.decay <= 0 or not 0 < self.threshold < 1:
            raise InputError(
                f"MBTR width {self.width:g}, decay {self.decay:g}, threshold {self.threshold:g}: "
                "width and decay must be above 0, the threshold between 0 and 1"
            )
        if self.bins * ORDER * self.points > LARGEST_TABLE:
            raise InputError(
                f"MBTR width {self.width:g} on {self.points} points needs a table of {self.bins} x {self.points}; "
                "widen the Gaussians or take fewer points"
            )

    @property
    def spacing(self) -> float:
        """Of the grid, 1/angstrom."""
        return (self.maximum - self.minimum) / (self.points - 1)

    @property
    def start(self) -> float:
        """Where the bins start, 1/angstrom; smaller inverse distances leave no trace on the grid."""
        return max(0.0, self.minimum - self.spacing / 2 - REACH_WIDTHS * self.width)

    @property
    def bins(self) -> int:
        """Number of bins up to where larger inverse distances leave no trace."""
        end = self.maximum + self.spacing / 2 + REACH_WIDTHS * self.width
        return int(np.ceil((end - self.start) / (BIN_WIDTHS * self.width)))


MBTR_FIRST = MbtrSettings(0.0, 1.4, 100, 0.1, 0.5, 1e-3)
"""First set of doi:10.1021/acs.jpca.0c01512."""
MBTR_SECOND = MbtrSettings(0.0, 1.2, 100, 0.045, 0.8, 1e-5)
"""Second set of the same."""


class Mbtr:
    """MBTR (k = 2, inverse distances, exponential weight, not normalised) of free clusters; a cell is not looked at.

    Args:
        species: Symbols of all elements that will be met, in any order.
        settings: Grid and weights.

    Attributes:
        species: The symbols by atomic number.
        size: Number of features; a block of grid points per pair of elements: (first, first), (first, second), ...,
            (second, second), ...

    Raises:
        InputError: An unknown symbol, or no symbols.
    """

    def __init__(self, species: Sequence[str], settings: MbtrSettings = MBTR_SECOND) -> None:
        self.numbers = species_numbers(species)
        self.species = tuple(chemical_symbols[number] for number in self.numbers)
        self.settings = settings
        count = len(self.numbers)
        first, second = np.triu_indices(count)
        self._pairs = first, second
        self._block = np.zeros((count, count), dtype=np.intp)
        self._block[first, second] = self._block[second, first] = np.arange(len(first))
        self._density = 1 / (BIN_WIDTHS * settings.width)  # bins per 1/r; the inner coordinate runs from -1 to 1
        self._table = _polynomials(settings)
        self.size = len(first) * settings.points

    @property
    def labels(self) -> list[tuple[str, str, float]]:
        """Both elements and x (1/angstrom) of each feature."""
        s = self.settings
        grid = [float(x) for x in np.linspace(s.minimum, s.maximum, s.points)]
        return [(self.species[i], self.species[j], x) for i, j in zip(*self._pairs, strict=True) for x in grid]

    def columns(self, numbers: np.ndarray) -> np.ndarray:
        """Which features atoms of these elements have a part in, shape (size,), boolean.

        Raises:
            StructureError: An element that is not in `species`.
        """
        blocks = np.unique(self._block[elements_of(self.numbers, np.unique(numbers))])
        found = np.zeros((len(self._pairs[0]), self.settings.points), dtype=bool)
        found[blocks] = True
        return found.ravel()

    def describe(self, atoms: Atoms) -> np.ndarray:
        """Features, shape (size,), angstrom (weight per 1/angstrom); zeros for a single atom.

        Raises:
            StructureError: An element that is not in `species`, coordinates that are not finite, two atoms on one place.
        """
        distances, blocks = self._pairs_of(atoms)
        return self._sum(blocks, *self._enter(distances), len(self._pairs[0])).ravel()

    def describe_all(self, frames: Sequence[Atoms]) -> np.ndarray:
        """Features of structures, which may have different atoms, shape (frames, size).

        Raises:
            StructureError: As `describe`, with the number of the frame.
        """
        found = np.empty((len(frames), self.size))
        for number, atoms in enumerate(frames):
            try:
                found[number] = self.describe(atoms)
            except StructureError as error:
                raise StructureError(f"frame {number + 1}: {error}") from error
        return found

    def pullback(self, atoms: Atoms, weights: np.ndarray) -> np.ndarray:
        """Gradient of weights @ features with respect to the positions.

        Where a pair crosses the threshold the features step; the gradient is that of the smooth parts.

        Args:
            atoms: The structure.
            weights: Shape (size,).

        Returns:
            Shape (atoms, 3), units of the weights x features per angstrom.

        Raises:
            InputError: Weights of another number.
            StructureError: As `describe`.
        """
        if np.shape(weights) != (self.size,):
            raise InputError(f"weights of shape {np.shape(weights)}; MBTR of these elements has {self.size} features")
        distances, blocks = self._pairs_of(atoms)
        weight, index, inner = self._enter(distances)
        # The weighted features of one pair of atoms are one polynomial per bin and pair of elements.
        slopes = np.reshape(weights, (-1, self.settings.points)) @ self._table.reshape(-1, self.settings.points).T
        own = slopes.reshape(-1, ORDER)[blocks * self.settings.bins + index]
        value, slope = own[:, -1].copy(), np.zeros(len(own))
        for power in range(ORDER - 2, -1, -1):
            slope = slope * inner + value
            value = value * inner + own[:, power]
        along = -weight * (self.settings.decay * value + slope * 2 * self._density / distances**2)
        pulls = squareform(along / distances, checks=False)
        centred = atoms.positions - atoms.positions.mean(axis=0)
        return np.asarray(pulls.sum(axis=1)[:, None] * centred - pulls @ centred)

    def moved(self, numbers: np.ndarray, before: np.ndarray, after: np.ndarray, atoms_moved: np.ndarray) -> np.ndarray:
        """Change of the features when a group of atoms moves, shape (size,); work grows with moved x all atoms.

        Args:
            numbers: Atomic numbers, shape (atoms,).
            before: Positions before, shape (atoms, 3), angstrom.
            after: Positions after; all but the moved atoms must be where they were.
            atoms_moved: Indices of the atoms that move, each once.

        Raises:
            InputError, StructureError: As `moved_chains`.
        """
        return np.asarray(self.moved_chains(numbers, np.asarray(before)[None], np.asarray(after)[None], atoms_moved)[0])

    def moved_chains(
        self, numbers: np.ndarray, before: np.ndarray, after: np.ndarray, atoms_moved: np.ndarray
    ) -> np.ndarray:
        """Changes for many structures of the same atoms at once, shape (chains, size).

        Args:
            numbers: Atomic numbers, shape (atoms,).
            before: Positions before, shape (chains, atoms, 3), angstrom.
            after: Positions after; all but the moved atoms must be where they were.
            atoms_moved: Indices of the atoms that move, each once: shape (moved,) where all chains move the same, or
                (chains, moved).

        Raises:
            InputError: Shapes that do not fit, an index twice or out of range, or another atom has moved.
            StructureError: As `describe`; on one place only of the moved atoms with others.
        """
        elements = elements_of(self.numbers, np.asarray(numbers))
        before, after = np.asarray(before, dtype=float), np.asarray(after, dtype=float)
        moved = np.array(
            check_move(before, after, np.asarray(atoms_moved), len(elements)), dtype=np.int64
        )  # of one kind, compiled once
        kinds = self._block[elements[moved]]
        used = np.flatnonzero(np.bincount(kinds.ravel(), minlength=len(self._pairs[0])))
        places = np.searchsorted(used, kinds)
        found = np.zeros((len(before), len(self._pairs[0]), self.settings.points))
        step = max(1, BLOCK_PAIRS // max(1, 2 * moved.shape[1] * len(elements)))
        s = self.settings
        room = np.empty((min(step, len(before)), len(used), s.bins, ORDER))
        for start in range(0, len(before), step):
            part = slice(start, start + step)
            moments = room[: len(moved[part])]
            moments[:] = 0
            nearest, atom, other, bins = _gather(
                before[part], after[part], moved[part], places[part], elements, s.decay, s.threshold, s.start, self._density, moments
            )  # fmt: skip
            if nearest < SAME_PLACE_ANGSTROM**2:
                raise same_place(atom, other, self.numbers[elements])
            table = self._table[:bins].reshape(-1, s.points)
            features = moments[:, :, :bins].reshape(len(moments) * len(used), len(table)) @ table
            found[part, used] = features.reshape(len(moments), len(used), s.points)
        return np.asarray(found.reshape(len(before), -1))

    def _pairs_of(self, atoms: Atoms) -> tuple[np.ndarray, np.ndarray]:
        """Distances of all pairs and their blocks of features."""
        elements, distances = elements_and_distances(self.numbers, atoms)
        return distances, _blocks_of_pairs(elements.tobytes(), self._block.tobytes())

    def _enter(self, distances: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Weight, bin and inner coordinate of pairs, each of shape (pairs,)."""
        s = self.settings
        weights = np.exp(-s.decay * distances)
        weights *= weights >= s.threshold
        places = (1.0 / distances - s.start) * self._density
        if len(places) and (places.min() < 0 or places.max() >= s.bins):
            inside = (places >= 0) & (places < s.bins)
            weights, places = weights * inside, places * inside
        index = places.astype(np.intp)
        return weights, index, 2.0 * (places - index) - 1.0

    def _sum(
        self, blocks: np.ndarray, weights: np.ndarray, index: np.ndarray, inner: np.ndarray, count: int
    ) -> np.ndarray:
        """Features of pairs that enter so, shape (count, points), each pair in its block."""
        if not len(weights):
            return np.zeros((count, self.settings.points))
        low, high = int(index.min()), int(index.max()) + 1
        width = high - low
        cells = blocks * width + (index - low)
        moments = np.empty((count, width, ORDER))
        for power in range(ORDER):
            moments[..., power] = np.bincount(cells, weights, count * width).reshape(count, width)
            weights = weights * inner
        table = self._table[low:high].reshape(width * ORDER, -1)
        return np.asarray(moments.reshape(count, -1) @ table)


@njit  # type: ignore[untyped-decorator]
def _gather(
    before: np.ndarray, after: np.ndarray, moved: np.ndarray, places: np.ndarray, elements: np.ndarray, decay: float, threshold: float,
    start: float, density: float, moments: np.ndarray,
) -> tuple[float, int, int, int]:  # fmt: skip
    """Moments of pairs with a moved atom, less those before the move.

    Args:
        before: Positions, shape (chains, atoms, 3).
        after: The same.
        moved: Indices, shape (chains, moved).
        places: Place in `moments` of a moved atom with each element, shape (chains, moved, elements).
        elements: Of the atoms, shape (atoms,).
        decay: See `MbtrSettings`.
        threshold: See `MbtrSettings`.
        start: See `MbtrSettings`.
        density: Bins for each 1/angstrom.
        moments: Zeros, shape (chains, places, bins, ORDER); filled.

    Returns:
        The smallest squared distance, the two atoms of it, and how many of the bins are used.
    """
    chains, atoms = before.shape[:2]
    nearest, one, two, bins = np.inf, 0, 0, 0
    inside = np.zeros(atoms, dtype=np.bool_)
    for chain in range(chains):
        inside[:] = False
        for atom in moved[chain]:
            inside[atom] = True
        for which, atom in enumerate(moved[chain]):
            for other in range(atoms):
                if other == atom:
                    continue
                own = moments[chain, places[chain, which, elements[other]]]
                share = 0.5 if inside[other] else 1.0  # pairs within the group come twice
                for side in range(2):
                    at = after[chain] if side else before[chain]
                    square = 0.0
                    for axis in range(3):
                        square += (at[atom, axis] - at[other, axis]) ** 2
                    if square < nearest:
                        nearest, one, two = square, atom, other
                    distance = np.sqrt(square)
                    weight = np.exp(-decay * distance)
                    if weight < threshold or distance == 0:
                        continue
                    place = (1.0 / distance - start) * density
                    if not 0 <= place < own.shape[0]:
                        continue
                    index = int(place)
                    bins = max(bins, index + 1)
                    inner = 2.0 * (place - index) - 1.0
                    weight *= share if side else -share
                    for power in range(own.shape[1]):
                        own[index, power] += weight
                        weight *= inner
    return nearest, one, two, bins


@lru_cache(maxsize=32)
def _blocks_of_pairs(elements: bytes, block: bytes) -> np.ndarray:
    """Block of features of each pair i < j of atoms, in the order of scipy's pdist; the same for all frames of a run."""
    kinds = np.frombuffer(elements, dtype=np.intp)
    table = np.frombuffer(block, dtype=np.intp)
    table = table.reshape(2 * (int(np.sqrt(len(table))),))
    first, second = np.triu_indices(len(kinds), 1)
    found = table[kinds[first], kinds[second]]
    found.setflags(write=False)
    return np.asarray(found)


def _polynomials(settings: MbtrSettings) -> np.ndarray:
    """Coefficients of the features of a pair in each bin of 1/r, shape (bins, ORDER, points), by powers of u."""
    nodes = chebyshev.chebpts1(ORDER)
    middle = settings.start + BIN_WIDTHS * settings.width * (np.arange(settings.bins) + 0.5)
    inverse = middle[:, None] + BIN_WIDTHS * settings.width / 2 * nodes
    edges = settings.minimum + settings.spacing * (np.arange(settings.points + 1) - 0.5)
    steps = np.diff(ndtr((edges - inverse[..., None]) / settings.width), axis=-1) / settings.spacing
    powers = np.zeros((ORDER, ORDER))
    for degree in range(ORDER):
        powers[degree, : degree + 1] = chebyshev.cheb2poly(np.eye(ORDER)[degree])[: degree + 1]
    return np.ascontiguousarray(
        np.einsum("dp,dn,bnk->bpk", powers, np.linalg.inv(chebyshev.chebvander(nodes, ORDER - 1)), steps)
    )
