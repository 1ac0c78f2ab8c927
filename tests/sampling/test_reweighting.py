"""Reweighting a walk to another potential, where both distributions are known."""

import os
import threading
import time

import numpy as np
import pandas as pd
import pytest
from ase.units import kB

from auric.errors import InputError
from auric.files import alone_with, write_frames
from auric.modelfile import content_digest
from auric.potential import LinearPotential
from auric.potential.linear import train_linear
from auric.reference import Store, label_frames, make_engine
from auric.sampling import reweight
from auric.sampling.beside import walk_beside
from auric.sampling.reweighting import REWEIGHTED_COLUMNS, reweight_walk
from auric.sampling.summary import summarise_walks
from auric.sampling.trajectory import read_walk
from auric.structures import build_ring

TEMPERATURE = 300.0
KT = kB * TEMPERATURE


def test_one_spring_told_as_another():
    """Drawn for a stiffness k, the mean square for k' is kT / k', the effective size what theory says."""
    rng, stiffness, wanted = np.random.default_rng(0), 2.0, 2.6
    x = rng.normal(0, np.sqrt(KT / stiffness), 200_000)
    found = reweight(0.5 * stiffness * x**2, 0.5 * wanted * x**2 - 7.0, TEMPERATURE)
    assert found.mean(x**2) == pytest.approx(KT / wanted, rel=0.02)
    # <w>^2 / <w^2> of w = exp(-(k' - k) x^2 / 2 kT)
    excess = (wanted - stiffness) / stiffness
    assert found.effective / len(x) == pytest.approx(np.sqrt(1 + 2 * excess) / (1 + excess), rel=0.02)


def test_intervals_hold_the_truth():
    rng, hits = np.random.default_rng(1), 0
    for seed in range(60):
        x = rng.normal(0, np.sqrt(KT / 2.0), 300)
        found = reweight(1.0 * x**2, 1.3 * x**2, TEMPERATURE)
        low, high = found.interval(x**2, samples=300, seed=seed)
        hits += low < KT / 2.6 < high
    assert hits >= 50


def test_limits():
    same = reweight(np.zeros(10), np.full(10, -3.0), TEMPERATURE)
    assert same.effective == pytest.approx(10)
    assert same.spread_ev == 0
    one = reweight(np.zeros(10), np.array([0.0, *np.full(9, 100.0)]), TEMPERATURE)
    assert one.effective == pytest.approx(1)
    assert one.mean(np.arange(10.0)) == pytest.approx(0)


def test_bad_input():
    with pytest.raises(InputError, match="one of each structure"):
        reweight(np.zeros(3), np.zeros(4), TEMPERATURE)
    with pytest.raises(InputError, match="one of each structure"):
        reweight(np.zeros(0), np.zeros(0), TEMPERATURE)
    with pytest.raises(InputError, match="finite energies"):
        reweight(np.zeros(2), np.array([0.0, np.nan]), TEMPERATURE)
    with pytest.raises(InputError, match="above 0"):
        reweight(np.zeros(2), np.zeros(2), 0.0)


@pytest.fixture(scope="module")
def walk(tmp_path_factory):
    """A walk on a potential of a small ring, beside a run of it."""
    place = tmp_path_factory.mktemp("reweighting")
    rng, frames = np.random.default_rng(0), []
    for number in range(24):
        atoms = build_ring(3, "H")
        atoms.positions += rng.normal(0, 0.05, atoms.positions.shape)
        atoms.info |= {
            "name": f"r_{number}", "structure": "ring", "system": "small", "run": "r", "role": "test", "step": number, "charge": 0,
            "multiplicity": 1, "target_temperature_k": TEMPERATURE,
        }  # fmt: skip
        frames.append(atoms)
    good, _, failed = label_frames(frames, make_engine("gfn1-xtb", {}), Store(place / "store"), warm_start=False)
    assert not failed
    write_frames(place / "run.extxyz", good)
    train_linear([place / "run.extxyz"], place / "linear.npz", study="tests")
    walk_beside(
        place / "linear.npz", [place / "run.extxyz"], place / "run.extxyz", place / "walk.extxyz", place / "walk.csv",
        walker="linear", chains=3, settings={"steps": 60, "equilibration_steps": 20, "every": 20}, seed=0, store=place / "store",
    )  # fmt: skip
    return place


def test_a_longer_walk_goes_on_where_a_shorter_one_ended(walk, caplog):
    """Also of another study, if its potential is the same; and leaves the shorter one's file as it was."""
    train_linear([walk / "run.extxyz"], walk / "again.npz", study="longer")
    assert (walk / "again.npz").read_bytes() != (walk / "linear.npz").read_bytes()
    caplog.set_level("INFO")
    before, texts = (walk / "walk.extxyz").read_bytes(), []
    for folder in ("store", "fresh"):
        settings = {"steps": 100, "equilibration_steps": 20, "every": 20}
        caplog.clear()
        walk_beside(
            walk / "again.npz", [walk / "run.extxyz"], walk / "run.extxyz", walk / "long.extxyz", walk / "long.csv",
            walker="linear", chains=3, settings=settings, seed=0, store=walk / folder,
        )  # fmt: skip
        texts.append((walk / "long.extxyz").read_bytes())
        assert ("the walk goes on after step" in caplog.text) == (folder == "store")
    assert texts[0] == texts[1]
    assert texts[0].startswith(before)
    assert (walk / "walk.extxyz").read_bytes() == before


