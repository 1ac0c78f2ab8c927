"""How far two gold-sulfur frameworks lie apart, whatever their orientation, the order of their atoms and handedness."""

from collections.abc import Iterator

import numpy as np
from ase import Atoms
from scipy.optimize import linear_sum_assignment
from scipy.spatial.transform import Rotation

from auric.errors import StructureError

FRAMEWORK = (79, 16)
STEPS = 50
"""More than matching and turning in turns ever take; each lowers the distance or ends."""


def framework_rmsd(a: Atoms, b: Atoms, *, starts: int = 400, seed: int = 0) -> float:
    """Root mean square distance (angstrom) of the gold and sulfur atoms of two structures, best superposed.

    Like atoms may be exchanged and one structure may be mirrored. From each start, atoms are matched (Hungarian method)
    and superposed (Kabsch, doi:10.1107/S0567739476001873) in turns until the match stays. Starts are the principal axes
    laid upon each other, turned about each, and random rotations, all of them for both hands.

    Args:
        a: First structure; other elements are left out.
        b: Second structure, with as many gold and sulfur atoms.
        starts: Number of random rotations.
        seed: Seed of the random rotations.

    Raises:
        StructureError: If the numbers of gold or sulfur atoms differ, or there are none.
    """
    parts = []
    for number, symbol in zip(FRAMEWORK, ("Au", "S"), strict=True):
        one, two = a.positions[a.numbers == number], b.positions[b.numbers == number]
        if len(one) != len(two):
            raise StructureError(f"{len(one)} and {len(two)} {symbol} atoms cannot be matched; compare like frameworks")
        parts.append((one, two))
    sizes = [len(one) for one, _ in parts]
    if not sum(sizes):
        raise StructureError("neither structure has gold or sulfur atoms; compare structures that have")
    first, second = (np.vstack([part[side] for part in parts]) for side in (0, 1))
    first, second = first - first.mean(0), second - second.mean(0)
    groups = np.split(np.arange(len(first)), np.cumsum(sizes)[:-1])
    return min(
        _descend(first, hand * second, groups, start)
        for hand in (1.0, -1.0)
        for start in _starts(first, hand * second, starts, seed)
    )


def _starts(first: np.ndarray, second: np.ndarray, count: int, seed: int) -> Iterator[np.ndarray]:
    """Rotation matrices (3, 3) to apply to the second structure."""
    axes = [np.linalg.svd(each)[2] for each in (first, second)]
    axes = [each * np.linalg.det(each) for each in axes]
    for axis, other in zip(np.eye(3), np.roll(np.eye(3), 1, axis=0), strict=True):
        for flip in (np.zeros(3), np.pi * other):
            for turn in np.linspace(0, 2 * np.pi, 12, endpoint=False):
                turned = Rotation.from_rotvec(turn * axis) * Rotation.from_rotvec(flip)
                yield axes[0].T @ turned.as_matrix() @ axes[1]
    yield from Rotation.random(count, rng=np.random.default_rng(seed)).as_matrix()


def _descend(first: np.ndarray, second: np.ndarray, groups: list[np.ndarray], rotation: np.ndarray) -> float:
    match = np.full(len(first), -1)
    for _ in range(STEPS):
        turned = second @ rotation.T
        found = match.copy()
        for group in groups:
            # The sum of squares is least where that of the products is greatest.
            found[group] = group[linear_sum_assignment(first[group] @ turned[group].T, maximize=True)[1]]
        if (found == match).all():
            break
        match = found
        rotation = _superposition(first, second[match])
    return float(np.sqrt(np.mean(np.sum((first - second[match] @ rotation.T) ** 2, axis=1))))


def _superposition(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The rotation (3, 3) that lays the second, (atoms, 3), upon the first."""
    left, _, right = np.linalg.svd(first.T @ second)
    left[:, -1] *= np.linalg.det(left) * np.linalg.det(right)
    return np.asarray(left @ right)
