import json
import time
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from ase import Atoms
from ase.io import write

from auric.cli import main
from auric.errors import InputError, StructureError
from auric.structures import MotifRule, atom_classes, build_ring, find_motifs, read_structure
from auric.structures.rings import LIGANDS, RING_SIZES

KNOWN = {
    "025_18_minus1": "Au25S18: Au13 @ 6 x n2",
    "025_18_neutral": "Au25S18: Au13 @ 6 x n2",
    "038_24q": "Au38S24: Au23 @ 6 x n2 + 3 x n1",
    "038_24t": "Au38S24: Au23 @ 2 x n3 + 3 x n2 + 3 x n1 + 1 b",
    "018_14": "Au18S14: Au8 @ 2 x n4 + 2 x n1",
    "020_16": "Au20S16: Au7 @ 1 ring8 + 1 x n3 + 2 x n1",
    "023_16_minus1": "Au23S16: Au13 @ 2 x n3 + 4 x n1",
    "024_20": "Au24S20: Au8 @ 4 x n4",
    "028_20": "Au28S20: Au14 @ 2 x n3 + 4 x n2",
    "040_24": "Au40S24: Au25 @ 3 x n3 + 6 x n1",
    "052_32": "Au52S32: Au32 @ 8 x n2 + 4 x n1",
}
DOPED = {
    "Ag25_methylthiol": "Ag25S18: Ag13 @ 6 x n2(Ag2)",
    "Ag24Au_methylthiol": "AuAg24S18: AuAg12 @ 6 x n2(Ag2)",
    "PdAu24": "Au24PdS18: Au12Pd @ 6 x n2",
    "HgAu24": "Au24HgS18: Au13 @ 5 x n2 + 1 x n2(AuHg)",
}
# Core gold at the origin and 2.8 angstrom beside it; what protects it is drawn along lines with bonds of 2.3 angstrom.
CORE = [("Au", 0, 0), ("Au", 2.8, 0)]
DRAWN = {
    "AuS: 1 x half1": [("Au", 0, 0), ("S", 2.3, 0)],
    "AuS2: 1 x n1": [("S", -2.3, 0), ("Au", 0, 0), ("S", 2.3, 0)],
    "Au2S: 1 net(Au2S)": [("Au", -2.3, 0), ("S", 0, 0), ("Au", 2.3, 0)],
    "Au2S: Au2 @ 1 t": [*CORE, ("S", -2.3, 0)],
    "Au2S: Au2 @ 1 b": [*CORE, ("S", 1.4, 1.8)],
    "Au3S: Au3 @ 1 b3": [*CORE, ("Au", 1.4, 2.4), ("S", 1.4, 0.7)],
    "Au2S2: Au2 @ 1 t + 1 free": [*CORE, ("S", -2.3, 0), ("S", 20, 0)],
    "Au3S: Au2 @ 1 x half1": [*CORE, ("S", -2.3, 0), ("Au", -4.6, 0)],
    "Au3S2: Au2 @ 1 x loose n1": [*CORE, ("S", -2.3, 0), ("Au", -4.6, 0), ("S", -6.9, 0)],
    "Au3S2: Au2 @ 1 x loose half1 + 1 t": [*CORE, ("S", -2.3, 0), ("S", 20, 0), ("Au", 22.3, 0)],
    "Au4S3: Au2 @ 1 x half2 + 1 t": [
        *CORE,
        *[("S", -2.3, 0), ("Au", -4.6, 0), ("S", -6.9, 0), ("Au", -9.2, 0), ("S", 5.1, 0)],
    ],
    "Au5S4: Au2 @ 1 x loose n2-n1": [
        *CORE,
        *[("S", -2.3, 0), ("Au", -2.3, 2.3), ("S", -2.3, 4.6), ("Au", -2.3, -2.3), ("S", -2.3, -4.6)],
        *[("Au", -2.3, -6.9), ("S", -2.3, -9.2)],
    ],
    "Au3S4: 1 net(Au3S4)": [
        ("S", 0, 0),
        *[("Au", 2.3, 0), ("S", 4.6, 0), ("Au", -2.3, 0), ("S", -4.6, 0), ("Au", 0, 2.3), ("S", 0, 4.6)],
    ],
}


def clusters(mirror):
    return mirror / "nc_database" / "sch3_protected"


def drawing(atoms):
    return Atoms([symbol for symbol, _, _ in atoms], [[x, y, 0] for _, x, y in atoms])


