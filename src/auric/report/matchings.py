"""What the report says and draws of matching: metrics in folds, calibration, formation energies, latent space, core editing."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from auric.report import inputs
from auric.report.drawing import INK, figure_at
from auric.report.page import number
from auric.report.potential_figures import BLUE, GREY, VERMILION

METRICS = {
    "auc": "AUC",
    "accuracy": "accuracy",
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
    "expected_calibration_error": "calibration error",
}
SPLITS = {"pair": "core and ligands together (the paper's)", "core": "core left out", "ligand": "ligands left out"}
LEFT_OUT = {"pair": "both", "core": "cores", "ligand": "ligands"}
"""The same in a column of a table, whose heading says that it is left out."""
OURS = "colim, pretrained"
COUNTED = "functional group"
WORDS = ("step",)
"""Of `dropped.csv`: a name, where walks have a number."""
WEIGHTS = {"random": "random weights", "energies": "pretrained on formation energies", "gaps": "pretrained on gaps"}
"""Of core encoders in the space of which bare clusters are drawn."""
CONFUSION = ("true_positives", "false_negatives", "false_positives", "true_negatives")
FORMATION_SPLITS = {
    "size": "sizes left out",
    "random": "random",
    "larger": "above 40 atoms from smaller ones",
    "element": "elements left out (reference: measured cohesive energies of solids)",
}


@dataclass(frozen=True)
class Matching:
    """The tables of the room, columns as in `auric.report.inputs`."""

    pairs: pd.DataFrame
    dropped: pd.DataFrame
    statistics: pd.DataFrame
    metrics: pd.DataFrame
    curves: pd.DataFrame
    confusion: pd.DataFrame
    paired: pd.DataFrame
    folds: pd.DataFrame
    errors: pd.DataFrame
    references: pd.DataFrame
    bare: pd.DataFrame
    places: pd.DataFrame
    cases: pd.DataFrame
    external: pd.DataFrame


def gather(files: inputs.ReportFiles) -> Matching | None:
    """The tables, or None where a study has no matching.

    Raises:
        InputError: If a table lacks a column.
    """
    if not files.matching_metrics:
        return None
    given = (
        (files.matching_pairs, inputs.MATCHED_PAIRS), (files.matching_dropped, inputs.MATCHED_DROPPED), (files.matching_statistics, inputs.MATCHED_STATISTICS),
        (files.matching_metrics, inputs.MATCHED_METRICS), (files.matching_reliability, inputs.MATCHED_CURVES),
        (files.matching_confusion, inputs.MATCHED_CONFUSION), (files.matching_paired, inputs.MATCHED_PAIRED), (files.matching_folds, inputs.MATCHED_FOLDS),
        (files.matching_errors, inputs.FORMATION_ERRORS), (files.matching_references, inputs.REFERENCE_ENERGIES), (files.matching_bare, inputs.BARE_PLACES),
        (files.matching_places, inputs.MATCHED_PLACES), (files.matching_cases, inputs.MATCHED_CASES),
        (files.matching_external, inputs.MATCHED_EXTERNAL),
    )  # fmt: skip
    return Matching(
        *(
            pd.concat([inputs.read_table(path, columns, words=WORDS) for path in paths or [""]], ignore_index=True)
            for paths, columns in given
        )
    )


def _beside_chance(row: Mapping[str, Any]) -> str:
    if row["high"] < 0.5:
        return (
            "worse than chance: negatives drawn from so small a library are the positives of other examples, and what is left out "
            "was seen as a negative alone (docs/matching.md); it says nothing of chemistry"
        )
    return "better than chance" if row["low"] > 0.5 else "no better than chance that could be told"


def words(found: Matching) -> list[str]:
    """How much data there is, and what can and cannot be concluded from it."""
    first = found.metrics.iloc[0]
    simplified = int((found.pairs["simplified"] != "").sum())
    sentences = [
        f"{len(found.pairs)} reported pairs of {found.pairs['geometry'].nunique()} core geometries, {first['examples']:.0f} examples with negatives; "
        f"{simplified} of the pairs stand with a part of their core only (an inner shell, or without its halides). "
        f"Their ligands make {first['families']:.0f} families. Intervals draw cores, families and seeds again; with so few they are wide, and the paper's numbers (1,989 structures, licensed) are not comparable."
    ]
    told = found.metrics[(found.metrics["metric"] == "auc") & (found.metrics["subject"] == OURS)]
    for row in told.to_dict("records"):
        sentences.append(
            f"{SPLITS.get(row['split'], row['split'])}: AUC {number(row['mean'])} ({number(row['low'])} to {number(row['high'])}), {_beside_chance(row)}."
        )
    for row in found.paired.to_dict("records"):
        if row["second"] == "colim, scratch":
            verdict = (
                "no difference can be told" if row["low"] <= 0 <= row["high"] else "the difference is told from zero"
            )
            sentences.append(
                f"{row['first'].removeprefix('colim, ').capitalize()} less scratch, {SPLITS.get(row['split'], row['split'])}: {row['difference']:+.3f} ({row['low']:+.3f} to {row['high']:+.3f}): {verdict}."
            )
    if len(found.external):
        told = [
            f"{subject} {int(part['called'].sum())} ({part['library_called'].mean():.0%})"
            for subject, part in found.external.groupby("subject", sort=False)
        ]
        sentences.append(
            f"Of {found.external['name'].nunique()} clusters that were made and not learned from, so many are called positive (in brackets the share of "
            f"all ligand sets of the library that are, on the same cores): {', '.join(told)}."
        )
    return sentences


def metric_rows(found: Matching) -> list[dict[str, Any]]:
    """For print: every subject in every split, a value and its interval for each of `METRICS`."""
    rows = []
    for (split, subject), part in found.metrics.groupby(["split", "subject"], sort=False):
        by = part.set_index("metric")
        cells = [
            {"value": number(row["mean"]), "interval": f"{number(row['low'])} to {number(row['high'])}"}
            for row in (by.loc[name] for name in METRICS)
        ]
        error = by.loc["expected_calibration_error"]
        rows.append(
            {"split": LEFT_OUT.get(str(split), str(split)), "subject": str(subject), "learner": part["learner"].iloc[0], "cells": cells,
             "sd": number(by.loc["auc", "sd_over_seeds"]), "floor": f"{number(error['floor'])} (95 %: {number(error['floor_high'])})"}
        )  # fmt: skip
    return rows


def paired_rows(found: Matching) -> list[dict[str, str]]:
    """For print: differences of AUC."""
    return [
        {"split": LEFT_OUT.get(row["split"], row["split"]), "first": row["first"], "second": row["second"], "examples": f"{row['examples']:.0f}",
         "groups": f"{row['groups']:.0f}", "families": f"{row['families']:.0f}", "difference": f"{row['difference']:+.3f}",
         "interval": f"{row['low']:+.3f} to {row['high']:+.3f}", "p": number(row["p_value"]), "p_holm": number(row["p_holm"])}
        for row in found.paired.to_dict("records")
    ]  # fmt: skip


def fold_rows(found: Matching) -> list[dict[str, str]]:
    """For print: examples of every fold of a split, and their shares of positives."""
    return [
        {"split": LEFT_OUT.get(str(split), str(split)), "examples": ", ".join(f"{n:.0f}" for n in part["examples"]),
         "shares": ", ".join(f"{share:.2f}" for share in part["share"])}
        for split, part in found.folds.groupby("split", sort=False)
    ]  # fmt: skip


def statistics_rows(found: Matching) -> list[dict[str, str]]:
    """For print: counts of the library, a row for each thing that is counted."""
    return [
        {"what": str(what), "counts": ", ".join(f"{row['which']}: {row['count']:.0f}" for row in part.to_dict("records"))}
        for what, part in found.statistics.groupby("what", sort=False)
    ]  # fmt: skip


def confusion_rows(found: Matching) -> list[dict[str, str]]:
    """For print: what the matcher called reported pairs and negatives of every split, means over seeds."""
    rows = []
    for split, part in found.confusion[found.confusion["subject"] == OURS].groupby("split", sort=False):
        counts = {name: number(part[name].mean()) for name in CONFUSION}
        rows += [
            {"split": LEFT_OUT.get(str(split), str(split)), "truth": truth, "made": counts[made], "not_made": counts[other]}
            for truth, made, other in (("reported", *CONFUSION[:2]), ("negative", *CONFUSION[2:]))
        ]  # fmt: skip
    return rows


def formation_rows(found: Matching) -> list[dict[str, str]]:
    """For print: errors of formation energies, and of gaps where they were learned."""
    return [
        {"quantity": row["quantity"], "split": FORMATION_SPLITS.get(row["split"], row["split"]), "subject": row["subject"], "mae": f"{row['mae_ev']:.4f}",
         "interval": f"{row['low']:.4f} to {row['high']:.4f}", "median": f"{row['median_ev']:.4f}", "n": f"{row['clusters']:.0f}",
         "seconds": number(row["seconds"])}
        for row in found.errors.to_dict("records")
    ]  # fmt: skip


def reference_rows(found: Matching) -> list[dict[str, str]]:
    """For print: reference energies of the elements that the library's cores hold."""
    which = found.statistics[found.statistics["what"] == "metals of the core"]["which"]
    metals = {symbol for words in which for symbol in str(words).split("+")}
    return [
        {"element": row["element"], "clusters": f"{row['clusters']:.0f}"}
        | {name: f"{row[f'{name}_ev']:.3f}" for name in ("reference", "surface", "edge", "spread")}
        for row in found.references.to_dict("records") if row["element"] in metals
    ]  # fmt: skip


