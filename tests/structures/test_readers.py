import re
from collections import Counter
from hashlib import sha256
from io import StringIO

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, graphene
from ase.io import read, write

from auric.errors import StructureError
from auric.files import read_frames
from auric.structures import build_ring, check_stated_charge, gold_sulfur_bonds, read_structure, whole_cluster
from auric.structures.readers import FORMATS

MOL2 = """# Made by hand
@<TRIPOS>MOLECULE
ausch3 {comment}
4 3 1 0 0
SMALL
{charges}

@<TRIPOS>ATOM
1 {name} 0.0 0.0 0.0 {kind} 1 RES {q}
2 S1 2.3 0.0 0.0 S.3 1 RES -0.5
3 C1 2.9 1.7 0.0 CT 1 RES -0.1
4 H1 3.9 1.7 0.0 hc 1 RES 0.1
@<TRIPOS>BOND
1 1 2 1
"""

PDB = (
    "ATOM      {serial} {name:<4} LIG     1    {x:8.3f}{y:8.3f}{z:8.3f}{occupancy:>6}{beta:>6}          {element:>2}\n"
)


def mol2(name="Au1", kind="Au", q=0.5, charges="NO_CHARGES", comment=""):
    return MOL2.format(name=name, kind=kind, q=q, charges=charges, comment=comment)


def pdb(*rows, occupancy="1.00"):
    """Lines of atoms 3 angstrom apart from (name of four letters, element) pairs."""
    return "".join(
        PDB.format(serial=i, name=name, x=3 * i, y=0, z=0, occupancy=occupancy, beta="0.00", element=element)
        for i, (name, element) in enumerate(rows)
    )


def poscar(atoms, direct):
    text = StringIO()
    write(text, atoms, format="vasp", direct=direct, vasp5=True)
    return text.getvalue()


def boxed(atoms, shift, edges=(16, 17, 18)):
    """The atoms in a periodic box, moved by `shift` (fractions) and wrapped into it, so that its walls cut them."""
    atoms = Atoms(atoms.numbers, atoms.positions, cell=np.diag(edges), pbc=True)
    atoms.positions += np.array(shift) @ atoms.cell.array
    atoms.wrap()
    return atoms


def assert_congruent(atoms, expected, atol=1e-6):
    assert sorted(atoms.numbers) == sorted(expected.numbers)
    pairs = [
        sorted(zip(*np.sort([a.numbers[i], a.numbers[j]], axis=0), a.get_all_distances()[i, j].round(4), strict=True))
        for a in (atoms, expected)
        for i, j in [np.triu_indices(len(a), 1)]
    ]
    np.testing.assert_allclose(pairs[0], pairs[1], atol=max(atol, 1.1e-4))


def refused(path, content, reason):
    path.write_text(content)
    with pytest.raises(StructureError, match=reason) as caught:
        read_structure(path)
    assert path.name in str(caught.value)
    assert "\n" not in str(caught.value)


# --- clusters in cells


@pytest.mark.parametrize("shift", [(0, 0, 0), (0.5, 0, 0.25), (-0.1, 0.77, 3.2), (0.02, 0.02, 0.02)])
@pytest.mark.parametrize("name", ["x.extxyz", "x.xyz", "x.cif", "POSCAR", "x.vasp"])
def test_a_cluster_cut_by_its_cell_is_put_together(tmp_path, name, shift):
    ring = build_ring(4, "CH3")
    cut = boxed(ring, shift)
    if name == "POSCAR":
        (tmp_path / name).write_text(poscar(cut, direct=True))
    else:
        ending = name.partition(".")[2]
        write(tmp_path / name, cut, format="extxyz" if ending == "xyz" else ending)
    atoms = read_structure(tmp_path / name)
    assert not atoms.pbc.any()
    assert_congruent(atoms, ring, atol=2e-3 if name.endswith("cif") else 1e-6)


def test_a_skew_cell_and_random_lattice_shifts_of_single_atoms_do_no_harm(rng):
    ring = build_ring(5, "CH3")
    cell = np.array([[17, 0, 0], [7, 16, 0], [-5, 6, 18.0]])
    shifts = rng.integers(-3, 4, (len(ring), 3))
    scattered = Atoms(ring.numbers, ring.positions + shifts @ cell, cell=cell, pbc=True)
    assert_congruent(whole_cluster(scattered), ring)


