"""Similarity against direct loops, ranks, and what is answered."""

import re
import subprocess
import sys
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest
from ase import Atoms
from PIL import Image
from scipy import ndimage, signal
from scipy.spatial.transform import Rotation

from auric.errors import InputError, StructureError
from auric.files import read_dataset
from auric.microscopy import (
    MEASURES,
    ComparisonSettings,
    ImageSettings,
    Microscope,
    ParticleSettings,
    calibrate,
    decide,
    default_widths,
    departure_from_line,
    expectation,
    make_library,
    match,
    moments,
    orientations_along,
    power_curve,
    probability_below,
    rank_scores,
    read_library,
    read_particle_table,
    ricker,
    rotation_matrix,
    simulated_experiment,
    simulated_images,
    simulated_particle,
    spread_directions,
    top_share,
    transform,
    turned_about_beam,
    wavelet_similarity,
)
from auric.microscopy.answers import nearest_cases, recommended_measure, write_answers, write_matches
from auric.microscopy.calibration import (
    CASE_COLUMNS,
    POWER_COLUMNS,
    conditions,
    error_of,
    margins,
    refused_shares,
    wilson,
    write_calibration,
)
from auric.microscopy.experiment import doubt_about_size, particles_of_table, read_experiment, write_experiment
from auric.microscopy.library import joined, read_libraries, write_library
from auric.microscopy.rows import particles_of_row, twin
from auric.microscopy.sizes import candidate_sizes, size_angstrom
from auric.microscopy.summary import summarise_microscopy
from auric.microscopy.turning import Turner, circle
from auric.microscopy.wavelets import transforms

PIXELS = 48
IMAGES = ImageSettings(pixels=PIXELS, pixel_angstrom=0.42)
PARTICLES = ParticleSettings(PIXELS, 0.42, 8.0)


@pytest.fixture(scope="module")
def libraries(candidates):
    return candidates(IMAGES)


@pytest.fixture(scope="module")
def particles(libraries):
    rng = np.random.default_rng(4)
    turns = Rotation.random(3, rng=rng).as_matrix()
    made = [
        simulated_particle(libraries[0].atoms, one, Microscope(), PARTICLES, dose=1e5, rng=rng).image for one in turns
    ]
    return np.array(made), turns


def test_wavelets_are_those_of_the_formula():
    assert ricker(np.zeros(1), 4.0)[0] == pytest.approx(2 / (12**0.5 * np.pi**0.25))
    assert ricker(np.array([4.0]), 4.0)[0] == pytest.approx(0, abs=1e-12)
    steps = np.arange(-60, 61, dtype=float)
    distance = np.hypot(steps[:, None], steps[None])
    assert abs(ricker(distance, 5.0, "zero_mean").sum()) < 1e-6
    factor = 2 / (15**0.5 * np.pi**0.25)
    assert ricker(distance, 5.0).sum() == pytest.approx(-2 * np.pi * 25 * factor, rel=1e-6), (
        "as printed its mean is not zero"
    )
    gauss = np.zeros((121, 121))
    gauss[60, 60] = 1
    laplacian = -ndimage.gaussian_laplace(gauss, 5.0, truncate=12)
    wave = ricker(distance, 5.0, "zero_mean")
    assert np.abs(laplacian / laplacian.max() - wave / wave.max()).max() < 1e-3
    with pytest.raises(ValueError, match="above 0"):
        ricker(distance, 0.0)
    with pytest.raises(ValueError, match="no form 'mexican'"):
        ricker(distance, 1.0, "mexican")
    assert np.allclose(default_widths(200), np.linspace(5, 30, 10))


@pytest.mark.parametrize("form", ["paper", "zero_mean"])
@pytest.mark.parametrize("width", [1.2, 7.2])
def test_transform_equals_direct_convolution(rng, form, width):
    image = rng.uniform(0, 255, (31, 31))
    steps = np.arange(-30, 31, dtype=float)
    wave = ricker(np.hypot(steps[:, None], steps[None]), width, form)
    direct = signal.convolve2d(image, wave, mode="same")
    assert np.allclose(transform(image[None], width, form)[0], direct, atol=1e-6 * np.abs(direct).max())
    assert transforms(image[None], (1.0, 2.0)).shape == (1, 2, 31, 31)


@pytest.mark.parametrize("pixels", [20, 21])
def test_rotations_equal_those_of_others(rng, pixels):
    image = rng.normal(size=(pixels, pixels))
    inside = circle(pixels)
    assert not inside[0, 0]
    assert np.array_equal(inside, np.rot90(inside))
    turner = Turner(pixels, 8)
    turned = turner(image[None].astype(np.float32))[0]
    for place, number in ((0, 0), (2, 1), (4, 2), (6, 3)):
        assert np.allclose(turned[place], np.rot90(image, number)[inside], atol=1e-5)
    theirs = ndimage.rotate(image, 45, reshape=False, order=3, mode="mirror")
    assert np.allclose(turned[1], theirs[inside], atol=1e-5)
    assert np.allclose(turned[5], np.rot90(theirs, 2)[inside], atol=1e-5)
    assert Turner(pixels, 3)(image[None].astype(np.float32)).shape == (1, 3, inside.sum())
    assert rotation_matrix(pixels, 30.0).shape == (inside.sum(), pixels**2)


