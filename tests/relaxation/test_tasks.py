import numpy as np
import pandas as pd
import pytest
from ase import Atoms
from scipy.spatial.transform import Rotation

from auric.errors import InputError, StructureError
from auric.files import read_frames, write_frames
from auric.potential import LinearCalculator
from auric.reference import XtbEngine, XtbSettings
from auric.relaxation import (
    energy_recovered,
    heavy_rmsd,
    relax_rings,
    relax_run,
    relax_stretched,
    relax_ways,
    relaxation_rows,
    rings_of_model,
    stretched_of_run,
    summarise_relaxations,
    train_directed,
    turned_over,
    twist_degree,
)
from auric.relaxation.tasks import COLUMNS, TRACE_COLUMNS
from auric.scorecard import COLUMNS as SCORECARD
from auric.structures import build_ring

SETTINGS = {"starts": 1, "schemes": ["full"], "fmax_ev_angstrom": 0.2, "steps": 30, "max_spread_ev": None}


@pytest.fixture(scope="module")
def ring_model(tmp_path_factory):
    """A potential of Au3(SH)3 from a few displaced frames, and the file of a run."""
    folder = tmp_path_factory.mktemp("ring")
    engine, rng, frames = XtbEngine(XtbSettings()), np.random.default_rng(1), []
    ring = build_ring(3)
    for number in range(24):
        frame = Atoms(ring.symbols, ring.positions + rng.normal(scale=0.06, size=(9, 3)))
        labels = engine.label(frame, 0, 1)
        frame.info |= {"energy_ev": labels.energy_ev, "run": f"r{number // 12}", "system": "tiny", "step": number}
        frame.info |= {"name": f"f{number}", "charge": 0, "multiplicity": 1}
        frame.arrays["forces_ev_angstrom"] = labels.forces_ev_angstrom
        frames.append(frame)
    from auric.potential import LinearPotential, LinearSettings

    LinearPotential.fit(frames, settings=LinearSettings(folds=2)).save(folder / "linear.npz")
    write_frames(folder / "train.extxyz", frames)
    train_directed(
        [folder / "train.extxyz"],
        folder / "directed.npz",
        settings={"norm_references": 20, "direction_references": 20},
        study="t",
    )
    write_frames(folder / "run.extxyz", frames[:6])
    return folder


def test_a_run_is_relaxed_in_all_ways_and_resumes(ring_model, tmp_path):
    def run(folder):
        folder.mkdir(exist_ok=True)
        relax_run(
            ring_model / "run.extxyz", ring_model / "linear.npz", folder / "table.csv", folder / "ends.extxyz",
            folder / "traces.csv", folder / "failures.csv",
            settings=SETTINGS | {"schemes": ["full", "shell"]}, xtb={}, store=tmp_path / "store",
            directed=ring_model / "directed.npz",
        )  # fmt: skip
        return pd.read_csv(folder / "table.csv")

    table = run(tmp_path / "one")
    assert list(table.columns) == list(COLUMNS)
    assert len(table) == 7 == len(read_frames(tmp_path / "one/ends.extxyz"))
    assert set(table["method"]) == {
        "bfgs", "bfgs, softer start", "precon_lbfgs", "linear, full", "thesis's forces, full", "linear, then bfgs", "hybrid"
    }, "a ring has no core to hold"  # fmt: skip
    traces = pd.read_csv(tmp_path / "one/traces.csv")
    assert tuple(traces.columns) == TRACE_COLUMNS
    for row in table.to_dict("records"):
        mine = traces[traces["method"] == row["method"]]
        assert mine["energy_ev"].iloc[0] == pytest.approx(row["start_ev"], abs=1e-5)
        calls = row["coarse_calls"] if row["uses"] == "potential alone" else row["reference_calls"]
        assert mine["call"].max() == calls - 1
    thesis = table[table["method"] == "thesis's forces, full"].iloc[0]
    assert thesis["verdict"] != "converged"
    assert thesis["rise_ev"] >= 0
    first = table[table["method"] == "bfgs"]
    assert (first["energy_recovered"] == 1).all()
    assert (first["rmsd_to_reference_angstrom"] < 1e-6).all()
    assert (table[table["uses"] == "potential alone"]["reference_calls"] == 0).all()
    hybrid = table[table["method"] == "hybrid"]
    assert (hybrid["verdict"] == "converged").all()
    assert (hybrid["energy_ev"] < hybrid["start_ev"]).all()
    points = sorted((tmp_path / "store").rglob("*.npz"))
    pd.testing.assert_frame_equal(
        run(tmp_path / "two").drop(columns="coarse_core_seconds"), table.drop(columns="coarse_core_seconds")
    )
    assert sorted((tmp_path / "store").rglob("*.npz")) == points

    summarise_relaxations([tmp_path / "one/table.csv"], tmp_path / "card.csv", study="test", samples=100, seed=0)
    card = pd.read_csv(tmp_path / "card.csv")
    assert list(card.columns) == list(SCORECARD)
    assert {"energy_recovered", "reference_calls_saved", "rmsd_to_reference"} <= set(card["quantity"])


