"""Masks, readings through them, and the valence ruler."""

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import GroupKFold

from auric import cli, study
from auric.configuration import faults_of, load_yaml
from auric.errors import InputError
from auric.files import write_frames
from auric.ruler import (
    MASKED_READERS,
    NO_MASK,
    ImageSet,
    Mask,
    RidgeOnImage,
    RidgeOnLine,
    RulerSet,
    SteadyRidgeOnImage,
    bond_line,
    bond_reading,
    join_masks,
    masked_fold,
    masks_of,
    measured_json,
    measured_text,
    read_images,
    read_through_mask,
    readers_behind,
    ruler_for,
    train_set,
    train_valence,
)
from auric.ruler.masked import MASK_ALONE
from auric.ruler.measure import READER_WORDS, VALENCE_FILE
from auric.ruler.reading import largest_first
from tests.ruler.test_ruler import dataset

pytestmark = pytest.mark.usefixtures("one_start")
PIXELS = 20
HOW = {
    "folds": 3, "seed": 1, "elf": {"pixels": PIXELS, "planes": 3, "offset": "multiwfn"}, "bond": {"cutoff_angstrom": 2.7},
    "errors_angstrom": {}, "costs": [],
}  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """File of synthetic images."""
    folder = tmp_path_factory.mktemp("images")
    dataset(folder)
    return folder / "images.nc"


@pytest.fixture(scope="module")
def data(place) -> ImageSet:
    return read_images(place)


def strewn(data, mask, rng):
    """The images with all that a mask hides replaced by noise."""
    return np.where(mask.kept(data.pixels), data.elf, rng.uniform(size=data.elf.shape).astype("float32"))


# --- what a mask is


def test_a_share_is_two_equal_radii_and_radii_are_by_element():
    half = Mask.of({"share": 0.5})
    assert (half.left_angstrom, half.right_angstrom) == pytest.approx((2.35 / 4, 2.35 / 4))
    assert half.share == pytest.approx(0.5)
    uneven = Mask.of({"radii_angstrom": {"Au": 0.8, "S": 0.6, "P": 1}, "reference_angstrom": 2.4})
    assert (uneven.left_angstrom, uneven.right_angstrom) == (0.6, 0.8)
    assert uneven.share == pytest.approx(1 - 1.4 / 2.4)
    assert Mask.of({"radii_angstrom": {"Au": 0.8, "P": 1}}, elements=("Au", "P")).right_angstrom == 1
    assert Mask(**json.loads(json.dumps(uneven.settings()))) == uneven


def test_names_are_different_and_fit_for_files():
    specs = [
        {"share": 0.5}, {"share": 0.38}, {"share": 0.38, "shape": "discs"}, {"share": 0.38, "scale": "angstrom"},
        {"share": 0.38, "reference_angstrom": 2.5}, {"radii_angstrom": {"S": 0.6, "Au": 0.8}},
        {"radii_angstrom": {"S": 0.8, "Au": 0.6}},
    ]  # fmt: skip
    names = {Mask.of(spec).name for spec in specs}
    assert len(names) == len(specs)
    assert all(set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789_.") for name in names)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"share": 0}, r"cannot keep a share of 0.*\(0, 1\]"),
        ({"share": 1.2}, r"cannot keep a share of 1\.2"),
        ({}, "either 'share' or 'radii_angstrom'"),
        ({"share": 0.5, "radii_angstrom": {}}, "either 'share' or 'radii_angstrom'"),
        ({"radii_angstrom": {"S": 0.6}}, "no radius of Au"),
        ({"radii_angstrom": {"S": 1.6, "Au": 1}}, "leave nothing of a bond"),
        ({"radii_angstrom": {"S": -0.1, "Au": 1}}, "leave nothing of a bond"),
        ({"share": 0.5, "shape": "disc"}, "no shape 'disc'.*Did you mean 'discs'"),
        ({"share": 0.5, "scale": "bonds"}, "no scale 'bonds'.*Did you mean 'bond'"),
    ],
)
def test_unusable_masks_are_refused_in_one_line(settings, reason):
    with pytest.raises(InputError, match=reason) as caught:
        Mask.of(settings, where="ruler.masks[2]")
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("ruler.masks[2]: ")


