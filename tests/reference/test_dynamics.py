"""Dynamics against theory (equipartition, conservation) and ASE; interrupted runs; the plan of reference sets."""

import importlib
import math
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from ase import Atoms, units
from ase.calculators.calculator import CalculationFailed
from ase.md.verlet import VelocityVerlet

from auric.errors import InputError, ScfError, StructureError
from auric.files import read_frames, read_tables
from auric.reference import (
    DynamicsSettings,
    EngineCalculator,
    GtoEngine,
    GtoSettings,
    Labels,
    Store,
    XtbEngine,
    XtbSettings,
    read_runs,
    reference_run,
    reference_set,
    run_dynamics,
    structure_hash,
)
from auric.structures import Places, build_molecule, build_recipe, check_stated_charge, check_structure

RING = Atoms(
    "Au2S2H2C",
    [[0, 0, 0], [4.6, 0, 0], [2.3, 1.0, 0], [2.3, -1.0, 0.3], [2.3, 2.3, 0.2], [2.3, -2.3, 0.0], [2.3, 0, 2.5]],
    info={"name": "ring", "charge": 0, "multiplicity": 1, "source": "by hand"},
)
SHORT = {"steps": 12, "every": 2, "checkpoint_steps": 5, "relax": False, "timestep_fs": 1.0, "temperature_k": 300.0}


class Springs:
    """An engine with a formula: each pair of atoms on a spring (`bonded`), or each atom on one to its site."""

    name = "springs"

    def __init__(self, atoms=RING, *, bonded=True, stiffness=5.0):
        self.sites, self.bonded, self.stiffness, self.calls = atoms.positions.copy(), bonded, stiffness, 0

    def identity(self):
        return {"engine": self.name, "method": "formula", "basis": {"default": "none", "Au": "other"}}

    def check(self, symbols):
        if "Hg" in symbols:
            raise StructureError("no spring for Hg; take another metal")

    def label(self, atoms, charge, multiplicity, *, start=None):
        self.calls += 1
        moved = atoms.positions - self.sites
        if not self.bonded:
            return Labels(0.5 * self.stiffness * (moved**2).sum(), -self.stiffness * moved, None, {})
        between = atoms.positions[:, None] - atoms.positions
        distance, length = (np.linalg.norm(x[:, None] - x, axis=-1) for x in (atoms.positions, self.sites))
        stretch = distance - length
        pull = -self.stiffness * stretch / np.where(distance > 0, distance, 1)
        return Labels(0.25 * self.stiffness * (stretch**2).sum(), (pull[..., None] * between).sum(axis=1), None, {})


class Broken(Springs):
    """Springs that do something else from a call on."""

    def __init__(self, calls, what, **given):
        super().__init__(**given)
        self.limit, self.what = calls, what

    def label(self, atoms, charge, multiplicity, *, start=None):
        labels = super().label(atoms, charge, multiplicity)
        return self.what(labels) if self.calls >= self.limit else labels


def gfn1():
    return XtbEngine(XtbSettings())


def molecule(smiles, name):
    atoms = build_molecule(smiles)
    atoms.info = {"name": name, "charge": 0, "multiplicity": 1}
    return atoms


@pytest.fixture
def runs(tmp_path):
    """Run dynamics in a store of its own (or that of a folder); gives the summary and the frames."""

    def run(settings, *, engine=None, atoms=RING, folder="one", **given):
        path = tmp_path / folder / "run.extxyz"
        engine = engine or Springs(atoms)
        told = run_dynamics(
            atoms, engine, DynamicsSettings(**settings), path, store=Store(tmp_path / folder / "store"), **given
        )
        return told, read_frames(path)

    return run


def turning_velocities(positions, masses, velocities):
    """Angular velocity (3,) of a rigid body with the angular momentum of these atoms about their centre of mass."""
    arms = positions - np.average(positions, axis=0, weights=masses)
    momentum = (masses[:, None] * np.cross(arms, velocities)).sum(axis=0)
    inertia = np.einsum("a,ab->b", masses, arms**2).sum() * np.eye(3) - np.einsum("a,ai,aj->ij", masses, arms, arms)
    return np.cross(np.linalg.solve(inertia, momentum), arms)


# Constant energy


