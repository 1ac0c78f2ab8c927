"""Figures of the potentials. Each function draws one file.

Blue is the recommended contender, vermilion the published one, grey every other; each unseen run has a marker of its own,
the same in all figures, and hollow circles are frames of the runs that were trained on.
"""

from collections.abc import Sequence
from itertools import product
from pathlib import Path
from string import ascii_lowercase
from typing import Any

import numpy as np
from matplotlib.lines import Line2D

from auric.report.drawing import INK, figure_at, log_axis
from auric.report.potentials import (
    LEFTOVERS,
    NOMINAL,
    PUBLISHED_FORCES,
    RANDOM,
    RECOMMENDED,
    UNSEEN,
    System,
    centred,
    drawn_runs,
    outline,
    potential_name,
    shown_subjects,
)

BLUE, VERMILION, GREEN, GREY, PALE = "#0072B2", "#D55E00", "#009E73", "#5b6470", "#b9c0c9"
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "p")
RUN_COLOURS = ("#009E73", "#CC79A7", "#56B4E9", "#E69F00")
"""Of the map only, where no contender is drawn."""
DENSE = 2000
"""Beyond so many points a scatter is stored as pixels inside its SVG."""


def draw_contenders(path: Path, system: System) -> None:
    """Error of each contender on each unseen run, with intervals, and on random frames of the training runs (hollow).

    Args:
        path: SVG to write.
        system: With at least one contender.
    """
    with figure_at(path, 8.6, 1.35 + 0.42 * len(system.subjects)) as figure:
        axes = figure.subplots()
        for place, subject in enumerate(system.subjects):
            colour = _colour(subject, system)
            random = system.errors_of(subject, RANDOM)["ours"]
            axes.plot(random, np.full(len(random), place + 0.28), "o", mfc="white", mec=colour, mew=1.1, ms=5)
            for row in system.errors_of(subject, UNSEEN).itertuples():
                height = place + _offset(row.run, system.tests)
                if np.isfinite([row.ci_low, row.ci_high]).all() and row.ci_low > 0:
                    axes.plot([row.ci_low, row.ci_high], [height] * 2, color=colour, lw=2, alpha=0.4, zorder=1)
                axes.plot(row.ours, height, _marker(row.run, system.tests), color=colour, ms=6.5, mec="white", mew=0.6)
        axes.set_xscale("log")
        low, high = axes.get_xlim()
        axes.set_xlim(min(low, 0.5), max(high, 2.0))
        log_axis(axes.xaxis)
        axes.axvline(1, color=INK, lw=1, ls=(0, (4, 3)), zorder=0)
        axes.annotate("a constant", (1, 1), (4, 2), xycoords=("data", "axes fraction"), textcoords="offset points",
                      fontsize=8.5, va="bottom")  # fmt: skip
        _rows(axes, system.subjects, system)
        axes.set_xlabel("root-mean-square error of energy / standard deviation of the run's energies, logarithmic")
        hollow = (
            "left-out random fifth of the training runs" if len(system.errors[system.errors["split"] == RANDOM]) else ""
        )
        _run_legend(figure, system, hollow)


