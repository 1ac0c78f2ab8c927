"""Bonds and angles: which there are, where their distributions peak, how far two lie apart, and effective samples."""

import numpy as np
import pandas as pd
import pytest
from ase import Atoms

from auric.errors import InputError
from auric.files import write_frames, write_table
from auric.sampling.beside import CURVE_COLUMNS, GEOMETRY_COLUMNS, WALK_COLUMNS, compare_beside, walk_beside
from auric.sampling.geometry import autocorrelation_time, compare, coordinates, density, peak
from auric.sampling.summary import summarise_walks
from auric.sampling.trajectory import frame_text
from auric.scorecard import COLUMNS
from auric.structures import build_ring


def test_kinds_of_a_ring():
    """Gold and sulfur take turns: as many of each angle as of gold."""
    found = {one.name: (len(one.atoms), one.unit) for one in coordinates(build_ring(4, "CH3"))}
    assert found["S-Au"] == (8, "angstrom")
    assert found["S-C"] == (4, "angstrom")
    assert found["Au-S-Au"] == found["S-Au-S"] == (4, "degree")
    assert "S-C" not in {one.name for one in coordinates(build_ring(3, "H"))}


def test_values_against_ase():
    ring = build_ring(5, "CH3")
    for one in coordinates(ring):
        expected = [
            ring.get_distance(*row) if one.unit == "angstrom" else ring.get_angle(*row) for row in one.atoms.tolist()
        ]
        np.testing.assert_allclose(one.measure(ring.positions), expected, atol=1e-8)
        turned = ring.copy()
        turned.rotate(33, (1, 2, 3))
        np.testing.assert_allclose(one.measure(turned.positions), expected, atol=1e-8)


def test_peaks_of_known_distributions():
    rng = np.random.default_rng(0)
    assert peak(rng.normal(2.4, 0.1, 200_000), "angstrom", 0.05) == pytest.approx(2.4, abs=0.01)
    # At 180 degrees a distribution ends; reflected, it still peaks there and keeps its area.
    folded = 180.0 - np.abs(rng.normal(0, 6.0, 200_000))
    assert peak(folded, "degree", 1.75) > 179.0
    points = np.linspace(120, 180, 601)
    assert np.trapezoid(density(folded, points, 1.75), points) == pytest.approx(1, abs=0.01)


def test_shift_and_distance_are_found():
    rng = np.random.default_rng(1)
    walk, dynamics = rng.normal(3.0, 0.1, (200, 8, 5)), rng.normal(2.9, 0.1, (400, 5))
    found = compare(walk, dynamics, "angstrom", samples=200, seed=0)
    assert found.shift[0] == pytest.approx(0.1, abs=0.02)
    assert found.shift[1] < 0.1 < found.shift[2]
    assert found.distance[0] == pytest.approx(0.1, abs=0.01)
    assert found.distance[1] <= found.distance[0] <= found.distance[2] + 1e-3
    assert found.within < 0.03
    same = compare(walk, rng.normal(3.0, 0.1, (400, 5)), "angstrom", samples=200, seed=0)
    assert same.shift[1] < 0 < same.shift[2]
    with pytest.raises(InputError, match="10 frames or more"):
        compare(walk, dynamics[:4], "angstrom", samples=200, seed=0)


@pytest.mark.parametrize("memory", [0.0, 0.5, 0.9])
def test_autocorrelation_of_a_known_process(memory):
    """Of an autoregressive process: (1 + a) / (1 - a)."""
    rng = np.random.default_rng(2)
    series = np.zeros((4000, 16))
    for step in range(1, len(series)):
        series[step] = memory * series[step - 1] + rng.normal(size=16)
    assert autocorrelation_time(series) == pytest.approx((1 + memory) / (1 - memory), rel=0.1)


def test_chains_that_stay_apart_are_slow():
    rng = np.random.default_rng(3)
    apart = rng.normal(size=(500, 8)) + 10 * np.arange(8)
    assert autocorrelation_time(apart) > 100 * autocorrelation_time(apart - 10 * np.arange(8))
    assert autocorrelation_time(np.ones((10, 2))) == 1.0


