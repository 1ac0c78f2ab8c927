"""Thiolate ligands SR: hydrogen and methyl by hand, any other R from the SMILES of its thiol; and how they are placed."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers, covalent_radii
from scipy.spatial.transform import Rotation

from auric.errors import StructureError, suggestion

S_H_ANGSTROM, S_C_ANGSTROM, C_H_ANGSTROM = 1.35, 1.82, 1.09
LONGEST_SMILES = 300
SMILES_LETTERS = re.compile(r"[A-Za-z0-9@+\-\[\]()=#$%:/\\.~*]+")
LARGEST_LIGAND = 150
"""Atoms of R."""
CONFORMERS = 4
"""Shapes of R that are tried."""
TURNS = 24
"""Positions of R about its bond to sulfur that are tried."""
SWEEPS = 6
"""Each R is placed anew so often at most."""
LEAN_DEG, LEAN_BEYOND = 20.0, 0.3
"""Where turning alone leaves R so close to others that this share of a contact distance is missing, it may lean aside."""
HOPELESS = 0.6
"""A contact that lacks this share of its distance (carbon atoms 1 angstrom apart) is no start for any engine."""
CONTACT_ANGSTROM = 1.1
"""Atoms that are not bound keep this distance above the sum of their covalent radii (2.2 angstrom for C and H)."""


@dataclass(frozen=True)
class Ligand:
    """R of a thiolate.

    Attributes:
        recipe: How it was asked for, such as `R=CH3`.
        symbols: Its elements, the atom that binds sulfur not necessarily first.
        conformers_angstrom: Shape (conformers, atoms, 3); sulfur is the origin and its bond to R points along z.
    """

    recipe: str
    symbols: tuple[str, ...]
    conformers_angstrom: np.ndarray


def methyl(carbon: np.ndarray, outward: np.ndarray, across: np.ndarray) -> np.ndarray:
    """Carbon and its three hydrogens, shape (4, 3), tetrahedral about the axis `outward` (unit vector).

    The turn about it is counted from `across`, any vector that is not parallel.
    """
    first = np.cross(outward, across)
    first /= np.linalg.norm(first)
    second = np.cross(outward, first)
    turns = 2 * np.pi * np.arange(3)[:, None] / 3
    hydrogen = outward / 3 + np.sqrt(8) / 3 * (np.cos(turns) * first + np.sin(turns) * second)
    return np.vstack([carbon, carbon + C_H_ANGSTROM * hydrogen])


_Z = np.array([0.0, 0.0, 1.0])
LIGANDS = {
    "H": Ligand("R=H", ("H",), np.array([[S_H_ANGSTROM * _Z]])),
    "CH3": Ligand("R=CH3", ("C", "H", "H", "H"), methyl(S_C_ANGSTROM * _Z, _Z, np.array([0.0, 1.0, 0.0]))[None]),
}
"""Those that need no RDKit."""


def short_hand(name: str) -> Ligand:
    """One of `LIGANDS` by its name.

    Raises:
        StructureError: If there is no such name.
    """
    if name not in LIGANDS:
        raise StructureError(
            f"R={name[:40]} is no short hand; {suggestion(name, list(LIGANDS))} Any other R: thiol= and the SMILES of its "
            "thiol, such as thiol=SCCc1ccccc1"
        )
    return LIGANDS[name]


def thiol_ligand(smiles: str, *, seed: int = 0) -> Ligand:
    """R of a thiol R-SH, from seeded distance geometry (ETKDGv3, doi:10.1021/acs.jcim.0c00025) and MMFF94.

    Args:
        smiles: The thiol, such as `SCCc1ccccc1`; it must hold exactly one S-H.
        seed: Seed of the embedding.

    Raises:
        StructureError: If the SMILES cannot be read, is not one neutral molecule with one S-H, is too large, or RDKit
            finds no geometry for it.
    """
    from rdkit import Chem, rdBase
    from rdkit.Chem import rdDistGeom, rdForceFieldHelpers

    shown = f"thiol={smiles[:80]}"
    if len(smiles) > LONGEST_SMILES:
        raise StructureError(f"{shown}...: {len(smiles)} characters; SMILES up to {LONGEST_SMILES} are read")
    with rdBase.BlockLogs():
        molecule = Chem.MolFromSmiles(smiles) if SMILES_LETTERS.fullmatch(smiles) else None
        if molecule is None or not molecule.GetNumAtoms():
            raise StructureError(f"{shown}: no valid SMILES; write the thiol with its SH, such as SCCc1ccccc1")
        sulfur = _thiol_sulfur(molecule, shown)
        molecule = Chem.AddHs(molecule)
        size = molecule.GetNumAtoms() - 2
        if size > LARGEST_LIGAND:
            raise StructureError(f"{shown}: R has {size} atoms, more than {LARGEST_LIGAND}; take a smaller one")
        settings: Any = rdDistGeom.ETKDGv3()
        settings.randomSeed = seed
        found = rdDistGeom.EmbedMultipleConfs(molecule, CONFORMERS, settings)
        if not len(found) or not rdForceFieldHelpers.MMFFHasAllMoleculeParams(molecule):
            raise StructureError(
                f"{shown}: RDKit finds no geometry (MMFF94 knows organic molecules); build the cluster elsewhere and use "
                "the builder file"
            )
        rdForceFieldHelpers.MMFFOptimizeMoleculeConfs(molecule, maxIters=5000)
    neighbours = {atom.GetIdx(): atom.GetAtomicNum() for atom in molecule.GetAtomWithIdx(sulfur).GetNeighbors()}
    hydrogen, bound = sorted(neighbours, key=neighbours.__getitem__)
    kept = [index for index in range(molecule.GetNumAtoms()) if index not in (sulfur, hydrogen)]
    conformers = []
    for conformer in molecule.GetConformers():
        positions = np.asarray(conformer.GetPositions())
        conformers.append(_along_z(positions[kept] - positions[sulfur], positions[bound] - positions[sulfur]))
    symbols = tuple(molecule.GetAtomWithIdx(index).GetSymbol() for index in kept)
    return Ligand(f"thiol={smiles}", symbols, np.array(conformers))


def _thiol_sulfur(molecule: Any, shown: str) -> int:
    """Index of the sulfur of the one S-H."""
    from rdkit.Chem import GetMolFrags

    charge = sum(atom.GetFormalCharge() for atom in molecule.GetAtoms())
    if len(GetMolFrags(molecule)) > 1 or charge:
        raise StructureError(f"{shown}: not one neutral molecule; write the thiol alone, with its SH")
    found = [
        atom.GetIdx()
        for atom in molecule.GetAtoms()
        if atom.GetAtomicNum() == 16
        and atom.GetTotalNumHs() == 1
        and atom.GetDegree() == 1
        and not atom.GetFormalCharge()
    ]
    if not found:
        raise StructureError(f"{shown}: holds no S-H bound to R; write the thiol with its SH (for SH itself: R=H)")
    if len(found) > 1:
        raise StructureError(f"{shown}: holds {len(found)} S-H; a thiol with exactly one can be placed")
    return int(found[0])


def _along_z(positions: np.ndarray, bond: np.ndarray) -> np.ndarray:
    """Positions turned so that a vector, (3,), points along z."""
    axes = _axes(bond / np.linalg.norm(bond), np.eye(3)[int(np.argmin(np.round(np.abs(bond), 6)))])
    return np.asarray(positions @ axes.T)


def _axes(outward: np.ndarray, across: np.ndarray) -> np.ndarray:
    """Right-handed unit vectors as rows, shape (3, 3): the last is `outward` (unit vector)."""
    first = np.cross(across, outward)
    first /= np.linalg.norm(first)
    return np.array([first, np.cross(outward, first), outward])


def attach(framework: Atoms, sulfur: Sequence[int], outward: np.ndarray, across: np.ndarray, ligand: Ligand) -> Atoms:
    """Put one R on each sulfur, in the conformer and turned about its bond so that it intrudes least on others.

    R are placed in turns, each with the others where they are, until none finds a better place. Where that leaves some too
    close, those may also lean. Of equally good places the first is taken, so that rounding decides nothing.

    Args:
        framework: Gold and sulfur.
        sulfur: Index of each sulfur.
        outward: Unit vectors from each sulfur to R, shape (sulfurs, 3).
        across: For each a vector that is not parallel to it, from which turns are counted, shape (sulfurs, 3).
        ligand: What to place.

    Returns:
        The framework followed by each ligand's atoms; positions in angstrom.

    Raises:
        StructureError: If they find no room.
    """
    numbers = [atomic_numbers[symbol] for symbol in ligand.symbols]
    bases = [_axes(out, side) for out, side in zip(outward, across, strict=True)]
    placed: dict[int, np.ndarray] = {}
    missing = np.zeros(len(bases))
    moving = list(range(len(bases)))
    for leans in (np.eye(3)[None], _leans()):
        choices = np.einsum("cak,tkl,mln->ctman", ligand.conformers_angstrom, _turns(), leans)
        choices = choices.reshape(-1, len(numbers), 3)
        for _ in range(SWEEPS):
            before = dict(placed)
            for number in moving:
                own = sulfur[number]
                others = [each for other, each in placed.items() if other != number]
                around = np.vstack([np.delete(framework.positions, own, axis=0), *others])
                elements = [*np.delete(framework.numbers, own), *numbers * len(others)]
                place = framework.positions[own] + choices @ bases[number]
                best, missing[number] = _roomiest(place, numbers, around, elements)
                placed[number] = place[best]
            if all(number in before and np.array_equal(before[number], placed[number]) for number in moving):
                break
        moving = [number for number in moving if missing[number] > LEAN_BEYOND]
    if missing.max() > HOPELESS:
        raise StructureError(
            f"{ligand.recipe}: R is too large for {framework.get_chemical_formula()}; take a smaller one, or put R on other "
            "sides (updown)"
        )
    return framework + Atoms(numbers * len(bases), np.vstack([placed[number] for number in range(len(bases))]))


def _roomiest(
    place: np.ndarray, numbers: Sequence[int], others: np.ndarray, other_numbers: Sequence[int]
) -> tuple[int, float]:
    """The first of the choices, (choices, atoms, 3), that intrudes least on other atoms, (others, 3), and how deep.

    Depth is the largest share of a contact distance that is missing.
    """
    near = np.linalg.norm(others - place.mean((0, 1)), axis=1) < np.ptp(place, axis=(0, 1)).max() + 5
    contact = covalent_radii[list(numbers)][:, None] + covalent_radii[list(other_numbers)][near] + CONTACT_ANGSTROM
    squared = sum((place[..., k, None] - others[near, k]) ** 2 for k in range(3))
    missing = np.maximum(0, 1 - np.sqrt(squared) / contact)
    cost = (missing**2).sum(axis=(1, 2))
    best = int(np.flatnonzero(cost <= cost.min() + 1e-6)[0])
    return best, float(missing[best].max(initial=0))


def _turns() -> np.ndarray:
    """Matrices (turns, 3, 3) that turn rows about z."""
    return _matrices(np.linspace(0, 2 * np.pi, TURNS, endpoint=False)[:, None] * _Z)


def _leans() -> np.ndarray:
    """Matrices (leans, 3, 3) that tilt rows away from z, in no and in eight directions."""
    around = np.linspace(0, 2 * np.pi, 8, endpoint=False)
    axes = np.column_stack([np.cos(around), np.sin(around), np.zeros(8)])
    return _matrices(np.radians(LEAN_DEG) * np.vstack([np.zeros(3), axes]))


def _matrices(rotations: np.ndarray) -> np.ndarray:
    return np.asarray(Rotation.from_rotvec(rotations).as_matrix())
