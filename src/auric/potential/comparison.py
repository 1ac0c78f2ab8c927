"""Contenders on the same frames of dynamics: learned from training runs, judged on runs that they have not seen.

Beside it stands what is often reported instead: frames drawn at random from the same runs that were trained on.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms

from auric.files import read_frames, write_table
from auric.potential.contenders import ENERGY_MODELS, EnergyModel
from auric.potential.directed import ClassSettings, DirectedForces, DirectedSettings
from auric.potential.environments import THESIS_RULE, has_metal, plain_classes
from auric.potential.labels import energy_of, forces_of, read_runs
from auric.potential.linear import LinearPotential
from auric.potential.scores import FORCE_COLUMNS as FORCE_COLUMNS
from auric.potential.scores import force_scores
from auric.potential.stretch import BondStretch
from auric.structures.motifs import atom_classes

INDEPENDENT, RANDOM, LEFTOVERS = "independent runs", "random 80/20", "leftovers of training runs"
MOVED = "moved blocks"
DIRECTED = "emlm norms, oamlm directions"
DIRECTED_LOSSES = {loss: f"emlm norms, oamlm directions, {loss}" for loss in ("minimiser", "numeric")}
"""The true minimiser of equation 2.30, and that of the numeric loss, in place of the average of 2.32, all else as before."""
DIRECTED_ROTATIONS = "emlm norms, oamlm directions, rotations alone"
"""No mirror images of references: SO(3) in place of O(3)."""
DIRECTED_CHOSEN = "emlm norms, oamlm directions, chosen by a scan"
LEFTOVER_FRAMES = 30
"""About so many frames of each structure's training runs are looked at for atoms that were not learned from."""
ENERGY_COLUMNS = (
    "split", "subject", "system", "structure", "run", "bath_k", "step", "trial", "block", "energy_ev", "predicted_ev",
)  # fmt: skip
"""`bath_k` is the temperature of the run's bath (kelvin), nothing where it had none."""


def compare_energies(
    training: Sequence[str | Path], tests: Sequence[str | Path], predictions: str | Path, *,
    contender: str, random_split: bool, seed: int, split: str = INDEPENDENT, moves: Sequence[str | Path] = (),
    model: str | Path | None = None, sample: Mapping[str, Any] | None = None,
) -> None:  # fmt: skip
    """Learn one contender and predict energies of runs it has not seen.

    Args:
        training: Runs to learn from (extended xyz).
        tests: Runs to predict.
        predictions: CSV to write, columns `ENERGY_COLUMNS`.
        contender: A key of `ENERGY_MODELS`.
        random_split: Whether to do the same with a random fifth of the training frames left out.
        seed: Of the random split.
        split: What the test shares with the training, for the table.
        moves: Frames of the test runs with one block moved (`auric.reference.trial_moves`), to predict too.
        model: File of the contender, a linear potential learned from the same runs: it predicts as it is, and is not learned again.
        sample: Which frames of each training run, see `sampled`; all by default.

    Raises:
        InputError: If there is nothing to learn from or to predict.
    """
    frames, unseen = read_runs(training, "training", sample), read_runs(tests, "test")
    subject, make = ENERGY_MODELS[contender]
    learned: EnergyModel | LinearPotential = LinearPotential.load(model) if model else make().fit(frames)
    rows = energy_rows_of(learned.energies(unseen), unseen, split, subject)
    if moved := [atoms for path in moves for atoms in read_frames(path)]:
        rows += energy_rows_of(learned.energies(moved), moved, MOVED, subject)
    if random_split:
        out = np.random.default_rng(seed).permutation(len(frames)) < len(frames) // 5
        kept, left = (
            [atoms for atoms, left_out in zip(frames, out, strict=True) if left_out == side] for side in (0, 1)
        )
        rows += energy_rows_of(make().fit(kept).energies(left), left, RANDOM, subject)
    write_table(predictions, rows, ENERGY_COLUMNS)


