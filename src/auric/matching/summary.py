"""The fragment of the scorecard on matching, and errors of formation energies with intervals."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from auric.errors import InputError
from auric.files import write_table
from auric.matching.bare_clusters import FORMATION_ENERGY, GAP
from auric.matching.comparison import PRETRAINED, SCRATCH, summarise
from auric.scorecard import write_scorecard

PAPER = {
    "auc": {"mbtr": 0.706, "soap": 0.720, "acsf": 0.732, "cgcnn": 0.753, "schnet": 0.698, "gin": 0.806, SCRATCH: 0.801, PRETRAINED: 0.830},
    "accuracy": {"mbtr": 0.646, "soap": 0.648, "acsf": 0.666, "cgcnn": 0.725, "schnet": 0.636, "gin": 0.738, SCRATCH: 0.725, PRETRAINED: 0.769},
    "f1": {"mbtr": 0.652, "soap": 0.646, "acsf": 0.662, "cgcnn": 0.741, "schnet": 0.691, "gin": 0.749, SCRATCH: 0.729, PRETRAINED: 0.772},
}  # fmt: skip
"""Of the paper's test set, 10 % of 1,989 reported structures and as many drawn negatives (its Table 1)."""
GIVEN = {FORMATION_ENERGY: "energy_ev", GAP: "gap_ev"}
"""What is predicted, and the column that has its true value beside `predicted_ev`."""
BETTER = {"expected_calibration_error": "lower"}
ERROR_COLUMNS = ("quantity", "split", "subject", "mae_ev", "low", "high", "median_ev", "clusters", "groups", "seconds")


def errors_of(table: pd.DataFrame, quantity: str, *, samples: int = 1000, seed: int = 0) -> list[dict[str, Any]]:
    """Mean absolute errors, with 95 % intervals from drawing what a split keeps together (sizes or elements) again.

    Args:
        table: Rows of `auric.matching.formation_peers.FORMATION_COLUMNS` or `auric.matching.bare_clusters.GAP_COLUMNS`.
        quantity: One of `GIVEN`: formation energies per atom, or gaps.
        samples: Draws.
        seed: Of the draws.

    Raises:
        InputError: No rows.
    """
    if not len(table):
        raise InputError(f"no value of '{quantity}' was predicted; run the comparison first")
    rows = []
    for (split, subject), part in table.groupby(["split", "subject"], sort=False):
        error = (part["predicted_ev"] - part[GIVEN[quantity]]).abs().to_numpy()
        kept = (
            part["element"] if split in ("element", "larger") else part["size"] if split == "size" else part["cluster"]
        )
        names, place = np.unique(kept.to_numpy(), return_inverse=True)
        sums, counts = np.bincount(place, weights=error), np.bincount(place)
        draws = np.random.default_rng(seed).integers(len(names), size=(samples, len(names)))
        low, high = np.quantile(sums[draws].sum(axis=1) / counts[draws].sum(axis=1), [0.025, 0.975])
        seconds = part.groupby("fold")["seconds"].first().sum()
        rows.append(
            {"quantity": quantity, "split": split, "subject": subject, "mae_ev": float(error.mean()), "low": float(low), "high": float(high),
             "median_ev": float(np.median(error)), "clusters": len(part), "groups": len(names), "seconds": float(seconds)}
        )  # fmt: skip
    return rows


def summarise_matching(
    predictions: Sequence[str | Path],
    formation: str | Path,
    gaps: str | Path,
    external: str | Path,
    outputs: Mapping[str, str],
    *,
    study: str,
    samples: int,
    seed: int,
) -> None:
    """Write metrics, reliability, confusion matrices, paired differences and errors with intervals, and this room's rows of the scorecard.

    Args:
        predictions: Of `auric.matching.comparison.compare_matchers`, one file for each split.
        formation: Of `auric.matching.encoders.compare_formation`.
        gaps: Of `auric.matching.bare_clusters.describe_bare`; without rows where gaps are not learned.
        external: Of `auric.matching.application.tell_external`.
        outputs: Files `metrics`, `curves`, `confusion`, `paired`, `folds`, `errors` and `scorecard` to write.
        study: Name of the study.
        samples: Draws of intervals.
        seed: Of the draws.
    """
    told = (outputs[name] for name in ("metrics", "curves", "confusion", "paired", "folds"))
    summarise(predictions, *told, samples=samples, seed=seed)
    errors = errors_of(pd.read_csv(formation), FORMATION_ENERGY, samples=samples, seed=seed)
    if len(predicted := pd.read_csv(gaps)):
        errors += errors_of(predicted, GAP, samples=samples, seed=seed)
    write_table(outputs["errors"], errors, ERROR_COLUMNS)
    rows: list[dict[str, Any]] = []
    for one in pd.read_csv(outputs["metrics"]).to_dict("records"):
        quantity = one["metric"]
        if not np.isfinite(one["mean"]):  # precision, where nothing is called positive
            continue
        published = PAPER.get(quantity, {}).get(one["subject"]) if one["split"] == "pair" else None
        rows.append(
            {"study": study, "system": "matching", "quantity": quantity, "unit": "1", "subject": one["subject"], "paper": published,
             "ours": one["mean"], "ci_low": one["low"], "ci_high": one["high"], "n": one["examples"], "data": "reported pairs and negatives",
             "split": one["split"], "comparable": "not comparable", "better": BETTER.get(quantity, "higher")}
        )  # fmt: skip
    for one in errors:
        rows.append(
            {"study": study, "system": "matching", "quantity": f"{one['quantity'].replace(' ', '_')}_mae", "unit": "eV" if one["quantity"] == GAP else "eV/atom", "subject": one["subject"],
             "ours": one["mae_ev"], "ci_low": one["low"], "ci_high": one["high"], "n": one["clusters"], "data": "bare clusters",
             "split": one["split"], "comparable": "not comparable", "better": "lower", "seconds": one["seconds"]}
        )  # fmt: skip
    for subject, part in pd.read_csv(external).groupby("subject", sort=False):
        shared = {
            "study": study,
            "system": "matching",
            "unit": "1",
            "subject": subject,
            "split": "external",
            "comparable": "not comparable",
        }
        low, high = share_interval(int(part["called"].sum()), len(part))
        rows += [
            shared | {"quantity": "recall", "ours": part["called"].mean(), "ci_low": low, "ci_high": high, "n": len(part),
                      "data": "clusters not learned from", "better": "higher"},
            shared | {"quantity": "called_share", "ours": part["library_called"].mean(), "n": part["library_sets"].sum(),
                      "data": "sets of the library on their cores", "better": "lower"},
        ]  # fmt: skip
    write_scorecard(outputs["scorecard"], rows)


def share_interval(hits: int, tries: int) -> tuple[float, float]:
    """95 % interval of a share of independent tries (Clopper, Pearson, doi:10.1093/biomet/26.4.404)."""
    from scipy.stats import beta

    low = beta.ppf(0.025, hits, tries - hits + 1) if hits else 0.0
    high = beta.ppf(0.975, hits + 1, tries - hits) if hits < tries else 1.0
    return float(low), float(high)
