"""Walks beside dynamics: a walk starts where a test run does, at its temperature, and both are looked at alike."""

import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms

from auric.errors import InputError
from auric.files import alone_with, atomic, read_frames, write_table
from auric.modelfile import content_digest
from auric.potential import LinearPotential, energy_of, load_emlm
from auric.potential.labels import read_runs
from auric.progress import log
from auric.provenance import digest
from auric.sampling.differences import DIFFERENCE_COLUMNS, energy_differences
from auric.sampling.energies import EMLM_VERSION, EmlmWalk, LinearWalk, WalkingEnergies
from auric.sampling.geometry import (
    BLOCKS,
    Coordinate,
    autocorrelation_time,
    blocks_of,
    chains_of,
    compare,
    coordinates,
    density,
    grid,
    halves_apart,
    side_peak,
)
from auric.sampling.guard import DomainGuard
from auric.sampling.walk import WALK_VERSION, WalkSettings, run_walk
from auric.sampling.walked import read_walked, visited, walked_chains
from auric.sampling.wall import Wall
from auric.structures import moving_blocks

WALKERS = {
    "linear": "linear, energies and forces", "emlm": "emlm on MBTR, second parameters", "corrected": "corrected, linear at the better level",
}  # fmt: skip
"""Potentials that can be walked on, by what the scorecard calls them."""
WHOLE = "whole walk"
GEOMETRY_COLUMNS = (
    "system", "run", "walker", "temperature_k", "part", "steps", "coordinate", "unit", "count", "walk_peak", "dynamics_peak", "shift", "shift_low",
    "shift_high", "wasserstein", "wasserstein_low", "wasserstein_high", "dynamics_halves", "walk_mean", "dynamics_mean",
    "walk_side_peak", "walk_side_height", "dynamics_side_peak", "dynamics_side_height", "autocorrelation_steps", "effective_samples",
)  # fmt: skip
CURVE_COLUMNS = ("system", "run", "walker", "coordinate", "unit", "value", "walk", "dynamics")
WALK_COLUMNS = (
    "system", "run", "walker", "temperature_k", "chains", "ladder", "steps", "trials_per_step", "accepted", "exchanged", "step_angstrom",
    "outside_share", "walled_share", "dynamics_behind_share", "step_energy_sd_ev", "dynamics_energy_sd_ev", "walk_energy_sd_ev", "rigid_degrees",
    "refresh_difference_ev", "seconds_per_step",
)  # fmt: skip


def potential_walk(walker: str, model: str | Path) -> tuple[Callable[[Atoms, np.ndarray], WalkingEnergies], str]:
    """How a potential's file is walked on, and a digest of the potential (`content_digest`).

    Args:
        walker: A key of `WALKERS`.
        model: File of the potential.

    Raises:
        InputError: If the file is damaged or another potential's.
    """
    if walker == "emlm":
        mbtr, learned, _ = load_emlm(model)
        identity = digest(f"{walker} {EMLM_VERSION}", content_digest(model))
        return lambda atoms, where: EmlmWalk(mbtr, learned, atoms, where), identity
    potential = LinearPotential.load(model)
    return lambda atoms, where: LinearWalk(potential, atoms, where), digest(walker, content_digest(model))