def compare_forces(
    training: Sequence[str | Path], tests: Sequence[str | Path], scores: str | Path, *,
    models: Mapping[str, str | Path], settings: Mapping[str, Any], every: int, sample: Mapping[str, Any] | None = None,
    choice: Mapping[str, ClassSettings] | None = None, rotations: bool = False, split: str = INDEPENDENT,
) -> None:  # fmt: skip
    """Forces of springs, of EMLM and OAMLM, and of linear potentials, by class of atoms.

    Args:
        training: Runs to learn from (extended xyz).
        tests: Runs to predict.
        scores: CSV to write, columns `FORCE_COLUMNS`.
        models: Files of potentials learned from the same runs, by the contender's key.
        settings: Of `DirectedSettings`, what differs from the thesis's.
        every: Each so many frames of the tests are predicted.
        sample: Which frames of each training run, see `sampled`; all by default.
        choice: Settings by class that a scan chose; a further contender where they are given.
        rotations: Whether EMLM and OAMLM are learned without mirror images too (SO(3) in place of O(3)).
        split: What the test shares with the training, for the table.
    """
    frames, unseen = read_runs(training, "training", sample), read_runs(tests, "test")
    metal = has_metal(frames)
    common = DirectedSettings(plain=not metal, **settings)
    directed = {DIRECTED: DirectedForces(common).fit(frames)}
    directed |= {subject: directed[DIRECTED].with_loss(loss) for loss, subject in DIRECTED_LOSSES.items()}
    if choice:
        directed[DIRECTED_CHOSEN] = DirectedForces(replace(common, classes=choice)).fit(frames)
    if rotations:
        directed[DIRECTED_ROTATIONS] = DirectedForces(replace(common, reflections=False)).fit(frames)
    springs = BondStretch().fit(frames)
    contenders: dict[str, Callable[[Atoms], np.ndarray]] = {
        "bond stretch": springs.forces,
        **{subject: learned.forces for subject, learned in directed.items()},
        **{ENERGY_MODELS[name].subject: LinearPotential.load(path).forces for name, path in models.items()},
    }
    rows = []
    for run, members in _by_run(unseen).items():
        mine = members[::every]
        found = {name: [forces(atoms) for atoms in mine] for name, forces in contenders.items()}
        # All are judged on the same atoms: those that every one of them has an answer for.
        good = [np.all([np.isfinite(of[k]).all(axis=1) for of in found.values()], axis=0) for k in range(len(mine))]
        rows += [row for name, of in found.items() for row in _judged(of, mine, good, metal, split, name, run)]
    for subject, learned in directed.items():
        rows += _on_leftovers(learned, subject, frames, metal)
    write_table(scores, rows, FORCE_COLUMNS)


def _on_leftovers(
    learned: DirectedForces, subject: str, frames: Sequence[Atoms], metal: bool
) -> list[dict[str, Any]]:  # fmt: skip
    """The thesis's test: atoms of the training runs that were not chosen to learn from, structure by structure."""
    rows = []
    structures = np.array([str(atoms.info["structure"]) for atoms in frames])
    of_set = f" of {frames[0].info['system']}" if "system" in frames[0].info else ""
    for structure in dict.fromkeys(structures.tolist()):
        members = np.flatnonzero(structures == structure)
        number = members[:: max(1, len(members) // LEFTOVER_FRAMES)]
        mine = [frames[k] for k in number]
        good = [np.ones(len(atoms), dtype=bool) for atoms in mine]
        for chosen in learned.chosen.values():
            for frame, atom in chosen[np.isin(chosen[:, 0], number)]:
                good[int(np.searchsorted(number, frame))][atom] = False
        found = [learned.forces(atoms) for atoms in mine]
        rows += _judged(found, mine, good, metal, LEFTOVERS, subject, f"training runs{of_set}, {structure}")
    return rows


def _judged(
    found: Sequence[np.ndarray], frames: Sequence[Atoms], good: Sequence[np.ndarray], metal: bool,
    split: str, subject: str, run: str,
) -> list[dict[str, Any]]:  # fmt: skip
    """Rows of scores by class of atoms, of the atoms that are good to be judged."""
    classes = [np.array(atom_classes(atoms, THESIS_RULE) if metal else plain_classes(atoms)) for atoms in frames]
    scores = force_scores(
        [forces[kept] for forces, kept in zip(found, good, strict=True)],
        [forces_of(atoms)[kept] for atoms, kept in zip(frames, good, strict=True)],
        [names[kept].tolist() for names, kept in zip(classes, good, strict=True)],
    )
    common = {"split": split, "subject": subject, "structure": frames[0].info["structure"], "run": run}
    return [common | {"class": kind} | score for kind, score in scores.items()]


def energy_rows_of(predicted: np.ndarray, frames: Sequence[Atoms], split: str, subject: str) -> list[dict[str, Any]]:
    """Rows of `ENERGY_COLUMNS`: predicted energies (eV, shape (frames,)) beside those that the frames have."""
    return [
        {
            "split": split, "subject": subject, "system": atoms.info.get("system", ""),
            "structure": atoms.info["structure"], "run": atoms.info["run"],
            "bath_k": atoms.info.get("target_temperature_k", ""), "step": atoms.info["step"],
            "trial": atoms.info.get("trial", ""), "block": atoms.info.get("block", ""),
            "energy_ev": energy_of(atoms), "predicted_ev": energy,
        }
        for atoms, energy in zip(frames, predicted, strict=True)
    ]  # fmt: skip


def _by_run(frames: Sequence[Atoms]) -> dict[str, list[Atoms]]:
    runs: dict[str, list[Atoms]] = {}
    for atoms in frames:
        runs.setdefault(str(atoms.info["run"]), []).append(atoms)
    return runs
