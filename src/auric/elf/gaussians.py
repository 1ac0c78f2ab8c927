r"""Gaussian shells of a molecule: bounds that hold in a box, and values with gradients at points.

A shell is chi_m(r) = S_m(r - A) sum_p c_p exp(-a_p |r - A|^2) with real solid harmonics S_m of degree l, in the order and
normalisation of PySCF. Only exponentials of atoms and exponents that matter near a box are taken, each once; sums over
primitives are one product with a sparse matrix; all shells of one l are then treated together.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
from pyscf import gto
from scipy.sparse import csr_matrix


class Scratch:
    """Memory handed out again and again: fresh arrays of this size would cost more time than what is put into them."""

    def __init__(self) -> None:
        self._memory, self._used, self._wanted = np.empty(0), 0, 0

    def take(self, *shape: int) -> np.ndarray:
        """An array of a shape, not initialised, valid until the end of the innermost `nested`."""
        start, self._used = self._used, self._used + math.prod(shape)
        self._wanted = max(self._wanted, self._used)
        if self._used > len(self._memory):
            return np.empty(shape)
        return self._memory[start : self._used].reshape(shape)

    @contextmanager
    def nested(self) -> Iterator[None]:
        """Hand back, at the end, what was taken inside; the outermost one makes the memory large enough."""
        before = self._used
        if before == 0 and self._wanted > len(self._memory):
            self._memory = np.empty(self._wanted)
        try:
            yield
        finally:
            self._used = before


@dataclass(frozen=True)
class Shells:
    """Contracted shells and their primitives, as flat arrays; the shells of one l stand together, as do a shell's terms.

    The atomic orbitals of all shells of one l stand together too, ordered by m and then by shell.

    Attributes:
        centres: Atoms' positions, shape (atoms, 3), bohr.
        atom: Atom of each shell, shape (shells,).
        l: Angular momentum of each shell, ascending.
        shell: Shell of each term of a contraction, ascending, shape (terms,).
        primitive: Primitive (one atom and exponent) of each term.
        coefficient: Its contraction coefficient, with the normalisation of s and p harmonics.
        primitive_atom: Atom of each primitive, shape (primitives,).
        exponent: Exponent of each primitive, 1/bohr^2.
    """

    centres: np.ndarray
    atom: np.ndarray
    l: np.ndarray
    shell: np.ndarray
    primitive: np.ndarray
    coefficient: np.ndarray
    primitive_atom: np.ndarray
    exponent: np.ndarray

    @classmethod
    def of(cls, molecule: gto.Mole) -> tuple["Shells", np.ndarray]:
        """The shells of a PySCF molecule with spherical functions, and the numbers its atomic orbitals have there."""
        shells: list[tuple[int, int, int, np.ndarray, np.ndarray]] = []
        primitives: dict[tuple[int, bytes], np.ndarray] = {}
        primitive_atom: list[int] = []
        exponent: list[float] = []
        first = molecule.ao_loc_nr()
        for block in range(molecule.nbas):
            atom, l, exponents = molecule.bas_atom(block), molecule.bas_angular(block), molecule.bas_exp(block)
            key = (atom, exponents.tobytes())
            if key not in primitives:
                primitives[key] = len(exponent) + np.arange(len(exponents))
                primitive_atom.extend([atom] * len(exponents))
                exponent.extend(exponents)
            contraction = molecule._libcint_ctr_coeff(block).T * (_norm(l) if l < 2 else 1.0)
            for column, coefficients in enumerate(contraction):
                shells.append((l, atom, first[block] + column * (2 * l + 1), primitives[key], coefficients))
        shells.sort(key=lambda each: each[0])
        l, atom, row = np.array([each[:3] for each in shells]).T
        made = cls(
            molecule.atom_coords(), atom, l, np.repeat(np.arange(len(shells)), [len(each[3]) for each in shells]),
            np.concatenate([each[3] for each in shells]), np.concatenate([each[4] for each in shells]),
            np.array(primitive_atom), np.array(exponent),
        )  # fmt: skip
        return made, np.concatenate([(row[part] + np.arange(2 * l + 1)[:, None]).ravel() for l, part in made.groups])

    @cached_property
    def groups(self) -> list[tuple[int, slice]]:
        """Each angular momentum and its shells."""
        values, first, counts = np.unique(self.l, return_index=True, return_counts=True)
        return [(int(l), slice(a, a + n)) for l, a, n in zip(values, first, counts, strict=True)]

    @cached_property
    def shell_of_orbital(self) -> np.ndarray:
        """The shell of each atomic orbital."""
        return np.concatenate([np.tile(np.arange(part.start, part.stop), 2 * l + 1) for l, part in self.groups])

    def norms(self, rows: np.ndarray) -> np.ndarray:
        """Root of the sum over m of a quantity given for each atomic orbital; shape (shells,)."""
        sums, start = np.empty(len(self.l)), 0
        for l, part in self.groups:
            end = start + (2 * l + 1) * (part.stop - part.start)
            sums[part] = rows[start:end].reshape(2 * l + 1, -1).sum(axis=0)
            start = end
        return np.sqrt(sums)

    def bounds(self, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """Upper bounds of each term in a box: of sqrt(sum_m chi_m^2) or sqrt(sum_m |grad chi_m|^2), the larger.

        With sum_m S_m^2 = (2l+1)/(4 pi) r^(2l) (Unsoeld) and sum_m |grad S_m|^2 = l (2l+1) (2l+1)/(4 pi) r^(2l-2), which
        is half the Laplacian of the former, all that remains is the largest r^n exp(-a r^2) beyond the box's distance.

        Args:
            low: Lower corner of the box, shape (3,), bohr.
            high: Upper corner.

        Returns:
            Shape (terms,).
        """
        nearest = np.linalg.norm(np.maximum(0, np.maximum(low - self.centres, self.centres - high)), axis=1)
        l, a = self.l[self.shell], self.exponent[self.primitive]
        distance = nearest[self.primitive_atom][self.primitive]

        def largest(power: np.ndarray) -> np.ndarray:
            r = np.maximum(distance, np.sqrt(power / (2 * a)))
            return np.asarray(r**power * np.exp(-a * r * r))

        value = largest(l)
        slope = np.sqrt(l * (2 * l + 1)) * largest(np.maximum(l - 1, 0)) + 2 * a * largest(l + 1)
        scale = np.where(l < 2, 1.0, _norm(l))
        return np.asarray(scale * np.abs(self.coefficient) * np.maximum(value, slope))

    def only(self, kept: np.ndarray) -> tuple["Shells", np.ndarray]:
        """A part of the shells, and the numbers that its atomic orbitals have here.

        Args:
            kept: Whether each term matters, shape (terms,).
        """
        shells, shell = _renumbered(self.shell[kept], len(self.l))
        primitives, primitive = _renumbered(self.primitive[kept], len(self.exponent))
        part = Shells(
            self.centres, self.atom[shells], self.l[shells], shell, primitive, self.coefficient[kept],
            self.primitive_atom[primitives], self.exponent[primitives],
        )  # fmt: skip
        rows, start = [np.empty(0, dtype=int)], 0
        for l, group in self.groups:
            size = group.stop - group.start
            members = shells[(shells >= group.start) & (shells < group.stop)] - group.start
            rows.append((start + members + size * np.arange(2 * l + 1)[:, None]).ravel())
            start += (2 * l + 1) * size
        return part, np.concatenate(rows)

    @cached_property
    def _prepared(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, csr_matrix]:
        """Atoms that carry shells, that of each primitive and of each shell among them, and the contraction.

        The contraction, (2 shells, primitives), gives radial functions, then their derivatives divided by r.
        """
        atoms, of_primitive = _renumbered(self.primitive_atom, len(self.centres))
        place = np.zeros(len(self.centres), dtype=int)
        place[atoms] = np.arange(len(atoms))
        weights = np.concatenate([self.coefficient, -2 * self.coefficient * self.exponent[self.primitive]])
        ends = np.cumsum(np.bincount(self.shell, minlength=len(self.l)))
        pointers = np.concatenate([[0], ends, len(self.shell) + ends])
        contraction = csr_matrix(
            (weights, np.tile(self.primitive, 2), pointers), shape=(2 * len(self.l), len(self.exponent))
        )
        return atoms, of_primitive, place[self.atom], contraction

    def evaluate(self, points_bohr: np.ndarray, scratch: "Scratch") -> np.ndarray:
        """Values and gradients at points, shape (4, atomic orbitals, points); lives in the scratch."""
        atoms, of_primitive, of_shell, contraction = self._prepared
        count = len(points_bohr)
        result = scratch.take(4, int((2 * self.l + 1).sum()), count)
        with scratch.nested():
            apart = scratch.take(3, len(atoms), count)
            np.subtract(points_bohr.T[:, None, :], self.centres[atoms].T[:, :, None], out=apart)
            squared = np.einsum("iap,iap->ap", apart, apart, out=scratch.take(*apart.shape[1:]))
            exponentials = scratch.take(len(of_primitive), count)
            np.take(squared, of_primitive, axis=0, out=exponentials, mode="clip")
            exponentials *= -self.exponent[:, None]
            np.exp(exponentials, out=exponentials)
            radial = contraction @ exponentials
            half, start = len(self.l), 0
            for l, group in self.groups:
                size = group.stop - group.start
                part = result[:, start : start + (2 * l + 1) * size].reshape(4, 2 * l + 1, size, count)
                start += (2 * l + 1) * size
                with scratch.nested():
                    here = scratch.take(3, size, count)
                    np.take(apart, of_shell[group], axis=1, out=here, mode="clip")
                    _fill(part, l, radial[:half][group], radial[half:][group], here, scratch)
        return result


def _fill(part: np.ndarray, l: int, r: np.ndarray, slope: np.ndarray, apart: np.ndarray, scratch: "Scratch") -> None:
    """Write values and gradients of the shells of one l into (4, 2l+1, shells, points)."""
    if l == 0:
        part[0, 0] = r
        np.multiply(apart, slope, out=part[1:, 0])
    elif l == 1:
        np.multiply(apart, r, out=part[0])
        along = np.multiply(apart, slope, out=scratch.take(*apart.shape))
        np.multiply(apart[:, None], along, out=part[1:])
        for axis in range(3):
            part[1 + axis, axis] += r
    else:
        harmonics, gradients = _harmonics(l)
        lower = _monomials(apart, l - 1, scratch)
        s = scratch.take(2 * l + 1, *r.shape)
        along = scratch.take(*s.shape)
        np.matmul(harmonics, _flat(_monomials(apart, l, scratch)), out=_flat(s))
        np.multiply(s, r, out=part[0])
        s *= slope
        lower = np.multiply(lower, r, out=scratch.take(*lower.shape))
        for axis in range(3):
            np.matmul(gradients[axis], _flat(lower), out=_flat(part[1 + axis]))
            part[1 + axis] += np.multiply(apart[axis], s, out=along)


def _flat(array: np.ndarray) -> np.ndarray:
    """The first axis as it is, the others as one."""
    return array.reshape(len(array), -1)


def _monomials(apart: np.ndarray, degree: int, scratch: "Scratch") -> np.ndarray:
    """x^i y^j z^k of one degree, in the order of `_powers`; shape (monomials, shells, points)."""
    result = apart
    for lower in range(1, degree):
        # Each monomial is one of a degree less times the first coordinate it holds.
        before = {powers: number for number, powers in enumerate(_powers(lower))}
        after = scratch.take(len(_powers(lower + 1)), *apart.shape[1:])
        for number, powers in enumerate(_powers(lower + 1)):
            axis = next(i for i in range(3) if powers[i])
            np.multiply(apart[axis], result[before[_less(powers, axis)]], out=after[number])
        result = after
    return result


@cache
def _powers(degree: int) -> list[tuple[int, int, int]]:
    """Powers of x, y, z in PySCF's order of Cartesian functions."""
    return [(i, j, degree - i - j) for i in range(degree, -1, -1) for j in range(degree - i, -1, -1)]


