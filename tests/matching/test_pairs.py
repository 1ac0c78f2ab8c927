"""From structures to pairs, negatives and folds."""

import re
from collections import Counter
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from ase.formula import Formula
from ase.io import write

from auric.errors import InputError, StructureError
from auric.matching import (
    Library,
    NegativeSettings,
    build_core,
    check_core,
    check_split,
    cleaned,
    core_fingerprint,
    examples_of,
    functional_group,
    geometry_difference,
    library_statistics,
    ligand_set,
    pair_of,
    remove_atom,
    split_cluster,
    split_folds,
    standard_smiles,
    substitute_atom,
)
from auric.matching.asked import core_of_file
from auric.matching.crystals import molecules_apart, read_cluster
from auric.matching.fingerprints import SAME_GEOMETRY, edited, geometry_groups
from auric.matching.folds import SAME_LIGAND, families_of, groups_of, likeness
from auric.matching.library import pair_of_file, read_library, write_library
from auric.matching.negatives import Example, candidates, core_types, read_failures
from auric.matching.pairs import make_pairs, reported_pairs, resolved
from auric.structures import build_ring, read_structure

THIOLS = {
    "au18_schex14": "SC1CCCCC1", "au20_tbbt16": "CC(C)(C)c1ccc(S)cc1", "au22_sadm16": "SC12CC3CC(CC(C3)C1)C2", "au23_schex16_-1": "SC1CCCCC1",
    "au24_sadm16": "SC12CC3CC(CC(C3)C1)C2", "au25_pet18_-1": "SCCc1ccccc1", "au25_pet18": "SCCc1ccccc1", "au28_schex20": "SC1CCCCC1",
    "au28_tbbt20": "CC(C)(C)c1ccc(S)cc1", "au30_s_stbut18": "CC(C)(C)S", "au34_schex22": "SC1CCCCC1", "au38_pet24q": "SCCc1ccccc1",
    "au38_s2_sadm20": "SC12CC3CC(CC(C3)C1)C2", "au40_ombt24": "Cc1ccccc1S", "au42_schex26": "SC1CCCCC1", "au44_tbbt26": "CC(C)(C)c1ccc(S)cc1",
    "au44_tbbt28": "CC(C)(C)c1ccc(S)cc1", "au48_tbbt28": "CC(C)(C)c1ccc(S)cc1", "au49_dimbt27": "Cc1ccc(S)c(C)c1", "au52_pet32": "SCCc1ccccc1",
    "au60_s6_pmt36": "SCc1ccccc1", "au92_tbbt44": "CC(C)(C)c1ccc(S)cc1",
}  # fmt: skip
PPH3, PET = "c1ccc(P(c2ccccc2)c2ccccc2)cc1", "SCCc1ccccc1"


@pytest.fixture(scope="module")
def ring():
    return build_ring(4, "CH3")


@pytest.fixture(scope="module")
def library():
    rows = [
        ("au13a", "shape=icosahedron metal=Au", PPH3), ("au13b", "shape=icosahedron metal=Au", "CCS"), ("ag14", "shape=octahedron_in_cube metal=Ag", f"{PET}.{PPH3}"),
        ("cu20cl", "shape=tetrahedron20 metal=Cu anion=Cl", f"CC(=O)O.{PET}"), ("cu6", "shape=octahedron metal=Cu anion=H", "C#Cc1ccccc1"),
        ("ag4", "shape=square metal=Ag", "CC(C)OP(=S)(S)OC(C)C"), ("au4", "shape=tetrahedron metal=Au", "CCCCCCCCCCCCS"),
    ]  # fmt: skip
    return cleaned([pair_of(name, build_core(recipe), ligands, "made for this test") for name, recipe, ligands in rows])


@pytest.fixture(scope="module")
def examples(library):
    return examples_of(library, failures=[("cu20cl", PPH3)], seed=3)[0]


def test_smiles_of_every_ligand_of_the_database(mirror):
    for name, thiol in THIOLS.items():
        split = split_cluster(read_structure(mirror / f"nc_database/fully_protected/{name}_opt.xyz"))
        assert set(split.ligands) == {standard_smiles(thiol)}, name
        numbers = [int(word) for word in re.findall(r"(?<![-\d])\d+", re.sub("_(s|s2|s6)_", "_", name))]
        assert [split.nuclearity, len(split.ligands)] == numbers[:2], name
        assert not split.dropped
        sulfides = (split.core.numbers == 16).sum()
        assert sulfides == {"au30_s_stbut18": 1, "au38_s2_sadm20": 2, "au60_s6_pmt36": 6}.get(name, 0)


def test_isomers_are_told_apart_and_a_built_core_is_its_relaxed_self(mirror):
    names = ("038_24q", "038_24t", "025_18_neutral")
    q, t, au25 = (
        core_fingerprint(split_cluster(read_structure(mirror / f"nc_database/sch3_protected/{name}_cp2k_opt.xyz")).core)
        for name in names
    )
    built = [
        core_fingerprint(build_core(f"staple:core={core} R=CH3"))
        for core in ("Au23 units=6xn2+3xn1", "Au13 units=6xn2")
    ]
    assert geometry_difference(q, t) > 1.3 * SAME_GEOMETRY
    assert max(geometry_difference(q, built[0]), geometry_difference(au25, built[1])) < 0.75 * SAME_GEOMETRY


