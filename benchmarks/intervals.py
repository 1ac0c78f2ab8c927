"""How often the intervals of a walk beside dynamics hold the truth, where the truth is known.

Bonds that each have a fast motion and share a slow one (an autoregressive process), of eight chains of 80 frames beside a run of 150, as
walks on Au38(SCH3)24 and the runs beside them are; both so long, in autocorrelation times of the slow motion, as the subject says. The run
has the same distribution as the walk, or one 0.03 angstrom farther.
"""

from typing import Any

import numpy as np

from auric.sampling.geometry import blocks_of, chains_of, compare

LENGTHS = (2, 4, 8)
"""Autocorrelation times that a chain, and the run, are long."""
CHAINS, CHAIN_FRAMES, RUN_FRAMES, BONDS = 8, 80, 150, 100
SLOW_ANGSTROM, FAST_ANGSTROM, APART_ANGSTROM = 0.02, 0.1, 0.03
REPEATS, SAMPLES = 200, 200


def measure_intervals() -> list[dict[str, Any]]:
    """Rows for the scorecard."""
    return [row for length in LENGTHS for row in _covered(length)]


def _covered(length: int) -> list[dict[str, Any]]:
    rng, hits = np.random.default_rng(length), np.zeros(3)
    for _ in range(REPEATS):
        walk = np.stack([_bonds(rng, CHAIN_FRAMES, length) for _ in range(CHAINS)], axis=1)
        same, far = (_bonds(rng, RUN_FRAMES, length) + apart for apart in (0.0, APART_ANGSTROM))
        near, apart = (
            compare(chains_of(walk), blocks_of(run), "angstrom", samples=SAMPLES, seed=0) for run in (same, far)
        )
        hits += [
            near.shift[1] <= 0 <= near.shift[2], near.distance[1] <= 0, apart.distance[1] <= APART_ANGSTROM <= apart.distance[2],
        ]  # fmt: skip
    names = ("shift of the peak", "distance, alike", f"distance, {APART_ANGSTROM:g} angstrom apart")
    return [
        {
            "system": "sampling", "quantity": "coverage_95", "unit": "1", "subject": f"{name}, {length} autocorrelation times", "ours": share,
            "n": REPEATS, "data": "simulated bonds", "split": "none", "comparable": "not comparable", "better": "higher",
        }
        for name, share in zip(names, hits / REPEATS, strict=True)
    ]  # fmt: skip


def _bonds(rng: np.random.Generator, frames: int, length: int) -> np.ndarray:
    """Lengths, shape (frames, bonds), angstrom; begun in equilibrium."""
    slowness = frames / length  # (1 + a) / (1 - a) frames
    memory = (slowness - 1) / (slowness + 1)
    path = np.empty(frames)
    path[0] = rng.normal()
    for k in range(1, frames):
        path[k] = memory * path[k - 1] + np.sqrt(1 - memory**2) * rng.normal()
    return np.asarray(3.0 + SLOW_ANGSTROM * path[:, None] + rng.normal(0, FAST_ANGSTROM, (frames, BONDS)))
