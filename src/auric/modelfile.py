"""Learned models as files: npz with a JSON header, never pickle.

The header says what the model is, its settings, what it was trained on, and a digest of everything else in the file; a file that
is foreign, damaged, cut short or changed is refused. A digest finds accidents and careless edits; it is no signature.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from auric.errors import AuricError, InputError
from auric.files import may_unpack_to, read_npz, write_npz
from auric.machine import raise_lack
from auric.provenance import digest, library_versions

DAMAGE = (
    ValueError,
    OSError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    MemoryError,
    RuntimeError,
    AuricError,
)
"""What building a model of parts that are missing or others than they should be may raise; torch raises a RuntimeError. Some are also
raised where memory ends: `raise_lack` tells."""

Contents = tuple[dict[str, Any], dict[str, np.ndarray]]
"""Header and arrays."""


def write_model(
    path: str | Path,
    header: Mapping[str, Any],
    arrays: Mapping[str, np.ndarray],
    libraries: Iterable[str] = ("numpy", "scikit-learn"),
) -> None:
    """Write a model of any kind.

    Args:
        path: File ending in npz.
        header: What JSON can hold (numbers come back with all digits): `format`, the name that `read_model` asks for; settings;
            `trained_on`, that is data, engine, level of theory. `made_with` and `digest` are added.
        arrays: Numbers or text, no objects.
        libraries: Distributions whose versions `made_with` tells.

    Raises:
        InputError: No name of a format, or content that JSON or npz cannot hold.
        MachineError: The folder cannot be written.
    """
    if not isinstance(header.get("format"), str):
        raise InputError(f"{path}: a model without the name of its format; give header['format']")
    full = dict(header) | {"made_with": library_versions(libraries)}
    given = {name: np.asarray(array) for name, array in arrays.items()}
    if objects := [name for name, array in given.items() if array.dtype.hasobject]:
        raise InputError(f"{path}: array '{objects[0]}' holds objects; give numbers or text")
    try:
        full["digest"] = _digest(full, given)
    except (TypeError, ValueError) as error:
        raise InputError(f"{path}: a header that JSON cannot hold ({error}); give plain values") from error
    write_npz(path, full, given)


def read_model(path: str | Path, name: str | None = None) -> Contents:
    """Header, as it was given with `made_with`, and arrays of a model.

    Args:
        path: File that `write_model` wrote.
        name: The format it must have; None: any.

    Raises:
        InputError: Missing, foreign, damaged, changed, or of another format.
    """
    try:
        header, arrays = read_npz(path)
    except FileNotFoundError as error:
        raise InputError(f"no model file {path}; train a model first, or correct the path") from error
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: damaged, or no model of auric ({error}); train the model again") from error
    if not {"format", "digest"} <= set(header):
        raise InputError(f"{path}: no model of auric; give a file that auric wrote")
    if name is not None and header["format"] != name:
        raise InputError(f"{path}: its format is '{header['format']}' where '{name}' is needed; give another file")
    if header.pop("digest") != _digest_or_none(header, arrays):
        raise InputError(f"{path}: its content does not fit its digest: changed or damaged; train the model again")
    return header, arrays


def content_digest(path: str | Path) -> str:
    """Digest of what a model is, whichever study made it with whichever versions of libraries.

    Raises:
        InputError: As `read_model`.
    """
    header, arrays = read_model(path)
    header.pop("made_with", None)
    if isinstance(header.get("trained_on"), dict):
        header["trained_on"].pop("study", None)
    return _digest(header, arrays)


@contextmanager
def fitting(path: str | Path, what: str) -> Iterator[None]:
    """Say of whatever is raised by parts that do not fit each other that the file is to blame.

    Args:
        path: The file.
        what: What it holds.

    Raises:
        InputError: If one of `DAMAGE` is raised.
        MachineError: If it was raised because the machine lacks memory.
    """
    try:
        yield
    except DAMAGE as error:
        raise_lack(error, path, may_take=may_unpack_to(path))
        raise InputError(
            f"{path}: a part of the {what} is missing, or does not fit the others ({error}); make it again"
        ) from error


def _digest_or_none(header: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> str | None:
    try:
        return _digest(header, arrays)
    except (ValueError, RecursionError):  # not a number, or nested beyond measure
        return None


def _digest(header: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> str:
    """Of the header and all arrays with their names, types and shapes."""
    parts: list[str | bytes] = [json.dumps(header, sort_keys=True, allow_nan=False)]
    for name in sorted(arrays):
        array = arrays[name]
        parts += [name, array.dtype.str, str(array.shape), array.tobytes()]
    return digest(*parts, length=64)
