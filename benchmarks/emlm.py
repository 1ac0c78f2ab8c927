"""EMLM at the size of the thesis's model: 28,764 points, all of them references; and choosing references from 1e5 x 2,000.

The points are frames of Au38(SCH3)24 (AURIC_MIRROR) with atoms shifted at random, and their energies a sum over pairs of atoms:
synthetic, for timing only. One energy is raced against DScribe's MBTR and plain numpy, on one thread, in turns, by processor
time. The fit runs in a process of its own, whose peak memory is reported, on all threads.
"""

import multiprocessing
import os
import tempfile
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from ase import Atoms
from dscribe.descriptors import MBTR
from threadpoolctl import threadpool_limits

from auric.descriptors import MBTR_SECOND, Mbtr
from auric.files import read_frames
from auric.potential import Emlm, select_references

POINTS = 28_764
NEW = 20
REPEATS = 15
SHIFT_ANGSTROM = 0.03
SPECIES = ["H", "C", "S", "Au"]
FRAMES = ("au38_gfn1/au38_q_heating.extxyz", "au38_gfn1/au38_t_heating.extxyz")
SELECTION = (100_000, 2_000, 2_500)
"""Points, features, references."""


def measure_emlm(points: int = POINTS) -> list[dict[str, Any]]:
    """Rows of the scorecard; none of the model without the frames."""
    mirror = Path(os.environ.get("AURIC_MIRROR", "."))
    rows = _alone(_selection, *SELECTION)
    if not all((mirror / name).is_file() for name in FRAMES):
        print("emlm: only reference selection; AURIC_MIRROR names no folder with copies of the external data sets")
        return rows
    return rows + _alone(_model, mirror, points)


def _alone(function: Any, *arguments: Any) -> list[dict[str, Any]]:
    """Run in a fresh process, so that peak memory is this function's."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()  # type: ignore[no-any-return]


def _model(mirror: Path, points: int) -> list[dict[str, Any]]:
    frames = [frame for name in FRAMES for frame in read_frames(mirror / name)]
    descriptor = Mbtr(SPECIES, MBTR_SECOND)
    features, energies, new = shifted_frames(frames, points + NEW)
    started, busy = time.perf_counter(), time.process_time()
    model = Emlm().fit(features[:points], energies[:points])
    seconds, core_seconds = time.perf_counter() - started, time.process_time() - busy
    peak = _peak_gib()
    known = slice(0, points, max(1, points // 500))
    residual = np.abs(model.predict(features[known]) - energies[known]).max()
    full, spread = model.predict(features[points:]), energies.std()
    started = time.perf_counter()
    model.compress()
    compression = time.perf_counter() - started
    change = np.abs(model.predict(features[points:]) - full).max()
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # DScribe's, of ASE
        found, times = _race(model, descriptor, features[:points], new)
    ours, plain, theirs = found
    common = {
        "system": "potential", "data": "synthetic (shifted frames)", "split": "none", "n": points,
        "comparable": "not comparable",
    }  # fmt: skip
    kept = f"{model.to_references_.basis.shape[0]} of {len(model.to_references_.centre)} directions"
    rows = [
        ("fit_seconds", "s", "EMLM, all references", seconds, "lower"),
        ("fit_core_seconds", "s", "EMLM, all references", core_seconds, "lower"),
        ("fit_memory", "GiB", "EMLM, all references", peak, "lower"),
        ("condition_number", "1", "EMLM, all references", model.condition_, "lower"),
        ("training_residual_over_sd", "1", "EMLM, all references", residual / spread, "lower"),
        ("compression_seconds", "s", f"EMLM, {kept}", compression, "lower"),
        ("difference_over_sd", "1", "EMLM, compressed against all features", change / spread, "lower"),
        ("difference_over_sd", "1", "ours against numpy on our MBTR", np.abs(ours - plain).max() / spread, "lower"),
        ("difference_over_sd", "1", "ours against DScribe and numpy", np.abs(ours - theirs).max() / spread, "lower"),
        ("relative_difference", "1", "ours against DScribe and numpy", np.abs(ours / theirs - 1).max(), "lower"),
        ("energy_speedup", "1", "ours against DScribe and numpy", median((times[2] + times[3]) / (times[0] + times[1])),
         "higher"),
        ("seconds_per_energy", "s", "ours: MBTR", median(times[0]), "lower"),
        ("seconds_per_energy", "s", "ours: EMLM", median(times[1]), "lower"),
        ("seconds_per_energy", "s", "DScribe: MBTR", median(times[2]), "lower"),
        ("seconds_per_energy", "s", "numpy: distances", median(times[3]), "lower"),
    ]  # fmt: skip
    return [
        common | {"quantity": name, "unit": unit, "subject": subject, "ours": float(value), "better": better}
        for name, unit, subject, value, better in rows
    ]


def shifted_frames(frames: list[Atoms], count: int) -> tuple[np.ndarray, np.ndarray, list[Atoms]]:
    """Features and energies of frames with atoms shifted at random, taken in turns, and the last of these structures."""
    rng, descriptor = np.random.default_rng(0), Mbtr(SPECIES, MBTR_SECOND)
    features, energies = np.empty((count, descriptor.size)), np.empty(count)
    new: list[Atoms] = []
    for number in range(count):
        atoms = frames[number % len(frames)].copy()
        atoms.positions += SHIFT_ANGSTROM * rng.standard_normal(atoms.positions.shape)
        features[number], energies[number] = descriptor.describe(atoms), _pair_energy(atoms)
        new = [*new, atoms][-NEW:]
    return features, energies, new


def theirs_mbtr() -> MBTR:
    """DScribe's descriptor with the second parameters."""
    s = MBTR_SECOND
    return MBTR(
        species=SPECIES, geometry={"function": "inverse_distance"}, normalization="none", periodic=False,
        grid={"min": s.minimum, "max": s.maximum, "n": s.points, "sigma": s.width},
        weighting={"function": "exp", "scale": s.decay, "threshold": s.threshold},
    )  # fmt: skip


