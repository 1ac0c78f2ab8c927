"""What the report says and draws of Monte Carlo walks: bonds and angles beside those of dynamics at the same temperature."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.lines import Line2D

from auric.report import inputs
from auric.report.drawing import INK, figure_at
from auric.report.page import UNITS, number
from auric.report.potential_figures import BLUE, VERMILION
from auric.report.potentials import RECOMMENDED, potential_name

WHOLE = "whole walk"
PANELS_A_ROW = 3


@dataclass(frozen=True)
class Walked:
    """Walks beside one run.

    Attributes:
        run: Its name.
        geometry: Columns `inputs.GEOMETRY`.
        curves: Columns `inputs.CURVES`.
    """

    run: str
    geometry: pd.DataFrame
    curves: pd.DataFrame

    @property
    def walkers(self) -> list[str]:
        """Potentials that were walked on, in the order of the tables."""
        return list(dict.fromkeys(self.geometry["walker"]))

    @property
    def whole(self) -> pd.DataFrame:
        """Rows on whole walks."""
        return self.geometry[self.geometry["part"] == WHOLE]

    @property
    def title(self) -> str:
        """The run and its temperature."""
        return f"{self.run} ({self.geometry['temperature_k'].iloc[0]:.0f} K)"


def gather(geometry: Sequence[str | Path], curves: Sequence[str | Path]) -> list[Walked]:
    """The walks of a study, run by run.

    Args:
        geometry: CSV files with the columns `inputs.GEOMETRY`.
        curves: CSV files with the columns `inputs.CURVES`, of the same runs.

    Raises:
        InputError: If a table lacks a column.
    """
    found = []
    for told, drawn in zip(geometry, curves, strict=True):
        tables = inputs.read_table(told, inputs.GEOMETRY), inputs.read_table(drawn, inputs.CURVES)
        if len(tables[0]):
            found.append(Walked(str(tables[0]["run"].iloc[0]), *tables))
    return found


def words(walked: Walked) -> list[str]:
    """For each potential how far its peaks are from those of dynamics, and how many samples the walk is worth."""
    sentences = []
    for walker in walked.walkers:
        mine = walked.whole[walked.whole["walker"] == walker]
        told = [
            f"{row.coordinate} {row.shift:+.3f}{unit} ({number(row.shift_low)} to {number(row.shift_high)})"
            if (unit := UNITS.get(row.unit, row.unit)) == "Å"
            else f"{row.coordinate} {row.shift:+.1f}{unit} ({number(row.shift_low)} to {number(row.shift_high)})"
            for row in mine.itertuples()
        ]
        sentences.append(
            f"“{potential_name(walker)}”: peaks lie off those of the dynamics by {'; '.join(told)}; "
            f"the walk is worth {mine['effective_samples'].min():,.0f} independent structures or more."
        )
    return sentences


def rows(walked: Walked) -> list[dict[str, str]]:
    """For print: distances between the distributions, beside that between two halves of the dynamics."""
    return [
        {
            "walker": potential_name(row["walker"]), "coordinate": row["coordinate"], "unit": UNITS.get(row["unit"], row["unit"]),
            "distance": number(row["wasserstein"]),
            "interval": f"{number(row['wasserstein_low'])} to {number(row['wasserstein_high'])}",
            "halves": number(row["dynamics_halves"]), "time": number(row["autocorrelation_steps"]),
        }
        for row in walked.whole.to_dict("records")
    ]  # fmt: skip


def draw(path: Path, walked: Walked) -> None:
    """Smoothed distributions, a panel for each kind of bond or angle.

    Args:
        path: SVG to write.
        walked: With at least one curve.
    """
    kinds = list(dict.fromkeys(walked.curves["coordinate"]))
    lines = -(-len(kinds) // PANELS_A_ROW)
    with figure_at(path, 8.6, 0.5 + 2.1 * lines) as figure:
        panels = figure.subplots(lines, PANELS_A_ROW, squeeze=False).ravel()
        for axes in panels[len(kinds) :]:
            axes.set_visible(False)
        for axes, kind in zip(panels, kinds, strict=False):
            here = walked.curves[walked.curves["coordinate"] == kind]
            for place, walker in enumerate(walked.walkers):
                mine = here[here["walker"] == walker]
                if not place:
                    axes.fill_between(mine["value"], mine["dynamics"], color="#dfe3e8", lw=0)
                    axes.plot(mine["value"], mine["dynamics"], color=INK, lw=1.2)
                axes.plot(mine["value"], mine["walk"], **_line(walker))
            axes.set(
                title=kind, xlabel=UNITS.get(here["unit"].iloc[0], here["unit"].iloc[0]), yticks=[], ylim=(0, None)
            )
            axes.spines["left"].set_visible(False)
        known = [Line2D([], [], color=INK, lw=1.2, label="dynamics")]
        known += [Line2D([], [], **_line(walker), label=potential_name(walker)) for walker in walked.walkers]
        figure.legend(handles=known, loc="outside upper center", ncols=len(known), frameon=False)


def _line(walker: str) -> dict[str, Any]:
    recommended = walker == RECOMMENDED
    return {"color": BLUE if recommended else VERMILION, "lw": 1.6, "ls": "-" if recommended else (0, (4, 1.2))}
