"""Errors against masks: what can still be read when the inner regions of the atoms are hidden, on the folds of all readings."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from auric.files import read_tables, write_table
from auric.progress import log
from auric.ruler.baselines import (
    ElfInTheMiddle,
    MeanLength,
    RidgeOnImage,
    RidgeOnLine,
    SteadyRidgeOnImage,
    SteadyRidgeOnLine,
)
from auric.ruler.dataset import ImageSet, read_images
from auric.ruler.masks import SCALES, Mask
from auric.ruler.solved import SolvedElfNet
from auric.ruler.splits import make_fold
from auric.ruler.validation import grouped_interval
from auric.scorecard import write_scorecard

MASKED_COLUMNS = (
    "mask", "settings_json", "share", "shape", "scale", "subject", "split", "fold", "image", "structure", "bond",
    "bond_length_angstrom", "predicted_angstrom",
)  # fmt: skip
MASKS_COLUMNS = (
    "mask", "share", "left_angstrom", "right_angstrom", "shape", "scale", "subject", "split", "n", "structures",
    "mae_angstrom", "ci_low_angstrom", "ci_high_angstrom",
)  # fmt: skip
MASK_ALONE = "the mask alone"
"""Ridge regression on images of the mask without any electrons in them: what the mask itself tells."""


def read_through_mask(
    images: str | Path, table: str | Path, *, mask: Mapping[str, Any], valence: Mapping[str, Any], splits: Sequence[str],
    folds: int, seed: int,
) -> None:  # fmt: skip
    """Cross-validate readings on masked images and write what they read.

    Args:
        images: All images (NetCDF).
        table: CSV to write, columns `MASKED_COLUMNS`, one row per image, subject and split.
        mask: Settings of the mask (`Mask.settings`).
        valence: Settings of the valence ruler's mask.
        splits: Names of the splits.
        folds: Folds of the cross-validation.
        seed: Seed of the folds.
    """
    data, chosen = read_images(images), Mask(**mask)
    readers = readers_behind(chosen, Mask(**valence))
    rows = [
        row
        for split in splits
        for fold in range(folds)
        for row in masked_fold(data, chosen, readers, split=split, fold=str(fold), folds=folds, seed=seed)
    ]
    write_table(table, rows, MASKED_COLUMNS)


def readers_behind(mask: Mask, valence: Mask) -> list[Any]:
    """What reads images behind a mask, unfitted: the straight readings, and the network where a ruler sees through that mask.

    Of images that are stretched the bond line only, as they are stretched along it. The ELF in the middle, which no mask hides,
    without a mask only.

    Args:
        mask: The mask.
        valence: The valence ruler's.
    """
    readers: list[Any] = [RidgeOnLine(), SteadyRidgeOnLine()]
    if mask.scale != "resampled":
        readers += [RidgeOnImage(), SteadyRidgeOnImage()]
    if mask.share == 1 or mask == valence:
        readers.append(SolvedElfNet())
    if mask.share == 1:
        readers.append(ElfInTheMiddle())
    return readers


def masked_fold(
    data: ImageSet, mask: Mask, readers: Sequence[Any], *, split: str, fold: str, folds: int, seed: int
) -> list[dict[str, Any]]:
    """Readings of one fold's test images by readings fitted on the others, both masked; nothing if there is no such fold.

    The mean length is read without a mask only. A mask that moves with the length is read alone, too.
    """
    parts = make_fold(data, split, fold, folds=folds, seed=seed)
    if parts is None:
        return []
    elf = mask.masked(data.elf, data.lengths_angstrom)
    sources: list[tuple[str, Any, np.ndarray]] = [(reader.subject, reader, elf) for reader in readers]
    if mask.share == 1:
        sources.append((MeanLength.subject, MeanLength(), elf))
    if mask.scale == "angstrom":
        sources.append((MASK_ALONE, RidgeOnImage(), mask.masked(np.zeros_like(data.elf), data.lengths_angstrom)))
    common = {
        "mask": mask.name, "settings_json": json.dumps(mask.settings(), sort_keys=True), "share": mask.share,
        "shape": mask.shape, "scale": mask.scale, "split": split, "fold": fold,
    }  # fmt: skip
    rows = []
    for subject, reading, pictures in sources:
        training, test = parts
        fitted = reading.fit(pictures[training], data.lengths_angstrom[training], data.bond[training])
        predicted = fitted.predict(pictures[test])
        log.info("%s, %s: %s errs by %.5f angstrom", mask.name, split, subject,
                 np.abs(predicted - data.lengths_angstrom[test]).mean())  # fmt: skip
        rows += [
            common | {
                "subject": subject, "image": data.image[i], "structure": data.structure[i], "bond": data.bond[i],
                "bond_length_angstrom": data.lengths_angstrom[i], "predicted_angstrom": value,
            }
            for i, value in zip(test, predicted, strict=True)
        ]  # fmt: skip
    return rows


def join_masks(
    tables: Sequence[str | Path], joined: str | Path, scorecard: str | Path, *, study: str,
    bootstrap_samples: int, seed: int,
) -> None:  # fmt: skip
    """Errors by mask, subject and split, with intervals over bonds, or structures where these were left out.

    Args:
        tables: What `read_through_mask` wrote, of all masks.
        joined: CSV to write, columns `MASKS_COLUMNS`, masks that keep more first.
        scorecard: CSV to write.
        study: Name of the study.
        bootstrap_samples: Resamples.
        seed: Seed of the bootstrap.
    """
    table = read_tables(tables)
    by = ["scale", "shape", "mask", "subject", "split"]
    rows: list[dict[str, Any]] = []
    for (scale, shape, mask, subject, split), mine in table.groupby(by, sort=False):
        error = (mine["predicted_angstrom"] - mine["bond_length_angstrom"]).abs().to_numpy()
        groups = mine["structure" if split == "structure" else "bond"].to_numpy()
        rng = np.random.default_rng([seed, 3])
        low, high = grouped_interval(error, np.ones_like(error), groups, samples=bootstrap_samples, rng=rng)
        seen_through = Mask(**json.loads(mine["settings_json"].iloc[0]))
        rows.append({
            "mask": mask, "share": mine["share"].iloc[0], "left_angstrom": seen_through.left_angstrom,
            "right_angstrom": seen_through.right_angstrom, "words": seen_through.words, "shape": shape, "scale": scale, "subject": subject, "split": split,
            "n": len(mine), "structures": mine["structure"].nunique(), "mae_angstrom": float(error.mean()),
            "ci_low_angstrom": low, "ci_high_angstrom": high,
        })  # fmt: skip
    found = pd.DataFrame(rows, columns=[*MASKS_COLUMNS, "words"])
    order = found["scale"].map(SCALES.index)
    found = found.assign(order=order).sort_values(
        ["order", "shape", "share"], ascending=[True, True, False], kind="stable"
    )
    write_table(joined, found, MASKS_COLUMNS)
    write_scorecard(scorecard, [_score(row, study) for row in found.to_dict("records")])


def _score(row: Mapping[Any, Any], study: str) -> dict[str, Any]:
    return {
        "study": study, "system": "ruler", "quantity": "mae", "unit": "angstrom", "subject": row["subject"],
        "ours": row["mae_angstrom"], "ci_low": row["ci_low_angstrom"], "ci_high": row["ci_high_angstrom"], "n": row["n"],
        "data": row["words"], "split": row["split"], "comparable": "not comparable", "better": "lower",
    }  # fmt: skip
