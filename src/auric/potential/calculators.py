"""Potentials as ASE calculators."""

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes

from auric.potential.linear import LinearPotential


class LinearCalculator(Calculator):  # type: ignore[misc]
    """Energy (eV), its atomic parts, and forces (eV/angstrom) of a linear potential; forces are the exact gradient.

    The energy is that of the neutral structures in the potential's training data; charge is no argument.

    Args:
        potential: Learned or loaded.
    """

    implemented_properties: ClassVar[list[str]] = ["energy", "free_energy", "forces"]

    def __init__(self, potential: LinearPotential, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.potential = potential

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = tuple(all_changes),
    ) -> None:
        """See ASE's `Calculator.calculate`.

        Raises:
            StructureError: If the structure has an element that the potential has not learned.
        """
        super().calculate(atoms, list(properties), list(system_changes))
        assert self.atoms is not None
        energy, forces = self.potential.energy_and_forces(self.atoms)
        self.results = {"energy": energy, "free_energy": energy, "forces": np.asarray(forces)}
