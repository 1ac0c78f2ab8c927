import os

import numpy as np
import pytest
from ase import Atoms
from ase.io import write

from auric.errors import InputError, StructureError
from auric.files import read_frames, read_tables
from auric.structures import (
    BondRule,
    build_recipe,
    build_ring,
    check_structure,
    gold_sulfur_bonds,
    prepare_block,
    read_structure,
    read_structures_table,
)
from auric.structures.rings import LIGANDS, RING_SIZES, S_METAL_ANGSTROM

SCHEMA = "workflow/schemas/structures.schema.yaml"
HEADER = "name\tbuilder\trecipe\tcharge\tmultiplicity\tframes\n"


@pytest.mark.parametrize("ligand", LIGANDS)
@pytest.mark.parametrize("n", RING_SIZES)
def test_ring_has_two_equal_bonds_per_gold_and_straight_angles(n, ligand):
    ring = build_ring(n, ligand)
    check_structure(ring, charge=0, multiplicity=1)
    bonds = gold_sulfur_bonds(ring)
    assert len(bonds) == 2 * n
    np.testing.assert_allclose([bond.length_angstrom for bond in bonds], 2.32, atol=1e-9)
    for gold in range(n):
        first, second = (bond.left for bond in bonds if bond.right == gold)
        assert ring.get_angle(first, gold, second) == pytest.approx(180, abs=1e-3)


def test_ring_corners_alternate_and_an_odd_ring_keeps_its_last_in_the_plane():
    heights = {n: build_ring(n).positions[n : 2 * n, 2] for n in (4, 5)}
    np.testing.assert_allclose(heights[4], [1, -1, 1, -1])
    np.testing.assert_allclose(heights[5], [1, -1, 1, -1, 0])


@pytest.mark.parametrize(("n", "ligand", "word"), [(2, "H", "n=2"), (9, "H", "n=9"), (4, "Ph", "R=Ph")])
def test_ring_refuses_what_it_cannot_build(n, ligand, word):
    with pytest.raises(StructureError, match=word):
        build_ring(n, ligand)


def test_bonds_are_those_of_a_double_loop(rng):
    atoms = Atoms("Au4S5H2", rng.uniform(0, 5, (11, 3)))
    expected = [
        (s, g) for s in range(4, 9) for g in range(4) if np.linalg.norm(atoms.positions[s] - atoms.positions[g]) < 2.7
    ]
    assert [(bond.left, bond.right) for bond in gold_sulfur_bonds(atoms)] == expected


def test_a_rule_finds_bonds_of_its_two_elements():
    ring = build_ring(4, metal="Ag")
    assert gold_sulfur_bonds(ring) == []
    rule = BondRule("S", "Ag")
    assert (rule.name, rule.bonds(ring)[0].label) == ("S-Ag", "S4-Ag0")
    assert len(rule.bonds(ring)) == 8
    check_structure(ring, charge=0, multiplicity=1, rule=rule)
    with pytest.raises(StructureError, match=r"no S-Au bond below 2\.7 angstrom"):
        check_structure(ring, charge=0, multiplicity=1)
    metals = BondRule("Ag", "Ag", 4.0).bonds(ring)
    assert [(bond.left, bond.right) for bond in metals] == [(0, 1), (0, 3), (1, 2), (2, 3)], "each pair once"
    for wrong in ("Qq", "X", ""):
        with pytest.raises(InputError, match="there is no element"):
            BondRule("S", wrong).bonds(ring)


def test_rings_of_other_coinage_metals():
    for metal, distance in S_METAL_ANGSTROM.items():
        bonds = BondRule("S", metal).bonds(build_recipe("ring", f"n=5 R=CH3 metal={metal}"))
        np.testing.assert_allclose([bond.length_angstrom for bond in bonds], distance, atol=1e-6)
    with pytest.raises(StructureError, match="metal=Pt is not offered; choose from Au, Ag, Cu"):
        build_recipe("ring", "n=4 R=H metal=Pt")


