"""Readers for a user's files: formats are named by the ending, sizes are limited, nothing is evaluated or guessed."""

import hashlib
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers

from auric.errors import StructureError, suggestion
from auric.given import given_bytes
from auric.structures.crystal_files import read_cif, read_cif_cell, read_poscar, read_with_ase
from auric.structures.fields import ATOM_LIMIT, coordinates, whole_number
from auric.structures.molecule_files import read_mol2, read_pdb
from auric.structures.periodic import whole_cluster

SIZE_LIMIT_BYTES = 20_000_000
FARTHEST_ANGSTROM = 1e5
_NAMED_FRAME = re.compile(r"(?P<file>.+\.extxyz):(?P<name>[\w.-]+)", re.ASCII)

_STATED = re.compile(  # a fraction (charge = 0.3 of some atom) is no total charge
    r"""(?<![A-Za-z0-9_])(?:(?:total|net)[ _])?charge\s*[=:]\s*["']?([-+]?\d{1,4}(?:\.0*)?)(?![\w.+-])""",
    re.I | re.ASCII,
)


def read_structure(path: str | Path, *, file_format: str | None = None) -> Atoms:
    """Read one structure from a file of one of `FORMATS`.

    Cells are dropped, as clusters stand in vacuum, but a cluster that its cell's boundary cuts is put together first
    (`whole_cluster`). `info` holds `source` (path and sha256) and, where the file states one, `stated_charge`:
    `charge = -1` in a comment (also `total charge: -1`; in extxyz, `charge=-1`), or the charges of a mol2 file.

    Args:
        path: The file; its format is that of its ending (`ENDINGS`), or of the names POSCAR and CONTCAR. Of an extxyz file
            with several frames, `FILE.extxyz:NAME` is the one whose comment says `name=NAME`.
        file_format: One of `FORMATS`, for files of other names.

    Raises:
        StructureError: If the file is missing, empty, too large, not UTF-8 text, of another format, truncated, holds
            an unknown or uncertain element, a coordinate that is no number, more than one frame, no one whole cluster,
            or contradictory charges.
    """
    given = _given(path, file_format)
    found = _limited(given.path, given.reader.read(given.path, given.text))
    if len(found) > ATOM_LIMIT:
        raise StructureError(f"{given.path}: {len(found)} atoms are more than {ATOM_LIMIT}; cut the structure down")
    try:
        atoms = whole_cluster(found) if found.pbc.any() else Atoms(found.numbers, found.positions)
    except StructureError as error:
        raise StructureError(f"{given.path}: {error}") from None
    atoms.info["source"] = given.source
    lines = given.reader.comments(given.text.splitlines())
    stated = {int(float(word)) for line in lines for word in _STATED.findall(line)}
    stated |= {found.info["stated_charge"]} if "stated_charge" in found.info else set()
    if len(stated) > 1:
        raise StructureError(
            f"{given.path}: states the charges {', '.join(map(str, sorted(stated)))}; state one, or none"
        )
    if stated:
        atoms.info["stated_charge"] = stated.pop()
    return atoms


def read_crystal(path: str | Path) -> Atoms:
    """Read all atoms of a file of one of `FORMATS`, whole clusters or not, with the cell where it has one.

    A cif file's operations of symmetry are carried out. Those of a mol2 or pdb file are not listed in it, so its atoms are taken
    as they are.

    Args:
        path: As of `read_structure`.

    Returns:
        `info` holds `source`, `listed`, the number of atoms that the file lists, which come first, and, where symmetry was not
        carried out, `symmetry`, its name.

    Raises:
        StructureError: As `read_structure`, but for what it takes for no one whole cluster; disorder is refused.
    """
    given = _given(path, None)
    atoms = _limited(given.path, (given.reader.crystal or given.reader.read)(given.path, given.text))
    listed = atoms.info.get("listed", len(atoms))
    if listed > ATOM_LIMIT:
        raise StructureError(f"{given.path}: {listed} atoms are more than {ATOM_LIMIT}; cut the structure down")
    atoms.info |= {"source": given.source, "listed": listed}
    return atoms


class _Given(NamedTuple):
    """A file: where it is, how it is read, what is in it, and how it is named as a source."""

    path: Path
    reader: "Format"
    text: str
    source: str


def _given(path: str | Path, file_format: str | None) -> _Given:
    named = _NAMED_FRAME.fullmatch(str(path))
    path = Path(named["file"] if named else path)
    reader = FORMATS[file_format or _format_of(path)]
    data = given_bytes(path, "correct the recipe or provide the file", limit=SIZE_LIMIT_BYTES, fault=StructureError)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise StructureError(f"{path}: byte {error.start} is not UTF-8 text; save the file as UTF-8") from error
    if not text.strip():
        raise StructureError(f"{path}: the file is empty; provide a structure")
    if named:
        text = _frame(path, text, named["name"])
    shown = re.sub(
        r"[^\w./ ()+:-]", "_", f"{path}:{named['name']}" if named else str(path)
    )  # extended xyz cannot carry quotes, backslashes and the like
    return _Given(path, reader, text, f"file {shown} sha256:{hashlib.sha256(data).hexdigest()}")


def _limited(path: Path, found: Atoms) -> Atoms:
    if not (np.abs(found.positions) <= FARTHEST_ANGSTROM).all():  # not a number fails the comparison
        raise StructureError(
            f"{path}: a coordinate is not finite, or beyond {FARTHEST_ANGSTROM:g} angstrom; correct it"
        )
    return found


