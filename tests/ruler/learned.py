"""Images that rulers learn from, as far as a check of level and kind needs them."""

import json

import numpy as np
import xarray as xr

from auric.elf.formula import OFFSETS
from auric.files import write_dataset
from auric.reference.version import METHOD_VERSION

LEVEL = {
    "engine": "pyscf-gto", "method": "lda,vwn", "basis": {"default": "sto-3g", "Au": "lanl2dz"}, "method_version": METHOD_VERSION,
}  # fmt: skip


def images_of(place, *names, name="s_0000", pixels=32, offset=OFFSETS["multiwfn"], **made):
    """Write `images.nc` with one image of each of these frames (or of `name`), made at the tests' level but for what is `made` otherwise."""
    frames = names or (name,)
    data = xr.Dataset(
        {
            "frame": ("image", np.array(frames)),
            "structure": ("image", np.array([frame.rsplit("_", 1)[0] for frame in frames])),
            "elf": (("image", "y", "x"), np.zeros((len(frames), pixels, pixels))),
        },
        attrs={
            "frames_json": json.dumps({frame: LEVEL | made for frame in frames}), "elf_offset_hartree_per_bohr3": offset,
        },
    )  # fmt: skip
    write_dataset(place / "images.nc", data)