@pytest.mark.parametrize(
    ("change", "charge", "multiplicity", "reason"),
    [
        (lambda a: a.positions.__setitem__((2, 1), np.nan), 0, 1, "atom 3 .*not finite"),
        (lambda a: a.positions.__setitem__(1, a.positions[0] + 0.1), 0, 1, "atoms 1 .* and 2 .* overlap"),
        (lambda a: None, 0, 2, "multiplicity 2 is impossible with 288 electrons"),
        (lambda a: None, 1, 1, "odd number of electrons needs multiplicity 2, 4"),
        (lambda a: None, 0, 999, "multiplicity 999"),
        (lambda a: None, 400, 1, "leaves -112 electrons"),
        (lambda a: a.positions.__imul__(1.5), 0, 1, "no S-Au bond"),
        (lambda a: a.positions.__setitem__((8, 1), 1e300), 0, 1, "wider than 500 angstrom"),
        (lambda a: a.symbols.__setitem__(8, "U"), 0, 1, "heavier than radon"),
    ],
)
def test_check_refuses_with_a_reason(change, charge, multiplicity, reason):
    ring = build_ring(3)
    ring.symbols[:] = "AuAuAuSSSHHH"
    change(ring)
    with pytest.raises(StructureError, match=reason):
        check_structure(ring, charge=charge, multiplicity=multiplicity)


