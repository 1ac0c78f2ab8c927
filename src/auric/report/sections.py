"""Figures, words and tables that the page's templates show: of the ruler's explanations, and of the rooms that stand on potentials."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from auric.report import (
    explained,
    explained_figures,
    explored,
    matchings,
    potential_section,
    potentials,
    relaxations,
    syntheses,
    synthesis_figures,
    walk_figures,
    walks,
)
from auric.report.assets import Assets
from auric.report.inputs import ReportFiles


def draw_explained(assets: Assets, files: ReportFiles) -> dict[str, Any] | None:
    """Figures and words on what ELFnet sees, and its tables beside the page."""
    seen = explained.gather(files)
    if seen is None:
        return None
    for name, label in (
        ("modes", "reading modes"),
        ("occlusion", "occlusion"),
        ("checks", "what explanations are worth"),
    ):
        assets.table(getattr(seen, name), f"explained_{name}", label)
    return {
        "images": len(seen.modes), "on_maps": explained.words_on_maps(seen), "on_zones": explained.words_on_zones(seen),
        "on_modes": explained.words_on_modes(seen), "on_checks": explained.words_on_checks(seen),
        "examples": assets.draw("explained_examples.png", partial(explained_figures.draw_examples, seen=seen))
        if seen.examples else None,
        "zones": assets.draw("explained_occlusion.svg", partial(explained_figures.draw_zones, seen=seen)),
        "modes": assets.draw("explained_modes.svg", partial(explained_figures.draw_modes, seen=seen)),
        "checks": assets.draw("explained_checks.svg", partial(explained_figures.draw_checks, seen=seen)),
    }  # fmt: skip


def draw_explored(assets: Assets, files: ReportFiles) -> dict[str, Any] | None:
    """Figure and words on a model exploration, and its tables beside the page."""
    if not files.variants:
        return None
    table, conclusions = explored.gather(files)
    assets.table(table, "variants", "variants")
    assets.table(conclusions, "conclusions", "the paper's conclusions")
    return {
        "words": explored.words(table, conclusions), "rows": explored.rows(table), "conclusions": explored.conclusion_rows(conclusions),
        "file": assets.draw("variants.svg", partial(explored.draw_variants, table=table, conclusions=conclusions)),
    }  # fmt: skip


def draw_potentials(
    assets: Assets, systems: Sequence[potentials.System], winners: pd.DataFrame
) -> list[dict[str, Any]]:
    """Figures and words on each system, and its tables beside the page."""
    shown = []
    for place, system in enumerate(systems, 1):
        stem = f"potential_{place}"  # no foreign word in a path
        for name, label, table in potential_section.tables(system):
            assets.table(table, f"{stem}_{name}", f"{system.name}: {label}")
        figures_shown = [
            {"file": assets.draw(f"{stem}_{one.name}.svg", one.drawing(system)), "title": one.title,
             "words": one.words(system), "caption": one.caption, "data": f"{stem}_{one.table}"}
            for one in potential_section.figures(system)
        ]  # fmt: skip
        shown.append({"name": system.name, "anchor": stem, "figures": figures_shown,
                      "tasks": potentials.tasks(winners[winners["system"] == system.name]), "plainly": potentials.on_contenders(system)[0]})  # fmt: skip
    return shown


def draw_walks(assets: Assets, found: Sequence[walks.Walked]) -> list[dict[str, Any]]:
    """Figures and words on the walks beside each run, and their tables beside the page."""
    shown = []
    for place, walked in enumerate(found, 1):
        stem = f"walk_{place}"  # no foreign word in a path
        assets.table(walked.geometry, f"{stem}_geometry", f"{walked.run}: bonds and angles of walks")
        assets.table(walked.curves, f"{stem}_curves", f"{walked.run}: distributions")
        assets.table(walked.places, f"{stem}_map", f"{walked.run}: walks in descriptor space")
        assets.table(walked.changes, f"{stem}_energies", f"{walked.run}: differences of energy")
        shown.append({
            "title": walked.title, "anchor": stem, "words": walks.words(walked), "rows": walks.rows(walked),
            "file": assets.draw(f"{stem}.svg", partial(walk_figures.draw_geometry, walked=walked)),
            "geometry": f"{stem}_geometry", "curves": f"{stem}_curves", "on_energies": walks.words_on_energies(walked),
            "space": assets.draw(f"{stem}_space.svg", partial(walk_figures.draw_space, walked=walked)),
            "map": f"{stem}_map", "energies": f"{stem}_energies",
        })  # fmt: skip
    return shown


def draw_isomers(assets: Assets, found: Sequence[walks.Isomers]) -> list[dict[str, Any]]:
    """A figure and words on each pair of isomers, and its table beside the page."""
    shown = []
    for place, pair in enumerate(found, 1):
        stem = f"isomers_{place}"  # no foreign word in a path
        assets.table(pair.rows, stem, f"{pair.title}: bonds and angles")
        file = assets.draw(f"{stem}.svg", partial(walk_figures.draw_isomers, isomers=pair))
        shown.append(
            {"title": pair.title, "anchor": stem, "words": walks.words_on_isomers(pair), "file": file, "data": stem}
        )
    return shown


def draw_relaxations(assets: Assets, files: ReportFiles) -> dict[str, Any] | None:
    """Figures and words on the relaxations of each system, rings and pulled units, and their tables beside the page."""
    if not (files.relaxations or files.rings or files.stretched):
        return None
    systems = []
    for place, relaxed in enumerate(relaxations.gather(files.relaxations, files.traces, files.series), 1):
        stem = f"relaxation_{place}"  # no foreign word in a path
        for name, label in (
            ("table", "relaxations"),
            ("traces", "energies along the way"),
            ("series", "learning on the way"),
        ):
            assets.table(getattr(relaxed, name), f"{stem}_{name}", f"{relaxed.system}: {label}")
        figures_shown = {"recovered": relaxations.draw_recovered}
        if len(relaxed.traces):
            figures_shown["progress"] = relaxations.draw_progress
        if relaxations.counts_series(relaxed):
            figures_shown["counted"] = relaxations.draw_counted
        drawn = {
            name: assets.draw(f"{stem}_{name}.svg", partial(draw, relaxed=relaxed))
            for name, draw in figures_shown.items()
        }
        shown: dict[str, Any] = {
            "system": relaxed.system, "anchor": stem, "words": relaxations.words(relaxed), "rows": relaxations.rows(relaxed),
            "progress": None, "counted": None, "table": f"{stem}_table", "traces": f"{stem}_traces", "series": f"{stem}_series",
        }  # fmt: skip
        systems.append(shown | drawn)
    rings = []
    for place, path in enumerate(files.rings, 1):
        assets.copy(path, f"rings_{place}", f"rings by the potential of {Path(path).parent.name}")
        rings.append({"system": Path(path).parent.name, "rows": relaxations.ring_rows(path), "data": f"rings_{place}"})
    return {"systems": systems, "rings": rings, "stretched": relaxations.stretched_rows(files.stretched)}


def draw_syntheses(assets: Assets, files: ReportFiles) -> dict[str, Any] | None:
    """Figures, words and tables on models of syntheses, and on what fitted ones say."""
    compared = []
    for place, told in enumerate(syntheses.gather(files), 1):
        stem = f"synthesis_{place}"  # no foreign word in a path
        assets.table(told.scores, f"{stem}_scores", f"{told.title}: scores")
        assets.table(told.pairs, f"{stem}_pairs", f"{told.title}: models beside each other")
        compared.append({
            "title": told.title, "anchor": stem, "words": syntheses.words(told), "rows": syntheses.score_rows(told),
            "file": assets.draw(f"{stem}.svg", partial(synthesis_figures.draw_scores, told=told)),
            "scores": f"{stem}_scores", "pairs": f"{stem}_pairs",
        })  # fmt: skip
    if not compared:
        return None
    explained = []
    for place, one in enumerate(syntheses.gather_explained(files.synthesis_maps), 1):
        stem = f"explained_{place}"
        for name, table in one.tables.items():
            assets.table(table, f"{stem}_{name}", f"{one.title}: {name}")
        drawings = {"map": "png", "five": "png", "tree": "svg"} | (
            {"distances": "svg"} if len(one.tables["distances"]) else {}
        )
        drawn = {
            name: assets.draw(f"{stem}_{name}.{ending}", partial(getattr(synthesis_figures, f"draw_{name}"), told=one))
            for name, ending in drawings.items()
        }
        explained.append({"distances": None} | drawn | {
            "title": one.title, "anchor": stem, "ligand": one.tables["map"]["ligand"].iloc[0], "on_tree": syntheses.on_tree(one),
            "rules": syntheses.rule_rows(one), "limits": syntheses.limit_words(one), "printed": syntheses.on_printed(one),
            "proposals": syntheses.proposal_rows(one), "data": {name: f"{stem}_{name}" for name in one.tables},
        })  # fmt: skip
    return {"compared": compared, "explained": explained, "measures": list(syntheses.MEASURES.values())}


def draw_matching(assets: Assets, files: ReportFiles) -> dict[str, Any] | None:
    """Figures, words and tables on matching, and its tables beside the page."""
    found = matchings.gather(files)
    if found is None:
        return None
    for name, table, label in (
        ("pairs", found.pairs, "reported pairs"), ("dropped", found.dropped, "dropped on the way to pairs"), ("statistics", found.statistics, "counts of the library"),
        ("metrics", found.metrics, "metrics of matchers"), ("reliability", found.curves, "calibration"),
        ("confusion", found.confusion, "confusion matrices"), ("paired", found.paired, "paired differences"), ("folds", found.folds, "what folds hold"),
        ("errors", found.errors, "errors of formation energies and gaps"), ("references", found.references, "reference energies of elements"),
        ("bare", found.bare, "bare clusters in the space of core encoders"), ("places", found.places, "examples in latent space"), ("cases", found.cases, "edited cores"),
        ("external", found.external, "clusters not learned from"),
    ):  # fmt: skip
        assets.table(table, f"matching_{name}", f"matching: {label}")
    return {
        "words": matchings.words(found), "rows": matchings.metric_rows(found), "formation": matchings.formation_rows(found),
        "names": list(matchings.METRICS.values()), "paired": matchings.paired_rows(found), "folds": matchings.fold_rows(found),
        "statistics": matchings.statistics_rows(found), "warnings": matchings.case_warnings(found),
        "external": matchings.external_rows(found), "asked": matchings.external_subjects(found), "dropped": matchings.dropped_rows(found),
        "left_out": matchings.left_out(found), "confusion": matchings.confusion_rows(found),
        "metrics": assets.draw("matching_metrics.svg", partial(matchings.draw_metrics, found=found)),
        "calibration": assets.draw("matching_calibration.svg", partial(matchings.draw_calibration, found=found)),
        "references": matchings.reference_rows(found), "separation": matchings.separation_rows(found),
        "bare": assets.draw("matching_bare.svg", partial(matchings.draw_bare, found=found)) if len(found.bare) else None,
        "places": assets.draw("matching_places.svg", partial(matchings.draw_places, found=found)) if len(found.places) else None,
        "cases": assets.draw("matching_cases.svg", partial(matchings.draw_cases, found=found)) if len(found.cases) else None,
    }  # fmt: skip
