"""Matching micrographs: ours against a plain loop at the paper's size, and how often the answer is right on images of another program.

The loop is the kindest one: transforms and rotated transforms are made before, and equation 2.5 is computed as printed for each particle,
rotation, image and width; a sample of pairs is timed and the rest reckoned. Processor time of one thread.

Accuracy: images by abTEM (multislice, Lobato's potentials, its lens), which is no dependency (`pip install abtem`, GPL); without it our own
second image model stands in, and the rows say so. Calibration is by our own second model in both cases. Structures come from AURIC_MIRROR.
"""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from scipy import ndimage, signal
from scipy.spatial.transform import Rotation
from threadpoolctl import threadpool_limits

from auric.microscopy import (
    ComparisonSettings,
    ImageSettings,
    Match,
    Microscope,
    ParticleSettings,
    calibrate,
    decide,
    default_widths,
    eight_bits,
    make_library,
    match,
    orientation_error,
    orientations_along,
    prepare_particle,
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
from auric.microscopy.imaging import FIELD
from auric.microscopy.library import Library, joined
from auric.microscopy.ranking import by_isomer
from auric.microscopy.refinement import REFINED
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
DOSES = (1e3, 1e4, 1e5)
CASES, CALIBRATED = 26, 50
"""Of each structure and dose: drawn for the test, and simulated for the calibration (as many as by default in a study)."""
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
class Found:
    """What matching tells of the particles of one structure.

    Attributes:
        matches: By measure.
        tops: Highest similarity to each candidate, by measure, refined orientations among them; shape (particles, candidates).
        refined: Orientations, shape (particles, candidates, 3, 3).
    """

    matches: dict[str, Match]
    tops: dict[str, np.ndarray]
    refined: np.ndarray


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
    for (name, kind, lens), microscope in asked.items():
        turns = Rotation.random(CASES, rng=rng).as_matrix()
        made = [
            simulated_particle(structures[name], one, microscope, settings, dose=TUNED_DOSE, rng=rng).image
            for one in turns
        ]
        found = match(np.array(made), images, comparison)
        refined = refined_fits(np.array(made), found["scaled"], libraries, Microscope(), settings, comparison)
        told = {measure: by_isomer(one.similarity, labels, names) for measure, one in found.items()}
        tops[name, kind, lens] = told | {REFINED: refined.similarity}
    rows, data = [], f"{' and '.join(names)}, own multislice, dose {TUNED_DOSE:g}"
    for uncertainty in (0.0, UNCERTAINTY):
        known = calibrate(
            libraries, settings, comparison, doses=[TUNED_DOSE], underfocus_angstrom=[Microscope().underfocus_angstrom],
            cases=CALIBRATED, microscope={}, seed=3, uncertainty=uncertainty,
        )  # fmt: skip
        for measure in (*comparison.measures, REFINED):
            for count in (FEW, CALIBRATED):
                cases = known[(known["measure"] == measure) & (known["case"] < count)]
                subject = f"{measure}, {count} cases, uncertainty {uncertainty:g}"
                for kind, lens in dict.fromkeys(key[1:] for key in tops):
                    hits = [
                        decide(one[None], names, cases, level=LEVEL)["answer"] == (name if kind == "own" else "neither")
                        for (name, *where), mine in tops.items()
                        if where == [kind, lens]
                        for one in mine[measure]
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
    refined_fits(particles, found, libraries, Microscope(), wanted, comparison)
    seconds, n = time.process_time() - started, len(particles) * len(libraries)
    return [*rows, _row("seconds", "s", "refined orientations, after a match", seconds, n, "lower", data)]


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
    libraries: list[Library],
    third: Atoms,
    intensity: Callable[[Atoms, np.ndarray, int], np.ndarray],
    source: str,
) -> list[dict[str, Any]]:
    settings, comparison = ParticleSettings(IMAGES.pixels, IMAGES.pixel_angstrom, RADIUS_ANGSTROM), ComparisonSettings()
    names, (images, labels) = [one.name for one in libraries], joined(libraries)
    known = calibrate(
        libraries, settings, comparison, doses=DOSES, underfocus_angstrom=[Microscope().underfocus_angstrom], cases=CALIBRATED,
        microscope={}, seed=2,
    )  # fmt: skip
    rng, rows = np.random.default_rng(6), []
    field = int(np.ceil(FIELD * IMAGES.pixels))
    drawn = {one.name: _drawn(one.atoms, CASES, rng) for one in libraries}
    crystals = {
        f"{one.name} {k}": _drawn(one.atoms, PAPER_PARTICLES, rng, shared=True)
        for one in libraries
        for k in range(GROUPS)
    }
    others = {third.info["name"]: _drawn(third, 2 * CASES, rng)}
    seen = {
        name: [intensity(atoms, turn, field) for turn in turns]
        for name, (atoms, turns) in (drawn | crystals | others).items()
    }
    for dose in DOSES:
        found: dict[str, Found] = {}
        for name, ones in seen.items():
            made = [
                prepare_particle(
                    counted(one, dose, IMAGES.pixel_angstrom, rng), (field - 1) / 2, (field - 1) / 2, IMAGES.pixel_angstrom, settings
                ).image for one in ones
            ]  # fmt: skip
            matches = match(np.array(made), images, comparison)
            tops = {measure: by_isomer(one.similarity, labels, names) for measure, one in matches.items()}
            refined = refined_fits(
                np.array(made), matches[comparison.measures[0]], libraries, Microscope(), settings, comparison
            )
            found[name] = Found(matches, tops | {REFINED: refined.similarity}, refined.orientation)
        for measure in (*comparison.measures, REFINED):
            cases = known[(known["measure"] == measure) & (known["dose"] == dose)]
            data = f"{' and '.join(names)}, {source}, dose {dose:g}"
            rows += _told(measure, data, libraries, labels, drawn, list(others), found, cases)
            if measure != REFINED:
                rows.append(_purity(measure, data, labels, list(crystals), found))
    return rows


def _told(
    measure: str, data: str, libraries: list[Library], labels: np.ndarray, drawn: dict[str, Any], others: list[str],
    found: dict[str, Found], cases: Any,
) -> list[dict[str, Any]]:  # fmt: skip
    names = [one.name for one in libraries]
    right, errors, kept = [], [], []
    for place, library in enumerate(libraries):
        mine = found[library.name]
        for k, turn in enumerate(drawn[library.name][1]):
            answer = decide(mine.tops[measure][k : k + 1], names, cases, level=LEVEL)
            right.append(answer["nearest"] == library.name)
            kept.append(answer["answer"] == library.name)
            if measure == REFINED:
                errors.append(orientation_error(mine.refined[k, place], turn, library.operations)[0])
            else:
                errors.append(error_of(mine.matches[measure], k, labels, library, turn)[0])
    shares = [("nearest", right), ("answer", kept)]
    for name in others:
        tops = found[name].tops[measure]
        refused = [decide(one[None], names, cases, level=LEVEL)["answer"] == "neither" for one in tops]
        shares.append((f"neither, {name}", refused))
        groups = [tops[k : k + TOGETHER] for k in range(0, len(tops), TOGETHER)]
        refused = [decide(one, names, cases, level=LEVEL)["answer"] == "neither" for one in groups]
        shares.append((f"neither, {name}, {TOGETHER} particles together", refused))
    rows = []
    for what, hits in shares:
        interval = dict(zip(("ci_low", "ci_high"), wilson(float(np.mean(hits)), len(hits)), strict=True))
        rows.append(
            _row("isomer_accuracy", "1", f"{measure}: {what}", np.mean(hits), len(hits), "higher", data) | interval
        )
    rows.append(
        _row(
            "orientation_error",
            "degree",
            f"{measure}: direction, median",
            np.median(errors),
            len(errors),
            "lower",
            data,
        )
    )
    return rows


def _purity(
    measure: str, data: str, labels: np.ndarray, crystals: list[str], found: dict[str, Found]
) -> dict[str, Any]:
    """How many of the 25 best images of a mixed ranking are of the true isomer, over particles that all lie one way."""
    tops = [
        top_share(rank_scores(found[name].matches[measure].similarity), labels, name.rsplit(" ", 1)[0])[0]
        for name in crystals
    ]
    row = _row("top25_purity", "1", f"{measure}: mean of crystals", np.mean(tops), len(tops), "higher", data)
    return row | {"paper": 23}


def _drawn(atoms: Atoms, count: int, rng: np.random.Generator, *, shared: bool = False) -> tuple[Atoms, np.ndarray]:
    turns = Rotation.random(count, rng=rng).as_matrix()
    if shared:
        turns = np.array([turned_about_beam(turns[0], turn) for turn in rng.uniform(0, 360, count)])
    return atoms, turns


def _own_intensity(atoms: Atoms, orientation: np.ndarray, field: int) -> np.ndarray:
    size = {"pixels": field, "pixel_angstrom": IMAGES.pixel_angstrom}
    return through_lens(exit_wave(atoms, orientation, Microscope(), **size), Microscope(), **size)


def _abtem_intensity(atoms: Atoms, orientation: np.ndarray, field: int) -> np.ndarray:
    import abtem

    lens, side = Microscope(), field * IMAGES.pixel_angstrom
    places = (atoms.positions - np.average(atoms.positions, axis=0, weights=atoms.numbers)) @ orientation.T
    places[:, :2] += (field - 1) / 2 * IMAGES.pixel_angstrom
    places[:, 2] += 2 - places[:, 2].min()
    placed = Atoms(atoms.numbers, places, cell=[side, side, places[:, 2].max() + 2], pbc=True)
    potential = abtem.Potential(placed, gpts=field, slice_thickness=2.0, parametrization="lobato")
    wave = abtem.PlaneWave(energy=ENERGY_EV).multislice(potential)
    ctf = abtem.CTF(
        energy=ENERGY_EV, Cs=1e7 * lens.cs_mm, defocus=lens.underfocus_angstrom, focal_spread=lens.focal_spread_angstrom
    )
    return np.asarray(wave.apply_ctf(ctf).intensity().compute(progress_bar=False).array, float).T


def _row(quantity: str, unit: str, subject: str, ours: float, n: int, better: str, data: str) -> dict[str, Any]:
    return {
        "system": "microscopy", "quantity": quantity, "unit": unit, "subject": subject, "ours": float(ours), "n": n,
        "data": data, "split": "none", "comparable": "not comparable", "better": better,
    }  # fmt: skip
