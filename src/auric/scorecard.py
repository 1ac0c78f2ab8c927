"""The scorecard: one row per claim, ours beside the paper's.

Rooms write fragments of these columns; the report joins them. Nothing is written that the run did not compute.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from auric.errors import InputError
from auric.files import read_tables, write_table

COLUMNS = (
    "study", "system", "quantity", "unit", "subject", "paper", "ours", "ci_low", "ci_high",
    "n", "data", "split", "comparable", "better", "seconds",
)  # fmt: skip
KEY = ("study", "system", "quantity", "subject", "data", "split")
COMPARABLE = ("same data", "same protocol, other data", "not comparable")
BETTER = ("lower", "higher", "nearer", "zero")
"""`nearer`: to the paper's number; `zero`: nearer to zero, of what may have either sign."""
NUMBERS = ("paper", "ours", "ci_low", "ci_high", "n", "seconds")
"""Columns of numbers; empty cells are not numbers."""
SHOWN = ("system", "quantity", "unit", "split", "subject", "ours", "ci_low", "ci_high", "paper", "n")
"""Columns that people are shown."""


def write_scorecard(path: str | Path, rows: Sequence[dict[str, Any]]) -> None:
    """Write a fragment; each row needs the columns of `KEY`, `unit`, `ours`, `comparable` and `better`.

    Raises:
        ValueError: If a row repeats another's key, or a choice is not one of the allowed.
    """
    keys = [tuple(row.get(name, "") for name in KEY) for row in rows]
    for position, (row, key) in enumerate(zip(rows, keys, strict=True)):
        if keys.index(key) != position:
            raise ValueError(f"scorecard row {key} is given twice")
        if row["comparable"] not in COMPARABLE or row["better"] not in BETTER:
            raise ValueError(f"scorecard row {key}: comparable must be one of {COMPARABLE}, better one of {BETTER}")
        if set(row) - set(COLUMNS):
            raise ValueError(f"scorecard row {key}: unknown columns {sorted(set(row) - set(COLUMNS))}")
    write_table(path, rows, COLUMNS)


def read_scorecards(paths: Sequence[str | Path]) -> pd.DataFrame:
    """Read fragments into one table.

    Raises:
        InputError: If one is missing, damaged, or no scorecard.
    """
    return pd.concat([read_columns(path, COLUMNS, NUMBERS) for path in paths], ignore_index=True)


def scorecard_text(paths: Sequence[str | Path]) -> str:
    """Fragments as one table of text.

    Raises:
        InputError: As `read_scorecards`.
    """
    shown = read_scorecards(paths)[list(SHOWN)]
    return str(shown.to_string(index=False, na_rep="-", float_format=lambda value: f"{value:.4g}"))


def read_columns(path: str | Path, columns: Sequence[str], numbers: Sequence[str]) -> pd.DataFrame:
    """Read a CSV file that a user may have changed.

    Args:
        path: The file.
        columns: That it must have, and that are returned.
        numbers: Those of them that hold numbers, nan where a cell is empty; the others hold text.

    Raises:
        InputError: If it is missing or damaged, lacks a column, or has text where numbers should be.
    """
    table = read_tables([path])
    if absent := [name for name in columns if name not in table]:
        raise InputError(f"{path}: has no column '{absent[0]}'; give a table that auric wrote, or make it again")
    found = {}
    for name in columns:
        try:
            given = table[name]
            found[name] = pd.to_numeric(given).astype(float) if name in numbers else given.fillna("").astype(str)
        except (ValueError, TypeError, OverflowError) as error:
            raise InputError(f"{path}: column '{name}' must hold numbers ({error}); make the table again") from None
    return pd.DataFrame(found)
