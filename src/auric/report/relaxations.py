"""What the report says and draws of relaxations: by the reference alone, by potentials alone, and by both together."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator

from auric.report import inputs
from auric.report.drawing import INK, figure_at, log_axis
from auric.report.page import number
from auric.report.potential_figures import BLUE, GREEN, GREY, VERMILION

REFERENCE, COARSE, BOTH = "reference alone", "potential alone", "both"
DIRECTED = "thesis's forces"
LEAST_EV = 1e-3
"""Smaller energies above the lowest end are drawn there."""
SAME_EV = 0.02
DASHES: dict[str, Any] = {
    "full": "-", "shell": (0, (6, 2)), "partwise": (0, (3, 1.5)), "partwise_reset": (0, (1, 1.2)),
}  # fmt: skip
VERDICTS = ("converged", "stalled", "rising")


@dataclass(frozen=True)
class Relaxed:
    """Relaxations of one system.

    Attributes:
        system: Its name.
        table: Columns `inputs.RELAXATIONS`.
        traces: Columns `inputs.TRACES`.
        series: Columns `inputs.SERIES`; perhaps no rows.
    """

    system: str
    table: pd.DataFrame
    traces: pd.DataFrame
    series: pd.DataFrame

    @property
    def starts(self) -> pd.DataFrame:
        """Of each start the fewest calls of the reference alone, and the lowest energy it reached by itself."""
        alone = self.table[(self.table["uses"] == REFERENCE) & (self.table["verdict"] == "converged")]
        return alone.groupby(["run", "step"])[["reference_calls", "energy_ev"]].min()


def gather(tables: Sequence[str | Path], traces: Sequence[str | Path], series: Sequence[str | Path]) -> list[Relaxed]:
    """The relaxations of a study, system by system.

    Args:
        tables: CSV files with the columns `inputs.RELAXATIONS`.
        traces: CSV files with the columns `inputs.TRACES`.
        series: CSV files with the columns `inputs.SERIES`.

    Raises:
        InputError: If a table lacks a column.
    """
    every = [
        pd.concat([inputs.read_table(path, columns) for path in [*paths, ""]], ignore_index=True)
        for paths, columns in ((tables, inputs.RELAXATIONS), (traces, inputs.TRACES), (series, inputs.SERIES))
    ]
    # As in the scorecard: a way that led above its start, or to where the reference has no answer, has recovered nothing.
    every[0]["energy_recovered"] = every[0]["energy_recovered"].astype(float).fillna(0.0).clip(lower=0.0)
    return [
        Relaxed(str(system), *(table[table["system"] == system] for table in every))
        for system in dict.fromkeys(every[0]["system"])
    ]


def words(relaxed: Relaxed) -> list[str]:
    """What both together took beside the reference alone, what potentials recovered, and what learning on the way cost."""
    starts, sentences = relaxed.starts, []
    for method, ways in relaxed.table[relaxed.table["uses"] == BOTH].groupby("method", sort=False):
        both = ways.set_index(["run", "step"]).join(starts, rsuffix="_alone", how="inner")
        if len(both):
            low = int((both["energy_ev"] - both["energy_ev_alone"] <= SAME_EV).sum())
            sentences.append(
                f"“{method}” asked the reference {both['reference_calls'].median():g} times (median of {len(both)} starts), its own "
                f"best way {both['reference_calls_alone'].median():g} times; it ended as low, within {SAME_EV} eV, or lower on {low}."
            )
    rises = relaxed.table[relaxed.table["method"].str.startswith(DIRECTED)]["rise_ev"].dropna()
    if len(rises):
        sentences.append(
            f"On the thesis's forces {int((rises > LEAST_EV).sum())} of {len(rises)} ways ended above their lowest energy, by "
            f"{number(rises.max())} eV at most."
        )
    counted = _counted(relaxed)
    if len(counted):
        alone, mine = counted["reference_calls_alone"].sum(), counted["reference_calls"].sum()
        sentences.append(
            f"Learning on the way, with no training data, {len(counted)} starts took {mine:.0f} reference calls in all; the "
            f"reference alone, {alone:.0f}."
        )
    return sentences


def rows(relaxed: Relaxed) -> list[dict[str, str]]:
    """For print: one row a method."""
    starts = relaxed.starts["energy_ev"]
    shown = []
    for (method, uses), ways in relaxed.table.groupby(["method", "uses"], sort=False):
        above = ways.set_index(["run", "step"])["energy_ev"] - starts
        counts = ways["verdict"].value_counts()
        shown.append({
            "method": str(method), "uses": str(uses), "starts": str(len(ways)),
            "verdicts": ", ".join(f"{counts[word]} {word}" for word in VERDICTS if word in counts),
            "recovered": number(ways["energy_recovered"].mean()), "least": number(ways["energy_recovered"].min()),
            "low": f"{int((above <= SAME_EV).sum())} of {int(above.notna().sum())}",
            "calls": f"{ways['reference_calls'].median():g}", "coarse": f"{ways['coarse_calls'].median():g}",
            "seconds": number((ways["reference_core_seconds"] + ways["coarse_core_seconds"]).median()),
        })  # fmt: skip
    return shown


def ring_rows(path: str | Path) -> list[dict[str, str]]:
    """For print: rings by size and stage, energies above the reference's end from the same start."""
    table = inputs.read_table(path, inputs.RINGS)
    direct = table[table["stage"] == "reference"].set_index(["n", "seed"])["energy_ev"]
    shown = []
    for (n, stage), ways in table.groupby(["n", "stage"], sort=False):
        above = ways.set_index(["n", "seed"])["energy_ev"] - direct
        shown.append({
            "n": f"{n:.0f}", "stage": str(stage), "converged": f"{(ways['verdict'] == 'converged').sum()} of {len(ways)}",
            "above": " ".join(f"{value:+.3f}" for value in above), "calls": " ".join(f"{value:.0f}" for value in ways["calls"]),
            "twist": " ".join(f"{value:+.0f}" for value in ways["twist_degree"]),
            "turned": f"{(ways['turned_over'] == 'True').sum()} of {len(ways)}",
        })  # fmt: skip
    return shown


