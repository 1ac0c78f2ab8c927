"""How weighted sums of power-spectrum features change when a few atoms move: only pairs that hold one are looked at.

Many structures of the same atoms (chains of a Monte Carlo walk) advance together, so that the work is done in few large
array operations. The density c around an atom is linear in its neighbours, and the three-body part of its sum is quadratic in
the density, so that with the derivative g kept for every atom a change dc costs

    dE = g . dc + dc . W dc

in the channels of the elements that move, where all channels would be needed to start afresh.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from ase import Atoms
from scipy.sparse import csr_matrix

from auric.descriptors.checks import SAME_PLACE_ANGSTROM
from auric.descriptors.harmonics import harmonic_values, radial_functions
from auric.descriptors.weighted import WeightedPowerSpectrum


@dataclass(frozen=True)
class _Centres:
    """Atoms around which the density changes.

    Attributes:
        atoms: Numbers among the atoms of all chains, shape (n,), each once.
        elements: Of the atoms.
        chains: Whose atoms.
        channels: Those that change.
        change: Of the density in them, shape (n, (l_max + 1)^2, channels that change).
        values: Of the atoms' sums, afterwards.
    """

    atoms: np.ndarray
    elements: np.ndarray
    chains: np.ndarray
    channels: np.ndarray
    change: np.ndarray
    values: np.ndarray


class _Pairs(NamedTuple):
    """Pairs that hold a moved atom, each with an axis of pairs.

    Attributes:
        sign: -1 before the move, 1 after it.
        chain: Whose.
        mover: Place of the first atom among the moved.
        other: Number of the second.
        mine: Element of the first.
        theirs: Element of the second.
        back: Whether the second stays; two moved atoms meet in both orders already.
        distances: Angstrom.
        directions: From first to second.
    """

    sign: np.ndarray
    chain: np.ndarray
    mover: np.ndarray
    other: np.ndarray
    mine: np.ndarray
    theirs: np.ndarray
    back: np.ndarray
    distances: np.ndarray
    directions: np.ndarray

    def nearer(self, cutoff: float) -> "_Pairs":
        """Those nearer than a cutoff."""
        near = np.flatnonzero(self.distances < cutoff)
        return _Pairs(*(each[near] for each in self))


class MovingSums:
    """Structures whose sums are kept up to date through moves of a few atoms.

    Rounding adds up by about 1e-16 of the sum a move; `refresh` starts afresh.

    Args:
        weighted: Makes the sums.
        atoms: What the structures are made of; errors are those of `PowerSpectrum.describe`.
        positions: Where the atoms of each structure are, shape (chains, atoms, 3), angstrom; by default one structure, as given.

    Attributes:
        positions: As they are now.
        values: The sums, shape (chains,).
    """

    def __init__(self, weighted: WeightedPowerSpectrum, atoms: Atoms, positions: np.ndarray | None = None) -> None:
        self._weighted, self._atoms = weighted, atoms.copy()
        self.positions = np.array(atoms.positions[None] if positions is None else positions, dtype=float)
        self._tried: tuple[np.ndarray, np.ndarray, list[_Centres], np.ndarray] | None = None
        self.refresh()

    def refresh(self) -> None:
        """Compute everything anew."""
        spectrum = self._weighted.spectrum
        pieces = []
        for where in self.positions:
            self._atoms.positions = where
            self._elements, neighbours = spectrum.prepare(self._atoms)
            density = spectrum.density(self._elements, *spectrum.products(neighbours))
            triples, response = self._weighted.triple_values(self._elements, density)
            pairs = self._weighted.pair_values(self._elements, neighbours).sum()
            pieces.append((density.transpose(0, 2, 1), response.transpose(0, 2, 1), triples, pairs + triples.sum()))
        self._density, self._response, self._triples = (
            np.concatenate([piece[number] for piece in pieces]) for number in range(3)
        )
        self.values = np.array([piece[3] for piece in pieces])
        self._tried = None

    def trial(self, moved: np.ndarray, positions: np.ndarray) -> np.ndarray:
        """How the sums would change; nothing is changed yet.

        Args:
            moved: Numbers of the atoms that move, the same in all chains, shape (k,).
            positions: Where to, shape (chains, k, 3), angstrom.

        Returns:
            Shape (chains,); infinite where an atom would come to lie on another.
        """
        cutoff, chains = self._weighted.spectrum.settings.cutoff_angstrom, len(self.positions)
        pairs = self._pairs(moved, positions)
        energies = self._weighted.pair_energies(pairs.mine, pairs.theirs, pairs.back, pairs.distances)
        change = np.zeros(chains)  # sums over no pairs are whole numbers
        change += np.bincount(pairs.chain, pairs.sign * energies, chains)
        near = pairs.nearer(cutoff)
        products = self._products(near.distances, near.directions)
        centres = [self._around_moved(moved, near, products), self._around_others(moved, near, products)]
        for one in centres:
            change += np.bincount(one.chains, one.values - self._triples[one.atoms], chains)
        crowded = np.bincount(near.chain, near.distances < SAME_PLACE_ANGSTROM, chains) > 0
        change[crowded] = np.inf
        self._tried = np.array(moved), np.array(positions), centres, change
        return change.copy()

    def accept(self, which: np.ndarray | None = None) -> None:
        """Make the last trial the structure.

        Args:
            which: Of which chains, shape (chains,), boolean; all by default.

        Raises:
            ValueError: If there is no trial.
        """
        if self._tried is None:
            raise ValueError("there is no trial to accept; call `trial` first")
        moved, positions, centres, change = self._tried
        self._tried = None
        which = np.ones(len(self.positions), dtype=bool) if which is None else which
        self.positions[np.ix_(which, moved)] = positions[which]
        self.values[which] += change[which]
        for one in centres:
            taken = which[one.chains]
            atoms, steps = one.atoms[taken], one.change[taken]
            self._triples[atoms] = one.values[taken]
            self._density[np.ix_(atoms, np.arange(steps.shape[1]), one.channels)] += steps
            self._weighted.respond(self._response, atoms, one.elements[taken], one.channels, steps)

    def _changed(self, atoms: np.ndarray, channels: np.ndarray, change: np.ndarray) -> _Centres:
        elements = self._elements[atoms % len(self._elements)]
        values = self._triples[atoms] + self._weighted.triple_changes(
            elements, self._density, self._response, self._triples, atoms, channels, change
        )
        return _Centres(atoms, elements, atoms // len(self._elements), channels, change, values)

    def _around_moved(self, moved: np.ndarray, pairs: _Pairs, products: np.ndarray) -> _Centres:
        """Around the atoms that move every channel may change."""
        chains, kinds = len(self.positions), len(self._weighted.spectrum.species)
        rows = (pairs.chain * len(moved) + pairs.mover) * kinds + pairs.theirs
        change = self._by_centre(rows, pairs.sign, products, chains * len(moved), kinds)
        atoms = np.repeat(np.arange(chains), len(moved)) * len(self._elements) + np.tile(moved, chains)
        return self._changed(atoms, np.arange(change.shape[2]), change)

    def _around_others(self, moved: np.ndarray, pairs: _Pairs, products: np.ndarray) -> _Centres:
        """Around the others only the channels of the elements that move; the direction there is the opposite."""
        spectrum, count = self._weighted.spectrum, len(self._elements)
        used, back = np.unique(self._elements[moved]), pairs.back
        places = np.zeros(len(self.positions) * count, dtype=np.intp)
        places[(pairs.chain * count + pairs.other)[back]] = 1
        touched = np.flatnonzero(places)
        places[touched] = np.arange(len(touched))
        rows = places[pairs.chain * count + pairs.other] * len(used) + np.searchsorted(used, pairs.mine)
        change = self._by_centre(rows[back], pairs.sign[back], products[back], len(touched), len(used))
        channels = (used[:, None] * spectrum.settings.functions + np.arange(spectrum.settings.functions)).ravel()
        return self._changed(touched, channels, change * spectrum.parity[:, None])

    def _by_centre(
        self, rows: np.ndarray, sign: np.ndarray, products: np.ndarray, centres: int, kinds: int
    ) -> np.ndarray:
        """Sum of pairs' products for each centre and element, shape (centres, (l_max + 1)^2, elements times functions)."""
        summed = _sum_rows(rows, sign, products, centres * kinds)
        functions = self._weighted.spectrum.settings.functions
        degrees = products.shape[1] // functions
        return (
            summed.reshape(centres, kinds, degrees, functions)
            .transpose(0, 2, 1, 3)
            .reshape(centres, degrees, kinds * functions)
        )

    def _pairs(self, moved: np.ndarray, positions: np.ndarray) -> _Pairs:
        """Pairs within reach that hold a moved atom, before and after."""
        there = self.positions.copy()
        there[:, moved] = positions
        sides = np.stack((self.positions, there))
        apart = sides[:, :, None] - sides[:, :, moved, None]
        squares = np.einsum("sckai,sckai->scka", apart, apart)
        squares[:, :, np.arange(len(moved)), moved] = np.inf
        side, chain, mover, other = np.nonzero(squares < self._weighted.spectrum.reach**2)
        # Two atoms on one place have no direction; the trial is refused, so any finite one will do.
        distances = np.sqrt(np.maximum(squares[side, chain, mover, other], SAME_PLACE_ANGSTROM**2 / 4))
        directions = apart[side, chain, mover, other] / distances[:, None]
        still = np.ones(len(self._elements), dtype=bool)
        still[moved] = False
        return _Pairs(
            2.0 * side - 1.0, chain, mover, other, self._elements[moved][mover], self._elements[other], still[other],
            distances, directions,
        )  # fmt: skip

    def _products(self, distances: np.ndarray, directions: np.ndarray) -> np.ndarray:
        """R_n Y_lm of pairs, shape (pairs, (l_max + 1)^2 times functions)."""
        s = self._weighted.spectrum.settings
        radial, _ = radial_functions(distances, count=s.functions, cutoff=s.cutoff_angstrom, decay=s.decay_angstrom)
        values = harmonic_values(directions, s.l_max)
        return np.asarray(
            (values.T[:, :, None] * radial[:, None, :]).reshape(len(distances), values.shape[0] * s.functions)
        )


def _sum_rows(places: np.ndarray, signs: np.ndarray, rows: np.ndarray, count: int) -> np.ndarray:
    """Signed sum of the rows that belong to each of `count` places."""
    return np.asarray(csr_matrix((signs, (places, np.arange(len(places)))), shape=(count, len(places))) @ rows)