def test_what_is_kept_lies_where_it_should():
    strip = Mask.of({"share": 0.4}).kept(50)
    assert strip.all(axis=0).sum() == 20
    assert strip.any(axis=0).sum() == 20
    assert strip[:, 15:35].all()
    discs = Mask.of({"share": 0.4, "shape": "discs"}).kept(50)
    assert (~discs).mean() == pytest.approx(np.pi * 0.3**2, rel=0.03)  # two half discs
    assert (discs[25] == strip[25]).all()
    assert discs[0].all()
    window = Mask.of({"share": 0.4, "shape": "window"}).kept(50)
    assert window.sum() == 400
    assert window[15:35, 15:35].all()
    uneven = Mask.of({"radii_angstrom": {"S": 0.235, "Au": 0.94}}).kept(50)
    assert uneven[0].tolist() == [False] * 5 + [True] * 25 + [False] * 20


@pytest.mark.parametrize("shape", ["strip", "discs", "window"])
def test_a_share_keeps_the_same_pixels_of_every_bond_and_a_radius_does_not(shape):
    """So a mask in shares of the bond tells nothing of its length."""
    share, fixed = (Mask.of({"share": 0.38, "shape": shape, "scale": scale}) for scale in ("bond", "angstrom"))
    assert (share.kept(50, 2.2) == share.kept(50, 2.7)).all()
    assert fixed.kept(50, 2.2).sum() < fixed.kept(50, 2.7).sum()
    assert (fixed.kept(50, 2.35) == share.kept(50)).all()


def test_hidden_pixels_are_one_number_and_others_stay(data):
    mask = Mask.of({"share": 0.5})
    seen = mask.masked(data.elf)
    assert seen.dtype == data.elf.dtype
    assert (seen[:, ~mask.kept(PIXELS)] == 0.5).all()
    assert (seen[:, mask.kept(PIXELS)] == data.elf[:, mask.kept(PIXELS)]).all()
    assert NO_MASK.masked(data.elf) is data.elf


def test_what_is_stretched_is_the_part_between_the_radii():
    """A slope along the bond stays one: from the left radius to the right, over the whole side."""
    centres = (np.arange(50) + 0.5) / 50
    elf = np.broadcast_to(centres, (2, 50, 50))
    mask = Mask.of({"share": 0.4, "scale": "resampled"})
    seen = mask.masked(elf, np.array([2.35, 4.7]))
    assert seen[0, 0] == pytest.approx(0.3 + 0.4 * centres)
    assert seen[1, 0] == pytest.approx(0.15 + 0.7 * centres)


@pytest.mark.parametrize("scale", ["angstrom", "resampled"])
def test_masks_that_move_with_the_length_need_it(data, scale):
    mask = Mask.of({"share": 0.5, "scale": scale})
    with pytest.raises(ValueError, match="depends on the bonds"):
        mask.masked(data.elf)
    with pytest.raises(ValueError, match="depend on the bond's length"):
        mask.kept(PIXELS)
    with pytest.raises(InputError, match="use the scale 'bond'"):
        train_set(data, mask=mask, **HOW)


def test_masks_of_a_study_begin_with_none_and_end_with_the_rulers():
    found = masks_of({"masks": [{"share": 0.5}, {"share": 0.38}], "valence_mask": {"share": 0.25}})
    assert list(found) == ["share_1", "share_0.5", "share_0.38", "share_0.25"]
    moved = masks_of({"masks": [{"share": 0.25}, {"share": 0.5}], "valence_mask": {"share": 0.25}})
    assert list(moved)[-1] == "share_0.25"
    assert list(masks_of({"masks": [{"share": 0.25, "shape": "strip"}], "valence_mask": {"share": 0.25}})) == [
        "share_1",
        "share_0.25",
    ]


def test_masks_that_differ_have_words_that_differ():
    given = [
        {"share": 0.5}, {"share": 0.5, "reference_angstrom": 2.5}, {"share": 0.5, "shape": "discs"}, {"share": 0.5, "scale": "angstrom"},
        {"radii_angstrom": {"S": 0.7, "Au": 0.8}}, {"radii_angstrom": {"S": 0.8, "Au": 0.7}},
    ]  # fmt: skip
    found = [mask.words for mask in masks_of({"masks": given, "valence_mask": {"share": 0.38}}).values()]
    assert len(set(found)) == len(found) == 8
    assert {"no mask", "central 50 % of the bond", "central 36.2 % of the bond (0.7 and 0.8 angstrom)"} <= set(found)


