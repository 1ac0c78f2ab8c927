"""SMILES of ligands: perceived from coordinates, standardised, and sorted into sets.

A ligand is written as the protonated molecule one buys (a thiolate as its thiol, a carboxylate as its acid, an alkynyl as
its alkyne, an N-heterocyclic carbene as its azolium ion), so that one ligand has one name however it binds. Bonds and their orders are RDKit's (DetermineBonds, after
Kim and Kim, doi:10.1002/bkcs.10334).
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from ase import Atoms
from ase.data import covalent_radii

from auric.errors import StructureError

LONGEST_SMILES = 400
BOND_STRETCH = 1.25
"""Atoms nearer than this times the sum of their covalent radii are bonded; a hydrogen atom has one bond, its shortest."""
METALS = frozenset([3, 4, *range(11, 14), *range(19, 32), *range(37, 51), *range(55, 84), *range(87, 104)])
"""Atomic numbers that a ligand may not hold."""
FUNCTIONAL_GROUPS = (
    ("dithiophosphate", "[SX1,SX2H]~[PX4]~[SX1,SX2H]"),
    ("dithiocarbamate", "[SX1,SX2H]~[CX3](~[#7])~[SX1,SX2H]"),
    ("thiol", "[SX2H]"),
    ("selenol", "[SeX2H,#34X2H]"),
    ("phosphine", "[PX3]"),
    ("stibine", "[SbX3,AsX3]"),
    ("alkyne", "[CX2H]#[CX2]"),
    ("carboxylic acid", "[CX3](=O)[OX2H]"),
    ("carbene", "[#7+]=,:[#6H]-,:[#7]"),
    ("pyridine", "[nX2]"),
    ("amine", "[NX3;!$(NC=*);!$(N~[!#6;!#1])]"),
    ("nitrile", "[NX1]#[CX2]"),
    ("alcohol", "[OX2H]"),
    ("other", "*"),
)
"""Names and SMARTS of donor groups; a ligand's is the first that it holds."""


def bonded_pairs(atoms: Atoms) -> np.ndarray:
    """Pairs of bonded atoms that are no metals, shape (bonds, 2), by distance."""
    light = np.flatnonzero(~np.isin(atoms.numbers, list(METALS)))
    positions, radii = atoms.positions[light], covalent_radii[atoms.numbers[light]]
    distances = np.linalg.norm(positions[:, None] - positions[None], axis=-1)
    shares = distances / (radii[:, None] + radii[None])
    np.fill_diagonal(shares, np.inf)
    near = shares < BOND_STRETCH
    hydrogens = atoms.numbers[light] == 1
    best = np.zeros_like(near)
    best[np.arange(len(light)), shares.argmin(axis=1) if len(light) else []] = True
    near &= ~hydrogens[:, None] | best
    near &= near.T
    first, second = np.nonzero(np.triu(near))
    return np.column_stack([light[first], light[second]])


def perceived_smiles(atoms: Atoms, pairs: np.ndarray, donors: Sequence[int]) -> str:
    """The ligand that some atoms are, standardised.

    Args:
        atoms: One ligand, all its hydrogen atoms with it; positions in angstrom.
        pairs: Its bonds as pairs of indices, shape (bonds, 2).
        donors: Indices of its atoms next to a metal.

    Raises:
        StructureError: If RDKit finds no bond orders for any sensible charge.
    """
    from rdkit import Chem

    molecule: Any = Chem.RWMol()
    for number in atoms.numbers:
        atom = Chem.Atom(int(number))
        atom.SetNoImplicit(True)
        molecule.AddAtom(atom)
    for i, j in pairs:
        molecule.AddBond(int(i), int(j), Chem.BondType.SINGLE)
    by_carbon = any(atoms.numbers[donor] == 6 for donor in donors)
    return _ordered(Chem.MolToSmiles(molecule, allHsExplicit=True), _charge(atoms, pairs, donors), by_carbon)


