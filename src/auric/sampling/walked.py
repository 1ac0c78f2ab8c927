"""A walk that was made, as all tables on it read it: steps after equilibration, at the temperature that was asked for."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms

from auric.errors import InputError
from auric.files import read_tables
from auric.progress import log
from auric.sampling.trajectory import read_walk


@dataclass(frozen=True)
class Walked:
    """Recorded steps of a walk.

    Attributes:
        told: What is known of it, columns `auric.sampling.beside.WALK_COLUMNS`.
        positions: Of its frames, shape (frames, chains, atoms, 3), angstrom.
        energies_ev: After every step, shape (steps, chains).
        exchanged: Whether the structure of a frame came from another temperature, shape (frames, chains).
    """

    told: Mapping[str, Any]
    positions: np.ndarray
    energies_ev: np.ndarray
    exchanged: np.ndarray

    def next_changes(self) -> np.ndarray:
        """Changes of energy from each step to the next of one structure, shape (n,), eV: none across an exchange of structures."""
        changes = np.diff(self.energies_ev, axis=0)
        same = np.ones(changes.shape, dtype=bool)
        same[self.every - 1 :: self.every] = ~self.exchanged[:-1]  # a frame's own steps were before it exchanged
        return np.asarray(changes[same])

    @property
    def every(self) -> int:
        """Steps from one frame to the next."""
        return len(self.energies_ev) // len(self.positions)

    def common(self, *names: str) -> dict[str, Any]:
        """Some of what is known of it."""
        return {name: self.told[name] for name in names}


def read_walked(trajectory: str | Path, table: str | Path) -> Walked:
    """Read a walk's frames; chains of other temperatures (a ladder's) are left out.

    Args:
        trajectory: Of `run_walk`.
        table: Of the walk, one row of `auric.sampling.beside.WALK_COLUMNS`.
    """
    told = read_tables([table]).iloc[0].to_dict()
    return walked_chains(trajectory, int(told["chains"]), told)


def walked_chains(trajectory: str | Path, chains: int, told: Mapping[str, Any]) -> Walked:
    """The recorded steps of the first chains of a trajectory, up to where the first of them stopped.

    Raises:
        InputError: If one stopped at once.
    """
    frames = _recorded(trajectory, chains)
    stopped = np.asarray(np.reshape([bool(atoms.info["stopped"]) for atoms in frames], (-1, chains)).any(axis=1))
    whole = int(np.argmax(stopped)) if stopped.any() else len(stopped)
    if not whole:
        raise InputError(
            f"{trajectory}: a chain left what the potential has learned before its first frame; expand the potential, or give stop_outside: 0"
        )
    if whole < len(stopped):
        log.warning("%s: told up to frame %d of %d, where a chain stopped", trajectory, whole, len(stopped))
    shape, frames = (whole, chains), frames[: whole * chains]
    positions = np.array([atoms.positions for atoms in frames])
    energies = np.array([np.atleast_1d(atoms.info["step_energies_ev"]) for atoms in frames])
    return Walked(
        told,
        positions.reshape(*shape, *positions.shape[1:]),
        energies.reshape(*shape, energies.shape[1]).transpose(0, 2, 1).reshape(-1, chains),
        np.reshape([bool(atoms.info["exchanged"]) for atoms in frames], shape),
    )


def visited(trajectory: str | Path, chains: int) -> list[Atoms]:
    """Frames of the first chains after equilibration; of a chain that stopped, at whatever step, that frame and no copies of it."""
    found, ended = [], set()
    for atoms in read_walk(trajectory):
        chain, stopped = int(atoms.info["chain"]), bool(atoms.info["stopped"])
        if chain < chains and chain not in ended and (stopped or atoms.info["step"] > 0):
            found.append(atoms)
        if stopped:
            ended.add(chain)
    return found


def _recorded(trajectory: str | Path, chains: int) -> list[Atoms]:
    return [atoms for atoms in read_walk(trajectory) if atoms.info["step"] > 0 and atoms.info["chain"] < chains]
