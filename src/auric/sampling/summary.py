"""The fragment of the scorecard on walks."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from auric.files import read_tables
from auric.sampling.beside import WHOLE
from auric.scorecard import write_scorecard

SECONDS_PER_HOUR = 3600.0
REWEIGHTED = "reweighted to {}"
PAPER_SHIFTS = {"Au-Au": {"q": 0.057, "t": 0.040}}
"""Peak of walk less peak of dynamics that doi:10.1021/acs.jpca.0c01512 has for Au38(SCH3)24 (angstrom), by isomer."""


def summarise_walks(
    walks: Sequence[str | Path], geometry: Sequence[str | Path], scorecard: str | Path, *, study: str,
    rounds: Sequence[str | Path] = (), reweighted: Sequence[str | Path] = (),
) -> None:  # fmt: skip
    """Rows of every walk: shifts of peaks, distances of distributions, effective samples, and where it went.

    Args:
        walks: Tables of walks (CSV, `auric.sampling.beside.WALK_COLUMNS`).
        geometry: Tables of bonds and angles (CSV, `GEOMETRY_COLUMNS`).
        scorecard: CSV to write.
        study: Name of the study.
        rounds: Tables of expansions (CSV, `auric.sampling.expansion.ROUND_COLUMNS`).
        reweighted: Tables of walks told on other levels of theory (CSV, `auric.sampling.reweighting.REWEIGHTED_COLUMNS`).
    """
    rows: list[dict[str, Any]] = []
    table = read_tables(walks) if walks else pd.DataFrame(columns=["run", "walker"])
    seconds = {(one.run, one.walker): one.seconds_per_step for one in table.itertuples()}
    for one in read_tables(geometry).to_dict("records") if geometry else ():
        subject, place = f"{one['walker']}: {one['coordinate']}", (one["run"], one["part"])
        n = one["effective_samples"]
        for quantity, value in (("peak_shift", "shift"), ("wasserstein", "wasserstein")):
            interval = {"ci_low": one[f"{value}_low"], "ci_high": one[f"{value}_high"]}
            row = _row(study, quantity, one["unit"], subject, one[value], *place, n, "lower") | interval
            rows.append(row | ({"paper": _paper(one)} if quantity == "peak_shift" else {}))
        if one["part"] == WHOLE:
            rate = n * SECONDS_PER_HOUR / (one["steps"] * seconds[one["run"], one["walker"]])
            if rate == rate:  # a walk that only went on was not timed
                rows.append(_row(study, "effective_samples_per_core_hour", "1/h", subject, rate, *place, n, "higher"))
    for one in table.to_dict("records"):
        for quantity, unit, value, better in (
            ("outside_share", "1", one["outside_share"], "lower"), ("acceptance", "1", one["accepted"], "nearer"),
            ("step_energy_sd", "eV", one["step_energy_sd_ev"], "lower"), ("energy_sd", "eV", one["walk_energy_sd_ev"], "lower"),
        ):  # fmt: skip
            n = one["steps"] * one["chains"]
            rows.append(_row(study, quantity, unit, one["walker"], value, one["run"], WHOLE, n, better))
    for one in [row for path in rounds for row in read_tables([path]).to_dict("records")]:
        split = f"walk after {one['round'] - 1} rounds"
        for quantity, unit, n in (
            ("outside_share", "1", one["frames"]), ("broken_share", "1", one["frames"]), ("energy_rmse", "eV", one["labelled"])
        ):  # fmt: skip
            value = one["energy_rmse_ev" if quantity == "energy_rmse" else quantity]
            if value == value:  # no outliers, no error
                rows.append(_row(study, quantity, unit, one["walker"], value, one["system"], split, n, "lower"))
    for told in (read_tables([path]).to_dict("records") for path in reweighted):
        for one in told:
            subject, split = f"{one['walker']}: {one['coordinate']}", REWEIGHTED.format(one["method"])
            for name, which, n in (
                ("reweighted", split, one["effective"]), ("walk", f"{split}, as walked", one["labelled"])
            ):  # fmt: skip
                row = _row(study, "mean", one["unit"], subject, one[f"{name}_mean"], one["run"], which, n, "nearer")
                rows.append(row | {"ci_low": one[f"{name}_low"], "ci_high": one[f"{name}_high"]})
        for one in {row["method"]: row for row in told}.values():
            split, n = REWEIGHTED.format(one["method"]), one["labelled"]
            rows.append(
                _row(study, "effective_samples", "1", one["walker"], one["effective"], one["run"], split, n, "higher")
            )
            rows.append(
                _row(
                    study, "difference_sd", "eV", one["walker"], one["difference_sd_ev"], one["run"], split, n, "lower"
                )
            )
    write_scorecard(scorecard, rows)


def _paper(one: dict[str, Any]) -> float | str:
    shifts = PAPER_SHIFTS.get(one["coordinate"], {})
    return next((value for isomer, value in shifts.items() if one["run"].startswith(f"au38_sch3_24_{isomer}_")), "")


def _row(
    study: str, quantity: str, unit: str, subject: str, ours: float, data: str, split: str, n: float, better: str
) -> dict[str, Any]:
    return {
        "study": study, "system": "sampling", "quantity": quantity, "unit": unit, "subject": subject, "ours": ours, "n": int(n),
        "data": data, "split": split, "comparable": "not comparable", "better": better,
    }  # fmt: skip
