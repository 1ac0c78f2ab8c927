"""What is read behind masks, and how readings go along with bond indices: a figure of two panels, and words."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.lines import Line2D

from auric.report import inputs
from auric.report.assets import Assets
from auric.report.drawing import INK, figure_at, log_axis
from auric.report.figures import COLOURS, MARKERS
from auric.report.inputs import ReportFiles
from auric.report.scores import subject_name

KEPT = "central share of the bond line that is kept (%)"
FULL, VALENCE = "full ruler", "valence ruler"
"""Roles of readers that a study's question is about, whatever it finds."""
KINDS = {"field": "In fields", "charge": "Charged", "oxygen": "With an oxygen bound", "all": "All states together"}
JUDGED = "within molecules"
"""How correlations are judged in the figure; the table has the others."""
SCALES = {"bond": "a share of the bond", "angstrom": "fixed in angstrom", "resampled": "fixed in angstrom, stretched"}
"""What is said of radii, by the mask's scale."""
LINES: dict[str, Any] = {"strip": "-", "window": "--", "discs": ":"}


def draw_masks(assets: Assets, files: ReportFiles) -> dict[str, Any] | None:
    """Figure, words and tables on masks; None of a study without."""
    errors = inputs.read_table(files.masks, inputs.MASKS)
    bonding = inputs.read_table(files.bonding, inputs.BONDING)
    if errors.empty and bonding.empty:
        return None
    assets.table(errors, "masks", "errors behind masks")
    assets.table(bonding, "bonding", "correlations with bond indices")
    return {
        "file": assets.draw("masks.svg", partial(draw_panels, errors=errors, bonding=bonding)),
        "words": words(bonding),
        "alone": _alone(errors),
        "rows": _rows(bonding),
    }


def draw_panels(path: Path, errors: pd.DataFrame, bonding: pd.DataFrame) -> None:
    """Errors of straight readings, and correlations of their changes with those of Mayer's bond order, against what masks keep.

    Args:
        path: SVG to write.
        errors: Columns `MASKS` of the inputs; only masks that are one share of every bond are drawn, the strictest split.
        bonding: Columns `BONDING`; only fields are drawn, or all changes where there are none.
    """
    fixed = errors[(errors["scale"] == "bond") & errors["subject"].isin(list(COLOURS))]
    fixed = (
        fixed[fixed["split"] == ("structure" if "structure" in set(fixed["split"]) else fixed["split"].iloc[0])]
        if len(fixed)
        else fixed
    )
    order = bonding[(bonding["scale"] == "bond") & (bonding["index"] == "mayer") & (bonding["judged"] == JUDGED)]
    order = order[order["kind"] == ("field" if "field" in set(order["kind"]) else "all")].dropna(subset=["correlation"])
    with figure_at(path, 7.2, 3.9) as figure:
        left, right = figure.subplots(1, 2)
        for axes, table, value, low, high in (
            (left, fixed, "mae_angstrom", "ci_low_angstrom", "ci_high_angstrom"),
            (right, order, "correlation", "ci_low", "ci_high"),
        ):
            for (subject, shape), mine in table.groupby(["subject", "shape"], sort=False):
                mine = mine.sort_values("share")
                spread = [
                    (mine[value] - mine[low]).clip(lower=0).fillna(0),
                    (mine[high] - mine[value]).clip(lower=0).fillna(0),
                ]
                axes.errorbar(
                    100 * mine["share"], mine[value], yerr=spread, color=COLOURS[subject], marker=MARKERS[subject],
                    linestyle=LINES.get(shape, "-"), markersize=4, capsize=2, linewidth=1.2,
                )  # fmt: skip
            axes.set_xlabel(KEPT)
            axes.grid(axis="y")
        left.set_ylabel("mean absolute error (Å)")
        left.set_title("What is read")
        if len(fixed):
            log_axis(left.yaxis)
        right.set(ylim=(-1.05, 1.05), ylabel="correlation with Mayer's bond order")
        right.axhline(0, color=INK, linewidth=0.6)
        right.set_title(f"Changes at fixed nuclei, {JUDGED}")
        if not len(order):
            right.text(0.5, 0.6, "no perturbed structure with several bonds", transform=right.transAxes, ha="center")
        figure.legend(
            handles=_legend(pd.concat([fixed, order])), loc="outside lower center", ncols=4, frameon=False, fontsize=7
        )


