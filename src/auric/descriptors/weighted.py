"""A weighted sum of power-spectrum features as atomic values: fast values, gradients, and changes when a few atoms move."""

import numpy as np
from ase import Atoms

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
        density = self.spectrum.density(elements, self.spectrum.parts(neighbours))
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
        more, response = self.triple_values(elements, self.spectrum.density(elements, parts))
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
