r"""Weights of regularised regression on distances, without squaring the condition number.

Sought is the W with the least |D W - Y|^2 + s^2 |W|^2: D holds distances of N points to K references, and s^2 = N beta / K for
the objective of `auric.potential.emlm`. Its normal equations, (D^T D + s^2 I) W = D^T Y, square the condition number and
lose half the digits. Two ways around them:

* **Some points are references.** The stacked matrix [D; s I] is reduced to triangular form by orthogonal
  transformations, one block of rows after the other, beginning with s I: 2 N K^2 operations, memory of a few K^2.
* **All points are references.** D is symmetric, and -D is positive definite but for one direction (distances are
  conditionally negative definite). So for a centre c, with u_i = |x_i - c|, the kernel C = u 1^T + 1 u^T - D + s I is
  positive definite: one Cholesky decomposition in place, N^3 / 3 operations, 8 N^2 bytes. It gives products with
  B = (s I - D)^-1 by a correction of rank two. With W = B v, [D; s I] B = [s B - I; s B] has singular values
  sqrt(d^2 + s^2) / (|d| + s), d an eigenvalue of D: all but one within [0.7, 1], that of the one positive eigenvalue
  next to 1. So conjugate gradients on

      (I - 2 s B + 2 s^2 B^2) v = (s B - I) Y

  reach rounding in a few steps, whatever the condition of D, and points that coincide do no harm.
"""

from collections.abc import Callable, Iterable

import numpy as np
from scipy.linalg import lapack, solve_triangular

from auric.potential.distances import DistancesTo, FeaturesError, row_slices

STEPS = 60
"""Of conjugate gradients at most; two to twenty are usual."""
RESIDUAL = 4e-16
POWER_STEPS = 12
WIDTH = 512
"""Rows of a block of the Cholesky decomposition."""
LARGEST_SHIFT = 0.1
"""Of the largest eigenvalue of D: up to this penalty the way of all references is open."""

Product = Callable[[np.ndarray], np.ndarray]


def solve_rows(
    blocks: Iterable[tuple[np.ndarray, np.ndarray]], references: int, ridge: float
) -> tuple[np.ndarray, float]:
    """Least squares on blocks of rows.

    Args:
        blocks: Rows of D, shape (n, K), and of Y, shape (n, p).
        references: K.
        ridge: s, at least 0.

    Returns:
        W, shape (K, p), and the estimated condition number of [D; s I] (2-norm, from below).

    Raises:
        FeaturesError: The solution is not unique (without a penalty, references that coincide).
    """
    triangle, right = np.asfortranarray(np.eye(references) * ridge), None
    for rows, targets in blocks:
        if right is None:
            right = np.zeros((references, targets.shape[1]), order="F")
        triangle, below, reflectors, _ = lapack.dtpqrt(
            0, min(32, references), triangle, np.asfortranarray(rows), overwrite_a=1, overwrite_b=1
        )
        right, _, _ = lapack.dtpmqrt(
            0, below, reflectors, right, np.asfortranarray(targets), side="L", trans="T", overwrite_a=1
        )
    assert right is not None
    scale = np.abs(np.diag(triangle))
    if scale.min() <= references * np.finfo(float).eps * scale.max():
        raise FeaturesError(
            "the weights are not unique: references coincide; give a penalty above 0, or leave them out"
        )
    largest = np.sqrt(_largest(lambda v: triangle.T @ (triangle @ v), references))
    smallest = 1 / np.sqrt(
        _largest(
            lambda v: solve_triangular(triangle, solve_triangular(triangle, v, trans="T", check_finite=False)),
            references,
        )
    )
    return np.ascontiguousarray(solve_triangular(triangle, right)), float(largest / smallest)


def solve_all(
    to_all: DistancesTo, targets: np.ndarray, ridge: float, memory_mib: float
) -> tuple[np.ndarray, float] | None:
    """Least squares with all points as references.

    Args:
        to_all: Distances to all points.
        targets: Y, shape (N, p).
        ridge: s, at least 0.
        memory_mib: For blocks, besides the matrix.

    Returns:
        W, shape (N, p), and the estimated condition number of [D; s I] (2-norm, from below); None if the penalty is so
        large that it shifts the positive eigenvalue too.

    Raises:
        FeaturesError: The solution is not unique (without a penalty, points that coincide).
    """
    lengths = np.sqrt(to_all.squares)
    kernel, sums = _kernel(to_all, lengths, memory_mib)
    largest = float(np.linalg.norm(sums) / np.sqrt(len(sums)))  # |D 1| / |1|, just below the largest eigenvalue
    if ridge > LARGEST_SHIFT * largest:
        return None
    # Without a penalty, a shift of a few roundings keeps C positive definite; the weights stay those without it.
    shift = max(ridge, 32 * np.finfo(float).eps * largest)
    kernel[np.diag_indices(len(kernel))] += shift
    apply = _inverse(kernel, lengths)
    solution = apply(_conjugate_gradients(apply, shift, ridge, shift * apply(targets) - targets))
    smallest = max(0.0, 1 / _largest(apply, len(lengths)) - shift)
    if np.hypot(smallest, ridge) <= np.finfo(float).eps * largest:
        raise _coinciding()
    return solution, float(np.hypot(largest, ridge) / np.hypot(smallest, ridge))


