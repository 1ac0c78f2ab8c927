"""Matching micrographs: ours against a plain loop at the paper's size, and how often the answer is right on images of another program.

The loop is the kindest one: transforms and rotated transforms are made before, and equation 2.5 is computed as printed for each particle,
rotation, image and width; a sample of pairs is timed and the rest reckoned. Processor time of one thread.

Accuracy: images by abTEM (multislice, Lobato's potentials, its lens), which is no dependency (`pip install abtem`, GPL); without it our own
second image model stands in, and the rows say so. Every particle, and every crystal, has a microscope of its own about the one stated and a
pixel that is not quite what is stated. Calibration is by our own second model in both cases. Structures come from AURIC_MIRROR.
"""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from ase import Atoms
from scipy import ndimage, signal
from scipy.spatial.transform import Rotation
from threadpoolctl import threadpool_limits

from auric.microscopy import (
    NEITHER,
    ComparisonSettings,
    ImageSettings,
    Match,
    Microscope,
    ParticleSettings,
    calibrate,
    decide,
    default_widths,
    eight_bits,
    expectation,
    make_library,
    match,
    orientation_error,
    orientations_along,
    prepare_particle,
    probability_below,
    project,
    rank_scores,
    refined_fits,
    ricker,
    simulated_images,
    simulated_particle,
    spread_directions,
    top_share,
    turned_about_beam,
    wavelet_similarity,
)  # fmt: skip
from auric.microscopy.calibration import UNCERTAINTY, error_of, wilson
from auric.microscopy.expected import Expectation
from auric.microscopy.imaging import FIELD
from auric.microscopy.library import Library, joined
from auric.microscopy.projection import WHITE
from auric.microscopy.ranking import by_isomer
from auric.microscopy.refinement import REFINED
from auric.microscopy.similarity import Measure
from auric.microscopy.transfer import counted, exit_wave, through_lens
from auric.microscopy.turning import angles, circle
from auric.structures import Places, build_recipe, read_structure

FOLDER = Path("nc_database/sch3_protected")
AU38 = {"au38_q": "038_24q_cp2k_opt.xyz", "au38_t": "038_24t_cp2k_opt.xyz"}
THIRD = {"au40": "040_24_cp2k_opt.xyz", "au24": "024_20_cp2k_opt.xyz"}
"""Asked as if it were one of Au38's isomers, or of Au25's."""
AU25 = {
    "au25": ("staple", "core=Au13 units=6xn2 R=CH3"),
    "au25_twisted": ("bundled", "au25_twisted.extxyz:au25_twisted"),
}
PAPER_PARTICLES, PAPER_DIRECTIONS, PAPER_PIXELS, PAPER_PIXEL_ANGSTROM = 13, 200, 200, 0.125
SAMPLE = 24
"""Pairs of a rotated particle and an image that the loop is timed on, at all widths."""
DOSES, CALIBRATED_DOSES, PLAIN_DOSE = (1e3, 3e3, 1e4, 3e4, 1e5), (1e3, 1e4, 1e5), 1e4
"""Asked at, simulated for the calibration (as by default in a study; the others lie between), and that of the measures that cost most."""
CASES, FOREIGN_CASES, CALIBRATED = 39, 52, 50
"""Of each structure and dose: drawn for the test, two of them so many that 95 % can be shown; of the structure that is none of them; and
simulated for the calibration (as many as by default in a study)."""
TRIED_CASES = 26
"""Of each structure, of our own second model."""
DRAWN_SEED, FRESH_SEED = 31, 32
"""Of particles that are asked, by abTEM and by our own second model; other seeds were used while ways were compared."""
PIXEL_OFF = 0.03
"""A pixel is up to this share longer or shorter than is stated."""
MAIN: tuple[Measure, ...] = ("scaled", "correlation")
USUAL: tuple[Measure, ...] = ("scaled", "zero_mean", "paper", "correlation")
"""Compared by in every question, in a study by default, and only at one dose."""
PLAIN: tuple[Measure, ...] = ("zero_mean", "paper", "ssim")
SATURATION, BOOTSTRAPS = 0.6, 2000
IMAGES = ImageSettings(pixels=64, pixel_angstrom=0.375)
RADIUS_ANGSTROM = 9.0
GROUPS, SHIFTED = 4, 50
"""Crystals of 13 particles of each isomer, all lying one way, for the ranking; and images that are shifted."""
LEVEL, TOGETHER = 0.01, 4
"""Below which probability the answer is `neither`; and of how many particles it is asked too."""
ENERGY_EV = 3e5
FOREIGN = {"au38_s2": "038_s2_20_cp2k_opt.xyz", "au30": "030_19_cp2k_opt.xyz", "au28": "028_20_cp2k_opt.xyz"}
"""On which ways to `neither` were compared."""
LENSES = {
    "as stated": Microscope(),
    "20 angstrom nearer to focus": Microscope(underfocus_angstrom=40.0),
    "20 angstrom farther from focus": Microscope(underfocus_angstrom=80.0),
    "of a wider spread of focus": Microscope(focal_spread_angstrom=40.0),
    "with more vibration": Microscope(vibration_angstrom=0.12),
}
TUNED_DOSE, FEW = 1e4, 12


