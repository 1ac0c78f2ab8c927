"""Ligands read by someone else's model, which stays as it is, and a linear layer of our own behind it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from auric.errors import InputError
from auric.graphs.crystal import WIDEST
from auric.graphs.packed import LARGEST_NUMBER
from auric.matching.ligand_encoder import LigandEmbedder, LigandEncoder, Molecules, pack_ligands
from auric.matching.ligand_smiles import standard_smiles
from auric.matching.modelfile import read_weights, weights_of, write_weights
from auric.modelfile import fitting

FORMAT = "auric FixedLigands 1"
PROBES = ("CCS", "c1ccc(P(c2ccccc2)c2ccccc2)cc1")
"""Ligands by whose vectors an embedder is known again."""
PROBE_TOLERANCE = 1e-3
"""Of the largest number in their vectors; other machines round otherwise."""


class FixedLigands(nn.Module):
    """Vectors of an embedder, and a linear layer that learns with the matcher.

    Args:
        embedder: Gives the vectors; copies share it, and files do not hold it.
        width: Of what the layer gives.
        probe: Vectors of `PROBES`, where they are known already.

    Attributes:
        seen: For each atomic number whether a ligand that the layer learned from holds it; what the embedder knows is not told.

    Raises:
        InputError: No width.
    """

    probe: Tensor
    seen: Tensor

    def __init__(self, embedder: LigandEmbedder, *, width: int, probe: Tensor | None = None) -> None:
        super().__init__()
        if not 1 <= width <= WIDEST:
            raise InputError(f"ligand layer of width {width}; give 1 to {WIDEST}")
        self.embedder, self.width = embedder, width
        self.linear = nn.Linear(embedder.width, width)
        self.register_buffer("seen", torch.zeros(LARGEST_NUMBER + 1, dtype=torch.bool))
        self.register_buffer("probe", self.pack(PROBES) if probe is None else probe.clone())

    def __deepcopy__(self, memo: dict[int, Any]) -> "FixedLigands":
        copied = self.anew()
        copied.load_state_dict(self.state_dict())
        return copied

    def anew(self) -> "FixedLigands":
        """One with the same vectors and a layer that has learned nothing."""
        return FixedLigands(self.embedder, width=self.width, probe=self.probe)

    def pack(self, ligands: Sequence[str]) -> Tensor:
        """What `forward` takes: vectors of single ligands, shape (n, width of the embedder)."""
        return torch.as_tensor(self.embed(ligands), dtype=torch.float32)

    def forward(self, packed: Tensor) -> Tensor:
        """Vectors of ligands, shape (n, width)."""
        out: Tensor = self.linear(packed)
        return out

    def embed(self, ligands: Sequence[str]) -> np.ndarray:
        """Vectors of the embedder alone, shape (n, its width)."""
        return self.embedder.embed([standard_smiles(one) for one in ligands])

    def check(self, path: str | Path) -> "FixedLigands":
        """Itself, if the embedder is the one that the file was made with.

        Raises:
            InputError: If it is not.
        """
        wanted, found = self.probe, self.pack(PROBES)
        if (wanted - found).abs().max() > PROBE_TOLERANCE * wanted.abs().max():
            raise InputError(f"{path}: made with other weights of the ligand embedder than those here; name the same")
        return self

    def save(self, path: str | Path) -> None:
        """Write npz with a JSON header; the embedder is not in it, but can be told from another."""
        write_weights(path, {"format": FORMAT, "width": self.width}, weights_of(self))

    @classmethod
    def load(cls, path: str | Path, embedder: LigandEmbedder) -> "FixedLigands":
        """Read what `save` wrote.

        Raises:
            InputError: Missing, foreign, damaged or changed, or made with another embedder.
        """
        header, weights, _ = read_weights(path, FORMAT)
        with fitting(path, "layer"):
            model = cls(embedder, width=header["width"])
            model.load_state_dict(weights)
        return model.check(path).eval()


LigandModel = LigandEncoder | FixedLigands


def packed_for(model: LigandModel | None, ligands: Sequence[str]) -> Molecules | Tensor:
    """Ligands as a model takes them; None: our own encoder.

    Raises:
        InputError: No ligands.
        StructureError: As `standard_smiles`.
    """
    return model.pack(ligands) if isinstance(model, FixedLigands) else pack_ligands(ligands)
