"""Model exploration: the table of variants, their networks, and what is concluded from errors that are known."""

import numpy as np
import pandas as pd
import pytest
import torch

from auric import study
from auric.errors import InputError
from auric.files import read_tables, write_table
from auric.ruler import (
    NetworkSettings,
    Ruler,
    Variant,
    build_network,
    coarsened,
    compare_variants,
    read_variants,
    run_variant,
    train,
)
from auric.ruler.conclusions import FAILS, HOLDS, OPEN, PAPERS, UNTESTED, Comparison, conclude
from auric.ruler.exploration import CURVE_COLUMNS, READ_COLUMNS
from auric.ruler.variants import OUTSIDE, told
from tests.ruler.test_ruler import SMALL, dataset

SCHEMA = "workflow/schemas/variants.schema.yaml"


@pytest.mark.parametrize(("name", "most", "pixels"), [("exploration", 20, 50), ("exploration_full", 60, 200)])
def test_shipped_variants_are_valid_and_can_be_built(root, monkeypatch, name, most, pixels):
    monkeypatch.chdir(root)
    settings = study.load({"study": name}, root)
    variants = study.variants(settings, root)
    assert 1 < len(variants) <= most
    assert settings["elf"]["pixels"] == pixels
    tested = {key for changes in variants.values() for key in changes}
    assert {"depth" if key == "channels" else key for key in tested} >= {setting for _, setting, _ in PAPERS}
    for changes in variants.values():
        plain = {key: value for key, value in settings["ruler"]["network"].items() if key != "seed"}
        network = {**plain, **{k: v for k, v in changes.items() if k not in OUTSIDE}}
        NetworkSettings(**network)
        read = build_network(changes.get("pixels", pixels), network)(
            torch.rand(2, *2 * [changes.get("pixels", pixels)])
        )
        assert read.shape == (2, 1)
        assert torch.isfinite(read).all()


def write(path, *lines):
    path.write_text("\n".join(lines) + "\n")
    return path


def test_a_table_of_variants_is_read_with_types(tmp_path, root):
    found = read_variants(
        write(tmp_path / "v.tsv", "# a comment", "name\tchannels\tdropout\tbatch_norm\trepeat", "base", "", "wide\t8 16\t0.1\ttrue", "again\t\t\t\t2"),
        root / SCHEMA,
    )  # fmt: skip
    assert found == [
        ("base", {}), ("wide", {"channels": [8, 16], "dropout": 0.1, "batch_norm": True}), ("again", {"repeat": 2}),
    ]  # fmt: skip
    assert told(found[1].changes) == "channels 8 16, dropout 0.1, batch_norm True"
    assert told({}) == "nothing"


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (("name\tdropuot", "base"), "Did you mean 'dropout'"),
        (("name\tname", "base\tb"), "given twice; remove one"),
        (("name",), "has no rows"),
        (("name\tdropout", "base", "a\t1.0"), "line 3: dropout: '1.0' cannot be used"),
        (("name\tdropout", "base", "a\tmuch"), "line 3: dropout: 'much' cannot be used"),
        (("name\tactivation", "base", "a\trelo"), "Did you mean 'relu'"),
        (("name\tchannels", "base", "a\t8 x"), "line 3: channels"),
        (("name\tbatch_norm", "base", "a\tyes"), "line 3: batch_norm: 'yes' cannot be used"),
        (("name", "base", "A"), "line 3: name"),
        (("name", "base", "a\t1"), "2 cells for 1 columns"),
        (("name\tdropout", "base", "a\t0.1", "a\t0.2"), "'a' is given twice"),
        (("name\tdropout", "base", "a\t0.1", "b\t0.1"), "'b' is the same as 'a'"),
        (("name\tdropout", "a\t0.1"), "'base' without changes is needed"),
    ],
)
def test_faults_of_a_table_are_told_in_one_line(tmp_path, root, lines, reason):
    with pytest.raises(InputError, match=reason) as caught:
        read_variants(write(tmp_path / "v.tsv", *lines), root / SCHEMA)
    assert "v.tsv" in str(caught.value)


def test_missing_and_binary_tables_and_impossible_studies_are_refused(tmp_path, root, monkeypatch):
    monkeypatch.chdir(root)
    with pytest.raises(InputError, match="or leave it empty"):
        read_variants(tmp_path / "none.tsv", root / SCHEMA)
    (tmp_path / "b.tsv").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="not UTF-8"):
        read_variants(tmp_path / "b.tsv", root / SCHEMA)
    settings = study.load({"study": "test"}, root)
    settings["elf"]["pixels"] = 16
    with pytest.raises(InputError, match="asks for more pixels than elf"):
        study.variants(settings, root)
    settings["ruler"]["exploration"]["variants"] = ""
    assert study.variants(settings, root) == {}
    settings["ruler"]["splits"] = ["image"]
    with pytest.raises(InputError, match="not among ruler"):
        study.variants(settings, root)


