"""Particles by the second image model: with noise, as a microscope would give them, or without, as it would show a structure."""

import numpy as np
from ase import Atoms

from auric.microscopy.particles import Particle, ParticleSettings, prepare_particle
from auric.microscopy.transfer import Microscope, counted, exit_wave, through_lens

FIELD = 1.35
"""Side of a simulated micrograph over that of a particle's image, so that circles do not cross its edge."""


def simulated_particle(
    atoms: Atoms, orientation: np.ndarray, microscope: Microscope, settings: ParticleSettings, *, dose: float, rng: np.random.Generator
) -> Particle:  # fmt: skip
    """One particle with the noise of counting, made comparable as an experimental one is.

    Args:
        atoms: The structure.
        orientation: Rotation (3, 3) from its axes to the image's.
        microscope: Electrons, lens and detector.
        settings: Of the particle.
        dose: Electrons per square angstrom.
        rng: Draws the noise.
    """
    intensity = _intensity(atoms, orientation, microscope, settings)
    values = counted(intensity, dose, settings.pixel_angstrom, rng, readout=microscope.readout_electrons)
    return _prepared(values, settings)


def noiseless_particle(
    atoms: Atoms, orientation: np.ndarray, microscope: Microscope, settings: ParticleSettings
) -> Particle:
    """The same by infinitely many electrons."""
    return _prepared(_intensity(atoms, orientation, microscope, settings), settings)


def _intensity(atoms: Atoms, orientation: np.ndarray, microscope: Microscope, settings: ParticleSettings) -> np.ndarray:
    pixels, pixel = int(np.ceil(FIELD * settings.pixels)), settings.pixel_angstrom
    wave = exit_wave(atoms, orientation, microscope, pixels=pixels, pixel_angstrom=pixel)
    return through_lens(wave, microscope, pixels=pixels, pixel_angstrom=pixel)


def _prepared(values: np.ndarray, settings: ParticleSettings) -> Particle:
    middle = (len(values) - 1) / 2
    return prepare_particle(values, middle, middle, settings.pixel_angstrom, settings)