def test_split_does_not_depend_on_order_place_or_orientation(ring, rng):
    turned = ring.copy()
    turned.rotate(50, (1, 2, 3))
    turned.translate((3, 1, -2))
    mixed = turned[rng.permutation(len(ring))]
    first, second = split_cluster(ring), split_cluster(mixed)
    assert first.ligands == second.ligands == ("CS",) * 4
    assert first.ligand_set == "CS"
    assert (first.formula, first.nuclearity) == ("Au4", 4)
    assert geometry_difference(core_fingerprint(first.core), core_fingerprint(second.core)) < 1e-9


def test_solvent_and_copies_are_dropped_with_reasons(ring):
    water = molecule("H2O")
    water.translate((12, 0, 0))
    copy = ring.copy()
    copy.translate((0, 0, 15))
    split = split_cluster(ring + water + copy)
    assert split.nuclearity == 4
    reasons = dict(split.dropped)
    assert reasons["H2O"].startswith("solvent")
    assert any(reason.startswith("duplicate") for reason in reasons.values())


def test_molecules_of_a_crystal_are_put_together(tmp_path, ring):
    cell = ring.copy()
    cell.translate((-cell.positions.min(axis=0)) + 0.2)
    edges = np.ptp(cell.positions, axis=0) + 3.2
    water = molecule("H2O")
    water.translate(edges - 0.9)
    copy = cell.copy()
    copy.translate((0, 0, edges[2]))
    cell += copy
    cell += water
    cell.set_cell([edges[0], edges[1], 2 * edges[2]])
    cell.pbc = True
    cell.positions += (3.0, 2.0, 1.0)  # over the walls
    cell.wrap()
    write(tmp_path / "c.cif", cell)
    split = split_cluster(read_cluster(tmp_path / "c.cif"))
    assert (split.formula, split.ligands) == ("Au4", ("CS",) * 4)
    assert sorted(reason.split(":")[0] for _, reason in split.dropped) == ["duplicate", "solvent or counter-ion"]
    with pytest.raises(StructureError, match="a network"):
        molecules_apart(bulk("Au", cubic=True))


CELL = {"a": 30.0, "b": 31.0, "c": 32.0, "alpha": 85.0, "beta": 98.0, "gamma": 103.0}


def cif(atoms, group="P -1", operations=("x,y,z", "-x,-y,-z"), occupancy="1.0"):
    """A cif of atoms in `CELL`, the centre of inversion at the origin."""
    sites = Atoms(atoms, cell=list(CELL.values()))
    rows = "".join(
        f"{s}{n} {s} {' '.join(f'{x:.6f}' for x in place)} {occupancy}\n"
        for n, (s, place) in enumerate(zip(sites.symbols, sites.get_scaled_positions(wrap=False), strict=True), 1)
    )
    cell = "".join(f"_cell_{'angle' if len(key) > 1 else 'length'}_{key} {value}\n" for key, value in CELL.items())
    listed = "".join(f"'{word}'\n" for word in operations)
    loop = f"loop_\n_space_group_symop_operation_xyz\n{listed}" if operations else ""
    tags = "".join(
        f"_atom_site_{tag}\n" for tag in ("label", "type_symbol", "fract_x", "fract_y", "fract_z", "occupancy")
    )
    return f"data_x\n{cell}_space_group_name_H-M_alt '{group}'\n{loop}loop_\n{tags}{rows}"


def mol2(atoms, crysin):
    types = {"Au": "Au", "S": "S.3", "C": "C.3", "O": "O.3", "H": "H", "P": "P.3"}
    rows = "".join(
        f"{n} {s}{n} {' '.join(f'{x:.4f}' for x in place)} {types[s]} 1 RES 0.0\n"
        for n, (s, place) in enumerate(zip(atoms.symbols, atoms.positions, strict=True), 1)
    )
    return (
        f"@<TRIPOS>MOLECULE\nx\n{len(atoms)} 0 1\nSMALL\nNO_CHARGES\n@<TRIPOS>ATOM\n{rows}@<TRIPOS>CRYSIN\n{crysin}\n"
    )


@pytest.fixture(scope="module")
def half():
    """An atom of gold at the origin, and two of four others with their phosphines: inversion gives the other two."""
    phosphine = Atoms("PH3", [[2.3, 0, 0], [2.9, 1.2, 0], [2.9, -0.6, 1.04], [2.9, -0.6, -1.04]])
    arm = Atoms("Au") + phosphine
    arm.positions += (2.8, 0, 0)
    other = arm.copy()
    other.rotate(90, "z")
    return Atoms("Au", [[0, 0, 0]]) + arm + other


