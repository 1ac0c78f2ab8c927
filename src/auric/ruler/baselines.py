"""The simplest readings: the mean length, a line through the ELF in the middle, and ridge regression on the ELF along the bond line or on the whole image."""

import numpy as np

from auric.ruler.ridge import BlockRidge

COARSE_PIXELS = 12
"""Side of the coarse image."""
ELF_UNCERTAINTY = 0.01
"""ELF that a steady reading takes each value to be uncertain by: as two levels of theory differ in the middle of bonds at one geometry, from
image to image (`python -m benchmarks levels`: 0.011 between B3LYP/def2-SVP and PBE/GTH in the central 38 % of the bond)."""


def bond_line(elf: np.ndarray) -> np.ndarray:
    """ELF along the bond, shape (images, pixels): the middle row, or the mean of the two rows beside the middle.

    Args:
        elf: Images, shape (images, pixels, pixels).
    """
    pixels = elf.shape[-2]
    return np.asarray(elf[:, (pixels - 1) // 2 : pixels // 2 + 1].mean(axis=1, dtype=float))


def coarse_image(elf: np.ndarray) -> np.ndarray:
    """Means over square tiles, shape (images, tiles): about `COARSE_PIXELS` a side, centred, an odd rim left out.

    Args:
        elf: Images, shape (images, pixels, pixels).
    """
    pixels = elf.shape[-1]
    tile = max(1, pixels // COARSE_PIXELS)
    count = pixels // tile
    rim = (pixels - count * tile) // 2
    inner = elf[:, rim : rim + count * tile, rim : rim + count * tile]
    return np.asarray(inner.reshape(-1, count, tile, count, tile).mean(axis=(2, 4), dtype=float).reshape(len(elf), -1))


class MeanLength:
    """Always says the mean of the training lengths."""

    subject = "mean"

    def fit(self, elf: np.ndarray, lengths_angstrom: np.ndarray, groups: np.ndarray) -> "MeanLength":
        """Keep the mean."""
        self.mean_angstrom = float(np.mean(lengths_angstrom))
        return self

    def predict(self, elf: np.ndarray) -> np.ndarray:
        """The mean for each image, shape (images,), angstrom."""
        return np.full(len(elf), self.mean_angstrom)


class RidgeOnLine:
    """Ridge regression on the ELF along the bond line."""

    subject = "ridge on the bond line"
    uncertainty: float | None = None

    def fit(self, elf: np.ndarray, lengths_angstrom: np.ndarray, groups: np.ndarray) -> "RidgeOnLine":
        """Choose the penalty by cross-validation grouped by bond, then fit on all.

        Args:
            elf: Images, shape (images, pixels, pixels).
            lengths_angstrom: Shape (images,).
            groups: Bond of each image, shape (images,).
        """
        self.ridge = BlockRidge(self.uncertainty).fit(self.features(elf), np.asarray(lengths_angstrom), groups)
        return self

    def features(self, elf: np.ndarray) -> list[np.ndarray]:
        """What is regressed on, in blocks of shape (images, features)."""
        return [bond_line(elf)]

    def predict(self, elf: np.ndarray) -> np.ndarray:
        """Lengths read off images, shape (images,), angstrom."""
        return self.ridge.predict(self.features(elf))


class RidgeOnImage(RidgeOnLine):
    """Ridge regression on the ELF along the bond line and on the coarse image."""

    subject = "ridge on the image"

    def features(self, elf: np.ndarray) -> list[np.ndarray]:
        """The bond line, and the coarse image."""
        return [bond_line(elf), coarse_image(elf)]


class SteadyRidgeOnLine(RidgeOnLine):
    """The same where each value counts as uncertain: it errs more, and does not live on differences that are nobody's to know."""

    subject = "steady ridge on the bond line"
    uncertainty = ELF_UNCERTAINTY


class SteadyRidgeOnImage(RidgeOnImage):
    """Ridge regression on the image where each value counts as uncertain."""

    subject = "steady ridge on the image"
    uncertainty = ELF_UNCERTAINTY


class ElfInTheMiddle(RidgeOnLine):
    """A straight line through one number: the ELF half way along the bond."""

    subject = "ELF in the middle"

    def features(self, elf: np.ndarray) -> list[np.ndarray]:
        """Mean over the pixel in the middle, or the four around it, shape (images, 1)."""
        line = bond_line(elf)
        return [line[:, (line.shape[1] - 1) // 2 : line.shape[1] // 2 + 1].mean(axis=1, keepdims=True)]
