"""Frames of a run labelled again: which, with what stamp, and what is kept when a job dies or a frame fails."""

import numpy as np
import pandas as pd
import pytest
from ase import Atoms

from auric.errors import ScfError
from auric.files import read_frames, write_frames
from auric.reference import Orbitals, XtbEngine, XtbSettings, relabel, relabel_run
from auric.reference.interface import Labels


class StandIn:
    """A level of theory of its own: springs to the origin. It gives orbitals that say which frame they are of."""

    name = "stand-in"

    def __init__(self, fail: float = np.nan, interrupt: int = 0) -> None:
        self.fail, self.interrupt = fail, interrupt
        self.asked: list[float] = []
        self.started: list[float | None] = []

    def identity(self) -> dict[str, object]:
        return {"engine": self.name, "method": "springs", "basis": {"default": "coarse", "O": "fine"}}

    def check(self, symbols: list[str]) -> None:
        """Takes all."""

    def label(self, atoms: Atoms, charge: int, multiplicity: int, *, start: Orbitals | None = None) -> Labels:
        height = float(atoms.positions[0, 2])
        if self.interrupt and len(self.asked) == self.interrupt:
            raise KeyboardInterrupt
        self.asked.append(height)
        self.started.append(None if start is None else float(start.positions_angstrom[0, 2]))
        if height == self.fail:
            raise ScfError("it did not converge")
        orbitals = Orbitals(
            atoms.get_chemical_symbols(), atoms.positions, {"O": [], "H": []}, {}, charge, multiplicity,
            [np.ones((1, 1))], [np.ones(1)],
        )  # fmt: skip
        return Labels(
            float((atoms.positions**2).sum()), -2 * atoms.positions, orbitals, {"attempt": "plain", "seconds": 1.0}
        )


def water(step: int) -> Atoms:
    atoms = Atoms("OHH", [[0, 0, 0.01 * step], [0.76, 0, 0.59], [-0.76, 0, 0.59]])
    atoms.arrays["forces_ev_angstrom"] = np.zeros((3, 3))
    atoms.info = {
        "name": f"run_{step:04d}", "structure": "water", "system": "s", "role": "train", "run": "run", "step": step,
        "charge": 0, "multiplicity": 1, "energy_ev": -1.0, "engine": "gfn1-xtb", "method": "GFN1-xTB", "basis": "GFN1-xTB",
    }  # fmt: skip
    return atoms


@pytest.fixture
def again(tmp_path, monkeypatch):
    """Relabel a run of ten frames with an engine; gives what was written and the settings the engine was made with."""
    write_frames(tmp_path / "run.extxyz", [water(step) for step in range(1, 11)])
    given: dict[str, object] = {}

    def go(engine, *, every=3, study="a", **settings):
        monkeypatch.setattr(relabel, "make_engine", lambda name, words, **_: given.update(words) or engine)
        out = tmp_path / study
        relabel_run(
            tmp_path / "run.extxyz", out / "run.extxyz", out / "failures.csv",
            every=every, engine="stand-in", settings=settings, store=tmp_path / "store",
        )  # fmt: skip
        return read_frames(out / "run.extxyz"), pd.read_csv(out / "failures.csv"), given

    return go


def test_the_last_of_each_so_many_is_labelled_and_stamped(again):
    frames, failures, settings = again(StandIn(), cutoff=20, forces=False)
    assert [frame.info["step"] for frame in frames] == [3, 6, 9]
    assert settings == {"cutoff": 20, "forces": True}
    assert failures.empty
    for frame in frames:
        same = water(frame.info["step"])
        np.testing.assert_allclose(frame.positions, same.positions, atol=1e-8)
        kept = ("name", "structure", "system", "role", "run", "charge", "multiplicity")
        assert {key: frame.info[key] for key in kept} == {key: same.info[key] for key in kept}
        assert (frame.info["engine"], frame.info["method"]) == ("stand-in", "springs")
        assert frame.info["basis"] == "coarse, O: fine"
        assert frame.info["energy_ev"] == pytest.approx((same.positions**2).sum())
        assert len(frame.info["structure_hash"]) == 16
        np.testing.assert_allclose(frame.arrays["forces_ev_angstrom"], -2 * same.positions, atol=1e-8)


def test_each_starts_from_the_one_before(again):
    engine = StandIn()
    again(engine)
    assert engine.started == [None, *engine.asked[:-1]]


def test_a_killed_job_keeps_its_labels_and_another_study_shares_them(again):
    first, rest, other = StandIn(interrupt=2), StandIn(), StandIn()
    with pytest.raises(KeyboardInterrupt):
        again(first)
    frames, _, _ = again(rest)
    assert len(first.asked) == 2
    assert len(rest.asked) == 1
    assert rest.started == [first.asked[-1]]
    shared, _, _ = again(other, study="b")
    assert other.asked == []
    assert [frame.info["energy_ev"] for frame in shared] == [frame.info["energy_ev"] for frame in frames]


def test_a_frame_that_fails_is_told_and_stops_no_other(again):
    frames, failures, _ = again(StandIn(fail=0.06))
    assert [frame.info["step"] for frame in frames] == [3, 9]
    assert failures.to_dict("records") == [
        {"stage": "labels", "structure": "water", "frame": "run_0006", "reason": "it did not converge"}
    ]


def test_at_the_same_level_the_label_is_the_runs_own(tmp_path):
    """GFN1-xTB gives forces always, and has no setting that asks for them."""
    atoms = water(1)
    truth = XtbEngine(XtbSettings()).label(atoms, 0, 1)
    write_frames(tmp_path / "run.extxyz", [atoms])
    relabel_run(
        tmp_path / "run.extxyz", tmp_path / "out.extxyz", tmp_path / "failures.csv",
        every=1, engine="gfn1-xtb", settings={"electronic_temperature_k": 300.0}, store=tmp_path / "store",
    )  # fmt: skip
    (frame,) = read_frames(tmp_path / "out.extxyz")
    assert frame.info["energy_ev"] == pytest.approx(truth.energy_ev, abs=1e-6)
    np.testing.assert_allclose(frame.arrays["forces_ev_angstrom"], truth.forces_ev_angstrom, atol=1e-6)
