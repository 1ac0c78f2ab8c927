"""Which isomer, which orientation, and how sure: what matches and calibration say of one experiment.

The isomer whose images are most similar to the particles, each at its best image, wins by a margin. How likely such a margin is where
another isomer is the true one is read from the calibration's cases of that isomer, as is whether the winner is as similar to its own
particles as here: if not, the answer is `neither`. Both are probabilities of the mean of new cases beside the mean of known ones
(Student's t, one-sided), which is interpolated to the noise of the particles. So few cases as there are show no probability below one in
their number; smaller ones of Student's t decide, but are not told. Beyond the noise of all cases there is no answer (`uncalibrated`).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from auric.errors import InputError
from auric.files import read_dataset, read_tables, write_dataset, write_table
from auric.microscopy.calibration import assumed_microscope, comparison_settings, margins, particle_settings
from auric.microscopy.directions import orientation_error, turned_about_beam
from auric.microscopy.expected import Expectation, expectation, probability_below
from auric.microscopy.experiment import read_experiment
from auric.microscopy.library import Library, joined, read_libraries
from auric.microscopy.ranking import TOP, by_isomer, departure_from_line, rank_scores, top_share
from auric.microscopy.refinement import REFINED, refined_fits
from auric.microscopy.similarity import match

NEITHER, UNCALIBRATED = "neither", "uncalibrated"
TOGETHER, SEPARATE = "together", "separately"
KIND = "matches of an experiment"
ANSWER_COLUMNS = (
    "experiment", "measure", "recommended", "particles", "answer", "nearest", "similarity", "margin", "p_other", "p_fit", "p_least", "noise",
    "dose", "underfocus_angstrom", "top", "top_of", "top_permuted", "from_line", "beam_error_degree", "expected_beam_error_degree", "true",
    "source", "reason",
)  # fmt: skip
SCORE_COLUMNS = (
    "experiment", "measure", "scope", "candidate", "image", "direction_x", "direction_y", "direction_z", "similarity", "score", "rank",
)  # fmt: skip
ORIENTATION_COLUMNS = (
    "experiment", "measure", "particle", "candidate", "image", "direction_x", "direction_y", "direction_z", "angle_degree", "similarity",
    "next_similarity", "beam_error_degree", "orientation_error_degree",
)  # fmt: skip
ANGLE_COLUMNS = ("experiment", "measure", "candidate", "place", "image", "particle", "angle_degree")
BEST_IMAGES = 5
"""Of the winner, by score, whose angles are told for every particle."""


def nearest_cases(cases: pd.DataFrame, known: Mapping[str, Expectation], noise: float) -> pd.DataFrame:
    """Cases of all measures under the condition whose noise is nearest, at the first focus."""
    dose = next(iter(known.values())).nearest(noise).dose
    return cases[(cases["underfocus_angstrom"] == cases["underfocus_angstrom"].iloc[0]) & (cases["dose"] == dose)]


def recommended_measure(cases: pd.DataFrame) -> str:
    """The measure by which candidates are told apart, and from what is none of them, most clearly, in the worst of the candidates.

    An answer needs both: a margin that stands out from its spread, and a candidate's own particles whose similarity to it stands out, from its
    spread, from that of the other candidates' particles, which stand for structures that nobody thought of. The smaller of both counts.

    Args:
        cases: Of the calibration, one condition. With one candidate there is nothing to compare, and refined orientations, or else the first
            measure, are taken.
    """
    told = margins(cases)
    if not len(told):
        measures = cases["measure"].unique().tolist()
        return REFINED if REFINED in measures else str(measures[0])
    apart = told.groupby(["measure", "true"], sort=False)["margin"].agg(lambda one: one.mean() / max(one.std(), 1e-12))
    mine = cases["candidate"] == cases["true"]
    own = cases[mine].groupby(["measure", "candidate"], sort=False)["similarity"].agg(["mean", "std"])
    others = cases[~mine].groupby(["measure", "candidate"], sort=False)["similarity"].mean()
    alone = (own["mean"] - others) / own["std"].clip(lower=1e-12)
    clear = pd.concat([apart, alone]).groupby(level=0, sort=False).min()
    return str(clear.idxmax())


def decide(
    tops: np.ndarray, names: Sequence[str], known: Expectation, *, noise: float, level: float, shared: bool = False
) -> dict[str, Any]:
    """The answer of one measure.

    Args:
        tops: Highest similarity of each particle among the images of each candidate, shape (particles, candidates).
        names: Of the candidates.
        known: By the calibration, of this measure.
        noise: Of the particles, their median (255 is the darkest place).
        level: Below this probability that the winner's own particles are as little similar, the answer is `neither`.
        shared: Whether all particles lie the same way: they then say no more of other orientations than one does.

    Returns:
        `answer`, `nearest` (candidate), `similarity`, `margin` over the next (NaN for one candidate), `p_other` (the largest probability
        of the margin where another candidate is true), `p_fit`, and `p_least`, below which neither of them is told. If the noise lies
        beyond that of the calibration, the answer is `uncalibrated`, probabilities are NaN, and `reason` says so; else it is empty.
    """
    means = tops.mean(axis=0)
    order = np.argsort(-means, kind="stable")
    winner, size = names[order[0]], 1 if shared else len(tops)
    margin = float(means[order[0]] - means[order[1]]) if len(names) > 1 else float("nan")
    told = {"nearest": winner, "similarity": float(means[order[0]]), "margin": margin}
    if reason := known.outside(noise):
        unsure = dict.fromkeys(("p_other", "p_fit", "p_least"), float("nan"))
        return told | unsure | {"answer": UNCALIBRATED, "reason": reason}
    own = known.own(winner, noise)
    fit, least = probability_below(float(means[order[0]]), size, own), 1 / (own.cases + 1)
    chances = [
        probability_below(float(means[k] - means[order[0]]), size, known.lead(names[k], winner, noise))
        for k in order[1:]
    ]
    return told | {
        "answer": NEITHER if fit < level else winner, "p_other": max(*chances, least) if chances else float("nan"),
        "p_fit": max(fit, least), "p_least": least, "reason": "",
    }  # fmt: skip


def write_matches(
    experiment: str | Path, libraries: Sequence[str | Path], path: str | Path, *, settings: Mapping[str, Any]
) -> None:
    """Compare an experiment's particles with all images of all candidates (NetCDF: similarity and angle by measure), and refine them.

    Args:
        experiment: File of `write_experiment`.
        libraries: Files of the candidates.
        path: NetCDF to write.
        settings: `microscopy` of the configuration.
    """
    particles, candidates, comparison = (
        read_experiment(experiment),
        read_libraries(libraries),
        comparison_settings(settings),
    )
    images, labels = joined(candidates)
    seen = particles["image"].to_numpy()
    found = match(seen, images, comparison)
    dims = ("measure", "particle", "library_image")
    dataset = xr.Dataset(
        {
            "similarity": (dims, np.array([one.similarity for one in found.values()])),
            "angle": (dims, np.array([one.angle_degree for one in found.values()]), {"units": "degree"}),
            "candidate": ("library_image", labels),
        },
        coords={"measure": list(found), "particle": particles["particle"].to_numpy()},
        attrs={"kind": KIND} | {name: particles.attrs[name] for name in ("experiment", "true", "source")},
    )
    if comparison.starts:
        first, microscope = found[comparison.measures[0]], assumed_microscope(settings)
        fits = refined_fits(seen, first, candidates, microscope, particle_settings(settings), comparison)
        each = ("particle", "of_candidate")
        dataset = dataset.assign(
            refined_similarity=(each, fits.similarity),
            refined_orientation=((*each, "row", "axis"), fits.orientation),
            refined_start=(each, fits.start),
        )
    write_dataset(path, dataset)


def write_answers(
    matches: str | Path, experiment: str | Path, libraries: Sequence[str | Path], calibration: str | Path, answers: str | Path,
    scores: str | Path, orientations: str | Path, turned: str | Path, *, level: float,
) -> None:  # fmt: skip
    """Answer for one experiment and write four tables; refined orientations give an answer too, but no scores of images.

    Args:
        matches: File of `write_matches`.
        experiment: File of `write_experiment`.
        libraries: Files of the candidates.
        calibration: Table of `write_calibration`.
        answers: CSV to write, columns `ANSWER_COLUMNS`.
        scores: CSV to write, columns `SCORE_COLUMNS`.
        orientations: CSV to write, columns `ORIENTATION_COLUMNS`.
        turned: CSV to write, columns `ANGLE_COLUMNS`: rotations of all particles at the winner's best images.
        level: See `decide`.

    Raises:
        InputError: If the file of matches is something else.
    """
    told = read_dataset(matches)
    if told.attrs.get("kind") != KIND:
        raise InputError(f"{matches}: no matches of an experiment; run the step that makes them")
    candidates, particles = read_libraries(libraries), read_experiment(experiment)
    labels = told["candidate"].to_numpy().astype(str)
    names, noise = [one.name for one in candidates], float(np.median(particles["noise"]))
    every = read_tables([calibration])
    known = {str(measure): expectation(mine, names) for measure, mine in every.groupby("measure", sort=False)}
    cases = nearest_cases(every, known, noise)
    rows: dict[str, list[dict[str, Any]]] = {"answers": [], "scores": [], "orientations": [], "angles": []}
    best = recommended_measure(cases)
    common = {"experiment": told.attrs["experiment"]}
    common_to_answers = {
        "true": told.attrs["true"],
        "source": told.attrs["source"],
        "particles": told.sizes["particle"],
        "noise": noise,
    }
    common_to_answers |= {name: cases[name].iloc[0] for name in ("dose", "underfocus_angstrom")}
    shared = bool(particles.attrs["shared"])

    def answered(measure: str, tops: np.ndarray) -> tuple[dict[str, Any], Library]:
        mine = cases[cases["measure"] == measure]
        answer = decide(tops, names, known[measure], noise=noise, level=level, shared=shared)
        own = mine[mine["true"] == answer["nearest"]].drop_duplicates("case")
        told = {"measure": measure, "recommended": int(measure == best)}
        expected = {"expected_beam_error_degree": float(own["beam_error_degree"].median())}
        return common | common_to_answers | told | answer | expected, candidates[names.index(answer["nearest"])]

    for measure in told["measure"].to_numpy().astype(str):
        mine = told.sel(measure=measure)
        similarity, angle = mine["similarity"].to_numpy(), mine["angle"].to_numpy()
        answer, winner = answered(measure, by_isomer(similarity, labels, names))
        scored = _scores(similarity, labels, candidates)
        together = np.concatenate([one[TOGETHER] for one in scored.values()])
        top, chance = top_share(together, labels, winner.name)
        placed = _orientations(similarity, angle, labels, winner, particles)
        rows["answers"].append(answer | {
            "top": top, "top_of": min(TOP, len(labels)), "top_permuted": chance,
            "from_line": departure_from_line(scored[winner.name][SEPARATE]),
            "beam_error_degree": _median_error(placed),
        })  # fmt: skip
        about = common | {"measure": measure}
        rows["orientations"] += [about | one for one in placed]
        best_images = np.argsort(-scored[winner.name][SEPARATE], kind="stable")[:BEST_IMAGES]
        rows["angles"] += [
            about | {"candidate": winner.name, "place": place, "image": int(k), "particle": j,
                      "angle_degree": angle[j, np.flatnonzero(labels == winner.name)[k]]}
            for place, k in enumerate(best_images) for j in range(len(similarity))
        ]  # fmt: skip
        rows["scores"] += [about | one for one in _score_rows(similarity, labels, candidates, scored)]
    if "refined_similarity" in told:
        answer, winner = answered(REFINED, told["refined_similarity"].to_numpy())
        placed = _refined_orientations(told, labels, winner, names.index(winner.name), particles)
        rows["answers"].append(answer | {"beam_error_degree": _median_error(placed)})
        rows["orientations"] += [common | {"measure": REFINED} | one for one in placed]
    write_table(answers, rows["answers"], ANSWER_COLUMNS)
    write_table(scores, rows["scores"], SCORE_COLUMNS)
    write_table(orientations, rows["orientations"], ORIENTATION_COLUMNS)
    write_table(turned, rows["angles"], ANGLE_COLUMNS)


def _scores(
    similarity: np.ndarray, labels: np.ndarray, candidates: Sequence[Library]
) -> dict[str, dict[str, np.ndarray]]:
    """Rank scores of each candidate's images, all together and its own alone."""
    together = rank_scores(similarity)
    return {
        one.name: {TOGETHER: together[labels == one.name], SEPARATE: rank_scores(similarity[:, labels == one.name])}
        for one in candidates
    }


