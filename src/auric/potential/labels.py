"""Labelled frames: which run each comes from, and parts of runs."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms

from auric.errors import InputError
from auric.files import read_frames
from auric.structures.labelled import energy_of as energy_of
from auric.structures.labelled import forces_of as forces_of
from auric.structures.labelled import has_forces as has_forces
from auric.structures.labelled import level_of as level_of


def runs_of(frames: Sequence[Atoms]) -> np.ndarray:
    """Name of the run each frame comes from, `info['run']` with the system before it; frames of one run are not independent."""
    return np.array([
        " ".join(str(atoms.info[key]) for key in ("system", "isomer", "run") if key in atoms.info) for atoms in frames
    ])  # fmt: skip


def read_runs(
    paths: Sequence[str | Path], role: str, sample: Mapping[str, Any] | None = None, whole: Sequence[str | Path] = ()
) -> list[Atoms]:
    """The frames of all runs.

    Args:
        paths: Extended xyz files.
        role: What they are for, for the message.
        sample: Arguments of `sampled`, to take a part of each file; None takes all.
        whole: Files of which all frames are taken, after the others.

    Raises:
        InputError: If there are none.
    """
    frames = [atoms for path in paths for atoms in sampled(read_frames(path), **(sample or {}))]
    frames += [atoms for path in whole for atoms in read_frames(path)]
    if not frames:
        raise InputError(
            f"no {role} frames in {', '.join(map(str, paths)) or 'no files'}; the table of failures says why"
        )
    return frames


def sampled(given: Sequence[Atoms], *, frames: int | None = None, spacing: str = "logarithmic") -> list[Atoms]:
    """A part of a run's frames, the last among them.

    Args:
        given: In order of time.
        frames: How many at most; None takes all.
        spacing: `even`, or `logarithmic`: ten times as dense at the end as at the start, where a heated run is hot
            (arXiv:2203.09788, II.A, which gives no base; here the frame numbers follow log10 x with x from 1 to 10).

    Raises:
        InputError: If the spacing is another one.
    """
    if spacing not in ("even", "logarithmic"):
        raise InputError(f"frames cannot be spaced '{str(spacing)[:40]}'; choose even or logarithmic")
    if frames is None or frames >= len(given):
        return list(given)
    share = np.arange(1, frames + 1) / frames
    along = share if spacing == "even" else np.log10(1 + 9 * share)
    # Where more frames are asked for than lie there, each is taken once.
    return [given[k] for k in np.unique(np.ceil(along * len(given) - 1e-9).astype(int) - 1)]


def level_told(frames: Sequence[Atoms]) -> dict[str, str]:
    """Engine, method and basis of the frames, for a model's file.

    Raises:
        InputError: If they are of several levels of theory.
    """
    levels = {level_of(atoms) for atoms in frames}
    if len(levels) > 1:
        raise InputError(f"frames of {len(levels)} levels of theory cannot train one potential; use those of one")
    return dict(zip(("engine", "method", "basis"), levels.pop(), strict=True))


def counts_of(frames: Sequence[Atoms], species: Sequence[str]) -> np.ndarray:
    """How many atoms of each element structures have, shape (frames, species), as float."""
    return np.array([[list(atoms.symbols).count(symbol) for symbol in species] for atoms in frames], dtype=float)


def pieces_of(runs: np.ndarray, chunks: int) -> np.ndarray:
    """Number of the piece each frame belongs to, shape (frames,): every run is cut into consecutive chunks.

    Args:
        runs: Name of each frame's run, in order of time within each run, shape (frames,).
        chunks: Pieces of each run.
    """
    result, number = np.empty(len(runs), dtype=int), 0
    for run in dict.fromkeys(runs.tolist()):
        for chunk in np.array_split(np.flatnonzero(runs == run), chunks):
            if len(chunk):
                result[chunk] = number
                number += 1
    return result


def folds_of(runs: np.ndarray, *, folds: int, chunks: int) -> np.ndarray:
    """The fold of each frame, shape (frames,): consecutive pieces of runs (`pieces_of`) are dealt out in turn.

    Frames that follow each other are nearly alike, and must not stand on both sides of a validation.

    Args:
        runs: See `pieces_of`.
        folds: How many.
        chunks: See `pieces_of`.
    """
    return pieces_of(runs, chunks) % folds
