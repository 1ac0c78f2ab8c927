"""Molden files (https://www.theochem.ru.nl/molden/molden_format.html), read without evaluating anything in them.

Core electrons of effective core potentials are no part of the format. Programs write them as [Core], [Pseudo] or [Nval],
or put the valence charge in the place of the atomic number; all four are read.
"""

import re
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from ase.data import atomic_numbers

from auric.errors import StructureError
from auric.reference.wavefile import ATOM_LIMIT, LARGEST_BASIS, Shell, TextLines, WaveFunction, symbol_of
from auric.units import BOHR_ANGSTROM

_SECTION = re.compile(r"\s*\[([^\]]*)\]\s*(.*?)\s*$")
_LETTERS = "spdfgh"
_CARTESIAN_ORDER = {
    2: ("xx", "yy", "zz", "xy", "xz", "yz"),
    3: ("xxx", "yyy", "zzz", "xyy", "xxy", "xxz", "xzz", "yzz", "yyz", "xyz"),
    4: (
        "xxxx", "yyyy", "zzzz", "xxxy", "xxxz", "xyyy", "yyyz", "xzzz", "yzzz", "xxyy", "xxzz", "yyzz", "xxyz", "xyyz",
        "xyzz",
    ),
}  # fmt: skip
_KINDS = {
    "5d": {2: True, 3: True}, "5d7f": {2: True, 3: True}, "5d10f": {2: True, 3: False}, "7f": {3: True},
    "9g": {4: True, 5: True}, "11h": {5: True}, "6d": {2: False}, "6d10f": {2: False, 3: False},
    "6d7f": {2: False, 3: True}, "10f": {3: False}, "15g": {4: False}, "21h": {5: False},
}  # fmt: skip
"""Angular momentum to whether it is spherical; Cartesian is the default. h is no part of the format, but is written."""


@dataclass
class _Orbital:
    spin: str = "alpha"
    occupation: float | None = None
    functions: "array[int]" = field(default_factory=lambda: array("q"))
    values: "array[float]" = field(default_factory=lambda: array("d"))


@dataclass
class _Content:
    """What has been read so far."""

    symbols: list[str] = field(default_factory=list)
    charges: list[int] = field(default_factory=list)
    positions_angstrom: list[list[float]] = field(default_factory=list)
    shells: list[tuple[int, int, list[float], list[float]]] = field(default_factory=list)
    pure: dict[int, bool] = field(default_factory=dict)
    stated_core: list[tuple[str, int | str, int]] = field(default_factory=list)
    orbitals: list[_Orbital] = field(default_factory=list)


def read_molden(lines: TextLines) -> WaveFunction:
    """Read a molden file with Gaussian basis functions.

    Raises:
        StructureError: If it is damaged, truncated, or holds no atoms, basis functions or orbitals.
    """
    content, seen = _Content(), set()
    first = _SECTION.match(lines.need("[Molden Format]"))
    if first is None or first[1].strip().lower() != "molden format":
        raise lines.error("a molden file begins with [Molden Format]; is it one?")
    for line in lines:
        section = _SECTION.match(line)
        if section is None:
            continue  # text of a section that is not read
        name = section[1].strip().lower()
        if name in _READERS:
            if name in seen:
                raise lines.error(f"section [{section[1]}] comes twice; give one molecule per file")
            seen.add(name)
            _READERS[name](lines, content, section[2].lower())
        elif name in _KINDS:
            content.pure |= _KINDS[name]
    missing = [name for name in ("atoms", "gto", "mo") if name not in seen]
    if missing:
        raise StructureError(f"{lines.path}: no section [{missing[0]}]; write the file with atoms, basis and orbitals")
    return _put_together(lines, content)


