"""Figures of ELFnet's explanations. Each function draws one file."""

from pathlib import Path
from typing import Any

import matplotlib.colors
import numpy as np

from auric.report.drawing import INK, figure_at
from auric.report.explained import ANOTHER, CAM, MEAN, MODES, OCCLUSION, RANDOM, ZERO, Explained

COLOURS = {"right": "#E69F00", "left": "#0072B2", "vertical": "#009E73", "centre": "#6b7280"}
MARKERS = {"right": "o", "left": "s", "vertical": "^", "centre": "D"}
BACKED = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1.0}
"""Behind words that would cross lines."""
DENSE = 500
"""Beyond so many points a scatter is stored as pixels inside its SVG."""
LEAST_PERCENT = 10.0
"""Rises below this have one colour."""


def draw_examples(path: Path, seen: Explained) -> None:
    """Examples of each mode, a row each: the image, Grad-CAM, and summed feature maps.

    Args:
        path: PNG to write.
        seen: With at least one example.
    """
    maps = seen.maps
    stages = sorted(
        (name for name in map(str, maps.data_vars) if name.startswith("feature_map_")),
        key=lambda n: int(n.split("_")[-1]),
    )
    with figure_at(path, 1.12 * (2 + len(stages)) + 0.6, 1.2 * seen.examples + 0.3) as figure:
        grid = figure.subplots(seen.examples, 2 + len(stages), squeeze=False)
        for row, panels in enumerate(grid):
            cam = maps["grad_cam"].to_numpy()[int(maps["example_place"][row])]
            shown: list[tuple[np.ndarray, str, dict[str, float]]]
            shown = [(maps["example_elf"].to_numpy()[row], "viridis", {"vmin": 0, "vmax": 1})]
            reach = float(np.abs(cam).max()) or 1.0
            shown.append((cam, "RdBu_r", {"vmin": -reach, "vmax": reach}))
            shown += [(maps[name].to_numpy()[row], "magma", {}) for name in stages]
            for axes, (values, colours, limits) in zip(panels, shown, strict=True):
                axes.imshow(
                    values, origin="lower", cmap=colours, interpolation="nearest", extent=(0, 1, 0, 1), **limits
                )
                axes.set(xticks=[], yticks=[])
                axes.spines[:].set_visible(False)
            panels[0].set_ylabel(str(maps["example_mode"].to_numpy()[row]), fontweight="bold")
        titles = ["ELF", "Grad-CAM", *(f"conv. {number}" for number in range(1, len(stages) + 1))]
        for axes, title in zip(grid[0], titles, strict=True):
            axes.set_title(title, loc="center")


def draw_zones(path: Path, seen: Explained) -> None:
    """Rise of the mean absolute error with each zone hidden, a panel for each way to hide it.

    Args:
        path: SVG to write.
        seen: With at least one image.
    """
    table = seen.occlusion
    top = max(float(table["rise_percent"].max()), 2 * LEAST_PERCENT)
    scale = matplotlib.colors.LogNorm(LEAST_PERCENT, top)
    titles = {ZERO: "hidden by zeros", MEAN: "hidden by the mean image"}
    with figure_at(path, 8.2, 3.7) as figure:
        panels = figure.subplots(1, len(titles))
        for axes, (fill, title) in zip(panels, titles.items(), strict=True):
            mine = table[table["fill"] == fill]
            rows, columns = (list(dict.fromkeys(mine[name])) for name in ("row", "column"))
            values = mine["rise_percent"].to_numpy().reshape(len(rows), len(columns))
            drawn = axes.imshow(np.clip(values, LEAST_PERCENT, None), origin="lower", cmap="YlOrBr", norm=scale)
            for place, row in enumerate(mine.itertuples()):
                y, x = divmod(place, len(columns))
                dark = scale(max(row.rise_percent, LEAST_PERCENT)) > 0.6
                words = f"{row.rise_percent:+.0f} %"
                if np.isfinite([row.rise_low, row.rise_high]).all():
                    words += f"\n{row.rise_low:.0f}\nto {row.rise_high:.0f}"
                axes.text(x, y, words, ha="center", va="center", color="white" if dark else INK, fontsize=7.5)
            axes.set_xticks(range(len(columns)), columns)
            axes.set_yticks(range(len(rows)), rows)
            axes.tick_params(length=0)
            axes.spines[:].set_visible(False)
            axes.set_title(title)
        bar = figure.colorbar(drawn, ax=list(panels), fraction=0.04)
        ticks = [tick for tick in (10, 30, 100, 300, 1000, 3000, 10_000) if tick <= top]
        bar.set_ticks(ticks, labels=[f"{tick:,}" for tick in ticks])
        bar.minorticks_off()
        bar.set_label("rise of the mean error (%)")
        bar.outline.set_visible(False)


