"""By how much two levels of theory differ in ELF at one geometry: the demonstration's B3LYP/def2-SVP beside the PBE of the images that come along.

Needs the images of a finished demonstration (`make run`). What differs alike in all images is nothing to a reading that learned
from one level; what is left from image to image is what `auric.ruler.baselines.ELF_UNCERTAINTY` stands for.
"""

from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from auric.errors import InputError
from auric.files import read_dataset
from auric.ruler import ImageSet, Mask
from benchmarks.noise import bundled

DEMONSTRATION = Path("results/demo/elf")
SAME_ANGSTROM = 1e-4
KEPT = 0.38


def measure_levels() -> list[dict[str, Any]]:
    """Rows of the scorecard."""
    data = bundled()
    pixels = data.elf.shape[-1]
    found = [_differences(read_dataset(path), data) for path in sorted(DEMONSTRATION.glob("images_*.nc"))]
    differences = np.concatenate([np.empty((0, pixels, pixels)), *found])
    if not len(differences):
        raise InputError(
            f"{DEMONSTRATION} holds no image of a geometry that comes along; make the demonstration first: make run"
        )
    common = {
        "system": "elf", "unit": "1", "subject": "B3LYP/def2-SVP beside PBE/GTH at one geometry", "n": len(differences),
        "split": "none", "comparable": "not comparable", "better": "lower",
    }  # fmt: skip
    kept = Mask.of({"share": KEPT}).kept(pixels)
    return [
        common | {"quantity": quantity, "data": where, "ours": value}
        for where, part in (
            ("whole image", differences.reshape(len(differences), -1)),
            (f"central {100 * KEPT:.0f} % of the bond", differences[:, kept]),
        )
        for quantity, value in (
            ("rms_difference", float(np.sqrt((part**2).mean()))),
            ("sd_from_image_to_image", float(np.sqrt(part.var(axis=0).mean()))),
        )
    ]  # fmt: skip


def _differences(block: xr.Dataset, data: ImageSet) -> np.ndarray:
    """Of the images of a block that are of one geometry with one of the others, shape (images, pixels, pixels)."""
    place = {name: row for row, name in enumerate(data.image)}
    pairs = [
        (row, place[name])
        for row, (name, length) in enumerate(
            zip(block["image"].values, block["bond_length_angstrom"].values, strict=True)
        )
        if name in place and abs(length - data.lengths_angstrom[place[name]]) < SAME_ANGSTROM
    ]
    mine, theirs = np.array(pairs, dtype=int).reshape(-1, 2).T
    return block["elf"].values[mine].astype(float) - data.elf[theirs]