@pytest.mark.parametrize("checkpoint_steps", [5, 100])
def test_nve_is_velocity_verlet_from_thermal_velocities_at_rest(runs, checkpoint_steps):
    _, frames = runs(SHORT | {"seed": 4, "every": 1, "checkpoint_steps": checkpoint_steps})
    rng = np.random.default_rng([4, int(structure_hash(RING, 0, 1), 16)])
    mirror = RING.copy()
    masses = mirror.get_masses()
    velocities = rng.standard_normal((len(RING), 3)) * np.sqrt(300 * units.kB / masses)[:, None]
    velocities -= np.average(velocities, axis=0, weights=masses)
    mirror.set_velocities(velocities - turning_velocities(RING.positions, masses, velocities))
    mirror.calc = EngineCalculator(Springs(), 0, 1)
    verlet = VelocityVerlet(mirror, 1.0 * units.fs)
    for frame in frames:
        verlet.run(1)
        np.testing.assert_allclose(frame.positions, mirror.positions, atol=2e-8)
        np.testing.assert_allclose(frame.arrays["forces_ev_angstrom"], mirror.get_forces(), atol=2e-7)
        assert frame.info["energy_ev"] == pytest.approx(mirror.get_potential_energy(), abs=1e-9)
        assert frame.info["kinetic_energy_ev"] == pytest.approx(mirror.get_kinetic_energy(), abs=1e-9)


def test_nve_keeps_energy_and_its_error_falls_with_the_square_of_the_step(runs):
    scatter = {}
    for timestep_fs, steps in ((1.0, 1000), (0.5, 2000)):
        settings = SHORT | {"timestep_fs": timestep_fs, "steps": steps, "checkpoint_steps": 1000}
        told, _ = runs(settings, folder=str(timestep_fs))
        assert abs(told.energy_drift_ev_per_atom_ps) < 2e-5
        scatter[timestep_fs] = told.energy_scatter_ev_per_atom
    assert scatter[1.0] < 1e-3
    assert scatter[1.0] / scatter[0.5] == pytest.approx(4, rel=0.3)


def test_nve_neither_moves_nor_turns_the_whole(runs):
    _, frames = runs(SHORT | {"timestep_fs": 0.01, "steps": 2, "every": 1})
    masses = RING.get_masses()
    velocities = (frames[1].positions - frames[0].positions) / 0.01
    assert np.abs(velocities).max() > 1e-3
    np.testing.assert_allclose(np.average(velocities, axis=0, weights=masses), 0, atol=1e-6)
    np.testing.assert_allclose(turning_velocities(frames[0].positions, masses, velocities), 0, atol=1e-5)


@pytest.mark.parametrize(
    ("atoms", "freedom"),
    [(RING, 15), (Atoms("SH", [[0, 0, 0], [0, 0, 1.3]], info=RING.info | {"multiplicity": 2}), 1)],
)
def test_velocities_start_at_their_temperature(runs, atoms, freedom):
    count = 80
    settings = {
        "steps": 1, "relax": False, "timestep_fs": 1e-4, "temperature_k": 500.0, "temperature_limit_k": 1e9
    }  # fmt: skip
    found = [runs(settings | {"seed": seed}, atoms=atoms)[0].mean_temperature_k for seed in range(count)]
    assert np.mean(found) == pytest.approx(500, abs=4 * 500 * math.sqrt(2 / freedom / count))
    if freedom > 1:  # of one degree of freedom the spread itself is too uncertain
        assert np.var(found) == pytest.approx(2 / freedom * 500**2, rel=0.6)


# Bath


