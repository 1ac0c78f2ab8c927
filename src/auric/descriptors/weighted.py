"""A weighted sum of power-spectrum features as atomic values: fast values, gradients, and changes when a few atoms move."""

from collections.abc import Iterator

import numpy as np
from ase import Atoms

from auric.descriptors.harmonics import radial_functions
from auric.descriptors.power_spectrum import Neighbours, PowerSpectrum, pulls_of_pairs


class WeightedPowerSpectrum:
    """The sum of features times weights, taken apart into the atoms' parts without ever making the features.

    Args:
        spectrum: Makes the features.
        weights: Shape (spectrum.size,).
    """

    def __init__(self, spectrum: PowerSpectrum, weights: np.ndarray) -> None:
        self.spectrum, self.weights = spectrum, np.asarray(weights, dtype=float)
        of_centre = self.weights.reshape(len(spectrum.species), spectrum.size_of_centre)
        # One weight for each element of the centre, element of the neighbour and radial function.
        self._pairs = of_centre[:, : spectrum.pair_size].reshape(
            len(spectrum.species), len(spectrum.species), spectrum.settings.pair_functions
        )
        self._triples = np.array([spectrum.matrices(row[spectrum.pair_size :]) for row in of_centre])

    def values(self, atoms: Atoms) -> np.ndarray:
        """Each atom's part, shape (atoms,); errors are those of `PowerSpectrum.describe`."""
        elements, neighbours = self.spectrum.prepare(atoms)
        density = self.spectrum.density(elements, *self.spectrum.products(neighbours))
        return np.asarray(self.pair_values(elements, neighbours) + self.triple_values(elements, density)[0])

    def values_and_forces(self, atoms: Atoms) -> tuple[np.ndarray, np.ndarray]:
        """Each atom's part, shape (atoms,), and minus the gradient of their sum, shape (atoms, 3), 1/angstrom."""
        elements, neighbours = self.spectrum.prepare(atoms)
        near, radial, steep = self.spectrum.pair_functions(neighbours)
        weights = self._pairs[elements[near.first], elements[near.second]]
        values = np.bincount(near.first, np.einsum("pn,pn->p", radial, weights), len(elements))
        pull = np.einsum("pn,pn->p", steep, weights)[:, None] * near.directions
        forces = pulls_of_pairs(near.first, near.second, pull, len(elements))
        parts = self.spectrum.parts(neighbours)
        more, response = self.triple_values(
            elements, self.spectrum.density(elements, parts.neighbours, parts.products())
        )
        near, functions = parts.neighbours, self.spectrum.settings.functions
        # What the sum gains per change of each pair's part of the density: (pairs, functions, (l_max + 1)^2).
        gain = response.reshape(len(elements), len(self.spectrum.species), functions, -1)
        gain = gain[near.first, elements[near.second]]
        pull = (
            np.einsum("pn,pn->p", parts.steep, np.matmul(gain, parts.values[:, :, None])[:, :, 0])[:, None]
            * near.directions
        )
        pull += np.einsum("pim,pm->pi", parts.gradients, np.matmul(parts.radial[:, None, :], gain)[:, 0])
        return values + more, forces + pulls_of_pairs(near.first, near.second, pull, len(elements))

    def pair_values(self, elements: np.ndarray, neighbours: Neighbours) -> np.ndarray:
        """Atoms' two-body parts."""
        near, radial, _ = self.spectrum.pair_functions(neighbours)
        weights = self._pairs[elements[near.first], elements[near.second]]
        return np.asarray(np.bincount(near.first, np.einsum("pn,pn->p", radial, weights), len(elements)))

    def pair_energies(
        self, first: np.ndarray, second: np.ndarray, both: np.ndarray, distances: np.ndarray
    ) -> np.ndarray:
        """What pairs of atoms add to the two-body parts.

        Args:
            first: Elements, shape (pairs,).
            second: Elements.
            both: Whether the pair counts around its second atom too.
            distances: Angstrom; beyond the cutoff a pair adds nothing.
        """
        s = self.spectrum.settings
        near = np.flatnonzero(distances < s.pair_cutoff_angstrom)
        radial, _ = radial_functions(
            distances[near], count=s.pair_functions, cutoff=s.pair_cutoff_angstrom, decay=s.pair_decay_angstrom
        )
        first, second = first[near], second[near]
        weights = self._pairs[first, second] + both[near, None] * self._pairs[second, first]
        result = np.zeros(len(distances))
        result[near] = np.einsum("pn,pn->p", radial, weights)
        return result

    def triple_changes(
        self, elements: np.ndarray, density: np.ndarray, response: np.ndarray, triples: np.ndarray, atoms: np.ndarray,
        channels: np.ndarray, change: np.ndarray,
    ) -> np.ndarray:  # fmt: skip
        """How atoms' three-body parts change with the density around them, shape (n,).

        Args:
            elements: Of the atoms, shape (n,).
            density: Around all atoms, shape (all atoms, (l_max + 1)^2, channels).
            response: Derivatives of `triple_values`, likewise.
            triples: Three-body parts of all atoms, shape (all atoms,).
            atoms: Which atoms, shape (n,).
            channels: Which channels of the density change.
            change: Of the density, shape (n, (l_max + 1)^2, channels that change).
        """
        result = np.einsum("amq,amq->a", response[_grid(atoms, change.shape[1], channels)], change)
        for element, mine in _each(elements):
            for degree, part in enumerate(self._degrees(change[mine])):
                matrix = self._triples[element, degree][np.ix_(channels, channels)]
                result[mine] += ((part @ matrix) * part).reshape(len(mine), -1).sum(axis=1)
        return np.asarray(result)

    def respond(
        self, response: np.ndarray, atoms: np.ndarray, elements: np.ndarray,
        channels: np.ndarray, change: np.ndarray,
    ) -> None:  # fmt: skip
        """Bring the derivatives up to date after a change of the density; arguments as of `triple_changes`."""
        for element, mine in _each(elements):
            for degree, part in enumerate(self._degrees(change[mine])):
                step = part @ (2 * self._triples[element, degree][channels])
                response[atoms[mine], degree**2 : (degree + 1) ** 2] += step.reshape(len(mine), 2 * degree + 1, -1)

    def _degrees(self, change: np.ndarray) -> list[np.ndarray]:
        """Rows of each degree l, shape (atoms times 2 l + 1, channels)."""
        degrees = range(self.spectrum.settings.l_max + 1)
        return [change[:, low**2 : (low + 1) ** 2].reshape(-1, change.shape[2]) for low in degrees]

    def triple_values(self, elements: np.ndarray, density: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Atoms' three-body parts, and their derivatives with respect to the density around each."""
        response = np.empty_like(density)
        for element in np.unique(elements):
            mine = elements == element
            for matrix, out, c in zip(
                self._triples[element],
                self.spectrum.by_degree(response),
                self.spectrum.by_degree(density),
                strict=True,
            ):
                out[mine] = np.matmul(matrix, c[mine])
        return np.einsum("aqm,aqm->a", response, density), 2 * response


def _grid(atoms: np.ndarray, rows: int, channels: np.ndarray) -> tuple[np.ndarray, ...]:
    return np.ix_(atoms, np.arange(rows), channels)


def _each(elements: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Each element, and the numbers of its atoms."""
    for element in np.unique(elements):
        yield int(element), np.flatnonzero(elements == element)
