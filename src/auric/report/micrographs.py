"""What the report says of micrographs: which candidate the particles are, how they lie, and how sure that is."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from auric.files import read_dataset
from auric.report import inputs
from auric.report.page import ABSENT, number

NEITHER, UNCALIBRATED = "neither", "uncalibrated"
TOGETHER, SEPARATE = "together", "separately"
MEASURES = {
    "scaled": "wavelets, mean zero, best scale",
    "zero_mean": "wavelets, mean zero",
    "paper": "wavelets as printed",
    "correlation": "cross-correlation",
    "ssim": "structural similarity",
    "refined": "refined orientations",
}


@dataclass(frozen=True)
class Candidate:
    """A structure and its simulated images.

    Attributes:
        name: Its name.
        numbers: Atomic numbers, shape (atoms,).
        positions: In angstrom, shape (atoms, 3).
        images: Shape (n, pixels, pixels), dark is large.
    """

    name: str
    numbers: np.ndarray
    positions: np.ndarray
    images: np.ndarray


@dataclass(frozen=True)
class Seen:
    """One experiment.

    Attributes:
        name: Its name.
        answers: Columns `inputs.TEM_ANSWERS`, a row each measure.
        scores: Columns `inputs.TEM_SCORES`.
        orientations: Columns `inputs.TEM_ORIENTATIONS`.
        angles: Columns `inputs.TEM_ANGLES`.
        images: Of the particles, shape (n, pixels, pixels), dark is large.
        candidates: By name.
    """

    name: str
    answers: pd.DataFrame
    scores: pd.DataFrame
    orientations: pd.DataFrame
    angles: pd.DataFrame
    images: np.ndarray
    candidates: dict[str, Candidate]

    @property
    def best(self) -> "pd.Series[str]":
        """The row of the recommended measure."""
        return self.answers[self.answers["recommended"].astype(str) == "1"].iloc[0]

    @property
    def right(self) -> str:
        """The answer that would be right, where the truth is known: `neither` if it is none of those compared."""
        true = str(self.best["true"])
        return true if not true or true in self.candidates else NEITHER

    def of_best(self, table: pd.DataFrame) -> pd.DataFrame:
        """Rows of a table by the recommended measure; if that ranks no images, by the first, from whose images it set out."""
        measures = table["measure"]
        chosen = self.best["measure"] if (measures == self.best["measure"]).any() else measures.iloc[0]
        return table[measures == chosen]


def gather(files: inputs.ReportFiles) -> list[Seen]:
    """The experiments of a study.

    Raises:
        InputError: If a table lacks a column.
    """
    candidates = {one.name: one for one in map(_candidate, files.tem_libraries)}
    columns = (inputs.TEM_ANSWERS, inputs.TEM_SCORES, inputs.TEM_ORIENTATIONS, inputs.TEM_ANGLES)
    places = (files.tem_answers, files.tem_scores, files.tem_orientations, files.tem_angles)
    found = []
    for place, particles in enumerate(files.tem_particles):
        answers, scores, orientations, angles = (
            inputs.read_table(paths[place], names) for paths, names in zip(places, columns, strict=True)
        )
        images = read_dataset(particles)["image"].to_numpy()
        found.append(
            Seen(str(answers["experiment"].iloc[0]), answers, scores, orientations, angles, images, candidates)
        )
    return found


def _candidate(path: str | Path) -> Candidate:
    dataset = read_dataset(path)
    arrays = (dataset[name].to_numpy() for name in ("number", "position", "image"))
    return Candidate(str(dataset.attrs["name"]), *arrays)


def words(seen: Seen) -> list[str]:
    """Which candidate, how sure, and how it lies."""
    best = seen.best
    many = f"{best['particles']:.0f} particle{'s' if best['particles'] != 1 else ''}"
    sentences = [f"What is seen: {many}; {best['source']}."]
    if best["answer"] == NEITHER:
        sentences.append(
            f"Answer: neither. The nearest is {best['nearest']}, but its own particles are as little similar with a probability of only "
            f"{_chance(best['p_fit'], best['p_least'])}."
        )
    elif best["answer"] == UNCALIBRATED:
        sentences.append(f"No answer: {best['reason']}. The nearest is {best['nearest']}.")
    else:
        chance = _chance(best["p_other"], best["p_least"])
        sure = f"; a margin like that over the next has a probability of {chance} where another is the true one"
        sentences.append(f"Answer: {best['answer']}{sure if best['p_other'] == best['p_other'] else ''}.")
    ranked = seen.of_best(seen.answers[seen.answers["top"].notna()]).iloc[0]
    sentences.append(
        f"Of the {ranked['top_of']:.0f} best images in a mixed ranking by {MEASURES.get(ranked['measure'], ranked['measure'])}, "
        f"{ranked['top']:.0f} are of {ranked['nearest']}; a description, no evidence, since images of neighbouring directions look alike."
    )
    if best["true"]:
        right = "right" if best["answer"] == seen.right else "wrong"
        sentences.append(f"The truth is known here: {best['true']}; the answer is {right}.")
    told = best["beam_error_degree"]
    known = f"{told:.1f}° (median, known here)" if told == told else "not known"
    sentences.append(
        f"Error of the direction looked along, symmetry counted: {known}; {best['expected_beam_error_degree']:.1f}° in simulated cases of the "
        "same noise."
    )
    return sentences


def _chance(value: float, least: float) -> str:
    """A probability as so many cases can show it."""
    return f"below {least:.1g}" if value <= least else number(value)


def rows(seen: Seen) -> list[dict[str, Any]]:
    """For print: the answer by each measure."""
    return [
        {
            "measure": MEASURES.get(str(row["measure"]), str(row["measure"])), "recommended": str(row["recommended"]) == "1",
            "answer": str(row["answer"]), "nearest": str(row["nearest"]), "margin": number(row["margin"]),
            "p_other": _chance(row["p_other"], row["p_least"]), "p_fit": _chance(row["p_fit"], row["p_least"]), "top": f"{row['top']:.0f} of {row['top_of']:.0f}" if row["top"] == row["top"] else ABSENT,
            "from_line": number(row["from_line"]), "error": number(row["beam_error_degree"]),
            "expected": number(row["expected_beam_error_degree"]),
        }
        for row in seen.answers.to_dict("records")
    ]  # fmt: skip


def words_on_power(power: pd.DataFrame) -> list[str]:
    """How often one particle is enough at each dose, and how often it is said to fit no candidate."""
    one = power[
        (power["particles"] == power["particles"].min())
        & (power["underfocus_angstrom"] == power["underfocus_angstrom"].iloc[0])
    ]
    sentences = []
    for dose, mine in one.groupby("dose"):
        told = [
            f"{MEASURES.get(row['measure'], row['measure'])} {100 * row['right']:.0f} %"
            for row in mine.to_dict("records")
        ]
        sentences.append(f"At {dose:,.0f} electrons/Å² the right candidate wins by one particle: {'; '.join(told)}.")
        refused = [
            f"{MEASURES.get(row['measure'], row['measure'])} {100 * row['own_refused']:.0f} and {100 * row['other_refused']:.0f} %"
            for row in mine.dropna(subset=["own_refused", "other_refused"]).to_dict("records")
        ]
        if refused:
            sentences.append(
                f"There “neither” is said of a candidate's own particles, and of another candidate's where that is left out: {'; '.join(refused)}."
            )
    return sentences
