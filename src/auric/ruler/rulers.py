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
from auric.files import atomic
from auric.ruler.network import ElfNet

FORMAT = "auric elfnet 1"


class Ruler:
    """A trained ELFnet with its scaling and its provenance.

    Args:
        network: The network.
        header: Settings, scaling (`mean_angstrom`, `sd_angstrom`), pixels and what it was trained on.
    """

    def __init__(self, network: ElfNet, header: dict[str, Any]) -> None:
        self.network, self.header = network, header

    def read(self, elf: np.ndarray, *, batch: int = 256) -> np.ndarray:
        """Bond lengths read off images, shape (images,), angstrom.

        Args:
            elf: ELF values in [0, 1], shape (images, pixels, pixels).
            batch: Images at a time.

        Raises:
            ValueError: If the images have another size than those it was trained on.
        """
        pixels = self.header["pixels"]
        if elf.ndim != 3 or elf.shape[1:] != (pixels, pixels):
            raise ValueError(f"images must have shape (n, {pixels}, {pixels}), got {elf.shape}")
        first = next(self.network.parameters())
        with torch.no_grad():
            parts = [
                self.network(torch.as_tensor(elf[start : start + batch]).to(first.device, first.dtype)).cpu()
                for start in range(0, len(elf), batch)
            ]
        scaled = torch.cat(parts).double().numpy() if parts else np.zeros(0)
        return np.asarray(self.header["mean_angstrom"] + self.header["sd_angstrom"] * scaled)

    def save(self, path: str | Path) -> None:
        """Write safetensors with the header in its metadata."""
        tensors = {name: tensor.contiguous().cpu() for name, tensor in self.network.state_dict().items()}
        save_tensors(path, tensors, {"format": FORMAT} | self.header)

    @classmethod
    def load(cls, path: str | Path) -> "Ruler":
        """Read what `save` wrote.

        Raises:
            InputError: If the file is not a saved ruler.
        """
        try:
            tensors, header = load_tensors(path)
        except (OSError, SafetensorError, KeyError, ValueError) as error:
            raise InputError(f"{path}: not a ruler ({error}); give an elfnet.safetensors that auric wrote") from None
        if header.get("format") != FORMAT:
            raise InputError(f"{path}: format '{header.get('format')}' instead of '{FORMAT}'; train it again")
        settings = header["settings"]
        network = ElfNet(
            header["pixels"], settings["channels"], settings["hidden"], closing=settings.get("closing", "max")
        ).to(next(iter(tensors.values())).dtype)
        network.load_state_dict(tensors)
        return cls(network.eval(), header)


def save_tensors(path: str | Path, tensors: dict[str, Tensor], header: dict[str, Any]) -> None:
    """Write safetensors with a JSON header in its metadata."""
    with atomic(path) as temporary:
        save_file(tensors, temporary, metadata={"header": json.dumps(header, sort_keys=True)})


def load_tensors(path: str | Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what `save_tensors` wrote."""
    with safe_open(path, framework="pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}, json.loads(file.metadata()["header"])  # noqa: SIM118
