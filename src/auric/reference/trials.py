"""Trial moves of single blocks from the frames of a run, labelled: what a walk through structures asks of a potential.

A walk accepts or rejects by *differences* of energy upon the move of one part, which are far smaller than what energies
vary by along a run; a potential good for the one can be of no use for the other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms

from auric.errors import InputError, ScfError, StructureError
from auric.files import read_frames, write_frames, write_table
from auric.progress import Counter, log, reason_of
from auric.reference.interface import Engine
from auric.reference.label import label_once
from auric.reference.store import Store
from auric.reference.xtb import XtbEngine, XtbSettings
from auric.structures.blocks import Block, move_block, moving_blocks
from auric.structures.labelled import level_of
from auric.structures.prepare import FAILURE_COLUMNS

OF_RUN = (
    "name", "charge", "multiplicity", "source", "system", "role", "structure", "run", "step", "engine", "method", "basis",
)  # fmt: skip
"""What a moved frame keeps of the frame it was; its temperature and time it has lost."""


@dataclass(frozen=True)
class MoveSettings:
    """Which moves are tried.

    Attributes:
        trials: Of one run, spread evenly over its frames.
        step_angstrom: A block's atom is shifted by up to so much along each axis. At 0.1, about four in ten moves of
            Au4(SCH3)4 at 270 K would be accepted at 300 K.
        turn_degree: A ligand turns about its bond to sulfur by up to so much either way.
        seed: Of the moves.
    """

    trials: int = 50
    step_angstrom: float = 0.1
    turn_degree: float = 10.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.trials < 1 or not 0 < self.step_angstrom <= 1 or not 0 <= self.turn_degree <= 180 or self.seed < 0:
            raise InputError(
                f"trial moves {asdict(self)}: give at least one trial, a step up to 1 angstrom, a turn up to 180 degrees "
                "and a seed from 0"
            )


def trial_moves(
    frames: str | Path, moves: str | Path, failures: str | Path, *,
    settings: MoveSettings, engine: Engine, store: str | Path,
) -> None:  # fmt: skip
    """Move one block of a frame at random, label the result, and so on; each trial starts from a frame of the run.

    Args:
        frames: A run (extended xyz, labelled at the engine's level).
        moves: Extended xyz to write: the frames after each move, labelled; `info` adds `trial`, `block` (its kind) and
            `energy_before_ev`, that of the frame with the same `run` and `step`.
        failures: CSV of moves without labels, with the reason.
        settings: Which moves.
        engine: Labels them.
        store: Folder of the label store.
    """
    given, keep = read_frames(frames), Store(store)
    made: list[Atoms] = []
    failed: list[dict[str, str]] = []

    def fail(error: Exception, frame: Atoms, name: str) -> None:
        reason = reason_of(error, name)
        log.warning("%s: %s", name, reason)
        failed.append({"stage": "moves", "structure": frame.info["structure"], "frame": name, "reason": reason})

    number = np.linspace(0, len(given) - 1, settings.trials).round().astype(int).tolist() if given else []
    try:
        blocks = _blocks(given[0], engine) if given else []
    except StructureError as error:
        fail(error, given[0], str(given[0].info["run"]))  # once for the whole run
        number = []
    counter = Counter("move", len(number))
    for trial, index in enumerate(number):
        before = given[index]
        name = f"{before.info['run']} trial {trial}"
        after = _tried(before, blocks, trial, settings)
        try:
            content, arrays = label_once(after, engine, keep)
            if content["failure"]:
                raise ScfError(content["failure"])
        except Exception as error:
            fail(error, before, name)
        else:
            after.info |= {"energy_before_ev": before.info["energy_ev"], "energy_ev": content["energy_ev"]}
            after.info["structure_hash"] = content["provenance"]["structure_hash"]
            after.arrays["forces_ev_angstrom"] = arrays["forces_ev_angstrom"]
            made.append(after)
        counter.step(name)
    write_frames(moves, made)
    write_table(failures, failed, FAILURE_COLUMNS)


def trial_moves_of_run(
    frames: str | Path, moves: str | Path, failures: str | Path, *,
    settings: Mapping[str, Any], xtb: Mapping[str, Any], store: str | Path,
) -> None:  # fmt: skip
    """`trial_moves` with settings as plain values, on GFN1-xTB; arguments are those of `trial_moves`."""
    engine = XtbEngine(XtbSettings(**xtb))
    trial_moves(frames, moves, failures, settings=MoveSettings(**settings), engine=engine, store=store)


def _blocks(frame: Atoms, engine: Engine) -> list[Block]:
    """What moves, if the engine's energies can be set beside the frame's."""
    method, ours = level_of(frame)[1], engine.identity()["method"]
    if method not in ("", ours):
        raise StructureError(
            f"no trial moves: its frames are {method}'s, and moves would be labelled by {ours}; energies of two methods "
            "cannot be compared"
        )
    return moving_blocks(frame)


def _tried(before: Atoms, blocks: Sequence[Block], trial: int, settings: MoveSettings) -> Atoms:
    """The frame after one move, without its labels."""
    rng = np.random.default_rng([settings.seed, trial])
    block = blocks[int(rng.integers(len(blocks)))]
    shift = rng.uniform(-settings.step_angstrom, settings.step_angstrom, 3)
    turn = rng.uniform(-settings.turn_degree, settings.turn_degree)
    after = Atoms(before.symbols, move_block(before.positions, block, shift, turn))
    after.info = {key: before.info[key] for key in OF_RUN if key in before.info} | {"trial": trial, "block": block.kind}
    return after
