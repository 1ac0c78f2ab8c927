"""Rows of the scorecard on microscopy."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from auric.files import read_tables
from auric.microscopy.answers import NEITHER
from auric.microscopy.calibration import wilson
from auric.scorecard import write_scorecard

PAPER_TOP = 23.0
"""Of the 25 best images of the paper's mixed ranking, those of one isomer."""
CASES = "simulated cases"


def summarise_microscopy(
    answers: Sequence[str | Path], calibration: str | Path, power: str | Path, scorecard: str | Path, *, study: str
) -> None:
    """Accuracy and orientation errors of the calibration, and the answers of every experiment.

    Args:
        answers: Tables of `auric.microscopy.answers.write_answers`.
        calibration: Table of cases, of `auric.microscopy.calibration.write_calibration`.
        power: Its power curve.
        scorecard: CSV to write.
        study: Name of the study.
    """
    rows: list[dict[str, Any]] = []
    cases, curve = read_tables([calibration]), read_tables([power])
    candidates = set(cases["true"])
    for one in curve[curve["particles"] == curve["particles"].min()].to_dict("records"):
        place = (one["measure"], f"dose {one['dose']:g}, underfocus {one['underfocus_angstrom']:g} angstrom", CASES)
        interval = dict(zip(("ci_low", "ci_high"), wilson(one["right"], one["cases"]), strict=True))
        rows.append(_row(study, "isomer_accuracy", "1", *place, one["right"], one["cases"], "higher") | interval)
    own = cases[cases["candidate"] == cases["true"]]
    for (measure, dose, focus), mine in own.groupby(["measure", "dose", "underfocus_angstrom"], sort=False):
        place = (measure, f"dose {dose:g}, underfocus {focus:g} angstrom", CASES)
        error = float(mine["beam_error_degree"].median())
        rows.append(_row(study, "orientation_error", "degree", *place, error, len(mine), "lower"))
    for one in read_tables(answers).to_dict("records") if answers else ():
        place = (one["measure"], one["experiment"], "experiment")
        purity = _row(study, "top25_purity", "1", *place, one["top"], one["particles"], "higher")
        rows.append(purity | {"paper": PAPER_TOP if one["top_of"] == 25 else ""})
        rows.append(_row(study, "p_other", "1", *place, one["p_other"], one["particles"], "lower"))
        if not pd.isna(one["true"]) and one["true"]:
            right = float(one["answer"] == (one["true"] if one["true"] in candidates else NEITHER))
            rows.append(_row(study, "isomer_accuracy", "1", *place, right, 1, "higher"))
    write_scorecard(scorecard, [row for row in rows if row["ours"] == row["ours"]])


def _row(
    study: str, quantity: str, unit: str, subject: str, data: str, split: str, ours: float, n: int, better: str
) -> dict[str, Any]:
    return {
        "study": study, "system": "microscopy", "quantity": quantity, "unit": unit, "subject": subject, "ours": ours, "n": n,
        "data": data, "split": split, "comparable": "not comparable", "better": better,
    }  # fmt: skip
