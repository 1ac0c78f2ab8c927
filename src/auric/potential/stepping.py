"""EMLM along steps that change a few of the features: exact predictions at a part of the cost of a new one.

Where a step changes the scaled features of a point x by delta, all of its squared distances to references q change by

    |x + delta - q|^2 - |x - q|^2 = 2 delta.(x - q) + |delta|^2

so that only the changed features of the references are needed, and of these a few directions (`Emlm.compress` says why, and bounds what
is lost). A moved gold atom, say, changes four of the ten blocks of MBTR that hydrogen, carbon, sulfur and gold have.
Most directions carry little: half of them and more are kept and multiplied in single precision.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit

from auric.potential.distances import CLOSE, FeaturesError
from auric.potential.emlm import COMPRESSION, MARGIN, SAMPLE, Emlm

ROUNDING = 1e-11
"""Error of a prediction that single precision may add at a step, root mean square, in standard deviations of the training targets."""
REACH = 0.1
"""How far steps are taken to reach along each direction when its precision is chosen, as a share of the farthest reference."""
_CACHED = 1 << 16
"""Pairs of points and references that are finished while they are in a core's cache."""
SUMS = {"reassoc", "contract", "nsz"}
"""What the compiler may do with sums: take their terms in any order, several at once."""
_SINGLE = float(np.finfo(np.float32).eps)


@dataclass(frozen=True)
class _Part:
    """What steps that change the same features need of the references.

    Attributes:
        features: Which of the scaled ones, shape (f,).
        basis: Orthonormal rows, shape (r, f).
        fine: Minus twice the references along the first of these, shape (K, p).
        coarse: The same along the others, in single precision, shape (K, r - p).
        slack: Of each reference: what the rest of a step may not be multiplied by, see `Emlm.compress`, shape (K,).
        rounding: Estimated error that single precision adds for a step of length one along these others, over the error allowed, shape (r - p,).
    """

    features: np.ndarray
    basis: np.ndarray
    fine: np.ndarray
    coarse: np.ndarray
    slack: np.ndarray
    rounding: np.ndarray


class SteppingEmlm:
    """Predictions for points that step.

    Squared distances are kept, 8 bytes for each point and reference; what steps were allowed to err by (`ROUNDING`) adds up until `refresh`.

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
        self._step = None
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
        values, nearest = self._finished(part, along, own, there)
        beyond = np.linalg.norm(along[:, part.fine.shape[1] :] * part.rounding, axis=1) > 1.0
        doubtful = rest * part.slack.sum() > nearest  # no 1 / d_k is above that of the nearest
        for point in np.flatnonzero(doubtful & ~beyond):
            distances = np.sqrt(self._after[point])
            inverse = np.divide(1.0, distances, out=np.zeros_like(distances), where=distances > 0)
            beyond[point] = rest[point] * float(inverse @ part.slack) > 1.0
        if beyond.any():  # steps that leave the directions kept, or the precision
            distances = self._to.from_moved(there[beyond], exact=True)
            self._after[beyond] = distances**2
            values[beyond] = distances @ self._model.weights_[:, 0] + self._model.target_mean_[0]
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
        if which.all():
            self._squares, self._after = after, self._squares
        else:
            self._squares[which] = after[which]
        self.values[which] = values[which]
        self._step = None

    def _finished(
        self, part: _Part, along: np.ndarray, own: np.ndarray, there: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Predictions after the step, and the nearest distances; leaves squared distances in `_after`."""
        weights, count = self._model.weights_[:, 0], len(self._to)
        fine, coarse = np.split(along, [part.fine.shape[1]], axis=1)
        sums, nearest = np.zeros(len(there)), np.full(len(there), np.inf)
        if len(there) == 1:
            # A product with one column takes as long as its table is read, once: what is left is done on the way.
            _one_point(
                part.fine, part.coarse, fine[0], coarse[0], own[0], self._squares, weights, self._after, sums, nearest
            )
        else:
            single = coarse.astype(np.float32)
            step = max(1, _CACHED // len(there))
            for at in range(0, count, step):
                chunk = slice(at, at + step)
                products = fine @ part.fine[chunk].T, single @ part.coarse[chunk].T
                _points(*products, own, at, self._squares, weights, self._after, sums, nearest)
        limits = CLOSE * np.einsum("nf,nf->n", there, there)
        for point in np.flatnonzero(nearest <= limits):
            # Differences of large numbers; these few from differences of features.
            squares = self._after[point]
            close = np.flatnonzero(squares <= limits[point])
            apart = there[point] - self._to.centred[close]
            squares[close] = np.einsum("pf,pf->p", apart, apart)
            sums[point], nearest[point] = np.sqrt(squares) @ weights, squares.min()
        return sums + self._model.target_mean_[0], np.sqrt(nearest)

    def _part(self, columns: np.ndarray) -> _Part:
        key = columns.tobytes() + bytes([len(self._at) > 1])
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
        spread = self._model.target_spread_[0] or 1.0
        # Of the table, numbers are rounded independently of each other; several points have steps and products rounded besides.
        rounding = (
            (_SINGLE if len(self._at) > 1 else _SINGLE / 5)
            * np.linalg.norm(model.weights_ * along[:, :count], axis=0)
            / (typical * spread * ROUNDING)
        )
        tail = np.cumsum((rounding * REACH * np.abs(along[:, :count]).max(axis=0))[::-1] ** 2)[::-1]
        precise = int(np.count_nonzero(tail > 1.0))
        return _Part(
            features,
            np.ascontiguousarray(directions[:count]),
            np.ascontiguousarray(-2 * along[:, :precise]),
            (-2 * along[:, precise:count]).astype(np.float32, order="C"),
            load * left[:, count] / COMPRESSION,
            rounding[precise:],
        )


@njit(fastmath=SUMS)  # type: ignore[untyped-decorator]
def _one_point(
    fine: np.ndarray, coarse: np.ndarray, along: np.ndarray, others: np.ndarray, own: float, squares: np.ndarray, weights: np.ndarray,
    after: np.ndarray, sums: np.ndarray, nearest: np.ndarray,
) -> None:  # fmt: skip
    """Squared distances of a point to all references after a step, into `after`; adds to the weighted sum of distances, finds the nearest."""
    total, least = 0.0, np.inf
    for k in range(squares.shape[1]):
        square = squares[0, k] + own
        for j in range(len(along)):
            square += fine[k, j] * along[j]
        for j in range(len(others)):
            square += coarse[k, j] * others[j]
        after[0, k] = square
        least = min(least, square)
        total += np.sqrt(square) * weights[k]
    sums[0], nearest[0] = total, least


@njit(fastmath=SUMS)  # type: ignore[untyped-decorator]
def _points(
    changes: np.ndarray, others: np.ndarray, own: np.ndarray, at: int, squares: np.ndarray, weights: np.ndarray, after: np.ndarray,
    sums: np.ndarray, nearest: np.ndarray,
) -> None:  # fmt: skip
    """The same of several points to the references from `at` on, from both products with these."""
    for i in range(len(own)):
        total, least = 0.0, nearest[i]
        for k in range(changes.shape[1]):
            square = squares[i, at + k] + changes[i, k] + others[i, k] + own[i]
            after[i, at + k] = square
            least = min(least, square)
            total += np.sqrt(square) * weights[at + k]
        sums[i] += total
        nearest[i] = least
