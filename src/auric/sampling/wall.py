"""A wall that keeps a walk out of contacts that its potential knows nothing of.

A learned potential is not bound to repel atoms that are nearer than any it has seen, and a walk looks for low energies: sooner or
later one of its chains finds two ligands that attract each other without end. Dynamics of the same length would not come there.
"""

from collections.abc import Sequence
from itertools import groupby

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers, vdw_radii
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import cdist

from auric.errors import InputError
from auric.progress import log
from auric.structures.blocks import bonded_pairs
from auric.structures.motifs import METALS

CONTACT_SHARE = 0.8
"""Of the sum of van der Waals radii: nearer than this the wall never stands, whatever training has not seen."""
_RADII = vdw_radii.copy()
_RADII[atomic_numbers["H"]] = 1.10
"""ASE has 1.20 for hydrogen (doi:10.1021/j100785a001); this is that of doi:10.1021/jp953141+, as ligands do touch at 1.7 angstrom."""


class Wall:
    """The least distances of atoms of different parts (metal atoms, and ligands with their sulfur), by their elements.

    It stands at `share` of the shortest distance in training. Where training has seen no contact of two elements, that would keep
    out contacts that are there in truth; so it stands at 0.8 of the sum of their van der Waals radii at most (of doi:10.1021/j100785a001
    and doi:10.1021/jp8111556, as ASE has them).

    Args:
        frames: What the potential has learned from; those of one run, or of the same atoms in a row, are taken to have the same bonds.
        share: Of the shortest distance; just below 1, as what lies a little beyond what was seen is still known.

    Raises:
        InputError: If the share is not above 0 and at most 1.
    """

    def __init__(self, frames: Sequence[Atoms], share: float) -> None:
        if not 0 < share <= 1:
            raise InputError(f"a wall at {share} of the shortest distance known; give a share above 0 and up to 1")
        closest = np.full((len(_RADII), len(_RADII)), np.inf)
        for _, alike in groupby(frames, key=lambda atoms: (atoms.info.get("run"), atoms.numbers.tobytes())):
            run = list(alike)
            apart = _apart(run[0])
            pairs = [numbers[apart] for numbers in np.broadcast_arrays(run[0].numbers[:, None], run[0].numbers)]
            for atoms in run:
                np.minimum.at(closest, tuple(pairs), cdist(atoms.positions, atoms.positions)[apart])
        touching = CONTACT_SHARE * (_RADII[:, None] + _RADII)
        limits = np.fmin(share * closest, touching)  # some radii are not known, and then not a number
        self._limits = np.where(np.isfinite(limits), limits, 0.0)

    def limit_angstrom(self, one: int, other: int) -> float:
        """The least distance of two elements, given by their atomic numbers; 0 where nothing is known of them."""
        return float(self._limits[one, other])

    def around(self, starts: Sequence[Atoms]) -> "StandingWall":
        """The wall of structures of the same atoms, which keep their bonds; it leaves out what is nearer in one of them already."""
        atoms = starts[0]
        limits = np.where(_apart(atoms), self._limits[atoms.numbers[:, None], atoms.numbers], 0.0)
        there = np.min([cdist(start.positions, start.positions) for start in starts], axis=0)
        if left_out := int((there < limits).sum()) // 2:
            log.warning("%d pairs of atoms start nearer than the wall and are not held by it", left_out)
        return StandingWall(np.where(there < limits, 0.0, limits))


class StandingWall:
    """The wall for structures of the same atoms.

    Args:
        limits: The least distances, shape (atoms, atoms), angstrom; 0 for none.

    Attributes:
        limits: The same.
    """

    def __init__(self, limits: np.ndarray) -> None:
        self.limits = limits
        self._squares = limits**2

    def blocks(self, positions: np.ndarray, moved: np.ndarray, there: np.ndarray) -> np.ndarray:
        """Which chains' moves lead behind the wall, shape (chains,), boolean.

        Args:
            positions: As they are, shape (chains, atoms, 3), angstrom.
            moved: Atoms that would move together, shape (k,).
            there: Where they would go, shape (chains, k, 3), angstrom.
        """
        squares = self._squares[moved]
        squares[:, moved] = 0.0
        near = np.flatnonzero(squares.any(axis=0))
        away = ((there[:, :, None] - positions[:, None, near]) ** 2).sum(axis=3)
        return np.asarray((away < squares[:, near]).any(axis=(1, 2)))

    def behind(self, positions: np.ndarray) -> np.ndarray:
        """Which structures are behind it, shape (structures,), boolean; positions of shape (structures, atoms, 3), angstrom."""
        return np.array([bool((cdist(where, where) < self.limits).any()) for where in positions], dtype=bool)


def _apart(atoms: Atoms) -> np.ndarray:
    """Which atoms belong to different parts, shape (atoms, atoms), boolean."""
    metal = np.isin(atoms.symbols, METALS)
    bonded = bonded_pairs(atoms) & ~metal[:, None] & ~metal
    part = connected_components(bonded, directed=False)[1]
    return np.asarray(part[:, None] != part)
