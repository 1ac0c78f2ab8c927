"""Ligands on a metal come back under the name of the molecule one buys."""

import numpy as np
import pytest
from ase import Atoms
from ase.data import covalent_radii

from auric.matching import split_cluster, standard_smiles
from auric.matching.ligand_library import ALKYL, ARYL, BIDENTATE, DOUBLE, LINKERS, SINGLE, _renumbered

ACIDIC = {
    "thiol": "[SX2H]", "selenol": "[SeX2H]", "alkyne": "[CX2H]#C", "carboxylic acid": "[OX2H]C=O", "thioacid": "[SX2H]C=O", "dithiocarbamate": "[SX2H]C=S",
    "dithiophosphate": "[SX2H]P=S", "carbene": "[#6H;$([#6](:,=[#7+]):,-[#7])]", "dithiol": "[SX2H]", "dicarboxylic acid": "[OX2H]C=O",
}  # fmt: skip
NEUTRAL = {
    "amine": "[NX3;!$(NC=O)]", "nitrile": "[NX1]#C", "amide": "[OX1]=C[NH2]", "phosphine": "[PX3]", "diphenylphosphine": "[PX3]", "diphosphine": "[PX3]",
}  # fmt: skip
"""Donor atoms as SMARTS: of those above the metal takes a proton's place, these bind by a lone pair."""


def on_gold(smiles, donor, *, neutral=False):
    """A ligand on one gold atom, which stands where a proton of the donor was; a neutral donor takes a proton first."""
    from rdkit import Chem
    from rdkit.Chem import rdDistGeom

    molecule = Chem.RWMol(Chem.MolFromSmiles(smiles))
    place = molecule.GetSubstructMatches(Chem.MolFromSmarts(donor))[0][0]
    atom = molecule.GetAtomWithIdx(place)
    if neutral:
        atom.SetFormalCharge(1)
        atom.SetNumExplicitHs(atom.GetTotalNumHs() + 1)
        Chem.SanitizeMol(molecule)
    whole = Chem.AddHs(molecule)
    assert rdDistGeom.EmbedMolecule(whole, randomSeed=1) == 0
    numbers = np.array([each.GetAtomicNum() for each in whole.GetAtoms()])
    positions = whole.GetConformer().GetPositions()
    proton = [each.GetIdx() for each in whole.GetAtomWithIdx(place).GetNeighbors() if each.GetAtomicNum() == 1][-1]
    bond = positions[proton] - positions[place]
    length = covalent_radii[79] + covalent_radii[numbers[place]]
    positions[proton], numbers[proton] = positions[place] + bond * length / np.linalg.norm(bond), 79
    return Atoms(numbers, positions)


def enumerated():
    """Every residue with some head, every head and linker with some residue, and nitro groups and thiophene with every head."""
    residues, heads = [*ALKYL, *ARYL], list(SINGLE)
    found = [(heads[k % len(heads)], SINGLE[heads[k % len(heads)]].format(one)) for k, one in enumerate(residues)]
    found += [(head, SINGLE[head].format(one)) for head in heads for one in ("c1ccc(N(=O)=O)cc1", "c1cccs1")]
    found += [(head, one.format("CC", _renumbered("c1ccc(OC)cc1", 5))) for head, one in DOUBLE.items()]
    found += [(head, one.format("CC", linker)) for head, one in BIDENTATE.items() for linker in LINKERS]
    return found


def test_every_kind_of_enumerated_ligand_comes_back_from_a_metal():
    for kind, smiles in enumerated():
        cluster = on_gold(standard_smiles(smiles), (ACIDIC | NEUTRAL)[kind], neutral=kind in NEUTRAL)
        assert split_cluster(cluster).ligands == (standard_smiles(smiles),), (kind, smiles)


@pytest.mark.parametrize(
    ("smiles", "donor"),
    [
        ("O=N(=O)c1cccc(S)c1", "[SX2H]"), ("O=N(=O)CCS", "[SX2H]"), ("O=N(=O)Oc1ccc(S)cc1", "[SX2H]"), ("CS(=O)(=O)c1ccc(S)cc1", "[SX2H]"),
        ("NS(=O)(=O)c1ccc(S)cc1", "[SX2H]"), ("O=N(=O)O", "[OX2H]"), ("OC(=O)O", "[OX2H]"), ("OS(=O)(=O)O", "[OX2H]"), ("OP(=O)(O)c1ccccc1", "[OX2H]"),
        ("CP(C)O", "[OX2H]"), ("OCl(=O)(=O)=O", "[OX2H]"), ("Oc1ccccc1O", "[OX2H]"), ("Sc1ccccc1S", "[SX2H]"), ("CSc1ccc(S)cc1", "[SX2H]"),
    ],
)  # fmt: skip
def test_oxygen_atoms_of_a_group_tell_how_many_protons_it_lost(smiles, donor):
    assert split_cluster(on_gold(smiles, donor)).ligands == (standard_smiles(smiles),)


@pytest.mark.parametrize(
    ("smiles", "donor"),
    [
        ("C[SeH]", "[SeX2H]"), ("[SeH]CCc1ccccc1", "[SeX2H]"), ("[SeH]c1ccccc1", "[SeX2H]"), ("CC(=O)[SeH]", "[SeX2H]"), ("[TeH]c1ccccc1", "[TeX2H]"),
        ("CCOP(=[Se])([SeH])OCC", "[SeX2H]"), ("CN(C)C(=[Se])[SeH]", "[SeX2H]"),
        ("c1cn[nH]c1", "[nH]"), ("c1c[nH]nn1", "[nH]"), ("c1ccc2[nH]nnc2c1", "[nH]"), ("c1c[nH]cn1", "[nH]"), ("CNC", "[NX3;H]"), ("Nc1ccc(N(=O)=O)cc1", "[NH2]"),
        ("c1ccccc1", "[cH]"), ("C#N", "[CX2H]"), ("CPC", "[PX3;H]"),
    ],
)  # fmt: skip
def test_anions_of_selenium_tellurium_nitrogen_and_carbon(smiles, donor):
    assert split_cluster(on_gold(smiles, donor)).ligands == (standard_smiles(smiles),)