def _kernel(to_all: DistancesTo, lengths: np.ndarray, memory_mib: float) -> tuple[np.ndarray, np.ndarray]:
    """Lower triangle of u 1^T + 1 u^T - D, shape (N, N), and the sums of the rows of D, shape (N,)."""
    count = len(to_all)
    kernel, sums = np.empty((count, count)), np.zeros(count)
    for rows in row_slices(count, count + 2 * len(to_all.centre), memory_mib):
        part = to_all.from_moved(to_all.centred[rows], count=rows.stop)
        sums[rows] += part.sum(axis=1)
        sums[: rows.start] += part[:, : rows.start].sum(axis=0)
        np.subtract(lengths[: rows.stop], part, out=part)
        part += lengths[rows, None]
        kernel[rows, : rows.stop] = part
    return kernel, sums


def _inverse(kernel: np.ndarray, lengths: np.ndarray) -> Product:
    """Products with (shift I - D)^-1, from the lower triangle of C in `kernel`, which is overwritten.

    Raises:
        FeaturesError: C is not positive definite.
    """
    _cholesky(kernel)

    def solve(right: np.ndarray) -> np.ndarray:
        # The transpose in the order of Fortran is the array itself: nothing is copied.
        return np.asarray(lapack.dpotrs(kernel.T, right, lower=0)[0])

    # shift I - D = C - V J V^T, with V = [u, 1] and J the swap of its two columns.
    sides = np.stack([lengths, np.ones_like(lengths)], axis=1)
    solved = solve(sides)
    small = np.linalg.inv(np.array([[0.0, 1.0], [1.0, 0.0]]) - sides.T @ solved)
    return lambda right: solve(right) + solved @ (small @ (solved.T @ right))


def _cholesky(matrix: np.ndarray) -> None:
    """Lower factor of a positive definite matrix from its lower triangle, in place, block by block from the left.

    LAPACK's dpotrf of OpenBLAS, given the whole matrix, crashes on two threads near 28,000 rows, and is no faster.

    Raises:
        FeaturesError: The matrix is not positive definite.
    """
    for first in range(0, len(matrix), WIDTH):
        rows = slice(first, first + WIDTH)
        for left in range(0, first, WIDTH):
            block, above = matrix[rows, left : left + WIDTH], matrix[left : left + WIDTH]
            block -= matrix[rows, :left] @ above[:, :left].T
            block[:] = solve_triangular(above[:, left : left + WIDTH], block.T, lower=True, check_finite=False).T
        corner = matrix[rows, rows]
        corner -= matrix[rows, :first] @ matrix[rows, :first].T
        corner[:], failed = lapack.dpotrf(corner, lower=1, clean=0)
        if failed:
            raise _coinciding()


def _coinciding() -> FeaturesError:
    return FeaturesError("the weights are not unique: points coincide; give a larger penalty, or leave them out")


def _conjugate_gradients(apply: Product, shift: float, ridge: float, right: np.ndarray) -> np.ndarray:
    """Solve (I - 2 t B + (t^2 + s^2) B^2) v = right for the shift t and the ridge s, each column by itself."""
    found, residual = np.zeros_like(right), right.copy()
    direction = residual.copy()
    squared = (residual**2).sum(axis=0)
    goal = RESIDUAL**2 * squared
    for _ in range(STEPS):
        active = squared > goal
        if not active.any():
            break
        once = apply(direction)
        applied = direction - 2 * shift * once + (shift**2 + ridge**2) * apply(once)
        curvature = (direction * applied).sum(axis=0)
        length = np.where(active, squared / np.where(active, curvature, 1.0), 0.0)
        found += length * direction
        residual -= length * applied
        fresh = np.where(active, (residual**2).sum(axis=0), squared)
        direction = residual + np.where(active, fresh / np.where(active, squared, 1.0), 0.0) * direction
        squared = fresh
    return found


def _largest(apply: Product, size: int) -> float:
    """Largest eigenvalue in magnitude by power iteration, from below (close, if not to all digits)."""
    vector = np.random.default_rng(0).standard_normal((size, 1))
    length = float(np.linalg.norm(vector))
    for _ in range(POWER_STEPS):
        vector = apply(vector / length)
        length = float(np.linalg.norm(vector))
    return length
