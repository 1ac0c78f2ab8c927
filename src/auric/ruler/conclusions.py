"""Variants of ELFnet beside each other, and which of the paper's conclusions hold on them.

After section III.a of Zhang et al., "Build a Ruler to Measure Electron Localization Function with Machine Learning Models". Differences
are paired: two variants read the same test images. What they are worth has two parts, added as variances: which bonds (or
structures) are tested, by resampling these, and chance in training, which resampling does not see. That part comes from variants that change
nothing but the seed (`repeat`): the variance of each fold's error between them and the base, pooled over folds, taken to be the
same for all variants. Intervals and probabilities are Student's, degrees of freedom by Welch and Satterthwaite
(doi:10.2307/3002019), so that few repeats make them wide; those of one setting's variants are adjusted after Holm
(https://www.jstor.org/stable/4615733).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import t as student

from auric.chance import holm
from auric.files import read_tables, write_table
from auric.ruler.exploration import network_settings
from auric.ruler.validation import MIN_GROUPS, grouped_interval
from auric.ruler.variants import BASE, Variant, told
from auric.scorecard import write_scorecard

VARIANT_COLUMNS = (
    "variant", "changed", "split", "folds", "diverged", "n", "parameters", "seconds", "training_mae_angstrom", "mae_angstrom",
    "mae_low", "mae_high", "difference_angstrom", "difference_low", "difference_high",
)  # fmt: skip
CONCLUSION_COLUMNS = (
    "conclusion", "setting", "papers", "tested", "verdict", "nearest", "difference_angstrom", "difference_low", "difference_high",
    "p", "seed_sd_angstrom",
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
MOST_BEND = 0.05
"""A rise is straight if its middle is off the chord by less than this share of the rise: x^2 is off by 0.25, the square root by 0.21."""
LEVEL = 0.05
"""Probability, after Holm, below which a difference counts; intervals are of 95 %."""


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
    repeats = [one.name for one in chosen if set(one.changes) <= {"repeat"}]
    comparison = Comparison(errors, repeats, samples=samples, seed=seed)
    there = history["fold"].nunique() or folds  # of few groups there are fewer folds
    rows = [_row(one, comparison, history, split, there) for one in chosen]
    write_table(table, rows, VARIANT_COLUMNS)
    told_rows = conclude(chosen, network, comparison)
    write_table(conclusions, told_rows, CONCLUSION_COLUMNS)
    write_scorecard(scorecard, list(_scores(rows, told_rows, study)))


def _errors(readings: pd.DataFrame, group: str) -> pd.DataFrame:
    """Absolute errors, a column per variant and a row per image, with the group and the fold of each as levels of the index."""
    frame = readings.assign(
        error=(readings["predicted_angstrom"] - readings["bond_length_angstrom"]).abs(), group=readings[group]
    )
    return frame.pivot_table(index=["group", "fold", "image"], columns="variant", values="error", aggfunc="first")


class Contrast(NamedTuple):
    """A weighted sum of mean absolute errors (angstrom), its 95 % interval, and how probable one as large is by chance; NaN: not known."""

    value: float
    low: float
    high: float
    p: float


_UNKNOWN = Contrast(*[np.nan] * 4)


class Comparison:
    """Errors of variants, and their paired differences.

    Args:
        errors: Absolute errors (angstrom), a column per variant and a row per image; levels `group` and `fold` of the index say what is
            resampled and which training tested the image.
        repeats: Variants that differ in the seed alone, the base among them.
        samples: Resamples of groups.
        seed: Seed of the bootstrap, so that all comparisons see the same resampled groups.
    """

    def __init__(self, errors: pd.DataFrame, repeats: Sequence[str], *, samples: int, seed: int) -> None:
        self.columns, self.values = {name: place for place, name in enumerate(errors.columns)}, errors.to_numpy()
        self.groups, self.folds = (
            np.unique(errors.index.get_level_values(level).astype(str), return_inverse=True)[1]
            for level in ("group", "fold")
        )
        self.samples, self.seed = samples, seed
        maes = errors[[name for name in repeats if name in errors]].groupby(level="fold").mean()
        free = (maes.count(axis=1) - 1).clip(lower=0)
        self.seeds_free = int(free.sum())
        self.seed_variance = float((maes.var(axis=1) * free).sum() / self.seeds_free) if self.seeds_free else 0.0

    def _rng(self) -> np.random.Generator:
        return np.random.default_rng([self.seed, 3])

    @property
    def seed_sd(self) -> float:
        """Standard deviation that seeds alone give the difference of two variants (angstrom); NaN without repeats."""
        return float(np.sqrt(2 * self.seed_variance * _concentration(self.folds))) if self.seeds_free else np.nan

    def mae(self, name: str) -> tuple[float, float, float, int]:
        """Mean absolute error, its interval by resampling alone, and the number of images."""
        if name not in self.columns:
            return (np.nan,) * 3 + (0,)
        mine = self.values[:, self.columns[name]]
        read = np.isfinite(mine)
        interval = grouped_interval(
            mine[read], np.ones(read.sum()), self.groups[read], samples=self.samples, rng=self._rng()
        )
        return float(mine[read].mean()), *interval, int(read.sum())

    def difference(self, name: str, other: str) -> Contrast:
        """By how much the first errs more than the second on the images that both read."""
        return self.contrast({name: 1.0, other: -1.0})

    def contrast(self, weights: Mapping[str, float]) -> Contrast:
        """A weighted sum of errors on the images that all of these read; without repeats there is no probability, and chance in training is left out.

        Args:
            weights: Of each variant; they add up to zero.
        """
        if not set(weights) <= set(self.columns):
            return _UNKNOWN
        factors = np.array(list(weights.values()))
        each = self.values[:, [self.columns[name] for name in weights]] @ factors
        read = np.isfinite(each)
        if not read.any():
            return _UNKNOWN
        _, groups = np.unique(self.groups[read], return_inverse=True)
        sums, counts = np.bincount(groups, each[read]), np.bincount(groups)
        value = float(each[read].mean())
        if len(sums) < MIN_GROUPS:
            return _UNKNOWN._replace(value=value)
        drawn = self._rng().integers(len(sums), size=(self.samples, len(sums)))
        tested = float(np.var(sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1), ddof=1))
        trained = self.seed_variance * float(factors @ factors) * _concentration(self.folds[read])
        spread = float(np.sqrt(tested + trained))
        if spread == 0:  # errors are the same to the last digit
            return Contrast(value, value, value, np.nan)
        free = spread**4 / (tested**2 / (len(sums) - 1) + trained**2 / max(self.seeds_free, 1))
        reach = float(student.ppf(0.975, free)) * spread
        p = 2 * float(student.sf(abs(value) / spread, free)) if self.seeds_free else np.nan
        return Contrast(value, value - reach, value + reach, p)


def _concentration(folds: np.ndarray) -> float:
    """Sum of squares of the folds' shares of images, shape (images,): what a mean over folds leaves of the variance of one."""
    shares = np.unique(folds, return_counts=True)[1] / max(len(folds), 1)
    return float(shares @ shares)


