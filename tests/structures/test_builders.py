import os
import subprocess
import sys
from hashlib import sha256
from itertools import permutations

import numpy as np
import pytest
from ase import Atoms
from ase.optimize import LBFGS
from scipy.spatial.transform import Rotation

from auric.errors import StructureError
from auric.files import read_frames, read_tables, write_frames
from auric.reference import XtbEngine, XtbSettings, structure_hash
from auric.structures import (
    LIGANDS,
    Places,
    attach,
    build_recipe,
    build_ring,
    build_staple_cluster,
    check_structure,
    file_of,
    find_motifs,
    framework_rmsd,
    gold_sulfur_bonds,
    ideal_core,
    prepare_block,
    read_structure,
    read_structures_table,
    ring_conformers,
    staple_conformers,
    thiol_ligand,
)
from auric.structures import staples as staples_module
from auric.structures.staples import _images

SCHEMA = "workflow/schemas/structures.schema.yaml"
AU13, AU23 = ideal_core("Au13", "6xn2"), ideal_core("Au23", "6xn2+3xn1")
CLUSTERS = {
    "Au25": (AU13, 18, "Au25S18: Au13 @ 6 x n2", "025_18_minus1_cp2k_opt.xyz"),
    "Au38": (AU23, 24, "Au38S24: Au23 @ 6 x n2 + 3 x n1", "038_24q_cp2k_opt.xyz"),
}


def spectrum(atoms):
    """All distances between like pairs of elements, sorted: equal for structures that differ by symmetry and order."""
    distances = atoms.get_all_distances()
    first, second = np.triu_indices(len(atoms), 1)
    kinds = atoms.numbers[first] * atoms.numbers[second]
    order = np.lexsort((distances[first, second], kinds))
    return distances[first, second][order]


# Rings


@pytest.mark.parametrize(("n", "count"), [(3, 2), (4, 4), (5, 4), (6, 8), (7, 9), (8, 18)])
def test_ring_conformers_are_as_many_as_two_coloured_bracelets_with_colours_exchanged(n, count):
    """OEIS A000011."""
    words = ring_conformers(n)
    assert len(words) == count
    rings = [build_ring(n, "H", word) for word in words]
    np.testing.assert_array_equal(rings[0].positions, build_ring(n).positions)
    spectra = [spectrum(ring) for ring in rings]
    for i, one in enumerate(spectra):
        assert all(np.abs(one - other).max() > 1e-3 for other in spectra[:i])
    for word, ring in zip(words, rings, strict=True):
        for same in (word[2:] + word[:2], word.translate(str.maketrans("UD", "DU"))):
            np.testing.assert_allclose(spectrum(build_ring(n, "H", same)), spectrum(ring), atol=1e-6)


HASHES = {
    3: ("f7c5c438168e15a0", "1fd71eebbf22b5d5"),
    4: ("81a6a5cd4c8885ca", "1c80884e4a439745"),
    5: ("e30e6fd372066b49", "319dd608a8ec11ba"),
    6: ("7ea992e3088a5b89", "60032b963dc28901"),
}


@pytest.mark.parametrize("n", HASHES)
def test_rings_stay_those_whose_labels_are_kept(n):
    """Other coordinates would make every label of a user's store worthless."""
    made = [build_recipe("ring", f"n={n} R={ligand}") for ligand in ("H", "CH3")]
    assert tuple(structure_hash(ring, 0, 1) for ring in made) == HASHES[n]
    np.testing.assert_array_equal(made[0].positions, build_ring(n).positions)


def test_ring_puts_each_ligand_on_the_side_asked_for():
    for updown in ("UUDD", "DUUU"):
        for ligand in ("H", "CH3", thiol_ligand("SCC")):
            ring = build_ring(4, ligand, updown)
            check_structure(ring, charge=0, multiplicity=1)
            each = np.split(ring.positions[8:, 2], 4)
            nearest = [part[np.argmin(np.abs(part - ring.positions[4 + k, 2]))] for k, part in enumerate(each)]
            assert (
                "".join("U" if z > h else "D" for z, h in zip(nearest, ring.positions[4:8, 2], strict=True)) == updown
            )