def check_stated_charge(atoms: Atoms, charge: int) -> None:
    """Refuse a charge that contradicts the one its file states (`info["stated_charge"]`, set by `read_structure`).

    Raises:
        StructureError: If the file states another charge.
    """
    stated = atoms.info.get("stated_charge", charge)
    if stated != charge:
        raise StructureError(
            f"charge {charge} contradicts the file, which states {stated}; "
            "correct the charge, or remove the statement from the file if it is wrong"
        )


def _format_of(path: Path) -> str:
    if path.name in ("POSCAR", "CONTCAR"):
        return "poscar"
    file_format = ENDINGS.get(path.suffix.lower())
    if file_format is None:
        choices = suggestion(path.suffix, list(ENDINGS))
        raise StructureError(
            f"{path}: format '{path.suffix}' is not read; {choices} Names POSCAR and CONTCAR are read too"
        )
    return file_format


def _read_xyz(path: Path, text: str) -> Atoms:
    lines = text.splitlines()
    count = _declared_atoms(path, lines)
    if "Properties=" in lines[1] and "Properties=species:S:1:pos:R:3" not in lines[1]:
        raise StructureError(f"{path}: its columns are not 'element x y z'; rename the file to .extxyz")
    symbols, positions = [], []
    for number, line in enumerate(lines[2 : count + 2], start=3):
        fields = line.split()
        if len(fields) < 4:
            raise StructureError(f"{path}, line {number}: expected 'element x y z', found '{line.strip()[:40]}'")
        if fields[0] not in atomic_numbers or fields[0] == "X":
            raise StructureError(f"{path}, line {number}: unknown element '{fields[0][:40]}'; use a symbol such as Au")
        positions.append(coordinates(fields[1:4], f"{path}, line {number}"))
        symbols.append(fields[0])
    if "Lattice=" in lines[1]:
        return _read_extxyz(path, text)  # a cell, which may cut the cluster
    return Atoms(symbols, np.array(positions))


def _declared_atoms(path: Path, lines: list[str]) -> int:
    count = whole_number((lines[0].split() or [""])[0])
    if count is None:
        raise StructureError(
            f"{path}, line 1: expected the number of atoms, found '{lines[0].strip()[:40]}'; is this an xyz file?"
        )
    if not 1 <= count <= ATOM_LIMIT:
        raise StructureError(f"{path}, line 1: {count} atoms; between 1 and {ATOM_LIMIT} are read")
    if len(lines) < count + 2:
        raise StructureError(
            f"{path}: {count} atoms announced, {max(len(lines) - 2, 0)} lines of atoms found; the file is truncated"
        )
    if any(line.strip() for line in lines[count + 2 :]):
        raise StructureError(f"{path}: holds more than one frame or trailing lines; give one structure per file")
    return count


def _read_extxyz(path: Path, text: str) -> Atoms:
    count = _declared_atoms(path, text.splitlines())
    atoms = read_with_ase(path, text, "extxyz")
    if len(atoms) != count:
        raise StructureError(f"{path}, line 2: {count} atoms announced, {len(atoms)} have the columns species and pos")
    atoms.info = {}
    return atoms


def _frame(path: Path, text: str, name: str) -> str:
    """The lines of the one frame with a name."""
    lines, start, names = text.splitlines(), 0, []
    while start < len(lines) and lines[start].strip():
        count = whole_number((lines[start].split() or [""])[0])
        if count is None or start + 1 >= len(lines):
            raise StructureError(
                f"{path}, line {start + 1}: expected a number of atoms and a comment; the file is damaged"
            )
        found = re.search(r'\bname="?([\w.-]+)', lines[start + 1])
        names.append(found[1] if found else "")
        if names[-1] == name:
            return "\n".join(lines[start : start + count + 2])
        start += count + 2
    raise StructureError(f"{path}: no frame is named '{name}'; {suggestion(name, [each for each in names if each])}")


class Format(NamedTuple):
    """How a format is read, which of its lines are comments, where a charge may be stated, and how a crystal is read, if otherwise."""

    read: Callable[[Path, str], Atoms]
    comments: Callable[[list[str]], list[str]]
    crystal: Callable[[Path, str], Atoms] | None = None


def _beginning(*words: str) -> Callable[[list[str]], list[str]]:
    return lambda lines: [line for line in lines if line.startswith(words)]


def _mol2_comments(lines: list[str]) -> list[str]:
    """Lines that begin with #, and the lines of the MOLECULE section, whose first and last are free text."""
    begin = next((i for i, line in enumerate(lines) if line.startswith("@<TRIPOS>MOLECULE")), 0)
    return [line for line in lines if line.startswith("#")] + lines[begin + 1 : begin + 7]


FORMATS: dict[str, Format] = {
    "xyz": Format(_read_xyz, lambda lines: lines[1:2]),
    "extxyz": Format(_read_extxyz, lambda lines: lines[1:2]),
    "cif": Format(read_cif, _beginning("#"), read_cif_cell),
    "mol2": Format(read_mol2, _mol2_comments, partial(read_mol2, listed=True)),
    "pdb": Format(read_pdb, _beginning("REMARK", "TITLE", "HEADER", "COMPND"), partial(read_pdb, listed=True)),
    "poscar": Format(read_poscar, lambda lines: lines[:1]),
}

ENDINGS = {f".{name}": name for name in FORMATS} | {".vasp": "poscar"}