BAD_FILES = {
    "empty.xyz": (b"", "empty"),
    "blank.xyz": (b"\n \n", "empty"),
    "truncated.xyz": (b"3\n\nAu 0 0 0\nS 2.3 0 0\n", "truncated"),
    "latin.xyz": ("1\nGoldäpfel\nAu 0 0 0\n".encode("latin-1"), "not UTF-8"),
    "count.xyz": (b"three\n\nAu 0 0 0\n", "line 1"),
    "negative.xyz": (b"-3\n\nAu 0 0 0\n", "line 1"),
    "element.xyz": (b"2\n\nAu 0 0 0\nQq 2.3 0 0\n", "line 4: unknown element 'Qq'"),
    "dummy.xyz": (b"2\n\nAu 0 0 0\nX 2.3 0 0\n", "unknown element 'X'"),
    "code.xyz": (b"2\n\nAu 0 0 0\n__import__('os').system('touch/pwned') 0 0 0\n", "unknown element"),
    "code2.xyz": (b"2\n\nAu 0 0 0\nS open('x','w') 0 0\n", "no number"),
    "columns.xyz": (b"1\n\nAu 0 0\n", "expected 'element x y z'"),
    "frames.xyz": (b"1\n\nAu 0 0 0\n1\n\nAu 0 0 0\n", "more than one frame"),
    "order.xyz": (b"1\nProperties=pos:R:3:species:S:1\n0 0 0 Au\n", "rename the file to .extxyz"),
    "broken.cif": (b"data_x\nloop_\n_atom_site_label\n_atom_site_fract_x\n", "not readable as cif|no atoms"),
    "broken.extxyz": (b"1\nProperties=species:S:1:pos:R:3\nAu zero 0 0\n", "not readable as extxyz"),
    "format.docx": (b"x", "format '.docx' is not read"),
    "huge.xyz": (b"9999999\n\nAu 0 0 0\n", "9999999 atoms"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_reader_refuses_bad_files_in_one_line(tmp_path, name):
    content, reason = BAD_FILES[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(StructureError, match=reason) as caught:
        read_structure(tmp_path / name)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_reader_refuses_missing_files_and_folders(tmp_path):
    (tmp_path / "folder.xyz").mkdir()
    os.mkfifo(tmp_path / "pipe.xyz")
    (tmp_path / "zero.xyz").symlink_to("/dev/zero")
    for name in ("missing.xyz", "folder.xyz", "pipe.xyz", "zero.xyz", "x" * 5000 + ".xyz"):
        with pytest.raises(StructureError, match=name[:100]):
            read_structure(tmp_path / name)


@pytest.mark.parametrize("ending", ["xyz", "extxyz", "cif"])
def test_reader_reads_what_ase_writes(tmp_path, ending):
    ring = build_ring(4, "CH3")
    ring.center(vacuum=4)
    write(tmp_path / f"ring.{ending}", ring)
    atoms = read_structure(tmp_path / f"ring.{ending}")
    assert sorted(atoms.numbers) == sorted(ring.numbers)
    assert not atoms.pbc.any()
    assert len(gold_sulfur_bonds(atoms)) == 8
    assert "sha256:" in atoms.info["source"]


def write_rows(path, *rows):
    path.write_text(HEADER + "".join("\t".join(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_table_keeps_the_fault_of_a_row_with_the_row(tmp_path, root):
    table = write_rows(
        tmp_path / "t.tsv",
        ("good", "ring", "n=4 R=H", "0", "1", ""),
        ("twin", "ring", "n=3", "0", "1", ""),
        ("TWIN", "ring", "n=4", "0", "1", ""),
        ("a b", "ring", "n=3", "0", "1", ""),
        ("a/../b", "ring", "n=3", "0", "1", ""),
        ("$(reboot)", "ring", "n=3", "0", "1", ""),
        ("builder", "rings", "n=3", "0", "1", ""),
        ("charge", "ring", "n=3", "zero", "1", ""),
        ("nospin", "ring", "n=3", "0", "", ""),
        ("spin", "ring", "n=3", "0", "0", ""),
        ("short", "ring"),
        ("some", "ring", "n=3", "0", "1", "2"),
    )
    rows = read_structures_table(table, root / SCHEMA)
    assert [row["name"] for row in rows if not row["error"]] == ["good", "some"]
    assert rows[-1]["frames"] == 2
    assert rows[0]["frames"] is None
    errors = {row["name"]: row["error"] for row in rows}
    assert "given more than once" in errors["twin"]
    assert "given more than once" in errors["TWIN"]
    assert "line 5" in errors["a b"]
    assert "Did you mean 'ring'" in errors["builder"]
    assert "'multiplicity' is missing" in errors["nospin"]
    assert "one tab" in errors["short"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b"# only a comment\n", "is empty"),
        (b"name\tbuilder\n", "'recipe' is missing"),
        (b"name\tbuilder\trecipe\tcharge\tmultiplicty\n", "Did you mean 'multiplicity'"),
        (b"name\tname\tbuilder\trecipe\tcharge\tmultiplicity\n", "given twice"),
        (b"name\tbuilder\trecipe\tcharge\tmultiplicity\n", "no rows"),
        (b"\xff\xfe", "not UTF-8"),
    ],
)
def test_table_stops_at_its_own_faults(tmp_path, root, content, reason):
    (tmp_path / "t.tsv").write_bytes(content)
    with pytest.raises(InputError, match=reason):
        read_structures_table(tmp_path / "t.tsv", root / SCHEMA)


def test_prepare_goes_on_past_bad_structures(tmp_path, root):
    (tmp_path / "bad.xyz").write_bytes(b"")
    table = write_rows(
        tmp_path / "t.tsv",
        ("ring", "ring", "n=3 R=CH3", "0", "1", "3"),
        ("odd", "ring", "n=3", "1", "1", ""),
        ("word", "ring", "m=3", "0", "1", ""),
        ("file", "file", str(tmp_path / "bad.xyz"), "0", "1", ""),
        ("a b", "ring", "n=3", "0", "1", ""),
    )
    rows = read_structures_table(table, root / SCHEMA)
    prepare_block(rows, tmp_path / "s.extxyz", tmp_path / "f.csv")
    (ring,) = read_frames(tmp_path / "s.extxyz")
    assert ring.info["name"] == "ring"
    assert (ring.info["charge"], ring.info["multiplicity"], ring.info["thermal_frames"]) == (0, 1, 3)
    assert ring.info["source"] == "ring n=3 R=CH3"
    failures = read_tables([tmp_path / "f.csv"])
    assert list(failures["structure"]) == ["odd", "word", "file", "a b"]


def test_real_structures_are_read_and_a_disordered_crystal_is_refused(mirror):
    atoms = read_structure(mirror / "nc_database/sch3_protected/025_18_minus1_cp2k_opt.xyz")
    check_structure(atoms, charge=-1, multiplicity=1)
    assert len(gold_sulfur_bonds(atoms)) == 36
    with pytest.raises(StructureError, match="disorder"):
        read_structure(mirror / "cod_au25_pet18/COD_1540567.cif")
