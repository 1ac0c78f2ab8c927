"""Parents and distorted structures: made, compared bond by bond, and what is said of the changes."""

import json

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from ase import Atoms

from auric.errors import AuricError, InputError, ScfError
from auric.files import read_dataset, read_frames, write_dataset, write_frames, write_table
from auric.reference.gto import GtoEngine
from auric.reference.store import structure_hash
from auric.ruler.distorted import DISTORTED_COLUMNS, make_distorted
from auric.ruler.distortions import (
    CHANGES_COLUMNS,
    STRUCTURES_COLUMNS,
    compare_distorted,
    noise_of,
    reaction,
    scores,
    undisturbed_pairs,
    verdict_of,
)
from auric.structures import build_ring, with_atom
from auric.study import distortions
from tests.conftest import MOLECULES
from tests.ruler.learned import images_of
from tests.ruler.test_ruler import dataset

pytestmark = pytest.mark.usefixtures("one_start")
COARSE = {"xc": "lda,vwn", "grid_level": 0, "conv_tol_hartree": 1e-6, "basis": {"default": "sto-3g", "Au": "lanl2dz"}}
FRAMES = {"relax": True, "fmax_ev_angstrom": 0.1, "relax_steps": 100, "count": 3, "seed": 0}
ROW = {
    "name": "aush", "parent": "", "builder": "file", "recipe": "", "charge": 0, "multiplicities": [1, 2], "relax": False,
    "level_steps": 0, "learned_as": "",
}  # fmt: skip


@pytest.fixture
def place(tmp_path):
    atoms, _, _ = MOLECULES["AuSH"]
    atoms.write(tmp_path / "aush.xyz")
    images_of(tmp_path)
    return tmp_path


def made(place, beside=None, settings=COARSE, **changed):
    row = ROW | {"recipe": str(place / "aush.xyz")} | changed
    files = [place / f"{row['name']}.{ending}" for ending in ("extxyz", "nc", "csv")] + [place / f"f_{row['name']}.csv"]
    make_distorted(
        row, beside, [place / "images.nc"], *files, engine="pyscf-gto", settings=settings, xtb={}, frames=FRAMES, bond={},
        elf={"pixels": 32, "planes": 2, "min_perpendicular_angstrom": 0.3, "offset": "multiwfn"}, store=place / "store",
    )  # fmt: skip
    return read_frames(files[0]), read_dataset(files[1]), pd.read_csv(files[2]), pd.read_csv(files[3])


OXYGEN = {
    "name": "o", "parent": "aush", "builder": "adsorbed", "recipe": "atom=O on=Au site=0 distance=1.9", "multiplicities": [1, 2, 3],
}  # fmt: skip


def test_a_parent_and_an_oxygen_on_it(place, monkeypatch):
    (parent,), images, bonds, failed = made(place)
    assert failed.empty
    assert bonds.columns.tolist() == list(DISTORTED_COLUMNS)
    assert bonds["bond"].tolist() == ["S1-Au0"]
    assert np.isinf(bonds["added_atom_angstrom"]).all()
    assert images.sizes["image"] == 1
    assert parent.info["geometry"] == "given"
    (bound,), images, bonds, failed = made(place, place / "aush.extxyz", **OXYGEN)
    assert failed.empty
    assert bound.get_chemical_symbols() == ["Au", "S", "H", "O"]
    np.testing.assert_allclose(bound.positions[:3], parent.positions)
    above = bound.info["multiplicities_json"]
    above = json.loads(above) if isinstance(above, str) else above
    assert set(above) == {"1", "3"}  # parity leaves these
    assert min(above.values()) == 0
    assert above[str(bound.info["multiplicity"])] == 0
    assert bonds["added_atom_angstrom"].iloc[0] == pytest.approx(1.9)
    assert set(images["third_atom"].values) == {2, 3} or set(images["third_atom"].values) == {2}
    monkeypatch.setattr(GtoEngine, "label", lambda *_, **__: pytest.fail("computed again"))
    (again,), _, _, _ = made(place, place / "aush.extxyz", **OXYGEN)
    assert again.info["energy_ev"] == bound.info["energy_ev"]


def test_relaxed_cheaply_and_further_at_the_level(place):
    (cheap,), _, _, failed = made(place, relax=True, name="cheap")
    assert failed.empty
    assert cheap.info["geometry"] == "gfn1-xtb"
    assert np.isnan(cheap.info["residual_force_ev_angstrom"])
    (further,), _, _, failed = made(place, relax=True, name="further", level_steps=2)
    assert failed.empty
    assert further.info["geometry"] == "lda,vwn, unfinished"
    assert further.info["steps"] == 2
    assert further.info["residual_force_ev_angstrom"] > FRAMES["fmax_ev_angstrom"]
    assert further.info["energy_ev"] < cheap.info["energy_ev"]


