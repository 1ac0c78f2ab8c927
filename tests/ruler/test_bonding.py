"""Perturbed states, changes of readings and of bond indices, and their correlations."""

from types import MappingProxyType

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from ase import Atoms

from auric.errors import AuricError, InputError, ScfError, StructureError
from auric.files import read_dataset, write_dataset, write_frames, write_table
from auric.reference.gto import GtoEngine
from auric.ruler import (
    NO_MASK,
    PERTURBED_COLUMNS,
    Mask,
    bond_classes,
    correlation,
    follow_bonding,
    judge,
    null_width,
    perturb_structure,
    read_images,
    states_of,
)
from auric.ruler.baselines import RidgeOnImage, RidgeOnLine
from auric.ruler.bonding import SHIFTS_COLUMNS, readings
from auric.ruler.controls import partial, random_correlations
from auric.ruler.perturbed import _lowest
from tests.conftest import MOLECULES
from tests.ruler.learned import images_of
from tests.ruler.test_ruler import dataset

pytestmark = pytest.mark.usefixtures("one_start")
STRAIGHT = (RidgeOnLine(), RidgeOnImage())
PERTURB = {
    "fields_au": [0.005, 0.01], "field_bonds": 1, "charges": [1, -1], "oxygen_angstrom": 2.0,
    "oxygen_multiplicities": [1, 2, 3],
}  # fmt: skip
COARSE = {"xc": "lda,vwn", "grid_level": 0, "conv_tol_hartree": 1e-6, "basis": {"default": "sto-3g", "Au": "lanl2dz"}}


@pytest.fixture
def aush():
    atoms, charge, multiplicity = MOLECULES["AuSH"]
    atoms = atoms.copy()
    atoms.info |= {"charge": charge, "multiplicity": multiplicity, "name": "aush_0000", "structure": "aush"}
    return atoms


# --- states


def test_states_are_parent_fields_charges_and_an_oxygen_of_allowed_spin(aush):
    states = states_of(aush, PERTURB)
    assert len({state.name for state in states}) == len(states)
    kinds = [state.kind for state in states]
    assert {kind: kinds.count(kind) for kind in kinds} == {"parent": 1, "field": 12, "charge": 2, "oxygen": 2}
    assert {(state.charge, state.multiplicity) for state in states if state.kind == "charge"} == {(1, 2), (-1, 2)}
    assert {state.multiplicity for state in states if state.kind == "oxygen"} == {1, 3}
    fields = np.array([state.field_au for state in states if state.kind == "field"])
    assert sorted(np.linalg.norm(fields, axis=1)) == pytest.approx([0.005] * 6 + [0.01] * 6)
    along = aush.get_distance(1, 0, vector=True) / aush.get_distance(1, 0)
    assert fields[0] @ along == pytest.approx(0.005)
    assert fields[4:] @ along == pytest.approx(0, abs=1e-8)  # across, and normal to both
    assert fields[8:] @ np.cross(along, aush.get_distance(1, 2, vector=True)) != pytest.approx(0)
    assert all((state.atoms.positions[:3] == aush.positions).all() for state in states)


def test_fields_turn_along_with_the_structure(aush):
    turned, axes = aush.copy(), Atoms("H3", np.eye(3))
    for atoms in (turned, axes):
        atoms.rotate(50, (1, 1, 2), center=(0, 0, 0))
    spin = axes.positions
    pairs = zip(states_of(aush, PERTURB), states_of(turned, PERTURB), strict=True)
    for here, there in pairs:
        assert np.array(here.field_au) @ spin == pytest.approx(np.array(there.field_au), abs=1e-7)


def test_a_lone_bond_has_fields_across_it_too():
    atoms = Atoms("AuS", [[0, 0, 0], [0, 0, 2.3]], info={"charge": 0, "multiplicity": 2})
    states = states_of(atoms, PERTURB | {"charges": [], "oxygen_angstrom": 0})
    fields = np.array([state.field_au for state in states if state.kind == "field" and "0.01" in state.name])
    assert np.abs(fields[::2] @ fields[::2].T) == pytest.approx(1e-4 * np.eye(3))


def test_a_structure_without_a_bond_has_no_states():
    atoms = Atoms("Au2", [[0, 0, 0], [0, 0, 2.6]], info={"charge": 0, "multiplicity": 1})
    with pytest.raises(StructureError, match="without an S-Au bond"):
        states_of(atoms, PERTURB)