def _legend(drawn: pd.DataFrame) -> list[Line2D]:
    """One entry for each reading, and one for each shape of mask if there are several."""
    shapes = [shape for shape in LINES if shape in set(drawn["shape"])]
    readings = [
        Line2D([], [], color=COLOURS[subject], marker=MARKERS[subject], markersize=4, linewidth=1.2, label=subject_name(subject))
        for subject in dict.fromkeys(drawn["subject"])
    ]  # fmt: skip
    lines = [Line2D([], [], color=INK, linestyle=LINES[shape], linewidth=1, label=shape) for shape in shapes]
    return [*readings, *(lines if len(lines) > 1 else [])]


def words(bonding: pd.DataFrame) -> list[str]:
    """What the correlations of the rulers chosen beforehand say, by kind of state, in sentences; of the best of all others one."""
    order = bonding[(bonding["index"] == "mayer") & (bonding["judged"] == JUDGED)].dropna(subset=["correlation"])
    said = []
    kinds = list(dict.fromkeys(order["kind"][order["kind"] != "all"]))
    for kind in kinds if len(kinds) == 1 else [*kinds, "all"]:  # of one kind, all are the same
        mine = order[order["kind"] == kind].drop_duplicates("role").set_index("role")
        if VALENCE not in mine.index:
            continue
        valence = mine.loc[VALENCE]
        beside = f"; of the full ruler {_told(mine.loc[FULL])}" if FULL in mine.index else ""
        less = _known("; less that of the full ruler, {:.2f}", valence, "less_full_ruler", "less_full_ruler_ci")
        said.append(
            f"{KINDS.get(kind, kind)}: correlation of the valence ruler's reading (central {100 * valence['share']:.3g} %) with Mayer's bond order {_told(valence)}{beside}{less} "
            f"({valence['bonds']:.0f} bonds, {valence['distinct_bonds']:.0f} of them of different length, of {valence['structures']:.0f} structures, {valence['followed']:.0f} of which are at -0.9 or below; "
            f"{JUDGED}; a stronger bond reads shorter, so -1 is perfect)."
        )
        said += _worth(valence)
    everything = order[order["kind"] == "all"]
    if len(everything):
        best = everything.loc[everything["correlation"].idxmin()]
        shape = "" if best["shape"] == "strip" else f", {best['shape']}"
        said.append(
            f"Of all {len(everything)} readings and masks the lowest is that of {subject_name(best['subject'])} on the central "
            f"{100 * best['share']:.3g} %{shape} of the bond, {best['correlation']:.2f}: chosen afterwards, and so too good."
        )
    return said


def _worth(row: Mapping[Any, Any]) -> list[str]:
    """What a correlation is worth beside readers that know nothing, and beside the field."""
    parts = [
        _known("readers with random weights on the same pixels reach {:.2f} in the median, up to the sign", row, "random_median"),
        _known("{:.0f} % of them are as negative", {**row, "percent": 100 * row["random_stronger"]}, "percent"),
        _known("the field along the bond alone has {:.2f}", row, "field_correlation"),
        _known("left with that field held fixed is {:.2f}", row, "partial_correlation", "partial_ci"),
    ]  # fmt: skip
    told = "; ".join(part for part in parts if part)
    return [f"What that is worth: {told}."] if told else []


def _known(words: str, row: Mapping[Any, Any], value: str, interval: str = "") -> str:
    """Words with a number and its interval; nothing where it is not known."""
    if row[value] != row[value]:
        return ""
    return words.format(row[value]) + (_interval(row, interval) if interval else "")


def _told(row: Mapping[Any, Any]) -> str:
    ranks = f", of ranks {row['rank_correlation']:.2f}" if row["rank_correlation"] == row["rank_correlation"] else ""
    return f"{row['correlation']:.2f}{_interval(row)}{ranks}"


def _interval(row: Mapping[Any, Any], name: str = "ci") -> str:
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    return f" ({low:.2f} to {high:.2f})" if low == low else " (no interval)"


def _alone(errors: pd.DataFrame) -> list[str]:
    """Why radii are shares of the bond."""
    alone = errors[errors["subject"] == "the mask alone"]
    return [
        f"A mask whose edge lies at a fixed distance in angstrom, with nothing behind it, is read with an error of "
        f"{row['mae_angstrom']:.4f} Å (split by {row['split']}): it tells the length itself."
        for row in alone.head(1).to_dict("records")
    ]


def _rows(bonding: pd.DataFrame) -> list[dict[str, str]]:
    order = bonding[(bonding["index"] == "mayer") & (bonding["kind"] == "all")].dropna(subset=["correlation"])
    return [
        {
            "subject": subject_name(row["subject"]), "share": f"{100 * row['share']:.3g} %", "shape": str(row["shape"]),
            "radii": SCALES[row["scale"]], "judged": str(row["judged"]), "correlation": f"{row['correlation']:.2f}{_interval(row)}",
        }
        for row in order.to_dict("records")
    ]  # fmt: skip
