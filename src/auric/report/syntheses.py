"""What the report says of syntheses: models beside each other, what a fitted one says, its tree in words, and recipes to try."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from auric.report import inputs
from auric.report.page import count, number

MODEL_NAMES = {
    "gcnn_snn": "GCNN + SNN", "gcnn_dnn": "GCNN + DNN", "gcnn_svm": "GCNN + SVM", "snn": "SNN", "dnn": "DNN", "svm": "SVM",
    "trees": "mean over all small trees", "boosting": "gradient boosting", "process": "Gaussian process", "logistic": "logistic regression",
}  # fmt: skip
PAPER_MODELS = ("gcnn_snn", "gcnn_dnn", "gcnn_svm", "snn", "dnn", "svm")
WORLDS = ("conditions", "structure")
"""Simulated: the page says so wherever they are named."""
SPLITS = {"folds": "repeated folds", "ligand": "one ligand left out"}
MEASURES = {
    "mcc": "MCC",
    "mcc_over_bayes": "of the best possible",
    "f1": "F1",
    "accuracy": "accuracy",
    "calibration_error": "error of calibration",
}
CHOICES = {"defaults": "as set", "inside": "chosen inside folds", "same": "chosen on the same folds (flatters)"}


@dataclass(frozen=True)
class Syntheses:
    """All models on one kind of records.

    Attributes:
        data: Name of the records, or of a simulated world.
        scores: Columns `inputs.SYNTHESIS_SCORES`.
        winners: Columns `inputs.SYNTHESIS_RECOMMENDED`.
        pairs: Columns `inputs.SYNTHESIS_PAIRS`.
    """

    data: str
    scores: pd.DataFrame
    winners: pd.DataFrame
    pairs: pd.DataFrame

    @property
    def title(self) -> str:
        """What the records are, and that they are simulated if they are."""
        return title(self.data)

    def score(self, model: str, split: str, measure: str, tuning: str = "defaults") -> pd.Series | None:
        """One row of the scores, if there is one."""
        every = self.scores
        mine = every[
            (every["model"] == model)
            & (every["split"] == split)
            & (every["measure"] == measure)
            & (every["tuning"] == tuning)
        ]
        return mine.iloc[0] if len(mine) else None

    @property
    def models(self) -> list[str]:
        """Models in the order of the tables."""
        return list(dict.fromkeys(self.scores.loc[self.scores["tuning"] == "defaults", "model"]))

    @property
    def splits(self) -> list[str]:
        """Splits in the order of the tables."""
        return list(dict.fromkeys(self.scores["split"]))


@dataclass(frozen=True)
class Explained:
    """What one fitted model says.

    Attributes:
        data: Name of the records.
        model: Name of the model.
        tables: By the names of `inputs.SYNTHESIS_TABLES`.
    """

    data: str
    model: str
    tables: dict[str, pd.DataFrame]

    @property
    def title(self) -> str:
        """The model and what it learned from."""
        return f"{model_name(self.model)} on {title(self.data)}"


def model_name(model: str) -> str:
    """A model's name in print."""
    return MODEL_NAMES.get(model, model)


def title(data: str) -> str:
    """Records in print: a simulated world, or a set of one, is called simulated."""
    world = data.partition("_")[0]
    return f"simulated records ({data.replace('_', ', set ')})" if world in WORLDS else data


def gather(files: inputs.ReportFiles) -> list[Syntheses]:
    """The models of a study on each kind of records.

    Raises:
        InputError: If a table lacks a column.
    """
    scores = inputs.read_table(files.synthesis_scores, inputs.SYNTHESIS_SCORES)
    winners = inputs.read_table(files.synthesis_recommended, inputs.SYNTHESIS_RECOMMENDED)
    pairs = inputs.read_table(files.synthesis_pairs, inputs.SYNTHESIS_PAIRS)
    return [
        Syntheses(str(data), mine, winners[winners["data"] == data], pairs[pairs["data"] == data])
        for data, mine in scores.groupby("data", sort=False)
    ]


def gather_explained(folders: Sequence[str | Path]) -> list[Explained]:
    """What fitted models say, each from the folder of its map.

    Args:
        folders: Paths of map.csv, beside which the other tables lie.

    Raises:
        InputError: If a table lacks a column.
    """
    found = []
    for path in folders:
        tables = {
            name: inputs.read_table(Path(path).with_name(f"{name}.csv"), columns)
            for name, columns in inputs.SYNTHESIS_TABLES.items()
        }
        first = tables["map"].iloc[0]
        found.append(Explained(str(first["data"]), str(first["model"]), tables))
    return found