WRONG = [
    ({"masks": [{"share": 0.5}, {}]}, r"ruler\.masks\[1\]: either 'share' or 'radii_angstrom' is needed"),
    ({"masks": [{"radii_angstrom": {"S": 0.7}}]}, r"ruler\.masks\[0\]: there is no radius of Au"),
    ({"valence_mask": {"radii_angstrom": {"S": 2, "Au": 2}}}, r"ruler\.valence_mask: radii of 2 and 2 angstrom leave"),
    ({"valence_mask": {"share": 0.4, "scale": "angstrom"}}, r"ruler\.valence_mask: .*use the scale 'bond'"),
    ({"masks": [{"share": 0.3801}], "valence_mask": {"share": 0.38}}, r"ruler\.valence_mask: its name, share_0\.38, is that of ruler\.masks\[0\]"),
    ({"masks": [{"share": 0.5}, {"share": 0.5001}]}, r"ruler\.masks\[1\]: .* that of ruler\.masks\[0\]"),
    ({"masks": [{"share": 0.9999}]}, r"ruler\.masks\[0\]: its name, share_1, is that of no mask"),
    ({"masks": [{"share": 0.5}], "splits": ["leaky"]}, r"ruler\.masks: .*not validated in the split 'leaky'"),
]  # fmt: skip


@pytest.mark.parametrize(("part", "reason"), WRONG, ids=range(len(WRONG)))
def test_masks_are_refused_when_the_study_is_loaded(tmp_path, root, part, reason):
    (tmp_path / "config/studies").mkdir(parents=True)
    (tmp_path / "workflow").symlink_to(root / "workflow")
    (tmp_path / "config/studies/x.yaml").write_text(json.dumps({"study": "x", "ruler": part}))
    with pytest.raises(InputError, match=reason) as caught:
        study.load({"study": "x"}, tmp_path)
    assert "\n" not in str(caught.value)


def test_masks_of_one_structure_need_a_split_that_can_be_made(root, monkeypatch):
    monkeypatch.chdir(root)
    settings = study.load({"study": "core11"}, root)
    settings["ruler"]["splits"] = ["structure", "leaky"]
    assert len(study.structures(settings, root)) > 1
    settings["structures"]["table"] = "config/studies/test_structures.tsv"
    monkeypatch.setattr(study, "read_structures_table", lambda *_: [{"name": "one", "error": ""}])
    with pytest.raises(InputError, match="one structure cannot be left out"):
        study.structures(settings, root)
    settings["ruler"]["splits"].append("bond")
    assert len(study.structures(settings, root)) == 1


def test_the_schema_knows_masks(root):
    schema = load_yaml(root / "workflow/schemas/config.schema.yaml")
    assert not faults_of({"study": "x", "ruler": {"masks": [{"share": 0.5, "shape": "window"}]}}, schema)
    for part in ({"masks": [{"shares": 0.5}]}, {"valence_mask": {"share": 2}}, {"masks": [{"shape": "ring"}]}):
        assert len(faults_of({"study": "x", "ruler": part}, schema)) == 1


# --- readings through masks


@pytest.mark.parametrize("kind", [RidgeOnLine, RidgeOnImage])
@pytest.mark.parametrize("shape", ["strip", "discs", "window"])
def test_a_masked_reading_does_not_see_what_is_hidden(data, rng, kind, shape):
    mask = Mask.of({"share": 0.4, "shape": shape})
    fitted = kind().fit(mask.masked(data.elf), data.lengths_angstrom, data.bond)
    changed = strewn(data, mask, rng)
    assert np.abs(changed - data.elf).max() > 0.5
    np.testing.assert_array_equal(fitted.predict(mask.masked(data.elf)), fitted.predict(mask.masked(changed)))
    line = bond_line(mask.masked(data.elf))
    assert np.abs(fitted.ridge.slopes[0][line.std(axis=0) < 1e-12]).max() < 1e-9