def _score_rows(
    similarity: np.ndarray, labels: np.ndarray, candidates: Sequence[Library], scored: Mapping[str, Mapping[str, np.ndarray]]
) -> list[dict[str, Any]]:  # fmt: skip
    rows = []
    together = np.concatenate([scored[one.name][TOGETHER] for one in candidates])
    places = {TOGETHER: (-together).argsort(kind="stable").argsort(kind="stable")}
    for one in candidates:
        mean = similarity[:, labels == one.name].mean(axis=0)
        alone = (-scored[one.name][SEPARATE]).argsort(kind="stable").argsort(kind="stable")
        for scope, ranks in ((TOGETHER, places[TOGETHER][labels == one.name]), (SEPARATE, alone)):
            rows += [
                {"scope": scope, "candidate": one.name, "image": k, **_direction(one.orientations[k]), "similarity": mean[k],
                 "score": scored[one.name][scope][k], "rank": int(ranks[k])}
                for k in range(len(mean))
            ]  # fmt: skip
    return rows


def _orientations(
    similarity: np.ndarray, angle: np.ndarray, labels: np.ndarray, winner: Library, particles: xr.Dataset
) -> list[dict[str, Any]]:
    """How each particle lies by its best image of the winner, and how far that is from the truth, where it is known."""
    mine = np.flatnonzero(labels == winner.name)
    rows = []
    for k, name in enumerate(particles["particle"].to_numpy().astype(str)):
        best = int(similarity[k, mine].argmax())
        found = turned_about_beam(winner.orientations[best], angle[k, mine[best]])
        others = np.abs(winner.orientations[:, 2] @ winner.orientations[best, 2]) < np.cos(np.radians(20))
        rows.append({
            "particle": name, "candidate": winner.name, "image": best, **_direction(winner.orientations[best]),
            "angle_degree": angle[k, mine[best]], "similarity": similarity[k, mine[best]],
            "next_similarity": similarity[k, mine[others]].max() if others.any() else float("nan"),
            **_errors(found, k, winner, particles),
        })  # fmt: skip
    return rows


