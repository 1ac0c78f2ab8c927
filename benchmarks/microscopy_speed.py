"""Matching micrographs: ours against a plain loop at the paper's size, and how alike shifted images are.

The loop is the kindest one: transforms and rotated transforms are made before, and equation 2.5 is computed as printed for each particle,
rotation, image and width; a sample of pairs is timed and the rest reckoned. Processor time of one thread.
"""

import time
from typing import Any

import numpy as np
from ase import Atoms
from scipy import ndimage, signal
from scipy.spatial.transform import Rotation

from auric.microscopy import (
    ComparisonSettings,
    ImageSettings,
    Microscope,
    ParticleSettings,
    default_widths,
    eight_bits,
    make_library,
    match,
    orientations_along,
    project,
    refined_fits,
    ricker,
    simulated_images,
    simulated_particle,
    spread_directions,
    wavelet_similarity,
)
from auric.microscopy.library import joined
from auric.microscopy.similarity import Measure
from auric.microscopy.turning import angles, circle
from benchmarks.micrographs import (
    IMAGES,
    PAPER_DIRECTIONS,
    PAPER_PARTICLES,
    PAPER_PIXEL_ANGSTROM,
    PAPER_PIXELS,
    RADIUS_ANGSTROM,
    score_row,
)

SAMPLE = 24
"""Pairs of a rotated particle and an image that the loop is timed on, at all widths."""
USUAL: tuple[Measure, ...] = ("scaled", "zero_mean", "paper", "correlation")
"""Compared by in a study by default."""
SHIFTED = 50
"""Images that are shifted."""


def measure_speed(isomers: list[Atoms]) -> list[dict[str, Any]]:
    """The paper's size: 13 particles, 50 rotations, 400 images, ten widths, 200 pixels."""
    settings = ImageSettings(PAPER_PIXELS, PAPER_PIXEL_ANGSTROM)
    libraries = [make_library(atoms, directions=PAPER_DIRECTIONS, settings=settings) for atoms in isomers]
    images, _ = joined(libraries)
    rng = np.random.default_rng(5)
    wanted = ParticleSettings(settings.pixels, settings.pixel_angstrom, RADIUS_ANGSTROM)
    turns = Rotation.random(PAPER_PARTICLES, rng=rng).as_matrix()
    particles = np.array(
        [simulated_particle(isomers[0], one, Microscope(), wanted, dose=1e4, rng=rng).image for one in turns]
    )
    comparison = ComparisonSettings(measures=("paper",))
    started = time.process_time()
    found = match(particles, images, comparison)["paper"]
    ours = time.process_time() - started
    loop, error = _loop(particles, images, comparison, found.similarity, found.angle_degree, rng)
    n, data = len(particles) * comparison.rotations * len(images), "13 x 50 x 400 x 10, 200 pixels"
    rows = [
        score_row("seconds", "s", "ours", ours, n, "lower", data),
        score_row("seconds", "s", "loop, everything cached", loop, SAMPLE, "lower", data),
        score_row("similarity_speedup", "1", "against the loop", loop / ours, n, "higher", data),
        score_row("similarity_difference", "1", "largest, to the loop", error, SAMPLE, "lower", data),
    ]
    for measure in ("correlation", "ssim"):
        started = time.process_time()
        match(particles, images, ComparisonSettings(measures=(measure,)))
        rows.append(score_row("seconds", "s", f"{measure} alone", time.process_time() - started, n, "lower", data))
    started = time.process_time()
    match(particles, images, ComparisonSettings(measures=USUAL))
    usual = time.process_time() - started
    started = time.process_time()
    refined_fits(particles, found, libraries, Microscope(), wanted, comparison)
    refined = time.process_time() - started
    rows.append(
        score_row(
            "seconds",
            "s",
            "refined orientations, after a match",
            refined,
            len(particles) * len(libraries),
            "lower",
            data,
        )
    )
    every = f"{', '.join(USUAL)}, and refined orientations"
    return [*rows, score_row("seconds", "s", every, usual + refined, n, "lower", data)]


def measure_shifts(atoms: Atoms) -> list[dict[str, Any]]:
    """How similar an image is to itself once it is shifted along its rows."""
    rows, data = [], f"Au38 Q with itself, {IMAGES.pixel_angstrom:g} angstrom a pixel"
    turns = orientations_along(spread_directions(SHIFTED))
    still = simulated_images(atoms, turns, IMAGES)
    for pixels in (1, 2, 4):
        moved = project(
            atoms, turns, IMAGES, shifts_angstrom=np.tile([pixels * IMAGES.pixel_angstrom, 0.0], (SHIFTED, 1))
        )
        found = match(eight_bits(moved), still, ComparisonSettings(rotations=1))
        for measure, told in found.items():
            alike = np.diag(told.similarity)
            half = 1.96 * alike.std(ddof=1) / np.sqrt(SHIFTED)
            interval = {"ci_low": alike.mean() - half, "ci_high": alike.mean() + half}
            subject = f"{measure}: shifted by {pixels} pixel{'s' if pixels > 1 else ''}"
            rows.append(score_row("similarity", "1", subject, alike.mean(), SHIFTED, "higher", data) | interval)
    return rows


def _loop(
    particles: np.ndarray, images: np.ndarray, comparison: ComparisonSettings, best: np.ndarray, at: np.ndarray, rng: np.random.Generator
) -> tuple[float, float]:  # fmt: skip
    """Processor time of the whole loop, reckoned from a sample of best pairs, and the largest difference from ours there."""
    pixels = images.shape[-1]
    inside, widths = circle(pixels), default_widths(pixels)
    steps = np.arange(-pixels + 1, pixels, dtype=float)
    waves = [ricker(np.hypot(steps[:, None], steps[None]), width) for width in widths]
    middle = (pixels - 1) / 2
    rows, columns = np.mgrid[:pixels, :pixels] - middle
    seconds, errors = 0.0, []
    for _ in range(SAMPLE):
        p, k = int(rng.integers(len(particles))), int(rng.integers(len(images)))
        turn = np.radians(at[p, k])
        places = np.array([
            np.sin(turn) * columns + np.cos(turn) * rows + middle, np.cos(turn) * columns - np.sin(turn) * rows + middle
        ])  # fmt: skip
        pairs = []
        for wave in waves:
            ours, theirs = (
                signal.fftconvolve(one.astype(float), wave, mode="same") for one in (particles[p], images[k])
            )
            turned = ndimage.map_coordinates(ours, places, order=3, mode="mirror")
            pairs.append((turned[inside], theirs[inside]))
        started = time.process_time()
        similarity = np.mean([wavelet_similarity(x, y) for x, y in pairs])
        seconds += time.process_time() - started
        errors.append(abs(similarity - best[p, k]))
    return seconds / SAMPLE * len(particles) * len(angles(comparison.rotations)) * len(images), max(errors)
