"""Whether two cores are the same: number of metal atoms, composition, and geometry.

The geometry of a core is the sorted list of distances between its metal atoms over their mean nearest distance, which
needs no order of atoms, no place and no orientation; bond lengths of other metals scale out. Two cores have one geometry if
the root mean square difference of these lists is below a tolerance.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from scipy.spatial.distance import pdist, squareform

from auric.errors import StructureError
from auric.matching.ligand_smiles import METALS
from auric.matching.splitting import core_formula

SAME_GEOMETRY = 0.08
"""Root mean square difference of scaled distances, in nearest distances: thermal motion and relaxation stay below it."""


@dataclass(frozen=True)
class CoreFingerprint:
    """What a core is.

    Attributes:
        formula: Such as `Cu20Cl`.
        nuclearity: Number of metal atoms.
        distances: Sorted, scaled distances between them, shape (nuclearity (nuclearity - 1) / 2,).
    """

    formula: str
    nuclearity: int
    distances: np.ndarray


def core_fingerprint(core: Atoms) -> CoreFingerprint:
    """Fingerprint of a core.

    Raises:
        StructureError: If it holds no metal.
    """
    metals = core.positions[np.isin(core.numbers, list(METALS))]
    if not len(metals):
        raise StructureError(f"core {core.get_chemical_formula()}: no metal in it; give a core such as Au13 or Cu20Cl")
    distances = pdist(metals)
    if len(distances):
        square = squareform(distances)
        np.fill_diagonal(square, np.inf)
        distances = np.sort(distances) / square.min(axis=1).mean()
    return CoreFingerprint(core_formula(core), len(metals), distances)


def geometry_difference(first: CoreFingerprint, second: CoreFingerprint) -> float:
    """Root mean square difference of their scaled distances; infinite for different numbers of metal atoms."""
    if first.nuclearity != second.nuclearity:
        return float("inf")
    difference = first.distances - second.distances
    return float(np.sqrt(np.mean(difference**2))) if len(difference) else 0.0


def geometry_groups(fingerprints: Sequence[CoreFingerprint], *, tolerance: float = SAME_GEOMETRY) -> np.ndarray:
    """Number of the geometry of each core, shape (n,), from 0 in the order of first appearance.

    Cores are in one group if a chain of cores, each within the tolerance of the next, joins them.
    """
    group = np.arange(len(fingerprints))
    for i, first in enumerate(fingerprints):
        for j in range(i):
            if group[i] != group[j] and geometry_difference(first, fingerprints[j]) <= tolerance:
                group[group == max(group[i], group[j])] = min(group[i], group[j])
    return np.unique(group, return_inverse=True)[1]
