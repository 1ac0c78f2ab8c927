"""Text files that hold a wave function: guarded lines, strict numbers, and what every such file is read into."""

import math
import re
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO, TypeVar

import numpy as np
from ase.data import atomic_numbers

from auric.errors import StructureError

SIZE_LIMIT_BYTES = 4_000_000_000
LINE_LIMIT = 10_000
ATOM_LIMIT = 5_000
LARGEST_BASIS = 20_000
"""Functions: the matrix of their overlaps takes 3 GB."""
LARGEST_NUMBER = 1e12
"""Numbers above this size are damage: the largest that occur are exponents below 1e9."""
Result = TypeVar("Result")
_WHOLE = re.compile(r"[+-]?[0-9]{1,12}")


@dataclass(frozen=True)
class Shell:
    """One contracted shell as a file has it.

    Attributes:
        atom: Atom it is centred on, from 0.
        angular: Angular momentum.
        pure: Whether its functions are spherical harmonics; s and p are the same either way.
        exponents: One per primitive (1/bohr^2).
        coefficients: One per primitive, in the file's normalisation.
    """

    atom: int
    angular: int
    pure: bool
    exponents: tuple[float, ...]
    coefficients: tuple[float, ...]

    @property
    def size(self) -> int:
        """Number of basis functions."""
        return 2 * self.angular + 1 if self.pure else (self.angular + 1) * (self.angular + 2) // 2


@dataclass(frozen=True)
class WaveFunction:
    """What a file says, in its own order and normalisation of basis functions.

    Attributes:
        symbols: Elements, one per atom.
        positions_angstrom: Shape (atoms, 3).
        core_electrons: Per atom, electrons that the file says an effective core potential stands for.
        shells: In the order of the basis functions.
        cartesian_order: Angular momentum to the order of its Cartesian functions, e.g. 2 to ('xx', 'yy', ...).
        coefficients: Per spin, shape (basis functions, orbitals), virtual orbitals included if the file has them.
        occupations: Per spin, shape (orbitals,). One spin only: both share the orbitals, each in [0, 2].
        charge: Total charge, if the file states it.
        multiplicity: 2S + 1, if the file states it.
        engine: What made the file, or the format where that is not stated.
        method: Level of theory, if the file states it.
        basis: Name of the basis, if the file states it.
    """

    symbols: list[str]
    positions_angstrom: np.ndarray
    core_electrons: list[int]
    shells: list[Shell]
    cartesian_order: dict[int, tuple[str, ...]]
    coefficients: list[np.ndarray]
    occupations: list[np.ndarray]
    engine: str
    charge: int | None = None
    multiplicity: int | None = None
    method: str | None = None
    basis: str | None = None


class TextLines:
    """The lines of a file, with the number of the last one for messages, and one line that can be put back."""

    def __init__(self, path: Path, file: TextIO) -> None:
        self.path, self.number = path, 0
        self._file = file
        self._last = ""
        self._again = False

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if self._again:
            self._again = False
            return self._last
        line = self._file.readline(LINE_LIMIT)
        if not line:
            raise StopIteration
        self.number += 1
        if len(line) == LINE_LIMIT:
            raise self.error("the line is too long for such a file; is it one?")
        self._last = line
        return line

    def back(self) -> None:
        """Give the last line once more."""
        self._again = True

    def need(self, what: str) -> str:
        """The next line, which must exist.

        Raises:
            StructureError: If the file ends here.
        """
        line = next(self, None)
        if line is None:
            raise self.error(f"the file ends where {what} should follow; it is truncated, so write it again")
        return line

    def error(self, message: str) -> StructureError:
        """An error that names file and line."""
        return StructureError(f"{self.path}, line {self.number}: {message}")

    def real(self, text: str) -> float:
        """A finite number of credible size; Fortran's D exponents, and those without a letter, are understood.

        Raises:
            StructureError: If it is none.
        """
        try:
            value = float(text)
        except ValueError:
            value = _fortran(text)
        if "_" in text or not abs(value) <= LARGEST_NUMBER:  # not a number fails the comparison
            raise self.error(f"'{text[:40]}' is no number, or no credible one; write the file again")
        return value

    def whole(self, text: str) -> int:
        """A whole number.

        Raises:
            StructureError: If it is none, or too large.
        """
        if not _WHOLE.fullmatch(text):
            raise self.error(f"'{text[:40]}' is no whole number; write the file again")
        return int(text)


def _fortran(text: str) -> float:
    """A number as Fortran writes it: 1.0D-05, or 1.0-105 where the exponent has three digits; else nan."""
    mantissa, exponent = text.upper().replace("D", "E"), ""
    if "E" not in mantissa:
        at = max(mantissa.rfind("-"), mantissa.rfind("+"))
        mantissa, exponent = (mantissa[:at], "E" + mantissa[at:]) if at > 0 else (mantissa, "")
    try:
        return float(mantissa + exponent)
    except ValueError:
        return math.nan


def with_lines(path: Path, read: Callable[[TextLines], Result]) -> Result:
    """Open a file and give its lines to a reader.

    Raises:
        StructureError: If the file is missing, no regular file, too large or not UTF-8 text.
    """
    try:
        status = path.stat()
        file = path.open(encoding="utf-8-sig") if stat.S_ISREG(status.st_mode) else None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise StructureError(f"{str(path)[:200]}: {reason}; provide the file") from error
    if file is None:  # a pipe would wait for ever, a device give bytes for ever
        raise StructureError(f"{path}: not a regular file; name one")
    with file:
        if status.st_size > SIZE_LIMIT_BYTES:
            raise StructureError(
                f"{path}: {status.st_size / 1e9:.1f} GB is above {SIZE_LIMIT_BYTES / 1e9:.0f} GB; "
                "write it without virtual orbitals and densities"
            )
        try:
            return read(TextLines(path, file))
        except UnicodeDecodeError:
            raise StructureError(f"{path}: not UTF-8 text; is it a formatted file (formchk)?") from None


def symbol_of(text: str) -> str | None:
    """The element of a name such as 'Au', 'AU' or 'au1'; None if there is none."""
    symbol = text.rstrip("0123456789").capitalize()
    return symbol if symbol in atomic_numbers and symbol != "X" else None
