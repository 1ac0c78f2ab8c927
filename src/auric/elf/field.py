r"""Values of the electron localization function (ELF).

Becke and Edgecombe (doi:10.1063/1.458517) in the form of Savin (doi:10.1002/anie.199104091) for Kohn-Sham orbitals:

    ELF = 1 / (1 + (D / D0)^2)
    D   = sum over spins of  tau_s - |grad rho_s|^2 / (8 rho_s)   + offset
    D0  = sum over spins of  (3/10) (6 pi^2)^(2/3) rho_s^(5/3)

with tau_s = 1/2 sum_i n_i |grad psi_i|^2. D and D0 are summed over spins before the ratio is taken, as Multiwfn does; for
a closed shell this is the usual D0 = (3/10) (3 pi^2)^(2/3) rho^(5/3). The offset (hartree/bohr^3) is a convention that
makes ELF vanish far from the molecule; it is 1e-5 in Multiwfn and 2.871e-5 in other codes.
"""

from collections.abc import Sequence

import numpy as np
from pyscf import gto, lib
from pyscf.dft import numint

from auric.reference.orbitals import Orbitals

OFFSETS = {"multiwfn": 1e-5, "savin": 2.871e-5, "none": 0.0}
_SPIN_FERMI = 3 / 10 * (6 * np.pi**2) ** (2 / 3)
_CHUNK_BYTES = 64_000_000
"""Working memory for the orbitals on one batch of points; larger batches only leave the processor's caches."""


def electron_localization_from_densities(
    rho: np.ndarray, gradient_squared: np.ndarray, tau: np.ndarray, *, offset: float = OFFSETS["multiwfn"]
) -> np.ndarray:
    """ELF from the densities of each spin.

    Args:
        rho: Electron density per spin, shape (spins, points), electrons/bohr^3; two spins.
        gradient_squared: |grad rho|^2 per spin, same shape, atomic units.
        tau: Positive-definite kinetic energy density per spin (with the factor 1/2), same shape, atomic units.
        offset: Added to D, hartree/bohr^3.

    Returns:
        ELF, shape (points,), in [0, 1]; nan where no electrons are and the offset is zero.
    """
    von_weizsaecker = np.divide(gradient_squared, 8 * rho, out=np.zeros_like(rho), where=rho > 0)
    d = (tau - von_weizsaecker).sum(axis=0) + offset
    d0 = _SPIN_FERMI * (rho ** (5 / 3)).sum(axis=0)
    with np.errstate(invalid="ignore"):
        return np.asarray(d0**2 / (d0**2 + d**2))


def electron_localization(
    orbitals: Orbitals,
    points_bohr: np.ndarray,
    *,
    offset: float = OFFSETS["multiwfn"],
    molecule: gto.Mole | None = None,
    threads: int = 1,
) -> np.ndarray:
    """ELF of occupied orbitals at points.

    Args:
        orbitals: Occupied orbitals.
        points_bohr: Shape (points, 3), bohr.
        offset: Added to D, hartree/bohr^3.
        molecule: `orbitals.molecule()`, to build it only once for many calls.
        threads: Threads for the atomic orbitals.

    Returns:
        ELF, shape (points,).

    Raises:
        ValueError: If the points are not of shape (points, 3).
    """
    points_bohr = np.asarray(points_bohr, dtype=float)
    if points_bohr.ndim != 2 or points_bohr.shape[1] != 3:
        raise ValueError(f"points_bohr must have shape (points, 3), got {points_bohr.shape}")
    molecule = molecule or orbitals.molecule()
    weighted = [c * np.sqrt(o) for c, o in zip(orbitals.coefficients, orbitals.occupations, strict=True)]
    chunk = max(128, _CHUNK_BYTES // (4 * 8 * molecule.nao))
    values = np.empty(len(points_bohr))
    with lib.with_omp_threads(threads):
        for start in range(0, len(points_bohr), chunk):
            part = slice(start, start + chunk)
            values[part] = electron_localization_from_densities(
                *_spin_densities(molecule, weighted, points_bohr[part]), offset=offset
            )
    return values


def _spin_densities(
    molecule: gto.Mole, weighted: Sequence[np.ndarray], points_bohr: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """rho, |grad rho|^2 and tau, each of shape (2, points); a closed shell's one spin is given twice."""
    atomic = numint.eval_ao(molecule, points_bohr, deriv=1)
    rho, gradient_squared, tau = [], [], []
    for coefficients in weighted:
        value, *gradient = (part @ coefficients for part in atomic)
        rho.append(np.einsum("pi,pi->p", value, value))
        gradient_squared.append(sum(4 * np.einsum("pi,pi->p", value, part) ** 2 for part in gradient))
        tau.append(sum(np.einsum("pi,pi->p", part, part) for part in gradient) / 2)
    twice = 2 // len(weighted)
    return np.array(rho * twice), np.array(gradient_squared * twice), np.array(tau * twice)