@pytest.fixture
def data(tmp_path):
    return dataset(tmp_path)


@pytest.mark.parametrize(
    "changes",
    [
        {"batch_norm": True, "dropout": 0.3},
        {"architecture": "residual"},
        {"activation": "leaky_relu", "pooling": "average", "kernel": 2},
    ],
)
def test_a_variant_is_saved_resumed_and_read_like_the_base(data, tmp_path, changes, monkeypatch):
    from auric.ruler import training as module

    def run(checkpoint=None):
        settings = NetworkSettings(**SMALL | changes | {"epochs": 3, "checkpoint_seconds": 0})
        everything = np.arange(len(data))
        return train(data, everything, settings=settings, weighting="loss", seed=0, watch=None, checkpoint=checkpoint)[
            0
        ]

    whole = run()
    np.testing.assert_array_equal(whole.read(data.elf), whole.read(data.elf))  # nothing is dropped when reading
    whole.save(tmp_path / "r.safetensors")
    np.testing.assert_array_equal(Ruler.load(tmp_path / "r.safetensors").read(data.elf), whole.read(data.elf))
    original = module._Training.epoch

    def killed(self, epoch):
        if epoch == 2:
            raise KeyboardInterrupt
        return original(self, epoch)

    monkeypatch.setattr(module._Training, "epoch", killed)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "c")
    monkeypatch.setattr(module._Training, "epoch", original)
    np.testing.assert_array_equal(run(tmp_path / "c").read(data.elf), whole.read(data.elf))


def test_images_are_averaged_down(data):
    small = coarsened(data, 10)
    np.testing.assert_allclose(small.elf[3, 2, 5], data.elf[3, 4:6, 10:12].mean(), rtol=1e-6)
    assert coarsened(data, None) is coarsened(data, 20) is data
    with pytest.raises(InputError, match="images have 20"):
        coarsened(data, 21)


def test_variants_are_trained_on_the_same_folds_and_compared(data, tmp_path):
    changes = {
        "base": {},
        "again": {"repeat": 1},
        "small": {"pixels": 16, "weighting": "none"},
        "wild": {"learning_rate": 1e20, "epochs": 60},  # beyond what the table allows: sure to diverge
    }
    places = {}
    for name, changed in changes.items():
        for fold in "01":
            places[name, fold] = tmp_path / f"{name}_{fold}.csv", tmp_path / f"{name}_{fold}_h.csv"
            run_variant(
                tmp_path / "images.nc", *places[name, fold], variant=name, changes=changed, split="bond", fold=fold, folds=2,
                weighting="loss", network=SMALL, seed=1, training_seed=1, checkpoint=tmp_path / "c",
            )  # fmt: skip
    read = {key: read_tables([paths[0]]) for key, paths in places.items()}
    assert read["base", "0"]["image"].tolist() == read["small", "0"]["image"].tolist()
    assert (read["base", "0"]["predicted_angstrom"] != read["again", "0"]["predicted_angstrom"]).any()
    assert len(read["wild", "0"]) == 0
    compare_variants(
        [a for a, _ in places.values()], [b for _, b in places.values()], tmp_path / "v.csv", tmp_path / "k.csv", tmp_path / "s.csv",
        study="test", variants=list(changes.items()), network=SMALL, split="bond", folds=2, samples=200, seed=1,
    )  # fmt: skip
    table = read_tables([tmp_path / "v.csv"]).set_index("variant")
    both = pd.concat([read["base", "0"], read["base", "1"]])
    assert table.loc["base", "mae_angstrom"] == pytest.approx(
        (both["predicted_angstrom"] - both["bond_length_angstrom"]).abs().mean()
    )
    assert table.loc["base", ["n", "folds", "diverged"]].tolist() == [len(data), 2, 0]
    assert table.loc["wild", ["n", "folds", "diverged"]].tolist() == [0, 0, 2]
    assert set(read_tables([tmp_path / "k.csv"])["verdict"]) == {UNTESTED}
    compare_variants(
        [a for a, _ in places.values()], [b for _, b in places.values()], tmp_path / "v3.csv", tmp_path / "k.csv", tmp_path / "s.csv",
        study="test", variants=list(changes.items()), network=SMALL, split="bond", folds=3, samples=200, seed=1,
    )  # fmt: skip
    fewer = read_tables([tmp_path / "v3.csv"]).set_index("variant")  # as of too few groups for a third
    assert fewer["diverged"].tolist() == table["diverged"].tolist()
    assert not read_tables([tmp_path / "s.csv"])["quantity"].str.contains("conclusions").any()
    no_fold = tmp_path / "n.csv"
    run_variant(
        tmp_path / "images.nc", no_fold, tmp_path / "n_h.csv", variant="base", changes={}, split="bond", fold="99", folds=100,
        weighting="loss", network=SMALL, seed=1, training_seed=1, checkpoint=tmp_path / "c",
    )  # fmt: skip
    assert len(read_tables([no_fold])) == 0