def test_symmetry_of_an_ordered_crystal_is_carried_out(tmp_path, half, ring):
    """Half a cluster about a centre of inversion, a whole one of another kind left out, water beside it, all over the walls."""
    water = molecule("H2O")
    water.translate((9, 8, 7))
    (tmp_path / "c.cif").write_text(cif(half + water))
    pair, dropped = pair_of_file(tmp_path / "c.cif")
    assert (pair.fingerprint.formula, pair.ligands, pair.compound) == ("Au5", "P", "H12Au5P4")
    assert [row["what"] for row in dropped] == ["H2O"]
    np.testing.assert_allclose(np.sort(pair.core.get_all_distances()[0])[1:], 2.8, atol=1e-3)
    # In a general place symmetry makes a copy, which says nothing new and is left out.
    ring = Atoms(ring.numbers, ring.positions - ring.positions.mean(axis=0) + (9, 8, 7))
    (tmp_path / "g.cif").write_text(cif(ring))
    pair, dropped = pair_of_file(tmp_path / "g.cif")
    assert (pair.fingerprint.formula, pair.ligands, dropped) == ("Au4", "CS", [])
    assert core_of_file(tmp_path / "g.cif").symbols.get_chemical_formula() == "Au4"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"occupancy": "0.5"}, "11 sites are partly occupied.*save it as xyz"),
        ({"operations": ()}, r"space group P -1 repeats its 11 sites \(unlisted operations\)"),
        ({"operations": ("x,y,z",)}, r"space group P -1 repeats its 11 sites \(1 operations\)"),
        ({"operations": ("x,y,z", "-x,-y,2")}, "'-x,-y,2' is no operation of symmetry; write one such as"),
        ({"operations": ("x,y,z", "__import__('os')")}, "is no operation of symmetry"),
        ({"operations": ("x,y,z", "-x+0.01,-y,-z")}, r"Au1 and Au1 are 0\.30 angstrom apart \(disorder"),
        ({"operations": ("x,y,z",) * 2223}, "more than 20000 atoms"),
        ({"operations": ("x,y,z", f"-x+{'9' * 400},-y,-z")}, "is no operation of symmetry"),
    ],
)
def test_crystals_that_are_disordered_or_damaged_are_refused(tmp_path, half, changes, words):
    (tmp_path / "c.cif").write_text(cif(half, **changes))
    with pytest.raises(StructureError, match=words):
        read_cluster(tmp_path / "c.cif")


def test_a_real_crystal_that_is_disordered_is_refused(mirror):
    with pytest.raises(
        StructureError, match=r"are 0\.62 angstrom apart \(disorder that is not marked\).*save it as xyz"
    ):
        read_cluster(mirror / "cod_au25_pet18/COD_1540567.cif")


def test_exports_as_mol2_are_read_with_their_cell(tmp_path, ring):
    """Molecules over the walls of P 1; and whole ones in a space group, whose symmetry the file does not list."""
    water = molecule("H2O")
    water.translate((9, 8, 7))
    box = Atoms(ring + water, cell=[16, 17, 18], pbc=True)
    box.positions += (0.3, 16.5, 3)
    box.wrap()
    (tmp_path / "one.mol2").write_text(mol2(box, "16 17 18 90 90 90 1 1"))
    pair, dropped = pair_of_file(tmp_path / "one.mol2")
    assert (pair.fingerprint.formula, pair.ligands) == ("Au4", "CS")
    assert [row["what"] for row in dropped] == ["H2O"]
    (tmp_path / "two.mol2").write_text(mol2(ring, "30 31 32 90 98 90 14 1"))
    pair, (flagged,) = pair_of_file(tmp_path / "two.mol2")
    assert (pair.fingerprint.formula, pair.ligands, pair.compound) == ("Au4", "CS", "C4H12Au4S4")
    assert (flagged["step"], flagged["what"]) == ("kept, suspicious", "space group 14")
    with pytest.raises(StructureError, match="symmetry of a crystal"):
        read_structure(tmp_path / "two.mol2")


def test_hydrides_stay_with_their_metals_in_a_cell():
    core = build_core("shape=octahedron metal=Cu anion=H")
    core.set_cell([20, 20, 20])
    core.pbc = True
    core.wrap()
    whole = molecules_apart(core)
    check_core(whole)  # no fragments
    assert len(whole) == len(core)


@pytest.mark.parametrize(
    ("atoms", "words"),
    [
        (molecule("CH3OH"), "no metal"),
        (Atoms("Au2", [[0, 0, 0], [0, 0, 0.1]]), "0.10 angstrom apart"),
        (build_ring(4, "CH3") + Atoms("Ag4", 15 + 2.9 * np.eye(4, 3)), "disconnected fragments"),
    ],
)
def test_clusters_that_cannot_be_split_are_refused(atoms, words):
    with pytest.raises(StructureError, match=words):
        split_cluster(atoms)


@pytest.mark.parametrize(
    ("core", "words"),
    [
        (Atoms("Cl2", [[0, 0, 0], [0, 0, 2]]), "no metal"),
        (Atoms("AuC", [[0, 0, 0], [0, 0, 2]]), "holds C"),
        (Atoms("Au2", [[0, 0, 0], [0, 0, 9]]), "2 disconnected fragments"),
        (
            Atoms("Au2", [[0, 0, 0], [0, 0, 1.85]]),
            r"1 \(Au\) and 2 \(Au\) are 1.85 angstrom apart, no bond is below 1.90",
        ),
        (Atoms("Cu2Cl", [[0, 0, 0], [0, 0, 2.4], [0, 1.5, 0]]), r"1 \(Cu\) and 3 \(Cl\) are 1.50 angstrom apart"),
    ],
)
def test_what_is_no_core_is_refused(core, words):
    with pytest.raises(StructureError, match=words):
        check_core(core)


