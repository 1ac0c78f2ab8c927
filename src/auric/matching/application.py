"""The matcher of a study: trained on all examples, its latent space, core editing, and clusters it has not seen."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from auric.errors import InputError
from auric.files import write_table
from auric.matching.colim import Ensemble, pair_data, train_ensemble
from auric.matching.editing import edited_core
from auric.matching.encoders import colim_settings
from auric.matching.evaluation import separation
from auric.matching.ligand_encoder import LigandEncoder
from auric.matching.ligand_smiles import ligand_set
from auric.matching.matcherfile import load_ensemble, save_ensemble
from auric.matching.negatives import Example
from auric.matching.pairs import library_and_examples, reported_pairs
from auric.matching.pretraining import CoreModel
from auric.matching.ranking import ligand_warnings, warnings_of
from auric.matching.tables import read_rows

PLACE_COLUMNS = ("encoder", "name", "ligands", "label", "x", "y", "davies_bouldin", "calinski_harabasz")
CASE_COLUMNS = ("case", "core", "edit", "ligands", "known", "seed", "probability")
EXTERNAL_COLUMNS = ("name", "formula", "ligands", "probability", "spread", "called", "warning", "source")
CASES = ("case", "core", "edit", "ligands", "known")


def train_matcher(
    cores: str | Path,
    pairs: str | Path,
    examples: str | Path,
    core_encoder: str | Path,
    ligand_encoder: str | Path,
    model: str | Path,
    places: str | Path,
    *,
    settings: Mapping[str, Any],
    seed: int,
    gap_encoder: str | Path | None = None,
) -> None:
    """Train the ensemble on all examples, and write it and the places of the examples in its latent space.

    Places are drawn for core encoders as they start (from scratch; pretrained on energies; on gaps, where given) with the ligand
    encoder beside them, and for the trained matcher.

    Args:
        cores: Files of `make_pairs`.
        pairs: Likewise.
        examples: Likewise.
        core_encoder: Pretrained on energies.
        ligand_encoder: Pretrained.
        model: To write.
        places: To write, rows of `PLACE_COLUMNS`.
        settings: Of the room.
        seed: Of the first member.
        gap_encoder: Pretrained on gaps.
    """
    _, found = library_and_examples(cores, pairs, examples)
    shape = colim_settings(settings)
    core, ligand = CoreModel.load(core_encoder), LigandEncoder.load(ligand_encoder)
    labels = np.array([each.label for each in found])
    data = pair_data(
        [each.pair.core for each in found], [each.ligands for each in found], reach=core.encoder.settings.reach
    )
    seeds = [seed + number for number in range(settings["seeds"])]
    ensemble = train_ensemble(data, labels, np.arange(len(found)), shape, core=core.encoder, ligand=ligand, seeds=seeds)
    save_ensemble(model, ensemble)
    torch.manual_seed(seed)
    encoders = {"scratch": CoreModel(shape.encoder), "energy": core}
    if gap_encoder:
        encoders["gap"] = CoreModel.load(gap_encoder)
    sets = data.member.numpy() @ ligand.embed(_names(found))
    atoms = [each.pair.core for each in found]
    rows = []
    for name, encoder in encoders.items():
        rows += _places(name, np.hstack([encoder.embed(atoms), sets]), found, labels, seed)
    with torch.no_grad():
        joined = ensemble.members[0].joined(data, torch.arange(len(found))).numpy()
    write_table(places, rows + _places("trained matcher", joined, found, labels, seed), PLACE_COLUMNS)


def _names(examples: Sequence[Example]) -> list[str]:
    return sorted({one for each in examples for one in each.ligands.split(".")})


def _places(
    encoder: str, vectors: np.ndarray, examples: Sequence[Example], labels: np.ndarray, seed: int
) -> list[dict[str, Any]]:
    if len(vectors) < 6:
        return []
    xy, indices = separation(vectors, labels, seed=seed % 2**32)
    return [
        {
            "encoder": encoder,
            "name": each.pair.name,
            "ligands": each.ligands,
            "label": each.label,
            "x": float(x),
            "y": float(y),
        }
        | indices
        for each, (x, y) in zip(examples, xy, strict=True)
    ]


def tell_cases(
    cores: str | Path, pairs: str | Path, examples: str | Path, model: str | Path, cases: str | Path, output: str | Path
) -> None:
    """Probabilities of edited cores with sets of ligands by every member: the heat map of core editing.

    Args:
        cores: Files of `make_pairs`.
        pairs: Likewise.
        examples: Likewise.
        model: The ensemble.
        cases: Tab-separated table with the columns `CASES`; `core` names a pair of the library; '' for none.
        output: To write, rows of `CASE_COLUMNS`.

    Raises:
        InputError: Other columns, or a core that the library lacks.
    """
    library, _ = library_and_examples(cores, pairs, examples)
    ensemble, known = load_ensemble(model), {pair.name: pair for pair in library.pairs}
    rows: list[dict[str, Any]] = []
    for _, row in read_rows(cases, CASES) if cases else ():
        if row["core"] not in known:
            raise InputError(
                f"{cases}: case '{row['case']}' is of '{row['core']}', which is not in the library; name one of its pairs"
            )
        core = edited_core(known[row["core"]].core, row["edit"])
        for member, probability in enumerate(_probabilities(ensemble, [core], [row["ligands"]])[:, 0]):
            rows.append(
                row | {"ligands": ligand_set(row["ligands"]), "seed": member, "probability": float(probability)}
            )
    write_table(output, rows, CASE_COLUMNS)


def tell_external(external: Sequence[str | Path], model: str | Path, output: str | Path) -> None:
    """What the matcher says of clusters that were made since, all of them positives: rows of `EXTERNAL_COLUMNS`.

    Args:
        external: Tables like that of reported clusters.
        model: The ensemble.
        output: To write.
    """
    ensemble = load_ensemble(model)
    rows = []
    for table in external:
        pairs, _ = reported_pairs(table)
        for pair in pairs:
            each = _probabilities(ensemble, [pair.core], [pair.ligands])[:, 0]
            rows.append(
                {"name": pair.name, "formula": pair.fingerprint.formula, "ligands": pair.ligands, "probability": float(each.mean()),
                 "spread": float(each.std()), "called": int(each.mean() > 0.5),
                 "warning": "; ".join([*warnings_of(ensemble, pair.core), *ligand_warnings(ensemble, pair.ligands)]),
                 "source": pair.source}
            )  # fmt: skip
    write_table(output, rows, EXTERNAL_COLUMNS)


def _probabilities(ensemble: Ensemble, cores: Sequence[Any], sets: Sequence[str]) -> np.ndarray:
    return ensemble.probabilities(pair_data(cores, sets, reach=ensemble.members[0].core.settings.reach))