def test_a_whole_cluster_keeps_its_coordinates_to_the_last_digit():
    ring = build_ring(4, "CH3")
    atoms = whole_cluster(Atoms(ring.numbers, ring.positions, cell=[15, 15, 15], pbc=True))
    np.testing.assert_array_equal(atoms.positions, ring.positions)


def test_parts_that_nothing_binds_stay_together_if_no_other_image_is_as_near():
    rings = build_ring(3)
    other = rings.copy()
    other.positions += [0, 0, 4.5]
    assert_congruent(whole_cluster(boxed(rings + other, (0.4, 0.5, 0.6), (22, 22, 22))), rings + other)
    with pytest.raises(StructureError, match="not certain which images"):
        whole_cluster(boxed(rings + other, (0, 0, 0), (22, 22, 9)))
    other.positions += [0, 0, 6]
    with pytest.raises(StructureError, match="2 parts lie further than 6 angstrom apart"):
        whole_cluster(boxed(rings + other, (0, 0, 0), (30, 30, 30)))


@pytest.mark.parametrize("periodic", [bulk("Au", cubic=True), graphene(vacuum=8, size=(2, 2, 1))])
def test_crystals_and_surfaces_are_refused(periodic):
    with pytest.raises(StructureError, match=r"not a cluster but a crystal, wire or surface: atoms .* are bonded"):
        whole_cluster(periodic)


def test_the_refusal_of_a_crystal_names_the_file(tmp_path):
    refused(tmp_path / "POSCAR", poscar(bulk("Au", cubic=True), direct=True), "crystal, wire or surface")


def test_a_wire_is_refused_and_a_ring_in_a_box_that_is_periodic_along_one_axis_is_not():
    wire = Atoms("AuAuAu", [[0, 0, 0], [0, 0, 2.8], [0, 0, 5.6]], cell=[20, 20, 8.4], pbc=(False, False, True))
    with pytest.raises(StructureError, match="crystal, wire"):
        whole_cluster(wire)
    ring = build_ring(4)
    assert_congruent(whole_cluster(Atoms(ring, cell=[20, 20, 20], pbc=(False, False, True))), ring)


def test_a_cell_without_room_is_refused():
    with pytest.raises(StructureError, match=r"9 atoms do not fit into a cell of 8\.0 cubic angstrom"):
        whole_cluster(Atoms(build_ring(3), cell=[2, 2, 2], pbc=True))


# --- POSCAR


def test_poscar_scalings_agree(tmp_path):
    ring = boxed(build_ring(4, "CH3"), (0.3, 0, 0.9))
    lines = poscar(ring, direct=True).splitlines()
    volume = [*lines]
    volume[1] = f"{-ring.cell.volume:.8f}"  # negative: the cell's volume
    doubled = [*lines]
    doubled[1] = "2.0"
    doubled[2:5] = [" ".join(f"{float(word) / 2:.10f}" for word in line.split()) for line in lines[2:5]]
    marked = [line.replace("Au", "Au_pv") if n == 5 else line for n, line in enumerate(lines)]
    selective = [*lines[:7], "Selective dynamics", lines[7], *(f"{line} T T F" for line in lines[8:])]
    velocities = [*lines, "", *["0.0 0.0 0.0"] * len(ring)]
    for variant in (lines, volume, doubled, marked, selective, velocities, poscar(ring, direct=False).splitlines()):
        (tmp_path / "CONTCAR").write_text("\n".join(variant))
        assert_congruent(read_structure(tmp_path / "CONTCAR"), build_ring(4, "CH3"))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda lines: lines[:5] + lines[6:], "line 6: expected element symbols"),  # VASP 4
        (lambda lines: lines[:3], "line 6: expected element symbols"),
        (lambda lines: [*lines[:5], "Au X", *lines[6:]], "line 6: expected element symbols"),
        (lambda lines: [*lines[:6], "3 3", *lines[7:]], "line 7: expected 3 numbers"),
        (lambda lines: [*lines[:6], "3 3 0", *lines[7:]], "line 7: expected 3 numbers"),
        (lambda lines: [*lines[:7], "Fractional", *lines[8:]], "line 8: expected 'Direct' or 'Cartesian'"),
        (lambda lines: lines[:12], "9 atoms announced, 4 lines"),
        (lambda lines: [*lines[:9], "0 0 1_0", *lines[10:]], "line 10: a coordinate .* no number"),
        (lambda lines: [lines[0], "wide", *lines[2:]], "not readable as vasp"),
    ],
)
def test_poscar_refuses_what_is_damaged(tmp_path, change, reason):
    ring = build_ring(3)
    lines = poscar(Atoms(ring, cell=[15, 15, 15], pbc=True), direct=True).splitlines()
    refused(tmp_path / "POSCAR", "\n".join(change(lines)), reason)


