"""Conformal intervals, domains of training, and files of models."""

import json
import shutil

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from auric.errors import InputError
from auric.files import read_npz, write_npz
from auric.modelfile import read_model, write_model
from auric.potential import (
    Emlm,
    Mlm,
    TrainingDomain,
    conformal_intervals,
    load_model,
    save_model,
)
from auric.potential.emlm import PENALTY

# Intervals


def test_split_conformal_is_the_usual_quantile_and_covers(rng):
    residuals = rng.normal(size=19)
    found = conformal_intervals(residuals, np.zeros(19), coverage=0.9)
    assert found.half_width == np.sort(np.abs(residuals))[17]  # ceil(20 x 0.9) = 18th
    low, high = found.interval(np.array([1.0]))
    assert (high - low)[0] == pytest.approx(2 * found.half_width)
    assert conformal_intervals(residuals[:8], np.zeros(8), coverage=0.9).half_width == np.inf
    covered = []
    for _ in range(400):
        draw = rng.normal(size=40)
        covered.append(conformal_intervals(draw[:-1], np.arange(39), 0.8, "runs").evaluate(draw[-1:], [0])["coverage"])
    assert 0.75 < np.mean(covered) < 0.87


def test_runs_weigh_the_same_and_are_the_unit_of_the_strict_correction(rng):
    runs = np.repeat(np.arange(12), 50)
    shifts = rng.normal(size=12)[runs]
    residuals = shifts + 0.1 * rng.normal(size=600)
    strict, loose = (conformal_intervals(residuals, runs, 0.9, each) for each in ("runs", "frames"))
    assert strict.half_width > loose.half_width > 1
    assert conformal_intervals(residuals[runs < 8], runs[runs < 8], 0.9, "runs").half_width == np.inf
    centred = conformal_intervals(residuals, runs, 0.9, centred=True)
    assert 0.1 < centred.half_width < 0.25
    # A long run must not drown a short one.
    uneven = np.concatenate([np.zeros(1000), np.ones(10)])
    assert conformal_intervals(uneven, uneven, 0.6).half_width == 1
    report = loose.evaluate(residuals, runs)
    assert report["worst"] == min(report["coverage_of_runs"].values()) <= report["coverage"]
    assert report["width"] == 2 * loose.half_width


