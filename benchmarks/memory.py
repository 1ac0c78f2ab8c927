"""What jobs save by keeping memory that they free, and by grids whose Fourier transform is fast.

A step of training (the paper's ELFnet, 200 pixels) and a single point in plane waves (Au4(SH)4), each in processes of their own, in
turns, one thread, time of the processor with that of the kernel. About a quarter of an hour.
"""

import multiprocessing
import resource
import time
from concurrent.futures import ProcessPoolExecutor
from statistics import median
from typing import Any

import numpy as np
import torch
from ase import Atoms
from pyscf.pbc import gto

from auric.memory import keep_freed_memory
from auric.reference.gth import GthEngine, GthSettings
from auric.ruler import build_network
from auric.structures.rings import build_ring

REPEATS = 3
BATCH, STEPS, PIXELS = 32, 10, 200
PAPER = {"channels": (16, 32, 64, 64, 64, 64), "hidden": 64}


class _PlainMesh(GthEngine):
    """On the grid that PySCF takes for the cutoff."""

    def _cell(self, atoms: Atoms, basis: Any, pseudo: Any, charge: int, multiplicity: int) -> gto.Cell:
        cell = super()._cell(atoms, basis, pseudo, charge, multiplicity)
        cell.mesh = None
        cell.build(dump_input=False, parse_arg=False)
        return cell


def measure_memory() -> list[dict[str, Any]]:
    """Rows of the scorecard."""
    ways = {
        ("training", "plain"): (_train, False, None),
        ("training", "freed memory kept"): (_train, True, None),
        ("single point", "plain"): (_label, False, _PlainMesh),
        ("single point", "freed memory kept"): (_label, True, _PlainMesh),
        ("single point", "freed memory kept, fast grid"): (_label, True, GthEngine),
    }
    took: dict[tuple[str, str], list[tuple[float, float]]] = {way: [] for way in ways}
    for _ in range(REPEATS):
        for way, (measure, kept, engine) in ways.items():
            with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as fresh:
                took[way].append(fresh.submit(_measured, measure, kept, engine).result())
    return [row for way in ways if way[1] != "plain" for row in _rows(way, took)]


def _rows(way: tuple[str, str], took: dict[tuple[str, str], list[tuple[float, float]]]) -> list[dict[str, Any]]:
    seconds, memory = (np.array([run[k] for run in took[way]]) for k in (0, 1))
    plain_seconds, plain_memory = (np.array([run[k] for run in took[way[0], "plain"]]) for k in (0, 1))
    common = {
        "system": "workflow", "unit": "times", "subject": f"{way[0]}, {way[1]}", "n": REPEATS, "split": "none",
        "data": f"ELFnet, {PIXELS} pixels" if way[0] == "training" else "Au4(SH)4, PBE",
        "comparable": "not comparable", "seconds": float(median(seconds)),
    }  # fmt: skip
    saved, grown = plain_seconds / seconds, memory / plain_memory
    return [
        common
        | {
            "quantity": "core_seconds_saved", "ours": float(median(saved)), "ci_low": float(saved.min()),
            "ci_high": float(saved.max()), "better": "higher",
        },
        common | {"quantity": "largest_memory", "ours": float(median(grown)), "better": "lower"},
    ]  # fmt: skip


def _measured(measure: Any, kept: bool, engine: type[GthEngine] | None) -> tuple[float, float]:
    """Core seconds, and the largest memory of the process (kB)."""
    if kept:
        keep_freed_memory()
    torch.set_num_threads(1)
    busy = time.process_time()
    measure(engine)
    return time.process_time() - busy, float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


def _train(_: None) -> None:
    torch.manual_seed(0)
    network = build_network(PIXELS, PAPER)
    optimiser = torch.optim.Adam(network.parameters())
    images = torch.rand(BATCH, PIXELS, PIXELS)
    for _step in range(STEPS):
        optimiser.zero_grad()
        network(images).square().mean().backward()
        optimiser.step()


def _label(engine: type[GthEngine]) -> None:
    settings = GthSettings(cutoff_hartree=120.0, margin_angstrom=4.0, forces=False)
    engine(settings).label(build_ring(4, "H"), 0, 1)
