"""Ricker wavelets and what images look like through them.

`paper` is equation 2.4 of the thesis, 2 / (sqrt(3 beta) pi^(1/4)) (1 - r^2 / beta^2) exp(-r^2 / 2 beta^2), with the radial profile of the
wavelet in one dimension: its integral over the plane is not zero, so that it answers to even brightness too. `zero_mean`, with
1 - r^2 / 2 beta^2 and the same factor, is the negative Laplacian of a Gaussian, and does not.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from scipy import fft

Form = Literal["paper", "zero_mean"]
FORMS: tuple[Form, ...] = ("paper", "zero_mean")
REACH = 7.0
"""A wavelet ends at so many widths, where it has fallen to 1e-9 of its height."""
WIDTHS_AT_200_PIXELS = (5.0, 30.0)
NUMBER_OF_WIDTHS = 10


def default_widths(pixels: int) -> tuple[float, ...]:
    """The ten widths of the thesis, 5 to 30 pixels where a side has 200, and the same share of the side elsewhere."""
    return tuple(float(width) for width in np.linspace(*WIDTHS_AT_200_PIXELS, NUMBER_OF_WIDTHS) * pixels / 200)


def ricker(distance: np.ndarray, width: float, form: Form = "paper") -> np.ndarray:
    """The wavelet at distances from its middle.

    Args:
        distance: In pixels, any shape.
        width: beta of equation 2.4, in pixels.
        form: One of `FORMS`.

    Raises:
        ValueError: If the width is not positive, or there is no such form.
    """
    if not width > 0:
        raise ValueError(f"width {width}; wavelets need a width above 0 pixels")
    if form not in FORMS:
        raise ValueError(f"there is no form '{form}' of the wavelet; choose from {', '.join(FORMS)}")
    square = (distance / width) ** 2
    fall = square if form == "paper" else square / 2
    return np.asarray(2 / (np.sqrt(3 * width) * np.pi**0.25) * (1 - fall) * np.exp(-square / 2))


def transform(images: np.ndarray, width: float, form: Form = "paper") -> np.ndarray:
    """Images convolved with a wavelet; outside of an image there is nothing (zeros).

    Args:
        images: Shape (n, pixels, pixels); dark is large, background zero.
        width: Of the wavelet, in pixels.
        form: One of `FORMS`.

    Returns:
        Same shape and type.
    """
    pixels = images.shape[-1]
    reach = min(pixels - 1, int(np.ceil(REACH * width)))
    size = fft.next_fast_len(pixels + reach, real=True)
    steps = np.minimum(np.arange(size), size - np.arange(size)).astype(float)
    kernel = np.where(steps <= reach, steps, np.inf)
    squares = np.hypot(kernel[:, None], kernel[None, :])
    wave = ricker(np.where(np.isfinite(squares), squares, 0.0), width, form) * np.isfinite(squares)
    factor = fft.rfft2(wave).real.astype(images.dtype)
    return np.asarray(fft.irfft2(fft.rfft2(images, (size, size)) * factor, (size, size))[..., :pixels, :pixels])


def transforms(images: np.ndarray, widths: Sequence[float], form: Form = "paper") -> np.ndarray:
    """`transform` at several widths, shape (n, widths, pixels, pixels)."""
    return np.stack([transform(images, width, form) for width in widths], axis=1)
