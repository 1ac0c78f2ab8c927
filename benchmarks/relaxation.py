"""What a learned potential saves in relaxing the ring Au4(SCH3)4 at GFN1-xTB.

Twelve hot frames of runs that the potential has not learned from are relaxed to 0.05 eV/angstrom by the reference alone (four ways), by the
potential alone, and by both, in some minutes. All points are kept in results/store. Clusters are relaxed by the study `relax38`.
"""

from pathlib import Path
from typing import Any

import pandas as pd

from auric.files import read_frames
from auric.potential.labels import sampled
from auric.potential.linear import LinearPotential, train_linear
from auric.reference.engines import make_engine
from auric.reference.points import StoredCalculator
from auric.reference.runs import read_runs, reference_set, run_row
from auric.reference.store import Store
from auric.relaxation.optimise import RelaxationSettings
from auric.relaxation.summary import calls_of_runs, relaxation_rows
from auric.relaxation.tasks import ALONE, relax_ways

WORK, STORE = Path("results/benchmarks/relaxation"), "results/store"
RING_STARTS = 3
"""Of each test run of the ring."""
WAYS = ALONE | {"fire": RelaxationSettings(optimiser="fire")}
SETTINGS = {"schemes": ["full"], "fmax_ev_angstrom": 0.05, "steps": 300}


def measure_relaxation() -> list[dict[str, Any]]:
    """Rows of the scorecard."""
    paths: dict[str, list[Path]] = {"train": [], "test": []}
    for run in reference_set(read_runs("resources/dynamics.tsv"), "ring"):
        path = WORK / f"{run.name}.extxyz"
        tables = (path.with_suffix(".csv"), path.with_name(f"failures_{run.name}.csv"))
        run_row(run._asdict(), path, *tables, xtb={}, store=STORE)
        paths[run.role].append(path)
    train_linear(paths["train"], WORK / "ring.npz", study="benchmarks")
    potential = LinearPotential.load(WORK / "ring.npz")
    rows: list[dict[str, Any]] = []
    for path in paths["test"]:
        for start in sampled(read_frames(path), frames=RING_STARTS, spacing="even"):
            reference = StoredCalculator(make_engine("gfn1-xtb", {}), 0, 1, Store(STORE))
            told = {key: start.info[key] for key in ("system", "run", "step")}
            rows += [told | row for row, _, _ in relax_ways(start, potential, reference, SETTINGS, alone=WAYS)]
            print(f"relaxation: {told['run']}, step {told['step']} done", flush=True)
    return relaxation_rows(
        pd.DataFrame(rows), study="benchmarks", samples=2000, seed=0, calls_of_training=calls_of_runs(paths["train"])
    )
