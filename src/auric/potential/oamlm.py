"""Directions of forces: the orientation adaptive minimal learning machine (OAMLM).

References are laid upon an input, the directions t of their forces turn with them, and from the distances of the input's
descriptor to those of the references the cosines d between its unknown direction v and every turned direction R t are
predicted. Then v is what agrees with them best: thesis section 2.3; ESANN 2021, pages 529-534; arXiv:2203.09788.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from auric.errors import InputError, suggestion
from auric.modelfile import Contents, fitting, read_model, write_model
from auric.potential.alignment import Aligner
from auric.potential.cosines import LOSSES, direction_from_cosines
from auric.potential.distances import DistancesTo
from auric.potential.environments import Environments
from auric.potential.huber import SOLVERS, huber_weights, least_squares

Selector = Callable[[np.ndarray, int], np.ndarray]
"""From descriptors (N, features) and a number to the indices of so many references."""
FORMAT = "auric Oamlm 1"
_BLOCK = 64
_ARRAYS = (
    "descriptors", "vectors", "counts", "has_sulfur", "atoms", "directions",
    "references", "cosine_weights", "cosine_intercepts",
)  # fmt: skip
_ERROR_ARRAYS = ("error_weights", "error_intercepts")


class Oamlm(BaseEstimator):  # type: ignore[misc]
    """Directions of the forces on atoms of one class.

    Args:
        references: Reference points: their indices in the training data, their number (the selector chooses), or all.
        selector: From descriptors (N, features) and a number to so many indices; by default a random choice by the seed.
        seed: Of the random choice.
        loss: `average`, `minimiser` or `numeric` (see `auric.potential.cosines`). Which is best depends on the class and
            the data; `auric.potential.scan` compares them.
        reflections: Whether a mirror image of a reference may be laid upon an input. It may by default: forces are
            mirrored with their surroundings, and descriptors such as SOAP do not tell the two apart. A study with
            `potential.forces.rotations` has both beside each other.
        select: Use only references whose alignment error is not above the predicted one (ESANN 2021, section 2.2), all
            where none is.
        ridge: Penalty beta of the weights, which enters as N beta / K (thesis 2.16).
        huber: Robust weights by Huber regression with this parameter, 1 (most robust) to 2; least squares if None.
        huber_solver: `shared` (all columns at once) or `columns` (scikit-learn, one by one, slow).
        sigma_1: Width of the numeric loss and of the confidence.
        sigma_2: Width of the weights (angstrom); None takes 0.25 for unit metal, else 0.5 (arXiv:2203.09788, III.A).

    Attributes:
        references_: Indices of the references in the training data, shape (K,).
        projections_: Whether it was fitted with lengths, to projections instead of cosines.
        unconverged_: Columns in which Huber regression did not converge.
        trained_on_: What `save` was told, after `load`.
    """

    def __init__(
        self,
        references: int | np.ndarray | None = None,
        *,
        selector: Selector | None = None,
        seed: int = 0,
        loss: str = "minimiser",
        reflections: bool = True,
        select: bool = False,
        ridge: float = 0.0,
        huber: float | None = None,
        huber_solver: str = "shared",
        sigma_1: float = 0.25,
        sigma_2: float | None = None,
    ) -> None:
        self.references = references
        self.selector = selector
        self.seed = seed
        self.loss = loss
        self.reflections = reflections
        self.select = select
        self.ridge = ridge
        self.huber = huber
        self.huber_solver = huber_solver
        self.sigma_1 = sigma_1
        self.sigma_2 = sigma_2

    def fit(
        self,
        descriptors: np.ndarray,
        environments: Environments,
        directions: np.ndarray,
        lengths: np.ndarray | None = None,
    ) -> "Oamlm":
        """Fit the weights that predict cosines (and alignment errors, if they select) from distances of descriptors.

        Args:
            descriptors: Scaled descriptors, shape (N, features).
            environments: Surroundings of the same N atoms.
            directions: Unit vectors of their forces, shape (N, 3).
            lengths: Norms of their forces, shape (N,), in any unit. With them projections are learned, norms times cosines:
                the direction of a small force changes at once from one structure to the next, its projections do not. Not
                in the publications.

        Raises:
            InputError: If a setting is impossible, shapes do not fit, or a number is not finite.
        """
        self._check_settings()
        descriptors = _checked(descriptors, len(environments))
        directions = np.asarray(directions, dtype=float)
        unit = np.allclose(np.linalg.norm(directions, axis=-1), 1, atol=1e-6)
        if directions.shape != (len(environments), 3) or not unit:
            raise InputError(
                f"OAMLM: directions of shape {directions.shape} are no unit vectors of shape ({len(environments)}, 3); "
                "divide forces by their norms and leave out atoms without force"
            )
        if lengths is not None and (np.shape(lengths) != (len(environments),) or not np.isfinite(lengths).all()):
            raise InputError(f"OAMLM: lengths of shape {np.shape(lengths)}; give ({len(environments)},), finite")
        self.projections_ = lengths is not None
        self.references_ = self._chosen(descriptors)
        self._take(descriptors[self.references_], environments[self.references_], directions[self.references_])
        cosines = np.empty((len(descriptors), len(self.references_)))
        errors = np.empty_like(cosines)
        for rows in _blocks(len(descriptors)):
            turned, errors[rows] = self._aligner.align(environments[rows])
            cosines[rows] = np.einsum("nkc,nc->nk", turned, directions[rows])
        if lengths is not None:
            cosines *= np.asarray(lengths, dtype=float)[:, None]
        distances = self._distances(descriptors)
        self.unconverged_ = 0
        self.cosine_weights_, self.cosine_intercepts_ = self._weights(distances, cosines)
        if self.select:
            self.error_weights_, self.error_intercepts_ = self._weights(distances, errors)
        self.trained_on_: dict[str, Any] = {}
        return self

    def predict(self, descriptors: np.ndarray, environments: Environments) -> tuple[np.ndarray, np.ndarray]:
        """Unit vectors of the forces, and how far they are to be trusted.

        Args:
            descriptors: Scaled like those of the fit, shape (N, features).
            environments: Surroundings of the same N atoms, of the fit's class.

        Returns:
            Directions, shape (N, 3), and confidences between 0 and 1, shape (N,): the weighted mean over references of
            exp(-((d - v . R t) / sigma_1)^2), which is 1 when all agree, times exp(-(g / sigma_2)^2) of the best alignment.

        Raises:
            InputError: If the model is not fitted, shapes or the class do not fit, or a number is not finite.
        """
        self._check_fitted()
        descriptors = _checked(descriptors, len(environments), self.descriptors_.shape[1])
        directions, confidences = np.empty((len(descriptors), 3)), np.empty(len(descriptors))
        for rows in _blocks(len(descriptors)):
            inputs = environments[rows]
            turned, errors = self._aligner.align(inputs)
            distances = self._distances(descriptors[rows])
            cosines = distances @ self.cosine_weights_ + self.cosine_intercepts_
            scaled = (errors / self._sigma_2) ** 2
            if self.select:
                accepted = errors <= distances @ self.error_weights_ + self.error_intercepts_
                scaled[~accepted & accepted.any(axis=1, keepdims=True)] = np.inf
            least = scaled.min(axis=1)
            weights = np.exp(least[:, None] - scaled)  # a common factor changes no direction, and cannot vanish
            if self.projections_:
                cosines = cosines_of_projections(turned, cosines, weights)
            found = direction_from_cosines(
                turned, cosines, weights, loss=self.loss, sigma_1=self.sigma_1, start=inputs.vectors[:, 0]
            )
            misfits = (cosines - np.einsum("nkc,nc->nk", turned, found)) / self.sigma_1
            agreement = (weights * np.exp(-(misfits**2))).sum(axis=1) / weights.sum(axis=1)
            directions[rows], confidences[rows] = found, agreement * np.exp(-least)
        return directions, confidences

    def predict_errors(self, descriptors: np.ndarray) -> np.ndarray:
        """Alignment errors (angstrom) that the descriptors let expect, shape (N, K).

        Raises:
            InputError: As `predict`, or if the model was fitted without `select`.
        """
        self._check_fitted()
        if not self.select:
            raise InputError("OAMLM: this model predicts no alignment errors; fit it with select=True")
        descriptors = _checked(descriptors, len(descriptors), self.descriptors_.shape[1])
        return np.asarray(self._distances(descriptors) @ self.error_weights_ + self.error_intercepts_)

    def save(self, path: str | Path, trained_on: Mapping[str, Any] | None = None) -> None:
        """Write npz with a JSON header.

        Args:
            path: File to write.
            trained_on: Data, engine, level of theory; anything that JSON can hold.

        Raises:
            InputError: If the model is not fitted or the folder cannot be written.
        """
        header, arrays = self.contents()
        write_model(path, header | {"format": FORMAT, "trained_on": dict(trained_on or {})}, arrays)

    @classmethod
    def load(cls, path: str | Path) -> "Oamlm":
        """Read what `save` wrote.

        Raises:
            InputError: If the file is missing, damaged, changed, or none of these models.
        """
        header, arrays = read_model(path, FORMAT)
        with fitting(path, "OAMLM model"):
            model = cls.from_contents(header, arrays)
            model.trained_on_ = header["trained_on"]
        return model

    def contents(self) -> Contents:
        """Plain values and arrays by name; `from_contents` makes the same model of them.

        Raises:
            InputError: If the model is not fitted.
        """
        self._check_fitted()
        names = _ARRAYS + (_ERROR_ARRAYS if self.select else ())
        settings = {key: value for key, value in self.get_params().items() if key not in ("references", "selector")}
        header = {"class": self.class_, "settings": settings, "unconverged": self.unconverged_}
        return header | {"projections": self.projections_}, {name: getattr(self, f"{name}_") for name in names}

    @classmethod
    def from_contents(cls, header: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> "Oamlm":
        """The model that gave these; other values and arrays are left aside.

        Raises:
            KeyError: If one is missing.
        """
        model = cls(**header["settings"])
        group = (arrays[name] for name in ("vectors", "counts", "has_sulfur", "atoms"))
        model._take(arrays["descriptors"], Environments(header["class"], *group), arrays["directions"])
        for name in _ARRAYS[6:] + (_ERROR_ARRAYS if model.select else ()):
            setattr(model, f"{name}_", arrays[name])
        model.unconverged_, model.trained_on_ = header["unconverged"], {}
        model.projections_ = header.get("projections", False)  # files of earlier versions do not say
        return model

    def _check_settings(self) -> None:
        for word, value, choices in (
            ("loss", self.loss, LOSSES),
            ("huber_solver", self.huber_solver, SOLVERS),
        ):
            if value not in choices:
                raise InputError(f"OAMLM: {word}='{value}' is unknown; {suggestion(str(value), choices)}")
        for word, width in (("sigma_1", self.sigma_1), ("sigma_2", self.sigma_2)):
            if width is not None and not 0 < width < np.inf:
                raise InputError(f"OAMLM: {word}={width} is no positive number; give one, such as 0.25")
        if self.huber is not None and not 1 <= self.huber <= 2:
            raise InputError(f"OAMLM: huber={self.huber} lies outside 1 .. 2; give a number between, or None")
        if not 0 <= self.ridge < np.inf:
            raise InputError(f"OAMLM: ridge={self.ridge} is negative or no number; give 0 or more, such as 1.5e-8")

    def _check_fitted(self) -> None:
        if not hasattr(self, "cosine_weights_"):
            raise InputError("OAMLM: the model is not fitted; call fit or load first")

    def _chosen(self, descriptors: np.ndarray) -> np.ndarray:
        count = len(descriptors)
        if self.references is None:
            return np.arange(count)
        if isinstance(self.references, int | np.integer) and not isinstance(self.references, bool):
            if not 1 <= self.references <= count:
                raise InputError(f"OAMLM: {self.references} references of {count} points; give 1 to {count}")
            if self.selector is None:
                return np.sort(np.random.default_rng(self.seed).choice(count, self.references, replace=False))
            indices = np.asarray(self.selector(descriptors, int(self.references)))
        else:
            indices = np.asarray(self.references)
        if indices.ndim != 1 or not np.issubdtype(indices.dtype, np.integer) or not len(indices):
            raise InputError("OAMLM: references are neither a number nor a list of indices; give whole numbers")
        if indices.min() < 0 or indices.max() >= count or len(np.unique(indices)) < len(indices):
            raise InputError(f"OAMLM: indices of references repeat or lie outside 0 .. {count - 1}; give each once")
        return indices

    def _take(self, descriptors: np.ndarray, environments: Environments, directions: np.ndarray) -> None:
        self.descriptors_, self.directions_, self.class_ = descriptors, directions, environments.name
        self._distances = DistancesTo(descriptors)
        self.vectors_, self.counts_ = environments.vectors, environments.counts
        self.has_sulfur_, self.atoms_ = environments.has_sulfur, environments.atoms
        self._sigma_2 = self.sigma_2 or (0.25 if environments.scheme == "unit" else 0.5)
        self._aligner = Aligner(environments, directions, reflections=self.reflections)

    def _weights(self, distances: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Weights (K, K) and intercepts (K,), zero for least squares."""
        if self.huber is None:
            return least_squares(distances, targets, self.ridge), np.zeros(targets.shape[1])
        weights, intercepts, unconverged = huber_weights(distances, targets, self.huber, solver=self.huber_solver)
        self.unconverged_ += unconverged
        return weights, intercepts


