"""Images of a cluster as a sum of Gaussians over its projected atoms (thesis of this method, equation 2.1).

phi(p) = sum_j Z_j^1.5 exp(-|r_j - p|^2 / eta^2): a pixel is as dark as the atoms behind it are heavy. Scaled to 8 bits, 255 is the white
background and 0 the darkest place. What ligands leave, nearly white, is cleaned away as in the paper. All images here and in the rest of
the room are turned round (dark is large, background zero), which is what wavelets are to see.
"""

from dataclasses import dataclass

import numpy as np
from ase import Atoms

from auric.errors import StructureError

WHITE = 255.0
POWER = 1.5
"""Of the atomic number (equation 2.1)."""
BATCH = 64
"""Images made at a time."""


@dataclass(frozen=True)
class ImageSettings:
    """How images are made.

    Attributes:
        pixels: Along a side.
        pixel_angstrom: Length of a pixel.
        width_angstrom: eta of equation 2.1.
        saturation: Share of the darkest value from which everything is black (figure 2.1 of the thesis shows 0.6); 1 for none.
        clean_from: Pixels of at least this value are made white, 240 in the paper; above 255 for none.
    """

    pixels: int = 200
    pixel_angstrom: float = 0.125
    width_angstrom: float = 1.0
    saturation: float = 1.0
    clean_from: int = 240

    def __post_init__(self) -> None:
        """Check values that the schema cannot.

        Raises:
            ValueError: If a number makes no image.
        """
        if self.pixels < 8 or not (self.pixel_angstrom > 0 and self.width_angstrom > 0 and 0 < self.saturation <= 1):
            raise ValueError(f"{self}: give at least 8 pixels, lengths above 0, and a saturation above 0 and at most 1")

    @property
    def side_angstrom(self) -> float:
        """Length of an image's side."""
        return self.pixels * self.pixel_angstrom


def project(
    atoms: Atoms, orientations: np.ndarray, settings: ImageSettings, *, shifts_angstrom: np.ndarray | None = None
) -> np.ndarray:
    """Equation 2.1, not scaled; the middle of the atoms, weighted as they are seen, is the middle of the image.

    A Gaussian of two coordinates is a product of two of one, so that an image is a product of two matrices.

    Args:
        atoms: A structure.
        orientations: Rotations from the cluster's axes to the image's, shape (n, 3, 3).
        settings: Size of the images and width of the Gaussians.
        shifts_angstrom: Of the middle, along columns and rows, shape (n, 2); none by default.

    Returns:
        Shape (n, pixels, pixels), float64; rows run along the second of an orientation's rows, columns along the first.

    Raises:
        StructureError: If an atom lies outside of an image.
    """
    weights = atoms.numbers.astype(float) ** POWER
    centred = atoms.positions - np.average(atoms.positions, axis=0, weights=weights)
    reach = float(np.linalg.norm(centred, axis=1).max())
    if reach > settings.side_angstrom / 2:
        raise StructureError(
            f"atoms reach {reach:.1f} angstrom from the middle, and the image ends at {settings.side_angstrom / 2:.1f}; "
            f"take pixels of at least {2 * reach / settings.pixels:.3f} angstrom, or more of them"
        )
    along = (np.arange(settings.pixels) - (settings.pixels - 1) / 2) * settings.pixel_angstrom
    shifts = np.zeros((len(orientations), 2)) if shifts_angstrom is None else shifts_angstrom
    images = np.empty((len(orientations), settings.pixels, settings.pixels))
    for first in range(0, len(orientations), BATCH):
        places = orientations[first : first + BATCH, :2] @ centred.T + shifts[first : first + BATCH, :, None]
        x, y = (np.exp(-(((along - places[:, axis, :, None]) / settings.width_angstrom) ** 2)) for axis in (0, 1))
        images[first : first + BATCH] = (y * weights[:, None]).transpose(0, 2, 1) @ x
    return images


def eight_bits(projected: np.ndarray, *, saturation: float = 1.0, clean_from: int = 240) -> np.ndarray:
    """Projections as 8-bit images, turned round: 0 is background, 255 the darkest place of each.

    Args:
        projected: Shape (n, pixels, pixels), not negative.
        saturation: Share of the largest value from which everything is black.
        clean_from: Values (255 is white) that are made white from here on.

    Returns:
        Shape (n, pixels, pixels), float32, whole numbers; an image without anything is all 0.
    """
    largest = projected.max(axis=(1, 2), keepdims=True) * saturation
    share = np.minimum(projected / np.where(largest > 0, largest, 1.0), 1.0)
    shade = np.rint(WHITE * (1 - share))
    return np.where(shade >= clean_from, 0.0, WHITE - shade).astype(np.float32)


def simulated_images(atoms: Atoms, orientations: np.ndarray, settings: ImageSettings) -> np.ndarray:
    """Images as they are compared: projected, scaled to 8 bits, cleaned and turned round, shape (n, pixels, pixels), float32."""
    return eight_bits(
        project(atoms, orientations, settings), saturation=settings.saturation, clean_from=settings.clean_from
    )