# --- cif


def cif(atoms, **changes):
    """A cif of the atoms; `changes` replace parts of the text."""
    sites = "".join(
        f"{s}{n} {s} {f[0]:.6f} {f[1]:.6f} {f[2]:.6f} 1.0 .\n"
        for n, (s, f) in enumerate(zip(atoms.symbols, atoms.get_scaled_positions(wrap=False), strict=True), start=1)
    )
    cell = "".join(
        f"_cell_{tag} {value}\n"
        for tag, value in zip(
            ("length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma"),
            atoms.cell.cellpar(),
            strict=True,
        )
    )
    text = (
        f"data_one\n{cell}_space_group_name_H-M_alt 'P 1'\nloop_\n_space_group_symop_operation_xyz\n'x, y, z'\n"
        "loop_\n_atom_site_label\n_atom_site_type_symbol\n_atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z\n"
        f"_atom_site_occupancy\n_atom_site_disorder_group\n{sites}"
    )
    for old, new in changes.get("replace", []):
        assert old in text
        text = text.replace(old, new)
    return text


RING_IN_BOX = Atoms(build_ring(4), cell=[15, 16, 17, 80, 95, 100], pbc=True)


@pytest.mark.parametrize(
    ("replace", "reason"),
    [
        ([("'x, y, z'", "'x, y, z'\n'-x, -y, -z'")], r"space group P 1 repeats its 12 sites \(2 operations\)"),
        ([("'P 1'", "'P -1'")], "space group P -1 repeats its 12 sites"),
        ([(" 1.0 .\nAu2", " 0.5 .\nAu2")], "1 sites are partly occupied"),
        ([(" 1.0 .\nAu2", " 1.0 2\nAu2")], "1 sites are marked as disordered"),
        ([("_cell_length_a", "_cell_length_q")], "no cell has edges"),
        ([("_cell_angle_alpha 80", "_cell_angle_alpha 3")], "no cell has edges"),
        ([("Au1 Au", "Au1 ?")], r"site 1: the element of '\?' is not certain"),
        ([("Au1 Au", "Au1 D")], "site 1: the element of 'D' is not certain"),
        ([("S5 S 0.", "S5 S ? 0.")], "Wrong number .* one row of a loop per line"),
        ([("data_one", "data_one\n_atom_site_fract_x 0.5\ndata_two")], "2 data blocks with atoms .one, two"),
        ([("data_one", "data_one\nstray words")], "not readable as cif"),
        ([("_fract_x", "_fract_u")], "no atoms in it"),
        ([("_fract_y", "_fract_v")], "differ in length"),
    ],
)
def test_cif_refuses_what_is_not_one_whole_cluster(tmp_path, replace, reason):
    refused(tmp_path / "x.cif", cif(RING_IN_BOX, replace=replace), reason)


def test_cif_reads_labels_only_where_their_element_is_certain(tmp_path):
    labelled = [("_atom_site_label\n", ""), ("_type_symbol", "_label")]
    text = re.sub(r"(?m)^(Au|S|H)(\d+) \1 ", r"\1\2 ", cif(RING_IN_BOX, replace=labelled))
    (tmp_path / "x.cif").write_text(text)
    assert_congruent(read_structure(tmp_path / "x.cif"), RING_IN_BOX)
    refused(tmp_path / "y.cif", text.replace("Au1 ", "AU1 "), "element of 'AU1' is not certain")


