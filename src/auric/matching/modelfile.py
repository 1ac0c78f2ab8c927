"""Networks of this room as files: npz with a JSON header, never pickle; a changed, damaged or foreign file is refused.

The header holds a digest of everything else in the file: it finds accidents and careless edits, and is no signature.
"""

import json
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from auric.errors import InputError
from auric.files import read_npz, write_npz
from auric.provenance import digest, library_versions

DAMAGE = (ValueError, OSError, KeyError, EOFError, TypeError, zipfile.BadZipFile, zlib.error, NotImplementedError)
_WEIGHT, _EXTRA = "weight.", "extra."


def weights_of(model: nn.Module) -> dict[str, np.ndarray]:
    """Parameters and buffers of a network."""
    return {name: tensor.detach().cpu().numpy() for name, tensor in model.state_dict().items()}


def write_weights(
    path: str | Path,
    header: Mapping[str, Any],
    weights: Mapping[str, np.ndarray],
    extra: Mapping[str, np.ndarray] | None = None,
) -> None:
    """Write a network.

    Args:
        path: File ending in npz.
        header: What JSON can hold, `format` among it: the name that `read_weights` asks for.
        weights: See `weights_of`.
        extra: Other arrays of numbers or text.

    Raises:
        InputError: If the folder cannot be written.
    """
    arrays = {f"{_WEIGHT}{name}": array for name, array in weights.items()}
    arrays |= {f"{_EXTRA}{name}": np.asarray(array) for name, array in (extra or {}).items()}
    full = dict(header) | {"made_with": library_versions(("numpy", "torch", "rdkit"))}
    write_npz(path, full | {"digest": _digest(full, arrays)}, arrays)


def read_weights(path: str | Path, name: str) -> tuple[dict[str, Any], dict[str, Tensor], dict[str, np.ndarray]]:
    """Header, weights and other arrays of a network of the named format.

    Raises:
        InputError: Missing, foreign, damaged, changed, or of another format.
    """
    try:
        header, arrays = read_npz(path)
    except FileNotFoundError as error:
        raise InputError(f"no model file {path}; train a model first, or correct the path") from error
    except DAMAGE as error:
        raise InputError(f"{path}: damaged, or no model of auric ({error}); train the model again") from error
    if not isinstance(header, dict) or not {"format", "digest"} <= set(header):
        raise InputError(f"{path}: no model of auric; give a file that auric wrote")
    if header["format"] != name:
        raise InputError(f"{path}: its format is '{header['format']}' where '{name}' is needed; give another file")
    if header.pop("digest") != _digest(header, arrays):
        raise InputError(f"{path}: its content does not fit its digest: changed or damaged; train the model again")
    weights = {key.removeprefix(_WEIGHT): torch.as_tensor(arrays[key]) for key in arrays if key.startswith(_WEIGHT)}
    return header, weights, {key.removeprefix(_EXTRA): arrays[key] for key in arrays if key.startswith(_EXTRA)}


def _digest(header: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> str:
    parts: list[str | bytes] = [json.dumps(header, sort_keys=True, allow_nan=False)]
    for name in sorted(arrays):
        parts += [name, arrays[name].dtype.str, str(arrays[name].shape), arrays[name].tobytes()]
    return digest(*parts, length=64)
