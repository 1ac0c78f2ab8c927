"""Directions to look along, orientations, and how far two of them lie apart when symmetry is counted.

An orientation is a rotation (3, 3) from the cluster's axes to the image's: columns of the image run along the first, rows along the
second, and the beam along the third of its rows, which is the direction looked along. A projection does not know in which order atoms
lie along the beam, so that mirroring along it leaves the image as it is.
"""

from itertools import product

import numpy as np
from ase import Atoms
from scipy.spatial import cKDTree

from auric.errors import StructureError

MIRROR = np.diag([1.0, 1.0, -1.0])
"""Along the beam."""
SEEN_FROM = 15
"""Atomic number from which atoms are seen in images; lighter ones do not make or break a symmetry."""


def spread_directions(count: int) -> np.ndarray:
    """Unit vectors spread evenly over the sphere, on a Fibonacci spiral, shape (count, 3).

    Raises:
        ValueError: If there is none.
    """
    if count < 1:
        raise ValueError(f"{count} directions; give at least one")
    height = 1 - (2 * np.arange(count) + 1) / count
    angle = np.pi * (3 - 5**0.5) * np.arange(count)
    radius = np.sqrt(1 - height**2)
    return np.column_stack([radius * np.cos(angle), radius * np.sin(angle), height])


def orientations_along(directions: np.ndarray) -> np.ndarray:
    """An orientation for each direction, its columns and rows as near to the cluster's first two axes as they can be.

    Args:
        directions: Unit vectors, shape (n, 3).

    Returns:
        Rotations, shape (n, 3, 3), whose last rows are the directions.
    """
    axis = np.eye(3)[np.argmin(np.abs(directions), axis=1)]
    first = np.cross(axis, directions)
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    return np.stack([first, np.cross(directions, first), directions], axis=1)


def turned_about_beam(orientation: np.ndarray, angle_degree: float) -> np.ndarray:
    """The orientation of a particle that looks like `orientation` once its image is rotated by an angle, as `numpy.rot90` does by 90."""
    c, s = np.cos(np.radians(angle_degree)), np.sin(np.radians(angle_degree))
    return np.asarray(np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]]) @ orientation)


def symmetry_operations(atoms: Atoms, *, tolerance_angstrom: float = 0.5) -> np.ndarray:
    """Rotations and rotation-reflections that lay the atoms seen in images upon like atoms.

    Two atoms far from the middle, not in line with it, can go to few pairs; each pair gives one proper and one improper operation.

    Args:
        atoms: A structure; its seen atoms' middle stays where it is.
        tolerance_angstrom: Root mean square distance that is still called a symmetry.

    Returns:
        Orthogonal matrices, shape (n, 3, 3), the identity first; without two such atoms, the identity alone.
    """
    seen = atoms.numbers >= SEEN_FROM
    if not seen.any():
        return np.eye(3)[None]
    positions, kinds = atoms.positions[seen] - atoms.positions[seen].mean(axis=0), atoms.numbers[seen]
    found = [np.eye(3)]
    anchors = _anchors(positions, kinds)
    if anchors is None:
        return np.array(found)
    slack = 2 * tolerance_angstrom
    trees = {kind: cKDTree(positions[kinds == kind]) for kind in set(kinds.tolist())}
    lengths = np.linalg.norm(positions, axis=1)
    images = [np.flatnonzero((kinds == kinds[k]) & (np.abs(lengths - lengths[k]) < slack)) for k in anchors]
    apart = float(np.linalg.norm(positions[anchors[0]] - positions[anchors[1]]))
    before = _frame(*positions[anchors])
    for one, other in product(*images):
        if abs(np.linalg.norm(positions[one] - positions[other]) - apart) > slack or one == other:
            continue
        after = _frame(positions[one], positions[other])
        for hand in (1.0, -1.0):
            operation = _settled(
                positions, kinds, trees, after.T @ np.diag([1.0, 1.0, hand]) @ before, tolerance_angstrom
            )
            if operation is not None and all(np.abs(operation - known).max() > 0.2 for known in found):
                found.append(operation)
    return np.array(found)


def _anchors(positions: np.ndarray, kinds: np.ndarray) -> np.ndarray | None:
    """Two atoms of the rarest kind, the farthest and one well aside of it."""
    names, counts = np.unique(kinds, return_counts=True)
    for kind in names[np.argsort(counts)]:
        mine = np.flatnonzero(kinds == kind)
        first = mine[np.argmax(np.linalg.norm(positions[mine], axis=1))]
        aside = np.linalg.norm(np.cross(positions[first], positions[mine]), axis=1)
        second = mine[np.argmax(aside)]
        if aside.max() > 1.0:
            return np.array([first, second])
    return None


def _frame(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Right-handed axes (rows) of two vectors."""
    first = one / np.linalg.norm(one)
    third = np.cross(one, other)
    third = third / max(float(np.linalg.norm(third)), 1e-12)
    return np.array([first, np.cross(third, first), third])


def _settled(
    positions: np.ndarray, kinds: np.ndarray, trees: dict[int, cKDTree], operation: np.ndarray, tolerance: float
) -> np.ndarray | None:
    """The operation after matching atoms and superposing them in turns, if it is a symmetry."""
    hand = np.sign(np.linalg.det(operation))
    for _ in range(3):
        moved = positions @ operation.T
        partner = np.empty_like(positions)
        for kind, tree in trees.items():
            mine = kinds == kind
            near = tree.query(moved[mine])[1]
            if len(set(near.tolist())) < len(near):
                return None
            partner[mine] = tree.data[near]
        left, _, right = np.linalg.svd(partner.T @ positions)
        left[:, -1] *= hand * np.linalg.det(left) * np.linalg.det(right)
        operation = left @ right
    error = np.sqrt(np.mean(np.sum((partner - positions @ operation.T) ** 2, axis=1)))
    return operation if error <= tolerance else None


def orientation_error(found: np.ndarray, true: np.ndarray, operations: np.ndarray) -> tuple[float, float]:
    """How far an orientation lies from the true one or one that gives the same image.

    Args:
        found: Rotation (3, 3).
        true: Rotation (3, 3).
        operations: Symmetry operations of the cluster, shape (n, 3, 3).

    Returns:
        Angle between the directions looked along, and angle of the whole rotation, each the least over the symmetry (degree).

    Raises:
        StructureError: If an array is no set of orthogonal matrices.
    """
    every = np.concatenate([found[None], true[None], operations])
    if not np.allclose(every @ every.transpose(0, 2, 1), np.eye(3), atol=1e-6):
        raise StructureError("orientations and symmetry operations must be orthogonal matrices, shape (3, 3)")
    equal = [true @ one if np.linalg.det(one) > 0 else MIRROR @ true @ one for one in operations]
    beams = [float(np.clip(found[2] @ one[2], -1, 1)) for one in equal]
    whole = [float(np.clip((np.trace(found.T @ one) - 1) / 2, -1, 1)) for one in equal]
    return float(np.degrees(np.arccos(max(beams)))), float(np.degrees(np.arccos(max(whole))))