@pytest.mark.parametrize(("name", "text"), KNOWN.items())
def test_known_clusters(mirror, name, text):
    assert str(find_motifs(read_structure(clusters(mirror) / f"{name}_cp2k_opt.xyz"))) == text


@pytest.mark.parametrize(("name", "text"), DOPED.items())
def test_other_metals_are_treated_like_gold(mirror, name, text):
    assert str(find_motifs(read_structure(mirror / "nc_database" / "other" / f"{name}.xyz"))) == text


@pytest.mark.parametrize("ligand", LIGANDS)
@pytest.mark.parametrize("n", RING_SIZES)
def test_built_rings_have_no_core(n, ligand):
    found = find_motifs(build_ring(n, ligand))
    assert str(found) == f"Au{n}S{n}: 1 ring{n}"
    assert found.core == ()
    assert set(found.classes) == {"unit Au", "S", "H"} | ({"C"} if ligand == "CH3" else set())


@pytest.mark.parametrize(("text", "atoms"), DRAWN.items())
def test_every_kind_of_unit_is_named(text, atoms):
    assert str(find_motifs(drawing(atoms))) == text


def test_classes_are_those_of_a_double_loop(rng):
    atoms = Atoms("Au20S20Ag5H9", rng.uniform(0, 14, (54, 3)))
    rule = MotifRule(sulfur_cutoff_angstrom=3.0, metal_cutoff_angstrom=3.5)
    classes = atom_classes(atoms, rule)
    metal = {"Au", "Ag"}
    for i, symbol in enumerate(atoms.symbols):
        if symbol not in metal:
            assert classes[i] == symbol
            continue
        near = [(other.symbol, atoms.get_distance(i, other.index)) for other in atoms if other.index != i]
        sulfur = sum(name == "S" and distance < 3.0 for name, distance in near)
        alone = not any(name in metal and distance < 3.5 for name, distance in near)
        kind = "unit" if sulfur > 1 else "half-unit" if sulfur and alone else "core"
        assert classes[i] == f"{kind} {symbol}"
    assert {name.split()[0] for name in classes} == {"core", "unit", "half-unit", "S", "H"}


@pytest.mark.parametrize("name", ["038_24t", "020_16"])
def test_order_place_and_direction_do_not_matter(mirror, rng, name):
    atoms = read_structure(clusters(mirror) / f"{name}_cp2k_opt.xyz")
    order = rng.permutation(len(atoms))
    moved = atoms[order]
    moved.rotate(73, (1, 2, 3))
    moved.positions = moved.positions * [1, 1, -1] + [40, -7, 3]  # mirrored, too
    before, after = find_motifs(atoms), find_motifs(moved)
    assert str(after) == str(before)
    assert {int(order[i]) for i in after.core} == set(before.core)
    assert [before.classes[i] for i in order] == list(after.classes)

    def content(found, name_of):
        sides = [
            (u.kind, *(frozenset(map(name_of, side)) for side in (u.metals, u.sulfurs, u.core))) for u in found.units
        ]
        return Counter(sides)

    assert content(after, lambda i: int(order[i])) == content(before, int)


def test_units_run_along_their_bonds_and_say_where_they_are_bound(mirror):
    atoms = read_structure(clusters(mirror) / "038_24t_cp2k_opt.xyz")
    for unit in find_motifs(atoms).units:
        path = [unit.sulfurs[0]]
        for metal, sulfur in zip(unit.metals, unit.sulfurs[1:], strict=True):
            path += [metal, sulfur]
        assert all(atoms.get_distance(i, j) < 2.7 for i, j in pairwise(path))
        assert len(unit.core) == 2
        for end in (unit.sulfurs[0], unit.sulfurs[-1]):
            assert min(atoms.get_distance(end, i) for i in unit.core) < 2.7


def test_every_framework_is_divided_without_rest(mirror):
    paths = sorted((mirror / "aun_srm_cif_gap_uvvis").rglob("*.cif"))
    assert len(paths) == 81
    odd = {}
    for path in paths:
        atoms = read_structure(path)
        found = find_motifs(atoms)
        parts = list(found.core) + [i for unit in found.units for i in unit.metals + unit.sulfurs]
        assert sorted(parts) == [i for i, symbol in enumerate(atoms.symbols) if symbol in ("Au", "S")], path.name
        if any(unit.kind.startswith(("net", "loose", "half", "t", "free")) for unit in found.units):
            odd[path.stem] = str(found).partition("@ ")[2]
    assert odd == {
        "26_19": "1 t + 1 net(Au17S18)",
        "33_22": "1 net(Au23S22)",
        "39_24": "1 net(Au22S24)",
        "65_34": "1 net(Au34S34)",
        "au26_19iso1": "1 net(Au22S19)",
    }


