"""Matching micrographs: how fast, and how often the answer is right on images of another program.

Accuracy: images by abTEM (multislice, Lobato's potentials, its lens), which is no dependency (`pip install abtem`, GPL); without it our own
second image model stands in, and the rows say so. Every particle, and every crystal, has a microscope of its own about the one stated and a
pixel that is not quite what is stated. Calibration is by our own second model in both cases. Structures come from AURIC_MIRROR.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Any

import numpy as np
import pandas as pd
from ase import Atoms
from scipy import ndimage
from scipy.spatial.transform import Rotation
from threadpoolctl import threadpool_limits

from auric.microscopy import (
    NEITHER,
    ComparisonSettings,
    Match,
    Microscope,
    ParticleSettings,
    calibrate,
    decide,
    expectation,
    make_library,
    match,
    orientation_error,
    prepare_particle,
    probability_below,
    rank_scores,
    refined_fits,
    top_share,
    turned_about_beam,
)
from auric.microscopy.calibration import UNCERTAINTY, error_of
from auric.microscopy.expected import Expectation
from auric.microscopy.imaging import FIELD
from auric.microscopy.library import Library, joined
from auric.microscopy.projection import WHITE
from auric.microscopy.ranking import by_isomer
from auric.microscopy.refinement import REFINED
from auric.microscopy.similarity import Measure
from auric.microscopy.transfer import counted, exit_wave, through_lens
from auric.structures import Places, build_recipe
from benchmarks.micrographs import (
    AU38,
    CALIBRATED,
    CALIBRATED_DOSES,
    CASES,
    DOSES,
    FOREIGN_CASES,
    IMAGES,
    LEVEL,
    PAPER_DIRECTIONS,
    PAPER_PARTICLES,
    PLAIN_DOSE,
    RADIUS_ANGSTROM,
    TOGETHER,
    TRIED_CASES,
    mirrored,
    score_row,
    share_of,
)
from benchmarks.microscopy_speed import measure_shifts, measure_speed

THIRD = {"au40": "040_24_cp2k_opt.xyz", "au24": "024_20_cp2k_opt.xyz"}
"""Asked as if it were one of Au38's isomers, or of Au25's."""
AU25 = {
    "au25": ("staple", "core=Au13 units=6xn2 R=CH3"),
    "au25_twisted": ("bundled", "au25_twisted.extxyz:au25_twisted"),
}
DRAWN_SEED, FRESH_SEED = 31, 32
"""Of particles that are asked, by abTEM and by our own second model; other seeds were used while ways were compared."""
PIXEL_OFF = 0.03
"""A pixel is up to this share longer or shorter than is stated."""
MAIN: tuple[Measure, ...] = ("scaled", "correlation")
PLAIN: tuple[Measure, ...] = ("zero_mean", "paper", "ssim")
SATURATION, BOOTSTRAPS = 0.6, 2000
GROUPS = 4
"""Crystals of 13 particles of each isomer, all lying one way, for the ranking."""
ENERGY_EV = 3e5


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
    structures = mirrored("microscopy", AU38 | THIRD)
    if not structures:
        return []
    for name, recipe in AU25.items():
        structures[name] = build_recipe(*recipe, Places())
        structures[name].info["name"] = name
    with threadpool_limits(1):
        isomers = [structures[name] for name in AU38]
        return [*measure_speed(isomers), *measure_shifts(isomers[0]), *measure_accuracy(structures)]


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
    row = score_row("orientation_error", "degree", subject, np.median(errors), len(errors), "lower", question.data)
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
        row = score_row("top25_purity", "1", subject, value, len(tops), "higher", question.data)
        rows.append(row | {"paper": 23})
    return rows


def _beyond(what: str, noises: list[float], known: Expectation, data: str) -> dict[str, Any]:
    """How often the noise of a particle lies beyond that of the calibration, so that there is no answer."""
    hits = [known.outside(noise) != "" for noise in noises]
    return share_of(f"uncalibrated, {what}", hits, data) | {"better": "lower", "quantity": "error_rate"}


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
    return [share_of(f"{measure}, saturated at {SATURATION:g}: nearest", one, data) for measure, one in hits.items()]


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
        row = share_of(f"{measure}: own refused, level {LEVEL:g}", refused, data)
        rows.append(row | {"better": "lower", "quantity": "error_rate"})
    return rows


def _share(question: Question, what: str, hits: list[bool]) -> dict[str, Any]:
    return share_of(f"{question.measure}: {what}", hits, question.data)


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