def test_a_relaxation_at_the_level_is_short(place):
    fine = COARSE | {"grid_level": 2, "conv_tol_hartree": 1e-8}  # the coarse grid's noise is larger than the criterion
    (done,), _, _, failed = made(place, settings=fine, relax=True, multiplicities=[1], level_steps=10)
    assert failed.empty
    assert done.info["geometry"] == "lda,vwn"
    assert done.info["steps"] <= 4  # ASE's BFGS alone takes 7 gradients
    assert done.info["residual_force_ev_angstrom"] <= FRAMES["fmax_ev_angstrom"]


def test_what_cannot_be_made_leaves_its_reason(place, monkeypatch):
    _, _, _, none = made(place)
    assert none.empty
    parent = place / "aush.extxyz"
    for changed, reason in (
        ({"recipe": "atom=O on=Au site=1"}, "site 1 is none of the 1 different Au atoms; give 0 to 0"),
        ({"recipe": "atom=O on=Pt site=0"}, "has no Pt"),
        ({"recipe": "atom=Q on=Au site=0"}, "there is no element 'Q'"),
        ({"recipe": "atom=O on=Au"}, "site= is missing"),
        ({"recipe": "atom=O on=Au site=0 distance=9"}, "give a distance of 1 to 5 angstrom"),
        ({"recipe": "atom=O on=Au site=0 distance=far"}, "give a distance of 1 to 5 angstrom"),
        ({"multiplicities": [2]}, "none of the multiplicities 2 goes with"),
        ({"builder": "smiles", "recipe": "smiles=CCS"}, "are not those of aush in the same order"),
        ({"builder": "file", "recipe": "nowhere.xyz"}, "nowhere.xyz"),
    ):
        frames, images, bonds, failed = made(place, parent, **OXYGEN | changed)
        assert (len(frames), images.sizes["image"], len(bonds)) == (0, 0, 0)
        assert reason in failed["reason"].iloc[0]
    write_frames(place / "empty.extxyz", [])
    *_, failed = made(place, place / "empty.extxyz", **OXYGEN)
    assert "its parent could not be made" in failed["reason"].iloc[0]

    def label(*_, **__):
        raise ScfError("not converged")

    monkeypatch.setattr(GtoEngine, "label", label)
    *_, failed = made(place, parent, **OXYGEN | {"name": "other", "recipe": "atom=O on=Au site=0 distance=2.2"})
    assert "multiplicity 1: not converged; multiplicity 3: not converged" in failed["reason"].iloc[0]


def test_images_of_another_level_are_refused_before_anything_is_computed(place, monkeypatch):
    monkeypatch.setattr(GtoEngine, "label", lambda *_, **__: pytest.fail("computed"))
    images_of(place, method="pbe")
    with pytest.raises(InputError, match="method of the images is pbe"):
        made(place)
    images_of(place, grid_level=9)
    with pytest.raises(InputError, match="grid_level of the images is 9"):
        made(place)
    images_of(place, pixels=40)
    with pytest.raises(InputError, match=r"elf\.pixels of the images that rulers learn from is 40, here 32"):
        made(place)
    images_of(place, offset=0.0)
    with pytest.raises(InputError, match=r"elf\.offset of the images that rulers learn from is 0\.0, here 1e-05"):
        made(place)


def test_rulers_that_have_learned_from_the_parent_must_be_told(place):
    with pytest.raises(InputError, match="the images hold no structure 'aush'; correct learned_as"):
        made(place, learned_as="aush")
    atoms = MOLECULES["AuSH"][0]
    images_of(place, structure_hash=structure_hash(atoms, 0, 1))
    frames, _, _, failed = made(place)
    assert not frames
    assert "it is the frame s_0000 of the images" in failed["reason"].iloc[0]
    assert "say so by learned_as: s (of the parent)" in failed["reason"].iloc[0]
    frames, _, _, failed = made(place, learned_as="s")
    assert failed.empty
    assert len(frames) == 1
    images_of(place, "s_0000", "other_0000", structure_hash=structure_hash(atoms, 0, 1))
    frames, _, _, failed = made(place, learned_as="s")  # it is a frame of another structure, too
    assert not frames
    assert "it is the frame other_0000 of the images" in failed["reason"].iloc[0]


