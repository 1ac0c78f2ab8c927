"""Single points with forces, as a relaxation asks for them, each kept in the label store."""

import time
from collections.abc import Sequence
from functools import partial
from typing import ClassVar

import numpy as np
from ase import Atoms
from ase.calculators.calculator import CalculationFailed, Calculator, all_changes

from auric.reference.calculators import engine_calculator
from auric.reference.interface import Engine
from auric.reference.store import Entry, Store, structure_hash
from auric.reference.version import METHOD_VERSION


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
            forces = self._inner.get_property("forces", plain)
        except CalculationFailed:
            labels = self.engine.label(plain, self.charge, self.multiplicity)  # which knows what else to try
            energy, forces = labels.energy_ev, labels.forces_ev_angstrom
        return {"energy_ev": energy, "core_seconds": time.process_time() - started}, {
            "forces_ev_angstrom": np.asarray(forces)
        }
