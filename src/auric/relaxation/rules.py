"""The relaxation room's tasks between files, as the workflow calls them."""

from collections.abc import Callable, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

from ase import Atoms
from ase.calculators.calculator import Calculator

from auric.errors import InputError, ScfError, StructureError
from auric.files import read_frames, write_frames, write_table
from auric.potential.calculators import LinearCalculator
from auric.potential.correction import Correction
from auric.potential.directed import DirectedForces, DirectedSettings
from auric.potential.labels import read_runs, sampled
from auric.potential.linear import LinearPotential
from auric.progress import log, reason_of
from auric.reference.calculators import engine_calculator
from auric.reference.engines import make_engine
from auric.reference.points import StoredCalculator
from auric.reference.store import Store
from auric.relaxation.better import relax_at_better_level, ways_at_better_level
from auric.relaxation.calculators import NotFiniteError
from auric.relaxation.optimise import RelaxationSettings, relax
from auric.relaxation.series import SERIES_COLUMNS, relax_series
from auric.relaxation.tasks import (
    COLUMNS,
    RING_COLUMNS,
    STRETCHED_COLUMNS,
    TRACE_COLUMNS,
    Told,
    relax_rings,
    relax_stretched,
    relax_ways,
)
from auric.structures.check import check_overlap
from auric.structures.prepare import FAILURE_COLUMNS
from auric.structures.recipes import Places, build_recipe

WAY_COLUMNS = ("run", "step", "method", "verdict", "calls", "note")


def relax_run(
    frames: str | Path, model: str | Path, table: str | Path, relaxed: str | Path, traces: str | Path, failures: str | Path, *,
    settings: Mapping[str, Any], xtb: Mapping[str, Any], store: str | Path, directed: str | Path | None = None,
) -> None:  # fmt: skip
    """Relax frames of one run: by the reference alone, by the potential alone, and by both together.

    Args:
        frames: A run at GFN1-xTB (extended xyz).
        model: The linear potential (npz).
        table: CSV to write, columns `COLUMNS`, one row for each start and method.
        relaxed: Extended xyz to write, the end of each, its `method` and reference energy in `info`.
        traces: CSV to write, columns `TRACE_COLUMNS`: reference energies along the ways; of those by potentials alone, of the
            first start.
        failures: CSV to write, columns those of all failure tables: starts that could not be relaxed; the others go on.
        settings: The part `relaxation` of a study.
        xtb: Settings of the reference engine.
        store: Folder of the label store, which keeps the reference's points.
        directed: The thesis's forces (npz), to relax by too.

    Raises:
        InputError: If the potential does not know an element of the run.
    """
    potential = LinearPotential.load(model)
    forces = DirectedForces.load(directed) if directed else None
    starts = sampled(read_frames(frames), frames=settings["starts"], spacing="even")
    for start in starts:
        check_species(potential, start.symbols)

    def ways(start: Atoms) -> list[Told]:
        reference = _reference(start, xtb, store)
        return relax_ways(start, potential, reference, settings, directed=forces, traced=start is starts[0])

    _write_ways(starts, ways, table, relaxed, traces, failures)


def better_of_run(
    frames: str | Path, model: str | Path, table: str | Path, relaxed: str | Path, traces: str | Path, failures: str | Path, *,
    settings: Mapping[str, Any], engine: str, engine_settings: Mapping[str, Any], xtb: Mapping[str, Any], store: str | Path,
    threads: int = 1, memory_mb: int = 4000,
) -> None:  # fmt: skip
    """Relax frames of one run at a better level than theirs (`relax_at_better_level`).

    Args:
        frames: A run at GFN1-xTB (extended xyz).
        model: The correction from GFN1-xTB to the better level (npz).
        table: As of `relax_run`, and so are the other files to write.
        relaxed: See there.
        traces: See there.
        failures: See there.
        settings: The part `relaxation` of a study.
        engine: Name of the better level's engine.
        engine_settings: Its settings; whatever they say of forces, forces are computed.
        xtb: Settings of GFN1-xTB.
        store: Folder of the label store.
        threads: For the engine.
        memory_mb: Likewise (megabyte).

    Raises:
        InputError: If the correction does not know an element of the run, or is to another level.
    """
    correction, starts, levels = _two_levels(
        frames, model, settings, engine, engine_settings, xtb, store, threads, memory_mb
    )

    def ways(start: Atoms) -> list[Told]:
        cheap_of, better = levels(start)
        return relax_at_better_level(start, cheap_of, correction, better, settings)

    _write_ways(starts, ways, table, relaxed, traces, failures, level=correction.better[1])


