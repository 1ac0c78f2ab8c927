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
    """Which walk is nearer to the dynamics, whether these are long enough to tell, and how many samples the walks are worth."""
    whole = walked.whole
    kinds = list(dict.fromkeys(whole["coordinate"]))
    sentences = []
    if len(walked.walkers) > 1:
        nearest = whole.loc[whole.groupby("coordinate")["wasserstein"].idxmin(), "walker"].value_counts()
        told = [f"“{potential_name(walker)}” for {nearest.get(walker, 0)}" for walker in walked.walkers]
        sentences.append(
            f"Nearer to the dynamics, of {len(kinds)} kinds of bonds and angles: the walk on {', on '.join(told)}."
        )
    lost = whole[whole["wasserstein"] <= whole["dynamics_halves"]]
    if len(lost):
        sentences.append(
            f"{len(lost)} of {len(whole)} distances are no larger than that between the two halves of the dynamics, which are "
            "too short to tell more."
        )
    worth = [
        f"“{potential_name(walker)}” {number(whole.loc[whole['walker'] == walker, 'effective_samples'].min())}"
        for walker in walked.walkers
    ]
    sentences.append(f"Independent structures that the walk is worth, by its slowest kind: {', '.join(worth)}.")
    return sentences


def rows(walked: Walked) -> list[dict[str, str]]:
    """For print: shifts of peaks and distances between the distributions, beside that between two halves of the dynamics."""
    return [
        {
            "walker": potential_name(row["walker"]), "coordinate": row["coordinate"], "unit": UNITS.get(row["unit"], row["unit"]),
            "shift": _signed(row["shift"], row["unit"]),
            "shift_interval": " to ".join(_signed(row[name], row["unit"]) for name in ("shift_low", "shift_high")),
            "distance": number(row["wasserstein"]),
            "interval": f"{number(row['wasserstein_low'])} to {number(row['wasserstein_high'])}",
            "halves": number(row["dynamics_halves"]), "time": number(row["autocorrelation_steps"]),
        }
        for row in walked.whole.to_dict("records")
    ]  # fmt: skip


def _signed(value: float, unit: str) -> str:
    return f"{value:+.3f}" if unit == "angstrom" else f"{value:+.1f}"


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
