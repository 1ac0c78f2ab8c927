"""What is written of walks: tables, and rows of the scorecard."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from ase import Atoms
from ase.units import kB

from auric.files import write_frames, write_table
from auric.sampling import compare_isomers, energy_differences, read_walked, walk_map
from auric.sampling.beside import CURVE_COLUMNS, GEOMETRY_COLUMNS, WALK_COLUMNS, WALKERS, compare_beside
from auric.sampling.differences import DIFFERENCE_COLUMNS
from auric.sampling.isomers import ISOMER_COLUMNS
from auric.sampling.landscape import PLACE_COLUMNS
from auric.sampling.summary import _side_peaks, summarise_walks
from auric.sampling.trajectory import frame_text
from auric.scorecard import COLUMNS
from auric.structures import build_ring

WALKER = "linear, energies and forces"
STEPS, EVERY, CHAINS = 60, 5, 2
SOFT, HARD = 0.2, 0.1
"""Spreads of energies of the run and of the walks (eV)."""


def _rattled(ring, rng, stretch):
    where = ring.positions * stretch
    return Atoms(ring.symbols, where + rng.normal(0, 0.03, where.shape))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Walks of two chains, and one of another temperature, beside runs of two "isomers", one a hundredth longer than the other."""
    place, ring, rng = tmp_path_factory.mktemp("tables"), build_ring(4, "CH3"), np.random.default_rng(4)
    for run, stretch in (("au38_sch3_24_q_cool300", 1.01), ("au38_sch3_24_t_cool300", 1.0)):
        text, frames = "", []
        for step in range(EVERY, STEPS + 1, EVERY):
            for chain in range(CHAINS + 1):
                far = 1.0 if chain < CHAINS else 1.5  # of the ladder, told of nowhere
                info = {
                    "step": step, "chain": chain, "temperature_k": 300.0 * far, "energy_ev": -1.0, "outside": 0, "accepted": 0.5,
                    "exchanged": 0, "stopped": 0, "step_energies_ev": rng.normal(0, HARD, EVERY),
                }  # fmt: skip
                text += frame_text(list(ring.symbols), _rattled(ring, rng, stretch * far).positions, info)
        (place / f"{run}.walk.extxyz").write_text(text)
        for step in range(400):
            frames.append(_rattled(ring, rng, stretch))
            frames[-1].info |= {
                "run": run, "system": "cool", "structure": run[:14], "step": step, "target_temperature_k": 300.0,
                "energy_ev": rng.normal(0, SOFT),
            }  # fmt: skip
        write_frames(place / f"{run}.extxyz", frames)
        row = {
            "system": "cool", "run": run, "walker": WALKER, "temperature_k": 300.0, "chains": CHAINS, "ladder": 1, "steps": STEPS,
            "trials_per_step": 12, "accepted": 0.5, "exchanged": 0.0, "step_angstrom": 0.05, "outside_share": 0.0, "walled_share": 0.001, "dynamics_behind_share": 0.0, "step_energy_sd_ev": 0.1,
            "dynamics_energy_sd_ev": 0.2, "walk_energy_sd_ev": 0.15, "rigid_degrees": 32,
            "refresh_difference_ev": 3e-9, "seconds_per_step": 0.01,
        }  # fmt: skip
        write_table(place / f"{run}.walk.csv", [row], WALK_COLUMNS)
    return place


@pytest.fixture(scope="module")
def tables(folder):
    """All tables, and the scorecard that is made of them."""
    runs = ("au38_sch3_24_q_cool300", "au38_sch3_24_t_cool300")
    walks, cards = [folder / f"{run}.walk.extxyz" for run in runs], [folder / f"{run}.walk.csv" for run in runs]
    dynamics = [folder / f"{run}.extxyz" for run in runs]
    found = {}
    for name, columns in (("geometry", GEOMETRY_COLUMNS), ("curves", CURVE_COLUMNS), ("energies", DIFFERENCE_COLUMNS),
                          ("energy_curves", CURVE_COLUMNS), ("map", PLACE_COLUMNS), ("isomers", ISOMER_COLUMNS)):  # fmt: skip
        found[name] = (folder / f"{name}.csv", columns)
    paths = [path for path, _ in found.values()]
    compare_beside(walks[:1], cards[:1], dynamics[0], *paths[:4], last=20, samples=100, seed=0)
    walk_map([dynamics[1]], walks[:1], cards[:1], dynamics[0], paths[4])
    compare_isomers(walks, cards, dynamics, paths[5], samples=100, seed=0)
    summarise_walks(
        cards[:1], paths[:1], folder / "card.csv", study="tests", energies=[paths[2]], isomers=[paths[5]], maps=[paths[4]]
    )  # fmt: skip
    read = {name: pd.read_csv(path) for name, (path, _) in found.items()}
    assert all(list(read[name]) == list(columns) for name, (_, columns) in found.items())
    return read | {"card": pd.read_csv(folder / "card.csv")}


