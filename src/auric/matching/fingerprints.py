"""Whether two cores are the same: number of metal atoms, composition, and geometry.

Every metal atom has a profile: its sorted distances to the other metal atoms, over the core's mean nearest distance. The
difference of two cores is the root mean square difference of profiles, atoms paired so that it is least; it needs no order of atoms, no
place and no orientation, and bond lengths of other metals scale out. Cores have one geometry if it is below a tolerance. (One
sorted list of all distances is not enough: it takes the isomers Q and T of Au38(SCH3)24 for nearer than a core and its relaxed self.)

A core is an edit of another if one or two metal atoms less make it of it, as Cu20Cl and Cu19Cl: such cores are near duplicates, too.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers
from ase.formula import Formula
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from auric.errors import StructureError
from auric.matching.ligand_smiles import METALS
from auric.matching.splitting import core_formula

SAME_GEOMETRY = 0.09
"""In nearest distances. Relaxation of built cores moves it by 0.06, as do shifts of 0.1 angstrom; isomers differ by 0.13 and more."""
MOST_EDITED, EDITED_SHARE = 2, 0.1
"""So many metal atoms an edit takes away at most, and such a share of them; of smaller cores an atom less makes another core altogether."""


@dataclass(frozen=True)
class CoreFingerprint:
    """What a core is.

    Attributes:
        formula: Such as `Cu20Cl`.
        nuclearity: Number of metal atoms.
        profiles: For each of them its sorted, scaled distances to the others, shape (nuclearity, nuclearity - 1).
    """

    formula: str
    nuclearity: int
    profiles: np.ndarray


def core_fingerprint(core: Atoms) -> CoreFingerprint:
    """Fingerprint of a core.

    Raises:
        StructureError: If it holds no metal.
    """
    metals = core.positions[np.isin(core.numbers, list(METALS))]
    if not len(metals):
        raise StructureError(f"core {core.get_chemical_formula()}: no metal in it; give a core such as Au13 or Cu20Cl")
    profiles = np.sort(cdist(metals, metals), axis=1)[:, 1:]
    if profiles.size:
        profiles /= profiles[:, 0].mean()
    return CoreFingerprint(core_formula(core), len(metals), profiles)


def geometry_difference(first: CoreFingerprint, second: CoreFingerprint) -> float:
    """Root mean square difference of their paired profiles; infinite for different numbers of metal atoms."""
    if first.nuclearity != second.nuclearity:
        return float("inf")
    if not first.profiles.size:
        return 0.0
    squares = cdist(first.profiles, second.profiles, "sqeuclidean") / first.profiles.shape[1]
    return float(np.sqrt(squares[linear_sum_assignment(squares)].mean()))


def edited(first: CoreFingerprint, second: CoreFingerprint, *, tolerance: float = SAME_GEOMETRY) -> bool:
    """Whether one core is the other with one or two metal atoms less, those that are left in the same places.

    Their metals may differ by as many atoms (an atom less and another exchanged is an edit of two). Profiles of the smaller core are
    paired with those of the larger, from which the distances to atoms taken away are left out that fit worst. Which atoms these are is
    left open for each pair, so the difference is a lower bound: some cores count as edits that are none, none the other way round.
    """
    small, large = sorted((first, second), key=lambda each: each.nuclearity)
    missing = large.nuclearity - small.nuclearity
    if not 1 <= missing <= min(MOST_EDITED, EDITED_SHARE * large.nuclearity) or _exchanged(small, large) > MOST_EDITED:
        return False
    squares = _least_squares(small.profiles, large.profiles) / small.profiles.shape[1]
    return bool(np.sqrt(squares[linear_sum_assignment(squares)].mean()) <= tolerance)


def _exchanged(small: CoreFingerprint, large: CoreFingerprint) -> int:
    """How many metal atoms must be taken from the larger core or become others, to leave the metals of the smaller."""
    counts = [Formula(each.formula).count() for each in (small, large)]
    return sum(
        max(0, number - counts[0].get(symbol, 0)) for symbol, number in counts[1].items() if atomic_numbers[symbol] in METALS
    )  # fmt: skip


def _least_squares(small: np.ndarray, large: np.ndarray) -> np.ndarray:
    """Least sums of squared differences of sorted profiles, shape (small, large), where the longer ones leave entries out."""
    missing = large.shape[1] - small.shape[1]
    # best[m]: of the entries so far, where m of the longer profile are left out; each step may leave out more.
    best = np.zeros((missing + 1, len(small), len(large)))
    for place in range(small.shape[1]):
        best = np.minimum.accumulate(best, axis=0)
        best += np.array([(small[:, None, place] - large[None, :, place + m]) ** 2 for m in range(missing + 1)])
    return np.asarray(best.min(axis=0))


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
