"""Orientations between those of the library, and what the second model shows there."""

import numpy as np
import pytest
from ase import Atoms
from scipy.spatial.transform import Rotation

from auric.microscopy import (
    ComparisonSettings,
    ImageSettings,
    Microscope,
    ParticleSettings,
    match,
    noiseless_particle,
    orientation_error,
    project,
    refined_fits,
    refined_orientation,
    simulated_particle,
)
from auric.microscopy.library import joined
from auric.microscopy.refinement import distinct, scaled_similarity

IMAGES = ImageSettings(pixels=48, pixel_angstrom=0.42)
PARTICLES = ParticleSettings(48, 0.42, 8.0)
ITSELF = np.eye(3)[None]


@pytest.fixture(scope="module")
def skewed():
    """Eight heavy atoms without any symmetry."""
    return Atoms("Au7Ag", np.random.default_rng(3).uniform(-4, 4, (8, 3)))


@pytest.mark.parametrize("axis", ["x", "y", "z"])
def test_orientation_and_place_are_found_from_nearby(skewed, axis):
    true = Rotation.random(rng=4).as_matrix()
    image = project(skewed, true[None], IMAGES, shifts_angstrom=np.array([[0.5, -0.3]]))[0]
    start = Rotation.from_euler(axis, 7, degrees=True).as_matrix() @ true
    found, correlation = refined_orientation(image, skewed, start, IMAGES)
    assert correlation == pytest.approx(1, abs=1e-3)
    assert orientation_error(found, true, ITSELF)[1] < 0.5
    assert np.allclose(found @ found.T, np.eye(3), atol=1e-9)
    other, worse = refined_orientation(3 * image + 7, skewed, start, IMAGES)
    assert np.allclose(other, found, atol=1e-6)
    assert worse == pytest.approx(correlation), "brightness and contrast do not count"


def test_a_search_never_ends_below_its_start(skewed, rng):
    image = project(skewed, Rotation.random(rng=1).as_matrix()[None], IMAGES)[0]
    for start in Rotation.random(5, rng=2).as_matrix():
        before = np.corrcoef(*(one.ravel() for one in (image, project(skewed, start[None], IMAGES)[0])))[0, 1]
        assert refined_orientation(image, skewed, start, IMAGES)[1] > before - 0.05
    noise = rng.normal(size=image.shape)
    assert refined_orientation(noise, skewed, start, IMAGES)[1] < 0.3


def test_structures_with_few_atoms_or_light_ones(rng):
    """One atom looks alike from everywhere; light atoms count where there are no others."""
    atom = Atoms("Au", [[0.0, 0.0, 0.0]])
    image = project(atom, ITSELF, IMAGES, shifts_angstrom=np.array([[1.0, 0.5]]))[0]
    assert refined_orientation(image, atom, np.eye(3), IMAGES)[1] == pytest.approx(1, abs=1e-3)
    carbon = Atoms("C3", [[0, 0, 0], [3.0, 0, 0], [0, 2.0, 0]])
    tilted = Rotation.from_euler("z", 8, degrees=True).as_matrix()
    image = project(carbon, tilted[None], IMAGES)[0]
    assert refined_orientation(image, carbon, np.eye(3), IMAGES)[1] == pytest.approx(1, abs=1e-3)


def test_orientations_that_are_one():
    turns = [Rotation.from_euler("y", angle, degrees=True).as_matrix() for angle in (0, 0.3, 1.0, 90, 90.2, 0.9)]
    assert distinct(turns) == [0, 2, 3]


def test_similarity_without_rotations_is_the_measure_scaled(rng):
    images = rng.uniform(0, 255, (3, 32, 32)).astype(np.float32)
    settings = ComparisonSettings(rotations=1, measures=("scaled",))
    told = scaled_similarity(images[0], images, settings.widths(32))
    assert told == pytest.approx(match(images[:1], images, settings)["scaled"].similarity[0], abs=1e-5)
    assert told[0] == pytest.approx(1)


def test_own_candidate_is_confirmed_and_a_foreign_one_is_not(candidates):
    libraries = candidates(IMAGES)
    rng, lens = np.random.default_rng(5), Microscope()
    turns = Rotation.random(4, rng=rng).as_matrix()
    made = np.array(
        [simulated_particle(libraries[1].atoms, one, lens, PARTICLES, dose=1e5, rng=rng).image for one in turns]
    )
    comparison = ComparisonSettings(rotations=30, measures=("scaled",), starts=3)
    found = match(made, joined(libraries)[0], comparison)["scaled"]
    fits = refined_fits(made, found, libraries, lens, PARTICLES, comparison)
    assert fits.similarity.shape == fits.start.shape == (4, 2)
    assert (fits.similarity[:, 1] > fits.similarity[:, 0] + 0.03).all()
    assert (fits.similarity[:, 1] > found.similarity[:, 40:].max(axis=1)).all()
    errors = [
        orientation_error(one, turn, libraries[1].operations)[1]
        for one, turn in zip(fits.orientation[:, 1], turns, strict=True)
    ]
    assert np.median(errors) < 4
    shown = noiseless_particle(libraries[1].atoms, fits.orientation[0, 1], lens, PARTICLES)
    assert scaled_similarity(made[0], shown.image[None], comparison.widths(48))[0] == pytest.approx(
        fits.similarity[0, 1]
    )
