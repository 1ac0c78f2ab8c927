"""One form of a molecule that can be written in several: tautomers, and charges that are a matter of notation.

The forms are those of a metal's ligands and of bottles: aromatic thiols and alcohols rather than thiones and lactams, thioacids with their
proton at sulfur, amides, ketones, sulfoxides and phosphine oxides without charges; thioamides stay thioamides. Protons that may
sit at one nitrogen atom or at another (azoles, amidines) are put where the canonical SMILES is least.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

MOST_FORMS = 64
SHIFTS = (
    "[OX2H]-[CX3]=[S,Se,Te;X1]",  # thioacids
    "[S,Se;X2;H]-[P,As]=[OX1]",  # acids of phosphorus
    "[O,S,Se;X2;H]-[#6X3,#15,#16]=[NX2;+0]",  # amides, thioamides
    "[OX2H]-[CX3;!R]=[CX3;!R]-[CX3;!R]=[OX1]",  # diketones
    "[NX2H]=[CX2]=[S,Se;X1]",  # thiocyanic acid
    "[OX2H]-[CX2]#[NX1]",  # cyanic acid
)
"""SMARTS of which the first atom gives its proton to the third: the bond of the first rises by one order, that of the third falls."""
PROTON_OF_NITROGEN = "[NX3,NX2;!H0;+0]-[#6X3,#7X2;+0]=[NX2;+0]"
RECHARGED = (
    ("[S,Se,P,As;+1]-[O,S,Se;-1]", 0, 0),  # sulfoxides, phosphine oxides
    ("[CX1;H0;+0]=[O,N;+0]", -1, 1),  # carbon monoxide, isocyanides
)
"""SMARTS of two atoms whose bond rises by one order, and their charges then."""
AZIDE = "[NX1-]=[NX2+]=[NX1-]", "[NX2-]-[NX2+]#[NX1]"
"""Of the anion, and of a form that has its charge at the wrong end."""


def one_form(smiles: str) -> str:
    """Canonical SMILES of a molecule's one form.

    Raises:
        ValueError: If RDKit cannot read it.
    """
    from rdkit import Chem

    molecule = Chem.MolFromSmiles(smiles)
    if molecule is None:
        raise ValueError(f"{smiles}: no valid SMILES")
    for _ in range(MOST_FORMS):
        smiles = min(_better(molecule), default="")
        if not smiles:
            break
        molecule = Chem.MolFromSmiles(smiles)
    forms, waiting = {Chem.MolToSmiles(molecule)}, [molecule]
    while waiting and len(forms) < MOST_FORMS:
        for text in sorted(set(_nitrogen_forms(waiting.pop())) - forms):
            forms.add(text)
            waiting.append(Chem.MolFromSmiles(text))
    return min(forms)


def _better(molecule: Any) -> Iterator[str]:
    """What a molecule becomes by each rule, at each place where it holds."""
    from rdkit import Chem

    for smarts, *charges in RECHARGED:
        for match in molecule.GetSubstructMatches(pattern(smarts)):
            yield from _written(_recharged(molecule, *match, *charges))
    for first, _, _ in molecule.GetSubstructMatches(pattern(AZIDE[0])):
        found = Chem.RWMol(molecule)
        found.GetAtomWithIdx(first).SetFormalCharge(0)
        found.GetAtomWithIdx(first).SetNumExplicitHs(1)
        yield from _written(found)
    for first, middle, last in molecule.GetSubstructMatches(pattern(AZIDE[1])):
        found = _recharged(molecule, first, middle, 0, 1)
        found.GetAtomWithIdx(last).SetFormalCharge(-1)
        _change(found, middle, last, -1)
        yield from _written(found)
    for match in molecule.GetSubstructMatches(pattern("[O,S,Se,Te;X1]=c")):
        for (proton,) in molecule.GetSubstructMatches(pattern("[nH]")):
            yield from _written(_shifted(molecule, proton, match[0], (*match, -1)))
    for smarts in SHIFTS:
        for first, middle, third, *_ in molecule.GetSubstructMatches(pattern(smarts)):
            yield from _written(_shifted(molecule, first, third, (first, middle, 1), (middle, third, -1)))


def _nitrogen_forms(molecule: Any) -> Iterator[str]:
    """The molecule with one proton at another nitrogen atom of a five-membered aromatic ring, an amidine or a triazene."""
    for ring in molecule.GetRingInfo().AtomRings():
        atoms = [molecule.GetAtomWithIdx(place) for place in ring]
        if len(ring) != 5 or not all(atom.GetIsAromatic() for atom in atoms):
            continue
        nitrogen = [
            atom for atom in atoms if atom.GetAtomicNum() == 7 and not atom.GetFormalCharge() and atom.GetDegree() == 2
        ]
        for giver in nitrogen:
            for taker in nitrogen:
                if giver.GetTotalNumHs() and not taker.GetTotalNumHs():
                    yield from _written(_shifted(molecule, giver.GetIdx(), taker.GetIdx()))
    for first, middle, third in molecule.GetSubstructMatches(pattern(PROTON_OF_NITROGEN)):
        yield from _written(_shifted(molecule, first, third, (first, middle, 1), (middle, third, -1)))


def _shifted(molecule: Any, giver: int, taker: int, *bonds: tuple[int, int, int]) -> Any:
    """A copy with a proton at another atom, and bonds (two atoms and a change of order) that follow it; those of aromatic rings do so
    by themselves.
    """
    from rdkit import Chem

    found = Chem.RWMol(molecule)
    for place, change in ((giver, -1), (taker, 1)):
        atom = found.GetAtomWithIdx(place)
        atom.SetNumExplicitHs(atom.GetTotalNumHs() + change)
        atom.SetNoImplicit(True)
    for first, second, orders in bonds:
        _change(found, first, second, orders)
    return found


def _recharged(molecule: Any, first: int, second: int, first_charge: int, second_charge: int) -> Any:
    from rdkit import Chem

    found = Chem.RWMol(molecule)
    for place, charge in ((first, first_charge), (second, second_charge)):
        atom = found.GetAtomWithIdx(place)
        atom.SetNumExplicitHs(atom.GetTotalNumHs())
        atom.SetNoImplicit(True)
        atom.SetFormalCharge(charge)
        atom.SetNumRadicalElectrons(0)
    _change(found, first, second, 1)
    return found


def _change(molecule: Any, first: int, second: int, orders: int) -> None:
    from rdkit import Chem

    kinds = {1: Chem.BondType.SINGLE, 2: Chem.BondType.DOUBLE, 3: Chem.BondType.TRIPLE}
    bond = molecule.GetBondBetweenAtoms(first, second)
    bond.SetBondType(kinds[int(bond.GetBondTypeAsDouble()) + orders])


def _written(molecule: Any) -> Iterator[str]:
    """Canonical SMILES of a molecule; nothing where it is none."""
    from rdkit import Chem, rdBase

    with rdBase.BlockLogs():
        try:
            Chem.SanitizeMol(molecule)
        except ValueError:
            return
        again = Chem.MolFromSmiles(Chem.MolToSmiles(molecule))
    if again is not None:
        yield Chem.MolToSmiles(again)


@lru_cache
def pattern(smarts: str) -> Any:
    """RDKit's query of a SMARTS."""
    from rdkit import Chem

    return Chem.MolFromSmarts(smarts)
