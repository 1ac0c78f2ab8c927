"""Energies of many structures of the same atoms that change by moves of single blocks: only what a move changes is computed."""

from contextlib import suppress
from typing import Protocol

import numpy as np
from ase import Atoms
from ase.calculators.calculator import CalculationFailed, Calculator

from auric.descriptors import Mbtr, MovingSums
from auric.errors import ScfError, StructureError
from auric.potential import Emlm, LinearPotential, SteppingEmlm


class WalkingEnergies(Protocol):
    """What a walk asks of a potential."""

    @property
    def positions(self) -> np.ndarray:
        """As they are now, shape (chains, atoms, 3), angstrom; what is written there counts after `refresh`."""

    @property
    def values(self) -> np.ndarray:
        """Energies, shape (chains,), eV."""

    def trial(self, moved: np.ndarray, positions: np.ndarray) -> np.ndarray:
        """How the energies would change, shape (chains,), eV, if these atoms, shape (k,), went there, shape (chains, k, 3)."""

    def accept(self, which: np.ndarray) -> None:
        """Make the last trial the structure of the chains named, shape (chains,), boolean."""

    def refresh(self) -> None:
        """Compute everything anew from the positions."""


class LinearWalk:
    """A linear potential: only atoms within the cutoff of a move change their parts of the energy.

    Args:
        potential: Learned or loaded.
        atoms: What the structures are made of.
        positions: Where the atoms are, shape (chains, atoms, 3), angstrom.

    Raises:
        StructureError: If the structure has an element that was not learned.
    """

    def __init__(self, potential: LinearPotential, atoms: Atoms, positions: np.ndarray) -> None:
        self._sums = MovingSums(potential.weighted, atoms, positions)
        self._constant = potential.constant_ev(atoms)

    @property
    def positions(self) -> np.ndarray:
        """See `WalkingEnergies`."""
        return np.asarray(self._sums.positions)

    @property
    def values(self) -> np.ndarray:
        """See `WalkingEnergies`."""
        return np.asarray(self._sums.values + self._constant)

    def trial(self, moved: np.ndarray, positions: np.ndarray) -> np.ndarray:
        """See `WalkingEnergies`."""
        return np.asarray(self._sums.trial(moved, positions))

    def accept(self, which: np.ndarray) -> None:
        """See `WalkingEnergies`."""
        self._sums.accept(which)

    def refresh(self) -> None:
        """See `WalkingEnergies`."""
        self._sums.refresh()


class CalculatorWalk:
    """Any ASE calculator: every trial is a whole calculation of each chain. One that fails is never accepted.

    A calculator that begins from where it was before may differ in the last digits from one that is asked afresh; then a walk that goes
    on is as good as, but not bit for bit, one that was never interrupted.

    Args:
        calculator: Gives energies, eV.
        atoms: What the structures are made of.
        positions: Where the atoms are, shape (chains, atoms, 3), angstrom.
    """

    def __init__(self, calculator: Calculator, atoms: Atoms, positions: np.ndarray) -> None:
        self._calculator, self._atoms = calculator, atoms.copy()
        self.positions = np.array(positions, dtype=float)
        self._tried: tuple[np.ndarray, np.ndarray] | None = None
        self.refresh()

    def refresh(self) -> None:
        """See `WalkingEnergies`."""
        self.values = self._computed(self.positions)

    def trial(self, moved: np.ndarray, positions: np.ndarray) -> np.ndarray:
        """See `WalkingEnergies`."""
        there = self.positions.copy()
        there[:, moved] = positions
        self._tried = there, self._computed(there)
        return np.asarray(self._tried[1] - self.values)

    def accept(self, which: np.ndarray) -> None:
        """See `WalkingEnergies`."""
        if self._tried is None:
            raise ValueError("there is no trial to accept; call `trial` first")
        there, values = self._tried
        self.positions[which], self.values[which] = there[which], values[which]
        self._tried = None

    def _computed(self, positions: np.ndarray) -> np.ndarray:
        """Energies of structures, shape (chains,), eV; infinite where there is none."""
        found = np.full(len(positions), np.inf)
        for chain, where in enumerate(positions):
            self._atoms.positions = where
            with suppress(CalculationFailed, ScfError, StructureError):
                found[chain] = self._calculator.get_property("energy", self._atoms)
        return found


EMLM_VERSION = 2
"""Raised by hand when energies of `EmlmWalk` change in their last digits, so that walks are not gone on with on others."""


class EmlmWalk:
    """EMLM on MBTR (doi:10.1021/acs.jpca.0c01512): features change with the pairs that hold a moved atom, and distances to
    all references with these features, in one product of matrices for all chains.

    Args:
        mbtr: Makes the features.
        model: Learned from energies of whole structures, in eV; best compressed (`Emlm.compress`).
        atoms: What the structures are made of.
        positions: Where the atoms are, shape (chains, atoms, 3), angstrom.

    Raises:
        StructureError: If the structure has an element that was not learned.
    """

    def __init__(self, mbtr: Mbtr, model: Emlm, atoms: Atoms, positions: np.ndarray) -> None:
        self._mbtr, self._atoms = mbtr, atoms.copy()
        self.positions = np.array(positions, dtype=float)
        self._tried: tuple[np.ndarray, np.ndarray] | None = None
        self._energies = SteppingEmlm(model, self._described())

    @property
    def values(self) -> np.ndarray:
        """See `WalkingEnergies`."""
        return np.asarray(self._energies.values)

    def refresh(self) -> None:
        """See `WalkingEnergies`."""
        self._energies.refresh(self._described())
        self._tried = None

    def trial(self, moved: np.ndarray, positions: np.ndarray) -> np.ndarray:
        """See `WalkingEnergies`."""
        there, numbers = self.positions.copy(), self._atoms.numbers
        there[:, moved] = positions
        changes = self._mbtr.moved_chains(numbers, self.positions, there, moved)
        self._tried = np.array(moved), np.array(positions)
        return np.asarray(self._energies.trial(changes, self._mbtr.columns(numbers[moved])) - self.values)

    def accept(self, which: np.ndarray) -> None:
        """See `WalkingEnergies`."""
        if self._tried is None:
            raise ValueError("there is no trial to accept; call `trial` first")
        moved, positions = self._tried
        self.positions[np.ix_(which, moved)] = positions[which]
        self._energies.accept(which)
        self._tried = None

    def _described(self) -> np.ndarray:
        """Features of the chains, shape (chains, features)."""
        frames = []
        for where in self.positions:
            frames.append(self._atoms.copy())
            frames[-1].positions = where
        return np.asarray(self._mbtr.describe_all(frames))
