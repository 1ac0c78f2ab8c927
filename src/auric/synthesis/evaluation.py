"""Cross-validation: probabilities of records that a model has not seen, by repeated stratified folds or leaving out one ligand at a time."""

import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from auric.files import write_table
from auric.progress import Counter
from auric.synthesis.descriptors import Features, describe
from auric.synthesis.models import Classifier, make_model
from auric.synthesis.records import check_learnable, read_records
from auric.synthesis.splits import Split, ligand_folds, stratified_folds, training_of
from auric.synthesis.tuning import tuned_inside, tuned_on_same
from auric.synthesis.worlds import WORLDS, simulate

PREDICTION_COLUMNS = (
    "data",
    "split",
    "tuning",
    "model",
    "repeat",
    "fold",
    "name",
    "outcome",
    "truth",
    "probability",
    "seconds",
)
LIGAND: Split = "ligand"
DEFAULTS, INSIDE, SAME = "defaults", "inside", "same"


def cross_predict(model: Classifier, features: Features, outcomes: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """Out-of-fold probabilities of several cross-validations, all folds of which are trained together.

    Args:
        model: It is fitted anew.
        features: Of n recipes.
        outcomes: Shape (n,), 0 or 1.
        folds: The fold of each record in each repeat, shape (repeats, n).

    Returns:
        Probability of success by the model that did not learn from the record, shape (repeats, n).
    """
    training = np.concatenate([training_of(each) for each in folds])
    every = model.fit_members(features, outcomes, training).member_proba(features)
    return held_out(every, folds)


def held_out(every: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """Of the probabilities by all members (repeats x folds, n), those of the members that did not learn from a record, (repeats, n)."""
    first = np.concatenate([[0], np.cumsum([each.max() + 1 for each in folds])[:-1]])
    return np.stack([every[start + each, np.arange(len(each))] for start, each in zip(first, folds, strict=True)])


def folds_of(
    features: Features, outcomes: np.ndarray, split: Split, *, folds: int, repeats: int, seed: int
) -> np.ndarray:
    """The fold of each record in each repeat, shape (repeats, n); leaving out ligands can be done in one way only."""
    if split == LIGAND:
        return ligand_folds(features)[None]
    return np.stack(
        [stratified_folds(outcomes, folds, np.random.default_rng([seed, repeat])) for repeat in range(repeats)]
    )


def read_data(source: str) -> tuple[pd.DataFrame, np.ndarray | None]:
    """Records of a table, or of a simulated set called `WORLD_SEED`, and of the latter the truth."""
    world, _, seed = source.rpartition("_")
    if world in WORLDS and seed.isdigit():
        made = simulate(world, int(seed))  # type: ignore[arg-type]
        return made.records.assign(row=range(2, len(made.records) + 2)), made.truth
    return read_records(source), None


def cross_validate(
    sources: Mapping[str, str], table: str | Path, *, model: str, split: Split, folds: int, repeats: int, seed: int, settings: Mapping[str, float],
    tuning: str = DEFAULTS, trials: int = 0,
) -> None:  # fmt: skip
    """Predict every record of some sets by models that have not seen it, and write what they say.

    Args:
        sources: Names of the sets, and for each a table of records or the name of a simulated set.
        table: CSV to write, columns `PREDICTION_COLUMNS`; `truth` is empty where nobody knows it.
        model: One of `auric.synthesis.models.MODELS`.
        split: `folds` or `ligand`.
        folds: Number of folds.
        repeats: Repeats of `folds`.
        seed: Of folds and models.
        settings: Of networks, see `auric.synthesis.models.make_model`.
        tuning: `defaults`; or hyperparameters chosen `inside` each fold by further folds, or on the `same` folds that are then told, as
            in the paper, which flatters.
        trials: Trials of the choice.

    Raises:
        InputError: Bad records, one outcome only, or fewer records than folds.
    """
    rows = []
    counter = Counter(f"{model}, {split}, {tuning}", len(sources))
    for data, source in sources.items():
        records, truth = read_data(source)
        check_learnable(records, folds, data)
        features, outcomes = describe(records), records["outcome"].to_numpy()
        dealt = folds_of(features, outcomes, split, folds=folds, repeats=repeats, seed=seed)
        started = time.perf_counter()
        made = make_model(model, seed, **settings)
        if tuning == DEFAULTS:
            found = cross_predict(made, features, outcomes, dealt)
        else:
            tuned = tuned_inside if tuning == INSIDE else tuned_on_same
            found = np.stack([tuned(made, features, outcomes, each, trials=trials, seed=seed) for each in dealt])
        seconds = time.perf_counter() - started
        known = [""] * len(records) if truth is None else list(truth)
        rows += [
            {"data": data, "split": split, "tuning": tuning, "model": model, "repeat": repeat, "fold": dealt[repeat, n], "name": name,
             "outcome": outcomes[n], "truth": known[n], "probability": found[repeat, n], "seconds": seconds}
            for repeat in range(len(dealt)) for n, name in enumerate(records["name"])
        ]  # fmt: skip
        counter.step(data)
    write_table(table, rows, PREDICTION_COLUMNS)
