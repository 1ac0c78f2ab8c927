"""Occupied orbitals in a Gaussian basis, and the file they travel in.

The file is npz: a JSON header with, for each frame, symbols, basis, effective core potentials, charge and multiplicity,
and arrays of positions, coefficients and occupations. Basis and potentials are stored as numbers, so that the orbitals
can be evaluated without the name of any basis, and nothing in the file is ever evaluated as text.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from ase.data import atomic_numbers
from pyscf import gto

from auric.errors import InputError
from auric.files import Npz, write_npz

FORMAT = "auric orbitals 1"
LARGEST_ANGULAR = 8


@dataclass(frozen=True)
class Orbitals:
    """Occupied spin orbitals of one frame.

    Attributes:
        symbols: Elements, one per atom.
        positions_angstrom: Shape (atoms, 3).
        basis: Element to shells, as numbers in PySCF's internal form.
        ecp: Element to effective core potential, likewise; empty for all-electron elements.
        charge: Total charge.
        multiplicity: 2S + 1.
        coefficients: Per spin, shape (atomic orbitals, occupied orbitals); one entry means both spins are alike.
        occupations: Per spin, shape (occupied orbitals,), each in [0, 1].
        provenance: Engine, method, basis, versions, structure hash.
        cartesian: Whether shells of d and higher are Cartesian.
    """

    symbols: list[str]
    positions_angstrom: np.ndarray
    basis: dict[str, Any]
    ecp: dict[str, Any]
    charge: int
    multiplicity: int
    coefficients: list[np.ndarray]
    occupations: list[np.ndarray]
    provenance: dict[str, Any] = field(default_factory=dict)
    cartesian: bool = False

    @property
    def closed_shell(self) -> bool:
        """Whether both spins share their orbitals."""
        return len(self.coefficients) == 1

    def molecule(self) -> gto.Mole:
        """The PySCF molecule these orbitals are expanded on."""
        return make_molecule(
            self.symbols, self.positions_angstrom, self.basis, self.ecp, self.charge, self.multiplicity,
            cartesian=self.cartesian,
        )  # fmt: skip

    def header(self) -> dict[str, Any]:
        """All that is not an array."""
        return {
            "symbols": self.symbols, "basis": self.basis, "ecp": self.ecp, "charge": self.charge,
            "multiplicity": self.multiplicity, "provenance": self.provenance, "cartesian": self.cartesian,
        }  # fmt: skip

    def arrays(self) -> dict[str, np.ndarray]:
        """All arrays, by name."""
        named = {"positions_angstrom": self.positions_angstrom}
        for spin, coefficients, occupations in zip(
            ("alpha", "beta"), self.coefficients, self.occupations, strict=False
        ):
            named |= {f"coefficients_{spin}": coefficients, f"occupations_{spin}": occupations}
        return named

    @classmethod
    def from_parts(cls, header: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> "Orbitals":
        """Put together what `header` and `arrays` took apart."""
        spins = [spin for spin in ("alpha", "beta") if f"coefficients_{spin}" in arrays]
        return cls(
            **{name: header[name] for name in ("symbols", "basis", "ecp", "charge", "multiplicity", "provenance")},
            positions_angstrom=arrays["positions_angstrom"],
            coefficients=[arrays[f"coefficients_{spin}"] for spin in spins],
            occupations=[arrays[f"occupations_{spin}"] for spin in spins],
            cartesian=header.get("cartesian", False),
        )

    def checked(self) -> "Orbitals":
        """These orbitals, whose parts are of their kinds and fit each other.

        Raises:
            ValueError: If they are not: PySCF would take text for the name of a basis or of a file, and read it.
        """
        atoms = len(self.symbols)
        if not atoms or not all(atomic_numbers.get(symbol) for symbol in self.symbols):
            raise ValueError("elements that are none")
        if self.positions_angstrom.shape != (atoms, 3) or not np.isfinite(self.positions_angstrom).all():
            raise ValueError("positions that are none, or not one for each atom")
        if not all(isinstance(number, int) for number in (self.charge, self.multiplicity)) or self.multiplicity < 1:
            raise ValueError("charge and multiplicity are no whole numbers")
        if not all(_numbers_only(part) for given in (self.basis, self.ecp) for part in given.values()):
            raise ValueError("a basis or a core potential that is no numbers")
        size = sum(_functions(shell, self.cartesian) for symbol in self.symbols for shell in self.basis[symbol])
        if len(self.coefficients) not in (1, 2):
            raise ValueError("coefficients of no spin")
        for coefficients, occupations in zip(self.coefficients, self.occupations, strict=True):
            if coefficients.shape != (size, *occupations.shape) or occupations.ndim != 1:
                raise ValueError(f"coefficients of shape {coefficients.shape} where the basis has {size} functions")
            if not (np.isfinite(coefficients).all() and np.isfinite(occupations).all()):
                raise ValueError("coefficients or occupations that are not finite")
        return self


def _numbers_only(part: Any) -> bool:
    if isinstance(part, list):
        return all(map(_numbers_only, part))
    return isinstance(part, int | float) and not isinstance(part, bool) and math.isfinite(part)


def _functions(shell: list[Any], cartesian: bool) -> int:
    """Functions of a shell: of its angular momentum, for each contraction."""
    angular, rows = shell[0], [row for row in shell[1:] if isinstance(row, list)]
    if not rows or not isinstance(angular, int) or not 0 <= angular <= LARGEST_ANGULAR:
        raise ValueError(f"a shell of angular momentum {angular}")
    return int((angular + 1) * (angular + 2) // 2 if cartesian else 2 * angular + 1) * (len(rows[0]) - 1)


def make_molecule(
    symbols: list[str], positions_angstrom: np.ndarray, basis: dict[str, Any], ecp: dict[str, Any],
    charge: int, multiplicity: int, *, cartesian: bool = False,
) -> gto.Mole:  # fmt: skip
    """Build a PySCF molecule from arrays only: PySCF evaluates coordinates that are given as text."""
    molecule = gto.Mole(
        verbose=0, unit="Angstrom", charge=charge, spin=multiplicity - 1, basis=basis, ecp=ecp, cart=cartesian
    )
    molecule.atom = [(symbol, tuple(map(float, xyz))) for symbol, xyz in zip(symbols, positions_angstrom, strict=True)]
    molecule.build(dump_input=False, parse_arg=False)
    return molecule


def write_orbitals(path: str | Path, orbitals: Mapping[str, Orbitals]) -> None:
    """Write the orbitals of several frames, by frame name."""
    header = {"format": FORMAT, "frames": {name: each.header() for name, each in orbitals.items()}}
    arrays = {f"{name}/{key}": array for name, each in orbitals.items() for key, array in each.arrays().items()}
    write_npz(path, header, arrays)


def read_orbitals(path: str | Path) -> Iterator[tuple[str, Orbitals]]:
    """Yield frame names and their orbitals, one frame in memory at a time.

    Raises:
        InputError: If the file is missing, damaged, of another format, or lacks or contradicts a part.
    """
    try:
        with Npz(path) as file:
            if file.header.get("format") != FORMAT:
                raise ValueError(f"format '{file.header.get('format')}' instead of '{FORMAT}'")
            for name, header in file.header["frames"].items():
                keys = [key for key in file.names if key.startswith(f"{name}/")]
                yield name, Orbitals.from_parts(header, {key.split("/", 1)[1]: file[key] for key in keys}).checked()
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path}: no orbitals file, or a damaged one ({error}); give one that a study wrote"
        ) from error
