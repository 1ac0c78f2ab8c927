"""Throughput of ELF images of Au38(SCH3)24, ours beside PySCF's `eval_rho` and `eval_rho2` on the same orbitals.

All on one thread, in turns, microseconds a point, medians over turns; PySCF with and without its screening, in blocks of
each of three lengths (`eval_rho`, several times slower, of the one that was best on a first try), the fastest of all counts. Two sets of orbitals: def2-SVP (all electrons outside gold's effective core) with occupied
orbitals of a Hueckel guess, which have the size and the nodes of the real ones and cost no self-consistent field; and, if
the external data sets are at hand and `python -m benchmarks gth` has put it into the label store, the converged PBE wave
function with GTH pseudopotentials.
"""

import time
import tracemalloc
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
from ase import Atoms
from pyscf import gto, scf
from pyscf.dft import numint
from threadpoolctl import threadpool_limits

from auric.elf import electron_localization, electron_localization_from_densities, planes_of_bond
from auric.elf.density import LocalOrbitals
from auric.reference import GtoEngine, GtoSettings, Orbitals, make_molecule
from auric.structures import build_recipe, gold_sulfur_bonds
from auric.units import BOHR_ANGSTROM
from benchmarks.gth import known_orbitals

BONDS, PIXELS = (0, 30), (50, 100)
TURNS, SLICE, BLOCKS = 3, 5040, (560, 1680, 5040)
MIB = 2**20
Peer = Callable[[np.ndarray], np.ndarray]


def measure_large() -> list[dict[str, Any]]:
    """Rows of the scorecard."""
    rows: list[dict[str, Any]] = []
    with threadpool_limits(1):
        for level, atoms, orbitals in _wave_functions():
            molecule = orbitals.molecule()
            bonds = gold_sulfur_bonds(atoms)
            for pixels in PIXELS:
                points = [_points(atoms, bonds[number], pixels) for number in BONDS]
                rows += _compare(orbitals, molecule, points, f"Au38(SCH3)24 {level}, {pixels} pixels")
    return rows


def _compare(orbitals: Orbitals, molecule: gto.Mole, points: list[np.ndarray], data: str) -> list[dict[str, Any]]:
    """Speed, difference, memory and distance from the limit, over the images of some bonds."""
    peers, ours, limit, plain, difference = _peers(orbitals, molecule), [], [], [], 0.0
    theirs: dict[str, list[float]] = {name: [] for name in peers}
    for turn in range(TURNS):
        for each in points:
            seconds, flops, values = _ours(orbitals, molecule, each)
            ours.append(seconds / len(each) * 1e6)
            rate = _products_per_second()
            limit.append(flops / rate / len(each) * 1e6)
            plain.append(2 * 4 * orbitals.coefficients[0].size / rate * 1e6)
            start = (turn * SLICE) % (len(each) - SLICE)
            for name, peer in peers.items():
                began = time.perf_counter()
                exact = peer(each[start : start + SLICE])
                theirs[name].append((time.perf_counter() - began) / SLICE * 1e6)
                difference = max(difference, float(np.abs(exact - values[start : start + SLICE]).max()))
    fastest = min(theirs, key=lambda name: median(theirs[name]))
    common = {
        "system": "elf", "n": sum(map(len, points)), "data": data, "split": "none",
        "comparable": "not comparable",
    }  # fmt: skip
    ratio = median(t / o for t, o in zip(theirs[fastest], ours, strict=True))
    return [
        common | row
        for row in (
            {"quantity": "elf_speedup", "unit": "1", "subject": f"ours against PySCF {fastest}", "ours": ratio,
             "better": "higher"},
            {"quantity": "time_per_point", "unit": "us", "subject": "ours", "ours": median(ours), "better": "lower"},
            {"quantity": "time_per_point", "unit": "us", "subject": "ours, its matrix products at full rate",
             "ours": median(limit), "better": "lower"},
            {"quantity": "time_per_point", "unit": "us", "subject": "all orbitals and shells, matrix products at full rate",
             "ours": median(plain), "better": "lower"},
            *({"quantity": "time_per_point", "unit": "us", "subject": f"PySCF {name}", "ours": median(spent),
               "better": "lower"} for name, spent in theirs.items()),
            {"quantity": "elf_max_difference", "unit": "1", "subject": "ours against PySCF", "ours": difference,
             "better": "lower"},
            {"quantity": "memory", "unit": "MiB", "subject": "ours, above the wave function",
             "ours": _peak_mib(orbitals, molecule, points[0]), "better": "lower"},
        )
    ]  # fmt: skip