def _read_atoms(lines: TextLines, content: _Content, rest: str) -> None:
    unit = rest.strip("() \t")
    if unit != "au" and not unit.startswith("ang"):
        raise lines.error(f"[Atoms] must say AU or Angs, not '{rest[:20]}'")
    scale = BOHR_ANGSTROM if unit == "au" else 1.0
    for fields in _rows(lines):
        if len(fields) != 6:
            raise lines.error(f"expected 'element number charge x y z', found {len(fields)} words")
        symbol = symbol_of(fields[0])
        if symbol is None or fields[2] == "0":
            raise lines.error(f"'{fields[0][:20]}' is no element, or a ghost atom; leave such atoms out")
        content.symbols.append(symbol)
        if len(content.symbols) > ATOM_LIMIT:
            raise lines.error(f"more than {ATOM_LIMIT} atoms; cut the structure down")
        if lines.whole(fields[1]) != len(content.symbols):
            raise lines.error(f"atom {fields[1]} stands in place {len(content.symbols)}; number atoms in their order")
        content.charges.append(lines.whole(fields[2]))
        content.positions_angstrom.append([lines.real(word) * scale for word in fields[3:]])
    if not content.symbols:
        raise lines.error("no atoms in [Atoms]; write the file again")


def _read_basis(lines: TextLines, content: _Content, rest: str) -> None:
    atom = -1
    for fields in _rows(lines):
        if fields[0].isdigit():
            atom = lines.whole(fields[0]) - 1
            continue
        label = fields[0].lower()
        if label not in (*_LETTERS, "sp") or len(fields) < 2 or atom < 0:
            raise lines.error(f"expected a shell ({', '.join(_LETTERS)} or sp) of an atom, found '{fields[0][:20]}'")
        if len(fields) > 2 and lines.real(fields[2]) not in (0.0, 1.0):
            raise lines.error(f"scale factor {fields[2]} of a shell; write exponents that are scaled already")
        momenta = [_LETTERS.index(letter) for letter in label]
        columns: list[list[float]] = [[] for _ in range(1 + len(momenta))]
        for _ in range(lines.whole(fields[1])):
            words = lines.need("a primitive").split()
            if len(words) < len(columns):
                raise lines.error(f"expected an exponent and {len(momenta)} coefficients, found {len(words)} words")
            for column, word in zip(columns, words, strict=False):
                column.append(lines.real(word))
        content.shells.extend((atom, momentum, columns[0], columns[1 + i]) for i, momentum in enumerate(momenta))
    if not content.shells:
        raise lines.error("no shells in [GTO]; write the file again")


def _read_orbitals(lines: TextLines, content: _Content, rest: str) -> None:
    orbital = None
    for line in lines:
        if "=" in line:
            if orbital is None or orbital.values:
                orbital = _Orbital()
                content.orbitals.append(orbital)
            key, value = (part.strip().lower() for part in line.split("=", 1))
            if key == "occup":
                orbital.occupation = lines.real(value)
            elif key == "spin":
                if value not in ("alpha", "beta"):
                    raise lines.error(f"spin '{value[:20]}'; it must be Alpha or Beta")
                orbital.spin = value
            continue
        words = line.split()
        if not words:
            continue
        if words[0].startswith("["):
            lines.back()
            return
        if len(words) != 2 or orbital is None:
            raise lines.error(f"expected 'number coefficient' of an orbital, found '{line.strip()[:40]}'")
        orbital.functions.append(lines.whole(words[0]))
        orbital.values.append(lines.real(words[1]))


def _read_core(lines: TextLines, content: _Content, rest: str) -> None:
    for fields in _rows(lines):
        who, _, number = " ".join(fields).partition(":")
        content.stated_core.append(("core", _atom_or_element(lines, who.strip()), lines.whole(number.strip())))


def _read_pseudo(lines: TextLines, content: _Content, rest: str) -> None:
    for fields in _rows(lines):
        if len(fields) != 3:
            raise lines.error("expected 'element number valence-charge'")
        content.stated_core.append(("valence", lines.whole(fields[1]) - 1, lines.whole(fields[2])))


def _read_valence(lines: TextLines, content: _Content, rest: str) -> None:
    for fields in _rows(lines):
        if len(fields) != 2:
            raise lines.error("expected 'element valence-charge'")
        content.stated_core.append(("valence", _atom_or_element(lines, fields[0]), lines.whole(fields[1])))


_READERS: dict[str, Callable[[TextLines, _Content, str], None]] = {
    "atoms": _read_atoms, "gto": _read_basis, "mo": _read_orbitals, "core": _read_core, "pseudo": _read_pseudo,
    "nval": _read_valence,
}  # fmt: skip


