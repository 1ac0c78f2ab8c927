"""The scorecard of this room, and which model is recommended for which records."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from auric.files import read_tables, write_table
from auric.scorecard import write_scorecard
from auric.synthesis import scores
from auric.synthesis.evaluation import DEFAULTS
from auric.synthesis.scores import Score
from auric.synthesis.worlds import WORLDS

PAPER = {
    "gcnn_snn": (0.81, 0.79, 0.65), "gcnn_dnn": (0.83, 0.83, 0.67), "gcnn_svm": (0.80, 0.80, 0.60), "snn": (0.72, 0.65, 0.46),
    "dnn": (0.69, 0.65, 0.37), "svm": (0.48, 0.39, -0.05),
}  # fmt: skip
"""Accuracy, F1 and MCC of Table 2 of doi:10.1002/aisy.201900029, on 54 examples that are not public."""
PAPER_TREE = {"f1": 0.95, "mcc": 0.90}
SCORE_COLUMNS = ("data", "sets", "split", "tuning", "model", "measure", "ours", "ci_low", "ci_high", "n", "seconds")
PAIR_COLUMNS = ("data", "sets", "split", "measure", "first", "second", "difference", "ci_low", "ci_high", "p")
RECOMMENDED_COLUMNS = (
    "data",
    "sets",
    "split",
    "model",
    "mcc",
    "runner_up",
    "runner_up_mcc",
    "difference",
    "ci_low",
    "ci_high",
    "p",
    "paper_model_mcc",
)
PAPER_MODEL = "gcnn_snn"
SPLIT_NAMES = {"folds": "repeated 10-fold", "ligand": "leave one ligand out"}
BETTER = {"brier": "lower", "calibration_error": "lower"}
OVER_BAYES = "mcc_over_bayes"


def summarise_synthesis(
    predictions: Sequence[str | Path], fidelity: Sequence[str | Path], limits: Sequence[str | Path], external: Sequence[str | Path], *,
    scorecard: str | Path, score_table: str | Path, pairs: str | Path, recommended: str | Path, study: str, samples: int, seed: int,
) -> None:  # fmt: skip
    """Judge all models on all records.

    One set has intervals over its records, drawn again; several simulated sets of one world have intervals over the sets.

    Args:
        predictions: Tables of `auric.synthesis.evaluation.cross_validate`.
        fidelity: Tables of trees, `auric.synthesis.surrogate.FIDELITY_COLUMNS`.
        limits: Tables of planted limits, `auric.synthesis.explain.LIMIT_COLUMNS`.
        external: Tables on the printed recipe, `auric.synthesis.explain.EXTERNAL_COLUMNS`.
        scorecard: CSV of the house's scorecard.
        score_table: CSV, columns `SCORE_COLUMNS`.
        pairs: CSV, every two models beside each other in MCC, columns `PAIR_COLUMNS`.
        recommended: CSV, the best model of each kind of records and split, columns `RECOMMENDED_COLUMNS`.
        study: Name of the study.
        samples: Resamples.
        seed: Of the resamples.
    """
    told: list[dict[str, Any]] = []
    beside: list[dict[str, Any]] = []
    winners: list[dict[str, Any]] = []
    table = read_tables(predictions)
    table = table.assign(group=[_group(each) for each in table["data"]])
    for (group, split), mine in table.groupby(["group", "split"], sort=False):
        every = {
            key: [_Set(part) for _, part in one.groupby("data", sort=False)]
            for key, one in mine.groupby(["tuning", "model"], sort=False)
        }
        plain = {model: sets for (tuning, model), sets in every.items() if tuning == DEFAULTS}
        key = {"data": group, "sets": len(next(iter(every.values()))), "split": split}
        for (tuning, model), sets in every.items():
            told += [key | {"tuning": tuning, "model": model, **row} for row in _scores(sets, samples, seed)]
        beside += [key | row for row in _pairs(plain, samples, seed)]
        winners.append(key | _winner(plain, samples, seed))
    write_table(score_table, told, SCORE_COLUMNS)
    write_table(pairs, beside, PAIR_COLUMNS)
    write_table(recommended, winners, RECOMMENDED_COLUMNS)
    rows = [_row(study, row) for row in told]
    rows += _tree_rows(study, fidelity) + _limit_rows(study, limits) + _external_rows(study, external)
    write_scorecard(scorecard, rows)


class _Set:
    """Out-of-fold probabilities of one set, (repeats, n), with outcomes and perhaps the truth, (n,)."""

    def __init__(self, table: pd.DataFrame) -> None:
        repeats = [part for _, part in table.groupby("repeat", sort=True)]
        self.outcomes = repeats[0]["outcome"].to_numpy(dtype=int)
        truth = pd.to_numeric(repeats[0]["truth"], errors="coerce").to_numpy(dtype=float)
        self.truth = None if np.isnan(truth).any() else truth
        self.probability = np.stack([part["probability"].to_numpy(dtype=float) for part in repeats])
        self.seconds = float(repeats[0]["seconds"].iloc[0])

    def value(self, measure: str) -> float:
        """A measure of the set, mean over repeats."""
        if measure == OVER_BAYES:
            assert self.truth is not None
            return self.value("mcc") / float(scores.matthews(self.outcomes, self.truth))
        if measure == "calibration_error":
            return scores.calibration_error(np.broadcast_to(self.outcomes, self.probability.shape), self.probability)
        outcomes = np.broadcast_to(self.outcomes, self.probability.shape)
        return float(scores.MEASURES[measure](outcomes, self.probability).mean())


def _group(data: str) -> str:
    """The world of a simulated set, or the name of other records."""
    world = data.rpartition("_")[0]
    return world if world in WORLDS else data


def _scores(sets: Sequence[_Set], samples: int, seed: int) -> list[dict[str, Any]]:
    measures = [*scores.MEASURES, "calibration_error", *([OVER_BAYES] if sets[0].truth is not None else [])]
    found = []
    for measure in measures:
        if len(sets) > 1:
            score = scores.mean_over_sets(np.array([each.value(measure) for each in sets]), samples, seed)
        elif measure in scores.MEASURES:
            drawn = scores.resampled(len(sets[0].outcomes), samples, seed)
            score = scores.measured(measure, sets[0].outcomes, sets[0].probability, drawn)
        else:
            score = Score(sets[0].value(measure), np.nan, np.nan)
        n = sum(len(each.outcomes) for each in sets)
        seconds = sum(each.seconds for each in sets)
        found.append(
            {
                "measure": measure,
                "ours": score.value,
                "ci_low": score.low,
                "ci_high": score.high,
                "n": n,
                "seconds": seconds,
            }
        )
    return found


def _beside(first: Sequence[_Set], second: Sequence[_Set], samples: int, seed: int) -> tuple[Score, float]:
    """First less second in MCC, and the p of no difference: over sets if there are several, over records if there is one."""
    if len(first) == 1:
        drawn = scores.resampled(len(first[0].outcomes), samples, seed)
        return scores.paired("mcc", first[0].outcomes, first[0].probability, second[0].probability, drawn)
    apart = np.array([a.value("mcc") - b.value("mcc") for a, b in zip(first, second, strict=True)])
    each = apart[scores.resampled(len(apart), samples, seed)].mean(1)
    p = 2 * min((each <= 0).mean(), (each >= 0).mean())
    return scores.mean_over_sets(apart, samples, seed), float(min(1.0, max(p, 1 / samples)))


def _pairs(models: dict[str, list[_Set]], samples: int, seed: int) -> list[dict[str, Any]]:
    found = []
    names = list(models)
    for place, first in enumerate(names):
        for second in names[place + 1 :]:
            score, p = _beside(models[first], models[second], samples, seed)
            found.append(
                {
                    "measure": "mcc",
                    "first": first,
                    "second": second,
                    "difference": score.value,
                    "ci_low": score.low,
                    "ci_high": score.high,
                    "p": p,
                }
            )
    return found


def _winner(models: dict[str, list[_Set]], samples: int, seed: int) -> dict[str, Any]:
    mean = {model: float(np.mean([each.value("mcc") for each in sets])) for model, sets in models.items()}
    order = sorted(mean, key=lambda model: -mean[model])
    found: dict[str, Any] = {"model": order[0], "mcc": mean[order[0]], "paper_model_mcc": mean.get(PAPER_MODEL, "")}
    if len(order) > 1:
        score, p = _beside(models[order[0]], models[order[1]], samples, seed)
        found |= {
            "runner_up": order[1],
            "runner_up_mcc": mean[order[1]],
            "difference": score.value,
            "ci_low": score.low,
            "ci_high": score.high,
            "p": p,
        }
    return found


def _row(study: str, one: dict[str, Any]) -> dict[str, Any]:
    stated = dict(zip(("accuracy", "f1", "mcc"), PAPER.get(one["model"], ()), strict=False))
    tuned = (
        ""
        if one["tuning"] == DEFAULTS
        else f", hyperparameters chosen {'inside folds' if one['tuning'] == 'inside' else 'on the same folds'}"
    )
    paper = stated.get(one["measure"], "") if one["split"] == "folds" else ""
    return {
        "study": study, "system": "synthesis", "quantity": one["measure"], "unit": "1", "subject": f"{one['model']}{tuned}", "paper": paper,
        "ours": one["ours"], "ci_low": one["ci_low"], "ci_high": one["ci_high"], "n": one["n"], "data": _named(one["data"], one["sets"]),
        "split": SPLIT_NAMES[one["split"]], "comparable": "same protocol, other data" if paper != "" and one["data"] not in WORLDS else "not comparable",
        "better": BETTER.get(one["measure"], "higher"), "seconds": one["seconds"],
    }  # fmt: skip


def _named(data: str, sets: int) -> str:
    return f"simulated: {data}, {sets} set{'s' if sets > 1 else ''}" if data in WORLDS else data


def _tree_rows(study: str, paths: Sequence[str | Path]) -> list[dict[str, Any]]:
    rows = []
    for one in _records(paths):
        for measure in ("f1", "mcc"):
            rows.append(_plain(study, f"tree_{measure}", one["model"], one[measure], one["data"], "fresh recipes", one["fresh"], "higher")
                        | {"paper": PAPER_TREE[measure]})  # fmt: skip
    return rows


def _limit_rows(study: str, paths: Sequence[str | Path]) -> list[dict[str, Any]]:
    return [
        _plain(study, "limit_relative_error", f"{one['model']}: {one['feature']}", one["relative_error"], one["data"], "tree", 1, "lower")
        for one in _records(paths) if one["relative_error"] == one["relative_error"]
    ]  # fmt: skip


def _external_rows(study: str, paths: Sequence[str | Path]) -> list[dict[str, Any]]:
    return [
        _plain(
            study,
            "probability",
            f"{one['model']}: {one['name']}",
            one["probability"],
            one["data"],
            "printed recipe",
            1,
            "higher",
        )
        | {"paper": one["paper_probability"]}
        for one in _records(paths)
    ]


def _records(paths: Sequence[str | Path]) -> list[dict[str, Any]]:
    return [row for path in paths for row in read_tables([path]).to_dict("records")]


def _plain(
    study: str, quantity: str, subject: str, ours: float, data: str, split: str, n: int, better: str
) -> dict[str, Any]:
    named = f"simulated: {data}" if _group(data) in WORLDS else data
    return {
        "study": study, "system": "synthesis", "quantity": quantity, "unit": "1", "subject": subject, "ours": ours, "n": n, "data": named,
        "split": split, "comparable": "not comparable", "better": better,
    }  # fmt: skip