def test_bath_holds_every_element_at_its_temperature(runs):
    settings = {
        "ensemble": "langevin", "temperature_k": 400.0, "steps": 6000, "equilibration_steps": 300, "every": 3,
        "timestep_fs": 2.0, "relax": False, "checkpoint_steps": 5000,
    }  # fmt: skip
    told, frames = runs(settings, engine=Springs(bonded=False))
    moved = np.array([frame.positions for frame in frames]) - RING.positions
    for element in ("Au", "S", "H"):  # equipartition: a spring holds k T / 2 in each direction
        mine = 5.0 / units.kB * (moved[:, RING.symbols == element] ** 2).mean(axis=(1, 2))
        blocks = mine[: len(mine) // 20 * 20].reshape(20, -1).mean(axis=1)
        assert mine.mean() == pytest.approx(400, abs=4.5 * blocks.std(ddof=1) / math.sqrt(20))
        assert blocks.std(ddof=1) / math.sqrt(20) < 40
    assert told.mean_temperature_k == pytest.approx(400, abs=20)
    assert math.isnan(told.energy_drift_ev_per_atom_ps)


def test_heating_is_linear_and_followed(runs):
    settings = {
        "ensemble": "langevin", "temperature_k": 300.0, "end_temperature_k": 1000.0, "steps": 3000, "every": 5,
        "equilibration_steps": 100, "timestep_fs": 1.0, "relax": False, "checkpoint_steps": 2000, "friction_per_fs": 0.05,
    }  # fmt: skip
    _, frames = runs(settings, engine=Springs(bonded=False))
    step = np.array([frame.info["step"] for frame in frames])
    target = np.array([frame.info["target_temperature_k"] for frame in frames])
    np.testing.assert_array_equal(step, np.arange(5, 3001, 5))
    np.testing.assert_allclose(target, 300 + 700 * (step - 1) / 2999)
    temperature = np.array([frame.info["temperature_k"] for frame in frames])
    slope, start = np.polyfit(target, temperature, 1)
    assert slope == pytest.approx(1, abs=0.2)
    assert start + 650 * slope == pytest.approx(650, abs=40)
    assert DynamicsSettings(**settings).target_k(-5) == 300


# Frames


def test_frames_are_labelled_stamped_and_counted_after_equilibration(runs):
    told, frames = runs(SHORT | {"equilibration_steps": 7, "seed": 9}, run="r9")
    assert (told.run, told.frames, told.steps, told.stopped) == ("r9", 6, 19, "")
    everything, all_frames = runs(SHORT | {"steps": 19, "every": 1, "seed": 9}, folder="all")
    assert everything.run == "ring_9"
    for number, frame in enumerate(frames):
        step = 2 * number + 2
        np.testing.assert_allclose(frame.positions, all_frames[step + 6].positions, atol=1e-7)
        assert {key: frame.info[key] for key in ("name", "structure", "run", "seed", "step", "time_fs")} == {
            "name": f"r9_{step:04d}", "structure": "ring", "run": "r9", "seed": 9, "step": step, "time_fs": step,
        }  # fmt: skip
        assert frame.info["basis"] == "none, Au: other"
        assert (frame.info["charge"], frame.info["multiplicity"], frame.info["source"]) == (0, 1, "by hand")
        assert frame.info["target_temperature_k"] == 300
        again = Springs().label(frame, 0, 1)
        assert frame.info["energy_ev"] == pytest.approx(again.energy_ev, abs=1e-6)
        np.testing.assert_allclose(frame.arrays["forces_ev_angstrom"], again.forces_ev_angstrom, atol=1e-6)


def test_a_structure_is_relaxed_before_if_asked_for(runs):
    shaken = RING.copy()
    shaken.rattle(0.05, seed=1)
    for relax, low in ((True, True), (False, False)):
        settings = SHORT | {"relax": relax, "temperature_k": 1e-3, "steps": 1, "every": 1, "fmax_ev_angstrom": 0.01}
        told, frames = runs(settings, engine=Springs(), atoms=shaken)
        assert (frames[0].info["energy_ev"] < 1e-3) == low
    told, _ = runs(SHORT | {"relax": True, "relax_steps": 0}, engine=Springs(), atoms=shaken)
    assert told.frames == 6


# Interruption


def test_seeds_decide_and_chunks_do_not(runs, tmp_path):
    for folder, change in {"a": {}, "b": {}, "other": {"seed": 1}, "long": {"checkpoint_steps": 100}}.items():
        runs(SHORT | {"ensemble": "langevin"} | change, folder=folder)
    texts = {folder: (tmp_path / folder / "run.extxyz").read_bytes() for folder in ("a", "b", "other", "long")}
    assert texts["a"] == texts["b"] == texts["long"]
    assert texts["a"] != texts["other"]


@pytest.mark.parametrize("ensemble", ["nve", "langevin"])
def test_interrupted_run_goes_on_bit_for_bit(runs, tmp_path, ensemble):
    settings = SHORT | {"ensemble": ensemble, "steps": 30, "equilibration_steps": 3}
    whole = Springs()
    runs(settings, engine=whole)

    def interrupt(labels):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        runs(settings, engine=Broken(20, interrupt), folder="cut")
    assert not (tmp_path / "cut/run.extxyz").exists()
    rest = Springs()
    runs(settings, engine=rest, folder="cut")
    assert (tmp_path / "cut/run.extxyz").read_bytes() == (tmp_path / "one/run.extxyz").read_bytes()
    assert rest.calls == whole.calls - 3 * 6  # three whole chunks of five steps and a first evaluation are not repeated
    again = Springs()
    runs(settings, engine=again, folder="cut")
    assert again.calls == 0


@pytest.mark.parametrize(("bath", "kept"), [({}, True), ({"end_temperature_k": 600.0}, False)])
def test_a_longer_run_goes_on_where_a_shorter_one_ended(runs, tmp_path, bath, kept):
    """But for a bath that heats: its temperature at a step depends on how many there are."""
    longer = SHORT | {"ensemble": "langevin", "steps": 40} | bath
    whole, rest = Springs(), Springs()
    runs(longer, engine=whole)
    runs(longer | {"steps": 20}, engine=Springs(), folder="grown")
    runs(longer, engine=rest, folder="grown")
    assert (tmp_path / "grown/run.extxyz").read_bytes() == (tmp_path / "one/run.extxyz").read_bytes()
    assert (rest.calls < 0.6 * whole.calls) == kept


def chunks_of(folder):
    """Entries of a store in the order they were made."""
    return sorted((folder / "store").rglob("*.npz"), key=lambda path: path.stat().st_mtime_ns)


@pytest.mark.parametrize("damage", ["cut", "gone", "flipped"])
@pytest.mark.parametrize(("entry", "calls"), [(-1, 3), (1, 6), (0, 0)])
def test_damaged_chunk_is_made_again_and_others_are_kept(runs, tmp_path, damage, entry, calls):
    runs(SHORT)
    before = (tmp_path / "one/run.extxyz").read_bytes()
    path = chunks_of(tmp_path / "one")[entry]
    data = bytearray(path.read_bytes())
    path.unlink()
    if damage != "gone":
        data[len(data) // 2] ^= 255
        path.write_bytes(data[: len(data) // 2] if damage == "cut" else data)
    engine = Springs()
    runs(SHORT, engine=engine)
    assert engine.calls == calls
    assert (tmp_path / "one/run.extxyz").read_bytes() == before


def test_a_chunk_never_follows_another_trajectory(runs, tmp_path):
    """A first chunk of other numbers (another machine's) is followed by new chunks, not by the old ones."""
    runs(SHORT)
    chunk = chunks_of(tmp_path / "one")[1]
    with np.load(chunk) as file:
        arrays = {name: file[name] for name in file.files}
    arrays["end_positions"][0, 0] += 1e-12
    np.savez(chunk, **arrays)
    engine = Springs()
    runs(SHORT, engine=engine)
    assert engine.calls == 9


KILLED = """
from auric.reference import DynamicsSettings, Store, XtbEngine, XtbSettings, run_dynamics
from auric.structures import build_molecule
ethane = build_molecule("CC")
ethane.info |= {{"name": "ethane", "charge": 0, "multiplicity": 1}}
settings = DynamicsSettings(steps=60, every=1, checkpoint_steps=10, seed=2, temperature_k=600.0)
run_dynamics(ethane, XtbEngine(XtbSettings()), settings, "{folder}/run.extxyz", store=Store("{folder}/store"))
"""


def test_killed_gfn1_run_goes_on_bit_for_bit(tmp_path, root):
    """Its field starts from the last step's: what is kept must not depend on where a run was cut."""
    environment = os.environ | {"PYTHONPATH": f"{root}/src", "OMP_NUM_THREADS": "1"}
    commands = {name: [sys.executable, "-c", KILLED.format(folder=tmp_path / name)] for name in ("whole", "cut")}
    subprocess.run(commands["whole"], check=True, env=environment, cwd=root)
    first = subprocess.Popen(commands["cut"], env=environment, cwd=root)
    until = time.monotonic() + 30
    while len(list((tmp_path / "cut").rglob("*.npz"))) < 3 and time.monotonic() < until and first.poll() is None:
        time.sleep(0.002)
    first.send_signal(signal.SIGKILL)
    assert first.wait() == -signal.SIGKILL
    kept = len(chunks_of(tmp_path / "cut"))
    assert 3 <= kept < 7
    subprocess.run(commands["cut"], check=True, env=environment, cwd=root)
    assert (tmp_path / "cut/run.extxyz").read_bytes() == (tmp_path / "whole/run.extxyz").read_bytes()


# Runs that end early


def nothing_finite(labels):
    return Labels(math.nan, labels.forces_ev_angstrom, None, {})


def infinite_force(labels):
    return Labels(labels.energy_ev, labels.forces_ev_angstrom + math.inf, None, {})


def no_convergence(labels):
    raise ScfError("SCF not converged")


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        (nothing_finite, "not finite"),
        (infinite_force, "not finite"),
        (no_convergence, "springs failed (SCF not converged)"),
    ],
)
def test_a_run_stops_with_what_it_has(runs, what, reason):
    _, all_frames = runs(SHORT, folder="whole")
    told, frames = runs(SHORT, engine=Broken(10, what))
    assert told.stopped.startswith("step 8: ")  # ten evaluations: step 8, as each chunk begins with one of its own
    assert "\n" not in told.stopped
    assert (told.frames, told.steps) == (3, 7)
    assert reason in told.stopped
    for frame, other in zip(frames, all_frames, strict=False):
        np.testing.assert_array_equal(frame.positions, other.positions)


def test_a_run_that_explodes_stops(runs):
    told, frames = runs(SHORT | {"timestep_fs": 20.0, "steps": 100, "bond_limit": 1e9})
    assert "above the limit of 5000 K" in told.stopped
    assert len(frames) == told.frames < 50
    hydrogen = Atoms("SH2", [[0, 0, 0], [0, 0.96, 0.93], [0, -0.96, 0.93]], info=RING.info)
    apart = Springs(Atoms("SH2", 4 * hydrogen.positions), stiffness=0.5)
    told, _ = runs(SHORT | {"steps": 500, "temperature_limit_k": 1e9}, engine=apart, atoms=hydrogen, folder="two")
    assert "the bond of atoms 1 (S) and 2 (H) is broken: 3.00 angstrom" in told.stopped
    gold = Atoms("Au2", [[0, 0, 0], [0, 0, 2.6]], info=RING.info)
    apart = Springs(Atoms("Au2", 4 * gold.positions), stiffness=0.5)
    far = SHORT | {"steps": 300, "checkpoint_steps": 300, "temperature_limit_k": 1e9}
    told, frames = runs(far, engine=apart, atoms=gold, folder="gold")
    assert told.stopped == ""
    assert max(frame.get_distance(0, 1) for frame in frames) > 8


def test_a_run_that_stops_at_once_leaves_an_empty_file(runs):
    told, frames = runs(SHORT, engine=Broken(1, no_convergence))
    assert (told.frames, frames) == (0, [])
    assert math.isnan(told.mean_temperature_k)


# What is refused


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"ensemble": "nvt"}, "ensemble 'nvt' is unknown"),
        ({"ensemble": "langevn"}, "Did you mean 'langevin'"),
        ({"steps": -1}, "steps: -1"),
        ({"steps": 0}, "steps: 0"),
        ({"steps": 10.0}, "steps: 10.0"),
        ({"steps": True}, "steps: True"),
        ({"every": 0}, "every: 0"),
        ({"every": 1001}, "keeps no frame"),
        ({"equilibration_steps": -1}, "equilibration_steps: -1"),
        ({"seed": -1}, "seed: -1"),
        ({"checkpoint_steps": 0}, "checkpoint_steps: 0"),
        ({"temperature_k": -5.0}, "temperature_k: -5"),
        ({"temperature_k": 0.0}, "temperature_k: 0"),
        ({"temperature_k": math.nan}, "temperature_k: nan"),
        ({"timestep_fs": math.inf}, "timestep_fs: inf"),
        ({"friction_per_fs": -0.02}, "friction_per_fs: -0.02"),
        ({"ensemble": "langevin", "end_temperature_k": -1.0}, "end_temperature_k: -1"),
        ({"end_temperature_k": 900.0}, "nve has no bath"),
    ],
)
def test_bad_settings_are_refused_in_one_line(change, reason):
    with pytest.raises(InputError, match=reason) as caught:
        DynamicsSettings(**change)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda atoms: atoms[:1], "one atom does not move"),
        (lambda atoms: atoms.positions.__setitem__((0, 0), math.nan), "not finite"),
        (lambda atoms: atoms.positions.__setitem__(0, atoms.positions[1]), "overlap"),
        (lambda atoms: atoms.info.__setitem__("multiplicity", 2), "multiplicity 2 is impossible with 198 electrons"),
        (lambda atoms: atoms.symbols.__setitem__(0, "Hg"), "Hg"),
    ],
)
def test_bad_structures_are_refused(runs, change, reason):
    atoms = RING.copy()
    changed = change(atoms) or atoms
    if reason == "Hg":
        changed.info["charge"] = 1
    with pytest.raises(StructureError, match=reason):
        runs(SHORT, atoms=changed)