def test_bonds_and_angles(tables):
    geometry, curves = tables["geometry"], tables["curves"]
    assert set(geometry["part"]) == {"whole walk", "last 20 steps"}
    assert geometry.loc[geometry["part"] == "last 20 steps", "steps"].eq(20).all()
    for _, one in curves.groupby("coordinate"):
        assert np.trapezoid(one["walk"], one["value"]) == pytest.approx(1, abs=0.02)
    assert (geometry.loc[geometry["unit"] == "angstrom", "shift"].abs() < 0.05).all()  # without the ladder's chain


def test_differences_of_energy(tables, folder):
    """Of independent draws, by sqrt(2) more than their spread; of f harmonic degrees of freedom, k_B T sqrt(f)."""
    energies = tables["energies"].set_index("apart")
    for apart in ("next", "half the length"):
        assert energies.loc[apart, "walk_sd_ev"] == pytest.approx(np.sqrt(2) * HARD, rel=0.2)
        assert energies.loc[apart, "dynamics_sd_ev"] == pytest.approx(np.sqrt(2) * SOFT, rel=0.2)
    far = energies.loc["half the length"]
    assert far["dynamics_harmonic_ev"] == pytest.approx(kB * 300 * np.sqrt(3 * 24 - 6))
    assert far["walk_harmonic_ev"] == pytest.approx(kB * 300 * np.sqrt(3 * 24 - 6 - 32))
    assert abs(far["walk_drift_ev"]) < 0.1
    for _, one in tables["energy_curves"].groupby("coordinate"):
        for name in ("walk", "dynamics"):
            assert np.trapezoid(one[name], one["value"]) == pytest.approx(1, abs=0.02)
    walked = read_walked(folder / "au38_sch3_24_q_cool300.walk.extxyz", folder / "au38_sch3_24_q_cool300.walk.csv")
    assert walked.positions.shape == (STEPS // EVERY, CHAINS, 24, 3)
    assert (walked.energies_ev.shape, walked.every) == ((STEPS, CHAINS), EVERY)
    jumps = (
        walked.energies_ev + np.repeat(np.arange(STEPS // EVERY), EVERY)[:, None]
    )  # after each frame, by an exchange
    swapped = replace(walked, energies_ev=jumps, exchanged=np.ones((STEPS // EVERY, CHAINS), dtype=bool))
    assert swapped.next_changes().shape == ((STEPS - STEPS // EVERY) * CHAINS,)
    assert swapped.next_changes().std() == pytest.approx(np.sqrt(2) * HARD, rel=0.2)
    assert replace(swapped, exchanged=walked.exchanged).next_changes().size == (STEPS - 1) * CHAINS
    frozen = replace(walked, energies_ev=0 * walked.energies_ev)
    rows, drawn = energy_differences(frozen, np.zeros(10), 24)
    assert rows[0]["walk_sd_ev"] == 0
    assert np.isfinite([row["walk"] for row in drawn]).all()


@pytest.mark.parametrize(("name", "rows"), [("Ag-Au-S-Ag-Au", 4), ("Au-S-Au", 4), ("S-Ag-Au-S", 0), ("S-Au-S", 0)])
def test_side_peaks_are_of_angles_at_sulfur(name, rows):
    one = {
        "unit": "degree",
        "coordinate": name,
        "walker": "w",
        "run": "r",
        "part": "whole walk",
        "effective_samples": 9,
    }
    one |= {f"{source}_side_{what}": 0.5 for source in ("walk", "dynamics") for what in ("peak", "height")}
    assert len(_side_peaks("s", one)) == rows


def test_isomers_beside_each_other(tables):
    isomers = tables["isomers"]
    assert set(isomers["source"]) == {"dynamics", WALKER}
    assert set(isomers["first"]) == {"au38_sch3_24_q"}
    bonds = isomers[isomers["coordinate"] == "S-C"]
    assert bonds["shift"].to_numpy() == pytest.approx([0.018, 0.018], abs=0.015)
    assert bonds["wasserstein"].to_numpy() == pytest.approx([0.018, 0.018], abs=0.008)
    angles = isomers[isomers["unit"] == "degree"]
    assert (angles["shift_low"] <= 0).all()


def test_a_map_of_walks(tables):
    places = tables["map"]
    counts = places["source"].value_counts()
    assert counts.to_dict() == {"training": 400, "dynamics": 400, WALKER: CHAINS * STEPS // EVERY}
    centres = places.groupby("source")[["pc1", "pc2"]].mean()
    spread = places.loc[places["source"] == "dynamics", "pc1"].std()
    assert abs(centres.loc[WALKER, "pc1"] - centres.loc["dynamics", "pc1"]) < spread  # both stretched alike
    walk = places[places["source"] == WALKER]
    assert walk["step"].min() == EVERY
    assert walk["step"].max() == STEPS
    outside = places.groupby("source")["outside"].mean()
    assert outside["training"] == 0
    assert 0 < outside["dynamics"] < 1  # its frames are drawn as the training's, a hundredth longer


def test_the_scorecard(tables):
    card, geometry = tables["card"], tables["geometry"]
    assert list(card) == list(COLUMNS)
    assert {
        "peak_shift", "wasserstein", "effective_samples_per_core_hour", "outside_share", "chain_length", "rate_over_paper", "exchanged",
        "energy_difference_sd", "energy_difference_over_harmonic", "energy_drift", "isomer_shift", "isomer_wasserstein",
        "side_peak_height",
    } <= set(card["quantity"])  # fmt: skip
    whole = geometry[geometry["part"] == "whole walk"].set_index("coordinate")

    def value(quantity, subject=WALKER, column="ours"):
        return card[(card["quantity"] == quantity) & (card["subject"] == subject)][column].iloc[0]

    expected = whole.loc["S-Au", "effective_samples"] / (STEPS * 0.01 / 3600)
    assert value("effective_samples_per_core_hour", f"{WALKER}: S-Au") == pytest.approx(expected)
    assert value("chain_length", f"{WALKER}: S-Au") == pytest.approx(STEPS / whole.loc["S-Au", "autocorrelation_steps"])
    assert 0 < value("outside_share", "dynamics") < 1
    assert value("steps_per_core_hour") == pytest.approx(CHAINS * 360_000)
    assert value("steps_per_core_hour", column="paper") == pytest.approx(10_000 / 29)
    assert value("rate_over_paper") == pytest.approx(CHAINS * 360_000 / (10_000 / 29))
    assert np.isnan(value("peak_shift", f"{WALKER}: Au-Au", "paper"))  # of all gold, where the paper looks at the core
    assert value("refresh_difference") == pytest.approx(3e-9)
    assert value("peak_shift", f"{WALKER}: S-Au-S", "paper") == -20
    told = card.groupby("quantity")["better"].unique()
    assert {name: list(told[name]) for name in ("peak_shift", "energy_drift", "wasserstein")} == {
        "peak_shift": ["zero"], "energy_drift": ["zero"], "wasserstein": ["lower"],
    }  # fmt: skip


def test_the_papers_gold_is_that_of_the_core(tables, folder):
    geometry = tables["geometry"].replace({"coordinate": {"Au-Au": "core Au-Au"}})
    for walker, better in ((WALKER, "zero"), (WALKERS["corrected"], "nearer")):
        geometry.assign(walker=walker).to_csv(folder / "core.csv", index=False)
        walk = pd.read_csv(folder / "au38_sch3_24_q_cool300.walk.csv").assign(walker=walker)
        walk.to_csv(folder / "core.walk.csv", index=False)
        summarise_walks([folder / "core.walk.csv"], [folder / "core.csv"], folder / "core.card.csv", study="tests")
        card = pd.read_csv(folder / "core.card.csv").set_index(["quantity", "subject", "split"])
        row = card.loc["peak_shift", f"{walker}: core Au-Au", "whole walk"]
        assert (row["paper"], row["better"]) == (0.057, better)
