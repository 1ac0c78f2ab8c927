"""Matchers and baselines in the same folds, over several seeds, and what can be concluded from them."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from auric.errors import InputError, suggestion
from auric.files import write_table
from auric.graphs import LAYERS, EncoderSettings
from auric.matching.baselines import BASELINES, baseline_features, boosted
from auric.matching.colim import ColimSettings, Ensemble, pair_data, train_colim
from auric.matching.encoders import colim_settings
from auric.matching.evaluation import METRICS, intervals_of, paired_difference, reliability, scores_of
from auric.matching.folds import check_split, split_folds
from auric.matching.ligand_encoder import LigandEncoder
from auric.matching.negatives import Example
from auric.matching.pairs import library_and_examples
from auric.matching.pretraining import CoreModel
from auric.progress import log

PREDICTION_COLUMNS = ("split", "fold", "subject", "seed", "example", "name", "group", "label", "probability", "seconds")
METRIC_COLUMNS = (
    "split",
    "subject",
    "metric",
    "mean",
    "sd_over_seeds",
    "low",
    "high",
    "examples",
    "positives",
    "groups",
    "seeds",
)
CURVE_COLUMNS = ("split", "subject", "bin", "n", "probability", "share")
PAIRED_COLUMNS = ("split", "first", "second", "difference", "low", "high", "p_value", "examples", "groups")
SCRATCH, PRETRAINED = "colim, scratch", "colim, pretrained"
GRAPHS = tuple(kind for kind in LAYERS if kind != "cgcnn")
"""Matchers from scratch with other layers in the core encoder; CGCNN's own is CoLiM from scratch."""
SUBJECTS = (*BASELINES, *GRAPHS, SCRATCH, PRETRAINED)


def compare_matchers(
    cores: str | Path,
    pairs: str | Path,
    examples: str | Path,
    core_encoder: str | Path,
    ligand_encoder: str | Path,
    output: str | Path,
    *,
    split: str,
    settings: Mapping[str, Any],
    seed: int,
) -> None:
    """Write the probabilities that every subject gives every test example, rows of `PREDICTION_COLUMNS`."""
    _, found = library_and_examples(cores, pairs, examples)
    rows = prediction_rows(
        found, split, settings["subjects"], colim_settings(settings), folds=settings["folds"], seeds=settings["seeds"], seed=seed,
        core=CoreModel.load(core_encoder), ligand=LigandEncoder.load(ligand_encoder),
    )  # fmt: skip
    write_table(output, rows, PREDICTION_COLUMNS)


def prediction_rows(
    examples: Sequence[Example],
    split: str,
    subjects: Sequence[str],
    settings: ColimSettings,
    *,
    folds: int,
    seeds: int,
    seed: int,
    core: CoreModel,
    ligand: LigandEncoder,
) -> list[dict[str, Any]]:
    """Train every subject in every fold with every seed; each split is checked for near duplicates first.

    Args:
        examples: All of them.
        split: Of `SPLITS`.
        subjects: Of `SUBJECTS`.
        settings: How matchers are trained.
        folds: Number of folds.
        seeds: Number of seeds.
        seed: Of the folds.
        core: Pretrained, for `PRETRAINED`.
        ligand: Likewise.

    Raises:
        InputError: An unknown subject, a split that leaks, or a fold whose training has one label only.
    """
    if wrong := [subject for subject in subjects if subject not in SUBJECTS]:
        raise InputError(f"matching.subjects: '{wrong[0]}'; {suggestion(wrong[0], SUBJECTS)}")
    labels = np.array([each.label for each in examples])
    atoms, sets = [each.pair.core for each in examples], [each.ligands for each in examples]
    parts = split_folds(examples, split, folds=folds, seed=seed)
    rows = []
    for train, test in parts:
        check_split(examples, train, test, split)
    for subject in subjects:
        features = baseline_features(subject, atoms, sets) if subject in BASELINES else None
        shape = EncoderSettings(**(vars(settings.encoder) | ({"kind": subject} if subject in GRAPHS else {})))
        own = ColimSettings(**(vars(settings) | {"encoder": shape}))
        reach = core.encoder.settings.reach if subject == PRETRAINED else shape.reach
        data = None if features is not None else pair_data(atoms, sets, reach=reach)
        for fold, (train, test) in enumerate(parts):
            for number in range(seeds):
                started = time.perf_counter()
                if data is None:
                    assert features is not None
                    probabilities = boosted(features, labels, train, test, seed=number)
                else:
                    given: dict[str, Any] = {"core": core.encoder, "ligand": ligand} if subject == PRETRAINED else {}
                    model = train_colim(data, labels, train, own, **given, seed=number)
                    probabilities = Ensemble([model]).probabilities(data, test)[0]
                seconds = time.perf_counter() - started
                rows += [
                    {"split": split, "fold": fold, "subject": subject, "seed": number, "example": int(i), "name": examples[i].pair.name,
                     "group": str(examples[i].pair.geometry), "label": int(labels[i]), "probability": float(p), "seconds": seconds}
                    for i, p in zip(test, probabilities, strict=True)
                ]  # fmt: skip
        log.info("%s, %s: done", split, subject)
    return rows