@pytest.mark.parametrize("updown", ["UD", "UDUX", "udud"])
def test_ring_refuses_other_sides(updown):
    with pytest.raises(StructureError, match="give 4 letters U or D"):
        build_ring(4, "H", updown)


def test_ring_conformers_refuse_other_sizes():
    with pytest.raises(StructureError, match="n=9 is not offered"):
        ring_conformers(9)


# Ligands


@pytest.mark.parametrize(
    ("smiles", "formula"),
    [("CS", "CH3"), ("SCCc1ccccc1", "C8H9"), ("SC12CC3CC(CC(C3)C1)C2", "C10H15"), ("N[C@@H](CS)C(=O)O", "C3H6NO2")],
)
def test_thiol_becomes_a_ligand_whose_bond_to_sulfur_is_the_axis(smiles, formula):
    ligand = thiol_ligand(smiles)
    assert Atoms(ligand.symbols).get_chemical_formula() == Atoms(formula).get_chemical_formula()
    for positions in ligand.conformers_angstrom:
        bound = positions[np.argmin(np.linalg.norm(positions, axis=1))]
        np.testing.assert_allclose(bound[:2], 0, atol=1e-9)
        assert 1.75 < bound[2] < 1.9
    again = thiol_ligand(smiles)
    np.testing.assert_array_equal(again.conformers_angstrom, ligand.conformers_angstrom)


@pytest.mark.parametrize(
    ("smiles", "reason"),
    [
        ("C1CS", "no valid SMILES"),
        ("C(C)(C)(C)(C)CS", "no valid SMILES"),
        ("", "no valid SMILES"),
        ("\x00CS", "no valid SMILES"),
        ("CCO", "no S-H"),
        ("CSC", "no S-H"),
        ("CSSC", "no S-H"),
        ("C[S-]", "not one neutral molecule"),
        ("S", "no S-H bound to R.*R=H"),
        ("SCCS", "holds 2 S-H"),
        ("CS.CS", "not one neutral molecule"),
        ("C[N+](C)(C)CCS", "not one neutral molecule"),
        ("OB(O)c1ccc(S)cc1", "no geometry"),
        ("S" + "C" * 60, "180 atoms|181 atoms"),
        ("S" + "C" * 400, "401 characters"),
    ],
)
def test_thiol_refuses_with_a_reason(smiles, reason):
    with pytest.raises(StructureError, match=reason):
        thiol_ligand(smiles)


def test_attached_ligands_keep_clear_of_each_other_and_turn_with_the_framework(rng):
    ring, ligand = build_ring(4), thiol_ligand("SCCc1ccccc1")
    framework = ring[:8]
    outward = (ring.positions[8:] - ring.positions[4:8]) / 1.35
    across = np.tile([0.0, 0.0, 1.0], (4, 1))
    atoms = attach(framework, range(4, 8), outward, across, ligand)
    groups = np.split(atoms.positions[8:], 4)
    nearest = min(np.linalg.norm(a[:, None] - b[None], axis=-1).min() for a in groups for b in groups if a is not b)
    assert nearest > 2.0
    turn = Rotation.random(rng=rng).as_matrix()
    turned = framework.copy()
    turned.positions = framework.positions @ turn
    again = attach(turned, range(4, 8), outward @ turn, across @ turn, ligand)
    np.testing.assert_allclose(again.positions, atoms.positions @ turn, atol=1e-9)


def test_ligands_without_room_are_refused():
    cage = np.vstack([np.zeros(3), 0.75 * AU13.positions_angstrom[1:]])
    with pytest.raises(StructureError, match="R=CH3: R is too large"):
        attach(Atoms("SAu12", cage), [0], np.array([[0.0, 0.0, 1.0]]), np.array([[1.0, 0.0, 0.0]]), LIGANDS["CH3"])


# Staple-protected clusters


