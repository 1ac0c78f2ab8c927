"""EMLM along steps that change a few of the features: exact predictions at a part of the cost of a new one.

Where a step changes the scaled features of a point x by delta, all of its squared distances to references q change by

    |x + delta - q|^2 - |x - q|^2 = 2 delta.(x - q) + |delta|^2

so that only the changed features of the references are needed, and of these a few directions (`Emlm.compress` says why, and bounds what
is lost). A moved gold atom, say, changes four of the ten blocks of MBTR that hydrogen, carbon, sulfur and gold have.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from auric.potential.distances import CLOSE, FeaturesError
from auric.potential.emlm import COMPRESSION, MARGIN, SAMPLE, Emlm

_CACHED = 1 << 18
"""Pairs of points and references that are finished while they are in a core's cache."""


@dataclass(frozen=True)
class _Part:
    """What steps that change the same features need of the references.

    Attributes:
        features: Which of the scaled ones, shape (f,).
        basis: Orthonormal rows, shape (r, f).
        table: Minus twice the references along these, and a column of ones, shape (K, r + 1).
        slack: Of each reference: what the rest of a step may not be multiplied by, see `Emlm.compress`, shape (K,).
    """

    features: np.ndarray
    basis: np.ndarray
    table: np.ndarray
    slack: np.ndarray


class SteppingEmlm:
    """Predictions for points that step.

    Squared distances are kept, 8 bytes for each point and reference; their rounding adds up from step to step until `refresh`.

    Args:
        model: Fitted, of one output.
        features: Raw features of the points, shape (n, features).

    Attributes:
        values: Predictions, shape (n,).

    Raises:
        FeaturesError: A model of several outputs, or features that it cannot use.
    """

    def __init__(self, model: Emlm, features: np.ndarray) -> None:
        if model.weights_.shape[1] != 1:
            raise FeaturesError(f"a model of {model.weights_.shape[1]} outputs; steps are predicted for one")
        self._model, self._to = model, model.to_references_
        self._parts: dict[bytes, _Part] = {}
        self._step: tuple[_Part, np.ndarray, np.ndarray, np.ndarray] | None = None
        self.refresh(features)

    def refresh(self, features: np.ndarray) -> None:
        """Compute everything anew, as `Emlm.predict` does."""
        scaled = self._model._scaled(features)
        found = self._model._distances(scaled)
        self._at, self._squares = scaled - self._to.centre, found**2
        self._after = np.empty_like(self._squares)
        self.values: np.ndarray = found @ self._model.weights_[:, 0] + self._model.target_mean_[0]

    def trial(self, changes: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Predictions if the points stepped, shape (n,).

        Args:
            changes: Of the raw features, shape (n, features).
            columns: Which raw features steps of this kind can change, boolean, shape (features,); there are few kinds, since what
                is worked out for each is kept.
        """
        model = self._model
        scaled = changes if model.scaler_ is None else model.scaler_.transform_change(changes)
        part = self._part(columns)
        steps = scaled[:, part.features]
        along = steps @ part.basis.T
        rest = np.linalg.norm(steps - along @ part.basis, axis=1)
        own = 2 * np.einsum("nf,nf->n", steps, self._at[:, part.features]) + np.einsum("nf,nf->n", steps, steps)
        there = self._at.copy()
        there[:, part.features] += steps
        lengths = np.einsum("nf,nf->n", there, there)
        values, nearest = self._finish(
            lambda chunk: np.column_stack([along, own]) @ part.table[chunk].T, there, lengths
        )
        doubtful = np.flatnonzero(rest * part.slack.sum() > nearest)  # no 1 / d_k is above that of the nearest
        for point in doubtful:
            distances = np.sqrt(self._after[point])
            inverse = np.divide(1.0, distances, out=np.zeros_like(distances), where=distances > 0)
            if rest[point] * float(inverse @ part.slack) > 1.0:
                self._exact(int(point), there, values)
        self._step = part, steps, self._after, values
        return values

    def accept(self, which: np.ndarray) -> None:
        """Let these points step as the last trial had it, boolean, shape (n,).

        Raises:
            ValueError: Without a trial.
        """
        if self._step is None:
            raise ValueError("there is no trial to accept; call `trial` first")
        part, steps, after, values = self._step
        self._at[np.ix_(which, part.features)] += steps[which]
        self._squares[which], self.values[which] = after[which], values[which]
        self._step = None

    def _finish(
        self, change: Callable[[slice], np.ndarray], there: np.ndarray, lengths: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Squared distances after the step, in pieces that stay in the cache, the predictions and the nearest distances."""
        weights, count = self._model.weights_[:, 0], len(self._to)
        values = np.full(len(there), self._model.target_mean_[0])
        nearest = np.full(len(there), np.inf)
        limits = CLOSE * lengths
        for at in range(0, count, max(1, _CACHED // len(there))):
            chunk = slice(at, min(at + max(1, _CACHED // len(there)), count))
            squares = change(chunk)
            squares += self._squares[:, chunk]
            least = squares.min(axis=1)
            if (least <= limits).any():  # differences of large numbers; these few from differences of features
                rows, columns = np.nonzero(squares <= limits[:, None])
                apart = there[rows] - self._to.centred[at + columns]
                squares[rows, columns] = np.einsum("pf,pf->p", apart, apart)
                least = squares.min(axis=1)
            self._after[:, chunk] = squares
            np.minimum(nearest, least, out=nearest)
            values += np.sqrt(squares, out=squares) @ weights[chunk]
        return values, np.sqrt(nearest)

    def _exact(self, point: int, there: np.ndarray, values: np.ndarray) -> None:
        """A step that leaves the directions kept: from all features."""
        distances = self._to.from_moved(there[point : point + 1], exact=True)[0]
        self._after[point] = distances**2
        values[point] = distances @ self._model.weights_[:, 0] + self._model.target_mean_[0]

    def _part(self, columns: np.ndarray) -> _Part:
        key = columns.tobytes()
        if key not in self._parts:
            self._parts[key] = self._worked_out(columns)
        return self._parts[key]

    def _worked_out(self, columns: np.ndarray) -> _Part:
        """As many directions as `Emlm.compress` would keep of these features; of the references alone, whatever the steps so far."""
        model = self._model
        kept = columns if model.scaler_ is None else columns[model.scaler_.kept_]
        features = np.flatnonzero(kept)
        held = np.ascontiguousarray(self._to.centred[:, features])
        sample = self._to.from_moved(self._to.centred[:: max(1, len(held) // SAMPLE)], exact=True)
        typical = float(np.median(sample[sample > 0])) if sample.any() else 1.0
        directions = np.linalg.eigh(held.T @ held)[1].T[::-1]
        along, load = held @ directions.T, model._load()
        left = np.sqrt(np.cumsum((along**2)[:, ::-1], axis=1)[:, ::-1])
        left = np.hstack([left, np.zeros((len(left), 1))])  # what is outside of the first 0, 1, ... directions
        lost = MARGIN * left.max(axis=0) * (load @ left) / typical
        count = int(np.argmax(lost <= COMPRESSION))
        table = np.hstack([-2 * along[:, :count], np.ones((len(held), 1))])
        return _Part(features, np.ascontiguousarray(directions[:count]), table, load * left[:, count] / COMPRESSION)
