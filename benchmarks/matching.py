"""Matching: ten thousand ligands screened for a core, and the cost of pretraining both encoders.

Networks have the shape, and are pretrained for the epochs, that the settings' schema gives by default. The clusters come from the mirror
(AURIC_MIRROR); without it the core encoder is left out. One thread.
"""

import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from auric.configuration import load_yaml, with_defaults
from auric.graphs import ClusterEncoder, EncoderSettings, pack_clusters
from auric.matching import (
    Ensemble,
    LigandEncoder,
    LigandPretraining,
    PretrainSettings,
    build_core,
    embed_ligands,
    enumerated_ligands,
    pretrain,
    pretrain_ligands,
    rank_ligands,
    read_cluster_energies,
    screen,
)
from auric.matching.colim import Colim
from auric.matching.encoders import colim_settings, pretrain_settings

SCHEMA = Path("workflow/schemas/config.schema.yaml")
CLUSTERS = "qcd/qcd_energies.extxyz"
LIGANDS = 10_000
"""To be screened within a minute once they are embedded; pretraining is to be done within half an hour on two cores."""


def measure_matching() -> list[dict[str, Any]]:
    """Rows for the scorecard."""
    torch.set_num_threads(1)
    settings = with_defaults({"matching": {}}, load_yaml(SCHEMA))["matching"]
    return _screening(settings) + _pretraining(settings)


def _screening(settings: dict[str, Any]) -> list[dict[str, Any]]:
    shape = colim_settings(settings)
    torch.manual_seed(0)
    ensemble = Ensemble(
        [
            Colim(
                ClusterEncoder(shape.encoder),
                LigandEncoder(width=shape.ligand_width, layers=shape.ligand_layers),
                shape,
            )
            for _ in range(settings["seeds"])
        ]
    )
    ligands = enumerated_ligands(LIGANDS)
    started = time.perf_counter()
    embedded = embed_ligands(ensemble, ligands)
    first = time.perf_counter() - started
    core = build_core("shape=tetrahedron20 metal=Cu anion=Cl")
    started = time.perf_counter()
    mean, _ = screen(ensemble, core, embedded)
    again = time.perf_counter() - started
    best = [embedded.ligands[place] for place in np.argsort(-mean)[:30]]
    started = time.perf_counter()
    rows = rank_ligands(ensemble, core, best, kinds=4)
    combined = time.perf_counter() - started
    return [
        _row("embedding of ligands, once in a process", first, len(embedded.ligands)),
        _row("screening, once embedded", again, len(embedded.ligands)),
        _row("ranking of sets of up to four of thirty", combined, len(rows)),
    ]


def _pretraining(settings: dict[str, Any]) -> list[dict[str, Any]]:
    wanted = settings["ligand_encoder"]
    names = enumerated_ligands(wanted["ligands"])
    started = time.perf_counter()
    pretrain_ligands(names, LigandPretraining(epochs=wanted["epochs"]), width=wanted["width"], layers=wanted["layers"])
    rows = [_row(f"pretraining of ligands: {wanted['epochs']} epochs", time.perf_counter() - started, len(names))]
    path = Path(os.environ.get("AURIC_MIRROR", "")) / CLUSTERS
    if not path.is_file():
        return rows
    data, own = read_cluster_energies(path), pretrain_settings(settings, 0)
    packed = pack_clusters(data.frames, reach=own.encoder.reach)
    for kind in ("cgcnn", "schnet", "gin"):
        of_kind = PretrainSettings(**(vars(own) | {"encoder": EncoderSettings(**(vars(own.encoder) | {"kind": kind}))}))
        seconds = pretrain(data, np.arange(len(data.size)), of_kind, packed=packed).header["seconds"]
        rows.append(_row(f"pretraining of cores, {kind}: {own.epochs} epochs", seconds, len(data.size)))
    return rows


def _row(subject: str, seconds: float, n: int) -> dict[str, Any]:
    return {
        "system": "matching", "quantity": "seconds", "unit": "s", "subject": subject, "ours": seconds, "n": n, "data": "one core of this machine",
        "split": "", "comparable": "not comparable", "better": "lower",
    }  # fmt: skip