@dataclass(frozen=True)
class Asked:
    """Particles of one structure before electrons are counted.

    Attributes:
        intensities: 1 where there is nothing, shape (particles, field, field).
        turns: Their orientations, shape (particles, 3, 3).
        pixels: True lengths of a pixel (angstrom), shape (particles,).
    """

    intensities: np.ndarray
    turns: np.ndarray
    pixels: np.ndarray


@dataclass(frozen=True)
class Found:
    """What matching tells of the particles of one structure.

    Attributes:
        noise: Of each particle, shape (particles,).
        matches: By measure.
        tops: Highest similarity to each candidate, by measure, refined orientations among them; shape (particles, candidates).
        refined: Orientations, shape (particles, candidates, 3, 3); None if nothing was refined.
    """

    noise: np.ndarray
    matches: dict[str, Match]
    tops: dict[str, np.ndarray]
    refined: np.ndarray | None


@dataclass(frozen=True)
class Question:
    """Everything that a row is told of.

    Attributes:
        measure: By which it is answered.
        libraries: The candidates.
        labels: Candidate of each image.
        known: What the calibration expects.
        data: Of the rows.
    """

    measure: str
    libraries: list[Library]
    labels: np.ndarray
    known: Expectation
    data: str

    @property
    def names(self) -> list[str]:
        """Of the candidates."""
        return [one.name for one in self.libraries]

    def answers(self, found: Found, size: int, *, shared: bool = False) -> list[dict[str, Any]]:
        """Of groups of particles, one after another."""
        tops = found.tops[self.measure]
        return [
            decide(tops[k : k + size], self.names, self.known, noise=float(np.median(found.noise[k : k + size])), level=LEVEL, shared=shared)
            for k in range(0, len(tops) - size + 1, size)
        ]  # fmt: skip


def measure_microscopy() -> list[dict[str, Any]]:
    """Rows of the scorecard; none without the structures."""
    mirror = Path(os.environ.get("AURIC_MIRROR", "."))
    files = {name: mirror / FOLDER / file for name, file in (AU38 | THIRD).items()}
    if not all(path.is_file() for path in files.values()):
        print("microscopy: skipped; AURIC_MIRROR names no folder with copies of the external data sets")
        return []
    structures = {name: read_structure(path) for name, path in files.items()}
    structures |= {name: build_recipe(*recipe, Places()) for name, recipe in AU25.items()}
    for name, atoms in structures.items():
        atoms.info["name"] = name
    with threadpool_limits(1):
        isomers = [structures[name] for name in AU38]
        return [*measure_speed(isomers), *measure_shifts(isomers[0]), *measure_accuracy(structures)]


