"""What jobs save by keeping memory that they free, and by grids whose Fourier transform is fast.

Training (the paper's ELFnet, 200 pixels) and single points of Au4(SH)4, PBE in plane waves and B3LYP in Gaussians, each in processes of
their own, in turns, one thread, time of the processor with that of the kernel. About ten minutes.
"""

import multiprocessing
import resource
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from statistics import median
from typing import Any

import numpy as np
import torch
from ase import Atoms
from pyscf.pbc import gto

from auric.memory import keep_freed_memory
from auric.reference import Engine, GtoEngine, GtoSettings
from auric.reference.gth import GthEngine, GthSettings
from auric.ruler import build_network
from auric.structures.rings import build_ring

REPEATS = 3
TRAINING, GAUSSIANS, PLANE_WAVES = (
    "training of ELFnet",
    "single point, B3LYP/def2-SVP",
    "single point, PBE in plane waves",
)
PLAIN, KEPT = "plain", "freed memory kept"
BOX = GthSettings(cutoff_hartree=120.0, margin_angstrom=4.0)
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
    ways: dict[tuple[str, str], tuple[Callable[[Any], None], bool, Callable[[], Engine] | None]] = {
        (TRAINING, PLAIN): (_train, False, None),
        (TRAINING, KEPT): (_train, True, None),
        (GAUSSIANS, PLAIN): (_label, False, _gaussians),
        (GAUSSIANS, KEPT): (_label, True, _gaussians),
        (PLANE_WAVES, PLAIN): (_label, False, partial(_PlainMesh, BOX)),
        (PLANE_WAVES, KEPT): (_label, True, partial(_PlainMesh, BOX)),
        (PLANE_WAVES, f"{KEPT}, fast grid"): (_label, True, partial(GthEngine, BOX)),
    }
    took: dict[tuple[str, str], list[tuple[float, float]]] = {way: [] for way in ways}
    for _ in range(REPEATS):
        for way, (measure, kept, engine) in ways.items():
            with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as fresh:
                took[way].append(fresh.submit(_measured, measure, kept, engine).result())
    return [row for way in ways if way[1] != PLAIN for row in _rows(way, took)]


def _rows(way: tuple[str, str], took: dict[tuple[str, str], list[tuple[float, float]]]) -> list[dict[str, Any]]:
    seconds, memory = (np.array([run[k] for run in took[way]]) for k in (0, 1))
    plain_seconds, plain_memory = (np.array([run[k] for run in took[way[0], PLAIN]]) for k in (0, 1))
    common = {
        "system": "workflow", "unit": "times", "subject": f"{way[0]}, {way[1]}", "n": REPEATS, "split": "none",
        "data": f"{PIXELS} pixels" if way[0] == TRAINING else "Au4(SH)4",
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


def _measured(measure: Callable[[Any], None], kept: bool, engine: Callable[[], Engine] | None) -> tuple[float, float]:
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


def _gaussians() -> Engine:
    return GtoEngine(GtoSettings(grid_level=1, conv_tol_hartree=1e-6))


def _label(engine: Callable[[], Engine]) -> None:
    engine().label(build_ring(4, "H"), 0, 1)