# --- one structure, from labels to images and bond indices


def test_states_are_of_the_level_and_kind_of_the_images(aush, tmp_path, monkeypatch):
    monkeypatch.setattr(GtoEngine, "label", lambda *_, **__: pytest.fail("computed"))
    for made, reason in (
        ({"method": "pbe"}, r"ruler\.perturb: method of the images is pbe \(aush_0000\)"),
        ({"grid_level": 9}, r"ruler\.perturb: grid_level of the images is 9"),
        ({"pixels": 40}, r"ruler\.perturb: elf\.pixels of the images that rulers learn from is 40, here 32"),
    ):
        with pytest.raises(InputError, match=reason):
            perturbed(aush, tmp_path, made)


def perturbed(aush, place, made=MappingProxyType({}), **changed):
    write_frames(place / "labels.extxyz", [aush])
    files = [place / name for name in ("p.nc", "p.csv", "f.csv")]
    images_of(place, name="aush_0000", **made)
    perturb_structure(
        place / "labels.extxyz", place / "images.nc", *files, engine="pyscf-gto", settings=COARSE, bond={}, store=place / "store",
        elf={"pixels": 32, "planes": 2, "min_perpendicular_angstrom": 0.3, "offset": "multiwfn"},
        **{"frame": "aush_0000", "perturb": PERTURB | {"fields_au": [0.01], "charges": [1], "oxygen_angstrom": 0}} | changed,
    )  # fmt: skip
    return read_dataset(files[0]), pd.read_csv(files[1]), pd.read_csv(files[2])


def test_a_structure_is_seen_in_all_its_states_which_are_kept(aush, tmp_path, monkeypatch):
    images, table, failed = perturbed(aush, tmp_path)
    assert failed.empty
    assert table.columns.tolist() == list(PERTURBED_COLUMNS)
    assert table["kind"].value_counts().to_dict() == {"field": 6, "parent": 1, "charge": 1}
    assert (table["bond"] == "aush:S1-Au0").all()
    assert sorted(set(images["state"].values)) == sorted(table["state"])
    assert images.sizes["image"] == len(table)  # hydrogen gives the one plane, of the parent
    assert set(images["third_atom"].values) == {2}
    table = table.set_index("state")
    assert table.loc["along_S1-Au0_+0.01", "field_along_au"] == pytest.approx(0.01)
    assert table.loc["along_S1-Au0_+0.01", "field_across_au"] == pytest.approx(0, abs=1e-6)
    assert table.loc["normal_S1-Au0_-0.01", "field_across_au"] == pytest.approx(0.01)
    plain, up, down = (
        table.loc[name, "mayer_bond_order"] for name in ("parent", "along_S1-Au0_+0.01", "along_S1-Au0_-0.01")
    )
    assert (up - plain) * (down - plain) < 0
    # A killed job loses nothing: a second run computes nothing.
    monkeypatch.setattr(GtoEngine, "label", lambda *_, **__: pytest.fail("computed again"))
    again, _, _ = perturbed(aush, tmp_path)
    np.testing.assert_array_equal(again["elf"], images["elf"])


def test_a_state_that_fails_leaves_its_reason_and_a_parent_that_fails_ends_it(aush, tmp_path, monkeypatch):
    whole = GtoEngine.label
    monkeypatch.setattr(GtoEngine, "label", failing(whole, lambda engine, charge: charge == 1))
    few = {"perturb": PERTURB | {"fields_au": [], "charges": [1], "oxygen_angstrom": 0}}
    images, table, failed = perturbed(aush, tmp_path / "one", **few)
    assert failed["frame"].tolist() == ["charge_+1"]
    assert failed["reason"].tolist() == ["not converged"]
    assert table["state"].tolist() == ["parent"]
    monkeypatch.setattr(GtoEngine, "label", failing(whole, lambda engine, charge: True))
    images, table, failed = perturbed(aush, tmp_path / "two", **few)
    assert (images.sizes["image"], len(table), failed["frame"].tolist()) == (0, 0, ["parent"])
    images, table, failed = perturbed(aush, tmp_path / "three", frame="other_0000")
    assert (images.sizes["image"], len(table), len(failed)) == (0, 0, 0)


def failing(whole, when):
    def label(engine, atoms, charge, multiplicity, *, start=None):
        if when(engine, charge):
            raise ScfError("not converged")
        return whole(engine, atoms, charge, multiplicity, start=start)

    return label


