"""Single points for one block of frames, kept in the label store as they are made."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms

from auric.errors import ScfError
from auric.files import read_frames, write_frames, write_table
from auric.progress import Counter, log, reason_of
from auric.provenance import block_of, library_versions
from auric.reference.engines import make_engine
from auric.reference.interface import Engine, Labels
from auric.reference.orbitals import Orbitals, write_orbitals
from auric.reference.store import Entry, Store, structure_hash
from auric.reference.version import METHOD_VERSION
from auric.structures.check import electron_count
from auric.structures.prepare import FAILURE_COLUMNS

LIBRARIES = ("pyscf", "tblite", "numpy", "ase")


def label_block(
    frames: str | Path, labels: str | Path, orbitals: str | Path, failures: str | Path, *,
    block: int, blocks: int, engine: str, settings: Mapping[str, Any], store: str | Path,
    warm_start: bool = True, threads: int = 1, memory_mb: int = 4000,
) -> None:  # fmt: skip
    """Label those frames whose names fall into a block.

    Args:
        frames: Extended xyz with frames of several blocks.
        labels: Extended xyz to write: the block's frames with energies (eV) and forces (eV/angstrom) if computed.
        orbitals: Orbitals of the same frames (npz).
        failures: CSV of frames without labels, with the reason.
        block: This block's number.
        blocks: Number of blocks.
        engine: Name of the engine.
        settings: Its settings.
        store: Folder of the label store.
        warm_start: Whether each frame starts from the orbitals of the one before, if it is of the same structure.
        threads: Threads for the engine.
        memory_mb: Memory for the engine (megabyte).
    """
    mine = [atoms for atoms in read_frames(frames) if block_of(atoms.info["name"], blocks) == block]
    rung = make_engine(engine, settings, threads=threads, memory_mb=memory_mb)
    good, kept, failed = label_frames(mine, rung, Store(store), warm_start=warm_start)
    write_frames(labels, good)
    write_orbitals(orbitals, kept)
    write_table(failures, failed, FAILURE_COLUMNS)


def label_frames(
    frames: Sequence[Atoms], engine: Engine, store: Store, *, warm_start: bool
) -> tuple[list[Atoms], dict[str, Orbitals], list[dict[str, str]]]:
    """Label frames one after the other; a frame that fails leaves its reason and stops no other.

    Args:
        frames: Named frames with charge, multiplicity and the `structure` they are of.
        engine: Labels them.
        store: Keeps the labels.
        warm_start: Whether each frame starts from the orbitals of the one before, if it is of the same structure.

    Returns:
        Labelled frames, orbitals by name (of engines that give any), and rows of failures.
    """
    good: list[Atoms] = []
    kept: dict[str, Orbitals] = {}
    failed: list[dict[str, str]] = []
    counter = Counter("frame", len(frames))
    last: tuple[str, Orbitals | None] = ("", None)
    for atoms in frames:
        name = str(atoms.info["name"])
        try:
            start = last[1] if warm_start and last[0] == atoms.info["structure"] else None
            content, arrays = label_once(atoms, engine, store, start=start)
            failure = content["failure"]
        except Exception as error:
            failure = reason_of(error, name)
        if failure:
            log.warning("%s: %s", name, failure)
            failed.append({"stage": "labels", "structure": atoms.info["structure"], "frame": name, "reason": failure})
        else:
            good.append(_labelled(atoms, content, arrays))
            if content["orbitals"]:
                kept[name] = Orbitals.from_parts(content["orbitals"], arrays)
                last = (atoms.info["structure"], kept[name])
        counter.step(name)
    return good, kept, failed


def label_once(atoms: Atoms, engine: Engine, store: Store, *, start: Orbitals | None = None) -> Entry:
    """The stored label of a structure, computed and stored if it is new; a failure is stored with its reason too.

    Args:
        atoms: The structure; `info` holds its charge and multiplicity.
        engine: Labels it.
        store: Keeps it.
        start: Orbitals of a like frame to start from; they are no part of what a label is.
    """
    charge, multiplicity = int(atoms.info["charge"]), int(atoms.info["multiplicity"])
    identity = _identity(atoms, engine)
    entry, known = store.get_or_make(identity, lambda: _make(atoms, charge, multiplicity, engine, identity, start))
    log.info("%s: %s", atoms.info.get("name", "structure"), "kept from before" if known else "computed")
    return entry


def known_label(atoms: Atoms, engine: Engine, store: Store) -> Entry | None:
    """The stored label of a structure, or None; nothing is computed."""
    return store.get(_identity(atoms, engine))


def _identity(atoms: Atoms, engine: Engine) -> dict[str, Any]:
    charge, multiplicity = int(atoms.info["charge"]), int(atoms.info["multiplicity"])
    return {
        "kind": "label", "structure": structure_hash(atoms, charge, multiplicity), "engine": engine.identity(),
        "method_version": METHOD_VERSION,
    }  # fmt: skip


def _make(
    atoms: Atoms, charge: int, multiplicity: int, engine: Engine, identity: dict[str, Any], start: Orbitals | None
) -> Entry:
    provenance = identity["engine"] | {
        "structure_hash": identity["structure"], "method_version": METHOD_VERSION, "versions": library_versions(LIBRARIES)
    }  # fmt: skip
    content: dict[str, Any] = {"failure": "", "provenance": provenance, "orbitals": None}
    started = time.perf_counter()
    try:
        result = engine.label(atoms, charge, multiplicity, start=start)
    except ScfError as error:
        seconds = time.perf_counter() - started
        return content | {"failure": str(error), "details": {"seconds": seconds}}, {}
    content |= {"energy_ev": result.energy_ev, "details": result.details}
    return content | _orbitals_header(result, provenance), _arrays(result)


def _orbitals_header(result: Labels, provenance: dict[str, Any]) -> dict[str, Any]:
    if result.orbitals is None:
        return {}
    return {"orbitals": result.orbitals.header() | {"provenance": provenance}}


def _arrays(result: Labels) -> dict[str, np.ndarray]:
    arrays = dict(result.orbitals.arrays()) if result.orbitals is not None else {}
    if result.forces_ev_angstrom is not None:
        arrays["forces_ev_angstrom"] = result.forces_ev_angstrom
    return arrays


def _labelled(atoms: Atoms, content: dict[str, Any], arrays: dict[str, np.ndarray]) -> Atoms:
    frame = atoms.copy()
    provenance, details = content["provenance"], content["details"]
    frame.info |= {
        "energy_ev": content["energy_ev"],
        "engine": provenance["engine"],
        "method": provenance["method"],
        "basis": basis_name(provenance["basis"]),
        "converged": True,
        "attempt": details["attempt"],
        "seconds": details["seconds"],
        "threads": details.get("threads", 1),
        "electrons": details.get("electrons", electron_count(atoms, int(atoms.info["charge"]))),
        "structure_hash": provenance["structure_hash"],
        "method_version": provenance["method_version"],
    }
    if "forces_ev_angstrom" in arrays:
        frame.arrays["forces_ev_angstrom"] = arrays["forces_ev_angstrom"]
    return frame


def basis_name(basis: str | Mapping[str, str]) -> str:
    """The basis as one line of text: its name, or names by element."""
    if isinstance(basis, str):
        return basis
    return ", ".join(f"{name}" if element == "default" else f"{element}: {name}" for element, name in basis.items())