def test_ideal_cores_are_made_of_icosahedra():
    for core, centres in ((AU13, [0]), (AU23, [3, 13])):
        distances = np.linalg.norm(core.positions_angstrom[:, None] - core.positions_angstrom[None], axis=-1)
        for centre in centres:
            near = np.sort(distances[centre])
            np.testing.assert_allclose(near[1:13], 2.8, atol=1e-9)
            shell = np.flatnonzero(np.abs(distances[centre] - 2.8) < 1e-6)
            edges = np.sort(distances[np.ix_(shell, shell)], axis=1)[:, 1:6]
            np.testing.assert_allclose(edges, 2.8 * 1.0514622, atol=1e-6)
        joined = [anchor for staple in core.staples for anchor in staple.anchors]
        assert len(joined) == len(set(joined))
        assert not set(joined) & set(centres)
    assert len(AU13.positions_angstrom) == 13
    assert len(AU23.positions_angstrom) == 23


@pytest.mark.parametrize(
    ("core", "units", "reason"),
    [("Au12", "6xn2", "core=Au12.*Did you mean 'Au1?2?3'"), ("Au13", "5xn2", "give units=6xn2")],
)
def test_unknown_cores_and_units_are_refused(core, units, reason):
    with pytest.raises(StructureError, match=reason):
        ideal_core(core, units)


@pytest.mark.parametrize("name", CLUSTERS)
def test_built_clusters_have_the_bonds_of_their_units_and_no_others(name):
    core, sulfurs, motifs, _ = CLUSTERS[name]
    atoms = build_staple_cluster(core, LIGANDS["CH3"])
    assert atoms.symbols.count("S") == atoms.symbols.count("C") == sulfurs
    assert atoms.symbols.count("H") == 3 * sulfurs
    bonds = gold_sulfur_bonds(atoms)
    assert len(bonds) == 2 * sulfurs
    assert len(gold_sulfur_bonds(atoms, cutoff_angstrom=3.2)) == 2 * sulfurs
    assert all(2.25 < bond.length_angstrom < 2.55 for bond in bonds)
    assert str(find_motifs(atoms)) == motifs
    heavy = atoms[atoms.numbers > 1].get_all_distances() + 9 * np.eye(sum(atoms.numbers > 1))
    assert heavy.min() > 1.8
    np.testing.assert_array_equal(atoms.positions, build_staple_cluster(core, LIGANDS["CH3"]).positions)
    np.testing.assert_array_equal(atoms.positions, np.round(atoms.positions, 6))


def test_coordinates_do_not_depend_on_the_processor():
    """Linear algebra for an old and a new one rounds differently; what is kept of the coordinates does not."""
    script = (
        "from auric.structures import build_recipe\n"
        "atoms = build_recipe('staple', 'core=Au13 units=6xn2 thiol=SCCc1ccccc1')\n"
        "print(atoms.positions.tobytes().hex())"
    )
    made = set()
    for processor in ("Prescott", "Haswell"):
        environment = os.environ | {"OPENBLAS_CORETYPE": processor, "OMP_NUM_THREADS": "1"}
        made.add(
            subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, env=environment).stdout
        )
    assert len(made) == 1


def test_au25_keeps_its_framework_when_relaxed(mirror):
    """A short and rough relaxation; the full ones are measured by `python -m benchmarks structures`."""
    atoms = build_staple_cluster(AU13, LIGANDS["H"])
    atoms.calc = XtbEngine(XtbSettings()).calculator(-1, 1)
    assert LBFGS(atoms, logfile=None).run(fmax=0.25, steps=40)
    assert str(find_motifs(atoms)) == "Au25S18: Au13 @ 6 x n2"
    real = read_structure(mirror / "nc_database/sch3_protected/025_18_minus1_cp2k_opt.xyz")
    assert framework_rmsd(atoms, real) < 0.4


def test_au25_is_a_closed_shell_anion_or_a_neutral_doublet():
    atoms = build_staple_cluster(AU13, LIGANDS["H"])
    check_structure(atoms, charge=-1, multiplicity=1)
    check_structure(atoms, charge=0, multiplicity=2)
    with pytest.raises(StructureError, match="multiplicity 1 is impossible"):
        check_structure(atoms, charge=0, multiplicity=1)