def test_an_engine_without_forces_is_refused(runs):
    with pytest.raises(InputError, match="forces: true"):
        runs(SHORT, engine=Broken(1, lambda labels: Labels(labels.energy_ev, None, None, {})))


def test_a_relaxation_that_fails_is_told(runs, monkeypatch):
    class Failing(EngineCalculator):
        def calculate(self, *args, **given):
            raise CalculationFailed("no convergence")

    monkeypatch.setattr(XtbEngine, "calculator", lambda *args, **given: Failing(Springs(), 0, 1))
    with pytest.raises(ScfError, match=r"failed while relaxing \(no convergence\)"):
        runs(SHORT | {"relax": True}, engine=gfn1())


# Engines of the ladder


def test_gfn1_conserves_energy_and_its_forces_are_slopes(runs):
    ethane = molecule("CC", "ethane")
    told, frames = runs({"steps": 150, "seed": 1}, engine=gfn1(), atoms=ethane)
    assert told.stopped == ""
    assert abs(told.energy_drift_ev_per_atom_ps) < 5e-3
    assert told.energy_scatter_ev_per_atom < 2e-3
    frame = frames[-1]
    assert (frame.info["engine"], frame.info["method"], frame.info["basis"]) == ("gfn1-xtb", "GFN1-xTB", "GFN1-xTB")
    label = gfn1().label(frame, 0, 1)
    assert frame.info["energy_ev"] == pytest.approx(label.energy_ev, abs=1e-4)
    np.testing.assert_allclose(frame.arrays["forces_ev_angstrom"], label.forces_ev_angstrom, atol=1e-3)
    step_angstrom = 1e-3
    for atom, axis in ((0, 0), (3, 1), (7, 2)):
        energies = []
        for sign in (1, -1):
            moved = frame.copy()
            moved.positions[atom, axis] += sign * step_angstrom
            energies.append(gfn1().label(moved, 0, 1).energy_ev)
        slope = (energies[0] - energies[1]) / (2 * step_angstrom)
        assert frame.arrays["forces_ev_angstrom"][atom, axis] == pytest.approx(-slope, abs=5e-3)