def test_elements_that_were_not_learned_are_refused_before_anything_is_computed(ring_model, tmp_path):
    frame = build_ring(3, "CH3")
    frame.info |= {"charge": 0, "multiplicity": 1}
    write_frames(tmp_path / "run.extxyz", [frame])
    with pytest.raises(InputError, match="has not learned C, only H, S, Au"):
        relax_run(
            tmp_path / "run.extxyz", ring_model / "linear.npz", tmp_path / "t.csv", tmp_path / "e.extxyz", tmp_path / "p.csv", tmp_path / "f.csv",
            settings=SETTINGS, xtb={}, store=tmp_path / "store",
        )  # fmt: skip
    row = {"system": "s", "structure": "a", "builder": "ring", "recipe": "n=3 R=CH3", "charge": 0, "multiplicity": 1}
    with pytest.raises(InputError, match="has not learned C"):
        stretched_of_run(
            row, ring_model / "linear.npz", tmp_path / "t.csv", settings=SETTINGS, xtb={}, store=tmp_path / "store"
        )
    assert not (tmp_path / "store").exists()


def test_a_start_that_cannot_be_relaxed_leaves_its_reason(ring_model, tmp_path):
    frames = read_frames(ring_model / "run.extxyz")[:2]
    frames[0].info["multiplicity"] = 2
    write_frames(tmp_path / "run.extxyz", frames)
    relax_run(
        tmp_path / "run.extxyz", ring_model / "linear.npz", tmp_path / "t.csv", tmp_path / "e.extxyz", tmp_path / "p.csv", tmp_path / "f.csv",
        settings=SETTINGS | {"starts": 2, "fmax_ev_angstrom": 1.0}, xtb={}, store=tmp_path / "store",
    )  # fmt: skip
    failed = pd.read_csv(tmp_path / "f.csv")
    assert list(failed["frame"]) == ["f0"]
    assert len(failed["reason"][0]) > 10
    assert set(pd.read_csv(tmp_path / "t.csv")["step"]) == {1}


def test_ways_take_a_limit_of_the_spread(springs, tetrahedron, learned):
    rows = [
        row for row, _, _ in relax_ways(tetrahedron, learned, springs(length=2.6), SETTINGS | {"max_spread_ev": 1e-9})
    ]
    assert "domain" in next(row for row in rows if row["method"] == "linear, then bfgs")["note"]


def test_rings_tell_their_twist(ring_model):
    from auric.potential import LinearPotential

    coarse = LinearCalculator(LinearPotential.load(ring_model / "linear.npz"))
    reference = XtbEngine(XtbSettings()).calculator(0, 1)
    rows, ends = relax_rings([3], coarse, reference, ligand="H", fmax_ev_angstrom=0.3)
    assert [row["stage"] for row in rows] == ["reference", "potential", "potential, then reference", "hybrid"]
    assert rows[2]["energy_ev"] <= rows[1]["energy_ev"]
    assert rows[3]["verdict"] == "converged"
    assert len(ends) == 4


def test_rings_of_a_model_are_written(ring_model, tmp_path):
    rings_of_model(
        ring_model / "linear.npz", tmp_path / "t.csv", tmp_path / "e.extxyz",
        settings=SETTINGS | {"ring_sizes": [3], "starts": 2, "fmax_ev_angstrom": 2.0}, seed=0, xtb={}, store=tmp_path / "store",
    )  # fmt: skip
    assert len(pd.read_csv(tmp_path / "t.csv")) == len(read_frames(tmp_path / "e.extxyz")) == 8


