"""Relaxing many starts of one kind with no training data: each reference point on the way is learned from.

The first start goes by the reference alone. What it asked the reference for is enough for a rough potential, which the next
start's `relax_hybrid` takes as its guide; it is learned again as labels gather. So every reference call is counted, training
included.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator

from auric.errors import ScfError, StructureError
from auric.potential.calculators import LinearCalculator
from auric.potential.linear import LinearPotential, LinearSettings
from auric.progress import log
from auric.relaxation.calculators import NotFiniteError, Recorder
from auric.relaxation.hybrid import HybridSettings, relax_hybrid
from auric.relaxation.optimise import RelaxationSettings, relax

SERIES_COLUMNS = (
    "system", "run", "step", "method", "verdict", "start_ev", "energy_ev", "fmax_ev_angstrom", "reference_calls", "reference_core_seconds",
    "coarse_calls", "coarse_core_seconds", "learning_core_seconds", "labels", "note",
)  # fmt: skip
LEARNED_ON_THE_WAY = "hybrid, learned on the way"
GROWTH = 1.3
"""The potential is learned again once there are so many times the labels."""


def relax_series(
    starts: Sequence[Atoms], reference_of: Callable[[Atoms], Calculator], *, fmax_ev_angstrom: float = 0.05,
    settings: LinearSettings | None = None,
) -> tuple[list[dict[str, Any]], list[Atoms]]:  # fmt: skip
    """Relax starts one after the other, learning from every reference point.

    Args:
        starts: Of the same elements; those that differ most come first, best.
        reference_of: The engine as a calculator, for one start.
        fmax_ev_angstrom: Criterion of the reference.
        settings: How the potential is learned.

    Returns:
        Rows of `SERIES_COLUMNS`, `labels` being what the potential had learned from when the start began, and
        `learning_core_seconds` what was spent on learning after it; and the ends. A start that cannot be relaxed has a row that
        says why, and no end.
    """
    frames: list[Atoms] = []
    rows: list[dict[str, Any]] = []
    ends: list[Atoms] = []
    potential: LinearPotential | None = None
    learned_from = 0
    for number, start in enumerate(starts):
        known = Recorder(reference_of(start))
        try:
            if potential is None:
                made = relax(start, known, RelaxationSettings(fmax_ev_angstrom=fmax_ev_angstrom))
            else:
                hybrid = HybridSettings(fmax_ev_angstrom=fmax_ev_angstrom)
                made = relax_hybrid(start, LinearCalculator(potential), known, hybrid)
        except (NotFiniteError, ScfError, StructureError) as error:  # the others go on
            log.warning("start %d: %s", number + 1, error)
            spent = {"reference_calls": known.calls, "reference_core_seconds": known.core_seconds}
            none = dict.fromkeys(("coarse_calls", "coarse_core_seconds", "learning_core_seconds"), 0)
            rows.append({
                "method": LEARNED_ON_THE_WAY, "verdict": "stalled", "start_ev": np.nan, "energy_ev": np.nan, "fmax_ev_angstrom": np.nan,
                **spent, **none, "labels": learned_from, "note": str(error),
            })  # fmt: skip
            continue
        before = learned_from
        frames += labelled_points(start, known, f"start {number}")
        began = time.process_time()
        enough = len(frames) >= max(GROWTH * learned_from, 2 * (settings or LinearSettings()).folds)
        if enough and number + 1 < len(starts):
            potential, learned_from = LinearPotential.fit(frames, settings=settings), len(frames)
        rows.append({
            "method": LEARNED_ON_THE_WAY, "verdict": made.verdict, "start_ev": known.energies_ev[0], "energy_ev": made.energy_ev,
            "fmax_ev_angstrom": made.fmax_ev_angstrom, "reference_calls": known.calls, "reference_core_seconds": known.core_seconds,
            "coarse_calls": made.coarse_calls, "coarse_core_seconds": made.coarse_core_seconds,
            "learning_core_seconds": time.process_time() - began, "labels": before, "note": made.note,
        })  # fmt: skip
        ends.append(made.atoms)
        log.info("start %d: %s after %d reference calls", number + 1, made.verdict, known.calls)
    return rows, ends


def labelled_points(start: Atoms, known: Recorder, run: str) -> list[Atoms]:
    """The reference's points along a way, as frames to learn from.

    Args:
        start: Whose atoms they are.
        known: What recorded them.
        run: Name of the way: its frames are not independent.
    """
    frames = []
    for number, (positions, energy_ev, forces) in enumerate(
        zip(known.positions, known.energies_ev, known.forces, strict=True)
    ):
        frame = Atoms(start.numbers, positions, info={"energy_ev": energy_ev, "run": run, "name": f"{run}, {number}"})
        frame.arrays["forces_ev_angstrom"] = forces
        frames.append(frame)
    return frames