def test_a_kohn_sham_engine_drives_from_the_last_orbitals(runs, monkeypatch):
    engine = GtoEngine(
        GtoSettings(grid_level=0, conv_tol_hartree=1e-8, xc="hf", basis={"default": "sto-3g"}, forces=True)
    )
    starts, label = [], engine.label
    monkeypatch.setattr(
        engine, "label", lambda atoms, *args, start=None: (starts.append(start), label(atoms, *args, start=start))[1]
    )
    sulfide = Atoms("SH2", [[0, 0, 0], [0, 0.96, 0.93], [0, -0.96, 0.93]], info=RING.info)
    told, frames = runs(
        SHORT | {"steps": 4, "every": 1, "checkpoint_steps": 2, "timestep_fs": 0.5}, engine=engine, atoms=sulfide
    )
    assert told.frames == 4
    assert [start is None for start in starts] == [True, False, False] * 2
    total = [frame.info["energy_ev"] + frame.info["kinetic_energy_ev"] for frame in frames]
    assert np.ptp(total) < 0.1 * np.ptp([frame.info["energy_ev"] for frame in frames])


# The plan of reference sets


@pytest.fixture
def shipped(root):
    return read_runs(root / "resources/dynamics.tsv")


def test_shipped_table_plans_independent_runs(shipped, root):
    assert [run.error for run in shipped] == [""] * len(shipped)
    assert list(dict.fromkeys(run.system for run in shipped)) == [
        "alkanes", "ring", "cold", "rings", "au25", "au38", "thiolates", "strange", "cool", "au38_cool"
    ]  # fmt: skip
    for system, train, test in (
        ("alkanes", 12, 6), ("ring", 4, 4), ("cold", 4, 3), ("rings", 10, 6), ("au25", 1, 2), ("au38", 2, 4), ("thiolates", 4, 2)
    ):  # fmt: skip
        found = reference_set(shipped, system)
        assert [sum(run.role == role for run in found) for role in ("train", "test")] == [train, test]
        for structure in {run.structure for run in found}:
            seeds = [run.settings["seed"] for run in found if run.structure == structure]
            assert len(set(seeds)) == len(seeds)
    for cold, learned in (("cool", "ring"), ("au38_cool", "au38")):
        # what walks stand beside: of the same structures, from seeds of their own
        cool = reference_set(shipped, cold, ("test",))
        assert {run.structure for run in cool} <= {run.structure for run in reference_set(shipped, learned)}
        theirs = {
            run.settings["seed"]
            for run in shipped
            if run.structure in {one.structure for one in cool} and run.system != cold
        }
        assert not theirs & {run.settings["seed"] for run in cool}
        assert {run.settings["temperature_k"] for run in cool} == {200, 250, 300}
    given = read_runs(root / "config/studies/walks38_runs.tsv")
    assert [run for run in given if run.system == "au38_cool"] == reference_set(shipped, "au38_cool", ("test",))
    alkanes = reference_set(shipped, "alkanes")
    assert all(
        (run.settings["ensemble"], run.settings["temperature_k"], run.settings["steps"]) == ("nve", 750, 1000)
        for run in alkanes
    )
    assert {run.structure for run in alkanes} == {"ethane", "propane", "butane", "pentane", "hexane", "heptane"}
    assert DynamicsSettings().timestep_fs == 1.5
    assert [run.settings["temperature_k"] for run in shipped if run.role == "test" and run.system == "au38"] == [
        270, 475, 270, 475
    ]  # fmt: skip


