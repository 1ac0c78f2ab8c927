"""Which contender to use for what: the one of least error on runs that nothing was learned from, task by task."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

TASKS = {
    "energy_rmse_over_sd": "energies along a run",
    "block_energy_error": "energy of one moved block",
    "weighted_angle": "directions of forces",
    "force_norm_rmse_over_sd": "sizes of forces",
}
"""By quantity of the scorecard; all are the better the lower."""
RECOMMENDED_COLUMNS = (
    "system", "task", "quantity", "unit", "recommended", "ours", "runner_up", "runner_up_ours", "ahead", "runs",
)  # fmt: skip
SPLITS = ("independent runs", "moved blocks")
FEWEST = 20
"""Classes of fewer atoms on a run do not count: one angle of one atom is no measure."""


def recommended(scorecard: pd.DataFrame, system_of_run: Mapping[str, str]) -> list[dict[str, Any]]:
    """The winner of each task on each system, and the next.

    A contender must have a finite error on every test run of the system; its error is the geometric mean over runs (and, of
    forces, over classes of `FEWEST` atoms or more), so that each run counts alike whatever its size.

    Args:
        scorecard: Columns quantity, unit, subject, data, split, ours, n; of forces the subject is "contender: class".
        system_of_run: The system that each test run belongs to.

    Returns:
        Rows of `RECOMMENDED_COLUMNS`; `ahead` counts the runs (of `runs`) on which the winner beats the runner-up. Fewer
        than all of them means that the two can hardly be told apart.
    """
    mine = scorecard[scorecard["split"].isin(SPLITS) & scorecard["quantity"].isin(TASKS)].copy()
    mine = mine[(mine["n"] >= FEWEST) | ~mine["quantity"].isin(("weighted_angle", "force_norm_rmse_over_sd"))]
    mine["system"] = mine["data"].map(dict(system_of_run))
    mine["contender"] = mine["subject"].str.replace(r": [^:]*$", "", regex=True).where(
        ~mine["quantity"].isin(("block_energy_error", "energy_rmse_over_sd")), mine["subject"]
    )  # fmt: skip
    rows = []
    for system in dict.fromkeys(mine["system"].dropna()):
        for quantity, task in TASKS.items():
            table = mine[(mine["system"] == system) & (mine["quantity"] == quantity)]
            if len(table):
                rows += [{"system": system, "task": task, "quantity": quantity, "unit": table["unit"].iloc[0]} | ranked
                         for ranked in _ranked(table)]  # fmt: skip
    return rows


def _ranked(table: pd.DataFrame) -> list[dict[str, Any]]:
    """One row with winner and runner-up, or none if no contender has answers for all runs."""
    with np.errstate(divide="ignore"):  # an error of nought is a win, not a warning
        logarithms = table.assign(ours=np.log(table["ours"].astype(float)))
    by_run = logarithms.pivot_table(index="contender", columns="data", values="ours", aggfunc="mean").dropna()
    if not len(by_run):
        return []
    order = by_run.mean(axis=1).sort_values(kind="stable").index
    row = {"recommended": order[0], "ours": _mean(by_run, order[0]), "runs": by_run.shape[1]}
    if len(order) > 1:
        ahead = int((by_run.loc[order[0]] < by_run.loc[order[1]]).sum())
        row |= {"runner_up": order[1], "runner_up_ours": _mean(by_run, order[1]), "ahead": ahead}
    return [row]


def _mean(by_run: pd.DataFrame, contender: Any) -> float:
    return float(np.exp(by_run.loc[contender].mean()))
