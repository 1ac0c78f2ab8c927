r"""Basis functions of other programs expressed in PySCF's.

A file's basis function is a fixed multiple of a normalised one, or a sum of such: its order within the shell, its sign and
its norm depend on the program. Contractions are given to PySCF normalised; what differs goes into the coefficients. With
normalised primitives the norm of a contraction of angular momentum l is

    N^2 = sum_pq c_p c_q (4 a_p a_q / (a_p + a_q)^2)^((2 l + 3) / 4)

and the norm of x^a y^b z^c on a normalised radial part is (4 pi (2a-1)!! (2b-1)!! (2c-1)!! / (2l+1)!!)^(1/2).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Literal

import numpy as np
from pyscf import gto
from scipy.special import factorial2

from auric.errors import StructureError
from auric.reference.wavefile import Shell, WaveFunction

FUNCTION_LIMIT = 10_000
"""Basis functions at most: the overlap matrix of so many takes 0.8 GB."""


@dataclass(frozen=True)
class Convention:
    """How a program's numbers are meant.

    Attributes:
        name: For messages and provenance.
        contraction: Whether coefficients of primitives are of normalised ones and taken as written, of normalised ones
            whose contraction is normalised by the reader, or of bare ones (x^l exp(-a r^2)), likewise normalised.
        cartesian: Whether each Cartesian function is normalised; or all of a shell have one prefactor, with which x^l
            or the product of different axes (xy, xyz) is; or each has the norm ((2l-1)!!)^(1/2).
        flipped: Spherical functions of these |m| have the opposite sign.
    """

    name: str
    contraction: Literal["as written", "normalised", "bare"]
    cartesian: Literal["each", "axis", "product", "raised"] = "each"
    flipped: frozenset[int] = frozenset()


CONVENTIONS = (
    Convention("as the format says", "as written"),
    Convention("contractions not normalised", "normalised"),
    Convention("orca", "bare", flipped=frozenset({3, 4})),
    Convention("bare primitives", "bare"),
    Convention("turbomole", "as written", cartesian="raised"),
    Convention("cfour", "as written", cartesian="product"),
    Convention("psi4 cartesian", "normalised", cartesian="axis"),
)
"""The one of the molden format and of fchk first; then those that programs are known to write instead."""


@dataclass(frozen=True)
class Expansion:
    """Orbitals in PySCF's basis functions.

    Attributes:
        basis: Element to shells in PySCF's internal form.
        cartesian: Whether PySCF's functions are Cartesian; then all are.
        coefficients: Per spin, shape (PySCF's functions, orbitals).
    """

    basis: dict[str, Any]
    cartesian: bool
    coefficients: list[np.ndarray]


def expand(wave: WaveFunction, convention: Convention) -> Expansion:
    """Express a file's orbitals in PySCF's basis functions.

    Spherical shells become Cartesian ones where any shell of d or higher is Cartesian, because PySCF has one kind only.

    Raises:
        StructureError: If atoms of one element have different basis sets, or there are too many functions.
    """
    cartesian = any(not shell.pure and shell.angular > 1 for shell in wave.shells)
    starts = np.cumsum([0] + [shell.size for shell in wave.shells])
    if starts[-1] > FUNCTION_LIMIT:
        raise StructureError(f"{starts[-1]} basis functions are more than {FUNCTION_LIMIT}; take a smaller basis")
    order = sorted(range(len(wave.shells)), key=lambda i: (wave.shells[i].atom, wave.shells[i].angular))
    basis: dict[str, Any] = {}
    rows: list[list[np.ndarray]] = [[] for _ in wave.coefficients]
    for atom, members in groupby(order, key=lambda i: wave.shells[i].atom):
        entries = []
        for i in members:
            shell = wave.shells[i]
            contraction, norm = _contraction(shell, convention)
            entries.append([shell.angular, *map(list, zip(shell.exponents, contraction, strict=True))])
            matrix = norm * _functions(shell, convention, wave.cartesian_order, cartesian)
            for spin, coefficients in enumerate(wave.coefficients):
                rows[spin].append(matrix @ coefficients[starts[i] : starts[i + 1]])
        symbol = wave.symbols[atom]
        if basis.setdefault(symbol, entries) != entries:
            raise StructureError(
                f"atom {atom + 1} ({symbol}) has another basis set than the other {symbol}; use one set per element"
            )
    return Expansion(basis, cartesian, [np.vstack(spin) for spin in rows])


def largest_deviations(
    overlap: np.ndarray, coefficients: Sequence[np.ndarray], occupations: Sequence[np.ndarray]
) -> tuple[float, float]:
    """Largest deviation of the orbitals' overlap matrix from the unit matrix.

    Returns:
        Among occupied orbitals, and among all.
    """
    occupied, every = 0.0, 0.0
    for orbitals, numbers in zip(coefficients, occupations, strict=True):
        deviation = np.abs(orbitals.T @ (overlap @ orbitals) - np.eye(orbitals.shape[1]))
        kept = numbers > 0
        occupied = max(occupied, deviation[np.ix_(kept, kept)].max(initial=0.0))
        every = max(every, deviation.max(initial=0.0))
    return float(occupied), float(every)


def _contraction(shell: Shell, convention: Convention) -> tuple[list[float], float]:
    """Normalised coefficients of normalised primitives, and the norm of what the file means."""
    exponents, coefficients = np.array(shell.exponents), np.array(shell.coefficients)
    power = (2 * shell.angular + 3) / 4
    if convention.contraction == "bare":
        coefficients = coefficients / exponents**power
    overlaps = (4 * np.outer(exponents, exponents) / np.add.outer(exponents, exponents) ** 2) ** power
    norm = float(np.sqrt(max(coefficients @ overlaps @ coefficients, 0.0)))
    if not norm > 0:
        raise StructureError(f"a shell of atom {shell.atom + 1} vanishes: all its coefficients are zero or cancel")
    return (coefficients / norm).tolist(), norm if convention.contraction == "as written" else 1.0


def _functions(shell: Shell, convention: Convention, orders: dict[int, tuple[str, ...]], cartesian: bool) -> np.ndarray:
    """The file's functions of one shell in PySCF's, shape (PySCF's functions, file's functions)."""
    angular = shell.angular
    if angular < 2:
        return np.eye(shell.size)
    matrix = np.zeros((shell.size, shell.size))
    if shell.pure:  # m = 0, +1, -1, +2, -2, ... in files; -l, ..., l in PySCF
        for column, m in enumerate([0] + [m for k in range(1, angular + 1) for m in (k, -k)]):
            matrix[angular + m, column] = -1.0 if abs(m) in convention.flipped else 1.0
        return np.asarray(gto.cart2sph(angular, normalized="sp")) @ matrix if cartesian else matrix
    for column, name in enumerate(orders[angular]):
        matrix[cartesian_names(angular).index(name), column] = _cartesian_scale(name, convention)
    return matrix


def cartesian_names(angular: int) -> tuple[str, ...]:
    """Cartesian functions in PySCF's order: xx, xy, xz, yy, yz, zz for d."""
    return tuple(
        "x" * x + "y" * y + "z" * (angular - x - y) for x in range(angular, -1, -1) for y in range(angular - x, -1, -1)
    )


def _cartesian_scale(name: str, convention: Convention) -> float:
    """The file's function as a multiple of PySCF's, whose radial part alone is normalised."""
    axis, own = _odd_factorial(len(name)), float(np.prod([_odd_factorial(name.count(letter)) for letter in "xyz"]))
    divisor = {"each": own, "axis": axis, "product": 1.0, "raised": own / axis}[convention.cartesian]
    return float(np.sqrt(_odd_factorial(len(name) + 1) / (4 * np.pi * divisor)))


def _odd_factorial(n: int) -> float:
    """(2n - 1)!!, which is 1 for n = 0."""
    return float(factorial2(2 * n - 1)) if n else 1.0
