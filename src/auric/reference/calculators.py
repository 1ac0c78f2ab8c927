"""ASE calculators (eV, eV/angstrom) of reference engines, whose self-consistent fields start from the structure before."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import ClassVar

import numpy as np
from ase import Atoms
from ase.calculators.calculator import CalculationFailed, Calculator, all_changes

from auric.errors import InputError, ScfError
from auric.reference.interface import Engine
from auric.reference.orbitals import Orbitals
from auric.reference.xtb import XtbEngine

LEAP_EV = 3.0
"""Between one structure and the next; steps of dynamics and of relaxations change the energy by less."""


class SteadyCalculator(Calculator):  # type: ignore[misc]
    """Another calculator, begun afresh where it cannot be trusted to start from the structure before.

    After an unphysical structure a field may stay in a state that is none: GFN1-xTB kept 17 eV too low an energy of a sound
    structure after one with overlapping atoms. So a leap of the energy is asked for again, by a calculator that knows nothing.

    Args:
        make: Makes the other one.
    """

    implemented_properties: ClassVar[list[str]] = ["energy", "forces"]

    def __init__(self, make: Callable[[], Calculator]) -> None:
        super().__init__()
        self._make = make
        self._begin()

    def _begin(self) -> None:
        self._inner, self._before_ev = self._make(), np.nan

    def calculate(
        self, atoms: Atoms | None = None, properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = tuple(all_changes),
    ) -> None:  # fmt: skip
        """Called by ASE.

        Raises:
            CalculationFailed, ScfError: As the other calculator; the next structure begins afresh.
            InputError: As the other calculator.
        """
        super().calculate(atoms, properties, system_changes)
        plain = Atoms(self.atoms.numbers, self.atoms.positions)
        try:
            energy = float(self._inner.get_property("energy", plain))
            if abs(energy - self._before_ev) > LEAP_EV:
                self._begin()
                energy = float(self._inner.get_property("energy", plain))
            self.results = {"energy": energy, "forces": self._inner.get_property("forces", plain)}
        except (CalculationFailed, ScfError):
            self._begin()
            raise
        if np.isfinite(energy):
            self._before_ev = energy
        else:
            self._begin()


class EngineCalculator(Calculator):  # type: ignore[misc]
    """Any engine that labels with forces; each call starts from the orbitals of the last."""

    implemented_properties: ClassVar[list[str]] = ["energy", "forces"]

    def __init__(self, engine: Engine, charge: int, multiplicity: int) -> None:
        super().__init__()
        self.engine, self.charge, self.multiplicity = engine, charge, multiplicity
        self._last: Orbitals | None = None

    def calculate(
        self, atoms: Atoms | None = None, properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = tuple(all_changes),
    ) -> None:  # fmt: skip
        """Called by ASE.

        Raises:
            InputError: If the engine's settings leave out forces.
            ScfError: If nothing in the engine's retry ladder converged.
        """
        super().calculate(atoms, properties, system_changes)
        labels = self.engine.label(self.atoms, self.charge, self.multiplicity, start=self._last)
        if labels.forces_ev_angstrom is None:
            raise InputError(f"the engine {self.engine.name} gives no forces; set forces: true in its settings")
        self._last = labels.orbitals
        self.results = {"energy": labels.energy_ev, "forces": labels.forces_ev_angstrom}


def engine_calculator(
    engine: Engine, charge: int, multiplicity: int, *, temperature_k: float | None = None
) -> SteadyCalculator:
    """A calculator of an engine: its own if it has one.

    Args:
        engine: The engine.
        charge: Total charge.
        multiplicity: 2S + 1.
        temperature_k: Electronic temperature (kelvin) of an engine that has its own; by default that of its settings.
    """
    if isinstance(engine, XtbEngine):
        return SteadyCalculator(partial(engine.calculator, charge, multiplicity, temperature_k=temperature_k))
    return SteadyCalculator(partial(EngineCalculator, engine, charge, multiplicity))
