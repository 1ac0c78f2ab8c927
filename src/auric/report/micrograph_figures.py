"""Figures of micrographs. Each function draws one file."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import ndimage

from auric.report.drawing import INK, figure_at, log_axis
from auric.report.micrographs import MEASURES, SEPARATE, TOGETHER, Candidate, Seen

SHOWN = 8
"""Particles drawn."""
TOP_DIRECTIONS = 20
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")
ATOM_COLOURS = {79: "#e8b923", 47: "#b8bcc4", 16: "#f4e27a"}
LEAST_NUMBER = 15
"""Lighter atoms are left out."""
VIEW = np.array([[0.87, 0.5, 0.0], [-0.17, 0.3, 0.94], [0.47, -0.82, 0.34]])
"""From above, turned a little: rows are to the right, up, and towards the reader."""


def draw_seen(path: Path, seen: Seen) -> None:
    """Particles, and below each the image of the answer that is most similar, turned as the particle lies.

    Args:
        path: PNG to write.
        seen: With at least one particle.
    """
    placed = seen.of_best(seen.orientations).reset_index(drop=True)
    count = min(SHOWN, len(seen.images))
    with figure_at(path, 1.05 * max(count, 3), 2.4) as figure:
        panels = figure.subplots(2, max(count, 3), squeeze=False)
        for axes in panels.ravel():
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set_visible(False)
        for k in range(count):
            row = placed.iloc[k]
            image = seen.candidates[row["candidate"]].images[int(row["image"])].astype(float)
            panels[0, k].imshow(seen.images[k], cmap="gray_r", vmin=0, vmax=255)
            panels[1, k].imshow(
                ndimage.rotate(image, -row["angle_degree"], reshape=False, order=1), cmap="gray_r", vmin=0, vmax=255
            )
        panels[0, 0].set_ylabel("seen")
        panels[1, 0].set_ylabel("simulated")


def draw_answer(path: Path, seen: Seen) -> None:
    """Scores in a mixed ranking and by candidate, directions of the best images on the cluster, and rotations of the particles.

    Args:
        path: SVG to write.
        seen: An experiment.
    """
    scores = seen.of_best(seen.scores)
    with figure_at(path, 8.6, 5.6) as figure:
        grid = figure.add_gridspec(2, 2)
        for place, scope in enumerate((TOGETHER, SEPARATE)):
            _draw_scores(figure.add_subplot(grid[0, place]), scores[scores["scope"] == scope], seen, scope)
        nearest = str(seen.best["nearest"])
        best = scores[(scores["scope"] == SEPARATE) & (scores["candidate"] == nearest)].sort_values("rank")[
            :TOP_DIRECTIONS
        ]
        _draw_directions(figure.add_subplot(grid[1, 0]), seen.candidates[nearest], best)
        _draw_angles(figure.add_subplot(grid[1, 1], projection="polar"), seen.of_best(seen.angles))


def _draw_scores(axes: Any, scores: pd.DataFrame, seen: Seen, scope: str) -> None:
    for place, name in enumerate(seen.candidates):
        mine = scores[scores["candidate"] == name].sort_values("rank")
        axes.plot(mine["rank"], mine["score"], ".", ms=3, color=COLOURS[place % len(COLOURS)], label=name)
    if scope == SEPARATE and len(scores):
        many = int(scores["rank"].max()) + 1
        axes.plot([0, many], [1, 0], color=INK, lw=0.8, ls=(0, (4, 2)), label="all particles alike")
    title = "All candidates ranked together" if scope == TOGETHER else "Each candidate's images alone"
    axes.set(title=title, xlabel="rank of the image", ylabel="score", ylim=(0, 1.03))
    axes.legend(frameon=False, fontsize=8)


def _draw_directions(axes: Any, candidate: Candidate, best: pd.DataFrame) -> None:
    seen = candidate.numbers >= LEAST_NUMBER
    middle = np.average(candidate.positions, axis=0, weights=candidate.numbers)
    places = (candidate.positions[seen] - middle) @ VIEW.T
    reach = 1.25 * float(np.linalg.norm(places, axis=1).max())
    order = np.argsort(places[:, 2])
    inks = [ATOM_COLOURS.get(int(z), "#9aa3ad") for z in candidate.numbers[seen][order]]
    sizes = np.where(candidate.numbers[seen][order] > 40, 130, 60)
    axes.scatter(places[order, 0], places[order, 1], s=sizes, c=inks, edgecolors="#6b5a12", linewidths=0.5, zorder=2)
    axes.add_patch(_circle(reach))
    dots = best[["direction_x", "direction_y", "direction_z"]].to_numpy() @ VIEW.T * reach
    front = dots[:, 2] >= 0
    axes.scatter(dots[front, 0], dots[front, 1], s=26, color="#c1121f", zorder=4, label="towards the reader")
    axes.scatter(
        dots[~front, 0], dots[~front, 1], s=26, facecolors="none", edgecolors="#c1121f", zorder=1, label="behind"
    )
    axes.set(
        title=f"Directions of the {len(best)} best images of {candidate.name}", xticks=[], yticks=[], aspect="equal"
    )
    axes.spines[:].set_visible(False)
    axes.legend(frameon=False, fontsize=8, loc="lower left", bbox_to_anchor=(-0.35, -0.05))


def _circle(radius: float) -> Any:
    from matplotlib.patches import Circle

    return Circle((0, 0), radius, fill=False, color="#c9ced6", lw=0.8, zorder=0)


def _draw_angles(axes: Any, angles: pd.DataFrame) -> None:
    particles = {name: k for k, name in enumerate(dict.fromkeys(angles["particle"]), 1)}
    for place, mine in angles.groupby("place"):
        axes.plot(
            np.radians(mine["angle_degree"]), mine["particle"].map(particles), "o", ms=3.5,
            color=COLOURS[int(place) % len(COLOURS)], label=f"image {int(place) + 1}",
        )  # fmt: skip
    axes.set(
        title="Rotations at the five best images",
        yticklabels=[],
        ylim=(0, len(particles) + 1),
    )
    axes.legend(frameon=False, fontsize=8, loc="lower left", bbox_to_anchor=(1.0, 0.0))


def draw_null(path: Path, seen: Seen, cases: pd.DataFrame) -> None:
    """What simulated particles of every candidate give, and what the experiment gives, by the recommended measure.

    Args:
        path: SVG to write.
        seen: An experiment.
        cases: Columns `auric.report.inputs.TEM_CASES`.
    """
    best = seen.best
    known = null_cases(best, cases)
    truths = [str(best["nearest"]), *(name for name in seen.candidates if name != best["nearest"])]
    panels = (
        ("similarity", f"Similarity to {best['nearest']}", best["similarity"]),
        ("margin", f"By how much {best['nearest']} is ahead", best["margin"]),
    )
    with figure_at(path, 8.6, 1.1 + 0.5 * len(truths)) as figure:
        for axes, (name, title, value) in zip(figure.subplots(1, 2, sharey=True), panels, strict=True):
            for place, true in enumerate(truths):
                mine = known[known["true"] == true][name]
                heights = place + np.linspace(-0.25, 0.25, len(mine))
                axes.plot(mine, heights, "o", ms=3, color=COLOURS[place % len(COLOURS)], alpha=0.7)
            if np.isfinite(value):
                axes.axvline(value, color=INK, lw=1.2, label="the experiment")
            axes.set(title=title, ylim=(len(truths) - 0.5, -0.5))
        figure.axes[0].set_yticks(range(len(truths)), [f"{true} is true" for true in truths])
        figure.axes[0].set_xlabel("similarity")
        figure.axes[1].set_xlabel("similarity over that of the next")
        figure.axes[0].legend(frameon=False, fontsize=8)


def null_cases(best: "pd.Series[Any]", cases: pd.DataFrame) -> pd.DataFrame:
    """Simulated cases under the condition of an answer, with its measure, as they look from the nearest candidate.

    Args:
        best: A row of the answers.
        cases: Columns `auric.report.inputs.TEM_CASES`.

    Returns:
        Columns `true`, `similarity` to the nearest candidate, and `margin` over the best of the others (NaN where there is none).
    """
    same = (cases["measure"] == best["measure"]) & (cases["dose"] == best["dose"])
    same &= cases["underfocus_angstrom"] == best["underfocus_angstrom"]
    wide = cases[same].pivot_table(index=["true", "case"], columns="candidate", values="similarity")
    nearest = wide[best["nearest"]]
    margin = nearest - wide.drop(columns=best["nearest"]).max(axis=1)
    return pd.DataFrame({"similarity": nearest, "margin": margin}).reset_index()


def draw_power(path: Path, power: pd.DataFrame) -> None:
    """How often the right candidate wins: by dose, by number of particles at the lowest dose, and by focus.

    Args:
        path: SVG to write.
        power: Columns `auric.report.inputs.TEM_POWER`.
    """
    focus, fewest, lowest = power["underfocus_angstrom"].iloc[0], power["particles"].min(), power["dose"].min()
    first = power["underfocus_angstrom"] == focus
    other = power[~first]["dose"]
    at = other.iloc[0] if len(other) else lowest
    panels = (
        ("dose", power[first & (power["particles"] == fewest)], "electrons/Å²", f"{fewest:.0f} particle"),
        ("particles", power[first & (power["dose"] == lowest)], "particles", f"{lowest:,.0f} electrons/Å²"),
        ("underfocus_angstrom", power[(power["dose"] == at) & (power["particles"] == fewest)], "underfocus (Å)", f"{at:,.0f} electrons/Å²"),
    )  # fmt: skip
    with figure_at(path, 8.6, 2.7) as figure:
        for axes, (name, rows, label, title) in zip(figure.subplots(1, 3, sharey=True), panels, strict=True):
            for place, (measure, mine) in enumerate(rows.groupby("measure", sort=False)):
                mine = mine.sort_values(name)
                ink = COLOURS[place % len(COLOURS)]
                axes.plot(
                    mine[name], mine["right"], "o-", ms=3.5, lw=1.2, color=ink, label=MEASURES.get(measure, measure)
                )
                axes.fill_between(mine[name], mine["low"], mine["high"], color=ink, alpha=0.08, lw=0)
            axes.set(title=title, xlabel=label, ylim=(0, 1.03))
            if name == "dose":
                log_axis(axes.xaxis)
        figure.axes[0].set_ylabel("right candidate wins")
        figure.axes[0].legend(frameon=False, fontsize=7.5, loc="lower right")
