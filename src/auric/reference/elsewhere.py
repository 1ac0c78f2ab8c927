"""Labelled frames made elsewhere, as runs of a reference set: a published data set, or dynamics of another program.

Nothing is computed. A row of the table of runs says `given` in its column `ensemble` and names the file in its recipe; the
rest of the workflow then cannot tell it from a run of its own, but for the stamp.
"""

import json
import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.io import read

from auric.errors import InputError, StructureError, suggestion
from auric.files import read_frames, write_json
from auric.given import regular
from auric.machine import raise_lack
from auric.provenance import file_digest
from auric.reference.store import structure_hash
from auric.reference.version import METHOD_VERSION
from auric.structures.check import HEAVIEST, check_overlap
from auric.structures.labelled import energy_of, forces_of
from auric.structures.manifest import mirror_folder
from auric.structures.recipes import recipe_words
from auric.structures.table import frame_name

GIVEN = "given"
"""What such a row says in the column `ensemble`."""
FORMATS = {".extxyz": "extxyz", ".xyz": "extxyz", ".traj": "traj", ".xml": "vasp-xml"}
"""Endings of files that are read, and ASE's names of their formats."""
LEVEL = ("engine", "method", "basis")
"""Words of the recipe that name the level of theory; the frames' own are taken where the recipe has none."""


LIMIT_BYTES = 2_000_000_000
"""Of a file of frames, which are all held in memory."""
SEEN = "given.json"
"""File in the folder of results that remembers which content a file had when it was of a size and age."""


def given_words(recipe: str) -> dict[str, str]:
    """The words of such a row's recipe: `frames`, and those of `LEVEL` that are given.

    Raises:
        StructureError: If a word is unknown, given twice, without a value, or `frames` is missing.
    """
    return recipe_words(GIVEN, recipe, needed=["frames"], others=LEVEL)


def given_file(recipe: str, mirror: Path | None) -> Path:
    """Where the frames lie: as named from the working folder, else from the mirror folder.

    Raises:
        StructureError: If the recipe is wrong, there is no such file in either place, or it is larger than `LIMIT_BYTES`.
    """
    named = given_words(recipe)["frames"]
    places = [Path(named), *([mirror / named] if mirror else [])]
    for place in places:
        if regular(place):
            if (size := place.stat().st_size) > LIMIT_BYTES:
                raise StructureError(
                    f"{place}: {size / 1e9:.1f} GB of frames, above {LIMIT_BYTES / 1e9:.0f} GB; keep fewer, or give them to several runs"
                )
            return place
    looked = " nor in the mirror" if mirror else ", and AURIC_MIRROR names no mirror to look in"
    raise StructureError(f"no frames at {named}{looked}; correct the recipe, or put the file there")


def fingerprint_of_given(recipe: str, mirror: str | Path | None, results: str | Path) -> str:
    """A digest of the file's content, so that what is made of it changes with it; empty if it cannot be used, which its run will tell.

    Every job asks for it, so a file is read again only when its size or its time has changed.

    Args:
        recipe: As `given_frames`.
        mirror: Folder where files are looked for that are not here.
        results: Folder that remembers what was read; where it cannot be written, the file is read each time.
    """
    try:
        path = given_file(recipe, mirror_folder(mirror))
        status = path.stat()
        key = f"{path.absolute()} {status.st_size} {status.st_mtime_ns}"
        seen = _seen(Path(results, SEEN))
        if key not in seen:
            seen[key] = file_digest(path)
            with suppress(InputError, OSError):
                write_json(Path(results, SEEN), seen)
        return seen[key]
    except (InputError, OSError):
        return ""


def _seen(path: Path) -> dict[str, str]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {str(key): str(value) for key, value in found.items()}
    except (OSError, ValueError, AttributeError):  # not there, or not what was written: made again
        return {}