def _row(variant: Variant, comparison: Comparison, history: pd.DataFrame, split: str, folds: int) -> dict[str, Any]:
    mae, low, high, n = comparison.mae(variant.name)
    mine = history[history["variant"] == variant.name]
    last = mine.groupby("fold").last()
    apart = comparison.difference(variant.name, BASE) if variant.name != BASE else _UNKNOWN._replace(value=0.0)
    return {
        "variant": variant.name, "changed": told(variant.changes), "split": split, "folds": len(last),
        "diverged": folds - len(last), "n": n, "parameters": int(last["parameters"].max()) if len(last) else 0,
        "seconds": float(mine["seconds"].sum()), "training_mae_angstrom": float(last["training_mae_angstrom"].mean()),
        "mae_angstrom": mae, "mae_low": low, "mae_high": high, "difference_angstrom": apart.value,
        "difference_low": apart.low, "difference_high": apart.high,
    }  # fmt: skip


def _settings(variant: Variant, network: Mapping[str, Any]) -> dict[str, Any]:
    settings = network_settings(variant.changes, network)
    return asdict(settings) | {"depth": len(settings.channels)}


def conclude(variants: Sequence[Variant], network: Mapping[str, Any], comparison: Comparison) -> list[dict[str, Any]]:
    """Which of the paper's conclusions hold.

    One holds if every other value errs more than the paper's, each so much that chance in testing and training does it less than once in
    twenty times, after Holm; it does not hold if any errs less by as much; else, and always without repeats, it is
    undecided. A value is compared at the study's depth, and at others where the paper's value was trained at the same depth.

    Args:
        variants: All variants.
        network: Settings of the base.
        comparison: Their errors.
    """
    rows = []
    for words, setting, best in PAPERS:
        found = {
            name: apart
            for name, other in _rivals(variants, network, setting, best).items()
            if np.isfinite((apart := comparison.difference(name, other)).value)
        }
        rows.append(
            {
                "conclusion": words, "setting": _column(setting), "papers": best, "tested": len(found),
                "seed_sd_angstrom": comparison.seed_sd,
            } | _verdict(found)
        )  # fmt: skip
    return [*rows, _linear(variants, network, comparison)]