def draw_energies(path: Path, system: System) -> None:
    """Energies along unseen runs, reference and predicted, each less its mean; beside it one against the other.

    Args:
        path: SVG to write.
        system: With at least one contender and one unseen run.
    """
    runs, subjects = drawn_runs(system), shown_subjects(system)
    with figure_at(path, 8.6, 0.55 + 2.35 * len(runs)) as figure:
        grid = figure.subplots(len(runs), 2, squeeze=False, width_ratios=(2.6, 1))
        for (along, against), run in zip(grid, runs, strict=True):
            parts = {subject: centred(system, subject, run) for subject in subjects}
            reference = next(part for part in parts.values() if len(part))
            along.plot(reference["step"], reference["energy_ev"], color=INK, lw=1.8, zorder=1)
            reach = 1.08 * max(float(np.abs(part[["energy_ev", "predicted_ev"]].to_numpy()).max())
                               for part in parts.values() if len(part))  # fmt: skip
            against.plot([-reach, reach], [-reach, reach], color="#8b929c", lw=0.9, zorder=0)
            for subject in reversed(subjects):  # the recommended on top
                part, colour = parts[subject], _colour(subject, system)
                along.plot(part["step"], part["predicted_ev"], color=colour, lw=1.1, ls=_dashes(subject, system))
                against.plot(part["energy_ev"], part["predicted_ev"], "o" if colour == BLUE else "s", color=colour,
                             ms=3.2, mew=0, alpha=0.75, rasterized=len(part) > DENSE)  # fmt: skip
            along.set(ylim=(-reach, reach), ylabel="energy - mean (eV)")
            along.margins(x=0.01)
            along.set_title(_shown(system.labels[run]))
            against.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal", ylabel="predicted (eV)")
            for axes in (along, against):
                axes.grid()
            against.locator_params(nbins=5)
        grid[-1, 0].set_xlabel("step of the run")
        grid[-1, 1].set_xlabel("reference (eV)")
        lines = [Line2D([], [], color=INK, lw=1.8, label="reference")]
        lines += [Line2D([], [], color=_colour(name, system), lw=1.4, ls=_dashes(name, system),
                         marker="o" if _colour(name, system) == BLUE else "s", ms=4, label=_shown(potential_name(name)))
                  for name in subjects]  # fmt: skip
        _legend(figure, lines)


def draw_forces(path: Path, system: System) -> None:
    """Angles and norms of forces, class by class, a lettered line for each contender; hollow where atoms are of training runs.

    Args:
        path: SVG to write.
        system: With at least one row of forces.
    """
    classes, subjects = sorted(set(system.forces["class"])), system.force_subjects
    panels = (("weighted_angle", "weighted angle between forces (degrees)"),
              ("force_norm_rmse", "root-mean-square error of norms (eV/Å)"))  # fmt: skip
    step = 0.8 / len(subjects)
    with figure_at(path, 8.6, 1.2 + len(classes) * (0.2 + 0.2 * len(subjects))) as figure:
        both = figure.subplots(1, 2, sharey=True)
        for axes, (quantity, title) in zip(both, panels, strict=True):
            for place in range(len(classes)):
                axes.axhspan(place - 0.5, place + 0.5, color="#f3f5f7" if place % 2 == 0 else "white", zorder=0, lw=0)
            for number, subject in enumerate(subjects):
                colour = _colour(subject, system)
                mine = system.forces[system.forces["subject"] == subject]
                for row in mine.to_dict("records"):
                    full = row["split"] == UNSEEN
                    height = classes.index(row["class"]) - 0.4 + step * (number + 0.5)
                    height += 0.25 * step * _side(row["run"], system.tests)
                    marker = _marker(row["run"], system.tests) if full else "o"
                    axes.plot(row[quantity], height, marker, color=colour, mfc=colour if full else "white",
                              mec="white" if full else colour, mew=0.6 if full else 1.1, ms=6 if full else 5)  # fmt: skip
            for place, number in product(
                range(len(classes)), range(len(subjects))
            ):  # colours alone do not tell many apart
                axes.text(0.995, place - 0.4 + step * (number + 0.5), ascii_lowercase[number], fontsize=6, ha="right", va="center",
                          color=_colour(subjects[number], system), transform=axes.get_yaxis_transform())  # fmt: skip
            axes.set_xlim(0, 1.1 * float(system.forces[quantity].max()))
            axes.set_xlabel(title)
            axes.grid(axis="x")
        both[0].set_yticks(range(len(classes)), [_shown(name) for name in classes])
        both[0].set_ylim(len(classes) - 0.5, -0.5)
        for axes in both:
            axes.tick_params(axis="y", length=0)
        inks = [Line2D([], [], color=_colour(name, system), lw=5, label=f"{letter}  {_shown(potential_name(name))}")
                for letter, name in zip(ascii_lowercase, subjects, strict=False)]  # fmt: skip
        hollow = "leftovers of training runs" if LEFTOVERS in set(system.forces["split"]) else ""
        _run_legend(figure, system, hollow, inks)