@pytest.mark.parametrize(
    ("smiles", "donor"),
    [("CN(C)C(=S)N(C)C", "[SX1]"), ("NC(N)=S", "[SX1]"), ("CN=C=S", "[SX1]"), ("CN(C)C=O", "[OX1]"), ("CC(C)=O", "[OX1]"), ("CP(C)(C)=O", "[OX1]"),
     ("C[As](C)C", "[AsX3]")],
)  # fmt: skip
def test_neutral_donors_lose_nothing(smiles, donor):
    assert split_cluster(on_gold(smiles, donor, neutral=True)).ligands == (standard_smiles(smiles),)


@pytest.mark.parametrize(
    ("form", "others"),
    [
        ("Sc1ccccn1", ("S=c1cccc[nH]1", "S=C1C=CC=CN1", "[S-]c1ccccn1", "[S]c1ccccn1", "Sc1cccc[nH+]1")), ("Sc1ccncc1", ("S=c1cc[nH]cc1",)),
        ("Sc1nc2ccccc2[nH]1", ("S=c1[nH]c2ccccc2[nH]1",)), ("Cn1nnnc1S", ("S=c1[nH]nnn1C",)), ("Sc1nnc(S)s1", ("S=c1[nH][nH]c(=S)s1", "S=c1[nH]nc(S)s1")),
        ("Oc1ccnc(S)n1", ("O=c1cc[nH]c(=S)[nH]1",)), ("S=C1NCCS1", ("SC1=NCCS1",)), ("NC(N)=S", ("N=C(N)S",)),
        ("CC(=O)S", ("CC(O)=S", "CC([O-])=S", "CC(=O)[S-]")), ("CC(=O)[SeH]", ("CC(O)=[Se]",)), ("COP(O)(=S)OC", ("COP(=O)(S)OC",)),
        ("c1nn[nH]n1", ("c1nnn[nH]1", "c1nnn[n-]1")), ("Cc1cc[nH]n1", ("Cc1ccn[nH]1", "Cc1cc[n-]n1")), ("Cc1c[nH]cn1", ("Cc1cnc[nH]1",)),
        ("c1ccc2[nH]nnc2c1", ("c1ccc2n[nH]nc2c1",)), ("Nc1ncnc2[nH]cnc12", ("Nc1ncnc2nc[nH]c12",)), ("CN=C(C)N", ("CNC(C)=N",)),
        ("[N-]=[N+]=N", ("[N-]=[N+]=[N-]", "N=[N+]=[N-]", "[NH-][N+]#N")), ("[C-]#[O+]", ("[C]=O",)), ("[C-]#[N+]C", ("[C]=NC",)), ("C#N", ("[C-]#N",)),
        ("N#CS", ("N=C=S", "[N-]=C=S", "[S-]C#N")), ("N=C=O", ("OC#N",)), ("CC(N)=O", ("CC(O)=N",)), ("CS(N)(=O)=O", ("CS(=N)(=O)O",)),
        ("CC(=O)CC(C)=O", ("CC(O)=CC(C)=O", "CC([O-])=CC(C)=O")), ("CS(C)=O", ("C[S+](C)[O-]",)), ("CP(C)(C)=O", ("C[P+](C)(C)[O-]",)), ("NCCS", ("[NH3+]CC[S-]",)),
    ],
)  # fmt: skip
def test_one_ligand_has_one_name(form, others):
    assert {standard_smiles(one) for one in (form, *others)} == {form}


@pytest.mark.parametrize(
    "smiles",
    ["Cn1ccccc1=S", "CC(=S)S", "CC(C)=NO", "CC(=O)NO", "[O-][n+]1ccccc1", "O=C1OC(C(O)CO)C(O)=C1O", "CN=[N+]=[N-]", "CC(C)=C(C)O", "Oc1ccccc1", "CN=NC", "S=C=S"],
)  # fmt: skip
def test_what_has_one_form_only_is_left_alone(smiles):
    assert standard_smiles(smiles) == smiles


@pytest.mark.parametrize(
    ("smiles", "donor"),
    [("CS(C)=O", "[OX1]"), ("N=[N+]=[N-]", "[NX2;H]"), ("S=C1NCCS1", "[SX1]"), ("SC1=NCCS1", "[SX2H]"), ("CC(=O)CC(C)=O", "[OX1]"), ("Sc1ccccn1", "[nX2]"), ("S=c1cccc[nH]1", "[SX1]"),
     ("Cc1ccn[nH]1", "[nH]"), ("Cc1cc[nH]n1", "[nH]"), ("c1nnn[nH]1", "[nH]"), ("CC(O)=S", "[OX2H]"), ("CC(O)=CC(C)=O", "[OX2H]"), ("CC(N)=NC", "[NH2]"), ("CNC(C)=N", "[NX3;H]")],
)  # fmt: skip
def test_the_name_is_that_of_the_ligand_on_a_metal(smiles, donor):
    cluster = on_gold(smiles, donor, neutral=donor in ("[OX1]", "[SX1]", "[nX2]"))
    assert split_cluster(cluster).ligands == (standard_smiles(smiles),)


def test_isocyanides_keep_their_charges():
    assert split_cluster(on_gold("C#[N+]c1ccccc1", "[CX2H]")).ligands == ("[C-]#[N+]c1ccccc1",)