def separation_rows(found: Matching) -> list[dict[str, str]]:
    """For print: how far thirds of the left-out bare clusters lie apart, in the encoder's vectors and in the plane."""
    table = found.bare.drop_duplicates(["told_by", "encoder"])
    indices = ("davies_bouldin", "calinski_harabasz", "davies_bouldin_plane", "calinski_harabasz_plane")
    return [
        {"told_by": row["told_by"], "encoder": WEIGHTS.get(row["encoder"], row["encoder"])} | {name: number(row[name]) for name in indices}
        for row in table.sort_values("told_by", kind="stable").to_dict("records")
    ]  # fmt: skip


def external_rows(found: Matching) -> list[dict[str, Any]]:
    """For print: clusters that were not learned from, in `answers` what each subject says of them, in the order of `external_subjects`."""
    rows = []
    for name, part in found.external.groupby("name", sort=False):
        first = part.iloc[0]
        answers = [
            {
                "probability": f"{row['probability']:.2f} ± {row['spread']:.2f}",
                "library": f"{row['library_called']:.0%}",
            }
            for row in part.to_dict("records")
        ]
        warnings = [warning for warning in dict.fromkeys(part["warning"]) if warning]
        rows.append(
            {"name": str(name), "formula": first["formula"], "ligands": first["ligands"], "answers": answers,
             "warning": "; ".join(warnings), "source": first["source"]}
        )  # fmt: skip
    return rows


