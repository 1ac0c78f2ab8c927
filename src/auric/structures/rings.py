"""Gold-thiolate rings Au_n(SR)_n, the smallest systems with two S-Au bonds on every gold, and those of silver and copper.

Sulfur sits on the corners of a polygon and gold in the middle of its edges, so that every S-Au-S is straight. R lies above
or below the ring (U or D); its corner is displaced to the same side by 1 angstrom. An odd ring cannot alternate all the
way round: where just one pair of neighbours is alike, the first of them stays in the plane. Edges that climb by different
heights are shorter in projection; the polygon is then the one inscribed in a circle whose edges have just those lengths,
so that all S-Au bonds are equal, in odd rings too.
"""

from itertools import product

import numpy as np
from ase import Atoms
from scipy.optimize import brentq

from auric.errors import StructureError
from auric.structures.ligands import LIGANDS, S_C_ANGSTROM, S_H_ANGSTROM, Ligand, attach, methyl, short_hand

S_AU_ANGSTROM = 2.32
"""Typical S-Au distance in homoleptic gold thiolates; relaxation decides the final one."""
S_METAL_ANGSTROM = {"Au": S_AU_ANGSTROM, "Ag": 2.41, "Cu": 2.28}
"""The same of the other coinage metals: sums of covalent radii (doi:10.1039/b801115j) less what gold lies below its own, 0.09; relaxation decides."""
DISPLACEMENT_ANGSTROM = 1.0
RING_SIZES = (3, 4, 5, 6, 7, 8)


def build_ring(n: int, ligand: str | Ligand = "H", updown: str = "", metal: str = "Au") -> Atoms:
    """Build Au_n(SR)_n, or that of another metal: metal first, then sulfur, then each ligand's atoms (angstrom).

    Args:
        n: Number of gold atoms, 3 to 8.
        ligand: R, `H` or `CH3`, or one made by `thiol_ligand`.
        updown: Side of each R, n letters U or D (`ring_conformers`); by default they alternate, U first.
        metal: `Au`, `Ag` or `Cu`.

    Raises:
        StructureError: If the size, the ligand, the sides or the metal are not offered.
    """
    _check_size(n)
    if metal not in S_METAL_ANGSTROM:
        raise StructureError(f"ring: metal={metal[:20]} is not offered; choose from {', '.join(S_METAL_ANGSTROM)}")
    if isinstance(ligand, str):
        ligand = short_hand(ligand)
    sides = updown or _alternating(n)
    if len(sides) != n or set(sides) - set("UD"):
        raise StructureError(f"ring: updown={updown[:40]} is wrong; give {n} letters U or D, one for each R")
    up = np.array([side == "U" for side in sides])
    heights = DISPLACEMENT_ANGSTROM * np.where(up, 1.0, -1.0)
    alike = np.flatnonzero(up == np.roll(up, -1))
    if len(alike) == 1:
        heights[alike] = 0.0
    climb = np.roll(heights, -1) - heights
    edges = np.sqrt((2 * S_METAL_ANGSTROM[metal]) ** 2 - climb**2)
    angles, radius = _inscribed_polygon(edges)
    radial = np.column_stack([np.cos(angles), np.sin(angles), np.zeros(n)])
    sulfur = radius * radial + heights[:, None] * [0, 0, 1]
    metals = (sulfur + np.roll(sulfur, -1, axis=0)) / 2
    # R points away from the ring and to its own side of the plane.
    outward = 0.6 * radial + np.column_stack([np.zeros((n, 2)), 0.8 * np.where(up, 1.0, -1.0)])
    axis = np.array([0.0, 0.0, 1.0])
    if ligand is LIGANDS["H"]:
        return Atoms(metal * n + "S" * n + "H" * n, np.vstack([metals, sulfur, sulfur + S_H_ANGSTROM * outward]))
    if ligand is LIGANDS["CH3"]:
        carbon = sulfur + S_C_ANGSTROM * outward
        groups = np.vstack([methyl(c, out, axis) for c, out in zip(carbon, outward, strict=True)])
        return Atoms(metal * n + "S" * n + "CHHH" * n, np.vstack([metals, sulfur, groups]))
    framework = Atoms(metal * n + "S" * n, np.vstack([metals, sulfur]))
    atoms = attach(framework, range(n, 2 * n), outward, np.tile(axis, (n, 1)), ligand)
    atoms.positions = np.round(atoms.positions, 6) + 0.0
    return atoms


def ring_conformers(n: int) -> list[str]:
    """Patterns of R above (U) and below (D) a ring that no turn of it, mirror image or exchange of sides makes equal.

    Args:
        n: Number of gold atoms, 3 to 8.

    Returns:
        Words for `build_ring`, the default one first.

    Raises:
        StructureError: If the size is not offered.
    """
    _check_size(n)
    exchange = str.maketrans("UD", "DU")
    found: dict[str, str] = {}
    for word in [_alternating(n), *map("".join, product("UD", repeat=n))]:
        turned = [each[k:] + each[:k] for each in (word, word[::-1]) for k in range(n)]
        found.setdefault(max(turned + [each.translate(exchange) for each in turned]), word)
    return list(found.values())


def _alternating(n: int) -> str:
    return ("UD" * n)[:n]


def _check_size(n: int) -> None:
    if n not in RING_SIZES:
        raise StructureError(f"ring: n={n} is not offered; choose from {', '.join(map(str, RING_SIZES))}")


def _inscribed_polygon(edges: np.ndarray) -> tuple[np.ndarray, float]:
    """Angles of the corners (radian) and radius of the circle in which a polygon of these edges, (n,), closes."""

    def excess(radius: float) -> float:
        return float(np.sum(2 * np.arcsin(edges / (2 * radius))) - 2 * np.pi)

    radius = float(brentq(excess, edges.max() / 2, edges.sum()))
    return np.concatenate([[0.0], np.cumsum(2 * np.arcsin(edges / (2 * radius)))[:-1]]), radius