def test_clusters_of_core_elements_alone_are_split_too(tmp_path):
    write(tmp_path / "sh.xyz", build_ring(4, "H"))
    assert core_of_file(tmp_path / "sh.xyz").get_chemical_formula() == "Au4"
    write(tmp_path / "core.xyz", build_core("shape=tetrahedron20 metal=Cu anion=Cl"))
    assert core_of_file(tmp_path / "core.xyz").get_chemical_formula() == "ClCu20"


def test_an_atom_of_oxygen_on_one_metal_is_flagged(tmp_path, ring, caplog):
    """Water without its hydrogen atoms looks like an oxide; one that bridges metals is an oxide."""
    gold = ring.positions[ring.symbols == "Au"]
    out = gold[0] - gold.mean(axis=0)
    lone = ring + Atoms("O", [gold[0] + 2.1 * out / np.linalg.norm(out)])
    assert split_cluster(ring).suspicious == ()
    ((what, reason),) = split_cluster(lone).suspicious
    assert what == f"O (atom {len(lone)}) on one metal"
    assert "without its hydrogen atoms" in reason
    write(tmp_path / "c.xyz", lone)
    pair, rows = pair_of_file(tmp_path / "c.xyz")
    assert pair.fingerprint.formula == "Au4O"
    assert [row["step"] for row in rows] == ["kept, suspicious"]
    core_of_file(tmp_path / "c.xyz")
    assert "on one metal" in caplog.text
    oxide = build_core("shape=octahedron metal=Cu anion=O")
    assert split_cluster(oxide).suspicious == ()


def test_missing_hydrogens_are_told(ring):
    bare = ring[[i for i in range(len(ring)) if ring.numbers[i] != 1 or i == len(ring) - 1]]
    with pytest.raises(StructureError, match=r"hydrogen atoms missing|no bond orders"):
        split_cluster(bare)


@pytest.mark.parametrize(
    ("smiles", "words"),
    [
        ("", "give a SMILES"),
        ("c1ccc", "no valid SMILES"),
        ("C.C", "disconnected fragments"),
        ("C[Au]", "holds the metal Au"),
        ("C*", "wildcard"),
    ],
)
def test_what_is_no_ligand_is_refused(smiles, words):
    with pytest.raises(StructureError, match=words):
        standard_smiles(smiles)


def test_ligand_sets_know_no_order_and_no_repetition():
    assert (
        ligand_set(f"[S]CCc1ccccc1.{PPH3}.{PPH3}")
        == ligand_set([PPH3, "[S-]CCc1ccccc1"])
        == ligand_set(f"{PPH3}.{PET}")
    )
    assert standard_smiles("CC(=O)[O-]") == "CC(=O)O"
    for carbene in ("CN1[C]N(CC)C=C1", "CCN1[C]N(C)C=C1", "CN1C=C[N+](CC)=[C-]1"):
        assert standard_smiles(carbene) == standard_smiles("CC[n+]1ccn(C)c1") == standard_smiles("CCn1cc[n+](C)c1")
    with pytest.raises(StructureError, match="no ligands"):
        ligand_set("")


@pytest.mark.parametrize(
    ("smiles", "group"),
    [(PET, "thiol"), (PPH3, "phosphine"), ("C#CC", "alkyne"), ("CC(=O)O", "carboxylic acid"), ("CN1[C]N(C)C=C1", "carbene"),
        ("[C-]#[N+]C", "other"), ("c1ccncc1", "pyridine"),
     ("CCN", "amine"), ("SC(=S)N(C)C", "dithiocarbamate"), ("SP(=S)(OC)OC", "dithiophosphate"), ("CC", "other"), ("[SeH]C", "selenol")],
)  # fmt: skip
def test_functional_groups(smiles, group):
    assert functional_group(smiles) == group


def test_geometry_is_more_than_nuclearity_and_less_than_bond_length():
    ico, cubo = (core_fingerprint(build_core(f"shape={shape} metal=Au")) for shape in ("icosahedron", "cuboctahedron"))
    silver = core_fingerprint(build_core("shape=icosahedron metal=Ag"))
    assert ico.nuclearity == cubo.nuclearity == 13
    assert geometry_difference(ico, cubo) > SAME_GEOMETRY > geometry_difference(ico, silver)
    assert geometry_groups([ico, cubo, silver]).tolist() == [0, 1, 0]
    with pytest.raises(StructureError, match="no metal"):
        core_fingerprint(Atoms("Cl"))


@pytest.mark.parametrize(
    ("recipe", "words"),
    [("sphere:n=3", "builder sphere"), ("shape=icosahedron metal=Au size=3", "unknown word size"), ("shape=ball metal=Au", "shape 'ball'"),
     ("shape=cube metal=Xx", "unknown element"), ("shape=cube", "names no metal"), ("shape=cube metal=Au remove=x", "whole numbers")],
)  # fmt: skip
def test_wrong_recipes_of_cores(recipe, words):
    with pytest.raises(StructureError, match=words):
        build_core(recipe)


