"""Figures of the report. Each function draws one file; lengths are in angstrom throughout.

Colours are those of Okabe and Ito, and every subject has a marker of its own too, so that none is told by colour alone.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.ticker
import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.figure import Figure

from auric.report.drawing import INK, figure_at, log_axis
from auric.report.inputs import HOLDOUT, in_order
from auric.report.scores import SPLITS, SUBJECTS, SplitScores, bin_labels, in_angstrom, split_title, subject_name

COLOURS = {
    "elfnet": "#0072B2",
    "elfnet, solved": "#009E73",
    "ridge on the bond line": "#D55E00",
    "ridge on the image": "#CC79A7",
    "steady ridge on the bond line": "#E69F00",
    "steady ridge on the image": "#56B4E9",
    "ELF in the middle": "#000000",
    "mean": "#6B6B6B",
}
SHORT = {
    "elfnet": "ELFnet",
    "elfnet, solved": "solved",
    "ridge on the image": "ridge (image)",
    "ridge on the bond line": "ridge",
}
MARKERS = {
    "elfnet": "o", "elfnet, solved": "D", "ridge on the bond line": "s", "ridge on the image": "P",
    "steady ridge on the bond line": "<", "steady ridge on the image": ">", "ELF in the middle": "*", "mean": "^",
}  # fmt: skip
DENSE = 300
"""Beyond this many points a scatter is stored as pixels inside its SVG: smaller, and as sharp in print."""
LEAST_ANGSTROM = 1e-6
"""Smallest error on a logarithmic axis; a perfect prediction is drawn there."""


def _colour(subject: str) -> str:
    return COLOURS.get(subject, "#009E73")


def _marker(subject: str) -> str:
    return MARKERS.get(subject, "D")


def draw_scores(path: Path, splits: Sequence[SplitScores], paper_angstrom: float | None) -> None:
    """Mean absolute error of each subject in each split, with intervals; the paper's value as a line.

    Args:
        path: SVG to write.
        splits: At least one split, with at least one score.
        paper_angstrom: The published error, or None.
    """
    rows = sum(len(split.scores) for split in splits)
    known = [paper_angstrom or np.nan]
    known += [value for split in splits for one in split.scores
              for value in (one.mae_angstrom, one.low_angstrom, one.high_angstrom)]  # fmt: skip
    with figure_at(path, 8.2, 0.75 + 0.27 * rows + 0.2 * len(splits)) as figure:
        axes = figure.subplots()
        place, ticks, names = 0.0, [], []
        for split in splits:
            ticks.append(place + (len(split.scores) - 1) / 2)
            names.append(split_title(split.split).replace("split by ", "split by\n"))
            for score in split.scores:
                mae, colour = max(score.mae_angstrom, LEAST_ANGSTROM), _colour(score.subject)
                if np.isfinite([score.low_angstrom, score.high_angstrom]).all():
                    axes.plot([score.low_angstrom, score.high_angstrom], [place, place], color=colour, lw=2.2,
                              alpha=0.45, solid_capstyle="butt")  # fmt: skip
                axes.plot(mae, place, _marker(score.subject), color=colour, ms=6)
                right = np.nanmax([mae, score.high_angstrom])
                words = f"{subject_name(score.subject)}  {in_angstrom(score.mae_angstrom)}"
                axes.annotate(words, (right, place), (7, 0), textcoords="offset points", va="center", color=colour,
                              fontsize=8.5, bbox={"fc": "white", "ec": "none", "pad": 0.8})  # fmt: skip
                place += 1
            axes.axhline(place, color="#e6e8eb", lw=0.8)
            place += 1
        low, high = max(np.nanmin(known), LEAST_ANGSTROM), max(np.nanmax(known), LEAST_ANGSTROM)
        room = (high / low) ** 0.3  # a share of the axis for the words at the right
        axes.set_xscale("log")
        axes.set_xlim(low / 1.4, high * max(room, 1.8))
        log_axis(axes.xaxis)
        if paper_angstrom is not None:
            axes.axvline(paper_angstrom, color=INK, lw=1, ls=(0, (4, 3)), zorder=0)
            top = (paper_angstrom, 1.0)
            axes.annotate(f"paper {in_angstrom(paper_angstrom)}", top, (4, 1), xycoords=("data", "axes fraction"),
                          textcoords="offset points", va="bottom", fontsize=8.5)  # fmt: skip
        axes.set_yticks(ticks, names)
        axes.tick_params(axis="y", length=0)
        axes.set_ylim(place - 1, -1)
        axes.grid(axis="x")
        axes.set_xlabel("mean absolute error (Å), logarithmic")


def draw_parity(path: Path, predictions: pd.DataFrame) -> None:
    """Predicted against true bond length, and the residuals below, one column per subject.

    Args:
        path: SVG to write.
        predictions: Finite cross-validated predictions of one split, at least one row.
    """
    subjects = in_order(predictions["subject"], SUBJECTS)
    true = predictions["bond_length_angstrom"]
    everything = np.concatenate([true, predictions["predicted_angstrom"]])
    margin = max(0.02, 0.05 * float(np.ptp(everything)))
    limits = (float(everything.min()) - margin, float(everything.max()) + margin)
    width = max(2.9 * len(subjects), 4.5)
    with figure_at(path, width, 4.9) as figure:
        grid = figure.subplots(2, len(subjects), squeeze=False, sharex=True, height_ratios=(3, 1.6))
        learned = [name for name in subjects if name != "mean"]
        for column, subject in enumerate(subjects):
            part = predictions[predictions["subject"] == subject]
            error = part["error_angstrom"]
            look: dict[str, Any] = {
                "s": 12 if len(part) < DENSE else 7, "color": _colour(subject), "marker": _marker(subject),
                "alpha": 0.75 if len(part) < DENSE else 0.35, "linewidths": 0, "rasterized": len(part) > DENSE,
            }  # fmt: skip
            top, bottom = grid[0, column], grid[1, column]
            top.plot(limits, limits, color="#8b929c", lw=0.9, zorder=0)
            top.scatter(part["bond_length_angstrom"], part["predicted_angstrom"], **look)
            top.set(xlim=limits, ylim=limits, aspect="equal")
            top.set_title(subject_name(subject), color=_colour(subject), fontweight="bold")
            words = f"MAE {in_angstrom(error.abs().mean())} Å\nn = {len(part):,}"
            top.text(0.04, 0.96, words, transform=top.transAxes, va="top")
            bottom.axhline(0, color="#8b929c", lw=0.9, zorder=0)
            bottom.scatter(part["bond_length_angstrom"], error, **look)
            same_scale = predictions["subject"].isin(learned if subject in learned else [subject])
            reach = max(1.1 * float(predictions.loc[same_scale, "error_angstrom"].abs().max()), 1e-4)
            bottom.set(ylim=(-reach, reach), xlabel="true bond length (Å)")
            for axes in (top, bottom):
                axes.grid()
            top.tick_params(labelleft=column == 0)
            bottom.tick_params(labelleft=column == 0 or subject == "mean")
        grid[0, 0].set_ylabel("predicted (Å)")
        grid[1, 0].set_ylabel("predicted - true (Å)")
        figure.align_ylabels(grid[:, 0])


def draw_bins(path: Path, bins: pd.DataFrame) -> None:
    """Mean absolute error by bond-length bin, one panel per split, with the number of images below each bin.

    Args:
        path: SVG to write.
        bins: What `error_by_bin` returns, at least one row.
    """
    splits = in_order(bins["split"], SPLITS)
    labels = [label for label in bin_labels() if label in set(bins["bin"])]
    with _panels(path, len(splits), 2.9, across="true bond length (Å)") as (figure, panels):
        named = []
        for axes, split in zip(panels, splits, strict=False):
            part = bins[bins["split"] == split]
            subjects = in_order(part["subject"], SUBJECTS)
            counts = part.groupby("bin")["n"].max()
            ends = []
            for subject in subjects:
                mine = part[part["subject"] == subject]
                places = [labels.index(label) for label in mine["bin"]]
                heights = mine["mae_angstrom"].clip(lower=LEAST_ANGSTROM)
                axes.plot(places, heights, marker=_marker(subject), color=_colour(subject), ms=5, lw=1.3)
                ends.append((float(places[-1]), float(heights.iloc[-1]), SHORT.get(subject, subject),
                             _colour(subject)))  # fmt: skip
            log_axis(axes.yaxis)
            axes.set_xticks(range(len(labels)), [f"{label}\nn = {counts.get(label, 0):,}" for label in labels])
            axes.tick_params(axis="x", labelsize=8)
            axes.set_xlim(-0.35, len(labels) - 1 + max(0.45, 0.22 * len(labels)))
            named.append((axes, ends))
            axes.set_title(split_title(split))
            axes.grid(axis="y")
        _label_ends(figure, named)


def draw_learning(path: Path, history: pd.DataFrame) -> None:
    """Mean absolute error after each epoch: the 7:3 split strong, the cross-validation folds faint.

    Args:
        path: SVG to write.
        history: Rows with split, fold, epoch and the two errors (angstrom), at least one.
    """
    splits = in_order(history["split"], SPLITS)
    curves = (("training_mae_angstrom", "training", "#0072B2", "-"),
              ("validation_mae_angstrom", "validation", "#D55E00", (0, (5, 1.5))))  # fmt: skip
    with _panels(path, len(splits), 2.75, across="epoch") as (figure, panels):
        named = []
        for axes, split in zip(panels, splits, strict=False):
            ends = []
            part = history[history["split"] == split]
            for fold in in_order(part["fold"], ()):
                run = part[part["fold"] == fold].sort_values("epoch")
                strong = fold == HOLDOUT
                for column, name, colour, dashes in curves:
                    seen = run[np.isfinite(run[column]) & (run[column] > 0)]
                    if not len(seen):
                        continue
                    axes.plot(seen["epoch"], seen[column], color=colour, ls=dashes, lw=1.7 if strong else 0.8,
                              alpha=1 if strong else 0.28, zorder=3 if strong else 2)  # fmt: skip
                    if strong:
                        ends.append((float(seen["epoch"].iloc[-1]), float(seen[column].iloc[-1]), name, colour))
            log_axis(axes.yaxis)
            low, high = axes.get_xlim()
            axes.set_xlim(low, high + 0.26 * (high - low))
            named.append((axes, ends))
            axes.xaxis.set_major_locator(mpl.ticker.MaxNLocator(integer=True))
            axes.set_title(split_title(split) + ("" if ends else " (no 7:3 split)"))
            axes.grid()
        _label_ends(figure, named)


def choose_images(lengths: np.ndarray, count: int = 8) -> list[int]:
    """Indices of images whose bond lengths (angstrom, shape (n,)) lie evenly between the shortest and the longest."""
    if not len(lengths):
        return []
    wanted = np.linspace(lengths.min(), lengths.max(), count)
    chosen = {int(np.argmin(np.abs(lengths - length))) for length in wanted}
    return sorted(chosen, key=lambda index: (lengths[index], index))


def draw_strip(path: Path, images: xr.Dataset, chosen: Sequence[int]) -> None:
    """ELF images beside each other, with one colour bar from 0 to 1.

    Args:
        path: PNG to write.
        images: Variables elf (image, y, x), bond_length_angstrom and third_element.
        chosen: Indices along `image`, at least one.
    """
    columns = min(len(chosen), 4)
    rows = -(-len(chosen) // columns)
    with figure_at(path, 1.95 * columns + 0.9, 2.0 * rows + 0.1) as figure:
        grid = figure.subplots(rows, columns, squeeze=False)
        for axes in grid.flat:
            axes.axis("off")
        for axes, index in zip(grid.flat, chosen, strict=False):
            one = images.isel(image=index)
            shown = axes.imshow(one["elf"].to_numpy(), origin="lower", cmap="viridis", vmin=0, vmax=1,
                                extent=(0, 1, 0, 1), interpolation="nearest")  # fmt: skip
            axes.set_title(f"{float(one['bond_length_angstrom']):.3f} Å", loc="center")
            for x, text, side in ((-0.03, "S", "right"), (1.03, "Au", "left")):
                axes.text(x, 0.5, text, ha=side, va="center", fontweight="bold", fontsize=9)
            axes.text(0.5, -0.04, f"third atom {str(one['third_element'].item())[:12]}", color="#555c66", fontsize=7.5,
                      ha="center", va="top")  # fmt: skip
        bar = figure.colorbar(shown, ax=grid, fraction=0.03, aspect=28)
        bar.set_label("electron localization function")
        bar.set_ticks([0, 0.25, 0.5, 0.75, 1])
        bar.outline.set_visible(False)


@contextmanager
def _panels(path: Path, count: int, height: float, *, across: str) -> Iterator[tuple[Figure, list[Any]]]:
    """Panels in one or two columns with one scale of errors; `across` is what they are drawn against."""
    columns = min(count, 2)
    rows = -(-count // columns)
    with figure_at(path, 4.6 * columns + (1.6 if columns == 1 else 0), height * rows) as figure:
        panels = list(figure.subplots(rows, columns, squeeze=False, sharey=True).flat)
        for number, axes in enumerate(panels):
            axes.set_xlabel(across)
            axes.set_ylabel("mean absolute error (Å)" if number % columns == 0 else "")
            axes.set_visible(number < count)
        yield figure, panels


def _label_ends(figure: Figure, ends: Sequence[tuple[Any, list[tuple[float, float, str, str]]]]) -> None:
    """Write each line's name at its right end, moved up where two would touch; call when all limits are final."""
    figure.draw_without_rendering()  # lets the layout settle, so that distances on paper are known
    for axes, lines in ends:
        last = -np.inf
        for x, y, name, colour in sorted(lines, key=lambda line: line[1]):
            height = axes.transData.transform((x, y))[1] * 72 / figure.dpi
            last = max(height, last + 10)
            axes.annotate(name, (x, y), (7, last - height), textcoords="offset points", va="center", fontsize=8,
                          color=colour)  # fmt: skip
