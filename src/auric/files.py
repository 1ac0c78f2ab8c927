"""Atomic writes, and the few file formats that rooms exchange.

A file is written beside its place and renamed into it, so that a killed process never leaves half a file.
"""

import errno
import fcntl
import itertools
import json
import math
import os
import re
import stat
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

import h5py
import numpy as np
import pandas as pd
import xarray as xr
from ase import Atoms
from ase.io import read, write
from ase.io.extxyz import key_val_str_to_dict

from auric.errors import AuricError, InputError
from auric.given import regular, shown
from auric.machine import raise_lack, unwritten

NPZ_HEADER = "header_json"
LEAST_UNPACKED_BYTES = 500_000_000
MOST_PACKED = 200
"""NetCDF that unpacks to more than both, the first or so many times its size, is refused."""
MOST_COLUMNS = 1000
"""Of extended xyz."""


_PARTIAL = re.compile(r"\..+\.[a-z0-9_]{8}(\.[A-Za-z0-9]+)?")
"""Names that `atomic` gives to what it has not finished."""


@contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path in the folder of `path`; rename it to `path` if the block succeeds.

    Raises:
        MachineError: If the folder cannot be written, or its disk is full.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=path.suffix)
    except OSError as error:
        raise unwritten(path, error) from error
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o666 & ~_umask())  # mkstemp makes files private; results are for the group too
        temporary.replace(path)
    except OSError as error:
        raise_lack(error, path.parent)
        raise
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def alone_with(path: str | Path) -> Iterator[None]:
    """Hold a lock of the operating system, in a file beside `path`; wait while another process holds it.

    For what two jobs may want to write at once, such as a walk that two studies ask for. Where there are no locks, none is held.

    Raises:
        MachineError: If the folder cannot be written.
    """
    beside = Path(f"{path}.lock")
    try:
        beside.parent.mkdir(parents=True, exist_ok=True)
        file = beside.open("a")
    except OSError as error:
        raise unwritten(beside, error) from error
    with file:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def remove_partial(folder: str | Path) -> list[Path]:
    """Remove what `atomic` was writing in a folder, and below, when its process was killed; nobody else may write there.

    Returns:
        What was removed.
    """
    found = [path for path in Path(folder).rglob(".*") if _PARTIAL.fullmatch(path.name) and path.is_file()]
    for path in found:
        path.unlink(missing_ok=True)
    return found


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_frames(path: str | Path, frames: Sequence[Atoms]) -> None:
    """Write extended xyz with eight decimals (angstrom); no frames give an empty file.

    Empty strings in `info` are left out: the format gives them the next word as their value.
    """
    frames = [frame.copy() for frame in frames]
    for frame in frames:
        frame.info = {key: value for key, value in frame.info.items() if not (isinstance(value, str) and not value)}
    with atomic(path) as temporary:
        if frames:
            write(temporary, frames, format="extxyz")


def read_frames(path: str | Path) -> list[Atoms]:
    """Read the frames of an extended xyz file, such as `write_frames` makes; an empty file has none.

    Raises:
        InputError: If it is missing or damaged.
    """
    if not regular(path):
        raise InputError(f"{shown(path)}: no such file; give extended xyz")
    try:
        with Path(path).open(encoding="utf-8-sig") as file:
            _check_frames(file)
            file.seek(0)
            frames = read(file, index=slice(None), format="extxyz") if Path(path).stat().st_size else []
    except Exception as error:  # ASE's readers raise whatever the text makes them
        raise_lack(error, path)
        raise InputError(
            f"{path}: not readable as extended xyz ({type(error).__name__}: {error}); correct it"
        ) from error
    return frames if isinstance(frames, list) else [frames]


def _check_frames(file: TextIO) -> None:
    """Refuse numbers of atoms and of columns that ASE would count up to, whatever the file holds."""
    while (line := file.readline()).strip():
        count, comment = int(line), file.readline()
        check_columns(comment)
        if count < 0 or sum(1 for _ in itertools.islice(iter(file.readline, ""), count)) < count:
            raise ValueError(f"{count} atoms announced, but the file ends before")
        place = file.tell()
        while file.readline().lstrip().startswith("VEC"):
            place = file.tell()
        file.seek(place)


def check_columns(comment: str) -> None:
    """Refuse a comment of extended xyz that announces more columns than any file has.

    Raises:
        ValueError: If it does.
    """
    if "Properties" not in comment:
        return
    given = str(key_val_str_to_dict(comment.strip()).get("Properties", ""))
    counts = given.split(":")[2::3]
    if not all(re.fullmatch("[0-9]{1,3}", count) for count in counts) or sum(map(int, counts)) > MOST_COLUMNS:
        raise ValueError(f"Properties={given[:80]} are no columns")


def write_table(path: str | Path, rows: Sequence[dict[str, Any]] | pd.DataFrame, columns: Sequence[str]) -> None:
    """Write CSV with exactly these columns, also when there are no rows."""
    table = pd.DataFrame(rows, columns=list(columns))
    with atomic(path) as temporary:
        table.to_csv(temporary, index=False, float_format="%.10g")


def read_tables(paths: Sequence[str | Path]) -> pd.DataFrame:
    """Read CSV files of the same columns into one table.

    Raises:
        InputError: If one is missing, damaged or empty.
    """
    tables = [_read_csv(path) for path in paths]
    filled = [table for table in tables if len(table)]
    return pd.concat(filled, ignore_index=True) if filled else (tables or [pd.DataFrame()])[0]


