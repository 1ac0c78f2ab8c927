"""Models of energies that stand beside each other on the same frames, from a straight line to the recommended one.

Every model sees structures and energies of whole clusters, the last one forces too. What can be chosen (penalties, widths)
is chosen by cross-validation inside the training runs, consecutive frames kept together.
"""

import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from ase import Atoms
from scipy.linalg import LinAlgWarning
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, PredefinedSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from auric.descriptors import (
    MBTR_FIRST,
    MBTR_SECOND,
    FeatureScaler,
    Mbtr,
    MbtrSettings,
    PowerSpectrum,
    Soap,
    SoapSettings,
)
from auric.potential.atomwise import AtomDistances
from auric.potential.emlm import Emlm
from auric.potential.labels import counts_of, energy_of, folds_of, runs_of
from auric.potential.linear import LinearPotential, LinearSettings
from auric.potential.mlm import Mlm
from auric.potential.names import PRODUCTS
from auric.potential.names import RECOMMENDED as RECOMMENDED

SUMMED_SOAP = SoapSettings(n_max=6, l_max=3, cutoff_angstrom=5.0, sigma_angstrom=0.5)
LONG_SOAP = SoapSettings(n_max=7, l_max=4, cutoff_angstrom=5.0, sigma_angstrom=0.5)
FOLDS, CHUNKS = 4, 8
PENALTIES = 10.0 ** np.arange(-10, 3)
DISTANCE_PENALTIES = 10.0 ** np.arange(-9, 4, 2)
SHARES = (8, 4, 2)
"""Training frames for each reference point that distance methods may choose, besides every frame a reference."""
WIDTHS = 10.0 ** np.arange(-5, 0.5, 0.5)

Describe = Callable[[Sequence[Atoms]], np.ndarray]
Maker = Callable[[Sequence[Atoms]], Describe]
Choices = Callable[[int], dict[str, Any]]


class EnergyModel(Protocol):
    """Anything that learns energies of structures."""

    def fit(self, frames: Sequence[Atoms]) -> "EnergyModel":
        """Learn from labelled frames."""

    def energies(self, frames: Sequence[Atoms]) -> np.ndarray:
        """Energies, eV, shape (frames,)."""


class OnFeatures:
    """A regressor of scikit-learn's kind on features of whole structures; energies are given to it without what their elements explain, scaled.

    Args:
        describe: From the frames that are learned from, what gives the features of any.
        regressor: Learns.
        choices: From the number of frames, what of it is chosen by cross-validation, as `GridSearchCV` takes it.
    """

    def __init__(self, describe: Maker, regressor: Any, choices: Choices | None = None) -> None:
        self._make, self._regressor, self._choices = describe, regressor, choices

    def fit(self, frames: Sequence[Atoms]) -> "OnFeatures":
        """See `EnergyModel`."""
        self._describe = self._make(frames)
        self._elements = _species(frames)
        energies, counts = np.array([energy_of(atoms) for atoms in frames]), counts_of(frames, self._elements)
        # Molecules of several sizes differ by thousands of eV, beside which what is to be learned would vanish.
        self._offsets_ev = np.linalg.lstsq(counts, energies, rcond=None)[0]
        rest = energies - counts @ self._offsets_ev
        self._scale = rest.std() or 1.0
        features, targets = self._describe(frames), rest / self._scale
        model = self._regressor
        if self._choices:
            folds = folds_of(runs_of(frames), folds=FOLDS, chunks=CHUNKS)
            choices = self._choices(len(frames))
            search = GridSearchCV(model, choices, cv=PredefinedSplit(folds), scoring="neg_mean_squared_error")
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", LinAlgWarning)  # the smallest penalties are there to be rejected
                model = search.fit(features, targets).best_estimator_
            self.chosen = search.best_params_
        else:
            model = model.fit(features, targets)
        self._model = model
        return self

    def energies(self, frames: Sequence[Atoms]) -> np.ndarray:
        """See `EnergyModel`."""
        constant = counts_of(frames, self._elements) @ self._offsets_ev
        return np.asarray(constant + self._scale * self._model.predict(self._describe(frames)))


class Linear:
    """The linear potential, which learns from forces too.

    Args:
        products: See `LinearSettings`.
    """

    def __init__(self, products: int = 0) -> None:
        self._settings = LinearSettings(folds=FOLDS, chunks=CHUNKS, products=products)

    def fit(self, frames: Sequence[Atoms]) -> "Linear":
        """See `EnergyModel`."""
        self.potential = LinearPotential.fit(frames, settings=self._settings)
        return self

    def energies(self, frames: Sequence[Atoms]) -> np.ndarray:
        """See `EnergyModel`."""
        return self.potential.energies(frames)


