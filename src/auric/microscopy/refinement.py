"""How a particle lies between the directions of the library, and how alike it is to what the microscope would show of a candidate there.

From the best images of a candidate, its orientation and place are changed by Levenberg's and Marquardt's steps (three angles, two shifts) until
the particle correlates best with the image of equation 2.1. The candidate is then imaged there by the second model, without noise and through
the same preparation as the particle, and both are compared by wavelets of mean zero at their best scale. What keeps a particle from its own
candidate is then noise and what the second model does not know, no longer the distance between directions and rotations that were tried, nor
how crude equation 2.1 is. A structure that is none of the candidates stands out from that.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from scipy.spatial.transform import Rotation

from auric.microscopy.directions import SEEN_FROM, turned_about_beam
from auric.microscopy.imaging import noiseless_particle
from auric.microscopy.library import Library
from auric.microscopy.particles import ParticleSettings
from auric.microscopy.projection import ImageSettings, project
from auric.microscopy.similarity import ComparisonSettings, Match, wavelet_similarity
from auric.microscopy.transfer import Microscope
from auric.microscopy.turning import circle
from auric.microscopy.wavelets import transforms

REFINED = "refined"
"""Name of this way to an answer, beside `auric.microscopy.similarity.MEASURES`."""
STEPS, TRIALS = 10, 4
"""Steps of a search at most, and how often each is shortened before the search ends."""
ANGLE_STEP, SHIFT_STEP = float(np.radians(0.05)), 0.002
"""For slopes (radian, angstrom)."""
LONGEST_TURN = 0.2
"""Of one step (radian)."""
LEAST_GAIN = 1e-5
"""A step that raises the correlation by less is the last."""
SAME_DEGREE = 0.5
"""Orientations nearer to each other than this are one."""
DAMPING, MORE, LESS = 1e-2, 5.0, 0.3
"""Of the steps at first, and what it is multiplied with after a step that failed and after one that did not."""


@dataclass(frozen=True)
class RefinedFits:
    """Every particle at its best place of every candidate.

    Attributes:
        similarity: To the second model's image there, shape (particles, candidates).
        orientation: Rotations, shape (particles, candidates, 3, 3).
        start: Image of the candidate from which the search went, shape (particles, candidates).
    """

    similarity: np.ndarray
    orientation: np.ndarray
    start: np.ndarray


def refined_orientation(
    particle: np.ndarray, atoms: Atoms, orientation: np.ndarray, settings: ImageSettings
) -> tuple[np.ndarray, float]:
    """Turn and shift a structure until its image by equation 2.1 correlates best with a particle, inside the circle.

    Args:
        particle: Shape (pixels, pixels); dark is large.
        atoms: The structure; its light atoms are left out if it has others.
        orientation: To start from, (3, 3).
        settings: Of the images.

    Returns:
        The orientation (3, 3), and the correlation there.
    """
    seen = atoms.numbers >= SEEN_FROM
    heavy, inside = atoms[seen] if seen.any() else atoms, circle(settings.pixels)
    target = _standardised(particle[inside].astype(float))
    turns = Rotation.from_rotvec(np.vstack([ANGLE_STEP * np.eye(3), np.zeros((2, 3))])).as_matrix()
    moves = np.vstack([np.zeros((3, 2)), SHIFT_STEP * np.eye(2)])
    lengths = np.r_[np.full(3, ANGLE_STEP), np.full(2, SHIFT_STEP)]

    def images(orientations: np.ndarray, shifts: np.ndarray) -> np.ndarray:
        return _standardised(project(heavy, orientations, settings, shifts_angstrom=shifts)[:, inside])

    shift, damping = np.zeros(2), DAMPING
    now = images(orientation[None], shift[None])[0]
    best = float(now @ target)
    for _ in range(STEPS):
        slopes = (images(turns @ orientation, shift + moves) - now) / lengths[:, None]
        uphill, curvature, gain = slopes @ target, abs(best) * slopes @ slopes.T, 0.0
        for _ in range(TRIALS):
            step = np.linalg.lstsq(curvature + damping * np.diag(np.diag(curvature)), uphill, rcond=None)[0]
            step *= min(1.0, LONGEST_TURN / max(float(np.linalg.norm(step[:3])), 1e-12))
            there, moved = Rotation.from_rotvec(step[:3]).as_matrix() @ orientation, shift + step[3:]
            then = images(there[None], moved[None])[0]
            gain = float(then @ target) - best
            if gain > 0:
                break
            damping *= MORE
        if gain <= 0:
            break
        orientation, shift, now, best, damping = there, moved, then, best + gain, damping * LESS
        if gain < LEAST_GAIN:
            break
    return orientation, best


def refined_fits(
    particles: np.ndarray, found: Match, libraries: Sequence[Library], microscope: Microscope, settings: ParticleSettings,
    comparison: ComparisonSettings,
) -> RefinedFits:  # fmt: skip
    """Refine every particle on every candidate from its best images, and keep the place that the second model confirms best.

    Args:
        particles: Shape (n, pixels, pixels).
        found: Matches with the images of all candidates, in the order of the libraries.
        libraries: The candidates.
        microscope: Of the second model.
        settings: Of the particles.
        comparison: Number of starts, and widths of the wavelets.
    """
    widths = comparison.widths(settings.pixels)
    similarity = np.empty((len(particles), len(libraries)))
    orientation = np.empty((*similarity.shape, 3, 3))
    start = np.empty(similarity.shape, int)
    first = 0
    for column, library in enumerate(libraries):
        mine = slice(first, first + len(library.images))
        first = mine.stop
        for row, particle in enumerate(particles):
            best = np.argsort(-found.similarity[row, mine], kind="stable")[: comparison.starts]
            angles = found.angle_degree[row, mine][best]
            places = [
                refined_orientation(
                    particle, library.atoms, turned_about_beam(library.orientations[k], angle), library.settings
                )[0]
                for k, angle in zip(best, angles, strict=True)
            ]
            kept = distinct(places)
            shown = [noiseless_particle(library.atoms, places[k], microscope, settings).image for k in kept]
            alike = scaled_similarity(particle, np.array(shown), widths)
            k = kept[int(alike.argmax())]
            similarity[row, column], orientation[row, column], start[row, column] = alike.max(), places[k], best[k]
    return RefinedFits(similarity, orientation, start)


def distinct(orientations: Sequence[np.ndarray]) -> list[int]:
    """Places of orientations without those within `SAME_DEGREE` of one before: searches often end where another did."""
    kept: list[int] = []
    for k, one in enumerate(orientations):
        cosines = [(np.trace(one.T @ orientations[other]) - 1) / 2 for other in kept]
        if all(cosine < np.cos(np.radians(SAME_DEGREE)) for cosine in cosines):
            kept.append(k)
    return kept


def scaled_similarity(particle: np.ndarray, images: np.ndarray, widths: Sequence[float]) -> np.ndarray:
    """Measure `scaled` of one particle and images as they lie, without rotations.

    Args:
        particle: Shape (pixels, pixels).
        images: Shape (n, pixels, pixels).
        widths: Of the wavelets (pixels).

    Returns:
        Shape (n,).
    """
    inside = circle(images.shape[-1])
    ours, *theirs = transforms(np.concatenate([particle[None], images]), widths, "zero_mean")[:, :, inside].astype(
        float
    )
    return np.array([
        np.mean([wavelet_similarity(x / np.linalg.norm(x) * np.linalg.norm(y), y) for x, y in zip(ours, one, strict=True)])
        for one in theirs
    ])  # fmt: skip


def _standardised(rows: np.ndarray) -> np.ndarray:
    """Rows with mean zero and length one."""
    centred = rows - rows.mean(axis=-1, keepdims=True)
    return np.asarray(centred / np.maximum(np.linalg.norm(centred, axis=-1, keepdims=True), 1e-12))
