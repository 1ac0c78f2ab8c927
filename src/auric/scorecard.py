"""The scorecard: one row per claim, ours beside the paper's.

Rooms write fragments of these columns; the report joins them. Nothing is written that the run did not compute.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from auric.files import write_table

COLUMNS = (
    "study", "system", "quantity", "unit", "subject", "paper", "ours", "ci_low", "ci_high",
    "n", "data", "split", "comparable", "better", "seconds",
)  # fmt: skip
KEY = ("study", "system", "quantity", "subject", "data", "split")
COMPARABLE = ("same data", "same protocol, other data", "not comparable")
BETTER = ("lower", "higher", "nearer")
"""`nearer`: to the paper's number."""


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
