"""The thesis's potential as a file: EMLM on MBTR of whole structures, compressed for walks."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from auric.descriptors import MBTR_SECOND, Mbtr, MbtrSettings
from auric.errors import InputError
from auric.modelfile import fitting
from auric.potential.emlm import Emlm
from auric.potential.labels import energy_of, level_told, read_runs
from auric.potential.modelfile import load_model, save_model


def train_emlm(
    training: Sequence[str | Path], model: str | Path, *, study: str, sample: Mapping[str, Any] | None = None,
    collected: Sequence[str | Path] = (),
) -> None:  # fmt: skip
    """Learn energies (eV) from runs of dynamics, all frames as references, and write the model's file.

    The descriptor is MBTR with the second parameters of doi:10.1021/acs.jpca.0c01512; the file names them, and the elements.

    Args:
        training: Runs (extended xyz).
        model: npz to write.
        study: Name of the study, for the file.
        sample: Which frames of each run, see `auric.potential.labels.sampled`; all by default.
        collected: Labelled frames to learn from beside them, all of them (extended xyz).

    Raises:
        InputError: If there are no frames, they are not labelled, or they are of several levels of theory.
    """
    frames = read_runs(training, "training", sample, collected)
    level = level_told(frames)
    species = sorted({symbol for atoms in frames for symbol in atoms.symbols})
    features = Mbtr(species, MBTR_SECOND).describe_all(frames)
    learned = Emlm().fit(features, np.array([energy_of(atoms) for atoms in frames])).compress()
    systems = sorted({str(atoms.info.get("system", "")) for atoms in frames})
    described = {"species": species, "mbtr": asdict(MBTR_SECOND)}
    save_model(model, learned, level | described | {"systems": systems, "study": study})


def load_emlm(path: str | Path) -> tuple[Mbtr, Emlm, dict[str, Any]]:
    """What `train_emlm` wrote: the descriptor, the model on it, and what it was trained on.

    Raises:
        InputError: If the file is missing, damaged, or holds another model.
    """
    learned, told = load_model(path)
    if not isinstance(learned, Emlm) or not {"species", "mbtr"} <= told.keys():
        raise InputError(f"{path}: no EMLM of whole structures with its descriptor; train it with `potential.emlm`")
    with fitting(path, "descriptor"):
        mbtr = Mbtr(told["species"], MbtrSettings(**told["mbtr"]))
    if mbtr.size != learned.n_features_in_:
        raise InputError(
            f"{path}: its descriptor has {mbtr.size} features, its model {learned.n_features_in_}; train it again"
        )
    return mbtr, learned, told
