"""What the rules of encoders call: bare clusters, errors of formation energies, and both encoders pretrained."""

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, Literal

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols

from auric.errors import InputError
from auric.files import write_frames, write_table
from auric.graphs import EncoderSettings
from auric.matching.colim import ColimSettings
from auric.matching.fixed_ligands import FixedLigands, LigandModel
from auric.matching.formation import HUBER_SDS, ClusterEnergies, fit_lines, read_cluster_energies
from auric.matching.formation_peers import FORMATION_COLUMNS, formation_rows
from auric.matching.ligand_encoder import (
    LigandEmbedder,
    LigandEncoder,
    LigandPretraining,
    UniMolEmbedder,
    pretrain_ligands,
)
from auric.matching.ligand_library import enumerated_ligands
from auric.matching.pairs import resolved
from auric.matching.pretraining import PretrainSettings, pretrain
from auric.matching.small_clusters import model_clusters

REFERENCE_COLUMNS = ("element", "reference_ev", "surface_ev", "edge_ev", "spread_ev", "clusters")
"""Of E/N = reference + surface N^(-1/3) + edge N^(-2/3), and how far clusters lie off it (a robust standard deviation, eV/atom)."""


def make_clusters(source: str, output: str | Path, *, per_metal: int, mirror: str, seed: int) -> None:
    """Bare clusters to pretrain on: those of a file, or, where none is named, built ones with energies of a model potential.

    Raises:
        InputError: If the file cannot be used.
    """
    if not source:
        write_frames(output, model_clusters(per_metal, seed=seed))
        return
    data = read_cluster_energies(resolved(source, mirror))
    frames = []
    for atoms, energy, gap in zip(data.frames, data.energy_ev, data.gap_ev, strict=True):
        info = {"energy_ev": float(energy * len(atoms))} | ({"gap_ev": float(gap)} if np.isfinite(gap) else {})
        frames.append(Atoms(atoms.numbers, atoms.positions, info=info))
    write_frames(output, frames)


def pretrain_settings(settings: Mapping[str, Any], seed: int) -> PretrainSettings:
    """Those of `matching.encoder` and `matching.pretraining`."""
    training = {
        field.name: settings["pretraining"][field.name]
        for field in fields(PretrainSettings)
        if field.name in settings["pretraining"]
    }
    return PretrainSettings(encoder=EncoderSettings(**settings["encoder"]), **training, seed=seed)


def colim_settings(settings: Mapping[str, Any]) -> ColimSettings:
    """Those of `matching.encoder`, `matching.ligand_encoder` and `matching.training`."""
    return ColimSettings(
        encoder=EncoderSettings(**settings["encoder"]),
        ligand_width=settings["ligand_encoder"]["width"],
        ligand_layers=settings["ligand_encoder"]["layers"],
        **settings["training"],
    )


def compare_formation(
    clusters: str | Path, output: str | Path, references: str | Path, *, settings: Mapping[str, Any], seed: int
) -> None:
    """Write formation energies in folds, and the reference energies that all clusters together give.

    Args:
        clusters: With energies.
        output: To write, rows of `FORMATION_COLUMNS`.
        references: To write, rows of `REFERENCE_COLUMNS`; the lines that the core encoder's file holds.
        settings: Of the room.
        seed: Of folds and encoders.
    """
    wanted, data = settings["formation"], read_cluster_energies(clusters)
    write_table(references, reference_rows(data), REFERENCE_COLUMNS)
    rows = formation_rows(
        data,
        wanted["splits"],
        wanted["encoders"],
        pretrain_settings(settings, seed),
        folds=wanted["folds"],
    )
    write_table(output, rows, FORMATION_COLUMNS)


def reference_rows(data: ClusterEnergies) -> list[dict[str, Any]]:
    """Liquid-drop lines of elements as the core encoder learns them, rows of `REFERENCE_COLUMNS`."""
    lines = fit_lines(data, np.arange(len(data.size)), huber_sds=HUBER_SDS)
    return [
        {"element": chemical_symbols[number], "reference_ev": float(terms[0]), "surface_ev": float(terms[1]), "edge_ev": float(terms[2]),
         "spread_ev": float(spread), "clusters": int((data.element == number).sum())}
        for number, terms, spread in zip(lines.elements, lines.terms_ev, lines.spread_ev, strict=True)
    ]  # fmt: skip


def pretrain_core(
    clusters: str | Path,
    output: str | Path,
    *,
    settings: Mapping[str, Any],
    seed: int,
    target: Literal["energy", "gap"] = "energy",
) -> None:
    """Pretrain the core encoder on all clusters.

    Raises:
        InputError: Gaps that are not known of every cluster.
    """
    data = read_cluster_energies(clusters)
    if target == "gap" and (missing := int(np.isnan(data.gap_ev).sum())):
        raise InputError(
            f"{clusters}: {missing} of {len(data.gap_ev)} clusters without gap_ev; give it, or set matching.pretraining.gap to false"
        )
    pretrain(data, np.arange(len(data.frames)), pretrain_settings(settings, seed), target=target).save(output)


def pretrain_ligand_encoder(output: str | Path, *, settings: Mapping[str, Any], seed: int) -> None:
    """Pretrain the ligand encoder on the enumeration, or note which fixed vectors stand in its place."""
    wanted = settings["ligand_encoder"]
    if embedder := embedder_of(settings):
        FixedLigands(embedder, width=wanted["width"]).save(output)
        return
    pretraining = LigandPretraining(epochs=wanted["epochs"], seed=seed)
    pretrain_ligands(
        enumerated_ligands(wanted["ligands"]), pretraining, width=wanted["width"], layers=wanted["layers"]
    ).save(output)


def embedder_of(settings: Mapping[str, Any]) -> LigandEmbedder | None:
    """What gives fixed vectors of ligands in a study; None: they are read by our own encoder.

    Raises:
        InputError: If it cannot be had here.
    """
    wanted = settings["ligand_encoder"]
    return UniMolEmbedder(wanted["weights"]) if wanted["kind"] == "unimol" else None


def load_ligands(path: str | Path, settings: Mapping[str, Any]) -> LigandModel:
    """What `pretrain_ligand_encoder` wrote.

    Raises:
        InputError: As `LigandEncoder.load`, or vectors of another embedder.
    """
    embedder = embedder_of(settings)
    return LigandEncoder.load(path) if embedder is None else FixedLigands.load(path, embedder)