def test_a_finished_walk_that_is_taken_again_stays_as_old_as_it_is(walk):
    """Else all that was made of it in another study would seem to be out of date."""
    (growing,) = (walk / "store/walks").glob("*/60.extxyz")
    os.utime(growing, (1e9, 1e9))
    walk_beside(
        walk / "linear.npz", [walk / "run.extxyz"], walk / "run.extxyz", walk / "same.extxyz", walk / "same.csv",
        walker="corrected", chains=3, settings={"steps": 60, "equilibration_steps": 20, "every": 20}, seed=0, store=walk / "store",
    )  # fmt: skip
    assert pd.read_csv(walk / "same.csv")["walker"][0].startswith("corrected")
    walk_beside(
        walk / "linear.npz", [walk / "run.extxyz"], walk / "run.extxyz", walk / "same.extxyz", walk / "same.csv",
        walker="linear", chains=3, settings={"steps": 60, "equilibration_steps": 20, "every": 20}, seed=0, store=walk / "store",
    )  # fmt: skip
    assert growing.stat().st_mtime == 1e9
    assert np.isnan(pd.read_csv(walk / "same.csv")["seconds_per_step"][0])


def test_two_jobs_write_one_walk_one_after_the_other(tmp_path):
    order = []

    def hold(name, seconds):
        with alone_with(tmp_path / "walks/60.extxyz"):
            order.append(f"{name} in")
            time.sleep(seconds)
            order.append(f"{name} out")

    threads = [threading.Thread(target=hold, args=(name, 0.2)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert order in (["a in", "a out", "b in", "b out"], ["b in", "b out", "a in", "a out"])


def test_a_potential_is_known_by_its_content(walk):
    train_linear([walk / "run.extxyz"], walk / "again.npz", study="longer")
    assert content_digest(walk / "again.npz") == content_digest(walk / "linear.npz")
    potential = LinearPotential.load(walk / "linear.npz")
    potential.weights[0] += 1e-9
    potential.save(walk / "changed.npz")
    assert content_digest(walk / "changed.npz") != content_digest(walk / "linear.npz")
    (walk / "damaged.npz").write_bytes((walk / "linear.npz").read_bytes()[:-100])
    with pytest.raises(InputError, match="damaged"):
        content_digest(walk / "damaged.npz")


def told(walk, engines, frames=8, run="run.extxyz"):
    reweight_walk(
        walk / "walk.extxyz", walk / "walk.csv", walk / run, walk / "reweighted.csv", walk / "failures.csv", frames=frames,
        engines=engines, samples=200, seed=0, store=walk / "store",
    )  # fmt: skip
    return pd.read_csv(walk / "reweighted.csv"), pd.read_csv(walk / "failures.csv")


def test_a_walk_told_on_its_own_reference(walk):
    table, failures = told(walk, {"gfn1-xtb": {}})
    assert failures.empty
    assert list(table) == list(REWEIGHTED_COLUMNS)
    assert set(table["coordinate"]) >= {"S-Au", "Au-S-Au", "S-Au-S"}
    assert table["effective"].between(1, 8).all()
    assert table["effective"].nunique() == 1
    assert (table["labelled"] == 8).all()
    assert (table["reweighted_low"] <= table["reweighted_mean"]).all()
    # By hand: potential and labels of the same structures.
    chosen = [atoms for atoms in read_walk(walk / "walk.extxyz") if atoms.info["step"] > 0]
    chosen = [chosen[k] for k in np.unique(np.linspace(0, len(chosen) - 1, 8).round().astype(int))]
    engine = make_engine("gfn1-xtb", {})
    labels = np.array([engine.label(atoms, 0, 1).energy_ev for atoms in chosen])
    walked = np.array([atoms.info["energy_ev"] for atoms in chosen])
    weights = np.exp(-((labels - walked) - (labels - walked).min()) / KT)
    assert table["effective"][0] == pytest.approx(weights.sum() ** 2 / (weights**2).sum(), rel=1e-3)


def test_what_cannot_be_labelled_is_told(walk):
    table, failures = told(walk, {"gfn1-xtb": {}, "pyscf-gto": {"basis": {"default": "no-such-basis"}}}, frames=3)
    assert set(table["engine"]) == {"gfn1-xtb"}
    assert len(failures) == 3
    assert failures["reason"].str.contains("no-such-basis").all()


def test_beside_a_run_without_frames_there_is_nothing_to_tell(walk):
    (walk / "empty.extxyz").write_bytes(b"")
    table, failures = told(walk, {"gfn1-xtb": {}}, run="empty.extxyz")
    assert table.empty
    assert failures.empty


def test_the_scorecard_has_both_and_what_they_rest_on(walk):
    table, _ = told(walk, {"gfn1-xtb": {}})
    summarise_walks([], [], walk / "card.csv", study="tests", reweighted=[walk / "reweighted.csv"])
    card = pd.read_csv(walk / "card.csv").set_index(["quantity", "split", "subject"])["ours"]
    bond = "linear, energies and forces: S-Au"
    row = table[table["coordinate"] == "S-Au"].iloc[0]
    assert card["mean", "reweighted to GFN1-xTB", bond] == pytest.approx(row["reweighted_mean"], rel=1e-9)
    assert card["mean", "reweighted to GFN1-xTB, as walked", bond] == pytest.approx(row["walk_mean"], rel=1e-9)
    subject = "linear, energies and forces"
    assert card["effective_samples", "reweighted to GFN1-xTB", subject] == pytest.approx(row["effective"], rel=1e-9)
