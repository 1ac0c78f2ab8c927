"""The thesis's potential as a file: EMLM on MBTR of whole structures, compressed for walks."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from auric.descriptors import MBTR_SECOND, Mbtr
from auric.potential.emlm import Emlm
from auric.potential.labels import energy_of, read_runs
from auric.potential.modelfile import save_model


def train_emlm(
    training: Sequence[str | Path], model: str | Path, *, study: str, sample: Mapping[str, Any] | None = None
) -> None:
    """Learn energies (eV) from runs of dynamics, all frames as references, and write the model's file.

    The descriptor is MBTR with the second parameters of doi:10.1021/acs.jpca.0c01512; `trained_on` names the elements.

    Args:
        training: Runs (extended xyz).
        model: npz to write.
        study: Name of the study, for the file.
        sample: Which frames of each run, see `auric.potential.labels.sampled`; all by default.

    Raises:
        InputError: If there are no frames, or they are not labelled.
    """
    frames = read_runs(training, "training", sample)
    species = sorted({symbol for atoms in frames for symbol in atoms.symbols})
    features = Mbtr(species, MBTR_SECOND).describe_all(frames)
    learned = Emlm().fit(features, np.array([energy_of(atoms) for atoms in frames])).compress()
    systems = sorted({str(atoms.info.get("system", "")) for atoms in frames})
    save_model(model, learned, {"species": species, "systems": systems, "study": study})
