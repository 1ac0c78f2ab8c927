"""The plan of reference sets: a table of dynamics runs, some for training and others, independent of them, for testing.

Most are made by the row; some were made elsewhere, and are read (`auric.reference.elsewhere`).

Two runs of one structure with the same seed would start alike, and neighbouring frames of one run are near copies: a run
therefore has one role, and all runs of a structure have different seeds.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from auric.errors import InputError, StructureError, suggestion
from auric.files import write_frames, write_table
from auric.given import given_text
from auric.progress import log, reason_of
from auric.reference.dynamics import DynamicsSettings, DynamicsSummary, run_dynamics
from auric.reference.elsewhere import GIVEN, given_frames, given_words
from auric.reference.interface import Engine
from auric.reference.store import Store
from auric.reference.xtb import XtbEngine, XtbSettings
from auric.structures.manifest import mirror_folder
from auric.structures.prepare import FAILURE_COLUMNS
from auric.structures.readers import check_stated_charge
from auric.structures.recipes import BUILDERS, Places, build_recipe

ROLES = ("train", "test")
SUMMARY_COLUMNS = ("system", "structure", "role", "seed", *DynamicsSummary.__dataclass_fields__)


class Run(NamedTuple):
    """One row of the table, checked.

    Attributes:
        name: Name of the run.
        system: The set it belongs to.
        structure: Name of what moves.
        builder: How that is made, see `build_recipe`.
        recipe: Its words.
        charge: Total charge (elementary charges).
        multiplicity: 2S + 1.
        role: `train` or `test`.
        settings: What the row says of `DynamicsSettings`, by name; the rest is the study's.
        error: What is wrong with the row; empty if nothing is.
    """

    name: str
    system: str
    structure: str
    builder: str
    recipe: str
    charge: int
    multiplicity: int
    role: str
    settings: Mapping[str, Any]
    error: str


_NAME = re.compile(r"(?!(?i:t|f|true|false|nan|inf|infinity)$)[A-Za-z][A-Za-z0-9_-]{0,63}").fullmatch
_NAMED = "up to 64 letters, digits, - and _, a letter first, not T, F, true, false, nan or inf"
_COUNT, _COUNTED = re.compile("[0-9]{1,9}").fullmatch, "a whole number from 0"
_KELVIN = re.compile(r"[0-9]{1,6}(\.[0-9]+)?").fullmatch
RULES: dict[str, tuple[Callable[[str], object], Callable[[str], Any], str]] = {
    "name": (_NAME, str, _NAMED),
    "system": (_NAME, str, _NAMED),
    "structure": (_NAME, str, _NAMED),
    "builder": (BUILDERS.__contains__, str, f"one of {', '.join(BUILDERS)}"),
    "recipe": (bool, str, "the builder's words"),
    "charge": (re.compile("-?[0-9]{1,2}").fullmatch, int, "a whole number"),
    "multiplicity": (re.compile("[1-9][0-9]?").fullmatch, int, "2S + 1, a whole number from 1"),
    "role": (ROLES.__contains__, str, "train or test"),
    "ensemble": (bool, str, "nve, langevin or given"),
    "temperature_k": (_KELVIN, float, "a temperature in kelvin"),
    "end_temperature_k": (
        lambda cell: not cell or _KELVIN(cell),
        lambda cell: float(cell) if cell else None,
        "a temperature in kelvin, or nothing",
    ),
    "seed": (_COUNT, int, _COUNTED),
    "equilibration_steps": (_COUNT, int, _COUNTED),
    "steps": (_COUNT, int, _COUNTED),
    "every": (_COUNT, int, _COUNTED),
}
"""For each column: whether a cell is good, its value, and what it should be."""
_OF_ROW = ("name", "system", "structure", "builder", "recipe", "charge", "multiplicity", "role")


def read_runs(path: str | Path) -> list[Run]:
    """Read the tab-separated table of runs; lines that are empty or start with # are skipped.

    A fault of one row is kept with the row (`error`), so that the others go on; a fault of the table stops at once.

    Args:
        path: The table, columns those of `RULES` in their order.

    Raises:
        InputError: If the table cannot be read, has other columns, or no rows.
    """
    lines = given_text(path, "name an existing table of runs", what="table").splitlines()
    rows = [(n, line.split("\t")) for n, line in enumerate(lines, 1) if line.strip() and not line.startswith("#")]
    if not rows or [cell.strip() for cell in rows[0][1]] != list(RULES):
        raise InputError(f"{path}: its first line must name the columns {', '.join(RULES)}, separated by tabs")
    if len(rows) == 1:
        raise InputError(f"{path}: the table has no rows; add at least one run")
    runs: list[Run] = []
    for number, cells in rows[1:]:
        where = f"{path}, line {number}"
        run = _run([cell.strip() for cell in cells], where)
        clash = "" if run.error else _clash(run, runs)
        runs.append(run._replace(error=f"{where}: {clash}") if clash else run)
    return runs


def _run(cells: Sequence[str], where: str) -> Run:
    texts = dict(zip(RULES, cells, strict=False))
    bad = Run(texts["name"], texts.get("system", ""), texts.get("structure", ""), "", "", 0, 1, "", {}, "")
    if len(cells) != len(RULES):
        return bad._replace(
            error=f"{where}: {len(cells)} cells for {len(RULES)} columns; columns are separated by one tab"
        )
    for column, (good, _, wanted) in RULES.items():
        if not good(texts[column]):
            return bad._replace(error=f"{where}: {column} '{texts[column][:80]}' cannot be used; give {wanted}")
    values = {column: value(texts[column]) for column, (_, value, _) in RULES.items()}
    settings = {column: values[column] for column in RULES if column not in _OF_ROW}
    try:
        _check_settings(values, settings)
    except (InputError, StructureError) as error:
        return bad._replace(error=f"{where}: {error}")
    return Run(**{column: values[column] for column in _OF_ROW}, settings=settings, error="")


def _check_settings(values: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
    if values["ensemble"] != GIVEN:
        DynamicsSettings(**settings)
        return
    given_words(values["recipe"])
    if values["builder"] != "file":
        raise InputError(f"builder '{values['builder']}': frames made elsewhere are read from a file; write file")
    if values["every"] < 1 or not values["temperature_k"]:
        raise InputError("every and temperature_k of frames made elsewhere: give numbers above 0")


def _clash(run: Run, before: Sequence[Run]) -> str:
    """Why a run cannot stand beside those above it, or nothing."""
    for other in before:
        if other.error:
            continue
        if run.name.casefold() == other.name.casefold():  # names become file names, and some file systems ignore case
            return f"the name '{run.name}' is given more than once; names must differ"
        if GIVEN in (run.settings["ensemble"], other.settings["ensemble"]):
            if _file(run) and _file(run) == _file(other) and run.system == other.system:
                return f"the run {other.name} has the same frames; in one system a file is one run"
            continue
        alike = _moves(run) == _moves(other)
        if run.structure == other.structure and not alike:
            return f"the structure '{run.structure}' is made in another way in the run {other.name}; name it otherwise"
        if alike and run.settings["seed"] == other.settings["seed"]:
            return f"the run {other.name} moves the same structure from the same seed; give another seed"
    return ""


def _file(run: Run) -> str:
    """The file of frames made elsewhere; empty for a run that is made here."""
    return given_words(run.recipe)["frames"] if run.settings["ensemble"] == GIVEN else ""


def _moves(run: Run) -> tuple[Any, ...]:
    return run.builder, sorted(run.recipe.split()), run.charge, run.multiplicity


def reference_set(runs: Sequence[Run], system: str, roles: Sequence[str] = ROLES) -> list[Run]:
    """The runs of one system, in the order of the table.

    Args:
        runs: Rows of the table.
        system: Its name.
        roles: Roles of which it must have a good run.

    Raises:
        InputError: If there is no such system, or it has no run of one of the roles.
    """
    found = [run for run in runs if run.system == system]
    if not found:
        known = list(dict.fromkeys(run.system for run in runs if not run.error))
        raise InputError(f"there is no reference set '{system[:40]}'; {suggestion(system, known)}")
    missing = [role for role in roles if role not in {run.role for run in found if not run.error}]
    if missing and any(not run.error for run in found):
        raise InputError(f"reference set {system}: it has no good run with the role {missing[0]}; add one")
    return found


def reference_run(
    run: Run, frames: str | Path, summary: str | Path, failures: str | Path, *,
    engine: Engine, store: str | Path | Store, common: Mapping[str, Any] | None = None, places: Places | None = None,
) -> None:  # fmt: skip
    """Build what a run moves, run it (or read its frames), and write what came of it; a run that fails leaves its reason.

    Args:
        run: Row of the table.
        frames: Extended xyz to write, see `run_dynamics`; `info` adds `system` and `role`.
        summary: CSV to write, columns `SUMMARY_COLUMNS`, one row, none if the run failed before its first step.
        failures: CSV to write, columns those of all failure tables.
        engine: Gives energies and forces.
        store: The label store or its folder, which keeps the chunks.
        common: Settings of all runs (`DynamicsSettings`) that the row does not give.
        places: Where bundled and external structures lie.
    """
    rows: list[dict[str, Any]] = []
    reason = ""
    try:
        if run.error:
            raise StructureError(run.error)
        if run.settings["ensemble"] == GIVEN:
            told = _given(run, frames, places or Places())
        else:
            kept = store if isinstance(store, Store) else Store(store)
            told = _made(run, frames, places, engine=engine, store=kept, common=common or {})
        log.info("%s: %d frames, %.0f K", run.name, told.frames, told.mean_temperature_k)
        rows, reason = [_of_run(run) | asdict(told)], told.stopped
    except Exception as error:
        reason = reason_of(error, run.name)
        write_frames(frames, [])
    failed = [{"stage": "dynamics", "structure": run.structure, "frame": run.name, "reason": reason}] if reason else []
    write_table(summary, rows, SUMMARY_COLUMNS)
    write_table(failures, failed, FAILURE_COLUMNS)


def _made(
    run: Run, frames: str | Path, places: Places | None, *, engine: Engine, store: Store, common: Mapping[str, Any]
) -> DynamicsSummary:
    atoms = build_recipe(run.builder, run.recipe, places)
    check_stated_charge(atoms, run.charge)
    atoms.info.pop("stated_charge", None)
    atoms.info |= {
        "name": run.structure, "charge": run.charge, "multiplicity": run.multiplicity,
        "system": run.system, "role": run.role,
    }  # fmt: skip
    settings = DynamicsSettings(**{**common, **run.settings})
    return run_dynamics(atoms, engine, settings, frames, store=store, run=run.name)


def _given(run: Run, frames: str | Path, places: Places) -> DynamicsSummary:
    found = given_frames(
        run.recipe, name=run.structure, run=run.name, charge=run.charge, multiplicity=run.multiplicity,
        settings=run.settings, mirror=mirror_folder(places.mirror),
    )  # fmt: skip
    for atoms in found:
        atoms.info |= {"system": run.system, "role": run.role}
    write_frames(frames, found)
    mean_k = float(np.mean([atoms.info["temperature_k"] for atoms in found]))
    return DynamicsSummary(run.name, len(found), 0, mean_k, math.nan, math.nan, "")


def run_row(
    row: Mapping[str, Any], frames: str | Path, summary: str | Path, failures: str | Path, *,
    xtb: Mapping[str, Any], store: str | Path, mirror: str | None = None,
) -> None:  # fmt: skip
    """`reference_run` of a row given as plain values, on GFN1-xTB.

    Args:
        row: The fields of `Run` (others are left aside).
        frames: See `reference_run`.
        summary: See `reference_run`.
        failures: See `reference_run`.
        xtb: Settings of the engine.
        store: Folder of the label store.
        mirror: Folder with copies of external structures.
    """
    run = Run(**{field: row[field] for field in Run._fields})
    engine = XtbEngine(XtbSettings(**xtb))
    places = Places(mirror=Path(mirror) if mirror else None)
    reference_run(run, frames, summary, failures, engine=engine, store=store, places=places)


def _of_run(run: Run) -> dict[str, Any]:
    return {"system": run.system, "structure": run.structure, "role": run.role, "seed": run.settings["seed"]}
