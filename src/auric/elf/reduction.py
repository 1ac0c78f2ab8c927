"""Fewer orbitals that give the same ELF in a small box.

Occupied orbitals can be rotated so that most of them vanish in a box that is small compared with the molecule. As those
that are kept are an orthogonal projection of all, rho, its gradient and tau change by products of two lengths that are
left out: leaving out 1e-6 of psi moves rho by 1e-12. The rotation is found on sampled points of the box by a randomised
range finder (Halko, Martinsson and Tropp, doi:10.1137/090771806), and as many orbitals are kept as it takes for ELF to
be the same at these points and at others that the rotation was not found on.
"""

from functools import cache

import numpy as np

from auric.elf.formula import electron_localization_from_densities

_TOLERANCE = 1e-10
"""Largest change of ELF at a sampled point; between them it is up to a hundred times that."""
_WIDEST = 256
"""Orbitals that the first attempt may keep."""


def sample(points_bohr: np.ndarray, centres: np.ndarray, count: int) -> tuple[np.ndarray, int]:
    """Points that stand for all: some at random, the outermost all around, and ever nearer to each nucleus.

    Without the outermost, the others' fit would have to extrapolate; without the near ones, cores could go unseen.

    Args:
        points_bohr: Shape (points, 3).
        centres: Nuclei, shape (atoms, 3), bohr.
        count: How many at random.

    Returns:
        Points to find a rotation on, then others to test it at, and the number of the former.
    """
    points_bohr = points_bohr[:: -(-len(points_bohr) // 8192)]
    random = np.random.default_rng(0).permutation(len(points_bohr))[: count + count // 3]
    outermost = np.argmax(points_bohr @ _sphere(), axis=0)
    low, high = points_bohr.min(axis=0) - 1, points_bohr.max(axis=0) + 1
    ranks = np.unique(np.geomspace(1, len(points_bohr), 10).astype(int)) - 1
    near = [
        np.argsort(((points_bohr - centre) ** 2).sum(axis=1))
        for centre in centres[((centres > low) & (centres < high)).all(axis=1)]
    ]
    fit = np.unique(np.concatenate([random[:count], outermost, *(each[ranks] for each in near)]))
    between = np.minimum(ranks + 1, len(points_bohr) - 1)
    test = np.setdiff1d(np.concatenate([random[count:], *(each[between] for each in near)]), fit)
    return np.asarray(points_bohr[np.concatenate([fit, test])]), len(fit)


def first_width(orbitals: int) -> int:
    """How many of so many orbitals the first attempt may keep."""
    return min(orbitals, _WIDEST, 16 + orbitals * 9 // 16)


def rotations(psi: list[np.ndarray], fit: int, offset: float) -> list[np.ndarray] | None:
    """Rotations to the orbitals that matter at sampled points.

    Args:
        psi: Values and gradients of the orbitals of each spin at the points, shape (4, orbitals, points).
        fit: How many of the points, the first ones, the rotation is found on.
        offset: Of the ELF that must not change, hartree/bohr^3.

    Returns:
        Per spin, shape (orbitals, fewer), orthonormal columns; None if most orbitals matter.
    """
    most = max(each.shape[1] for each in psi)
    sums = np.array([_products(each).sum(axis=1) for each in psi]).transpose(1, 0, 2)
    exact = _elf(sums, offset)
    # What is left out of psi moves D by its square, and D is compared with about this.
    scale = 1 / np.sqrt((sums[0] ** (5 / 3) + sums[4]).sum(axis=0) + offset + 1e-200)[:fit]
    rows = [(each[:, :, :fit] * scale).transpose(1, 0, 2).reshape(each.shape[1], -1) for each in psi]
    width = first_width(most)
    while width < most:
        found = [np.linalg.qr(each @ _directions(4 * fit, width)).Q for each in rows]
        rotated = [np.matmul(q.T, each) for q, each in zip(found, psi, strict=True)]
        # An alpha orbital more than beta has: both are cut at the same number, and the shorter is complete before.
        running = np.array([_longer(np.cumsum(_products(each), axis=1), width) for each in rotated])
        poor = np.flatnonzero(~(np.abs(_elf(running.transpose(1, 0, 2, 3), offset) - exact).max(axis=1) < _TOLERANCE))
        enough = int(poor[-1]) + 2 if len(poor) else 1
        if enough < width:
            return [np.asarray(q[:, :enough]) for q in found]
        width = width * 4 // 3
    return None


def _products(psi: np.ndarray) -> np.ndarray:
    """psi^2, psi d psi (three) and (d psi)^2 of each orbital, shape (5, orbitals, points)."""
    return np.concatenate([psi[:1] * psi, (psi[1:] ** 2).sum(axis=0, keepdims=True)])


def _longer(running: np.ndarray, width: int) -> np.ndarray:
    """Repeat the last of running sums (5, orbitals, points) up to a number of orbitals."""
    return np.pad(running, ((0, 0), (0, width - running.shape[1]), (0, 0)), mode="edge")


def _elf(sums: np.ndarray, offset: float) -> np.ndarray:
    """ELF, shape (...), from psi^2, psi d psi and (d psi)^2 per spin, shape (5, spins, ...)."""
    given = sums[0], 4 * (sums[1:4] ** 2).sum(axis=0), sums[4] / 2
    twice = 2 // sums.shape[1]
    return electron_localization_from_densities(*(np.concatenate([each] * twice) for each in given), offset=offset)


def _directions(rows: int, columns: int) -> np.ndarray:
    """Random directions, always the same; kept, as making them takes longer than using them."""
    return _normal(-(-rows // 512) * 512, -(-columns // 128) * 128)[:rows, :columns]


@cache
def _normal(rows: int, columns: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(rows, columns))


@cache
def _sphere(count: int = 128) -> np.ndarray:
    """Directions all around, shape (3, count), on a spiral."""
    height = 1 - (2 * np.arange(count) + 1) / count
    angle = np.pi * (1 + 5**0.5) * np.arange(count)
    return np.array([np.sqrt(1 - height**2) * np.cos(angle), np.sqrt(1 - height**2) * np.sin(angle), height])