def walk_beside(
    model: str | Path, training: Sequence[str | Path], dynamics: str | Path, trajectory: str | Path, table: str | Path, *,
    walker: str, chains: int, settings: Mapping[str, Any], seed: int, store: str | Path, wall_share: float = 0.95, ladder: Sequence[float] = (),
    sample: Mapping[str, Any] | None = None,
) -> None:  # fmt: skip
    """Walk from the first frame of a run, at its temperature; a run without frames gives no walk.

    The trajectory grows in the store, outside of what the workflow deletes when a job fails; a killed walk goes on there, and one
    of more steps where a shorter one ended.

    Args:
        model: File of the potential.
        training: Runs it was learned from (extended xyz), for the domain and the wall.
        dynamics: The run.
        trajectory: Extended xyz to write, see `run_walk`.
        table: CSV to write, columns `WALK_COLUMNS`, one row.
        walker: A key of `WALKERS`.
        chains: All start from the same structure.
        settings: Of `WalkSettings`, all but temperatures, exchange and seed.
        seed: Of the walk.
        store: Folder of the label store.
        wall_share: Of the shortest distances in training, nearer than which no trial may lead (`Wall`); 0 for no wall.
        ladder: Multiples of the temperature, each above 1; as many chains again walk at each of them, and neighbours exchange
            structures (replica exchange). Tables tell of the chains at the run's temperature alone.
        sample: Which frames of each training run it was learned from, see `auric.potential.labels.sampled`; all by default.

    Raises:
        InputError: If the run's bath changes its temperature.
    """
    frames = read_frames(dynamics)
    if not frames:  # the table of failures says why; other runs go on
        log.warning("%s: no frames to start from", dynamics)
        Path(trajectory).write_bytes(b"")
        write_table(table, [], WALK_COLUMNS)
        return
    start, temperature = frames[0], _temperature(frames, dynamics)
    known = read_runs(training, "training", sample)
    make, identity = potential_walk(walker, model)
    wall = Wall(known, wall_share) if wall_share else None
    identity = digest(identity, f"wall {wall_share:g}") if wall else identity
    temperatures = tuple(temperature * factor for factor in (1.0, *ladder) for _ in range(chains))
    plan = WalkSettings(temperatures, **settings, exchange=bool(ladder), seed=seed)
    beginning = digest(f"{WALK_VERSION} {identity}", str(replace(plan, steps=plan.every)), start.positions.tobytes())
    growing = Path(store) / "walks" / beginning / f"{plan.steps}.extxyz"
    with alone_with(growing):
        _begin(growing)
        busy = time.process_time()
        before = growing.stat().st_size if growing.exists() else 0
        outside = DomainGuard(known).outside
        run_walk([start] * len(temperatures), make, plan, growing, identity=identity, outside=outside, wall=wall)
        walked = 1 - before / growing.stat().st_size  # nothing is known of how long the rest took
        spent = time.process_time() - busy
        _link(growing, Path(trajectory))
    seconds = spent / (plan.steps + plan.equilibration_steps) / walked if walked > 0.5 else np.nan
    told = _told(growing, frames, walker, chains) | {"ladder": len(ladder), "seconds_per_step": seconds}
    if wall:
        behind = wall.around([start]).behind(np.array([atoms.positions for atoms in frames]))
        told["dynamics_behind_share"] = behind.mean()
    write_table(table, [told], WALK_COLUMNS)


def _begin(growing: Path) -> None:
    """A walk that is not begun begins as a copy of the longest shorter one of the same, whose file is others' result."""
    known = {int(path.stem): path for path in growing.parent.glob("*.extxyz") if path.stem.isdecimal()}
    shorter = [steps for steps in known if steps < int(growing.stem)]
    if shorter and not growing.exists():
        with atomic(growing) as temporary:
            shutil.copyfile(known[max(shorter)], temporary)


def _temperature(frames: Sequence[Atoms], dynamics: str | Path) -> float:
    first, last = (float(frames[k].info.get("target_temperature_k", np.nan)) for k in (0, -1))
    if not first == last:
        raise InputError(
            f"{dynamics}: a bath from {first:g} to {last:g} K; a walk has one temperature, name a run at one"
        )
    return first


def _link(source: Path, target: Path) -> None:
    """The same file under another name; a copy where the file system has no links."""
    with atomic(target) as temporary:
        temporary.unlink()
        try:
            os.link(source, temporary)
        except OSError:
            shutil.copyfile(source, temporary)


def _told(path: Path, dynamics: Sequence[Atoms], walker: str, chains: int) -> dict[str, Any]:
    """The row of a walk in `WALK_COLUMNS`, but for the time it took."""
    frames = visited(path, chains)
    walked = walked_chains(path, chains, {})
    energies = walked.energies_ev
    info, blocks = dynamics[0].info, moving_blocks(frames[0])
    return {
        "system": info["system"], "run": info["run"], "walker": WALKERS[walker],
        "temperature_k": frames[0].info["temperature_k"], "chains": chains, "steps": len(energies),
        "trials_per_step": len(blocks), "accepted": np.mean([atoms.info["accepted"] for atoms in frames]),
        "exchanged": np.mean([atoms.info["exchanged"] for atoms in frames]), "step_angstrom": frames[0].info["step_angstrom"],
        "outside_share": np.mean([atoms.info["outside"] > 0 for atoms in frames]),
        "walled_share": np.mean([atoms.info.get("walled", 0.0) for atoms in frames]), "dynamics_behind_share": 0.0,
        "step_energy_sd_ev": walked.next_changes().std(), "walk_energy_sd_ev": energies.std(axis=0).mean(),
        "dynamics_energy_sd_ev": np.std([energy_of(atoms) for atoms in dynamics]),
        # Of a rigid ligand move its atom next to sulfur (3) and the turn about that bond (1).
        "rigid_degrees": sum(3 * len(one.ligand) - 4 for one in blocks if one.kind == "ligand" and len(one.ligand) > 1),
        # Frames from before it was kept do not tell.
        "refresh_difference_ev": max((float(a.info["refreshed_ev"]) for a in frames if "refreshed_ev" in a.info), default=np.nan),
    }  # fmt: skip