def direct_loop(particles, images, rotations, form):
    """Equation 2.5 as printed, in double precision, pair by pair."""
    pixels = images.shape[-1]
    inside, widths = circle(pixels), default_widths(pixels)
    steps = np.arange(-pixels + 1, pixels, dtype=float)
    waves = [ricker(np.hypot(steps[:, None], steps[None]), width, form) for width in widths]
    result = np.zeros((len(particles), rotations, len(images)))
    seen = [[signal.fftconvolve(image, wave, mode="same")[inside] for wave in waves] for image in images.astype(float)]
    for p, particle in enumerate(particles.astype(float)):
        for wave_number, wave in enumerate(waves):
            response = signal.fftconvolve(particle, wave, mode="same")
            for r in range(rotations):
                turned = ndimage.rotate(response, 360 * r / rotations, reshape=False, order=3, mode="mirror")[inside]
                for k in range(len(images)):
                    result[p, r, k] += wavelet_similarity(turned, seen[k][wave_number]) / len(widths)
    return result


@pytest.mark.parametrize(("measure", "form"), [("paper", "paper"), ("zero_mean", "zero_mean")])
def test_matching_equals_a_direct_loop(particles, libraries, measure, form):
    images = libraries[0].images[:4]
    direct = direct_loop(particles[0][:2], images, 6, form)
    found = match(particles[0][:2], images, ComparisonSettings(rotations=6, measures=(measure,)))[measure]
    assert np.abs(found.similarity - direct.max(axis=1)).max() < 1e-6
    there = np.take_along_axis(direct, (found.angle_degree / 60).round().astype(int)[:, None], axis=1)[:, 0]
    assert np.abs(there - direct.max(axis=1)).max() < 1e-6, "two angles may be equally good, no other"


def test_correlation_and_scale(particles, libraries):
    images, inside = libraries[0].images[:4], circle(PIXELS)
    settings = ComparisonSettings(rotations=4, measures=("scaled", "correlation"))
    found = match(particles[0], images, settings)
    direct = [
        [max(np.corrcoef(np.rot90(p, k)[inside], image[inside])[0, 1] for k in range(4)) for image in images]
        for p in particles[0]
    ]
    assert np.allclose(found["correlation"].similarity, direct, atol=1e-5)
    again = match(3 * particles[0], images, settings)
    for measure in settings.measures:
        assert np.allclose(again[measure].similarity, found[measure].similarity, atol=1e-5)
    uneven = match(3 * particles[0], images, ComparisonSettings(rotations=4, measures=("zero_mean",)))["zero_mean"]
    assert (uneven.similarity <= found["scaled"].similarity + 1e-6).all()


def test_structural_similarity_is_that_of_scikit_image(particles, libraries, monkeypatch):
    """One call for each pair, at the rotation with the best correlation; corners are background in both."""
    from skimage import metrics

    images, inside = libraries[0].images[:4], circle(PIXELS)
    settings = ComparisonSettings(rotations=4, measures=("correlation", "ssim"))
    found = match(particles[0], images, settings)
    assert np.array_equal(found["ssim"].angle_degree, found["correlation"].angle_degree)
    for p, particle in enumerate(particles[0]):
        for k, image in enumerate(images):
            turned = np.rot90(particle, round(found["ssim"].angle_degree[p, k] / 90)) * inside
            _, seen = metrics.structural_similarity(turned, image * inside, data_range=255, full=True)
            assert found["ssim"].similarity[p, k] == pytest.approx(seen[inside].mean(), abs=2e-4)
    monkeypatch.setattr("auric.microscopy.structural.BATCH_PAIRS", 3)
    alone = match(particles[0], images, ComparisonSettings(rotations=4, measures=("ssim",)))
    assert list(alone) == ["ssim"], "correlation is a means here"
    assert np.allclose(alone["ssim"].similarity, found["ssim"].similarity, atol=1e-6), "pairs do not see each other"


def test_scikit_image_is_imported_only_when_asked_for():
    code = "import sys, auric.microscopy.answers; sys.exit('skimage' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_equal_images_are_alike_and_order_does_not_matter(libraries):
    images = libraries[0].images[:6]
    for told in match(images, images, ComparisonSettings(rotations=4)).values():
        assert np.allclose(np.diag(told.similarity), 1, atol=1e-5)
        assert np.allclose(told.similarity, told.similarity.T, atol=2e-5)
        assert (told.similarity <= 1 + 1e-5).all()
    x, y = images[0].astype(float), images[1].astype(float)
    assert wavelet_similarity(x, y) == pytest.approx(wavelet_similarity(y, x))
    assert wavelet_similarity(x, x) == 1
    assert wavelet_similarity(x * 1j, x) == pytest.approx(1)
    assert wavelet_similarity(np.zeros(3), np.zeros(3)) == 1
    with pytest.raises(ValueError, match="shapes"):
        wavelet_similarity(x, y[:4])


def test_similarity_falls_with_a_shift(libraries):
    image = libraries[0].images[0]
    for measure in MEASURES:
        told = [
            match(ndimage.shift(image, (0, shift))[None], image[None], ComparisonSettings(rotations=1, measures=(measure,)))[measure]
            .similarity[0, 0]
            for shift in (0, 1, 2, 4, 8)
        ]  # fmt: skip
        assert all(np.diff(told) < 0), measure
        assert told[1] > 0.8


def test_a_turned_particle_is_turned_back():
    atoms = Atoms("Au6", np.random.default_rng(3).uniform(-5, 5, (6, 3)))
    images = simulated_images(atoms, orientations_along(spread_directions(8)), IMAGES)
    found = match(np.array([np.rot90(images[5])]), images, ComparisonSettings(rotations=4))
    for told in found.values():
        assert told.similarity[0].argmax() == 5
        assert told.similarity[0, 5] == pytest.approx(1, abs=1e-5)
        assert told.angle_degree[0, 5] == 270