def test_cif_names_sites_that_overlap_and_too_many_sites(tmp_path):
    double = RING_IN_BOX + Atoms("S", [RING_IN_BOX.positions[4] + [0.3, 0, 0]])
    refused(tmp_path / "x.cif", cif(double), r"S5 and S13 are 0.30 angstrom apart \(disorder that is not marked\)")
    refused(
        tmp_path / "y.cif", cif(Atoms("H5001", np.zeros((5001, 3)), cell=[9, 9, 9])), "5001 sites are more than 5000"
    )


# --- mol2


def test_mol2_takes_elements_that_are_certain(tmp_path):
    for name, kind, element in [
        ("Au1", "Au", "Au"),
        ("AUL", "AUL", "Au"),
        ("X7", "Pd.x", "Pd"),
        ("Pd1", "Pd", "Pd"),
        ("C11", "CA", "C"),
        ("O1", "OS", "O"),
        ("P1", "p5", "P"),
        ("1HB", "hc", "H"),
        ("ST", "ST", "S"),
    ]:
        (tmp_path / "x.mol2").write_text(mol2(name, kind))
        assert list(read_structure(tmp_path / "x.mol2").symbols) == [element, "S", "C", "H"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (mol2("CA", "CA"), r"line 9: the element of atom 'CA' of type 'CA' is not certain \(C or Ca\)"),
        (mol2("PD1", "PD"), r"not certain \(P or Pd\)"),
        (mol2("A1", "AS"), r"not certain \(none\)"),
        (mol2("H1", "Het"), r"not certain \(none\)"),
        (mol2("H1", "Qq.3"), r"not certain \(none\)"),
        (mol2("A3", "AL"), r"not certain \(none\)"),
        (mol2().replace("4 3 1", "5 3 1"), "5 atoms announced, 4 found"),
        (mol2().replace("4 3 1", "four"), "gives no number of atoms"),
        ("@<TRIPOS>ATOM\n", "gives no number of atoms"),
        (mol2() + mol2(), "line 16: a second MOLECULE section"),
        (mol2().replace("2.9 1.7 0.0 CT", "2.9 1.7"), "line 11: "),
        (mol2().replace("2.9 1.7 0.0 CT 1 RES -0.1", "2.9 1.7"), "line 11: expected 'id name x y z type'"),
        (mol2().replace("2.9 1.7", "2.9 nan"), "line 11: a coordinate .* no number"),
        (mol2() + "@<TRIPOS>CRYSIN\n20 20 20 90 90 90 14 1\n", "symmetry of a crystal"),
        (mol2() + "@<TRIPOS>CRYSIN\n20 20 20 90 190 90 1 1\n", "no cell has edges"),
    ],
)
def test_mol2_refuses_what_is_uncertain_or_damaged(tmp_path, text, reason):
    refused(tmp_path / "x.mol2", text, reason)


def test_mol2_cell_is_used(tmp_path):
    text = mol2() + "@<TRIPOS>CRYSIN\n20 20 20 90 90 90 1 1\n"
    (tmp_path / "x.mol2").write_text(text.replace("1 H1 3.9", "1 H1 23.9").replace("4 H1 3.9", "4 H1 -16.1"))
    assert read_structure(tmp_path / "x.mol2").get_distance(2, 3) == pytest.approx(1.0)


# --- pdb