def test_the_framework_does_not_hang_on_where_its_staples_start(monkeypatch, rng):
    before = build_staple_cluster(AU13, LIGANDS["H"])
    arch = staples_module._arch
    monkeypatch.setattr(staples_module, "_arch", lambda *given: arch(*given) + rng.normal(0, 0.2, arch(*given).shape))
    after = build_staple_cluster(AU13, LIGANDS["H"])
    np.testing.assert_allclose(after.positions, before.positions, atol=1e-4)


def test_symmetries_are_those_of_the_literature():
    assert len(list(_images(AU13))) == 24  # Th
    assert len(list(_images(AU23))) == 6  # D3


@pytest.mark.parametrize(
    ("core", "word"), [(AU13, "UUD-UDD-UDU-UUU-DUD-UUD"), (AU23, "UUD-UDD-UDU-UUU-DUD-UUD-UU-UD-DD")]
)
def test_symmetry_of_the_sides_is_symmetry_of_the_cluster(core, word):
    """Each image of a pattern makes the same cluster, turned or mirrored; a pattern with one R moved does not."""
    letters = np.array(list(word.replace("-", "")))
    sizes = np.cumsum([staple.golds + 1 for staple in core.staples])[:-1]
    expected = spectrum(build_staple_cluster(core, LIGANDS["H"], word))
    for source, exchanged in list(_images(core))[-4:]:
        image = np.where((letters[source] == "U") ^ exchanged, "U", "D")
        other = "-".join("".join(part) for part in np.split(image, sizes))
        np.testing.assert_allclose(spectrum(build_staple_cluster(core, LIGANDS["H"], other)), expected, atol=1e-4)
    moved = spectrum(build_staple_cluster(core, LIGANDS["H"], ("U" if word[0] == "D" else "D") + word[1:]))
    assert np.abs(moved - expected).max() > 0.1


def test_staple_conformers_are_as_many_as_burnside_counts():
    count = 0
    for source, exchanged in _images(AU13):
        fixed, left = 1, set(range(18))
        while left:  # each cycle is free, or without solution where its exchanges are odd
            start = here = min(left)
            odd = False
            while here in left:
                left.remove(here)
                here, odd = source[here], odd ^ exchanged[here]
            assert here == start
            fixed *= 0 if odd else 2
        count += fixed
    words = staple_conformers(AU13, alike=False)
    assert len(words) == len(set(words)) == count / 24
    assert set(map(len, words)) == {6 * 3 + 5}


def test_conformers_alike_are_words_that_can_be_built():
    words = staple_conformers(AU23)
    assert len(words) == 24
    made = {word: build_staple_cluster(AU13, LIGANDS["H"], word) for word in staple_conformers(AU13)}
    assert list(made) == ["UUU", "UUD", "UDU", "UDD", "DUD", "DDD"]
    hydrogens = {word: Atoms("Au25S18", atoms[atoms.numbers != 16].positions) for word, atoms in made.items()}
    for one, other in (("UUU", "UUD"), ("UUU", "DDD"), ("UUD", "UDD"), ("UDU", "DUD")):
        assert framework_rmsd(hydrogens[one], hydrogens[other]) > 0.05
    with pytest.raises(StructureError, match="too many to list"):
        staple_conformers(AU23, alike=False)


@pytest.mark.parametrize("updown", ["UD", "UDU-UDU", "UDX", "UDU-UDU-UDU-UDU-UDU-UD"])
def test_sides_that_do_not_fit_the_staples_are_refused(updown):
    with pytest.raises(StructureError, match=r"such as UDU, or 6 words"):
        build_staple_cluster(AU13, LIGANDS["H"], updown)


# Distance of frameworks


def best_of_all_permutations(first, second):
    """Every permutation of like atoms and both hands, superposed by scipy."""
    rmsd = []
    for golds in permutations(range(2)):
        for sulfurs in permutations(range(2, 5)):
            for hand in (1, -1):
                moved = hand * second[[*golds, *sulfurs]]
                _, distance = Rotation.align_vectors(first - first.mean(0), moved - moved.mean(0))
                rmsd.append(distance / np.sqrt(5))
    return min(rmsd)