def compare_beside(
    trajectories: Sequence[str | Path], tables: Sequence[str | Path], dynamics: str | Path, geometry: str | Path, curves: str | Path,
    energies: str | Path, energy_curves: str | Path, *,
    last: int, samples: int, seed: int,
) -> None:  # fmt: skip
    """Bonds, angles and differences of energy of walks beside those of the run they started from.

    Args:
        trajectories: Walks of several potentials beside one run.
        tables: Of these walks, columns `WALK_COLUMNS`.
        dynamics: The run (extended xyz).
        geometry: CSV to write, columns `GEOMETRY_COLUMNS`: for the whole walk and for its last steps.
        curves: CSV to write, columns `CURVE_COLUMNS`: smoothed distributions, per angstrom or degree.
        energies: CSV to write, columns `DIFFERENCE_COLUMNS`.
        energy_curves: CSV to write, columns `CURVE_COLUMNS`: smoothed distributions of differences of energy, per eV.
        last: The number of last steps, as published walks were looked at.
        samples: Of the bootstrap.
        seed: Of the bootstrap.
    """
    frames = read_frames(dynamics)
    given = np.array([atoms.positions for atoms in frames])
    rows: list[dict[str, Any]] = []
    drawn: list[dict[str, Any]] = []
    changes: list[dict[str, Any]] = []
    spread: list[dict[str, Any]] = []
    if 0 < len(frames) < BLOCKS:
        log.warning("%s: %d frames are too few to compare with (%d)", dynamics, len(frames), BLOCKS)
    enough = len(frames) >= BLOCKS
    kinds = coordinates(frames) if enough else []
    for trajectory, table in zip(trajectories, tables, strict=True) if enough else ():
        walked = read_walked(trajectory, table)
        common = walked.common("system", "run", "walker", "temperature_k")
        for one in kinds:
            ours, theirs = one.measure(walked.positions), one.measure(given)
            for part, kept in _parts(len(ours), last // walked.every):
                row = common | {"part": part.format(last), "steps": kept * walked.every}
                rows.append(row | _compared(one, ours[-kept:], theirs, walked.every, samples, seed))
            points = grid([ours, theirs], one.unit, one.width)
            both = zip(points, density(ours, points, one.width), density(theirs, points, one.width), strict=True)
            row = walked.common("system", "run", "walker") | {"coordinate": one.name, "unit": one.unit}
            drawn += [row | {"value": x, "walk": walk, "dynamics": run} for x, walk, run in both]
        some, more = energy_differences(walked, np.array([energy_of(atoms) for atoms in frames]), len(frames[0]))
        changes += some
        spread += more
    write_table(geometry, rows, GEOMETRY_COLUMNS)
    write_table(curves, drawn, CURVE_COLUMNS)
    write_table(energies, changes, DIFFERENCE_COLUMNS)
    write_table(energy_curves, spread, CURVE_COLUMNS)


def _parts(frames: int, last: int) -> list[tuple[str, int]]:
    """The whole walk and, if there is more, its end."""
    return [(WHOLE, frames), *([("last {} steps", last)] if 0 < last < frames else [])]


def _compared(
    one: Coordinate, ours: np.ndarray, theirs: np.ndarray, every: int, samples: int, seed: int
) -> dict[str, Any]:
    found = compare(chains_of(ours), blocks_of(theirs), one.unit, samples=samples, seed=seed)
    means = ours.mean(axis=2)
    time_steps = autocorrelation_time(means)
    sides = [side_peak(values.ravel(), one.unit, one.width) for values in (ours, theirs)]
    return {
        "coordinate": one.name, "unit": one.unit, "count": len(one.atoms), "walk_peak": found.peaks[0], "dynamics_peak": found.peaks[1],
        **dict(zip(("shift", "shift_low", "shift_high"), found.shift, strict=True)),
        **dict(zip(("wasserstein", "wasserstein_low", "wasserstein_high"), found.distance, strict=True)),
        "dynamics_halves": halves_apart(theirs), "walk_mean": ours.mean(), "dynamics_mean": theirs.mean(),
        "walk_side_peak": sides[0][0], "walk_side_height": sides[0][1], "dynamics_side_peak": sides[1][0],
        "dynamics_side_height": sides[1][1], "autocorrelation_steps": time_steps * every, "effective_samples": means.size / time_steps,
    }  # fmt: skip
