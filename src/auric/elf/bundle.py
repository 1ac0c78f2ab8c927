"""Labelled frames and their ELF images in one small file, so that anyone can train without quantum chemistry.

NetCDF-4 with three dimensions: images; frames; atoms of all frames, one frame after the other. ELF values are stored as 16-bit
whole numbers of 1/65535, the resolution of images, everything else as it is: unpacking gives the two files that the rooms
`reference` and `elf` write for a block.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from ase import Atoms
from ase.data import chemical_symbols

from auric.elf.images import DROPPED_COLUMNS, STEPS, check_kind
from auric.errors import InputError
from auric.files import atomic, read_dataset, read_frames, write_dataset, write_frames, write_table
from auric.modelfile import fitting
from auric.structures.prepare import FAILURE_COLUMNS
from auric.structures.table import frame_name

FORMAT = "auric elf bundle 1"
FORMER = {"sulfur": "left_atom", "gold": "right_atom"}
"""Names in bundles of earlier versions, and those of now."""


def pack(labels: Sequence[str | Path], images: str | Path, bundle: str | Path, *, about: str) -> None:
    """Pack labelled frames and joined images.

    Args:
        labels: Labelled frames of all blocks (extended xyz).
        images: Images of all blocks joined (NetCDF).
        bundle: NetCDF to write.
        about: What the data are, their licence and where they come from; kept as an attribute.

    Raises:
        InputError: If a file is not what it should be; nothing is written then.
    """
    frames = [frame for path in labels for frame in _named(path)]
    if not frames:
        raise InputError(f"{', '.join(map(str, labels))}: no labelled frames; run the study first")
    frames.sort(key=lambda frame: str(frame.info["name"]))
    data = read_dataset(images)
    with fitting(images, "images"):
        content = _packed(data, frames, about)
    with atomic(bundle) as temporary:
        temporary.write_bytes(content)


def _named(path: str | Path) -> list[Atoms]:
    """Frames, each of which has a name."""
    frames = read_frames(path)
    for number, frame in enumerate(frames, 1):
        if "name" not in frame.info:
            raise InputError(f"{path}: frame {number} has no name; give labelled frames that a study wrote")
    return frames


def _packed(data: xr.Dataset, frames: Sequence[Atoms], about: str) -> bytes:
    data["elf"] = (data["elf"].dims, np.round(data["elf"].values * STEPS).astype("uint16"), {"units": f"1/{STEPS}"})
    data["frame_name"] = ("frame_index", np.array([frame.info["name"] for frame in frames]))
    data["frame_info_json"] = ("frame_index", np.array([json.dumps(_plain(frame.info)) for frame in frames]))
    data["atoms"] = ("frame_index", np.array([len(frame) for frame in frames], dtype="int32"))
    data["atomic_number"] = ("atom", np.concatenate([frame.numbers for frame in frames]).astype("uint8"))
    positions = np.concatenate([frame.positions for frame in frames])
    data["position_angstrom"] = (("atom", "axis"), positions, {"units": "angstrom"})
    data.attrs |= {"format": FORMAT, "about": about}
    packed = {"zlib": True, "complevel": 9, "shuffle": True}
    encoding = {name: packed for name in ("elf", "position_angstrom", "atomic_number")}
    return bytes(data.to_netcdf(engine="h5netcdf", encoding=encoding))


def unpack(
    bundle: str | Path, labels: str | Path, images: str | Path, failures: str | Path, dropped: str | Path, *,
    elf: Mapping[str, Any],
) -> None:  # fmt: skip
    """Write what a bundle holds as the files of one block; tables of failures are empty.

    Args:
        bundle: What `pack` wrote.
        labels: Extended xyz to write.
        images: NetCDF to write.
        failures: CSV to write.
        dropped: CSV to write.
        elf: Keys `pixels` and `offset` of `elf` of the configuration, which the images must have.

    Raises:
        InputError: If the file is of another format, its images are of another kind, or its parts do not fit each other;
            nothing is written then.
    """
    data = _read(bundle)
    with fitting(bundle, "bundle"):
        check_kind(data, elf, "structures.bundle")
        frames = _frames(data)
        kept = data.drop_dims(["frame_index", "atom"]).drop_vars("weight", errors="ignore")
        kept = kept.rename({old: new for old, new in FORMER.items() if old in kept})
        kept["elf"] = (kept["elf"].dims, (kept["elf"].values / STEPS).astype("float32"), {"units": "1"})
    write_frames(labels, frames)
    write_dataset(images, kept)
    write_table(failures, [], FAILURE_COLUMNS)
    write_table(dropped, [], DROPPED_COLUMNS)


def unrattled(bundle: str | Path) -> dict[str, Atoms]:
    """The frames that thermal ones were made from, by their structures.

    Raises:
        InputError: If the file is not a bundle, or its parts do not fit each other.
    """
    data = _read(bundle)
    with fitting(bundle, "bundle"):
        named = [(str(frame.info["structure"]), frame) for frame in _frames(data)]
        return {name: frame for name, frame in named if frame.info["name"] == frame_name(name, 0)}


def _read(bundle: str | Path) -> xr.Dataset:
    data = read_dataset(bundle)
    if data.attrs.get("format") != FORMAT:
        raise InputError(
            f"{bundle}: format '{data.attrs.get('format')}' instead of '{FORMAT}'; give a bundle of images"
        )
    return data


def _frames(data: xr.Dataset) -> list[Atoms]:
    """The labelled frames.

    Raises:
        LookupError, TypeError, ValueError: If their parts do not fit each other.
    """
    counts, numbers, positions = (data[name].values for name in ("atoms", "atomic_number", "position_angstrom"))
    ends = np.cumsum(counts)
    if counts.ndim != 1 or counts.dtype.kind not in "iu" or min(counts, default=1) < 1 or sum(counts) != len(numbers):
        raise ValueError("numbers of atoms that are none, or not those of all frames")
    if positions.shape != (len(numbers), 3) or not np.isfinite(positions).all():
        raise ValueError("positions that are none, or not one for each atom")
    if not ((numbers > 0) & (numbers < len(chemical_symbols))).all():
        raise ValueError("an element that is none")
    frames = []
    for start, end, info in zip(ends - counts, ends, data["frame_info_json"].values, strict=True):
        frame = Atoms(numbers[start:end], positions[start:end])
        frame.info |= json.loads(str(info))
        frame.info["name"] = str(frame.info["name"])
        frames.append(frame)
    return frames


def _plain(info: dict[str, Any]) -> dict[str, Any]:
    """Values that JSON knows."""
    return {key: value.item() if isinstance(value, np.generic) else value for key, value in info.items()}
