"""A direction from its cosines with known directions, and how far it is off.

Three losses find v, with weights w = exp(-(g / sigma_2)^2) of the alignment errors g:

`average`    sum of w d R t over sum of w (thesis 2.32). It is printed as the minimiser of 2.30, but is that only where the
             turned directions are spread evenly; with exact cosines it can be tens of degrees off.
`minimiser`  the minimiser of the sum of w (v . R t - d)^2 (thesis 2.30), which solves (sum of w R t (R t)^T) v = sum of w d R t
             and is right when the cosines are.
`numeric`    the minimiser on the unit sphere of minus the sum of w exp(-((d - v . R t) / sigma_1)^2) (2.29).

The last two leave out a component that no turned direction has, such as where one or two references are left.
"""

from dataclasses import dataclass, fields, replace

import numpy as np

from auric.errors import InputError, suggestion

LOSSES = ("average", "minimiser", "numeric")
_ROW, _COLUMN = np.array([0, 0, 0, 1, 1, 2]), np.array([0, 1, 2, 1, 2, 2])
_PLACES = np.array([[0, 1, 2], [1, 3, 4], [2, 4, 5]])
_MOST_STEPS = 200
_REACH = 0.5
"""Length of the longest of Newton's steps."""
_MET = 1e-5
"""Descents that are this near to each other end at the same place."""


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
    shut = values > 1e-12 * values[:, 2:]
    inverse = np.where(shut, 1 / np.maximum(values, 1e-300), 0)
    minimiser = _unit(np.einsum("nai,ni,nbi,nb->na", axes, inverse, axes, pull))
    if loss == "minimiser":
        return minimiser
    starts = [average, minimiser, *(sign * axes[:, :, i] for i in range(3) for sign in (1, -1))]
    if start is not None:
        starts.append(_unit(start))
    search = _Search.of(
        turned, cosines, weights, sigma_1, np.stack(starts, axis=1), straight=np.asarray(~shut.all(axis=1))
    )
    return _least(search)


def _least(search: "_Search") -> np.ndarray:
    """The lowest end of all descents of each input, shape (N, 3)."""
    answer = np.empty((len(search.found), 3))
    rows = np.arange(len(answer))
    for _ in range(_MOST_STEPS):
        search.advance()
        ready = np.asarray(search.done.all(axis=1))
        if ready.sum() * 2 >= len(ready):  # leaving a few out costs more than carrying them along
            answer[rows[ready]] = search.deepest()[ready]
            rows, search = rows[~ready], search.take(~ready)
        if not len(rows):
            return answer
        search.merge()
    answer[rows] = search.deepest()
    return answer