def _charge(atoms: Atoms, pairs: np.ndarray, donors: Sequence[int]) -> int:
    """Charge of the ligand once the metal is gone, from what binds; its parity is that of a closed shell."""
    neighbours: dict[int, list[int]] = {i: [] for i in range(len(atoms))}
    for i, j in pairs:
        neighbours[int(i)].append(int(j))
        neighbours[int(j)].append(int(i))
    charge, shared = 0, set()
    for atom in range(len(atoms)):
        near, number = neighbours[atom], int(atoms.numbers[atom])
        if number in (8, 16, 34, 52) and len(near) == 1:
            centre = near[0]
            others = [k for k in neighbours[centre] if atoms.numbers[k] in (8, 16, 34, 52) and len(neighbours[k]) == 1]
            if len(others) == 1 and atom in donors:
                charge -= 1
            elif len(others) > 1 and centre not in shared:
                shared.add(centre)
                charge -= 1
        elif number == 6 and len(near) == 1 and atoms.numbers[near[0]] == 6 and atom in donors:
            charge -= 1
    electrons = int(atoms.numbers.sum()) - charge
    return charge - 1 if electrons % 2 else charge


@lru_cache(maxsize=4096)
def _ordered(skeleton: str, guess: int, by_carbon: bool) -> str:
    """The ligand of a skeleton of single bonds, its hydrogen atoms written out; orders depend on nothing else.

    A carbanion is believed only in a ligand that a carbon atom binds: elsewhere it is a carbon atom whose hydrogen is not there.
    """
    from rdkit import Chem, rdBase
    from rdkit.Chem import rdDetermineBonds

    plain: Any = Chem.SmilesParserParams()
    plain.sanitize, plain.removeHs = False, False
    reason = ""
    for charge in (guess, guess + 2, guess - 2):
        molecule = Chem.RWMol(Chem.MolFromSmiles(skeleton, plain))
        for atom in molecule.GetAtoms():
            atom.SetFormalCharge(0)
            atom.SetNumRadicalElectrons(0)
        molecule.AddConformer(Chem.Conformer(molecule.GetNumAtoms()))  # it asks for one, and does not look at it
        try:
            with rdBase.BlockLogs():
                rdDetermineBonds.DetermineBondOrders(molecule, charge=charge, embedChiral=False)
                if not by_carbon and any(
                    a.GetAtomicNum() == 6 and a.GetFormalCharge() < 0 for a in molecule.GetAtoms()
                ):
                    raise ValueError("a carbon atom with too few neighbours")
                return standard_smiles(Chem.MolToSmiles(Chem.RemoveHs(molecule)))
        except (ValueError, RuntimeError) as error:
            reason = " ".join(str(error).split())[:120]
    raise StructureError(f"ligand {skeleton[:60]}: RDKit finds no bond orders ({reason}); are hydrogen atoms missing?")


@lru_cache(maxsize=65536)
def standard_smiles(smiles: str) -> str:
    """Canonical SMILES of one ligand, protonated, without stereochemistry and isotopes.

    Raises:
        StructureError: If it cannot be read, is more than one molecule, or holds a metal.
    """
    from rdkit import Chem, rdBase
    from rdkit.Chem.MolStandardize import rdMolStandardize

    shown = f"ligand '{smiles[:80]}'"
    if not smiles or len(smiles) > LONGEST_SMILES:
        raise StructureError(f"{shown}: give a SMILES of 1 to {LONGEST_SMILES} characters")
    with rdBase.BlockLogs():
        molecule = Chem.MolFromSmiles(smiles)
        if molecule is None or not molecule.GetNumAtoms():
            raise StructureError(f"{shown}: no valid SMILES; write the molecule as in SCCc1ccccc1")
        if len(Chem.GetMolFrags(molecule)) > 1:
            raise StructureError(f"{shown}: disconnected fragments; give each ligand by itself, or a set as A.B")
        for atom in molecule.GetAtoms():
            if atom.GetAtomicNum() in METALS:
                raise StructureError(f"{shown}: holds the metal {atom.GetSymbol()}; give the ligand alone")
            if not atom.GetAtomicNum():
                raise StructureError(f"{shown}: holds a wildcard; name every atom")
            atom.SetIsotope(0)
            if atom.GetNumRadicalElectrons() == 1:  # [S]CC, as the paper writes a bound thiolate
                atom.SetNumRadicalElectrons(0)
                atom.SetNumExplicitHs(atom.GetTotalNumHs() + 1)
                atom.SetNoImplicit(True)
        Chem.RemoveStereochemistry(molecule)
        texts = _azolium(molecule) or [Chem.MolToSmiles(rdMolStandardize.Uncharger().uncharge(molecule))]
        again = [Chem.MolFromSmiles(text) for text in texts]
    return str(min(Chem.MolToSmiles(one) if one is not None else text for one, text in zip(again, texts, strict=True)))


