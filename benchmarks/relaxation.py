"""What a learned potential saves in relaxing: hot frames of Au4(SCH3)4, twelve starts, and of Au38(SCH3)24, at GFN1-xTB.

Each start is relaxed to 0.05 eV/angstrom by the reference alone (four ways), by the potential alone, and by both; the starts are frames of runs
that the potential has not learned from. The ring takes some minutes; each start of Au38 about an hour on one core, and needs the files of the
benchmark `au38` (AURIC_MIRROR). All points are kept in results/store.
"""

import os
from pathlib import Path
from typing import Any

import pandas as pd
from ase import Atoms

from auric.files import read_frames, read_tables, write_table
from auric.potential.labels import sampled
from auric.potential.linear import LinearPotential, train_linear
from auric.reference.engines import make_engine
from auric.reference.runs import read_runs, reference_set, run_row
from auric.reference.store import Store
from auric.relaxation.calculators import StoredCalculator
from auric.relaxation.optimise import RelaxationSettings
from auric.relaxation.summary import relaxation_rows
from auric.relaxation.tasks import COLUMNS, relax_ways
from benchmarks import au38

WORK, STORE = Path("results/benchmarks/relaxation"), "results/store"
RING_STARTS = 3
"""Of each test run of the ring."""
AU38_STARTS = int(os.environ.get("AURIC_AU38_STARTS", "1"))
"""Of each test run of Au38 at 475 K."""
ALONE = {
    "bfgs": RelaxationSettings(),
    "bfgs, softer start": RelaxationSettings(curvature_ev_angstrom_2=30.0),
    "precon_lbfgs": RelaxationSettings(optimiser="precon_lbfgs"),
    "fire": RelaxationSettings(optimiser="fire"),
}
SETTINGS = {"schemes": ["full"], "fmax_ev_angstrom": 0.05, "steps": 300}
CLUSTER = {**SETTINGS, "schemes": ["full", "shell", "partwise", "partwise_reset"]}


def measure_relaxation() -> list[dict[str, Any]]:
    """Rows of the scorecard."""
    tables = [_ring()]
    if os.environ.get("AURIC_MIRROR") and AU38_STARTS:
        tables.append(_au38(Path(os.environ["AURIC_MIRROR"])))
    else:
        print(
            "relaxation: Au38 skipped; AURIC_MIRROR names no folder with copies of the external data sets, or AURIC_AU38_STARTS is 0"
        )
    return relaxation_rows(pd.concat(tables), study="benchmarks", samples=2000, seed=0)


def _ring() -> pd.DataFrame:
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
    return _relaxed(starts, LinearPotential.load(model), SETTINGS, ALONE)


def _au38(mirror: Path) -> pd.DataFrame:
    model = au38.WORK / "linear.npz"
    if not model.exists():
        train_linear([au38.known_run(mirror, name) for name in au38.TRAINING], model, study="benchmarks")
    starts = []
    for name in ("q_test475", "t_test475"):
        starts += sampled(read_frames(au38.known_run(mirror, name)), frames=AU38_STARTS, spacing="even")
    return _relaxed(
        starts, LinearPotential.load(model), CLUSTER, {name: ALONE[name] for name in ("bfgs", "precon_lbfgs")}
    )


def _relaxed(
    starts: list[Atoms], potential: LinearPotential, settings: dict[str, Any], alone: dict[str, RelaxationSettings]
) -> pd.DataFrame:
    """Tables of all starts, each kept once it is done."""
    done = []
    for start in starts:
        path = WORK / f"{start.info['run']}_{start.info['step']}.csv"
        if not path.exists():
            reference = StoredCalculator(make_engine("gfn1-xtb", {}), 0, 1, Store(STORE))
            rows = [row for row, _ in relax_ways(start, potential, reference, settings, alone=alone)]
            told = {key: start.info[key] for key in ("system", "run", "step")}
            write_table(path, [told | row for row in rows], COLUMNS)
            print(f"relaxation: {path.stem} done", flush=True)
        done.append(path)
    return read_tables(done)