def stretched_rows(paths: Sequence[str | Path]) -> list[dict[str, str]]:
    """For print: pulled units by structure, place, method and step size."""
    tables = [inputs.read_table(path, inputs.STRETCHED) for path in paths]
    return [
        {
            "structure": row["structure"], "place": row["place"], "method": row["method"], "verdict": row["verdict"],
            "step": number(row["max_step_angstrom"]), "recovered": number(row["energy_recovered"]),
            "distance": number(row["rmsd_to_reference_angstrom"]), "calls": f"{row['calls']:g}",
        }
        for table in tables for row in table.to_dict("records")
    ]  # fmt: skip


def draw_progress(path: Path, relaxed: Relaxed) -> None:
    """Energies above the lowest end of the same start: against reference calls, and of potentials alone against their steps.

    Args:
        path: SVG to write.
        relaxed: With at least one point of a trace.
    """
    lowest = relaxed.table.groupby(["run", "step"])["energy_ev"].min().rename("lowest")
    points = relaxed.traces.join(lowest, on=["run", "step"])
    points = points.assign(above=(points["energy_ev"] - points["lowest"]).clip(lower=LEAST_EV))
    asked, alone = points[points["uses"] != COARSE], points[points["uses"] == COARSE]
    panels = [
        (part, label)
        for part, label in ((asked, "reference calls"), (alone, "steps on a potential alone"))
        if len(part)
    ]
    with figure_at(path, 4.6 * len(panels), 4.3) as figure:
        for axes, (part, label) in zip(
            figure.subplots(1, len(panels), sharey=True, squeeze=False)[0], panels, strict=True
        ):
            for (method, uses), ways in part.groupby(["method", "uses"], sort=False):
                look, named = _look(str(method), str(uses)), str(method)
                for _, way in ways.groupby(["run", "step"], sort=False):
                    above = way["above"].cummin() if uses != COARSE else way["above"]
                    axes.plot(way["call"] + 1, above, **look, label=named)
                    named = "_" + str(method)  # one entry in the legend
            axes.set_xscale("log")
            axes.set_yscale("log")
            log_axis(axes.xaxis)
            log_axis(axes.yaxis)
            axes.set_xlabel(label)
            axes.grid()
            axes.legend(
                frameon=False, fontsize=7.5, loc="lower left", bbox_to_anchor=(0, 1), ncols=2
            )  # above the lines
        figure.axes[0].set_ylabel("eV above the lowest end")


