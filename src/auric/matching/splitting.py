"""A cluster taken apart: its inorganic core, and the ligands around it.

What holds no carbon and is one atom of a halogen, a chalcogen or hydrogen belongs to the core, as in Cu20Cl; all other
pieces of non-metal atoms that touch a metal are ligands, and pieces that touch none are solvent or counter-ions.
"""

from collections import Counter
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.data import covalent_radii
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from auric.errors import StructureError
from auric.matching.ligand_smiles import METALS, bonded_pairs, perceived_smiles

CORE_ATOMS = frozenset([1, 8, 9, 16, 17, 34, 35, 52, 53])
"""Atomic numbers that belong to the core where they stand alone: hydride, halides, chalcogenides."""
ENDING = frozenset([8, 16])
"""Of these, an atom alone on one metal is rarely an oxide or sulfide, and often a ligand whose hydrogen atoms are missing."""
TOUCH = 1.3
"""A metal and an atom nearer than this times the sum of their covalent radii are bonded."""
METAL_TOUCH = 1.35
"""Likewise two metals."""
METAL_OVERLAP = 0.7
"""A metal and an atom nearer than this times the sum of their covalent radii are no structure: 1.90 angstrom for two Au, 1.14 for Cu and H."""
OVERLAP_ANGSTROM = 0.6
"""Likewise two atoms that are no metals."""


@dataclass(frozen=True)
class Split:
    """A cluster as core and ligands.

    Attributes:
        core: Metals and their halide, hydride and chalcogenide atoms.
        ligands: SMILES of every ligand, protonated and canonical, one for each piece, sorted.
        dropped: What of the file is neither, and why.
        suspicious: What is kept and may be wrong, and why.
        compound: Formula of both together, without what was dropped (`standard_formula`).
    """

    core: Atoms
    ligands: tuple[str, ...]
    dropped: tuple[tuple[str, str], ...] = ()
    compound: str = ""
    suspicious: tuple[tuple[str, str], ...] = ()

    @property
    def ligand_set(self) -> str:
        """The kinds of ligands, each once, joined by '.'."""
        return ".".join(sorted(set(self.ligands)))

    @property
    def nuclearity(self) -> int:
        """Number of metal atoms."""
        return int(np.isin(self.core.numbers, list(METALS)).sum())

    @property
    def formula(self) -> str:
        """The core's, metals first in the order of Hill."""
        return core_formula(self.core)


def core_formula(core: Atoms) -> str:
    """Composition of a core: metals by falling number, then the others, such as `Cu20Cl`."""
    counts = Counter(core.symbols)
    order = sorted(counts, key=lambda symbol: (not _is_metal(symbol), -counts[symbol], symbol))
    return "".join(f"{symbol}{counts[symbol] if counts[symbol] > 1 else ''}" for symbol in order)


def _is_metal(symbol: str) -> bool:
    from ase.data import atomic_numbers

    return atomic_numbers[symbol] in METALS


def split_cluster(atoms: Atoms) -> Split:
    """Take a cluster apart.

    Of several equal clusters in a file the first is kept, the others are dropped; so are solvent, counter-ions, and metal
    complexes much smaller than the cluster.

    Args:
        atoms: Positions in angstrom, all hydrogen atoms with them; not periodic.

    Raises:
        StructureError: If there is no metal, no ligand, atoms overlap, or several different clusters of like size.
    """
    metal = np.isin(atoms.numbers, list(METALS))
    if not metal.any():
        raise StructureError(f"{atoms.get_chemical_formula()}: no metal in it; give a cluster, or a core, with metal")
    _check_distances(atoms)
    pairs = bonded_pairs(atoms)
    piece_of = _pieces(len(atoms), pairs)
    touching = _touching(atoms, metal)
    cluster_of = _pieces(len(atoms), np.vstack([pairs, touching]))
    with_metal = Counter(int(cluster_of[i]) for i in np.flatnonzero(metal))
    kept, dropped = _choose(atoms, cluster_of, with_metal)
    donors = set(touching.ravel()[~metal[touching.ravel()]].tolist())
    bonds = Counter(touching[~metal[touching[:, 1]], 1].tolist())
    core, ligands, suspicious = [], [], []
    for piece in sorted(set(piece_of[(cluster_of == kept) & ~metal].tolist())):
        members = np.flatnonzero(piece_of == piece)
        if len(members) == 1 and int(atoms.numbers[members[0]]) in CORE_ATOMS:
            core.append(int(members[0]))
            if int(atoms.numbers[members[0]]) in ENDING and bonds[int(members[0])] == 1:
                name = f"{atoms.symbols[members[0]]} (atom {members[0] + 1}) on one metal"
                suspicious.append(
                    (
                        name,
                        "part of the core here; if it is water, hydroxide or a thiol without its hydrogen atoms, add them",
                    )
                )
            continue
        place = {int(old): new for new, old in enumerate(members)}
        inside = np.array([[place[int(i)], place[int(j)]] for i, j in pairs if int(i) in place], dtype=int).reshape(
            -1, 2
        )
        bound = [place[i] for i in donors if i in place]
        ligands.append(perceived_smiles(Atoms(atoms.numbers[members], atoms.positions[members]), inside, bound))
    core += np.flatnonzero(metal & (cluster_of == kept)).tolist()
    found = Atoms(atoms.numbers[sorted(core)], atoms.positions[sorted(core)])
    return Split(found, tuple(sorted(ligands)), tuple(dropped), _formula(atoms, cluster_of == kept), tuple(suspicious))


