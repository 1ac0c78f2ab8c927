"""Active expansion: walks find structures that a potential does not know; they are labelled and learned from, in rounds.

As in doi:10.1021/acs.jpca.0c01512, where walks on a potential learned from dynamics broke the cluster until their own broken
structures were learned from too. Here a structure is collected where it is farther from all training frames than training
frames are from each other (`DomainGuard`), and as different ones as possible are labelled.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms

from auric.files import alone_with, read_frames, write_frames, write_table
from auric.potential import energy_of, select_references
from auric.potential.labels import read_runs
from auric.provenance import digest
from auric.reference.engines import make_engine
from auric.reference.label import label_frames
from auric.reference.store import Store
from auric.sampling.beside import WALKERS, potential_walk
from auric.sampling.geometry import coordinates
from auric.sampling.guard import DomainGuard
from auric.sampling.walk import WALK_VERSION, WalkSettings, run_walk
from auric.sampling.walked import visited
from auric.structures.prepare import FAILURE_COLUMNS

ROUND_COLUMNS = (
    "system", "walker", "round", "known_frames", "chains", "frames", "outside_share", "broken_share", "labelled", "failed",
    "energy_rmse_ev", "worst_error_ev", "lowest_error_ev",
)  # fmt: skip
BROKEN = 1.4
"""A bond between sulfur and metal is broken beyond this multiple of its length in the start."""


def expansion_round(
    model: str | Path, training: Sequence[str | Path], collected: Sequence[str | Path], outliers: str | Path, table: str | Path,
    failures: str | Path, *, number: int, walker: str, settings: Mapping[str, Any], xtb: Mapping[str, Any], seed: int, store: str | Path,
) -> None:  # fmt: skip
    """One round: walk, collect what lies outside, label it.

    Labels and the walk are kept in the store, so that a killed round goes on.

    Args:
        model: File of the potential, learned from `training` and `collected`.
        training: Runs of dynamics at GFN1-xTB (extended xyz).
        collected: What earlier rounds labelled.
        outliers: Extended xyz to write: labelled structures, as a run of their own to learn from.
        table: CSV to write, columns `ROUND_COLUMNS`, one row.
        failures: CSV to write, columns those of all failure tables.
        number: Of the round, from 1.
        walker: A key of `auric.sampling.beside.WALKERS`.
        settings: `temperatures_k`, `chains` (of each temperature), `labels` (at most), and `walk` as of `WalkSettings`.
        xtb: Settings of the engine.
        seed: Of the walk.
        store: Folder of the label store.
    """
    runs = [read_frames(path) for path in training]
    known = read_runs([*training, *collected], "training")
    starts = _starts(runs, settings["chains"] * len(settings["temperatures_k"]))
    temperatures = tuple(float(t) for t in settings["temperatures_k"] for _ in range(settings["chains"]))
    make, identity = potential_walk(walker, model)
    guard = DomainGuard(known)
    plan = WalkSettings(temperatures, **settings["walk"], seed=seed + number)
    name = digest(f"{WALK_VERSION} {identity}", str(plan), *(atoms.positions.tobytes() for atoms in starts))
    trajectory = Path(store) / "walks" / f"{name}.extxyz"
    with alone_with(trajectory):
        run_walk(starts, make, plan, trajectory, identity=identity, outside=guard.outside)

    walked = visited(trajectory, len(temperatures))
    strange = [atoms for atoms in walked if atoms.info["outside"]]
    chosen = _different(strange, guard, settings["labels"])
    stamp = {key: starts[0].info[key] for key in ("structure", "system", "charge", "multiplicity")}
    for place, atoms in enumerate(chosen):
        atoms.info = stamp | {
            "name": f"{stamp['system']}_{walker}_{number}_{place:03d}", "run": f"expansion_{walker}_{number}", "role": "train",
            "step": int(atoms.info["step"]), "predicted_ev": float(atoms.info["energy_ev"]),
        }  # fmt: skip
    good, _, failed = label_frames(chosen, make_engine("gfn1-xtb", dict(xtb)), Store(store), warm_start=False)
    write_frames(outliers, good)
    write_table(failures, failed, FAILURE_COLUMNS)
    error = np.array([atoms.info["predicted_ev"] - energy_of(atoms) for atoms in good]) if good else np.full(1, np.nan)
    row = {
        "system": stamp["system"], "walker": WALKERS[walker], "round": number, "known_frames": len(known), "chains": len(temperatures),
        "frames": len(walked), "outside_share": len(strange) / len(walked), "broken_share": float(np.mean(_broken(walked, starts[0]))),
        "labelled": len(good), "failed": len(failed), "energy_rmse_ev": np.sqrt(np.mean(error**2)),
        "worst_error_ev": np.abs(error).max(), "lowest_error_ev": error.min(),
    }  # fmt: skip
    write_table(table, [row], ROUND_COLUMNS)


def _starts(runs: Sequence[Sequence[Atoms]], count: int) -> list[Atoms]:
    """First frames of runs of the same atoms as the first run, in turns."""
    first = [frames[0] for frames in runs if frames]
    alike = [atoms for atoms in first if list(atoms.symbols) == list(first[0].symbols)]
    return [alike[number % len(alike)] for number in range(count)]


def _different(frames: Sequence[Atoms], guard: DomainGuard, count: int) -> list[Atoms]:
    """At most so many of some structures, as far apart as can be (RS-maximin in the guard's descriptors)."""
    if len(frames) <= count:
        return list(frames)
    return [frames[number] for number in select_references(guard.features(frames), count)]


def _broken(frames: Sequence[Atoms], start: Atoms) -> np.ndarray:
    """Which structures have a bond between sulfur and metal that is much longer than in the start."""
    bonds = [
        one
        for one in coordinates([start])
        if one.name.startswith("S-") and one.name != "S-C" and one.unit == "angstrom"
    ]
    positions = np.array([atoms.positions for atoms in frames])
    longest = [(one.measure(positions) / one.measure(start.positions)).max(axis=1) for one in bonds]
    return np.asarray(np.max(longest, axis=0) > BROKEN) if longest else np.zeros(len(frames), dtype=bool)
