"""MBTR of Au38(SCH3)24 (158 atoms), ours beside DScribe's: largest difference, and times in turns on one thread.

DScribe has no update: after a move it describes the structure anew, so that is what a move is compared with.
"""

import time
import warnings
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
from ase import Atoms
from dscribe.descriptors import MBTR
from threadpoolctl import threadpool_limits

from auric.descriptors import MBTR_FIRST, MBTR_SECOND, Mbtr, MbtrSettings
from auric.structures import manifest_structure, mirror_folder

SETTINGS = {"first set": MBTR_FIRST, "second set": MBTR_SECOND}
CLUSTER = "Au38(SCH3)24 Q"
TURNS = 15
CALLS = 20
"""Of ours per turn, which is short."""
CHAINS = 64


def measure_descriptors() -> list[dict[str, Any]]:
    """Rows of the scorecard."""
    atoms = manifest_structure(
        "au38_sch3_24_q", manifest="resources/manifest.tsv", mirror=mirror_folder(), cache="results/external"
    )
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # DScribe asks ASE for a calculator in a way that is to go
        return [row for name, settings in SETTINGS.items() for row in _rows(atoms, settings, f"{CLUSTER}, {name}")]


def _rows(atoms: Atoms, settings: MbtrSettings, data: str) -> list[dict[str, Any]]:
    ours, theirs = Mbtr(sorted(set(atoms.symbols)), settings), _peer(atoms, settings)
    weights = np.random.default_rng(0).normal(size=ours.size)
    group = _methyl(atoms)
    before = np.repeat(atoms.positions[None], CHAINS, axis=0)
    after = before.copy()
    after[:, group] += np.random.default_rng(1).normal(0, 0.05, (CHAINS, 1, 3))
    moved = atoms.copy()
    moved.positions = after[0]

    def derivatives() -> np.ndarray:
        return np.asarray(theirs.derivatives(atoms, method="analytical", return_descriptor=False) @ weights)

    common = {
        "system": "descriptors", "n": len(atoms), "data": data, "split": "none",
        "comparable": "not comparable",
    }  # fmt: skip
    change = ours.describe(atoms) + ours.moved(atoms.numbers, before[0], after[0], group)
    differences = {
        "describe": np.abs(ours.describe(atoms) - theirs.create(atoms)).max(),
        "move of a methyl group": np.abs(change - theirs.create(moved)).max(),
        "gradient": np.abs(ours.pullback(atoms, weights) - derivatives()).max(),
    }
    rows = [
        common | {"quantity": "mbtr_max_difference", "unit": "angstrom", "subject": f"{what}, ours against DScribe",
                  "ours": float(difference), "better": "lower"}
        for what, difference in differences.items()
    ]  # fmt: skip
    races: dict[str, tuple[Callable[[], Any], Callable[[], Any], int]] = {
        "describe": (lambda: ours.describe(atoms), lambda: theirs.create(atoms), 1),
        "move of a methyl group": (
            lambda: ours.moved(atoms.numbers, before[0], after[0], group), lambda: theirs.create(moved), 1
        ),
        f"move of a methyl group, {CHAINS} chains at once": (
            lambda: ours.moved_chains(atoms.numbers, before, after, group), lambda: theirs.create(moved), CHAINS
        ),
        "gradient": (lambda: ours.pullback(atoms, weights), derivatives, 1),
    }  # fmt: skip
    for what, (mine, peer, share) in races.items():
        quick, slow, ratio = _race(mine, peer, share)
        for who, seconds in (("ours", quick), ("DScribe", slow)):
            rows.append(
                common | {"quantity": "mbtr_microseconds", "unit": "us", "subject": f"{what}, {who}",
                          "ours": seconds * 1e6, "better": "lower"}
            )  # fmt: skip
        rows.append(
            common | {"quantity": "mbtr_speedup", "unit": "1", "subject": f"{what}, ours against DScribe",
                      "ours": ratio, "better": "higher"}
        )  # fmt: skip
    return rows


def _peer(atoms: Atoms, settings: MbtrSettings) -> MBTR:
    return MBTR(
        geometry={"function": "inverse_distance"},
        grid={"min": settings.minimum, "max": settings.maximum, "n": settings.points, "sigma": settings.width},
        weighting={"function": "exp", "scale": settings.decay, "threshold": settings.threshold},
        species=sorted(set(atoms.symbols)),
        normalization="none",
        periodic=False,
    )


def _methyl(atoms: Atoms) -> np.ndarray:
    """A carbon and the three hydrogen atoms nearest to it."""
    carbon = int(np.flatnonzero(atoms.symbols == "C")[0])
    hydrogen = np.flatnonzero(atoms.symbols == "H")
    return np.r_[carbon, hydrogen[np.argsort(atoms.get_distances(carbon, hydrogen))[:3]]]


def _race(mine: Callable[[], Any], peer: Callable[[], Any], share: int) -> tuple[float, float, float]:
    """Seconds of ours (of one of `share` that a call does) and theirs, and how many times longer theirs takes; medians."""
    mine()
    times = []
    for _ in range(TURNS):
        started = time.perf_counter()
        for _ in range(CALLS):
            mine()
        between = time.perf_counter()
        peer()
        times.append(((between - started) / CALLS / share, time.perf_counter() - between))
    return (
        median(quick for quick, _ in times),
        median(slow for _, slow in times),
        median(slow / quick for quick, slow in times),
    )