def _read_csv(path: str | Path) -> pd.DataFrame:
    if not regular(path):
        raise InputError(f"{shown(path)}: no such table; run the step that makes it")
    try:
        return pd.read_csv(path, keep_default_na=False, na_values=[""])
    except (OSError, ValueError, OverflowError) as error:  # pandas' own errors are of the second kind
        raise_lack(error, path)
        raise InputError(f"{path}: damaged, or no CSV ({error}); run the step that makes it") from error


def write_npz(path: str | Path, header: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
    """Write arrays and a JSON header into one npz file (no pickled objects)."""
    with atomic(path) as temporary, temporary.open("wb") as file:
        np.savez(file, allow_pickle=False, **{NPZ_HEADER: np.array(json.dumps(header, sort_keys=True))}, **arrays)


class Npz:
    """An open npz file with a JSON header, whose arrays are read one at a time.

    Nothing is taken from it but arrays of plain values, and nothing larger than the file itself: `write_npz` packs nothing, so
    what announces more than is there is refused before memory is asked for.

    Attributes:
        header: The header.
        names: Of the arrays.

    Raises:
        OSError: If there is no such file, or it is no regular one.
        ValueError: If it is damaged, or no such file.
    """

    def __init__(self, path: str | Path) -> None:
        path = Path(path)
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "not a regular file")
        with _told_as_damage():
            self._zip = zipfile.ZipFile(path)
        try:
            with _told_as_damage():
                members = self._zip.infolist()
                if sum(member.file_size for member in members) > status.st_size:
                    raise ValueError("it unpacks to more than it holds")
                self._members = {member.filename.removesuffix(".npy"): member for member in members}
                if len(self._members) < len(members):
                    raise ValueError("a name comes twice")
                self.header: dict[str, Any] = json.loads(str(self[NPZ_HEADER]))
                if not isinstance(self.header, dict):
                    raise ValueError("its header is none")
        except ValueError:
            self._zip.close()
            raise
        self.names = [name for name in self._members if name != NPZ_HEADER]

    def __enter__(self) -> "Npz":
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    def __getitem__(self, name: str) -> np.ndarray:
        with _told_as_damage(), self._zip.open(self._members[name]) as file:
            size = self._members[name].file_size
            version = np.lib.format.read_magic(file)
            if version not in _NPY_HEADERS:
                raise ValueError(f"npy of version {version}")
            shape, _, kind = _NPY_HEADERS[version](file)
            if min(shape, default=1) < 0 or math.prod(shape) * max(kind.itemsize, 1) > size:
                raise ValueError(f"array '{name}' announces more values than it has")
            file.seek(0)
            return np.asarray(np.lib.format.read_array(file, allow_pickle=False))


_NPY_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


@contextmanager
def _told_as_damage() -> Iterator[None]:
    """Whatever zipfile, json and NumPy make of damaged bytes becomes a ValueError; nothing asks for more memory than the file holds."""
    try:
        yield
    except (OSError, ValueError, MemoryError):
        raise
    except Exception as error:
        raise ValueError(f"{type(error).__name__}: {error}") from error


def read_npz(path: str | Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Read what `write_npz` wrote.

    Raises:
        OSError, ValueError: As `Npz`.
    """
    with Npz(path) as file:
        return file.header, {name: file[name] for name in file.names}


def write_dataset(path: str | Path, dataset: xr.Dataset) -> None:
    """Write NetCDF-4, floating-point grids compressed.

    It is put together in memory, as HDF5 can crash the process where a disk is full (seen with version 2.0).
    """
    encoding: dict[str, dict[str, Any]] = {
        str(name): {"zlib": True, "complevel": 4}
        for name, variable in dataset.variables.items()
        if variable.dtype.kind == "f" and variable.ndim > 1 and variable.size
    }
    with atomic(path) as temporary:
        temporary.write_bytes(dataset.to_netcdf(engine="h5netcdf", encoding=encoding))


def read_dataset(path: str | Path) -> xr.Dataset:
    """Read a NetCDF file into memory and close it.

    Raises:
        AuricError: If the file is missing or damaged, announces more than it can hold, or refers to other files.
    """
    if not regular(path):
        raise AuricError(f"{shown(path)}: no such file; run the step that makes it")
    try:
        return _load_dataset(path)
    except Exception as error:  # h5py and xarray raise whatever the bytes make them
        raise_lack(error, path, may_take=may_unpack_to(path))
        raise AuricError(f"{path}: damaged or not NetCDF ({error}); delete it and run again") from error


def may_unpack_to(path: str | Path) -> int:
    """Bytes that a file with packed parts is believed to hold at most, also one that is not there."""
    return max(LEAST_UNPACKED_BYTES, MOST_PACKED * Path(path).stat().st_size if regular(path) else 0)


def _load_dataset(path: str | Path) -> xr.Dataset:
    _check_own(path)
    with xr.open_dataset(path, engine="h5netcdf") as dataset:
        if dataset.nbytes > may_unpack_to(path):
            raise ValueError(f"it unpacks to {dataset.nbytes / 1e6:.0f} MB")
        # How a variable was stored says nothing of how it may be stored again: a kept text length would cut longer names.
        return dataset.load().drop_encoding()


def _check_own(path: str | Path) -> None:
    """Refuse HDF5 whose data lie in other files."""
    with h5py.File(path, "r") as file:
        for name in file:
            if not isinstance(file.get(name, getlink=True), h5py.HardLink):
                raise ValueError(f"'{name[:40]}' is a link")
            one = file[name]
            if isinstance(one, h5py.Dataset) and (one.external or one.is_virtual):
                raise ValueError(f"'{name[:40]}' lies in another file")


def write_json(path: str | Path, content: Any) -> None:
    """Write indented JSON."""
    with atomic(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8")