@cache
def _harmonics(l: int) -> tuple[np.ndarray, np.ndarray]:
    """Real solid harmonics (2l+1, monomials of degree l) and their gradients (3, 2l+1, monomials of degree l - 1)."""
    harmonics = gto.mole.cart2sph(l, normalized="sp").T
    lower = {powers: number for number, powers in enumerate(_powers(l - 1))}
    gradients = np.zeros((3, 2 * l + 1, len(lower)))
    for number, powers in enumerate(_powers(l)):
        for axis in range(3):
            if powers[axis]:
                gradients[axis, :, lower[_less(powers, axis)]] += powers[axis] * harmonics[:, number]
    return np.ascontiguousarray(harmonics), gradients


def _less(powers: tuple[int, int, int], axis: int) -> tuple[int, int, int]:
    """One power less of one coordinate."""
    i, j, k = (power - (each == axis) for each, power in enumerate(powers))
    return i, j, k


def _norm(l: np.ndarray | int) -> np.ndarray:
    return np.asarray(np.sqrt((2 * l + 1) / (4 * np.pi)))


def _renumbered(numbers: np.ndarray, end: int) -> tuple[np.ndarray, np.ndarray]:
    """The different ones of some numbers below an end, ascending, and the place of each among them."""
    used = np.zeros(end, dtype=bool)
    used[numbers] = True
    return np.flatnonzero(used), (np.cumsum(used) - 1)[numbers]
