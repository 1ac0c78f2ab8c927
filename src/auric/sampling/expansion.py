"""Active expansion: walks find structures that a potential does not know; they are labelled and learned from, in rounds.

As in doi:10.1021/acs.jpca.0c01512, where walks on a potential learned from dynamics broke the cluster until their own broken
structures were learned from too. Here a structure is collected where it is farther from all training frames than training
frames are from each other (`DomainGuard`), and as different ones as possible are labelled. Structures whose atoms or ligands are
not the same, such as isomers, are walked on each by itself.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from ase import Atoms

from auric.errors import InputError, StructureError
from auric.files import alone_with, read_frames, write_frames, write_table
from auric.potential import energy_of, select_references
from auric.potential.labels import read_runs
from auric.progress import log
from auric.provenance import digest
from auric.reference.engines import make_engine
from auric.reference.label import label_frames
from auric.reference.store import Store
from auric.sampling.beside import WALKERS, potential_walk
from auric.sampling.energies import WalkingEnergies
from auric.sampling.geometry import coordinates
from auric.sampling.guard import DomainGuard
from auric.sampling.walk import WALK_VERSION, WalkSettings, run_walk
from auric.sampling.walked import visited
from auric.structures import Block, moving_blocks
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
    sample: Mapping[str, Any] | None = None,
) -> None:  # fmt: skip
    """One round: walk, collect what lies outside, label it.

    Labels and walks are kept in the store, so that a killed round goes on.

    Args:
        model: File of the potential, learned from `training` and `collected`.
        training: Runs of dynamics at GFN1-xTB (extended xyz).
        collected: What earlier rounds labelled.
        outliers: Extended xyz to write: labelled structures, as a run of their own to learn from.
        table: CSV to write, columns `ROUND_COLUMNS`, one row.
        failures: CSV to write, columns those of all failure tables.
        number: Of the round, from 1.
        walker: A key of `auric.sampling.beside.WALKERS`.
        settings: `temperatures_k`, `chains` (of each temperature, shared as evenly as can be among different structures, one
            each at least), `labels` (at most), and `walk` as of `WalkSettings`.
        xtb: Settings of the engine.
        seed: Of the walk.
        store: Folder of the label store.
        sample: Which frames of each training run the potential has learned from, see `auric.potential.labels.sampled`.

    Raises:
        InputError: If no run has frames that can be walked on.
    """
    runs = [read_frames(path) for path in training]
    known = read_runs(training, "training", sample, collected)
    potential = potential_walk(walker, model)
    structures = _structures(runs, training)
    guard = DomainGuard(known)
    walked: list[_Visited] = []
    for first, chains in zip(structures, _shares(settings["chains"], len(structures)), strict=True):
        temperatures = tuple(float(t) for t in settings["temperatures_k"] for _ in range(chains))
        plan = WalkSettings(temperatures, **settings["walk"], seed=seed + number)
        walked += _walk(first, plan, potential, guard, Path(store))
    strange = [one for one in walked if one.atoms.info["outside"]]
    chosen = [strange[place] for place in _different([one.atoms for one in strange], guard, settings["labels"])]
    system = structures[0][0].info["system"]
    for place, (atoms, start) in enumerate(chosen):
        atoms.info = {key: start.info[key] for key in ("structure", "system", "charge", "multiplicity")} | {
            "name": f"{system}_{walker}_{number}_{place:03d}", "run": f"expansion_{walker}_{number}", "role": "train",
            "step": int(atoms.info["step"]), "predicted_ev": float(atoms.info["energy_ev"]),
        }  # fmt: skip
    good, _, failed = label_frames(
        [one.atoms for one in chosen], make_engine("gfn1-xtb", dict(xtb)), Store(store), warm_start=False
    )
    write_frames(outliers, good)
    write_table(failures, failed, FAILURE_COLUMNS)
    error = np.array([atoms.info["predicted_ev"] - energy_of(atoms) for atoms in good]) if good else np.full(1, np.nan)
    row = {
        "system": system, "walker": WALKERS[walker], "round": number, "known_frames": len(known),
        "chains": sum(_shares(settings["chains"], len(structures))) * len(settings["temperatures_k"]), "frames": len(walked),
        "outside_share": len(strange) / len(walked), "broken_share": _broken_share(walked),
        "labelled": len(good), "failed": len(failed), "energy_rmse_ev": np.sqrt(np.mean(error**2)),
        "worst_error_ev": np.abs(error).max(), "lowest_error_ev": error.min(),
    }  # fmt: skip
    write_table(table, [row], ROUND_COLUMNS)


class _Visited(NamedTuple):
    """A frame of a walk, and where its chain started."""

    atoms: Atoms
    start: Atoms


def _structures(runs: Sequence[Sequence[Atoms]], paths: Sequence[str | Path]) -> list[list[Atoms]]:
    """First frames of runs, those together that one walk can start from: of the same atoms in one order, which move alike."""
    found: dict[tuple[tuple[str, ...], tuple[Block, ...]], list[Atoms]] = {}
    for frames, path in zip(runs, paths, strict=True):
        if frames:
            try:
                blocks = tuple(moving_blocks(frames[0]))
            except StructureError as error:
                log.warning("%s: not walked on: %s", path, error)
            else:
                found.setdefault((tuple(frames[0].symbols), blocks), []).append(frames[0])
    if not found:
        raise InputError("no training run has frames that can be walked on; give runs of metal and thiolates")
    return list(found.values())


def _shares(chains: int, structures: int) -> list[int]:
    """How many chains of a temperature each structure has."""
    return [max(1, chains // structures + (place < chains % structures)) for place in range(structures)]


def _walk(
    first: Sequence[Atoms], plan: WalkSettings, potential: tuple[Callable[[Atoms, np.ndarray], WalkingEnergies], str],
    guard: DomainGuard, store: Path,
) -> list[_Visited]:  # fmt: skip
    """The frames of a walk, which is kept in the store; its chains start from these structures in turns."""
    make, identity = potential
    starts = [first[number % len(first)] for number in range(len(plan.temperatures_k))]
    name = digest(f"{WALK_VERSION} {identity}", str(plan), *(atoms.positions.tobytes() for atoms in starts))
    trajectory = store / "walks" / f"{name}.extxyz"
    with alone_with(trajectory):
        run_walk(starts, make, plan, trajectory, identity=identity, outside=guard.outside)
    return [_Visited(atoms, starts[int(atoms.info["chain"])]) for atoms in visited(trajectory, len(starts))]


def _different(frames: Sequence[Atoms], guard: DomainGuard, count: int) -> list[int]:
    """Places of at most so many of some structures, as far apart as can be (RS-maximin in the guard's descriptors)."""
    if len(frames) <= count:
        return list(range(len(frames)))
    return [int(number) for number in select_references(guard.features(frames), count)]


def _broken_share(walked: Sequence[_Visited]) -> float:
    """Of frames, each beside its own start."""
    mine: dict[int, list[_Visited]] = {}
    for one in walked:
        mine.setdefault(id(one.start), []).append(one)
    broken = [_broken([atoms for atoms, _ in some], some[0].start) for some in mine.values()]
    return float(np.mean(np.concatenate(broken)))


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
