"""The simplest readings: the mean length, and ridge regression on the ELF along the bond line."""

from typing import Any

import numpy as np
from sklearn.linear_model import Ridge
from sklearn.model_selection import GroupKFold
from sklearn.preprocessing import StandardScaler

PENALTIES = 10.0 ** np.arange(-10, 3, 0.5)
INNER_FOLDS = 5


def bond_line(elf: np.ndarray) -> np.ndarray:
    """ELF along the bond, shape (images, pixels): the middle row, or the mean of the two rows beside the middle.

    Args:
        elf: Images, shape (images, pixels, pixels).
    """
    pixels = elf.shape[-2]
    return np.asarray(elf[:, (pixels - 1) // 2 : pixels // 2 + 1].mean(axis=1, dtype=float))


def choose_ridge(features: np.ndarray, targets: np.ndarray, groups: np.ndarray) -> tuple[StandardScaler, Ridge]:
    """Ridge regression on standardised features, its penalty chosen by cross-validation that keeps groups together.

    Args:
        features: Shape (n, features).
        targets: Shape (n,).
        groups: Group of each row, shape (n,); with fewer than two groups the penalty is 1.
    """
    penalty = 1.0
    count = len(np.unique(groups))
    if count >= 2:
        # All penalties are fitted at once, as so many targets, so that each fold needs one decomposition.
        errors = np.zeros(len(PENALTIES))
        for training, test in GroupKFold(n_splits=min(INNER_FOLDS, count)).split(features, targets, groups):
            repeated = np.repeat(targets[training, None], len(PENALTIES), axis=1)
            scaler = StandardScaler().fit(features[training])
            paths = Ridge(alpha=PENALTIES, solver="svd").fit(scaler.transform(features[training]), repeated)
            errors += np.abs(paths.predict(scaler.transform(features[test])) - targets[test, None]).sum(axis=0)
        penalty = float(PENALTIES[errors.argmin()])
    scaler = StandardScaler().fit(features)
    return scaler, Ridge(alpha=penalty, solver="svd").fit(scaler.transform(features), targets)


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
        features, lengths = bond_line(elf), np.asarray(lengths_angstrom)
        self.scaler, self.ridge = choose_ridge(features, lengths, groups)
        return self

    def predict(self, elf: np.ndarray) -> np.ndarray:
        """Lengths read off images, shape (images,), angstrom."""
        return np.asarray(self.ridge.predict(self.scaler.transform(bond_line(elf))))

    def parts(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Header and arrays of the fitted line, enough to apply it: length = intercept + (line - mean) / scale @ slope."""
        scaler, ridge = self.scaler, self.ridge
        header = {"kind": self.subject, "penalty": float(ridge.alpha), "intercept_angstrom": float(ridge.intercept_)}
        return header, {"mean": scaler.mean_, "scale": scaler.scale_, "slope_angstrom": ridge.coef_}
