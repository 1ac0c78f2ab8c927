"""Linear weights from distances to many columns at once: least squares, and Huber regression that outliers move little."""

import numpy as np
from scipy.linalg import lstsq
from sklearn.linear_model import HuberRegressor

PENALTY = 1e-4
"""Scikit-learn's default, "small" as the thesis has it."""
SOLVERS = ("shared", "columns")
TOLERANCE = 1e-6
"""A column is done when a step changes the fitted values by less, in scales (a norm over all of them)."""
MOST_STEPS = 500
LEAST_SCALE = 1e-3
"""Of a column's spread. With a parameter of 1 the loss is lowest at scale zero, where it is that of absolute deviations."""


def least_squares(distances: np.ndarray, targets: np.ndarray, ridge: float = 0.0) -> np.ndarray:
    """Weights (K, C) with the least |D B - Y|^2 + N ridge / K |B|^2, by a pivoted QR, not by normal equations.

    Args:
        distances: D, shape (N, K).
        targets: Y, shape (N, C).
        ridge: Penalty (thesis 2.16; 2.18 lacks the N).
    """
    if ridge:
        count, size = distances.shape
        distances = np.vstack([distances, np.sqrt(count * ridge / size) * np.eye(size)])
        targets = np.vstack([targets, np.zeros((size, targets.shape[1]))])
    return np.asarray(lstsq(distances, targets, lapack_driver="gelsy")[0])


def huber_weights(
    features: np.ndarray, targets: np.ndarray, epsilon: float, *, solver: str = "shared"
) -> tuple[np.ndarray, np.ndarray, int]:
    """Huber regression of every column on the features (thesis 2.27, with `PENALTY`).

    Args:
        features: Shape (N, K).
        targets: Shape (N, C).
        epsilon: Residuals above this many scales count linearly, 1 to 2.
        solver: `shared`: all columns at once, to the same minimum; `columns`: scikit-learn's `HuberRegressor` for one after
            the other, which takes hours for thousands of columns.

    Returns:
        Weights (K, C), intercepts (C,), and the number of columns that did not converge.
    """
    return (_at_once if solver == "shared" else _one_by_one)(features, targets, epsilon)


def _at_once(features: np.ndarray, targets: np.ndarray, epsilon: float) -> tuple[np.ndarray, np.ndarray, int]:
    """Least squares of clipped residuals bound the loss from above (Huber, Robust Statistics, 1981, 7.8).

    One decomposition of the features serves all columns, steps and scales; momentum makes it faster.
    """
    centre = features.mean(axis=0)
    left, singular, right = np.linalg.svd(features - centre, full_matrices=False)
    level = targets.mean(axis=0)
    scale = np.maximum(targets.std(axis=0), 1e-12)
    least = LEAST_SCALE * scale
    turned = singular[:, None] * (left.T @ targets) / (singular[:, None] ** 2 + PENALTY * scale)
    active = np.arange(targets.shape[1])
    old_turned, old_level, ages = turned.copy(), level.copy(), np.zeros(targets.shape[1])
    for _ in range(MOST_STEPS):
        push = (ages[active] / (ages[active] + 3))[None]
        at = turned[:, active] + push * (turned[:, active] - old_turned[:, active])
        at_level = level[active] + push[0] * (level[active] - old_level[active])
        residuals = targets[:, active] - left @ (singular[:, None] * at) - at_level
        spread = scale[active]
        for _ in range(5):
            spread = np.sqrt(np.minimum(residuals**2, (epsilon * spread) ** 2).mean(axis=0))
            spread = np.maximum(spread, least[active])
        clipped = np.clip(residuals, -epsilon * spread, epsilon * spread)
        shrink = PENALTY * spread
        step = (singular[:, None] * (left.T @ clipped) - shrink * at) / (singular[:, None] ** 2 + shrink)
        new, new_level = at + step, at_level + clipped.mean(axis=0)
        moved = new - turned[:, active]
        # Momentum that points away from the step is dropped.
        uphill = (singular[:, None] ** 2 * step * moved).sum(axis=0) + len(features) * (new_level - at_level) * (
            new_level - level[active]
        ) < 0
        change = np.sqrt((singular[:, None] ** 2 * moved**2).sum(axis=0)) + np.abs(new_level - level[active])
        change += np.abs(spread - scale[active])
        old_turned[:, active], old_level[active] = turned[:, active], level[active]
        turned[:, active], level[active], scale[active] = new, new_level, spread
        ages[active] = np.where(uphill, 0, ages[active] + 1)
        active = active[change > TOLERANCE * spread]
        if not len(active):
            break
    weights = right.T @ turned
    return weights, level - centre @ weights, len(active)


def _one_by_one(features: np.ndarray, targets: np.ndarray, epsilon: float) -> tuple[np.ndarray, np.ndarray, int]:
    fitted = [
        HuberRegressor(epsilon=epsilon, alpha=PENALTY, max_iter=10_000, tol=1e-8).fit(features, column)
        for column in targets.T
    ]
    unconverged = sum(each.n_iter_ >= 10_000 for each in fitted)
    return np.array([each.coef_ for each in fitted]).T, np.array([each.intercept_ for each in fitted]), unconverged