def _rows(lines: TextLines) -> Iterator[list[str]]:
    """Words of the lines of a section; empty lines are left out, the next section's head is put back."""
    for line in lines:
        words = line.split()
        if words and words[0].startswith("["):
            lines.back()
            return
        if words:
            yield words


def _atom_or_element(lines: TextLines, text: str) -> int | str:
    if text.isdigit():
        return lines.whole(text) - 1
    symbol = symbol_of(text)
    if symbol is None:
        raise lines.error(f"'{text[:20]}' is neither the number of an atom nor an element")
    return symbol


def _put_together(lines: TextLines, content: _Content) -> WaveFunction:
    shells = []
    for atom, angular, exponents, contraction in content.shells:
        pure = angular < 2 or content.pure.get(angular, False)
        if not pure and angular not in _CARTESIAN_ORDER:
            raise StructureError(
                f"{lines.path}: Cartesian {_LETTERS[angular]} functions have no agreed order; use spherical ones"
            )
        shells.append(Shell(atom, angular, pure, tuple(exponents), tuple(contraction)))
    size = sum(shell.size for shell in shells)
    counts = [len(orbital.values) for orbital in content.orbitals]
    if size > LARGEST_BASIS or len(counts) > 2 * size:
        raise lines.error(
            f"{size} basis functions and {len(counts)} orbitals; up to {LARGEST_BASIS} are read, and no more orbitals than functions"
        )
    if len(counts) > 1 and counts[-1] < size and set(counts[:-1]) == {size}:
        raise lines.error(f"the last orbital has {counts[-1]} of {size} coefficients; the file is truncated")
    spins = ("alpha", "beta") if any(orbital.spin == "beta" for orbital in content.orbitals) else ("alpha",)
    orbitals = [[orbital for orbital in content.orbitals if orbital.spin == spin] for spin in spins]
    coefficients = [np.array([_column(lines, each, size) for each in spin]).reshape(-1, size).T for spin in orbitals]
    occupations = [np.array([_occupation(lines, each) for each in spin]) for spin in orbitals]
    return WaveFunction(
        content.symbols, np.array(content.positions_angstrom), _core_electrons(lines, content), shells,
        _CARTESIAN_ORDER, coefficients, occupations, engine="molden",
    )  # fmt: skip


def _column(lines: TextLines, orbital: _Orbital, size: int) -> np.ndarray:
    """Coefficients of one orbital; those that are left out are zero, as the format has it."""
    column = np.zeros(size)
    functions = np.array(orbital.functions, dtype=int)
    if len(functions) and not 1 <= functions.min() <= functions.max() <= size:
        raise StructureError(
            f"{lines.path}: an orbital has a coefficient {functions.max()}, but there are {size} basis functions; "
            "check [5D], [7F] and [9G]"
        )
    if len(np.unique(functions)) < len(functions):
        raise StructureError(f"{lines.path}: an orbital has a coefficient twice; write the file again")
    column[functions - 1] = orbital.values
    return column


def _occupation(lines: TextLines, orbital: _Orbital) -> float:
    if orbital.occupation is None:
        raise StructureError(f"{lines.path}: an orbital has no 'Occup='; write the file with occupations")
    return orbital.occupation


def _core_electrons(lines: TextLines, content: _Content) -> list[int]:
    """Core electrons per atom from the charges of [Atoms] and from the sections that programs add; later lines win."""
    numbers = [atomic_numbers[symbol] for symbol in content.symbols]
    from_charges = [number - charge for number, charge in zip(numbers, content.charges, strict=True)]
    core = list(from_charges)
    for kind, who, count in content.stated_core:
        atoms = [i for i, symbol in enumerate(content.symbols) if who in (i, symbol)]
        if not atoms:
            raise StructureError(f"{lines.path}: core electrons are stated for an atom that is not in [Atoms]")
        for i in atoms:
            core[i] = count if kind == "core" else numbers[i] - count
    for i, (stated, other) in enumerate(zip(core, from_charges, strict=True)):
        if other not in (0, stated):
            raise StructureError(
                f"{lines.path}: atom {i + 1} ({content.symbols[i]}) has {stated} core electrons in one place and {other} "
                "in another; correct [Atoms] or [Core]"
            )
    return core