def test_a_distorted_structure_must_not_be_among_the_images(place):
    made(place)
    (bound,), _, _, failed = made(place, place / "aush.extxyz", **OXYGEN)
    assert failed.empty
    bound.write(place / "bound.xyz")
    images_of(place, "o_0000", structure_hash=structure_hash(bound, 0, bound.info["multiplicity"]))
    frames, _, _, failed = made(place, place / "aush.extxyz", **OXYGEN)
    assert not frames
    assert "leave o out of the images" in failed["reason"].iloc[0]


def test_a_multiplicity_that_does_not_relax_leaves_the_others(place, monkeypatch):
    def relaxed(atoms, *_):
        if atoms.info["multiplicity"] == 3:
            raise ScfError("no field at all")
        return atoms

    monkeypatch.setattr("auric.ruler.distorted.relaxed_structure", relaxed)
    (one,), _, _, failed = made(place, multiplicities=[1, 3], relax=True)
    assert failed.empty
    assert one.info["multiplicity"] == 1
    above = one.info["multiplicities_json"]
    assert (json.loads(above) if isinstance(above, str) else above) == {"1": 0.0, "multiplicity 3": None}


# --- comparison


def test_verdicts_and_noise():
    assert verdict_of(0.002, 0.001) == "weakened"
    assert verdict_of(-0.002, 0.001) == "tightened"
    assert verdict_of(0.0005, 0.001) == "within noise"
    assert verdict_of(np.nan, 0.001) == "not read"
    rng = np.random.default_rng(0)
    rows = [
        {
            "frame": f"f{k}", "bond": f"{kind}{bond}", "bond_class": kind, "bond_length_angstrom": 2.3 + k * apart,
            "error_angstrom": 5.0 * bond + (1 + 20 * apart) * width * rng.normal(),
        }
        for kind, width in (("a", 1.0), ("b", 3.0)) for apart in (0.0, 0.1) for bond in range(200) for k in range(2)
    ]  # fmt: skip
    for number, row in enumerate(rows):
        row["bond"] += f"_{number // 400}"
    pairs = undisturbed_pairs(pd.DataFrame(rows))
    assert len(pairs) == 800

    def expected(factor):  # a bond's own offset is in both of its frames
        return pytest.approx(factor * 1.96 * 2**0.5, rel=0.3)

    assert noise_of(pairs, "a", 0.0) == expected(1)
    assert noise_of(pairs, "b", 0.0) == expected(3)
    assert noise_of(pairs, "a", -0.1) == expected(3)  # errors grow with the change of length, of either sign
    assert noise_of(pairs, "unknown", 0.0) > noise_of(pairs, "a", 0.0)
    single = undisturbed_pairs(
        pd.DataFrame(rows)[::2]
    )  # no bond twice: bonds of a class, which differ by their offsets too
    assert noise_of(single, "a", 0.0) > 100
    assert np.isnan(noise_of(undisturbed_pairs(pd.DataFrame(rows)[:1]), "a", 0.0))


def compared(tmp_path, change):
    """Images of a parent in the training set and of the same bonds, one of them read otherwise."""
    dataset(tmp_path)
    data = read_dataset(tmp_path / "images.nc")
    mine = data.isel(image=np.flatnonzero(data["structure"].values == "s0"))
    bonds = pd.Series(mine["bond"].values).str.replace("s0:", "").to_numpy()
    rows = []
    for name in ("p", "d"):
        elf = mine["elf"].values.copy()
        if name == "d":  # the image of a longer bond on one of the same length
            other = data["elf"].values[np.abs(data["bond_length_angstrom"].values - change).argmin()]
            elf[bonds == "S0-Au0"] = other
        part = xr.Dataset({"elf": (("image", "y", "x"), elf)})
        part["bond"], part["third_atom"] = ("image", bonds), ("image", mine["third_atom"].values)
        part["bond_length_angstrom"] = ("image", mine["bond_length_angstrom"].values)
        write_dataset(tmp_path / f"{name}.nc", part)
        atoms = Atoms("Au4S4", np.arange(24.0).reshape(8, 3), info={"name": name, "charge": 0, "multiplicity": 1})
        if name == "d":
            atoms.extend(Atoms("O", [[50.0, 0, 0]]))
        atoms.info |= {
            "energy_ev": -1.0, "multiplicities_json": "{}", "geometry": "given", "steps": 0, "residual_force_ev_angstrom": 0.1,
        }  # fmt: skip
        write_frames(tmp_path / f"{name}.extxyz", [atoms])
        table = pd.DataFrame({
            "name": name, "bond": np.unique(bonds), "left_atom": range(4), "right_atom": range(4),
            "bond_length_angstrom": [mine["bond_length_angstrom"].values[bonds == bond][0] for bond in np.unique(bonds)],
            "mayer_bond_order": 0.5, "delocalisation_index": 0.6, "added_atom_angstrom": np.inf,
        })  # fmt: skip
        if name == "d":
            table.loc[0, "mayer_bond_order"] = 0.4
            table = pd.concat([table[table["bond"] != "S3-Au3"], table.tail(1).assign(bond="S3-Au1", right_atom=1)])
        write_table(tmp_path / f"{name}.csv", table, DISTORTED_COLUMNS)
        rows.append(
            ROW | {"name": name, "parent": "p" if name == "d" else "", "learned_as": "" if name == "d" else "s0"}
        )
    return rows