def _refined_orientations(
    told: xr.Dataset, labels: np.ndarray, winner: Library, column: int, particles: xr.Dataset
) -> list[dict[str, Any]]:
    """How each particle lies by its refined orientation; image and angle are those from which the search went."""
    angle = told["angle"].to_numpy()[0][:, labels == winner.name]
    found = told["refined_orientation"].to_numpy()[:, column]
    start, similarity = (told[name].to_numpy()[:, column] for name in ("refined_start", "refined_similarity"))
    return [
        {
            "particle": name, "candidate": winner.name, "image": int(start[k]), **_direction(found[k]),
            "angle_degree": angle[k, start[k]], "similarity": similarity[k], **_errors(found[k], k, winner, particles),
        }
        for k, name in enumerate(particles["particle"].to_numpy().astype(str))
    ]  # fmt: skip


def _errors(found: np.ndarray, particle: int, winner: Library, particles: xr.Dataset) -> dict[str, float]:
    """How far a particle's orientation is from the truth, where it is known (degree)."""
    true = particles["true_orientation"].to_numpy()
    if not len(true) or particles.attrs["true"] != winner.name:
        return {"beam_error_degree": float("nan"), "orientation_error_degree": float("nan")}
    beam, whole = orientation_error(found, true[particle], winner.operations)
    return {"beam_error_degree": beam, "orientation_error_degree": whole}


def _median_error(placed: Sequence[Mapping[str, Any]]) -> float:
    return float(np.median([one["beam_error_degree"] for one in placed]))


def _direction(orientation: np.ndarray) -> dict[str, float]:
    return dict(zip(("direction_x", "direction_y", "direction_z"), orientation[2].tolist(), strict=True))
