"""ELF of occupied orbitals at points, from few to millions.

Points are sorted into boxes, halved until they are small; on the way down, orbitals are narrowed to each box, so that
what a small box needs is sought among what a larger one around it needed (`auric.elf.density`).
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from threading import local

import numpy as np
from pyscf import gto
from pyscf.dft import numint
from threadpoolctl import ThreadpoolController

from auric.elf.density import Densities, LocalOrbitals
from auric.elf.formula import OFFSETS, electron_localization_from_densities, largest_change
from auric.elf.gaussians import Scratch
from auric.reference.orbitals import Orbitals

_SIDE_BOHR, _FEWEST = 1.5, 800
"""Boxes of at most this side, or at most so many points, are halved no more."""
_REGION_BOHR, _NARROWER = 6.0, 0.6
"""Orbitals are narrowed to boxes of at most this side, and again where it has shrunk by this factor."""
_PLAIN_POINTS = 2000
_EPSILON = 1e-10
"""How much the orbitals may change by shells left out of the smallest boxes; a hundredth of it in each larger one. ELF then
changes by less than 1e-7, far below the resolution of an image."""
_LARGEST_CHANGE = 2e-8
"""Points where ELF might change by more, as it can where electrons are few and the offset is zero, use all shells."""


def electron_localization(
    orbitals: Orbitals,
    points_bohr: np.ndarray,
    *,
    offset: float = OFFSETS["multiwfn"],
    molecule: gto.Mole | None = None,
    threads: int = 1,
) -> np.ndarray:
    """ELF of occupied orbitals at points.

    The more points in one call lie close together, the less each of them costs.

    Args:
        orbitals: Occupied orbitals.
        points_bohr: Shape (points, 3), bohr.
        offset: Added to D, hartree/bohr^3.
        molecule: `orbitals.molecule()`, to build it only once for many calls.
        threads: Threads, each for boxes of its own.

    Returns:
        ELF, shape (points,); nan where a coordinate is not finite.

    Raises:
        ValueError: If the points are not of shape (points, 3).
    """
    points_bohr = np.asarray(points_bohr, dtype=float)
    if points_bohr.ndim != 2 or points_bohr.shape[1] != 3:
        raise ValueError(f"points_bohr must have shape (points, 3), got {points_bohr.shape}")
    weighted = [c * np.sqrt(o) for c, o in zip(orbitals.coefficients, orbitals.occupations, strict=True)]
    molecule = molecule or orbitals.molecule()
    if molecule.cart:  # wave functions of other codes may have six d functions; boxes know five
        return _plainly(molecule, weighted, points_bohr, offset)
    whole = LocalOrbitals.of(molecule, weighted)
    values = np.full(len(points_bohr), np.nan)
    memory = local()

    def evaluate(box: tuple[np.ndarray, LocalOrbitals]) -> None:
        numbers, around = box
        if not hasattr(memory, "scratch"):
            memory.scratch = Scratch()
        points = points_bohr[numbers]
        inside = around.near(points, epsilon=_EPSILON, offset=offset, scratch=memory.scratch)
        densities = inside.densities(points, memory.scratch)
        values[numbers] = _elf(densities, offset)
        rho, _, tau = densities
        unsure = largest_change(rho, tau, values[numbers], epsilon=2 * _EPSILON, offset=offset) > _LARGEST_CHANGE
        if unsure.any():
            values[numbers[unsure]] = _elf(whole.densities(points[unsure], memory.scratch), offset)

    finite = np.flatnonzero(np.isfinite(points_bohr).all(axis=1))
    # Threads of BLAS inside would only get into each other's way.
    with _controller().limit(limits=1, user_api="blas"):
        boxes = _boxes(points_bohr, finite, whole, np.inf, offset, Scratch())
        if threads == 1:
            for box in boxes:
                evaluate(box)
        else:
            with ThreadPoolExecutor(threads) as pool:
                for _ in pool.map(evaluate, boxes):
                    pass
    return values


def _boxes(
    points_bohr: np.ndarray,
    numbers: np.ndarray,
    around: LocalOrbitals,
    narrowed: float,
    offset: float,
    scratch: Scratch,
) -> Iterator[tuple[np.ndarray, LocalOrbitals]]:
    """Yield the points of each small box, by number, with the orbitals narrowed to a larger box around it.

    Args:
        points_bohr: All points, shape (points, 3).
        numbers: Those to divide.
        around: Orbitals narrowed to a box that holds them.
        narrowed: The longest side of that box, bohr.
        offset: Of ELF.
        scratch: Memory to work in.
    """
    if not len(numbers):
        return
    points = points_bohr[numbers]
    low, sides = points.min(axis=0), np.ptp(points, axis=0)
    axis = int(np.argmax(sides))
    if sides[axis] <= _SIDE_BOHR or len(numbers) <= _FEWEST:
        yield numbers, around
        return
    if sides[axis] <= min(_REGION_BOHR, _NARROWER * narrowed):
        narrowed = sides[axis]
        around = around.near(points, epsilon=_EPSILON / 100, offset=offset, scratch=scratch)
    upper = points[:, axis] > low[axis] + sides[axis] / 2
    for part in (numbers[~upper], numbers[upper]):
        yield from _boxes(points_bohr, part, around, narrowed, offset, scratch)


def _plainly(molecule: gto.Mole, weighted: list[np.ndarray], points_bohr: np.ndarray, offset: float) -> np.ndarray:
    """All orbitals at all points, in parts that fit the memory."""
    values = np.full(len(points_bohr), np.nan)
    finite = np.flatnonzero(np.isfinite(points_bohr).all(axis=1))
    for start in range(0, len(finite), _PLAIN_POINTS):
        part = finite[start : start + _PLAIN_POINTS]
        atomic = numint.eval_ao(molecule, points_bohr[part], deriv=1)
        each = []
        for coefficients in weighted:
            value, *gradient = (component @ coefficients for component in atomic)
            slopes = [2 * np.einsum("pi,pi->p", value, component) for component in gradient]
            kinetic = sum(np.einsum("pi,pi->p", component, component) for component in gradient) / 2
            each.append((np.einsum("pi,pi->p", value, value), sum(slope**2 for slope in slopes), kinetic))
        values[part] = _elf(Densities(*map(np.array, zip(*each, strict=True))), offset)
    return values


def _elf(densities: Densities, offset: float) -> np.ndarray:
    both = [np.concatenate([each] * (2 // len(each))) for each in densities]  # a closed shell's one spin twice
    return electron_localization_from_densities(*both, offset=offset)


@cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()