def test_framework_rmsd_is_the_least_over_all_permutations(rng):
    for _ in range(5):
        first, second = rng.normal(0, 2, (2, 5, 3))
        given = framework_rmsd(Atoms("Au2S3H", [*first, [9, 9, 9]]), Atoms("Au2S3", second))
        assert given == pytest.approx(best_of_all_permutations(first, second), abs=1e-6)


def test_framework_rmsd_sees_through_rotation_order_and_handedness(rng):
    atoms = build_staple_cluster(AU23, LIGANDS["H"])
    other = atoms[rng.permutation(len(atoms))]
    other.positions = -other.positions @ Rotation.random(rng=rng).as_matrix() + 7
    assert framework_rmsd(atoms, other) < 1e-6
    other.positions += rng.normal(0, 0.2 / np.sqrt(3), other.positions.shape)
    assert 0.1 < framework_rmsd(atoms, other) < 0.22
    assert framework_rmsd(other, atoms) == pytest.approx(framework_rmsd(atoms, other), abs=1e-6)


def test_framework_rmsd_refuses_other_frameworks():
    with pytest.raises(StructureError, match="6 and 8 Au atoms"):
        framework_rmsd(build_ring(6), build_ring(8))
    with pytest.raises(StructureError, match="neither structure"):
        framework_rmsd(Atoms("H2", np.eye(3)[:2]), Atoms("H2", np.eye(3)[:2]))


@pytest.mark.parametrize("name", CLUSTERS)
def test_built_frameworks_lie_near_the_real_ones_before_any_relaxation(mirror, name):
    core, _, _, file = CLUSTERS[name]
    real = read_structure(mirror / "nc_database/sch3_protected" / file)
    assert framework_rmsd(build_staple_cluster(core, LIGANDS["CH3"]), real) < 0.35


# Recipes and the table


@pytest.mark.parametrize(
    ("builder", "recipe", "reason"),
    [
        ("rong", "n=3", "Did you mean 'ring'"),
        ("ring", "", "n= is missing"),
        ("ring", "n=3 n=4", "n is given twice"),
        ("ring", "n=3 r=H", "unknown word 'r'"),
        ("ring", "n= R=H", "'n=' has no value"),
        ("ring", "n=three", "no size; give 3, 4"),
        ("ring", "n=3 R=CH3 thiol=CS", "give one of them"),
        ("ring", "n=3 R=Ph", "thiol=SCCc1ccccc1"),
        ("staple", "core=Au13 R=H", "units= is missing"),
        ("staple", "core=Au13 units=6xn2 n=3", "unknown word 'n'"),
        ("bundled", "../x.extxyz:a", "give the name"),
        ("bundled", "other.xyz:a", "give the name"),
        ("bundled", "missing.extxyz:a", "FileNotFoundError"),
        ("bundled", "broken.extxyz:a", "cannot be read"),
        ("bundled", "au7_sh7", "Did you mean 'au7_sh6'"),
        ("manifest", "au26", "no entry 'au26'"),
    ],
)
def test_recipes_are_refused_in_one_line(places, builder, recipe, reason):
    with pytest.raises(StructureError, match=reason) as caught:
        build_recipe(builder, recipe, places)
    assert "\n" not in str(caught.value)