def _azolium(molecule: Any) -> list[str]:
    """Both ways to write the azolium ion of an N-heterocyclic carbene; none of any other molecule."""
    from rdkit import Chem

    plain = Chem.RWMol(molecule)
    Chem.Kekulize(plain, clearAromaticFlags=True)
    for atom in plain.GetAtoms():
        near = list(atom.GetNeighbors())
        order = sum(bond.GetBondTypeAsDouble() for bond in atom.GetBonds())
        charge, hydrogens = atom.GetFormalCharge(), atom.GetTotalNumHs()
        carbene = not hydrogens and charge in (0, -1) and order == 2 - charge
        ion_already = (
            hydrogens == 1 and not charge and order == 3 and any(other.GetFormalCharge() == 1 for other in near)
        )
        if atom.GetAtomicNum() != 6 or len(near) != 2 or any(other.GetAtomicNum() != 7 for other in near):
            continue
        if not (carbene or ion_already):
            continue
        found = []
        for charged, neutral in (near, near[::-1]):
            ion = Chem.RWMol(plain)
            carbon = ion.GetAtomWithIdx(atom.GetIdx())
            carbon.SetFormalCharge(0)
            carbon.SetNumRadicalElectrons(0)
            carbon.SetNumExplicitHs(1)
            carbon.SetNoImplicit(True)
            for other, order, charge in ((charged, Chem.BondType.DOUBLE, 1), (neutral, Chem.BondType.SINGLE, 0)):
                ion.GetBondBetweenAtoms(atom.GetIdx(), other.GetIdx()).SetBondType(order)
                ion.GetAtomWithIdx(other.GetIdx()).SetFormalCharge(charge)
            Chem.SanitizeMol(ion)
            found.append(Chem.MolToSmiles(ion))
        return found
    return []


def ligand_set(ligands: str | Sequence[str]) -> str:
    """A set of ligands as one text: standardised, each once, sorted, joined by '.'; order and repetition do not matter.

    Raises:
        StructureError: As `standard_smiles`, or if there is none.
    """
    words = ligands.split(".") if isinstance(ligands, str) else [word for one in ligands for word in one.split(".")]
    if not any(words):
        raise StructureError("no ligands; give at least one SMILES")
    return ".".join(sorted({standard_smiles(word) for word in words}))


@lru_cache(maxsize=65536)
def functional_group(smiles: str) -> str:
    """Name of the first of `FUNCTIONAL_GROUPS` that a ligand holds."""
    from rdkit import Chem

    molecule = Chem.MolFromSmiles(standard_smiles(smiles))
    for name, smarts in FUNCTIONAL_GROUPS:
        if molecule.HasSubstructMatch(_pattern(smarts)):
            return name
    raise AssertionError("the last pattern fits everything")


@lru_cache
def _pattern(smarts: str) -> Any:
    from rdkit import Chem

    return Chem.MolFromSmarts(smarts)


def carbon_count(smiles: str) -> int:
    """Number of carbon atoms of a ligand."""
    from rdkit import Chem

    return sum(atom.GetAtomicNum() == 6 for atom in Chem.MolFromSmiles(standard_smiles(smiles)).GetAtoms())
