"""Matching: ten thousand ligands screened for a core, and the cost of pretraining on the public bare clusters.

The clusters come from the mirror (AURIC_MIRROR); without it only the screening is measured. One thread; networks of the study `matching`.
"""

import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from auric.graphs import EncoderSettings, pack_clusters
from auric.matching import (
    ColimSettings,
    Ensemble,
    LigandEncoder,
    PretrainSettings,
    build_core,
    embed_ligands,
    enumerated_ligands,
    pretrain,
    rank_ligands,
    read_cluster_energies,
    screen,
)
from auric.matching.colim import Colim
from auric.matching.pretraining import CoreModel

CLUSTERS = "qcd/qcd_energies.extxyz"
LIGANDS = 10_000
"""To be screened within a minute."""
EPOCHS = 60
"""To be done within half an hour on two cores."""


def measure_matching() -> list[dict[str, Any]]:
    """Rows for the scorecard."""
    torch.set_num_threads(1)
    return _screening() + _pretraining()


def _screening() -> list[dict[str, Any]]:
    settings = ColimSettings(encoder=EncoderSettings(width=32))
    torch.manual_seed(0)
    ensemble = Ensemble(
        [Colim(CoreModel(settings.encoder).encoder, LigandEncoder(width=32), settings) for _ in range(3)]
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
        _row("embedding of ligands", first, len(embedded.ligands)),
        _row("screening once embedded", again, len(embedded.ligands)),
        _row("ranking of sets of up to four of thirty", combined, len(rows)),
    ]


def _pretraining() -> list[dict[str, Any]]:
    path = Path(os.environ.get("AURIC_MIRROR", "")) / CLUSTERS
    if not path.is_file():
        return []
    data = read_cluster_energies(path)
    packed = pack_clusters(data.frames)
    rows = []
    for kind in ("cgcnn", "schnet", "gin"):
        settings = PretrainSettings(EncoderSettings(kind=kind, width=32), epochs=1)
        seconds = pretrain(data, np.arange(len(data.size)), settings, packed=packed).header["seconds"]
        rows.append(_row(f"{kind}: {EPOCHS} epochs, from one", EPOCHS * seconds, len(data.size)))
    return rows


def _row(subject: str, seconds: float, n: int) -> dict[str, Any]:
    return {
        "system": "matching", "quantity": "seconds", "unit": "s", "subject": subject, "ours": seconds, "n": n, "data": "one core of this machine",
        "split": "", "comparable": "not comparable", "better": "lower",
    }  # fmt: skip
