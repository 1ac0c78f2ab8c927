"""The relaxation room's tasks between files, as the workflow calls them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ase import Atoms

from auric.errors import InputError
from auric.files import read_frames, write_frames, write_table
from auric.potential.calculators import LinearCalculator
from auric.potential.labels import sampled
from auric.potential.linear import LinearPotential
from auric.progress import log, reason_of
from auric.reference.engines import make_engine
from auric.reference.store import Store
from auric.relaxation.calculators import StoredCalculator
from auric.relaxation.optimise import RelaxationSettings, relax
from auric.relaxation.tasks import (
    COLUMNS,
    RING_COLUMNS,
    STRETCHED_COLUMNS,
    relax_rings,
    relax_stretched,
    relax_ways,
)
from auric.structures.prepare import FAILURE_COLUMNS
from auric.structures.recipes import Places, build_recipe


def relax_run(
    frames: str | Path, model: str | Path, table: str | Path, relaxed: str | Path, failures: str | Path, *,
    settings: Mapping[str, Any], xtb: Mapping[str, Any], store: str | Path,
) -> None:  # fmt: skip
    """Relax frames of one run: by the reference alone, by the potential alone, and by both together.

    Args:
        frames: A run at GFN1-xTB (extended xyz).
        model: The linear potential (npz).
        table: CSV to write, columns `COLUMNS`, one row for each start and method.
        relaxed: Extended xyz to write, the end of each, its `method` and reference energy in `info`.
        failures: CSV to write, columns those of all failure tables: starts that could not be relaxed; the others go on.
        settings: The part `relaxation` of a study.
        xtb: Settings of the reference engine.
        store: Folder of the label store, which keeps the reference's points.

    Raises:
        InputError: If the potential does not know an element of the run.
    """
    potential = LinearPotential.load(model)
    rows: list[dict[str, Any]] = []
    ends: list[Atoms] = []
    failed: list[dict[str, str]] = []
    for start in sampled(read_frames(frames), frames=settings["starts"], spacing="even"):
        check_species(potential, start.symbols)
        told = {key: start.info.get(key, "") for key in ("system", "run", "step")}
        try:
            ways = relax_ways(start, potential, _reference(start, xtb, store), settings)
        except Exception as error:
            reason = reason_of(error, str(start.info["name"]))
            failed.append({"stage": "relaxation", "structure": str(start.info.get("structure", "")),
                           "frame": str(start.info["name"]), "reason": reason})  # fmt: skip
            continue
        for row, end in ways:
            rows.append(told | row)
            ends.append(end)
            log.info("%s, step %s, %s: %s", told["run"], told["step"], row["method"], row["verdict"])
    write_table(table, rows, COLUMNS)
    write_frames(relaxed, ends)
    write_table(failures, failed, FAILURE_COLUMNS)


def rings_of_model(
    model: str | Path, table: str | Path, relaxed: str | Path, *,
    settings: Mapping[str, Any], seed: int, xtb: Mapping[str, Any], store: str | Path,
) -> None:  # fmt: skip
    """`relax_rings` with a linear potential: rings of methylthiolate, or of thiolate if it has not learned carbon.

    Args:
        model: The potential (npz).
        table: CSV to write, columns `RING_COLUMNS`.
        relaxed: Extended xyz to write.
        settings: The part `relaxation` of a study: `ring_sizes` and `fmax_ev_angstrom`.
        seed: Of the small displacements that rings start with.
        xtb: Settings of the reference engine.
        store: Folder of the label store.
    """
    potential = LinearPotential.load(model)
    check_species(potential, ["Au", "S", "H"])
    ligand = "CH3" if "C" in potential.spectrum.species else "H"
    reference = _reference(Atoms(info={"charge": 0, "multiplicity": 1}), xtb, store)
    rows, structures = relax_rings(
        settings["ring_sizes"], LinearCalculator(potential), reference, ligand=ligand,
        fmax_ev_angstrom=settings["fmax_ev_angstrom"], seed=seed,
    )  # fmt: skip
    write_table(table, rows, RING_COLUMNS)
    write_frames(relaxed, structures)


def stretched_of_runs(
    runs: Sequence[Mapping[str, Any]], model: str | Path, table: str | Path, *,
    settings: Mapping[str, Any], xtb: Mapping[str, Any], store: str | Path, mirror: str | None = None,
) -> None:  # fmt: skip
    """`relax_stretched` of each structure that runs move, relaxed by the reference first, at both places.

    Args:
        runs: Rows of the table of runs.
        model: The linear potential (npz).
        table: CSV to write, columns `STRETCHED_COLUMNS`.
        settings: The part `relaxation` of a study: `fmax_ev_angstrom`.
        xtb: Settings of the reference engine.
        store: Folder of the label store.
        mirror: Folder with copies of external structures.
    """
    potential, rows = LinearPotential.load(model), []
    criterion = settings["fmax_ev_angstrom"]
    for run in {run["structure"]: run for run in runs}.values():
        atoms = build_recipe(run["builder"], run["recipe"], Places(mirror=Path(mirror) if mirror else None))
        check_species(potential, atoms.symbols)
        atoms.info = {"name": run["structure"], "charge": run["charge"], "multiplicity": run["multiplicity"]}
        reference = _reference(atoms, xtb, store)
        relaxed = relax(atoms, reference, RelaxationSettings(fmax_ev_angstrom=criterion)).atoms
        for place in ("end", "middle"):
            told, _ = relax_stretched(
                relaxed, LinearCalculator(potential), reference, place=place, fmax_ev_angstrom=criterion
            )
            rows += told
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