def test_a_twist_is_a_hand():
    ring = build_ring(4, "CH3")
    assert twist_degree(ring) == pytest.approx(0, abs=1e-6)
    ring.rattle(0.2, seed=3)
    twist = twist_degree(ring)
    assert abs(twist) > 0.5
    mirrored = Atoms(ring.symbols, ring.positions * [1, 1, -1])
    assert twist_degree(mirrored) == pytest.approx(-twist)
    order = np.random.default_rng(0).permutation(len(ring))
    turned = Atoms(ring.symbols, ring.positions @ Rotation.random(rng=np.random.default_rng(5)).as_matrix().T)[order]
    assert twist_degree(turned) == pytest.approx(twist)
    assert turned_over(5.0, -5.0)
    assert not turned_over(5.0, 4.0)
    assert not turned_over(5.0, -1.0)


def test_a_stretched_unit_is_let_go(au38, springs):
    """On springs between bonded atoms alone, the unit comes back."""
    from ase.calculators.calculator import Calculator, all_changes
    from ase.neighborlist import neighbor_list

    first, second = (neighbor_list(side, au38, 3.2) for side in "ij")
    lengths = np.linalg.norm(au38.positions[first] - au38.positions[second], axis=1)

    class Network(Calculator):
        implemented_properties = ["energy", "forces"]  # noqa: RUF012

        def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
            super().calculate(atoms, properties, system_changes)
            away = self.atoms.positions[first] - self.atoms.positions[second]
            distance = np.linalg.norm(away, axis=1)
            forces = np.zeros((len(self.atoms), 3))
            np.add.at(forces, first, -(2 * (distance - lengths) / distance)[:, None] * away)
            self.results = {"energy": float(((distance - lengths) ** 2).sum() / 2), "forces": forces}

    rows, best = relax_stretched(au38, Network(), Network(), max_steps_angstrom=(0.1,), steps=60)
    assert [row["method"] for row in rows] == ["reference", "potential", "hybrid"]
    assert best.energy_ev < 0.05 * rows[0]["start_ev"]
    assert rows[1]["energy_recovered"] > 0.9
    assert rows[2]["energy_recovered"] > 0.9


def test_judging():
    assert energy_recovered(2.0, 1.2, 1.0) == pytest.approx(0.8)
    with pytest.raises(InputError, match="the reference gained 0 eV"):
        energy_recovered(1.0, 1.0, 1.0)
    atoms = build_ring(4)
    turned = Atoms(atoms.symbols, atoms.positions @ Rotation.from_rotvec([0.3, 1, 0]).as_matrix() + 5)
    assert heavy_rmsd(atoms, turned) == pytest.approx(0, abs=1e-9)
    moved = atoms.copy()
    moved.positions[0] += [0, 0, 0.3]
    assert heavy_rmsd(atoms, moved, only=[0]) == pytest.approx(0.3)
    assert heavy_rmsd(atoms, moved, only=[0, 1, 9]) == pytest.approx(0.3 / 2**0.5), "hydrogen does not count"
    with pytest.raises(InputError, match="not the same atoms"):
        heavy_rmsd(atoms, build_ring(5))
    with pytest.raises(InputError, match="nothing but hydrogen"):
        heavy_rmsd(atoms, moved, only=[9])
    two = atoms.copy()
    two.translate([30, 0, 0])
    with pytest.raises(StructureError, match="2 gold-thiolate rings"):
        twist_degree(atoms + two)


def test_what_was_saved_is_counted_against_the_fewest_calls():
    base = {"system": "x", "run": "r", "start_ev": 0.0, "energy_recovered": 1.0, "rmsd_to_reference_angstrom": 0.1}
    rows = []
    for step, calls in enumerate((5, 20, 10)):
        for method, uses, number, verdict, energy in (
            ("bfgs", "reference alone", 40, "converged", -1.0), ("precon_lbfgs", "reference alone", 80, "converged", -1.01),
            ("hybrid", "both", calls, "stalled" if step == 2 else "converged", -1.0 if step else -0.9),
        ):  # fmt: skip
            told = {
                "step": step,
                "method": method,
                "uses": uses,
                "reference_calls": number,
                "verdict": verdict,
                "reference_core_seconds": 2.0 * number,
                "coarse_core_seconds": 10.0 if uses == "both" else 0.0,
            }
            rows.append(base | told | {"energy_ev": energy})
    made = {row["quantity"]: row for row in relaxation_rows(pd.DataFrame(rows), study="s", samples=50, seed=0)}
    assert made["reference_calls_saved"]["ours"] == pytest.approx((8 * 2 * 40 / 50) ** (1 / 3))
    assert made["core_seconds_saved"]["ours"] == pytest.approx((80 / 20 * 80 / 50 * 80 / 110) ** (1 / 3))
    assert made["ends_as_low_share"]["ours"] == pytest.approx(2 / 3)
