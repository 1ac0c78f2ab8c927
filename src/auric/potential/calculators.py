"""Potentials as ASE calculators."""

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes

from auric.descriptors import Mbtr
from auric.errors import InputError, suggestion
from auric.potential.directed import DirectedForces
from auric.potential.emlm import Emlm
from auric.potential.linear import LinearPotential
from auric.potential.published import load_emlm

UNKNOWN = ("refuse", "zero")


class _Learned(Calculator):  # type: ignore[misc]
    """What the calculators share: they answer everything at once."""

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = tuple(all_changes),
    ) -> None:
        """See ASE's `Calculator.calculate`.

        Raises:
            StructureError: If the structure has an element, or an atom of a class, that was not learned.
        """
        super().calculate(atoms, list(properties), list(system_changes))
        self.results = self._answer(self.atoms)

    @abstractmethod
    def _answer(self, atoms: Atoms) -> dict[str, Any]:
        """All results for a structure."""


class LinearCalculator(_Learned):
    """Energy (eV) and forces (eV/angstrom) of a linear potential; forces are the exact gradient.

    The charge is that of the training data and no argument.

    Args:
        potential: Learned or loaded.
    """

    implemented_properties: ClassVar[list[str]] = ["energy", "free_energy", "forces"]

    def __init__(self, potential: LinearPotential, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.potential = potential

    def _answer(self, atoms: Atoms) -> dict[str, Any]:
        energy, forces = self.potential.energy_and_forces(atoms)
        return {"energy": energy, "free_energy": energy, "forces": forces}


class EmlmCalculator(_Learned):
    """Energy (eV) of EMLM on MBTR, as the thesis's Monte Carlo has it, and its analytic forces (eV/angstrom).

    MBTR steps where a pair crosses its threshold, which the forces do not show; at a reference point the energy has a
    kink, and the force there is that of all other references.

    Args:
        mbtr: Makes the features, those that the model was learned with: another set of MBTR's parameters may have as many
            features and would be taken for them. A file is best taken by `load`.
        model: Fitted to energies (eV) of whole structures.

    Raises:
        InputError: If the numbers of features differ.
    """

    implemented_properties: ClassVar[list[str]] = ["energy", "free_energy", "forces"]

    def __init__(self, mbtr: Mbtr, model: Emlm, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if mbtr.size != model.n_features_in_:
            raise InputError(
                f"MBTR of {mbtr.size} features, and a model of {model.n_features_in_}; give the descriptor that it was learned with"
            )
        self.mbtr, self.model = mbtr, model

    @classmethod
    def load(cls, path: str | Path, **kwargs: Any) -> "EmlmCalculator":
        """The calculator of a file that `train_emlm` wrote, which names its descriptor.

        Raises:
            InputError: If the file is missing, damaged, or holds another model.
        """
        mbtr, model, _ = load_emlm(path)
        return cls(mbtr, model, **kwargs)

    def _answer(self, atoms: Atoms) -> dict[str, Any]:
        features = self.mbtr.describe(atoms)[None]
        energy = float(self.model.predict(features)[0])
        forces = -self.mbtr.pullback(atoms, self.model.gradient(features)[0])
        return {"energy": energy, "free_energy": energy, "forces": forces}


class DirectedCalculator(_Learned):
    """Forces of EMLM norms and OAMLM directions (eV/angstrom): they conserve no energy, and there is none.

    Args:
        forces: Learned or loaded.
        unknown: What happens where atoms are of classes that were not learned: `refuse` (an error names the first one), or
            `zero` (these get no force; elements that were not learned, and structures without a known atom, are refused
            all the same).

    Raises:
        InputError: If `unknown` is another word.
    """

    implemented_properties: ClassVar[list[str]] = ["forces"]

    def __init__(self, forces: DirectedForces, *, unknown: str = "refuse", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if unknown not in UNKNOWN:
            raise InputError(f"forces: unknown='{unknown}' cannot be done; {suggestion(str(unknown), UNKNOWN)}")
        self.forces, self.unknown = forces, unknown

    def _answer(self, atoms: Atoms) -> dict[str, Any]:
        found = self.forces.forces(atoms)
        strange = np.isnan(found).any(axis=1)
        if strange.any() and self.unknown == "refuse":
            self.forces.refuse_unknown(atoms)
        return {"forces": np.where(strange[:, None], 0.0, found)}
