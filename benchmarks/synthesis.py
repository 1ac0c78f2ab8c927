"""The synthesis room on simulated sets: how long its six networks take, and how many records a model needs.

Networks: repeated 10-fold, all folds and repeats of a model trained at once, beside one fold after the other. Records: the share of the
best possible MCC by 10-fold against the number of records, and that of a learner who is told which five descriptors matter, which no model
of all descriptors should beat. Sets are others than those of the study `synthesis`. The model of the recommended model, which the study has
of one set of each world: how faithful it is, and which planted limits it finds, over several.
"""

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from auric.synthesis.descriptors import RATIO, Features, describe
from auric.synthesis.evaluation import cross_predict, folds_of
from auric.synthesis.explain import limits
from auric.synthesis.models import PAPER, PEERS, make_model
from auric.synthesis.scores import Score, matthews, mean_over_sets
from auric.synthesis.splits import training_of
from auric.synthesis.surrogate import learn_surrogate
from auric.synthesis.trees import TreeAverage
from auric.synthesis.worlds import EXAMPLES, WORLDS, World, draw_recipes, simulate

REPEATS = 3
RECORDS = (EXAMPLES, 100, 200, 400)
SETS = range(1000, 1012)
MATTER = ("aromatic", RATIO, "reducing_agent_mmol_l", "temperature_celsius", "ph")
"""What decides in the world `conditions`."""
SETS_TAUGHT, EXAMPLES_TAUGHT = range(20), 3000
"""Of the study's sets, and recipes that each tree learns from."""
WITHIN = 0.1
"""A planted limit is recovered if its relative error is below."""
DEEPER = 4
"""Splits in a row, as many as the truth of that world needs."""


def measure_synthesis() -> list[dict[str, Any]]:
    """Rows of the scorecard."""
    return [*_networks(), *_enough(), *_smooth(), *_taught()]


def _networks() -> list[dict[str, Any]]:
    """Seconds of each network, of all six, and of one fold by fold."""
    made = simulate("conditions", 0)
    features, outcomes = describe(made.records), made.records["outcome"].to_numpy()
    folds = folds_of(features, outcomes, "folds", folds=10, repeats=REPEATS, seed=0)
    rows, total = [], 0.0
    for name in PAPER:
        started = time.perf_counter()
        cross_predict(make_model(name), features, outcomes, folds)
        total += time.perf_counter() - started
        rows.append(_seconds(f"{name}, folds at once", time.perf_counter() - started))
    rows.append(_seconds("six models", total))
    started = time.perf_counter()
    for training in training_of(folds[0]):
        make_model("gcnn_snn").fit_members(features, outcomes, training[None])
    rows.append(_seconds("gcnn_snn, fold by fold", REPEATS * (time.perf_counter() - started)))
    return rows


def _enough() -> list[dict[str, Any]]:
    """Share of the best possible MCC by the number of records."""
    rows = []
    for world in WORLDS:
        for records in RECORDS:
            for name in ("trees", "boosting"):
                rows.append(_share(world, records, name, partial(_learned, name)))
    for records in RECORDS[:2]:
        rows.append(_share("conditions", records, "trees told which five descriptors matter", _told))
    return rows


def _learned(name: str, features: Features, outcomes: np.ndarray, folds: np.ndarray) -> np.ndarray:
    return cross_predict(make_model(name), features, outcomes, folds)[0]


def _told(features: Features, outcomes: np.ndarray, folds: np.ndarray) -> np.ndarray:
    values = np.stack([features.column(name) for name in MATTER], axis=1)
    found = np.empty(len(outcomes))
    for fold, mine in enumerate(training_of(folds[0])):
        model = TreeAverage(np.arange(len(MATTER)), DEEPER).fit(values[mine], outcomes[mine])
        held = folds[0] == fold
        found[held] = model.predict_proba(values[held])[:, 1]
    return found


