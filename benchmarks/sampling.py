"""Trials of a Monte Carlo walk on Au38(SCH3)24: ours against DScribe's MBTR and plain numpy, one chain and sixty-four.

EMLM has the size of the thesis's, 28,764 points, all of them references: frames of AURIC_MIRROR with atoms shifted at random, labelled
with a sum over pairs, synthetic, for timing only. The plain way describes the whole structure and takes distances to all
references for every trial, as the thesis does. The linear potential is learned from some of the frames themselves, on GFN1-xTB.
Processor time of one thread, one after the other. Exactness is told along a walk that is never computed afresh.
"""

import os
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from ase import Atoms
from ase.units import kB
from threadpoolctl import threadpool_limits

from auric.descriptors import MBTR_SECOND, Mbtr
from auric.files import read_frames
from auric.potential import Emlm, LinearPotential
from auric.sampling import EmlmWalk, LinearWalk, WalkingEnergies
from auric.structures import move_blocks, moving_blocks
from benchmarks.emlm import FRAMES, POINTS, SPECIES, plain_prediction, shifted_frames, theirs_mbtr

CHAINS = (1, 64)
TRIALS = {1: 860, 64: 172}
PLAIN_TRIALS = 12
TEMPERATURE = 300.0
STEP_ANGSTROM, TURN_DEGREE = 0.05, 15.0
SHARES, SPANNING = (1e-6, 1e-8, 1e-10), 4000
"""Shares of the largest singular value, and of how many frames it is told what they span."""
LINEAR_FRAMES = 60
"""Of each isomer; the speed does not depend on it."""