def test_nothing_senseless_is_compared(libraries):
    images = libraries[0].images
    for ours, theirs, settings, reason in (
        (images[:1, :40], images, None, "square image"),
        (images[:0], images, None, "at least one"),
        (images[:1, :40, :40], images, None, "40 pixels and images 48"),
        (np.full_like(images[:1], np.nan), images, None, "not finite"),
        (np.concatenate([images[:1], 0 * images[:1]]), images, None, "particle 1 is blank"),
        (images[:1], images, ComparisonSettings(measures=("scale",)), "Did you mean 'scaled'"),
    ):
        with pytest.raises(InputError, match=reason):
            match(ours, theirs, settings)


def test_rank_scores():
    similarity = np.array([[0.1, 0.5, 0.9, 0.3], [0.2, 0.6, 0.8, 0.4]])
    scores = rank_scores(similarity)
    assert np.allclose(scores, [0, 2 / 3, 1, 1 / 3])
    assert rank_scores(np.array([[0.5, 0.5]])).tolist() == [0.5, 0.5]
    assert departure_from_line(scores) == pytest.approx(
        np.abs(np.array([1, 2 / 3, 1 / 3, 0]) - [1, 0.75, 0.5, 0.25]).mean()
    )
    many = np.random.default_rng(1).normal(size=(300, 200))
    assert departure_from_line(rank_scores(many)) == pytest.approx(0.25, abs=0.03)
    assert departure_from_line(rank_scores(np.tile(many[0], (5, 1)))) < 0.003
    labels = np.array(["a"] * 100 + ["b"] * 100)
    count, chance = top_share(np.arange(200)[::-1].astype(float), labels, "a")
    assert count == 25
    assert chance < 1e-7
    rng = np.random.default_rng(2)
    drawn = [top_share(rng.permutation(200).astype(float), labels, "a")[0] for _ in range(2000)]
    count, chance = top_share(
        np.r_[np.arange(15.0) + 300, np.zeros(85), np.arange(10.0) + 300, np.zeros(90)], labels, "a"
    )
    assert count == 15
    assert chance == pytest.approx(np.mean(np.array(drawn) >= 15), abs=0.03), "permuted labels"
    with pytest.raises(ValueError, match="at least two images"):
        rank_scores(np.ones((3, 1)))


def test_probability_of_a_mean():
    rng = np.random.default_rng(3)
    told = []
    for _ in range(1500):
        known, new = rng.normal(size=12), rng.normal(size=3)
        told.append(probability_below(new.mean(), 3, moments(known)))
    assert np.mean(np.array(told) < 0.1) == pytest.approx(0.1, abs=0.025), "right for normal values"
    with pytest.raises(ValueError, match="at least two"):
        moments(np.ones(1))


def cases_of(right, wrong, names=("a", "b"), n=20, spread=0.01, dose=1e4, noise=10.0, measure="scaled"):
    rng, rows = np.random.default_rng(5), []
    for true in names:
        for case in range(n):
            for name in names:
                value = (right if name == true else wrong) + spread * rng.normal()
                here = noise * (1 + 0.02 * (case % 5 - 2))
                rows.append((true, dose, 60.0, case, here, measure, name, value, 4.0, 5.0))
    return pd.DataFrame(rows, columns=list(CASE_COLUMNS))


def test_answers_by_cases():
    cases = cases_of(0.8, 0.7)
    known = expectation(cases, ["a", "b"])
    ask = partial(decide, names=["a", "b"], known=known, noise=10.0, level=0.01)
    told = ask(np.array([[0.8, 0.7], [0.81, 0.7]]))
    assert (told["answer"], told["nearest"]) == ("a", "a")
    assert told["margin"] == pytest.approx(0.105)
    assert told["p_other"] == told["p_least"] == 1 / 21, "twenty cases tell no smaller one"
    assert told["p_fit"] > 0.5
    neither = ask(np.array([[0.7, 0.65]]))
    assert (neither["answer"], neither["nearest"], neither["p_fit"]) == ("neither", "a", 1 / 21)
    alone = decide(
        np.array([[0.8]]), ["a"], expectation(cases_of(0.8, 0.7, names=("a",)), ["a"]), noise=10.0, level=0.01
    )
    assert alone["answer"] == "a"
    assert alone["margin"] != alone["margin"]
    every, shared = (ask(np.full((13, 2), [0.785, 0.7]), shared=one) for one in (False, True))
    assert every["p_fit"] < shared["p_fit"], "particles that lie one way are one draw"
    assert margins(cases)["margin"].mean() == pytest.approx(0.1, abs=0.01)
    both = pd.concat([cases, cases_of(0.8, 0.75, measure="paper")])
    assert recommended_measure(both) == "scaled"
    assert recommended_measure(cases_of(0.8, 0.7, names=("a",))) == "scaled"
    alone = pd.concat([cases_of(0.8, 0.7, names=("a",), measure=one) for one in ("scaled", "refined")])
    assert recommended_measure(alone) == "refined"
    even = (
        cases.copy()
    )  # each case is as dark for both candidates: margins stay, and a foreign structure does not stand out
    even["similarity"] += even["case"] % 5 / 10
    assert recommended_measure(pd.concat([even, cases_of(0.8, 0.76, measure="paper")])) == "paper"
    doses = pd.concat([cases, cases_of(0.6, 0.5, dose=1e3, noise=40.0)])
    known = {"scaled": expectation(doses, ["a", "b"])}
    assert set(nearest_cases(doses, known, 35.0)["dose"]) == {1e3}
    assert set(nearest_cases(doses, known, 9.0)["dose"]) == {1e4}
    other_focus = cases_of(0.1, 0.1).assign(underfocus_angstrom=30.0)
    assert set(nearest_cases(pd.concat([doses, other_focus]), known, 9.0)["similarity"] > 0.2) == {True}


