"""One fold: ELFnet and the baselines trained on one part of the images and tested on the other."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from auric.files import atomic, write_table
from auric.progress import log
from auric.ruler.baselines import MeanLength, RidgeOnImage, RidgeOnLine
from auric.ruler.dataset import ImageSet, read_images
from auric.ruler.rulers import Ruler
from auric.ruler.solved import SolvedElfNet
from auric.ruler.splits import make_fold
from auric.ruler.training import NetworkSettings, train
from auric.ruler.validation import ELFNET, HISTORY_COLUMNS, PREDICTION_COLUMNS


def run_fold(
    images: str | Path, predictions: str | Path, history: str | Path, elfnet: str | Path, *,
    split: str, fold: str, folds: int, weighting: str, network: Mapping[str, Any], seed: int, training_seed: int,
    checkpoint: str | Path,
) -> None:  # fmt: skip
    """Train on one fold's training images and write what is read off its test images.

    Args:
        images: All images (NetCDF).
        predictions: CSV to write, one row per test image and subject; empty if the split has no such fold.
        history: CSV to write, the learning curve.
        elfnet: Model to write (safetensors), ELFnet of this fold; without bytes if the split has no such fold.
        split: Name of the split.
        fold: Name of the fold.
        folds: Folds of the cross-validation.
        weighting: How weights enter the training.
        network: Keys of `ruler.network` of the configuration, without `seed`.
        seed: Seed of the folds.
        training_seed: Seed of what is trained, and of random features.
        checkpoint: Where a training that is killed goes on from.
    """
    data = read_images(images)
    chosen = make_fold(data, split, fold, folds=folds, seed=seed)
    rows: list[dict[str, Any]] = []
    curve: list[dict[str, Any]] = []
    ruler = None
    if chosen is None:
        log.warning("split '%s' has no fold '%s': too few groups", split, fold)
    else:
        training, test = chosen.training, np.unique(chosen.test)
        distinct = np.unique(training)  # duplicates add nothing to what is solved exactly
        for reading in (MeanLength(), RidgeOnLine(), RidgeOnImage(), SolvedElfNet(training_seed)):
            fitted = reading.fit(data.elf[distinct], data.lengths_angstrom[distinct], data.bond[distinct])
            rows += _rows(data, test, split, fold, reading.subject, fitted.predict(data.elf[test]))
        ruler, curve = train(
            data,
            training,
            settings=NetworkSettings(**network),
            weighting="none" if split == "leaky" else weighting,  # there, duplicates are in the split already
            seed=training_seed,
            watch=test,
            checkpoint=checkpoint,
        )
        rows += _rows(data, test, split, fold, ELFNET, ruler.read(data.elf[test]))
    save_or_none(elfnet, ruler)
    write_table(predictions, rows, PREDICTION_COLUMNS)
    write_table(history, [{"split": split, "fold": fold} | point for point in curve], HISTORY_COLUMNS)


def train_twin(
    images: str | Path, elfnet: str | Path, *,
    split: str, fold: str, folds: int, weighting: str, network: Mapping[str, Any], seed: int, training_seed: int,
    checkpoint: str | Path,
) -> None:  # fmt: skip
    """Train ELFnet once more on a fold, with another seed and nothing else changed, to show what of it is chance.

    Args:
        images: All images (NetCDF).
        elfnet: Model to write; without bytes if the split has no such fold.
        split: Name of the split.
        fold: Name of the fold.
        folds: Folds of the cross-validation.
        weighting: How weights enter the training.
        network: Keys of `ruler.network` of the configuration, without `seed`.
        seed: Seed of the folds.
        training_seed: One less than that of this training.
        checkpoint: Where a training that is killed goes on from.
    """
    data = read_images(images)
    chosen = make_fold(data, split, fold, folds=folds, seed=seed)
    ruler = None
    if chosen is not None:
        ruler, _ = train(
            data, chosen.training, settings=NetworkSettings(**network), weighting=weighting, seed=training_seed + 1,
            watch=None, checkpoint=checkpoint,
        )  # fmt: skip
    save_or_none(elfnet, ruler)


def save_or_none(path: str | Path, ruler: Ruler | None) -> None:
    """Save a ruler, or an empty file where there is none, for a workflow wants its files."""
    if ruler is not None:
        ruler.save(path)
        return
    with atomic(path):
        pass


def load_or_none(path: str | Path) -> Ruler | None:
    """Read what `save_or_none` wrote.

    Raises:
        InputError: If the file holds something, but no ruler.
    """
    return Ruler.load(path) if Path(path).stat().st_size else None


def _rows(
    data: ImageSet, test: np.ndarray, split: str, name: str, subject: str, predicted_angstrom: np.ndarray
) -> list[dict[str, Any]]:
    error = np.abs(predicted_angstrom - data.lengths_angstrom[test])
    log.info("%s: mean absolute error %.5f angstrom on %d images", subject, error.mean(), len(error))
    return [
        {
            "split": split, "fold": name, "image": data.image[i], "structure": data.structure[i], "frame": data.frame[i],
            "bond": data.bond[i], "third_atom": data.third_atom[i], "bond_length_angstrom": data.lengths_angstrom[i],
            "weight": data.weights[i], "subject": subject, "predicted_angstrom": value,
        }
        for i, value in zip(test, predicted_angstrom, strict=True)
    ]  # fmt: skip
