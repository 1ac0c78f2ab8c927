"""The report of a study: one folder that opens by a double click, without a network, and the same as an archive."""

import platform
import re
import shutil
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
import yaml
from ase import Atoms

from auric.files import atomic, read_dataset, read_frames
from auric.machine import unwritten
from auric.progress import log
from auric.provenance import configuration_hash, library_versions
from auric.report import figures, inputs, page, potentials, scene, scores, walks
from auric.report.assets import Assets
from auric.report.chapters import chapters, in_short
from auric.report.distortions import draw_distortions
from auric.report.masks import draw_masks
from auric.report.microscopy_section import draw_microscopy
from auric.report.sections import (
    draw_explained,
    draw_explored,
    draw_isomers,
    draw_matching,
    draw_potentials,
    draw_relaxations,
    draw_syntheses,
    draw_walks,
)

LIBRARIES = ("numpy", "torch", "pyscf", "tblite", "ase", "snakemake")
SHOWN_ROWS = 15


def build_report(
    files: inputs.ReportFiles,
    *,
    configuration: Mapping[str, Any],
    folder: str | Path,
    archive: str | Path,
    study: str,
) -> None:
    """Write the report of a study.

    Nothing is left half done: folder and archive are made beside their places and renamed at the end.

    Args:
        files: What the page tells of.
        configuration: The whole validated configuration.
        folder: Folder to make; one that is there is replaced.
        archive: Zip file to make, with the same files.
        study: Name of the study.

    Raises:
        InputError: If a table lacks a column.
        MachineError: If the folder cannot be written.
    """
    with _replaced(Path(folder)) as place:
        assets = Assets(place / "assets")
        assets.folder.mkdir()
        labelled = [atoms for path in files.frames for atoms in read_frames(path)]
        dataset = (
            read_dataset(files.images) if files.images else xr.Dataset({"bond_length_angstrom": ("image", np.zeros(0))})
        )
        scorecard = inputs.read_scorecards(files.scorecards)
        tables = {
            "failures": inputs.read_table(files.failures, inputs.FAILURES),
            "dropped": inputs.read_table(files.dropped, inputs.DROPPED),
        }
        every = inputs.read_table(files.predictions, inputs.PREDICTIONS)
        training = inputs.read_table(files.history, inputs.HISTORY)
        finite = inputs.finite_predictions(every)
        assets.table(scorecard, "scorecard", "scorecard, joined")
        assets.copy(files.failures, "failures", "failures")
        if files.predictions and files.history:
            assets.copy(files.predictions, "predictions", "predictions of every test image")
            assets.copy(files.history, "history", "training history")
            assets.copy(files.dropped, "dropped", "dropped images")

        splits = scores.split_scores(finite, scorecard)
        content = {
            "study": study,
            "ruler": bool(files.predictions),
            "created": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
            "counts": _counts(labelled, dataset, tables),
            "splits": splits,
            "headline": _headline(splits),
            "subjects": inputs.in_order([score.subject for split in splits for score in split.scores], scores.SUBJECTS),
            "subject_name": scores.subject_name,
            "split_title": scores.split_title,
            "left_out": len(every) - len(finite),
            "paper": _paper_mae(scorecard),
            "score_figure": _draw_scores(assets, splits, _paper_mae(scorecard)),
            "rooms": page.scorecard_rooms(scorecard),
            "explained": draw_explained(assets, files),
            "explored": draw_explored(assets, files),
            "potentials": draw_potentials(
                assets,
                potentials.gather(scorecard, files.energies, files.forces, files.maps),
                inputs.read_table(files.recommended, inputs.RECOMMENDED),
            ),
            "masks": draw_masks(assets, files),
            "distortions": draw_distortions(assets, files),
            "walks": draw_walks(assets, walks.gather(files)),
            "isomers": draw_isomers(assets, walks.gather_isomers(files.isomers)),
            "relaxations": draw_relaxations(assets, files),
            "microscopy": draw_microscopy(assets, files),
            "syntheses": draw_syntheses(assets, files),
            "matching": draw_matching(assets, files),
            "beside_papers": page.beside_papers(scorecard),
            "studies": sorted(set(scorecard["study"])),
            "parity": _draw_parity(assets, finite, splits),
            "bins": scores.error_by_bin(finite),
            "bin_figure": _draw_bins(assets, finite),
            "learning_figure": _draw_learning(assets, training),
            "strip": _draw_strip(assets, dataset),
            "clusters": _write_scene(assets, labelled),
            "reasons": {name: _reasons(table) for name, table in tables.items()},
            "levels": _levels(labelled),
            "versions": {"python": platform.python_version()} | library_versions(LIBRARIES),
            "configuration": yaml.safe_dump(_plain(configuration), sort_keys=False, allow_unicode=True),
            "configuration_hash": configuration_hash(_plain(configuration)),
            "links": assets.links,
        }
        for name in ("style.css", "viewer.js"):
            shutil.copyfile(Path(__file__).parent / name, assets.folder / name)
        pages = chapters(content)
        for here in pages:
            text = page.render(
                "template.html", content | {"chapters": pages, "here": here, "in_short": in_short(content)}
            )
            (place / here.file).write_text(text, encoding="utf-8")
        _pack(place, Path(archive), Path(folder).name)
    log.info("report in %s and %s", folder, archive)


