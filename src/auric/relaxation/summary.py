"""The relaxation room's fragment of the scorecard."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from auric.files import read_tables
from auric.relaxation.tasks import BOTH, REFERENCE
from auric.scorecard import write_scorecard

SPLIT = "hot frames"
SAME_EV = 0.02
"""An end no more than this above the reference's counts as good as it."""


def summarise_relaxations(
    tables: Sequence[str | Path], scorecard: str | Path, *, study: str, samples: int, seed: int
) -> None:
    """Write what relaxations on the potential recovered, how far they ended, and what was saved.

    Args:
        tables: Of `relax_run` (CSV).
        scorecard: CSV to write.
        study: Name of the study.
        samples: Of the bootstrap over starts.
        seed: Of the bootstrap.
    """
    write_scorecard(scorecard, relaxation_rows(read_tables(tables), study=study, samples=samples, seed=seed))


def relaxation_rows(table: pd.DataFrame, *, study: str, samples: int, seed: int) -> list[dict[str, Any]]:
    """Rows of the scorecard from a table with the columns `auric.relaxation.tasks.COLUMNS`.

    Reference calls and core seconds are compared start by start with whichever reference-only optimiser took the fewest
    from it; the number is their geometric mean. A start where the other way did not converge counts as if nothing was
    saved. Energies are compared with the lowest that any reference-only optimiser reached from the start.
    """
    rows: list[dict[str, Any]] = []
    for system, mine in table.groupby("system", sort=False):
        alone = mine[(mine["uses"] == REFERENCE) & (mine["verdict"] == "converged")]
        by_start = alone.groupby(["run", "step"])
        fewest, lowest = by_start["reference_calls"].min(), by_start["energy_ev"].min()
        quickest = by_start["reference_core_seconds"].min()
        for (method, uses), ways in mine.groupby(["method", "uses"], sort=False):
            if uses == REFERENCE:
                continue
            said = {"study": study, "system": "relaxation", "subject": method, "data": system, "split": SPLIT, "n": len(ways),
                    "comparable": "not comparable"}  # fmt: skip
            rows.append(said | _mean("energy_recovered", "1", ways["energy_recovered"], "higher", samples, seed))
            distances = ways["rmsd_to_reference_angstrom"]
            rows.append(said | _mean("rmsd_to_reference", "angstrom", distances, "lower", samples, seed))
            if uses != BOTH:
                continue
            ways = ways.set_index(["run", "step"])
            seconds = ways["reference_core_seconds"] + ways["coarse_core_seconds"]
            for quantity, ratio in (
                ("reference_calls_saved", fewest / ways["reference_calls"]), ("core_seconds_saved", quickest / seconds)
            ):  # fmt: skip
                held = ratio.where(ways["verdict"] == "converged", 1.0).dropna()
                saved = _mean(quantity, "times", np.log(held), "higher", samples, seed)
                known = {key: float(np.exp(saved[key])) for key in ("ours", "ci_low", "ci_high") if key in saved}
                rows.append(said | saved | known)
            above = ways["energy_ev"] - lowest
            share = (above <= SAME_EV)[above.notna()].astype(float)
            rows.append(said | _mean("ends_as_low_share", "1", share, "higher", samples, seed))
    return rows


def _mean(quantity: str, unit: str, values: pd.Series, better: str, samples: int, seed: int) -> dict[str, Any]:
    """A mean over starts; with three or more, its 95 % interval by bootstrap."""
    numbers = values.to_numpy(dtype=float)
    row: dict[str, Any] = {"quantity": quantity, "unit": unit, "ours": float(numbers.mean()), "better": better}
    if len(numbers) >= 3:
        drawn = np.random.default_rng(seed).choice(numbers, size=(samples, len(numbers))).mean(axis=1)
        row["ci_low"], row["ci_high"] = (float(bound) for bound in np.percentile(drawn, [2.5, 97.5]))
    return row
