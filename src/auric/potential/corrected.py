"""What the correction of a cheap level is worth: beside what is simpler, and beside learning the better level alone.

All have learned from the same labels and are asked for energies and forces of the better level, on runs that share nothing
with them. Refusal is counted where it should not happen (those runs) and where it should (runs of other kinds).
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from ase import Atoms

from auric.descriptors import PowerSpectrumSettings
from auric.errors import InputError
from auric.files import write_table
from auric.potential.comparison import ENERGY_COLUMNS, FORCE_COLUMNS, INDEPENDENT, energy_rows_of
from auric.potential.contenders import ENERGY_MODELS
from auric.potential.correction import SETTINGS, Correction, difference_of
from auric.potential.environments import THESIS_RULE, plain_classes
from auric.potential.labels import counts_of, energy_of, forces_of, has_forces, read_runs
from auric.potential.linear import LinearPotential
from auric.potential.scores import force_scores
from auric.structures.motifs import atom_classes

KNOWN, STRANGE = "like training", "unlike training"
TAKEN = "independent runs, frames not refused"
FEWEST_TAKEN = 5
"""Errors of frames that are not refused are told of runs with so many."""
REFUSAL_COLUMNS = ("split", "subject", "system", "structure", "run", "frames", "refused", "reason")


class Answers(NamedTuple):
    """What one way says of some frames.

    Attributes:
        energies_ev: Shape (frames,).
        forces: Per frame, eV/angstrom, shape (atoms, 3); None of a way that knows energies alone.
    """

    energies_ev: np.ndarray
    forces: list[np.ndarray] | None


Way = Callable[[Sequence[Atoms]], Answers]
"""From frames labelled at the cheap level to what the better one would say."""


def compare_correction(
    training: Sequence[str | Path], relabelled: Sequence[str | Path], tests: Sequence[str | Path],
    relabelled_tests: Sequence[str | Path], strange: Sequence[str | Path], *,
    model: str | Path, energies: str | Path, forces: str | Path, refusals: str | Path, study: str,
    spectrum: PowerSpectrumSettings | None = None,
) -> None:  # fmt: skip
    """Learn the correction, write its file, and judge it on runs that were not learned from.

    Args:
        training: Runs at the cheap level (extended xyz).
        relabelled: Frames of them at the better level, found by their names.
        tests: Other runs at the cheap level.
        relabelled_tests: Frames of them at the better level.
        strange: Runs at the cheap level of what the correction should refuse.
        model: npz to write.
        energies: CSV of predicted energies to write, columns `ENERGY_COLUMNS`.
        forces: CSV of scores of forces to write, columns `FORCE_COLUMNS`.
        refusals: CSV to write, columns `REFUSAL_COLUMNS`, one row a run.
        study: Name of the study, for the model's file.
        spectrum: Reach and resolution of what is learned on.

    Raises:
        InputError: If there are no frames, or some are not found at the cheap level.
    """
    cheap, better = pairs(read_runs(training, "training"), read_runs(relabelled, "relabelled training"))
    correction = Correction.fit(cheap, better, spectrum=spectrum, study=study)
    correction.save(model)
    every = read_runs(tests, "test")
    asked, truth = pairs(every, read_runs(relabelled_tests, "relabelled test"))
    energy_rows, force_rows = [], []
    taken = _taken(correction, asked)
    for subject, way in ways(correction, cheap, better).items():
        answers = way(asked)
        rows = energy_rows_of(answers.energies_ev, truth, INDEPENDENT, subject)
        energy_rows += rows + [row | {"split": TAKEN} for row, good in zip(rows, taken, strict=True) if good]
        if answers.forces is not None and all(map(has_forces, truth)):
            force_rows += _force_rows(subject, answers.forces, truth)
    write_table(energies, energy_rows, ENERGY_COLUMNS)
    write_table(forces, force_rows, FORCE_COLUMNS)
    strangers = read_runs(strange, "strange") if strange else []
    rows = _refusal_rows(correction, every, KNOWN) + _refusal_rows(correction, strangers, STRANGE)
    write_table(refusals, rows, REFUSAL_COLUMNS)


def add_correction(linear: str | Path, correction: str | Path, model: str | Path) -> None:
    """Write the potential of the better level that a potential of the cheap one and the correction make together.

    Args:
        linear: File of the potential.
        correction: File of the correction.
        model: npz to write, which `LinearPotential.load` reads.

    Raises:
        InputError: If one does not fit the other.
    """
    Correction.load(correction).added_to(LinearPotential.load(linear)).save(model)


def _taken(correction: Correction, frames: Sequence[Atoms]) -> list[bool]:
    """Which frames the correction takes, of runs that it neither takes whole nor refuses nearly whole."""
    good = [not correction.refusal(atoms) for atoms in frames]
    runs = [str(atoms.info["run"]) for atoms in frames]
    mixed = {
        run for run in runs
        if FEWEST_TAKEN <= sum(each for each, of in zip(good, runs, strict=True) if of == run) < runs.count(run)
    }  # fmt: skip
    return [each and of in mixed for each, of in zip(good, runs, strict=True)]


def pairs(cheap: Sequence[Atoms], better: Sequence[Atoms]) -> tuple[list[Atoms], list[Atoms]]:
    """The cheap level's frames that have a partner of the same name, and the partners.

    Raises:
        InputError: If a frame of the better level has none at the cheap one.
    """
    known = {str(atoms.info["name"]): atoms for atoms in cheap}
    if lost := [str(atoms.info["name"]) for atoms in better if str(atoms.info["name"]) not in known]:
        raise InputError(
            f"correction: {lost[0]} is labelled at the better level, but is no frame of the runs given; give the run it is of"
        )
    return [known[str(atoms.info["name"])] for atoms in better], list(better)


def ways(correction: Correction, cheap: Sequence[Atoms], better: Sequence[Atoms]) -> dict[str, Way]:
    """Every way to the better level's energies and forces by its name, learned from the same labels.

    Args:
        correction: Learned from them.
        cheap: Frames of the cheap level.
        better: The same at the better level.
    """
    low, high = correction.cheap[1], correction.better[1]
    differences = [difference_of(*pair) for pair in zip(cheap, better, strict=True)]
    species = sorted({symbol for atoms in cheap for symbol in atoms.symbols})
    counts, given = counts_of(cheap, species), _energies(cheap)
    constants = np.linalg.lstsq(counts, _energies(differences), rcond=None)[0]
    *offsets, scale = np.linalg.lstsq(np.column_stack([counts, given]), _energies(better), rcond=None)[0]
    ridge = ENERGY_MODELS["ridge_soap"].make().fit(differences)
    alone = LinearPotential.fit(better, spectrum=correction.difference.spectrum.settings, settings=SETTINGS)
    return {
        f"{low} and constants, for {high}": lambda frames: Answers(
            _energies(frames) + counts_of(frames, species) @ constants, [forces_of(atoms) for atoms in frames]
        ),
        f"{low} scaled, for {high}": lambda frames: Answers(
            scale * _energies(frames) + counts_of(frames, species) @ offsets, [scale * forces_of(a) for a in frames]
        ),
        f"{low} and ridge on summed SOAP, for {high}": lambda frames: Answers(
            _energies(frames) + ridge.energies(frames), None
        ),
        f"linear on {high} alone": lambda frames: _answers([alone.energy_and_forces(atoms) for atoms in frames]),
        f"{low} and correction, for {high}": lambda frames: _answers([correction.unchecked(a) for a in frames]),
    }


def _answers(found: Sequence[tuple[float, np.ndarray]]) -> Answers:
    return Answers(np.array([energy for energy, _ in found]), [forces for _, forces in found])


def _energies(frames: Sequence[Atoms]) -> np.ndarray:
    return np.array([energy_of(atoms) for atoms in frames])


def _force_rows(subject: str, forces: Sequence[np.ndarray], truth: Sequence[Atoms]) -> list[dict[str, Any]]:
    """Scores by run and by class of atoms."""
    rows = []
    for run in dict.fromkeys(str(atoms.info["run"]) for atoms in truth):
        mine = [number for number, atoms in enumerate(truth) if atoms.info["run"] == run]
        gold = "Au" in truth[mine[0]].symbols
        classes = [atom_classes(truth[k], THESIS_RULE) if gold else plain_classes(truth[k]) for k in mine]
        scores = force_scores([forces[k] for k in mine], [forces_of(truth[k]) for k in mine], classes)
        common = {"split": INDEPENDENT, "subject": subject, "structure": truth[mine[0]].info["structure"], "run": run}
        rows += [common | {"class": kind} | score for kind, score in scores.items()]
    return rows


def _refusal_rows(correction: Correction, frames: Sequence[Atoms], split: str) -> list[dict[str, Any]]:
    rows = []
    for run in dict.fromkeys(str(atoms.info["run"]) for atoms in frames):
        mine = [atoms for atoms in frames if atoms.info["run"] == run]
        reasons = [reason for atoms in mine if (reason := correction.refusal(atoms))]
        rows.append({
            "split": split, "subject": f"{correction.cheap[1]} and correction, for {correction.better[1]}",
            "system": mine[0].info.get("system", ""), "structure": mine[0].info["structure"], "run": run,
            "frames": len(mine), "refused": len(reasons), "reason": reasons[0] if reasons else "",
        })  # fmt: skip
    return rows
