"""Atomic writes, and the few file formats that rooms exchange.

A file is written beside its place and renamed into it, so that a killed process never leaves half a file.
"""

import json
import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from ase import Atoms
from ase.io import read, write

from auric.errors import AuricError, InputError

NPZ_HEADER = "header_json"


_PARTIAL = re.compile(r"\..+\.[a-z0-9_]{8}(\.[A-Za-z0-9]+)?")
"""Names that `atomic` gives to what it has not finished."""


@contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path in the folder of `path`; rename it to `path` if the block succeeds.

    Raises:
        InputError: If the folder cannot be written.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=path.suffix)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}; choose a folder you may write to") from error
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o666 & ~_umask())  # mkstemp makes files private; results are for the group too
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


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
    """Read the frames of an extended xyz file that `write_frames` made; an empty file has none."""
    if Path(path).stat().st_size == 0:
        return []
    frames = read(path, index=slice(None), format="extxyz")
    return frames if isinstance(frames, list) else [frames]


def write_table(path: str | Path, rows: Sequence[dict[str, Any]] | pd.DataFrame, columns: Sequence[str]) -> None:
    """Write CSV with exactly these columns, also when there are no rows."""
    table = pd.DataFrame(rows, columns=list(columns))
    with atomic(path) as temporary:
        table.to_csv(temporary, index=False, float_format="%.10g")


def read_tables(paths: Sequence[str | Path]) -> pd.DataFrame:
    """Read CSV files of the same columns into one table."""
    tables = [pd.read_csv(path, keep_default_na=False, na_values=[""]) for path in paths]
    filled = [table for table in tables if len(table)]
    return pd.concat(filled, ignore_index=True) if filled else (tables or [pd.DataFrame()])[0]


def write_npz(path: str | Path, header: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
    """Write arrays and a JSON header into one npz file (no pickled objects)."""
    with atomic(path) as temporary, temporary.open("wb") as file:
        np.savez(file, allow_pickle=False, **{NPZ_HEADER: np.array(json.dumps(header, sort_keys=True))}, **arrays)


def read_npz(path: str | Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Read what `write_npz` wrote.

    Raises:
        ValueError, OSError, KeyError, zipfile.BadZipFile: If the file is damaged.
    """
    with Path(path).open("rb") as opened, np.load(opened, allow_pickle=False) as file:
        header = json.loads(str(file[NPZ_HEADER]))
        return header, {key: file[key] for key in file.files if key != NPZ_HEADER}


def read_npz_header(path: str | Path) -> dict[str, Any]:
    """Read only the JSON header of what `write_npz` wrote."""
    with Path(path).open("rb") as opened, np.load(opened, allow_pickle=False) as file:
        header: dict[str, Any] = json.loads(str(file[NPZ_HEADER]))
        return header


def write_dataset(path: str | Path, dataset: xr.Dataset) -> None:
    """Write NetCDF-4, floating-point grids compressed."""
    encoding: dict[str, dict[str, Any]] = {
        str(name): {"zlib": True, "complevel": 4}
        for name, variable in dataset.variables.items()
        if variable.dtype.kind == "f" and variable.ndim > 1 and variable.size
    }
    with atomic(path) as temporary:
        dataset.to_netcdf(temporary, engine="h5netcdf", encoding=encoding)


def read_dataset(path: str | Path) -> xr.Dataset:
    """Read a NetCDF file into memory and close it.

    Raises:
        AuricError: If the file is damaged.
    """
    try:
        return _load_dataset(path)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise AuricError(f"{path}: damaged or not NetCDF ({error}); delete it and run again") from error


def _load_dataset(path: str | Path) -> xr.Dataset:
    with xr.open_dataset(path, engine="h5netcdf") as dataset:
        # How a variable was stored says nothing of how it may be stored again: a kept text length would cut longer names.
        return dataset.load().drop_encoding()


def write_json(path: str | Path, content: Any) -> None:
    """Write indented JSON."""
    with atomic(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8")
