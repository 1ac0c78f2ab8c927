"""Isomers beside each other: bonds and angles of one less those of the other, in walks and in dynamics at the same temperature."""

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms

from auric.files import read_frames, read_tables, write_table
from auric.sampling.geometry import BLOCKS, Coordinate, blocks_of, chains_of, compare, coordinates
from auric.sampling.walked import read_walked

ISOMER_COLUMNS = (
    "system", "first", "second", "first_run", "second_run", "temperature_k", "source", "coordinate", "unit", "first_peak", "second_peak",
    "shift", "shift_low", "shift_high", "wasserstein", "wasserstein_low", "wasserstein_high",
)  # fmt: skip
DYNAMICS = "dynamics"
"""The source of what walks are held against; others are walks, by their walker."""


def compare_isomers(
    trajectories: Sequence[str | Path], tables: Sequence[str | Path], dynamics: Sequence[str | Path], table: str | Path, *,
    samples: int, seed: int,
) -> None:  # fmt: skip
    """Bonds and angles of two structures of the same atoms, wherever both were walked on beside runs of one temperature.

    Args:
        trajectories: Walks beside these runs.
        tables: Of the walks, columns `auric.sampling.beside.WALK_COLUMNS`.
        dynamics: The runs (extended xyz).
        table: CSV to write, columns `ISOMER_COLUMNS`; shifts are those of the first isomer's peak from the second's.
        samples: Of the bootstrap.
        seed: Of the bootstrap.
    """
    runs = {str(frames[0].info["run"]): frames for frames in map(read_frames, dynamics) if len(frames) >= BLOCKS}
    pairs = [pair for pair in combinations(runs, 2) if _isomers(*(runs[name][0] for name in pair))]
    wanted = {name for pair in pairs for name in pair}
    pieces: dict[tuple[str, str], dict[str, tuple[Coordinate, list[np.ndarray]]]] = {}
    for name in wanted:
        given = np.array([atoms.positions for atoms in runs[name]])
        pieces[name, DYNAMICS] = {one.name: (one, blocks_of(one.measure(given))) for one in coordinates(runs[name])}
    for trajectory, path in zip(trajectories, tables, strict=True):
        told = read_tables([path])
        if len(told) and str(told["run"].iloc[0]) in wanted:  # a run without frames has no walk
            walked = read_walked(trajectory, path)
            name = str(walked.told["run"])
            pieces[name, str(walked.told["walker"])] = {
                one.name: (one, chains_of(one.measure(walked.positions))) for one in coordinates(runs[name])
            }
    rows: list[dict[str, Any]] = []
    for pair in pairs:
        sources = [source for name, source in pieces if name == pair[0] and (pair[1], source) in pieces]
        for source in sources:
            rows += _rows(pair, runs, source, [pieces[name, source] for name in pair], samples, seed)
    write_table(table, rows, ISOMER_COLUMNS)


def _isomers(one: Atoms, other: Atoms) -> bool:
    """Whether these are different structures of the same atoms, at one bath that holds its temperature."""
    baths = [atoms.info.get("target_temperature_k", np.nan) for atoms in (one, other)]
    alike = one.get_chemical_formula("metal") == other.get_chemical_formula("metal")
    return bool(alike and one.info["structure"] != other.info["structure"] and baths[0] == baths[1])


def _rows(
    pair: tuple[str, str], runs: dict[str, list[Atoms]], source: str,
    both: list[dict[str, tuple[Coordinate, list[np.ndarray]]]], samples: int, seed: int,
) -> list[dict[str, Any]]:  # fmt: skip
    first, second = (runs[name][0].info for name in pair)
    common = {
        "system": first["system"], "first": first["structure"], "second": second["structure"], "first_run": pair[0],
        "second_run": pair[1], "temperature_k": first["target_temperature_k"], "source": source,
    }  # fmt: skip
    rows = []
    for name, (one, ours) in both[0].items():
        if name in both[1]:
            found = compare(ours, both[1][name][1], one.unit, samples=samples, seed=seed)
            rows.append(common | {
                "coordinate": name, "unit": one.unit, "first_peak": found.peaks[0], "second_peak": found.peaks[1],
                **dict(zip(("shift", "shift_low", "shift_high"), found.shift, strict=True)),
                **dict(zip(("wasserstein", "wasserstein_low", "wasserstein_high"), found.distance, strict=True)),
            })  # fmt: skip
    return rows
