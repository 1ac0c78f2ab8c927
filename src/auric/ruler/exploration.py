"""Model exploration: variants of ELFnet trained on the same folds.

After section III.a of Zhang et al., "Build a Ruler to Measure Electron Localization Function with Machine Learning Models". What is
concluded from them is in `auric.ruler.conclusions`, so that another conclusion trains nothing again.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from auric.errors import InputError
from auric.files import write_table
from auric.progress import log
from auric.ruler.dataset import ImageSet, read_images
from auric.ruler.splits import make_fold
from auric.ruler.training import DivergedError, NetworkSettings, train
from auric.ruler.variants import OUTSIDE

READ_COLUMNS = ("variant", "fold", "image", "structure", "bond", "bond_length_angstrom", "predicted_angstrom")
CURVE_COLUMNS = (
    "variant", "fold", "parameters", "epoch", "learning_rate", "training_mae_angstrom", "validation_mae_angstrom", "seconds",
)  # fmt: skip


def coarsened(data: ImageSet, pixels: int | None) -> ImageSet:
    """The images averaged down to so many pixels a side; None leaves them as they are.

    Raises:
        InputError: If the images are smaller.
    """
    if pixels is None or pixels == data.pixels:
        return data
    if pixels > data.pixels:
        raise InputError(
            f"a variant asks for {pixels} pixels, but images have {data.pixels}; raise elf.pixels or lower it"
        )
    small = torch.nn.functional.adaptive_avg_pool2d(torch.as_tensor(data.elf), pixels)
    return replace(data, elf=small.numpy())


def run_variant(
    images: str | Path, read: str | Path, curve: str | Path, *, variant: str, changes: Mapping[str, Any], split: str,
    fold: str, folds: int, weighting: str, network: Mapping[str, Any], seed: int, training_seed: int, checkpoint: str | Path,
) -> None:  # fmt: skip
    """Train one variant on one fold and write what it reads off the test images.

    Args:
        images: All images (NetCDF).
        read: CSV to write, one row per test image; none if there is no such fold or the training diverged.
        curve: CSV to write, the learning curve.
        variant: Its name.
        changes: Settings that it changes.
        split: Name of the split.
        fold: Name of the fold.
        folds: Folds of the split.
        weighting: How weights enter the training, unless the variant says otherwise.
        network: Keys of `ruler.network` of the configuration without `seed`, likewise.
        seed: Seed of the folds.
        training_seed: Seed of the training, to which a variant's `repeat` is added.
        checkpoint: Where a training that is killed goes on from.
    """
    data = coarsened(read_images(images), changes.get("pixels"))
    chosen = make_fold(data, split, fold, folds=folds, seed=seed)
    settings = network_settings(changes, network)
    rows: list[dict[str, Any]] = []
    points: list[dict[str, Any]] = []
    if chosen is None:
        log.warning("split '%s' has no fold '%s': too few groups", split, fold)
    else:
        try:
            ruler, points = train(
                data, chosen.training, settings=settings, weighting=changes.get("weighting", weighting),
                seed=training_seed + changes.get("repeat", 0), watch=chosen.test, checkpoint=checkpoint,
            )  # fmt: skip
        except DivergedError as error:  # a result like any other: this variant cannot be trained so
            log.warning("%s, fold %s: %s", variant, fold, error)
        else:
            size = sum(weights.numel() for weights in ruler.network.parameters())
            points = [{"variant": variant, "fold": fold, "parameters": size} | point for point in points]
            predicted = ruler.read(data.elf[chosen.test])
            rows = [
                {
                    "variant": variant, "fold": fold, "image": data.image[i], "structure": data.structure[i],
                    "bond": data.bond[i], "bond_length_angstrom": data.lengths_angstrom[i], "predicted_angstrom": value,
                }
                for i, value in zip(chosen.test, predicted, strict=True)
            ]  # fmt: skip
            error_angstrom = np.abs(predicted - data.lengths_angstrom[chosen.test]).mean()
            log.info("%s, fold %s: mean absolute error %.5f angstrom", variant, fold, error_angstrom)
    write_table(read, rows, READ_COLUMNS)
    write_table(curve, points, CURVE_COLUMNS)


def network_settings(changes: Mapping[str, Any], network: Mapping[str, Any]) -> NetworkSettings:
    """Settings of a variant's network and training: the study's, changed."""
    return NetworkSettings(**{**network, **{name: value for name, value in changes.items() if name not in OUTSIDE}})
