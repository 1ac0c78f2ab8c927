"""Models by name: the six of Table 2 of doi:10.1002/aisy.201900029, and four peers."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from auric.errors import InputError, suggestion
from auric.modelfile import fitting, read_model, write_model
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
PEERS = ("trees", "boosting", "process", "logistic")
MODELS = (*PAPER, *PEERS)
FORMAT = "auric SynthesisNetwork 1"


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
        "trees": lambda: FoldwisePeer("trees", seed),
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
    settings, arrays = model.content()
    header = {"format": FORMAT, "settings": settings, "trained_on": dict(trained_on)}
    write_model(path, header, arrays, libraries=("numpy", "torch"))


def load_network(path: str | Path) -> tuple[SynthesisNetwork, dict[str, Any]]:
    """A network that was saved, and what it learned from.

    Raises:
        InputError: Missing, foreign, damaged or changed, or a part is missing.
    """
    header, arrays = read_model(path, FORMAT)
    with fitting(path, "network"):
        return SynthesisNetwork.from_content(header["settings"], arrays), header["trained_on"]
