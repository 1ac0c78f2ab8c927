"""Models by name: the six of Table 2 of doi:10.1002/aisy.201900029, and three peers."""

import json
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from auric.errors import InputError, suggestion
from auric.files import read_npz, write_npz
from auric.provenance import digest, library_versions
from auric.synthesis.descriptors import Features
from auric.synthesis.heads import HeadSettings
from auric.synthesis.networks import SynthesisNetwork
from auric.synthesis.peers import FingerprintProcess, FoldwisePeer


class Classifier(Protocol):
    """What all models can do."""

    def fit(self, features: Features, outcomes: np.ndarray) -> Any:
        """Train, and return itself."""

    def fit_members(self, features: Features, outcomes: np.ndarray, training: np.ndarray) -> Any:
        """Train one model on each training set (members, n), and return itself."""

    def member_proba(self, features: Features) -> np.ndarray:
        """Probability of success by each, shape (members, n)."""

    def predict_proba(self, features: Features) -> np.ndarray:
        """Probabilities of failure and success, means over the members, shape (n, 2)."""


PAPER = ("gcnn_snn", "gcnn_dnn", "gcnn_svm", "snn", "dnn", "svm")
PEERS = ("boosting", "process", "logistic")
MODELS = (*PAPER, *PEERS)
FORMAT = "auric SynthesisNetwork 1"
DAMAGE = (
    ValueError,
    OSError,
    KeyError,
    EOFError,
    TypeError,
    zipfile.BadZipFile,
    zlib.error,
    NotImplementedError,
    RuntimeError,
)


def make_model(name: str, seed: int = 0, **settings: float) -> Classifier:
    """A model that is not fitted.

    Args:
        name: One of `MODELS`.
        seed: Of all that it draws.
        settings: Of a network, fields of `auric.synthesis.heads.HeadSettings`.

    Raises:
        InputError: Another name.
    """
    if name not in MODELS:
        raise InputError(f"unknown model '{name}'; {suggestion(name, MODELS)}")
    if name in PAPER:
        return network(name, seed, **settings)
    makers: Mapping[str, Callable[[], Classifier]] = {
        "boosting": lambda: FoldwisePeer("boosting", seed),
        "logistic": lambda: FoldwisePeer("logistic", seed),
        "process": lambda: FingerprintProcess(seed=seed),
    }
    return makers[name]()


def network(name: str, seed: int = 0, **settings: float) -> SynthesisNetwork:
    """One of the six networks, not fitted."""
    head = name.removeprefix("gcnn_")
    assert head in ("snn", "dnn", "svm")
    return SynthesisNetwork(head, name.startswith("gcnn_"), HeadSettings(**settings), seed=seed)  # type: ignore[arg-type]


def save_network(path: str | Path, model: SynthesisNetwork, trained_on: Mapping[str, Any]) -> None:
    """Write a fitted network: npz with a JSON header, no pickle.

    Args:
        path: File ending in npz.
        model: The model.
        trained_on: What it learned from, in what JSON can hold.
    """
    told, arrays = model.content()
    header = {
        "format": FORMAT,
        "settings": told,
        "trained_on": dict(trained_on),
        "made_with": library_versions(("numpy", "torch")),
    }
    write_npz(path, header | {"digest": _digest(header, arrays)}, arrays)


def load_network(path: str | Path) -> tuple[SynthesisNetwork, dict[str, Any]]:
    """A network that was saved, and what it learned from.

    Raises:
        InputError: Missing, foreign, damaged or changed.
    """
    try:
        header, arrays = read_npz(path)
    except FileNotFoundError:
        raise InputError(f"no model file {path}; train a model first, or correct the path") from None
    except DAMAGE as error:
        raise InputError(f"{path}: damaged, or no model of auric ({error}); train the model again") from None
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise InputError(f"{path}: no synthesis model of auric; give a file that save_network wrote")
    if header.pop("digest", "") != _digest(header, arrays):
        raise InputError(f"{path}: its content does not fit its digest: changed or damaged; train the model again")
    return SynthesisNetwork.from_content(header["settings"], arrays), header["trained_on"]


def _digest(header: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> str:
    parts: list[str | bytes] = [json.dumps(header, sort_keys=True)]
    for name in sorted(arrays):
        parts += [name, arrays[name].dtype.str, str(arrays[name].shape), arrays[name].tobytes()]
    return digest(*parts, length=64)
