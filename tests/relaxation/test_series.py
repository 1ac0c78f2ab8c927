"""Learning on the way, and relaxing at a better level by way of a cheap one."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from ase import Atoms

from auric.errors import InputError, StructureError
from auric.files import read_frames, write_frames
from auric.potential import Correction, LinearSettings
from auric.reference import Labels
from auric.relaxation import (
    RelaxationSettings,
    better_of_run,
    one_way_of_run,
    relax,
    relax_at_better_level,
    relax_series,
    relaxation_rows,
    series_of_runs,
    summarise_relaxations,
)
from auric.relaxation.better import BEFORE, CORRECTED
from auric.relaxation.names import WAYS
from auric.relaxation.rules import WAY_COLUMNS
from auric.relaxation.series import SERIES_COLUMNS
from auric.relaxation.summary import series_rows
from auric.relaxation.tasks import COARSE, COLUMNS, REFERENCE, TRACE_COLUMNS, Way, tell

FINE = 0.01


def starts_of(tetrahedron, count):
    rng = np.random.default_rng(3)
    starts = []
    for number in range(count):
        start = Atoms(tetrahedron.symbols, tetrahedron.positions + rng.normal(scale=0.15, size=(4, 3)))
        start.info = {
            "system": "four",
            "run": f"r{number % 2}",
            "step": number,
            "charge": 0,
            "multiplicity": 1,
            "name": f"f{number}",
        }
        starts.append(start)
    return starts


@pytest.fixture
def correction(springs, tetrahedron):
    """Learned from displaced frames: springs of another length and strength, less those of the cheap level."""
    rng, both = np.random.default_rng(1), ([], [])
    for number in range(60):
        positions = tetrahedron.positions + rng.normal(scale=0.2, size=(4, 3))
        for frames, method, calculator in zip(both, ("cheap", "better"), (springs(), springs(2.6, 3.0)), strict=True):
            frame = Atoms(tetrahedron.symbols, positions)
            frame.calc = calculator
            forces, energy = frame.get_forces(), frame.get_potential_energy()
            frame.calc = None
            frame.info |= {"energy_ev": energy, "run": f"run{number // 15}", "name": f"f{number}", "engine": "springs"}
            frame.info |= {"method": method, "basis": "none"}
            frame.arrays["forces_ev_angstrom"] = forces
            frames.append(frame)
    return Correction.fit(*both, settings=LinearSettings(folds=2))


def test_a_series_learns_from_its_own_points_and_saves_calls(springs, tetrahedron):
    starts = starts_of(tetrahedron, 6)
    rows, ends = relax_series(starts, lambda start: springs(), fmax_ev_angstrom=FINE, settings=LinearSettings(folds=2))
    alone = [relax(start, springs(), RelaxationSettings(fmax_ev_angstrom=FINE)) for start in starts]
    assert {row["verdict"] for row in rows} == {"converged"}
    assert rows[0]["reference_calls"] == alone[0].calls, "the first start goes by the reference alone"
    assert rows[0]["labels"] == 0
    assert rows[1]["labels"] == alone[0].calls
    assert sum(row["reference_calls"] for row in rows) < 0.7 * sum(way.calls for way in alone)
    assert [row["energy_ev"] for row in rows] == pytest.approx([way.energy_ev for way in alone], abs=1e-3)
    assert len(ends) == 6


def test_a_start_that_cannot_be_relaxed_stops_no_other(springs, tetrahedron):
    first, lost, last = starts_of(tetrahedron, 3)
    lost.positions[1] = lost.positions[0] + 0.01
    rows, ends = relax_series([first, lost, last], lambda start: springs(), fmax_ev_angstrom=FINE)
    assert [row["verdict"] for row in rows] == ["converged", "stalled", "converged"]
    assert np.isnan(rows[1]["energy_ev"])
    assert rows[1]["note"]
    assert len(ends) == 2


def test_a_start_that_is_relaxed_has_no_share_of_a_gain(springs, tetrahedron):
    relaxed = relax(tetrahedron, springs(), RelaxationSettings(fmax_ev_angstrom=1e-3)).atoms
    made = relax(relaxed, springs())
    rows = [row for row, _, _ in tell(relaxed, [Way("bfgs", REFERENCE, made), Way("one", COARSE, made)], springs())]
    assert [row["verdict"] for row in rows] == ["converged"] * 2
    assert np.isnan([row["energy_recovered"] for row in rows]).all()
    table = pd.DataFrame([{"system": "x", "run": "r", "step": 0} | row for row in rows])
    card = {row["quantity"]: row["ours"] for row in relaxation_rows(table, study="s", samples=20, seed=0)}
    assert "energy_recovered" not in card
    assert card["converged_share"] == 1


def test_each_way_has_a_cheap_level_of_its_own(springs, tetrahedron, correction):
    """One that remembers another way would answer a little otherwise, and ask the better level for other points."""
    made = []

    def cheap():
        made.append(springs())
        return made[-1]

    relax_at_better_level(tetrahedron, cheap, correction, springs(2.6, 3.0), {"fmax_ev_angstrom": FINE})
    assert len(made) == len(WAYS) - 3


def test_too_few_points_are_not_learned_from(springs, tetrahedron):
    """A start that is all but relaxed gives one point; the next one goes by the reference alone again."""
    relaxed = relax(tetrahedron, springs(), RelaxationSettings(fmax_ev_angstrom=1e-3)).atoms
    rows, _ = relax_series([relaxed, relaxed], lambda start: springs(), fmax_ev_angstrom=FINE)
    assert [row["labels"] for row in rows] == [0, 0]


def test_series_of_runs_takes_turns(springs, tetrahedron, tmp_path, monkeypatch):
    starts = starts_of(tetrahedron, 4)
    for run in ("r0", "r1"):
        write_frames(tmp_path / f"{run}.extxyz", [start for start in starts if start.info["run"] == run])
    monkeypatch.setattr("auric.relaxation.rules._reference", lambda start, xtb, store: springs())
    series_of_runs(
        [tmp_path / "r0.extxyz", tmp_path / "r1.extxyz"], tmp_path / "t.csv", tmp_path / "e.extxyz",
        settings={"starts": 2, "fmax_ev_angstrom": 0.1}, xtb={}, store=tmp_path,
    )  # fmt: skip
    table = pd.read_csv(tmp_path / "t.csv")
    assert tuple(table.columns) == SERIES_COLUMNS
    assert table["run"].tolist() == ["r0", "r1", "r0", "r1"]
    assert len(read_frames(tmp_path / "e.extxyz")) == 4


def test_a_corrected_level_costs_the_better_one_fewer_calls(springs, tetrahedron, correction):
    told = relax_at_better_level(tetrahedron, springs, correction, springs(2.6, 3.0), {"fmax_ev_angstrom": FINE})
    rows = {row["method"]: row for row, _, _ in told}
    assert {row["verdict"] for row in rows.values()} == {"converged"}
    ends = [row["energy_ev"] for row in rows.values()]
    assert ends == pytest.approx([ends[0]] * len(ends), abs=1e-3)
    assert rows[CORRECTED]["reference_calls"] < rows["cheap, then bfgs"]["reference_calls"]
    assert rows[CORRECTED]["labels"] == 60
    assert rows["cheap, then bfgs"]["uses"] == BEFORE
    for row, _, trace in told:
        assert min(point["energy_ev"] for point in trace) == pytest.approx(row["energy_ev"], abs=1e-3)
    table = pd.DataFrame([{"system": "four", "run": "r", "step": 0} | row for row in rows.values()])
    quantities = {(row["subject"], row["quantity"]) for row in relaxation_rows(table, study="s", samples=50, seed=0)}
    assert (CORRECTED, "calls_saved_over_cheap_first") in quantities
    assert ("cheap, then bfgs", "reference_calls_saved") in quantities


def test_a_better_level_has_a_table_of_its_own(springs, tetrahedron, correction, tmp_path, monkeypatch):
    class Engine:
        name = "springs"

        def identity(self):
            return {"engine": self.name}

        def check(self, symbols):
            pass

        def label(self, atoms, charge, multiplicity, *, start=None):
            copy = Atoms(atoms.numbers, atoms.positions)
            copy.calc = springs(2.6, 3.0)
            return Labels(copy.get_potential_energy(), copy.get_forces(), None, {})

    made = {"gfn1-xtb": SimpleNamespace(), "better": Engine()}
    monkeypatch.setattr("auric.relaxation.rules.make_engine", lambda name, settings, **_: made[name])
    monkeypatch.setattr("auric.relaxation.rules.engine_calculator", lambda *_: springs())
    correction.save(tmp_path / "correction.npz")
    starts = starts_of(tetrahedron, 3)
    starts[1].positions[1] = starts[1].positions[0] + 0.1
    write_frames(tmp_path / "run.extxyz", starts)
    files = [tmp_path / name for name in ("t.csv", "e.extxyz", "p.csv", "f.csv")]
    settings = {"starts": 3, "fmax_ev_angstrom": FINE}
    more = {"engine": "better", "engine_settings": {}, "xtb": {}, "store": tmp_path / "store"}
    asked = []
    monkeypatch.setattr(
        Engine, "label", lambda self, *rest, label=Engine.label, **how: (asked.append(1), label(self, *rest, **how))[1]
    )
    went = {}
    for way in WAYS:
        one_way_of_run(
            tmp_path / "run.extxyz", tmp_path / "correction.npz", tmp_path / "w.csv", way=way, settings=settings, **more
        )
        went[way] = pd.read_csv(tmp_path / "w.csv")
        assert tuple(went[way].columns) == WAY_COLUMNS
        assert went[way]["step"].tolist() == [0, 1, 2]
        assert "overlap" in went[way]["note"][1]
    asked.clear()
    better_of_run(tmp_path / "run.extxyz", tmp_path / "correction.npz", *files, settings=settings, **more)
    table, failed = pd.read_csv(files[0]), pd.read_csv(files[3])
    assert not asked, "all points of the ways were kept"
    for step, rows in table.groupby("step"):
        alone = [told.set_index("step").loc[step] for told in went.values()]
        assert rows["method"].tolist() == [told["method"] for told in alone]
        assert rows["reference_calls"].tolist() == [told["calls"] for told in alone]
    assert tuple(table.columns) == COLUMNS
    assert tuple(pd.read_csv(files[2]).columns) == TRACE_COLUMNS
    assert set(table["system"]) == {"four, better"}
    assert "overlap" in failed["reason"][0], "and the other starts go on"
    assert set(table["step"]) == {0, 2}
    starts[0].symbols = "Ag4"
    write_frames(tmp_path / "run.extxyz", starts[:1])
    with pytest.raises(InputError, match="has not learned Ag, only Au"):
        better_of_run(tmp_path / "run.extxyz", tmp_path / "correction.npz", *files, settings=settings, **more)


def test_forces_that_lead_upwards_are_told_by_the_reference(springs, tetrahedron):
    """By their own word they have stalled, for they know no energy."""
    plain = relax(tetrahedron, springs())
    blind = relax(tetrahedron, springs(curl=1.5, without_energy=True), RelaxationSettings(steps=80))
    blind = replace(blind, verdict="stalled")
    told = tell(tetrahedron, [Way("bfgs", REFERENCE, plain), Way("blind", COARSE, blind, traced=True)], springs())
    row, _, trace = told[1]
    assert row["verdict"] == "rising"
    assert row["rise_ev"] == pytest.approx(trace[-1]["energy_ev"] - min(point["energy_ev"] for point in trace))
    assert row["rise_ev"] > 0.01
    assert row["lowest_recovered"] > row["energy_recovered"], "it had been lower, and did not know"
    assert [point["call"] for point in trace] == [0, 3, 6, 12, 25, 50, blind.calls - 1]


def test_a_way_that_leads_to_nowhere_costs_no_other(springs, tetrahedron):
    """Learned forces led to a structure that the reference cannot compute: that way has recovered nothing, the others stand."""

    class Limited(springs):
        def calculate(self, atoms=None, *args, **kwargs):
            if np.ptp(atoms.positions) > 50:
                raise StructureError("atoms 1 and 2 lie on one place; remove one")
            super().calculate(atoms, *args, **kwargs)

    plain = relax(tetrahedron, springs())
    apart = tetrahedron.copy()
    apart.positions *= 40
    lost = replace(plain, atoms=apart, positions=[tetrahedron.positions, apart.positions], energies_ev=[])
    ways = [Way("bfgs", REFERENCE, plain), Way("lost", COARSE, lost, traced=True), Way("good", COARSE, plain)]
    rows = [row for row, _, _ in tell(tetrahedron, ways, Limited())]
    assert [row["verdict"] for row in rows] == ["converged", "rising", "converged"]
    assert np.isnan(rows[1]["energy_ev"])
    assert "no answer" in rows[1]["note"]
    table = pd.DataFrame([{"system": "x", "run": "r", "step": 0} | row for row in rows])
    card = {
        (row["subject"], row["quantity"]): row["ours"] for row in relaxation_rows(table, study="s", samples=20, seed=0)
    }
    assert card["lost", "energy_recovered"] == 0
    assert card["good", "energy_recovered"] == pytest.approx(1)


def test_a_start_that_the_reference_cannot_compute_is_refused(springs, tetrahedron):
    class Never(springs):
        def calculate(self, *args, **kwargs):
            raise StructureError("atoms 1 and 2 lie on one place; remove one")

    with pytest.raises(StructureError, match="remove one"):
        relax(tetrahedron, Never())


def test_what_a_series_saved_counts_every_call(tmp_path):
    starts = pd.DataFrame([{"system": "x", "run": "r", "step": step} for step in range(5)])
    calls = pd.Series([100, 30, 20, 10, 40])
    told = {"start_ev": 0.0, "energy_recovered": 1.0, "rmsd_to_reference_angstrom": 0.0, "coarse_core_seconds": 0.0,
            "rise_ev": None, "labels": 0, "note": "", "verdict": "converged", "energy_ev": -1.0}  # fmt: skip
    alone = starts.assign(
        method="bfgs", uses="reference alone", reference_calls=100, reference_core_seconds=200.0, **told
    )
    other = alone.assign(method="hybrid", uses="both", reference_calls=50, labels=300)
    series = starts.assign(
        method="s", reference_calls=calls, reference_core_seconds=2.0 * calls, learning_core_seconds=20.0, **told
    )
    series.loc[4, "energy_ev"] = -0.9
    rings = pd.DataFrame(
        {"n": 4, "seed": [0, 0], "stage": ["reference", "hybrid"], "energy_ev": [-2.0, -2.1], "turned_over": False}
    )
    pulled = pd.DataFrame({
        "system": "x", "structure": "q", "place": "end", "method": ["reference", "potential", "hybrid"], "max_step_angstrom": [0.2, 0.05, 0.1],
        "verdict": "converged", "energy_recovered": [1.0, 0.9, 1.1], "rmsd_to_reference_angstrom": [0, 0.1, 0.1], "calls": [80, 99, 8],
    })  # fmt: skip
    run = [Atoms("Au", info={"system": "x", "step": step}) for step in (3, 900)]
    write_frames(tmp_path / "training.extxyz", run)
    for name, table in {"a": pd.concat([alone, other]), "s": series, "r": rings, "p": pulled}.items():
        table.to_csv(tmp_path / f"{name}.csv", index=False)
    summarise_relaxations(
        [tmp_path / "a.csv"], tmp_path / "card.csv", study="s", samples=200, seed=0, rings={"x": tmp_path / "r.csv"},
        stretched=[tmp_path / "p.csv"], series=[tmp_path / "s.csv"], training=[tmp_path / "training.extxyz"],
    )  # fmt: skip
    card = pd.read_csv(tmp_path / "card.csv").set_index(["subject", "quantity"])["ours"]
    assert card["s", "reference_calls_saved"] == pytest.approx(500 / 200)
    assert card["s", "core_seconds_saved"] == pytest.approx(1000 / (400 + 100))
    assert card["s", "ends_as_low_share"] == pytest.approx(4 / 5)
    assert card["hybrid, frames learned from", "starts_to_repay"] == pytest.approx(300 / 50)
    assert card["hybrid, steps of dynamics", "starts_to_repay"] == pytest.approx(900 / 50)
    assert card["4 gold, hybrid", "energy_above_reference"] == pytest.approx(-0.1)
    assert card["hybrid", "calls_saved_over_bfgs"] == pytest.approx(10)
    assert card["potential, step 0.05", "energy_recovered"] == pytest.approx(0.9)


def test_a_series_is_charged_for_what_failed():
    starts = pd.DataFrame([{"system": "x", "run": "r", "step": step} for step in range(4)])
    told = {"reference_core_seconds": 1.0, "energy_ev": -1.0}
    alone = starts.assign(method="bfgs", uses="reference alone", reference_calls=50, verdict="converged", **told)
    alone.loc[[0, 3], "verdict"] = (
        "stalled"  # what the first start cost is paid for all the same; the last is compared with nothing
    )
    verdicts = ["converged", "stalled", "converged", "converged"]
    series = starts.assign(
        method="s",
        reference_calls=[70, 5, 10, 10],
        verdict=verdicts,
        coarse_core_seconds=0.0,
        learning_core_seconds=0.0,
        **told,
    )
    rows = {row["quantity"]: row for row in series_rows(series, alone, study="s", samples=20, seed=0)}
    assert rows["reference_calls_saved"]["ours"] == pytest.approx((70 + 50 + 50) / (70 + 5 + 50 + 10))
    assert rows["converged_share"]["ours"] == pytest.approx(2 / 3)
    assert rows["reference_calls_saved"]["n"] == 3
