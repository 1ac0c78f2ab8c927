"""Gold-thiolate rings Au_n(SR)_n, the smallest systems with two S-Au bonds on every gold.

Sulfur sits on the corners of a polygon and gold in the middle of its edges, so that every S-Au-S is straight. Corners are
displaced along the axis by +1 and -1 angstrom in turns. An odd ring cannot alternate all the way round: its last
corner stays in the plane. Edges that climb by different heights are shorter in projection; the polygon is then the one
inscribed in a circle whose edges have just those lengths, so that all S-Au bonds are equal, in odd rings too.
"""

import numpy as np
from ase import Atoms
from scipy.optimize import brentq

from auric.errors import StructureError, suggestion

S_AU_ANGSTROM = 2.32
"""Typical S-Au distance in homoleptic gold thiolates; relaxation decides the final one."""
DISPLACEMENT_ANGSTROM = 1.0
RING_SIZES = (3, 4, 5, 6)
LIGANDS = ("H", "CH3")
_S_H_ANGSTROM, _S_C_ANGSTROM, _C_H_ANGSTROM = 1.35, 1.82, 1.09


def build_ring(n: int, ligand: str = "H") -> Atoms:
    """Build Au_n(SR)_n: gold first, then sulfur, then each ligand's atoms (angstrom).

    Args:
        n: Number of gold atoms, 3 to 6.
        ligand: R, `H` or `CH3`.

    Raises:
        StructureError: If the size or the ligand is not offered.
    """
    if n not in RING_SIZES:
        raise StructureError(f"ring: n={n} is not offered; choose from {', '.join(map(str, RING_SIZES))}")
    if ligand not in LIGANDS:
        raise StructureError(f"ring: R={ligand} is not offered; {suggestion(ligand, LIGANDS)}")
    heights = DISPLACEMENT_ANGSTROM * np.where(np.arange(n) % 2 == 0, 1.0, -1.0)
    if n % 2:
        heights[-1] = 0.0
    climb = np.roll(heights, -1) - heights
    edges = np.sqrt((2 * S_AU_ANGSTROM) ** 2 - climb**2)
    angles, radius = _inscribed_polygon(edges)
    radial = np.column_stack([np.cos(angles), np.sin(angles), np.zeros(n)])
    sulfur = radius * radial + heights[:, None] * [0, 0, 1]
    gold = (sulfur + np.roll(sulfur, -1, axis=0)) / 2
    # R points away from the ring and to the corner's own side of the plane; a corner in the plane counts as above.
    outward = 0.6 * radial + np.column_stack([np.zeros((n, 2)), 0.8 * np.where(heights < 0, -1.0, 1.0)])
    if ligand == "H":
        return Atoms("Au" * n + "S" * n + "H" * n, np.vstack([gold, sulfur, sulfur + _S_H_ANGSTROM * outward]))
    carbon = sulfur + _S_C_ANGSTROM * outward
    methyl = np.vstack([_methyl(c, out) for c, out in zip(carbon, outward, strict=True)])
    return Atoms("Au" * n + "S" * n + "CHHH" * n, np.vstack([gold, sulfur, methyl]))


def _inscribed_polygon(edges: np.ndarray) -> tuple[np.ndarray, float]:
    """Angles of the corners (radian) and radius of the circle in which a polygon of these edges, (n,), closes."""

    def excess(radius: float) -> float:
        return float(np.sum(2 * np.arcsin(edges / (2 * radius))) - 2 * np.pi)

    radius = float(brentq(excess, edges.max() / 2, edges.sum()))
    return np.concatenate([[0.0], np.cumsum(2 * np.arcsin(edges / (2 * radius)))[:-1]]), radius


def _methyl(carbon: np.ndarray, outward: np.ndarray) -> np.ndarray:
    """Carbon and its three hydrogens, shape (4, 3), tetrahedral about the axis `outward` (unit vector)."""
    first = np.cross(outward, [0.0, 0.0, 1.0])
    first /= np.linalg.norm(first)
    second = np.cross(outward, first)
    turns = 2 * np.pi * np.arange(3)[:, None] / 3
    hydrogen = outward / 3 + np.sqrt(8) / 3 * (np.cos(turns) * first + np.sin(turns) * second)
    return np.vstack([carbon, carbon + _C_H_ANGSTROM * hydrogen])