def test_pdb_takes_the_element_columns_and_else_certain_names(tmp_path):
    rows = [
        (" CA ", "C"),
        ("CA  ", "CA"),
        ("PT  ", "PT"),
        ("AUL ", ""),
        (" ST ", ""),
        ("HB1 ", ""),
        ("1HB ", ""),
        (" SG ", ""),
    ]
    (tmp_path / "x.pdb").write_text(pdb(*rows))
    assert list(read_structure(tmp_path / "x.pdb").symbols) == ["C", "Ca", "Pt", "Au", "S", "H", "H", "S"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            pdb((" CA ", "")),
            r"line 1: the element of atom 'CA' is not certain \(C or Ca\); write it into columns 77-78",
        ),
        (pdb(("PD  ", "")), r"not certain \(P or Pd\)"),
        (pdb((" X1 ", "")), r"not certain \(none\)"),
        (pdb(("AU  ", "1-")), r"not certain \('1-' is none\)"),
        (pdb(("AU  ", "AU"), occupancy="0.50"), "occupancy 0.50"),
        (pdb(("AU  ", "AU"))[:16] + "B" + pdb(("AU  ", "AU"))[17:], "alternate location 'B'"),
        (pdb(("AU  ", "AU"))[:50], "line 1: the line ends before"),
        (pdb(("AU  ", "AU")).replace("0.000", " wide", 1), "a coordinate .* no number"),
        ("MODEL 1\n" + pdb(("AU  ", "AU")) + "ENDMDL\nMODEL 2\n", "line 4: a second model"),
        ("REMARK nothing\n", "no ATOM or HETATM lines"),
        ("CRYST1   20.000   20.000   20.000  90.00  90.00  90.00 P 21/c      4\n" + pdb(("AU  ", "AU")), "symmetry"),
        ("CRYST1   20.000\n" + pdb(("AU  ", "AU")), "CRYST1: a coordinate"),
    ],
)
def test_pdb_refuses_what_is_uncertain_or_damaged(tmp_path, text, reason):
    refused(tmp_path / "x.pdb", text, reason)


def test_pdb_cells_of_edge_0_or_1_mean_none_and_others_are_used(tmp_path):
    for edge, far in ((0, 90), (1, 90), (90, 0)):
        text = f"CRYST1{edge:9.3f}{edge:9.3f}{edge:9.3f}  90.00  90.00  90.00 P 1           1\n" + pdb(("AU  ", "AU"))
        second = PDB.format(serial=2, name=" S", x=92.3, y=0, z=0, occupancy="1.00", beta="0.00", element="S")
        (tmp_path / "x.pdb").write_text(text + second)
        assert read_structure(tmp_path / "x.pdb").get_distance(0, 1) == pytest.approx(2.3 + far)


# --- charges


@pytest.mark.parametrize(
    ("name", "text", "charge"),
    [
        ("x.xyz", "1\ncharge = -1\nAu 0 0 0\n", -1),
        ("x.xyz", "1\nTotal charge: +2, spin 1\nAu 0 0 0\n", 2),
        ("x.xyz", "1\nEnergy = -1149.4\nAu 0 0 0\n", None),
        ("x.xyz", "1\ncharge=0.5 surcharge=3 charges=1 charge_state=7\nAu 0 0 0\n", None),
        ("x.extxyz", '1\nProperties=species:S:1:pos:R:3 charge=-1.0 pbc="F F F"\nAu 0 0 0\n', -1),
        ("x.extxyz", '1\nProperties=species:S:1:pos:R:3 note="charge = 0" pbc="F F F"\nAu 0 0 0\n', 0),
        ("x.pdb", "REMARK charge = -1\n" + pdb(("AU  ", "AU")), -1),
        ("POSCAR", "Au, charge=1\n1.0\n9 0 0\n0 9 0\n0 0 9\nAu\n1\nDirect\n0 0 0\n", 1),
        ("x.cif", "# charge: -2\n" + cif(RING_IN_BOX), -2),
        ("x.mol2", mol2(comment="charge=3"), 3),
        ("x.mol2", mol2(q=0.5, charges="USER_CHARGES"), None),  # sums to 0
        ("x.mol2", mol2(q=-0.5001, charges="USER_CHARGES"), -1),
        ("x.mol2", mol2(q=-0.5, charges="NO_CHARGES"), None),
        ("x.mol2", mol2(q=0.1, charges="USER_CHARGES"), None),  # sums to -0.4
        ("x.mol2", mol2(q="", charges="USER_CHARGES"), None),
    ],
)
def test_a_charge_that_a_file_states_is_kept(tmp_path, name, text, charge):
    (tmp_path / name).write_text(text)
    atoms = read_structure(tmp_path / name)
    assert atoms.info.get("stated_charge") == charge
    check_stated_charge(atoms, 0 if charge is None else charge)
    if charge is not None:
        with pytest.raises(StructureError, match=rf"charge 5 contradicts the file, which states {charge}"):
            check_stated_charge(atoms, 5)


