"""An equivariant network as peer: MACE on the runs that the linear potential of the demonstration learns from.

MACE (arXiv:2206.07697, package mace-torch, MIT licence) is a message-passing network whose forces are gradients. Here a small
one (32 channels of scalars and of vectors, two layers, correlation order 2, 5 angstrom, single precision) learns energies and
forces of the ring, on one core. An eighth of the training runs, in consecutive pieces, is held out, and of the moving
averages of the weights those with the least error there are kept. Test runs are seen once, at the end. Beside it stands the
linear potential, learned from the same runs in the same process. Needs an environment of its own, made once by

    python3 -m venv build/peers
    build/peers/bin/pip install --constraint requirements.lock torch
    build/peers/bin/pip install --no-deps --requirement requirements.lock --requirement envs/peers.txt
    PYTHONPATH=src OMP_NUM_THREADS=1 build/peers/bin/python -m benchmarks equivariant

Training goes on after the last epoch that was finished (results/benchmarks/equivariant).
"""

import math
import os
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from ase import Atoms

from auric.files import atomic, write_table
from auric.potential.comparison import ENERGY_COLUMNS, FORCE_COLUMNS, INDEPENDENT
from auric.potential.environments import THESIS_RULE
from auric.potential.labels import energy_of, folds_of, forces_of, read_runs, runs_of
from auric.potential.linear import LinearPotential
from auric.potential.scores import force_scores
from auric.potential.summary import summarise_potentials
from auric.structures.motifs import atom_classes
from benchmarks.alkanes import made_runs

WORK, DEMO = Path("results/benchmarks/equivariant"), Path("results/demo/reference/dynamics")
MACE, LINEAR = "MACE, energies and forces", "linear, energies and forces"
REACH_ANGSTROM = 5.0
CHANNELS = "32x0e+32x1o"
HELD_OUT = 8
"""One of so many pieces of each run is held out."""
STEP, AVERAGED = 0.01, 0.99
ENERGY_WEIGHTS, SECOND_STAGE = (10.0, 1000.0), 0.6
"""Of squared errors per atom (eV) against squared force components (eV/angstrom); the second from this share of the epochs."""
CHECK_EVERY = 5
REPEATS = 9

Predict = Callable[[Atoms], tuple[float, np.ndarray]]


class Size(NamedTuple):
    """How long a network is trained: epochs, and frames a step."""

    epochs: int
    batch: int


RING = Size(epochs=120, batch=5)


def measure_equivariant() -> list[dict[str, Any]]:
    """Rows of the scorecard; none, with a word how to install it, without MACE."""
    try:
        import mace  # noqa: F401
    except ImportError:
        print("equivariant: skipped; MACE is not installed, see the head of benchmarks/equivariant.py")
        return []
    torch.set_num_threads(1)
    runs = made_runs("ring", WORK, known=DEMO)
    training, tests = read_runs(runs["train"], "training"), read_runs(runs["test"], "test")
    network = Network(training, WORK / "ring.pt", RING)
    busy = time.process_time()
    linear = LinearPotential.fit(training)
    minutes = {MACE: network.core_seconds / 60, LINEAR: (time.process_time() - busy) / 60}
    contenders: dict[str, Predict] = {MACE: network.energy_and_forces, LINEAR: linear.energy_and_forces}
    return judged(contenders, tests, "ring") + _costs(contenders, minutes, tests[0])


