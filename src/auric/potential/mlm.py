r"""The minimal learning machine (MLM) for one target: distances in, distances out, then the place they point to.

A linear model predicts the distances of a point's target to the targets t_k of the K references from its distances to
the references, delta = d(x)^T B (de Souza et al., Neurocomputing 164, 34, 2015, doi:10.1016/j.neucom.2014.11.073); the
prediction is the y with the least

    J(y) = sum_k ((y - t_k)^2 - delta_k^2)^2

whose slope is 4 times (Mesquita et al., Neural Process. Lett. 46, 751, 2017, doi:10.1007/s11063-017-9587-5)

    K y^3 - 3 sum t_k y^2 + sum (3 t_k^2 - delta_k^2) y + sum (delta_k^2 t_k - t_k^3)

With targets less the mean of the t_k, the square vanishes, the cubes do not swamp the rest, and a root is a closed form. So
only the sums of delta^2 and of delta^2 t_k are needed of a point.
"""

import numpy as np
from sklearn.base import RegressorMixin

from auric.potential.distances import MEMORY_MIB, row_slices
from auric.potential.emlm import PENALTY, DistanceModel


class Mlm(RegressorMixin, DistanceModel):  # type: ignore[misc]
    """Minimal learning machine for a scalar target; follows scikit-learn's conventions.

    B is a matrix of K x K: with all of N points as references, memory is about 8 matrices of N x N, and time some N^3 x 60.

    Args:
        references: How many training points are references, chosen by RS-maximin; "all"; or their indices.
        penalty: Of the least squares for B, as in `Emlm`; the paper has 0, for which no two references may coincide.
        scale: "min-max": features scaled to [0, 1] over the training data, constant ones left out; "none".
        start: First reference (see `select_references`).
        random_state: Seed of a random start.
        memory_mib: For blocks of distances, besides the matrices of the solution.

    Attributes:
        target_centre_: Mean target of the references.
        target_references_: t_k less this mean, shape (K,).
        condition_, weights_, reference_indices_, to_references_, scaler_, n_features_in_: See `DistanceModel`; `weights_` is B.
    """

    FITTED = (*DistanceModel.FITTED, "target_centre_", "target_references_")

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

    def fit(self, X: np.ndarray, y: np.ndarray) -> "Mlm":  # noqa: N803 (scikit-learn's name)
        """Choose references and solve for B.

        Args:
            X: Features, shape (N, features), float32 or float64.
            y: Targets, shape (N,), in any unit.

        Raises:
            FeaturesError: Values that are not finite, too few points, points that all coincide, or a wrong setting.
        """
        features, targets = self._for_fit(X, y)
        targets = targets.astype(np.float64)
        scaled = self._take_references(features)
        own = targets[self.reference_indices_]
        self.target_centre_ = float(own.mean())
        self.target_references_ = own - own.mean()
        self._solve(scaled, lambda rows: np.abs(targets[rows, None] - own))
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:  # noqa: N803
        """Targets of points, shape (n,), in batches that fit the memory.

        Raises:
            FeaturesError: Values that are not finite, or another number of features.
        """
        scaled = self._scaled(X)
        numbers = 3 * len(self.to_references_) + 2 * scaled.shape[1]
        parts = []
        for rows in row_slices(len(scaled), numbers, self.memory_mib):
            squares = (self.to_references_(scaled[rows]) @ self.weights_) ** 2
            parts.append(multilaterate(squares, self.target_references_))
        return np.asarray(np.concatenate(parts) + self.target_centre_)


def multilaterate(squares: np.ndarray, references: np.ndarray) -> np.ndarray:
    """The y with the least sum_k ((y - t_k)^2 - delta_k^2)^2, for each row; of two equally good ones, the larger.

    Args:
        squares: delta_k^2, shape (n, K).
        references: t_k, shape (K,).

    Returns:
        Shape (n,), in the unit of the references.
    """
    centre = references.mean()
    t = references - centre
    count = len(t)
    # y^3 + p y + q = 0 about the mean, after division by K.
    p = 3 * (t @ t) / count - squares.sum(axis=1) / count
    q = (squares @ t - (t**3).sum()) / count
    roots = _real_roots(p, q)
    # J / K less its constant: y^4 + 2 p y^2 + 4 q y.
    value = roots**4 + 2 * p[:, None] * roots**2 + 4 * q[:, None] * roots
    best = np.argmin(value, axis=1)
    return np.asarray(roots[np.arange(len(roots)), best] + centre)


def _real_roots(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Real roots of y^3 + p y + q, largest first, shape (n, 3); a single root is given three times.

    Closed forms without cancellation (trigonometric for three roots, hyperbolic for one), each polished by Newton steps.
    """
    scale = np.sqrt(np.abs(p) / 3)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(scale > 0, -q / (2 * scale**3), 0.0)
    three = (p < 0) & (np.abs(ratio) <= 1)
    angle = np.arccos(np.clip(ratio, -1, 1)) / 3
    turns = np.array([0.0, 4 * np.pi / 3, 2 * np.pi / 3])
    several = 2 * scale[:, None] * np.cos(angle[:, None] - turns)
    with np.errstate(over="ignore", invalid="ignore"):
        falling = np.sign(ratio) * 2 * scale * np.cosh(np.arccosh(np.maximum(np.abs(ratio), 1)) / 3)
        rising = 2 * scale * np.sinh(np.arcsinh(ratio) / 3)
    single = np.where(p < 0, falling, rising)
    flat = ~(scale > 0) | ~np.isfinite(ratio)
    single = np.where(flat, np.cbrt(-q), single)
    roots = np.where(three[:, None] & ~flat[:, None], several, single[:, None])
    for _ in range(2):
        slope = 3 * roots**2 + p[:, None]
        step = np.divide(roots**3 + p[:, None] * roots + q[:, None], slope, out=np.zeros_like(roots), where=slope != 0)
        # A double root has no slope: a step that is not small is none of Newton's.
        roots = np.where(np.abs(step) < 1e-3 * (np.abs(roots) + scale[:, None]), roots - step, roots)
    return np.asarray(-np.sort(-roots, axis=1))
