"""Builders against real structures: distance of the gold-sulfur frameworks, and how far GFN1-xTB moves the real one itself.

Built clusters know no coordinates; the real ones (CP2K, PBE) come from the manifest: a mirror (AURIC_MIRROR) or a download.
"""

import time
from typing import Any

import numpy as np
from ase import Atoms
from ase.optimize import LBFGS

from auric.errors import ScfError
from auric.reference import XtbEngine, XtbSettings
from auric.structures import build_recipe, framework_rmsd, manifest_structure, mirror_folder

CLUSTERS = {
    "Au25(SCH3)18 anion": ("core=Au13 units=6xn2 R=CH3", "au25_sch3_18_minus1", -1, 1),
    "Au25(SCH3)18 neutral": ("core=Au13 units=6xn2 R=CH3", "au25_sch3_18_neutral", 0, 2),
    "Au38(SCH3)24 Q": ("core=Au23 units=6xn2+3xn1 R=CH3", "au38_sch3_24_q", 0, 1),
}
FMAX_EV_ANGSTROM, STEPS = 0.05, 600


def measure_structures() -> list[dict[str, Any]]:
    """Rows of the scorecard."""
    rows: list[dict[str, Any]] = []
    for name, (recipe, entry, charge, multiplicity) in CLUSTERS.items():
        real = manifest_structure(
            entry, manifest="resources/manifest.tsv", mirror=mirror_folder(), cache="results/external"
        )
        built = build_recipe("staple", recipe)
        common = {
            "system": "structures", "quantity": "framework_rmsd", "unit": "angstrom",
            "n": int(np.isin(real.numbers, (16, 79)).sum()), "data": name, "split": "none",
            "comparable": "not comparable", "better": "lower",
        }  # fmt: skip
        rows.append(common | {"subject": "built against real", "ours": framework_rmsd(built, real)})
        relaxed, seconds = {}, {}
        for kind, atoms in (("built", built), ("real", real)):
            started = time.perf_counter()
            relaxed[kind] = _relaxed(atoms, charge, multiplicity)
            seconds[kind] = time.perf_counter() - started
        pairs = {
            "built and relaxed against real": (relaxed["built"], real, seconds["built"]),
            "real relaxed against real": (relaxed["real"], real, seconds["real"]),
            "built against real, both relaxed": (relaxed["built"], relaxed["real"], sum(seconds.values())),
        }
        for subject, (one, other, spent) in pairs.items():
            rows.append(common | {"subject": subject, "ours": framework_rmsd(one, other), "seconds": spent})
        energy = relaxed["built"].info["energy_ev"] - relaxed["real"].info["energy_ev"]
        rows.append(
            common
            | {
                "quantity": "energy_difference",
                "unit": "eV",
                "subject": "built minus real, both relaxed",
                "ours": energy,
            }
        )
    return rows


def _relaxed(atoms: Atoms, charge: int, multiplicity: int) -> Atoms:
    """The structure at its GFN1-xTB minimum, its energy (eV) in `info`."""
    moving = Atoms(atoms.numbers, atoms.positions)
    moving.calc = XtbEngine(XtbSettings()).calculator(charge, multiplicity)
    optimiser = LBFGS(moving, logfile=None)
    if not optimiser.run(fmax=FMAX_EV_ANGSTROM, steps=STEPS):
        raise ScfError(
            f"{moving.get_chemical_formula()}: above {FMAX_EV_ANGSTROM} eV/angstrom after {STEPS} steps; raise STEPS"
        )
    return Atoms(moving.numbers, moving.positions, info={"energy_ev": float(moving.get_potential_energy())})
