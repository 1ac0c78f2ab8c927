"""What the benchmarks of micrographs share: structures, images, calibration and rows."""

import os
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms

from auric.microscopy import ImageSettings
from auric.microscopy.calibration import wilson
from auric.structures import read_structure

FOLDER = Path("nc_database/sch3_protected")
AU38 = {"au38_q": "038_24q_cp2k_opt.xyz", "au38_t": "038_24t_cp2k_opt.xyz"}
PAPER_PARTICLES, PAPER_DIRECTIONS, PAPER_PIXELS, PAPER_PIXEL_ANGSTROM = 13, 200, 200, 0.125
DOSES, CALIBRATED_DOSES, PLAIN_DOSE = (1e3, 3e3, 1e4, 3e4, 1e5), (1e3, 1e4, 1e5), 1e4
"""Asked at, simulated for the calibration (as by default in a study; the others lie between), and that of the measures that cost most."""
CASES, FOREIGN_CASES, CALIBRATED = 39, 52, 50
"""Of each structure and dose: drawn for the test, two of them so many that 95 % can be shown; of the structure that is none of them; and
simulated for the calibration (as many as by default in a study)."""
TRIED_CASES = 26
"""Of each structure, of our own second model."""
IMAGES = ImageSettings(pixels=64, pixel_angstrom=0.375)
RADIUS_ANGSTROM = 9.0
LEVEL, TOGETHER = 0.01, 4
"""Below which probability the answer is `neither`; and of how many particles it is asked too."""


def mirrored(name: str, files: dict[str, str]) -> dict[str, Atoms]:
    """Structures of the external data sets, named; none, and a word, where AURIC_MIRROR names no copies."""
    folder = Path(os.environ.get("AURIC_MIRROR", ".")) / FOLDER
    if not all((folder / file).is_file() for file in files.values()):
        print(f"{name}: skipped; AURIC_MIRROR names no folder with copies of the external data sets")
        return {}
    structures = {key: read_structure(folder / file) for key, file in files.items()}
    for key, atoms in structures.items():
        atoms.info["name"] = key
    return structures


def share_of(subject: str, hits: list[bool], data: str) -> dict[str, Any]:
    """A row of a share, with Wilson's interval."""
    interval = dict(zip(("ci_low", "ci_high"), wilson(float(np.mean(hits)), len(hits)), strict=True))
    return score_row("isomer_accuracy", "1", subject, float(np.mean(hits)), len(hits), "higher", data) | interval


def score_row(quantity: str, unit: str, subject: str, ours: float, n: int, better: str, data: str) -> dict[str, Any]:
    """A row of the scorecard."""
    return {
        "system": "microscopy", "quantity": quantity, "unit": unit, "subject": subject, "ours": float(ours), "n": n,
        "data": data, "split": "none", "comparable": "not comparable", "better": better,
    }  # fmt: skip
