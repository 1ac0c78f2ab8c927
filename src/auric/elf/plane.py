"""Square planes on bonds: S (or what the rule of bonds has left) at the left mid-edge, Au at the right, a third atom in the upper half.

The side of the square is the bond length, so that every image shows the same picture whatever the bond's length.
"""

from typing import NamedTuple

import numpy as np
from ase import Atoms

from auric.structures.bonds import Bond


class Plane(NamedTuple):
    """One plane of a bond.

    Attributes:
        bond: The bond it contains.
        third_atom: Index of the atom that lies in its upper half.
        origin_angstrom: Position of the left atom, shape (3,): the point x = 0, y = 1/2 of the square.
        along: Unit vector from the left to the right atom, shape (3,): the direction of x.
        up: Unit vector towards the third atom, shape (3,), perpendicular to `along`: the direction of y.
    """

    bond: Bond
    third_atom: int
    origin_angstrom: np.ndarray
    along: np.ndarray
    up: np.ndarray

    def points_angstrom(self, pixels: int) -> np.ndarray:
        """Pixel centres, shape (pixels, pixels, 3), angstrom; first index y, from below, second x, from the left atom."""
        centres = (np.arange(pixels) + 0.5) / pixels
        x, y = centres[None, :, None], centres[:, None, None] - 0.5
        return np.asarray(self.origin_angstrom + self.bond.length_angstrom * (x * self.along + y * self.up))


def planes_of_bond(
    atoms: Atoms, bond: Bond, *, planes: int = 7, min_perpendicular_angstrom: float = 0.3
) -> tuple[list[Plane], dict[int, str]]:
    """Planes through a bond and each of the other atoms nearest to its midpoint.

    Args:
        atoms: The structure (positions in angstrom).
        bond: A bond of it.
        planes: How many other atoms are considered.
        min_perpendicular_angstrom: Nearer than this to the bond's line, an atom does not define a plane.

    Returns:
        The planes, nearest atom first, and for the atoms without a plane their index and the reason.
    """
    left, right = atoms.positions[bond.left], atoms.positions[bond.right]
    along = (right - left) / np.linalg.norm(right - left)
    from_midpoint = atoms.positions - (left + right) / 2
    # Rounded, so that atoms at equal distances by symmetry come in the order of their indices on every machine.
    distances = np.round(np.linalg.norm(from_midpoint, axis=1), 6)
    others = [int(i) for i in np.argsort(distances, kind="stable") if i not in (bond.left, bond.right)][:planes]
    made, refused = [], {}
    for third in others:
        perpendicular = from_midpoint[third] - along * (from_midpoint[third] @ along)
        height = float(np.linalg.norm(perpendicular))
        if height < min_perpendicular_angstrom:
            refused[third] = f"collinear third atom ({height:.3f} angstrom from the line of the bond)"
        else:
            made.append(Plane(bond, third, left, along, perpendicular / height))
    return made, refused
