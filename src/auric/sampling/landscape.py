"""Where walks go in the space of descriptors, beside what their potential has learned from and beside dynamics."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms

from auric.files import read_frames, write_table
from auric.potential import principal_components
from auric.potential.labels import read_runs
from auric.sampling.guard import DomainGuard
from auric.sampling.walked import read_walked

PLACE_COLUMNS = ("system", "run", "source", "chain", "step", "pc1", "pc2", "pc1_share", "pc2_share", "outside")
TRAINING, DYNAMICS = "training", "dynamics"
SHOWN = 400
"""Frames of each walk, and of the training, that are placed at most, evenly spread."""


def walk_map(
    training: Sequence[str | Path], trajectories: Sequence[str | Path], tables: Sequence[str | Path], dynamics: str | Path, table: str | Path
) -> None:  # fmt: skip
    """Place the frames of walks, of dynamics and of the training along the two directions in which the training differs most.

    Descriptors and components are those of `auric.potential.descriptor_map`: MBTR of whole structures with the second parameters of
    doi:10.1021/acs.jpca.0c01512, scaled to [0, 1] over the training, from all frames of which the components come.

    Args:
        training: Runs that the potentials learned from (extended xyz).
        trajectories: Walks of several potentials beside one run.
        tables: Of these walks, columns `auric.sampling.beside.WALK_COLUMNS`.
        dynamics: The run (extended xyz).
        table: CSV to write, columns `PLACE_COLUMNS`; a row a frame, coordinates in scaled descriptors (no unit), shares of the
            training frames' variance, and whether the frame lies outside of the training (`DomainGuard`; 0 or 1). A frame of the
            training or of dynamics has the chain 0.
    """
    frames, run = read_runs(training, "training"), read_frames(dynamics)
    rows: list[dict[str, Any]] = []
    if run:  # else there is no walk, and the table of failures says why
        guard = DomainGuard(frames)
        components = principal_components(guard.features(frames))
        shares = {f"pc{k}_share": share for k, share in enumerate(components.shares, 1)}
        common = {"system": run[0].info["system"], "run": run[0].info["run"]} | shares

        def place(source: str, some: Sequence[Atoms], chains: Sequence[int], steps: Sequence[int]) -> None:
            features = guard.features(some)
            told = zip(chains, steps, components.scores(features), guard.judge(features).astype(int), strict=True)
            rows.extend(
                common | {"source": source, "chain": chain, "step": step, "pc1": pc1, "pc2": pc2, "outside": outside}
                for chain, step, (pc1, pc2), outside in told
            )

        few = [frames[k] for k in _spread(len(frames))]
        place(TRAINING, few, [0] * len(few), [int(atoms.info["step"]) for atoms in few])
        place(DYNAMICS, run, [0] * len(run), [int(atoms.info["step"]) for atoms in run])
        for trajectory, path in zip(trajectories, tables, strict=True):
            walked = read_walked(trajectory, path)
            count, chains = walked.positions.shape[:2]
            numbers = _spread(count * chains)
            some = [Atoms(run[0].symbols, walked.positions[k // chains, k % chains]) for k in numbers]
            place(
                str(walked.told["walker"]), some, [k % chains for k in numbers],
                [walked.every * (k // chains + 1) for k in numbers],
            )  # fmt: skip
    write_table(table, rows, PLACE_COLUMNS)


def _spread(count: int) -> list[int]:
    """So many numbers below `count` as are shown, the last among them."""
    return [int(k) for k in np.unique(np.linspace(0, count - 1, min(count, SHOWN)).round())]
