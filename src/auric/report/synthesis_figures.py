"""Figures of syntheses. Each function draws one file.

Probabilities run from dark (a mixture) to bright (one cluster), as in the paper. Vermilion is the paper's model, blue every other.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from auric.report.drawing import INK, figure_at
from auric.report.potential_figures import BLUE, PALE, VERMILION
from auric.report.syntheses import PAPER_MODELS, SPLITS, Explained, Syntheses, model_name

SHADES: dict[str, Any] = {"cmap": "viridis", "vmin": 0.0, "vmax": 1.0}
CONCENTRATIONS = {"ligand_mmol_l": "ligand", "gold_mmol_l": "gold", "reducing_agent_mmol_l": "reducing agent"}
SHOWN_LEVELS = 3
SHORT = 22
"""Letters of a ligand's SMILES that are shown."""


def draw_scores(path: Path, told: Syntheses) -> None:
    """MCC of each model with its interval, a panel for each split.

    Args:
        path: SVG to write.
        told: With at least one model.
    """
    with figure_at(path, 8.6, 0.9 + 0.3 * len(told.models)) as figure:
        panels = figure.subplots(1, len(told.splits), squeeze=False, sharey=True)[0]
        for axes, split in zip(panels, told.splits, strict=True):
            for place, model in enumerate(told.models):
                row = told.score(model, split, "mcc")
                if row is None:
                    continue
                colour = VERMILION if model in PAPER_MODELS else BLUE
                if row["ci_low"] == row["ci_low"]:
                    axes.plot([row["ci_low"], row["ci_high"]], [place, place], color=colour, lw=2, alpha=0.4)
                axes.plot(row["ours"], place, "o", color=colour, ms=6, mec="white", mew=0.6)
            axes.axvline(0, color="#8b929c", lw=0.8, zorder=0)
            axes.set(title=SPLITS[split], xlabel="MCC (1 perfect, 0 a guess)", ylim=(len(told.models) - 0.5, -0.5))
            axes.set_yticks(range(len(told.models)), [model_name(model) for model in told.models])
            axes.grid(axis="x")


def draw_map(path: Path, told: Explained) -> None:
    """Probability over pH and temperature, and beside it its spread over the fold models.

    Args:
        path: PNG to write.
        told: With a map.
    """
    table = told.tables["map"]
    with figure_at(path, 8.6, 3.3) as figure:
        for axes, name, shades, label in zip(
            figure.subplots(1, 2, sharey=True), ("probability", "spread"), (SHADES, {"cmap": "magma"}), ("probability", "spread over fold models"), strict=True
        ):  # fmt: skip
            grid = table.pivot(index="temperature_celsius", columns="ph", values=name)
            mesh = axes.pcolormesh(grid.columns, grid.index, grid.to_numpy(), shading="nearest", **shades)
            figure.colorbar(mesh, ax=axes)
            axes.set(title=label, xlabel="pH", ylabel="temperature (°C)" if name == "probability" else "")


def draw_five(path: Path, told: Explained) -> None:
    """Small maps of pH and temperature, one for each of three levels of three concentrations.

    Args:
        path: PNG to write.
        told: With the five-dimensional table.
    """
    table = told.tables["five"]
    levels = {name: _few(table[name]) for name in CONCENTRATIONS}
    with figure_at(path, 8.6, 3.6) as figure:
        panels = figure.subplots(SHOWN_LEVELS, SHOWN_LEVELS**2, squeeze=False)
        for row, gold in enumerate(levels["gold_mmol_l"]):
            for block, ligand in enumerate(levels["ligand_mmol_l"]):
                for place, reducer in enumerate(levels["reducing_agent_mmol_l"]):
                    axes = panels[row][SHOWN_LEVELS * block + place]
                    mine = table[
                        (table["gold_mmol_l"] == gold)
                        & (table["ligand_mmol_l"] == ligand)
                        & (table["reducing_agent_mmol_l"] == reducer)
                    ]
                    grid = mine.pivot(index="temperature_celsius", columns="ph", values="probability")
                    axes.imshow(grid.to_numpy(), origin="lower", aspect="auto", **SHADES)
                    axes.set(xticks=[], yticks=[])
                    if row == 0:
                        axes.set_title(f"{reducer:.3g}", fontsize=7)
                    if row == SHOWN_LEVELS - 1 and place == 1:
                        axes.set_xlabel(f"ligand {ligand:.3g} mM")
                    if not block and not place:
                        axes.set_ylabel(f"gold\n{gold:.3g} mM")
        figure.suptitle("above each column: reducing agent (mM)", fontsize=8, ha="left", x=0.08)


