"""Relaxed structures and thermal frames at the semi-empirical rung.

A structure is relaxed (optional), then a seeded Langevin trajectory gives thermal frames; frame 0 is the structure the
trajectory starts from. The seed comes from the configuration's seed and the structure itself, so that neither its name
nor its neighbours in the table change its frames.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms, units
from ase.calculators.calculator import CalculationFailed
from ase.md.langevin import Langevin
from ase.md.velocitydistribution import MaxwellBoltzmannDistribution, Stationary, ZeroRotation
from ase.optimize import LBFGS

from auric.errors import ScfError, StructureError
from auric.files import read_frames, write_frames, write_table
from auric.progress import log, reason_of
from auric.reference.calculators import engine_calculator
from auric.reference.engines import make_engine
from auric.reference.store import Entry, Store, structure_hash
from auric.reference.version import METHOD_VERSION
from auric.reference.xtb import RETRY_TEMPERATURES_K, XtbEngine, XtbSettings
from auric.structures.bonds import GOLD_SULFUR, BondRule
from auric.structures.check import check_structure
from auric.structures.prepare import FAILURE_COLUMNS
from auric.structures.table import frame_name


def frames_block(
    structures: str | Path, frames: str | Path, failures: str | Path, *,
    settings: Mapping[str, Any], labels: Mapping[str, Any], store: str | Path, bond: Mapping[str, Any] | None = None,
) -> None:  # fmt: skip
    """Relax the structures of a block and draw their thermal frames.

    Args:
        structures: Extended xyz of a block of structures.
        frames: Extended xyz to write; `info` of each adds `structure` and a `name` such as `au4_0003`.
        failures: CSV to write.
        settings: Keys of `reference.frames` and `reference.xtb` of the configuration, as `frames` and `xtb`.
        labels: Engine that will label the frames (`engine`) and its settings (`settings`): what it cannot label is
            refused before it is relaxed.
        store: Folder of the label store.
        bond: Fields of `BondRule`, of which a frame needs one; sulfur and gold by default.
    """
    engine, keep = XtbEngine(XtbSettings(**settings["xtb"])), Store(store)
    labeller = make_engine(labels["engine"], labels["settings"])
    rule = BondRule(**(bond or {}))
    made: list[Atoms] = []
    failed: list[dict[str, str]] = []
    for atoms in read_frames(structures):
        name = str(atoms.info["name"])
        try:
            labeller.check(atoms.get_chemical_symbols())
            made += _frames_of(atoms, name, engine, settings["frames"], keep, failed, rule)
        except Exception as error:
            reason = reason_of(error, name)
            failed.append({"stage": "frames", "structure": name, "frame": "", "reason": reason})
    write_frames(frames, made)
    write_table(failures, failed, FAILURE_COLUMNS)


def _frames_of(
    atoms: Atoms, name: str, engine: XtbEngine, settings: Mapping[str, Any], store: Store,
    failed: list[dict[str, str]], rule: BondRule,
) -> list[Atoms]:  # fmt: skip
    charge, multiplicity = int(atoms.info["charge"]), int(atoms.info["multiplicity"])
    wanted = {**settings, "count": int(atoms.info.get("thermal_frames", settings["count"]))}
    (content, arrays), known = _kept(atoms, engine, wanted, store, rule)
    log.info("%s: %d frames%s", name, len(arrays["positions_angstrom"]), " (kept from before)" if known else "")
    frames = []
    for number, positions in enumerate(arrays["positions_angstrom"]):
        frame = Atoms(atoms.numbers, positions, info=dict(atoms.info))
        frame.info.pop("thermal_frames", None)
        frame.info |= {"name": frame_name(name, number), "structure": name, "geometry_engine": engine.name}
        try:
            check_structure(frame, charge=charge, multiplicity=multiplicity, rule=rule)
            frames.append(frame)
        except StructureError as error:
            failed.append({"stage": "frames", "structure": name, "frame": frame.info["name"], "reason": str(error)})
    if content["stopped"]:
        failed.append({"stage": "frames", "structure": name, "frame": "", "reason": content["stopped"]})
    return frames


def relaxed_structure(
    atoms: Atoms, engine: XtbEngine, settings: Mapping[str, Any], store: Store, rule: BondRule = GOLD_SULFUR
) -> Atoms:
    """The structure relaxed at the semi-empirical rung: frame 0 of it, kept in the store like that.

    Args:
        atoms: The structure (angstrom); `info` holds its charge and multiplicity.
        engine: GFN1-xTB.
        settings: Keys of `reference.frames` of the configuration, and `seed`; no thermal frame is made.
        store: Label store.
        rule: What counts as a bond, for the log.

    Raises:
        ScfError: If the SCF does not converge.
    """
    (_, arrays), _ = _kept(atoms, engine, {**settings, "count": 0}, store, rule)
    return Atoms(atoms.numbers, arrays["positions_angstrom"][0], info=dict(atoms.info))


def _kept(
    atoms: Atoms, engine: XtbEngine, wanted: Mapping[str, Any], store: Store, rule: BondRule
) -> tuple[Entry, bool]:
    charge, multiplicity = int(atoms.info["charge"]), int(atoms.info["multiplicity"])
    start = structure_hash(atoms, charge, multiplicity)
    identity = {
        "kind": "frames", "structure": start, "settings": wanted,
        "engine": engine.identity(), "method_version": METHOD_VERSION,
    }  # fmt: skip
    return store.get_or_make(identity, lambda: _trajectory(atoms, charge, multiplicity, engine, wanted, start, rule))


def _trajectory(
    atoms: Atoms, charge: int, multiplicity: int, engine: XtbEngine, settings: Mapping[str, Any], structure: str, rule: BondRule,
) -> Entry:  # fmt: skip
    """Positions of all frames, shape (frames, atoms, 3), angstrom; hotter electrons if the SCF fails on the way."""
    for attempt, temperature_k in enumerate(RETRY_TEMPERATURES_K, start=1):
        moving = Atoms(atoms.numbers, atoms.positions)
        moving.calc = engine_calculator(engine, charge, multiplicity, temperature_k=temperature_k)
        positions: list[np.ndarray] = []
        stopped = ""
        try:
            if settings["relax"]:
                _relax(moving, settings, rule)
            for frame in _thermal(moving, settings, structure):
                positions.append(frame)
        except CalculationFailed as error:
            stopped = f"GFN1-xTB failed after {len(positions)} frames ({error})"
        if not stopped or (attempt == len(RETRY_TEMPERATURES_K) and positions):
            return {"stopped": stopped, "attempt": attempt}, {"positions_angstrom": np.array(positions)}
    raise ScfError(f"{stopped}, also with electrons at {RETRY_TEMPERATURES_K[-1]:g} K; check charge and multiplicity")


def _relax(atoms: Atoms, settings: Mapping[str, Any], rule: BondRule) -> None:
    bonds_before = len(rule.bonds(atoms))
    optimiser = LBFGS(atoms, logfile=None)
    if not optimiser.run(fmax=settings["fmax_ev_angstrom"], steps=settings["relax_steps"]):
        log.warning(
            "relaxation stopped after %d steps above %g eV/angstrom", optimiser.nsteps, settings["fmax_ev_angstrom"]
        )
    bonds = len(rule.bonds(atoms))
    log.info("relaxed in %d steps, %s bonds %d -> %d", optimiser.nsteps, rule.name, bonds_before, bonds)


def _thermal(atoms: Atoms, settings: Mapping[str, Any], structure: str) -> Iterator[np.ndarray]:
    """Yield the start and then `count` thermal frames, positions (atoms, 3) in angstrom."""
    yield atoms.positions.copy()
    if not settings["count"]:
        return
    rng = np.random.default_rng([settings["seed"], int(structure, 16)])
    MaxwellBoltzmannDistribution(atoms, temperature_K=settings["temperature_k"], rng=rng)
    Stationary(atoms)
    ZeroRotation(atoms)
    dynamics = Langevin(
        atoms,
        settings["timestep_fs"] * units.fs,
        temperature_K=settings["temperature_k"],
        friction=settings["friction_per_fs"] / units.fs,
        rng=rng,
    )
    dynamics.run(settings["equilibration_steps"])
    for _ in range(settings["count"]):
        dynamics.run(settings["interval_steps"])
        yield atoms.positions.copy()
