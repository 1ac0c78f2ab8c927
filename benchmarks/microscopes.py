"""What was tried for `neither`, on images of our own second model, by microscopes that are what is stated of them, and not."""

from typing import Any

import numpy as np
from ase import Atoms
from scipy.spatial.transform import Rotation
from threadpoolctl import threadpool_limits

from auric.microscopy import (
    ComparisonSettings,
    Microscope,
    ParticleSettings,
    calibrate,
    decide,
    expectation,
    make_library,
    match,
    refined_fits,
    simulated_particle,
)
from auric.microscopy.calibration import UNCERTAINTY, wilson
from auric.microscopy.library import joined
from auric.microscopy.ranking import by_isomer
from auric.microscopy.refinement import REFINED
from benchmarks.micrographs import (
    AU38,
    CALIBRATED,
    CALIBRATED_DOSES,
    IMAGES,
    LEVEL,
    PAPER_DIRECTIONS,
    RADIUS_ANGSTROM,
    TRIED_CASES,
    mirrored,
    score_row,
)

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


def measure_microscopes() -> list[dict[str, Any]]:
    """What was tried for `neither` on images of our own second model, by microscopes that are what is stated of them, and not.

    Rows of the scorecard; none without the structures. No image of abTEM and no structure that is asked there is used.
    """
    structures = mirrored("microscopes", AU38 | FOREIGN)
    if not structures:
        return []
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
                    rows.append(
                        score_row("isomer_accuracy", "1", what, np.mean(hits), len(hits), "higher", data) | interval
                    )
    return rows