def plain_prediction(model: Emlm, features: np.ndarray, *, products: bool = True) -> Callable[[np.ndarray], float]:
    """EMLM in plain numpy: scaled features, distances to all references, weights.

    Args:
        model: Fitted.
        features: Of its references.
        products: Distances by one product of the references' matrix with the point, as numpy is quickest; else by differences,
            as one writes it first.
    """
    low, kept = model.scaler_.minimum_, model.scaler_.kept_
    width = (model.scaler_.maximum_ - low)[kept]
    references = (features[:, kept] - low[kept]) / width
    weights, mean = model.weights_[:, 0], model.target_mean_[0]
    lengths = (references**2).sum(axis=1)

    def plain(described: np.ndarray) -> float:
        point = (described[kept] - low[kept]) / width
        if products:
            squares = np.maximum(lengths - 2 * (references @ point) + point @ point, 0.0)
        else:
            squares = ((point - references) ** 2).sum(axis=1)
        return float(mean + np.sqrt(squares) @ weights)

    return plain


def _pair_energy(atoms: Atoms) -> float:
    """A smooth function of the distances (eV in name only)."""
    r = atoms.get_all_distances() + 100 * np.eye(len(atoms))
    return float(-1e5 + (np.exp(-2 * (r - 2.4)) - 2 * np.exp(-(r - 2.4)))[r < 20].sum())


def _race(model: Emlm, ours: Mbtr, features: np.ndarray, frames: list[Atoms]) -> tuple[np.ndarray, np.ndarray]:
    """Energies: ours, plain numpy on our MBTR, plain numpy on theirs; seconds: our MBTR, our model, their MBTR, plain numpy.

    Shapes (3, repeats) and (4, repeats).
    """
    theirs, plain = theirs_mbtr(), plain_prediction(model, features)
    found, times = np.empty((3, REPEATS)), np.empty((4, REPEATS))
    for turn in range(REPEATS):
        atoms = frames[turn % len(frames)]
        at = [time.process_time()]
        described = ours.describe(atoms)
        at.append(time.process_time())
        found[0, turn] = model.predict(described[None])[0]
        at.append(time.process_time())
        point = theirs.create(atoms)
        at.append(time.process_time())
        found[2, turn] = plain(point)
        at.append(time.process_time())
        times[:, turn] = np.diff(at)
        found[1, turn] = plain(described)
    return found, times


def _selection(points: int, features: int, count: int) -> list[dict[str, Any]]:
    """RS-maximin from a memory-mapped file of synthetic points with 60 hidden dimensions."""
    rng = np.random.default_rng(0)
    mixing = (rng.standard_normal((60, features)) * (0.95 ** np.arange(60))[:, None]).astype(np.float32)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "points.npy"
        mapped = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(points, features))
        for at in range(0, points, 5000):
            hidden = rng.standard_normal((len(mapped[at : at + 5000]), 60), dtype=np.float32)
            noise = rng.standard_normal((len(hidden), features), dtype=np.float32)
            mapped[at : at + 5000] = np.tanh(hidden @ mixing) + 0.05 * noise
        mapped.flush()
        del mapped
        started = time.perf_counter()
        select_references(np.load(path, mmap_mode="r"), count)
        seconds = time.perf_counter() - started
    common = {
        "system": "potential", "subject": f"RS-maximin, {count} references", "n": points, "split": "none",
        "data": f"synthetic {points} x {features}, float32", "comparable": "not comparable", "better": "lower",
    }  # fmt: skip
    return [
        common | {"quantity": "selection_seconds", "unit": "s", "ours": seconds},
        common | {"quantity": "selection_memory", "unit": "GiB", "ours": _peak_gib()},
    ]


def _peak_gib() -> float:
    """Largest resident memory of this process so far, the pages of mapped files included (Linux)."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) / 2**20