def draw_map(path: Path, system: System) -> None:
    """Frames in the plane of the first two principal components: by run at the left, by energy at the right.

    Args:
        path: SVG to write.
        system: With a map.
    """
    places = system.places
    training, corners = places[places["role"] == "train"], outline(places)
    dense = len(places) > DENSE
    energy = places["energy_ev"] - places.groupby("formula")["energy_ev"].transform("min")
    wide, high = (float(np.ptp(places[name])) for name in ("pc1", "pc2"))
    with figure_at(path, 8.6, 1.5 + 3.4 * min(max(high / wide, 0.4), 1.2)) as figure:
        by_run, by_energy = figure.subplots(1, 2, sharex=True, sharey=True)
        by_run.scatter(training["pc1"], training["pc2"], s=9, color=PALE, linewidths=0, rasterized=dense)
        handles = [Line2D([], [], color=PALE, marker="o", ls="", ms=4, label="training runs")]
        others = dict.fromkeys(places.loc[places["role"] == "test", "run"])
        for number, run in enumerate(dict.fromkeys([*[run for run in system.tests if run in others], *others])):
            mine = places[(places["role"] == "test") & (places["run"] == run)].sort_values("step", kind="stable")
            colour, marker = RUN_COLOURS[number % len(RUN_COLOURS)], _marker(run, system.tests)
            by_run.plot(mine["pc1"], mine["pc2"], color=colour, lw=0.6, alpha=0.35)
            by_run.scatter(mine["pc1"], mine["pc2"], s=13, color=colour, marker=marker, linewidths=0.3,
                           edgecolors="white", alpha=0.85, rasterized=dense)  # fmt: skip
            if number < len(MARKERS):
                handles.append(Line2D([], [], color=colour, marker=marker, ls="", label=_shown(system.labels[run])))
        order = np.argsort(energy.to_numpy())
        drawn = by_energy.scatter(places["pc1"].to_numpy()[order], places["pc2"].to_numpy()[order], s=11, linewidths=0,
                                  c=energy.to_numpy()[order], cmap="viridis", rasterized=dense)  # fmt: skip
        bar = figure.colorbar(drawn, cax=by_energy.inset_axes((1.03, 0, 0.04, 1)))
        bar.set_label("energy above the lowest frame (eV)")
        bar.outline.set_visible(False)
        for axes in (by_run, by_energy):
            if corners is not None:
                axes.plot(*np.vstack([corners, corners[:1]]).T, color="#8b929c", lw=0.9, ls=(0, (3, 2)))
            axes.set_aspect("equal")
            axes.grid()
            axes.set_xlabel(f"first component ({100 * places['pc1_share'].iloc[0]:.0f} % of the variance)")
        by_run.set_ylabel(f"second component ({100 * places['pc2_share'].iloc[0]:.0f} %)")
        _legend(figure, handles)


def draw_coverage(path: Path, system: System) -> None:
    """Share of energy differences inside 90 % intervals, and how wide these are.

    Args:
        path: SVG to write.
        system: With at least one coverage.
    """
    subjects = [name for name in system.subjects if name in set(system.held["subject"])]
    with figure_at(path, 8.6, 1.25 + 0.34 * len(subjects)) as figure:
        share, width = figure.subplots(1, 2, sharey=True)
        for row in system.held.to_dict("records"):
            if row["subject"] in subjects:
                height = subjects.index(row["subject"]) + _offset(row["run"], system.tests)
                look: dict[str, Any] = {"marker": _marker(row["run"], system.tests), "color": _colour(row["subject"], system),
                                        "ms": 6.5, "mec": "white", "mew": 0.6}  # fmt: skip
                if row["split"] != UNSEEN:
                    look |= {"mec": look["color"], "mfc": "white", "mew": 1.0}
                share.plot(100 * row["coverage"], height, **look)
                if row["width_ev"] > 0:
                    width.plot(row["width_ev"], height, **look)
        share.axvline(100 * NOMINAL, color=INK, lw=1, ls=(0, (4, 3)), zorder=0)
        share.annotate(f"meant: {100 * NOMINAL:.0f} %", (100 * NOMINAL, 1), (-4, 2), ha="right", va="bottom", fontsize=8.5,
                       xycoords=("data", "axes fraction"), textcoords="offset points")  # fmt: skip
        share.set_xlim(min(share.get_xlim()[0], 50), 102)
        share.set_xlabel("energy differences inside the interval (%)")
        log_axis(width.xaxis)
        width.set_xlabel("width of the interval (eV), logarithmic")
        _rows(share, subjects, system)
        _stripes(width, len(subjects))
        _run_legend(figure, system, "")