def test_expectation_between_conditions():
    """Mean and spread follow the logarithm of the noise; beyond all cases nothing is said."""
    doses = pd.concat([
        cases_of(0.8, 0.7, n=400), cases_of(0.5, 0.45, spread=0.03, dose=1e3, noise=90.0, n=400),
        cases_of(0.1, 0.1).assign(underfocus_angstrom=30.0),
    ])  # fmt: skip
    known = expectation(doses, ["a", "b"])
    assert [one.dose for one in known.conditions] == [1e4, 1e3]
    at = known.own("a", 10.0)
    assert (at.mean, at.spread, at.cases) == pytest.approx((0.8, 0.01, 400), abs=2e-3)
    middle = known.own("a", 30.0)
    assert (middle.mean, middle.spread) == pytest.approx((0.65, 0.02), abs=3e-3)
    assert known.lead("a", "b", 30.0).mean == pytest.approx(0.075, abs=3e-3)
    assert known.own("a", 1e6) == known.own("a", 90.0)
    assert known.outside(30.0) == ""
    for noise, words in (
        (5.0, r"below that of the calibration.*add a higher dose"),
        (200.0, r"above.*add a lower dose"),
    ):
        told = decide(np.array([[0.8, 0.7]]), ["a", "b"], known, noise=noise, level=0.01)
        assert (told["answer"], told["nearest"]) == ("uncalibrated", "a")
        assert told["p_fit"] != told["p_fit"]
        assert re.search(words, told["reason"])
    even = expectation(cases_of(0.8, 0.7, noise=0.0), ["a", "b"])
    assert even.own("a", 0.0).mean == pytest.approx(0.8, abs=0.01)


def test_a_bend_between_conditions_is_followed():
    """Three conditions of a curve that saturates, as similarity does."""
    curve = {1e5: (10.0, 0.95), 1e4: (30.0, 0.90), 1e3: (90.0, 0.70)}
    known = expectation(
        pd.concat([cases_of(value, 0.3, dose=dose, noise=noise) for dose, (noise, value) in curve.items()]), ["a", "b"]
    )
    assert known.own("a", 52.0).mean > 0.81, "a straight line has 0.80"
    told = [known.own("a", noise).mean for noise in np.geomspace(10, 90, 30)]
    assert (np.diff(told) <= 0).all()


def test_shares_that_are_refused():
    """Particles of the candidate itself about as often as the level says; of another that is left out, if it is less similar."""
    normal = cases_of(0.8, 0.7, n=300)
    wide = normal.pivot_table(index=["true", "case"], columns="candidate", values="similarity")
    own, other = refused_shares(wide, 4, np.random.default_rng(1))
    assert own == pytest.approx(0.01, abs=0.01)
    assert other == 1
    near = cases_of(0.8, 0.8, n=300).pivot_table(index=["true", "case"], columns="candidate", values="similarity")
    assert refused_shares(near, 1, np.random.default_rng(1))[1] < 0.04
    assert np.isnan(refused_shares(wide, 299, np.random.default_rng(1))).all()
    alone = wide.loc[["a"], ["a"]]
    assert np.isnan(refused_shares(alone, 1, np.random.default_rng(1))[1])


def test_power_grows_with_particles():
    weak = cases_of(0.8, 0.79, spread=0.02, n=200)
    curve = power_curve(weak, particles=[1, 13], seed=0)
    assert list(curve.columns) == list(POWER_COLUMNS)
    one, many = curve["right"]
    assert one < many
    assert many > 0.85
    assert (curve["low"] < curve["right"]).all()
    low, high = wilson(0.5, 100)
    assert (low, high) == pytest.approx((0.4038, 0.5962), abs=1e-3)
    assert conditions([1e3, 1e4, 1e5], [60, 30]) == [(1e3, 60), (1e4, 60), (1e5, 60), (1e4, 30)]


def test_isomer_and_orientation_are_found(libraries, particles):
    made, turns = particles
    images, labels = joined(libraries)
    told = match(made, images, ComparisonSettings(rotations=40, measures=("scaled",)))["scaled"]
    for k, turn in enumerate(turns):
        assert labels[told.similarity[k].argmax()] == "au25"
        beam, whole = error_of(told, k, labels, libraries[0], turn)
        assert beam <= whole < 25
    cases = calibrate(
        libraries, PARTICLES, ComparisonSettings(rotations=20, measures=("scaled",)), doses=[1e5], underfocus_angstrom=[60.0], cases=4,
        microscope={}, seed=1,
    )  # fmt: skip
    assert set(cases["measure"]) == {"scaled", "refined"}
    assert len(cases) == 2 * 2 * 4 * 2
    plain = calibrate(
        libraries, PARTICLES, ComparisonSettings(rotations=20, measures=("scaled",), starts=0), doses=[1e5],
        underfocus_angstrom=[60.0], cases=2, microscope={}, seed=1,
    )  # fmt: skip
    assert set(plain["measure"]) == {"scaled"}
    for measure, mine in cases.groupby("measure"):
        assert (margins(mine)["margin"] > 0).mean() >= 0.75, measure
        assert mine["beam_error_degree"].median() < (15 if measure == "scaled" else 4)


def test_own_particles_are_kept_between_calibrated_doses(libraries):
    """Fresh particles at doses that were not simulated; one or two in a hundred may be refused."""
    ask = partial(
        calibrate, libraries, PARTICLES, ComparisonSettings(rotations=20, measures=("scaled",), starts=1), underfocus_angstrom=[60.0],
        microscope={},
    )  # fmt: skip
    known = ask(doses=[1e3, 1e4, 1e5], cases=14, seed=1)
    fresh = ask(doses=[3.5e3, 3e4], cases=10, seed=2)
    names = [one.name for one in libraries]
    for measure, mine in fresh.groupby("measure"):
        expected = expectation(known[known["measure"] == measure], names)
        own = mine[mine["true"] == mine["candidate"]]
        told = [(one.similarity, expected.own(one.true, one.noise)) for one in own.itertuples()]
        refused = sum(probability_below(value, 1, at) < 0.01 for value, at in told)
        assert refused <= 3, f"{measure}: {refused} of 40; four or more by chance in one of a thousand tests"
        scores = [(value - at.mean) / at.spread for value, at in told]
        assert abs(np.mean(scores)) < 0.6, "nearest conditions alone are more than a spread off"
        assert all(expected.outside(noise) == "" for noise in own["noise"])


