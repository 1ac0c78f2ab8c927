"""The rulers trained on all images, for use on new ones."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from auric.files import write_npz
from auric.ruler.baselines import RidgeOnLine
from auric.ruler.dataset import read_images, trained_on
from auric.ruler.solved import SolvedElfNet
from auric.ruler.training import NetworkSettings, train


def train_final(
    images: str | Path, elfnet: str | Path, solved: str | Path, ridge: str | Path, *,
    weighting: str, network: Mapping[str, Any], seed: int, checkpoint: str | Path,
) -> None:  # fmt: skip
    """Train ELFnet and the ridge line on all images and save both.

    Args:
        images: All images (NetCDF).
        elfnet: Model to write (safetensors; the header holds settings, scaling and what it was trained on).
        solved: The same layers solved instead of trained (safetensors likewise).
        ridge: Model to write (npz with a JSON header).
        weighting: How weights enter the training.
        network: Keys of `ruler.network` of the configuration.
        seed: Seed of the training.
        checkpoint: Where a training that is killed goes on from.
    """
    data = read_images(images)
    header, arrays = RidgeOnLine().fit(data.elf, data.lengths_angstrom, data.bond).parts()
    write_npz(ridge, header | {"pixels": data.pixels, "trained_on": trained_on(data)}, arrays)
    ruler, _ = train(
        data,
        np.arange(len(data)),
        settings=NetworkSettings(**network),
        weighting=weighting,
        seed=seed,
        watch=None,
        checkpoint=checkpoint,
    )
    solution = SolvedElfNet(seed).fit(data.elf, data.lengths_angstrom, data.bond).ruler
    for each, path in ((ruler, elfnet), (solution, solved)):
        each.header["trained_on"] = trained_on(data)
        each.save(path)
