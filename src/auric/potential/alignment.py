"""References laid upon inputs: the rotation of each reference that brings its neighbours nearest to those of an input.

For input vectors p and reference vectors s, as columns, both from their own atom, the rotation that minimises the sum of
|p - R s|^2 is R = U V^T with A = sum of p s^T = U D V^T (Arun, Huang, Blostein, doi:10.1109/TPAMI.1987.4767965; the text
around thesis 2.24 has the two factors in turn). With a = det A of whichever sign, the same R without a decomposition is

    R = [(l^2 + |A|^2) / 2 A + l cof A - A A^T A] / d,    d = l (l^2 - |A|^2) / 2 - det A,

where l, the sum of the singular values (the last one signed like det A), is the largest root of

    (l^2 - |A|^2)^2 - 8 det A l - 4 |cof A|^2 = 0.

(Put A = diag(s1, s2, s3): the bracket is d times the identity, and d = (s1 + s2)(s2 + s3)(s3 + s1).) Laguerre's method
finds l in a few steps. Digits are lost where d is small next to |A|^3 (a mirror image that could be turned in two ways,
neighbours on a line); the few alignments where too many are lost are done by singular value decomposition.

Rotations or reflections too. U V^T as it stands has det -1 whenever A has, and when the points lie in one plane (A of rank
two, so for every triangle) the sign of its last column is chance. With `reflections=False` only rotations are taken. With
`reflections=True` an image in a mirror may be laid upon an input if that fits better; of two that fit equally the rotation
is taken. A mirror image has mirrored forces, so both are right; see `Oamlm` for which is the default and why.
"""

from collections.abc import Iterator
from itertools import permutations

import numpy as np

from auric.errors import InputError
from auric.potential.environments import Environments
from auric.potential.triangles import TriangleReferences

CHUNK = 4096
"""Alignments at a time: the arrays of a step stay in the second-level cache."""
ERRORS = ("mean", "root")
_FLAT = 1e-5
_LOOSE = 1e-2
_LAST_STEP = 1e-7
"""Convergence is cubic: after a step as small as this nothing is left to do."""