def test_simulated_experiments(libraries):
    run = partial(simulated_experiment, libraries[0], PARTICLES, particles=2, dose=1e4, microscope=Microscope(), seed=3)
    made, turns = run(shared=True)
    assert np.allclose(turns[0][2], turns[1][2])
    assert not np.allclose(turns[0], turns[1])
    _, others = run(shared=False)
    assert not np.allclose(others[0][2], others[1][2])
    assert np.array_equal(run(shared=True)[0][1].image, made[1].image), "a seed gives the same again"


SETTINGS = {
    "images": {"pixels": 32, "pixel_angstrom": 0.6, "width_angstrom": 1.0, "saturation": 1.0, "clean_from": 240},
    "particles": {"radius_angstrom": 8.0, "edge_angstrom": 0.5, "contrast": "dark", "smooth_angstrom": 0.0},
    "rotations": 10, "widths_pixels": [], "measures": ["scaled", "correlation"], "refined_starts": 1, "microscope": {},
    "calibration": {"cases": 8, "doses": [1e4, 1e5], "underfocus_angstrom": [60.0], "particles": [1, 2], "uncertainty": 0.1},
}  # fmt: skip


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Two candidates and their calibration, in files."""
    folder = tmp_path_factory.mktemp("study")
    paths = []
    for name, builder, recipe in (
        ("au25", "staple", "core=Au13 units=6xn2 R=H"), ("twisted", "bundled", "au25_twisted.extxyz:au25_twisted")
    ):  # fmt: skip
        row = {
            "name": name,
            "builder": builder,
            "recipe": recipe,
            "charge": -1,
            "multiplicity": 1,
            "frames": None,
            "error": "",
        }
        paths.append(folder / f"{name}.nc")
        write_library(row, paths[-1], directions=12, settings=SETTINGS["images"])
    write_calibration(paths, folder / "cases.csv", folder / "power.csv", settings=SETTINGS, seed=1)
    return folder, paths


def answer(folder, paths, experiment):
    place = folder / experiment["name"]
    write_experiment(experiment, paths, place / "particles.nc", place / "failures.csv", settings=SETTINGS, seed=1)
    write_matches(place / "particles.nc", paths, place / "matches.nc", settings=SETTINGS)
    tables = [place / f"{name}.csv" for name in ("answers", "scores", "orientations", "angles")]
    write_answers(place / "matches.nc", place / "particles.nc", paths, folder / "cases.csv", *tables, level=0.01)
    return [pd.read_csv(path, keep_default_na=False) for path in tables], pd.read_csv(place / "failures.csv")


def test_a_simulated_experiment_from_files_to_answers(study, tmp_path):
    folder, paths = study
    again = read_library(paths[0])
    assert again.settings == ImageSettings(**SETTINGS["images"])
    assert again.images.max() == 255
    experiment = {"name": "seen", "table": "", "simulated": "au25", "particles": 3, "dose": 1e5, "shared": True}
    (answers, scores, orientations, turned), failures = answer(folder, paths, experiment)
    assert list(answers["measure"]) == ["scaled", "correlation", "refined"]
    assert answers["top"].tolist()[2] == "", "refined orientations rank no images"
    assert answers["recommended"].sum() == 1
    assert (answers["nearest"] == "au25").all()
    assert (answers["true"] == "au25").all()
    assert answers["source"].str.startswith("simulated: ").all()
    assert len(scores) == 2 * 2 * 24
    best = scores[(scores["scope"] == "together") & (scores["measure"] == "scaled")]
    assert sorted(best["rank"]) == list(range(24))
    assert len(orientations) == 3 * 3
    assert (orientations["beam_error_degree"] < 60).all()
    refined = orientations[orientations["measure"] == "refined"]
    assert (refined["beam_error_degree"] < 10).all(), "between the twelve directions"
    assert np.allclose(np.linalg.norm(refined[["direction_x", "direction_y", "direction_z"]], axis=1), 1)
    assert len(turned) == 2 * 5 * 3
    assert not len(failures)
    summarise_microscopy(
        [folder / "seen/answers.csv"], folder / "cases.csv", folder / "power.csv", tmp_path / "s.csv", study="x"
    )
    card = pd.read_csv(tmp_path / "s.csv")
    assert {"isomer_accuracy", "orientation_error", "top25_purity", "p_other"} == set(card["quantity"])
    with pytest.raises(StructureError, match="no candidate 'au38'"):
        answer(folder, paths, experiment | {"simulated": "au38"})
    with pytest.raises(InputError, match="no matches of an experiment"):
        write_answers(paths[0], paths[0], paths, "", "", "", "", "", level=0.01)
    with pytest.raises(InputError, match="no particles of an experiment"):
        read_experiment(paths[0])
    with pytest.raises(InputError, match="no simulated images"):
        read_library(folder / "seen/particles.nc")


def test_a_structure_that_was_not_compared_is_neither(study, tmp_path):
    """Particles of a third candidate, of which the answer knows nothing."""
    folder, paths = study
    row = {
        "name": "third", "builder": "staple", "recipe": "core=Au23 units=6xn2+3xn1 R=H", "charge": 0, "multiplicity": 1, "frames": None,
        "error": "",
    }  # fmt: skip
    write_library(row, folder / "third.nc", directions=3, settings=SETTINGS["images"])
    experiment = {"name": "foreign", "table": "", "simulated": "third", "particles": 3, "dose": 1e5, "shared": False}
    place = folder / "foreign"
    libraries = [*paths, folder / "third.nc"]
    write_experiment(experiment, libraries, place / "particles.nc", place / "failures.csv", settings=SETTINGS, seed=1)
    write_matches(place / "particles.nc", paths, place / "matches.nc", settings=SETTINGS)
    tables = [place / f"{name}.csv" for name in ("answers", "scores", "orientations", "angles")]
    write_answers(place / "matches.nc", place / "particles.nc", paths, folder / "cases.csv", *tables, level=0.01)
    told = pd.read_csv(tables[0]).set_index("measure")
    assert told.loc["refined", "answer"] == "neither"
    assert told["beam_error_degree"].isna().all(), "nothing to compare with"
    summarise_microscopy([tables[0]], folder / "cases.csv", folder / "power.csv", tmp_path / "s.csv", study="x")
    card = pd.read_csv(tmp_path / "s.csv")
    mine = card[(card["data"] == "foreign") & (card["quantity"] == "isomer_accuracy")].set_index("subject")
    assert mine.loc["refined", "ours"] == 1, "neither is the right answer here"
    write_matches(place / "particles.nc", paths, place / "plain.nc", settings=SETTINGS | {"refined_starts": 0})
    assert "refined_similarity" not in read_dataset(place / "plain.nc")


def test_particles_beyond_the_calibration_get_no_answer(study):
    folder, paths = study
    experiment = {"name": "faint", "table": "", "simulated": "au25", "particles": 3, "dose": 5e2, "shared": False}
    (answers, _, orientations, _), _ = answer(folder, paths, experiment)
    assert set(answers["answer"]) == {"uncalibrated"}
    assert set(answers["p_fit"]) == set(answers["p_other"]) == {""}
    assert answers["reason"].str.contains("add a lower dose to microscopy.calibration.doses").all()
    assert len(orientations) == 3 * 3, "how they lie is told all the same"


def test_libraries_that_do_not_go_together(study, tmp_path):
    _, paths = study
    with pytest.raises(InputError, match="no candidates"):
        read_libraries([])
    with pytest.raises(InputError, match="names must differ"):
        read_libraries([paths[0], paths[0]])
    row = {
        "name": "other",
        "builder": "staple",
        "recipe": "core=Au13 units=6xn2 R=H",
        "charge": -1,
        "multiplicity": 1,
        "frames": None,
        "error": "",
    }
    write_library(row, tmp_path / "other.nc", directions=3, settings=SETTINGS["images"] | {"pixels": 34})
    with pytest.raises(InputError, match="different settings"):
        read_libraries([paths[0], tmp_path / "other.nc"])
    with pytest.raises(InputError, match="the row is wrong"):
        write_library(row | {"error": "the row is wrong"}, tmp_path / "x.nc", directions=3, settings=SETTINGS["images"])


def micrograph_file(path, library, *, seed=6):
    """Two particles in one 16-bit image; pixels of 0.5 angstrom."""
    from auric.microscopy.transfer import counted, exit_wave, through_lens

    rng = np.random.default_rng(seed)
    field, size = np.ones((80, 130)), {"pixels": 50, "pixel_angstrom": 0.5}
    for x in (35, 95):
        wave = exit_wave(library.atoms, Rotation.random(rng=rng).as_matrix(), Microscope(), **size)
        field[15:65, x - 25 : x + 25] += through_lens(wave, Microscope(), **size) - 1
    Image.fromarray(counted(field, 1e5, 0.5, rng).clip(0, 65535).astype(np.uint16)).save(path)


def test_an_experiment_from_micrographs(study, libraries, tmp_path):
    folder, paths = study
    micrograph_file(tmp_path / "a.png", libraries[0])
    table = tmp_path / "particles.tsv"
    table.write_text(
        "# seen\nimage\tx_pixel\ty_pixel\tpixel_angstrom\na.png\t35\t40\t0.5\na.png\t\t\t0.5\na.png\t35\t40\t\n"
        "b.png\t1\t1\t0.5\na.png\t35\t\t0.5\na.png\tx\t40\t0.5\na.png\t2\t40\t0.5\n"
    )
    experiment = {"name": "real", "table": str(table), "simulated": "", "shared": False}
    (answers, _, orientations, _), failures = answer(folder, paths, experiment)
    assert set(answers["particles"]) == {2}, "one of those found is the one given"
    assert (answers["true"] == "").all()
    assert (orientations["beam_error_degree"] == "").all()
    assert list(failures["stage"]) == ["microscopy"] * 6
    for text, reason in zip(
        failures["reason"],
        ("the same particle as", "states no length of a pixel", "no such file", "x_pixel or y_pixel is missing", "x_pixel is 'x'", "crosses the edge"),
        strict=True,
    ):  # fmt: skip
        assert reason in text
    table.write_text("image\tx_pixel\ty_pixel\tpixel_angstrom\na.png\t2\t2\t0.5\n")
    with pytest.raises(InputError, match=r"no particle can be used; .*crosses the edge"):
        answer(folder, paths, experiment)


TABLE = "image\tx_pixel\ty_pixel\tpixel_angstrom\n"
FIELD_PLACES = ((50, 60), (140, 50), (90, 140))


@pytest.fixture(scope="module")
def field(libraries):
    """Three particles on 200 x 200 pixels of 0.5 angstrom, how they are prepared, and the candidates' sizes."""
    from auric.microscopy.transfer import counted, exit_wave, through_lens

    rng = np.random.default_rng(6)
    values, size = np.ones((200, 200)), {"pixels": 50, "pixel_angstrom": 0.5}
    for x, y in FIELD_PLACES:
        wave = exit_wave(libraries[0].atoms, Rotation.random(rng=rng).as_matrix(), Microscope(), **size)
        values[y - 25 : y + 25, x - 25 : x + 25] += through_lens(wave, Microscope(), **size) - 1
    settings = ParticleSettings(48, 0.42, 9.5)
    return counted(values, 1e4, 0.5, rng), settings, candidate_sizes(libraries[:1], settings, Microscope())


