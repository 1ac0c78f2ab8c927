"""Variants of ELFnet beside each other, and which of the paper's conclusions hold on them.

After section III.a of Zhang et al., "Build a Ruler to Measure Electron Localization Function with Machine Learning Models". Differences
are paired: two variants read the same test images, and intervals resample the bonds (or structures) of these. Resampling does
not see what chance in training is worth; variants that change nothing but the seed (`repeat`) do, and a difference counts
only if it is beyond theirs.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from auric.files import read_tables, write_table
from auric.ruler.exploration import network_settings
from auric.ruler.validation import grouped_interval, ratio_interval
from auric.ruler.variants import BASE, Variant, told
from auric.scorecard import write_scorecard

VARIANT_COLUMNS = (
    "variant", "changed", "split", "folds", "diverged", "n", "parameters", "seconds", "training_mae_angstrom", "mae_angstrom",
    "mae_low", "mae_high", "difference_angstrom", "difference_low", "difference_high",
)  # fmt: skip
CONCLUSION_COLUMNS = (
    "conclusion", "setting", "papers", "tested", "verdict", "nearest", "difference_angstrom", "difference_low", "difference_high",
    "noise_angstrom",
)  # fmt: skip
HOLDS, FAILS, OPEN, UNTESTED = "holds", "does not hold", "undecided", "not tested"
PAPERS: tuple[tuple[str, str, Any], ...] = (
    ("six convolutions read best", "depth", 6),
    ("batch normalization makes it worse", "batch_norm", False),
    ("dropout makes it worse, at any rate", "dropout", 0.0),
    ("learning rates beyond 0.0001 make it worse", "learning_rate", 1e-4),
    ("batches of 64 read best", "batch_size", 64),
    ("ReLU reads better than LeakyReLU", "activation", "relu"),
    ("max pooling reads better than average pooling", "pooling", "max"),
)
"""The paper's conclusions: in words, the setting, and the value that is best."""
LINEAR = "the error rises linearly with the dropout rate, up to 0.5"
LEAST_CORRELATION = 0.95
"""Between error and dropout rate, for the rise to be called linear."""


def compare_variants(
    read: Sequence[str | Path], curves: Sequence[str | Path], table: str | Path, conclusions: str | Path,
    scorecard: str | Path, *, study: str, variants: Sequence[tuple[str, Mapping[str, Any]]], network: Mapping[str, Any],
    split: str, folds: int, samples: int, seed: int,
) -> None:  # fmt: skip
    """Write the errors of all variants beside the base's, and which of the paper's conclusions hold.

    Args:
        read: What `run_variant` wrote, all variants and folds (CSV).
        curves: Its learning curves (CSV).
        table: CSV to write, one row per variant.
        conclusions: CSV to write, one row per conclusion.
        scorecard: CSV to write.
        study: Name of the study.
        variants: Name and changed settings of each.
        network: Keys of `ruler.network` of the configuration.
        split: Name of the split.
        folds: Folds of the split.
        samples: Resamples for 95 % intervals.
        seed: Seed of the bootstrap.
    """
    readings, history = read_tables(read), read_tables(curves)
    chosen = [Variant(name, dict(changes)) for name, changes in variants]
    errors = _errors(readings, "structure" if split == "structure" else "bond")
    comparison = _Comparison(errors, samples, seed)
    rows = [_row(one, comparison, history, split, folds) for one in chosen]
    write_table(table, rows, VARIANT_COLUMNS)
    told_rows = conclude(chosen, network, comparison)
    write_table(conclusions, told_rows, CONCLUSION_COLUMNS)
    write_scorecard(scorecard, list(_scores(rows, told_rows, study)))


def _errors(readings: pd.DataFrame, group: str) -> pd.DataFrame:
    """Absolute errors, a column per variant and a row per image, with the group of each image as a level of the index."""
    frame = readings.assign(
        error=(readings["predicted_angstrom"] - readings["bond_length_angstrom"]).abs(), group=readings[group]
    )
    return frame.pivot_table(index=["group", "image"], columns="variant", values="error", aggfunc="first")


