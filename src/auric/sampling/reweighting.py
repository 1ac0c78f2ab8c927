"""A walk on one potential, told as if it had been on another: each structure counts with exp(-(E' - E) / (k_B T)).

The better the two agree, the more structures count; the effective sample size (Kish, 1965) says how many of equal weight the
weighted ones are worth. With few of them left, the result is that of a few structures, whatever the interval says.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.units import kB

from auric.errors import InputError
from auric.files import read_frames, read_tables, write_table
from auric.reference.engines import make_engine
from auric.reference.label import label_frames
from auric.reference.store import Store
from auric.sampling.geometry import coordinates
from auric.sampling.walked import visited
from auric.structures.labelled import energy_of
from auric.structures.prepare import FAILURE_COLUMNS

REWEIGHTED_COLUMNS = (
    "system", "run", "walker", "temperature_k", "engine", "method", "labelled", "effective", "difference_sd_ev", "coordinate", "unit",
    "walk_mean", "walk_low", "walk_high", "reweighted_mean", "reweighted_low", "reweighted_high",
)  # fmt: skip


@dataclass(frozen=True)
class Reweighted:
    """Structures of a walk with weights.

    Attributes:
        weights: Shape (n,), their sum is 1.
        effective: Effective sample size, between 1 and n.
        spread_ev: Standard deviation of the difference of energies; well above k_B T, hardly anything is left.
    """

    weights: np.ndarray
    effective: float
    spread_ev: float

    def mean(self, values: np.ndarray) -> np.ndarray:
        """Weighted mean of values, shape (n, ...)."""
        return np.asarray(np.tensordot(self.weights, values, axes=1))

    def interval(self, values: np.ndarray, *, samples: int = 1000, seed: int = 0) -> tuple[float, float]:
        """95 % interval of the mean of values, shape (n,), from drawing structures with their weights again.

        The structures must be independent draws, several autocorrelation times apart.
        """
        rng = np.random.default_rng(seed)
        drawn = rng.integers(len(values), size=(samples, len(values)))
        weights = self.weights[drawn]
        low, high = np.percentile((weights * values[drawn]).sum(axis=1) / weights.sum(axis=1), [2.5, 97.5])
        return float(low), float(high)


def reweight(walked_ev: np.ndarray, wanted_ev: np.ndarray, temperature_k: float) -> Reweighted:
    """Weights of structures drawn on one potential for averages on another.

    Args:
        walked_ev: Energies on the potential that was walked on, shape (n,).
        wanted_ev: Energies of the same structures on the other; a constant difference does not matter.
        temperature_k: Of the walk.

    Raises:
        InputError: If there are none, as many of one as of the other are not given, or one is not finite.
    """
    walked, wanted = np.asarray(walked_ev, dtype=float), np.asarray(wanted_ev, dtype=float)
    if walked.ndim != 1 or walked.shape != wanted.shape or not len(walked):
        raise InputError(
            f"energies of shapes {walked.shape} and {wanted.shape} to reweight; give one of each structure"
        )
    if not (np.isfinite(walked).all() and np.isfinite(wanted).all() and temperature_k > 0):
        raise InputError(
            f"reweighting at {temperature_k} K needs finite energies and a temperature above 0; leave others out"
        )
    difference = wanted - walked
    weights = np.exp(-(difference - difference.min()) / (kB * temperature_k))
    weights /= weights.sum()
    return Reweighted(weights, float(1 / (weights**2).sum()), float(difference.std()))


def reweight_walk(
    trajectory: str | Path, table: str | Path, dynamics: str | Path, reweighted: str | Path, failures: str | Path, *,
    frames: int, engines: Mapping[str, Mapping[str, Any]], samples: int, seed: int, store: str | Path, threads: int = 1, memory_mb: int = 4000,
) -> None:  # fmt: skip
    """Means of bonds and angles of a walk, as if it had been on better levels of theory; structures of the walk are labelled.

    Args:
        trajectory: A walk (`walk_beside`).
        table: What is known of it.
        dynamics: The run it stands beside, for charge and multiplicity.
        reweighted: CSV to write, columns `REWEIGHTED_COLUMNS`, a row for each engine and kind of bond or angle; intervals of
            95 %. None if fewer than two structures could be labelled.
        failures: CSV of structures without labels, with the reason.
        frames: Structures to label, evenly spread over steps and chains.
        engines: Name to settings.
        samples: Of the bootstrap.
        seed: Of the bootstrap.
        store: Folder of the label store.
        threads: Threads for engines.
        memory_mb: Memory for engines (megabyte).
    """
    start = read_frames(dynamics)
    rows: list[dict[str, Any]] = []
    failed: list[dict[str, Any]] = []
    if start:  # else there is no walk, and the table of failures says why
        told = read_tables([table]).iloc[0]
        walked = visited(trajectory, int(told["chains"]))
        chosen = _spread(walked, start[0], frames, f"{told['run']}_{told['walker'].split(',')[0].split()[0]}")
        for name, settings in engines.items():
            engine = make_engine(name, dict(settings), threads=threads, memory_mb=memory_mb)
            good, _, missed = label_frames(chosen, engine, Store(store), warm_start=True)
            failed += missed
            common = {key: told[key] for key in ("system", "run", "walker", "temperature_k")}
            if len(good) > 1:
                rows += [common | row for row in _reweighted(good, start, float(told["temperature_k"]), samples, seed)]
    write_table(reweighted, rows, REWEIGHTED_COLUMNS)
    write_table(failures, failed, FAILURE_COLUMNS)


def _spread(walked: Sequence[Atoms], start: Atoms, frames: int, run: str) -> list[Atoms]:
    """Structures evenly spread over a walk, as the engines want them."""
    stamp = {key: start.info[key] for key in ("structure", "system", "charge", "multiplicity")}
    chosen = []
    for number in np.unique(np.linspace(0, len(walked) - 1, frames).round().astype(int)):
        atoms = walked[number].copy()
        step, chain = int(atoms.info["step"]), int(atoms.info["chain"])
        atoms.info = stamp | {
            "name": f"{run}_{chain}_{step}",
            "run": run,
            "step": step,
            "walked_ev": atoms.info["energy_ev"],
        }
        chosen.append(atoms)
    return chosen


def _reweighted(
    labelled: Sequence[Atoms], dynamics: Sequence[Atoms], temperature_k: float, samples: int, seed: int
) -> list[dict[str, Any]]:
    walked_ev = np.array([atoms.info["walked_ev"] for atoms in labelled])
    found = reweight(walked_ev, np.array([energy_of(atoms) for atoms in labelled]), temperature_k)
    plain = reweight(walked_ev, walked_ev, temperature_k)
    info, positions = labelled[0].info, np.array([atoms.positions for atoms in labelled])
    rows = []
    for one in coordinates(dynamics):
        means = one.measure(positions).mean(axis=1)
        row: dict[str, Any] = {
            "engine": info["engine"], "method": info["method"], "labelled": len(labelled), "effective": found.effective,
            "difference_sd_ev": found.spread_ev, "coordinate": one.name, "unit": one.unit,
        }  # fmt: skip
        for name, weighted in (("walk", plain), ("reweighted", found)):
            low, high = weighted.interval(means, samples=samples, seed=seed)
            row |= {f"{name}_mean": float(weighted.mean(means)), f"{name}_low": low, f"{name}_high": high}
        rows.append(row)
    return rows