def table_of(folder, values, *rows):
    Image.fromarray(values.clip(0, 65535).astype(np.uint16)).save(folder / "a.png")
    (folder / "t.tsv").write_text(TABLE + "".join(f"{row}\n" for row in rows))
    return folder / "t.tsv"


def nearest(placed):
    """For each particle the number of the true place it is at, or None."""
    apart = [np.hypot(*(np.array(FIELD_PLACES) - one.middle).T) for one in placed]
    return [int(one.argmin()) if one.min() < 4 else None for one in apart]


def test_a_particle_counts_once(field, tmp_path):
    values, settings, sizes = field
    rows = ["a.png\t50\t60\t0.5"] * 2 + [f"a.png\t{50 + k}\t{60 - k}\t0.5" for k in (-4, 3)]
    path = table_of(tmp_path, values, *rows, "copy.png\t52\t60\t0.5", "a.png\t140\t50\t0.5", "a.png\t\t\t0.5")
    (tmp_path / "copy.png").write_bytes((tmp_path / "a.png").read_bytes())
    placed, names, bad = particles_of_table(path, settings, sizes)
    assert nearest(placed) == [0, 1, 2]
    assert names == ["a.png_0", "a.png_1", "a.png_2"]
    assert len(bad) == 4 + 2, "four rows, and two of those found"
    for _, reason in bad:
        assert "the same particle as" in reason
        assert reason.count("a.png, particle at column") + reason.count("copy.png, particle") == 2, "both are named"
    assert {image for image, _ in bad} == {"a.png", "copy.png"}
    another = field[0][::-1]
    Image.fromarray(another.astype(np.uint16)).save(tmp_path / "other.png")
    (tmp_path / "t.tsv").write_text(TABLE + "a.png\t50\t60\t0.5\nother.png\t90\t59\t0.5\n")
    placed, _, bad = particles_of_table(tmp_path / "t.tsv", settings, sizes)
    assert (len(placed), bad) == (2, [])
    assert twin(placed[1], placed[:1], 8.0) is None, "another micrograph"


