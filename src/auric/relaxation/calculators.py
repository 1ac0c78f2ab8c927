"""Calculators for relaxations: one that keeps a record of its calls, and one that takes known points from the label store."""

import time
from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar

import numpy as np
from ase import Atoms
from ase.calculators.calculator import CalculationFailed, Calculator, all_changes

from auric.errors import AuricError, ScfError
from auric.reference.dynamics import engine_calculator
from auric.reference.interface import Engine
from auric.reference.store import Entry, Store, structure_hash
from auric.reference.version import METHOD_VERSION


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

    @property
    def calls(self) -> int:
        """How often it was asked."""
        return len(self.positions)

    def calculate(
        self, atoms: Atoms | None = None, properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = tuple(all_changes),
    ) -> None:  # fmt: skip
        """Called by ASE.

        Raises:
            NotFiniteError: If a force or the energy is not finite.
            ScfError: If the calculator failed.
        """
        super().calculate(atoms, properties, system_changes)
        wanted = self.atoms.copy()  # without constraints: forces on fixed atoms are forces too
        wanted.set_constraint()
        started = time.process_time()
        try:
            forces = np.array(self.inner.get_property("forces", wanted))
            energy = float(self.inner.get_property("energy", wanted)) if self.has_energy else None
        except CalculationFailed as error:
            raise ScfError(
                f"{self.atoms.get_chemical_formula('metal')}: call {self.calls + 1} failed ({error})"
            ) from error
        spent = time.process_time() - started
        self.core_seconds += getattr(self.inner, "last_core_seconds", spent)
        if not (np.isfinite(forces).all() and (energy is None or np.isfinite(energy))):
            raise NotFiniteError(
                f"{self.atoms.get_chemical_formula('metal')}: energy or forces of call {self.calls + 1} are not finite; "
                "check the structure and the potential"
            )
        self.positions.append(self.atoms.get_positions())
        self.energies_ev.append(energy)
        self.forces.append(forces)
        # ASE's optimisers read an energy even where they only print it.
        self.results = {"energy": 0.0 if energy is None else energy, "forces": forces}


class StoredCalculator(Calculator):  # type: ignore[misc]
    """Energies (eV) and forces (eV/angstrom) of a reference engine, each point kept in the label store.

    A relaxation that was killed finds its points again, bit for bit, and goes on behind them. Self-consistent fields start
    from the point before, so that a point depends on it within the convergence tolerance.

    Args:
        engine: Gives energies and forces.
        charge: Total charge.
        multiplicity: 2S + 1.
        store: Keeps the points.

    Attributes:
        computed: Points that were not in the store.
        last_core_seconds: Processor time that the last point took when it was computed.
    """

    implemented_properties: ClassVar[list[str]] = ["energy", "forces"]

    def __init__(self, engine: Engine, charge: int, multiplicity: int, store: Store) -> None:
        super().__init__()
        self.engine, self.charge, self.multiplicity, self.store = engine, charge, multiplicity, store
        self.computed, self.last_core_seconds = 0, 0.0
        self._inner = engine_calculator(engine, charge, multiplicity)

    def calculate(
        self, atoms: Atoms | None = None, properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = tuple(all_changes),
    ) -> None:  # fmt: skip
        """Called by ASE.

        Raises:
            ScfError: If nothing in the engine's retry ladder converged.
            StructureError: If the engine cannot label an element.
        """
        super().calculate(atoms, properties, system_changes)
        identity = {
            "kind": "point", "structure": structure_hash(self.atoms, self.charge, self.multiplicity),
            # The hash rounds, and a relaxation is followed to the last bit.
            "positions": [float(x).hex() for x in self.atoms.positions.ravel()],
            "engine": self.engine.identity(), "method_version": METHOD_VERSION,
        }  # fmt: skip
        (content, arrays), _ = self.store.get_or_make(identity, partial(self._label, self.atoms))
        self.last_core_seconds = content["core_seconds"]
        self.results = {"energy": content["energy_ev"], "forces": arrays["forces_ev_angstrom"]}

    def _label(self, atoms: Atoms) -> Entry:
        self.computed += 1
        self.engine.check(atoms.get_chemical_symbols())
        plain, started = Atoms(atoms.numbers, atoms.positions), time.process_time()
        try:
            energy = float(self._inner.get_property("energy", plain))
            forces: Any = self._inner.get_property("forces", plain)
        except CalculationFailed:
            labels = self.engine.label(plain, self.charge, self.multiplicity)  # which knows what else to try
            energy, forces = labels.energy_ev, labels.forces_ev_angstrom
        return {"energy_ev": energy, "core_seconds": time.process_time() - started}, {
            "forces_ev_angstrom": np.asarray(forces)
        }
