"""Cells of crystals as exports of databases hold them: several copies of a cluster, solvent and counter-ions side by side."""

from pathlib import Path

import numpy as np
from ase import Atoms
from ase.data import covalent_radii
from ase.neighborlist import neighbor_list

from auric.errors import StructureError
from auric.matching.ligand_smiles import BOND_STRETCH, METALS
from auric.matching.splitting import METAL_TOUCH, TOUCH
from auric.structures import read_structure
from auric.structures.crystal_files import read_cif

LONGEST_ANGSTROM = 4.0
APART_ANGSTROM = 20.0
"""Molecules are put this far from each other, so that none seems to touch another."""


def read_cluster(path: str | Path) -> Atoms:
    """Read a file that holds a cluster and perhaps others beside it; of a cif cell every molecule is put together by itself.

    Raises:
        StructureError: As `read_structure`; and a cell through which bonds run on.
    """
    if Path(path).suffix.lower() != ".cif":
        return read_structure(path)
    try:
        return read_structure(path)  # one whole cluster, and all checks of the file
    except StructureError as error:
        if "separate molecules" not in str(error) and "parts lie further" not in str(error):
            raise
    cell = read_cif(Path(path), Path(path).read_text(encoding="utf-8-sig"))
    try:
        atoms = molecules_apart(cell)
    except StructureError as error:
        raise StructureError(f"{path}: {error}") from None
    atoms.info["source"] = f"file {path}"
    return atoms


def molecules_apart(cell: Atoms) -> Atoms:
    """The molecules of a cell, each put together over the cell's walls, and set apart from each other.

    Args:
        cell: Atoms in a periodic cell (angstrom).

    Raises:
        StructureError: If bonds run on through the cell: a network, not molecules.
    """
    first, second, lengths, images = neighbor_list("ijdS", cell, LONGEST_ANGSTROM)
    metal = np.isin(cell.numbers, list(METALS))
    limits = np.where(
        metal[first] & metal[second], METAL_TOUCH, np.where(metal[first] | metal[second], TOUCH, BOND_STRETCH)
    )
    radii = covalent_radii[cell.numbers]
    hydrogen = (cell.numbers == 1)[first] | (cell.numbers == 1)[second]
    # A hydrogen atom of a ligand may come near a metal; only its bond to a non-metal is believed.
    bonded = (lengths < limits * (radii[first] + radii[second])) & ~(hydrogen & (metal[first] | metal[second]))
    near: dict[int, list[tuple[int, np.ndarray]]] = {i: [] for i in range(len(cell))}
    for i, j, shift in zip(first[bonded], second[bonded], images[bonded], strict=True):
        near[int(i)].append((int(j), shift))
    positions, found = cell.positions.copy(), np.full(len(cell), -1)
    count, place = 0, 0.0
    for start in range(len(cell)):
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
    return Atoms(cell.numbers, positions)