def cosines_of_projections(turned: np.ndarray, projections: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Projections of vectors over the vectors' lengths, those of the weighted least-squares solutions, shape (N, K).

    Args:
        turned: Turned directions of the references, shape (N, K, 3).
        projections: Of the unknown vectors upon them, shape (N, K).
        weights: Shape (N, K).
    """
    along = np.einsum("nkc,nc->nk", turned, direction_from_cosines(turned, projections, weights, loss="minimiser"))
    square = (weights * along**2).sum(axis=1)
    lengths = (weights * projections * along).sum(axis=1) / np.where(square > 0, square, 1.0)
    return np.asarray(projections / np.where(lengths > 0, lengths, 1.0)[:, None])


def _blocks(count: int) -> Iterator[slice]:
    for start in range(0, count, _BLOCK):
        yield slice(start, start + _BLOCK)


def _checked(descriptors: np.ndarray, count: int, features: int | None = None) -> np.ndarray:
    descriptors = np.asarray(descriptors, dtype=float)
    shape = f"({count}, {'features' if features is None else features})"
    if descriptors.ndim != 2 or len(descriptors) != count or not count or features not in (None, descriptors.shape[1]):
        raise InputError(f"OAMLM: descriptors have shape {descriptors.shape}; give {shape}, not empty")
    if not np.isfinite(descriptors).all():
        row, column = np.argwhere(~np.isfinite(descriptors))[0]
        raise InputError(f"OAMLM: descriptor of atom {row}, feature {column} is not finite; correct the structure")
    return descriptors
