"""Densities of occupied orbitals at points that lie close together.

In a small box only some shells matter, and however many electrons the molecule has, few combinations of its orbitals
differ there. So orbitals are narrowed down to a box before they are evaluated: shells are left out as long as all of
them together change no vector psi(r) = (psi_1, psi_2, ...) in the box, nor its gradient, by more than a length epsilon
(a bound, not an estimate: `Shells.bounds`); and orbitals are replaced by fewer (`auric.elf.reduction`).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from pyscf import gto

from auric.elf.gaussians import Scratch, Shells
from auric.elf.reduction import first_width, rotations, sample

_BLOCK = 256
"""Points evaluated at once: what they need stays in the processor's caches."""


class Densities(NamedTuple):
    """Densities per spin, each of shape (spins, points), atomic units.

    Attributes:
        rho: Electron density.
        gradient_squared: |grad rho|^2.
        tau: Positive-definite kinetic energy density, with the factor 1/2.
    """

    rho: np.ndarray
    gradient_squared: np.ndarray
    tau: np.ndarray


class LocalOrbitals:
    """Occupied orbitals as they matter in some region."""

    def __init__(self, shells: Shells, orbitals: Sequence[np.ndarray]) -> None:
        """Shells, and orbitals of each spin: (atomic orbitals, occupied), times the roots of their occupations."""
        self._shells = shells
        self._orbitals = orbitals

    @classmethod
    def of(cls, molecule: gto.Mole, weighted: Sequence[np.ndarray]) -> "LocalOrbitals":
        """All orbitals of a molecule, rows as PySCF orders them."""
        shells, rows = Shells.of(molecule)
        return cls(shells, [c[rows] for c in weighted])

    def near(self, points_bohr: np.ndarray, *, epsilon: float, offset: float, scratch: Scratch) -> "LocalOrbitals":
        """What of these orbitals matters in the box of some points.

        Args:
            points_bohr: Shape (points, 3).
            epsilon: Largest change of psi and of its gradient by shells left out.
            offset: Of the ELF that must not change, hartree/bohr^3.
            scratch: Memory to work in.
        """
        # How much each shell can weigh in psi: the norm of its rows of coefficients, in either spin.
        norms = self._shells.norms(np.max([np.einsum("ai,ai->a", c, c) for c in self._orbitals], axis=0))
        bounds = self._shells.bounds(points_bohr.min(axis=0), points_bohr.max(axis=0)) * norms[self._shells.shell]
        order = np.argsort(bounds)
        kept = np.ones(len(bounds), dtype=bool)
        kept[order[np.cumsum(bounds[order]) <= epsilon]] = False
        shells, rows = self._shells.only(kept)
        orbitals = [c[rows] for c in self._orbitals]
        most = max(c.shape[1] for c in orbitals)
        width = first_width(most)
        if width < most and len(points_bohr) > width:
            with scratch.nested():
                points, fit = sample(points_bohr, shells.centres, width // 2)
                atomic = shells.evaluate(points, scratch)
                found = rotations([np.matmul(c.T, atomic) for c in orbitals], fit, offset)
            if found is not None:
                orbitals = [c @ q for c, q in zip(orbitals, found, strict=True)]
        return LocalOrbitals(shells, orbitals)

    @property
    def size(self) -> int:
        """Coefficients, over both spins: with four products each, what one point costs."""
        return sum(c.size for c in self._orbitals)

    def densities(self, points_bohr: np.ndarray, scratch: Scratch) -> Densities:
        """Densities at points, shape (points, 3)."""
        transposed = [np.ascontiguousarray(c.T) for c in self._orbitals]
        result = np.empty((3, len(transposed), len(points_bohr)))
        for part in np.array_split(np.arange(len(points_bohr)), -(-len(points_bohr) // _BLOCK)):
            with scratch.nested():
                atomic = self._shells.evaluate(points_bohr[part], scratch)
                for spin, orbitals in enumerate(transposed):
                    with scratch.nested():
                        psi = np.matmul(orbitals, atomic, out=scratch.take(4, len(orbitals), len(part)))
                        products = np.einsum("kp,akp->ap", psi[0], psi)
                        result[0, spin, part] = products[0]
                        result[1, spin, part] = 4 * (products[1:] ** 2).sum(axis=0)
                        result[2, spin, part] = np.einsum("akp,akp->p", psi[1:], psi[1:]) / 2
        return Densities(*result)
