"""A trained ELFnet as a file: safetensors whose header says how it was made and what it was trained on."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from auric.errors import InputError
from auric.files import atomic, may_unpack_to
from auric.given import regular, shown
from auric.machine import raise_lack
from auric.modelfile import DAMAGE, fitting
from auric.ruler.network import ElfNet, build_network, channels_last

FORMAT = "auric elfnet 1"
BATCH_PIXELS = 640_000
"""Pixels of the images read at a time: more do not fit a processor's cache, and 200 x 200 pixels would take gigabytes."""


class Ruler:
    """A trained ELFnet with its scaling and its provenance.

    Args:
        network: The network.
        header: Settings, scaling (`mean_angstrom`, `sd_angstrom`), pixels and what it was trained on.
    """

    def __init__(self, network: ElfNet, header: dict[str, Any]) -> None:
        self.network, self.header = channels_last(network), header

    def read(self, elf: np.ndarray) -> np.ndarray:
        """Bond lengths read off images, shape (images,), angstrom; the mean of all readings if the network has several.

        Args:
            elf: ELF values in [0, 1], shape (images, pixels, pixels).

        Raises:
            ValueError: If the images have another size than those it was trained on.
        """
        return np.asarray(self.read_all(elf).mean(axis=1))

    def read_all(self, elf: np.ndarray) -> np.ndarray:
        """Every reading of each image, shape (images, readings), angstrom; arguments as in `read`."""
        pixels = self.header["pixels"]
        if elf.ndim != 3 or elf.shape[1:] != (pixels, pixels):
            raise ValueError(f"images must have shape (n, {pixels}, {pixels}), got {elf.shape}")
        first, batch = next(self.network.parameters()), images_at_a_time(pixels)
        with torch.no_grad():
            parts = [
                self.network(torch.as_tensor(elf[start : start + batch]).to(first.device, first.dtype)).cpu()
                for start in range(0, len(elf), batch)
            ]
        scaled = torch.cat(parts).double().numpy() if parts else np.zeros((0, self.network.last.out_features))
        return np.asarray(self.header["mean_angstrom"] + self.header["sd_angstrom"] * scaled)

    def tensors(self) -> dict[str, Tensor]:
        """All weights, by name."""
        return {name: tensor.contiguous().cpu() for name, tensor in self.network.state_dict().items()}

    def save(self, path: str | Path) -> None:
        """Write safetensors with the header in its metadata."""
        save_tensors(path, self.tensors(), {"format": FORMAT} | self.header)

    @classmethod
    def load(cls, path: str | Path) -> "Ruler":
        """Read what `save` wrote.

        Raises:
            InputError: If the file is not a saved ruler.
        """
        tensors, header = load_tensors(path, FORMAT)
        with fitting(path, "ruler"):
            return cls.of_tensors(tensors, header)

    @classmethod
    def of_tensors(cls, tensors: dict[str, Tensor], header: dict[str, Any]) -> "Ruler":
        """Put together what `tensors` and the header took apart; no more memory is asked for than the tensors have.

        Raises:
            KeyError, RuntimeError, TypeError, ValueError: If they do not fit each other.
        """
        with torch.device("meta"):
            network = build_network(header["pixels"], header["settings"])
        network.load_state_dict(tensors, assign=True)
        float(header["mean_angstrom"]), float(header["sd_angstrom"])
        return cls(network.eval(), header)


def images_at_a_time(pixels: int) -> int:
    """How many images of so many pixels a side are read at a time."""
    return max(1, BATCH_PIXELS // pixels**2)


def save_tensors(path: str | Path, tensors: dict[str, Tensor], header: dict[str, Any]) -> None:
    """Write safetensors with a JSON header in its metadata."""
    with atomic(path) as temporary:
        save_file(tensors, temporary, metadata={"header": json.dumps(header, sort_keys=True)})


def load_tensors(path: str | Path, file_format: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what `save_tensors` wrote.

    Raises:
        InputError: If the file is damaged, was not written by it, or is of another format.
    """
    if not regular(path):
        raise InputError(f"{shown(path)}: no such file; give a safetensors file that auric wrote")
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            header: dict[str, Any] = dict(json.loads(file.metadata()["header"]))
    except (SafetensorError, *DAMAGE) as error:
        raise_lack(error, path, may_take=may_unpack_to(path))
        raise InputError(f"{path}: not a ruler ({error}); give a safetensors file that auric wrote") from None
    if header.get("format") != file_format:
        raise InputError(f"{path}: format '{header.get('format')}' instead of '{file_format}'; train it again")
    return tensors, header
