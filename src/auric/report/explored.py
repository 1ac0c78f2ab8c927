"""What the report says of a model exploration: variants of ELFnet on the same folds, and the paper's conclusions."""

from pathlib import Path

import matplotlib.ticker
import numpy as np
import pandas as pd

from auric.report import inputs
from auric.report.drawing import INK, figure_at
from auric.report.page import count, number
from auric.report.scores import in_angstrom, split_title

BASE = "base"
HOLDS, FAILS, OPEN = "holds", "does not hold", "undecided"
BLUE, GREY = "#0072B2", "#5b6470"


def gather(files: inputs.ReportFiles) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Variants, the best first and those that read nothing last, and conclusions.

    Raises:
        InputError: If a table lacks a column.
    """
    table = inputs.read_table(files.variants, inputs.VARIANTS)
    return table.sort_values("mae_angstrom", kind="stable"), inputs.read_table(files.conclusions, inputs.CONCLUSIONS)


def words(table: pd.DataFrame, conclusions: pd.DataFrame) -> list[str]:
    """How many variants were trained, what they cost, which conclusions hold."""
    folds, hours = table["folds"].max(), table["seconds"].sum() / 3600
    sentences = [
        f"{len(table)} variants of ELFnet on the same {folds:.0f} folds ({split_title(table['split'].iloc[0])}), {number(hours)} hours of training."
    ]
    read = table[np.isfinite(table["mae_angstrom"])]
    base = read[read["variant"] == BASE]
    if len(base):
        best = read.iloc[0]
        sentences.append(
            f"The base errs by {in_angstrom(base['mae_angstrom'].iloc[0])} Å, the best variant ({best['variant']}) by {in_angstrom(best['mae_angstrom'])} Å."
        )
    told = [
        f"{int((conclusions['verdict'] == verdict).sum())} {verdict.replace('holds', 'hold').replace('does not', 'do not')}"
        for verdict in (HOLDS, FAILS, OPEN)
    ]
    tested = conclusions["verdict"].isin([HOLDS, FAILS, OPEN]).sum()
    if not tested:
        return [*sentences, "These variants test none of the paper's conclusions."]
    seeds = conclusions["seed_sd_angstrom"].max()
    chance = (
        f"chance in training gives such a difference a standard deviation of {in_angstrom(seeds)} Å."
        if np.isfinite(seeds)
        else "what chance in training is worth was not measured, without which nothing can be concluded."
    )
    sentences.append(f"Of {tested} conclusions of the paper, {', '.join(told[:-1])} and {told[-1]}; {chance}")
    return sentences


def conclusion_rows(conclusions: pd.DataFrame) -> list[dict[str, str]]:
    """For print."""
    return [
        {"conclusion": row["conclusion"], "verdict": row["verdict"], "tested": count(row["tested"]), "nearest": row["nearest"],
         "difference": _between(row)}
        for row in conclusions.to_dict("records")
    ]  # fmt: skip


def rows(table: pd.DataFrame) -> list[dict[str, str]]:
    """For print."""
    return [
        {"variant": row["variant"], "changed": row["changed"], "mae": _angstrom(row["mae_angstrom"]),
         "training": _angstrom(row["training_mae_angstrom"]), "difference": "" if row["variant"] == BASE else _between(row),
         "parameters": count(row["parameters"]), "seconds": count(row["seconds"]), "diverged": count(row["diverged"])}
        for row in table.to_dict("records")
    ]  # fmt: skip


def _angstrom(value: float) -> str:
    return in_angstrom(value) if np.isfinite(value) else "diverged"


def _between(row: dict[str, float]) -> str:
    if not np.isfinite(row["difference_angstrom"]):
        return ""
    low, high = row["difference_low"], row["difference_high"]
    interval = f" ({in_angstrom(low)} to {in_angstrom(high)})" if np.isfinite([low, high]).all() else ""
    return f"{row['difference_angstrom']:+.5f}{interval}"


def draw_variants(path: Path, table: pd.DataFrame, conclusions: pd.DataFrame) -> None:
    """Difference of each variant's error from the base's, with intervals.

    Args:
        path: SVG to write.
        table: Columns `inputs.VARIANTS`, at least one row.
        conclusions: Columns `inputs.CONCLUSIONS`.
    """
    seeds = conclusions["seed_sd_angstrom"].max()
    shown = table[np.isfinite(table["difference_angstrom"])]
    with figure_at(path, 8.6, 0.9 + 0.24 * len(shown)) as figure:
        axes = figure.subplots()
        axes.axvline(0, color=INK, lw=0.9, zorder=0)
        if np.isfinite(seeds):
            axes.axvspan(-seeds, seeds, color="#e6e8eb", lw=0, zorder=0)
        for place, row in enumerate(shown.itertuples()):
            plain = row.variant == BASE
            colour = INK if plain else BLUE if row.difference_low > 0 or row.difference_high < 0 else GREY
            if np.isfinite([row.difference_low, row.difference_high]).all():
                axes.plot([row.difference_low, row.difference_high], [place] * 2, color=colour, lw=2, alpha=0.5)
            axes.plot(row.difference_angstrom, place, "s" if plain else "o", color=colour, ms=5.5)
        axes.set_yticks(range(len(shown)), shown["variant"])
        axes.set_ylim(len(shown) - 0.5, -0.5)
        inner = max(1e-4, float(shown["difference_angstrom"].abs().median()))
        axes.set_xscale("symlog", linthresh=inner)
        low, high = axes.get_xlim()
        ticks = [value for value in axes.get_xticks() if value == 0 or abs(value) > 0.5 * inner]  # others lie on zero's
        axes.set_xticks([value for value in ticks if low <= value <= high])
        axes.xaxis.set_major_formatter(
            matplotlib.ticker.FuncFormatter(lambda value, _: np.format_float_positional(value, 4, trim="-"))
        )
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="x")
        axes.set_xlabel("mean absolute error less that of the base (Å); logarithmic far from zero")