def check_core(core: Atoms) -> None:
    """Refuse what is no core.

    Raises:
        StructureError: If it holds no metal, carbon, overlapping atoms, or falls into fragments.
    """
    name = core.get_chemical_formula()
    metal = np.isin(core.numbers, list(METALS))
    if not metal.any():
        raise StructureError(f"core {name}: no metal in it; give a core such as Au13 or Cu20Cl")
    if strange := sorted({str(core.symbols[i]) for i in np.flatnonzero(~metal) if core.numbers[i] not in CORE_ATOMS}):
        raise StructureError(
            f"core {name}: holds {', '.join(strange)}, which no inorganic core does; give a whole cluster or its core alone"
        )
    _check_distances(core)
    count = len(set(_pieces(len(core), _touching(core, metal, spread=1.6)).tolist()))
    if count > 1:
        raise StructureError(f"core {name}: {count} disconnected fragments; give one core")


def _check_distances(atoms: Atoms) -> None:
    distances = atoms.get_all_distances()
    np.fill_diagonal(distances, np.inf)
    radii = covalent_radii[atoms.numbers]
    metal = np.isin(atoms.numbers, list(METALS))
    least = np.where(metal[:, None] | metal[None], METAL_OVERLAP * (radii[:, None] + radii[None]), OVERLAP_ANGSTROM)
    shares = distances / least
    if shares.size and shares.min() < 1:
        i, j = divmod(int(shares.argmin()), len(atoms))
        raise StructureError(
            f"atoms {i + 1} ({atoms.symbols[i]}) and {j + 1} ({atoms.symbols[j]}) are {distances[i, j]:.2f} angstrom apart, no bond is "
            f"below {least[i, j]:.2f}; give coordinates in angstrom, without disorder and duplicates"
        )


def _touching(atoms: Atoms, metal: np.ndarray, spread: float = METAL_TOUCH) -> np.ndarray:
    """Pairs of a metal and any atom that touch, shape (pairs, 2)."""
    radii = covalent_radii[atoms.numbers]
    metals = np.flatnonzero(metal)
    distances = np.linalg.norm(atoms.positions[metals][:, None] - atoms.positions[None], axis=-1)
    shares = distances / (radii[metals][:, None] + radii[None])
    limit = np.where(metal, spread, TOUCH if spread == METAL_TOUCH else spread)
    # Hydrogen atoms of ligands come near metals without being bound; only one that stands alone is a hydride.
    bound = np.zeros(len(atoms), dtype=bool)
    pairs = bonded_pairs(atoms)
    bound[pairs.ravel()] = True
    limit = np.where((atoms.numbers == 1) & bound, 0.0, limit)
    first, second = np.nonzero(shares < limit)
    found = np.column_stack([metals[first], second])
    return np.asarray(found[found[:, 0] != found[:, 1]])


def _pieces(count: int, pairs: np.ndarray) -> np.ndarray:
    """Number of the connected piece that each atom belongs to, shape (count,)."""
    matrix = csr_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    return np.asarray(connected_components(matrix, directed=False)[1])


def _choose(atoms: Atoms, cluster_of: np.ndarray, with_metal: Counter[int]) -> tuple[int, list[tuple[str, str]]]:
    """The cluster to keep, and what is dropped beside it."""
    most = max(with_metal.values())
    largest = [cluster for cluster, metals in with_metal.items() if metals == most]
    formulas = {cluster: _formula(atoms, cluster_of == cluster) for cluster in set(cluster_of.tolist())}
    kept = min(largest, key=lambda cluster: int(np.flatnonzero(cluster_of == cluster)[0]))
    dropped = []
    for cluster in sorted(set(cluster_of.tolist()) - {kept}):
        formula = formulas[cluster]
        if cluster not in with_metal:
            dropped.append((formula, "solvent or counter-ion: touches no metal"))
        elif formula == formulas[kept]:
            dropped.append((formula, "duplicate: the file holds the same cluster again"))
        elif with_metal[cluster] * 2 <= most and most > 2:
            dropped.append((formula, "metal complex smaller than the cluster"))
        else:
            raise StructureError(
                f"the file holds {formulas[kept]} and {formula}, disconnected fragments of like size; keep one"
            )
    return kept, dropped


def _formula(atoms: Atoms, chosen: np.ndarray) -> str:
    return str(Atoms(atoms.numbers[chosen]).get_chemical_formula())