def test_cleaning_keeps_a_row_for_everything_dropped(tmp_path, library, ring):
    write(tmp_path / "ring.xyz", ring)
    write(tmp_path / "again.xyz", ring)
    (tmp_path / "broken.xyz").write_text("2\n\nAu 0 0 0\n")
    outputs = {name: str(tmp_path / name) for name in ("cores", "pairs", "examples", "dropped", "statistics")}
    files = [tmp_path / name for name in ("ring.xyz", "again.xyz", "broken.xyz")]
    make_pairs([], files, "", outputs, negatives={}, mirror="", seed=1)
    assert pd.read_csv(outputs["pairs"])["name"].tolist() == ["ring"]
    dropped = pd.read_csv(outputs["dropped"])
    assert dict(zip(dropped["structure"], dropped["step"], strict=True)) == {
        "again": "duplicates", "broken": "reading and splitting", "ring": "negatives",
    }  # fmt: skip
    two = pair_of("au2", Atoms("Au2", [[0, 0, 0], [0, 0, 2.7]]), "CS", "-")
    many = pair_of("many", library.pairs[0].core, "CS.CCS.CCCS.CCCCS.CCCCCS", "-")
    assert [row["step"] for row in cleaned([two, many]).dropped] == ["size", "ligands"]
    assert {row["what"] for row in library_statistics(library)} >= {"pairs", "ligands", "nuclearity"}


def test_library_comes_back_from_its_files(tmp_path, library):
    library = cleaned([*twice("13 of 25 Ag"), *library.pairs])
    write_library(library, tmp_path / "c.extxyz", tmp_path / "p.csv", tmp_path / "d.csv")
    again = read_library(tmp_path / "c.extxyz", tmp_path / "p.csv")
    for one, same in zip(again.pairs, library.pairs, strict=True):
        for name in ("name", "ligands", "geometry", "compound", "simplified"):
            assert getattr(one, name) == getattr(same, name)
    (tmp_path / "p.csv").write_text((tmp_path / "p.csv").read_text().replace("au13a", "other"))
    with pytest.raises(InputError, match="names of cores and pairs differ"):
        read_library(tmp_path / "c.extxyz", tmp_path / "p.csv")


def twice(simplified):
    """Ag25 and the Ag13 inside it with one thiol, beside an isomer of that thiol, and others."""
    rows = [
        ("ag13", "shape=icosahedron metal=Ag", "Cc1ccc(S)c(C)c1", "Ag25(SC8H9)18", simplified), ("isomer", "shape=cube metal=Ag", PET, "Ag25(SC8H9)18", "8 of 25 Ag"),
        ("ag25", "shape=two_icosahedra metal=Ag", "Cc1ccc(S)c(C)c1", "Ag25(SC6H3(CH3)2)18", ""), ("au13", "shape=cuboctahedron metal=Au", PPH3, "", ""),
        ("cu6", "shape=octahedron metal=Cu", "C#Cc1ccccc1", "", ""), ("ag4", "shape=square metal=Ag", "CC(C)OP(=S)(S)OC(C)C", "", ""),
    ]  # fmt: skip
    return [pair_of(n, build_core(r), l, "-", compound=c, simplified=s) for n, r, l, c, s in rows]


def test_a_whole_core_replaces_a_part_of_the_same_compound():
    found = cleaned(twice("13 of 25 Ag"))
    assert {pair.name for pair in found.pairs} == {"ag25", "isomer", "au13", "cu6", "ag4"}
    (row,) = found.dropped
    assert (row["structure"], row["step"], row["reason"]) == (
        "ag13",
        "compounds",
        "13 of 25 Ag; ag25 has the whole core",
    )


@pytest.mark.parametrize("split", ["pair", "core"])
def test_a_compound_under_two_cores_stays_on_one_side(split):
    library = cleaned(twice(""))
    assert len(library.pairs) == 6
    examples = examples_of(library, seed=2)[0]
    where = [n for n, each in enumerate(examples) if each.pair.name in ("ag13", "ag25")]
    made = [n for n in where if examples[n].label]
    for seed in range(5):
        for train, test in split_folds(examples, split, folds=3, seed=seed):
            check_split(examples, train, test, split)
            kept = made if split == "pair" else where
            assert set(kept) <= set(train) or set(kept) <= set(test)
    with pytest.raises(InputError, match="near duplicates"):
        check_split(examples, np.array(made[:1]), np.array(made[1:]), split)


@pytest.mark.parametrize("text", ["Ag25(SC8H9", "Ag25Xx3", "X3", "25", "not a formula", "(" * 500])
def test_wrong_formulas_of_compounds_are_refused(text):
    with pytest.raises(StructureError, match="is no formula"):
        pair_of("x", build_core("shape=cube metal=Ag"), "CS", "-", compound=text)


def test_bundled_cores_that_are_a_part_say_so(root):
    tables = [root / f"resources/matching/{name}.tsv" for name in ("reported", "external")]
    for pair in [pair for table in tables for pair in reported_pairs(table)[0]]:
        inside, whole = Counter(pair.core.symbols), Formula(pair.compound).count()
        counted = [symbol for symbol in whole if symbol in ("Au", "Ag", "Cu", "Cl", "Br", "I")]
        assert (pair.simplified != "") == any(inside[symbol] != whole[symbol] for symbol in counted), pair.name


def test_ag25_and_au23_of_the_database_replace_the_parts_in_the_table(root, mirror):
    files = [f"nc_database/{name}.xyz" for name in ("other/Ag25_final", "fully_protected/au23_schex16_-1_opt")]
    pairs = [pair_of_file(mirror / name)[0] for name in files]
    found = cleaned([*reported_pairs(root / "resources/matching/reported.tsv")[0], *pairs])
    assert {row["structure"] for row in found.dropped} == {"ag13_in_ag25", "au13_in_au23"}
    assert {pair.name for pair in pairs} <= {pair.name for pair in found.pairs}


