"""Readers for a user's files: formats are named by the ending, sizes are limited, nothing is evaluated or guessed."""

import re
import stat
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers
from ase.io import read

from auric.errors import StructureError, suggestion
from auric.progress import log
from auric.provenance import digest

SIZE_LIMIT_BYTES = 20_000_000
ATOM_LIMIT = 5_000


def read_structure(path: str | Path) -> Atoms:
    """Read one structure from an xyz, extxyz or cif file; periodicity is dropped (clusters stand in vacuum).

    Raises:
        StructureError: If the file is missing, empty, too large, not UTF-8 text, of another format, truncated, holds
            an unknown element, a coordinate that is no number, or more than one frame.
    """
    path = Path(path)
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise StructureError(f"{path}: format '{path.suffix}' is not read; {suggestion(path.suffix, list(READERS))}")
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # a pipe would wait for ever, a device give bytes for ever
            raise StructureError(f"{path}: not a regular file; name one")
        size = status.st_size
        data = path.read_bytes() if size <= SIZE_LIMIT_BYTES else b""
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise StructureError(f"{str(path)[:200]}: {reason}; correct the recipe or provide the file") from error
    if size > SIZE_LIMIT_BYTES:
        raise StructureError(f"{path}: {size / 1e6:.0f} MB is above {SIZE_LIMIT_BYTES / 1e6:.0f} MB; cut it down")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise StructureError(f"{path}: byte {error.start} is not UTF-8 text; save the file as UTF-8") from error
    if not text.strip():
        raise StructureError(f"{path}: the file is empty; provide a structure")
    atoms = reader(path, text)
    if len(atoms) > ATOM_LIMIT:
        raise StructureError(f"{path}: {len(atoms)} atoms are more than {ATOM_LIMIT}; cut the structure down")
    atoms = Atoms(atoms.numbers, atoms.positions)
    shown = re.sub(r"[^\w./ ()+-]", "_", str(path))  # extended xyz cannot carry quotes, backslashes and the like
    atoms.info["source"] = f"file {shown} sha256:{digest(data, length=64)}"
    return atoms


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
        try:
            positions.append([float(field) for field in fields[1:4]])
        except ValueError:
            raise StructureError(
                f"{path}, line {number}: a coordinate in '{line.strip()[:60]}' is no number; correct it"
            ) from None
        symbols.append(fields[0])
    return Atoms(symbols, np.array(positions))


def _declared_atoms(path: Path, lines: list[str]) -> int:
    try:
        count = int(lines[0].split()[0])
    except (ValueError, IndexError):
        raise StructureError(
            f"{path}, line 1: expected the number of atoms, found '{lines[0].strip()[:40]}'; is this an xyz file?"
        ) from None
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
    _declared_atoms(path, text.splitlines())
    return _read_with_ase(path, "extxyz")


def _read_cif(path: Path, text: str) -> Atoms:
    return _read_with_ase(path, "cif")


def _read_with_ase(path: Path, file_format: str) -> Atoms:
    try:
        with warnings.catch_warnings(record=True) as doubts:
            warnings.simplefilter("always")
            atoms = read(path, index=0, format=file_format)
    except Exception as error:  # ASE's readers raise whatever the text makes them; the reason is kept for the user
        raise StructureError(
            f"{path}: not readable as {file_format} ({type(error).__name__}: {error}); correct it or save it as xyz"
        ) from error
    for doubt in doubts:
        log.warning("%s: %s", path, doubt.message)
    if not isinstance(atoms, Atoms) or not len(atoms):
        raise StructureError(f"{path}: no atoms in it; provide a structure")
    if (atoms.numbers == 0).any():
        raise StructureError(f"{path}: holds an unknown element; use symbols such as Au")
    return atoms


READERS: dict[str, Callable[[Path, str], Atoms]] = {".xyz": _read_xyz, ".extxyz": _read_extxyz, ".cif": _read_cif}
