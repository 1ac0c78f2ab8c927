"""Products of each atom's leading descriptors, beside the power spectrum: correlations of up to five atoms at low rank.

The power spectrum p of an atom (three-body terms) is projected on the few directions in which atoms of its element differ most,

    q = V^T p - centre,   of mean zero and variance one over the atoms that the directions were learned from,

and the products q_a q_b (a <= b), summed over all centres of one element, are further features. A linear model of them is

    E = sum over atoms i  of  (w . p_i + q_i . A q_i),   with the gradient (w + 2 V A q_i) . dp_i,

so that what is learned is linear still, while predictions pull one vector back for each atom, as without products.
Products of a basis of densities are a basis of many-body functions: doi:10.1103/PhysRevB.99.014104.
"""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from ase import Atoms

from auric.descriptors.power_spectrum import Neighbours, Parts, PowerSpectrum, PowerSpectrumSettings, pulls_of_pairs
from auric.descriptors.weighted import WeightedPowerSpectrum
from auric.errors import InputError

FLOOR = 0.3
"""Descriptors that vary less than this share of the root mean square over all hardly take part in the directions."""
MOST_FRAMES = 100
"""So many frames, evenly taken, are enough to find the directions."""
_NEGLIGIBLE = 1e-10


class ProductSpectrum(PowerSpectrum):
    """The features of `PowerSpectrum`, then products of the leading descriptors, for each element of the centre.

    Args:
        species: Chemical symbols.
        settings: Reach and resolution.
        directions: V of each element, shape (species, three-body features of a centre, rank).
        centres: Means, shape (species, rank).

    Raises:
        InputError: As `PowerSpectrum`; or shapes that do not fit.
    """

    def __init__(
        self,
        species: Sequence[str],
        settings: PowerSpectrumSettings | None,
        directions: np.ndarray,
        centres: np.ndarray,
    ) -> None:
        super().__init__(species, settings)
        expected = (len(self.species), self.size_of_centre - self.pair_size, centres.shape[-1])
        if directions.shape != expected or centres.shape != expected[::2]:
            raise InputError(
                f"products: directions of shape {directions.shape} and centres of shape {centres.shape} where {expected} and "
                f"{expected[::2]} are needed; learn them with the same species and settings"
            )
        self.directions, self.centres = directions, centres

    @classmethod
    def learn(cls, spectrum: PowerSpectrum, frames: Sequence[Atoms], rank: int) -> "ProductSpectrum":
        """Find the directions: principal components over the atoms of some frames, whose labels are not looked at.

        Args:
            spectrum: The descriptors.
            frames: Structures; not more than `MOST_FRAMES` are looked at.
            rank: Directions for each element; where fewer are found, because there are few atoms, the rest are zero.

        Raises:
            InputError: If the rank is not between one and the number of three-body features.
            StructureError: As `PowerSpectrum.describe`.
        """
        size = spectrum.size_of_centre - spectrum.pair_size
        if not 1 <= rank <= size:
            raise InputError(f"products: {rank} directions of {size} descriptors; give a number between them and one")
        directions, centres = np.zeros((len(spectrum.species), size, rank)), np.zeros((len(spectrum.species), rank))
        some = np.unique(np.linspace(0, len(frames) - 1, MOST_FRAMES).round().astype(int))
        for element, rows in enumerate(_by_element(spectrum, [frames[number] for number in some])):
            if len(rows) > 1:
                directions[element], centres[element] = _leading(rows, rank)
        return cls(spectrum.species, spectrum.settings, directions, centres)

    @property
    def size(self) -> int:
        """Features of a structure."""
        return self.linear_size + len(self.species) * len(self._both[0])

    @property
    def linear_size(self) -> int:
        """Those of the power spectrum, which come first."""
        return int(super().size)

    @property
    def rank(self) -> int:
        """Directions of each element."""
        return int(self.centres.shape[1])

    def projected(self, element: int, density: np.ndarray) -> np.ndarray:
        """Projections q of atoms of one element, shape (atoms, rank), from the density around each."""
        rows = self.spectrum(density).reshape(len(density), self.directions.shape[1])
        return np.asarray(rows @ self.directions[element] - self.centres[element])

    @cached_property
    def direction_matrices(self) -> np.ndarray:
        """Directions as `matrices` has them, shape (species, l_max + 1, rank, channels, channels)."""
        found = np.array([[self.matrices(one) for one in of_element.T] for of_element in self.directions])
        return np.ascontiguousarray(found.transpose(0, 2, 1, 3, 4))

    def curvatures(self, weights: np.ndarray) -> np.ndarray:
        """Weights of the products as symmetric matrices A, shape (species, rank, rank)."""
        upper = np.zeros((len(self.species), self.rank, self.rank))
        upper[:, *self._both] = weights.reshape(len(self.species), -1)
        return (upper + upper.transpose(0, 2, 1)) / 2

    @cached_property
    def _both(self) -> tuple[np.ndarray, np.ndarray]:
        return np.triu_indices(self.rank)

    def _sums(self, elements: np.ndarray, neighbours: Neighbours, density: np.ndarray) -> np.ndarray:
        a, b = self._both
        sums = [super()._sums(elements, neighbours, density)]
        for element in range(len(self.species)):
            q = self.projected(element, density[elements == element])
            sums.append((q.T @ q)[a, b])
        return np.concatenate(sums)

    def _triple_forces(self, forces: np.ndarray, elements: np.ndarray, parts: Parts, density: np.ndarray) -> None:
        super()._triple_forces(forces, elements, parts, density)
        a, b = self._both
        near, kinds = parts.neighbours, len(self.species)
        for element in np.unique(elements):
            atoms = np.flatnonzero(elements == element)
            # How the projections change with the density: q = trace(c^T V c), by degree.
            response = np.empty((len(elements), self.rank, *density.shape[1:]))
            for matrices, out, c in zip(
                self.direction_matrices[element], self.by_degree(response), self.by_degree(density), strict=True
            ):
                out[atoms] = 2 * np.matmul(matrices, c[atoms, None])
            response = response.reshape(len(elements), self.rank, kinds, -1)
            mine = np.flatnonzero(elements[near.first] == element)
            first, second = near.first[mine], near.second[mine]
            slopes = parts.slopes(mine).reshape(len(mine), 3, -1)
            jacobian = np.matmul(slopes, response[first, :, elements[second]].transpose(0, 2, 1))
            q = np.zeros((len(elements), 1, self.rank))
            q[atoms, 0] = self.projected(element, density[atoms])
            changes = jacobian[:, :, a] * q[first][:, :, b] + jacobian[:, :, b] * q[first][:, :, a]
            start = self.linear_size + element * len(a)
            forces[:, :, start : start + len(a)] = pulls_of_pairs(first, second, changes, len(elements))


