"""Records of syntheses: what went into the flask, how, and whether one cluster came out of it.

A record is a row of a CSV or Excel table; `COLUMNS` are its cells. What the descriptors of Table 1 (doi:10.1002/aisy.201900029) need
beyond molecules and conditions may be given in `OPTIONAL` columns; else it comes from bundled tables, or is missing.
"""

import csv
import math
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from rdkit import Chem

from auric.errors import InputError, suggestion
from auric.graphs.smiles import parsed
from auric.synthesis.sheets import read_sheet

MOLECULES = ("ligand", "solvent", "reducing_agent")
CONCENTRATIONS = ("ligand_mmol_l", "gold_mmol_l", "reducing_agent_mmol_l")
CONDITIONS = (*CONCENTRATIONS, "temperature_celsius", "ph")
COLUMNS = ("name", *MOLECULES, *CONDITIONS, "target", "outcome", "source")
OPTIONAL = ("dielectric_constant", "solubility_g_l", "redox_potential_v", "charge_potential")
LIMITS = {
    **dict.fromkeys(CONCENTRATIONS, (1e-6, 1e5)), "temperature_celsius": (-100.0, 300.0), "ph": (-2.0, 16.0),
    "dielectric_constant": (1.0, 500.0), "solubility_g_l": (0.0, 1e4), "redox_potential_v": (-5.0, 5.0), "charge_potential": (-1e3, 1e3),
}  # fmt: skip
"""Least and largest value of each number."""
MAY_BE_MISSING = ("ph", *OPTIONAL)
MISSING = ("", "none", "nan", "n/a", "na", "-")
WATER = "O"
SIMULATED = "simulated"
SOURCE = re.compile(rf"(doi:)?10\.\d{{4,9}}/\S+|{SIMULATED}: .+|own: .+")
"""A record is from the literature, was simulated, or is the user's own."""
TABLES = Path(__file__).parent


def read_records(path: str | Path) -> pd.DataFrame:
    """Read and check a table of records.

    Args:
        path: CSV (UTF-8, commas between cells) or xlsx, whose first sheet is taken; the first row names the columns.

    Returns:
        Columns `COLUMNS` and `OPTIONAL`, with molecules as canonical SMILES, numbers as float64 (missing: NaN), outcome as 0 or 1; and
        `row`, the number of the row in the file.

    Raises:
        InputError: Anything that is not as it should be; the message names file, row and column.
    """
    rows = read_sheet(path)
    if len(rows) < 2:
        raise InputError(
            f"{path}: no records; the first row names the columns {', '.join(COLUMNS)}, each further row is one record"
        )
    header = _header(path, rows[0][1])
    records = [
        _record(path, number, dict(zip(header, cells + [""] * (len(header) - len(cells)), strict=False)))
        for number, cells in rows[1:]
    ]
    table = pd.DataFrame(records, columns=[*COLUMNS, *OPTIONAL, "row"])
    _check_repeats(path, table)
    return table


def check_learnable(records: pd.DataFrame, folds: int, where: str) -> None:
    """Refuse records from which nothing can be learned.

    Args:
        records: As `read_records` gives them.
        folds: Number of folds.
        where: What the records are, for the message.

    Raises:
        InputError: Fewer records than folds, or fewer of one outcome than two.
    """
    if len(records) < folds:
        raise InputError(f"{where}: {len(records)} records for {folds} folds; add records, or lower synthesis.folds")
    counts = {outcome: int((records["outcome"] == outcome).sum()) for outcome in (0, 1)}
    if min(counts.values()) < 2:
        rare = min(counts, key=lambda outcome: counts[outcome])
        raise InputError(
            f"{where}, column outcome: {counts[rare]} of {len(records)} records have the outcome {rare}; a model needs at least two of each, "
            "so add syntheses that went the other way"
        )


def known_smiles(text: str) -> str:
    """Canonical SMILES of a known name (`molecules.csv`) or of a SMILES.

    Raises:
        InputError: Neither.
    """
    try:
        return str(Chem.MolToSmiles(parsed(known_molecules().get(text.lower(), text))))
    except InputError as error:
        if re.fullmatch(r"[A-Za-z0-9 ,'-]+", text) and re.search("[a-z]{4}", text):  # rather a name
            raise InputError(
                f"'{text}' is no known name and no SMILES; {suggestion(text.lower(), list(known_molecules()))}"
            ) from None
        raise error