def _column(setting: str) -> str:
    return {"depth": "channels"}.get(setting, setting)


def _rivals(variants: Sequence[Variant], network: Mapping[str, Any], setting: str, best: Any) -> dict[str, str]:
    """Variants with another value of a setting, and for each the variant with the paper's that is else the same."""
    column = _column(setting)
    values = {one.name: _settings(one, network)[setting] for one in variants}
    rests = {one.name: {key: value for key, value in one.changes.items() if key != column} for one in variants}
    found = {}
    for name, value in values.items():
        if value == best or set(rests[name]) - {"channels"} or (setting == "learning_rate" and value < best):
            continue
        partner = next((one for one in values if values[one] == best and rests[one] == rests[name]), None)
        if partner is not None:
            found[name] = partner
    return found


def _verdict(found: Mapping[str, Contrast]) -> dict[str, Any]:
    if not found:
        return {"verdict": UNTESTED}
    adjusted = dict(zip(found, holm([apart.p for apart in found.values()]), strict=True))
    sure = [name for name in found if adjusted[name] < LEVEL]
    better = [name for name in sure if found[name].value < 0]
    verdict = FAILS if better else HOLDS if len(sure) == len(found) else OPEN
    nearest = min(better or found, key=lambda name: found[name].value)
    apart = found[nearest]
    return {
        "verdict": verdict, "nearest": nearest, "difference_angstrom": apart.value, "difference_low": apart.low,
        "difference_high": apart.high, "p": adjusted[nearest],
    }  # fmt: skip


def _linear(variants: Sequence[Variant], network: Mapping[str, Any], comparison: Comparison) -> dict[str, Any]:
    """Whether a parabola through the errors rises and is straight: how far its middle is off the chord, beside its rise."""
    rates = {one.name: float(_settings(one, network)["dropout"]) for one in variants if set(one.changes) <= {"dropout"}}
    rates = {name: rate for name, rate in rates.items() if rate <= 0.5 and name in comparison.columns}
    row: dict[str, Any] = {
        "conclusion": LINEAR, "setting": "dropout", "papers": "linear", "tested": len(rates),
        "seed_sd_angstrom": comparison.seed_sd,
    }  # fmt: skip
    if len(set(rates.values())) < 3:
        return row | {"verdict": UNTESTED}
    powers = np.linalg.pinv(np.vander(list(rates.values()), 3, increasing=True))  # coefficients from errors, (3, rates)
    low, high = min(rates.values()), max(rates.values())
    rising = np.array([0, high - low, high**2 - low**2]) @ powers
    bending = -((high - low) ** 2) / 4 * powers[2]

    def told_of(weights: np.ndarray) -> Contrast:
        return comparison.contrast(dict(zip(rates, weights, strict=True)))

    rise, bend = told_of(rising), told_of(bending)
    above, below = told_of(bending - MOST_BEND * rising), told_of(bending + MOST_BEND * rising)
    verdict = OPEN
    if comparison.seeds_free:
        if rise.high < 0 or (rise.low > 0 and (above.low > 0 or below.high < 0)):
            verdict = FAILS
        elif rise.low > 0 and above.high < 0 and below.low > 0:
            verdict = HOLDS
    return row | {
        "verdict": verdict, "nearest": f"middle off the chord by {100 * bend.value / rise.value:.0f} % of the rise",
        "difference_angstrom": bend.value, "difference_low": bend.low, "difference_high": bend.high, "p": bend.p,
    }  # fmt: skip


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