def test_two_charges_in_one_file_are_refused(tmp_path):
    refused(tmp_path / "x.xyz", "1\ncharge=1 total charge = 2\nAu 0 0 0\n", "states the charges 1, 2")
    refused(tmp_path / "x.mol2", mol2(q=-0.5, charges="USER_CHARGES", comment="charge=1"), "states the charges -1, 1")


def test_the_format_can_be_named_and_the_source_is_the_sha256_of_the_file(tmp_path):
    (tmp_path / "x").write_bytes(b"1\n\nAu 0 0 0\n")
    atoms = read_structure(tmp_path / "x", file_format="xyz")
    assert atoms.info["source"].endswith(sha256(b"1\n\nAu 0 0 0\n").hexdigest())
    refused(tmp_path / "x.gro", "nothing", "format '.gro' is not read; .*POSCAR")


def test_sizes_are_limited(tmp_path):
    with (tmp_path / "x.xyz").open("wb") as file:
        file.truncate(20_000_001)  # a hole; takes no space
    with pytest.raises(StructureError, match="20 MB is above 20 MB"):
        read_structure(tmp_path / "x.xyz")
    refused(tmp_path / "x.pdb", pdb((" H  ", " H")) * 5001, "5001 atoms are more than 5000")


def test_what_ase_warns_of_is_logged_and_unknown_elements_are_refused(tmp_path, caplog):
    (tmp_path / "x.cif").write_text("#\\#CIF_2.0\n" + cif(RING_IN_BOX))
    read_structure(tmp_path / "x.cif")
    assert "CIF v2.0" in caplog.text
    refused(tmp_path / "x.extxyz", "1\nProperties=species:S:1:pos:R:3\nX 0 0 0\n", "holds an unknown element")


def test_extxyz_without_the_columns_of_atoms_is_refused(tmp_path):
    refused(tmp_path / "x.extxyz", "1\nProperties=nothing\nAu 0 0 0\n", "1 atoms announced, 0 have the columns")


def test_infinite_coordinates_are_refused(tmp_path):
    refused(tmp_path / "x.extxyz", "1\nProperties=species:S:1:pos:R:3\nAu nan 0 0\n", "not finite")
    refused(tmp_path / "x.xyz", "1\n\nAu 1e999 0 0\n", "no number")


# --- real files

NANOMODELER = "nanomodeler_cores"


def read_all(paths):
    """Structures by path, and the reasons of those refused."""
    good, bad = {}, {}
    for path in paths:
        try:
            good[path] = read_structure(path)
        except StructureError as error:
            bad[path] = str(error)
    return good, bad


def test_all_real_clusters_are_read(mirror):
    good, bad = read_all(sorted((mirror / "nc_database").rglob("*.xyz")))
    assert bad == {}
    assert Counter(path.parent.name for path in good) == {
        "AuAg_NCs": 360,
        "other": 25,
        "fully_protected": 22,
        "sch3_protected": 18,
    }
    for path, atoms in good.items():
        # what follows the two lines of header, taken apart in another way
        numbers = np.loadtxt(path, skiprows=2, usecols=(1, 2, 3))
        np.testing.assert_allclose(atoms.positions, numbers[: len(atoms)], atol=1e-12)
        assert "stated_charge" not in atoms.info


def test_a_real_cluster_cut_by_a_box_is_put_together(mirror, rng):
    atoms = read_structure(mirror / "nc_database/fully_protected/au92_tbbt44_opt.xyz")
    cut = boxed(atoms, rng.uniform(-2, 2, 3), np.ptp(atoms.positions, axis=0) + 5)
    whole = whole_cluster(cut).positions
    np.testing.assert_allclose(whole - whole[0], atoms.positions - atoms.positions[0], atol=1e-9)


