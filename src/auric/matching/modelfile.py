"""Weights of networks as files (`auric.modelfile`)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from auric.modelfile import fitting, read_model, write_model

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
    write_model(path, header, arrays, libraries=("numpy", "torch", "rdkit"))


def read_weights(path: str | Path, name: str) -> tuple[dict[str, Any], dict[str, Tensor], dict[str, np.ndarray]]:
    """Header, weights and other arrays of a network of the named format.

    Raises:
        InputError: Missing, foreign, damaged, changed, or of another format.
    """
    header, arrays = read_model(path, name)
    with fitting(path, "network"):
        weights = {key.removeprefix(_WEIGHT): torch.as_tensor(arrays[key]) for key in arrays if key.startswith(_WEIGHT)}
    return header, weights, {key.removeprefix(_EXTRA): arrays[key] for key in arrays if key.startswith(_EXTRA)}