@pytest.mark.parametrize("system", ["alkanes", "rings"])
def test_built_structures_of_the_plan_can_be_started(shipped, system):
    for run in reference_set(shipped, system):
        if run.role == "test":
            assert build_recipe(run.builder, run.recipe).info["source"]


def test_manifest_structures_of_the_plan_can_be_started(shipped, root, mirror, tmp_path):
    for run in (*reference_set(shipped, "au25"), *reference_set(shipped, "au38")):
        atoms = build_recipe(run.builder, run.recipe, Places(root / "resources", mirror, tmp_path))
        check_stated_charge(atoms, run.charge)
        check_structure(atoms, charge=run.charge, multiplicity=run.multiplicity)


HEADER = (
    "name\tsystem\tstructure\tbuilder\trecipe\tcharge\tmultiplicity\trole\tensemble\ttemperature_k\tend_temperature_k\tseed\t"
    "equilibration_steps\tsteps\tevery"
)
ROW = {
    "name": "a_1", "system": "s", "structure": "a", "builder": "smiles", "recipe": "smiles=C", "charge": "0",
    "multiplicity": "1", "role": "train", "ensemble": "nve", "temperature_k": "300", "end_temperature_k": "", "seed": "1",
    "equilibration_steps": "0", "steps": "4", "every": "2",
}  # fmt: skip


