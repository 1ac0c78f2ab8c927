"""Trajectories of walks: extended xyz with all digits, which ASE reads, and from whose last good frames a walk goes on.

All that a walk needs to go on is in its frames; random numbers depend on the number of the step alone. So a file cut at any
byte loses the frames behind the cut and nothing else.
"""

import itertools
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers
from ase.io.extxyz import key_val_str_to_dict

from auric.errors import InputError
from auric.given import regular, shown
from auric.machine import raise_lack
from auric.structures.fields import whole_number


def frame_text(symbols: Sequence[str], positions: np.ndarray, info: dict[str, Any]) -> str:
    """One frame of extended xyz; numbers are written so that reading them gives the same bits.

    Args:
        symbols: Of the atoms.
        positions: Shape (atoms, 3), angstrom.
        info: Numbers, words without spaces, and arrays of numbers; an empty array is left out, since readers lose what follows it.
    """
    words = " ".join(f"{key}={_word(value)}" for key, value in info.items() if np.size(value))
    rows = [f"{symbol} {x!r} {y!r} {z!r}\n" for symbol, (x, y, z) in zip(symbols, positions.tolist(), strict=True)]
    return f'{len(rows)}\nProperties=species:S:1:pos:R:3 {words} pbc="F F F"\n' + "".join(rows)


def _word(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return '"' + " ".join(repr(float(each)) for each in value) + '"'
    return repr(float(value)) if isinstance(value, float) else str(value)


class Recording:
    """The good frames of a trajectory file, in groups of one step with a frame for each chain; what follows them is ignored.

    Args:
        path: File; a missing one holds nothing.
        chains: Frames of a group.

    Attributes:
        size: Bytes up to the end of the last whole group.
        step: Of that group; 0 if there is none.
        frames: Of that group: positions and info.
    """

    def __init__(self, path: str | Path, chains: int) -> None:
        self.size, self.step = 0, 0
        self.frames: list[tuple[np.ndarray, dict[str, Any]]] = []
        group: list[tuple[np.ndarray, dict[str, Any]]] = []
        for end, positions, info in _frames(path):
            if info.get("chain") != len(group) or (group and info.get("step") != group[0][1]["step"]):
                break
            group.append((positions, info))
            if len(group) == chains:
                self.size, self.step, self.frames, group = end, int(info["step"]), group, []


def _frames(path: str | Path) -> Iterator[tuple[int, np.ndarray, dict[str, Any]]]:
    """End of each whole frame (bytes), positions and info, up to the first that is damaged."""
    if not Path(path).exists():
        return
    end = 0
    with Path(path).open("rb") as file:
        while True:
            count = file.readline()
            comment = file.readline()
            try:
                rows = list(itertools.islice(file, int(count)))
                info = key_val_str_to_dict(comment.decode("ascii").strip())
                positions = np.array([[float(word) for word in row.split()[1:4]] for row in rows])
            except Exception as error:  # ASE raises whatever the comment makes it
                raise_lack(error, path)
                return
            if (
                len(rows) != int(count)
                or not rows
                or not rows[-1].endswith(b"\n")
                or positions.shape != (len(rows), 3)
                or "step" not in info
            ):
                return
            end += len(count) + len(comment) + sum(map(len, rows))
            yield end, positions, info


def read_walk(path: str | Path) -> list[Atoms]:
    """All whole frames of a trajectory.

    Raises:
        InputError: If there are none, or steps do not rise.
    """
    if not regular(path):
        raise InputError(f"{shown(path)}: no such file; give the trajectory of a walk")
    symbols = _symbols(path)
    if unknown := [symbol for symbol in symbols if symbol not in atomic_numbers]:
        raise InputError(f"{path}: '{unknown[0][:40]}' is no element; give the trajectory of a walk")
    found = [Atoms(symbols, positions, info=info) for _, positions, info in _frames(path)]
    if not found:
        raise InputError(f"{path}: no whole frame in it; give the trajectory of a walk")
    for before, after in pairwise((atoms.info["step"], atoms.info.get("chain", 0)) for atoms in found):
        if after <= before:
            raise InputError(
                f"{path}: step {after[0]} of chain {after[1]} follows step {before[0]} of chain {before[1]}; two walks wrote it at once: "
                "remove it, and walk again"
            )
    return found


def _symbols(path: str | Path) -> list[str]:
    with Path(path).open(encoding="ascii", errors="replace") as file:
        count = whole_number(file.readline().strip()) or 0
        file.readline()
        return [(line.split() or [""])[0] for line in itertools.islice(file, count)]