def test_all_real_frames_in_boxes_are_read_as_listed(mirror):
    good, bad = read_all(sorted((mirror / "aun_srm_cif_gap_uvvis").rglob("*.cif")))
    assert bad == {}
    assert len(good) == 81
    for path, atoms in good.items():
        # their sites, taken apart in another way: label, element and fractions of the box's edges
        edges = np.array(re.findall(r"_cell_length_[abc]\s+(\S+)", path.read_text()), dtype=float)
        sites = re.findall(r"(?m)^\w+\s+([A-Z][a-z]?)((?:\s+-?\d+\.\d+){3})\s+0\.00000\s+Uiso", path.read_text())
        assert [element for element, _ in sites] == list(atoms.symbols)
        np.testing.assert_allclose(atoms.positions, edges * np.loadtxt([words for _, words in sites]), atol=1e-9)


def test_a_real_crystal_is_refused_with_reasons(mirror):
    with pytest.raises(
        StructureError, match=r"space group P -1 repeats its 191 sites.*0\.62 angstrom apart.*save it as xyz"
    ):
        read_structure(mirror / "cod_au25_pet18/COD_1540567.cif")


def test_real_pdb_cores_are_read(mirror):
    good, bad = read_all(sorted((mirror / NANOMODELER).rglob("*.pdb")))
    assert bad == {}
    assert len(good) == 16
    for path, atoms in good.items():
        gold, ligands = map(int, re.findall(r"au(\d+)S[RH](\d+)", path.name)[0])
        count = Counter(atoms.symbols)
        assert (count["Au"], count["S"], count["C"]) == (gold, ligands, ligands)
        assert gold_sulfur_bonds(atoms)
    full = read(mirror / NANOMODELER / "CORES/AU144SR60/au144SR60.pdb")
    (path,) = (path for path in good if path.name == "au144SR60.pdb")
    assert list(good[path].numbers) == list(full.numbers)
    np.testing.assert_allclose(good[path].positions, full.positions)


def test_real_mol2_ligands_are_read_and_force_field_names_without_element_are_refused(mirror):
    good, bad = read_all(sorted((mirror / NANOMODELER).rglob("*.mol2")))
    assert {path.name for path in bad} == {"STC.mol2", "STR.mol2"}  # gold as A1 of type AS or AL
    assert all("type 'AS' is not certain" in reason for reason in bad.values())
    assert len(good) == 16
    for path, atoms in good.items():
        if path.parent.name == "LIGANDS":  # their names begin with one-letter symbols
            names = re.findall(r"(?m)^\s*\d+\s+([A-Z])\d+\s+-?\d+\.\d+\s", path.read_text())
            assert list(atoms.symbols) == names, path
    charges = {path.stem: atoms.info.get("stated_charge") for path, atoms in good.items()}
    assert charges["LIGCA"] == -1  # a sulfonate
    assert charges["TPE"] == -3  # a phosphonate and a thiolate
    assert charges["MET"] is None  # ethane


def test_formats_are_a_short_list():
    assert set(FORMATS) == {"xyz", "extxyz", "cif", "mol2", "pdb", "poscar"}


def test_one_frame_of_several_is_taken_by_its_name(tmp_path, root):
    bundled = f"{root}/resources/small_clusters.extxyz"
    atoms = read_structure(f"{bundled}:au8_sh6_2")
    expected = {frame.info["name"]: frame for frame in read_frames(bundled)}["au8_sh6_2"]
    assert atoms.symbols.get_chemical_formula() == expected.symbols.get_chemical_formula()
    np.testing.assert_allclose(atoms.positions, expected.positions, atol=1e-7)
    assert atoms.info["source"].startswith("file ")
    assert "small_clusters.extxyz:au8_sh6_2 sha256:" in atoms.info["source"]
    with pytest.raises(StructureError, match="holds more than one frame"):
        read_structure(bundled)
    with pytest.raises(StructureError, match=r"no frame is named 'au8_sh6_4'; choose from .* Did you mean"):
        read_structure(f"{bundled}:au8_sh6_4")
    damaged = tmp_path / "d.extxyz"
    damaged.write_text("2\nname=a\nAu 0 0 0\nS 0 0 2.3\nrest\n")
    with pytest.raises(StructureError, match="line 5: expected a number of atoms"):
        read_structure(f"{damaged}:b")
    damaged.write_text("3\nname=a\nAu 0 0 0\nS 0 0 2.3\n")
    with pytest.raises(StructureError, match="truncated"):
        read_structure(f"{damaged}:a")