VALENCE = {"left_angstrom": 0.5, "right_angstrom": 0.5}


def run(tmp_path, rows, names=("p", "d")):
    outputs = [tmp_path / f"out_{name}.csv" for name in ("changes", "structures", "card")]
    compare_distorted(
        tmp_path / "images.nc", *([tmp_path / f"{name}.{ending}" for name in names] for ending in ("extxyz", "nc", "csv")), *outputs,
        rows=rows, study="t", masks=[{}, VALENCE], valence=VALENCE, folds=3, bootstrap_samples=50, seed=0,
    )  # fmt: skip
    return [pd.read_csv(path) for path in outputs]


def test_a_bond_that_looks_longer_reads_as_weakened(tmp_path):
    rows = compared(tmp_path, 2.69)
    changes, structures, card = run(tmp_path, rows)
    assert changes.columns.tolist() == list(CHANGES_COLUMNS)
    assert structures.columns.tolist() == list(STRUCTURES_COLUMNS)
    assert set(changes["name"]) == {"d"}
    full = changes[(changes["share"] == 1) & (changes["subject"] == "ridge on the image")].set_index("bond")
    assert full.loc["S0-Au0", "verdict"] == "weakened"
    assert full.loc["S0-Au0", "mayer_change"] == pytest.approx(-0.1)
    assert full.loc[["S1-Au1", "S2-Au2"], "verdict"].eq("within noise").all()
    assert full.loc[["S1-Au1", "S2-Au2"], "change_angstrom"].abs().max() < 1e-6  # the same images
    assert full.loc["S3-Au3", "verdict"] == "broken"
    assert full.loc["S3-Au1", "verdict"] == "formed"
    told = structures.set_index("name")
    assert told.loc["d", ["broken", "formed", "bonds"]].tolist() == [1, 1, 4]
    assert told.loc["d", "nearest_added_angstrom"] > 10
    assert told["reacted"].isna().all()
    order = card[
        (card["quantity"] == "bond_order_correlation") & card["data"].eq("distorted from p, reading less length")
    ]
    assert len(order)
    assert (order["ours"] < -0.9).all()
    share = card[card["quantity"] == "share_beyond_noise"]
    assert share["n"].eq(3).all()


def test_a_longer_bond_that_looks_like_one_is_not_weakened(tmp_path):
    """Geometry alone: reading and length grow together, and nothing is said."""
    rows = compared(tmp_path, 2.69)
    lengths = read_dataset(tmp_path / "images.nc")["bond_length_angstrom"].values
    longer = float(lengths[np.abs(lengths - 2.69).argmin()])
    table = pd.read_csv(tmp_path / "d.csv")
    table.loc[table["bond"] == "S0-Au0", "bond_length_angstrom"] = longer
    write_table(tmp_path / "d.csv", table, DISTORTED_COLUMNS)
    part = read_dataset(tmp_path / "d.nc")
    part["bond_length_angstrom"] = part["bond_length_angstrom"].where(part["bond"] != "S0-Au0", longer)
    write_dataset(tmp_path / "d.nc", part)
    changes, *_ = run(tmp_path, rows)
    full = changes[(changes["share"] == 1) & (changes["subject"] == "ridge on the image")].set_index("bond")
    assert abs(full.loc["S0-Au0", "change_angstrom"]) < 0.1 * (longer - full.loc["S0-Au0", "parent_length_angstrom"])


