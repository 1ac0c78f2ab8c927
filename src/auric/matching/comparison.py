"""Matchers and baselines in the same folds, over several seeds, and what can be concluded from them."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from auric.chance import holm
from auric.errors import InputError, suggestion
from auric.files import write_table
from auric.graphs import EncoderSettings
from auric.matching.baselines import BASELINES, COUNTED, baseline_features, baseline_probabilities, learner_of
from auric.matching.colim import ColimSettings, pair_data, train_colim
from auric.matching.encoders import colim_settings, load_ligands
from auric.matching.evaluation import (
    METRICS,
    calibration_floor,
    confusion,
    intervals_of,
    paired_difference,
    reliability,
    scores_of,
)
from auric.matching.fixed_ligands import LigandModel
from auric.matching.folds import check_split, families_of, groups_of, split_folds
from auric.matching.negatives import Example
from auric.matching.pairs import library_and_examples
from auric.matching.places import PLACE_COLUMNS, place_rows
from auric.matching.pretraining import CoreModel
from auric.matching.whole_networks import WHOLE, train_whole, whole_graphs
from auric.progress import log

PREDICTION_COLUMNS = (
    "split",
    "fold",
    "subject",
    "learner",
    "seed",
    "example",
    "name",
    "group",
    "family",
    "label",
    "probability",
    "seconds",
)
METRIC_COLUMNS = (
    "split",
    "subject",
    "learner",
    "metric",
    "mean",
    "sd_over_seeds",
    "low",
    "high",
    "examples",
    "positives",
    "groups",
    "families",
    "seeds",
    "floor",
    "floor_high",
)
FOLD_COLUMNS = ("split", "fold", "examples", "positives", "share")
CURVE_COLUMNS = ("split", "subject", "seed", "bin", "n", "probability", "share")
CONFUSION_COLUMNS = (
    "split", "subject", "seed", "true_positives", "false_positives", "false_negatives", "true_negatives",
)  # fmt: skip
PAIRED_COLUMNS = (
    "split", "first", "second", "difference", "low", "high", "p_value", "p_holm", "examples", "groups", "families",
)  # fmt: skip
SCRATCH, PRETRAINED = "colim, scratch", "colim, pretrained"
CORE_PRETRAINED, LIGANDS_PRETRAINED = "colim, core pretrained", "colim, ligands pretrained"
GAP_PRETRAINED = "colim, pretrained on gaps"
ENERGY, GAP = "energy", "gap"
STARTED: dict[str, tuple[str | None, bool]] = {
    SCRATCH: (None, False),
    CORE_PRETRAINED: (ENERGY, False),
    LIGANDS_PRETRAINED: (None, True),
    PRETRAINED: (ENERGY, True),
    GAP_PRETRAINED: (GAP, True),
}
"""What the core encoder was pretrained on, and whether the ligand encoder starts pretrained; all have the same shape."""
DRAWN = (SCRATCH, PRETRAINED, GAP_PRETRAINED)
"""Whose vectors of test examples are drawn."""
RIVALS = (COUNTED, "ligands only", "core only", "acsf")
"""What the pretrained matcher is compared with, beside matchers that start otherwise."""
NETWORK = "network"
SUBJECTS = (*BASELINES, *WHOLE, *STARTED)


def compare_matchers(
    cores: str | Path,
    pairs: str | Path,
    examples: str | Path,
    core_encoder: str | Path,
    ligand_encoder: str | Path,
    output: str | Path,
    places: str | Path,
    *,
    split: str,
    settings: Mapping[str, Any],
    seed: int,
    gap_encoder: str | Path = "",
) -> None:
    """Write the probabilities that every subject gives every test example, rows of `PREDICTION_COLUMNS`, and the places of test examples."""
    _, found = library_and_examples(cores, pairs, examples)
    encoders = {ENERGY: core_encoder} | ({GAP: gap_encoder} if gap_encoder else {})
    compared = compared_in_folds(
        found, split, settings["subjects"], colim_settings(settings), folds=settings["folds"], seeds=settings["seeds"], seed=seed,
        cores={name: CoreModel.load(path) for name, path in encoders.items()}, ligand=load_ligands(ligand_encoder, settings),
    )  # fmt: skip
    write_table(output, compared.predictions, PREDICTION_COLUMNS)
    write_table(places, compared.places, PLACE_COLUMNS)


class Compared(NamedTuple):
    """Rows of `PREDICTION_COLUMNS`, and rows of `PLACE_COLUMNS` of test examples by the first seed of `DRAWN`."""

    predictions: list[dict[str, Any]]
    places: list[dict[str, Any]]


def compared_in_folds(
    examples: Sequence[Example],
    split: str,
    subjects: Sequence[str],
    settings: ColimSettings,
    *,
    folds: int,
    seeds: int,
    seed: int,
    cores: Mapping[str, CoreModel],
    ligand: LigandModel,
) -> Compared:
    """Train every subject in every fold with every seed; each split is checked for near duplicates first.

    Args:
        examples: All of them.
        split: Of `SPLITS`.
        subjects: Of `SUBJECTS`.
        settings: How matchers are trained.
        folds: Number of folds.
        seeds: Number of seeds.
        seed: Of the folds.
        cores: Pretrained on `ENERGY` and perhaps `GAP`, for those of `STARTED` that start with them.
        ligand: Likewise.

    Raises:
        InputError: An unknown subject, one whose core encoder is not there, a split that leaks, or a fold whose training has one label only.
    """
    if wrong := [subject for subject in subjects if subject not in SUBJECTS]:
        raise InputError(f"matching.subjects: '{wrong[0]}'; {suggestion(wrong[0], SUBJECTS)}")
    if lacking := [subject for subject in subjects if STARTED.get(subject, (None,))[0] not in (None, *cores)]:
        raise InputError(
            f"matching.subjects: '{lacking[0]}' needs its core encoder; set matching.pretraining.gap to true"
        )
    labels = np.array([each.label for each in examples])
    atoms, sets = [each.pair.core for each in examples], [each.ligands for each in examples]
    parts, kept = split_folds(examples, split, folds=folds, seed=seed), groups_of(examples, "core")
    families = families_of(examples)
    rows: list[dict[str, Any]] = []
    places: list[dict[str, Any]] = []
    for train, test in parts:
        check_split(examples, train, test, split)
    for subject in subjects:
        features = baseline_features(subject, atoms, sets) if subject in BASELINES else None
        shape = EncoderSettings(**(vars(settings.encoder) | ({"kind": subject} if subject in WHOLE else {})))
        own = ColimSettings(**(vars(settings) | {"encoder": shape}))
        learned, with_ligand = STARTED.get(subject, (None, False))
        core = cores[learned].encoder if learned else None
        given: dict[str, Any] = {"core": core, "ligand": ligand if with_ligand else None}
        reach = core.settings.reach if core else shape.reach
        data: Any = None
        if subject in WHOLE:
            data = whole_graphs(atoms, sets, reach=reach)
        elif features is None:
            data = pair_data(atoms, sets, reach=reach, model=given["ligand"])
        for fold, (train, test) in enumerate(parts):
            for number in range(seeds):
                started = time.perf_counter()
                if features is not None:
                    probabilities = baseline_probabilities(subject, features, labels, train, test, seed=number)
                elif subject in WHOLE:
                    probabilities = train_whole(data, labels, train, own, seed=number).probabilities(data, test)
                else:
                    model = train_colim(data, labels, train, own, **given, seed=number)
                    probabilities = model.probabilities(data, test)
                seconds = time.perf_counter() - started
                if subject in DRAWN and number == 0:
                    tested = [examples[i] for i in test]
                    places += place_rows(tested, model.vectors(data, test), subject, split=split, fold=fold, seed=seed)
                rows += [
                    {"split": split, "fold": fold, "subject": subject, "learner": NETWORK if features is None else learner_of(subject), "seed": number, "example": int(i), "name": examples[i].pair.name,
                     "group": kept[i], "family": families[i], "label": int(labels[i]), "probability": float(p), "seconds": seconds}
                    for i, p in zip(test, probabilities, strict=True)
                ]  # fmt: skip
        log.info("%s, %s: done", split, subject)
    return Compared(rows, places)


def summarise(
    predictions: Sequence[str | Path],
    metrics: str | Path,
    curves: str | Path,
    counts: str | Path,
    paired: str | Path,
    folds: str | Path,
    *,
    samples: int,
    seed: int,
) -> None:
    """Write metrics with intervals, reliability curves, confusion matrices, paired differences, and what each fold holds.

    All are of single seeds, as a user has one matcher: metrics are computed for each seed and then averaged, in every draw
    of an interval too, and each seed has a curve and a matrix of its own. AUC counts pairs of a positive and a negative of one fold.
    Intervals draw families of ligands and seeds again, and, but where ligands are left out, cores too (`Told.ways`); `floor` and
    `floor_high` are what the calibration error of right probabilities would be (`calibration_floor`); `p_holm` is corrected for
    the comparisons of a split.
    """
    table = pd.concat([pd.read_csv(path) for path in predictions], ignore_index=True)
    rows, bins, matrices, parts = [], [], [], []
    differences: list[dict[str, Any]] = []
    for (split, subject), part in table.groupby(["split", "subject"], sort=False):
        told = told_by(part)
        each = pd.DataFrame([scores_of(told.labels, one, told.folds) for one in told.probabilities])
        intervals = intervals_of(told.labels, told.probabilities, told.folds, told.ways, samples=samples, seed=seed)
        floor = calibration_floor(told.probabilities, samples=samples, seed=seed)
        rows += [
            {"split": split, "subject": subject, "learner": part["learner"].iloc[0], "metric": name, "mean": each[name].mean(), "sd_over_seeds": each[name].std(ddof=0),
             "low": intervals[name][0], "high": intervals[name][1], "examples": len(told.labels), "positives": int(told.labels.sum()),
             **told.counts, "seeds": len(each)} | (dict(zip(("floor", "floor_high"), floor, strict=True)) if name == "expected_calibration_error" else {})
            for name in METRICS
        ]  # fmt: skip
        for number, one in enumerate(told.probabilities):
            place = {"split": split, "subject": subject, "seed": number}
            bins += [place | row for row in reliability(told.labels, one)]
            matrices.append(place | confusion(told.labels, one))
    for split, part in table.groupby("split", sort=False):
        by = {subject: told_by(one) for subject, one in part.groupby("subject")}
        mine = []
        for first, second in (
            *((subject, SCRATCH) for subject in STARTED if subject != SCRATCH),
            *((PRETRAINED, rival) for rival in RIVALS),
        ):
            if first in by and second in by:
                told = by[first]
                mine.append(
                    {"split": split, "first": first, "second": second, "examples": len(told.labels), **told.counts}
                    | paired_difference(told.labels, told.probabilities, by[second].probabilities, told.folds, told.ways, samples=samples, seed=seed)
                )  # fmt: skip
        corrected = holm([row["p_value"] for row in mine])
        differences += [row | {"p_holm": float(p)} for row, p in zip(mine, corrected, strict=True)]
        for fold, tested in part.drop_duplicates("example").groupby("fold"):
            held = {"examples": len(tested), "positives": int(tested["label"].sum()), "share": tested["label"].mean()}
            parts.append({"split": split, "fold": fold} | held)
    write_table(metrics, rows, METRIC_COLUMNS)
    write_table(curves, bins, CURVE_COLUMNS)
    write_table(counts, matrices, CONFUSION_COLUMNS)
    write_table(paired, differences, PAIRED_COLUMNS)
    write_table(folds, parts, FOLD_COLUMNS)


class Told(NamedTuple):
    """What one subject said of the examples of a split.

    Attributes:
        labels: Shape (n,).
        probabilities: Of each seed, shape (seeds, n).
        folds: In which each example was tested, shape (n,).
        ways: Groups of the examples that intervals draw again: families of ligands where these are left out, else cores and families.
        counts: How many `groups` (of cores) and `families` there are.
    """

    labels: np.ndarray
    probabilities: np.ndarray
    folds: np.ndarray
    ways: list[list[str]]
    counts: dict[str, int]


def told_by(part: pd.DataFrame) -> Told:
    """Rows of one subject in one split, examples in their order."""
    examples = part.drop_duplicates("example").sort_values("example")
    by_seed = part.pivot(index="seed", columns="example", values="probability")
    cores, families = (examples[name].astype(str).tolist() for name in ("group", "family"))
    ways = [families] if examples["split"].iloc[0] == "ligand" else [cores, families]
    counts = {"groups": len(set(cores)), "families": len({one for each in families for one in each.split(";")})}
    return Told(examples["label"].to_numpy(), by_seed.to_numpy(), examples["fold"].to_numpy(), ways, counts)