def test_the_rule_is_a_setting(mirror):
    """With at most one contact below 3.2 angstrom, surface gold of Au28 counts as core, as part of the literature has it."""
    atoms = read_structure(clusters(mirror) / "028_20_cp2k_opt.xyz")
    assert str(find_motifs(atoms, MotifRule(2.7, 3.2, most_contacts=1))) == "Au28S20: Au20 @ 4 x n2 + 8 b"
    stretched = drawing([*CORE, ("S", -2.4, 0), ("Au", -5.2, 0), ("S", -7.6, 0)])
    assert str(find_motifs(stretched)) == "Au3S2: Au2 @ 1 x loose half1 + 1 t"
    assert str(find_motifs(stretched, MotifRule(3.0))) == "Au3S2: Au2 @ 1 x loose n1"


def test_large_clusters_take_less_than_a_second(mirror):
    atoms = read_structure(mirror / "nanomodeler_cores/CORES/AU314SR96/au314SH96.xyz")
    start = time.perf_counter()
    assert str(find_motifs(atoms)) == "Au314S96: Au266 @ 48 x n1"
    assert time.perf_counter() - start < 1


@pytest.mark.parametrize(
    ("atoms", "reason"),
    [
        (Atoms("SH2", [[0, 0, 0], [0, 1, 1], [0, 1, -1]]), "H2S holds no gold"),
        (Atoms("Au2", [[0, 0, 0], [0, 0, 2.5]]), "Au2 holds no sulfur"),
        (Atoms("Au2S", [[0, 0, 0], [0, 0, 2.5], [0, 0, 9]]), "no sulfur within 2.7 angstrom of a metal"),
        (Atoms("AuS", [[0, 0, 0], [0, 0, np.nan]]), r"atom 2 \(S\) has a coordinate that is not finite"),
    ],
)
def test_what_has_no_motifs_is_refused(atoms, reason):
    with pytest.raises(StructureError, match=reason):
        find_motifs(atoms)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ((0.0,), "sulfur cutoff 0.0"),
        ((float("nan"),), "sulfur cutoff nan"),
        ((2.7, float("inf")), "metal cutoff inf"),
        ((2.7, 3.0, -1), "at most -1 contacts"),
    ],
)
def test_impossible_rules_are_refused(settings, reason):
    with pytest.raises(InputError, match=reason):
        MotifRule(*settings)


def test_command_line(tmp_path, capsys, caplog):
    ring, broken, alone = (str(tmp_path / name) for name in ("ring.xyz", "broken.xyz", "alone.xyz"))
    write(ring, build_ring(4), format="xyz")
    write(broken, drawing(DRAWN["Au3S: Au2 @ 1 x half1"]), format="xyz")
    write(alone, Atoms("Au"), format="xyz")

    assert main(["motifs", ring]) == 0
    assert capsys.readouterr().out == "Au4S4: 1 ring4\n"
    assert not caplog.records
    assert main(["motifs", ring, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["text"] == "Au4S4: 1 ring4"
    assert found["core"] == {"formula": "", "atoms": []}
    assert found["units"] == [{"kind": "ring4", "metals": [0, 1, 2, 3], "sulfurs": [4, 5, 6, 7], "core": []}]
    assert found["classes"] == {"H": [8, 9, 10, 11], "S": [4, 5, 6, 7], "unit Au": [0, 1, 2, 3]}
    assert MotifRule(**found["rule"]) == MotifRule()
    assert "ring.xyz sha256:" in found["source"]

    assert main(["motifs", ring, "--cutoff", "2.3"]) == 2
    assert "ring.xyz: H4Au4S4 has no sulfur within 2.3 angstrom" in capsys.readouterr().err
    assert main(["motifs", ring, "--metal-cutoff", "4", "--most-contacts", "1"]) == 0
    assert capsys.readouterr().out == "Au4S4: Au4 @ 4 b\n"
    assert main(["motifs", broken]) == 0
    assert "1 loose or half units; is the molecule whole" in caplog.text
    assert main(["motifs", alone]) == 2
    assert "alone.xyz: Au holds no sulfur" in capsys.readouterr().err