@pytest.fixture
def table(tmp_path):
    """Path of a table with a good training row, a good test row, and further rows."""

    def write(*changes):
        rows = [ROW, ROW | {"name": "a_2", "role": "test", "seed": "2"}, *(ROW | change for change in changes)]
        path = tmp_path / "dynamics.tsv"
        path.write_text("\n".join(["# runs", "", HEADER, *("\t".join(row.values()) for row in rows)]) + "\n")
        return path

    return write


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"name": "2a"}, "name '2a'"),
        ({"name": "A_1", "seed": "3"}, "'A_1' is given more than once"),
        ({"builder": "smile"}, "one of ring, staple, smiles"),
        ({"recipe": ""}, "recipe ''"),
        ({"charge": "one"}, "charge 'one'"),
        ({"multiplicity": "0"}, "multiplicity '0'"),
        ({"role": "validate"}, "role 'validate' cannot be used; give train or test"),
        ({"ensemble": "nvt"}, "ensemble 'nvt' is unknown"),
        ({"temperature_k": "-3"}, "temperature_k '-3'"),
        ({"temperature_k": "0"}, "temperature_k: 0"),
        ({"end_temperature_k": "hot"}, "end_temperature_k 'hot'"),
        ({"end_temperature_k": "900"}, "nve has no bath"),
        ({"seed": "1.5"}, "seed '1.5'"),
        ({"steps": "-4"}, "steps '-4'"),
        ({"every": "5"}, "keeps no frame"),
        ({"every": "1\t1"}, "16 cells for 15 columns"),
        ({"name": "a_3"}, "a_1 moves the same structure from the same seed"),
        ({"name": "b_1", "structure": "b", "seed": "2"}, "a_2 moves the same structure from the same seed"),
        ({"name": "a_3", "seed": "3", "recipe": "smiles=CC"}, "made in another way in the run a_1"),
    ],
)
def test_a_bad_row_is_told_with_its_line_and_leaves_the_others(table, change, reason):
    path = table({"name": "a_3", "seed": "7"} | change if "seed" not in change and "name" not in change else change)
    good, other, bad = read_runs(path)
    assert (good.error, other.error) == ("", "")
    assert bad.error.startswith(f"{path}, line 6: ")
    assert reason in bad.error
    assert "\n" not in bad.error
    assert reference_set([good, other, bad], "s") == [good, other, bad]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "first line must name"),
        (b"name\tsystem\n", "first line must name"),
        (HEADER.replace("\tseed", "").encode(), "first line must name"),
        (HEADER.encode(), "no rows"),
        (b"\xff", "not UTF-8"),
        (None, "No such file"),
    ],
)
def test_a_bad_table_is_refused_in_one_line(tmp_path, text, reason):
    path = tmp_path / "dynamics.tsv"
    if text is not None:
        path.write_bytes(text)
    with pytest.raises(InputError, match=reason) as caught:
        read_runs(path)
    assert "\n" not in str(caught.value)


def test_a_set_without_a_test_run_or_unknown_is_refused(table):
    found = read_runs(table({"name": "c_1", "system": "u", "structure": "c", "recipe": "smiles=CC"}))
    with pytest.raises(InputError, match="u: it has no good run with the role test"):
        reference_set(found, "u")
    with pytest.raises(InputError, match="no reference set 'alkane'; choose from s, u"):
        reference_set(found, "alkane")