class _Comparison:
    """Errors of variants, and their paired differences with 95 % intervals (angstrom).

    Args:
        errors: What `_errors` gives.
        samples: Resamples.
        seed: Seed of the bootstrap, so that all comparisons see the same resampled groups.
    """

    def __init__(self, errors: pd.DataFrame, samples: int, seed: int) -> None:
        self.errors, self.samples, self.seed = errors, samples, seed

    def _rng(self) -> np.random.Generator:
        return np.random.default_rng([self.seed, 3])

    def mae(self, name: str) -> tuple[float, float, float, int]:
        """Mean absolute error, its interval, and the number of images."""
        if name not in self.errors:
            return (np.nan,) * 3 + (0,)
        mine = self.errors[name].dropna()
        groups = mine.index.get_level_values("group").to_numpy()
        interval = grouped_interval(mine.to_numpy(), np.ones(len(mine)), groups, samples=self.samples, rng=self._rng())
        return float(mine.mean()), *interval, len(mine)

    def difference(self, name: str, other: str) -> tuple[float, float, float]:
        """By how much the first errs more than the second on the images that both read, and its interval."""
        if not {name, other} <= set(self.errors.columns):
            return (np.nan,) * 3
        both = self.errors[[name, other]].dropna()
        apart = (both[name] - both[other]).groupby(level="group")
        totals = np.column_stack([apart.sum(), apart.count()])
        return (
            float(totals[:, 0].sum() / totals[:, 1].sum()),
            *ratio_interval(totals, samples=self.samples, rng=self._rng()),
        )

    def correlation(self, names: Sequence[str], values: Sequence[float]) -> tuple[float, float, float]:
        """Correlation between a setting and the mean absolute error, over variants, and its interval."""
        both = self.errors[list(names)].dropna().groupby(level="group")
        sums, counts = both.sum().to_numpy(), both.size().to_numpy()
        drawn = self._rng().integers(len(sums), size=(self.samples, len(sums)))
        maes = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)[:, None]
        found = [float(np.corrcoef(values, mae)[0, 1]) for mae in maes]
        low, high = np.percentile(found, [2.5, 97.5])
        return float(np.corrcoef(values, sums.sum(axis=0) / counts.sum())[0, 1]), float(low), float(high)


def _row(variant: Variant, comparison: _Comparison, history: pd.DataFrame, split: str, folds: int) -> dict[str, Any]:
    mae, low, high, n = comparison.mae(variant.name)
    mine = history[history["variant"] == variant.name]
    last = mine.groupby("fold").last()
    apart = comparison.difference(variant.name, BASE) if variant.name != BASE else (0.0, np.nan, np.nan)
    return {
        "variant": variant.name, "changed": told(variant.changes), "split": split, "folds": len(last),
        "diverged": folds - len(last), "n": n, "parameters": int(last["parameters"].max()) if len(last) else 0,
        "seconds": float(mine["seconds"].sum()), "training_mae_angstrom": float(last["training_mae_angstrom"].mean()),
        "mae_angstrom": mae, "mae_low": low, "mae_high": high, "difference_angstrom": apart[0],
        "difference_low": apart[1], "difference_high": apart[2],
    }  # fmt: skip


def _settings(variant: Variant, network: Mapping[str, Any]) -> dict[str, Any]:
    settings = network_settings(variant.changes, network)
    return asdict(settings) | {"depth": len(settings.channels)}