@pytest.fixture
def places(tmp_path):
    """Resources with a bundled ring and a manifest of one file, and a mirror that holds it."""
    ring = build_ring(3)
    ring.info = {"name": "au7_sh6", "charge": 0, "multiplicity": 1}
    (tmp_path / "resources").mkdir()
    write_frames(tmp_path / "resources/small_clusters.extxyz", [ring])
    write_frames(tmp_path / "resources/more.extxyz", [ring])
    (tmp_path / "resources/broken.extxyz").write_text("3\n\nAu\n")
    (tmp_path / "mirror").mkdir()
    text = f"{len(ring)}\n\n" + "".join(
        f"{symbol} {x:.8f} {y:.8f} {z:.8f}\n" for symbol, (x, y, z) in zip(ring.symbols, ring.positions, strict=True)
    )
    (tmp_path / "mirror/ring.xyz").write_text(text)
    cells = ("au3", "https://localhost/ring.xyz", "1", sha256(text.encode()).hexdigest(), "MIT", str(len(text)))
    (tmp_path / "resources/manifest.tsv").write_text(
        "name\turl\tcommit\tsha256\tlicence\tbytes\tformat\tpath\tcharge\tmultiplicity\tabout\n"
        + "\t".join((*cells, "xyz", "ring.xyz", "0", "1", "a ring"))
        + "\n"
    )
    return Places(tmp_path / "resources", tmp_path / "mirror", tmp_path / "cache")


def test_every_builder_of_the_table_is_prepared_and_told_by_its_source(tmp_path, root, places):
    write_frames(tmp_path / "own.extxyz", [build_ring(3)])
    rows = {
        "ring": ("ring", "n=7 thiol=N[C@@H](C\\C=C\\S)C#N", "0", "1"),
        "sides": ("ring", "n=4 R=CH3 updown=UUDD", "0", "1"),
        "au25": ("staple", "core=Au13 units=6xn2 R=CH3", "-1", "1"),
        "own": ("file", str(tmp_path / "own.extxyz"), "0", "1"),
        "small": ("bundled", "au7_sh6", "0", "1"),
        "more": ("bundled", "more.extxyz:au7_sh6", "0", "1"),
        "entry": ("manifest", "au3", "0", "1"),
        "wrong": ("bundled", "au7_sh6", "2", "1"),
        "wrong2": ("manifest", "au3", "-2", "1"),
    }
    table = tmp_path / "table.tsv"
    lines = ["\t".join((name, *cells)) for name, cells in rows.items()]
    table.write_text("\n".join(["name\tbuilder\trecipe\tcharge\tmultiplicity", *lines]) + "\n")
    found = read_structures_table(table, root / SCHEMA)
    assert [row["error"] for row in found] == [""] * len(rows)
    assert [file_of(row) for row in found] == [
        *[None] * 3, str(tmp_path / "own.extxyz"), "resources/small_clusters.extxyz", "resources/more.extxyz", None,
        "resources/small_clusters.extxyz", None,
    ]  # fmt: skip
    prepare_block(found, tmp_path / "s.extxyz", tmp_path / "f.csv", **places._asdict())
    made = {atoms.info["name"]: atoms for atoms in read_frames(tmp_path / "s.extxyz")}
    failures = read_tables([tmp_path / "f.csv"])
    assert list(made) == [name for name in rows if not name.startswith("wrong")], failures["reason"].tolist()
    assert made["ring"].info["source"] == "ring n=7 thiol=N[C@@H](C_C=C_S)C#N"
    assert made["sides"].info["source"] == "ring n=4 R=CH3 updown=UUDD"
    assert made["au25"].info["source"] == "staple core=Au13 units=6xn2 R=CH3"
    assert made["small"].info["source"].startswith("bundled small_clusters.extxyz:au7_sh6 sha256:")
    assert made["entry"].info["source"].startswith("manifest au3 ")
    for atoms in made.values():
        assert set(atoms.info) == {"name", "source", "charge", "multiplicity"}
    np.testing.assert_allclose(made["small"].positions, build_ring(3).positions, atol=1e-7)
    assert list(failures["structure"]) == ["wrong", "wrong2"]
    assert failures["reason"].str.contains("contradicts").all()


def test_a_row_that_reads_no_good_place_watches_no_file(tmp_path, root):
    table = tmp_path / "table.tsv"
    table.write_text("name\tbuilder\trecipe\tcharge\tmultiplicity\na\tbundled\t../x\t0\t1\nb b\tfile\tx.xyz\t0\t1\n")
    assert [file_of(row) for row in read_structures_table(table, root / SCHEMA)] == [None, None]
