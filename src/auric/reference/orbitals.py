"""Occupied orbitals in a Gaussian basis, and the file they travel in.

The file is npz: a JSON header with, for each frame, symbols, basis, effective core potentials, charge and multiplicity,
and arrays of positions, coefficients and occupations. Basis and potentials are stored as numbers, so that the orbitals
can be evaluated without the name of any basis, and nothing in the file is ever evaluated as text.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from pyscf import gto

from auric.files import NPZ_HEADER, read_npz_header, write_npz

FORMAT = "auric orbitals 1"


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
    """Yield frame names and their orbitals, one frame in memory at a time."""
    frames = read_npz_header(path)["frames"]
    with Path(path).open("rb") as opened, np.load(opened, allow_pickle=False) as file:
        for name, header in frames.items():
            keys = [key for key in file.files if key != NPZ_HEADER and key.startswith(f"{name}/")]
            yield name, Orbitals.from_parts(header, {key.split("/", 1)[1]: file[key] for key in keys})