def test_negatives_keep_the_rules(library, examples):
    types = dict(zip((pair.name for pair in library.pairs), core_types(library), strict=True))
    assert types["au13a"] == types["au13b"] == 2
    assert types["ag14"] == 1
    reported = {(each.pair.geometry, each.ligands) for each in examples if each.label}
    for each in examples:
        if each.kind == "drawn":
            assert each.ligands.count(".") == each.pair.ligands.count(".")
            assert (each.pair.geometry, each.ligands) not in reported
            assert set(each.ligands.split(".")) <= set(
                candidates(library, each.pair, each.core_type, NegativeSettings())
            )
        if each.core_type == 2 and each.kind == "drawn":
            assert not {functional_group(one) for one in each.ligands.split(".")} & {"thiol", "phosphine"}
    assert [each.ligands for each in examples if each.kind == "failure"] == [PPH3]


def test_negatives_do_not_depend_on_the_order_of_pairs(library):
    def drawn(pairs):
        return {(each.pair.name, each.ligands) for each in examples_of(Library(tuple(pairs)), seed=1)[0]}

    assert drawn(library.pairs) == drawn(library.pairs[::-1])
    assert drawn(library.pairs) != {(each.pair.name, each.ligands) for each in examples_of(library, seed=2)[0]}


def test_negatives_have_the_ligands_that_are_reported(library):
    """Of four candidates one is reported in six of nine pairs: it is drawn as often, or as often as any other."""
    sets = [*[PPH3] * 6, "c1ccncc1", "CC(=O)O", "C#CC", "CCCCCCCCCCCCS"]
    pairs = [replace(library.pairs[0], name=str(n), geometry=n, ligands=text) for n, text in enumerate(sets)]

    def share(draw):
        settings = NegativeSettings(draw=draw)
        drawn = [
            each.ligands
            for seed in range(100)
            for each in examples_of(Library(tuple(pairs)), settings, seed=seed)[0]
            if each.pair.name == "9" and each.kind == "drawn"
        ]
        assert len(drawn) == 100
        return drawn.count(PPH3) / 100

    assert share("reported") == pytest.approx(6 / 9, abs=0.15)
    assert share("uniform") == pytest.approx(1 / 4, abs=0.15)


def test_negatives_that_cannot_be_drawn_are_told(library):
    _, short = examples_of(library, NegativeSettings(per_positive=20, carbons_one=40))
    assert short
    assert all(row["step"] == "negatives" for row in short)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda lib: NegativeSettings(carbons_one=-1), "carbon differences"),
        (lambda lib: NegativeSettings(kinds="some"), "choose from matched, any"),
        (lambda lib: NegativeSettings(draw="some"), "choose from reported, uniform"),
        (lambda lib: examples_of(Library(())), "holds no pairs"),
        (lambda lib: examples_of(lib, failures=[("nobody", "CS")]), "no such core"),
        (lambda lib: examples_of(lib, failures=[("au13b", "CCS")]), "reports this pair as made"),
    ],
)
def test_wrong_negatives_are_refused(library, make, words):
    with pytest.raises(InputError, match=words):
        make(library)


@pytest.mark.parametrize("split", ["pair", "core", "ligand"])
def test_folds_do_not_leak_and_test_everything_once(examples, split):
    parts = split_folds(examples, split, folds=3, seed=1)
    tested = sorted(np.concatenate([test for _, test in parts]).tolist())
    assert tested == sorted(set(tested))
    assert set(range(len(examples))) - set(tested) <= {
        i for i, each in enumerate(examples) if split == "ligand" and not each.label
    }
    for train, test in parts:
        check_split(examples, train, test, split)
        assert not set(train) & set(test)


@pytest.mark.parametrize(
    ("split", "words"),
    [("pair", "near duplicates"), ("core", "near duplicates"), ("ligand", "near duplicates")],
)
def test_a_leak_is_found(examples, split, words):
    everything = np.arange(len(examples))
    with pytest.raises(InputError, match=words):
        check_split(examples, everything[1:], np.append(everything[:1], everything[1:2]), split)


@pytest.mark.parametrize("seed", range(4))
def test_no_ligand_of_a_test_is_nearly_one_of_training(library, seed):
    """Benzyl and phenethyl thiol, PPh3 and dppe stay together; so does a negative of two families, which is tested nowhere."""
    core = library.pairs[0].core
    dppe = "c1ccc(P(CCP(c2ccccc2)c2ccccc2)c2ccccc2)cc1"
    more = [pair_of(f"more{n}", core, text, "-") for n, text in enumerate(("SCc1ccccc1", dppe, "Cc1ccncc1"))]
    examples = examples_of(cleaned([*library.pairs, *more]), failures=[("cu6", f"CCS.{PET}")], seed=seed)[0]
    groups = dict(zip((each.ligands for each in examples), groups_of(examples, "ligand"), strict=True))
    assert groups["SCc1ccccc1"] == groups[dppe] == groups[f"{PET}.{PPH3}"]
    apart = dict(zip((each.ligands for each in examples), families_of(examples), strict=True))
    assert apart["SCc1ccccc1"] != apart[dppe]
    assert set(apart[f"{PET}.{PPH3}"].split(";")) == {apart["SCc1ccccc1"], apart[dppe]}
    for train, test in split_folds(examples, "ligand", folds=3, seed=seed):
        learned, asked = ({one for i in part for one in examples[i].ligands.split(".")} for part in (train, test))
        assert likeness(sorted(learned), sorted(asked)).max() < SAME_LIGAND
        check_split(examples, train, test, "ligand")
    both = next(i for i, each in enumerate(examples) if each.kind == "failure")
    families = {family for group in groups.values() for family in group.split(";")}
    assert not any(both in test for _, test in split_folds(examples, "ligand", folds=len(families), seed=seed))


