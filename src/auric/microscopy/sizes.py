"""How large a particle is, told from noise, and how large those of the candidates are."""

from collections.abc import Sequence

import numpy as np
from scipy import ndimage
from scipy.special import ndtr

from auric.microscopy.imaging import noiseless_particle
from auric.microscopy.library import Library
from auric.microscopy.particles import Particle, ParticleSettings
from auric.microscopy.transfer import Microscope

CALM_ANGSTROM, DARK = 1.0, 0.3
"""What counts is darker than a share of the darkest, after a Gaussian of this width."""
LOOKS = 8
"""Directions from which a candidate is looked at."""
LEVELS = np.linspace(-4, 12, 1601)
"""Brightness in standard deviations of noise."""
CLIPPED = LEVELS * ndtr(LEVELS) + np.exp(-(LEVELS**2) / 2) / np.sqrt(2 * np.pi)
"""Mean of such brightness with normal noise, where nothing is less than 0 (as in a particle's image)."""


def size_angstrom(particle: Particle, pixel_angstrom: float) -> float:
    """Root mean square distance of what is dark from its middle; 0 where nothing is darker than noise makes it.

    Args:
        particle: As compared.
        pixel_angstrom: Length of its pixels.
    """
    image = particle.image
    calm = ndimage.gaussian_filter(image.astype(float), CALM_ANGSTROM / pixel_angstrom)
    if particle.noise_left > 0:
        level = calm / particle.noise_left
        calm = particle.noise_left * np.where(level < CLIPPED[-1], np.interp(level, CLIPPED, LEVELS), level)
    weight = np.where(calm > max(DARK * calm.max(), 0), calm, 0.0)
    if not (total := weight.sum()):
        return 0.0
    steps = (np.arange(len(image)) - (len(image) - 1) / 2) * pixel_angstrom
    spread = [
        (weight * along**2).sum() / total - ((weight * along).sum() / total) ** 2
        for along in (steps[None], steps[:, None])
    ]
    return float(np.sqrt(sum(spread)))


def candidate_sizes(
    libraries: Sequence[Library], settings: ParticleSettings, microscope: Microscope
) -> tuple[float, float]:
    """Sizes (angstrom) of the smallest and the largest candidate as the second image model shows them, medians over directions.

    Args:
        libraries: Of the candidates.
        settings: Of the particles.
        microscope: Electrons, lens and detector.
    """
    sizes = []
    for one in libraries:
        turns = one.orientations[:: max(1, len(one.orientations) // LOOKS)][:LOOKS]
        looks = [noiseless_particle(one.atoms, turn, microscope, settings) for turn in turns]
        sizes.append(float(np.median([size_angstrom(look, settings.pixel_angstrom) for look in looks])))
    return min(sizes), max(sizes)
