"""How alike two images are through wavelets (equation 2.5 of the thesis; doi:10.1109/ICASSP.2005.1415469), over rotations.

S = (2 sum |x_i||y_i| + K) / (sum x_i^2 + sum y_i^2 + K) * (2 |sum x_i y_i| + K) / (2 sum |x_i y_i| + K), averaged over widths. Since
|x_i y_i| = |x_i||y_i|, the first numerator is the second denominator, and what is left,

    S = (2 |sum x_i y_i| + K) / (sum x_i^2 + sum y_i^2 + K),

which needs of two images nothing but the product of their transforms and the square of each. All products of all rotated particles with all
images are then one product of two matrices for each width.

S depends on how dark a particle is beside an image, and noise makes it darker. With each particle at the scale where S is greatest the sum
of squares becomes 2 sqrt(sum x_i^2 sum y_i^2), and S the cosine between both transforms: measure `scaled`.

Measure `ssim` has no such product. It is evaluated by scikit-image for each particle and image once, at the rotation where their
cross-correlation is highest.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from auric.errors import InputError, suggestion
from auric.microscopy.structural import structural_similarity
from auric.microscopy.turning import Turner, angles
from auric.microscopy.wavelets import FORMS, Form, default_widths, transform

Measure = Literal["scaled", "zero_mean", "paper", "correlation", "ssim"]
MEASURES: tuple[Measure, ...] = ("scaled", "zero_mean", "paper", "correlation", "ssim")
"""Equation 2.5 with wavelets of mean zero and each width at its best scale, with the images' own scale, with the wavelets of equation 2.4;
plain normalised cross-correlation; structural similarity in sliding windows."""
FORM_OF: dict[str, Form] = {"scaled": "zero_mean", "zero_mean": "zero_mean", "paper": "paper"}
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
        measures: Which of `MEASURES`; by the first, images are chosen from which orientations are refined.
        starts: How many images of each candidate; 0 refines nothing.
    """

    rotations: int = 50
    widths_pixels: tuple[float, ...] = ()
    measures: tuple[Measure, ...] = MEASURES
    starts: int = 2

    def widths(self, pixels: int) -> tuple[float, ...]:
        """Those to use for images of this size."""
        return tuple(self.widths_pixels) or default_widths(pixels)


@dataclass(frozen=True)
class Match:
    """How alike particles and images are by one measure, at the best of all rotations.

    Attributes:
        similarity: Shape (particles, images).
        angle_degree: By which the particle is rotated there, as `numpy.rot90` rotates by 90; same shape.
    """

    similarity: np.ndarray
    angle_degree: np.ndarray


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


def match(particles: np.ndarray, images: np.ndarray, settings: ComparisonSettings | None = None) -> dict[str, Match]:
    """Compare every particle, at every rotation, with every image.

    Args:
        particles: Shape (n, pixels, pixels); dark is large, background zero.
        images: Shape (m, pixels, pixels), likewise.
        settings: Rotations, wavelets and measures.

    Returns:
        By measure.

    Raises:
        InputError: If there is nothing to compare, sizes differ, an unknown measure is asked for, or a particle is blank or not finite.
    """
    settings = settings or ComparisonSettings()
    _check(particles, images, settings.measures)
    turner = Turner(images.shape[-1], settings.rotations)
    particles, images = particles.astype(np.float32), images.astype(np.float32)
    found: dict[str, np.ndarray] = {}
    for form in FORMS:
        wanted = [measure for measure in settings.measures if FORM_OF.get(measure) == form]
        if wanted:
            found |= _through_wavelets(turner, particles, images, form, wanted, settings)
    if {"correlation", "ssim"} & set(settings.measures):
        found["correlation"] = _correlated(turner, particles, images)
    best = {measure: _best(total, settings.rotations) for measure, total in found.items()}
    if "ssim" in settings.measures:
        best["ssim"] = _structural(turner, particles, images, best["correlation"].angle_degree)
    return {measure: best[measure] for measure in settings.measures}