@pytest.mark.parametrize("value", [0.0, 400.0, 65535.0])
@pytest.mark.parametrize(
    ("radius", "column", "row"), [(1.5, 30, 30), (1.5, 95, 92), (5, 95, 92), (8, 95, 92), (8, 160, 160)]
)
def test_dust_costs_no_particles(field, tmp_path, value, radius, column, row):
    values, settings, sizes = field
    rows, columns = np.mgrid[:200, :200]
    dusty = np.where(np.hypot(columns - column, rows - row) <= radius, value, values)
    placed, _, bad = particles_of_table(table_of(tmp_path, dusty, "a.png\t\t\t0.5"), settings, sizes)
    real = [place for place in nearest(placed) if place is not None]
    assert sorted(real) == [0, 1, 2]
    assert len(placed) - len(real) <= (radius == 8), "only a disc of nearly a particle's size is taken for one"
    for _, reason in bad:
        assert "a.png, particle at column" in reason


def test_dust_alone(field, tmp_path):
    _, settings, sizes = field
    rows, columns = np.mgrid[:200, :200]
    dusty = np.where(np.hypot(columns - 100, rows - 90) <= 3, 0, np.random.default_rng(1).poisson(2500, (200, 200)))
    placed, _, bad = particles_of_table(table_of(tmp_path, dusty, "a.png\t\t\t0.5"), settings, sizes)
    assert not placed
    assert "particle at column 100, row 90" in bad[0][1]
    assert "times as large as the candidates" in bad[0][1]


def test_places_away_from_particles(field, tmp_path):
    values, settings, sizes = field
    path = table_of(tmp_path, values, *(f"a.png\t{x}\t{y}\t0.5" for x, y in ((160, 160), (68, 60), (56, 63))))
    placed, _, bad = particles_of_table(path, settings, sizes)
    assert nearest(placed) == [0], "a few pixels are made good"
    (_, background), (_, beside) = bad
    assert "a.png, particle at column 160, row 160: nothing stands out" in background
    assert "a.png, particle at column 68, row 60: what is nearest lies" in beside


@pytest.mark.parametrize(("factor", "doubted"), [(0.7, True), (0.95, False), (1.0, False), (1.25, True), (1.7, True)])
def test_a_wrong_pixel_size_is_doubted(field, tmp_path, factor, doubted):
    values, settings, sizes = field
    path = table_of(tmp_path, values, *(f"a.png\t{x}\t{y}\t{0.5 * factor}" for x, y in FIELD_PLACES))
    doubt = doubt_about_size(particles_of_table(path, settings, sizes)[0])
    assert (doubt is not None) == doubted
    if doubt:
        assert "times as large as the candidates (median), check the pixel size" in doubt


def test_doubt_about_the_size_is_beside_the_answer(study, field, tmp_path, caplog):
    folder, paths = study
    experiment = {"name": "doubted", "simulated": "", "shared": False}
    for pixel, doubted in ((0.5, False), (0.36, True)):
        path = table_of(tmp_path, field[0], *(f"a.png\t{x}\t{y}\t{pixel}" for x, y in FIELD_PLACES))
        (answers, *_), failures = answer(folder, paths, experiment | {"table": str(path)})
        assert answers["source"].str.contains("times as large as the candidates").all() == doubted
        assert ("experiment doubted: its particles are" in caplog.text) == doubted
        assert not len(failures)


