"""How alike two images are through wavelets (equation 2.5 of the thesis; doi:10.1109/ICASSP.2005.1415469), over rotations.

S = (2 sum |x_i||y_i| + K) / (sum x_i^2 + sum y_i^2 + K) * (2 |sum x_i y_i| + K) / (2 sum |x_i y_i| + K), averaged over widths. Since
|x_i y_i| = |x_i||y_i|, the first numerator is the second denominator, and what is left,

    S = (2 |sum x_i y_i| + K) / (sum x_i^2 + sum y_i^2 + K),

needs of two images nothing but the product of their transforms and the square of each. All products of all rotated particles with all
images are then one product of two matrices for each width.
"""

from dataclasses import dataclass, field

import numpy as np

from auric.errors import InputError
from auric.microscopy.turning import Turner, angles
from auric.microscopy.wavelets import Form, default_widths, transform

STABILISER = 0.01
"""K of equation 2.5."""
BATCH_BYTES = 150_000_000
"""Rotated particles held at a time."""


@dataclass(frozen=True)
class ComparisonSettings:
    """How images are compared.

    Attributes:
        rotations: Of each particle over the whole turn.
        widths_pixels: Of the wavelets; empty for the ten of the thesis at the images' size.
        form: Of the wavelet.
    """

    rotations: int = 50
    widths_pixels: tuple[float, ...] = ()
    form: Form = "paper"

    def widths(self, pixels: int) -> tuple[float, ...]:
        """Those to use for images of this size."""
        return tuple(self.widths_pixels) or default_widths(pixels)


@dataclass(frozen=True)
class Matches:
    """How alike particles and images are, at the best of all rotations.

    Attributes:
        similarity: Equation 2.5, averaged over widths, shape (particles, images).
        angle_degree: By which the particle is rotated there.
        correlation: Normalised cross-correlation at its own best rotation.
        correlation_angle_degree: That rotation.
    """

    similarity: np.ndarray
    angle_degree: np.ndarray
    correlation: np.ndarray = field(repr=False)
    correlation_angle_degree: np.ndarray = field(repr=False)


def wavelet_similarity(x: np.ndarray, y: np.ndarray, *, stabiliser: float = STABILISER) -> float:
    """Equation 2.5 as it is printed, of two transformed images.

    Args:
        x: Values of one, any shape, real or complex.
        y: Values of the other at the same places.
        stabiliser: K.

    Returns:
        Between 0 and 1.

    Raises:
        ValueError: If the shapes differ.
    """
    if x.shape != y.shape:
        raise ValueError(f"transformed images have the shapes {x.shape} and {y.shape}; compare like places")
    sizes = np.abs(x) * np.abs(y)
    energies = np.sum(np.abs(x) ** 2) + np.sum(np.abs(y) ** 2)
    inner = np.abs(np.sum(x * np.conj(y)))
    first = (2 * sizes.sum() + stabiliser) / (energies + stabiliser)
    return float(first * (2 * inner + stabiliser) / (2 * sizes.sum() + stabiliser))


def match(particles: np.ndarray, images: np.ndarray, settings: ComparisonSettings | None = None) -> Matches:
    """Compare every particle, at every rotation, with every image.

    Args:
        particles: Shape (n, pixels, pixels); dark is large, background zero.
        images: Shape (m, pixels, pixels), likewise.
        settings: Rotations and wavelets.

    Raises:
        InputError: If there is nothing to compare, sizes differ, or a particle is blank or not finite.
    """
    settings = settings or ComparisonSettings()
    _check(particles, images)
    pixels = images.shape[-1]
    turner = Turner(pixels, settings.rotations)
    turning = len(particles), settings.rotations, len(images)
    total, widths = np.zeros(turning, np.float32), settings.widths(pixels)
    particles, images = particles.astype(np.float32), images.astype(np.float32)
    for width in widths:
        seen = transform(images, width, settings.form)[:, turner.inside]
        ours = transform(particles, width, settings.form)
        for rows, turned in _turned(turner, ours):
            total[rows] += _similarities(turned, seen)
    total /= len(widths)
    best, at = _best(total, settings.rotations)
    flat = _standardised(images[:, turner.inside])
    for rows, turned in _turned(turner, particles):
        total[rows] = (_standardised(turned).reshape(-1, flat.shape[1]) @ flat.T).reshape(total[rows].shape)
    return Matches(best, at, *_best(total, settings.rotations))


def _turned(turner: Turner, particles: np.ndarray) -> "list[tuple[slice, np.ndarray]]":
    """Rotated particles, some at a time."""
    each = turner.rotations * int(turner.inside.sum()) * 4
    size = max(1, BATCH_BYTES // each)
    return ((slice(k, k + size), turner(particles[k : k + size])) for k in range(0, len(particles), size))  # type: ignore[return-value]


def _similarities(turned: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Equation 2.5 in its short form, shape (particles, rotations, images)."""
    flat = turned.reshape(-1, turned.shape[-1])
    inner = np.abs(flat @ seen.T)
    energies = _squares(flat)[:, None] + _squares(seen)[None, :]
    return np.asarray((2 * inner + STABILISER) / (energies + STABILISER)).reshape(*turned.shape[:2], -1)


def _squares(rows: np.ndarray) -> np.ndarray:
    return np.einsum("ij,ij->i", rows, rows).astype(np.float32)


def _standardised(rows: np.ndarray) -> np.ndarray:
    """Rows with mean zero and length one; even rows become zero."""
    centred = rows - rows.mean(axis=-1, keepdims=True)
    length = np.linalg.norm(centred, axis=-1, keepdims=True)
    return np.asarray(centred / np.where(length > 0, length, 1.0))


def _best(total: np.ndarray, rotations: int) -> tuple[np.ndarray, np.ndarray]:
    at = total.argmax(axis=1)
    best = np.take_along_axis(total, at[:, None], axis=1)[:, 0]
    return best.astype(float), angles(rotations)[at]


def _check(particles: np.ndarray, images: np.ndarray) -> None:
    for name, stack in (("particles", particles), ("images", images)):
        if stack.ndim != 3 or not len(stack) or stack.shape[1] != stack.shape[2]:
            raise InputError(f"{name} have the shape {stack.shape}; give at least one square image, (n, pixels, pixels)")
        if not np.isfinite(stack).all():
            raise InputError(f"{name} hold values that are not finite; correct the images they come from")
    if particles.shape[1:] != images.shape[1:]:
        raise InputError(
            f"particles have {particles.shape[-1]} pixels and images {images.shape[-1]} a side; bring both to one size"
        )
    if blank := np.flatnonzero(particles.reshape(len(particles), -1).std(axis=1) == 0).tolist():
        raise InputError(f"particle {blank[0]} is blank; leave it out")
