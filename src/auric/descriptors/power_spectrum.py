"""Two- and three-body descriptors of every atom's neighbourhood, with gradients that vanish smoothly at the cutoff.

Pair terms are sums of radial functions over the neighbours of each element. Three-body terms are the power spectrum of the
neighbour density, as in SOAP (doi:10.1103/PhysRevB.87.184115) with sharp densities (doi:10.1103/PhysRevB.99.014104):

    c[Z n l m] = sum over neighbours j of element Z  of  R_n(r_ij) Y_lm(r_ij / |r_ij|)
    p[Z n, Z' n', l] = sum over m  of  c[Z n l m] c[Z' n' l m]

Descriptors are summed over all centres of one element, so that a linear model of them is a sum of atomic energies.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols
from scipy.sparse import csr_matrix
from scipy.spatial import cKDTree

from auric.descriptors.checks import SAME_PLACE_ANGSTROM, elements_of, species_numbers
from auric.descriptors.harmonics import harmonic_values, radial_functions, real_harmonics
from auric.errors import InputError, StructureError


@dataclass(frozen=True)
class PowerSpectrumSettings:
    """Reach and resolution.

    Attributes:
        pair_cutoff_angstrom: Reach of pair terms.
        pair_functions: Radial functions of pair terms.
        pair_decay_angstrom: Where their resolution is (`radial_functions`).
        cutoff_angstrom: Reach of three-body terms.
        functions: Radial functions of three-body terms.
        decay_angstrom: Where their resolution is.
        l_max: Highest degree of spherical harmonics.

    Raises:
        InputError: If a number is out of range.
    """

    pair_cutoff_angstrom: float = 6.0
    pair_functions: int = 14
    pair_decay_angstrom: float = 1.5
    cutoff_angstrom: float = 5.0
    functions: int = 5
    decay_angstrom: float = 2.0
    l_max: int = 4

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            least = 0 if name == "l_max" else 1 if isinstance(value, int) else 1e-3
            if not least <= value < 1e3:
                raise InputError(f"power spectrum: {name} = {value} is out of range; give {least:g} or more")


@dataclass(frozen=True)
class Neighbours:
    """All ordered pairs of atoms within reach, with what their descriptors need; the second atom is a neighbour of the first.

    Attributes:
        first: Shape (pairs,).
        second: Shape (pairs,).
        distances: Angstrom, shape (pairs,).
        directions: From first to second, unit length, shape (pairs, 3).
    """

    first: np.ndarray
    second: np.ndarray
    distances: np.ndarray
    directions: np.ndarray

    @classmethod
    def within(cls, positions: np.ndarray, cutoff: float) -> "Neighbours":
        """Find all pairs nearer than a cutoff (angstrom).

        Raises:
            StructureError: If a position is not finite, or two atoms lie on one place.
        """
        if not len(positions):
            raise StructureError("a structure without atoms has no descriptor; give one with atoms")
        if not (good := np.isfinite(positions).all(axis=1)).all():
            raise StructureError(
                f"a coordinate of atom {np.argmin(good) + 1} is not finite; check the file for nan, or an optimisation that failed"
            )
        pairs = cKDTree(positions).query_pairs(cutoff, output_type="ndarray")
        first, second = np.concatenate([pairs, pairs[:, ::-1]]).T
        apart = positions[second] - positions[first]
        distances = np.sqrt(np.einsum("pi,pi->p", apart, apart))
        if len(distances) and distances.min() < SAME_PLACE_ANGSTROM:
            raise StructureError(
                f"atoms {first[distances.argmin()] + 1} and {second[distances.argmin()] + 1} lie on one place; remove one"
            )
        near = distances < cutoff  # a pair exactly at the cutoff counts nothing
        return cls(first[near], second[near], distances[near], apart[near] / distances[near, None])

    def nearer(self, cutoff: float) -> "Neighbours":
        """Those nearer than a smaller cutoff."""
        near = self.distances < cutoff
        return Neighbours(self.first[near], self.second[near], self.distances[near], self.directions[near])


@dataclass(frozen=True)
class Parts:
    """What each pair adds to the density around its first atom: R_n(r) Y_lm, one factor apart from the other.

    Attributes:
        neighbours: The pairs.
        radial: R_n, shape (pairs, functions).
        steep: Its derivatives, 1/angstrom.
        values: Y_lm, shape (pairs, (l_max + 1)^2).
        gradients: Its gradients with respect to the second atom, shape (pairs, 3, (l_max + 1)^2), 1/angstrom.
    """

    neighbours: Neighbours
    radial: np.ndarray
    steep: np.ndarray
    values: np.ndarray
    gradients: np.ndarray

    def products(self) -> np.ndarray:
        """R_n Y_lm, shape (pairs, functions, (l_max + 1)^2)."""
        return np.asarray(self.radial[:, :, None] * self.values[:, None, :])

    def slopes(self, mine: np.ndarray) -> np.ndarray:
        """Gradients of `products` of some pairs with respect to the second atom, shape (pairs, 3, functions, ...)."""
        along = self.steep[mine, :, None] * self.values[mine, None, :]
        slopes = self.neighbours.directions[mine, :, None, None] * along[:, None]
        slopes += self.radial[mine, None, :, None] * self.gradients[mine, :, None, :]
        return np.asarray(slopes)


class PowerSpectrum:
    """Descriptors of structures made of known elements.

    Args:
        species: Chemical symbols; the order of the features follows atomic numbers.
        settings: Reach and resolution.

    Raises:
        InputError: If no species are given, or one is no element.
    """

    def __init__(self, species: Sequence[str], settings: PowerSpectrumSettings | None = None) -> None:
        self._numbers = species_numbers(species)
        self.species = [chemical_symbols[number] for number in self._numbers]
        self.settings = settings or PowerSpectrumSettings()

    @cached_property
    def size_of_centre(self) -> int:
        """Features of the centres of one element."""
        return self.pair_size + len(self._upper[0]) * (self.settings.l_max + 1)

    @property
    def size(self) -> int:
        """Features of a structure."""
        return len(self.species) * self.size_of_centre

    @property
    def pair_size(self) -> int:
        """Pair terms among the features of the centres of one element; they come first."""
        return len(self.species) * self.settings.pair_functions

    @property
    def channels(self) -> int:
        """Elements times radial functions."""
        return len(self.species) * self.settings.functions

    def header(self) -> dict[str, Any]:
        """All that makes these descriptors, for a model's file."""
        return {"species": self.species, "settings": asdict(self.settings)}

    @classmethod
    def from_header(cls, header: dict[str, Any]) -> "PowerSpectrum":
        """Put together what `header` took apart."""
        return cls(header["species"], PowerSpectrumSettings(**header["settings"]))

    def describe(self, atoms: Atoms) -> np.ndarray:
        """Features of a structure, shape (size,).

        Raises:
            StructureError: If an element is unknown, a position is not finite, or two atoms lie on one place.
        """
        elements, neighbours = self.prepare(atoms)
        return self._sums(elements, neighbours, self.density(elements, *self.products(neighbours)))

    def design(self, atoms: Atoms) -> tuple[np.ndarray, np.ndarray]:
        """Features of a structure, and what each contributes to the forces.

        Returns:
            Features, shape (size,), and minus their gradients, shape (atoms, 3, size), 1/angstrom.
        """
        elements, neighbours = self.prepare(atoms)
        parts = self.parts(neighbours)
        density = self.density(elements, parts.neighbours, parts.products())
        forces = np.zeros((len(atoms), 3, self.size))
        self._pair_forces(forces, elements, neighbours)
        self._triple_forces(forces, elements, parts, density)
        return self._sums(elements, neighbours, density), forces

    def prepare(self, atoms: Atoms) -> tuple[np.ndarray, Neighbours]:
        """Number of each atom's element among the species, and the pairs within reach; errors are those of `describe`."""
        elements = elements_of(self._numbers, atoms.numbers)
        return elements, Neighbours.within(atoms.positions, self.reach)

    @property
    def reach(self) -> float:
        """The longer cutoff, angstrom."""
        return max(self.settings.pair_cutoff_angstrom, self.settings.cutoff_angstrom)

    def pair_functions(self, neighbours: Neighbours) -> tuple[Neighbours, np.ndarray, np.ndarray]:
        """Pairs within reach of pair terms, radial functions and their derivatives, shape (pairs, functions)."""
        s = self.settings
        near = neighbours.nearer(s.pair_cutoff_angstrom)
        return near, *radial_functions(
            near.distances, count=s.pair_functions, cutoff=s.pair_cutoff_angstrom, decay=s.pair_decay_angstrom
        )

    def parts(self, neighbours: Neighbours) -> Parts:
        """What each pair within reach of three-body terms adds to the density."""
        s = self.settings
        near = neighbours.nearer(s.cutoff_angstrom)
        radial, steep = radial_functions(
            near.distances, count=s.functions, cutoff=s.cutoff_angstrom, decay=s.decay_angstrom
        )
        values, gradients = real_harmonics(near.directions, s.l_max)
        return Parts(near, radial, steep, values, gradients / near.distances[:, None, None])

    def products(self, neighbours: Neighbours) -> tuple[Neighbours, np.ndarray]:
        """Pairs within reach of three-body terms, and R_n Y_lm of each, shape (pairs, functions, (l_max + 1)^2)."""
        s = self.settings
        near = neighbours.nearer(s.cutoff_angstrom)
        radial, _ = radial_functions(
            near.distances, count=s.functions, cutoff=s.cutoff_angstrom, decay=s.decay_angstrom
        )
        return near, radial[:, :, None] * harmonic_values(near.directions, s.l_max).T[:, None, :]

    def density(self, elements: np.ndarray, near: Neighbours, products: np.ndarray) -> np.ndarray:
        """Of every atom c, shape (atoms, channels, (l_max + 1)^2); a channel is an element and a radial function."""
        places = near.first * len(self.species) + elements[near.second]
        sums = add_rows(places, _rows(products), len(elements) * len(self.species))
        return sums.reshape(len(elements), self.channels, -1)

    def spectrum(self, density: np.ndarray) -> np.ndarray:
        """Of every atom p without doubles, shape (atoms, pairs of channels, l_max + 1)."""
        parts = [np.matmul(each, each.transpose(0, 2, 1))[:, *self._upper] for each in self.by_degree(density)]
        return np.stack(parts, axis=-1)

    def by_degree(self, array: np.ndarray) -> list[np.ndarray]:
        """Views of the last axis, (l_max + 1)^2 long, one for each l."""
        return [array[..., l * l : (l + 1) ** 2] for l in range(self.settings.l_max + 1)]

    def matrices(self, weights: np.ndarray) -> np.ndarray:
        """Weights of the three-body features of one element as symmetric matrices, shape (l_max + 1, channels, channels).

        With them the weighted sum of an atom's features is sum over l of trace(c_l^T W_l c_l).
        """
        matrices = np.zeros((self.settings.l_max + 1, self.channels, self.channels))
        matrices[:, *self._upper] = weights.reshape(-1, self.settings.l_max + 1).T
        return (matrices + matrices.transpose(0, 2, 1)) / 2

    @cached_property
    def parity(self) -> np.ndarray:
        """Signs of spherical harmonics when a direction turns round, shape ((l_max + 1)^2,)."""
        return np.concatenate([np.full(2 * l + 1, (-1.0) ** l) for l in range(self.settings.l_max + 1)])

    @cached_property
    def _upper(self) -> tuple[np.ndarray, np.ndarray]:
        return np.triu_indices(self.channels)

    def _sums(self, elements: np.ndarray, neighbours: Neighbours, density: np.ndarray) -> np.ndarray:
        near, radial, _ = self.pair_functions(neighbours)
        kinds = len(self.species)
        result = np.empty((kinds, self.size_of_centre))
        pairs = add_rows(elements[near.first] * kinds + elements[near.second], radial, kinds * kinds)
        result[:, : self.pair_size] = pairs.reshape(kinds, -1)
        spectrum = _rows(self.spectrum(density))
        result[:, self.pair_size :] = add_rows(elements, spectrum, kinds)
        return result.ravel()

    def _block(self, forces: np.ndarray, centre: int) -> np.ndarray:
        """The columns of the centres of one element."""
        return forces[:, :, centre * self.size_of_centre : (centre + 1) * self.size_of_centre]

    def _pair_forces(self, forces: np.ndarray, elements: np.ndarray, neighbours: Neighbours) -> None:
        near, _, steep = self.pair_functions(neighbours)
        gradients = near.directions[:, :, None] * steep[:, None, :]
        count = self.settings.pair_functions
        for centre in range(len(self.species)):
            for other in range(len(self.species)):
                mine = (elements[near.first] == centre) & (elements[near.second] == other)
                pulls = pulls_of_pairs(near.first[mine], near.second[mine], gradients[mine], len(elements))
                self._block(forces, centre)[:, :, other * count : (other + 1) * count] = pulls

    def _triple_forces(self, forces: np.ndarray, elements: np.ndarray, parts: Parts, density: np.ndarray) -> None:
        near, s = parts.neighbours, self.settings
        degrees = s.l_max + 1
        for centre in range(len(self.species)):
            # Of p = c c^T, one factor changes with a pair and the other stays; then the same with the factors exchanged.
            half = np.zeros((len(elements), 3, self.channels, self.channels, degrees))
            for other in range(len(self.species)):
                mine = np.flatnonzero((elements[near.first] == centre) & (elements[near.second] == other))
                changes = np.empty((len(mine), 3 * s.functions, self.channels, degrees))
                slopes, still = self.by_degree(parts.slopes(mine)), self.by_degree(density)
                for l in range(degrees):
                    of_pair = slopes[l].reshape(len(mine), 3 * s.functions, 2 * l + 1)
                    changes[..., l] = np.matmul(of_pair, still[l][near.first[mine]].transpose(0, 2, 1))
                pulls = pulls_of_pairs(near.first[mine], near.second[mine], _rows(changes), len(elements))
                rows = slice(other * s.functions, (other + 1) * s.functions)
                half[:, :, rows] = pulls.reshape(len(elements), 3, s.functions, self.channels, degrees)
            both = half[:, :, *self._upper] + half.transpose(0, 1, 3, 2, 4)[:, :, *self._upper]
            self._block(forces, centre)[:, :, self.pair_size :] = both.reshape(len(elements), 3, -1)


def add_rows(places: np.ndarray, rows: np.ndarray, count: int) -> np.ndarray:
    """Sum of the rows that belong to each of `count` places."""
    adder = csr_matrix((np.ones(len(places)), (places, np.arange(len(places)))), shape=(count, len(places)))
    return np.asarray(adder @ rows)


def _rows(array: np.ndarray) -> np.ndarray:
    """The first axis as it is, the others as one; also where the first is empty."""
    return array.reshape(len(array), int(np.prod(array.shape[1:])))


def pulls_of_pairs(first: np.ndarray, second: np.ndarray, gradients: np.ndarray, atoms: int) -> np.ndarray:
    """Minus the gradients with respect to all atoms, shape (atoms, ...), from those with respect to pairs' second atoms."""
    flat = _rows(gradients)
    both = add_rows(first, flat, atoms) - add_rows(second, flat, atoms)
    return np.asarray(both.reshape(atoms, *gradients.shape[1:]))
