r"""The extreme minimal learning machine (EMLM): a linear model on distances to reference points.

    f(x) = mean + d(x)^T W,    d_k(x) = |x - q_k|

W minimises (Kaerkkaeinen, Neurocomputing 342, 33, 2019, doi:10.1016/j.neucom.2018.12.078; N points, K references, penalty b)

    J(W) = |D W - Y|^2 / (2 N) + b |W|^2 / (2 K)

so that (D^T D + (N b / K) I) W = D^T Y: ridge regression on distances, or kernel ridge regression with the kernel D D^T and
the penalty N b / K. It is solved without forming D^T D (`auric.potential.distance_solver`).
"""

from numbers import Real
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from auric.descriptors import FeatureScaler
from auric.errors import suggestion
from auric.potential.distance_solver import solve_all, solve_rows
from auric.potential.distances import MEMORY_MIB, DistancesTo, FeaturesError, row_slices
from auric.potential.references import select_references

PENALTY = float(np.sqrt(np.finfo(float).eps))
"""The thesis's: the square root of the rounding unit."""
SCALES = ("min-max", "none")
COMPRESSION = 1e-10
"""Change of a prediction that compression may make, in standard deviations of the training targets."""
MARGIN = 30.0
"""A new point may lie this many times further outside the references' space than they do, before all features are used."""
SAMPLE = 64


class DistanceModel(BaseEstimator):  # type: ignore[misc]
    """What EMLM and MLM share: checked and scaled features, reference points, weights on distances to them.

    Attributes:
        scaler_: Of the features; None without scaling.
        reference_indices_: Which training points are references, in order, shape (K,).
        to_references_: Distances to the references, in scaled features.
        weights_: Shape (K, outputs of the linear model).
        condition_: Estimated condition number of the least-squares problem [D; sqrt(N b / K) I] (2-norm, from below).
        n_features_in_: Number of raw features.
    """

    references: int | str | np.ndarray
    penalty: float
    scale: str
    start: str
    random_state: int
    memory_mib: float
    FITTED: ClassVar[tuple[str, ...]] = ("reference_indices_", "weights_", "condition_", "n_features_in_")
    """Plain attributes of a fitted model, besides scaler and references."""

    def _for_fit(self, features: np.ndarray, targets: np.ndarray, **kind: bool) -> Any:
        """Finite float64 features and numeric targets, by scikit-learn's rules and in its words.

        Raises:
            FeaturesError: Saying what is wrong.
        """
        _refuse_not_finite(features)
        try:
            return validate_data(self, features, targets, dtype=np.float64, y_numeric=True, **kind)
        except ValueError as error:
            raise FeaturesError(str(error)) from error

    def _check_settings(self) -> None:
        if not isinstance(self.penalty, Real) or not 0 <= self.penalty < np.inf:
            raise FeaturesError(f"penalty {self.penalty}; give a number, 0 or more")
        if self.scale not in SCALES:
            raise FeaturesError(f"unknown scale '{self.scale}'; {suggestion(self.scale, SCALES)}")
        if not self.memory_mib > 0:
            raise FeaturesError(f"memory_mib {self.memory_mib}; give a number above 0")

    def _take_references(self, features: np.ndarray) -> np.ndarray:
        """Scale, choose references; returns the scaled features."""
        self._check_settings()
        self.scaler_ = FeatureScaler() if self.scale == "min-max" else None
        scaled = features if self.scaler_ is None else self._scaled_first(self.scaler_, features)
        self.reference_indices_ = self._chosen(scaled)
        self.to_references_ = DistancesTo(scaled[self.reference_indices_])
        return scaled

    def _scaled_first(self, scaler: FeatureScaler, features: np.ndarray) -> np.ndarray:
        if len(features) < 2:
            raise FeaturesError("1 sample: its features have no range; give two different points or more")
        if (features == features[0]).all():
            raise FeaturesError("all points coincide: no feature varies; give different points")
        return np.asarray(scaler.fit(features).transform(features))

    def _chosen(self, scaled: np.ndarray) -> np.ndarray:
        if isinstance(self.references, bool) or (isinstance(self.references, str) and self.references != "all"):
            raise FeaturesError(f"references '{self.references}'; give 'all', a number, or indices of training points")
        if np.ndim(self.references):
            given = np.asarray(self.references)
            if given.ndim != 1 or given.dtype.kind not in "iu" or len(np.unique(given)) != given.size:
                raise FeaturesError("references: give indices of training points, each once")
            if given.min() < 0 or given.max() >= len(scaled):
                raise FeaturesError(f"references beyond the {len(scaled)} training points; count from 0")
            return given.astype(np.int64)
        everything = self.references == "all" or self.references == len(scaled)
        chosen: int | str = "all" if everything else self.references  # type: ignore[assignment]
        return select_references(scaled, chosen, self.start, self.random_state).astype(np.int64)

    def _solve(self, scaled: np.ndarray, right: Any) -> None:
        """Weights and condition; `right` gives the targets of rows (a slice) of the training data."""
        count, to_references = len(scaled), self.to_references_
        ridge = float(np.sqrt(count * self.penalty / len(to_references)))
        found = None
        if np.array_equal(self.reference_indices_, np.arange(count)):
            found = solve_all(to_references, right(slice(0, count)), ridge, self.memory_mib)
        if found is None:
            blocks = ((part, right(rows)) for rows, part in to_references.blocks(scaled, self.memory_mib))
            found = solve_rows(blocks, len(to_references), ridge)
        self.weights_, self.condition_ = found

    def _scaled(self, features: np.ndarray) -> np.ndarray:
        """Checked and scaled features of new points.

        Raises:
            FeaturesError: Values that are not finite, or another number of features.
        """
        check_is_fitted(self)
        _refuse_not_finite(features)
        try:
            checked = validate_data(self, features, dtype=np.float64, reset=False)
        except ValueError as error:
            raise FeaturesError(str(error)) from error
        return np.asarray(checked if self.scaler_ is None else self.scaler_.transform(checked))


