"""Parts of a ligand-protected cluster that move as one: metal atoms, sulfur atoms, and ligands behind their sulfur.

A moving sulfur turns its ligand so that it keeps facing it; a moving ligand keeps its shape and its orientation towards
the sulfur, may change its distance, and may turn about the bond (J. Phys. Chem. A 124, 4827 (2020), doi:10.1021/acs.jpca.0c01512,
figure 1C and D, there for methyl groups). Bonds inside a ligand never change.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.data import covalent_radii
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import cdist
from scipy.spatial.transform import Rotation

from auric.errors import StructureError
from auric.structures.motifs import METALS

BONDED_SHARE = 1.3
"""Atoms nearer than this multiple of the sum of their covalent radii are bonded."""


def bonded_pairs(atoms: Atoms, distances: np.ndarray | None = None) -> np.ndarray:
    """Which atoms are bonded, shape (atoms, atoms), boolean; an atom counts as bonded to itself.

    Args:
        atoms: A structure.
        distances: Of its atoms from each other (angstrom), if they are not to be those of its positions.
    """
    reach = BONDED_SHARE * (covalent_radii[atoms.numbers][:, None] + covalent_radii[atoms.numbers])
    return np.asarray((cdist(atoms.positions, atoms.positions) if distances is None else distances) < reach)


@dataclass(frozen=True)
class Block:
    """One part that moves.

    Attributes:
        kind: `metal`, `sulfur` or `ligand`.
        atom: The metal or sulfur atom, or the ligand's atom next to its sulfur.
        ligand: Atoms of the ligand that turns with it, `atom` of a ligand among them; empty for metal.
        anchor: What the ligand faces: of a ligand its sulfur, of a sulfur the ligand's atom next to it; -1 for metal and
            for sulfur without a ligand.
    """

    kind: str
    atom: int
    ligand: tuple[int, ...] = ()
    anchor: int = -1

    @property
    def moved(self) -> tuple[int, ...]:
        """All atoms whose positions a move can change."""
        return tuple(sorted({self.atom, *self.ligand} - {self.anchor}))


def moving_blocks(atoms: Atoms) -> list[Block]:
    """All parts, in order of their atoms: metals, then sulfurs, then ligands.

    Args:
        atoms: A cluster of metal and thiolates, not periodic.

    Raises:
        StructureError: If an atom belongs to none: to a ligand with two sulfurs, or to something that is bound to none.
    """
    symbols = np.array(atoms.symbols)
    metal, sulfur = np.isin(symbols, METALS), symbols == "S"
    organic = np.flatnonzero(~metal & ~sulfur)
    bonded = bonded_pairs(atoms)
    _, piece = connected_components(bonded[np.ix_(organic, organic)], directed=False)
    roots: dict[int, tuple[int, tuple[int, ...]]] = {}
    for number in range(piece.max(initial=-1) + 1):
        members = organic[piece == number]
        links = [(int(s), int(c)) for s in np.flatnonzero(sulfur) for c in members if bonded[s, c]]
        if len(links) != 1:
            names = ", ".join(f"{symbols[i]}{i}" for i in members[:6])
            raise StructureError(
                f"{atoms.info.get('name', atoms.get_chemical_formula('metal'))}: the atoms {names} have {len(links)} bonds to "
                "sulfur, where a block has one; only thiolates with one sulfur can be moved in blocks"
            )
        ((bound, root),) = links
        if bound in roots:
            raise StructureError(f"sulfur {bound} carries two ligands; only thiolates can be moved in blocks")
        roots[bound] = (root, tuple(int(i) for i in members))
    blocks = [Block("metal", int(i)) for i in np.flatnonzero(metal)]
    for s in np.flatnonzero(sulfur):
        root, members = roots.get(int(s), (-1, ()))
        blocks.append(Block("sulfur", int(s), members, root))
    return blocks + [Block("ligand", root, members, s) for s, (root, members) in sorted(roots.items())]


def move_block(
    positions: np.ndarray, block: Block, shift_angstrom: Sequence[float] | np.ndarray, turn_degree: float = 0.0
) -> np.ndarray:
    """Positions after one block has moved.

    Args:
        positions: Shape (atoms, 3), angstrom; left as they are.
        block: What moves.
        shift_angstrom: Where its atom goes, shape (3,).
        turn_degree: By how much a ligand turns about the bond to its sulfur, after the shift; of no effect on others.

    Returns:
        Shape (atoms, 3).
    """
    result = np.array(positions, dtype=float)
    result[list(block.moved)] = move_blocks(
        result[None], block, np.asarray(shift_angstrom)[None], np.array([turn_degree])
    )[0]
    return result


def move_blocks(
    positions: np.ndarray, block: Block, shifts_angstrom: np.ndarray, turns_degree: np.ndarray
) -> np.ndarray:
    """Where one block goes in many structures of the same atoms, each moved in its own way.

    The map from before to after keeps volumes of (sulfur, the ligand's atom next to it, angle about their bond), which for a
    ligand of fixed shape are the volumes of Cartesian coordinates: the turn that keeps the ligand facing its sulfur depends
    on directions alone, and the opposite shift undoes it. So proposals drawn evenly need no correction.

    Args:
        positions: Shape (chains, atoms, 3), angstrom.
        block: What moves.
        shifts_angstrom: Where its atom goes, shape (chains, 3).
        turns_degree: By how much a ligand turns about the bond to its sulfur, after the shift, shape (chains,).

    Returns:
        Positions of the atoms `block.moved`, shape (chains, moved, 3).
    """
    moved = np.array(block.moved)
    result = np.array(positions[:, moved], dtype=float)
    result[:, moved == block.atom] += shifts_angstrom[:, None]
    if block.anchor < 0:
        return result
    # The ligand turns about its atom next to the sulfur.
    root = block.anchor if block.kind == "sulfur" else block.atom
    before = positions[:, root] - positions[:, block.anchor if block.kind == "ligand" else block.atom]
    after = before + (shifts_angstrom if block.kind == "ligand" else -shifts_angstrom)
    turn = _least_turns(before, after)
    if block.kind == "ligand":
        about = after / np.linalg.norm(after, axis=1)[:, None]
        turn = Rotation.from_rotvec(np.deg2rad(turns_degree)[:, None] * about) * turn
    others = np.isin(moved, block.ligand) & (moved != root)
    centre = positions[:, root] + (shifts_angstrom if block.kind == "ligand" else 0.0)
    arms = positions[:, moved[others]] - positions[:, root, None]
    result[:, others] = np.einsum("cij,caj->cai", turn.as_matrix(), arms) + centre[:, None]
    return result


def _least_turns(before: np.ndarray, after: np.ndarray) -> Rotation:
    """The rotations by the smallest angle that bring directions into others, shape (chains, 3) each."""
    axes = np.cross(before, after)
    lengths = np.linalg.norm(axes, axis=1)
    angles = np.arctan2(lengths, np.einsum("ci,ci->c", before, after))
    return Rotation.from_rotvec(axes * (angles / np.maximum(lengths, 1e-300))[:, None])