def words(told: Syntheses) -> list[str]:
    """Which model is best in each split, whether the next one differs from it, and what the paper's own is worth."""
    sentences = []
    for row in told.winners.to_dict("records"):
        best = told.score(row["model"], row["split"], "mcc")
        if best is None:
            continue
        sentence = f"Best by {SPLITS[row['split']]}: {model_name(row['model'])}, MCC {_interval(best)}"
        share = told.score(row["model"], row["split"], "mcc_over_bayes")
        sentence += f", {number(share['ours'])} of what is possible." if share is not None else "."
        if row["runner_up"]:
            differs = row["ci_low"] > 0
            sentence += (
                f" Next is {model_name(row['runner_up'])} with {number(row['runner_up_mcc'])}; the difference "
                f"{'is clear' if differs else 'is within chance'} ({number(row['ci_low'])} to {number(row['ci_high'])}, p = {number(row['p'])})."
            )
        own = told.score("gcnn_snn", row["split"], "mcc")
        if own is not None and row["model"] not in PAPER_MODELS:
            sentence += f" The paper's model, GCNN + SNN, has {_interval(own)}: a peer beats it here."
        sentences.append(sentence)
    return [*sentences, *_on_structure(told), *_on_choices(told)]


def _on_structure(told: Syntheses) -> list[str]:
    """What fingerprints that are learned add to the same head."""
    sentences = []
    for split in told.splits:
        mine = told.pairs[told.pairs["split"] == split].set_index(["first", "second"])
        parts = [
            f"{head.upper()} {number(row['difference'])} ({number(row['ci_low'])} to {number(row['ci_high'])})"
            for head in ("snn", "dnn", "svm")
            if (f"gcnn_{head}", head) in mine.index
            for row in [mine.loc[(f"gcnn_{head}", head)]]
        ]
        if parts:
            sentences.append(f"What learned fingerprints add in MCC, {SPLITS[split]}: {', '.join(parts)}.")
    return sentences


def _on_choices(told: Syntheses) -> list[str]:
    sentences = []
    for model in told.scores.loc[told.scores["tuning"] == "same", "model"].unique():
        each = {tuning: told.score(model, "folds", "mcc", tuning) for tuning in CHOICES}
        parts = [f"{CHOICES[tuning]} {_interval(row)}" for tuning, row in each.items() if row is not None]
        sentences.append(f"{model_name(model)} by its hyperparameters, MCC: {'; '.join(parts)}.")
    return sentences


def score_rows(told: Syntheses) -> list[dict[str, Any]]:
    """For print: a row for each model and split."""
    rows = []
    for split in told.splits:
        for model in told.models:
            cells = [told.score(model, split, measure) for measure in MEASURES]
            rows.append({
                "split": SPLITS[split], "model": model_name(model), "paper": model in PAPER_MODELS,
                "winner": model in set(told.winners.loc[told.winners["split"] == split, "model"]),
                "cells": ["" if row is None else number(row["ours"]) for row in cells],
                "interval": "" if cells[0] is None else _span(cells[0]),
                "seconds": "" if cells[0] is None else number(cells[0]["seconds"]),
            })  # fmt: skip
    return rows


def on_tree(told: Explained) -> str:
    """How well a tree speaks for its model."""
    row = told.tables["fidelity"].iloc[0]
    return (
        f"A tree of depth {count(row['depth'])} learned what the model says of {count(row['examples'])} drawn recipes, {100 * row['teacher_share']:.0f} % of "
        f"them successes, and says the same of {count(row['fresh'])} fresh ones with F1 {number(row['f1'])} and MCC {number(row['mcc'])} (paper: 0.95 and 0.90)."
    )


def rule_rows(told: Explained) -> list[dict[str, str]]:
    """For print: rules, the fullest first."""
    return [
        {"rule": row["rule"], "share": f"{100 * row['share']:.0f} %", "examples": count(row["examples"])}
        for row in told.tables["rules"].to_dict("records")
    ]


def limit_words(told: Explained) -> list[str]:
    """Of simulated records: whether the tree found the limits that were planted."""
    rows = told.tables["limits"].to_dict("records")
    return [
        f"Planted limit of {row['feature']}: {number(row['planted'])}; the tree's nearest split: {number(row['found'])}."
        if row["found"] == row["found"]
        else f"Planted limit of {row['feature']}: {number(row['planted'])}; the tree does not split on it."
        for row in rows
    ]


def on_printed(told: Explained) -> str:
    """What the model says of the one recipe that the paper prints."""
    row = told.tables["external"].iloc[0]
    learned = (
        "simulated records, so the number says nothing of the experiment"
        if told.data.partition("_")[0] in WORLDS
        else told.data
    )
    return (
        f"The recipe that the paper prints (cysteamine, Au18; it worked, and the paper's model gave it {number(row['paper_probability'])}): "
        f"{number(row['probability'])} by this model, learned from {learned}."
    )


def proposal_rows(told: Explained) -> list[dict[str, str]]:
    """For print: recipes to try."""
    return [
        {**{name: row[name] for name in ("kind", "ligand", "solvent", "nearest")},
         **{name: number(row[name]) for name in ("ligand_mmol_l", "gold_mmol_l", "reducing_agent_mmol_l", "temperature_celsius", "ph", "probability", "spread", "distance", "ligand_likeness")}}
        for row in told.tables["proposals"].to_dict("records")
    ]  # fmt: skip


def _interval(row: pd.Series) -> str:
    span = _span(row)
    return f"{number(row['ours'])} ({span})" if span else number(row["ours"])


def _span(row: pd.Series) -> str:
    return f"{number(row['ci_low'])} to {number(row['ci_high'])}" if row["ci_low"] == row["ci_low"] else ""
