"""A direction from its cosines with known directions, and how far it is off.

Three losses find v, with weights w = exp(-(g / sigma_2)^2) of the alignment errors g:

`average`    sum of w d R t over sum of w (thesis 2.32). It is printed as the minimiser of 2.30, but is that only where the
             turned directions are spread evenly; with exact cosines it can be tens of degrees off.
`minimiser`  the minimiser of the sum of w (v . R t - d)^2 (thesis 2.30), which solves (sum of w R t (R t)^T) v = sum of w d R t
             and is right when the cosines are.
`numeric`    the minimiser on the unit sphere of minus the sum of w exp(-((d - v . R t) / sigma_1)^2) (2.29).

The last two leave out a component that no turned direction has, such as where one or two references are left.
"""

import numpy as np

from auric.errors import InputError, suggestion

LOSSES = ("average", "minimiser", "numeric")


def weighted_angle(predicted: np.ndarray, forces: np.ndarray) -> float:
    """Mean angle (degrees) between predicted directions and forces, weighted with the squared norms of the forces.

    Args:
        predicted: Directions of any length above zero, shape (N, 3).
        forces: Forces, shape (N, 3), in any unit.

    Raises:
        InputError: If shapes differ, a number is not finite, or all forces vanish.
    """
    predicted, forces = np.asarray(predicted, dtype=float), np.asarray(forces, dtype=float)
    if predicted.shape != forces.shape or predicted.ndim != 2 or predicted.shape[1] != 3:
        raise InputError(f"weighted angle: shapes {predicted.shape} and {forces.shape}; give both as (N, 3)")
    if not (np.isfinite(predicted).all() and np.isfinite(forces).all()):
        raise InputError("weighted angle: a direction or force is not finite; leave it out")
    angles, weights = angles_and_weights(predicted, forces)
    if not weights.sum() > 0:
        raise InputError("weighted angle: all forces vanish; give some that do not")
    return float(angles @ weights / weights.sum())


def angles_and_weights(predicted: np.ndarray, forces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of each atom the angle (degrees) between predicted direction and force, and the squared norm of the force; shape (N,)."""
    crossed = np.linalg.norm(np.cross(predicted, forces), axis=1)
    return np.degrees(np.arctan2(crossed, (predicted * forces).sum(axis=1))), (forces**2).sum(axis=1)


def direction_from_cosines(
    turned: np.ndarray,
    cosines: np.ndarray,
    weights: np.ndarray,
    *,
    loss: str,
    sigma_1: float = 0.25,
    start: np.ndarray | None = None,
) -> np.ndarray:
    """Unit vectors that agree best with cosines (the module's head has the losses).

    Args:
        turned: Turned directions of the references, shape (N, K, 3).
        cosines: Their predicted cosines with the unknown directions, shape (N, K).
        weights: Shape (N, K), some of each row above zero.
        loss: `average`, `minimiser` or `numeric`.
        sigma_1: Width of `numeric`.
        start: One more start for `numeric`, shape (N, 3), such as the nearest neighbour.

    Returns:
        Shape (N, 3); zero where predictions cancel exactly.
    """
    if loss not in LOSSES:
        raise InputError(f"loss '{loss}' is unknown; {suggestion(str(loss), LOSSES)}")
    pull = np.matmul((weights * cosines)[:, None], turned)[:, 0]
    average = _unit(pull)
    if loss == "average":
        return average
    spread = (turned.transpose(0, 2, 1) * weights[:, None]) @ turned
    values, axes = np.linalg.eigh(spread)
    # Directions that no reference has leave their component open: it is zero then.
    inverse = np.where(values > 1e-12 * values[:, 2:], 1 / np.maximum(values, 1e-300), 0)
    minimiser = _unit(np.einsum("nai,ni,nbi,nb->na", axes, inverse, axes, pull))
    if loss == "minimiser":
        return minimiser
    starts = [average, minimiser, *(sign * axes[:, :, i] for i in range(3) for sign in (1, -1))]
    if start is not None:
        starts.append(_unit(start))
    return _numeric(turned, cosines, weights, sigma_1, np.stack(starts, axis=1))


def _numeric(
    turned: np.ndarray, cosines: np.ndarray, weights: np.ndarray, sigma_1: float, found: np.ndarray
) -> np.ndarray:
    """Least of 2.29 reached from the starts (N, starts, 3).

    A sum of -exp(-r^2) lies below a sum of squares that touches it, so that weighted least squares on the sphere descend.
    """
    outer = (turned[..., None] * turned[..., None, :]).reshape(*turned.shape[:2], 9)
    for _ in range(200):
        depths = weights[:, None] * np.exp(-(((cosines[:, None] - found @ turned.transpose(0, 2, 1)) / sigma_1) ** 2))
        depths /= np.maximum(depths.sum(axis=-1, keepdims=True), 1e-300)
        before = found
        found = _least_on_sphere((depths @ outer).reshape(*found.shape, 3), (depths * cosines[:, None]) @ turned, found)
        if np.abs(found - before).max() < 1e-10:
            break
    depths = weights[:, None] * np.exp(-(((cosines[:, None] - found @ turned.transpose(0, 2, 1)) / sigma_1) ** 2))
    return np.asarray(found[np.arange(len(found)), depths.sum(axis=-1).argmax(axis=1)])


def _least_on_sphere(matrix: np.ndarray, pull: np.ndarray, otherwise: np.ndarray) -> np.ndarray:
    """Unit v with the least v^T M v - 2 b^T v: (M + m) v = b, with m at or above minus the least eigenvalue of M."""
    values, axes = np.linalg.eigh(matrix)
    parts = np.einsum("...ai,...a->...i", axes, pull)
    # What no reference has a part in is left open; rounding must not settle it, which differs between batches.
    parts = np.where(np.abs(parts) > 1e-12 * np.abs(parts).max(axis=-1, keepdims=True), parts, 0.0)
    shift = (np.abs(parts) - values).max(axis=-1, keepdims=True)  # not above the solution
    for _ in range(30):
        scaled = parts / np.maximum(values + shift, 1e-300)
        length = np.sqrt((scaled**2).sum(axis=-1, keepdims=True))
        slope = (scaled**2 / np.maximum(values + shift, 1e-300)).sum(axis=-1, keepdims=True)
        step = (length - 1) * length**2 / np.maximum(slope, 1e-300)
        shift = shift + np.maximum(step, 0)
        if step.max() < 1e-15:
            break
    scaled = parts / np.maximum(values + shift, 1e-300)
    found = np.einsum("...ai,...i->...a", axes, scaled)
    return np.where((found**2).sum(axis=-1, keepdims=True) > 1e-20, _unit(found), otherwise)


def _unit(vectors: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1.0))