def test_folds_hold_labels_alike(library):
    """Two positives or two negatives of a core each: every fold gets as many of both."""
    examples = [
        Example(replace(library.pairs[0], geometry=n), f"{'C' * (n + 1)}S", int(n < 6), "reported", 1)
        for n in range(12)
        for _ in range(2)
    ]
    for seed in range(5):
        for _, test in split_folds(examples, "core", folds=3, seed=seed):
            assert Counter(examples[i].label for i in test) == {0: 4, 1: 4}


def test_near_duplicate_ligands_on_both_sides_are_refused(library):
    first, second = (
        pair_of(name, library.pairs[0].core, text, "-") for name, text in (("a", "SCc1ccccc1"), ("b", f"CCS.{PET}"))
    )
    examples = [Example(pair, pair.ligands, 1, "reported", 1) for pair in (first, second)]
    with pytest.raises(InputError, match=r"SCc1ccccc1 \(training\) and SCCc1ccccc1 \(test\) are near duplicates"):
        check_split(examples, np.array([0]), np.array([1]), "ligand")


def test_near_duplicates_are_found_whatever_the_library_calls_their_geometry(library, rng):
    pair = library.pairs[2]
    shaken = Atoms(pair.core.numbers, pair.core.positions + rng.normal(scale=0.03, size=pair.core.positions.shape))
    other = pair_of("shaken", shaken, pair.ligands, "-")
    examples = examples_of(library)[0]
    own = next(each for each in examples if each.pair.name == pair.name and each.label)
    twin = type(own)(
        type(pair)("shaken", shaken, pair.ligands, "-", other.fingerprint, 99), pair.ligands, 1, "reported", 1
    )
    with pytest.raises(InputError, match="near duplicates"):
        check_split([own, twin], np.array([0]), np.array([1]), "pair")


def test_cores_that_an_edit_links_are_near_duplicates(rng):
    """Cu20Cl and what is left of it without one or two atoms, relaxed and turned; not other cores of nearly as many atoms."""
    core = build_core("shape=tetrahedron20 metal=Cu anion=Cl")
    whole = core_fingerprint(core)
    for number in (0, 3, 9):
        less = remove_atom(core, number)
        less.rattle(0.03, seed=number)
        less.rotate(50, (1, 2, 3))
        less = less[rng.permutation(len(less))]
        assert edited(core_fingerprint(less), whole), number
        assert edited(core_fingerprint(remove_atom(less, 5)), whole), number
        assert edited(core_fingerprint(substitute_atom(less, int(np.argmax(less.symbols == "Cu")), "Ag")), whole)
        assert geometry_difference(core_fingerprint(less), whole) == float("inf")
        moved = less.copy()
        moved.rattle(0.5, seed=number)
        assert not edited(core_fingerprint(moved), whole)
    silver = Atoms(["Ag" if symbol == "Cu" else symbol for symbol in core.symbols], core.positions)
    assert not edited(core_fingerprint(remove_atom(silver, 0)), whole)
    thirteen, twelve = (
        core_fingerprint(build_core(f"shape={shape} metal=Au")) for shape in ("icosahedron", "icosahedron12")
    )
    assert edited(thirteen, twelve)
    assert edited(twelve, thirteen)
    assert not edited(core_fingerprint(build_core("shape=cuboctahedron metal=Au")), twelve)
    assert not edited(
        *(core_fingerprint(build_core(f"shape={shape} metal=Au")) for shape in ("triangle", "tetrahedron"))
    )


def test_a_core_and_its_edit_are_left_out_together(library):
    core = build_core("shape=tetrahedron20 metal=Cu anion=Cl")
    more = cleaned([*library.pairs, pair_of("cu19cl", remove_atom(core, 0), f"OC=O.{PET}", "made for this test")])
    found = examples_of(more, seed=3)[0]
    of = dict(zip([each.pair.name for each in found], groups_of(found, "core"), strict=True))
    assert of["cu19cl"] == of["cu20cl"] != of["ag14"]
    for train, test in split_folds(found, "core", folds=3):
        check_split(found, train, test, "core")
    names = np.array([each.pair.name for each in found])
    with pytest.raises(InputError, match=r"cu20cl with .* are near duplicates"):
        check_split(found, np.flatnonzero(names != "cu20cl"), np.flatnonzero(names == "cu20cl"), "core")
    apart = dict(zip([each.pair.name for each in found], groups_of(found, "pair"), strict=True))
    assert apart["cu19cl"] != apart["cu20cl"]


def test_unknown_splits_and_too_many_folds(examples):
    with pytest.raises(InputError, match="split 'x'"):
        split_folds(examples, "x")
    with pytest.raises(InputError, match="groups for"):
        split_folds(examples, "core", folds=50)
    with pytest.raises(InputError, match="split 'x'"):
        check_split(examples, np.array([0]), np.array([1]), "x")


