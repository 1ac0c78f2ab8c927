"""One block of the structures table, built or read, checked, and written; what fails goes to a table of its own."""

import re
from collections.abc import Sequence
from pathlib import Path

from ase import Atoms

from auric.errors import StructureError, suggestion
from auric.files import write_frames, write_table
from auric.progress import log
from auric.structures.check import check_structure
from auric.structures.readers import read_structure
from auric.structures.rings import LIGANDS, build_ring
from auric.structures.table import Row

FAILURE_COLUMNS = ("stage", "structure", "frame", "reason")


def prepare_block(
    rows: Sequence[Row], structures: str | Path, failures: str | Path, *, cutoff_angstrom: float = 2.7
) -> None:
    """Write the good structures of a block (extxyz) and the reasons of the others (CSV).

    Args:
        rows: Rows of the structures table.
        structures: Extended xyz to write; `info` of each: name, charge, multiplicity, source, thermal_frames.
        failures: CSV to write, columns `FAILURE_COLUMNS`.
        cutoff_angstrom: Longest distance counted as an S-Au bond.
    """
    good: list[Atoms] = []
    bad: list[dict[str, str]] = []
    for row in rows:
        try:
            good.append(_prepare(row, cutoff_angstrom))
            log.info("%s: %s", row["name"], good[-1].get_chemical_formula())
        except StructureError as error:
            log.warning("%s: %s", row["name"], error)
            bad.append({"stage": "structures", "structure": row["name"], "frame": "", "reason": str(error)})
    write_frames(structures, good)
    write_table(failures, bad, FAILURE_COLUMNS)


def _prepare(row: Row, cutoff_angstrom: float) -> Atoms:
    if row["error"]:
        raise StructureError(row["error"])
    atoms = read_structure(row["recipe"]) if row["builder"] == "file" else _ring(row["recipe"])
    try:
        check_structure(atoms, charge=row["charge"], multiplicity=row["multiplicity"], cutoff_angstrom=cutoff_angstrom)
    except StructureError as error:
        raise StructureError(f"{row['recipe']}: {error}") from None
    atoms.info |= {"name": row["name"], "charge": row["charge"], "multiplicity": row["multiplicity"]}
    if row["frames"] is not None:
        atoms.info["thermal_frames"] = row["frames"]
    return atoms


def _ring(recipe: str) -> Atoms:
    """Build a ring from words such as `n=4 R=CH3`."""
    pairs = [word.partition("=")[::2] for word in recipe.split()]
    words = dict(pairs)
    if len(words) < len(pairs):
        raise StructureError(f"ring recipe '{recipe}': a word is given twice; give n and R once each")
    for key in words:
        if key not in ("n", "R"):
            raise StructureError(f"ring recipe '{recipe}': unknown word '{key}'; {suggestion(key, ('n', 'R'))}")
    if not re.fullmatch("[0-9]{1,3}", words.get("n", "")):
        raise StructureError(f"ring recipe '{recipe}': give the size as n=4 and R as one of {', '.join(LIGANDS)}")
    atoms = build_ring(int(words["n"]), words.get("R", "H"))
    atoms.info["source"] = f"ring n={words['n']} R={words.get('R', 'H')}"
    return atoms