def test_bonds_beside_an_added_atom_are_scored_by_themselves():
    """Beside it readings go with the bond order, elsewhere against it; together they say neither."""
    rng = np.random.default_rng(0)
    order = rng.normal(size=40)
    beside = np.arange(40) % 2 == 0
    table = pd.DataFrame({
        "name": np.arange(40) // 4, "compared_with": "p", "bond": np.arange(40) % 4, "mask": "share_1", "share": 1.0, "shape": "strip",
        "scale": "bond", "subject": "one", "change_angstrom": np.where(beside, order, -order), "mayer_change": order,
        "reading_angstrom": 2.3, "parent_reading_angstrom": 2.3, "length_angstrom": 2.3 + order, "parent_length_angstrom": 2.3,
        "added_atom_angstrom": np.where(beside, 1.9, 4.0), "verdict": np.where(beside, "weakened", "within noise"),
    })  # fmt: skip
    found = {
        (row["quantity"], row["data"]): row for row in scores(table, "t", {"share_1": "no mask"}, samples=50, seed=0)
    }
    data = "distorted from p, reading less length"
    told = [
        found["bond_order_correlation", data + part]["ours"]
        for part in (", bonds beside the added atom", ", other bonds")
    ]
    np.testing.assert_allclose(told, [1, -1])
    assert abs(found["bond_order_correlation", data]["ours"]) < 0.5
    assert found["share_beyond_noise", "distorted from p, bonds beside the added atom"]["ours"] == 1
    alone = scores(
        table.assign(added_atom_angstrom=np.inf), "t", {"share_1": "no mask"}, samples=50, seed=0
    )  # nothing was added
    assert {row["data"] for row in alone} == {
        data,
        *(f"distorted from p{end}" for end in (", reading", ", length alone", "")),
    }


def test_nothing_to_compare(tmp_path):
    rows = compared(tmp_path, 2.69)
    write_frames(tmp_path / "d.extxyz", [])
    with pytest.raises(AuricError, match="nothing can be compared"):
        run(tmp_path, rows)


# --- settings


def settings(*rows, bundle="b.nc", table=""):
    return {"ruler": {"distortions": [ROW | row for row in rows]}, "structures": {"bundle": bundle, "table": table}}


def test_parents_come_first_and_faults_are_told():
    good = settings({"name": "o", "parent": "p"}, {"name": "p"})
    assert list(distortions(good)) == ["p", "o"]
    assert distortions(settings()) == {}
    told = distortions(settings({"name": "o", "parent": "p"}, {"name": "p", "learned_as": "s"}))
    assert told["o"]["learned_as"] == "s"  # what has learned from the parent reads neither
    for rows, words in (
        (({"name": "p"}, {"name": "P", "parent": "p"}), "a name is given twice"),
        (({"name": "o", "parent": "q"}, {"name": "p"}), "'q' is no parent"),
        (({"name": "p"}, {"name": "o", "parent": "p"}, {"name": "u", "parent": "o"}), "'o' is no parent"),
        (({"name": "o", "builder": "adsorbed"},), "needs the parent"),
        (({"name": "p"}, {"name": "o", "parent": "p", "learned_as": "s"}), "move it there"),
        (({"name": "p"},), "no structure has a parent"),
        (
            ({"name": "p"}, {"name": "o", "parent": "p", "level_steps": 9}),
            "o: one of it and its parent is relaxed by level_steps",
        ),
        (({"name": "p", "level_steps": 9}, {"name": "o", "parent": "p"}), "give both level_steps, or neither"),
    ):
        with pytest.raises(InputError, match=words):
            distortions(settings(*rows))
    with pytest.raises(InputError, match="has no images to learn from"):
        distortions(settings({"name": "p"}, {"name": "o", "parent": "p"}, bundle=""))


def test_an_oxygen_that_takes_a_hydrogen_has_reacted():
    ring = build_ring(4)
    gold, hydrogen = ring.symbols.search("Au")[0], ring.symbols.search("H")[0]
    sulfur = min(ring.symbols.search("S"), key=lambda one: ring.get_distance(one, hydrogen))
    on_gold = with_atom(ring, gold, 2.0)
    assert reaction(ring, on_gold) == ""
    assert reaction(ring, ring) == ""
    on_gold.positions[hydrogen] = on_gold.positions[-1] + [0, 0, 0.97]
    assert reaction(ring, on_gold) == f"S{sulfur}-H{hydrogen} broken, H{hydrogen}-O{len(ring)} formed"
    carbonyl = with_atom(ring, gold, 2.0, element="C")
    outward = (carbonyl.positions[-1] - ring.positions[gold]) / 2.0
    carbonyl.extend(Atoms("O", [carbonyl.positions[-1] + 1.13 * outward]))
    assert reaction(ring, carbonyl) == ""  # bonds of what was added are its own