def measure_microscopes() -> list[dict[str, Any]]:
    """What was tried for `neither` on images of our own second model, by microscopes that are what is stated of them, and not.

    Rows of the scorecard; none without the structures. No image of abTEM and no structure that is asked there is used.
    """
    mirror = Path(os.environ.get("AURIC_MIRROR", "."))
    files = {name: mirror / FOLDER / file for name, file in (AU38 | FOREIGN).items()}
    if not all(path.is_file() for path in files.values()):
        print("microscopes: skipped; AURIC_MIRROR names no folder with copies of the external data sets")
        return []
    structures = {name: read_structure(path) for name, path in files.items()}
    for name, atoms in structures.items():
        atoms.info["name"] = name
    with threadpool_limits(1):
        return _tried(structures)


def _tried(structures: dict[str, Atoms]) -> list[dict[str, Any]]:
    settings = ParticleSettings(IMAGES.pixels, IMAGES.pixel_angstrom, RADIUS_ANGSTROM)
    comparison = ComparisonSettings(measures=("scaled", "correlation"))
    libraries = [make_library(structures[name], directions=PAPER_DIRECTIONS, settings=IMAGES) for name in AU38]
    names, (images, labels) = list(AU38), joined(libraries)
    rng = np.random.default_rng(8)
    asked = {(name, "own", lens): LENSES[lens] for lens in LENSES for name in AU38}
    asked |= {(name, "foreign", "as stated"): LENSES["as stated"] for name in FOREIGN}
    tops: dict[tuple[str, str, str], dict[str, np.ndarray]] = {}
    noises: dict[tuple[str, str, str], np.ndarray] = {}
    for (name, kind, lens), microscope in asked.items():
        turns = Rotation.random(TRIED_CASES, rng=rng).as_matrix()
        made = [
            simulated_particle(structures[name], one, microscope, settings, dose=TUNED_DOSE, rng=rng) for one in turns
        ]
        noises[name, kind, lens] = np.array([one.noise for one in made])
        seen = np.array([one.image for one in made])
        found = match(seen, images, comparison)
        refined = refined_fits(seen, found["scaled"], libraries, Microscope(), settings, comparison)
        told = {measure: by_isomer(one.similarity, labels, names) for measure, one in found.items()}
        tops[name, kind, lens] = told | {REFINED: refined.similarity}
    rows, data = [], f"{' and '.join(names)}, own multislice, dose {TUNED_DOSE:g}"
    for uncertainty in (0.0, UNCERTAINTY):
        known = calibrate(
            libraries, settings, comparison, doses=CALIBRATED_DOSES, underfocus_angstrom=[Microscope().underfocus_angstrom],
            cases=CALIBRATED, microscope={}, seed=3, uncertainty=uncertainty,
        )  # fmt: skip
        for measure in (*comparison.measures, REFINED):
            for count in (FEW, CALIBRATED):
                cases = expectation(known[(known["measure"] == measure) & (known["case"] < count)], names)
                subject = f"{measure}, {count} cases, uncertainty {uncertainty:g}"
                for kind, lens in dict.fromkeys(key[1:] for key in tops):
                    hits = [
                        decide(one[None], names, cases, noise=noise, level=LEVEL)["answer"]
                        == (name if kind == "own" else "neither")
                        for (name, *where), mine in tops.items()
                        if where == [kind, lens]
                        for one, noise in zip(mine[measure], noises[name, kind, lens].tolist(), strict=True)
                    ]
                    interval = dict(zip(("ci_low", "ci_high"), wilson(float(np.mean(hits)), len(hits)), strict=True))
                    what = f"{subject}: {'answer' if kind == 'own' else 'neither, foreign'}, microscope {lens}"
                    rows.append(_row("isomer_accuracy", "1", what, np.mean(hits), len(hits), "higher", data) | interval)
    return rows


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
        _row("seconds", "s", "ours", ours, n, "lower", data),
        _row("seconds", "s", "loop, everything cached", loop, SAMPLE, "lower", data),
        _row("similarity_speedup", "1", "against the loop", loop / ours, n, "higher", data),
        _row("similarity_difference", "1", "largest, to the loop", error, SAMPLE, "lower", data),
    ]
    for measure in ("correlation", "ssim"):
        started = time.process_time()
        match(particles, images, ComparisonSettings(measures=(measure,)))
        rows.append(_row("seconds", "s", f"{measure} alone", time.process_time() - started, n, "lower", data))
    started = time.process_time()
    match(particles, images, ComparisonSettings(measures=USUAL))
    usual = time.process_time() - started
    started = time.process_time()
    refined_fits(particles, found, libraries, Microscope(), wanted, comparison)
    refined = time.process_time() - started
    rows.append(
        _row(
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
    return [*rows, _row("seconds", "s", every, usual + refined, n, "lower", data)]


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
            rows.append(_row("similarity", "1", subject, alike.mean(), SHIFTED, "higher", data) | interval)
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


def measure_accuracy(structures: dict[str, Atoms]) -> list[dict[str, Any]]:
    """Isomer, orientation and `neither` on images of known structures, at each dose."""
    if find_spec("abtem") is None:
        print("microscopy: abTEM is not installed (`pip install abtem`); our own second image model stands in for it")
        intensity, source = _own_intensity, "own multislice"
    else:
        intensity, source = _abtem_intensity, "abTEM"
    rows = []
    for names, third in zip((AU38, AU25), THIRD, strict=True):
        libraries = [make_library(structures[name], directions=PAPER_DIRECTIONS, settings=IMAGES) for name in names]
        rows += _pair(libraries, structures[third], intensity, source)
    return rows


def _pair(
    libraries: list[Library], third: Atoms, intensity: Callable[[Atoms, np.ndarray, Microscope, float], np.ndarray], source: str
) -> list[dict[str, Any]]:  # fmt: skip
    names, (images, labels) = [one.name for one in libraries], joined(libraries)
    known = _known(libraries)
    rng, rows = np.random.default_rng(DRAWN_SEED), []
    asked = {one.name: _asked(one.atoms, CASES, intensity, rng) for one in libraries}
    crystals = {
        f"{one.name} {k}": _asked(one.atoms, PAPER_PARTICLES, intensity, rng, shared=True)
        for one in libraries
        for k in range(GROUPS)
    }
    other = {third.info["name"]: _asked(third, FOREIGN_CASES, intensity, rng)}
    for dose in DOSES:
        data = f"{' and '.join(names)}, {source}, dose {dose:g}"
        found = {
            name: _found(one, dose, libraries, images, labels, rng) for name, one in (asked | crystals | other).items()
        }
        for measure in (*MAIN, REFINED, *(PLAIN if dose == PLAIN_DOSE else ())):
            question = Question(measure, libraries, labels, known[measure], data)
            rows += _told(question, asked, found) + _neither(question, next(iter(other)), found)
            rows += _crystals(question, list(crystals), found)
        for what, names_of in (("own", list(asked)), (next(iter(other)), list(other))):
            noises = np.concatenate([found[name].noise for name in names_of]).tolist()
            rows.append(_beyond(what, noises, known[MAIN[0]], data))
        if dose == PLAIN_DOSE:
            rows += _saturated(libraries, asked, rng, data)
    return [*rows, *_size_of_test(libraries, known)]


def _known(libraries: list[Library]) -> dict[str, Expectation]:
    """What the calibration expects, by measure; of some measures at one dose."""
    settings = ParticleSettings(IMAGES.pixels, IMAGES.pixel_angstrom, RADIUS_ANGSTROM)
    cases = pd.concat([
        calibrate(
            libraries, settings, comparison, doses=doses, underfocus_angstrom=[Microscope().underfocus_angstrom], cases=CALIBRATED,
            microscope={}, seed=2,
        )
        for comparison, doses in (
            (ComparisonSettings(measures=MAIN), CALIBRATED_DOSES), (ComparisonSettings(measures=PLAIN, starts=0), [PLAIN_DOSE])
        )
    ])  # fmt: skip
    names = [one.name for one in libraries]
    return {str(measure): expectation(mine, names) for measure, mine in cases.groupby("measure")}


def _asked(
    atoms: Atoms, count: int, intensity: Callable[[Atoms, np.ndarray, Microscope, float], np.ndarray], rng: np.random.Generator, *,
    shared: bool = False,
) -> Asked:  # fmt: skip
    """Particles oriented at random, each seen by a microscope of its own; or, as in a crystal, turned about the beam and seen by one."""
    turns = Rotation.random(count, rng=rng).as_matrix()
    lenses = [Microscope().one_like_it(UNCERTAINTY, rng) for _ in range(count)]
    pixels = IMAGES.pixel_angstrom * (1 + rng.uniform(-PIXEL_OFF, PIXEL_OFF, count))
    if shared:
        turns = np.array([turned_about_beam(turns[0], turn) for turn in rng.uniform(0, 360, count)])
        lenses, pixels = lenses[:1] * count, np.repeat(pixels[0], count)
    seen = [intensity(atoms, *one) for one in zip(turns, lenses, pixels.tolist(), strict=True)]
    return Asked(np.array(seen), turns, pixels)


def _found(
    asked: Asked, dose: float, libraries: list[Library], images: np.ndarray, labels: np.ndarray, rng: np.random.Generator
) -> Found:  # fmt: skip
    """Count electrons, prepare by the pixel that is stated, and match."""
    settings, names = (
        ParticleSettings(IMAGES.pixels, IMAGES.pixel_angstrom, RADIUS_ANGSTROM),
        [one.name for one in libraries],
    )
    middle = (asked.intensities.shape[-1] - 1) / 2
    made = [
        prepare_particle(counted(one, dose, pixel, rng), middle, middle, IMAGES.pixel_angstrom, settings)
        for one, pixel in zip(asked.intensities, asked.pixels.tolist(), strict=True)
    ]
    seen, comparison = np.array([one.image for one in made]), ComparisonSettings(measures=MAIN)
    matches = match(seen, images, comparison)
    if dose == PLAIN_DOSE:
        matches |= match(seen, images, ComparisonSettings(measures=PLAIN))
    tops = {measure: by_isomer(one.similarity, labels, names) for measure, one in matches.items()}
    fits = refined_fits(seen, matches[MAIN[0]], libraries, Microscope(), settings, comparison)
    noise = np.array([one.noise for one in made])
    return Found(noise, matches, tops | {REFINED: fits.similarity}, fits.orientation)


def _told(question: Question, asked: dict[str, Asked], found: dict[str, Found]) -> list[dict[str, Any]]:
    """Whether own particles are recognised, alone and together, and how far off their directions are."""
    nearest: dict[str, list[bool]] = {}
    kept: dict[int, list[bool]] = {1: [], TOGETHER: []}
    errors: list[float] = []
    for place, library in enumerate(question.libraries):
        mine, name = found[library.name], library.name
        for size, hits in kept.items():
            answers = question.answers(mine, size)
            hits += [one["answer"] == name for one in answers]
            if size == 1:
                nearest[name] = [one["nearest"] == name for one in answers]
        for k, turn in enumerate(asked[name].turns):
            if question.measure == REFINED:
                errors.append(orientation_error(mine.refined[k, place], turn, library.operations)[0])
            else:
                errors.append(error_of(mine.matches[question.measure], k, question.labels, library, turn)[0])
    rows = [_share(question, "nearest", [hit for hits in nearest.values() for hit in hits])]
    rows += [_share(question, f"nearest, {name}", hits) for name, hits in nearest.items()]
    rows += [_share(question, "answer", kept[1])]
    rows += [_share(question, f"answer, {TOGETHER} particles together", kept[TOGETHER])]
    subject = f"{question.measure}: direction, median"
    drawn = np.random.default_rng(0).choice(errors, (BOOTSTRAPS, len(errors)))
    low, high = np.quantile(np.median(drawn, axis=1), (0.025, 0.975)).tolist()
    row = _row("orientation_error", "degree", subject, np.median(errors), len(errors), "lower", question.data)
    return [*rows, row | {"ci_low": low, "ci_high": high}]


def _neither(question: Question, name: str, found: dict[str, Found]) -> list[dict[str, Any]]:
    """Whether a structure that is none of the candidates is refused."""
    rows = []
    for size, words in ((1, ""), (TOGETHER, f", {TOGETHER} particles together")):
        refused = [one["answer"] == NEITHER for one in question.answers(found[name], size)]
        rows.append(_share(question, f"neither, {name}{words}", refused))
    return rows


def _crystals(question: Question, crystals: list[str], found: dict[str, Found]) -> list[dict[str, Any]]:
    """Particles that all lie one way: whether they are recognised, and how many of the 25 best images are of their isomer."""
    true = [name.rsplit(" ", 1)[0] for name in crystals]
    answers = [question.answers(found[name], PAPER_PARTICLES, shared=True)[0]["answer"] for name in crystals]
    kept = [answer == name for answer, name in zip(answers, true, strict=True)]
    rows = [_share(question, f"answer, {PAPER_PARTICLES} particles of a crystal", kept)]
    if question.measure == REFINED:
        return rows
    tops = [
        top_share(rank_scores(found[crystal].matches[question.measure].similarity), question.labels, name)[0]
        for crystal, name in zip(crystals, true, strict=True)
    ]
    for what, value in (("mean", np.mean(tops)), ("least", np.min(tops))):
        subject = f"{question.measure}: {what} of crystals"
        row = _row("top25_purity", "1", subject, value, len(tops), "higher", question.data)
        rows.append(row | {"paper": 23})
    return rows


def _beyond(what: str, noises: list[float], known: Expectation, data: str) -> dict[str, Any]:
    """How often the noise of a particle lies beyond that of the calibration, so that there is no answer."""
    hits = [known.outside(noise) != "" for noise in noises]
    return _counted(f"uncalibrated, {what}", hits, data) | {"better": "lower", "quantity": "error_rate"}


def _saturated(
    libraries: list[Library], asked: dict[str, Asked], rng: np.random.Generator, data: str
) -> list[dict[str, Any]]:
    """The nearest candidate where everything from a share of the darkest on is black, in images and particles."""
    black = [
        make_library(one.atoms, directions=PAPER_DIRECTIONS, settings=replace(IMAGES, saturation=SATURATION))
        for one in libraries
    ]
    names, (images, labels) = [one.name for one in black], joined(black)
    settings = ParticleSettings(IMAGES.pixels, IMAGES.pixel_angstrom, RADIUS_ANGSTROM)
    hits: dict[str, list[bool]] = {measure: [] for measure in MAIN}
    for name, mine in asked.items():
        middle = (mine.intensities.shape[-1] - 1) / 2
        seen = [
            prepare_particle(
                counted(one, PLAIN_DOSE, pixel, rng), middle, middle, IMAGES.pixel_angstrom, settings
            ).image
            for one, pixel in zip(mine.intensities, mine.pixels.tolist(), strict=True)
        ]
        dark = np.minimum(np.array(seen), SATURATION * WHITE) / SATURATION
        for measure, told in match(dark, images, ComparisonSettings(measures=MAIN)).items():
            tops = by_isomer(told.similarity, labels, names)
            hits[measure] += (tops.argmax(axis=1) == names.index(name)).tolist()
    return [_counted(f"{measure}, saturated at {SATURATION:g}: nearest", one, data) for measure, one in hits.items()]


def _size_of_test(libraries: list[Library], known: dict[str, Expectation]) -> list[dict[str, Any]]:
    """How often fresh particles of our own second model are refused: as often as the level says, if Student's t is right."""
    settings, names = (
        ParticleSettings(IMAGES.pixels, IMAGES.pixel_angstrom, RADIUS_ANGSTROM),
        [one.name for one in libraries],
    )
    fresh = calibrate(
        libraries, settings, ComparisonSettings(measures=MAIN), doses=DOSES, underfocus_angstrom=[Microscope().underfocus_angstrom],
        cases=TRIED_CASES, microscope={}, seed=FRESH_SEED,
    )  # fmt: skip
    rows = []
    for (measure, dose), mine in fresh.groupby(["measure", "dose"], sort=False):
        own = mine[mine["candidate"] == mine["true"]]
        refused = [
            probability_below(one.similarity, 1, known[str(measure)].own(one.true, one.noise)) < LEVEL
            for one in own.itertuples()
        ]
        data = f"{' and '.join(names)}, own multislice, dose {dose:g}"
        row = _counted(f"{measure}: own refused, level {LEVEL:g}", refused, data)
        rows.append(row | {"better": "lower", "quantity": "error_rate"})
    return rows


def _share(question: Question, what: str, hits: list[bool]) -> dict[str, Any]:
    return _counted(f"{question.measure}: {what}", hits, question.data)


def _counted(subject: str, hits: list[bool], data: str) -> dict[str, Any]:
    """A row of a share, with Wilson's interval."""
    interval = dict(zip(("ci_low", "ci_high"), wilson(float(np.mean(hits)), len(hits)), strict=True))
    return _row("isomer_accuracy", "1", subject, float(np.mean(hits)), len(hits), "higher", data) | interval


def _own_intensity(atoms: Atoms, orientation: np.ndarray, lens: Microscope, pixel: float) -> np.ndarray:
    size: dict[str, Any] = {"pixels": int(np.ceil(FIELD * IMAGES.pixels)), "pixel_angstrom": pixel}
    return through_lens(exit_wave(atoms, orientation, lens, **size), lens, **size)


def _abtem_intensity(atoms: Atoms, orientation: np.ndarray, lens: Microscope, pixel: float) -> np.ndarray:
    """By abTEM, whose spread of focus is a width at 1/e and ours a standard deviation; atoms vibrate by a blur of the potential, as ours do."""
    import abtem

    field = int(np.ceil(FIELD * IMAGES.pixels))
    side = field * pixel
    places = (atoms.positions - np.average(atoms.positions, axis=0, weights=atoms.numbers)) @ orientation.T
    places[:, :2] += (field - 1) / 2 * pixel
    places[:, 2] += 2 - places[:, 2].min()
    placed = Atoms(atoms.numbers, places, cell=[side, side, places[:, 2].max() + 2], pbc=True)
    still = abtem.Potential(placed, gpts=field, slice_thickness=2.0, parametrization="lobato").build(lazy=False)
    sigma = lens.vibration_angstrom / pixel
    blurred = np.array([
        np.fft.ifft2(ndimage.fourier_gaussian(np.fft.fft2(one), sigma)).real for one in np.asarray(still.array, float)
    ])  # fmt: skip
    potential = abtem.PotentialArray(
        blurred.astype(np.float32), slice_thickness=still.slice_thickness, extent=still.extent
    )
    wave = abtem.PlaneWave(energy=ENERGY_EV).multislice(potential)
    ctf = abtem.CTF(
        energy=ENERGY_EV,
        Cs=1e7 * lens.cs_mm,
        defocus=lens.underfocus_angstrom,
        focal_spread=np.sqrt(2) * lens.focal_spread_angstrom,
    )
    return np.asarray(wave.apply_ctf(ctf).intensity().compute(progress_bar=False).array, float).T


def _row(quantity: str, unit: str, subject: str, ours: float, n: int, better: str, data: str) -> dict[str, Any]:
    return {
        "system": "microscopy", "quantity": quantity, "unit": unit, "subject": subject, "ours": float(ours), "n": n,
        "data": data, "split": "none", "comparable": "not comparable", "better": better,
    }  # fmt: skip