def _smooth() -> list[dict[str, Any]]:
    """Share of the best possible MCC where an oblique plane decides: a world that is no tree."""
    told: dict[str, list[float]] = {}
    for seed in range(12):
        rng = np.random.default_rng([7, seed])
        features = describe(draw_recipes("conditions", EXAMPLES, rng))
        columns = (
            features.column("temperature_celsius"),
            np.log(features.column(RATIO)),
            features.column("logp"),
            features.column("ph"),
        )
        margin = sum(w * (each - each.mean()) / each.std() for w, each in zip((-1, -1, 0.7, 0.5), columns, strict=True))
        truth = (margin > np.median(margin)).astype(int)
        outcomes, wrong = truth.copy(), rng.choice(EXAMPLES, 5, replace=False)
        outcomes[wrong] = 1 - outcomes[wrong]
        folds = folds_of(features, outcomes, "folds", folds=10, repeats=1, seed=seed)
        for name in PEERS:
            found = _learned(name, features, outcomes, folds)
            told.setdefault(name, []).append(float(matthews(outcomes, found > 0.5) / matthews(outcomes, truth)))
    scores = {name: mean_over_sets(np.array(values), 1000, 0) for name, values in told.items()}
    return [
        {"study": "", "system": "synthesis", "quantity": "mcc_over_bayes", "unit": "1", "subject": name, "ours": score.value, "ci_low": score.low,
         "ci_high": score.high, "n": 12, "data": "simulated: an oblique plane, 12 sets", "split": "10-fold", "comparable": "not comparable",
         "better": "higher"}
        for name, score in scores.items()
    ]  # fmt: skip


def _taught() -> list[dict[str, Any]]:
    """Fidelity of the tree that stands for `trees`, and its errors of planted limits, over several sets."""
    rows = []
    for world in WORLDS:
        told: dict[str, list[float]] = {}
        for seed in SETS_TAUGHT:
            records = simulate(world, seed).records
            model = make_model("trees").fit(describe(records), records["outcome"].to_numpy())
            tree = learn_surrogate(model, records, examples=EXAMPLES_TAUGHT)
            found = limits(tree, f"{world}_{seed}").set_index("feature")["relative_error"]
            for name, value in (("tree_f1, trees", tree.f1), ("tree_mcc, trees", tree.mcc), *found.items()):
                told.setdefault(str(name), []).append(float(value))
        for name, values in told.items():
            known = np.array([each for each in values if np.isfinite(each)])
            if not len(known):
                continue
            score = mean_over_sets(known, 1000, 0)
            quantity, _, subject = name.partition(", ")
            if not subject:
                quantity, subject = "limit_relative_error", f"trees: {name}"
            better = "lower" if quantity == "limit_relative_error" else "higher"
            data = f"simulated: {world}, {len(SETS_TAUGHT)} sets"
            rows.append({
                "study": "", "system": "synthesis", "quantity": quantity, "unit": "1", "subject": subject, "ours": score.value, "ci_low": score.low,
                "ci_high": score.high, "n": len(known), "data": data, "split": "tree", "comparable": "not comparable", "better": better,
            })  # fmt: skip
            if quantity == "limit_relative_error":
                within = float((known < WITHIN).sum() / len(values))
                rows.append(
                    rows[-1]
                    | {
                        "quantity": "limit_recovered_share",
                        "ours": within,
                        "ci_low": np.nan,
                        "ci_high": np.nan,
                        "n": len(values),
                        "better": "higher",
                    }
                )
    return rows


def _share(
    world: World, records: int, subject: str, predict: Callable[[Features, np.ndarray, np.ndarray], np.ndarray]
) -> dict[str, Any]:
    shares = []
    for seed in SETS:
        made = simulate(world, seed, examples=records)
        features, outcomes = describe(made.records), made.records["outcome"].to_numpy()
        folds = folds_of(features, outcomes, "folds", folds=10, repeats=1, seed=seed)
        probability = predict(features, outcomes, folds)
        shares.append(float(matthews(outcomes, probability > 0.5) / matthews(outcomes, made.truth)))
    score: Score = mean_over_sets(np.array(shares), 1000, 0)
    return {
        "study": "", "system": "synthesis", "quantity": "mcc_over_bayes", "unit": "1", "subject": f"{subject}, {records} records", "ours": score.value,
        "ci_low": score.low, "ci_high": score.high, "n": len(SETS), "data": f"simulated: {world}, {len(SETS)} sets", "split": "10-fold",
        "comparable": "not comparable", "better": "higher",
    }  # fmt: skip


def _seconds(subject: str, seconds: float) -> dict[str, Any]:
    return {
        "study": "", "system": "synthesis", "quantity": "seconds", "unit": "s", "subject": subject, "ours": seconds, "n": REPEATS,
        "data": "simulated: conditions", "split": f"{REPEATS} times 10-fold", "comparable": "not comparable", "better": "lower",
    }  # fmt: skip