def _rows(axes: Any, subjects: Sequence[str], system: System) -> None:
    """A row for each contender, its name in its colour."""
    axes.set_yticks(range(len(subjects)), [_shown(potential_name(name)) for name in subjects])
    for label, subject in zip(axes.get_yticklabels(), subjects, strict=True):
        label.set_color(_colour(subject, system))
    _stripes(axes, len(subjects))


def _stripes(axes: Any, count: int) -> None:
    """Rows from the top, a line between each two."""
    axes.set_ylim(count - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")
    for place in range(1, count):
        axes.axhline(place - 0.5, color="#e6e8eb", lw=0.7, zorder=0)


def _run_legend(figure: Any, system: System, hollow: str, more: Sequence[Line2D] = ()) -> None:
    """Markers of the runs; beyond as many as there are markers, one stands for all."""
    named = [(run, _shown(system.labels[run])) for run in system.tests]
    if len(named) > len(MARKERS):
        named = [(system.tests[0], f"one of {len(named)} unseen runs")]
    look: dict[str, Any] = {"color": GREY, "ls": "", "ms": 6}
    handles = [Line2D([], [], marker=_marker(run, system.tests), label=label, **look) for run, label in named]
    if hollow:
        handles.append(Line2D([], [], marker="o", mfc="white", label=hollow, **look))
    _legend(figure, more, handles)


def _legend(figure: Any, *rows: Sequence[Line2D]) -> None:
    """A legend above, in as many rows as are given; a single long row is folded."""
    filled = [list(row) for row in rows if row]
    columns = max(map(len, filled)) if len(filled) > 1 else 3
    if len(filled) > 1 and columns <= 4:  # a legend is filled column by column
        blank = Line2D([], [], ls="", label=" ")
        padded = [row + [blank] * (columns - len(row)) for row in filled]
        handles = [row[column] for column in range(columns) for row in padded]
    else:
        handles, columns = [handle for row in filled for handle in row], 3
    figure.legend(handles=handles, loc="outside upper left", ncols=columns, frameon=False, fontsize=8.5,
                  handletextpad=0.7, columnspacing=1.6)  # fmt: skip


def _colour(subject: str, system: System) -> str:
    if subject in (system.recommended, RECOMMENDED):
        return BLUE
    return VERMILION if subject in (system.published, PUBLISHED_FORCES) else GREY


def _dashes(subject: str, system: System) -> Any:
    return "-" if subject == system.recommended else (0, (4, 1.2))


def _marker(run: str, runs: Sequence[str]) -> str:
    return MARKERS[runs.index(run)] if run in runs and len(runs) <= len(MARKERS) else "o"


def _offset(run: str, runs: Sequence[str]) -> float:
    """Height of a run's marker inside its row, so that intervals lie side by side."""
    return 0.2 * _side(run, runs) - 0.1


def _side(run: str, runs: Sequence[str]) -> float:
    """Where a run stands among all, from -1 to 1; 0 if it is none of them."""
    return 2 * runs.index(run) / (len(runs) - 1) - 1 if run in runs and len(runs) > 1 else 0.0


def _shown(text: str) -> str:
    """A name short enough for a figure; a leading underscore would hide it from a legend."""
    short = text if len(text) <= 48 else text[:47] + "…"
    return f"\u200b{short}" if short.startswith("_") else short