class Aligner:
    """References of one class, prepared so that they can be laid upon many inputs.

    Args:
        references: K surroundings.
        directions: Unit vectors of the forces on them, shape (K, 3).
        reflections: Whether mirror images count as alignments.
        error: `mean` (thesis 2.25) or `root` (2.26: a root of a sum of squares, then divided by 1 + M); by default
            `root` for core metal, whose neighbours are each compared to the nearest one of the other surroundings (in
            the direction that gives the larger number of distances), and `mean` else.

    Raises:
        InputError: If shapes do not fit, a direction is not finite, or the error is unknown.
    """

    def __init__(
        self,
        references: Environments,
        directions: np.ndarray,
        *,
        reflections: bool = False,
        error: str | None = None,
    ) -> None:
        directions = np.asarray(directions, dtype=float)
        if directions.shape != (len(references), 3) or not np.isfinite(directions).all():
            raise InputError(
                f"alignment: directions of shape {directions.shape} for {len(references)} references; give (K, 3), finite"
            )
        core = references.scheme == "core"
        error = error or ("root" if core else "mean")
        if error not in ERRORS:
            raise InputError(f"alignment: error '{error}' is unknown; choose from {', '.join(ERRORS)}.")
        self.references, self.directions = references, directions
        self.name, self.width = references.name, references.vectors.shape[1]
        self.reflections, self.root = reflections, error == "root"
        if core:
            self._groups = [
                TriangleReferences(references, directions, np.flatnonzero(references.has_sulfur == sulfur))
                for sulfur in (False, True)
            ]
        else:
            self._blocks = list(_ordered_blocks(references))

    def align(self, inputs: Environments) -> tuple[np.ndarray, np.ndarray]:
        """Lay every reference upon every input.

        Returns:
            The rotated directions of the references, shape (N, K, 3), and the alignment errors (angstrom), (N, K).

        Raises:
            InputError: If the inputs are of another class or have another number of neighbours.
        """
        if (inputs.name, inputs.vectors.shape[1]) != (self.name, self.width):
            raise InputError(
                f"alignment: inputs are '{inputs.name}' with {inputs.vectors.shape[1]} neighbours, references "
                f"'{self.name}' with {self.width}; use the model of the inputs' class"
            )
        turned = np.empty((len(inputs), len(self.references), 3))
        errors = np.empty((len(inputs), len(self.references)))
        if self.references.scheme == "core":
            for row in range(len(inputs)):
                count = inputs.counts[row]
                neighbours = inputs.vectors[row, :count]
                for group in self._groups:
                    both = bool(inputs.has_sulfur[row] and group.sulfur)
                    if len(group.rows):
                        found = group.align(neighbours, bool(inputs.has_sulfur[row]), both, self.reflections, self.root)
                        turned[row, group.rows], errors[row, group.rows] = found
            return turned, errors
        for columns, points in self._blocks:
            step = max(1, CHUNK // (points.shape[2] * points.shape[3]))
            for start in range(0, len(inputs), step):
                rows = slice(start, start + step)
                rotations, errors[rows, columns] = _align_ordered(
                    inputs.vectors[rows], points, self.reflections, self.root
                )
                turned[rows, columns] = np.einsum("abnk,kb->nka", rotations, self.directions[columns])
        return turned, errors


def orders(scheme: str, count: int) -> np.ndarray:
    """Orders of a reference's neighbours that are tried, shape (orders, count)."""
    kept, free = {"H": (1, 2), "C": (1, 3), "S": (1, 2), "plain": (0, count)}.get(scheme, (count, 0))
    if scheme == "unit":
        return np.array([[0, 1, 2, 3, 4, 5], [3, 4, 5, 0, 1, 2]])
    return np.array([[*range(kept), *(kept + i for i in each)] for each in permutations(range(free))])


def best_rotations(products: np.ndarray, *, reflections: bool = False) -> np.ndarray:
    """The orthogonal R with the largest trace of R^T A, which minimises the sum of |p - R s|^2 (module's head).

    Args:
        products: A = sum of p s^T, components first, shape (3, 3, ...).
        reflections: Whether det R may be -1; it is where det A < 0, and never where det A is zero to rounding.

    Returns:
        Shape (3, 3, ...). Where a rotation is not unique (all points on one line), one of the best.
    """
    shape = products.shape
    products = products.reshape(3, 3, -1)
    norm = np.sqrt(np.einsum("ijk,ijk->k", products, products))
    a = products / np.where(norm > 0, norm, 1.0)
    cofactors = _cofactors(a)
    det = _dot(a[0], cofactors[0])
    sign = None
    if reflections:
        sign = np.where(det < -1e-10, -1.0, 1.0)
        a, det = a * sign, det * sign  # the cofactors are of second degree
    square = np.einsum("ijk,ijk->k", cofactors, cofactors)
    root = _largest_root(det, square)
    divisor = 0.5 * root * (root * root - 1) - det
    inverse = 1 / np.maximum(divisor, _FLAT)
    half, scaled = 0.5 * (root * root + 1) * inverse, root * inverse
    rotations = np.empty_like(a)
    for i in range(3):
        factors = [-inverse * _dot(a[i], a[k]) for k in range(3)]
        factors[i] += half
        rotations[i] = factors[0] * a[0] + factors[1] * a[1] + factors[2] * a[2] + scaled * cofactors[i]
    loose = np.flatnonzero(divisor < _LOOSE)
    if len(loose):
        # What is left of an error of l stretches R but does not turn it, so that a step towards orthogonality removes it.
        r = np.moveaxis(rotations[:, :, loose], -1, 0)
        flat = divisor[loose] < _FLAT
        r = 1.5 * r - 0.5 * r @ (r.transpose(0, 2, 1) @ r)
        left, _, right = np.linalg.svd(np.moveaxis(a[:, :, loose], -1, 0)[flat])
        left[..., 2] *= (np.linalg.det(left) * np.linalg.det(right))[:, None]
        r[flat] = left @ right
        rotations[:, :, loose] = np.moveaxis(r, 0, -1)
    return (rotations if sign is None else rotations * sign).reshape(shape)


def _largest_root(det: np.ndarray, square: np.ndarray) -> np.ndarray:
    """Of (l^2 - 1)^2 - 8 det l - 4 square. Its four roots are real, so Laguerre's method descends upon it from above."""
    # A fixed point of the equation solved for l, from a value on the side that makes this lie above the root.
    bound = np.where(det > 0, np.sqrt(3.0), 1.0)
    root = np.asarray(np.sqrt(1 + 2 * np.sqrt(np.maximum(square + 2 * det * bound, 0))))
    step = np.zeros_like(root)
    for _ in range(2):
        step = _laguerre(root, det, square)
        root = root - step
    late = np.flatnonzero(np.abs(step) > _LAST_STEP)
    for _ in range(20):
        if not len(late):
            break
        step = _laguerre(root[late], det[late], square[late])
        root[late] -= step
        late = late[np.abs(step) > _LAST_STEP]
    return root


def _laguerre(root: np.ndarray, det: np.ndarray, square: np.ndarray) -> np.ndarray:
    excess = root * root - 1
    value = excess * excess - 8 * det * root - 4 * square
    slope = 4 * root * excess - 8 * det
    bend = np.sqrt(np.maximum(9 * slope * slope - 48 * value * (3 * excess + 2), 0))
    return np.asarray(4 * value / np.maximum(slope + bend, 1e-300))


def _cofactors(a: np.ndarray) -> np.ndarray:
    """Of matrices with components first, the same shape."""
    found = np.empty_like(a)
    for i in range(3):
        one, two = a[(i + 1) % 3], a[(i + 2) % 3]
        for j in range(3):
            k, m = (j + 1) % 3, (j + 2) % 3
            found[i, j] = one[k] * two[m] - one[m] * two[k]
    return found


def _ordered_blocks(references: Environments) -> Iterator[tuple[slice, np.ndarray]]:
    """References in blocks: which they are, and their neighbours in all orders, shape (M, 3, orders, k)."""
    each = orders(references.scheme, references.vectors.shape[1])
    step = max(1, CHUNK // len(each))
    for start in range(0, len(references), step):
        columns = slice(start, min(start + step, len(references)))
        yield columns, np.ascontiguousarray(references.vectors[columns][:, each].transpose(2, 3, 1, 0))


def _align_ordered(
    inputs: np.ndarray, points: np.ndarray, reflections: bool, root: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Inputs (n, M, 3) and a block of references (M, 3, orders, k): rotations (3, 3, n, k) and errors (n, k)."""
    neighbours, _, tried, count = points.shape
    size = len(inputs)
    products = inputs.transpose(2, 0, 1).reshape(3 * size, neighbours) @ points.reshape(neighbours, -1)
    products = products.reshape(3, size, 3, tried * count).transpose(0, 2, 1, 3)
    rotations = best_rotations(np.ascontiguousarray(products), reflections=reflections)
    errors = np.zeros((size, tried * count))
    for k in range(neighbours):
        x, y, z = points[k].reshape(3, 1, -1)
        square = sum(
            (inputs[:, k, a, None] - (rotations[a, 0] * x + rotations[a, 1] * y + rotations[a, 2] * z)) ** 2
            for a in range(3)
        )
        errors += square if root else np.sqrt(square)
    errors = (np.sqrt(errors) if root else errors).reshape(size, tried, count) / (1 + neighbours)
    best = errors.argmin(axis=1)[:, None]
    rotations = rotations.reshape(3, 3, size, tried, count)
    chosen = np.take_along_axis(rotations, best[None, None], axis=3)[:, :, :, 0]
    return chosen, np.take_along_axis(errors, best, axis=1)[:, 0]


def _dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.asarray(a[0] * b[0] + a[1] * b[1] + a[2] * b[2])
