"""What matching gives where isomer and orientation are known: simulated particles of every candidate, by the second image model.

These are the null distributions of the answers (how similar is a particle to its own isomer, and to a mismatched one?) and the material
of the power curve, over dose, focus and number of particles.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats
from scipy.spatial.transform import Rotation

from auric.files import write_table
from auric.microscopy.directions import orientation_error, turned_about_beam
from auric.microscopy.imaging import simulated_particle
from auric.microscopy.library import Library, joined, read_libraries
from auric.microscopy.particles import ParticleSettings
from auric.microscopy.ranking import by_isomer
from auric.microscopy.refinement import REFINED, refined_fits
from auric.microscopy.similarity import ComparisonSettings, Match, match
from auric.microscopy.transfer import Microscope
from auric.progress import log

CASE_COLUMNS = (
    "true", "dose", "underfocus_angstrom", "case", "noise", "measure", "candidate", "similarity", "beam_error_degree",
    "orientation_error_degree",
)  # fmt: skip
POWER_COLUMNS = (
    "measure", "dose", "underfocus_angstrom", "particles", "right", "low", "high", "cases", "own_refused", "other_refused",
)  # fmt: skip
UNCERTAINTY = 0.2
"""How well a microscope is known, where nothing is said of it."""
GROUPS = 500
"""Groups of particles drawn for each point of the power curve."""
REFUSED_LEVEL = 0.01
"""Below which probability of a fit the power curve counts groups as refused; by default, answers do so too."""


def conditions(doses: Sequence[float], underfocus_angstrom: Sequence[float]) -> list[tuple[float, float]]:
    """Doses at the first focus, and other foci at the middle dose."""
    first, *others = underfocus_angstrom
    middle = sorted(doses)[len(doses) // 2]
    return [(dose, first) for dose in doses] + [(middle, other) for other in others]


def calibrate(
    libraries: Sequence[Library], settings: ParticleSettings, comparison: ComparisonSettings, *,
    doses: Sequence[float], underfocus_angstrom: Sequence[float], cases: int, microscope: Mapping[str, Any], seed: int,
    uncertainty: float = UNCERTAINTY,
) -> pd.DataFrame:  # fmt: skip
    """Match simulated particles of each candidate, oriented at random, with all candidates.

    Args:
        libraries: The candidates.
        settings: Of the particles.
        comparison: Rotations, wavelets and measures.
        doses: Electrons per square angstrom.
        underfocus_angstrom: The first goes with all doses, others with the middle one.
        cases: Particles of each candidate under each condition.
        microscope: Of `Microscope`, without the focus. Orientations are refined as if all had the first focus.
        seed: Of orientations, microscopes and noise.
        uncertainty: See `auric.microscopy.transfer.Microscope.one_like_it`: each particle is seen by a microscope of its own.

    Returns:
        Columns `CASE_COLUMNS`: a row for each case, measure (`refined` among them, if asked for) and candidate; errors are of the best
        image, or the refined orientation, of the true candidate.
    """
    rows = []
    images, labels = joined(libraries)
    names = [one.name for one in libraries]
    assumed = Microscope(**dict(microscope) | {"underfocus_angstrom": underfocus_angstrom[0]})
    for place, true in enumerate(libraries):
        for number, (dose, focus) in enumerate(conditions(doses, underfocus_angstrom)):
            rng = np.random.default_rng([seed, place, number])
            orientations = Rotation.random(cases, rng=rng).as_matrix()
            lens = Microscope(**dict(microscope) | {"underfocus_angstrom": focus})
            made = [
                simulated_particle(true.atoms, one, lens.one_like_it(uncertainty, rng), settings, dose=dose, rng=rng)
                for one in orientations
            ]
            particles = np.array([one.image for one in made])
            found = match(particles, images, comparison)
            told = {
                measure: (
                    by_isomer(mine.similarity, labels, names),
                    [error_of(mine, case, labels, true, turn) for case, turn in enumerate(orientations)],
                )
                for measure, mine in found.items()
            }
            if comparison.starts:
                fits = refined_fits(particles, found[comparison.measures[0]], libraries, assumed, settings, comparison)
                told[REFINED] = (
                    fits.similarity,
                    [
                        orientation_error(fits.orientation[case, place], turn, true.operations)
                        for case, turn in enumerate(orientations)
                    ],
                )
            rows += [
                (true.name, dose, focus, case, made[case].noise, measure, name, tops[case, k], *errors[case])
                for measure, (tops, errors) in told.items()
                for case in range(cases)
                for k, name in enumerate(names)
            ]
            log.info("%s at %g electrons/angstrom^2, underfocus %g angstrom: %d cases", true.name, dose, focus, cases)
    return pd.DataFrame(rows, columns=list(CASE_COLUMNS))


def error_of(told: Match, particle: int, labels: np.ndarray, library: Library, true: np.ndarray) -> tuple[float, float]:
    """Errors of the orientation (degree; direction, whole rotation) that a particle's best image of one candidate tells."""
    mine = np.flatnonzero(labels == library.name)
    best = int(mine[told.similarity[particle, mine].argmax()])
    found = turned_about_beam(library.orientations[best - mine[0]], told.angle_degree[particle, best])
    return orientation_error(found, true, library.operations)


def margins(cases: pd.DataFrame) -> pd.DataFrame:
    """By how much each case is more similar to its true candidate than to the best of the others, column `margin`."""
    keys = ["measure", "dose", "underfocus_angstrom", "true", "case"]
    own = cases[cases["candidate"] == cases["true"]].set_index(keys)["similarity"]
    other = cases[cases["candidate"] != cases["true"]].groupby(keys)["similarity"].max()
    return (own - other).rename("margin").dropna().reset_index()


