"""How a weighted sum of power-spectrum features changes when a few atoms move: only pairs that hold one are looked at."""

import numpy as np
from ase import Atoms

from auric.descriptors.power_spectrum import Neighbours, add_rows
from auric.descriptors.weighted import WeightedPowerSpectrum


class MovingSum:
    """A structure whose sum is kept up to date through moves of a few atoms.

    Rounding adds up by about 1e-16 of the sum a move; `refresh` starts afresh.

    Args:
        weighted: Makes the sum.
        atoms: Where all atoms are; errors are those of `PowerSpectrum.describe`.

    Attributes:
        positions: Shape (atoms, 3), angstrom.
        value: The sum.
    """

    def __init__(self, weighted: WeightedPowerSpectrum, atoms: Atoms) -> None:
        self._weighted, self._atoms = weighted, atoms.copy()
        self._tried: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray, float] | None = None
        self.refresh()

    def refresh(self) -> None:
        """Compute everything anew."""
        spectrum = self._weighted.spectrum
        self._elements, neighbours = spectrum.prepare(self._atoms)
        self.positions = self._atoms.positions
        self._density = spectrum.density(self._elements, spectrum.parts(neighbours))
        pairs = self._weighted.pair_values(self._elements, neighbours)
        self._triples = self._weighted.triple_values(self._elements, self._density)[0]
        self.value = float(pairs.sum() + self._triples.sum())

    def trial(self, moved: np.ndarray, positions: np.ndarray) -> float:
        """How the sum would change; nothing is changed yet.

        Args:
            moved: Numbers of the atoms that move, shape (k,).
            positions: Where to, shape (k, 3), angstrom.
        """
        there = self.positions.copy()
        there[moved] = positions
        before, after = self._pairs(moved, self.positions), self._pairs(moved, there)
        spectrum = self._weighted.spectrum
        touched = np.unique(np.concatenate([before.first, after.first]))
        place = np.zeros(len(there), dtype=int)
        place[touched] = np.arange(len(touched))
        density = self._density[touched]
        for pairs, sign in ((before, -1), (after, 1)):
            parts = spectrum.parts(pairs)
            near = parts.neighbours
            rows = place[near.first] * len(spectrum.species) + self._elements[near.second]
            products = parts.products().reshape(len(rows), density[0].size // len(spectrum.species))
            added = add_rows(rows, products, len(touched) * len(spectrum.species))
            density = density + sign * added.reshape(density.shape)
        triples = self._weighted.triple_values(self._elements[touched], density)[0]
        gained, lost = (self._weighted.pair_values(self._elements, pairs).sum() for pairs in (after, before))
        change = float(gained - lost + (triples - self._triples[touched]).sum())
        self._tried = (moved, np.array(positions), touched, density, triples, change)
        return change

    def accept(self) -> None:
        """Make the last trial the structure.

        Raises:
            ValueError: If there is none.
        """
        if self._tried is None:
            raise ValueError("there is no trial to accept; call `trial` first")
        moved, positions, touched, density, triples, change = self._tried
        self.positions[moved] = positions
        self._density[touched], self._triples[touched] = density, triples
        self.value += change
        self._tried = None

    def _pairs(self, moved: np.ndarray, positions: np.ndarray) -> Neighbours:
        """Ordered pairs within reach that hold a moved atom, each once."""
        apart = positions[None] - positions[moved][:, None]
        distances = np.sqrt(np.einsum("kai,kai->ka", apart, apart))
        distances[np.arange(len(moved)), moved] = np.inf
        rows, others = np.nonzero(distances < self._weighted.spectrum.reach)
        lengths = distances[rows, others]
        directions = apart[rows, others] / lengths[:, None]
        still = np.ones(len(positions), dtype=bool)
        still[moved] = False
        back = still[others]  # two moved atoms meet in both orders already
        return Neighbours(
            np.concatenate([moved[rows], others[back]]), np.concatenate([others, moved[rows[back]]]),
            np.concatenate([lengths, lengths[back]]), np.concatenate([directions, -directions[back]]),
        )  # fmt: skip
