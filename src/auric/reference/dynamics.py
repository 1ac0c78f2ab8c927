"""Dynamics at one rung of the ladder: labelled frames of one run, for training and testing potentials.

A run is done in chunks. Each ends in a checkpoint (positions, momenta, state of the random numbers) and is an entry of the
label store, so that a killed run goes on behind its last whole chunk. Every chunk starts with a fresh calculator: what a
self-consistent field starts from would otherwise differ between a run that was interrupted and one that was not. Each
entry names the state that it started from, so that a chunk never follows another trajectory's.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms, units
from ase.calculators.calculator import CalculationFailed
from ase.data import covalent_radii
from ase.md.langevin import Langevin
from ase.md.md import MolecularDynamics
from ase.md.velocitydistribution import MaxwellBoltzmannDistribution, Stationary, ZeroRotation
from ase.md.verlet import VelocityVerlet
from ase.optimize import LBFGS

from auric.errors import InputError, ScfError, StructureError, suggestion
from auric.files import write_frames
from auric.progress import log
from auric.provenance import digest
from auric.reference.calculators import engine_calculator
from auric.reference.interface import Engine
from auric.reference.label import basis_name
from auric.reference.store import Entry, Store, structure_hash
from auric.reference.version import METHOD_VERSION
from auric.structures.check import check_overlap, electron_count
from auric.structures.motifs import METALS
from auric.structures.table import frame_name

ENSEMBLES = ("nve", "langevin")
BONDED_SHARE = 1.3
"""Atoms nearer than this multiple of the sum of their covalent radii are bonded."""


@dataclass(frozen=True)
class DynamicsSettings:
    """Settings of one run.

    Attributes:
        ensemble: `nve`, constant energy (velocity Verlet), or `langevin`, coupled to a bath.
        temperature_k: Temperature of the initial velocities, and of the bath (kelvin).
        end_temperature_k: Bath temperature of the last step, to which it rises or falls linearly; None keeps it constant.
        timestep_fs: Time step (femtosecond).
        steps: Steps after equilibration.
        every: Each so many steps a frame is kept.
        equilibration_steps: Steps before, of which nothing is kept.
        friction_per_fs: Friction of the bath (1/femtosecond).
        seed: Seed of the velocities and of the bath; the structure's hash is mixed in.
        relax: Whether the structure is relaxed before.
        fmax_ev_angstrom: Largest force at which it counts as relaxed (eV/angstrom).
        relax_steps: Steps after which it is taken as it is.
        checkpoint_steps: Steps of a chunk.
        bond_limit: A bond of the start between other atoms than metals that stretches beyond this multiple of the sum of
            the covalent radii ends the run.
        temperature_limit_k: So does an instantaneous temperature beyond this (kelvin).
    """

    ensemble: str = "nve"
    temperature_k: float = 750.0
    end_temperature_k: float | None = None
    timestep_fs: float = 1.5
    steps: int = 1000
    every: int = 1
    equilibration_steps: int = 0
    friction_per_fs: float = 0.02
    seed: int = 0
    relax: bool = True
    fmax_ev_angstrom: float = 0.05
    relax_steps: int = 200
    checkpoint_steps: int = 100
    bond_limit: float = 2.0
    temperature_limit_k: float = 5000.0

    def __post_init__(self) -> None:
        if self.ensemble not in ENSEMBLES:
            raise InputError(
                f"dynamics.ensemble '{self.ensemble[:40]}' is unknown; {suggestion(self.ensemble, ENSEMBLES)}"
            )
        lowest = {"steps": 1, "every": 1, "equilibration_steps": 0, "seed": 0, "relax_steps": 0, "checkpoint_steps": 1}
        for name, low in lowest.items():
            number = getattr(self, name)
            if not isinstance(number, int) or isinstance(number, bool) or number < low:
                raise InputError(f"dynamics.{name}: {number} cannot be used; give a whole number from {low}")
        for name in (
            "temperature_k", "timestep_fs", "friction_per_fs", "fmax_ev_angstrom", "bond_limit", "temperature_limit_k"
        ):  # fmt: skip
            if not (math.isfinite(getattr(self, name)) and getattr(self, name) > 0):
                raise InputError(f"dynamics.{name}: {getattr(self, name)} cannot be used; give a number above 0")
        end = self.end_temperature_k
        if end is not None and not (math.isfinite(end) and end > 0):
            raise InputError(f"dynamics.end_temperature_k: {end} cannot be used; give a number above 0, or none")
        if end is not None and self.ensemble == "nve":
            raise InputError("dynamics.end_temperature_k: nve has no bath to heat; leave it out, or use langevin")
        if self.every > self.steps:
            raise InputError(f"dynamics.every: {self.every} of {self.steps} steps keeps no frame; lower it")

    def target_k(self, step: int) -> float:
        """Bath temperature (kelvin) of a step, counted from 1 after equilibration."""
        if self.end_temperature_k is None or step <= 1:
            return self.temperature_k
        return self.temperature_k + (self.end_temperature_k - self.temperature_k) * (step - 1) / (self.steps - 1)


@dataclass(frozen=True)
class DynamicsSummary:
    """How a run went.

    Attributes:
        run: Name of the run.
        frames: Frames kept.
        steps: Steps done, equilibration included.
        mean_temperature_k: Mean over the frames (kelvin); NaN without frames.
        energy_drift_ev_per_atom_ps: Slope of the total energy of an `nve` run; NaN for others and below three frames.
        energy_scatter_ev_per_atom: Root mean square deviation of the total energy from that line; NaN where that is.
        stopped: Why the run ended early; empty if it did not.
    """

    run: str
    frames: int
    steps: int
    mean_temperature_k: float
    energy_drift_ev_per_atom_ps: float
    energy_scatter_ev_per_atom: float
    stopped: str


def run_dynamics(
    atoms: Atoms, engine: Engine, settings: DynamicsSettings, path: str | Path, *, store: Store, run: str = ""
) -> DynamicsSummary:
    """Run dynamics and write the labelled frames.

    The same structure, engine, settings and seed give the same frames; on the same machine with one thread bit for bit,
    interrupted or not.

    Args:
        atoms: The structure (angstrom); `info` holds its name, charge and multiplicity.
        engine: Gives energies and forces.
        settings: How the run goes.
        path: Extended xyz to write once the run has ended. Array `forces_ev_angstrom`; `info` of each frame adds
            `energy_ev` (potential), `kinetic_energy_ev`, `run`, `seed`, `ensemble`, `step` and `time_fs` (after
            equilibration), `temperature_k` (instantaneous; of 3 N degrees of freedom with a bath, of those without
            translation and rotation without one), `target_temperature_k` and the engine's stamp.
        store: Keeps the chunks.
        run: Name of the run; by default name and seed of the structure.

    Raises:
        StructureError: If the structure cannot be started from.
        InputError: If the engine gives no forces.
        ScfError: If the structure cannot be relaxed.
    """
    charge, multiplicity = int(atoms.info["charge"]), int(atoms.info["multiplicity"])
    run = run or f"{atoms.info['name']}_{settings.seed}"
    _check(atoms, engine, charge, multiplicity)
    base: dict[str, Any] = {
        "kind": "dynamics", "structure": structure_hash(atoms, charge, multiplicity), "settings": _on_the_way(settings),
        "engine": engine.identity(), "method_version": METHOD_VERSION,
    }  # fmt: skip
    state, _ = store.get_or_make(base | {"chunk": "start"}, partial(_start, atoms, engine, settings, base["structure"]))
    total = settings.equilibration_steps + settings.steps
    chunks: list[Entry] = []
    for first in range(0, total, settings.checkpoint_steps):
        last = min(first + settings.checkpoint_steps, total)
        identity = base | {"chunk": [first, last], "from": _digest(state)}
        state, known = store.get_or_make(identity, partial(_advance, atoms, engine, settings, state, first, last))
        chunks.append(state)
        log.info("%s: step %d of %d%s", run, state[0]["step"], total, " (kept from before)" if known else "")
        if state[0]["stopped"]:
            log.warning("%s: %s", run, state[0]["stopped"])
            break
    frames = list(_labelled(atoms, engine, settings, chunks, run))
    write_frames(path, frames)
    return _summary(run, settings, frames, state[0])


def _on_the_way(settings: DynamicsSettings) -> dict[str, Any]:
    """What a step depends on: not how many there are, but where the bath changes on the way. So a run goes on where a shorter one ended."""
    found = asdict(settings)
    if settings.end_temperature_k in (None, settings.temperature_k):
        del found["steps"]
    return found


def _check(atoms: Atoms, engine: Engine, charge: int, multiplicity: int) -> None:
    if len(atoms) < 2:
        raise StructureError(f"{atoms.info['name']}: one atom does not move; give a molecule or cluster")
    if not np.isfinite(atoms.positions).all():
        raise StructureError(f"{atoms.info['name']}: a coordinate is not finite; correct it")
    check_overlap(atoms)
    electrons, unpaired = electron_count(atoms, charge), multiplicity - 1
    if not 0 <= unpaired <= electrons or (electrons - unpaired) % 2:
        raise StructureError(
            f"{atoms.info['name']}: multiplicity {multiplicity} is impossible with {electrons} electrons "
            f"(charge {charge}); correct one of them"
        )
    engine.check(atoms.get_chemical_symbols())


def _start(atoms: Atoms, engine: Engine, settings: DynamicsSettings, structure: str) -> Entry:
    """The first state: relaxed, with velocities that neither move nor turn the whole.

    Velocities are not scaled up for what is taken away, so that all that is left moves at the temperature asked for.
    """
    moving = Atoms(atoms.numbers, atoms.positions)
    if settings.relax:
        moving.calc = engine_calculator(engine, int(atoms.info["charge"]), int(atoms.info["multiplicity"]))
        try:
            if not LBFGS(moving, logfile=None).run(fmax=settings.fmax_ev_angstrom, steps=settings.relax_steps):
                log.warning(
                    "%s: relaxation stopped above %g eV/angstrom", atoms.info["name"], settings.fmax_ev_angstrom
                )
        except CalculationFailed as error:
            raise ScfError(f"{engine.name} failed while relaxing ({error}); check charge and multiplicity") from error
    rng = np.random.default_rng([settings.seed, int(structure, 16)])
    MaxwellBoltzmannDistribution(moving, temperature_K=settings.temperature_k, rng=rng)
    Stationary(moving, preserve_temperature=False)
    with np.errstate(divide="ignore", invalid="ignore"):  # of a linear molecule's axis
        ZeroRotation(moving, preserve_temperature=False)
    return _state(moving, rng, step=0, stopped=""), _moments(moving)


def _state(moving: Atoms, rng: np.random.Generator, *, step: int, stopped: str) -> dict[str, Any]:
    return {"step": step, "stopped": stopped, "random": rng.bit_generator.state}


def _moments(moving: Atoms) -> dict[str, np.ndarray]:
    """Positions (angstrom) and momenta (ASE's units), shape (atoms, 3), to the last bit."""
    return {"end_positions": moving.get_positions(), "end_momenta": moving.get_momenta()}


def _digest(state: Entry) -> str:
    content, arrays = state
    parts = (np.ascontiguousarray(arrays[name]).tobytes() for name in ("end_positions", "end_momenta"))
    return digest(*parts, json.dumps(content["random"], sort_keys=True))


def _advance(atoms: Atoms, engine: Engine, settings: DynamicsSettings, state: Entry, first: int, last: int) -> Entry:
    """Steps `first` + 1 to `last` from a state; the frames they keep, and the state they end in."""
    moving = Atoms(atoms.numbers, state[1]["end_positions"], momenta=state[1]["end_momenta"])
    moving.calc = engine_calculator(engine, int(atoms.info["charge"]), int(atoms.info["multiplicity"]))
    rng = np.random.default_rng()
    rng.bit_generator.state = state[0]["random"]
    dynamics = _integrator(moving, settings, rng)
    pairs, longest = _bonds(atoms, settings.bond_limit)
    freedom = _degrees_of_freedom(atoms, settings.ensemble)
    kept: dict[str, list[Any]] = {
        name: [] for name in ("step", "energy_ev", "kinetic_energy_ev", "positions", "forces")
    }
    stopped, done = "", first
    for number in range(first + 1, last + 1):
        step = number - settings.equilibration_steps
        if isinstance(dynamics, Langevin):
            dynamics.set_temperature(temperature_K=settings.target_k(step))
        try:
            with np.errstate(over="ignore", invalid="ignore"):  # a run that explodes is seen below
                forces = dynamics.step()
                energy_ev, kinetic_ev = float(moving.get_potential_energy()), float(moving.get_kinetic_energy())
                finite = math.isfinite(energy_ev + kinetic_ev) and bool(np.isfinite(forces).all())
        except (CalculationFailed, ScfError) as error:
            stopped = f"step {number}: {engine.name} failed ({error})"
            break
        if not finite:
            stopped = f"step {number}: energy or forces are not finite; shorten the time step"
            break
        stopped = _exploded(moving, pairs, longest, kinetic_ev, freedom, settings)
        if stopped:
            stopped = f"step {number}: {stopped}"
            break
        done = number
        if step > 0 and step % settings.every == 0:
            for name, value in zip(
                kept, (step, energy_ev, kinetic_ev, moving.get_positions(), forces.copy()), strict=True
            ):
                kept[name].append(value)
    arrays = {name: np.array(values) for name, values in kept.items()}
    return _state(moving, rng, step=done, stopped=stopped), arrays | _moments(moving)


def _integrator(moving: Atoms, settings: DynamicsSettings, rng: np.random.Generator) -> MolecularDynamics:
    timestep = settings.timestep_fs * units.fs
    if settings.ensemble == "nve":
        return VelocityVerlet(moving, timestep)
    # ASE's fixcm takes the same momentum from light and heavy atoms alike, which heats hydrogen beside gold far above
    # the bath; a centre of mass that drifts a little changes no energy and no descriptor.
    return Langevin(
        moving, timestep, temperature_K=settings.temperature_k, friction=settings.friction_per_fs / units.fs, rng=rng,
        fixcm=False,
    )  # fmt: skip


def _bonds(atoms: Atoms, limit: float) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of bonded atoms that are no metals, shape (bonds, 2), and how long each may get (angstrom), shape (bonds,)."""
    reach = covalent_radii[atoms.numbers][:, None] + covalent_radii[atoms.numbers]
    plain = ~np.isin(atoms.get_chemical_symbols(), METALS)
    bonded = (atoms.get_all_distances() < BONDED_SHARE * reach) & plain[:, None] & plain
    pairs = np.argwhere(np.triu(bonded, 1))
    return pairs, limit * reach[pairs[:, 0], pairs[:, 1]]


def _degrees_of_freedom(atoms: Atoms, ensemble: str) -> int:
    """All with a bath; without one, translation (3) and rotation (3, of a linear molecule 2) stay at rest."""
    if ensemble != "nve":
        return 3 * len(atoms)
    moments = atoms.get_moments_of_inertia()
    return 3 * len(atoms) - 3 - int((moments > 1e-6 * moments.max()).sum())


def _temperature_k(kinetic_ev: float, freedom: int) -> float:
    return float(2 * kinetic_ev / (freedom * units.kB))


def _exploded(
    moving: Atoms, pairs: np.ndarray, longest: np.ndarray, kinetic_ev: float, freedom: int, settings: DynamicsSettings
) -> str:
    """Why a run cannot go on, or nothing."""
    temperature_k = _temperature_k(kinetic_ev, freedom)
    if temperature_k > settings.temperature_limit_k:
        return f"{temperature_k:.0f} K, above the limit of {settings.temperature_limit_k:g} K; shorten the time step"
    lengths = np.linalg.norm(moving.positions[pairs[:, 0]] - moving.positions[pairs[:, 1]], axis=1)
    broken = np.flatnonzero(lengths > longest)
    if not len(broken):
        return ""
    i, j = pairs[broken[0]]
    return (
        f"the bond of atoms {i + 1} ({moving.symbols[i]}) and {j + 1} ({moving.symbols[j]}) is broken: "
        f"{lengths[broken[0]]:.2f} angstrom; lower the temperature"
    )


def _labelled(
    atoms: Atoms, engine: Engine, settings: DynamicsSettings, chunks: Sequence[Entry], run: str
) -> Iterator[Atoms]:
    charge, multiplicity = int(atoms.info["charge"]), int(atoms.info["multiplicity"])
    identity, freedom = engine.identity(), _degrees_of_freedom(atoms, settings.ensemble)
    stamp = {
        "structure": str(atoms.info["name"]), "run": run, "ensemble": settings.ensemble, "seed": settings.seed,
        "geometry_engine": engine.name, "engine": engine.name, "method": identity["method"],
        "basis": basis_name(identity.get("basis", "")), "converged": True, "method_version": METHOD_VERSION,
    }  # fmt: skip
    for _, kept in chunks:
        for number, step in enumerate(kept["step"].tolist()):
            frame = Atoms(atoms.numbers, kept["positions"][number], info=atoms.info | stamp)
            kinetic_ev = float(kept["kinetic_energy_ev"][number])
            frame.info |= {
                "name": frame_name(run, step), "step": step, "time_fs": step * settings.timestep_fs,
                "energy_ev": float(kept["energy_ev"][number]), "kinetic_energy_ev": kinetic_ev,
                "temperature_k": _temperature_k(kinetic_ev, freedom), "target_temperature_k": settings.target_k(step),
                "structure_hash": structure_hash(frame, charge, multiplicity),
            }  # fmt: skip
            frame.arrays["forces_ev_angstrom"] = kept["forces"][number]
            yield frame


def _summary(run: str, settings: DynamicsSettings, frames: Sequence[Atoms], end: Mapping[str, Any]) -> DynamicsSummary:
    mean = float(np.mean([frame.info["temperature_k"] for frame in frames])) if frames else math.nan
    drift = scatter = math.nan
    if settings.ensemble == "nve" and len(frames) > 2:
        time_ps = np.array([frame.info["time_fs"] for frame in frames]) / 1000
        total = np.array([frame.info["energy_ev"] + frame.info["kinetic_energy_ev"] for frame in frames])
        per_atom = (total - total.mean()) / len(frames[0])
        line = np.polynomial.Polynomial.fit(time_ps, per_atom, 1)
        drift, scatter = float(line.convert().coef[-1]), float(np.sqrt(np.mean((per_atom - line(time_ps)) ** 2)))
    return DynamicsSummary(run, len(frames), end["step"], mean, drift, scatter, end["stopped"])