def _through_wavelets(
    turner: Turner, particles: np.ndarray, images: np.ndarray, form: Form, measures: Sequence[str], settings: ComparisonSettings
) -> dict[str, np.ndarray]:  # fmt: skip
    """Similarities by measures of one form of the wavelet, shape (particles, rotations, images) each."""
    shape = (len(particles), settings.rotations, len(images))
    total = {measure: np.zeros(shape, np.float32) for measure in measures}
    widths = settings.widths(turner.pixels)
    for width in widths:
        seen = transform(images, width, form)[:, turner.inside]
        theirs = _squares(seen)
        for rows, turned in _turned(turner, transform(particles, width, form)):
            ours = _squares(turned)[..., None]
            inner = np.abs(turned.reshape(-1, seen.shape[1]) @ seen.T).reshape(*turned.shape[:2], -1)
            for measure in measures:
                energies = 2 * np.sqrt(ours * theirs) if measure == "scaled" else ours + theirs
                total[measure][rows] += (2 * inner + STABILISER) / (energies + STABILISER) / len(widths)
    return total


def _correlated(turner: Turner, particles: np.ndarray, images: np.ndarray) -> np.ndarray:
    flat = _standardised(images[:, turner.inside])
    return np.concatenate(
        [
            (_standardised(turned).reshape(-1, flat.shape[1]) @ flat.T).reshape(*turned.shape[:2], -1)
            for _, turned in _turned(turner, particles)
        ]
    )


def _structural(turner: Turner, particles: np.ndarray, images: np.ndarray, angle_degree: np.ndarray) -> Match:
    """SSIM of every particle and image at given rotations, shape (particles, images)."""
    seen = images[:, turner.inside]
    places = np.rint(angle_degree * turner.rotations / 360).astype(int)
    rows = [
        structural_similarity(one[at], seen, turner.inside)
        for which, turned in _turned(turner, particles)
        for one, at in zip(turned, places[which], strict=True)
    ]
    return Match(np.array(rows), angle_degree)


def _best(total: np.ndarray, rotations: int) -> Match:
    at = total.argmax(axis=1)
    best = np.take_along_axis(total, at[:, None], axis=1)[:, 0]
    return Match(best.astype(float), angles(rotations)[at])


def _turned(turner: Turner, particles: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """Rotated particles, some at a time."""
    each = turner.rotations * int(turner.inside.sum()) * 4
    size = max(1, BATCH_BYTES // each)
    for first in range(0, len(particles), size):
        yield slice(first, first + size), turner(particles[first : first + size])


def _squares(rows: np.ndarray) -> np.ndarray:
    """Sums in double precision; those of single precision lose the sixth digit over an image."""
    return np.asarray(np.einsum("...i,...i->...", rows, rows, dtype=np.float64), np.float32)


def _standardised(rows: np.ndarray) -> np.ndarray:
    """Rows with mean zero and length one; even rows become zero."""
    centred = rows - rows.mean(axis=-1, keepdims=True, dtype=np.float64).astype(np.float32)
    length = np.sqrt(_squares(centred))[..., None]
    return np.asarray(centred / np.where(length > 0, length, 1.0))


def _check(particles: np.ndarray, images: np.ndarray, measures: Sequence[str]) -> None:
    if unknown := [measure for measure in measures if measure not in MEASURES]:
        raise InputError(f"there is no measure '{unknown[0]}'; {suggestion(unknown[0], MEASURES)}")
    for name, stack in (("particles", particles), ("images", images)):
        if stack.ndim != 3 or not len(stack) or stack.shape[1] != stack.shape[2]:
            raise InputError(
                f"{name} have the shape {stack.shape}; give at least one square image, (n, pixels, pixels)"
            )
        if not np.isfinite(stack).all():
            raise InputError(f"{name} hold values that are not finite; correct the images they come from")
    if particles.shape[1:] != images.shape[1:]:
        raise InputError(
            f"particles have {particles.shape[-1]} pixels and images {images.shape[-1]} a side; bring both to one size"
        )
    if blank := np.flatnonzero(particles.reshape(len(particles), -1).std(axis=1) == 0).tolist():
        raise InputError(f"particle {blank[0]} is blank; leave it out")
