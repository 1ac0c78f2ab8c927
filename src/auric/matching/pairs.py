"""What the rule of pairs calls: from tables of reported clusters and files of structures to labelled examples."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
from ase import Atoms

from auric.errors import AuricError, InputError, nearest
from auric.files import write_table
from auric.matching.built_cores import build_core
from auric.matching.library import (
    Library,
    Pair,
    cleaned,
    dropped_row,
    library_statistics,
    pair_of,
    pair_of_file,
    read_library,
    write_library,
)
from auric.matching.negatives import (
    EXAMPLE_COLUMNS,
    Example,
    NegativeSettings,
    example_rows,
    examples_of,
    read_failures,
)
from auric.matching.tables import read_rows
from auric.progress import log, reason_of
from auric.structures import mirror_folder, read_structure

REPORTED_COLUMNS = ("name", "core", "ligands", "source")
REPORTED_OPTIONAL = ("compound", "simplified")
"""Formula of the whole cluster, and what of its core the recipe leaves out."""
STATISTICS_COLUMNS = ("what", "which", "count")
MIRRORED = "mirror:"


def make_pairs(
    reported: Sequence[str | Path],
    structures: Sequence[str | Path],
    failures: str | Path,
    outputs: Mapping[str, str],
    *,
    negatives: Mapping[str, Any],
    mirror: str,
    seed: int,
) -> None:
    """Collect pairs, clean them, and draw their negatives.

    Args:
        reported: Tables with the columns `REPORTED_COLUMNS`, perhaps `REPORTED_OPTIONAL`; `core` is a recipe (`build_core`) or `file:` and a path.
        structures: Files of protected clusters, or `mirror:` and a path in the mirror.
        failures: Table of reported failures; '' for none.
        outputs: Files `cores`, `pairs`, `examples`, `dropped` and `statistics`.
        negatives: Settings of `NegativeSettings`.
        mirror: Folder of copies of others' data; '' for that of AURIC_MIRROR.
        seed: Of the draws.

    Raises:
        InputError: No pair is left, or a table is wrong.
    """
    found: list[Pair] = []
    dropped: list[dict[str, str]] = []
    for table in reported:
        pairs, rows = reported_pairs(table)
        found, dropped = found + pairs, dropped + rows
    for path in structures:
        try:
            pair, rows = pair_of_file(resolved(path, mirror))
        except AuricError as error:
            name = Path(str(path)).stem
            dropped.append(dropped_row(name, "reading and splitting", str(path), reason_of(error, name)))
            continue
        found.append(pair)
        dropped += rows
    library = cleaned(found)
    if not library.pairs:
        raise InputError("matching: no pair of a core and ligands is left; the table of what was dropped says why")
    tried, unplaced = placed_failures(library, read_failures(failures) if failures else [])
    examples, short = examples_of(library, NegativeSettings(**negatives), failures=tried, seed=seed)
    library = replace(library, dropped=(*dropped, *library.dropped, *unplaced, *short))
    write_library(library, outputs["cores"], outputs["pairs"], outputs["dropped"])
    write_table(outputs["examples"], example_rows(examples), EXAMPLE_COLUMNS)
    write_table(outputs["statistics"], library_statistics(library), STATISTICS_COLUMNS)
    log.info("%d pairs, %d examples, %d dropped", len(library.pairs), len(examples), len(library.dropped))


def placed_failures(
    library: Library, failures: Sequence[tuple[str, str]]
) -> tuple[list[tuple[str, str]], list[dict[str, str]]]:
    """Failures of cores of the library, under the names that are kept there, and rows of what was dropped for the others.

    A study need not hold every core that was tried, so one that it lacks is no error.
    """
    names = {pair.name for pair in library.pairs}
    placed, dropped = [], []
    for given, ligands in failures:
        name = given if given in names else library.same_as.get(given, given)
        if name in names:
            placed.append((name, ligands))
            continue
        near = nearest(given, [*names, *library.same_as])
        hint = f"; did you mean '{near}'?" if near else ""
        dropped.append(dropped_row(given, "failures", ligands, f"a failure of a core that the library lacks{hint}"))
    return placed, dropped


def reported_pairs(table: str | Path) -> tuple[list[Pair], list[dict[str, str]]]:
    """Pairs of a table of published formulas, and its rows that give none.

    Raises:
        InputError: Other columns, a row without a source, or a name twice.
    """
    pairs, dropped, met = [], [], set()
    for number, row in read_rows(table, REPORTED_COLUMNS, REPORTED_OPTIONAL):
        if not row["source"]:
            raise InputError(f"{table}, line {number}: '{row['name']}' has no source; say where it was reported")
        if row["name"] in met:
            raise InputError(
                f"{table}, line {number}: the name '{row['name']}' is given more than once; names must differ"
            )
        met.add(row["name"])
        try:
            told = {name: row[name] for name in REPORTED_OPTIONAL}
            pairs.append(pair_of(row["name"], _core_of(row["core"]), row["ligands"], row["source"], **told))
        except AuricError as error:
            dropped.append(dropped_row(row["name"], "table", row["core"], reason_of(error, row["name"])))
    return pairs, dropped


def _core_of(recipe: str) -> Atoms:
    if recipe.startswith("file:"):
        return read_structure(recipe.removeprefix("file:"))
    return build_core(recipe)


def resolved(path: str | Path, mirror: str) -> Path:
    """A path, `mirror:` in front of it put in the mirror's place.

    Raises:
        InputError: If there is no mirror.
    """
    text = str(path)
    if not text.startswith(MIRRORED):
        return Path(text)
    folder = mirror_folder(mirror or None)
    if folder is None:
        raise InputError(f"{text}: no mirror is set; name one in structures.mirror or AURIC_MIRROR")
    return Path(folder) / text.removeprefix(MIRRORED)


def read_examples(library: Library, path: str | Path) -> list[Example]:
    """Examples of `make_pairs`.

    Raises:
        InputError: An example of a core that the library lacks.
    """
    pairs = {pair.name: pair for pair in library.pairs}
    rows = pd.read_csv(path, dtype=str, keep_default_na=False).to_dict("records")
    if missing := [row["name"] for row in rows if row["name"] not in pairs]:
        raise InputError(f"{path}: '{missing[0]}' is not in the library; make the pairs again")
    return [
        Example(pairs[row["name"]], row["ligands"], int(row["label"]), row["kind"], int(row["core_type"]))
        for row in rows
    ]


def library_and_examples(cores: str | Path, pairs: str | Path, examples: str | Path) -> tuple[Library, list[Example]]:
    """What `make_pairs` wrote."""
    library = read_library(cores, pairs)
    return library, read_examples(library, examples)
