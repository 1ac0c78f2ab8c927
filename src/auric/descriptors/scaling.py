"""Min-max scaling of features to [0, 1], without those that are constant over the training data."""

from collections.abc import Iterable, Mapping

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin

from auric.errors import InputError


class FeatureScaler(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Scale each feature to [0, 1] over the training data; leave out those that are constant there.

    A feature counts as constant if its range is at most `tolerance` times the largest absolute value of any feature:
    features are sums of like terms, and what varies less is their rounding, or the far tail of a Gaussian, which scaling would
    blow up to full size: a hotter structure then reaches hundreds of times the training's range.
    New data may lie outside [0, 1]; nothing is clipped.

    Args:
        tolerance: Relative tolerance of a constant feature, at least 0.

    Attributes:
        minimum_: Least value of each feature, shape (features,).
        maximum_: Largest value, shape (features,).
        kept_: Indices of the features that vary, shape (kept,).
        n_features_in_: Number of raw features.
    """

    def __init__(self, tolerance: float = 1e-6) -> None:
        self.tolerance = tolerance

    def fit(self, features: np.ndarray, targets: object = None) -> "FeatureScaler":
        """Learn ranges from features, shape (n, features); `targets` are not looked at.

        Raises:
            InputError: As `fit_stream`.
        """
        return self.fit_stream([features])

    def fit_stream(self, blocks: Iterable[np.ndarray]) -> "FeatureScaler":
        """Learn ranges from blocks of rows, one at a time in memory; the same as from all rows at once.

        Args:
            blocks: Features, each of shape (n, features).

        Raises:
            InputError: No rows, a value that is not finite, blocks of different width, or no feature that varies.
        """
        least = most = None
        for block in blocks:
            rows = _checked(block, None if least is None else len(least))
            if not len(rows):
                continue
            low, high = rows.min(axis=0), rows.max(axis=0)
            least = low if least is None else np.minimum(least, low)
            most = high if most is None else np.maximum(most, high)
        if least is None or most is None:
            raise InputError("no rows to learn the range of features from; give one at least")
        return self._settle(least, most)

    def transform(self, features: np.ndarray) -> np.ndarray:
        """Scaled features, shape (n, kept).

        Raises:
            InputError: Before fitting, with a value that is not finite, or another number of features.
        """
        self._check_fitted()
        return np.asarray((_checked(features, self.n_features_in_)[:, self.kept_] - self._low) * self._factor)

    def transform_change(self, changes: np.ndarray) -> np.ndarray:
        """Changes of the scaled features from changes of raw ones, shape (n, kept).

        Raises:
            InputError: As `transform`.
        """
        self._check_fitted()
        return np.asarray(_checked(changes, self.n_features_in_)[:, self.kept_] * self._factor)

    def pullback(self, weights: np.ndarray) -> np.ndarray:
        """Gradients with respect to raw features, shape (n, features), from those with respect to scaled ones.

        Args:
            weights: Gradients with respect to the scaled features, shape (n, kept).

        Raises:
            InputError: As `transform`, with another number of kept features.
        """
        self._check_fitted()
        found = np.zeros((len(weights), self.n_features_in_))
        found[:, self.kept_] = _checked(weights, len(self.kept_)) * self._factor
        return found

    def parts(self) -> dict[str, np.ndarray]:
        """Plain arrays that `from_parts` makes the same scaler from.

        Raises:
            InputError: Before fitting.
        """
        self._check_fitted()
        return {"minimum": self.minimum_, "maximum": self.maximum_, "tolerance": np.array(self.tolerance)}

    @classmethod
    def from_parts(cls, parts: Mapping[str, np.ndarray]) -> "FeatureScaler":
        """The scaler that gave these arrays.

        Raises:
            InputError: Arrays missing or of the wrong shape, or a minimum above its maximum.
        """
        if missing := {"minimum", "maximum", "tolerance"} - set(parts):
            raise InputError(f"a scaler without its array '{min(missing)}'; give what `parts` returned")
        least, most = (np.asarray(parts[name], dtype=float) for name in ("minimum", "maximum"))
        if least.ndim != 1 or least.shape != most.shape or np.size(parts["tolerance"]) != 1:
            raise InputError(f"a scaler of minima {least.shape} and maxima {most.shape}; give what `parts` returned")
        if not (np.isfinite(least) & np.isfinite(most) & (least <= most)).all():
            raise InputError("a scaler with a minimum above its maximum, or not finite; give what `parts` returned")
        return cls(float(np.asarray(parts["tolerance"]).item()))._settle(least, most)

    def _settle(self, least: np.ndarray, most: np.ndarray) -> "FeatureScaler":
        """Take these ranges."""
        if not self.tolerance >= 0:
            raise InputError(f"tolerance {self.tolerance} of the scaler; give 0 or more")
        width = most - least
        varying = width > self.tolerance * np.maximum(np.abs(least), np.abs(most)).max()
        if not varying.any():
            raise InputError("no feature varies over the training data; give different structures")
        self.minimum_, self.maximum_, self.n_features_in_ = least, most, len(least)
        self.kept_ = np.flatnonzero(varying)
        self._low, self._factor = least[self.kept_], 1 / width[self.kept_]
        return self

    def _check_fitted(self) -> None:
        if not hasattr(self, "kept_"):
            raise InputError("the scaler knows no ranges yet; call fit first")


def _checked(features: np.ndarray, count: int | None) -> np.ndarray:
    """Finite features in rows, `count` of them where it is given.

    Raises:
        InputError: Saying what is wrong.
    """
    rows = np.asarray(features, dtype=float)
    if rows.ndim != 2 or not rows.shape[1]:
        raise InputError(f"features of shape {rows.shape}; give rows, shape (n, features)")
    if count is not None and rows.shape[1] != count:
        raise InputError(
            f"{rows.shape[1]} features where {count} are known; describe with the settings of the training"
        )
    if not np.isfinite(rows).all():
        row, column = (int(each) for each in np.argwhere(~np.isfinite(rows))[0])
        raise InputError(f"feature {column + 1} of row {row + 1} is not finite; leave the row out or correct it")
    return rows
