"""What a ruler has seen: whether an image is like those it was trained on.

A reading of an image of another kind (another pair of atoms, another level of theory, a shifted plane) is a number like
any other; nothing in it warns. Principal components of the training images (each pixel in units of its own spread, so that
the quiet region along the bond counts as much as the busy corners) give two distances of a new image: how far it lies along
them (Mahalanobis), and how much of it they cannot express. Both are judged by images of groups that were left out when the
components were made, as a new structure is. What it cannot see: levels of theory that differ by less than clusters do.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.model_selection import GroupKFold

from auric.errors import InputError

SIDE = 25
"""Pixels of the coarse image that is looked at; finer detail is noise to a judgement of kind."""
COMPONENTS = 40
ROUNDING = 1e-4
"""Components with less than this share of the largest spread are rounding of the images, not kinds of them."""
QUIETEST = 0.1
"""Least spread of a pixel, as a share of the median pixel's; less is rounding."""
FOLDS = 10
INSIDE_SHARE = 0.99
ARRAYS = ("mean", "scale", "components", "spread")


class Domain:
    """Principal components of training images and the distances that count as inside.

    Args:
        header: `pixels`, `side`, `limits` (largest distance along the components and beside them), `inside_share`,
            `images` and `groups`: how many it was made from.
        arrays: `mean` and `scale` of each pixel (side^2,), `components` (k, side^2), `spread` along each (k,).
    """

    def __init__(self, header: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        self.header, self.arrays = header, arrays

    @classmethod
    def fit(cls, elf: np.ndarray, groups: np.ndarray, *, inside_share: float = INSIDE_SHARE, seed: int = 0) -> "Domain":
        """Learn the kind of images, and calibrate it by groups left out in turn.

        Args:
            elf: ELF values in [0, 1], shape (images, pixels, pixels).
            groups: What is left out together, shape (images,): structures, as the next one will be new.
            inside_share: Share of left-out images that count as inside.
            seed: Seed of the folds.

        Raises:
            ValueError: If there are fewer than two groups.
            InputError: If with one group left out all images are alike.
        """
        count = len(np.unique(groups))
        if count < 2:
            raise ValueError("a domain needs images of two groups at least: one is left out to judge it")
        coarse, pixels = _coarse(elf, SIDE), elf.shape[-1]
        distances = np.zeros((len(elf), 2))
        for kept, left in GroupKFold(min(FOLDS, count), shuffle=True, random_state=seed).split(coarse, groups=groups):
            distances[left] = _distances(_components(coarse[kept]), coarse[left])
        limits = np.quantile(distances, inside_share, axis=0)
        limits *= np.quantile((distances / limits).max(axis=1), inside_share)  # now the share meets both limits
        header = {
            "pixels": pixels, "side": SIDE, "limits": limits.tolist(), "inside_share": inside_share,
            "images": len(elf), "groups": count,
        }  # fmt: skip
        return cls(header, _components(coarse))

    def score(self, elf: np.ndarray) -> np.ndarray:
        """How far images lie from those learned from, shape (images,): inside up to 1.

        Args:
            elf: ELF values, shape (images, pixels, pixels).

        Raises:
            ValueError: If the images have another size than those learned from.
        """
        pixels = self.header["pixels"]
        if elf.ndim != 3 or elf.shape[1:] != (pixels, pixels):
            raise ValueError(f"images must have shape (n, {pixels}, {pixels}), got {elf.shape}")
        distances = _distances(self.arrays, _coarse(elf, self.header["side"]))
        return np.asarray((distances / self.header["limits"]).max(axis=1, initial=0))

    def parts(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Header (plain JSON) and arrays (float32, about 100 kB)."""
        return self.header, self.arrays

    @classmethod
    def from_parts(cls, header: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> "Domain":
        """Put together what `parts` took apart."""
        return cls(dict(header), {name: np.asarray(arrays[name]) for name in ARRAYS})


def _coarse(elf: np.ndarray, side: int) -> np.ndarray:
    """Means over cells of whole pixels, shape (images, cells^2)."""
    edges = np.linspace(0, elf.shape[-1], min(side, elf.shape[-1]) + 1).round().astype(int)
    sums = np.add.reduceat(np.add.reduceat(elf, edges[:-1], axis=1, dtype=float), edges[:-1], axis=2)
    cells = np.multiply.outer(np.diff(edges), np.diff(edges))
    return np.asarray(sums / cells).reshape(len(elf), cells.size)


def _components(coarse: np.ndarray) -> dict[str, np.ndarray]:
    """Mean and spread of each pixel, principal components of the scaled pixels, and the spread along each component."""
    mean, scale = coarse.mean(axis=0), coarse.std(axis=0)
    if not scale.any():
        raise InputError(
            f"{len(coarse)} images that are all alike say nothing of others; give more frames or structures to learn from"
        )
    scale = np.maximum(scale, QUIETEST * np.median(scale))
    _, singular, components = np.linalg.svd((coarse - mean) / scale, full_matrices=False)
    singular = singular[singular > ROUNDING * singular[0]][:COMPONENTS]
    parts = (mean, scale, components[: len(singular)], singular / np.sqrt(len(coarse)))
    return {name: part.astype("float32") for name, part in zip(ARRAYS, parts, strict=True)}


def _distances(parts: Mapping[str, np.ndarray], coarse: np.ndarray) -> np.ndarray:
    """Distances along and beside the components, shape (images, 2)."""
    scaled = (coarse - parts["mean"]) / parts["scale"]
    along = scaled @ parts["components"].T
    beside = scaled - along @ parts["components"]
    return np.column_stack([np.sqrt(((along / parts["spread"]) ** 2).mean(axis=1)), np.sqrt((beside**2).mean(axis=1))])