def _ours(orbitals: Orbitals, molecule: gto.Mole, points: np.ndarray) -> tuple[float, float, np.ndarray]:
    """Seconds, floating-point operations of the products of orbitals, and ELF."""
    flops, plain = 0.0, LocalOrbitals.densities

    def counted(self: LocalOrbitals, inside: np.ndarray, *rest: Any) -> Any:
        nonlocal flops
        flops += 2 * 4 * self.size * len(inside)
        return plain(self, inside, *rest)

    LocalOrbitals.densities = counted  # type: ignore[method-assign]
    try:
        began = time.perf_counter()
        values = electron_localization(orbitals, points, molecule=molecule)
        return time.perf_counter() - began, flops, values
    finally:
        LocalOrbitals.densities = plain  # type: ignore[method-assign]


def _products_per_second(size: int = 1000) -> float:
    """Floating-point operations a second of a large matrix product on one thread."""
    left, right, out = np.full((size, size), 0.5), np.full((size, size), 0.5), np.empty((size, size))
    began = time.perf_counter()
    for _ in range(3):
        np.matmul(left, right, out=out)
    return 3 * 2 * size**3 / (time.perf_counter() - began)


def _peers(orbitals: Orbitals, molecule: gto.Mole) -> dict[str, Peer]:
    """PySCF's ways of a closed shell, each on a slice of points."""
    coefficients, occupations = orbitals.coefficients[0], 2 * orbitals.occupations[0]
    matrix = (coefficients * occupations) @ coefficients.T

    def peer(kind: str, screened: bool, block: int) -> Peer:
        def elf(points: np.ndarray) -> np.ndarray:
            parts = []
            for start in range(0, len(points), block):
                part = points[start : start + block]
                mask = numint.make_mask(molecule, part) if screened else None
                atomic = numint.eval_ao(molecule, part, deriv=1, non0tab=mask)
                if kind == "eval_rho":
                    given = numint.eval_rho(molecule, atomic, matrix, mask, "MGGA", hermi=1, with_lapl=False)
                else:
                    given = numint.eval_rho2(molecule, atomic, coefficients, occupations, mask, "MGGA", with_lapl=False)
                parts.append(_elf(given))
            return np.concatenate(parts)

        return elf

    chosen = {}
    sample = _points_around(molecule)
    for screened in (True, False):
        shells = "screened" if screened else "all shells"
        for block in BLOCKS:
            chosen[f"eval_rho2, {shells}, blocks of {block}"] = peer("eval_rho2", screened, block)
        spent = {}
        for block in BLOCKS:
            began = time.perf_counter()
            peer("eval_rho", screened, block)(sample)
            spent[block] = time.perf_counter() - began
        best = min(spent, key=lambda block: spent[block])
        chosen[f"eval_rho, {shells}, blocks of {best}"] = peer("eval_rho", screened, best)
    return chosen


def _elf(given: np.ndarray) -> np.ndarray:
    rho, slopes, tau = given[0] / 2, given[1:4] / 2, given[-1] / 2
    halves = (rho, (slopes**2).sum(axis=0), tau)
    return electron_localization_from_densities(*(np.array([each, each]) for each in halves))


def _peak_mib(orbitals: Orbitals, molecule: gto.Mole, points: np.ndarray) -> float:
    tracemalloc.start()
    electron_localization(orbitals, points, molecule=molecule)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / MIB


def _points(atoms: Atoms, bond: Any, pixels: int) -> np.ndarray:
    """Pixel centres (bohr) of all planes of a bond, as `elf` asks for them."""
    planes = planes_of_bond(atoms, bond)[0]
    return np.concatenate([plane.points_angstrom(pixels).reshape(-1, 3) for plane in planes]) / BOHR_ANGSTROM


def _points_around(molecule: gto.Mole) -> np.ndarray:
    """As many points as a slice has, near the nuclei, to choose block lengths on."""
    rng = np.random.default_rng(0)
    return rng.choice(molecule.atom_coords(), SLICE) + rng.normal(size=(SLICE, 3))


def _wave_functions() -> list[tuple[str, Atoms, Orbitals]]:
    atoms = build_recipe("staple", "core=Au23 units=6xn2+3xn1 R=CH3")
    found = [("def2-SVP", atoms, _hueckel(atoms))]
    if (known := known_orbitals()) is not None:
        found.append(("PBE/GTH-DZVP-MOLOPT-SR", Atoms(known.symbols, known.positions_angstrom), known))
    return found


def _hueckel(atoms: Atoms) -> Orbitals:
    symbols = list(atoms.symbols)
    basis, ecp = GtoEngine(GtoSettings()).basis_of(symbols)
    molecule = make_molecule(symbols, atoms.positions, basis, ecp, 0, 1)
    occupied = molecule.nelectron // 2
    # PySCF offers the orbitals of its own guess through this name alone.
    coefficients = scf.hf._init_guess_huckel_orbitals(molecule, updated_rule=True)[1][:, :occupied]
    return Orbitals(
        symbols, atoms.positions, basis, ecp, 0, 1, [np.ascontiguousarray(coefficients)], [np.ones(occupied)]
    )
