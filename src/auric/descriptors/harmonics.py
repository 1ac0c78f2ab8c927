"""Functions of one distance vector: radial functions with a smooth cutoff, and real spherical harmonics, with gradients."""

from functools import cache

import numpy as np
from numpy.polynomial.legendre import Legendre, leg2poly
from numpy.polynomial.polynomial import polyval
from scipy.special import factorial


def radial_functions(
    distances: np.ndarray, *, count: int, cutoff: float, decay: float
) -> tuple[np.ndarray, np.ndarray]:
    """Chebyshev polynomials of an exponential of the distance, times (1 - (r / cutoff)^2)^2, and their derivatives.

    The exponential puts resolution where bonds are; the factor lets values and first derivatives vanish at the cutoff, so
    that energies and forces are continuous when an atom crosses it (as in the atomic cluster expansion of Drautz,
    doi:10.1103/PhysRevB.99.014104, whose transformed distance this is).

    Args:
        distances: Shape (pairs,), angstrom, below the cutoff.
        count: How many polynomials.
        cutoff: Angstrom.
        decay: Length over which the exponential falls, angstrom.

    Returns:
        Values and derivatives (1/angstrom), each of shape (pairs, count).
    """
    last = np.exp(-cutoff / decay)
    falling = np.exp(-distances / decay)
    x, slope = 2 * (falling - last) / (1 - last) - 1, -2 * falling / decay / (1 - last)
    values, derivatives = np.empty((2, count, len(distances)))
    values[0], derivatives[0] = 1, 0
    if count > 1:
        values[1], derivatives[1] = x, 1
    for order in range(2, count):
        values[order] = 2 * x * values[order - 1] - values[order - 2]
        derivatives[order] = 2 * values[order - 1] + 2 * x * derivatives[order - 1] - derivatives[order - 2]
    inside = 1 - (distances / cutoff) ** 2
    fading, fading_slope = inside**2, -4 * inside * distances / cutoff**2
    return (values * fading).T, (derivatives * (slope * fading) + values * fading_slope).T


def real_harmonics(directions: np.ndarray, l_max: int) -> tuple[np.ndarray, np.ndarray]:
    """Real spherical harmonics up to some degree, and their gradients on the unit sphere.

    On the sphere Y_lm is N_lm P_l^(|m|)(z), a derivative of a Legendre polynomial, times the real or imaginary part of
    (x + i y)^|m|; nothing is singular at the poles.

    Args:
        directions: Unit vectors, shape (pairs, 3).
        l_max: Highest degree.

    Returns:
        Values, shape (pairs, (l_max + 1)^2), ordered by l, then m from -l to l; and gradients for a vector of length
        one, shape (pairs, 3, (l_max + 1)^2), perpendicular to the direction; those of a vector of length r are these
        over r.
    """
    z = directions[:, 2]
    power = np.empty((l_max + 1, len(z)), dtype=complex)  # (x + i y)^m
    power[0] = 1
    for m in range(1, l_max + 1):
        power[m] = power[m - 1] * (directions[:, 0] + 1j * directions[:, 1])
    values = np.empty(((l_max + 1) ** 2, len(z)))
    gradients = np.empty((3, *values.shape))
    for l in range(l_max + 1):
        for m in range(l + 1):
            norm, polynomial = _norm(l, m), Legendre.basis(l).deriv(m)
            height, rise = norm * polynomial(z), norm * polynomial.deriv(1)(z)
            before = m * power[m - 1] if m else np.zeros_like(power[0])
            # d/dx (x + i y)^m = m (x + i y)^(m - 1), d/dy the same times i
            slopes = (before, 1j * before)
            for row, part in ((l * l + l + m, np.real), (l * l + l - m, np.imag)):
                if m == 0 and part is np.imag:
                    continue
                values[row] = height * part(power[m])
                gradients[0, row], gradients[1, row] = (height * part(slope) for slope in slopes)
                gradients[2, row] = rise * part(power[m])
    along = np.einsum("pi,imp->mp", directions, gradients)
    gradients -= directions.T[:, None] * along
    return values.T, gradients.transpose(2, 0, 1)


def harmonic_values(directions: np.ndarray, l_max: int) -> np.ndarray:
    """The values of `real_harmonics` alone, in a fifth of the time.

    Args:
        directions: Unit vectors, shape (pairs, 3).
        l_max: Highest degree.

    Returns:
        Shape ((l_max + 1)^2, pairs).
    """
    x, y, z = np.ascontiguousarray(directions.T)
    values = np.empty(((l_max + 1) ** 2, len(z)))
    real, imaginary = np.ones_like(z), np.zeros_like(z)  # of (x + i y)^m
    for m in range(l_max + 1):
        for l in range(m, l_max + 1):
            height = polyval(z, _polynomial(l, m))
            np.multiply(height, real, out=values[l * l + l + m])
            if m:
                np.multiply(height, imaginary, out=values[l * l + l - m])
        real, imaginary = real * x - imaginary * y, real * y + imaginary * x
    return values


@cache
def _polynomial(l: int, m: int) -> np.ndarray:
    """Coefficients of N_lm times the m-th derivative of P_l, by powers."""
    return np.asarray(_norm(l, m) * leg2poly(Legendre.basis(l).deriv(m).coef))


@cache
def _norm(l: int, m: int) -> float:
    """Such that the square, integrated over the sphere, is one."""
    return float(np.sqrt((2 * l + 1) / (4 * np.pi) * factorial(l - m) / factorial(l + m) * (2 if m else 1)))
