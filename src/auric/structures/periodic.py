"""Clusters in periodic cells: the pieces that a cell's boundary cut apart, put together again."""

from collections.abc import Sequence

import numpy as np
from ase import Atoms
from ase.data import covalent_radii
from ase.geometry import cellpar_to_cell
from ase.neighborlist import neighbor_list
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order, connected_components, minimum_spanning_tree

from auric.errors import StructureError

BOND_SHARE = 1.25
"""Atoms nearer than this multiple of the sum of their covalent radii are bonded; Au-Au: 3.4 angstrom, Au-S: 3.0."""

LINK_ANGSTROM = 6.0
"""Parts of a cluster that nothing binds (the two rings of a catenane) may be this far apart."""

LEAST_HEIGHT_ANGSTROM = 1.0
WIDEST_ANGSTROM = 1e5
"""Neighbours in flatter cells, or in wider ones, would take more memory than there is."""

LEAST_VOLUME_ANGSTROM3 = 3.0
"""Per atom; diamond, the densest packing of atoms, has 5.7. Guards against cells with millions of neighbours."""


def cell_vectors(edges_angstrom: Sequence[float], angles_degree: Sequence[float], where: str) -> np.ndarray:
    """Lattice vectors (3 x 3, angstrom, rows) of a cell given by edges and angles.

    Raises:
        StructureError: If no such cell exists, or it is flat.
    """
    a, b, c = np.cos(np.radians(angles_degree))
    squared_volume = 1 - a * a - b * b - c * c + 2 * a * b * c  # of the cell with edges 1
    good = all(edge > 0 for edge in edges_angstrom) and all(0 < angle < 180 for angle in angles_degree)
    if not (good and squared_volume > 1e-6):
        raise StructureError(f"{where}: no cell has edges {edges_angstrom} and angles {angles_degree}; correct it")
    return np.asarray(cellpar_to_cell([*edges_angstrom, *angles_degree]))


def whole_cluster(atoms: Atoms) -> Atoms:
    """Move atoms by lattice vectors until the cluster hangs together, and drop the cell.

    Every atom is tied to its nearest image neighbours along the minimum spanning tree of all pairs, distances counted
    in sums of covalent radii. The result is unique only if no other image is as near as the tree's links, so anything
    else is refused. A cluster that is whole as listed keeps its coordinates to the last digit.

    Args:
        atoms: Structure with cell (angstrom) and periodicity along at least one axis.

    Raises:
        StructureError: If bonds run on through the cell (a crystal, wire or surface), parts lie so that another image
            is as near, parts are further apart than `LINK_ANGSTROM`, or the cell is too small.
    """
    check_cell(atoms)
    first, second, lengths, images = neighbor_list("ijdS", atoms, LINK_ANGSTROM)
    radii = covalent_radii[atoms.numbers]
    ratios = np.maximum(lengths / (radii[first] + radii[second]), 1e-9)  # a sparse graph takes 0 for no edge
    tree, nearest = _spanning_tree(len(atoms), first, second, ratios)
    parts = connected_components(tree, directed=False)[0]
    if parts > 1:
        raise StructureError(
            f"{parts} parts lie further than {LINK_ANGSTROM:g} angstrom apart, so their relative places in the cell "
            "mean nothing; keep one cluster, with the others left out"
        )
    shifts = np.zeros((len(atoms), 3), dtype=int)
    order, before = breadth_first_order(tree, 0, directed=False)
    for atom in order[1:]:
        shifts[atom] = shifts[before[atom]] + images[nearest[before[atom], atom]]
    limit = max(BOND_SHARE, float(tree.data.max(initial=0.0)))
    astray = (ratios <= limit) & (images != shifts[second] - shifts[first]).any(axis=1)
    if astray.any():
        worst = np.flatnonzero(astray)[ratios[astray].argmin()]
        pair = " and ".join(f"{i + 1} ({atoms.symbols[i]})" for i in (first[worst], second[worst]))
        if ratios[worst] <= BOND_SHARE:
            raise StructureError(
                f"not a cluster but a crystal, wire or surface: atoms {pair} are bonded across the cell "
                f"({lengths[worst]:.2f} angstrom) after the pieces were put together; cut one cluster out and save it as xyz"
            )
        raise StructureError(
            f"holds separate molecules packed so closely (atoms {pair}, {lengths[worst]:.2f} angstrom) that it is not "
            "certain which images belong together; save the wanted cluster as xyz"
        )
    return Atoms(atoms.numbers, atoms.positions + shifts @ atoms.cell.array)


def check_cell(atoms: Atoms) -> None:
    """Refuse cells whose neighbours would take more memory than there is.

    Raises:
        StructureError: A cell that is too wide, too flat, or too small for its atoms.
    """
    edges = atoms.cell.lengths()
    if not (
        edges.max() <= WIDEST_ANGSTROM and atoms.cell.volume >= LEAST_HEIGHT_ANGSTROM * _largest_face(atoms.cell.array)
    ):
        raise StructureError(
            f"no cluster fits into a cell with edges {edges.round(3).tolist()}; correct the cell, or leave it out if it means nothing"
        )
    if not atoms.cell.volume > LEAST_VOLUME_ANGSTROM3 * len(atoms):
        raise StructureError(
            f"{len(atoms)} atoms do not fit into a cell of {atoms.cell.volume:.1f} cubic angstrom; "
            "correct the cell, or leave it out if it means nothing"
        )


def _largest_face(cell: np.ndarray) -> float:
    return max(float(np.linalg.norm(np.cross(cell[i], cell[i - 1]))) for i in range(3))


def _spanning_tree(
    count: int, first: np.ndarray, second: np.ndarray, ratios: np.ndarray
) -> tuple[csr_array, dict[tuple[int, int], int]]:
    """Minimum spanning tree over the nearest images, and for each ordered pair the number of its nearest image."""
    order = np.lexsort((ratios, second, first))
    _, begins = np.unique(first[order] * count + second[order], return_index=True)
    chosen = order[begins]
    chosen = chosen[first[chosen] != second[chosen]]  # an atom and its own image
    i, j = first[chosen], second[chosen]
    tree = minimum_spanning_tree(csr_array((ratios[chosen], (i, j)), shape=(count, count)))
    return csr_array(tree), dict(zip(zip(i.tolist(), j.tolist(), strict=True), chosen.tolist(), strict=True))