class WeightedProducts(WeightedPowerSpectrum):
    """`WeightedPowerSpectrum` of features with products.

    Args:
        spectrum: Makes the features.
        weights: Shape (spectrum.size,).
    """

    spectrum: ProductSpectrum

    def __init__(self, spectrum: ProductSpectrum, weights: np.ndarray) -> None:
        super().__init__(spectrum, weights[: spectrum.linear_size])
        self._curvatures = spectrum.curvatures(weights[spectrum.linear_size :])

    def triple_values(self, elements: np.ndarray, density: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Atoms' parts beyond pairs, and their derivatives with respect to the density around each."""
        values, response = super().triple_values(elements, density)
        for element in np.unique(elements):
            mine = np.flatnonzero(elements == element)
            q = self.spectrum.projected(element, density[mine])
            steep = q @ self._curvatures[element]
            values[mine] += np.einsum("ar,ar->a", q, steep)
            for matrices, out, c in zip(
                self.spectrum.direction_matrices[element],
                self.spectrum.by_degree(response),
                self.spectrum.by_degree(density),
                strict=True,
            ):
                out[mine] += 4 * np.matmul(np.tensordot(steep, matrices, 1), c[mine])
        return values, response

    def triple_changes(
        self, elements: np.ndarray, density: np.ndarray, response: np.ndarray, triples: np.ndarray, atoms: np.ndarray,
        channels: np.ndarray, change: np.ndarray,
    ) -> np.ndarray:  # fmt: skip
        """As `WeightedPowerSpectrum.triple_changes`, but from the whole density: products are of fourth degree in it."""
        there = density[atoms]
        there[:, :, channels] += change
        return np.asarray(self.triple_values(elements, there.transpose(0, 2, 1))[0] - triples[atoms])

    def respond(
        self, response: np.ndarray, atoms: np.ndarray, elements: np.ndarray,
        channels: np.ndarray, change: np.ndarray,
    ) -> None:  # fmt: skip
        """Nothing: `triple_changes` needs no derivatives."""


def _leading(rows: np.ndarray, rank: int) -> tuple[np.ndarray, np.ndarray]:
    """Principal components of scaled rows such that projections have variance one, and the projections of their mean."""
    mean, variance = rows.mean(axis=0), rows.var(axis=0)
    scale = np.sqrt(variance + FLOOR**2 * variance.mean())
    scale[scale == 0] = 1
    scaled = (rows - mean) / scale
    values, vectors = np.linalg.eigh(scaled.T @ scaled / len(rows))
    values, vectors = values[::-1][:rank], vectors[:, ::-1][:, :rank]
    # Directions of no variance would be noise, blown up.
    lengths = np.where(values > _NEGLIGIBLE * max(values[0], _NEGLIGIBLE), np.sqrt(np.abs(values)), np.inf)
    directions = vectors / lengths / scale[:, None]
    return directions, mean @ directions


def _by_element(spectrum: PowerSpectrum, frames: Sequence[Atoms]) -> list[np.ndarray]:
    """Three-body descriptors of the atoms of each element."""
    found: list[list[np.ndarray]] = [[] for _ in spectrum.species]
    for atoms in frames:
        elements, neighbours = spectrum.prepare(atoms)
        rows = spectrum.spectrum(spectrum.density(elements, *spectrum.products(neighbours)))
        rows = rows.reshape(len(atoms), spectrum.size_of_centre - spectrum.pair_size)
        for element, mine in enumerate(found):
            mine.append(rows[elements == element])
    return [np.concatenate(mine) for mine in found]
