"""Ideal gold cores and which of their atoms each staple joins ("divide and protect", doi:10.1021/jp0619787).

Cores are polyhedra of one typical length; nothing is taken from a file. Which surface atoms a staple joins and the side
on which each R lies are the published connectivity of the crystal structures.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from auric.errors import StructureError, suggestion

RADIUS_ANGSTROM = 2.8
"""Centre to corner of a gold icosahedron inside a cluster; its edges are 5 % longer."""
_GOLDEN = (1 + 5**0.5) / 2


@dataclass(frozen=True)
class Staple:
    """A unit SR-(Au-SR)n over the core.

    Attributes:
        golds: Number of its gold atoms, n.
        anchors: Core atoms that its first and its last sulfur are bound to.
        centre_angstrom: Point about which it arches, shape (3,).
        sides: U or D for the R of each of its n + 1 sulfur atoms, by default.
    """

    golds: int
    anchors: tuple[int, int]
    centre_angstrom: np.ndarray
    sides: str


@dataclass(frozen=True)
class Core:
    """A gold core and the staples over it.

    Attributes:
        name: Such as `Au13`.
        units: Its staples, such as `6xn2`.
        positions_angstrom: Gold atoms, shape (atoms, 3).
        staples: Those of one kind together.
    """

    name: str
    units: str
    positions_angstrom: np.ndarray
    staples: tuple[Staple, ...]


def ideal_core(name: str, units: str) -> Core:
    """An ideal core and its staples.

    Args:
        name: `Au13` or `Au23`.
        units: `6xn2` over Au13 makes Au25(SR)18; `6xn2+3xn1` over Au23 makes Au38(SR)24, isomer Q.

    Raises:
        StructureError: If there is no such core, or it is not offered with these units.
    """
    if name not in CORES:
        raise StructureError(f"core={name[:40]} is not offered; {suggestion(name, list(CORES))}")
    core = CORES[name]()
    if units != core.units:
        raise StructureError(f"core={name} is not offered with units={units[:40]}; give units={core.units}")
    return core


def icosahedron() -> np.ndarray:
    """Corners of an icosahedron about the origin (angstrom), shape (12, 3)."""
    signs = [(first, second) for first in (1, -1) for second in (1, -1)]
    corners = [np.roll([0.0, first, second * _GOLDEN], turn) for turn in range(3) for first, second in signs]
    return np.asarray(np.array(corners) * RADIUS_ANGSTROM / np.hypot(1, _GOLDEN))


def _au13() -> Core:
    """An icosahedron with its centre; each staple arches over an edge and joins the corners left and right of it.

    Those six edges lie across the three axes, and every corner is joined once. By default the two outer R of a staple
    are trans and inversion is kept, as in the crystal (doi:10.1021/ja800561b, doi:10.1021/ja801173r).
    """
    positions = np.vstack([np.zeros(3), icosahedron()])
    ends = [(axis, sign) for axis in range(3) for sign in (1, -1)]
    sides = ("DUU", "UUD", "UUD", "DUU", "UUD", "DUU")
    staples = []
    for (axis, sign), word in zip(ends, sides, strict=True):
        third, fourth = np.argsort(-sign * positions[:, axis], kind="stable")[2:4]  # the edge itself is highest
        staples.append(Staple(2, (int(third), int(fourth)), np.zeros(3), word))
    return Core("Au13", "6xn2", positions, tuple(staples))


def _au23() -> Core:
    """Two icosahedra with a face in common; the staples leave D3 of the core's D3h.

    About the threefold axis, z, each half has layers of three: first (its end), second, third and the shared face. Long
    staples join first and third layer and wind the same way in both halves, short ones join the second layers
    (doi:10.1021/ja103592z, doi:10.1021/ja102934q).
    """
    edge = RADIUS_ANGSTROM * np.sqrt(2 - 2 / np.sqrt(5))
    narrow, wide = edge / np.sqrt(3), edge / np.sqrt(3) * _GOLDEN
    far, near = (np.sqrt(RADIUS_ANGSTROM**2 - radius**2) for radius in (narrow, wide))
    shared = _triangle(narrow, 0.0, turned=True)
    half = [_triangle(narrow, 2 * far), _triangle(wide, far + near, turned=True), _triangle(wide, far - near)]
    upper = np.vstack([[0, 0, far], *half])
    positions = np.vstack([shared, upper, upper * [1, 1, -1]])
    first, second, third = 4, 7, 10  # in the upper half; those of the lower one come `below` later
    below, origin = len(upper), np.zeros(3)
    long = [Staple(2, (first + k, third + (k + 1) % 3), upper[0], "UDU") for k in range(3)]
    long += [Staple(2, (first + below + k, third + below + (k - 1) % 3), -upper[0], "UDU") for k in range(3)]
    short = [Staple(1, (second + k, second + below + k), origin, "UD") for k in range(3)]
    return Core("Au23", "6xn2+3xn1", positions, (*long, *short))


def _triangle(radius: float, height: float, *, turned: bool = False) -> np.ndarray:
    """Corners of a triangle about the z axis, shape (3, 3); the first along x, or turned by 60 degrees."""
    angles = 2 * np.pi / 3 * np.arange(3) + (np.pi / 3 if turned else 0.0)
    return np.column_stack([radius * np.cos(angles), radius * np.sin(angles), np.full(3, height)])


CORES: dict[str, Callable[[], Core]] = {"Au13": _au13, "Au23": _au23}
