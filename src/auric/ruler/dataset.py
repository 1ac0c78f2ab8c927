"""All images of a study in one file, and in memory."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from auric.errors import AuricError
from auric.files import read_dataset, write_dataset
from auric.provenance import digest
from auric.ruler.weights import bin_weights


@dataclass(frozen=True)
class ImageSet:
    """Images and what is known of each; all arrays have the images as their first dimension.

    Attributes:
        elf: ELF values, shape (images, pixels, pixels), float32; first pixel index y from below, second x from sulfur.
        lengths_angstrom: Bond lengths, shape (images,).
        weights: Weights by length, shape (images,), whole numbers.
        image, structure, frame, bond: Names, shape (images,). A bond keeps its name in all frames of its structure.
        third_atom: Index of the atom in the upper half, shape (images,).
        attributes: Provenance of the file.
    """

    elf: np.ndarray
    lengths_angstrom: np.ndarray
    weights: np.ndarray
    image: np.ndarray
    structure: np.ndarray
    frame: np.ndarray
    bond: np.ndarray
    third_atom: np.ndarray
    attributes: dict[str, Any]

    def __len__(self) -> int:
        return len(self.lengths_angstrom)

    @property
    def pixels(self) -> int:
        """Pixels along a side."""
        return int(self.elf.shape[-1])

    def hash(self) -> str:
        """Hash of images and lengths: tells whether a checkpoint belongs to these data."""
        return digest(self.elf.tobytes(), self.lengths_angstrom.tobytes(), self.weights.tobytes())


def join_blocks(blocks: Sequence[str | Path], images: str | Path, *, settings: Mapping[str, Any]) -> None:
    """Join the image files of all blocks, add the weights, and write one file in the order of the images' names.

    Args:
        blocks: NetCDF files of the `elf` room.
        images: NetCDF to write.
        settings: Keys `bin_edges_angstrom` and `bin_weights`.

    Raises:
        AuricError: If no block has an image.
    """
    parts = [part for part in map(read_dataset, blocks) if part.sizes["image"]]
    if not parts:
        raise AuricError("no ELF image was kept, so there is nothing to learn from; see failures.csv and dropped.csv")
    joined = xr.concat(
        parts, dim="image", data_vars="minimal", coords="minimal", compat="override", combine_attrs="override"
    )
    joined = joined.isel(image=np.argsort(joined["image"].values, kind="stable"))
    if len(np.unique(joined["image"].values)) != joined.sizes["image"]:
        raise ValueError("two images have one name")
    frames = {name: made for part in parts for name, made in json.loads(part.attrs["frames_json"]).items()}
    joined.attrs["frames_json"] = json.dumps(frames, sort_keys=True)
    weights = bin_weights(
        joined["bond_length_angstrom"].values, settings["bin_edges_angstrom"], settings["bin_weights"]
    )
    joined["weight"] = ("image", weights.astype("int32"), {"units": "1"})
    write_dataset(images, joined)


def read_images(path: str | Path) -> ImageSet:
    """Read what `join_blocks` wrote."""
    data = read_dataset(path)
    names = {name: data[name].values.astype(str) for name in ("image", "structure", "frame", "bond")}
    return ImageSet(
        elf=data["elf"].values,
        lengths_angstrom=data["bond_length_angstrom"].values,
        weights=data["weight"].values,
        third_atom=data["third_atom"].values,
        attributes=dict(data.attrs),
        **names,
    )


def trained_on(data: ImageSet) -> dict[str, Any]:
    """What a model trained on these images must carry: how many, of what, by which engine and basis."""
    frames = json.loads(data.attributes["frames_json"])
    keys = ("engine", "method", "basis", "method_version")
    levels = sorted({json.dumps({key: made.get(key) for key in keys}, sort_keys=True) for made in frames.values()})
    return {
        "images": len(data), "frames": len(set(data.frame)), "structures": sorted(set(data.structure)),
        "levels": [json.loads(level) for level in levels], "data_hash": data.hash(),
        "lengths_angstrom": [float(data.lengths_angstrom.min()), float(data.lengths_angstrom.max())],
        "elf_offset_hartree_per_bohr3": float(data.attributes["elf_offset_hartree_per_bohr3"]),
    }  # fmt: skip
