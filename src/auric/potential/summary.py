"""The potential's fragment of the scorecard."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from auric.files import read_tables, write_table
from auric.potential.comparison import DIRECTED, INDEPENDENT, LEFTOVERS, MOVED
from auric.potential.conformal import conformal_intervals
from auric.potential.corrected import STRANGE
from auric.potential.recommended import RECOMMENDED_COLUMNS, recommended
from auric.potential.scores import energy_scores
from auric.scorecard import COLUMNS, write_scorecard

OTHER_TEMPERATURES = "intervals from other temperatures"
DOMAIN = "nearest training frame in MBTR"
POOLED = "independent runs, pooled"
"""Errors of all test runs of a system together, nothing taken off, as doi:10.1021/acs.jpca.0c01512 has them."""
THESIS_ENERGIES = {
    ("energy_rmse", "emlm on MBTR, second parameters"): 2.67, ("energy_rmse", "mlm on MBTR, second parameters"): 2.98,
}  # fmt: skip
"""Root mean square errors of doi:10.1021/acs.jpca.0c01512 over all runs of dynamics of both isomers of Au38(SCH3)24, pooled (eV)."""
THESIS_CLUSTER = "au38_sch3_24"
THESIS_FORCES = {
    **{("force_norm_rmse", kind): 0.3 for kind in ("unit Au", "S", "H")},
    **{("weighted_angle", kind): 24.7 for kind in ("unit Au", "S", "H")},
}
"""Upper bounds that arXiv:2203.09788 states for leftovers of the training runs of both isomers (eV/angstrom, degrees)."""
UNITS = {
    "energy_rmse": "eV", "energy_rmse_over_sd": "1", "energy_rmse_over_range": "1",
    "force_norm_rmse": "eV/angstrom", "force_norm_rmse_over_sd": "1", "weighted_angle": "degree", "coverage_90": "1", "interval_width": "eV",
    "block_energy_error": "eV", "refused_share": "1", "outside_share": "1",
}  # fmt: skip


def summarise_potentials(
    energies: Sequence[str | Path], forces: Sequence[str | Path], scorecard: str | Path, *,
    recommendations: str | Path | None = None, study: str, samples: int, seed: int, refusals: Sequence[str | Path] = (), maps: Sequence[str | Path] = (),
) -> None:  # fmt: skip
    """Errors of energies and forces, run by run.

    Args:
        energies: The contenders' predictions of all systems (CSV).
        forces: Scores of forces of all systems (CSV).
        scorecard: CSV to write.
        recommendations: CSV to write, columns `RECOMMENDED_COLUMNS`: the winner of each task on each system.
        study: Name of the study.
        samples: Of the bootstrap.
        seed: Of the bootstrap.
        refusals: How often corrections were refused, run by run (CSV, `auric.potential.corrected.REFUSAL_COLUMNS`).
        maps: Frames of all systems in descriptor space (CSV, `auric.potential.chart.MAP_COLUMNS`).
    """
    rows: list[dict[str, Any]] = []
    table = read_tables(energies)
    runs = table[table["split"] == INDEPENDENT]
    for (split, subject, run), mine in table[table["split"] != MOVED].groupby(["split", "subject", "run"], sort=False):
        score = energy_scores(mine["predicted_ev"].to_numpy(), mine["energy_ev"].to_numpy(), samples=samples, seed=seed)
        for quantity in ("energy_rmse_over_sd", "energy_rmse", "energy_rmse_over_range"):
            interval = {key: score[key] for key in ("ci_low", "ci_high")} if quantity.endswith("_sd") else {}
            rows.append(_row(study, quantity, subject, score[quantity], run, split, score["n"]) | interval)
    rows += _pooled(study, runs)
    rows += _moved_blocks(study, table, samples, seed)
    rows += _coverage(study, table[table["split"] == INDEPENDENT])
    for one in read_tables(forces).to_dict("records"):
        subject, where = f"{one['subject']}: {one['class']}", (one["run"], one["split"], one["n"])
        spread = one["force_norm_rmse"] / (one["force_norm_rmse_over_sd"] or np.nan)
        for quantity, bounds, unit in (
            ("force_norm_rmse", "norm", 1.0), ("force_norm_rmse_over_sd", "norm", spread), ("weighted_angle", "angle", 1.0)
        ):  # fmt: skip
            if one[quantity] == one[quantity]:  # one atom of a class has no spread to compare with
                row = _row(study, quantity, subject, one[quantity], *where)
                row |= {"ci_low": one[f"{bounds}_low"] / unit, "ci_high": one[f"{bounds}_high"] / unit}
                rows.append(row | _of_thesis(quantity, one["subject"], one["class"], one["structure"], one["split"]))
    for one in [row for path in refusals for row in read_tables([path]).to_dict("records")]:
        told = (one["subject"], one["refused"] / one["frames"], one["run"], one["split"], one["frames"])
        better = "higher" if one["split"] == STRANGE else "lower"
        rows.append(_row(study, "refused_share", *told) | {"better": better})
    for path in maps:
        table = read_tables([path])
        for run, mine in table[table["role"] == "test"].groupby("run", sort=False):
            rows.append(_row(study, "outside_share", DOMAIN, mine["outside"].mean(), str(run), INDEPENDENT, len(mine)))
    write_scorecard(scorecard, rows)
    if recommendations:
        system_of_run = dict(zip(runs["run"], runs["system"], strict=True))
        write_table(
            recommendations, recommended(pd.DataFrame(rows, columns=list(COLUMNS)), system_of_run), RECOMMENDED_COLUMNS
        )


def _of_thesis(quantity: str, subject: str, kind: str, structure: str, split: str) -> dict[str, Any]:
    """The thesis's number beside ours, on the same cluster.

    None is called comparable: theirs are of DFT dynamics, of other runs, and of other numbers of frames.
    """
    if not structure.startswith(THESIS_CLUSTER):
        return {}
    if split == POOLED and (quantity, subject) in THESIS_ENERGIES:
        return {"paper": THESIS_ENERGIES[quantity, subject]}
    if split == LEFTOVERS and subject == DIRECTED and (quantity, kind) in THESIS_FORCES:
        return {"paper": THESIS_FORCES[quantity, kind]}
    return {}


def _pooled(study: str, table: pd.DataFrame) -> list[dict[str, Any]]:
    """Errors of all test runs of a system together, mean errors included; a system with one run has nothing to pool."""
    rows = []
    for (system, subject), mine in table.groupby(["system", "subject"], sort=False):
        if mine["run"].nunique() < 2:
            continue
        rmse = float(np.sqrt(((mine["predicted_ev"] - mine["energy_ev"]) ** 2).mean()))
        reach = float(np.ptp(mine["energy_ev"]))
        for quantity, value in (("energy_rmse", rmse), ("energy_rmse_over_range", rmse / reach)):
            row = _row(study, quantity, subject, value, f"all test runs of {system}", POOLED, len(mine))
            rows.append(row | _of_thesis(quantity, subject, "", str(mine["structure"].iloc[0]), POOLED))
    return rows


def _coverage(study: str, table: pd.DataFrame) -> list[dict[str, Any]]:
    """What conformal intervals for differences of energy within a run hold, calibrated on other test runs of the system.

    Runs with baths as hot are draws of the same kind, as the intervals suppose. Those at other temperatures are not; what that
    does to the coverage is told beside it.
    """
    rows = []
    for (subject, _), mine in table.groupby(["subject", "system"], sort=False):
        residuals, runs = (mine["predicted_ev"] - mine["energy_ev"]).to_numpy(), mine["run"].to_numpy()
        baths = mine["bath_k"].fillna(0).to_numpy()
        for run in dict.fromkeys(runs.tolist()):
            here = runs == run
            as_hot = baths == baths[here][0]
            for split, known in ((INDEPENDENT, as_hot & ~here), (OTHER_TEMPERATURES, ~as_hot)):
                if not known.any():
                    continue
                interval = conformal_intervals(residuals[known], runs[known], coverage=0.9, centred=True)
                told = interval.evaluate(residuals[here], runs[here])
                for quantity, value, better in (
                    ("coverage_90", told["coverage"], "nearer"), ("interval_width", told["width"], "lower")
                ):  # fmt: skip
                    row = _row(study, quantity, subject, value, run, split, here.sum())
                    rows.append(row | {"better": better})
    return rows


def _moved_blocks(study: str, table: pd.DataFrame, samples: int, seed: int) -> list[dict[str, Any]]:
    """Median error of the change of energy when one block moves; beside it the change itself, the error of "no change"."""
    frame = ["subject", "run", "step"]
    unmoved = table[table["split"] == INDEPENDENT].set_index(frame)
    moved = table[table["split"] == MOVED].join(unmoved[["energy_ev", "predicted_ev"]], on=frame, rsuffix="_before")
    change = moved["energy_ev"] - moved["energy_ev_before"]
    error = moved["predicted_ev"] - moved["predicted_ev_before"] - change
    rng, rows = np.random.default_rng(seed), []
    for (subject, run), mine in error.abs().groupby([moved["subject"], moved["run"]], sort=False):
        values = mine.to_numpy()
        drawn = np.median(values[rng.integers(len(values), size=(samples, len(values)))], axis=1)
        low, high = np.percentile(drawn, [2.5, 97.5])
        row = _row(study, "block_energy_error", subject, float(np.median(values)), run, MOVED, len(values))
        rows.append(row | {"ci_low": low, "ci_high": high})
    return rows


def _row(study: str, quantity: str, subject: str, ours: float, data: str, split: str, n: float) -> dict[str, Any]:
    return {
        "study": study, "system": "potential", "quantity": quantity, "unit": UNITS[quantity], "subject": subject,
        "ours": ours, "n": int(n), "data": data, "split": split, "comparable": "not comparable", "better": "lower",
    }  # fmt: skip
