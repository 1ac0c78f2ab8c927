"""Trial moves of single blocks, labelled."""

import numpy as np
import pandas as pd
import pytest
from ase import Atoms

from auric.errors import InputError, ScfError
from auric.files import read_frames, write_frames
from auric.reference import MoveSettings, XtbEngine, XtbSettings, trial_moves
from auric.reference.trials import trial_moves_of_run
from auric.structures import build_ring, moving_blocks

ENGINE = XtbEngine(XtbSettings())


def _run(path: str, atoms: Atoms, frames: int = 3) -> str:
    rng = np.random.default_rng(0)
    made = []
    for step in range(frames):
        frame = Atoms(atoms.symbols, atoms.positions + rng.normal(0, 0.01, atoms.positions.shape))
        label = ENGINE.label(frame, 0, 1)
        frame.info = {
            "name": f"ring_{step}", "structure": "ring", "run": "ring_test", "system": "rings", "role": "test", "step": step,
            "charge": 0, "multiplicity": 1, "energy_ev": label.energy_ev, "temperature_k": 300.0,
        }  # fmt: skip
        made.append(frame)
    write_frames(path, made)
    return path


def test_each_move_changes_one_block_and_carries_both_energies(tmp_path):
    run = _run(f"{tmp_path}/run.extxyz", build_ring(3))
    moves, failures = f"{tmp_path}/moves.extxyz", f"{tmp_path}/failures.csv"
    trial_moves_of_run(run, moves, failures, settings={"trials": 6, "seed": 3}, xtb={}, store=tmp_path / "store")
    before, after = {frame.info["step"]: frame for frame in read_frames(run)}, read_frames(moves)
    assert [frame.info["trial"] for frame in after] == list(range(6))
    assert pd.read_csv(failures).empty
    for frame in after:
        start = before[frame.info["step"]]
        shifted = np.flatnonzero(np.abs(frame.positions - start.positions).max(axis=1) > 1e-9)
        assert any(
            set(shifted) <= set(block.moved) and block.kind == frame.info["block"] for block in moving_blocks(start)
        )
        assert 0 < np.abs(frame.positions - start.positions).max() < 0.3
        assert frame.info["energy_before_ev"] == pytest.approx(start.info["energy_ev"], abs=1e-9)
        assert frame.info["energy_ev"] == pytest.approx(ENGINE.label(frame, 0, 1).energy_ev, abs=1e-6)
        assert "temperature_k" not in frame.info
    assert len({frame.info["energy_ev"] for frame in after}) == 6


def test_a_second_time_nothing_is_computed(tmp_path):
    run = _run(f"{tmp_path}/run.extxyz", build_ring(3))
    told = {"settings": MoveSettings(trials=3), "store": tmp_path / "store"}
    trial_moves(run, tmp_path / "one.extxyz", tmp_path / "f.csv", engine=ENGINE, **told)

    class Forbidden(XtbEngine):
        def label(self, *_args, **_kwargs):
            raise AssertionError("computed again")

    trial_moves(run, tmp_path / "two.extxyz", tmp_path / "f.csv", engine=Forbidden(XtbSettings()), **told)
    assert (tmp_path / "one.extxyz").read_text() == (tmp_path / "two.extxyz").read_text()


def test_what_has_no_blocks_is_told_once(tmp_path):
    run = _run(f"{tmp_path}/run.extxyz", Atoms("HF", positions=[[0, 0, 0], [0, 0, 0.92]]))
    trial_moves(
        run, tmp_path / "m.extxyz", tmp_path / "f.csv", settings=MoveSettings(), engine=ENGINE, store=tmp_path / "store"
    )
    assert read_frames(tmp_path / "m.extxyz") == []
    failed = pd.read_csv(tmp_path / "f.csv")
    assert len(failed) == 1
    assert "bonds to sulfur" in failed["reason"][0]


def test_frames_of_another_method_are_not_moved(tmp_path):
    run = _run(f"{tmp_path}/run.extxyz", build_ring(3))
    frames = read_frames(run)
    for frame in frames:
        frame.info["method"] = "PBE"
    write_frames(run, frames)
    moves, failures = f"{tmp_path}/moves.extxyz", f"{tmp_path}/failures.csv"
    trial_moves_of_run(run, moves, failures, settings={"trials": 6}, xtb={}, store=tmp_path / "store")
    assert read_frames(moves) == []
    (reason,) = pd.read_csv(failures)["reason"]
    assert "its frames are PBE's, and moves would be labelled by GFN1-xTB" in reason


def test_a_move_that_cannot_be_labelled_leaves_its_reason(tmp_path):
    run = _run(f"{tmp_path}/run.extxyz", build_ring(3))

    class Failing(XtbEngine):
        def label(self, *_args, **_kwargs):
            raise ScfError("did not converge")

    trial_moves(
        run, tmp_path / "m.extxyz", tmp_path / "f.csv", settings=MoveSettings(trials=2),
        engine=Failing(XtbSettings()), store=tmp_path / "store",
    )  # fmt: skip
    assert pd.read_csv(tmp_path / "f.csv")["reason"].str.contains("did not converge").tolist() == [True, True]


def test_a_run_without_frames_gives_no_moves(tmp_path):
    write_frames(tmp_path / "run.extxyz", [])
    trial_moves(
        tmp_path / "run.extxyz", tmp_path / "m.extxyz", tmp_path / "f.csv", settings=MoveSettings(),
        engine=ENGINE, store=tmp_path / "store",
    )  # fmt: skip
    assert read_frames(tmp_path / "m.extxyz") == []
    assert pd.read_csv(tmp_path / "f.csv").empty


@pytest.mark.parametrize("wrong", [{"trials": 0}, {"step_angstrom": 0.0}, {"turn_degree": 200.0}, {"seed": -1}])
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(InputError, match="trial moves"):
        MoveSettings(**wrong)
