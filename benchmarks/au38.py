"""Potentials of Au38(SCH3)24, isomers Q and T: all contenders on the GFN1-xTB runs of the external data sets.

Learned from two heating runs (300 to 1000 K, 500 frames each), tested on four independent runs at nominally 270 and 475 K, and on four
fresh runs of resources/dynamics.tsv with other seeds, whose bath holds its temperature; from the latter blocks are moved too. Needs the
files (AURIC_MIRROR); about three hours on one core, resumable: what is in results/benchmarks and results/store is not made again.
"""

import os
from pathlib import Path
from typing import Any

import pandas as pd
from ase.io import read

from auric.files import read_frames, write_frames
from auric.potential.comparison import compare_energies, compare_forces
from auric.potential.contenders import ENERGY_MODELS
from auric.potential.directed import CHOSEN
from auric.potential.linear import train_linear
from auric.potential.summary import summarise_potentials
from auric.reference.runs import read_runs, reference_set, run_row
from auric.reference.trials import trial_moves_of_run

WORK, STORE = Path("results/benchmarks/au38"), "results/store"
TRAINING, TESTS = ("q_heating", "t_heating"), ("q_test270", "q_test475", "t_test270", "t_test475")
TEST_EVERY = 6
ACROSS = ("emlm", "ridge_soap", "linear")
"""Learned from one isomer, tested on the other."""
EIGHTH = "independent runs, an eighth of the frames learned from"
TRIALS = 50


def measure_au38() -> list[dict[str, Any]]:
    """Rows of the scorecard; none, with a word why, without the data sets."""
    mirror = os.environ.get("AURIC_MIRROR")
    if not mirror:
        print("au38: skipped; AURIC_MIRROR names no folder with copies of the external data sets")
        return []
    runs = {name: known_run(Path(mirror), name) for name in (*TRAINING, *TESTS)}
    fresh = [
        _fresh(run._asdict(), mirror)
        for run in reference_set(read_runs("resources/dynamics.tsv"), "au38")
        if run.role == "test"
    ]
    moves = [_moves(path) for path in fresh]
    training, tests = [runs[name] for name in TRAINING], [runs[name] for name in TESTS] + fresh
    model, forces, card = WORK / "linear.npz", WORK / "forces.csv", WORK / "scorecard.csv"
    if not model.exists():
        train_linear(training, model, study="benchmarks")
    predictions = {name: WORK / f"energies_{name}.csv" for name in ENERGY_MODELS}
    for name, path in predictions.items():
        if not path.exists():
            # A random split of the potentials with forces would take as long again, and says nothing that the others do not.
            compare_energies(
                training, tests, path, contender=name, random_split=name not in ("linear", "quadratic"), seed=0, moves=moves,
                model=model if name == "linear" else None,
            )  # fmt: skip
            print(f"au38: {name} done", flush=True)
    eighth = [_eighth(path) for path in training]
    for name in ("linear", "quadratic"):
        path = predictions[f"{name}_eighth"] = WORK / f"energies_{name}_eighth.csv"
        if not path.exists():
            compare_energies(eighth, tests, path, contender=name, random_split=False, seed=0, split=EIGHTH)
            print(f"au38: {name}, an eighth done", flush=True)
    for name in ACROSS:
        for learned, asked in (("q", "t"), ("t", "q")):
            path = predictions[f"{name}_{learned}_to_{asked}"] = WORK / f"energies_{name}_{learned}_to_{asked}.csv"
            if not path.exists():
                mine = [runs[test] for test in TESTS if test.startswith(asked)]
                compare_energies(
                    [runs[f"{learned}_heating"]], mine, path, contender=name, random_split=False, seed=0, split="other isomer"
                )  # fmt: skip
                print(f"au38: {name}, {learned} to {asked} done", flush=True)
    if not forces.exists():
        compare_forces(training, tests, forces, model=model, settings={}, every=TEST_EVERY, choice=CHOSEN)
    summarise_potentials(list(predictions.values()), [forces], card, study="benchmarks", samples=1000, seed=0)
    rows = pd.read_csv(card).to_dict("records")
    return [{key: value for key, value in row.items() if value == value} for row in rows]


def _fresh(row: dict[str, Any], mirror: str) -> Path:
    """A run of this project's own."""
    path = WORK / f"{row['name']}.extxyz"
    if not path.exists():
        told = (path.with_suffix(".csv"), path.with_name(f"failures_{row['name']}.csv"))
        run_row(row, path, *told, xtb={}, store=STORE, mirror=mirror)
        print(f"au38: {row['name']} done", flush=True)
    return path


def _moves(run: Path) -> Path:
    """Moves of single blocks from its frames."""
    path = run.with_name(f"moves_{run.name}")
    if not path.exists():
        failures = path.with_suffix(".csv")
        trial_moves_of_run(run, path, failures, settings={"trials": TRIALS}, xtb={}, store=STORE)
        print(f"au38: {path.name} done", flush=True)
    return path


def _eighth(run: Path) -> Path:
    """Every eighth frame of a run."""
    path = run.with_name(f"eighth_{run.name}")
    if not path.exists():
        write_frames(path, read_frames(run)[::8])
    return path


def known_run(mirror: Path, name: str) -> Path:
    """A run with the names and keys that runs of this project have."""
    path = WORK / f"{name}.extxyz"
    if not path.exists():
        frames = read(mirror / "au38_gfn1" / f"au38_{name}.extxyz", index=":", format="extxyz")
        for atoms in frames:
            structure = f"au38_sch3_24_{name[0]}"
            energy, forces = atoms.get_potential_energy(), atoms.get_forces()
            atoms.calc = None
            atoms.info = {
                "name": structure, "structure": structure, "system": "au38", "run": f"au38_{name}", "step": atoms.info["step"],
                "energy_ev": energy, "engine": "gfn1-xtb", "method": "GFN1-xTB", "basis": "GFN1-xTB", "charge": 0,
                "multiplicity": 1,
            }  # fmt: skip
            atoms.arrays["forces_ev_angstrom"] = forces
        write_frames(path, frames)
    return path
