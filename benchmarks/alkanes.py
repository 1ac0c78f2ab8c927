"""Directions of forces on linear alkanes C2 to C7, as OAMLM was first tested (ESANN 2021, pages 529-534), on GFN1-xTB.

Two runs of each for training, a third for testing, constant energy from 750 K. SOAP n 6, l 1, 3 angstrom; four nearest
neighbours in all permutations. Beside the published settings stand fewer references with another loss, springs along
bonds, and the linear potential.
"""

import time
from pathlib import Path
from typing import Any

from auric.descriptors import SoapSettings
from auric.potential.comparison import INDEPENDENT
from auric.potential.directed import DirectedForces, DirectedSettings
from auric.potential.environments import plain_classes
from auric.potential.labels import forces_of, read_runs
from auric.potential.linear import LinearPotential
from auric.potential.scores import force_scores
from auric.potential.stretch import BondStretch
from auric.reference.runs import read_runs as read_table
from auric.reference.runs import reference_set, run_row

WORK, STORE = Path("results/benchmarks/alkanes"), "results/store"
PUBLISHED = SoapSettings(n_max=6, l_max=1, cutoff_angstrom=3.0, sigma_angstrom=1.0)
CHOSEN = SoapSettings(n_max=8, l_max=4, cutoff_angstrom=3.0, sigma_angstrom=0.3)
REFERENCES, LEARN_EVERY, TEST_EVERY = 2500, 4, 50
PAPER = {"plain C": 55.4, "plain H": 42.1}


def measure_alkanes() -> list[dict[str, Any]]:
    """Rows of the scorecard; about 20 minutes on one core."""
    runs: dict[str, list[Path]] = {"train": [], "test": []}
    for run in reference_set(read_table("resources/dynamics.tsv"), "alkanes"):
        path = WORK / f"{run.name}.extxyz"
        if not path.exists():
            told = (path.with_suffix(".csv"), path.with_name(f"failures_{run.name}.csv"))
            run_row(run._asdict(), path, *told, xtb={}, store=STORE)
        runs[run.role].append(path)
    training, tests = read_runs(runs["train"], "training")[::LEARN_EVERY], read_runs(runs["test"], "test")[::TEST_EVERY]
    sizes = {"norm_references": REFERENCES, "direction_references": REFERENCES, "plain": True}
    contenders: dict[str, Any] = {
        "bond stretch": BondStretch(),
        "oamlm, published descriptor and loss": DirectedForces(
            DirectedSettings(soap=PUBLISHED, loss="numeric", select=True, **sizes)
        ),
        "oamlm, published descriptor, average": DirectedForces(
            DirectedSettings(soap=PUBLISHED, loss="average", **sizes)
        ),
        "oamlm, chosen descriptor, minimiser": DirectedForces(DirectedSettings(soap=CHOSEN, loss="minimiser", **sizes)),
    }
    rows = []
    for subject, model in contenders.items():
        began = time.perf_counter()
        forces = model.fit(training).forces
        rows += _rows(subject, [forces(atoms) for atoms in tests], tests, time.perf_counter() - began)
    began = time.perf_counter()
    linear = LinearPotential.fit(training[::4])
    found = [linear.energy_and_forces(atoms)[1] for atoms in tests]
    return rows + _rows("linear, energies and forces", found, tests, time.perf_counter() - began)


def _rows(subject: str, found: list[Any], tests: list[Any], seconds: float) -> list[dict[str, Any]]:
    scores = force_scores(found, [forces_of(atoms) for atoms in tests], [plain_classes(atoms) for atoms in tests])
    return [
        {
            "study": "benchmarks", "system": "potential", "quantity": "weighted_angle", "unit": "degree",
            "subject": f"{subject}: {kind.removeprefix('plain ')}", "ours": score["weighted_angle"], "n": int(score["n"]),
            "data": "alkanes C2 to C7", "split": INDEPENDENT, "better": "lower", "seconds": seconds,
            "comparable": "same protocol, other data" if "published" in subject else "not comparable",
        } | ({"paper": PAPER[kind]} if "published" in subject else {})
        for kind, score in scores.items()
    ]  # fmt: skip
