"""Errors behind masks of several studies beside each other, such as gold with 11, 19 and all of its electrons."""

import re
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from auric.errors import InputError
from auric.report.drawing import figure_at, log_axis
from auric.report.inputs import read_scorecards
from auric.report.masks import KEPT
from auric.report.scores import subject_name

SHARE = re.compile(r"central ([\d.]+) % of the bond")
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
MARKERS = "osD^vP"
DRAWN = ("ridge on the bond line", "ridge on the image")


def masks_beside(
    scorecards: Sequence[str | Path], figure: str | Path | None = None, *, split: str = "structure"
) -> str:
    """A table (Markdown) of errors behind masks, a column for each study, and a figure of errors against the share that is kept.

    Args:
        scorecards: Those of studies with masks, as kept in `docs` or as in `results/<study>/scorecard/ruler_masks.csv`.
        figure: SVG to write; None for none. It has the masks that are strips and a share of the bond.
        split: What training and test do not share.

    Raises:
        InputError: If a file cannot be read, or no study has errors behind masks in the split, or there are more than can be told apart.
    """
    table = read_scorecards(scorecards)
    table = table[(table["system"] == "ruler") & (table["quantity"] == "mae") & (table["split"] == split)]
    table = table[table["data"].str.fullmatch("no mask") | table["data"].str.match(SHARE)]
    if table.empty:
        raise InputError(
            f"{scorecards[0]}: no errors behind masks, split by {split}; give scorecards of studies with ruler.masks"
        )
    studies = list(dict.fromkeys(table["study"]))
    if len(studies) > len(COLOURS):
        raise InputError(f"{len(studies)} studies are too many for one figure; give {len(COLOURS)} at most")
    if figure is not None and not Path(figure).parent.is_dir():
        raise InputError(f"--figure {figure}: there is no folder {Path(figure).parent}; make it first, or name another")
    if figure is not None:
        _draw(Path(figure), table, studies)
    lines = ["| kept | read by | " + " | ".join(studies) + " |", "|" + "---|" * (len(studies) + 2)]
    for (data, subject), mine in table.groupby(["data", "subject"], sort=False):
        found = {row["study"]: row for row in mine.to_dict("records")}
        cells = [_cell(found[study]) if study in found else "-" for study in studies]
        lines.append(f"| {data} | {subject} | " + " | ".join(cells) + " |")
    return "\n".join([f"Mean absolute errors in angstrom, split by {split}, 95 % intervals.", "", *lines]) + "\n"


def _cell(row: dict[str, float]) -> str:
    interval = f" ({row['ci_low']:.2g} to {row['ci_high']:.2g})" if row["ci_low"] == row["ci_low"] else ""
    return f"{row['ours']:.2g}{interval}"


def _draw(path: Path, table: pd.DataFrame, studies: Sequence[str]) -> None:
    strips = table[table["data"].str.fullmatch("no mask") | table["data"].str.fullmatch(SHARE)]
    kept = strips["data"].str.extract(SHARE)[0].astype(float).fillna(100)
    strips = strips.assign(kept=kept).sort_values("kept")
    with figure_at(path, 7.2, 3.1) as figure:
        panels = figure.subplots(1, len(DRAWN), sharey=True)
        for axes, subject in zip(panels, DRAWN, strict=True):
            for study, colour, marker in zip(studies, COLOURS, MARKERS, strict=False):
                mine = strips[(strips["study"] == study) & (strips["subject"] == subject)]
                spread = [
                    (mine["ours"] - mine["ci_low"]).clip(0).fillna(0),
                    (mine["ci_high"] - mine["ours"]).clip(0).fillna(0),
                ]
                axes.errorbar(
                    mine["kept"], mine["ours"], yerr=spread, color=colour, marker=marker, markersize=4, capsize=2, linewidth=1.2, label=study
                )  # fmt: skip
            axes.set(xlabel=KEPT, title=subject_name(subject))
            axes.grid(axis="y")
        log_axis(panels[0].yaxis)
        panels[0].set_ylabel("mean absolute error (Å)")
        panels[0].legend(frameon=False, fontsize=7)