def draw_recovered(path: Path, relaxed: Relaxed) -> None:
    """Share of the energy that the first reference-only way gains, a mark for each start and a line at the mean.

    Args:
        path: SVG to write.
        relaxed: With at least one row.
    """
    groups = [(str(m), str(u), ways) for (m, u), ways in relaxed.table.groupby(["method", "uses"], sort=False)]
    with figure_at(path, 8.2, 0.8 + 0.27 * len(groups)) as figure:
        axes = figure.subplots()
        for place, (method, uses, ways) in enumerate(groups):
            colour, shares = _look(method, uses)["color"], ways["energy_recovered"]
            axes.plot(shares, np.full(len(shares), place), "o", color=colour, ms=4.5, alpha=0.45, mew=0)
            axes.plot([shares.mean()] * 2, [place - 0.35, place + 0.35], color=colour, lw=2)
        axes.axvline(1, color=INK, lw=1, ls=(0, (4, 3)), zorder=0)
        axes.set_yticks(range(len(groups)), [method for method, _, _ in groups])
        axes.tick_params(axis="y", length=0)
        axes.set_ylim(len(groups) - 0.4, -0.6)
        axes.grid(axis="x")
        axes.set_xlabel(f"energy recovered, “{groups[0][0]}” by the reference being 1")


def draw_counted(path: Path, relaxed: Relaxed) -> None:
    """Reference calls summed over the starts: by the reference alone, and learning on the way.

    Args:
        path: SVG to write.
        relaxed: With a series.
    """
    counted = _counted(relaxed)
    place = np.arange(1, len(counted) + 1)
    with figure_at(path, 8.2, 2.8) as figure:
        axes = figure.subplots()
        for name, colour, label in (
            ("reference_calls_alone", GREY, "reference alone"), ("reference_calls", BLUE, "learning on the way")
        ):  # fmt: skip
            axes.plot(place, counted[name].cumsum(), "o-", color=colour, ms=4, lw=1.6, label=label)
        axes.set(xlabel="starts relaxed", ylabel="reference calls, all counted", ylim=(0, None))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.legend(frameon=False)
        axes.grid()


def counts_series(relaxed: Relaxed) -> bool:
    """Whether starts of a series can be set beside the reference alone."""
    return len(_counted(relaxed)) > 0


def _counted(relaxed: Relaxed) -> pd.DataFrame:
    """The series in its order, with the fewest calls of the reference alone from the same starts."""
    return relaxed.series.join(relaxed.starts, on=["run", "step"], rsuffix="_alone", how="inner")


def _look(method: str, uses: str) -> dict[str, Any]:
    """Grey is the reference, blue the recommended potential, vermilion the thesis's forces, green what learns nothing."""
    if uses == REFERENCE:
        return {"color": GREY if method == "bfgs" else "#9aa2ad", "lw": 1.1}
    if uses == BOTH:
        return {"color": BLUE, "lw": 1.5, "ls": "-" if method.startswith("hybrid") else (0, (4, 1.2))}
    if uses == COARSE:
        colour = VERMILION if method.startswith(DIRECTED) else BLUE
        return {"color": colour, "lw": 1.3, "ls": DASHES.get(method.rsplit(", ", 1)[-1], "-")}
    return {"color": GREEN, "lw": 1.3}