NETWORK = {"channels": [4] * 6, "batch_norm": False, "dropout": 0.0, "learning_rate": 1e-4, "batch_size": 64, "activation": "relu", "pooling": "max"}  # fmt: skip
ERRORS = {
    "base": ({}, 0.010), "again": ({"repeat": 1}, 0.0101), "again_2": ({"repeat": 2}, 0.0099), "five": ({"channels": [4] * 5}, 0.012),
    "eight": ({"channels": [4] * 8}, 0.011), "norm": ({"batch_norm": True}, 0.008), "drop_1": ({"dropout": 0.1}, 0.012),
    "drop_3": ({"dropout": 0.3}, 0.016), "drop_5": ({"dropout": 0.5}, 0.020), "slow": ({"learning_rate": 1e-5}, 0.002),
    "fast": ({"learning_rate": 1e-3}, 0.01015), "leaky": ({"activation": "leaky_relu"}, 0.0101),
    "both": ({"activation": "leaky_relu", "dropout": 0.3}, 0.001),
}  # fmt: skip
"""Of each variant what it changes, and its error; `both` is compared with none, since it changes two things."""


def concluded(tmp_path, rng, errors, folds=3, seeds=0.0):
    images = pd.DataFrame(
        {"image": [f"i{k}" for k in range(120)], "bond": [f"b{k // 3}" for k in range(120)], "structure": "s",
         "fold": [str(k // 3 % folds) for k in range(120)]}
    )  # fmt: skip
    reads = []
    for name, (_, error) in errors.items():
        off = error + rng.normal(0, 1e-4, 120) + rng.normal(0, seeds, folds)[images["fold"].astype(int)]
        predicted = 2.4 + rng.choice([-1, 1], 120) * off
        reads.append(images.assign(variant=name, bond_length_angstrom=2.4, predicted_angstrom=predicted))
    write_table(tmp_path / "r.csv", pd.concat(reads), READ_COLUMNS)
    curve = [
        {"variant": name, "fold": "0", "parameters": 9, "epoch": 1, "training_mae_angstrom": 0.001, "seconds": 2}
        for name in errors
    ]
    write_table(tmp_path / "h.csv", curve, CURVE_COLUMNS)
    variants = [Variant(name, changes) for name, (changes, _) in errors.items()]
    out = [tmp_path / name for name in ("v.csv", "k.csv", "s.csv")]
    compare_variants([tmp_path / "r.csv"], [tmp_path / "h.csv"], *out, study="x", variants=variants, network=NETWORK, split="bond",
                     folds=folds, samples=200, seed=1)  # fmt: skip
    return [read_tables([path]) for path in out]


def test_conclusions_follow_from_differences_beyond_chance(tmp_path, rng):
    table, conclusions, card = concluded(tmp_path, rng, ERRORS)
    five = table.set_index("variant").loc["five"]
    assert five["difference_angstrom"] == pytest.approx(0.002, abs=1e-4)
    assert five["difference_low"] < five["difference_angstrom"] < five["difference_high"]
    verdicts = conclusions.set_index("setting")["verdict"]
    assert verdicts["channels"] == HOLDS
    assert verdicts["batch_norm"] == FAILS
    assert verdicts["dropout"].tolist() == [HOLDS, HOLDS]  # it makes it worse, and in proportion
    # Worse beyond what bonds say, but not beyond what chance in training is worth: three trainings alike differ by 0.0001.
    assert verdicts["learning_rate"] == verdicts["activation"] == OPEN
    assert verdicts["batch_size"] == verdicts["pooling"] == UNTESTED
    assert conclusions["seed_sd_angstrom"].max() == pytest.approx(1e-4 * np.sqrt(2 / 3), rel=0.3)
    held = card[card["quantity"] == "conclusions_held"].iloc[0]
    assert (held["ours"], held["n"]) == (3, 6)


def test_without_repeats_nothing_is_concluded(tmp_path, rng):
    alone = {name: value for name, value in ERRORS.items() if not name.startswith("again")}
    table, conclusions, _ = concluded(tmp_path, rng, alone)
    assert set(conclusions["verdict"]) == {OPEN, UNTESTED}
    assert conclusions["seed_sd_angstrom"].isna().all()
    five = table.set_index("variant").loc["five"]
    assert (
        five["difference_high"] - five["difference_low"] < 2e-4
    )  # bonds alone; paired: narrower than the errors' own spread


def test_chance_in_training_widens_intervals(tmp_path, rng):
    quiet, loud = (
        concluded(tmp_path, rng, ERRORS, seeds=seeds)[0].set_index("variant").loc["five"] for seeds in (0.0, 1e-3)
    )
    assert loud["difference_high"] - loud["difference_low"] > 4 * (quiet["difference_high"] - quiet["difference_low"])


def test_batch_norm_and_dropout_are_compared_at_the_same_depth(tmp_path, rng):
    deeper = {
        "norm": ({"batch_norm": True}, 0.011), "norm_five": ({"channels": [4] * 5, "batch_norm": True}, 0.0115),
        "norm_eight": ({"channels": [4] * 8, "batch_norm": True}, 0.013),
        "drop_five": ({"channels": [4] * 5, "dropout": 0.3}, 0.014), "norm_seven": ({"channels": [4] * 7, "batch_norm": True}, 0.001),
    }  # fmt: skip
    _, conclusions, _ = concluded(tmp_path, rng, ERRORS | deeper)
    found = conclusions.set_index("setting")
    # With five layers it helps, which the deeper ones do not make up for; with seven there is no plain network to compare with.
    assert found.loc["batch_norm", ["verdict", "tested", "nearest"]].tolist() == [FAILS, 3, "norm_five"]
    assert found.loc["batch_norm", "difference_angstrom"] == pytest.approx(-5e-4, abs=1e-4)
    assert found.loc["dropout", ["verdict", "tested"]].to_numpy().tolist() == [[HOLDS, 4], [HOLDS, 4]]
    assert found.loc["channels", "tested"] == 2  # the paper's depth is one of plain networks


RISES = {
    "straight": (lambda rate: 0.02 * rate, HOLDS), "square": (lambda rate: 0.04 * rate**2, FAILS),
    "root": (lambda rate: 0.014 * np.sqrt(rate), FAILS), "exponential": (lambda rate: 0.002 * np.exp(4 * rate), FAILS),
    "falls": (lambda rate: -0.01 * rate, FAILS), "level": (lambda _: 0.0, OPEN),
}  # fmt: skip


@pytest.mark.parametrize(("rise", "verdict"), RISES.values(), ids=RISES)
def test_a_bent_rise_is_not_linear(tmp_path, rng, rise, verdict):
    errors = {name: value for name, value in ERRORS.items() if not name.startswith(("drop", "both"))}
    errors |= {f"drop_{rate}": ({"dropout": rate / 10}, 0.010 + rise(rate / 10) - rise(0)) for rate in (1, 3, 5)}
    errors |= {"again": ({"repeat": 1}, 0.01002), "again_2": ({"repeat": 2}, 0.00998)}
    _, conclusions, _ = concluded(tmp_path, rng, errors)
    assert conclusions.iloc[-1]["verdict"] == verdict


def test_a_noisy_rise_is_undecided(tmp_path, rng):
    _, conclusions, _ = concluded(tmp_path, rng, ERRORS, seeds=2e-3)
    assert conclusions.iloc[-1]["verdict"] == OPEN


@pytest.mark.parametrize("repeats", [1, 2])
def test_settings_that_change_nothing_are_rarely_told_to(rng, repeats):
    """Variants are trainings of one network with other seeds: a verdict on any setting would be chance."""
    changes = [{}, *({"repeat": k + 1} for k in range(repeats)), {"activation": "leaky_relu"}]
    changes += [{"dropout": rate} for rate in (0.1, 0.3, 0.5, 0.9)] + [
        {"learning_rate": rate} for rate in (3e-4, 1e-3, 3e-3)
    ]
    variants = [Variant(f"v{place}", changed) for place, changed in enumerate(changes)]
    bonds = np.arange(60) // 2
    index = pd.MultiIndex.from_arrays(
        [bonds.astype(str), bonds % 3, np.arange(60).astype(str)], names=["group", "fold", "image"]
    )
    told = []
    for study_number in range(300):
        seeds = rng.normal(0, 3e-4, (3, len(variants)))[bonds % 3]
        errors = 0.004 + rng.normal(0, 1e-3, (60, 1)) + seeds + rng.normal(0, 3e-4, (60, len(variants)))
        frame = pd.DataFrame(errors, index=index, columns=[one.name for one in variants])
        repeated = [one.name for one in variants if set(one.changes) <= {"repeat"}]
        rows = conclude(variants, NETWORK, Comparison(frame, repeated, samples=100, seed=study_number))
        told.append([row["verdict"] in (HOLDS, FAILS) for row in rows if row["verdict"] != UNTESTED])
    assert np.mean(told, axis=0).max() <= 0.05