def test_intervals_refuse_what_means_nothing():
    for arguments, words in (
        (([], []), "give one run"), (([1.0], [0, 1]), "give one run"), (([1.0, np.inf], [0, 0]), "residual 2 is not finite"),
        (([1.0], [0], 1.0), "coverage 1"), (([1.0], [0], 0.9, "frame"), r"'frame'.*frames"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=words):
            conformal_intervals(*arguments)


# Domain


def test_domain_flags_what_is_far_and_runs_widen_it(rng):
    runs = np.repeat(np.arange(4), 50)
    walk = np.repeat(rng.normal(size=(4, 8)), 50, axis=0) + 0.01 * rng.normal(size=(200, 8))
    points = walk.copy()
    own = TrainingDomain(points)
    d = cdist(points, points)
    np.fill_diagonal(d, np.inf)
    assert np.allclose(own.training, np.sort(d.min(axis=1)), rtol=1e-9)
    verdict = own.judge(np.concatenate([points[:2], points[:2] + 10]))
    assert verdict.outside.tolist() == [False, False, True, True]
    assert verdict.nearest[:2].tolist() == [0, 1]
    assert verdict.quantile.tolist() == [0, 0, 1, 1]
    other = TrainingDomain(points, references=np.arange(0, 200, 5), runs=runs, memory_mib=0.02)
    d[runs[:, None] == runs] = np.inf
    assert np.allclose(other.training, np.sort(d[:, ::5].min(axis=1)), rtol=1e-9)
    assert other.limit > 10 * own.limit


def test_domains_that_cannot_be(rng):
    points = rng.random((10, 3))
    for arguments, words in (
        ({"references": [10]}, "indices"), ({"references": [1]}, "two or more"), ({"runs": np.zeros(10)}, "two or more"),
        ({"runs": [1]}, "one run for each point"), ({"quantile": 1.0}, "quantile 1"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=words):
            TrainingDomain(points, **arguments)
    with pytest.raises(InputError, match="point 2 has a feature"):
        TrainingDomain(points).judge([[0, 0, 0], [0, np.nan, 0]])


# Files


@pytest.fixture
def models(rng):
    points = rng.random((300, 6))
    targets = np.sin(3 * points).sum(axis=1) - 1e4
    return {
        "plain": Emlm(references=25).fit(points, targets),
        "compressed": Emlm(scale="none", penalty=1e-6)
        .fit(points, np.stack([targets, points[:, 0]], axis=1))
        .compress(),
        "by index": Emlm(references=np.arange(12)).fit(points, targets),
        "mlm": Mlm(references=25).fit(points, targets),
    }


def test_saved_models_agree_bit_for_bit(models, tmp_path, rng):
    new = rng.random((40, 6))
    for name, model in models.items():
        save_model(tmp_path / "model.npz", model, {"engine": "gfn1-xtb", "frames": 300})
        loaded, trained_on = load_model(tmp_path / "model.npz")
        assert trained_on == {"engine": "gfn1-xtb", "frames": 300}
        assert np.array_equal(loaded.predict(new), model.predict(new)), name
        assert loaded.condition_ == model.condition_
        assert str(loaded) == str(model)
        if isinstance(model, Emlm):
            assert np.array_equal(loaded.gradient(new), model.gradient(new))


def test_saved_domain_and_intervals_agree(tmp_path, rng):
    domain = TrainingDomain(rng.random((50, 4)), quantile=0.9)
    save_model(tmp_path / "domain.npz", domain, {})
    loaded, _ = load_model(tmp_path / "domain.npz")
    new = rng.random((20, 4)) * 1.5
    assert loaded.limit == domain.limit
    assert np.array_equal(loaded.judge(new).distance, domain.judge(new).distance)
    for intervals in (
        conformal_intervals(rng.normal(size=30), np.zeros(30)),
        conformal_intervals(np.ones(3), np.zeros(3)),
    ):
        save_model(tmp_path / "intervals.npz", intervals, {})
        assert load_model(tmp_path / "intervals.npz")[0] == intervals


def test_tampered_foreign_and_broken_files_are_refused(models, tmp_path):
    good, bad = tmp_path / "good.npz", tmp_path / "bad.npz"
    save_model(good, models["plain"], {"engine": "gfn1-xtb"})
    header, arrays = read_npz(good)

    def refused(words, kind=None):
        with pytest.raises(InputError, match=words) as caught:
            read_model(bad, kind) if kind else load_model(bad)
        assert "\n" not in str(caught.value)

    changed = arrays["fitted.weights_"].copy()
    changed[3] *= 1 + 1e-15
    write_npz(bad, header, arrays | {"fitted.weights_": changed})
    refused("does not fit its digest")
    write_npz(bad, header | {"trained_on": {"engine": "pbe"}}, arrays)
    refused("does not fit its digest")
    write_npz(bad, header, {name: array for name, array in arrays.items() if name != "centre"})
    refused("does not fit its digest")
    write_npz(bad, {"some": "file"}, arrays)
    refused("no model of auric")
    np.savez(bad, weights=changed)
    refused("damaged, or no model")
    bad.write_bytes(good.read_bytes()[:-400])
    refused("damaged, or no model")
    bad.write_text("not a model")
    refused("damaged, or no model")
    bad.unlink()
    refused("no model file")
    shutil.copy(good, bad)
    refused("where 'auric other 1' is needed", "auric other 1")
    write_model(bad, {"format": "auric other 1"}, {"numbers": np.arange(3)})
    assert read_model(bad, "auric other 1")[1]["numbers"].tolist() == [0, 1, 2]
    refused("its format is 'auric other 1'")
    write_model(bad, {name: value for name, value in header.items() if name != "digest"}, {"centre": arrays["centre"]})
    refused("a part of the Emlm model is missing")


def test_what_cannot_be_saved(tmp_path, models):
    path = tmp_path / "model.npz"
    with pytest.raises(InputError, match="not fitted"):
        save_model(path, Emlm(), {})
    with pytest.raises(InputError, match="a model of kind dict"):
        save_model(path, {}, {})
    with pytest.raises(InputError, match="JSON cannot hold"):
        save_model(path, models["plain"], {"frames": {1, 2}})
    with pytest.raises(InputError, match="holds objects"):
        write_model(path, {"format": "auric other 1"}, {"things": np.array([None])})
    with pytest.raises(InputError, match="without the name"):
        write_model(path, {}, {})
    assert not path.exists()


def test_the_header_says_what_made_the_model(models, tmp_path):
    save_model(tmp_path / "model.npz", models["mlm"], {"engine": "gfn1-xtb"})
    header, _ = read_npz(tmp_path / "model.npz")
    assert set(header) == {"format", "settings", "trained_on", "made_with", "digest"}
    assert header["settings"]["parameters"]["penalty"] == PENALTY
    assert json.dumps(header)
