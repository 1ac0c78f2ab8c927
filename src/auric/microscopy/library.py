"""Simulated images of one candidate along many directions, and the file they travel in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from ase import Atoms

from auric.errors import InputError
from auric.files import read_dataset, write_dataset
from auric.microscopy.directions import orientations_along, spread_directions, symmetry_operations
from auric.microscopy.projection import ImageSettings, simulated_images
from auric.modelfile import fitting
from auric.progress import log
from auric.structures import Places, build_recipe
from auric.structures.check import check_overlap
from auric.structures.table import Row

KIND = "simulated images of a candidate"


@dataclass(frozen=True)
class Library:
    """A candidate and its images.

    Attributes:
        atoms: The structure; `info` holds name and source.
        images: Shape (n, pixels, pixels), float32; dark is large.
        orientations: Of each image, shape (n, 3, 3); the last rows are the directions looked along.
        operations: Symmetry of what is seen, shape (m, 3, 3).
        settings: Of the images.
    """

    atoms: Atoms
    images: np.ndarray
    orientations: np.ndarray
    operations: np.ndarray
    settings: ImageSettings

    @property
    def name(self) -> str:
        """Of the candidate."""
        return str(self.atoms.info["name"])


def make_library(atoms: Atoms, *, directions: int, settings: ImageSettings) -> Library:
    """Images of a structure along evenly spread directions."""
    orientations = orientations_along(spread_directions(directions))
    images = simulated_images(atoms, orientations, settings)
    return Library(atoms, images, orientations, symmetry_operations(atoms), settings)


def write_library(
    row: Row, path: str | Path, *, directions: int, settings: Mapping[str, Any], mirror: str | Path | None = None
) -> None:
    """Build a candidate and write its images (NetCDF).

    Args:
        row: Of the table of candidates.
        path: NetCDF to write.
        directions: To look along.
        settings: Of `ImageSettings`.
        mirror: Folder with copies of the manifest's files.

    Raises:
        StructureError: If the row or its structure is wrong, or does not fit the image.
    """
    if row["error"]:
        raise InputError(row["error"])
    atoms = build_recipe(row["builder"], row["recipe"], Places(mirror=Path(mirror) if mirror else None))
    check_overlap(atoms)
    atoms.info["name"] = row["name"]
    made = make_library(atoms, directions=directions, settings=ImageSettings(**settings))
    log.info("%s: %d directions, %d symmetry operations", made.name, directions, len(made.operations))
    dataset = xr.Dataset(
        {
            "image": (("direction", "y", "x"), made.images.astype(np.uint8)),
            "orientation": (("direction", "row", "axis"), made.orientations),
            "operation": (("symmetry", "row", "axis"), made.operations),
            "number": ("atom", atoms.numbers),
            "position": (("atom", "axis"), atoms.positions, {"units": "angstrom"}),
        },
        attrs={"kind": KIND, "name": made.name, "source": str(atoms.info.get("source", ""))} | dict(settings),
    )
    write_dataset(path, dataset)


def read_library(path: str | Path) -> Library:
    """Read what `write_library` wrote.

    Raises:
        InputError: If the file is something else.
    """
    dataset = read_dataset(path)
    if dataset.attrs.get("kind") != KIND:
        raise InputError(f"{path}: no simulated images of a candidate; run the step that makes them")
    with fitting(path, "simulated images"):
        atoms = Atoms(dataset["number"].to_numpy(), dataset["position"].to_numpy())
        atoms.info = {"name": str(dataset.attrs["name"]), "source": str(dataset.attrs["source"])}
        types = {name: type(getattr(ImageSettings(), name)) for name in ImageSettings.__dataclass_fields__}
        settings = ImageSettings(**{name: kind(dataset.attrs[name]) for name, kind in types.items()})
        arrays = (dataset[name].to_numpy() for name in ("image", "orientation", "operation"))
        images, orientations, operations = arrays
        return Library(atoms, images.astype(np.float32), orientations, operations, settings)


def read_libraries(paths: Sequence[str | Path]) -> list[Library]:
    """Several candidates, to be compared.

    Raises:
        InputError: If there is none, two have one name, or their images differ in size.
    """
    found = [read_library(path) for path in paths]
    if not found:
        raise InputError("there are no candidates; name at least one")
    if len({one.name for one in found}) < len(found):
        raise InputError(f"candidates {', '.join(one.name for one in found)}: names must differ")
    if len({one.settings for one in found}) > 1:
        raise InputError("candidates' images were made with different settings; make them again with the same")
    return found


def joined(libraries: Sequence[Library]) -> tuple[np.ndarray, np.ndarray]:
    """Images of all candidates, and the name of the candidate of each."""
    labels = np.concatenate([[one.name] * len(one.images) for one in libraries])
    return np.concatenate([one.images for one in libraries]), labels
