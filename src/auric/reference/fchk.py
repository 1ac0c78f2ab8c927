"""Gaussian's formatted checkpoint files (formchk), read without evaluating anything in them.

Layout: a title; type, method and basis (A10, A30, A30); then entries with a label (A40), a type (I, R, C, L or H) and a
value, or N= and so many values on the lines that follow.
"""

import re
from array import array
from pathlib import Path
from typing import Any

import numpy as np
from ase.data import chemical_symbols

from auric.errors import StructureError
from auric.progress import log
from auric.reference.shells import cartesian_names
from auric.reference.wavefile import ATOM_LIMIT, Shell, TextLines, WaveFunction
from auric.units import BOHR_ANGSTROM

_ENTRY = re.compile(r"(.{40}) {3}([IRCLH]) {3}(N=|  )(.*)")
_SCALARS = (
    "Charge", "Multiplicity", "Number of electrons", "Number of alpha electrons",
    "Number of beta electrons", "Number of basis functions",
)  # fmt: skip
_ARRAYS = (
    "Atomic numbers", "Nuclear charges", "Current cartesian coordinates", "Shell types",
    "Number of primitives per shell", "Shell to atom map", "Primitive exponents", "Contraction coefficients",
    "Alpha MO coefficients",
)  # fmt: skip
_OPTIONAL = ("P(S=P) Contraction coefficients", "Beta MO coefficients", "Alpha Orbital Energies")
_INTEGERS = (*_SCALARS, "Atomic numbers", "Shell types", "Number of primitives per shell", "Shell to atom map")
_BETA = "Beta Orbital Energies"
_CORRELATED = ("Total MP2 Density", "Total MP3 Density", "Total MP4 Density", "Total CC Density", "Total CI Density")
_LARGEST_ANGULAR = 6
_CARTESIAN_ORDER = {
    2: ("xx", "yy", "zz", "xy", "xz", "yz"),
    3: ("xxx", "yyy", "zzz", "xyy", "xxy", "xxz", "xzz", "yzz", "yyz", "xyz"),
} | {angular: cartesian_names(angular)[::-1] for angular in range(4, _LARGEST_ANGULAR + 1)}  # fmt: skip


def read_fchk(lines: TextLines) -> WaveFunction:
    """Read a formatted checkpoint file with the orbitals of one determinant.

    Raises:
        StructureError: If it is damaged, truncated, contradicts itself, or holds no basis or no orbitals.
    """
    lines.need("a title")
    head = lines.need("type, method and basis")
    entries, seen = _read_entries(lines)
    kind = head[10:40].strip().upper()
    _check_complete(entries, seen, kind, lines.path)
    symbols, core = _atoms(entries, lines)
    shells = _shells(entries, lines)
    coefficients, occupations = _orbitals(entries, sum(shell.size for shell in shells), lines)
    method, basis = _spinless(kind), head[40:].strip().lower()
    if seen.intersection(_CORRELATED):
        log.warning(
            "%s: its orbitals are those of the reference determinant, not of the correlated density", lines.path
        )
        method = f"reference determinant of {method}"
    return WaveFunction(
        symbols, np.array(entries["Current cartesian coordinates"]).reshape(-1, 3) * BOHR_ANGSTROM, core, shells,
        _CARTESIAN_ORDER, coefficients, occupations, engine="gaussian", charge=entries["Charge"],
        multiplicity=entries["Multiplicity"], method=method or None, basis=basis or None,
    )  # fmt: skip


def _read_entries(lines: TextLines) -> tuple[dict[str, Any], set[str]]:
    """The entries that are used, by label, and the labels of all."""
    entries: dict[str, Any] = {}
    seen: set[str] = set()
    for line in lines:
        found = _ENTRY.match(line)
        if found is None:
            continue  # values of an entry that is not used
        label, kind, value = found[1].strip(), found[2], found[4].strip()
        seen.add(label)
        if label not in (*_SCALARS, *_ARRAYS, *_OPTIONAL):
            continue
        if label in entries:
            raise lines.error(f"entry '{label}' comes twice; give one molecule per file")
        several = found[3] == "N="
        if several == (label in _SCALARS) or kind != ("I" if label in _INTEGERS else "R"):
            raise lines.error(f"entry '{label}' is not of the kind it should be; write the file again")
        entries[label] = _values(lines, label, kind, lines.whole(value)) if several else lines.whole(value)
    return entries, seen


def _check_complete(entries: dict[str, Any], seen: set[str], kind: str, path: Path) -> None:
    if "Shell types" in entries and "Alpha MO coefficients" not in entries:
        raise StructureError(f"{path}: no orbital coefficients in it; keep the whole checkpoint and run formchk on it")
    for label in (*_SCALARS, *_ARRAYS):
        if label not in entries:
            raise StructureError(
                f"{path}: no entry '{label}'; the file is truncated or no wave function, write it again"
            )
    open_shell = entries["Number of alpha electrons"] != entries["Number of beta electrons"]
    if "Beta MO coefficients" not in entries and (
        _BETA in seen or kind.startswith("U") or (open_shell and not kind.startswith("RO"))
    ):
        raise StructureError(
            f"{path}: no coefficients of beta orbitals, though '{kind}' is not restricted; the file is truncated"
        )
    if min(entries.get("Alpha Orbital Energies", ()), default=-1.0) >= 0:
        # Gaussian saves natural orbitals with their occupations in the place of energies; the lowest energy is negative.
        raise StructureError(f"{path}: its orbitals are natural ones, without occupations; save the canonical ones")


