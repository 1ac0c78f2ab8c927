"""Particles of one row of an experiment's table: at the place given, or wherever the micrograph shows some."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from auric.errors import InputError
from auric.microscopy.micrographs import PLAUSIBLE_ANGSTROM, read_micrograph
from auric.microscopy.particles import Particle, ParticleSettings, find_particles, prepare_particle
from auric.microscopy.sizes import size_angstrom

LEAST_CLEAR = 4.0
"""Standard deviations. Simulated particles of Au25 stand out by 4 or more at 1000 electrons/angstrom^2 and by 7 at ten times as many;
the darkest place of white noise by 2.3 to 3.8, once in hundreds of places by 4.2."""
MOST_MOVED = 0.5
"""Of the radius: what is found farther from a place given is another particle, or none."""
SAME = 0.5
"""Of the radius: middles nearer to each other than this are of one particle."""
NEAR_SIZE = (0.5, 1.8)
"""Size of a particle at a given place over that of the candidates, outside of which it is refused."""
FOUND_SIZE = (0.7, 1.5)
"""The same where particles are found. Sizes of single simulated particles scatter by 0.02 to 0.07 at 10 000 electrons/angstrom^2 and by
0.04 to 0.2 at a tenth of that; a round speck of half a particle's width has about 0.6."""
SEARCHES = 3
"""A micrograph is searched so often at most, each time without what was seen before."""


@dataclass(frozen=True)
class Placed:
    """A particle and where it was found.

    Attributes:
        particle: Ready to be compared.
        where: File and place given, for messages.
        middle: Column and row found, in pixels.
        pixel_angstrom: Length of these pixels.
        digest: Of the micrograph's values.
        relative_size: Size over that of the nearest candidate in size; 1 between the smallest and the largest.
    """

    particle: Particle
    where: str
    middle: tuple[float, float]
    pixel_angstrom: float
    digest: bytes
    relative_size: float


@dataclass(frozen=True)
class Field:
    """A micrograph, and how particles are made of it.

    Attributes:
        path: Of its file.
        values: Shape (rows, columns).
        digest: Of the values, by which copies of a file are known.
        pixel_angstrom: Length of a pixel.
        settings: Of the particles.
        sizes: Of the smallest and the largest candidate, in angstrom.
    """

    path: Path
    values: np.ndarray
    digest: bytes
    pixel_angstrom: float
    settings: ParticleSettings
    sizes: tuple[float, float]


def particles_of_row(
    row: Mapping[str, str], folder: Path, settings: ParticleSettings, sizes: tuple[float, float]
) -> tuple[list[Placed], list[str]]:
    """Particles of one row of the table.

    Args:
        row: Columns of the table.
        folder: Of the table.
        settings: Of the particles.
        sizes: Of the smallest and the largest candidate, in angstrom.

    Returns:
        The particles, and for each place found that cannot be used the reason.

    Raises:
        InputError: If the image cannot be used, states no pixel size, shows no particle, or the one at the place given cannot be used.
    """
    path = folder / row["image"]
    image = read_micrograph(path)
    digest = hashlib.sha256(np.ascontiguousarray(image.values).data).digest()
    field = Field(path, image.values, digest, _pixel(row, path, image.pixel_angstrom), settings, sizes)
    x, y = _number(row, "x_pixel", path), _number(row, "y_pixel", path)
    if (x is None) != (y is None):
        raise InputError(f"{path}: x_pixel or y_pixel is missing; give both, or neither to have particles found")
    if x is None or y is None:
        return _searched(field)
    return [_placed(field, x, y, NEAR_SIZE)], []


def twin(one: Placed, others: Sequence[Placed], radius_angstrom: float) -> str | None:
    """Why a particle must not count beside others: one of them is the same particle; None if none is.

    Args:
        one: The particle.
        others: Those that count already.
        radius_angstrom: Of a particle.
    """
    for other in others:
        apart = float(np.hypot(*np.subtract(one.middle, other.middle))) * one.pixel_angstrom
        if one.digest == other.digest and apart < SAME * radius_angstrom:
            return (
                f"{one.where}: the same particle as {other.where} ({apart:.1f} angstrom apart once centred); "
                "a particle counts once, keep one of them"
            )
    return None