def conclude(variants: Sequence[Variant], network: Mapping[str, Any], comparison: _Comparison) -> list[dict[str, Any]]:
    """Which of the paper's conclusions hold.

    One holds if every other value errs more than the paper's, beyond the 95 % interval and beyond what trainings of the same
    settings differ by; it does not hold if one errs less by as much; else it is undecided.

    Args:
        variants: All variants.
        network: Settings of the base.
        comparison: Their errors.
    """
    repeats = [one.name for one in variants if set(one.changes) == {"repeat"}]
    noise = max((abs(comparison.difference(name, BASE)[0]) for name in repeats), default=np.nan)
    rows = []
    for words, setting, best in PAPERS:
        column = {"depth": "channels"}.get(setting, setting)
        alike = [one for one in variants if set(one.changes) <= {column}]
        values = {one.name: _settings(one, network)[setting] for one in alike}
        papers = [name for name, value in values.items() if value == best]
        others = [
            name for name, value in values.items() if value != best and (setting != "learning_rate" or value > best)
        ]
        found = {name: comparison.difference(name, papers[0]) for name in others} if papers else {}
        found = {name: apart for name, apart in found.items() if np.isfinite(apart[0])}
        rows.append(
            {"conclusion": words, "setting": column, "papers": best, "tested": len(found), "noise_angstrom": noise}
            | _verdict(found, 0.0 if np.isnan(noise) else noise)
        )
    return [*rows, _linear(variants, network, comparison)]


def _verdict(found: Mapping[str, tuple[float, float, float]], noise: float) -> dict[str, Any]:
    if not found:
        return {"verdict": UNTESTED}
    name, (apart, low, high) = min(found.items(), key=lambda item: item[1][0])
    if all(less > 0 and by > noise for by, less, _ in found.values()):
        verdict = HOLDS
    else:
        verdict = FAILS if high < 0 and -apart > noise else OPEN
    return {
        "verdict": verdict, "nearest": name, "difference_angstrom": apart, "difference_low": low, "difference_high": high
    }  # fmt: skip


def _linear(variants: Sequence[Variant], network: Mapping[str, Any], comparison: _Comparison) -> dict[str, Any]:
    rates = {one.name: float(_settings(one, network)["dropout"]) for one in variants if set(one.changes) <= {"dropout"}}
    rates = {name: rate for name, rate in rates.items() if rate <= 0.5 and name in comparison.errors}
    row: dict[str, Any] = {"conclusion": LINEAR, "setting": "dropout", "papers": "linear", "tested": len(rates)}
    if len(rates) < 3:
        return row | {"verdict": UNTESTED}
    correlation, low, high = comparison.correlation(list(rates), list(rates.values()))
    verdict = HOLDS if low >= LEAST_CORRELATION else FAILS if high < LEAST_CORRELATION else OPEN
    return row | {"verdict": verdict, "nearest": f"correlation {correlation:.3f} ({low:.3f} to {high:.3f})"}


def _scores(
    rows: Sequence[dict[str, Any]], told_rows: Sequence[dict[str, Any]], study: str
) -> Iterator[dict[str, Any]]:
    common = {"study": study, "system": "ruler", "data": "all structures", "comparable": "not comparable"}
    for row in rows:
        mine = common | {
            "subject": f"variant {row['variant']} ({row['changed']} changed)", "split": row["split"], "n": row["n"],
            "unit": "angstrom", "better": "lower", "seconds": row["seconds"],
        }  # fmt: skip
        for quantity, name in (("variant_mae", "mae"), ("variant_mae_difference", "difference")):
            if row["variant"] != BASE or name == "mae":
                yield mine | {"quantity": quantity, "ours": row[f"{name}_angstrom"], "ci_low": row[f"{name}_low"],
                              "ci_high": row[f"{name}_high"]}  # fmt: skip
    tested = [row for row in told_rows if row["verdict"] != UNTESTED]
    if tested:
        yield common | {
            "quantity": "conclusions_held", "unit": "1", "subject": "the paper's conclusions on ELFnet's design",
            "paper": len(tested), "ours": sum(row["verdict"] == HOLDS for row in tested), "n": len(tested),
            "split": rows[0]["split"], "better": "higher",
        }  # fmt: skip
