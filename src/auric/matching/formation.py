"""Formation energies of bare clusters of one element: the table, the liquid-drop line, and folds over sizes.

The energy of a cluster of N atoms follows its bulk, its surface and its edges, E/N = a + b N^(-1/3) + c N^(-2/3), with three
numbers for each element (a liquid drop; for metal clusters: Ino, J. Phys. Soc. Jpn. 27, 941 (1969), doi:10.1143/JPSJ.27.941).
The formation energy of a cluster is E/N - a: its energy per atom beside that of the endless solid, with a, the reference
energy of its element, fitted to the clusters that are learned from.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols

from auric.errors import InputError
from auric.files import read_frames

ENERGY_KEYS = ("energy_ev", "dft_energy")
LEAST_CLUSTERS = 4
"""An element with fewer has no line of its own."""
LARGE = 40
"""Clusters of more atoms are large: predicted from the others where a split is named `larger`."""
FURTHEST = 5.0
"""Clusters further off their line than so many standard deviations are learned as if they were so far."""
HUBER_SDS = 1.5
"""Energies further off the line than so many standard deviations count by their distance, not its square."""

COHESIVE_EV = {
    "Li": 1.63, "Be": 3.32, "B": 5.81, "C": 7.37, "Na": 1.113, "Mg": 1.51, "Al": 3.39, "Si": 4.63, "P": 3.43, "S": 2.85, "K": 0.934, "Ca": 1.84,
    "Sc": 3.90, "Ti": 4.85, "V": 5.31, "Cr": 4.10, "Mn": 2.92, "Fe": 4.28, "Co": 4.39, "Ni": 4.44, "Cu": 3.49, "Zn": 1.35, "Ga": 2.81, "Ge": 3.85,
    "As": 2.96, "Se": 2.46, "Rb": 0.852, "Sr": 1.72, "Y": 4.37, "Zr": 6.25, "Nb": 7.57, "Mo": 6.82, "Ru": 6.74, "Rh": 5.75, "Pd": 3.89, "Ag": 2.95,
    "Cd": 1.16, "In": 2.52, "Sn": 3.14, "Sb": 2.75, "Te": 2.19, "Cs": 0.804, "Ba": 1.90, "Hf": 6.44, "Ta": 8.10, "W": 8.90, "Re": 8.03, "Os": 8.17,
    "Ir": 6.94, "Pt": 5.84, "Au": 3.81, "Tl": 1.88, "Pb": 2.03, "Bi": 2.18,
}  # fmt: skip
"""Cohesive energies of the elements' solids, eV/atom: Kittel, Introduction to Solid State Physics, 8th edition (Wiley, 2005), chapter 3, table 1."""


@dataclass(frozen=True)
class ClusterEnergies:
    """Bare clusters of one element each.

    Attributes:
        frames: The clusters, positions in angstrom.
        element: Atomic number of each, shape (n,).
        size: Number of atoms, shape (n,).
        energy_ev: Energy per atom, shape (n,).
        gap_ev: Gap between occupied and empty levels, shape (n,); NaN where it is not known.
    """

    frames: list[Atoms]
    element: np.ndarray
    size: np.ndarray
    energy_ev: np.ndarray
    gap_ev: np.ndarray


def read_cluster_energies(path: str | Path) -> ClusterEnergies:
    """Read clusters from extended xyz, total energies as `energy_ev` or `dft_energy`, gaps as `gap_ev`, where known (eV).

    Raises:
        InputError: If the file cannot be read, or a cluster has several elements or no finite energy.
    """
    frames = read_frames(path)
    if not frames:
        raise InputError(f"{path}: holds no clusters; give some with energies")
    energies, gaps = [], []
    for number, atoms in enumerate(frames, 1):
        given = next((atoms.info[key] for key in ENERGY_KEYS if key in atoms.info), np.nan)
        if not isinstance(given, int | float | np.number) or not np.isfinite(given):
            raise InputError(f"{path}, cluster {number}: no energy; give energy_ev=... (total, eV) in its second line")
        if len(set(atoms.numbers.tolist())) > 1:
            raise InputError(f"{path}, cluster {number}: {atoms.symbols} has several elements; here each has one")
        atoms.pbc, atoms.cell = False, None
        energies.append(float(given) / len(atoms))
        gaps.append(float(atoms.info.get("gap_ev", np.nan)))
    element = np.array([atoms.numbers[0] for atoms in frames])
    size = np.array([len(atoms) for atoms in frames])
    return ClusterEnergies(frames, element, size, np.array(energies), np.array(gaps))


def drop_terms(size: np.ndarray) -> np.ndarray:
    """1, N^(-1/3) and N^(-2/3), shape (n, 3)."""
    root = np.asarray(size, dtype=float) ** (-1 / 3)
    return np.column_stack([np.ones(len(root)), root, root**2])