def one_way_of_run(
    frames: str | Path, model: str | Path, table: str | Path, *, way: str, settings: Mapping[str, Any], engine: str,
    engine_settings: Mapping[str, Any], xtb: Mapping[str, Any], store: str | Path, threads: int = 1, memory_mb: int = 4000,
) -> None:  # fmt: skip
    """Go one way of `better_of_run`, whose reference points are in the store then: ways are independent jobs.

    Args:
        frames: See `better_of_run`, and so for what is not told here.
        model: See there.
        table: CSV to write, columns `WAY_COLUMNS`: what came of each start; `better_of_run` tells what it was worth.
        way: One of `auric.relaxation.names.WAYS`.
        settings: See there.
        engine: See there.
        engine_settings: See there.
        xtb: See there.
        store: See there.
        threads: See there.
        memory_mb: See there.

    Raises:
        InputError: If the correction does not know an element of the run, or is to another level.
    """
    correction, starts, levels = _two_levels(
        frames, model, settings, engine, engine_settings, xtb, store, threads, memory_mb
    )
    rows = []
    for start in starts:
        said = {"run": start.info.get("run", ""), "step": start.info.get("step", "")}
        try:
            check_overlap(start)
            cheap_of, better = levels(start)
            went = ways_at_better_level(start, cheap_of, correction, better, settings)[way]()
        except Exception as error:  # told in the table of failures by `better_of_run`, which meets it again
            rows.append(said | {"method": way, "note": reason_of(error, str(start.info["name"]))})
            continue
        made = went.made
        rows.append(said | {"method": went.method, "verdict": made.verdict, "calls": made.calls, "note": made.note})
        log.info("%s, step %s, %s: %s after %d calls", *said.values(), went.method, made.verdict, made.calls)
    write_table(table, rows, WAY_COLUMNS)


def _two_levels(
    frames: str | Path, model: str | Path, settings: Mapping[str, Any], engine: str, engine_settings: Mapping[str, Any],
    xtb: Mapping[str, Any], store: str | Path, threads: int, memory_mb: int,
) -> tuple[Correction, list[Atoms], Callable[[Atoms], tuple[Callable[[], Calculator], Calculator]]]:  # fmt: skip
    """The correction, the starts, and for one of them what makes the cheap level's calculators, and the better level's."""
    correction = Correction.load(model)
    rung = make_engine(engine, {**engine_settings, "forces": True}, threads=threads, memory_mb=memory_mb)
    starts = sampled(read_frames(frames), frames=settings["starts"], spacing="even")
    for start in starts:
        check_species(correction.difference, start.symbols)

    def levels(start: Atoms) -> tuple[Callable[[], Calculator], Calculator]:
        charge, multiplicity = int(start.info["charge"]), int(start.info["multiplicity"])
        return (lambda: engine_calculator(make_engine("gfn1-xtb", xtb), charge, multiplicity)), StoredCalculator(
            rung, charge, multiplicity, Store(store)
        )

    return correction, starts, levels


def _write_ways(
    starts: Sequence[Atoms], ways: Callable[[Atoms], list[Told]],
    table: str | Path, relaxed: str | Path, traces: str | Path, failures: str | Path, *, level: str = "",
) -> None:  # fmt: skip
    """Relax each start in all ways and write what came of it; one that cannot be relaxed stops no other."""
    rows: list[dict[str, Any]] = []
    ends: list[Atoms] = []
    points: list[dict[str, Any]] = []
    failed: list[dict[str, str]] = []
    for start in starts:
        said = {key: start.info.get(key, "") for key in ("system", "run", "step")}
        said["system"] = ", ".join(word for word in (str(said["system"]), level) if word)
        try:
            check_overlap(start)
            told = ways(start)
        except Exception as error:
            reason = reason_of(error, str(start.info["name"]))
            failed.append({"stage": "relaxation", "structure": str(start.info.get("structure", "")),
                           "frame": str(start.info["name"]), "reason": reason})  # fmt: skip
            continue
        for row, end, trace in told:
            rows.append(said | row)
            ends.append(end)
            points += [said | point for point in trace]
            log.info("%s, step %s, %s: %s", said["run"], said["step"], row["method"], row["verdict"])
    write_table(table, rows, COLUMNS)
    write_frames(relaxed, ends)
    write_table(traces, points, TRACE_COLUMNS)
    write_table(failures, failed, FAILURE_COLUMNS)


def series_of_runs(
    frames: Sequence[str | Path], table: str | Path, relaxed: str | Path, *,
    settings: Mapping[str, Any], xtb: Mapping[str, Any], store: str | Path,
) -> None:  # fmt: skip
    """`relax_series` of the starts that `relax_run` takes, the first of each run before the second of any.

    Args:
        frames: Runs at GFN1-xTB (extended xyz).
        table: CSV to write, columns `SERIES_COLUMNS`.
        relaxed: Extended xyz to write: the ends.
        settings: The part `relaxation` of a study.
        xtb: Settings of the reference engine.
        store: Folder of the label store.
    """
    runs = [sampled(read_frames(path), frames=settings["starts"], spacing="even") for path in frames]
    starts = [start for turn in zip_longest(*runs) for start in turn if start is not None]
    rows, ends = relax_series(
        starts, lambda start: _reference(start, xtb, store), fmax_ev_angstrom=settings["fmax_ev_angstrom"]
    )
    told = [{key: start.info.get(key, "") for key in ("system", "run", "step")} for start in starts]
    write_table(table, [known | row for known, row in zip(told, rows, strict=True)], SERIES_COLUMNS)
    write_frames(relaxed, ends)


