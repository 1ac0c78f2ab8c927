"""What a learned potential saves in relaxing the ring Au4(SCH3)4 at GFN1-xTB, beside more ways of the reference alone than studies take.

Twelve hot frames of runs that the potential has not learned from are relaxed to 0.05 eV/angstrom by the reference alone (four ways), by the
potential alone, and by both, in some minutes. All points are kept in results/store. Clusters are relaxed by the study `relax38`.
"""

from pathlib import Path
from typing import Any

from ase import Atoms

from auric.files import read_frames, read_tables, write_table
from auric.potential.labels import sampled
from auric.potential.linear import LinearPotential, train_linear
from auric.reference.engines import make_engine
from auric.reference.points import StoredCalculator
from auric.reference.runs import read_runs, reference_set, run_row
from auric.reference.store import Store
from auric.relaxation.optimise import RelaxationSettings
from auric.relaxation.summary import calls_of_runs, relaxation_rows
from auric.relaxation.tasks import COLUMNS, relax_ways

WORK, STORE = Path("results/benchmarks/relaxation"), "results/store"
RING_STARTS = 3
"""Of each test run of the ring."""
ALONE = {
    "bfgs": RelaxationSettings(),
    "bfgs, softer start": RelaxationSettings(curvature_ev_angstrom_2=30.0),
    "precon_lbfgs": RelaxationSettings(optimiser="precon_lbfgs"),
    "fire": RelaxationSettings(optimiser="fire"),
}
SETTINGS = {"schemes": ["full"], "fmax_ev_angstrom": 0.05, "steps": 300}


def measure_relaxation() -> list[dict[str, Any]]:
    """Rows of the scorecard."""
    paths: dict[str, list[Path]] = {"train": [], "test": []}
    for run in reference_set(read_runs("resources/dynamics.tsv"), "ring"):
        path = WORK / f"{run.name}.extxyz"
        if not path.exists():
            told = (path.with_suffix(".csv"), path.with_name(f"failures_{run.name}.csv"))
            run_row(run._asdict(), path, *told, xtb={}, store=STORE)
        paths[run.role].append(path)
    model = WORK / "ring.npz"
    if not model.exists():
        train_linear(paths["train"], model, study="benchmarks")
    starts = [
        start for path in paths["test"] for start in sampled(read_frames(path), frames=RING_STARTS, spacing="even")
    ]
    table = read_tables(_relaxed(starts, LinearPotential.load(model)))
    return relaxation_rows(
        table, study="benchmarks", samples=2000, seed=0, calls_of_training=calls_of_runs(paths["train"])
    )


def _relaxed(starts: list[Atoms], potential: LinearPotential) -> list[Path]:
    """Tables of all starts, each kept once it is done."""
    done = []
    for start in starts:
        path = WORK / f"{start.info['run']}_{start.info['step']}.csv"
        if not path.exists():
            reference = StoredCalculator(make_engine("gfn1-xtb", {}), 0, 1, Store(STORE))
            rows = [row for row, _, _ in relax_ways(start, potential, reference, SETTINGS, alone=ALONE)]
            told = {key: start.info[key] for key in ("system", "run", "step")}
            write_table(path, [told | row for row in rows], COLUMNS)
            print(f"relaxation: {path.stem} done", flush=True)
        done.append(path)
    return done