def test_of_alternatives_the_lowest_counts(aush):
    states = states_of(aush, PERTURB)
    labelled = [(state, float(place), None) for place, state in enumerate(states)]
    kept = [state.name for state, _, _ in _lowest(labelled)]
    assert kept == [state.name for state in states if state.name != "oxygen_3"]


# --- correlations


def shifts(rng, structures=8, bonds=6, states=4, slope=-0.05, noise=0.0, whole=0.0):
    """Changes of reading that follow bond orders by a slope, with noise, and a shift `whole` of all bonds of a state."""
    rows = []
    for s in range(structures):
        for state in range(states):
            common = rng.normal()
            for bond in range(bonds):
                order = 0.02 * rng.normal() + 0.02 * common
                rows.append({
                    "structure": f"s{s}", "state": f"f{state}", "kind": "field" if state else "charge", "bond": f"s{s}:S{bond}-Au{bond}",
                    "mayer_change": order, "delocalisation_change": -order, "bond_length_angstrom": 2.3 + 0.01 * (bond // 2),
                    "field_along_au": 0.1 * order + 0.001 * np.sin(100 * len(rows)) if state else 0.0,
                    "shift_angstrom": slope * order + noise * rng.normal() + whole * common,
                })  # fmt: skip
    return pd.DataFrame(rows).assign(mask="m", share=0.4, shape="strip", scale="bond", subject="line")


def found(table, **wanted):
    chosen = table
    for name, value in wanted.items():
        chosen = chosen[chosen[name] == value]
    assert len(chosen) == 1
    return chosen.iloc[0]


def test_what_follows_exactly_has_a_correlation_of_minus_one(rng):
    judged = judge(shifts(rng), valence="v", samples=100, seed=0)
    for how in ("all bonds", "within molecules", "across molecules"):
        row = found(judged, index="mayer", kind="all", judged=how)
        assert (row["correlation"], row["ci_low"], row["ci_high"]) == pytest.approx((-1, -1, -1))
        assert row["slope_angstrom"] == pytest.approx(-0.05)
        assert (row["bonds"], row["distinct_bonds"], row["structures"]) == (48, 24, 8)
        assert (row["weakest"], row["followed"]) == (pytest.approx(-1), 8)
        assert found(judged, index="delocalisation", kind="charge", judged=how)["correlation"] == pytest.approx(1)
    assert found(judged, index="delocalisation", kind="field", judged="all bonds")["correlation"] == pytest.approx(1)
    fields = judged[judged["kind"] == "field"]
    assert set(fields["judged"]) == {"all bonds", "within molecules"}  # a field shifts no molecule as a whole
    assert fields["partial_correlation"][fields["index"] == "mayer"].to_numpy() == pytest.approx(-1)
    assert judged["random_median"].isna().all()


def test_molecules_as_wholes_are_judged_apart_from_their_bonds(rng):
    """Readings that rise with all bonds of a state but fall with each bond beside the others."""
    judged = judge(shifts(rng, whole=0.005, bonds=20), valence="v", samples=200, seed=0)
    assert found(judged, index="mayer", kind="all", judged="within molecules")["correlation"] == pytest.approx(-1)
    assert found(judged, index="mayer", kind="all", judged="across molecules")["correlation"] > 0.9
    assert abs(found(judged, index="mayer", kind="all", judged="all bonds")["correlation"]) < 0.95


def test_correlation_is_pearsons_and_its_interval_is_of_whole_groups(rng):
    x = rng.normal(size=200)
    y = 0.5 * x + rng.normal(size=200) + 100
    one = correlation(x, y, np.arange(200), samples=2000, seed=0)
    assert one.value == pytest.approx(np.corrcoef(x, y)[0, 1])
    assert one.slope_angstrom == pytest.approx(np.polyfit(x, y, 1)[0])
    assert np.isnan(one.by_group).all()
    fisher = np.tanh(np.arctanh(one.value) + np.array([-1.96, 1.96]) / np.sqrt(197))
    assert one.interval() == pytest.approx(tuple(fisher), abs=0.05)
    tenfold = correlation(np.repeat(x, 10), np.repeat(y, 10), np.repeat(np.arange(200), 10), samples=2000, seed=0)
    assert tenfold.interval()[0] == pytest.approx(one.interval()[0], abs=0.02)  # copies are no evidence
    few = correlation(x, y, np.arange(200) % 4, samples=100, seed=0)
    assert np.isnan(few.interval()).all()
    assert few.by_group == pytest.approx([np.corrcoef(x[k::4], y[k::4])[0, 1] for k in range(4)])
    assert np.isnan(correlation(np.ones(9), y[:9], np.arange(9), samples=100, seed=0).value)


def test_a_group_without_spread_has_no_correlation_of_its_own(rng):
    """Its values are one number up to rounding, after the mean over all is taken off."""
    groups = np.repeat(np.arange(6), 6)
    for _ in range(20):
        x, y = rng.normal(size=(2, 36))
        x[:6] = y[:6] = 0
        own = correlation(x, y, groups, samples=10, seed=0).by_group
        assert np.isnan(own[0])
        assert np.isfinite(own[1:]).all()


def test_partial_correlation_is_that_of_residuals(rng):
    z = rng.normal(size=300)
    x, y = z + rng.normal(size=300), -2 * z + rng.normal(size=300)
    groups, how = np.arange(300) % 10, {"samples": 500, "seed": 0}
    held = partial(correlation(x, y, groups, **how), correlation(x, z, groups, **how), correlation(y, z, groups, **how))
    rest = [values - np.polyval(np.polyfit(z, values, 1), z) for values in (x, y)]
    assert held.value == pytest.approx(np.corrcoef(*rest)[0, 1])
    assert abs(held.value) < 0.2 < abs(np.corrcoef(x, y)[0, 1])
    assert held.interval()[0] < held.value < held.interval()[1]
    same = partial(correlation(x, y, groups, **how), correlation(x, x, groups, **how), correlation(y, x, groups, **how))
    assert np.isnan(same.value)  # nothing is left of x


def test_random_readers_know_nothing_and_reach_far_where_one_thing_moves_all(rng):
    one = rng.normal(size=(200, 1))
    profile = rng.normal(size=(1, 30))
    single = random_correlations(one[:, 0], one * profile, seed=0)
    assert np.abs(single) == pytest.approx(1)
    assert 0.4 < (single < 0).mean() < 0.6
    many = random_correlations(one[:, 0], rng.normal(size=(200, 30)), seed=0)
    assert np.median(np.abs(many)) < 0.2
    table = shifts(rng, noise=0.0005)
    seen = {("m", "line"): table["mayer_change"].to_numpy()[:, None] * profile}
    row = found(
        judge(table, seen, valence="v", samples=100, seed=0), index="mayer", kind="all", judged="within molecules"
    )
    assert row["random_median"] == pytest.approx(1)
    assert 0.4 < row["random_stronger"] < 0.6


def test_the_chosen_rulers_are_named_and_compared_on_the_same_resamples(rng):
    table = shifts(rng, noise=0.0005)
    line = {"subject": "steady ridge on the image"}
    noisy = table.assign(shift_angstrom=table["shift_angstrom"] + 0.002 * rng.normal(size=len(table)))
    whole = [
        noisy.assign(mask="share_1", share=1.0, **line),
        noisy.assign(mask="share_1", share=1.0, subject="elfnet, solved"),
    ]
    judged = judge(pd.concat([table.assign(mask="v", **line), *whole]), valence="v", samples=300, seed=0)
    assert judged.groupby("role")["subject"].unique().map(list).to_dict() == {
        "": ["steady ridge on the image"], "full ruler": ["elfnet, solved"], "valence ruler": ["steady ridge on the image"],
    }  # fmt: skip
    chosen = {"index": "mayer", "kind": "all", "judged": "within molecules"}
    valence = found(judged, role="valence ruler", **chosen)
    full = found(judged, role="", **chosen)
    for name, other in (("less_unmasked", full), ("less_full_ruler", found(judged, role="full ruler", **chosen))):
        assert valence[name] == pytest.approx(valence["correlation"] - other["correlation"])
        assert valence[f"{name}_ci_low"] < valence[name] < valence[f"{name}_ci_high"] < 0
        assert other[name] == other[f"{name}_ci_low"] == other[f"{name}_ci_high"] == 0
    assert valence["rank_correlation"] == pytest.approx(valence["correlation"], abs=0.1)


# --- null widths and classes


def test_classes_count_neighbours_frame_by_frame():
    frames = np.array(["a", "a", "a", "b"])
    bonds = np.array(["x:S3-Au0", "x:S3-Au1", "x:S4-Au1", "x:S3-Au0"])
    assert bond_classes(frames, bonds).tolist() == ["S2-Au1", "S2-Au2", "S1-Au2", "S1-Au1"]


@pytest.mark.parametrize("centre", [0, 1, 3])
def test_classes_of_bonds_of_one_element_do_not_depend_on_the_order_of_atoms(centre):
    others = [number for number in range(4) if number != centre]
    bonds = np.array([f"x:Au{min(centre, other)}-Au{max(centre, other)}" for other in others])
    assert bond_classes(np.full(3, "a"), bonds).tolist() == ["Au1-Au3"] * 3


def test_null_width_is_that_of_bonds_of_like_length_and_class():
    null = pd.DataFrame({
        "bond_class": ["S2-Au2"] * 20 + ["S1-Au1"] * 20, "bond_length_angstrom": [2.3] * 10 + [2.5] * 10 + [2.3] * 20,
        "error_angstrom": [0.001, -0.001] * 5 + [0.01, -0.01] * 5 + [0.1] * 20,
    })  # fmt: skip
    assert null_width(null, 2.31, "S2-Au2") == pytest.approx(0.001)
    assert null_width(null, 2.5, "S2-Au2") == pytest.approx(0.01)
    assert null_width(null, 2.3, "S1-Au1") == pytest.approx(0.1)
    assert null_width(null, 2.5, "S3-Au1") == pytest.approx(0.01)  # a class never seen: all of that length
    assert null_width(null, 3.0, "S1-Au1") == pytest.approx(0.1)  # a length never seen: the nearest of its class


# --- the whole path on synthetic images


def study(place, rng, states=("parent", "f1", "f2")):
    """Images to learn from, and images of the same bonds whose inner shells keep their size while the middle changes."""
    data = dataset(place, structures=6, bonds=4, planes=2)
    along = np.linspace(-1, 1, data.pixels)
    middle = np.abs(along) < 0.4
    ramp = along[middle].astype("float32")
    rows, pictures, tables = [], [], []
    for name in np.unique(data.structure):
        for state in states:
            for i in np.flatnonzero(data.structure == name):
                order = (
                    0.0
                    if state == "parent"
                    else float(
                        np.random.default_rng(
                            [int(data.third_atom[i] >= 0), i // 2, len(state), ord(state[-1])]
                        ).normal()
                    )
                )
                picture = data.elf[i].copy()
                picture[:, middle] += np.float32(0.01 * order) * ramp
                pictures.append(picture)
                rows.append(
                    {"structure": name, "state": state, "bond": data.bond[i], "third_atom": int(data.third_atom[i])}
                )
                rows[-1]["bond_length_angstrom"] = data.lengths_angstrom[i]
                tables.append({
                    "structure": name, "state": state, "kind": "parent" if state == "parent" else "field", "bond": data.bond[i],
                    "mayer_bond_order": 1 + 0.01 * order, "delocalisation_index": 1 - 0.01 * order,
                    "field_along_au": 0.01, "field_across_au": 0.0,
                })  # fmt: skip
    images = xr.Dataset({"elf": (("image", "y", "x"), np.array(pictures))})
    for column in rows[0]:
        images[column] = ("image", np.array([row[column] for row in rows]))
    write_dataset(place / "p.nc", images)
    write_table(place / "p.csv", pd.DataFrame(tables).drop_duplicates(["state", "bond"]), PERTURBED_COLUMNS)
    return data


def test_changes_are_followed_through_to_the_scorecard(tmp_path, rng):
    study(tmp_path, rng)
    outputs = [tmp_path / name for name in ("shifts.csv", "correlations.csv", "null.csv", "score.csv")]
    masks = [NO_MASK.settings(), Mask.of({"share": 0.38}).settings()]
    follow_bonding(
        tmp_path / "images.nc", [tmp_path / "p.nc"], [tmp_path / "p.csv"], *outputs, study="s", masks=masks, valence=masks[1], folds=3,
        bootstrap_samples=100, seed=0,
    )  # fmt: skip
    table = pd.read_csv(outputs[0])
    assert table.columns.tolist() == list(SHIFTS_COLUMNS)
    assert len(table) == (6 + 5) * 6 * 4 * 2  # subjects without a mask and behind one, structures, bonds, states
    assert (table["planes"] == 2).all()
    assert (table["bond_class"] == "S1-Au1").all()
    assert table["shift_over_null_width"].to_numpy() == pytest.approx(
        (table["shift_angstrom"] / table["null_width_angstrom"]).to_numpy()
    )
    # Images change along one direction, which each fold's linear reading follows by a slope of its own.
    line = table[(table["mask"] == "share_0.38") & (table["subject"] == "ridge on the bond line")]
    for _, mine in line.groupby("structure"):
        assert abs(mine["shift_angstrom"].corr(mine["mayer_change"])) > 0.999
        assert mine["delocalisation_change"].to_numpy() == pytest.approx(-mine["mayer_change"].to_numpy(), abs=1e-8)
    row = found(
        pd.read_csv(outputs[1]),
        mask="share_0.38",
        subject="ridge on the bond line",
        index="mayer",
        kind="field",
        judged="all bonds",
    )
    assert row["correlation"] == pytest.approx(line["shift_angstrom"].corr(line["mayer_change"]))
    assert row["random_median"] > 0.999  # all images change along one direction
    assert (line["planes_sd_angstrom"] < 1e-4).all()
    assert (row["bonds"], row["structures"]) == (24, 6)
    scores = pd.read_csv(outputs[3])
    assert {"bond_order_correlation", "delocalisation_correlation", "null_width", "shift_over_null_width"} == set(
        scores["quantity"]
    )
    assert not scores.duplicated(["quantity", "subject", "data", "split"]).any()


def test_a_structure_is_read_by_rulers_that_have_not_learned_from_it(tmp_path, rng):
    """The parent states are images that are learned from: their readings must be those out of fold."""
    data = study(tmp_path, rng, states=("parent",))
    part = read_dataset(tmp_path / "p.nc")
    names = pd.DataFrame(
        {c: part[c].values for c in ("structure", "state", "bond", "third_atom", "bond_length_angstrom")}
    )
    for _, null, read in readings(data, names, part["elf"].values, NO_MASK, STRAIGHT, folds=3, seed=0):
        errors = pd.Series(read.predicted_angstrom - names["bond_length_angstrom"]).groupby(names["bond"]).mean()
        assert null.set_index("bond")["error_angstrom"].to_dict() == pytest.approx(errors.to_dict())
    first = (names["structure"] == "s0").to_numpy()  # most folds have learned from it
    for _, null, read in readings(data, names[first], part["elf"].values[first], NO_MASK, STRAIGHT, folds=3, seed=0):
        errors = pd.Series(read.predicted_angstrom - names["bond_length_angstrom"][first]).groupby(names["bond"]).mean()
        assert null.set_index("bond")["error_angstrom"][errors.index].to_dict() == pytest.approx(errors.to_dict())


def test_nothing_to_compare_or_to_learn_from_is_told(tmp_path, rng):
    how = {
        "study": "s",
        "masks": [NO_MASK.settings()],
        "valence": NO_MASK.settings(),
        "folds": 3,
        "bootstrap_samples": 100,
        "seed": 0,
    }
    outputs = [tmp_path / name for name in ("a", "b", "c", "d")]
    data = study(tmp_path, rng)
    empty = read_dataset(tmp_path / "p.nc").isel(image=slice(0, 0))
    write_dataset(tmp_path / "empty.nc", empty)
    with pytest.raises(AuricError, match="no structure has a perturbed state"):
        follow_bonding(tmp_path / "images.nc", [tmp_path / "empty.nc"], [tmp_path / "p.csv"], *outputs, **how)
    alone = pd.read_csv(tmp_path / "p.csv").query("state == 'parent'")
    write_table(tmp_path / "alone.csv", alone, PERTURBED_COLUMNS)
    with pytest.raises(AuricError, match="no structure has a perturbed state"):
        follow_bonding(tmp_path / "images.nc", [tmp_path / "p.nc"], [tmp_path / "alone.csv"], *outputs, **how)
    one = read_dataset(tmp_path / "images.nc").isel(image=np.flatnonzero(data.structure == "s0"))
    write_dataset(tmp_path / "one.nc", one)
    assert len(read_images(tmp_path / "one.nc")) == 8
    with pytest.raises(AuricError, match="give two structures at least"):
        follow_bonding(tmp_path / "one.nc", [tmp_path / "p.nc"], [tmp_path / "p.csv"], *outputs, **how)