def test_sizes_are_told_from_noise(libraries):
    sizes = candidate_sizes(libraries, PARTICLES, Microscope())
    alone = candidate_sizes(libraries[:1], PARTICLES, Microscope())
    assert sizes[0] == alone[0] == alone[1] < sizes[1]
    rng = np.random.default_rng(2)
    for dose, within in ((1e5, 0.04), (1e4, 0.06), (2e3, 0.15)):
        turns = Rotation.random(9, rng=rng).as_matrix()
        made = [
            simulated_particle(libraries[0].atoms, one, Microscope(), PARTICLES, dose=dose, rng=rng) for one in turns
        ]
        assert np.median([size_angstrom(one, 0.42) for one in made]) == pytest.approx(alone[0], rel=within)
    smooth = replace(PARTICLES, smooth_angstrom=0.5)
    made = [simulated_particle(libraries[0].atoms, one, Microscope(), smooth, dose=1e4, rng=rng) for one in turns]
    again = candidate_sizes(libraries[:1], smooth, Microscope())[0]
    assert np.median([size_angstrom(one, 0.42) for one in made]) == pytest.approx(again, rel=0.1)
    assert min(one.clear for one in made) > 7, "smoothing does not count"
    nothing = replace(made[0], image=np.zeros_like(made[0].image))
    assert size_angstrom(nothing, 0.42) == 0


def test_a_size_that_fits_no_candidate_is_refused(field, tmp_path):
    values, settings, _ = field
    row = {"image": "a.png", "x_pixel": "50", "y_pixel": "60", "pixel_angstrom": "0.5"}
    table_of(tmp_path, values)
    with pytest.raises(
        InputError, match=r"a\.png, particle at column 50, row 60: .*0\.[0-9]+ times as large as the candidates"
    ):
        particles_of_row(row, tmp_path, settings, (9.0, 10.0))
    Image.fromarray(np.random.default_rng(1).poisson(1000, (80, 130)).astype(np.uint16)).save(tmp_path / "empty.png")
    with pytest.raises(InputError, match=r"empty\.png: no particle stands out"):
        particles_of_row({"image": "empty.png", "pixel_angstrom": "0.5"}, tmp_path, settings, (3.0, 3.0))
    with pytest.raises(InputError, match=r"empty\.png: particles of 380 pixels do not fit"):
        particles_of_row({"image": "empty.png", "pixel_angstrom": "0.05"}, tmp_path, settings, (3.0, 3.0))


@pytest.mark.parametrize("pixel", ["0", "-0.4", "nan", "inf", "0,4", "five", "1e-5", "4000"])
def test_lengths_of_pixels_that_are_none(field, tmp_path, pixel):
    from PIL.TiffImagePlugin import ImageFileDirectory_v2

    info = ImageFileDirectory_v2()
    for number, value in {282: 2e8, 296: 3}.items():
        info[number] = value
    Image.fromarray(field[0].astype(np.uint16)).save(tmp_path / "a.tif", tiffinfo=info)
    row = {"image": "a.tif", "x_pixel": "50", "y_pixel": "60", "pixel_angstrom": ""}
    assert particles_of_row(row, tmp_path, *field[1:])[0][0].pixel_angstrom == pytest.approx(0.5)
    with pytest.raises(InputError, match=rf"a\.tif: pixel_angstrom is {pixel}; give a length above 0"):
        particles_of_row(row | {"pixel_angstrom": pixel}, tmp_path, *field[1:])


def test_tables_of_particles(tmp_path):
    path = tmp_path / "t.tsv"
    for text, reason in (
        ("image\tx_pixle\na.png\t1\n", "unknown column 'x_pixle'.*Did you mean 'x_pixel'"),
        ("x_pixel\ty_pixel\n1\t2\n", "needs the columns"),
        ("image\n", "at least one row"),
        ("image\na.png\t3\n", "more cells than columns"),
        ("image\tx_pixel\tx_pixel\na.png\t3\t4\n", "the column 'x_pixel' is there twice; keep one"),
        ("image\tx_pixel\na.png\t3\n \t4\n", "row 2: the cell 'image' is empty; name a micrograph"),
    ):
        path.write_text(text)
        with pytest.raises(InputError, match=reason):
            read_particle_table(path)
    with pytest.raises(InputError, match="give a tab-separated table"):
        read_particle_table(tmp_path / "none.tsv")


def test_turned_about_beam_is_a_rotation():
    turn = turned_about_beam(np.eye(3), 30)
    assert np.linalg.det(turn) == pytest.approx(1)
    assert np.allclose(turn[2], [0, 0, 1])


def test_real_isomers_are_told_apart(mirror):
    """Au38(SCH3)24 Q and T, relaxed by others."""
    from auric.structures import read_structure

    made = []
    for name in ("q", "t"):
        atoms = read_structure(mirror / f"nc_database/sch3_protected/038_24{name}_cp2k_opt.xyz")
        atoms.info["name"] = name
        made.append(make_library(atoms, directions=60, settings=ImageSettings(48, 0.45)))
    assert [len(one.operations) for one in made] == [6, 2]
    settings = ParticleSettings(48, 0.45, 9.0)
    cases = calibrate(
        made, settings, ComparisonSettings(rotations=24, measures=("scaled", "correlation")), doses=[1e4], underfocus_angstrom=[60.0],
        cases=6, microscope={}, seed=1,
    )  # fmt: skip
    for _, mine in margins(cases).groupby("measure"):
        assert (mine["margin"] > 0).mean() >= 0.8
