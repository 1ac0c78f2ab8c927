"""The ladder of theory behind one interface: `label(atoms, charge, multiplicity) -> Labels`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from ase import Atoms

from auric.errors import InputError, suggestion
from auric.reference.orbitals import Orbitals

ENGINES = ("gfn1-xtb", "pyscf-gto")


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
    orbitals: Orbitals | None
    details: dict[str, Any]


class Engine(Protocol):
    """Anything that labels structures."""

    name: str

    def identity(self) -> dict[str, Any]:
        """The settings that change numbers (threads and memory do not), for the label store and provenance."""

    def label(self, atoms: Atoms, charge: int, multiplicity: int) -> Labels:
        """Label one structure.

        Raises:
            ScfError: If nothing in the retry ladder converged.
        """


def make_engine(name: str, settings: Mapping[str, Any], *, threads: int = 1, memory_mb: int = 4000) -> Engine:
    """Make an engine of the ladder by name; engines are imported only when used.

    Raises:
        InputError: If there is no engine of that name, or a setting cannot be used.
    """
    if name == "gfn1-xtb":
        from auric.reference.xtb import XtbEngine, XtbSettings

        return XtbEngine(XtbSettings(**settings))
    if name == "pyscf-gto":
        from auric.reference.gto import GtoEngine, GtoSettings

        return GtoEngine(GtoSettings(**settings), threads=threads, memory_mb=memory_mb)
    raise InputError(f"unknown engine '{name}'; {suggestion(name, ENGINES)}")
