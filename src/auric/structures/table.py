"""The table of structures: one row per structure, a name, how it is made, its charge and multiplicity.

A fault of one row is kept with the row (`error`), so that the others go on; a fault of the table stops at once. Columns
and their rules are those of `workflow/schemas/structures.schema.yaml`.
"""

import re
from collections import Counter
from pathlib import Path
from typing import Any, TypedDict

from auric.configuration import Schema, faults_of, load_yaml
from auric.errors import InputError, StructureError, suggestion
from auric.given import given_text

BUNDLED = "small_clusters.extxyz"
"""File of bundled structures that a recipe means when it names none."""


class Row(TypedDict):
    """One row, checked. `frames` is None where the configuration decides; `error` is empty where the row is good."""

    name: str
    builder: str
    recipe: str
    charge: int
    multiplicity: int
    frames: int | None
    error: str


def frame_name(structure: str, number: int) -> str:
    """Name of a structure's frame; number 0 is the structure its thermal frames start from."""
    return f"{structure}_{number:04d}"


def frame_names(row: Row, default_count: int) -> list[str]:
    """Names of all frames a row asks for, known before any of them is made."""
    count = default_count if row["frames"] is None else row["frames"]
    return [frame_name(row["name"], number) for number in range(count + 1)]


def bundled_place(recipe: str) -> tuple[str, str]:
    """File (inside the folder of resources) and name of the structure of a `bundled` recipe.

    Raises:
        StructureError: If the recipe is neither a name nor FILE.extxyz:name.
    """
    match = re.fullmatch(r"(?:([A-Za-z0-9_][A-Za-z0-9_.-]*\.extxyz):)?([A-Za-z][A-Za-z0-9_-]*)", recipe.strip())
    if match is None:
        raise StructureError(
            f"bundled recipe '{recipe[:80]}': give the name of a structure in {BUNDLED}, or FILE.extxyz:name"
        )
    return match[1] or BUNDLED, match[2]


def file_of(row: Row, resources: str | Path = "resources") -> str | None:
    """The file that a row reads and that must be watched for changes, if any; it need not exist."""
    if row["error"] or row["builder"] not in ("file", "bundled"):
        return None
    if row["builder"] == "file":
        return row["recipe"]
    try:
        return str(Path(resources, bundled_place(row["recipe"])[0]))
    except StructureError:  # told when the structure is made, so that others go on
        return None


def read_structures_table(path: str | Path, schema: str | Path) -> list[Row]:
    """Read the tab-separated table; lines that are empty or start with # are skipped.

    Args:
        path: The table.
        schema: JSON schema of one row.

    Raises:
        InputError: If the table cannot be read, has unknown or missing columns, or no rows.
    """
    rules: Schema = load_yaml(schema)
    lines = given_text(path, "set structures.table to an existing table", what="table").splitlines()
    numbered = [(n, line) for n, line in enumerate(lines, 1) if line.strip() and not line.lstrip().startswith("#")]
    if not numbered:
        raise InputError(f"{path}: the table is empty; it needs the columns {', '.join(rules['required'])} and rows")
    header = [name.strip() for name in numbered[0][1].split("\t")]
    _check_header(path, header, rules)
    if len(numbered) == 1:
        raise InputError(f"{path}: the table has no rows; add at least one structure")
    rows = [_row(header, line.split("\t"), f"{path}, line {n}", rules) for n, line in numbered[1:]]
    # Names become file names, and some file systems ignore case.
    counts = Counter(row["name"].casefold() for row in rows)
    for row, (n, _) in zip(rows, numbered[1:], strict=True):
        if counts[row["name"].casefold()] > 1 and not row["error"]:
            row["error"] = f"{path}, line {n}: the name '{row['name']}' is given more than once; names must differ"
    return rows


def _check_header(path: str | Path, header: list[str], rules: Schema) -> None:
    known = list(rules["properties"])
    for name in header:
        if name not in known:
            raise InputError(f"{path}: unknown column '{name[:40]}'; {suggestion(name, known)}")
        if header.count(name) > 1:
            raise InputError(f"{path}: column '{name}' is given twice; remove one")
    missing = [name for name in rules["required"] if name not in header]
    if missing:
        raise InputError(f"{path}: column '{missing[0]}' is missing; add it (columns are separated by tabs)")


def _row(header: list[str], values: list[str], where: str, rules: Schema) -> Row:
    texts = dict(zip(header, (value.strip() for value in values), strict=False))
    fields = {name: _number(text, rules["properties"][name]) for name, text in texts.items() if text}
    if len(values) != len(header):
        fault = [f"{len(values)} cells for {len(header)} columns; columns are separated by one tab"]
    else:
        fault = faults_of(fields, rules)
    if fault:
        fields = {}
    return Row(
        name=texts.get("name", ""),
        builder=fields.get("builder", ""),
        recipe=fields.get("recipe", ""),
        charge=fields.get("charge", 0),
        multiplicity=fields.get("multiplicity", 1),
        frames=fields.get("frames"),
        error=f"{where}: {fault[0]}" if fault else "",
    )


def _number(text: str, rules: Schema) -> Any:
    """The text as a whole number where the schema wants one and the text is one."""
    if rules.get("type") != "integer":
        return text
    try:
        return int(text)
    except ValueError:
        return text