def external_subjects(found: Matching) -> list[str]:
    """Who was asked about them."""
    return list(dict.fromkeys(found.external["subject"]))


def dropped_rows(found: Matching) -> list[dict[str, Any]]:
    """For print: how many were dropped at each step, and one reason."""
    return [
        {"step": str(step), "count": len(part), "reason": str(part["reason"].iloc[0])}
        for step, part in found.dropped.groupby("step", sort=False)
    ]


def left_out(found: Matching) -> str:
    """How many examples were left out for the edited cores, for print."""
    return ", ".join(found.cases.drop_duplicates(["core", "edit"])["left_out"])


def case_warnings(found: Matching) -> list[str]:
    """What encoders never met of edited cores and their ligands, and of which cases, for print."""
    warned = found.cases[found.cases["warning"] != ""].drop_duplicates("case")
    return [f"{warning} ({', '.join(part['case'])})" for warning, part in warned.groupby("warning", sort=False)]


def draw_metrics(path: Path, found: Matching) -> None:
    """AUC with intervals, a panel for each split."""
    table = found.metrics[found.metrics["metric"] == "auc"]
    splits = list(dict.fromkeys(table["split"]))
    with figure_at(path, 8.6, 0.9 + 0.25 * table["subject"].nunique()) as figure:
        for axes, split in zip(np.atleast_1d(figure.subplots(1, len(splits), sharey=True)), splits, strict=True):
            rows = table[table["split"] == split].iloc[::-1].reset_index(drop=True)
            inks = [
                BLUE if subject == OURS else VERMILION if "only" in subject or subject == COUNTED else GREY
                for subject in rows["subject"]
            ]
            for place, row in rows.iterrows():
                axes.plot([row["low"], row["high"]], [place, place], color=inks[int(place)], linewidth=1.6)
                axes.plot(row["mean"], place, "o", color=inks[int(place)], markersize=4)
            axes.axvline(0.5, color=INK, linewidth=0.8, linestyle=":")
            axes.set(
                title=SPLITS.get(split, split),
                xlim=(0, 1),
                xlabel="AUC",
                yticks=range(len(rows)),
                yticklabels=rows["subject"],
            )


def draw_calibration(path: Path, found: Matching) -> None:
    """Share of positives against probability, for the matcher, a line for each split and seed."""
    table = found.curves[found.curves["subject"] == OURS]
    splits = list(dict.fromkeys(table["split"]))
    with figure_at(path, 4.2, 3.2) as figure:
        axes = figure.subplots()
        axes.plot([0, 1], [0, 1], color=INK, linewidth=0.8, linestyle=":")
        for (split, seed), part in table.groupby(["split", "seed"], sort=False):
            axes.plot(
                part["probability"], part["share"], "o-", color=(BLUE, VERMILION, GREY)[splits.index(split) % 3], markersize=3, linewidth=0.9,
                label=None if seed else SPLITS.get(str(split), str(split)),
            )  # fmt: skip
        axes.set(xlabel="probability", ylabel="share of reported pairs", xlim=(0, 1), ylim=(-0.03, 1.03))
        if splits:
            axes.legend(frameon=False, fontsize=7)