def power_curve(cases: pd.DataFrame, *, particles: Sequence[int], seed: int) -> pd.DataFrame:
    """How often the right isomer wins, by the mean over groups of particles drawn from the cases, and how often none is said to fit.

    Args:
        cases: Columns `CASE_COLUMNS`.
        particles: Sizes of the groups.
        seed: Of the drawing.

    Returns:
        Columns `POWER_COLUMNS`; intervals (95 %) are Wilson's by the number of cases, of which groups are made again and again.
        `own_refused` and `other_refused` are the shares of groups that `neither` is said of, see `refused_shares`.
    """
    rng, rows, keys = np.random.default_rng(seed), [], ["measure", "dose", "underfocus_angstrom"]
    every = dict(list(cases.groupby(keys, sort=False)))
    for key, mine in margins(cases).groupby(keys, sort=False):
        wide = every[key].pivot_table(index=["true", "case"], columns="candidate", values="similarity")
        for size in particles:
            shares = [
                (rng.choice(one["margin"].to_numpy(), (GROUPS, size)).mean(axis=1) > 0).mean()
                for _, one in mine.groupby("true")
            ]
            right = float(np.mean(shares))
            refused = refused_shares(wide, size, rng)
            rows.append((*key, size, right, *wilson(right, len(mine)), len(mine), *refused))
    return pd.DataFrame(rows, columns=list(POWER_COLUMNS))


def refused_shares(wide: pd.DataFrame, size: int, rng: np.random.Generator) -> tuple[float, float]:
    """How often a group of particles fits no candidate: its own ones, and those of a candidate that is left out of the comparison.

    Args:
        wide: Similarities under one condition, rows by true candidate and case, a column for each candidate.
        size: Particles in a group.
        rng: Draws the groups. Own groups are judged by the cases that are not in them.

    Returns:
        Two shares, means over candidates; NaN where cases are too few, or there is no other candidate.
    """
    own, other = [], []
    known = {str(name): wide.loc[name][name].to_numpy() for name in wide.columns}
    for name, values in known.items():
        if len(values) < size + 2:
            return float("nan"), float("nan")
        drawn = values[rng.random((GROUPS, len(values))).argsort(axis=1)]
        own.append(_refused(drawn[:, :size].mean(axis=1), size, drawn[:, size:]).mean())
        rivals = wide.loc[name].drop(columns=name)
        if rivals.shape[1]:
            means = rivals.to_numpy()[rng.integers(0, len(rivals), (GROUPS, size))].mean(axis=1)
            nearest = means.argmax(axis=1)
            told = [_refused(means[nearest == k, k], size, known[str(rival)][None]) for k, rival in enumerate(rivals)]
            other.append(np.concatenate(told).mean())
    return float(np.mean(own)), float(np.mean(other)) if other else float("nan")


def _refused(means: np.ndarray, size: int, known: np.ndarray) -> np.ndarray:
    """Whether means of so many particles lie below what Student's t of the known cases, along the last axis, allows."""
    cases = known.shape[-1]
    reach = stats.t.ppf(REFUSED_LEVEL, cases - 1) * np.sqrt(1 / size + 1 / cases)
    return np.asarray(means < known.mean(axis=-1) + reach * known.std(axis=-1, ddof=1))


def wilson(share: float, n: int, z: float = 1.96) -> tuple[float, float]:
    """Wilson's 95 % interval of a share of n (doi:10.1080/01621459.1927.10502953)."""
    middle, width = share + z * z / (2 * n), z * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return float((middle - width) / (1 + z * z / n)), float((middle + width) / (1 + z * z / n))


def write_calibration(
    libraries: Sequence[str | Path], table: str | Path, power: str | Path, *, settings: Mapping[str, Any], seed: int
) -> None:
    """Calibrate on a study's candidates and write cases and power curve.

    Args:
        libraries: Files of `write_library`.
        table: CSV to write, columns `CASE_COLUMNS`.
        power: CSV to write, columns `POWER_COLUMNS`.
        settings: `microscopy` of the configuration.
        seed: Of the study.
    """
    found = read_libraries(libraries)
    wanted = settings["calibration"]
    cases = calibrate(
        found, particle_settings(settings), comparison_settings(settings), doses=wanted["doses"],
        underfocus_angstrom=wanted["underfocus_angstrom"], cases=wanted["cases"], microscope=settings["microscope"], seed=seed,
        uncertainty=wanted["uncertainty"],
    )  # fmt: skip
    write_table(table, cases, CASE_COLUMNS)
    write_table(power, power_curve(cases, particles=wanted["particles"], seed=seed), POWER_COLUMNS)


def particle_settings(settings: Mapping[str, Any]) -> ParticleSettings:
    """Of `microscopy` of a configuration."""
    images = settings["images"]
    return ParticleSettings(images["pixels"], images["pixel_angstrom"], **settings["particles"])


def comparison_settings(settings: Mapping[str, Any]) -> ComparisonSettings:
    """Of `microscopy` of a configuration."""
    return ComparisonSettings(
        settings["rotations"], tuple(settings["widths_pixels"]), tuple(settings["measures"]), settings["refined_starts"]
    )


def assumed_microscope(settings: Mapping[str, Any]) -> Microscope:
    """Of `microscopy` of a configuration, at the first focus."""
    return Microscope(
        **settings["microscope"] | {"underfocus_angstrom": settings["calibration"]["underfocus_angstrom"][0]}
    )