def test_a_run_without_frames_gives_no_walk(tmp_path):
    for name in ("run", "walk"):
        (tmp_path / f"{name}.extxyz").write_bytes(b"")
    walk_beside(
        tmp_path / "absent.npz", [], tmp_path / "run.extxyz", tmp_path / "walk.extxyz", tmp_path / "walk.csv",
        walker="linear", chains=2, settings={}, seed=0, store=tmp_path,
    )  # fmt: skip
    compare_beside(
        [tmp_path / "walk.extxyz"], [tmp_path / "walk.csv"], tmp_path / "run.extxyz", tmp_path / "geometry.csv", tmp_path / "curves.csv",
        last=20, samples=100, seed=0,
    )  # fmt: skip
    summarise_walks([tmp_path / "walk.csv"], [tmp_path / "geometry.csv"], tmp_path / "card.csv", study="tests")
    assert (tmp_path / "card.csv").read_text().splitlines() == [",".join(COLUMNS)]


def test_a_bath_that_heats_has_no_walk(tmp_path):
    frames = [build_ring(3, "H"), build_ring(3, "H")]
    for atoms, bath in zip(frames, (300.0, 900.0), strict=True):
        atoms.info["target_temperature_k"] = bath
    write_frames(tmp_path / "run.extxyz", frames)
    with pytest.raises(InputError, match="from 300 to 900 K"):
        walk_beside(
            tmp_path / "absent.npz", [], tmp_path / "run.extxyz", tmp_path / "walk.extxyz", tmp_path / "walk.csv",
            walker="linear", chains=2, settings={}, seed=0, store=tmp_path,
        )  # fmt: skip


@pytest.fixture
def files(tmp_path):
    """A walk of two chains and a run, rattled rings both, as the rules write them."""
    ring, rng = build_ring(4, "CH3"), np.random.default_rng(4)
    text, frames = "", []
    for step in range(0, 60, 5):
        for chain in range(2):
            where = ring.positions + rng.normal(0, 0.05, ring.positions.shape)
            info = {
                "step": step,
                "chain": chain,
                "temperature_k": 300.0,
                "energy_ev": -1.0,
                "outside": 0,
                "accepted": 0.5,
            }
            text += frame_text(list(ring.symbols), where, info)
    (tmp_path / "walk.extxyz").write_text(text)
    for step in range(20):
        frame = Atoms(ring.symbols, ring.positions + rng.normal(0, 0.05, ring.positions.shape))
        frame.info |= {"run": "ring_test", "system": "ring", "step": step}
        frames.append(frame)
    write_frames(tmp_path / "run.extxyz", frames)
    row = {
        "system": "ring", "run": "ring_test", "walker": "linear, energies and forces", "temperature_k": 300.0, "chains": 2, "steps": 55,
        "trials_per_step": 12, "accepted": 0.5, "step_angstrom": 0.05, "outside_share": 0.0, "step_energy_sd_ev": 0.1,
        "dynamics_energy_sd_ev": 0.2, "walk_energy_sd_ev": 0.15, "rigid_degrees": 32, "seconds_per_step": 0.01,
    }  # fmt: skip
    write_table(tmp_path / "walk.csv", [row], WALK_COLUMNS)
    return tmp_path


def test_tables_and_scorecard(files):
    compare_beside(
        [files / "walk.extxyz"], [files / "walk.csv"], files / "run.extxyz", files / "geometry.csv", files / "curves.csv",
        last=20, samples=100, seed=0,
    )  # fmt: skip
    geometry, curves = pd.read_csv(files / "geometry.csv"), pd.read_csv(files / "curves.csv")
    assert list(geometry) == list(GEOMETRY_COLUMNS)
    assert list(curves) == list(CURVE_COLUMNS)
    assert set(geometry["part"]) == {"whole walk", "last 20 steps"}
    assert geometry.loc[geometry["part"] == "last 20 steps", "steps"].eq(20).all()
    for _, one in curves.groupby("coordinate"):
        assert np.trapezoid(one["walk"], one["value"]) == pytest.approx(1, abs=0.02)
    lengths = geometry[geometry["unit"] == "angstrom"]
    assert (lengths["shift"].abs() < 0.05).all()
    summarise_walks([files / "walk.csv"], [files / "geometry.csv"], files / "card.csv", study="tests")
    card = pd.read_csv(files / "card.csv")
    assert list(card) == list(COLUMNS)
    assert {"peak_shift", "wasserstein", "effective_samples_per_core_hour", "outside_share"} <= set(card["quantity"])
    rate = card[(card["quantity"] == "effective_samples_per_core_hour")].set_index("subject")["ours"]
    whole = geometry[geometry["part"] == "whole walk"].set_index("coordinate")
    expected = whole.loc["S-Au", "effective_samples"] / (55 * 0.01 / 3600)
    assert rate["linear, energies and forces: S-Au"] == pytest.approx(expected)
