"""The rulers trained on all images, for use on new ones."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from auric.files import read_frames
from auric.ruler.dataset import read_images, trained_on
from auric.ruler.masks import Mask
from auric.ruler.rulerset import MASKED_READERS, READERS, train_set
from auric.ruler.training import NetworkSettings, train


def train_final(
    images: str | Path, elfnet: str | Path, *,
    weighting: str, network: Mapping[str, Any], seed: int, checkpoint: str | Path,
) -> None:  # fmt: skip
    """Train ELFnet as the paper does, on all images, and save it.

    Args:
        images: All images (NetCDF).
        elfnet: Model to write (safetensors; the header holds settings, scaling and what it was trained on).
        weighting: How weights enter the training.
        network: Keys of `ruler.network` of the configuration, without `seed`.
        seed: Seed of the training.
        checkpoint: Where a training that is killed goes on from.
    """
    data = read_images(images)
    ruler, _ = train(
        data,
        np.arange(len(data)),
        settings=NetworkSettings(**network),
        weighting=weighting,
        seed=seed,
        watch=None,
        checkpoint=checkpoint,
    )
    ruler.header["trained_on"] = trained_on(data)
    ruler.save(elfnet)


def train_rulers(
    images: str | Path, labels: Sequence[str | Path], scorecard: str | Path, rulers: str | Path, *,
    elf: Mapping[str, Any], bond: Mapping[str, Any], folds: int, seed: int,
) -> None:  # fmt: skip
    """Solve the set of rulers that measures new structures.

    Args:
        images: All images (NetCDF).
        labels: The labelled frames they are of (extended xyz): what their single points cost.
        scorecard: The ruler's scorecard (CSV), whose errors are quoted beside readings.
        rulers: Set of rulers to write (safetensors).
        elf: Keys `pixels`, `planes`, `min_perpendicular_angstrom` and `offset` of `elf` of the configuration.
        bond: Fields of `BondRule`.
        folds: Number of members.
        seed: Seed.
    """
    scores = pd.read_csv(scorecard)
    errors = {
        reader: {
            row.split: float(row.ours)
            for row in scores[(scores["subject"] == reader) & (scores["quantity"] == "mae")].itertuples()
        }
        for reader in READERS
    }
    train_set(
        read_images(images), folds=folds, seed=seed, elf=elf, bond=bond,
        errors_angstrom=errors, costs=_costs(labels),
    ).save(rulers)  # fmt: skip


def train_valence(
    images: str | Path, labels: Sequence[str | Path], masked: str | Path, rulers: str | Path, *, mask: Mapping[str, Any],
    elf: Mapping[str, Any], bond: Mapping[str, Any], folds: int, seed: int,
) -> None:  # fmt: skip
    """Solve the valence ruler: a set that sees images through a mask.

    Args:
        images: All images (NetCDF).
        labels: The labelled frames they are of (extended xyz).
        masked: What was read through the same mask in cross-validation (CSV): the errors quoted beside readings.
        rulers: Set of rulers to write (safetensors).
        mask: Settings of the mask (`Mask.settings`).
        elf: Keys `pixels`, `planes`, `min_perpendicular_angstrom` and `offset` of `elf` of the configuration.
        bond: Fields of `BondRule`.
        folds: Number of members.
        seed: Seed.
    """
    read = pd.read_csv(masked)
    error = (read["predicted_angstrom"] - read["bond_length_angstrom"]).abs().groupby([read["subject"], read["split"]])
    mean = error.mean()
    errors = {
        reader: {split: float(mean[reader, split]) for split in mean[reader].index}
        for reader in MASKED_READERS
        if reader in mean.index.get_level_values(0)
    }
    train_set(
        read_images(images), folds=folds, seed=seed, elf=elf, bond=bond,
        errors_angstrom=errors, costs=_costs(labels), mask=Mask(**mask),
    ).save(rulers)  # fmt: skip


def _costs(labels: Sequence[str | Path]) -> list[tuple[float, float, bool]]:
    """Of each labelled frame: electrons, core seconds, and whether shells were open."""
    frames = [frame.info for path in labels for frame in read_frames(path)]
    return [(info["electrons"], info["seconds"] * info["threads"], info["multiplicity"] > 1) for info in frames]