def draw_distances(path: Path, told: Explained) -> None:
    """Distances of ligands in fingerprint space.

    Args:
        path: SVG to write.
        told: With distances.
    """
    table = told.tables["distances"]
    grid = table.pivot(index="first", columns="second", values="distance")
    order = list(dict.fromkeys(table["first"]))
    grid = grid.loc[order, order]
    with figure_at(path, 6.4, 4.6) as figure:
        axes = figure.subplots()
        image = axes.imshow(grid.to_numpy(), cmap="cividis_r")
        figure.colorbar(image, ax=axes, label="Euclidean distance")
        labels = [name if len(name) <= SHORT else f"{name[: SHORT - 1]}…" for name in order]
        axes.set_xticks(range(len(order)), labels, rotation=90, fontsize=7)
        axes.set_yticks(range(len(order)), labels, fontsize=7)
        axes.spines[["left", "bottom"]].set_visible(False)


def draw_tree(path: Path, told: Explained) -> None:
    """The tree that stands for a model: yes to the left, no to the right; leaves bright where one cluster is likely.

    Args:
        path: SVG to write.
        told: With the nodes of its tree.
    """
    table = told.tables["tree"]
    places = _places(table)
    depth = max(y for _, y in places.values())
    with figure_at(path, 11.5, 1.2 + 1.15 * depth) as figure:
        axes = figure.subplots()
        axes.set_axis_off()
        for row in table.itertuples():
            x, y = places[row.node]
            if row.parent in places:
                above = places[row.parent]
                axes.plot([above[0], x], [-above[1], -y], color=PALE, lw=1, zorder=0)
                axes.text((above[0] + x) / 2, -(above[1] + y) / 2, row.side, fontsize=6, color=INK, ha="center")
            leaf = not row.feature
            text = f"{100 * row.share:.0f} %\nof {row.examples:.0f}" if leaf else _broken(row.words)
            shade = ("#fde725" if row.share > 0.5 else "#8e7fb5") if leaf else "#f1f3f5"
            axes.text(
                x, -y, text, fontsize=6.5, ha="center", va="center",
                bbox={"boxstyle": "square,pad=0.3" if leaf else "round,pad=0.4", "fc": shade, "ec": "#8b929c", "lw": 0.6},
            )  # fmt: skip
        axes.set(xlim=(-0.7, max(x for x, _ in places.values()) + 0.7), ylim=(-depth - 0.4, 0.4))


def _places(table: pd.DataFrame) -> dict[float, tuple[float, float]]:
    """Leaves side by side, each other node above the middle of its branches."""
    below: dict[float, list[float]] = {}
    for row in table.itertuples():
        below.setdefault(row.parent, []).append(row.node)
    found: dict[float, tuple[float, float]] = {}

    def place(node: float, level: int, left: float) -> float:
        branches = below.get(node, [])
        if not branches:
            found[node] = (left, level)
            return left + 1
        for branch in branches:
            left = place(branch, level + 1, left)
        found[node] = (float(np.mean([found[branch][0] for branch in branches])), level)
        return left

    place(float(table["node"].iloc[0]), 0, 0.0)
    return found


def _broken(words: str) -> str:
    """Words over two lines."""
    parts = words.split(" ")
    half = -(-len(parts) // 2)
    return "\n".join((" ".join(parts[:half]), " ".join(parts[half:]))).strip()


def _few(values: pd.Series) -> list[float]:
    known = np.unique(values)
    return [float(each) for each in known[np.linspace(0, len(known) - 1, min(SHOWN_LEVELS, len(known))).astype(int)]]
