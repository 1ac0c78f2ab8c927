"""Bonds and angles: which there are, where their distributions peak, how far two lie apart, and effective samples."""

import numpy as np
import pandas as pd
import pytest
from ase import Atoms

from auric.errors import InputError
from auric.files import write_frames
from auric.sampling import compare_isomers, walk_map
from auric.sampling.beside import compare_beside, walk_beside
from auric.sampling.geometry import (
    autocorrelation_time,
    blocks_of,
    chains_of,
    compare,
    coordinates,
    density,
    halves_apart,
    side_peak,
)
from auric.sampling.summary import summarise_walks
from auric.scorecard import COLUMNS
from auric.structures import build_recipe, build_ring


def test_kinds_of_a_ring():
    """Gold and sulfur take turns: as many of each angle as of gold."""
    found = {one.name: (len(one.atoms), one.unit) for one in coordinates([build_ring(4, "CH3")])}
    assert found["S-Au"] == (8, "angstrom")
    assert found["S-C"] == (4, "angstrom")
    assert found["Au-S-Au"] == found["S-Au-S"] == (4, "degree")
    assert "S-C" not in {one.name for one in coordinates([build_ring(3, "H")])}


def test_values_against_ase():
    ring = build_ring(5, "CH3")
    for one in coordinates([ring]):
        expected = [
            ring.get_distance(*row) if one.unit == "angstrom" else ring.get_angle(*row) for row in one.atoms.tolist()
        ]
        np.testing.assert_allclose(one.measure(ring.positions), expected, atol=1e-8)
        turned = ring.copy()
        turned.rotate(33, (1, 2, 3))
        np.testing.assert_allclose(one.measure(turned.positions), expected, atol=1e-8)


def test_peaks_of_known_distributions():
    rng = np.random.default_rng(0)
    two = [rng.normal(centre, 0.1, 200_000) for centre in (2.4, 2.5)]
    found = compare(two[:1], two[1:], "angstrom", samples=2, seed=0)
    assert found.peaks == pytest.approx((2.4, 2.5), abs=0.01)
    # At 180 degrees a distribution ends; reflected, it still peaks there and keeps its area.
    folded = 180.0 - np.abs(rng.normal(0, 6.0, 200_000))
    assert compare([folded], [folded], "degree", samples=2, seed=0).peaks[0] > 179.0
    points = np.linspace(120, 180, 601)
    assert np.trapezoid(density(folded, points, 1.75), points) == pytest.approx(1, abs=0.01)


def test_side_peak_of_a_known_mixture():
    rng = np.random.default_rng(0)
    mixed = np.concatenate([rng.normal(85, 5, 30_000), rng.normal(130, 5, 10_000)])
    place, height = side_peak(mixed, "degree", 1.75)
    assert place == pytest.approx(130, abs=1)
    assert height == pytest.approx(1 / 3, abs=0.03)
    assert side_peak(rng.normal(85, 5, 30_000), "degree", 1.75)[1] == 0


def test_shift_and_distance_are_found():
    rng = np.random.default_rng(1)
    walk, dynamics = rng.normal(3.0, 0.1, (200, 8, 5)), rng.normal(2.9, 0.1, (400, 5))
    found = compare(chains_of(walk), blocks_of(dynamics), "angstrom", samples=200, seed=0)
    assert found.shift[0] == pytest.approx(0.1, abs=0.02)
    assert found.shift[1] < 0.1 < found.shift[2]
    assert found.distance[0] == pytest.approx(0.1, abs=0.01)
    assert found.distance[1] < found.distance[0] < found.distance[2]
    assert halves_apart(dynamics) < 0.03
    alike = blocks_of(rng.normal(3.0, 0.1, (400, 5)))
    same = compare(chains_of(walk), alike, "angstrom", samples=200, seed=0)
    assert same.shift[1] < 0 < same.shift[2]
    with pytest.raises(InputError, match="10 frames or more"):
        blocks_of(dynamics[:4])


def slow(rng, frames, bonds, memory):
    """Bonds about 3 angstrom that all follow one slow motion, and each its own fast one."""
    path = np.zeros(frames)
    for k in range(1, frames):
        path[k] = memory * path[k - 1] + np.sqrt(1 - memory**2) * rng.normal()
    return 3.0 + 0.02 * path[:, None] + rng.normal(0, 0.1, (frames, bonds))


def test_intervals_hold_the_truth():
    """A walk of independent chains beside slow dynamics of the same distribution, and of one 0.03 angstrom farther."""
    rng, runs, hits = np.random.default_rng(5), 25, np.zeros(3)
    for _ in range(runs):
        walk = np.stack([slow(rng, 200, 20, 0.9) for _ in range(8)], axis=1)
        same, apart = slow(rng, 400, 20, 0.9), slow(rng, 400, 20, 0.9) + 0.03
        close, far = (
            compare(chains_of(walk), blocks_of(run), "angstrom", samples=100, seed=0) for run in (same, apart)
        )
        hits += [
            close.shift[1] <= 0 <= close.shift[2], close.distance[1] == 0, far.distance[1] <= 0.03 <= far.distance[2]
        ]  # fmt: skip
        for told in (close.shift, close.distance, far.shift, far.distance):
            assert told[1] <= told[0] <= told[2]
    assert (hits >= 0.8 * runs).all()


