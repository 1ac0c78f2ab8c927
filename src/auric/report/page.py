"""The HTML page: how numbers are written, how a scorecard row is judged, and the template that is filled."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from auric.report.scores import in_angstrom

ABSENT = "\u2013"
PROSE = {
    "structure": "every image of a structure is on one side: the error to expect for a cluster never seen",
    "bond": "every image of a bond is on one side: a new bond of known clusters",
    "image": "images are dealt at random, so other images of a test bond may be trained on: optimistic",
    "leaky": "images are repeated before they are dealt, so copies of a test image may be trained on: shown only to "
    "measure what such a leak hides",
}
"""What each split asks, in words."""
UNITS = {
    "angstrom": "Å", "dimensionless": "", "1": "", "percent": "%", "ev": "eV", "ev_per_angstrom": "eV/Å",
    "ev/angstrom": "eV/Å", "degree": "°",
}  # fmt: skip
LONG = 60
"""Rooms with more rows than this are shown with a column for each data set."""


def render(template: str, content: Mapping[str, Any]) -> str:
    """Fill a template of this folder; every value is escaped for HTML."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = number
    environment.filters["count"] = count
    environment.filters["angstrom"] = in_angstrom
    environment.filters["prose"] = lambda split: PROSE.get(split, "")
    return environment.get_template(template).render(content)


def number(value: Any) -> str:
    """Three significant digits, without an exponent between 0.0001 and a million; a dash for what is absent."""
    value = _float(value)
    if not np.isfinite(value):
        return ABSENT
    size = float(f"{abs(value):.2e}")  # as it will be shown: 0.09999 is 0.100, with no digit more than 0.100 has
    if size == 0:
        return "0"
    if size < 1e-4 or size >= 1e6:
        return f"{value:.2e}"
    digits = max(0, 2 - int(np.floor(np.log10(size))))
    return f"{value:,.{digits}f}"


def count(value: Any) -> str:
    """A whole number with separators, or a dash."""
    value = _float(value)
    return f"{value:,.0f}" if np.isfinite(value) else ABSENT


def scorecard_rooms(scorecard: pd.DataFrame) -> list[dict[str, Any]]:
    """The scorecard for print, room by room in the order of the files.

    A room of more than `LONG` rows has `tables`, one for each quantity and split with a row a subject and a column for each
    data set; others have none, and are shown row by row.
    """
    rooms = []
    for place, system in enumerate(dict.fromkeys(scorecard["system"]), 1):
        mine = scorecard[scorecard["system"] == system]
        rooms.append({
            "system": str(system),
            "anchor": f"scorecard-{place}",  # a name from a file is no address
            "rows": [_row(row) for row in mine.to_dict("records")],
            "tables": _wide(mine) if len(mine) > LONG else [],
        })  # fmt: skip
    return rooms


def beside_papers(scorecard: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of the scorecard, for print, for which a paper states a number."""
    return [row for row in map(_row, scorecard.to_dict("records")) if row["paper"] != ABSENT]


def _wide(table: pd.DataFrame) -> list[dict[str, Any]]:
    found = []
    by = ["study", "quantity", "unit", "split", "better"]
    for (study, quantity, unit, split, better), mine in table.groupby(by, sort=False):
        data, subjects = (list(dict.fromkeys(mine[name])) for name in ("data", "subject"))
        cells = {(row["subject"], row["data"]): _row(row) for row in mine.to_dict("records")}
        found.append({
            "study": study, "quantity": quantity, "unit": unit_name(unit), "split": split, "better": better, "data": data,
            "n": {name: _numbers_of(mine[mine["data"] == name]) for name in data},
            "rows": [(subject, [cells.get((subject, name)) for name in data]) for subject in subjects],
        })  # fmt: skip
    return found


def _numbers_of(rows: pd.DataFrame) -> str:
    """How many data the rows rest on: one number, or the least and the largest."""
    known = rows["n"][np.isfinite(rows["n"].to_numpy(dtype=float))]
    if not len(known):
        return ""
    return count(known.min()) if known.min() == known.max() else f"{count(known.min())} to {count(known.max())}"


def _row(row: Mapping[Any, Any]) -> dict[str, Any]:
    low, high = _float(row["ci_low"]), _float(row["ci_high"])
    paper = _float(row["paper"])
    stated = str(row["paper"]).strip()
    return {
        **{name: str(row[name]) for name in ("study", "system", "quantity", "subject", "data", "split", "comparable")},
        "unit": unit_name(row["unit"]),
        "ours": number(row["ours"]),
        "interval": f"{number(low)} to {number(high)}" if np.isfinite([low, high]).all() else "",
        "paper": number(paper) if np.isfinite(paper) else stated if stated not in ("", "nan") else ABSENT,
        "n": count(row["n"]),
        "seconds": number(row["seconds"]),
        "better": str(row["better"]),
        "verdict": _verdict(_float(row["ours"]), low, high, paper, str(row["better"]), str(row["comparable"])),
    }


def unit_name(unit: Any) -> str:
    """A unit of the scorecard in print; nothing for a plain number."""
    return UNITS.get(str(unit).lower(), str(unit))


def _verdict(ours: float, low: float, high: float, paper: float, better: str, comparable: str) -> dict[str, str]:
    """Sign, word and class of a row; no judgement where the numbers answer different questions."""
    if not np.isfinite([ours, paper]).all():
        return {"sign": "", "word": ABSENT, "kind": "none"}
    if comparable == "not comparable":
        return {"sign": "", "word": "not judged", "kind": "none"}
    if ours == paper or low <= paper <= high:
        return {"sign": "=", "word": "as good", "kind": "same"}
    if better == "nearer":  # to the paper's number, which lies outside our interval
        return {"sign": "≠", "word": "differs", "kind": "worse"}
    if better == "zero":
        if abs(ours) == abs(paper) or low <= -paper <= high:
            return {"sign": "=", "word": "as good", "kind": "same"}
        ours, paper = -abs(ours), -abs(paper)
    wins = ours < paper if better == "lower" else ours > paper
    word = "better" if wins else "worse"
    return {"sign": "▲" if wins else "▼", "word": word, "kind": word}


def _float(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return float("nan")
