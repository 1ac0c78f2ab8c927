"""The simplest readings: the mean length, and ridge regression on the ELF along the bond line."""

from typing import Any

import numpy as np
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

PENALTIES = tuple(10.0**exponent for exponent in np.arange(-10, 3, 0.5))
INNER_FOLDS = 5


def bond_line(elf: np.ndarray) -> np.ndarray:
    """ELF along the bond, shape (images, pixels): the middle row, or the mean of the two rows beside the middle.

    Args:
        elf: Images, shape (images, pixels, pixels).
    """
    pixels = elf.shape[-2]
    return np.asarray(elf[:, (pixels - 1) // 2 : pixels // 2 + 1].mean(axis=1, dtype=float))


class MeanLength:
    """Always says the mean of the training lengths."""

    subject = "mean"

    def fit(self, elf: np.ndarray, lengths_angstrom: np.ndarray, groups: np.ndarray) -> "MeanLength":
        """Keep the mean."""
        self.mean_angstrom = float(np.mean(lengths_angstrom))
        return self

    def predict(self, elf: np.ndarray) -> np.ndarray:
        """The mean for each image, shape (images,), angstrom."""
        return np.full(len(elf), self.mean_angstrom)


class RidgeOnLine:
    """Ridge regression on the standardised ELF along the bond line; the penalty is chosen inside the training data."""

    subject = "ridge on the bond line"

    def fit(self, elf: np.ndarray, lengths_angstrom: np.ndarray, groups: np.ndarray) -> "RidgeOnLine":
        """Choose the penalty by cross-validation grouped by bond, then fit on all.

        Args:
            elf: Images, shape (images, pixels, pixels).
            lengths_angstrom: Shape (images,).
            groups: Bond of each image, shape (images,).
        """
        features = bond_line(elf)
        # Repeats (duplicated images) add nothing to a line; leaving them out keeps the penalty's choice honest.
        _, first = np.unique(np.column_stack([features, lengths_angstrom]), axis=0, return_index=True)
        features, lengths, groups = features[first], np.asarray(lengths_angstrom)[first], np.asarray(groups)[first]
        inner = GroupKFold(n_splits=min(INNER_FOLDS, max(len(np.unique(groups)), 2)))
        pipeline = make_pipeline(StandardScaler(), Ridge(solver="svd"))
        if len(np.unique(groups)) < 2:
            self.pipeline = pipeline.fit(features, lengths)
            return self
        search = GridSearchCV(
            pipeline, {"ridge__alpha": PENALTIES}, scoring="neg_mean_absolute_error", cv=inner.split(features, lengths, groups)
        )
        self.pipeline = search.fit(features, lengths).best_estimator_
        return self

    def predict(self, elf: np.ndarray) -> np.ndarray:
        """Lengths read off images, shape (images,), angstrom."""
        return np.asarray(self.pipeline.predict(bond_line(elf)))

    def parts(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Header and arrays of the fitted line, enough to apply it: length = intercept + (line - mean) / scale @ slope."""
        scaler, ridge = self.pipeline[0], self.pipeline[-1]
        header = {"kind": self.subject, "penalty": float(ridge.alpha), "intercept_angstrom": float(ridge.intercept_)}
        return header, {"mean": scaler.mean_, "scale": scaler.scale_, "slope_angstrom": ridge.coef_}


BASELINES = (MeanLength, RidgeOnLine)