@cache
def known_molecules() -> dict[str, str]:
    """SMILES of molecules by their names."""
    return {row["name"]: row["smiles"] for row in bundled("molecules")}


def bundled(name: str) -> list[dict[str, str]]:
    """Rows of a table that comes with the package; each says where its numbers come from."""
    with (TABLES / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _header(path: str | Path, cells: Sequence[str]) -> list[str]:
    known = [*COLUMNS, *OPTIONAL]
    header = [cell.lower() for cell in cells]
    for place, name in enumerate(header):
        if name not in known:
            raise InputError(f"{path}, row 1: unknown column '{name}'; {suggestion(name, known)}")
        if name in header[:place]:
            raise InputError(f"{path}, row 1: the column {name} is given twice; delete one")
    if absent := [name for name in COLUMNS if name not in header]:
        raise InputError(f"{path}, row 1: the column {absent[0]} is missing; add it (all: {', '.join(COLUMNS)})")
    return header


def _record(path: str | Path, row: int, cells: dict[str, str]) -> dict[str, object]:
    def refuse(column: str, what: str) -> InputError:
        return InputError(f"{path}, row {row}, column {column}: {what}")

    found: dict[str, object] = {"row": row, "target": cells["target"]}
    for column in ("name", *MOLECULES, *CONDITIONS, "outcome", "source"):
        if column not in MAY_BE_MISSING and cells[column].lower() in MISSING:
            raise refuse(column, "the cell is empty; fill it, or delete the row")
    found["name"] = cells["name"]
    for column in MOLECULES:
        try:
            found[column] = known_smiles(cells[column])
        except InputError as error:
            raise refuse(column, str(error)) from None
    for column in (*CONDITIONS, *OPTIONAL):
        text = cells.get(column, "")
        found[column] = float("nan")
        if column not in MAY_BE_MISSING or text.lower() not in MISSING:
            found[column] = _number(text, *LIMITS[column], lambda what, column=column: refuse(column, what))
    if not math.isnan(float(str(found["ph"]))) and WATER not in str(found["solvent"]).split("."):
        raise refuse("ph", f"a pH of {cells['ph']} in {cells['solvent']}; a pH is given in water only, write none")
    if cells["outcome"] not in ("0", "1"):
        raise refuse("outcome", f"'{cells['outcome'][:40]}' is neither 1 (one cluster) nor 0 (a mixture, or none)")
    found["outcome"] = int(cells["outcome"])
    if not SOURCE.fullmatch(cells["source"]):
        raise refuse(
            "source",
            f"'{cells['source'][:40]}' is no DOI (10.1002/...), 'own: ...' or '{SIMULATED}: ...'; say where the record is from",
        )
    found["source"] = cells["source"]
    return found


def _number(text: str, low: float, high: float, refuse: object) -> float:
    assert callable(refuse)
    if re.fullmatch(r"[+-]?\d+,\d+", text):
        raise refuse(f"'{text}' has a decimal comma; write {text.replace(',', '.')}")
    try:
        value = float(text)
    except ValueError:
        raise refuse(f"'{text[:40]}' is no number; write digits with a decimal point and no unit") from None
    if not low <= value <= high:
        raise refuse(f"{text} is outside of {low:g} to {high:g}; check the value and its unit")
    return value


def _check_repeats(path: str | Path, table: pd.DataFrame) -> None:
    """Names are unique, and so are recipes: one that is there twice would be learned from and tested on."""
    for column, keys in (("name", ["name"]), ("outcome", [*MOLECULES, *CONDITIONS])):
        seen: dict[tuple[object, ...], int] = {}
        for place, key in enumerate(table[keys].replace(np.nan, None).itertuples(index=False, name=None)):
            first = seen.setdefault(key, place)
            if first == place:
                continue
            here, there = table.iloc[place], table.iloc[first]
            if column == "name":
                raise InputError(
                    f"{path}, row {here['row']}, column name: '{here['name']}' is the name of row {there['row']} too; change one"
                )
            told = "with the other outcome" if here["outcome"] != there["outcome"] else "with the same outcome"
            raise InputError(
                f"{path}, row {here['row']}, column outcome: the recipe of row {there['row']} again, {told}; keep the row that is right"
            )
