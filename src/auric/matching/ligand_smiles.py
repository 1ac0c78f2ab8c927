"""SMILES of ligands: perceived from coordinates, standardised, and sorted into sets.

A ligand is written as the protonated molecule one buys (a thiolate as its thiol, a carboxylate as its acid, an alkynyl as its alkyne, an
N-heterocyclic carbene as its azolium ion), in one tautomer (`auric.matching.tautomers`), so that one ligand has one name however it binds
and whoever wrote it. Orders of bonds are RDKit's (DetermineBonds, after Kim and Kim, doi:10.1002/bkcs.10334), asked for the molecule with
its protons put back.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import chain, combinations
from typing import Any

import numpy as np
from ase import Atoms
from ase.data import covalent_radii

from auric.errors import StructureError
from auric.matching.tautomers import one_form, pattern

LONGEST_SMILES = 400
BOND_STRETCH = 1.25
"""Atoms nearer than this times the sum of their covalent radii are bonded; a hydrogen atom has one bond, its shortest."""
DONOR, PROTON = 1, 2
"""Atom map numbers, while bonds are perceived, of C, N and P atoms next to a metal and of protons that are put back."""
METALS = frozenset([3, 4, *range(11, 14), *range(19, 32), *range(37, 51), *range(55, 84), *range(87, 104)])
"""Atomic numbers that a ligand may not hold."""
CHALCOGENS = frozenset([8, 16, 34, 52])
OXO = {(6, 2): 2, (7, 3): 2, (16, 2): 2, (16, 4): 2, (34, 2): 2, (34, 4): 2, (17, 4): 3}
"""By atomic number and neighbours of an atom: how many chalcogen atoms without other neighbours it holds by double bonds, as in nitro
groups and sulfones; elsewhere one. What is over had protons, as in carboxylates."""
OXIDES = frozenset([(7, 3), (15, 4), (16, 3), (16, 4)])
"""Likewise, what holds one oxygen atom that binds a metal as an oxide: amine and phosphine oxides, sulfoxides."""
CARBONYL_ANGSTROM = 1.29
"""A bond of carbon to an oxygen atom without other neighbours is double below it: 1.20 to 1.27 in carbonyl groups that bind metals,
1.31 and more in phenolates and alkoxides."""
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
        molecule.AddAtom(Chem.Atom(int(number)))
    for i, j in pairs:
        molecule.AddBond(int(i), int(j), Chem.BondType.SINGLE)
    for atom in molecule.GetAtoms():
        atom.SetNoImplicit(True)
        atom.SetAtomMapNum(DONOR * int(atom.GetIdx() in donors and atom.GetAtomicNum() in (6, 7, 15)))
    for place in _deprotonated(atoms, pairs, donors):
        proton = Chem.Atom(1)
        proton.SetAtomMapNum(PROTON)
        molecule.AddBond(place, molecule.AddAtom(proton), Chem.BondType.SINGLE)
    return _ordered(Chem.MolToSmiles(molecule, allHsExplicit=True))


def _deprotonated(atoms: Atoms, pairs: np.ndarray, donors: Sequence[int]) -> list[int]:
    """Atoms that gave a proton away for the metal: of thiolates, carboxylates, alkynyls and their like."""
    neighbours: dict[int, list[int]] = {i: [] for i in range(len(atoms))}
    for i, j in pairs:
        neighbours[int(i)].append(int(j))
        neighbours[int(j)].append(int(i))
    numbers, found = atoms.numbers, []
    for centre, near in neighbours.items():
        ends = [k for k in near if numbers[k] in CHALCOGENS and len(neighbours[k]) == 1]
        if len(ends) > 1:
            oxo = OXO.get((int(numbers[centre]), len(near)), 1)
            found += sorted(ends, key=lambda k: -int(numbers[k]))[: max(len(ends) - oxo, 0)]
        elif len(ends) == 1 and ends[0] in donors:
            if numbers[ends[0]] != 8 or not _doubly_bound(atoms, ends[0], centre, len(near)):
                found.append(ends[0])
        elif numbers[centre] == 6 and len(near) == 1 and numbers[near[0]] == 6 and centre in donors:
            found.append(centre)
    return found


def _doubly_bound(atoms: Atoms, oxygen: int, centre: int, neighbours: int) -> bool:
    """Whether an oxygen atom that binds a metal is that of a carbonyl group, or of an oxide of N, P or S."""
    if atoms.numbers[centre] == 6:
        return neighbours < 4 and bool(atoms.get_distance(oxygen, centre) < CARBONYL_ANGSTROM)
    return (int(atoms.numbers[centre]), neighbours) in OXIDES


@lru_cache(maxsize=4096)
def _ordered(skeleton: str) -> str:
    """The ligand of a skeleton of single bonds, its hydrogen atoms written out; orders depend on nothing else.

    The ligand is neutral with the protons that it has in its standard form. Where electrons are odd, or no orders are found, there
    is another one (azolates, amides, carbanions), or one too many (a thione is a thiolate at first sight); else it is an anion.
    """
    from rdkit import Chem

    plain: Any = Chem.SmilesParserParams()
    plain.sanitize, plain.removeHs = False, False
    first = Chem.MolFromSmiles(skeleton, plain)
    Chem.FastFindRings(first)
    reason = ""
    for molecule, charge in chain(
        ((one, 0) for one in _protonated(first, (7,), 1)),
        [(first, 0)],
        ((one, 0) for one in _less_one_proton(first)),
        ((one, 0) for one in _protonated(first, (7,), 2)),
        ((one, 0) for one in _protonated(first, (6, 15), 1)),
        [(first, -1)],
    ):
        if (sum(atom.GetAtomicNum() for atom in molecule.GetAtoms()) - charge) % 2:
            continue
        try:
            return _with_orders(Chem.RWMol(molecule), charge)
        except (ValueError, RuntimeError, StructureError) as error:
            reason = reason or " ".join(str(error).split())[:120]
    raise StructureError(f"ligand {skeleton[:60]}: RDKit finds no bond orders ({reason}); are hydrogen atoms missing?")


def _protonated(molecule: Any, elements: Sequence[int], protons: int) -> Iterator[Any]:
    """The skeleton with so many hydrogen atoms more, at most one on each atom of some elements that binds a metal and has room.

    Those of five-membered rings come first.
    """
    from rdkit import Chem

    bare = [
        atom
        for atom in molecule.GetAtoms()
        if atom.GetAtomMapNum() == DONOR
        and atom.GetAtomicNum() in elements
        and atom.GetDegree() < 3 + (atom.GetAtomicNum() == 6)
    ]
    bare.sort(key=lambda atom: not atom.IsInRingSize(5))
    for chosen in combinations([atom.GetIdx() for atom in bare], protons):
        found = Chem.RWMol(molecule)
        for place in chosen:
            found.AddBond(place, found.AddAtom(Chem.Atom(1)), Chem.BondType.SINGLE)
        yield found


def _less_one_proton(molecule: Any) -> Iterator[Any]:
    """The skeleton without one of the protons that were put back, each in turn."""
    from rdkit import Chem

    for atom in molecule.GetAtoms():
        if atom.GetAtomMapNum() == PROTON:
            found = Chem.RWMol(molecule)
            found.RemoveAtom(atom.GetIdx())
            yield found


def _with_orders(molecule: Any, charge: int) -> str:
    """Standard SMILES of a skeleton of a charge.

    RDKit looks for orders among several valences of S, and none of Se or Te; where they have two neighbours or one they are oxygen
    atoms to it. A nitro group is an amine to it.

    Raises:
        ValueError: If RDKit finds no orders, or what it finds is no molecule.
    """
    from rdkit import Chem, rdBase
    from rdkit.Chem import rdDetermineBonds

    donors = {atom.GetIdx() for atom in molecule.GetAtoms() if atom.GetAtomMapNum() == DONOR}
    nitro = molecule.GetSubstructMatches(pattern("[#8D1][#7D3;!$(*([#8D1])([#8D1])[#8D1])][#8D1]"))
    own = {atom.GetIdx(): atom.GetAtomicNum() for atom in molecule.GetAtoms()}
    for atom in molecule.GetAtoms():
        atom.SetFormalCharge(0)
        atom.SetNumRadicalElectrons(0)
        atom.SetAtomMapNum(0)
        if atom.GetAtomicNum() in (16, 34, 52):
            atom.SetAtomicNum(8 if atom.GetDegree() < 3 else 16)
    for first, _, second in nitro:
        molecule.GetAtomWithIdx(first).SetAtomicNum(1)
        molecule.GetAtomWithIdx(second).SetAtomicNum(1)
    molecule.AddConformer(Chem.Conformer(molecule.GetNumAtoms()))  # it asks for one, and does not look at it
    with rdBase.BlockLogs():
        rdDetermineBonds.DetermineBondOrders(molecule, charge=charge, embedChiral=False)
        for atom in molecule.GetAtoms():
            atom.SetAtomicNum(own[atom.GetIdx()])
            charge_here, radicals = atom.GetFormalCharge(), atom.GetNumRadicalElectrons()
            if atom.GetAtomicNum() == 6 and (
                charge_here > 0 or (atom.GetIdx() not in donors and charge_here + radicals)
            ):
                raise ValueError("a carbon atom with too few neighbours")
        for first, centre, second in nitro:
            molecule.GetBondBetweenAtoms(first, centre).SetBondType(Chem.BondType.DOUBLE)
            molecule.GetAtomWithIdx(centre).SetFormalCharge(1)
            molecule.GetAtomWithIdx(second).SetFormalCharge(-1)
        return standard_smiles(Chem.MolToSmiles(Chem.RemoveHs(molecule)))


@lru_cache(maxsize=65536)
def standard_smiles(smiles: str) -> str:
    """Canonical SMILES of one ligand, protonated, in one tautomer, without stereochemistry and isotopes.

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
            raise StructureError(f"{shown}: disconnected fragments; give one ligand by itself, without counter-ions")
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
        try:
            return min(one_form(text) for text in texts)
        except ValueError:
            raise StructureError(f"{shown}: protonated it is no molecule; write it as one buys it") from None


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
        if molecule.HasSubstructMatch(pattern(smarts)):
            return name
    raise AssertionError("the last pattern fits everything")


@lru_cache(maxsize=65536)
def elements_of(smiles: str) -> frozenset[str]:
    """Symbols of a ligand's elements, hydrogen left out."""
    from rdkit import Chem

    return frozenset(atom.GetSymbol() for atom in Chem.MolFromSmiles(standard_smiles(smiles)).GetAtoms())


def carbon_count(smiles: str) -> int:
    """Number of carbon atoms of a ligand."""
    from rdkit import Chem

    return sum(atom.GetAtomicNum() == 6 for atom in Chem.MolFromSmiles(standard_smiles(smiles)).GetAtoms())
