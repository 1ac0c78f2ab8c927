"""Frames of a run of dynamics labelled again at another rung of the ladder, for learning what the two disagree about."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from auric.files import read_frames, write_frames, write_table
from auric.reference.engines import make_engine
from auric.reference.label import label_frames
from auric.reference.store import Store
from auric.structures.prepare import FAILURE_COLUMNS


def relabel_run(
    frames: str | Path, labels: str | Path, failures: str | Path, *,
    every: int, engine: str, settings: Mapping[str, Any], store: str | Path,
    warm_start: bool = True, threads: int = 1, memory_mb: int = 4000,
) -> None:  # fmt: skip
    """Label each so many frames of a run again, with forces; what an earlier job labelled is taken from the store.

    Names and steps stay, and energies, forces and the level of theory are the new ones, so that frames of both levels are
    found by their names.

    Args:
        frames: A run (extended xyz).
        labels: Extended xyz to write.
        failures: CSV of frames without labels, with the reason.
        every: The last of each so many frames is labelled, so that a heated run's hottest is among them.
        engine: Name of the engine.
        settings: Its settings; whatever they say of forces, forces are computed.
        store: Folder of the label store.
        warm_start: Whether each frame starts from the orbitals of the one before, if the engine gives any.
        threads: Threads for the engine.
        memory_mb: Memory for the engine (megabyte).
    """
    wanted = dict(settings) if engine == "gfn1-xtb" else {**settings, "forces": True}  # which has them always
    rung = make_engine(engine, wanted, threads=threads, memory_mb=memory_mb)
    good, _, failed = label_frames(read_frames(frames)[every - 1 :: every], rung, Store(store), warm_start=warm_start)
    write_frames(labels, good)
    write_table(failures, failed, FAILURE_COLUMNS)