def test_an_edge_fixed_in_angstrom_tells_the_length_with_nothing_behind_it(data):
    def behind(mask):
        readers = readers_behind(mask, Mask.of({"share": 0.4}))
        return masked_fold(data, mask, readers, split="structure", fold="0", folds=3, seed=0)

    rows = pd.DataFrame(behind(Mask.of({"share": 0.38, "scale": "angstrom", "shape": "discs"})))
    rows["error"] = (rows["predicted_angstrom"] - rows["bond_length_angstrom"]).abs()
    errors = rows.groupby("subject")["error"].mean()
    plain = pd.DataFrame(behind(NO_MASK))
    guess = plain[plain["subject"] == "mean"]
    assert errors[MASK_ALONE] < 0.3 * (guess["predicted_angstrom"] - guess["bond_length_angstrom"]).abs().mean()
    # Behind a mask in shares of the bond there is no such thing to read, and of stretched images only the line is read.
    straight = {
        "ridge on the bond line",
        "steady ridge on the bond line",
        "ridge on the image",
        "steady ridge on the image",
    }
    assert set(plain["subject"]) == {*straight, "elfnet, solved", "ELF in the middle", "mean"}
    assert {row["subject"] for row in behind(Mask.of({"share": 0.38}))} == straight
    stretched = behind(Mask.of({"share": 0.38, "scale": "resampled"}))
    assert {row["subject"] for row in stretched} == {"ridge on the bond line", "steady ridge on the bond line"}


def test_errors_behind_masks_are_joined_into_a_table_and_a_scorecard(data, place, tmp_path):
    masks = [NO_MASK, Mask.of({"share": 0.4}), Mask.of({"share": 0.4, "scale": "angstrom"})]
    for mask in masks:
        read_through_mask(
            place, tmp_path / f"{mask.name}.csv", mask=mask.settings(), valence=masks[1].settings(), splits=["bond", "structure"],
            folds=3, seed=0,
        )  # fmt: skip
    tables = [tmp_path / f"{mask.name}.csv" for mask in masks]
    join_masks(tables[::-1], tmp_path / "masks.csv", tmp_path / "s.csv", study="s", bootstrap_samples=100, seed=0)
    found = pd.read_csv(tmp_path / "masks.csv")
    assert found["mask"].iloc[0] == "share_1"
    assert found["scale"].iloc[-1] == "angstrom"
    assert (found["n"] == len(data)).all()
    one = found[
        (found["mask"] == "share_0.4") & (found["split"] == "bond") & (found["subject"] == "ridge on the image")
    ]
    read = pd.read_csv(tmp_path / "share_0.4.csv")
    read = read[(read["split"] == "bond") & (read["subject"] == "ridge on the image")]
    expected = (read["predicted_angstrom"] - read["bond_length_angstrom"]).abs().mean()
    assert one["mae_angstrom"].item() == pytest.approx(expected)
    assert one["ci_low_angstrom"].item() < expected < one["ci_high_angstrom"].item()
    scores = pd.read_csv(tmp_path / "s.csv")
    assert len(scores) == len(found)
    assert "central 40 % of the bond, edge fixed in angstrom" in set(scores["data"])


# --- the valence ruler


@pytest.fixture(scope="module")
def valence(data):
    errors = {reader: {"structure": 0.01} for reader in MASKED_READERS}
    return train_set(data, mask=Mask.of({"share": 0.4}), **HOW | {"errors_angstrom": errors})


def test_the_valence_ruler_makes_the_round_trip_with_its_mask(data, valence, tmp_path, rng):
    valence.save(tmp_path / VALENCE_FILE)
    back = RulerSet.load(tmp_path / VALENCE_FILE)
    assert back.mask == Mask.of({"share": 0.4})
    changed = strewn(data, back.mask, rng)
    for reader in MASKED_READERS:
        readings = back.read(data.elf, reader=reader)
        assert readings.shape == (3, len(data))
        np.testing.assert_array_equal(readings, valence.read(data.elf, reader=reader))
        np.testing.assert_array_equal(readings, back.read(changed, reader=reader))
    with pytest.raises(InputError, match="there is no reader 'mean'"):
        back.read(data.elf, reader="mean")
    with pytest.raises(ValueError, match="images must have shape"):
        back.read(data.elf[0])


