"""What every engine of the ladder offers: `label(atoms, charge, multiplicity) -> Labels`."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from ase import Atoms

if TYPE_CHECKING:  # whoever asks for the names of engines need not load PySCF
    from auric.reference.orbitals import Orbitals


@dataclass(frozen=True)
class Labels:
    """What an engine says of one structure.

    Attributes:
        energy_ev: Total energy (eV).
        forces_ev_angstrom: Shape (atoms, 3), or None if they were not asked for.
        orbitals: Occupied orbitals, or None for engines without.
        details: How it went: attempt, cycles, seconds, threads.
    """

    energy_ev: float
    forces_ev_angstrom: np.ndarray | None
    orbitals: "Orbitals | None"
    details: dict[str, Any]


class Engine(Protocol):
    """Anything that labels structures."""

    name: str

    def identity(self) -> dict[str, Any]:
        """The settings that change numbers (threads and memory do not), for the label store and provenance."""

    def check(self, symbols: list[str]) -> None:
        """Refuse elements that the engine cannot label, before anything is computed.

        Raises:
            StructureError: If there is one.
        """

    def label(self, atoms: Atoms, charge: int, multiplicity: int, *, start: "Orbitals | None" = None) -> Labels:
        """Label one structure.

        Args:
            atoms: The structure (angstrom).
            charge: Total charge.
            multiplicity: 2S + 1.
            start: Orbitals of a like frame to start from: they change how long it takes, and numbers by no more than
                the convergence tolerance. Engines that cannot use them do not.

        Raises:
            ScfError: If nothing in the retry ladder converged.
        """