@dataclass
class _Search:
    """Descents of the loss 2.29 on the sphere, from S starts for each of N inputs at once.

    A sum of -exp(-r^2) lies below a sum of squares that touches it, so that weighted least squares on the sphere descend; near the
    end Newton's steps are much faster, and are taken back where they lead uphill. Starts that meet go on as one.
    """

    turned: np.ndarray
    products: np.ndarray
    """Of two components of each turned direction, xx, xy, xz, yy, yz, zz; shape (N, K, 6)."""
    cosines: np.ndarray
    weights: np.ndarray
    sigma_1: float
    found: np.ndarray
    """Shape (N, S, 3)."""
    depth: np.ndarray
    """Minus the loss where each descent came from, (N, S)."""
    safe: np.ndarray
    """Where least squares would have led from there, (N, S, 3)."""
    reach: np.ndarray
    """How long the next of Newton's steps may be, (N, S); 0 for none."""
    done: np.ndarray

    @classmethod
    def of(
        cls,
        turned: np.ndarray,
        cosines: np.ndarray,
        weights: np.ndarray,
        sigma_1: float,
        starts: np.ndarray,
        straight: np.ndarray,
    ) -> "_Search":
        """From starts (N, S, 3); `straight` inputs (N,) take no steps of Newton, which would leave the plane of their references."""
        products, shape = turned[..., _ROW] * turned[..., _COLUMN], starts.shape[:2]
        depth, reach, done = (
            np.full(shape, -np.inf),
            np.where(straight[:, None], 0.0, np.full(shape, _REACH)),
            np.zeros(shape, dtype=bool),
        )
        return cls(turned, products, cosines, weights, sigma_1, starts, depth, starts, reach, done)

    def advance(self) -> None:
        """One step of every descent that has not ended."""
        misfits = self.cosines[:, None] - self.found @ self.turned.transpose(0, 2, 1)
        squares = misfits * misfits
        depths = self.weights[:, None] * np.exp(squares * (-1 / self.sigma_1**2))
        total = depths.sum(axis=-1)
        uphill = ~self.done & (total < self.depth * (1 - 1e-12))
        scale = 1 / np.maximum(total, 1e-300)[..., None]
        matrix = _symmetric((depths @ self.products) * scale)
        pull = ((depths * self.cosines[:, None]) @ self.turned) * scale
        bend = matrix - _symmetric(((depths * squares) @ self.products) * (scale * (2 / self.sigma_1**2)))
        slope = np.einsum("nsab,nsb->nsa", matrix, self.found) - pull
        safe = _least_on_sphere(matrix, pull, self.found)
        after = _newton_on_sphere(bend, slope, self.found, self.reach)
        after = np.where(self.reach[..., None] > 0, after, safe)
        self.reach = np.where(uphill, self.reach / 8, np.minimum(2 * self.reach, _REACH))
        self.safe = np.where(uphill[..., None], self.safe, safe)
        after = np.where(uphill[..., None], self.safe, after)
        after = np.where(self.done[..., None], self.found, after)
        self.depth = np.where(uphill, self.depth, total)
        self.done = self.done | (~uphill & (np.abs(after - self.found).max(axis=-1) < 1e-10))
        self.found = after

    def deepest(self) -> np.ndarray:
        """Of each input the end with the least loss, shape (N, 3)."""
        return np.asarray(self.found[np.arange(len(self.found)), self.depth.argmax(axis=1)])

    def take(self, rows: np.ndarray) -> "_Search":
        """The same of some inputs."""
        arrays = {each.name: getattr(self, each.name)[rows] for each in fields(self) if each.name != "sigma_1"}
        return replace(self, **arrays)

    def merge(self) -> None:
        """Leave out descents that have met another; what is left over in shorter rows repeats the first."""
        apart = np.abs(self.found[:, :, None] - self.found[:, None]).max(axis=-1) > _MET
        first = (apart | np.tri(self.found.shape[1], dtype=bool).T).all(axis=2)  # away from all before it
        most = int(first.sum(axis=1).max())
        if most == first.shape[1]:
            return
        kept = np.argsort(~first, axis=1, kind="stable")[:, :most]
        kept = np.where(np.take_along_axis(first, kept, axis=1), kept, kept[:, :1])
        for name in ("found", "safe"):
            setattr(self, name, np.take_along_axis(getattr(self, name), kept[..., None], axis=1))
        for name in ("depth", "reach", "done"):
            setattr(self, name, np.take_along_axis(getattr(self, name), kept, axis=1))


def _symmetric(parts: np.ndarray) -> np.ndarray:
    """Matrices (..., 3, 3) from xx, xy, xz, yy, yz, zz."""
    return np.asarray(parts[..., _PLACES])


def _newton_on_sphere(bend: np.ndarray, slope: np.ndarray, at: np.ndarray, reach: np.ndarray) -> np.ndarray:
    """Newton's step downhill on the unit sphere, along axes of negative curvature too (by its absolute value).

    Args:
        bend: Second derivatives, shape (..., 3, 3).
        slope: First derivatives, shape (..., 3).
        at: Unit vectors, shape (..., 3).
        reach: Length of the longest step, shape (...).
    """
    one = _unit(np.cross(at, np.eye(3)[np.abs(at).argmin(axis=-1)]))
    two = np.cross(at, one)
    along = (slope * at).sum(axis=-1)
    a, b, c = (
        np.einsum("...i,...ij,...j->...", left, bend, right) for left, right in ((one, one), (one, two), (two, two))
    )
    p, q = (slope * one).sum(axis=-1), (slope * two).sum(axis=-1)
    # |H|^-1 = (t - u H), which has the right values at both of H's own.
    a, c = a - along, c - along
    half = np.hypot((a - c) / 2, b)
    high, low = (a + c) / 2 + half, (a + c) / 2 - half
    least = 1e-9 * np.maximum(np.abs(high), np.abs(low)) + 1e-300
    of_high, of_low = 1 / np.maximum(np.abs(high), least), 1 / np.maximum(np.abs(low), least)
    u = np.where(half > 1e-9 * np.abs(high), (of_low - of_high) / np.maximum(2 * half, 1e-300), 0.0)
    t = of_high + u * high
    x, y = -(t * p - u * (a * p + b * q)), -(t * q - u * (b * p + c * q))
    length = np.hypot(x, y)
    shorter = np.where(length > reach, reach / np.maximum(length, 1e-300), 1.0)
    return _unit(at + (x * shorter)[..., None] * one + (y * shorter)[..., None] * two)


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
