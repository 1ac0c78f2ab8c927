r"""The electron localization function (ELF) from densities.

Becke and Edgecombe (doi:10.1063/1.458517) in the form of Savin (doi:10.1002/anie.199104091) for Kohn-Sham orbitals:

    ELF = 1 / (1 + (D / D0)^2)
    D   = sum over spins of  tau_s - |grad rho_s|^2 / (8 rho_s)   + offset
    D0  = sum over spins of  (3/10) (6 pi^2)^(2/3) rho_s^(5/3)

with tau_s = 1/2 sum_i n_i |grad psi_i|^2. D and D0 are summed over spins before the ratio is taken, as Multiwfn does; for
a closed shell this is the usual D0 = (3/10) (3 pi^2)^(2/3) rho^(5/3). The offset (hartree/bohr^3) is a convention that
makes ELF vanish far from the molecule; it is 1e-5 in Multiwfn and 2.871e-5 in other codes.
"""

import numpy as np

OFFSETS = {"multiwfn": 1e-5, "savin": 2.871e-5, "none": 0.0}
_SPIN_FERMI = 3 / 10 * (6 * np.pi**2) ** (2 / 3)


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


def largest_change(rho: np.ndarray, tau: np.ndarray, elf: np.ndarray, *, epsilon: float, offset: float) -> np.ndarray:
    """How far ELF can move if the orbitals are a little wrong, to first order.

    If the vector psi of a spin's orbitals and its gradient change by vectors no longer than epsilon, then rho = |psi|^2
    changes by at most 2 sqrt(rho) epsilon, tau by sqrt(2 tau) epsilon, and |grad rho|^2 / (8 rho), which is half the
    square of grad psi projected on psi, by sqrt(2 tau) epsilon (1 + 2 sqrt(2 tau / rho)).

    Args:
        rho: Electron density per spin, shape (spins, points), atomic units.
        tau: Kinetic energy density per spin, same shape.
        elf: ELF, shape (points,).
        epsilon: Length of the change, atomic units.
        offset: Of ELF, hartree/bohr^3.

    Returns:
        Shape (points,); infinite where nothing is known.
    """
    speed = np.sqrt(2 * tau)
    per_root = np.divide(speed, np.sqrt(rho), out=np.zeros_like(rho), where=rho > 0)
    d0 = _SPIN_FERMI * (rho ** (5 / 3)).sum(axis=0)
    change_of_d = 2 * epsilon * (speed * (1 + per_root)).sum(axis=0)
    change_of_d0 = 10 / 3 * _SPIN_FERMI * epsilon * (rho ** (7 / 6)).sum(axis=0)
    change = 2 * np.sqrt(np.maximum(elf**3 * (1 - elf), 0)) * change_of_d + 2 * elf * (1 - elf) * change_of_d0
    # Where all is lost in the offset, ELF is zero whatever the densities.
    return np.asarray(np.divide(change, d0, out=np.full_like(d0, 0.0 if offset > 0 else np.inf), where=d0 > 0))
