"""The table of structures: one row per structure, a name, how it is made, its charge and multiplicity.

A fault of one row is kept with the row (`error`), so that the others go on; a fault of the table stops at once.
"""

import csv
import re
from collections import Counter
from pathlib import Path
from typing import TypedDict

from auric.errors import InputError, suggestion

BUILDERS = ("ring", "file")
REQUIRED = ("name", "builder", "recipe", "charge", "multiplicity")
OPTIONAL = ("frames",)
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


class Row(TypedDict):
    """One row, checked. `frames` is None where the configuration decides; `error` is empty where the row is good."""

    name: str
    builder: str
    recipe: str
    charge: int
    multiplicity: int
    frames: int | None
    error: str


def read_structures_table(path: str | Path) -> list[Row]:
    """Read the tab-separated table; lines that are empty or start with # are skipped.

    Raises:
        InputError: If the table cannot be read, has unknown or missing columns, or no rows.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise InputError(f"structures table {path}: {error.strerror}; set structures.table in the configuration") from None
    except UnicodeDecodeError as error:
        raise InputError(f"structures table {path}: byte {error.start} is not UTF-8 text; save it as UTF-8") from None
    numbered = [(n, line) for n, line in enumerate(lines, 1) if line.strip() and not line.lstrip().startswith("#")]
    if not numbered:
        raise InputError(f"structures table {path} is empty; it needs the columns {', '.join(REQUIRED)} and rows")
    header = [name.strip() for name in numbered[0][1].split("\t")]
    _check_header(path, header)
    if len(numbered) == 1:
        raise InputError(f"structures table {path} has no rows; add at least one structure")
    cells = csv.reader((line for _, line in numbered[1:]), delimiter="\t", quoting=csv.QUOTE_NONE)
    rows = [_row(header, values, f"{path}, line {n}") for (n, _), values in zip(numbered[1:], cells, strict=True)]
    # Names become file names, and some file systems ignore case.
    counts = Counter(row["name"].casefold() for row in rows)
    for row, (n, _) in zip(rows, numbered[1:], strict=True):
        if counts[row["name"].casefold()] > 1 and not row["error"]:
            row["error"] = f"{path}, line {n}: the name '{row['name']}' is given more than once; names must differ"
    return rows


def _check_header(path: str | Path, header: list[str]) -> None:
    known = [*REQUIRED, *OPTIONAL]
    for name in header:
        if name not in known:
            raise InputError(f"structures table {path}: unknown column '{name}'; {suggestion(name, known)}")
        if header.count(name) > 1:
            raise InputError(f"structures table {path}: column '{name}' is given twice; remove one")
    missing = [name for name in REQUIRED if name not in header]
    if missing:
        raise InputError(f"structures table {path}: column '{missing[0]}' is missing; add it (columns are tab-separated)")


def _row(header: list[str], values: list[str], where: str) -> Row:
    fields = dict(zip(header, (value.strip() for value in values), strict=False))
    row = Row(
        name=fields.get("name", ""), builder=fields.get("builder", ""), recipe=fields.get("recipe", ""),
        charge=0, multiplicity=1, frames=None, error="",
    )  # fmt: skip
    if len(values) != len(header):
        row["error"] = f"{where}: {len(values)} cells for {len(header)} columns; columns are separated by one tab"
    elif not NAME.fullmatch(row["name"]):
        row["error"] = (
            f"{where}: the name {row['name'][:80]!r} cannot name a file; use up to 64 letters, digits, - and _, "
            "a letter or digit first"
        )
    elif row["builder"] not in BUILDERS:
        row["error"] = f"{where}: unknown builder '{row['builder'][:40]}'; {suggestion(row['builder'], BUILDERS)}"
    elif not row["recipe"]:
        row["error"] = f"{where}: the recipe is empty; give e.g. 'n=4 R=H' to ring, or a path to file"
    else:
        row["error"] = _read_numbers(row, fields, where)
    return row


def _read_numbers(row: Row, fields: dict[str, str], where: str) -> str:
    """Fill charge, multiplicity and frames; the reason if one is not a usable number."""
    try:
        row["charge"], row["multiplicity"] = int(fields["charge"]), int(fields["multiplicity"])
        row["frames"] = int(fields["frames"]) if fields.get("frames") else None
    except ValueError:
        return f"{where}: charge, multiplicity and frames must be whole numbers; both of the former are required"
    if row["multiplicity"] < 1 or (row["frames"] is not None and row["frames"] < 0):
        return f"{where}: multiplicity must be at least 1 and frames at least 0"
    return ""
