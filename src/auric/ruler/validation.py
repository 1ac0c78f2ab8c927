"""Cross-validated errors with intervals: the ruler's fragment of the scorecard."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from auric.files import read_tables, write_table
from auric.ruler.names import HOLDOUT
from auric.scorecard import write_scorecard

PAPER_MAE_ANGSTROM = 0.0021
PAPER_OUTLIER_PERCENT = 0.5
ELFNET, SOLVED, RIDGE, IMAGE = "elfnet", "elfnet, solved", "ridge on the bond line", "ridge on the image"
MIN_GROUPS = 5
"""With fewer groups to resample, an interval would say more than is known."""
PREDICTION_COLUMNS = (
    "split", "fold", "image", "structure", "frame", "bond", "third_atom", "bond_length_angstrom", "weight", "subject",
    "predicted_angstrom",
)  # fmt: skip
HISTORY_COLUMNS = (
    "split", "fold", "epoch", "learning_rate", "training_mae_angstrom", "validation_mae_angstrom", "seconds",
)  # fmt: skip


def validate(
    predictions: Sequence[str | Path], histories: Sequence[str | Path], joined: str | Path, history: str | Path,
    scorecard: str | Path, *, study: str, like_paper: bool, settings: Mapping[str, Any], seed: int,
) -> None:  # fmt: skip
    """Join the folds' files and write errors per split and subject.

    Args:
        predictions: Predictions of all folds (CSV).
        histories: Learning curves of all folds (CSV).
        joined: CSV to write, all predictions.
        history: CSV to write, all learning curves.
        scorecard: CSV to write.
        study: Name of the study.
        like_paper: Whether images and training are the paper's, so that only the data differ.
        settings: Keys `outlier_angstrom` and `bootstrap_samples`.
        seed: Seed of the bootstrap.
    """
    table, curves = read_tables(predictions), read_tables(histories)
    table = _tested_once(table.assign(fold=table["fold"].astype(str)))
    write_table(joined, table, PREDICTION_COLUMNS)
    write_table(history, curves, HISTORY_COLUMNS)
    write_scorecard(scorecard, _rows(table, curves, study, like_paper, settings, seed))


def _rows(
    table: pd.DataFrame, curves: pd.DataFrame, study: str, like_paper: bool, settings: Mapping[str, Any], seed: int
) -> list[dict[str, Any]]:
    rows = []
    folds = table[table["fold"] != HOLDOUT]
    for split, of_split in folds.groupby("split", sort=False):
        seconds = float(
            curves.loc[(curves["split"] == split) & (curves["fold"].astype(str) != HOLDOUT), "seconds"].sum()
        )
        for subject, mine in of_split.groupby("subject", sort=False):
            # Only the splits by image and `leaky` are what the paper may have done; it reports nothing else.
            beside_paper = subject == ELFNET and split in ("image", "leaky")
            common = {
                "study": study, "system": "ruler", "subject": subject, "n": len(mine), "data": "all structures",
                "split": split, "comparable": "not comparable",
                "better": "lower", "seconds": seconds if subject == ELFNET else "",
            }  # fmt: skip
            rng = np.random.default_rng([seed, 1])
            for row in _errors(mine, _groups(mine, str(split)), settings, rng):
                rows.append(common | row | ({} if beside_paper else {"paper": ""}))
                if beside_paper and like_paper and row["quantity"] == "mae":  # its outliers have no stated threshold
                    rows[-1]["comparable"] = "same protocol, other data"
        rows += _ratio(of_split, study, str(split), settings, np.random.default_rng([seed, 2]))
    return rows


def _tested_once(table: pd.DataFrame) -> pd.DataFrame:
    """In `leaky`, copies of one image are tested in several folds; the first counts, so that all splits test each once."""
    cross = table["fold"] != HOLDOUT
    repeated = cross & table.duplicated(["split", "subject", "image"], keep=False)
    first = table[cross].drop_duplicates(["split", "subject", "image"]).index
    return table[~repeated | table.index.isin(first)]


def _groups(table: pd.DataFrame, split: str) -> pd.Series:
    """What intervals resample: bonds, and whole structures where structures were left out."""
    return table["structure" if split == "structure" else "bond"]


def _errors(
    mine: pd.DataFrame, groups: pd.Series, settings: Mapping[str, Any], rng: np.random.Generator
) -> list[dict[str, Any]]:
    error = (mine["predicted_angstrom"] - mine["bond_length_angstrom"]).abs().to_numpy()
    weight = mine["weight"].to_numpy(dtype=float)
    outlier = 100.0 * (error > settings["outlier_angstrom"])
    ones = np.ones_like(error)
    samples = settings["bootstrap_samples"]
    quantities = (
        ("mae", "angstrom", PAPER_MAE_ANGSTROM, error, ones),
        ("weighted_mae", "angstrom", "", error, weight),
        ("outlier_share", "%", PAPER_OUTLIER_PERCENT, outlier, ones),
    )
    rows = []
    for quantity, unit, paper, values, weights in quantities:
        # Resampling cannot see what did not happen once.
        low, high = (
            (float("nan"),) * 2
            if not values.any()
            else grouped_interval(values, weights, groups.to_numpy(), samples=samples, rng=rng)
        )
        rows.append(
            {
                "quantity": quantity, "unit": unit, "paper": paper, "ours": float(np.average(values, weights=weights)),
                "ci_low": low, "ci_high": high,
            }
        )  # fmt: skip
    return rows


def _ratio(
    of_split: pd.DataFrame, study: str, split: str, settings: Mapping[str, Any], rng: np.random.Generator
) -> list[dict[str, Any]]:
    """How many times the others' errors are those of a straight reading, paired: both on the same resampled groups."""
    errors = of_split.assign(error=(of_split["predicted_angstrom"] - of_split["bond_length_angstrom"]).abs())
    sums = errors.pivot_table(index=_groups(of_split, split).name, columns="subject", values="error", aggfunc="sum")
    rows = []
    wanted = [("mae_over_ridge", name, RIDGE) for name in (ELFNET, SOLVED, IMAGE)]
    wanted += [("mae_over_ridge_image", name, IMAGE) for name in (ELFNET, SOLVED)]
    for quantity, subject, straight in wanted:
        if not {subject, straight} <= set(sums.columns):
            continue
        pairs = sums[[subject, straight]].to_numpy()
        low, high = ratio_interval(pairs, samples=settings["bootstrap_samples"], rng=rng)
        rows.append(
            {
                "study": study, "system": "ruler", "quantity": quantity, "unit": "1", "subject": subject,
                "ours": float(pairs[:, 0].sum() / pairs[:, 1].sum()), "ci_low": low, "ci_high": high,
                "n": int((errors["subject"] == subject).sum()), "data": "all structures", "split": split,
                "comparable": "not comparable", "better": "lower",
            }
        )  # fmt: skip
    return rows


def grouped_interval(
    values: np.ndarray, weights: np.ndarray, groups: np.ndarray, *, samples: int, rng: np.random.Generator
) -> tuple[float, float]:
    """95 % interval of a weighted mean by resampling whole groups; nan with fewer groups than `MIN_GROUPS`.

    Args:
        values: Shape (n,).
        weights: Shape (n,), at least 0.
        groups: Group of each value, shape (n,).
        samples: Number of resamples.
        rng: Random generator.
    """
    _, index = np.unique(groups, return_inverse=True)
    totals = np.column_stack([np.bincount(index, weights * values), np.bincount(index, weights)])
    return ratio_interval(totals, samples=samples, rng=rng)


def ratio_interval(totals: np.ndarray, *, samples: int, rng: np.random.Generator) -> tuple[float, float]:
    """95 % interval of sum(first column) / sum(second column) by resampling rows, shape (groups, 2)."""
    if len(totals) < MIN_GROUPS:
        return float("nan"), float("nan")
    drawn = totals[rng.integers(len(totals), size=(samples, len(totals)))].sum(axis=1)
    low, high = np.percentile(drawn[:, 0] / drawn[:, 1], [2.5, 97.5])
    return float(low), float(high)
