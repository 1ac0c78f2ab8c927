"""Names of splits and folds."""

SPLITS = ("image", "bond", "structure", "leaky")
HOLDOUT = "holdout"
"""The paper's 7:3 split, beside the numbered folds of the cross-validation."""


def fold_names(folds: int) -> list[str]:
    """Names of all folds of a split."""
    return [HOLDOUT, *map(str, range(folds))]