def test_slow_dynamics_are_cut_into_fewer_blocks():
    rng = np.random.default_rng(2)
    assert len(blocks_of(slow(rng, 400, 20, 0.0))) == 10
    assert np.median([len(blocks_of(slow(rng, 400, 100, 0.95))) for _ in range(9)]) < 8


def test_bonds_are_those_of_the_mean():
    ring = build_ring(4, "CH3")
    broken = ring.copy()
    broken.positions[list(ring.symbols).index("Au")] += 2.0
    assert [len(one.atoms) for one in coordinates([broken, *[ring] * 9])] == [
        len(one.atoms) for one in coordinates([ring])
    ]
    assert {one.name: len(one.atoms) for one in coordinates([broken])}["S-Au"] == 6


def test_the_core_is_told_by_itself():
    """An icosahedron has 42 nearest pairs; what is core in most frames is core, whatever the others say."""
    cluster = build_recipe("staple", "core=Au13 units=6xn2 R=H")
    loose = cluster.copy()
    loose.positions[:13] *= 1.4
    far = cluster.copy()
    far.positions[13] *= 1.5  # of a unit, off its sulfurs: core by the rule
    for frames in ([cluster], [loose, *[cluster] * 9], [far, *[cluster] * 9]):
        found = {one.name: one.atoms for one in coordinates(frames)}
        assert len(found["core Au-Au"]) == 42
        assert found["core Au-Au"].max() < 13
        assert len(found["Au-Au"]) > 42
    assert "core Au-Au" not in {one.name for one in coordinates([build_ring(4, "CH3")])}
    assert [one.name for one in coordinates([Atoms("Au2", [[0, 0, 0], [0, 0, 2.8]])])] == ["Au-Au"]


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
    assert autocorrelation_time(np.ones((10, 2))) == 10.0  # what never changes is one sample


def test_a_run_without_frames_gives_no_walk(tmp_path):
    for name in ("run", "walk"):
        (tmp_path / f"{name}.extxyz").write_bytes(b"")
    walk_beside(
        tmp_path / "absent.npz", [], tmp_path / "run.extxyz", tmp_path / "walk.extxyz", tmp_path / "walk.csv",
        walker="linear", chains=2, settings={}, seed=0, store=tmp_path,
    )  # fmt: skip
    names = ("geometry", "curves", "energies", "energy_curves", "map", "isomers")
    paths = {name: tmp_path / f"{name}.csv" for name in names}
    walk = [tmp_path / "walk.extxyz"], [tmp_path / "walk.csv"]
    compare_beside(*walk, tmp_path / "run.extxyz", *list(paths.values())[:4], last=20, samples=100, seed=0)
    train = build_ring(3, "H")
    train.info |= {"run": "a", "step": 0, "energy_ev": 0.0}
    write_frames(tmp_path / "train.extxyz", [train])
    walk_map([tmp_path / "train.extxyz"], *walk, tmp_path / "run.extxyz", paths["map"])
    compare_isomers(*walk, [tmp_path / "run.extxyz"], paths["isomers"], samples=100, seed=0)
    assert all(len(pd.read_csv(path)) == 0 for path in paths.values())
    summarise_walks([tmp_path / "walk.csv"], [tmp_path / "geometry.csv"], tmp_path / "card.csv", study="tests")
    assert (tmp_path / "card.csv").read_text().splitlines() == [",".join(COLUMNS)]


def test_a_run_of_a_few_frames_is_compared_with_nothing(tmp_path, caplog):
    """Its walk was paid for; it ends no table of the others."""
    frames = [build_ring(3, "H") for _ in range(9)]
    for atoms in frames:
        atoms.info |= {"run": "short", "target_temperature_k": 300.0, "energy_ev": 0.0, "structure": "ring"}
    write_frames(tmp_path / "short.extxyz", frames)
    paths = [tmp_path / f"{name}.csv" for name in ("geometry", "curves", "energies", "energy_curves", "isomers")]
    walk = [tmp_path / "never read"], [tmp_path / "never read"]
    compare_beside(*walk, tmp_path / "short.extxyz", *paths[:4], last=20, samples=100, seed=0)
    compare_isomers([], [], [tmp_path / "short.extxyz"], paths[4], samples=100, seed=0)
    assert all(len(pd.read_csv(path)) == 0 for path in paths)
    assert "short.extxyz: 9 frames are too few to compare with (10)" in caplog.text


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