def measure_sampling(points: int = POINTS) -> list[dict[str, Any]]:
    """Rows of the scorecard; none without the frames."""
    mirror = Path(os.environ.get("AURIC_MIRROR", "."))
    if not all((mirror / name).is_file() for name in FRAMES):
        print("sampling: skipped; AURIC_MIRROR names no folder with copies of the external data sets")
        return []
    frames = [read_frames(mirror / name) for name in FRAMES]
    model, features = _emlm(frames, points)
    few = [atoms for run in frames for atoms in run[:: max(1, len(run) // LINEAR_FRAMES)]]
    linear, start = LinearPotential.fit(few), frames[0][0]
    mbtr = Mbtr(SPECIES, MBTR_SECOND)
    makers: dict[str, tuple[Callable[[np.ndarray], WalkingEnergies], Callable[[Atoms], float]]] = {
        "emlm on MBTR": (
            lambda where: EmlmWalk(mbtr, model, start, where), lambda atoms: float(model.predict(mbtr.describe(atoms)[None])[0])
        ),
        "linear": (lambda where: LinearWalk(linear, start, where), linear.energy),
    }  # fmt: skip
    with threadpool_limits(1):
        dimensions = _dimensions(model, features)
        plain = _plain_seconds(model, features, start)
        naive = _plain_seconds(model, features, start, products=False)
        rows = [
            *dimensions,
            _row("trials_per_second", "1/s", "DScribe and numpy", 1 / plain, PLAIN_TRIALS, "higher"),
            _row("trials_per_second", "1/s", "DScribe and numpy, by differences", 1 / naive, PLAIN_TRIALS, "higher"),
        ]
        for name, (make, full) in makers.items():
            for chains in CHAINS:
                seconds, error = _walk(make(np.repeat(start.positions[None], chains, axis=0)), start, full, chains)
                subject = f"{name}, {chains} chain{'s' if chains > 1 else ''}"
                n = TRIALS[chains] * chains
                rows += [
                    _row("trials_per_second", "1/s", subject, 1 / seconds, n, "higher"),
                    _row("trial_speedup", "1", f"{subject}, against DScribe and numpy", plain / seconds, n, "higher"),
                    _row("drift_over_range", "1", subject, error, n, "lower"),
                ]
    return rows


def _emlm(frames: list[list[Atoms]], points: int) -> tuple[Emlm, np.ndarray]:
    """The model and the features of its references."""
    features, energies, _ = shifted_frames([atoms for run in frames for atoms in run], points)
    return Emlm().fit(features, energies).compress(), features


def _dimensions(model: Emlm, features: np.ndarray) -> list[dict[str, Any]]:
    """Directions that scaled features span down to a share of the largest singular value, and how many the model keeps."""
    some = model.to_references_.centred[:: max(1, len(features) // SPANNING)]
    stretches = np.linalg.svd(some, compute_uv=False)
    rows = [
        _row(
            "dimensions",
            "1",
            f"MBTR, singular values above {share:g} of the largest",
            float((stretches > share * stretches[0]).sum()),
            len(some),
            "lower",
        )
        for share in SHARES
    ]
    kept = model.to_references_.projected
    if kept is not None:
        rows.append(_row("dimensions", "1", "emlm on MBTR, kept", kept.shape[1], len(features), "lower"))
    varying = float((np.ptp(features, axis=0) > 0).sum())
    return [*rows, _row("dimensions", "1", "MBTR, features that vary", varying, len(features), "lower")]


def _plain_seconds(model: Emlm, features: np.ndarray, start: Atoms, *, products: bool = True) -> float:
    """Processor time of one trial without any of ours: describe the moved structure, predict (`plain_prediction`)."""
    mbtr, predict = theirs_mbtr(), plain_prediction(model, features, products=products)
    rng, blocks, times = np.random.default_rng(0), moving_blocks(start), []
    for _ in range(PLAIN_TRIALS):
        block, atoms = blocks[rng.integers(len(blocks))], start.copy()
        shift = rng.uniform(-STEP_ANGSTROM, STEP_ANGSTROM, (1, 3))
        atoms.positions[list(block.moved)] = move_blocks(start.positions[None], block, shift, np.zeros(1))[0]
        started = time.process_time()
        predict(mbtr.create(atoms))
        times.append(time.process_time() - started)
    return median(times)


def _walk(energies: WalkingEnergies, start: Atoms, full: Callable[[Atoms], float], chains: int) -> tuple[float, float]:
    """Processor time of one trial of one chain, and the largest error of an energy over the range that the walk covers.

    A part of each kind is tried once before, without being accepted: what a walk works out once is not its speed.
    """
    rng, blocks = np.random.default_rng(1), moving_blocks(start)
    seconds, kept, errors = 0.0, [], []
    for block in {block.kind: block for block in blocks}.values():
        moved = np.array(block.moved)
        energies.trial(moved, energies.positions[:, moved] + STEP_ANGSTROM)
        energies.accept(np.zeros(chains, dtype=bool))
    for trial in range(TRIALS[chains]):
        block = blocks[rng.integers(len(blocks))]
        shifts = rng.uniform(-STEP_ANGSTROM, STEP_ANGSTROM, (chains, 3))
        turns, chance = rng.uniform(-TURN_DEGREE, TURN_DEGREE, chains), rng.uniform(size=chains)
        started = time.process_time()
        there = move_blocks(energies.positions, block, shifts, turns)
        change = energies.trial(np.array(block.moved), there)
        energies.accept(chance < np.exp(np.minimum(-change / (kB * TEMPERATURE), 0.0)))
        seconds += time.process_time() - started
        kept.append(energies.values.copy())
        if trial % 10 == 9:
            chain = int(rng.integers(chains))
            atoms = Atoms(start.symbols, energies.positions[chain])
            errors.append(abs(energies.values[chain] - full(atoms)))
    ends = [full(Atoms(start.symbols, where)) for where in energies.positions]
    errors += np.abs(energies.values - np.array(ends)).tolist()
    return seconds / TRIALS[chains] / chains, max(errors) / float(np.ptp(np.array(kept)))


def _row(quantity: str, unit: str, subject: str, ours: float, n: int, better: str) -> dict[str, Any]:
    return {
        "system": "sampling", "quantity": quantity, "unit": unit, "subject": subject, "ours": float(ours), "n": n,
        "data": "au38_sch3_24_q", "split": "none", "comparable": "not comparable", "better": better,
    }  # fmt: skip
