"""ELF on one image plane, ours beside qc-gbasis on the same density: largest difference and ratio of times.

qc-gbasis (GPL-3) is a benchmark's and a test's peer only. Both run on one thread, in turns; times are medians.
"""

import time
from statistics import median
from typing import Any

import numpy as np
from ase import Atoms
from gbasis.evals.density import (
    evaluate_density,
    evaluate_density_gradient,
    evaluate_posdef_kinetic_energy_density,
)
from gbasis.wrappers import from_pyscf
from threadpoolctl import threadpool_limits

from auric.elf import electron_localization, electron_localization_from_densities, planes_of_bond
from auric.reference import GtoEngine, GtoSettings, Orbitals
from auric.structures import build_ring, gold_sulfur_bonds
from auric.units import BOHR_ANGSTROM
from benchmarks.elf_large import measure_large

MOLECULES = {
    "H2S": (Atoms("SH2", [[0, 0, 0], [0, 0.96, 0.93], [0, -0.96, 0.93]]), 1),
    "SH radical": (Atoms("SH", [[0, 0, 0], [0, 0, 1.34]]), 2),
    "AuSH": (Atoms("AuSH", [[0, 0, 0], [2.22, 0.1, 0], [2.35, 1.43, 0.1]]), 1),
    "Au3(SH)3": (build_ring(3), 1),
}
PIXELS = 100
REPEATS = 5


def measure_elf() -> list[dict[str, Any]]:
    """Rows of the scorecard."""
    engine = GtoEngine(GtoSettings(grid_level=1, conv_tol_hartree=1e-7))
    rows: list[dict[str, Any]] = []
    for name, (atoms, multiplicity) in MOLECULES.items():
        orbitals = engine.label(atoms, 0, multiplicity).orbitals
        assert orbitals is not None
        points = _points(atoms)
        common = {
            "system": "elf", "subject": "ours against qc-gbasis", "n": len(points), "data": name,
            "split": "none", "comparable": "not comparable",
        }  # fmt: skip
        with threadpool_limits(1):
            ours, theirs, ratio = _race(orbitals, points)
        difference = float(np.abs(ours - theirs).max())
        rows.append(common | {"quantity": "elf_max_difference", "unit": "1", "ours": difference, "better": "lower"})
        rows.append(common | {"quantity": "elf_speedup", "unit": "1", "ours": ratio, "better": "higher"})
    return rows + measure_large()


def _points(atoms: Atoms) -> np.ndarray:
    """Pixel centres (bohr) of the first plane of the first bond, or of a square around a molecule without gold."""
    bonds = gold_sulfur_bonds(atoms)
    if bonds:
        return planes_of_bond(atoms, bonds[0])[0][0].points_angstrom(PIXELS).reshape(-1, 3) / BOHR_ANGSTROM
    axis = np.linspace(-1.2, 2.2, PIXELS)
    return np.array([[0.05, y, z] for y in axis for z in axis]) / BOHR_ANGSTROM


def _peer(orbitals: Orbitals, points: np.ndarray) -> np.ndarray:
    shells = from_pyscf(orbitals.molecule())
    rho, slope, tau = [], [], []
    for coefficients, occupations in zip(orbitals.coefficients, orbitals.occupations, strict=True):
        # Without its screening, which sets basis functions below 1e-8 to zero and moves ELF by up to 3e-7.
        given = {
            "one_density_matrix": (coefficients * occupations) @ coefficients.T, "basis": shells, "points": points,
            "screen_basis": False,
        }  # fmt: skip
        rho.append(evaluate_density(**given))
        slope.append((evaluate_density_gradient(**given) ** 2).sum(-1))
        tau.append(evaluate_posdef_kinetic_energy_density(**given))
    twice = 2 // len(rho)
    return electron_localization_from_densities(*(np.array(each * twice) for each in (rho, slope, tau)))


def _race(orbitals: Orbitals, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Results of both, and how many times longer theirs takes (median over turns)."""
    ratios = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        ours = electron_localization(orbitals, points)
        between = time.perf_counter()
        theirs = _peer(orbitals, points)
        ratios.append((time.perf_counter() - between) / (between - started))
    return ours, theirs, median(ratios)
