"""Ridge regression on blocks of features, with one penalty and one weight for each block, chosen inside the training data."""

from typing import NamedTuple

import numpy as np
from sklearn.model_selection import GroupKFold

PENALTIES = 10.0 ** np.arange(-12, 1.5, 0.5)
"""Of features whose variance, summed over a block, is one."""
BLOCK_WEIGHTS = (0.0, 0.03, 0.1, 0.3, 1.0, 3.0)
"""Weights tried for every block but the first; zero leaves a block out."""
INNER_FOLDS = 5


class BlockRidge:
    """Ridge regression on several blocks of features, standardised and each scaled to the same total variance.

    The penalty and the weights of the blocks are those with the least cross-validated absolute error on the training data,
    groups kept together; the weights are tried one block after the other. With fewer than two groups nothing can be
    chosen: all weights are 1 and the penalty is 1e-4.

    With an uncertainty nothing is chosen: the raw features of all blocks count as uncertain by so much, independently, and
    the expected squared error is least, which is ridge regression whose penalty is the uncertainty's square (Bishop, Neural
    Computation 7, 108 (1995), doi:10.1162/neco.1995.7.1.108).

    Args:
        uncertainty: Standard deviation of each raw feature, in its unit; None chooses penalty and weights by error alone.

    Attributes:
        penalty: The chosen penalty, of standardised features; with an uncertainty its square.
        weights: The chosen weight of each block.
        slopes: Per block, shape (features,), in units of target per unit of the raw feature.
        intercept: Target where all raw features are zero.
    """

    def __init__(self, uncertainty: float | None = None) -> None:
        self.uncertainty = uncertainty

    def fit(self, blocks: list[np.ndarray], targets: np.ndarray, groups: np.ndarray) -> "BlockRidge":
        """Choose and fit.

        Args:
            blocks: Features, each of shape (n, features of the block).
            targets: Shape (n,).
            groups: Group of each row, shape (n,).
        """
        means, scales = zip(*(_scale(block) for block in blocks), strict=True)
        if self.uncertainty is not None:
            scales = tuple(np.ones(block.shape[1]) for block in blocks)
        scaled = [(block - mean) / scale for block, mean, scale in zip(blocks, means, scales, strict=True)]
        self.weights, self.penalty = [1.0] * len(blocks), 1e-4
        if self.uncertainty is not None:
            self.penalty = self.uncertainty**2
        elif len(np.unique(groups)) >= 2:
            self._choose(scaled, targets, groups)
        joined = np.hstack([weight * block for weight, block in zip(self.weights, scaled, strict=True)])
        solution = _solutions(joined, targets - targets.mean(), np.array([self.penalty]), len(joined))[:, 0]
        parts = np.split(solution, np.cumsum([block.shape[1] for block in blocks])[:-1])
        self.slopes = [weight * part / s for weight, part, s in zip(self.weights, parts, scales, strict=True)]
        centre = sum(float(slope @ mean) for slope, mean in zip(self.slopes, means, strict=True))
        self.intercept = float(targets.mean()) - centre
        return self

    def predict(self, blocks: list[np.ndarray]) -> np.ndarray:
        """Targets of new rows, shape (n,)."""
        parts = [block @ slope for block, slope in zip(blocks, self.slopes, strict=True)]
        return np.asarray(self.intercept + np.sum(parts, axis=0))

    def without_block(self, features: int) -> "BlockRidge":
        """The same with one more block that has no part in it."""
        self.weights, self.slopes = [*self.weights, 0.0], [*self.slopes, np.zeros(features)]
        return self

    def _choose(self, scaled: list[np.ndarray], targets: np.ndarray, groups: np.ndarray) -> None:
        best, tried = (np.inf, 0), set()
        widths = [block.shape[1] for block in scaled]
        folds = _inner_folds(np.hstack(scaled), targets, groups)
        for block in range(len(scaled)):
            for weight in BLOCK_WEIGHTS if block else (1.0,):
                weights = [*self.weights[:block], weight, *self.weights[block + 1 :]]
                if tuple(weights) in tried:
                    continue
                tried.add(tuple(weights))
                errors = np.sum([fold.errors(np.repeat(weights, widths)) for fold in folds], axis=0)
                found = float(errors.min() / len(targets)), int(errors.argmin())
                if found < best:
                    best, chosen = found, weights
            self.weights = chosen
        self.penalty = float(PENALTIES[best[1]])


class _InnerFold(NamedTuple):
    """A fold of the choice. Of its training rows only a triangle is kept, which gives the same solutions for any weights."""

    triangle: np.ndarray
    rotated_targets: np.ndarray
    rows: int
    test: np.ndarray
    test_targets: np.ndarray

    def errors(self, weights: np.ndarray) -> np.ndarray:
        """Absolute errors summed over the test rows, shape (penalties,), with these weights of the features."""
        used = weights > 0
        weights = weights[used]
        solutions = _solutions(self.triangle[:, used] * weights, self.rotated_targets, PENALTIES, self.rows)
        read = self.test[:, used] @ (weights[:, None] * solutions)
        return np.asarray(np.abs(read - self.test_targets[:, None]).sum(axis=0))


def _inner_folds(features: np.ndarray, targets: np.ndarray, groups: np.ndarray) -> list[_InnerFold]:
    """The folds that penalty and weights are chosen in, groups kept together; means are of the training rows."""
    found = []
    for training, test in GroupKFold(n_splits=min(INNER_FOLDS, len(np.unique(groups)))).split(features, groups=groups):
        mean, level = features[training].mean(axis=0), targets[training].mean()
        rows = np.column_stack([features[training] - mean, targets[training] - level])
        triangle = np.asarray(np.linalg.qr(rows, mode="r"))  # a rotation of the rows, targets among them
        found.append(
            _InnerFold(triangle[:, :-1], triangle[:, -1], len(rows), features[test] - mean, targets[test] - level)
        )
    return found


def _scale(block: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and divisor of each feature; a constant feature is left as it is."""
    spread = block.std(axis=0)
    return block.mean(axis=0), np.where(spread > 1e-12, spread, 1.0) * np.sqrt(block.shape[1])


def _solutions(features: np.ndarray, targets: np.ndarray, penalties: np.ndarray, count: int) -> np.ndarray:
    """Solutions for all penalties from one decomposition, shape (features, penalties); the penalty is per row, of `count`."""
    left, singular, right = np.linalg.svd(features, full_matrices=False)
    shrunk = singular[:, None] / (singular[:, None] ** 2 + count * penalties)
    return np.asarray(right.T @ (shrunk * (left.T @ targets)[:, None]))
