import numpy as np
import pytest
from ase.data import covalent_radii

from auric.errors import StructureError
from auric.files import read_frames, write_frames
from auric.structures import build_molecule, build_recipe
from auric.structures.molecules import LARGEST_SEED

ALKANES = {"ethane": 2, "propane": 3, "butane": 4, "pentane": 5, "hexane": 6, "heptane": 7}


def bonds_of(atoms):
    """Pairs nearer than 1.3 times the sum of their covalent radii, as a matrix."""
    radii = covalent_radii[atoms.numbers]
    bonded = atoms.get_all_distances() < 1.3 * (radii[:, None] + radii)
    np.fill_diagonal(bonded, False)
    return bonded


@pytest.mark.parametrize("name", ALKANES)
def test_alkanes_have_their_atoms_and_bonds(name):
    carbons = ALKANES[name]
    atoms = build_molecule("C" * carbons)
    assert atoms.get_chemical_formula() == f"C{carbons}H{2 * carbons + 2}"
    bonds = bonds_of(atoms)
    assert bonds.sum() == 2 * (3 * carbons + 1)
    assert (bonds[atoms.symbols == "C"].sum(axis=1) == 4).all()
    assert (bonds[atoms.symbols == "H"].sum(axis=1) == 1).all()
    chain = [atoms.get_distance(i, i + 1) for i in range(carbons - 1)]
    np.testing.assert_allclose(chain, 1.53, atol=0.03)
    np.testing.assert_allclose(atoms.positions.mean(axis=0), 0, atol=1e-9)
    assert atoms.info == {"stated_charge": 0}


def test_a_seed_gives_its_conformer_each_time_and_another_seed_another():
    first, again, other = (build_molecule("CCCCCCC", seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first.positions, again.positions)
    assert not np.allclose(np.sort(first.get_all_distances(), None), np.sort(other.get_all_distances(), None), atol=0.1)


@pytest.mark.parametrize(
    ("smiles", "formula", "charge"),
    [("CC(=O)[O-]", "C2H3O2", -1), ("C[NH3+]", "CH6N", 1), ("[NH3+]CC(=O)[O-]", "C2H5NO2", 0), ("C", "CH4", 0)],
)
def test_charges_are_stated(smiles, formula, charge):
    atoms = build_molecule(smiles)
    assert atoms.get_chemical_formula() == formula
    assert atoms.info["stated_charge"] == charge


@pytest.mark.parametrize(
    ("smiles", "seed", "reason"),
    [
        ("CC(", 0, "no valid SMILES"),
        ("", 0, "no valid SMILES"),
        ("C C", 0, "no valid SMILES"),
        ("CC(C)(C)(C)C", 0, "no valid SMILES"),
        ("C\nC", 0, "no valid SMILES"),
        ("CC.O", 0, "more than one molecule"),
        ("C" * 67, 0, "203 atoms, more than 200"),
        ("C" * 301, 0, "301 characters"),
        ("C[Au]", 0, "no geometry"),
        ("CC", -1, "seed -1"),
        ("CC", LARGEST_SEED + 1, "seed 2147483648"),
    ],
)
def test_molecules_are_refused_in_one_line(smiles, seed, reason):
    with pytest.raises(StructureError, match=reason) as caught:
        build_molecule(smiles, seed=seed)
    assert "\n" not in str(caught.value)


def test_recipe_makes_the_molecule_and_tells_its_source(tmp_path):
    atoms = build_recipe("smiles", "smiles=C/C=C\\C seed=04")
    assert np.array_equal(atoms.positions, build_molecule("C/C=C\\C", seed=4).positions)
    assert atoms.info == {"source": "smiles smiles=C/C=C_C seed=4", "stated_charge": 0}
    write_frames(tmp_path / "butene.extxyz", [atoms])
    assert read_frames(tmp_path / "butene.extxyz")[0].info["source"] == atoms.info["source"]


def test_a_double_bond_is_no_second_word():
    assert build_recipe("smiles", "smiles=C=C").get_chemical_formula() == "C2H4"


@pytest.mark.parametrize(
    ("recipe", "reason"),
    [
        ("CC", "unknown word 'CC'"),
        ("seed=1", "smiles= is missing"),
        ("smiles=CC seed=one", "seed=one is no seed"),
        ("smiles=CC seed=-1", "seed=-1 is no seed"),
        ("smiles=CC smiles=C", "given twice"),
    ],
)
def test_recipes_are_refused_in_one_line(recipe, reason):
    with pytest.raises(StructureError, match=reason):
        build_recipe("smiles", recipe)
