"""Examples in two dimensions, for vectors that a matcher makes of those it did not learn, and how far labels lie apart there."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from auric.matching.evaluation import LEAST_DRAWN, separation
from auric.matching.negatives import Example

PLACE_COLUMNS = (
    "split", "fold", "encoder", "name", "ligands", "label", "x", "y", "davies_bouldin", "calinski_harabasz",
)  # fmt: skip


def place_rows(
    examples: Sequence[Example], vectors: np.ndarray, encoder: str, *, split: str, fold: int, seed: int
) -> list[dict[str, Any]]:
    """Rows of `PLACE_COLUMNS`; none where examples are too few or of one label.

    Args:
        examples: Those to draw.
        vectors: Of each, shape (n, width).
        encoder: What made the vectors.
        split: What the examples do not share with those that were learned from.
        fold: Its number.
        seed: Of t-SNE.
    """
    labels = np.array([each.label for each in examples])
    if len(labels) < LEAST_DRAWN or len(set(labels.tolist())) < 2:
        return []
    xy, indices = separation(vectors, labels, seed=seed % 2**32)
    return [
        {"split": split, "fold": fold, "encoder": encoder, "name": each.pair.name, "ligands": each.ligands, "label": each.label,
         "x": float(x), "y": float(y)} | indices
        for each, (x, y) in zip(examples, xy, strict=True)
    ]  # fmt: skip
