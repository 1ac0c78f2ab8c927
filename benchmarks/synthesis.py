"""The six models of the synthesis room on one simulated set: repeated 10-fold, all folds and repeats of a model trained at once, beside one fold after the other."""

import time
from typing import Any

from auric.synthesis.descriptors import describe
from auric.synthesis.evaluation import cross_predict, folds_of
from auric.synthesis.models import PAPER, make_model
from auric.synthesis.splits import training_of
from auric.synthesis.worlds import simulate

REPEATS = 3


def measure_synthesis() -> list[dict[str, Any]]:
    """Rows of the scorecard: seconds of each model, of all six, and of one model fold by fold."""
    made = simulate("conditions", 0)
    features, outcomes = describe(made.records), made.records["outcome"].to_numpy()
    folds = folds_of(features, outcomes, "folds", folds=10, repeats=REPEATS, seed=0)
    rows, total = [], 0.0
    for name in PAPER:
        started = time.perf_counter()
        cross_predict(make_model(name), features, outcomes, folds)
        total += time.perf_counter() - started
        rows.append(_row(f"{name}, folds at once", time.perf_counter() - started))
    rows.append(_row("six models", total))
    started = time.perf_counter()
    for training in training_of(folds[0]):
        make_model("gcnn_snn").fit_members(features, outcomes, training[None])
    rows.append(_row("gcnn_snn, fold by fold", REPEATS * (time.perf_counter() - started)))
    return rows


def _row(subject: str, seconds: float) -> dict[str, Any]:
    return {
        "study": "", "system": "synthesis", "quantity": "seconds", "unit": "s", "subject": subject, "ours": seconds, "n": REPEATS,
        "data": "simulated: conditions", "split": f"{REPEATS} times 10-fold", "comparable": "not comparable", "better": "lower",
    }  # fmt: skip