def _refuse_not_finite(features: Any) -> None:
    """Nothing, if all features are finite or no table of numbers at all, which scikit-learn's checks tell in their words.

    Raises:
        FeaturesError: Naming the first that is not.
    """
    table = np.asarray(features)
    if table.ndim == 2 and table.dtype.kind == "f" and not np.isfinite(table).all():
        row, column = (int(each) for each in np.argwhere(~np.isfinite(table))[0])
        raise FeaturesError(f"feature {column + 1} of row {row + 1} is NaN or inf; leave the row out or correct it")


class Emlm(MultiOutputMixin, RegressorMixin, DistanceModel):  # type: ignore[misc]
    """Extreme minimal learning machine; follows scikit-learn's conventions.

    Args:
        references: How many training points are references, chosen by RS-maximin; "all"; or their indices.
        penalty: b of the objective, at least 0.
        scale: "min-max": features scaled to [0, 1] over the training data, constant ones left out; "none".
        start: First reference (see `select_references`).
        random_state: Seed of a random start.
        memory_mib: For blocks of distances, besides the matrix of the solution.

    Attributes:
        target_mean_: Mean of the training targets, taken off before fitting, shape (outputs,).
        target_spread_: Their standard deviation, shape (outputs,).
        slack_: Of a compressed model, what `compress` describes, shape (K,); else None.
        condition_, weights_, reference_indices_, to_references_, scaler_, n_features_in_: See `DistanceModel`.
    """

    FITTED = (*DistanceModel.FITTED, "target_mean_", "target_spread_", "slack_", "single_")

    def __init__(
        self, references: int | str | np.ndarray = "all", penalty: float = PENALTY, scale: str = "min-max",
        start: str = "mean", random_state: int = 0, memory_mib: float = MEMORY_MIB,
    ) -> None:  # fmt: skip
        self.references = references
        self.penalty = penalty
        self.scale = scale
        self.start = start
        self.random_state = random_state
        self.memory_mib = memory_mib

    def fit(self, X: np.ndarray, y: np.ndarray) -> "Emlm":  # noqa: N803 (scikit-learn's name)
        """Choose references and solve for the weights.

        With all N points as references, memory is 8 N^2 bytes; otherwise N is limited by the features alone.

        Args:
            X: Features, shape (N, features), float32 or float64.
            y: Targets, shape (N,) or (N, outputs), in any unit.

        Raises:
            FeaturesError: Values that are not finite, too few points, points that all coincide, or a wrong setting.
        """
        features, targets = self._for_fit(X, y, multi_output=True)
        targets = targets.astype(np.float64)
        scaled = self._take_references(features)
        self.single_ = targets.ndim == 1
        targets = targets.reshape(len(targets), -1)
        self.target_mean_, self.target_spread_ = targets.mean(axis=0), targets.std(axis=0)
        self.slack_: np.ndarray | None = None
        centred = targets - self.target_mean_
        self._solve(scaled, lambda rows: centred[rows])
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:  # noqa: N803
        """Targets of points, shape (n,) or (n, outputs), in batches that fit the memory.

        Raises:
            FeaturesError: Values that are not finite, or another number of features.
        """
        scaled = self._scaled(X)
        parts = [self._values(scaled[rows]) for rows in self._batches(scaled)]
        return self._shaped(np.concatenate(parts))

    def gradient(self, X: np.ndarray) -> np.ndarray:  # noqa: N803
        """Derivatives of the prediction with respect to the raw features.

        The distance to a reference has a kink where the point is that reference; of its subgradients, zero is taken there.

        Returns:
            Shape (n, features), or (n, outputs, features) if `y` had two dimensions.

        Raises:
            FeaturesError: As `predict`.
        """
        scaled = self._scaled(X)
        parts = [self._slopes(scaled[rows]) for rows in self._batches(scaled)]
        found = np.concatenate(parts)
        return np.asarray(found[:, 0] if self.single_ else found)

    def compress(self, tolerance: float = COMPRESSION) -> "Emlm":
        """Make predictions cheaper without changing them: products in the space that the references span.

        Features of structures are smooth and depend on each other: a few hundred orthonormal directions of a thousand carry
        the references, and |x - q|^2 = |P (x - q)|^2 + |x - Px|^2 + |q - Pq|^2 but for twice the product of what x and q have
        outside. So few directions are kept that this product changes a prediction by less than `tolerance` standard
        deviations of the training targets, also for points 30 times as far outside as the farthest reference. The bound,
        |x - Px| sum_k slack_k / d_k with slack_k = |q_k - P q_k| max_p |W_kp| / spread_p, is evaluated at every prediction; a
        point beyond it is predicted from all features.

        Args:
            tolerance: Above 0.

        Raises:
            FeaturesError: Not a positive number.
        """
        check_is_fitted(self)
        if not tolerance > 0:
            raise FeaturesError(f"tolerance {tolerance} of the compression; give a number above 0")
        to_references = self.to_references_
        centred = to_references.centred
        sample = to_references.from_moved(centred[:: max(1, len(centred) // SAMPLE)], exact=True)
        typical = float(np.median(sample[sample > 0])) if sample.any() else 1.0
        directions = np.linalg.eigh(centred.T @ centred)[1].T[::-1]
        along = centred @ directions.T
        load, outside = self._load(), np.zeros(len(centred))
        low, high = 1, len(directions)
        while low < high:  # what is left outside falls with the number of directions
            middle = (low + high) // 2
            outside = np.linalg.norm(along[:, middle:], axis=1)
            enough = MARGIN * outside.max() * float(load @ outside) / typical <= tolerance
            low, high = (low, middle) if enough else (middle + 1, high)
        outside = np.linalg.norm(along[:, low:], axis=1)
        to_references.project(directions[:low])
        self.slack_ = load * outside / tolerance
        return self

    def _load(self) -> np.ndarray:
        spread = np.where(self.target_spread_ > 0, self.target_spread_, 1.0)
        return np.asarray((np.abs(self.weights_) / spread).max(axis=1))

    def _batches(self, scaled: np.ndarray) -> Any:
        numbers = 2 * len(self.to_references_) + 2 * len(self.to_references_.centre)
        return row_slices(len(scaled), numbers, self.memory_mib)

    def _values(self, scaled: np.ndarray) -> np.ndarray:
        found = self._distances(scaled) @ self.weights_
        found += self.target_mean_
        return np.asarray(found)

    def _distances(self, scaled: np.ndarray) -> np.ndarray:
        found = self.to_references_(scaled)
        if self.slack_ is not None:
            residual, nearest = self.to_references_.residual(scaled), found.min(axis=1)
            doubtful = np.flatnonzero(residual * self.slack_.sum() > nearest)  # no 1 / d_k is above that of the nearest
            # A pair that coincides was computed from its differences, and is exact.
            some = found[doubtful]
            inverse = np.divide(1.0, some, out=np.zeros_like(some), where=some > 0)
            beyond = doubtful[residual[doubtful] * (inverse @ self.slack_) > 1.0]
            if len(beyond):
                found[beyond] = self.to_references_(scaled[beyond], exact=True)
        return found

    def _slopes(self, scaled: np.ndarray) -> np.ndarray:
        found = self._distances(scaled)
        inverse = np.divide(1.0, found, out=np.zeros_like(found), where=found > 0)
        moved = scaled - self.to_references_.centre
        slopes = np.empty((len(scaled), self.weights_.shape[1], scaled.shape[1]))
        for output in range(self.weights_.shape[1]):
            pulls = inverse * self.weights_[:, output]
            slopes[:, output] = moved * pulls.sum(axis=1)[:, None] - pulls @ self.to_references_.centred
        if self.scaler_ is None:
            return slopes
        raw = self.scaler_.pullback(slopes.reshape(-1, slopes.shape[-1]))
        return np.asarray(raw.reshape(len(scaled), slopes.shape[1], -1))

    def _shaped(self, found: np.ndarray) -> np.ndarray:
        return np.asarray(found[:, 0] if self.single_ else found)
