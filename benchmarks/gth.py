"""The isomers Q and T of Au38(SCH3)24 at the level of CP2K's reference: PBE, GTH pseudopotentials, DZVP-MOLOPT-SR, gamma point.

CP2K (NC_Database, see docs/data.md) has E(Q) - E(T) = -0.272 eV; the aim is 0.01 eV, with the grid's cutoff converged. Needs
the files of the data sets (AURIC_MIRROR); about 20 core minutes a single point, kept in the label store. Each cutoff starts from the
orbitals of the one before.
"""

import os
from pathlib import Path
from typing import Any

from ase import Atoms

from auric.reference import Engine, Orbitals, Store, known_label, label_once, make_engine
from auric.structures import read_structure
from auric.units import HARTREE_EV

CUTOFFS_HARTREE = (80.0, 120.0, 160.0)
MARGIN_ANGSTROM = 5.0
STORE = "results/store"
FOLDER = "nc_database/sch3_protected"


def measure_gth() -> list[dict[str, Any]]:
    """Rows of the scorecard; none, with a word why, without the data sets."""
    if not _mirror():
        print("gth: skipped; AURIC_MIRROR names no folder with copies of the external data sets")
        return []
    rows = []
    cp2k = {isomer: float(_path(isomer).read_text().splitlines()[1].split("=")[1]) * HARTREE_EV for isomer in "qt"}
    last: dict[str, Orbitals] = {}
    for cutoff in CUTOFFS_HARTREE:
        ours, seconds = {}, 0.0
        for isomer in "qt":
            content, arrays = label_once(_structure(isomer), _engine(cutoff), Store(STORE), start=last.get(isomer))
            if content["failure"]:
                raise RuntimeError(f"{isomer} at {cutoff:g} hartree: {content['failure']}")
            last[isomer] = Orbitals.from_parts(content["orbitals"], arrays)
            ours[isomer] = content["energy_ev"]
            seconds += content["details"]["seconds"] * content["details"]["threads"]
        common = {
            "system": "reference", "quantity": "energy_difference", "unit": "eV", "n": 2,
            "data": f"cutoff {cutoff:g} hartree", "split": "none", "seconds": seconds,
        }  # fmt: skip
        rows += [
            common
            | {
                "subject": "Au38(SCH3)24, Q - T, pyscf-gth beside CP2K", "paper": cp2k["q"] - cp2k["t"],
                "ours": ours["q"] - ours["t"], "comparable": "same data", "better": "nearer",
            },
            common
            | {
                "subject": "Au38(SCH3)24 Q, total energy, pyscf-gth - CP2K", "paper": 0.0, "ours": ours["q"] - cp2k["q"],
                "comparable": "same data", "better": "nearer",
            },
        ]  # fmt: skip
    return rows


def known_orbitals() -> Orbitals | None:
    """The wave function of isomer Q, if `measure_gth` has put it into the store."""
    entry = known_label(_structure("q"), _engine(CUTOFFS_HARTREE[1]), Store(STORE)) if _mirror() else None
    return Orbitals.from_parts(entry[0]["orbitals"], entry[1]) if entry else None


def _mirror() -> str:
    return os.environ.get("AURIC_MIRROR", "")


def _path(isomer: str) -> Path:
    return Path(_mirror(), FOLDER, f"038_24{isomer}_cp2k_opt.xyz")


def _structure(isomer: str) -> Atoms:
    atoms = read_structure(_path(isomer))
    atoms.info |= {"name": f"au38_{isomer}", "charge": 0, "multiplicity": 1}
    return atoms


def _engine(cutoff_hartree: float) -> Engine:
    settings = {"cutoff_hartree": cutoff_hartree, "margin_angstrom": MARGIN_ANGSTROM}
    return make_engine("pyscf-gth", settings, threads=int(os.environ.get("OMP_NUM_THREADS", "2")), memory_mb=8000)
