"""Bare clusters in the space of core encoders, and errors of gaps: what an encoder knows before it meets a ligand.

Whole sizes are left out; encoders learn the others. Those left out are drawn (t-SNE) by their vectors, and thirds of them by formation
energy, and by gap where gaps are known, tell how far the space is ordered by it: Davies-Bouldin (low is apart) and Calinski-Harabasz
(high), both of the vectors themselves (columns scaled to one standard deviation) and in the plane.
"""

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from auric.files import write_table
from auric.matching.encoders import pretrain_settings
from auric.matching.evaluation import LEAST_DRAWN, apartness, plane_of, scaled
from auric.matching.formation import HUBER_SDS, ClusterEnergies, fit_lines, read_cluster_energies
from auric.matching.formation_peers import LINE, Fold, formation_folds
from auric.matching.pretraining import CoreModel, PretrainSettings, pretrain

BARE_COLUMNS = (
    "encoder", "told_by", "cluster", "element", "size", "value_ev", "third", "x", "y",
    "davies_bouldin", "calinski_harabasz", "davies_bouldin_plane", "calinski_harabasz_plane",
)  # fmt: skip
GAP_COLUMNS = ("split", "fold", "subject", "cluster", "element", "size", "gap_ev", "predicted_ev", "seconds")
RANDOM, ENERGIES, GAPS = "random", "energies", "gaps"
"""Weights of a core encoder: random, or pretrained on formation energies or gaps."""
FORMATION_ENERGY, GAP = "formation energy", "gap"
SPLIT = "size"


def describe_bare(
    clusters: str | Path, places: str | Path, gaps: str | Path, *, settings: Mapping[str, Any], seed: int
) -> None:
    """Write places of left-out bare clusters, rows of `BARE_COLUMNS`, and predicted gaps, rows of `GAP_COLUMNS`.

    Args:
        clusters: With energies and perhaps gaps.
        places: To write: clusters of the first fold's sizes, by encoders that learned the others.
        gaps: To write: every cluster, by an encoder that did not learn its size; no rows unless `pretraining.gap` is set.
        settings: Of the room.
        seed: Of folds, weights and t-SNE.

    Raises:
        InputError: As `formation_folds` and `pretrain`.
    """
    data, wanted = read_cluster_energies(clusters), pretrain_settings(settings, seed)
    folds = formation_folds(data, SPLIT, folds=settings["formation"]["folds"], seed=seed)
    torch.manual_seed(seed)
    encoders = {RANDOM: CoreModel(wanted.encoder), ENERGIES: pretrain(data, folds[0].train, wanted)}
    rows: list[dict[str, Any]] = []
    if settings["pretraining"].get("gap"):
        models = [pretrain(data, fold.train, wanted, target="gap") for fold in folds]
        encoders[GAPS] = models[0]
        for fold, model in zip(folds, models, strict=True):
            rows += gap_rows(data, fold, model, wanted)
    write_table(gaps, rows, GAP_COLUMNS)
    write_table(places, bare_rows(data, folds[0], encoders, seed=seed), BARE_COLUMNS)


def gap_rows(data: ClusterEnergies, fold: Fold, model: CoreModel, settings: PretrainSettings) -> list[dict[str, Any]]:
    """Gaps of a fold's test clusters by the model, and by a line for each element in N^(-1/3) and N^(-2/3), rows of `GAP_COLUMNS`."""
    test = fold.test
    started = time.perf_counter()
    line = fit_lines(replace(data, energy_ev=data.gap_ev), fold.train).predict(data.element[test], data.size[test])
    found = {
        LINE: (line, time.perf_counter() - started),
        settings.encoder.kind: (model.gaps([data.frames[i] for i in test]), model.header["seconds"]),
    }
    return [
        {"split": fold.split, "fold": fold.fold, "subject": subject, "cluster": int(i), "element": data.frames[i].symbols[0],
         "size": int(data.size[i]), "gap_ev": float(data.gap_ev[i]), "predicted_ev": float(told), "seconds": seconds}
        for subject, (predicted, seconds) in found.items() for i, told in zip(test, predicted, strict=True)
    ]  # fmt: skip


def bare_rows(
    data: ClusterEnergies, fold: Fold, encoders: Mapping[str, CoreModel], *, seed: int
) -> list[dict[str, Any]]:
    """Places of a fold's test clusters, rows of `BARE_COLUMNS`; none where they are too few.

    Args:
        data: All clusters.
        fold: What was learned from, and what is drawn.
        encoders: By name.
        seed: Of t-SNE.
    """
    test = fold.test
    if len(test) < LEAST_DRAWN:
        return []
    lines = fit_lines(data, fold.train, huber_sds=HUBER_SDS)
    values = {FORMATION_ENERGY: lines.formation(data.element[test], data.energy_ev[test])}
    if np.isfinite(data.gap_ev).all():
        values[GAP] = data.gap_ev[test]
    frames, rows = [data.frames[i] for i in test], []
    for name, model in encoders.items():
        vectors = model.embed(frames)
        xy = plane_of(vectors, seed=seed % 2**32)
        for told_by, value in values.items():
            third = np.argsort(np.argsort(value, kind="stable")) * 3 // len(value)
            plane = {f"{index}_plane": number for index, number in apartness(xy, third).items()}
            indices = apartness(scaled(vectors), third) | plane
            rows += [
                {"encoder": name, "told_by": told_by, "cluster": int(i), "element": data.frames[i].symbols[0], "size": int(data.size[i]),
                 "value_ev": float(value[k]), "third": int(third[k]) + 1, "x": float(xy[k, 0]), "y": float(xy[k, 1])} | indices
                for k, i in enumerate(test)
            ]  # fmt: skip
    return rows
