"""A calculator for relaxations that keeps a record of its calls."""

import time
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from ase import Atoms
from ase.calculators.calculator import CalculationFailed, Calculator, all_changes

from auric.errors import AuricError, ScfError, StructureError
from auric.structures.check import check_overlap


class NotFiniteError(AuricError):
    """A calculator gave an energy or a force that is no number."""


class Recorder(Calculator):  # type: ignore[misc]
    """Passes each structure on to another calculator once, and keeps what came back.

    Args:
        inner: The calculator; without energies (`energy` is not among what it implements) forces alone are asked for.

    Attributes:
        positions: Of each call, shape (atoms, 3), angstrom.
        energies_ev: Of each call; None without energies.
        forces: Of each call, shape (atoms, 3), eV/angstrom, constraints not applied.
        core_seconds: Processor time of all calls; of those from a store, what they took when they were made.
        failed: Calls that brought nothing; they are calls too.
    """

    implemented_properties: ClassVar[list[str]] = ["energy", "forces"]

    def __init__(self, inner: Calculator) -> None:
        super().__init__()
        self.inner = inner
        self.has_energy = "energy" in inner.implemented_properties
        self.positions: list[np.ndarray] = []
        self.energies_ev: list[float | None] = []
        self.forces: list[np.ndarray] = []
        self.core_seconds = 0.0
        self.failed = 0

    @property
    def calls(self) -> int:
        """How often it was asked."""
        return len(self.positions) + self.failed

    def calculate(
        self, atoms: Atoms | None = None, properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = tuple(all_changes),
    ) -> None:  # fmt: skip
        """Called by ASE.

        Raises:
            NotFiniteError: If a force or the energy is not finite.
            ScfError: If the calculator failed, has no answer for a structure on the way, or atoms overlap in it.
            StructureError: If it is so with the first.
        """
        super().calculate(atoms, properties, system_changes)
        wanted = self.atoms.copy()  # without constraints: forces on fixed atoms are forces too
        wanted.set_constraint()
        started, number, formula = time.process_time(), self.calls + 1, self.atoms.get_chemical_formula("metal")
        try:
            check_overlap(wanted)  # engines give atoms on top of each other energies that are far too low
        except StructureError as error:
            if not self.positions:
                raise
            raise ScfError(f"{formula}: not asked for call {number} ({error})") from error
        try:
            forces = np.array(self.inner.get_property("forces", wanted))
            energy = float(self.inner.get_property("energy", wanted)) if self.has_energy else None
        except (CalculationFailed, ScfError, StructureError) as error:
            if isinstance(error, StructureError) and not self.positions:
                raise  # nothing is wrong with the way, but with the start
            self.failed += 1
            self.core_seconds += time.process_time() - started
            raise ScfError(f"{formula}: call {number} failed ({error})") from error
        self.core_seconds += getattr(self.inner, "last_core_seconds", time.process_time() - started)
        if not (np.isfinite(forces).all() and (energy is None or np.isfinite(energy))):
            self.failed += 1
            raise NotFiniteError(
                f"{formula}: energy or forces of call {number} are not finite; check the structure and the potential"
            )
        self.positions.append(self.atoms.get_positions())
        self.energies_ev.append(energy)
        self.forces.append(forces)
        # ASE's optimisers read an energy even where they only print it.
        self.results = {"energy": 0.0 if energy is None else energy, "forces": forces}
