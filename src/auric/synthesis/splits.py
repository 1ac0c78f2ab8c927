"""Which records are held out: stratified folds, and one ligand at a time."""

from typing import Literal, get_args

import numpy as np

from auric.errors import InputError
from auric.synthesis.descriptors import Features

FOLD_MODELS = 10
"""Models whose mean is the model of all records, each without one fold, as in the paper."""
Split = Literal["folds", "ligand"]
SPLITS: tuple[Split, ...] = get_args(Split)


def stratified_folds(outcomes: np.ndarray, folds: int, rng: np.random.Generator) -> np.ndarray:
    """A fold for each record, both outcomes spread over the folds as evenly as can be.

    Args:
        outcomes: Shape (n,), 0 or 1.
        folds: Number of folds, at most n.
        rng: Source of random numbers.

    Returns:
        Shape (n,), int, 0 to folds - 1; every fold has a record.

    Raises:
        InputError: Fewer records than folds, or fewer than two folds.
    """
    if not 2 <= folds <= len(outcomes):
        raise InputError(f"{len(outcomes)} records cannot be dealt into {folds} folds; take from 2 to {len(outcomes)}")
    found = np.empty(len(outcomes), dtype=int)
    order = np.concatenate([rng.permutation(np.flatnonzero(outcomes == outcome)) for outcome in (1, 0)])
    found[order] = np.arange(len(order)) % folds
    return found


def ligand_folds(features: Features) -> np.ndarray:
    """A fold for each ligand, shape (n,), int.

    Raises:
        InputError: Only one ligand.
    """
    _, found = np.unique(features.parts[:, 0], return_inverse=True)
    if found.max() == 0:
        raise InputError("all records have one ligand, which cannot be left out; take the split 'folds'")
    return found


def training_of(folds: np.ndarray) -> np.ndarray:
    """What each fold's model learns from, shape (folds, n), bool."""
    return np.asarray(np.arange(folds.max() + 1)[:, None] != folds[None])


def fold_members(outcomes: np.ndarray, seed: int) -> np.ndarray:
    """Training sets of the ten models whose mean stands for all records, shape (members, n), bool; fewer models if there are fewer records."""
    folds = min(FOLD_MODELS, len(outcomes))
    return training_of(stratified_folds(outcomes, folds, np.random.default_rng(seed)))