def _values(lines: TextLines, label: str, kind: str, count: int) -> "array[Any]":
    values: array[Any] = array("q" if kind == "I" else "d")
    convert = lines.whole if kind == "I" else lines.real
    while len(values) < count:
        values.extend(map(convert, lines.need(f"the rest of '{label}' ({len(values)} of {count} values read)").split()))
    if len(values) != count:
        raise lines.error(f"entry '{label}' has more than the {count} values it announces; write the file again")
    return values


def _atoms(entries: dict[str, Any], lines: TextLines) -> tuple[list[str], list[int]]:
    """Elements, and core electrons that the nuclear charges lack."""
    count = len(entries["Atomic numbers"])
    _expect(lines, entries, "Atomic numbers", 1 <= count <= ATOM_LIMIT)
    for label, factor in (("Nuclear charges", 1), ("Current cartesian coordinates", 3)):
        _expect(lines, entries, label, len(entries[label]) == factor * count)
    numbers = list(entries["Atomic numbers"])
    _expect(lines, entries, "Atomic numbers", all(0 < number < len(chemical_symbols) for number in numbers))
    core = [number - round(charge) for number, charge in zip(numbers, entries["Nuclear charges"], strict=True)]
    for i, (number, charge) in enumerate(zip(numbers, entries["Nuclear charges"], strict=True)):
        if charge != round(charge) or not 0 < charge <= number:
            raise StructureError(
                f"{lines.path}: atom {i + 1} has atomic number {number} and nuclear charge {charge:g}; leave ghost atoms "
                "and other charges than the element's out"
            )
    return [chemical_symbols[number] for number in numbers], core


def _shells(entries: dict[str, Any], lines: TextLines) -> list[Shell]:
    kinds, counts, atoms = (
        entries[label] for label in ("Shell types", "Number of primitives per shell", "Shell to atom map")
    )
    exponents, coefficients = entries["Primitive exponents"], entries["Contraction coefficients"]
    second = entries.get("P(S=P) Contraction coefficients", ())
    _expect(lines, entries, "Shell types", len(kinds) > 0 and all(abs(kind) <= _LARGEST_ANGULAR for kind in kinds))
    _expect(lines, entries, "Number of primitives per shell", len(counts) == len(kinds) and all(n > 0 for n in counts))
    _expect(lines, entries, "Shell to atom map", len(atoms) == len(kinds))
    for label, values in (("Primitive exponents", exponents), ("Contraction coefficients", coefficients)):
        _expect(lines, entries, label, len(values) == sum(counts))
    if -1 in kinds and len(second) != sum(counts):
        raise StructureError(f"{lines.path}: sp shells without their p coefficients; write the file again")
    shells: list[Shell] = []
    start = 0
    for kind, count, atom in zip(kinds, counts, atoms, strict=True):
        part = slice(start, start + count)
        start += count
        shells.append(
            Shell(atom - 1, 0 if kind == -1 else abs(kind), kind < 2, tuple(exponents[part]), tuple(coefficients[part]))
        )
        if kind == -1:
            shells.append(Shell(atom - 1, 1, True, tuple(exponents[part]), tuple(second[part])))
    _expect(
        lines, entries, "Number of basis functions", sum(s.size for s in shells) == entries["Number of basis functions"]
    )
    return shells


def _orbitals(entries: dict[str, Any], size: int, lines: TextLines) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Coefficients and occupations per spin; one spin for a closed shell."""
    electrons = [entries["Number of alpha electrons"], entries["Number of beta electrons"]]
    _expect(lines, entries, "Number of electrons", sum(electrons) == entries["Number of electrons"])
    _expect(lines, entries, "Number of beta electrons", 0 <= electrons[1] <= electrons[0] and electrons[0] > 0)
    alpha = _matrix(entries, "Alpha MO coefficients", size, electrons[0], lines)
    if "Beta MO coefficients" in entries:
        spins = [alpha, _matrix(entries, "Beta MO coefficients", size, electrons[1], lines)]
    elif electrons[0] == electrons[1]:
        return [alpha], [2.0 * (np.arange(alpha.shape[1]) < electrons[0])]
    else:
        spins = [alpha, alpha]
    return spins, [1.0 * (np.arange(c.shape[1]) < n) for c, n in zip(spins, electrons, strict=True)]


def _matrix(entries: dict[str, Any], label: str, size: int, occupied: int, lines: TextLines) -> np.ndarray:
    values = np.asarray(entries[label])
    _expect(lines, entries, label, len(values) % size == 0 and occupied * size <= len(values) <= size * size)
    return np.asarray(values.reshape(-1, size).T)


def _expect(lines: TextLines, entries: dict[str, Any], label: str, holds: bool) -> None:
    if not holds:
        value = entries[label]
        shown = f"{len(value)} values" if isinstance(value, array) else value
        raise StructureError(f"{lines.path}: entry '{label}' ({shown}) contradicts the others; write the file again")


def _spinless(method: str) -> str:
    """Gaussian's name of a method without the letters that say restricted or unrestricted."""
    return re.sub(r"^(ro|r|u)(?=.)", "", method.lower())