@contextmanager
def _replaced(folder: Path) -> Iterator[Path]:
    """Yield a fresh folder; when the block succeeds it takes the place of `folder`."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        outer = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    except OSError as error:
        raise unwritten(folder, error) from error
    try:
        place = outer / "new"  # inside, for mkdtemp makes folders private and the report is for the group too
        place.mkdir()
        yield place
        if folder.exists():
            folder.replace(outer / "old")
        place.replace(folder)
    finally:
        shutil.rmtree(outer, ignore_errors=True)


def _pack(place: Path, archive: Path, name: str) -> None:
    """Zip the files below one folder called `name`, with a fixed date, so that equal reports are equal archives."""
    with atomic(archive) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as file:
        for path in sorted(place.rglob("*")):
            if path.is_file():
                entry = zipfile.ZipInfo(f"{name}/{path.relative_to(place).as_posix()}", (1980, 1, 1, 0, 0, 0))
                entry.external_attr = 0o644 << 16
                file.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED)


def _plain(value: Any) -> Any:
    """A configuration without the mapping and sequence types of its reader."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def _counts(labelled: Sequence[Atoms], images: xr.Dataset, tables: Mapping[str, pd.DataFrame]) -> dict[str, Any]:
    lengths = images["bond_length_angstrom"].to_numpy()
    return {
        "structures": len({scene.structure_of(atoms) for atoms in labelled}),
        "frames": len(labelled),
        "images": len(lengths),
        "dropped": len(tables["dropped"]),
        "failures": len(tables["failures"]),
        "lengths": (float(lengths.min()), float(lengths.max())) if len(lengths) else None,
        "pair": _elements_of_bonds(images),
    }


def _elements_of_bonds(images: xr.Dataset) -> tuple[str, str]:
    """Elements at the left and the right of images, by the name of the first bond; sulfur and gold where there is none."""
    names = images["bond"].to_numpy().astype(str) if "bond" in images else np.array([])
    found = re.search(r"([A-Z][a-z]?)\d+-([A-Z][a-z]?)\d+$", names[0]) if len(names) else None
    return (found[1], found[2]) if found else ("S", "Au")


def _headline(splits: Sequence[scores.SplitScores]) -> scores.SplitScores | None:
    """The strictest split that allows a comparison, or else the strictest; never the leaky one."""
    honest = [split for split in splits if split.split != scores.LEAKY]
    return next((split for split in honest if split.compared), honest[0] if honest else None)


def _paper_mae(scorecard: pd.DataFrame) -> float | None:
    """The published error of the ruler (angstrom), if the scorecard names exactly one."""
    rows = scorecard[(scorecard["system"] == "ruler") & (scorecard["quantity"] == "mae")]
    stated = pd.to_numeric(rows["paper"], errors="coerce").dropna().unique()
    return float(stated[0]) if len(stated) == 1 and stated[0] > 0 else None