def train_directed(
    training: Sequence[str | Path], model: str | Path, *, settings: Mapping[str, Any], study: str,
    sample: Mapping[str, Any] | None = None,
) -> None:  # fmt: skip
    """Learn the thesis's forces, EMLM norms and OAMLM directions, and write their file.

    Args:
        training: Runs (extended xyz).
        model: npz to write.
        settings: Of `DirectedSettings`, what differs from the thesis's.
        study: Name of the study, for the file.
        sample: Which frames of each run, see `sampled`; all by default.
    """
    frames = read_runs(training, "training", sample)
    directed = DirectedForces(DirectedSettings(plain="Au" not in frames[0].symbols, **settings)).fit(frames)
    directed.save(model, {"study": study, "frames": len(frames)})


def rings_of_model(
    model: str | Path, table: str | Path, relaxed: str | Path, *,
    settings: Mapping[str, Any], seed: int, xtb: Mapping[str, Any], store: str | Path,
) -> None:  # fmt: skip
    """`relax_rings` with a linear potential: rings of methylthiolate, or of thiolate if it has not learned carbon.

    Args:
        model: The potential (npz).
        table: CSV to write, columns `RING_COLUMNS`.
        relaxed: Extended xyz to write.
        settings: The part `relaxation` of a study: `ring_sizes`, `starts` of each, and `fmax_ev_angstrom`.
        seed: Of the small displacements that rings start with: the first of them, and those that follow it.
        xtb: Settings of the reference engine.
        store: Folder of the label store.
    """
    potential = LinearPotential.load(model)
    check_species(potential, ["Au", "S", "H"])
    ligand = "CH3" if "C" in potential.spectrum.species else "H"
    reference = _reference(Atoms(info={"charge": 0, "multiplicity": 1}), xtb, store)
    rows, structures = relax_rings(
        settings["ring_sizes"], LinearCalculator(potential), reference, ligand=ligand,
        fmax_ev_angstrom=settings["fmax_ev_angstrom"], seeds=range(seed, seed + settings["starts"]),
    )  # fmt: skip
    write_table(table, rows, RING_COLUMNS)
    write_frames(relaxed, structures)


def stretched_of_run(
    run: Mapping[str, Any], model: str | Path, table: str | Path, *,
    settings: Mapping[str, Any], xtb: Mapping[str, Any], store: str | Path, mirror: str | None = None,
) -> None:  # fmt: skip
    """`relax_stretched` of the structure that a run moves, relaxed by the reference first, at both places.

    Args:
        run: A row of the table of runs, whose recipe builds or finds the structure.
        model: The linear potential (npz).
        table: CSV to write, columns `STRETCHED_COLUMNS`.
        settings: The part `relaxation` of a study: `fmax_ev_angstrom`, `max_steps_angstrom`.
        xtb: Settings of the reference engine.
        store: Folder of the label store.
        mirror: Folder with copies of external structures.
    """
    potential, rows = LinearPotential.load(model), []
    criterion = settings["fmax_ev_angstrom"]
    atoms = build_recipe(run["builder"], run["recipe"], Places(mirror=Path(mirror) if mirror else None))
    check_species(potential, atoms.symbols)
    atoms.info = {"name": run["structure"], "charge": run["charge"], "multiplicity": run["multiplicity"]}
    reference = _reference(atoms, xtb, store)
    relaxed = relax(atoms, reference, RelaxationSettings(fmax_ev_angstrom=criterion)).atoms
    for place in ("end", "middle"):
        try:
            told, _ = relax_stretched(
                relaxed, LinearCalculator(potential), reference, place=place, fmax_ev_angstrom=criterion,
                max_steps_angstrom=settings["max_steps_angstrom"],
            )  # fmt: skip
        except (NotFiniteError, ScfError, StructureError) as error:  # the other place may do
            log.warning("%s, %s: left out: %s", run["structure"], place, error)
            continue
        rows += [{"system": run["system"]} | row for row in told]
    write_table(table, rows, STRETCHED_COLUMNS)


def check_species(potential: LinearPotential, symbols: Sequence[str]) -> None:
    """Refuse what the potential has not learned, before anything costs time.

    Raises:
        InputError: If it does not know one of the elements.
    """
    known = potential.spectrum.species
    unknown = sorted(set(symbols) - set(known))
    if unknown:
        raise InputError(
            f"relaxation: the potential has not learned {unknown[0]}, only {', '.join(known)}; train one with frames that have it"
        )


def _reference(atoms: Atoms, xtb: Mapping[str, Any], store: str | Path) -> StoredCalculator:
    engine = make_engine("gfn1-xtb", xtb)
    return StoredCalculator(engine, int(atoms.info["charge"]), int(atoms.info["multiplicity"]), Store(store))