def _searched(field: Field) -> tuple[list[Placed], list[str]]:
    """Particles found; what was seen is taken out and the rest searched again, since something very dark hides others."""
    found: list[Placed] = []
    reasons: list[str] = []
    seen = np.zeros((0, 2))
    values, reach = field.values, field.settings.radius_angstrom / field.pixel_angstrom
    for _ in range(SEARCHES):
        new = []
        for x, y in _found(field, values):
            if (np.hypot(*(seen - [x, y]).T) < reach).any():
                continue
            new.append((x, y))
            seen = np.vstack([seen, new[-1:]])
            try:
                found.append(_placed(field, x, y, FOUND_SIZE))
            except InputError as error:
                reasons.append(str(error))
        if not new:
            break
        values = _without(values, new, reach)
    if not len(seen):
        raise InputError(f"{field.path}: no particle stands out; give x_pixel and y_pixel, or check the contrast")
    return found, reasons


def _found(field: Field, values: np.ndarray) -> list[list[float]]:
    settings = field.settings
    try:
        places = find_particles(
            values, field.pixel_angstrom, radius_angstrom=settings.radius_angstrom, contrast=settings.contrast
        )
    except InputError as error:
        raise InputError(f"{field.path}: {error}") from None
    return list(places.tolist())


def _without(values: np.ndarray, places: Sequence[tuple[float, float]], reach: float) -> np.ndarray:
    """The image with circles about some places as bright as its median."""
    rows, columns = np.ogrid[: values.shape[0], : values.shape[1]]
    level, values = np.median(values), values.copy()
    for x, y in places:
        values[np.hypot(columns - x, rows - y) <= reach] = level
    return values


def _placed(field: Field, x: float, y: float, allowed: tuple[float, float]) -> Placed:
    """The particle at one place.

    Raises:
        InputError: If it cannot be used, hardly stands out, lies elsewhere, or has a size that fits no candidate.
    """
    pixel, settings = field.pixel_angstrom, field.settings
    where = f"{field.path}, particle at column {x:g}, row {y:g}"
    try:
        one = prepare_particle(field.values, x, y, pixel, settings)
    except InputError as error:
        raise InputError(f"{field.path}, {error}") from None
    if one.clear < LEAST_CLEAR:
        raise InputError(
            f"{where}: nothing stands out from the background there (by {one.clear:.1f} standard deviations; {LEAST_CLEAR:g} are needed); "
            "correct the position if you gave it"
        )
    middle = (x + one.shift_angstrom[0] / pixel, y + one.shift_angstrom[1] / pixel)
    moved = float(np.hypot(*one.shift_angstrom))
    if moved > MOST_MOVED * settings.radius_angstrom:
        raise InputError(
            f"{where}: what is nearest lies {moved:.1f} angstrom away, about column {middle[0]:.0f}, row {middle[1]:.0f}; "
            "correct the position if you gave it"
        )
    size = size_angstrom(one, settings.pixel_angstrom)
    relative = size / float(np.clip(size, *field.sizes))
    if not allowed[0] <= relative <= allowed[1]:
        raise InputError(
            f"{where}: with pixels of {pixel:g} angstrom it is {relative:.2f} times as large as the candidates; "
            "check the pixel size, or leave it out if it is dust"
        )
    return Placed(one, where, middle, pixel, field.digest, relative)


def _pixel(row: Mapping[str, str], path: Path, stated: float | None) -> float:
    """Length of a pixel by the table, or by the file where that cell is empty."""
    text = (row.get("pixel_angstrom") or "").strip()
    if not text and stated is None:
        raise InputError(
            f"{path}: states no length of a pixel that is a microscope's; give it in the column pixel_angstrom"
        )
    value = stated if not text else _float(text)
    least, most = PLAUSIBLE_ANGSTROM
    if value is None or not least <= value <= most:
        raise InputError(
            f"{path}: pixel_angstrom is {text[:40]}; give a length above 0 ({least:g} to {most:g} angstrom), or leave it empty"
        )
    return value


def _float(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


def _number(row: Mapping[str, str], name: str, path: Path) -> float | None:
    text = (row.get(name) or "").strip()
    if not text:
        return None
    if not np.isfinite(value := _float(text)):
        raise InputError(f"{path}: {name} is '{text[:40]}'; give a number, or leave it empty")
    return value