def test_a_run_of_the_table_is_made_and_told(table, tmp_path):
    good, other, bad, empty = read_runs(
        table({"name": "a_3", "steps": "-1"}, {"name": "x", "structure": "x", "recipe": "smiles=C("})
    )
    paths = [tmp_path / name for name in ("f.extxyz", "s.csv", "x.csv")]
    common = {"timestep_fs": 0.5, "relax": False}
    reference_run(other, *paths, engine=gfn1(), store=tmp_path / "store", common=common)
    frames, (summary,) = read_frames(paths[0]), read_tables([paths[1]]).to_dict("records")
    assert [frame.info["name"] for frame in frames] == ["a_2_0002", "a_2_0004"]
    for frame in frames:
        assert {key: frame.info[key] for key in ("system", "role", "run", "structure", "time_fs")} == {
            "system": "s", "role": "test", "run": "a_2", "structure": "a", "time_fs": frame.info["step"] / 2,
        }  # fmt: skip
        assert "stated_charge" not in frame.info
    assert (summary["role"], summary["run"], summary["frames"], summary["steps"]) == ("test", "a_2", 2, 4)
    assert len(read_tables([paths[2]])) == 0
    for run, reason in ((bad, "line 6: steps"), (empty, "no valid SMILES"), (good._replace(charge=1), "contradicts")):
        reference_run(run, *paths, engine=gfn1(), store=tmp_path / "store", common=common)
        assert read_frames(paths[0]) == []
        assert len(read_tables([paths[1]])) == 0
        (failure,) = read_tables([paths[2]]).to_dict("records")
        assert (failure["stage"], failure["frame"]) == ("dynamics", run.name)
        assert reason in failure["reason"]


def test_finished_runs_can_come_along(table, tmp_path, root, monkeypatch):
    monkeypatch.syspath_prepend(root / "resources")
    ship = importlib.import_module("ship_labels").ship
    run = read_runs(table())[0]
    run = run._replace(settings=run.settings | {"steps": 4, "equilibration_steps": 2, "every": 2})
    xtb = {"electronic_temperature_k": 300.0}
    with pytest.raises(InputError, match="does not hold it whole"):
        ship([run], tmp_path / "store", xtb, tmp_path / "shipped")
    assert ship([run], tmp_path / "store", xtb, tmp_path / "shipped", unfinished=True) == []
    paths = [tmp_path / name for name in ("frames.extxyz", "run.csv", "failures.csv")]
    reference_run(run, *paths, engine=gfn1(), store=tmp_path / "store")
    copied = ship([run], tmp_path / "store", xtb, tmp_path / "shipped")
    assert len(copied) == 2, "its start and one chunk"
    assert ship([run], tmp_path / "store", xtb, tmp_path / "shipped") == []
    elsewhere = Store(tmp_path / "none", tmp_path / "shipped")
    again = [tmp_path / f"again_{path.name}" for path in paths]
    reference_run(run, *again, engine=gfn1(), store=elsewhere)
    assert again[0].read_text() == paths[0].read_text()
    assert not (tmp_path / "none").exists()


def test_single_points_can_come_along(tmp_path, root, monkeypatch):
    monkeypatch.syspath_prepend(root / "resources")
    ship = importlib.import_module("ship_labels").ship_points
    with pytest.raises(InputError, match="no single points"):
        ship(tmp_path / "store", tmp_path / "shipped")
    store, label, other = Store(tmp_path / "store"), {"kind": "label", "n": 1}, {"kind": "dynamics", "n": 1}
    point = {"kind": "point", "n": 1}
    for identity in (label, point, other):
        store.get_or_make(identity, lambda: ({"energy_ev": -1.0}, {}))
    assert len(ship(tmp_path / "store", tmp_path / "shipped")) == 2
    assert ship(tmp_path / "store", tmp_path / "shipped") == []
    elsewhere = Store(tmp_path / "none", tmp_path / "shipped")
    assert elsewhere.get(label)[0] == elsewhere.get(point)[0] == {"energy_ev": -1.0}
    assert elsewhere.get(other) is None


def test_a_run_of_the_table_that_stops_keeps_its_frames_and_its_reason(table, tmp_path):
    run, *_ = read_runs(table())
    paths = [tmp_path / name for name in ("f.extxyz", "s.csv", "x.csv")]
    methane = build_recipe("smiles", "smiles=C")
    engine = Broken(4, no_convergence, atoms=methane)
    reference_run(run, *paths, engine=engine, store=tmp_path / "store", common={"relax": False})
    assert [frame.info["step"] for frame in read_frames(paths[0])] == [2]
    (failure,) = read_tables([paths[2]]).to_dict("records")
    assert failure["reason"] == "step 3: springs failed (SCF not converged)"
    (summary,) = read_tables([paths[1]]).to_dict("records")
    assert (summary["frames"], summary["stopped"]) == (1, failure["reason"])
