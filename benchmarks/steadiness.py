"""Does it matter by how much a steady reading takes ELF to be uncertain? Its correlation with Mayer's bond order, and its error, over a range.

Needs the perturbed images of a finished study `valence` (`make run STUDY=valence`). About two minutes of one core.
"""

from pathlib import Path
from typing import Any

import numpy as np

from auric.errors import InputError
from auric.files import read_tables
from auric.ruler import Mask, judge
from auric.ruler.baselines import SteadyRidgeOnImage
from auric.ruler.bonding import JUDGED, changes, perturbed_images, readings
from benchmarks.noise import FOLDS, SEED, bundled

STUDY = Path("results/valence/ruler")
UNCERTAINTIES = (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1)
MASKS = ({"share": 1.0}, {"share": 0.5}, {"share": 0.38}, {"share": 0.25}, {"share": 0.38, "shape": "discs"})
SAMPLES = 1000


def measure_steadiness() -> list[dict[str, Any]]:
    """Rows of the scorecard."""
    judged_before = STUDY / "shifts.csv"
    if not judged_before.exists():
        raise InputError(f"{judged_before} is missing; make the study first: make run STUDY=valence")
    # The folder may hold structures that the study has no more.
    pictures = [STUDY / "perturbed" / f"{name}.nc" for name in read_tables([judged_before])["structure"].unique()]
    names, elf = perturbed_images(pictures)
    indices = read_tables([path.with_suffix(".csv") for path in pictures])
    data, rows = bundled(), []
    for mask in map(Mask.of, MASKS):
        for uncertainty in UNCERTAINTIES:
            reader = SteadyRidgeOnImage()
            reader.uncertainty = uncertainty
            ((subject, null, read),) = readings(data, names, elf, mask, [reader], folds=FOLDS, seed=SEED)
            table = changes(mask, subject, null, read, indices).table
            judged = judge(table, valence=mask.name, samples=SAMPLES, seed=SEED)
            found = judged[
                (judged["index"] == "mayer") & (judged["kind"] == "all") & (judged["judged"] == JUDGED[1])
            ].iloc[0]
            common = {
                "system": "ruler", "subject": f"{subject}, for ELF uncertain by {uncertainty:g}",
                "data": mask.words, "split": "structure", "comparable": "not comparable", "better": "lower",
            }  # fmt: skip
            rows += [
                common | {
                    "quantity": "bond_order_correlation", "unit": "1", "n": found["bonds"], "ours": found["correlation"],
                    "ci_low": found["ci_low"], "ci_high": found["ci_high"],
                },
                common | {
                    "quantity": "mae", "unit": "angstrom", "n": len(null), "ours": float(np.abs(null["error_angstrom"]).mean()),
                },
            ]  # fmt: skip
    return rows
