"""Cells of crystals as exports of databases hold them: several copies of a cluster, solvent and counter-ions side by side."""

from pathlib import Path

import numpy as np
from ase import Atoms
from ase.data import covalent_radii
from ase.neighborlist import neighbor_list

from auric.errors import StructureError
from auric.matching.ligand_smiles import BOND_STRETCH, METALS
from auric.matching.splitting import METAL_TOUCH, TOUCH
from auric.structures import check_cell, read_crystal
from auric.structures.fields import ATOM_LIMIT

LONGEST_ANGSTROM = 4.0
APART_ANGSTROM = 20.0
"""Molecules are put this far from each other, so that none seems to touch another."""


def read_cluster(path: str | Path) -> Atoms:
    """Read a file that holds a cluster and perhaps others beside it; of a cell every molecule is put together by itself.

    Returns:
        Not periodic, positions in angstrom; `info` as of `read_crystal`, without `listed`.

    Raises:
        StructureError: As `read_crystal`; and a cell through which bonds run on, or with molecules of too many atoms.
    """
    found = read_crystal(path)
    info = dict(found.info)
    listed = info.pop("listed")
    try:
        atoms = molecules_apart(found, listed=listed) if found.pbc.any() else found
    except StructureError as error:
        raise StructureError(f"{path}: {error}") from None
    if len(atoms) > ATOM_LIMIT:
        raise StructureError(
            f"{path}: molecules of {len(atoms)} atoms, more than {ATOM_LIMIT}; save one cluster as xyz"
        )
    return Atoms(atoms.numbers, atoms.positions, info=info)


def molecules_apart(cell: Atoms, *, listed: int | None = None) -> Atoms:
    """The molecules of a cell, each put together over the cell's walls, and set apart from each other.

    Args:
        cell: Atoms in a periodic cell (angstrom).
        listed: Molecules that hold none of so many first atoms are left out, as symmetry makes them of others; None: all stay.

    Raises:
        StructureError: If bonds run on through the cell: a network, not molecules; or a cell that no cluster fits into.
    """
    check_cell(cell)
    first, second, lengths, images = neighbor_list("ijdS", cell, LONGEST_ANGSTROM)
    metal = np.isin(cell.numbers, list(METALS))
    limits = np.where(
        metal[first] & metal[second], METAL_TOUCH, np.where(metal[first] | metal[second], TOUCH, BOND_STRETCH)
    )
    radii = covalent_radii[cell.numbers]
    bonded = lengths < limits * (radii[first] + radii[second])
    # A hydrogen atom of a ligand may come near a metal; only one that no other atom holds is a hydride.
    held = np.zeros(len(cell), dtype=bool)
    held[first[bonded & ~metal[first] & ~metal[second]]] = True
    held &= cell.numbers == 1
    bonded &= ~((held[first] & metal[second]) | (metal[first] & held[second]))
    near: dict[int, list[tuple[int, np.ndarray]]] = {i: [] for i in range(len(cell))}
    for i, j, shift in zip(first[bonded], second[bonded], images[bonded], strict=True):
        near[int(i)].append((int(j), shift))
    positions, found = cell.positions.copy(), np.full(len(cell), -1)
    count, place = 0, 0.0
    for start in range(len(cell) if listed is None else listed):
        if found[start] >= 0:
            continue
        shifts, waiting = {start: np.zeros(3, dtype=int)}, [start]
        while waiting:
            here = waiting.pop()
            for other, image in near[here]:
                wanted = shifts[here] + image
                if other not in shifts:
                    shifts[other] = wanted
                    waiting.append(other)
                elif (shifts[other] != wanted).any():
                    raise StructureError(
                        f"bonds run on through the cell at atom {other + 1} ({cell.symbols[other]}): a network, no cluster"
                    )
        members = sorted(shifts)
        found[members] = count
        whole = cell.positions[members] + np.array([shifts[i] for i in members]) @ cell.cell.array
        size = np.ptp(whole[:, 0])
        positions[members] = whole - [whole[:, 0].min() - place, 0, 0]
        place += size + APART_ANGSTROM
        count += 1
    kept = found >= 0
    return Atoms(cell.numbers[kept], positions[kept])