def draw_modes(path: Path, seen: Explained) -> None:
    """Scores of all maps, two at a time, and the distribution of each.

    Args:
        path: SVG to write.
        seen: With at least one image.
    """
    words = {
        "toward_right": "toward the left atom (-1) or the right one (1)",
        "upward": "toward the third atom (1)",
        "stretch": "stretched across (-1) or along (1)",
    }
    with figure_at(path, 8.4, 5.6) as figure:
        parts: Any = figure.subfigures(2, 1, height_ratios=(1.35, 1))
        first, second = parts
        for axes, across in zip(first.subplots(1, 2), ("upward", "stretch"), strict=True):
            for mode in MODES:
                mine = seen.modes[seen.modes["mode"] == mode]
                axes.scatter(
                    mine["toward_right"], mine[across], s=9, color=COLOURS[mode], marker=MARKERS[mode], alpha=0.5, linewidths=0,
                    rasterized=len(seen.modes) > DENSE, label=f"{mode} ({len(mine):,})",
                )  # fmt: skip
            axes.set(xlim=(-1.05, 1.05), ylim=(-1.05, 1.05), xlabel=words["toward_right"], ylabel=words[across])
            axes.set_box_aspect(1)
        figure.legend(
            *axes.get_legend_handles_labels(), frameon=False, loc="outside upper left", ncols=len(MODES), handletextpad=0.1
        )  # fmt: skip
        edges = np.linspace(-1, 1, 41)
        for axes, name in zip(second.subplots(1, len(words)), words, strict=True):
            stacked = [seen.modes.loc[seen.modes["mode"] == mode, name] for mode in MODES]
            axes.hist(stacked, edges, stacked=True, color=[COLOURS[mode] for mode in MODES])
            axes.set(xlabel=name.replace("_", " "), ylabel="maps")


def draw_checks(path: Path, seen: Explained) -> None:
    """Similarity of explanations to those of networks with weights drawn anew, and to those of another training.

    Args:
        path: SVG to write.
        seen: With checks.
    """
    looks = {CAM: ("#0072B2", "o"), OCCLUSION: ("#D55E00", "s")}
    steps = list(
        dict.fromkeys(seen.checks.loc[(seen.checks["about"] == CAM) & (seen.checks["check"] != ANOTHER), "check"])
    )
    labels = ["all" if step == RANDOM else step.split(": ")[-1] for step in steps]
    with figure_at(path, 8.4, 3.2) as figure:
        axes = figure.subplots()
        axes.axhline(0, color="#8b929c", lw=0.9, zorder=0)
        for about, (colour, marker) in looks.items():
            again, low, high = seen.check(about, ANOTHER)
            if np.isfinite(again):
                axes.axhline(again, color=colour, lw=1.2, ls=(0, (4, 2)))
                if np.isfinite([low, high]).all():
                    axes.axhspan(low, high, color=colour, alpha=0.15, lw=0)
                axes.annotate(f"{about}, another training", (len(steps) - 0.45, again), (0, 3), textcoords="offset points", ha="right",
                              fontsize=8.5, color=colour, bbox=BACKED)  # fmt: skip
            for place, step in enumerate(steps):
                value, least, most = seen.check(about, step)
                if np.isfinite(value):
                    axes.plot([place] * 2, [least, most], color=colour, lw=1.6, alpha=0.5)
                    axes.plot(place, value, marker, color=colour, ms=6, label=about if step == RANDOM else None)
        axes.set_xticks(range(len(steps)), labels, rotation=25, ha="right")
        axes.set(
            xlim=(-0.5, len(steps) - 0.4),
            ylim=(-1.02, 1.02),
            ylabel="rank correlation",
            xlabel="weights drawn anew from the output down to",
        )
        axes.legend(frameon=False, loc="lower left", ncols=2)
        axes.grid(axis="y")
