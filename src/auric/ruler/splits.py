"""Splits: which images are trained on and which are tested, and what the two must not share.

- `image`: nothing is kept together. As in the paper; planes of one bond land on both sides.
- `bond`: all images of one bond stay together, in all frames of its structure.
- `structure`: all images of one structure stay together.
- `leaky`: images are duplicated by weight first and split after, so that copies of one image land on both sides.

Except in `leaky`, duplicates are made after the split and only of training images.
"""

from typing import NamedTuple

import numpy as np
from sklearn.model_selection import GroupKFold, GroupShuffleSplit

from auric.errors import suggestion
from auric.ruler.dataset import ImageSet
from auric.ruler.names import HOLDOUT, SPLITS
from auric.ruler.weights import duplicate

TEST_SHARE = 0.3
"""Share of the images (or groups) that the paper's 7:3 split tests on."""


class Fold(NamedTuple):
    """One fold: indices of images to train and to test on; in `leaky`, an image comes as often as its weight."""

    training: np.ndarray
    test: np.ndarray


def make_fold(data: ImageSet, split: str, fold: str, *, folds: int, seed: int) -> Fold | None:
    """One fold of a split; None if there are too few groups for it.

    Args:
        data: The images.
        split: One of `SPLITS`.
        fold: `holdout` or a number below `folds`.
        folds: Number of folds of the cross-validation.
        seed: Seed of the shuffling.

    Raises:
        ValueError: If the split is unknown.
    """
    if split not in SPLITS:
        raise ValueError(f"unknown split '{split}'; {suggestion(split, SPLITS)}")
    items = np.arange(len(data))
    if split == "leaky":
        items = duplicate(items, data.weights)
    groups = {"bond": data.bond, "structure": data.structure}.get(split, np.arange(len(items)))
    count = len(np.unique(groups))
    if count < 2:
        return None
    if fold == HOLDOUT:
        splitter = GroupShuffleSplit(n_splits=1, test_size=TEST_SHARE, random_state=seed)
        training, test = next(splitter.split(items, groups=groups))
    else:
        if int(fold) >= min(folds, count):
            return None
        splitter = GroupKFold(n_splits=min(folds, count), shuffle=True, random_state=seed)
        training, test = list(splitter.split(items, groups=groups))[int(fold)]
    return Fold(items[training], items[test])