def _draw_scores(assets: Assets, splits: Sequence[scores.SplitScores], paper: float | None) -> str | None:
    rows = [
        {"split": split.split, **score.__dict__, "winner": split.winner == score.subject}
        for split in splits
        for score in split.scores
    ]
    columns = ["split", "subject", "mae_angstrom", "low_angstrom", "high_angstrom", "n", "winner"]
    assets.table(pd.DataFrame(rows, columns=columns), "error_by_split", "error by split")
    return assets.draw("error_by_split.svg", lambda path: figures.draw_scores(path, splits, paper)) if rows else None


def _draw_parity(
    assets: Assets, finite: pd.DataFrame, splits: Sequence[scores.SplitScores]
) -> list[tuple[scores.SplitScores, str]]:
    drawn = []
    table = scores.cross_validated(finite)
    for number, split in enumerate(splits):
        part = table[table["split"] == split.split]
        name = f"parity_{split.split if split.split in scores.SPLITS else number}.svg"  # no foreign word in a path
        drawn.append((split, assets.draw(name, partial(figures.draw_parity, predictions=part))))
    return drawn


def _draw_bins(assets: Assets, finite: pd.DataFrame) -> str | None:
    bins = scores.error_by_bin(finite)
    assets.table(bins, "error_by_bin", "error by bond-length bin")
    return assets.draw("error_by_bin.svg", lambda path: figures.draw_bins(path, bins)) if len(bins) else None


def _draw_learning(assets: Assets, history: pd.DataFrame) -> str | None:
    if not len(history):
        return None
    return assets.draw("learning.svg", lambda path: figures.draw_learning(path, history))


def _draw_strip(assets: Assets, images: xr.Dataset) -> str | None:
    names = ["image", "structure", "frame", "bond", "third_atom", "third_element", "bond_length_angstrom", "weight"]
    chosen = figures.choose_images(images["bond_length_angstrom"].to_numpy())
    columns = {name: images[name].to_numpy()[chosen] for name in names if name in images}
    assets.table(pd.DataFrame(columns), "strip", "the images shown")
    return assets.draw("strip.png", lambda path: figures.draw_strip(path, images, chosen)) if chosen else None


def _write_scene(assets: Assets, labelled: Sequence[Atoms]) -> dict[str, Any] | None:
    content = scene.scene(labelled)
    if not content["structures"]:
        return None
    (assets.folder / "clusters.js").write_text(scene.script(content, "auricClusters"), encoding="ascii")
    return {"file": "assets/clusters.js", "shown": len(content["structures"]), "found": content["found"]}


def _reasons(table: pd.DataFrame) -> dict[str, Any]:
    """Rows per reason (most frequent first), and the first rows themselves."""
    by = ["stage", "reason"] if "stage" in table.columns else ["reason"]
    # Numbers in brackets at the end of a reason belong to its one row, not to the kind of reason.
    kinds = table[by].assign(reason=table["reason"].astype(str).str.replace(r"\s*\([^()]*\)$", "", regex=True))
    tally = Counter(map(tuple, kinds.to_numpy().tolist())).most_common()
    return {
        "columns": list(table.columns),
        "by": by,
        "total": len(table),
        "tally": tally[:SHOWN_ROWS],
        "more_reasons": max(0, len(tally) - SHOWN_ROWS),
        "rows": table.head(SHOWN_ROWS).to_numpy().tolist(),
    }


def _levels(labelled: Sequence[Atoms]) -> list[dict[str, Any]]:
    """Levels of theory found in the frames, with the number of frames, the share converged and the time they took."""
    keys = ("engine", "method", "basis", "source")
    groups: dict[tuple[str, ...], list[Atoms]] = {}
    for atoms in labelled:
        groups.setdefault(tuple(str(atoms.info.get(key, "")) for key in keys), []).append(atoms)
    return [
        dict(zip(keys, level, strict=True))
        | {
            "frames": len(group),
            "unconverged": sum(not bool(atoms.info.get("converged", True)) for atoms in group),
            "minutes": float(np.nansum([_seconds(atoms) for atoms in group])) / 60,
        }
        for level, group in sorted(groups.items())
    ]


def _seconds(atoms: Atoms) -> float:
    try:
        return float(atoms.info.get("seconds", np.nan))
    except (TypeError, ValueError):
        return float("nan")