class Contender(NamedTuple):
    """A model by the name the scorecard has for it."""

    subject: str
    make: Callable[[], EnergyModel]


def _species(frames: Sequence[Atoms]) -> list[str]:
    return sorted({symbol for atoms in frames for symbol in atoms.symbols})


def _mbtr(settings: MbtrSettings) -> Maker:
    return lambda learned: Mbtr(_species(learned), settings).describe_all


def _summed_soap(settings: SoapSettings) -> Maker:
    def make(learned: Sequence[Atoms]) -> Describe:
        maker = Soap(_species(learned), settings)
        return lambda frames: np.array([maker.summed(atoms) for atoms in frames])

    return make


def _power_spectrum(learned: Sequence[Atoms]) -> Describe:
    maker = PowerSpectrum(_species(learned))
    return lambda frames: np.array([maker.describe(atoms) for atoms in frames])


def _atomwise() -> OnFeatures:
    """EMLM atom by atom, its penalty chosen; distances keep their sizes."""
    regressor = make_pipeline(StandardScaler(with_std=False), Ridge())
    choices = {"ridge__alpha": PENALTIES}
    return OnFeatures(lambda learned: AtomDistances().fit(learned).describe_all, regressor, lambda _: choices)


def _ridge(describe: Maker) -> OnFeatures:
    return OnFeatures(
        describe, make_pipeline(FeatureScaler(), StandardScaler(), Ridge()), lambda _: {"ridge__alpha": PENALTIES}
    )


def _kernel(describe: Maker, kernel: str) -> OnFeatures:
    choices = {"kernelridge__alpha": PENALTIES[::2], "kernelridge__gamma": WIDTHS}
    return OnFeatures(
        describe, make_pipeline(FeatureScaler(), StandardScaler(), KernelRidge(kernel=kernel)), lambda _: choices
    )


def _tuned(describe: Maker, model: Emlm | Mlm) -> OnFeatures:
    """A distance method with its penalty and the number of its references chosen."""

    def choices(frames: int) -> dict[str, Any]:
        fewer = [frames // share for share in SHARES if frames >= share]
        return {"penalty": DISTANCE_PENALTIES, "references": ["all", *fewer]}

    return OnFeatures(describe, model, choices)


ENERGY_MODELS: dict[str, Contender] = {
    "mean": Contender("mean", lambda: OnFeatures(lambda _: lambda frames: np.ones((len(frames), 1)), Ridge())),
    "emlm_first": Contender("emlm on MBTR, first parameters", lambda: OnFeatures(_mbtr(MBTR_FIRST), Emlm())),
    "emlm": Contender("emlm on MBTR, second parameters", lambda: OnFeatures(_mbtr(MBTR_SECOND), Emlm())),
    "mlm_first": Contender("mlm on MBTR, first parameters", lambda: OnFeatures(_mbtr(MBTR_FIRST), Mlm())),
    "mlm": Contender("mlm on MBTR, second parameters", lambda: OnFeatures(_mbtr(MBTR_SECOND), Mlm())),
    "emlm_tuned": Contender("emlm on MBTR, penalty and references chosen", lambda: _tuned(_mbtr(MBTR_SECOND), Emlm())),
    "mlm_tuned": Contender("mlm on MBTR, penalty and references chosen", lambda: _tuned(_mbtr(MBTR_SECOND), Mlm())),
    "emlm_soap": Contender("emlm on summed SOAP", lambda: OnFeatures(_summed_soap(LONG_SOAP), Emlm())),
    "emlm_atoms": Contender("emlm atom by atom, penalty chosen", _atomwise),
    "ridge_mbtr": Contender("ridge on MBTR", lambda: _ridge(_mbtr(MBTR_SECOND))),
    "ridge_soap": Contender("ridge on summed SOAP", lambda: _ridge(_summed_soap(SUMMED_SOAP))),
    "kernel_ridge": Contender("kernel ridge on MBTR, Laplacian", lambda: _kernel(_mbtr(MBTR_SECOND), "laplacian")),
    "gaussian_soap": Contender("Gaussian kernel on summed SOAP", lambda: _kernel(_summed_soap(SUMMED_SOAP), "rbf")),
    "linear_energies": Contender("linear, energies alone", lambda: _ridge(_power_spectrum)),
    "quadratic": Contender("linear with products, energies and forces", lambda: Linear(PRODUCTS["quadratic"])),
    RECOMMENDED: Contender("linear, energies and forces", lambda: Linear(PRODUCTS[RECOMMENDED])),
}
"""All contenders for energies."""