def test_bundled_tables_give_pairs(root, tmp_path, monkeypatch):
    (pairs, dropped), (others, none) = (
        reported_pairs(root / f"resources/matching/{name}.tsv") for name in ("reported", "external")
    )
    assert (len(pairs), len(others)) == (17, 3)
    assert not dropped + none
    assert all(pair.source and pair.identity for pair in pairs + others)
    assert not {pair.identity for pair in pairs} & {pair.identity for pair in others}
    assert len(read_failures(root / "resources/matching/failures.tsv")) == 1
    monkeypatch.delenv("AURIC_MIRROR", raising=False)
    with pytest.raises(InputError, match="no mirror is set"):
        resolved("mirror:x/y.xyz", "")


@pytest.mark.parametrize(
    ("text", "words"),
    [("a\tb\n1\t2\n", "give the columns"), ("name\tcore\tligands\tsource\tsimplified\n", "and, if you like, compound, simplified"), ("name\tcore\tligands\tsource\nx\tshape=cube metal=Au\tCS\t\n", "has no source"),
     ("name\tcore\tligands\tsource\nx\tshape=cube metal=Au\tCS\ts\nx\tshape=cube metal=Au\tCS\ts\n", "more than once")],
)  # fmt: skip
def test_wrong_tables_are_refused(tmp_path, text, words):
    (tmp_path / "t.tsv").write_text(text)
    with pytest.raises(InputError, match=words):
        reported_pairs(tmp_path / "t.tsv")


def test_wrong_failures_are_refused(tmp_path):
    (tmp_path / "f.tsv").write_text("core\tligands\n")
    with pytest.raises(InputError, match="give the columns core, ligands, source"):
        read_failures(tmp_path / "f.tsv")
    (tmp_path / "f.tsv").write_text("core\tligands\tsource\na\tCS\t \n")
    with pytest.raises(InputError, match="without a source"):
        read_failures(tmp_path / "f.tsv")
    (tmp_path / "f.tsv").write_text("# of two\ncore\tligands\tsource\na\tC#Cc1ccccc1\ts\n")
    assert read_failures(tmp_path / "f.tsv") == [("a", "C#Cc1ccccc1")]
    (tmp_path / "f.tsv").write_text("core\tligands\tsource\na\tCS\n")
    with pytest.raises(InputError, match="2 cells for 3 columns"):
        read_failures(tmp_path / "f.tsv")
    with pytest.raises(InputError, match="name an existing table"):
        read_failures(tmp_path / "none.tsv")


def test_no_reported_failure_is_dropped_without_a_row(tmp_path):
    core = "shape=tetrahedron20 metal=Cu anion=Cl remove=0"
    table, failures = tmp_path / "t.tsv", tmp_path / "f.tsv"
    table.write_text(
        f"name\tcore\tligands\tsource\nmine\t{core}\tO=CO\ts\ncu19cl\t{core}\tO=CO\ts\nag13\tshape=icosahedron metal=Ag\t{PPH3}\ts\n"
    )
    failures.write_text("core\tligands\tsource\ncu19cl\tCC(=O)O\ts\nCu19Cl2\tCCS\ts\nzzz\tCS\ts\nmine\tCCCS\ts\n")
    outputs = {name: str(tmp_path / name) for name in ("cores", "pairs", "examples", "dropped", "statistics")}
    make_pairs([table], [], failures, outputs, negatives={}, mirror="", seed=1)
    examples = pd.read_csv(outputs["examples"]).query("kind == 'failure'")
    assert list(zip(examples["name"], examples["ligands"], strict=True)) == [("mine", "CC(=O)O"), ("mine", "CCCS")]
    dropped = pd.read_csv(outputs["dropped"]).query("step == 'failures'").set_index("structure")
    assert dropped["what"].to_dict() == {"Cu19Cl2": "CCS", "zzz": "CS"}
    assert "did you mean 'cu19cl'?" in dropped.loc["Cu19Cl2", "reason"]
    assert "did you mean" not in dropped.loc["zzz", "reason"]
    failures.write_text("core\tligands\tsource\ncu19cl\tO=CO\ts\n")
    with pytest.raises(InputError, match="failure of 'mine' with O=CO: the library reports this pair as made"):
        make_pairs([table], [], failures, outputs, negatives={}, mirror="", seed=1)


def test_pairs_of_a_study(tmp_path, ring):
    write(tmp_path / "ring.xyz", ring)
    table = tmp_path / "t.tsv"
    table.write_text(
        "name\tcore\tligands\tsource\nau13\tshape=icosahedron metal=Au\tCCP(CC)CC\ts\nbad\tshape=no metal=Au\tCS\ts\n"
    )
    outputs = {name: str(tmp_path / name) for name in ("cores", "pairs", "examples", "dropped", "statistics")}
    make_pairs([table], [tmp_path / "ring.xyz", tmp_path / "none.xyz"], "", outputs, negatives={}, mirror="", seed=1)
    assert (tmp_path / "pairs").read_text().count("\n") == 3
    assert "bad" in (tmp_path / "dropped").read_text()
    with pytest.raises(InputError, match="no pair"):
        make_pairs([], [tmp_path / "none.xyz"], "", outputs, negatives={}, mirror="", seed=1)
