"""Particles of a micrograph as they are compared: cut out, brought to one size, background cut away, centred and turned round."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy import ndimage

from auric.errors import InputError
from auric.microscopy.projection import WHITE

Contrast = Literal["dark", "bright"]
LEAST_PIXELS = 16
DARKEST_SHARE = 0.999
"""Of the pixels of a smoothed particle; what is darker is as dark as can be."""
CENTRINGS, CENTRED_PIXELS = 6, 0.1
"""A particle is cut out again about the middle found so often, until that moves no more."""
CALM_ANGSTROM, CLEARLY_DARK = 0.7, 0.3
"""The middle is that of pixels darker than a share of the darkest, after a Gaussian of this width."""
SHADES = 8
"""Fewer different values than this make no picture."""
SATURATED_SHARE = 0.5
OPPOSITE = 3.0
"""What is brighter than the median by so many times what the darkest place is darker (bright particles: the other way round) is no fringe
of a particle, and would make its own surroundings look like particles."""
BACKGROUND_RING = 1.15
"""The background is looked at from the cutting circle to so many times its radius."""


@dataclass(frozen=True)
class ParticleSettings:
    """How particles are made of a micrograph.

    Attributes:
        pixels: Along a side of a particle's image.
        pixel_angstrom: Length of its pixels.
        radius_angstrom: Of the circle outside of which everything is background.
        edge_angstrom: Standard deviation of the Gaussian that softens its edge.
        contrast: Whether atoms are dark or bright in the micrograph.
        smooth_angstrom: Standard deviation of a Gaussian over the particle, against noise; 0 for none.
    """

    pixels: int
    pixel_angstrom: float
    radius_angstrom: float
    edge_angstrom: float = 0.5
    contrast: Contrast = "dark"
    smooth_angstrom: float = 0.0


@dataclass(frozen=True)
class Particle:
    """One particle, ready to be compared.

    Attributes:
        image: Shape (pixels, pixels), float32; background 0, the darkest place about 255.
        noise: Standard deviation of the background on the same scale.
        contrast: How much darker the darkest place is than the background, as a share of the background; NaN where that is not positive.
        shift_angstrom: From the position given to the middle found, along columns and rows.
        clear: How far the darkest place is darker than what lies outside the circle, in standard deviations of that, both slightly smoothed
            (whatever `ParticleSettings.smooth_angstrom`).
        noise_left: As `noise`, after `ParticleSettings.smooth_angstrom`: that of the image.
    """

    image: np.ndarray
    noise: float
    contrast: float
    shift_angstrom: tuple[float, float]
    clear: float
    noise_left: float


def prepare_particle(
    micrograph: np.ndarray, x: float, y: float, pixel_angstrom: float, settings: ParticleSettings
) -> Particle:
    """Cut out one particle and make it comparable.

    Args:
        micrograph: Values of one channel, shape (rows, columns).
        x: Column of its middle.
        y: Row of its middle.
        pixel_angstrom: Length of the micrograph's pixels.
        settings: Size, circle and contrast.

    Raises:
        InputError: If the particle lies over the edge, or its piece is blank, saturated, not finite, or hardly above the noise.
    """
    where = f"particle at column {x:g}, row {y:g}"
    scale = settings.pixel_angstrom / pixel_angstrom
    reach = settings.radius_angstrom * BACKGROUND_RING / pixel_angstrom
    rows, columns = micrograph.shape
    if not (reach <= x + 0.5 <= columns - reach + 0.5 and reach <= y + 0.5 <= rows - reach + 0.5):
        raise InputError(
            f"{where}: its circle of {2 * reach:.0f} pixels crosses the edge of an image of {columns} x {rows}; "
            "leave it out, or check the pixel size and the radius"
        )
    around = reach + settings.pixels * scale  # all that is looked at, wherever the middle is found
    values = _piece(micrograph, x, y, around).astype(float)
    left, top = max(0, int(np.floor(x - around))), max(0, int(np.floor(y - around)))
    _check_finite(values, f"{where}: ", left, top)
    _check_piece(_piece(micrograph, x, y, reach), where)
    x, y = x - left, y - top
    if scale > 1:  # what a larger pixel gathers
        values = ndimage.gaussian_filter(values, 0.5 * np.sqrt(scale**2 - 1))
    steps = (np.arange(settings.pixels) - (settings.pixels - 1) / 2) * settings.pixel_angstrom
    distance = np.hypot(steps[:, None], steps[None, :])
    middle = np.zeros(2)
    for _ in range(CENTRINGS):
        at_x, at_y = (x, y) + middle / pixel_angstrom
        cut = _cut(_sampled(values, at_x, at_y, scale, settings.pixels), distance, settings)
        moved = _middle(cut.image, steps, settings)
        if not cut.image.any() or np.hypot(*moved) < CENTRED_PIXELS * settings.pixel_angstrom:
            break
        middle += moved
    if not cut.image.any():
        raise InputError(
            f"{where}: nothing stands out from the background; is the contrast '{settings.contrast}' right?"
        )
    return replace(cut, shift_angstrom=(float(middle[0]), float(middle[1])))


def _middle(image: np.ndarray, steps: np.ndarray, settings: ParticleSettings) -> np.ndarray:
    """Middle of what is clearly dark, along columns and rows; noise fills the circle evenly and would hold it where it is."""
    calm = ndimage.gaussian_filter(image, CALM_ANGSTROM / settings.pixel_angstrom)
    weight = np.where(calm > CLEARLY_DARK * calm.max(), calm, 0.0)
    total = max(float(weight.sum()), 1e-12)
    return np.array([(weight * steps[None, :]).sum(), (weight * steps[:, None]).sum()]) / total


def _piece(micrograph: np.ndarray, x: float, y: float, reach: float) -> np.ndarray:
    low, high = int(np.floor(y - reach)), int(np.ceil(y + reach)) + 1
    left, right = int(np.floor(x - reach)), int(np.ceil(x + reach)) + 1
    return micrograph[max(0, low) : high, max(0, left) : right]


def _check_finite(values: np.ndarray, where: str = "", left: int = 0, top: int = 0) -> None:
    """A single such value would spread over all that is interpolated; `left` and `top` are where the values begin in the image."""
    if not (bad := np.argwhere(~np.isfinite(values))).size:
        return
    row, column = bad[0]
    raise InputError(
        f"{where}values that are not finite ({len(bad)}, the first at column {left + column}, row {top + row}); "
        "export the image again"
    )


def _check_piece(piece: np.ndarray, where: str) -> None:
    if min(piece.shape) < LEAST_PIXELS:
        raise InputError(
            f"{where}: {piece.shape[1]} x {piece.shape[0]} pixels are too few; at least {LEAST_PIXELS} are needed "
            "across the circle, so check the pixel size and the radius"
        )
    values, counts = np.unique(piece, return_counts=True)
    if len(values) == 1:
        raise InputError(f"{where}: the image is blank there; correct the position")
    ends = max(counts[0], counts[-1]) / piece.size
    if len(values) < SHADES or ends > SATURATED_SHARE:
        raise InputError(
            f"{where}: {len(values)} different values, {100 * ends:.0f} % of them at one end: the image is saturated; "
            "export it with its whole range"
        )


def _sampled(values: np.ndarray, x: float, y: float, scale: float, pixels: int) -> np.ndarray:
    steps = (np.arange(pixels) - (pixels - 1) / 2) * scale
    places = np.meshgrid(y + steps, x + steps, indexing="ij")
    return np.asarray(ndimage.map_coordinates(values, places, order=3, mode="nearest"))


def _spread(values: np.ndarray) -> float:
    """Standard deviation by the median deviation."""
    return 1.4826 * float(np.median(np.abs(values - np.median(values))))


def _calm(darker: np.ndarray, settings: ParticleSettings) -> np.ndarray:
    return np.asarray(ndimage.gaussian_filter(darker, max(1.0, 0.4 / settings.pixel_angstrom)))


def _clear(calm: np.ndarray, inside: np.ndarray) -> float:
    spread = _spread(calm[~inside])
    above = float(np.quantile(calm[inside], DARKEST_SHARE) - np.median(calm[~inside]))
    return above / spread if spread > 0 else float("inf")


def _cut(piece: np.ndarray, distance: np.ndarray, settings: ParticleSettings) -> Particle:
    """Turn round and scale; outside of the circle there is nothing."""
    ring = (distance > settings.radius_angstrom) & (distance <= settings.radius_angstrom * BACKGROUND_RING)
    background = float(np.median(piece[ring]))
    darker = background - piece if settings.contrast == "dark" else piece - background
    noise = _spread(darker[ring])
    inside = distance <= settings.radius_angstrom
    clear = _clear(_calm(darker, settings), inside)
    if settings.smooth_angstrom:
        darker = ndimage.gaussian_filter(darker, settings.smooth_angstrom / settings.pixel_angstrom)
    left = _spread(darker[~inside]) if settings.smooth_angstrom else noise
    darkest = float(np.quantile(_calm(darker, settings)[inside], DARKEST_SHARE))
    if darkest <= 0:
        return Particle(np.zeros(piece.shape, np.float32), noise, float("nan"), (0.0, 0.0), clear, left)
    soft = ndimage.gaussian_filter(inside.astype(float), settings.edge_angstrom / settings.pixel_angstrom)
    image = np.clip(darker * (WHITE / darkest), 0, 1.5 * WHITE) * soft
    contrast = darkest / background if background > 0 else float("nan")
    return Particle(
        image.astype(np.float32), noise * WHITE / darkest, contrast, (0.0, 0.0), clear, left * WHITE / darkest
    )


def find_particles(
    micrograph: np.ndarray,
    pixel_angstrom: float,
    *,
    radius_angstrom: float,
    contrast: Contrast = "dark",
    least: float = 5.0,
) -> np.ndarray:
    """Middles of particles: places darker (or brighter) than their surroundings, over a circle of the particle's size.

    Args:
        micrograph: Shape (rows, columns).
        pixel_angstrom: Length of a pixel.
        radius_angstrom: Of a particle.
        contrast: Whether particles are dark or bright.
        least: How far above the median a place must lie, in standard deviations (from the median deviation) of such places.

    Returns:
        Columns and rows, shape (n, 2), the clearest first; circles that cross the edge are left out.

    Raises:
        InputError: If no particle fits the micrograph, or a value of it is not finite.
    """
    _check_finite(micrograph)
    radius = radius_angstrom / pixel_angstrom
    if 2 * radius * BACKGROUND_RING >= min(micrograph.shape):
        raise InputError(
            f"particles of {2 * radius:.0f} pixels do not fit an image of {micrograph.shape[1]} x {micrograph.shape[0]}; "
            "check the pixel size and the radius"
        )
    values = micrograph.astype(float) * (-1 if contrast == "dark" else 1)
    level = float(np.median(values))
    values = np.where(values < level - OPPOSITE * (values.max() - level), level, values)
    seen = ndimage.gaussian_filter(values, radius / 2) - ndimage.gaussian_filter(values, 1.5 * radius)
    middle = float(np.median(seen))
    spread = 1.4826 * float(np.median(np.abs(seen - middle)))
    peaks = (seen == ndimage.maximum_filter(seen, int(2 * radius) | 1)) & (seen > middle + least * spread)
    rows, columns = np.nonzero(peaks)
    edge = int(np.ceil(radius * BACKGROUND_RING))
    kept = (np.minimum(rows, micrograph.shape[0] - 1 - rows) >= edge) & (
        np.minimum(columns, micrograph.shape[1] - 1 - columns) >= edge
    )
    order = np.argsort(-seen[rows[kept], columns[kept]], kind="stable")
    return np.column_stack([columns[kept], rows[kept]])[order].astype(float)