@dataclass(frozen=True)
class DropLines:
    """Liquid-drop lines of elements.

    Attributes:
        elements: Atomic numbers, rising, shape (elements,).
        terms_ev: a, b and c of each, shape (elements, 3); a is the reference energy.
        spread_ev: How far clusters lie off the line (a robust standard deviation, eV/atom), shape (elements,).
    """

    elements: np.ndarray
    terms_ev: np.ndarray
    spread_ev: np.ndarray

    def place(self, element: np.ndarray) -> np.ndarray:
        """Row of each element, shape (n,).

        Raises:
            InputError: An element without a line.
        """
        rows = np.searchsorted(self.elements, element)
        missing = (rows >= len(self.elements)) | (self.elements[np.minimum(rows, len(self.elements) - 1)] != element)
        if missing.any():
            symbol = chemical_symbols[int(np.asarray(element)[missing][0])]
            raise InputError(f"element {symbol}: no clusters of it were learned from, so it has no line; add some")
        return rows

    def predict(self, element: np.ndarray, size: np.ndarray) -> np.ndarray:
        """Energies per atom, eV, shape (n,)."""
        return np.asarray((self.terms_ev[self.place(element)] * drop_terms(size)).sum(axis=1))

    def formation(self, element: np.ndarray, energy_ev: np.ndarray) -> np.ndarray:
        """Formation energies, eV/atom, of energies per atom, shape (n,)."""
        return np.asarray(energy_ev - self.terms_ev[self.place(element), 0])


def fit_lines(data: ClusterEnergies, chosen: np.ndarray, *, huber_sds: float | None = None) -> DropLines:
    """Fit a line to the clusters of each element.

    Args:
        data: All clusters.
        chosen: Which of them to learn from, as numbers or truth values.
        huber_sds: None: least squares, as the baseline is stated. A number: energies off the line by more standard deviations
            pull less (Huber's loss, by reweighted least squares).

    Raises:
        InputError: An element with fewer than `LEAST_CLUSTERS` chosen clusters.
    """
    element, size, energy = data.element[chosen], data.size[chosen], data.energy_ev[chosen]
    elements = np.unique(element)
    terms, spreads = [], []
    for number in elements:
        mine = element == number
        if mine.sum() < LEAST_CLUSTERS:
            raise InputError(
                f"element {chemical_symbols[number]}: {mine.sum()} clusters give no line; {LEAST_CLUSTERS} at least"
            )
        found, spread = _huber(
            drop_terms(size[mine]),
            energy[mine],
            sds=huber_sds or HUBER_SDS,
            rounds=1 if huber_sds is None else 8,
            least=1e-4,
        )
        terms.append(found)
        spreads.append(spread)
    return DropLines(elements, np.array(terms), np.array(spreads))


def universal_lines(data: ClusterEnergies, chosen: np.ndarray) -> DropLines:
    """One line for all elements in units of the cohesive energy K of their solids (`COHESIVE_EV`): E/N = K (a + b N^(-1/3) + c N^(-2/3)).

    a, b and c are learned from the chosen clusters; of an element of which nothing was chosen, no energy of a cluster is used, and
    it has a line all the same.

    Raises:
        InputError: An element whose cohesive energy is not in the table.
    """
    elements, place = np.unique(data.element, return_inverse=True)
    if missing := [chemical_symbols[z] for z in elements if chemical_symbols[z] not in COHESIVE_EV]:
        raise InputError(
            f"element {missing[0]}: no cohesive energy of its solid is known here, so it cannot be left out; use other splits"
        )
    cohesive = np.array([COHESIVE_EV[chemical_symbols[z]] for z in elements])
    shares, x = (data.energy_ev / cohesive[place])[chosen], drop_terms(data.size)[chosen]
    found, spread = _huber(x, shares, least=1e-6)
    return DropLines(elements, cohesive[:, None] * found, spread * cohesive)


def _huber(
    x: np.ndarray, y: np.ndarray, *, sds: float = HUBER_SDS, rounds: int = 8, least: float
) -> tuple[np.ndarray, float]:
    """Weights of the columns of x by reweighted least squares (Huber's loss), and the robust standard deviation, `least` at least."""
    weights = np.ones(len(y))
    for _ in range(rounds):
        root = np.sqrt(weights)
        found = np.linalg.lstsq(x * root[:, None], y * root, rcond=None)[0]
        off = np.abs(y - x @ found)
        spread = max(1.4826 * float(np.median(off)), least)
        weights = 1 / np.maximum(1, off / (sds * spread))
    return found, spread


def size_folds(size: np.ndarray, *, folds: int = 5, seed: int = 0) -> np.ndarray:
    """Fold of each cluster, shape (n,): all clusters of one size, whatever their element, fall into the same.

    Raises:
        InputError: Fewer sizes than folds.
    """
    sizes = np.unique(size)
    if folds < 2 or len(sizes) < folds:
        raise InputError(f"{len(sizes)} sizes for {folds} folds; give two folds or more, and a size for each")
    order = np.random.default_rng(seed).permutation(sizes)
    fold_of = {int(one): place % folds for place, one in enumerate(order)}
    return np.array([fold_of[int(one)] for one in size])


def element_folds(element: np.ndarray, *, folds: int = 5, seed: int = 0) -> np.ndarray:
    """Fold of each cluster, shape (n,): all clusters of one element fall into the same.

    Raises:
        InputError: As `size_folds`.
    """
    return size_folds(element, folds=folds, seed=seed)