def given_frames(
    recipe: str, *, name: str, run: str, charge: int, multiplicity: int, settings: Mapping[str, Any], mirror: Path | None,
) -> list[Atoms]:  # fmt: skip
    """The frames of a run made elsewhere, checked and stamped like those of `run_dynamics`.

    Args:
        recipe: `frames=FILE`, of one of `FORMATS` by its ending, with energies (eV) and forces (eV/angstrom), without blanks in
            its name; optionally `engine=`, `method=` and `basis=`. Frames of one level learn together, those of two do not.
        name: Of the structure.
        run: Of the run.
        charge: Total charge (elementary charges).
        multiplicity: 2S + 1.
        settings: `equilibration_steps` first frames are left out; of the next `steps` (0: of all that follow) each
            `every`-th is kept. `temperature_k` and `end_temperature_k` are those of the bath, for who looks at the frames.
        mirror: Where files are looked for that are not here.

    Returns:
        Frames with the array `forces_ev_angstrom`, and in `info` what frames of dynamics have; `temperature_k` and `step`
        are the file's if it gives them, else not a number and the frame's place in the file, from 1.

    Raises:
        StructureError: If the file is not found or cannot be read, or a frame differs in atoms, charge or multiplicity from
            what the row says.
        InputError: If a frame has no finite energy or forces, or no method is named.
    """
    words, path = given_words(recipe), given_file(recipe, mirror)
    found = _read(path)
    if any(len(atoms) == 0 or not ((atoms.numbers > 0) & (atoms.numbers <= HEAVIEST)).all() for atoms in found):
        raise StructureError(f"{path}: a frame without atoms, or with an element that no engine here knows; correct it")
    first, count = settings["equilibration_steps"], settings["steps"] or len(found)
    kept = range(first, min(first + count, len(found)), settings["every"])
    if not kept:
        raise StructureError(f"{path.name}: {len(found)} frames, of which the row keeps none; lower its steps")
    check_overlap(found[kept[0]])
    source = f"given {path.name} sha256:{file_digest(path, length=64)}"
    level = _level(words, found[kept[0]], path)
    heated = _bath(settings, len(kept))
    frames = []
    for place, number in enumerate(kept):
        given = found[number]
        where = f"{path.name}, frame {number + 1}"
        _check(given, found[kept[0]], where, {"charge": charge, "multiplicity": multiplicity})
        try:
            energy_ev, forces = energy_of(given), forces_of(given)
        except InputError as error:
            raise InputError(f"{where}: {error}") from None
        step = _whole(given, "step", number + 1, where)
        frame = Atoms(given.numbers, given.positions)
        frame.arrays["forces_ev_angstrom"] = forces
        frame.info = {
            "name": frame_name(run, step), "structure": name, "run": run, "ensemble": GIVEN, "seed": settings["seed"],
            "source": source, "charge": charge, "multiplicity": multiplicity, "step": step, "energy_ev": energy_ev,
            "temperature_k": _kelvin(given, where), "target_temperature_k": heated[place],
            "geometry_engine": level["engine"], "converged": True, "method_version": METHOD_VERSION,
            "structure_hash": structure_hash(frame, charge, multiplicity),
        } | level  # fmt: skip
        frames.append(frame)
    return frames


def _read(path: Path) -> Sequence[Atoms]:
    file_format = FORMATS.get(path.suffix.lower())
    if file_format is None:
        raise StructureError(f"{path}: format '{path.suffix}' is not read; {suggestion(path.suffix, list(FORMATS))}")
    try:
        if file_format == "extxyz":
            return read_frames(path)
        with path.open("rb") as file:
            return list(read(file, index=slice(None), format=file_format))
    except Exception as error:  # ASE's readers raise whatever the bytes make them
        raise_lack(error, path)
        raise StructureError(
            f"{path}: ASE reads no frames from it ({type(error).__name__}: {error}); give extended xyz with "
            "energies and forces"
        ) from error


def _level(words: Mapping[str, str], frame: Atoms, path: Path) -> dict[str, str]:
    level = {key: str(words.get(key, frame.info.get(key, ""))) for key in LEVEL}
    if not level["method"]:
        raise InputError(f"{path.name}: no method named; add method=... to the recipe, such as method=PBE")
    return level | {"engine": level["engine"] or "elsewhere"}


def _kelvin(given: Atoms, where: str) -> float:
    value = given.info.get("temperature_k", math.nan)
    if not isinstance(value, int | float | np.number):
        raise StructureError(f"{where}: temperature_k '{str(value)[:40]}' is no number; correct it")
    return float(value)


def _bath(settings: Mapping[str, Any], frames: int) -> list[float]:
    """Its temperature (kelvin) at each frame."""
    end_k = settings["end_temperature_k"] or settings["temperature_k"]
    return [float(kelvin) for kelvin in np.linspace(settings["temperature_k"], end_k, frames)]


def _whole(given: Atoms, key: str, default: int, where: str) -> int:
    value = given.info.get(key, default)
    if not isinstance(value, int | float | np.number) or not float(value).is_integer() or abs(float(value)) > 1e15:
        raise StructureError(f"{where}: {key} '{str(value)[:40]}' is no whole number; correct it")
    return int(value)


def _check(given: Atoms, first: Atoms, where: str, row: Mapping[str, int]) -> None:
    if given.get_chemical_symbols() != first.get_chemical_symbols():
        raise StructureError(
            f"{where}: other atoms, or another order, than before; give each structure a run of its own"
        )
    if not np.isfinite(given.positions).all():
        raise StructureError(f"{where}: a coordinate is not finite; correct it")
    for key, wanted in row.items():
        if _whole(given, key, wanted, where) != wanted:
            raise StructureError(f"{where}: {key} {given.info[key]}, the row says {wanted}; correct one of them")
