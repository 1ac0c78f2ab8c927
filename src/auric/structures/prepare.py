"""One block of the structures table, built or read, checked, and written; what fails goes to a table of its own."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ase import Atoms

from auric.errors import InputError, StructureError
from auric.files import write_frames, write_table
from auric.progress import log
from auric.structures.bonds import BondRule
from auric.structures.check import check_structure
from auric.structures.readers import check_stated_charge
from auric.structures.recipes import Places, build_recipe
from auric.structures.table import Row

FAILURE_COLUMNS = ("stage", "structure", "frame", "reason")


def prepare_block(
    rows: Sequence[Row], structures: str | Path, failures: str | Path, *,
    bond: Mapping[str, Any] | None = None, resources: str | Path = "resources", mirror: str | Path | None = None,
    cache: str | Path = "results/external",
) -> None:  # fmt: skip
    """Write the good structures of a block (extxyz) and the reasons of the others (CSV).

    Args:
        rows: Rows of the structures table.
        structures: Extended xyz to write; `info` of each: name, charge, multiplicity, source, thermal_frames.
        failures: CSV to write, columns `FAILURE_COLUMNS`.
        bond: Fields of `BondRule`; sulfur and gold by default.
        resources: Folder of bundled structures and of the manifest.
        mirror: Folder with copies of the manifest's files; by default that of the environment variable AURIC_MIRROR.
        cache: Folder for downloads of the manifest's files.
    """
    rule = BondRule(**(bond or {}))
    places = Places(Path(resources), Path(mirror) if mirror else None, Path(cache))
    good: list[Atoms] = []
    bad: list[dict[str, str]] = []
    for row in rows:
        try:
            good.append(_prepare(row, rule, places))
            log.info("%s: %s", row["name"], good[-1].get_chemical_formula())
        except InputError as error:
            log.warning("%s: %s", row["name"], error)
            bad.append({"stage": "structures", "structure": row["name"], "frame": "", "reason": str(error)})
    write_frames(structures, good)
    write_table(failures, bad, FAILURE_COLUMNS)


def _prepare(row: Row, rule: BondRule, places: Places) -> Atoms:
    if row["error"]:
        raise StructureError(row["error"])
    atoms = build_recipe(row["builder"], row["recipe"], places)
    try:
        check_stated_charge(atoms, row["charge"])
        check_structure(atoms, charge=row["charge"], multiplicity=row["multiplicity"], rule=rule)
    except StructureError as error:
        raise StructureError(f"{row['recipe']}: {error}") from None
    atoms.info.pop("stated_charge", None)
    atoms.info |= {"name": row["name"], "charge": row["charge"], "multiplicity": row["multiplicity"]}
    if row["frames"] is not None:
        atoms.info["thermal_frames"] = row["frames"]
    return atoms