def place_panels(found: Matching) -> list[tuple[str, pd.DataFrame]]:
    """A title and the examples to draw for every encoder: of folds the one with most, the indices as means over folds."""
    panels = []
    for (split, encoder), part in found.places.groupby(["split", "encoder"], sort=False):
        folds = {fold: rows for fold, rows in part.groupby("fold", sort=False)}
        drawn = max(folds.values(), key=len)
        means = part.drop_duplicates("fold")[["davies_bouldin", "calinski_harabasz"]].mean()
        where = f"{encoder}\n{split} left out: test examples of one fold of {len(folds)}"
        title = f"{where}\nDBI {means['davies_bouldin']:.1f}, CHI {means['calinski_harabasz']:.2f} (n = {len(drawn)})"
        panels.append((title, drawn))
    return panels


def draw_places(path: Path, found: Matching) -> None:
    """Examples in two dimensions (t-SNE), a panel for each encoder, and the two indices in its title."""
    panels = place_panels(found)
    across = min(3, len(panels))
    down = -(-len(panels) // across)
    with figure_at(path, 8.6, 2.9 * down) as figure:
        grid = np.atleast_1d(figure.subplots(down, across)).ravel()
        for axes in grid[len(panels) :]:
            axes.axis("off")
        for axes, (title, part) in zip(grid, panels, strict=False):
            for label, ink in ((0, VERMILION), (1, BLUE)):
                mine = part[part["label"] == label]
                axes.plot(
                    mine["x"], mine["y"], "o", color=ink, markersize=3.5, label="reported" if label else "negative"
                )
            axes.set_title(title, fontsize=8)
            axes.set(xticks=[], yticks=[])
        grid[len(panels) - 1].legend(frameon=False, fontsize=7)


def draw_bare(path: Path, found: Matching) -> None:
    """Left-out bare clusters in two dimensions (t-SNE): a row for each quantity they are coloured by, a column for each encoder."""
    quantities, encoders = (list(dict.fromkeys(found.bare[name])) for name in ("told_by", "encoder"))
    with figure_at(path, 8.6, 3.0 * len(quantities)) as figure:
        grid = figure.subplots(len(quantities), len(encoders), squeeze=False)
        for row, quantity in zip(grid, quantities, strict=True):
            mine = found.bare[found.bare["told_by"] == quantity]
            limits = dict(zip(("vmin", "vmax"), mine["value_ev"].quantile([0.02, 0.98]), strict=True))
            for axes, encoder in zip(row, encoders, strict=True):
                part = mine[mine["encoder"] == encoder]
                dots = axes.scatter(part["x"], part["y"], c=part["value_ev"], s=6, cmap="cividis", **limits)
                axes.set(xticks=[], yticks=[])
                axes.set_title(f"{WEIGHTS.get(encoder, encoder)} (n = {len(part)})", fontsize=8)
            unit = "eV/atom" if quantity == "formation energy" else "eV"
            figure.colorbar(dots, ax=list(row), label=f"{quantity} ({unit})")


def draw_cases(path: Path, found: Matching) -> None:
    """Probabilities of edited cores, a row for each set of ligands, a column for each seed; a star where there is a warning."""
    cases = found.cases.drop_duplicates("case").set_index("case")
    table = found.cases.pivot(index="case", columns="seed", values="probability").loc[cases.index]
    with figure_at(path, 5.6, 0.9 + 0.32 * len(table)) as figure:
        axes = figure.subplots()
        image = axes.imshow(table.to_numpy(), vmin=0, vmax=1, cmap="cividis", aspect="auto")
        for (row, column), value in np.ndenumerate(table.to_numpy()):
            axes.text(
                column, row, f"{value:.2f}", ha="center", va="center", color="white" if value < 0.6 else INK, fontsize=8
            )
        axes.set(
            xticks=range(table.shape[1]),
            xticklabels=[f"seed {int(seed) + 1}" for seed in table.columns],
            yticks=range(len(table)),
        )
        axes.set_yticklabels(
            [f"{case} ({row['known']}){'*' if row['warning'] else ''}" for case, row in cases.iterrows()]
        )
        figure.colorbar(image, ax=axes, label="probability")