def test_its_reading_is_the_steady_ridge_regression_on_the_masked_image(data, valence):
    mask = Mask.of({"share": 0.4})
    seen = mask.masked(data.elf)
    folds = GroupKFold(3, shuffle=True, random_state=HOW["seed"]).split(seen, groups=data.structure)
    for member, (kept, _) in enumerate(folds):
        alone = SteadyRidgeOnImage().fit(seen[kept], data.lengths_angstrom[kept], data.bond[kept])
        ours = valence.read(data.elf, reader=SteadyRidgeOnImage.subject)[member]
        assert ours == pytest.approx(alone.predict(seen), abs=1e-6)


def test_it_is_trained_from_files_and_quotes_its_errors(place, tmp_path):
    mask = Mask.of({"share": 0.4})
    seen = mask.settings()
    read_through_mask(place, tmp_path / "m.csv", mask=seen, valence=seen, splits=["structure"], folds=3, seed=0)
    write_frames(tmp_path / "labels.extxyz", [])
    how = {key: HOW[key] for key in ("folds", "seed", "elf", "bond")}
    train_valence(
        place, [tmp_path / "labels.extxyz"], tmp_path / "m.csv", tmp_path / VALENCE_FILE, mask=mask.settings(), **how
    )
    header = RulerSet.load(tmp_path / VALENCE_FILE).header
    assert set(header["error_angstrom"]) == set(MASKED_READERS)
    read = pd.read_csv(tmp_path / "m.csv").query("subject == 'elfnet, solved'")
    mean = (read["predicted_angstrom"] - read["bond_length_angstrom"]).abs().mean()
    assert header["error_angstrom"]["elfnet, solved"]["structure"] == pytest.approx(mean, rel=1e-3)
    assert header["mask"] == mask.settings()


def test_its_readings_of_a_bond_say_through_which_mask(data, valence):
    reader = READER_WORDS["valence"][1]
    row = bond_reading(data.elf[:3], float(data.lengths_angstrom[0]), valence, reader)
    assert row["reading_angstrom"] == pytest.approx(valence.read(data.elf[:3], reader=reader).mean())
    table = largest_first([{"structure": "s", "frame": "f", "bond": "S0-Au0", "left_atom": 0, "right_atom": 0} | row])
    assert "steady ridge on the image, seen through the mask share_0.4." in measured_text(table, valence, reader)
    assert measured_json(table, valence, reader)["ruler"]["mask"] == valence.mask.settings()


def test_the_command_finds_it_beside_the_full_ruler(data, valence, tmp_path):
    assert set(READER_WORDS) == set(cli.READERS)
    full = tmp_path / "rulers.safetensors"
    train_set(data, **HOW).save(full)
    with pytest.raises(InputError, match=r"no valence ruler at .*valence\.safetensors"):
        ruler_for("valence", full)
    valence.save(tmp_path / VALENCE_FILE)
    found, reader = ruler_for("valence", full)
    assert (found.mask is not None, reader) == (True, "steady ridge on the image")
    assert ruler_for("valence-image", tmp_path / VALENCE_FILE)[1] == "ridge on the image"
    found, reader = ruler_for("ridge", full)
    assert (found.mask, reader) == (None, "ridge on the image")
    with pytest.raises(InputError, match="--reader elfnet needs a ruler without a mask"):
        ruler_for("elfnet", tmp_path / VALENCE_FILE)


def test_a_valence_ruler_of_before_there_was_a_steady_reading_is_refused_in_words(valence, tmp_path):
    earlier = RulerSet(
        valence.rulers, {key: valence.header[key] for key in valence.header if key != "readers"}, valence.domain
    )
    earlier.save(tmp_path / VALENCE_FILE)
    assert RulerSet.load(tmp_path / VALENCE_FILE).readers[-1] == "ridge on the bond line"
    assert ruler_for("valence-image", tmp_path / VALENCE_FILE)[1] == "ridge on the image"
    with pytest.raises(InputError, match=r"valence\.safetensors: holds no 'steady ridge on the image'.*run the study"):
        ruler_for("valence", tmp_path / VALENCE_FILE)
    with pytest.raises(InputError, match="has 3 readers, this one names 1; make it again"):
        RulerSet(valence.rulers, valence.header | {"readers": ["one"]}, valence.domain)
