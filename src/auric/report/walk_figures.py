"""Figures of Monte Carlo walks. Each function draws one file.

Black is dynamics, blue the walk on the recommended potential, vermilion that on the published one, green that on the recommended one
brought to a better level of theory.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.lines import Line2D

from auric.report.drawing import INK, figure_at
from auric.report.page import UNITS
from auric.report.potential_figures import BLUE, GREEN, PALE, VERMILION
from auric.report.potentials import RECOMMENDED, potential_name
from auric.report.walks import CORRECTED, DYNAMICS, FAR, NEXT, Isomers, Walked

PANELS_A_ROW = 3
TRAINING = "training"


def draw_geometry(path: Path, walked: Walked) -> None:
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
        _legend(figure, walked.walkers)


def _line(walker: str) -> dict[str, Any]:
    return {"color": _colour(walker), "lw": 1.6, "ls": "-" if walker in (RECOMMENDED, CORRECTED) else (0, (4, 1.2))}


def draw_space(path: Path, walked: Walked) -> None:
    """Where walks, dynamics and training lie in descriptor space, and how far energies differ along them.

    Args:
        path: SVG to write.
        walked: With places, and with differences of energy.
    """
    with figure_at(path, 8.6, 3.1) as figure:
        space, *panels = figure.subplots(1, 3, width_ratios=(1.3, 1, 1))
        looks = {TRAINING: {"color": PALE, "s": 7}, DYNAMICS: {"color": INK, "s": 7}}
        looks |= {walker: {"color": _colour(walker), "s": 6, "marker": _marker(walker)} for walker in walked.walkers}
        for source, look in looks.items():
            mine = walked.places[walked.places["source"] == source]
            space.scatter(
                mine["pc1"], mine["pc2"], linewidths=0, alpha=1 if source == TRAINING else 0.55, rasterized=True, **look
            )
        shares = walked.places[["pc1_share", "pc2_share"]].iloc[0]
        space.set(title="descriptor space", xlabel=f"first component ({100 * shares.iloc[0]:.0f} %)",
                  ylabel=f"second component ({100 * shares.iloc[1]:.0f} %)")  # fmt: skip
        space.locator_params(nbins=4)
        for axes, (apart, title) in zip(
            panels, ((NEXT, "from step to step"), (FAR, "half the length apart")), strict=True
        ):
            here = walked.change_curves[walked.change_curves["coordinate"] == apart]
            for place, walker in enumerate(walked.walkers):
                mine = here[here["walker"] == walker]
                if not place:
                    axes.fill_between(mine["value"], mine["dynamics"], color="#dfe3e8", lw=0)
                    axes.plot(mine["value"], mine["dynamics"], color=INK, lw=1.2)
                axes.plot(mine["value"], mine["walk"], **_line(walker))
            axes.set(title=title, xlabel="difference of energy (eV)", yticks=[], ylim=(0, None))
            axes.spines["left"].set_visible(False)
        grey = Line2D([], [], color=PALE, marker="o", ls="", ms=4, label="training")
        _legend(figure, walked.walkers, grey)


def draw_isomers(path: Path, isomers: Isomers) -> None:
    """By how much the peaks of one isomer lie beyond those of the other, a panel for each kind, against temperature.

    Args:
        path: SVG to write.
        isomers: With at least one row.
    """
    kinds = list(dict.fromkeys(isomers.rows["coordinate"]))
    sources = [DYNAMICS, *isomers.walkers]
    temperatures = sorted(set(isomers.rows["temperature_k"]))
    lines = -(-len(kinds) // PANELS_A_ROW)
    with figure_at(path, 8.6, 0.5 + 2.1 * lines) as figure:
        panels = figure.subplots(lines, PANELS_A_ROW, squeeze=False).ravel()
        for axes in panels[len(kinds) :]:
            axes.set_visible(False)
        for axes, kind in zip(panels, kinds, strict=False):
            here = isomers.rows[isomers.rows["coordinate"] == kind]
            axes.axhline(0, color="#8b929c", lw=0.8, zorder=0)
            for number, source in enumerate(sources):
                mine = here[here["source"] == source]
                places = np.array([temperatures.index(each) for each in mine["temperature_k"]]) + 0.22 * (
                    number - (len(sources) - 1) / 2
                )
                axes.vlines(places, mine["shift_low"], mine["shift_high"], color=_colour(source), lw=1.2)
                axes.plot(places, mine["shift"], _marker(source), color=_colour(source), ms=5, mec="white", mew=0.5)
            axes.set(
                title=kind,
                ylabel=UNITS.get(here["unit"].iloc[0], here["unit"].iloc[0]),
                xlim=(-0.6, len(temperatures) - 0.4),
            )
            axes.set_xticks(range(len(temperatures)), [f"{each:.0f} K" for each in temperatures])
            axes.grid(axis="y")
        _legend(figure, isomers.walkers)


def _legend(figure: Any, walkers: Sequence[str], *more: Line2D) -> None:
    known = [Line2D([], [], color=INK, lw=1.2, label="dynamics"), *more]
    known += [Line2D([], [], **_line(walker), label=potential_name(walker)) for walker in walkers]
    figure.legend(handles=known, loc="outside upper center", ncols=len(known), frameon=False)


def _colour(source: str) -> str:
    return {DYNAMICS: INK, RECOMMENDED: BLUE, CORRECTED: GREEN}.get(source, VERMILION)


def _marker(source: str) -> str:
    return {DYNAMICS: "o", RECOMMENDED: "s", CORRECTED: "^"}.get(source, "D")