def summarise(
    predictions: Sequence[str | Path],
    metrics: str | Path,
    curves: str | Path,
    paired: str | Path,
    *,
    samples: int,
    seed: int,
) -> None:
    """Write metrics with intervals, reliability curves, and paired differences."""
    table = pd.concat([pd.read_csv(path) for path in predictions], ignore_index=True)
    rows, bins, differences = [], [], []
    for (split, subject), part in table.groupby(["split", "subject"], sort=False):
        mean = mean_over_seeds(part)
        labels, probabilities, groups = (mean[name].to_numpy() for name in ("label", "probability", "group"))
        each = pd.DataFrame(
            [scores_of(one["label"].to_numpy(), one["probability"].to_numpy()) for _, one in part.groupby("seed")]
        )
        intervals = intervals_of(labels, probabilities, groups, samples=samples, seed=seed)
        rows += [
            {"split": split, "subject": subject, "metric": name, "mean": each[name].mean(), "sd_over_seeds": each[name].std(ddof=0),
             "low": intervals[name][0], "high": intervals[name][1], "examples": len(mean), "positives": int(labels.sum()),
             "groups": len(set(groups)), "seeds": len(each)}
            for name in METRICS
        ]  # fmt: skip
        bins += [{"split": split, "subject": subject} | row for row in reliability(labels, probabilities)]
    for split, part in table.groupby("split", sort=False):
        means = {subject: mean_over_seeds(one) for subject, one in part.groupby("subject")}
        for first, second in (
            (PRETRAINED, SCRATCH),
            (PRETRAINED, "ligands only"),
            (PRETRAINED, "core only"),
            (PRETRAINED, "acsf"),
        ):
            if first in means and second in means:
                differences.append(
                    {"split": split, "first": first, "second": second}
                    | _difference(means[first], means[second], samples, seed)
                )
    write_table(metrics, rows, METRIC_COLUMNS)
    write_table(curves, bins, CURVE_COLUMNS)
    write_table(paired, differences, PAIRED_COLUMNS)


def mean_over_seeds(part: pd.DataFrame) -> pd.DataFrame:
    """One row for each example, its probability the mean over seeds, in the order of examples."""
    return part.groupby("example", as_index=False).agg(
        {"label": "first", "group": "first", "name": "first", "probability": "mean"}
    )


def _difference(first: pd.DataFrame, second: pd.DataFrame, samples: int, seed: int) -> dict[str, Any]:
    labels = first["label"].to_numpy()
    found = paired_difference(
        labels,
        first["probability"].to_numpy(),
        second["probability"].to_numpy(),
        first["group"].tolist(),
        samples=samples,
        seed=seed,
    )
    return found | {"examples": len(labels), "groups": first["group"].nunique()}