class Network:
    """MACE, trained on one core.

    Args:
        frames: Labelled, of several runs.
        path: Where its state after every epoch is kept; training goes on from there.
        size: How long it is trained.

    Attributes:
        core_seconds: Processor time of the training.
    """

    def __init__(self, frames: Sequence[Atoms], path: Path, size: Size) -> None:
        from mace.tools import AtomicNumberTable
        from mace.tools.torch_geometric.dataloader import DataLoader

        torch.set_default_dtype(torch.float32)
        self._elements = AtomicNumberTable(sorted({int(number) for atoms in frames for number in atoms.numbers}))
        counts = np.array([[list(atoms.numbers).count(z) for z in self._elements.zs] for atoms in frames])
        # Constants of the elements are taken off in double precision: they are thousands of eV.
        self._offsets = np.linalg.lstsq(counts, np.array([energy_of(atoms) for atoms in frames]), rcond=None)[0]
        graphs = [self._graph(atoms, labelled=True) for atoms in frames]
        out = folds_of(runs_of(frames), folds=HELD_OUT, chunks=HELD_OUT) == 0
        learned = [graph for graph, left in zip(graphs, out, strict=True) if not left]
        neighbours = np.mean([graph.edge_index.shape[1] / len(graph.positions) for graph in learned])
        scale = float(torch.cat([graph.forces for graph in learned]).square().mean().sqrt())
        self._model = _model(self._elements.zs, float(neighbours), scale)
        held_out = DataLoader([graph for graph, left in zip(graphs, out, strict=True) if left], size.batch)
        self._train(learned, held_out, path, size)

    def energy_and_forces(self, atoms: Atoms) -> tuple[float, np.ndarray]:
        """Energy (eV) and forces (eV/angstrom)."""
        from mace.tools.torch_geometric.batch import Batch

        found = self._model(Batch.from_data_list([self._graph(atoms, labelled=False)]).to_dict())
        return float(found["energy"].detach()) + self._constant(atoms), found["forces"].detach().numpy().astype(float)

    def _constant(self, atoms: Atoms) -> float:
        return float(sum(self._offsets[self._elements.zs.index(number)] for number in atoms.numbers))

    def _graph(self, atoms: Atoms, *, labelled: bool) -> Any:
        from mace.data import AtomicData, Configuration

        known = {"energy": energy_of(atoms) - self._constant(atoms), "forces": forces_of(atoms)} if labelled else {}
        one = Configuration(atoms.numbers, atoms.positions, known, dict.fromkeys(known, 1.0))
        return AtomicData.from_config(one, z_table=self._elements, cutoff=REACH_ANGSTROM)

    def _train(self, learned: list[Any], held_out: Any, path: Path, size: Size) -> None:
        """Adam with a step that falls to zero along a cosine, from where the last process stopped."""
        from mace.tools.torch_geometric.dataloader import DataLoader
        from torch_ema import ExponentialMovingAverage

        model = self._model
        optimiser = torch.optim.Adam(model.parameters(), lr=STEP, amsgrad=True)
        average = ExponentialMovingAverage(model.parameters(), AVERAGED)
        state: dict[str, Any] = {"epoch": 0, "core_seconds": 0.0, "least": float("inf"), "best": model.state_dict()}
        if path.exists():
            state = torch.load(path, weights_only=True)
            model.load_state_dict(state.pop("model"))
            optimiser.load_state_dict(state.pop("optimiser"))
            average.load_state_dict(state.pop("average"))
        steps = -(-len(learned) // size.batch)
        for epoch in range(state["epoch"], size.epochs):
            busy = time.process_time()
            weight = ENERGY_WEIGHTS[epoch >= SECOND_STAGE * size.epochs]
            torch.manual_seed(epoch)
            for number, batch in enumerate(DataLoader(learned, size.batch, shuffle=True)):
                done = (epoch + number / steps) / size.epochs
                optimiser.param_groups[0]["lr"] = STEP * (1 + math.cos(math.pi * done)) / 2
                optimiser.zero_grad()
                energies, forces = self._errors(batch, training=True)
                (weight * energies.mean() + forces.mean()).backward()
                torch.nn.utils.clip_grad_norm_(model.parameters(), 10.0)
                optimiser.step()
                average.update()
            told = ""
            if (epoch + 1) % CHECK_EVERY == 0:
                with average.average_parameters():
                    error, told = self._held_out(held_out)
                    # Only weights of the second stage are candidates: before, energies count for little.
                    if error < state["least"] or epoch < SECOND_STAGE * size.epochs:
                        state |= {"least": error, "best": {k: v.clone() for k, v in model.state_dict().items()}}
            state |= {"epoch": epoch + 1, "core_seconds": state["core_seconds"] + time.process_time() - busy}
            parts = {"model": model.state_dict(), "optimiser": optimiser.state_dict(), "average": average.state_dict()}
            with atomic(path) as temporary:
                torch.save(state | parts, temporary)
            print(f"{path.stem}: epoch {epoch + 1}, {state['core_seconds']:.0f} s {told}", flush=True)
        model.load_state_dict(state["best"])
        self.core_seconds = float(state["core_seconds"])

    def _errors(self, batch: Any, *, training: bool) -> tuple[Any, Any]:
        """Squared errors of energies per atom, and of force components."""
        found = self._model(batch.to_dict(), training=training)
        energies = (found["energy"] - batch.energy) / (batch.ptr[1:] - batch.ptr[:-1])
        return energies.square(), (found["forces"] - batch.forces).square()

    def _held_out(self, batches: Any) -> tuple[float, str]:
        """The loss of the second stage on frames that are held out, and what to say of it."""
        parts = [self._errors(batch, training=False) for batch in batches]
        energies, forces = (torch.cat([part[k].detach() for part in parts]).mean() for k in (0, 1))
        told = f"held out: {1e3 * float(energies.sqrt()):.2f} meV/atom, {1e3 * float(forces.sqrt()):.0f} meV/angstrom"
        return float(ENERGY_WEIGHTS[1] * energies + forces), told


def _model(numbers: Sequence[int], neighbours: float, scale: float) -> Any:
    from e3nn import o3
    from mace.modules import ScaleShiftMACE, interaction_classes

    torch.manual_seed(0)
    block = interaction_classes["RealAgnosticResidualInteractionBlock"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch.jit, which e3nn uses
        return ScaleShiftMACE(
            r_max=REACH_ANGSTROM, num_bessel=8, num_polynomial_cutoff=5, max_ell=2, interaction_cls=block,
            interaction_cls_first=block, num_interactions=2, num_elements=len(numbers), hidden_irreps=o3.Irreps(CHANNELS),
            MLP_irreps=o3.Irreps("16x0e"), gate=torch.nn.functional.silu, atomic_energies=np.zeros(len(numbers)),
            avg_num_neighbors=neighbours, atomic_numbers=list(numbers), correlation=2, radial_MLP=[64, 64, 64],
            atomic_inter_scale=scale, atomic_inter_shift=0.0,
        )  # fmt: skip


def judged(contenders: dict[str, Predict], tests: Sequence[Atoms], name: str) -> list[dict[str, Any]]:
    """Rows of energies and forces, run by run, as for all other potentials."""
    energies: list[dict[str, Any]] = []
    forces: list[dict[str, Any]] = []
    for subject, predict in contenders.items():
        found = [predict(atoms) for atoms in tests]
        for run in dict.fromkeys(str(atoms.info["run"]) for atoms in tests):
            mine = [k for k, atoms in enumerate(tests) if str(atoms.info["run"]) == run]
            frames = [tests[k] for k in mine]
            common = {"split": INDEPENDENT, "subject": subject, "structure": frames[0].info["name"], "run": run}
            energies += [
                common | {
                    "system": frame.info.get("system", ""), "structure": frame.info["name"], "step": frame.info["step"],
                    "energy_ev": energy_of(frame), "predicted_ev": found[k][0],
                }
                for k, frame in zip(mine, frames, strict=True)
            ]  # fmt: skip
            classes = [atom_classes(frame, THESIS_RULE) for frame in frames]
            scores = force_scores([found[k][1] for k in mine], [forces_of(frame) for frame in frames], classes)
            forces += [common | {"class": kind} | score for kind, score in scores.items()]
    written = [WORK / f"{name}_{kind}.csv" for kind in ("energies", "forces", "scorecard")]
    write_table(written[0], energies, ENERGY_COLUMNS)
    write_table(written[1], forces, FORCE_COLUMNS)
    summarise_potentials([written[0]], [written[1]], written[2], study="benchmarks", samples=1000, seed=0)
    rows = pd.read_csv(written[2]).to_dict("records")
    return [{key: value for key, value in row.items() if value == value} for row in rows]


def _costs(contenders: dict[str, Predict], minutes: dict[str, float], small: Atoms) -> list[dict[str, Any]]:
    """Core minutes of training, and seconds of an energy with forces, in turns, neighbours included."""
    common = {
        "system": "potential", "split": "none", "comparable": "not comparable", "better": "lower",
    }  # fmt: skip
    rows = [
        common | {"quantity": "training_core_minutes", "unit": "min", "subject": subject, "ours": spent, "data": "ring"}
        for subject, spent in minutes.items()
    ]
    sizes = {"ring, 24 atoms": small}
    cluster = Path(os.environ.get("AURIC_MIRROR", ".")) / "au38_gfn1" / "au38_q_test270.extxyz"
    if cluster.is_file():
        from ase.io import read

        sizes["ring's potential on Au38(SCH3)24, 158 atoms"] = read(cluster, index=0, format="extxyz")
    for data, atoms in sizes.items():
        times: dict[str, list[float]] = {subject: [] for subject in contenders}
        for _ in range(REPEATS):
            for subject, predict in contenders.items():
                busy = time.process_time()
                predict(atoms)
                times[subject].append(time.process_time() - busy)
        rows += [
            common | {"quantity": "seconds_per_energy_and_forces", "unit": "s", "subject": subject, "data": data,
                      "ours": median(spent), "n": len(atoms)}
            for subject, spent in times.items()
        ]  # fmt: skip
    return rows
