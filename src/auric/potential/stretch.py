"""Forces of springs along bonds, the simplest law that has directions: what any learned direction must beat."""

from collections.abc import Sequence

import numpy as np
from ase import Atoms
from ase.data import covalent_radii

from auric.errors import InputError, StructureError
from auric.potential.labels import forces_of

REACH = 1.25
"""Atoms nearer than this many sums of covalent radii are bonded."""


class BondStretch:
    """Springs between bonded atoms: F = (a r + b) along each bond, a and b fitted for every pair of elements.

    Attributes:
        springs: By pair of atomic numbers, slope a (eV/angstrom^2) and intercept b (eV/angstrom).
    """

    def fit(self, frames: Sequence[Atoms]) -> "BondStretch":
        """Fit to labelled frames by least squares.

        Raises:
            InputError: If there is no frame.
            StructureError: If a position is not finite, or two atoms coincide.
        """
        if not frames:
            raise InputError("bond stretch: no frames to learn from; give some with forces")
        kinds = sorted({kind for atoms in frames for kind in _bonds(atoms)})
        matrix, vector = np.zeros((2 * len(kinds), 2 * len(kinds))), np.zeros(2 * len(kinds))
        for atoms in frames:
            columns = self._columns(atoms, kinds)
            matrix += columns.T @ columns
            vector += columns.T @ forces_of(atoms).ravel()
        solution = np.linalg.lstsq(matrix, vector, rcond=None)[0].reshape(-1, 2)
        self.springs = {kind: (float(a), float(b)) for kind, (a, b) in zip(kinds, solution, strict=True)}
        return self

    def forces(self, atoms: Atoms) -> np.ndarray:
        """Forces, shape (atoms, 3), eV/angstrom; bonds of elements never seen bonded pull nothing."""
        kinds = list(self.springs)
        weights = np.array([self.springs[kind] for kind in kinds]).ravel()
        return np.asarray(self._columns(atoms, kinds) @ weights).reshape(-1, 3)

    @staticmethod
    def _columns(atoms: Atoms, kinds: Sequence[tuple[int, int]]) -> np.ndarray:
        columns = np.zeros((len(atoms), 3, len(kinds), 2))
        for kind, (first, second, lengths, directions) in _bonds(atoms).items():
            if kind in kinds:
                pulls = directions[:, :, None] * np.column_stack([lengths, np.ones(len(lengths))])[:, None, :]
                np.add.at(columns[:, :, kinds.index(kind)], first, pulls)
                np.add.at(columns[:, :, kinds.index(kind)], second, -pulls)
        return columns.reshape(3 * len(atoms), -1)


def _bonds(atoms: Atoms) -> dict[tuple[int, int], tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
    """First and second atoms, lengths and unit vectors from first to second, by pair of atomic numbers."""
    if not np.isfinite(atoms.positions).all():
        raise StructureError("a coordinate is not finite; correct it")
    radii = covalent_radii[atoms.numbers]
    distances = atoms.get_all_distances()
    first, second = np.nonzero(np.triu(distances < REACH * (radii[:, None] + radii), 1))
    lengths = distances[first, second]
    if len(lengths) and lengths.min() == 0:
        worst = int(lengths.argmin())
        raise StructureError(f"atoms {first[worst] + 1} and {second[worst] + 1} lie on one another; remove one of them")
    directions = (atoms.positions[second] - atoms.positions[first]) / lengths[:, None]
    pairs = np.sort(atoms.numbers[np.column_stack([first, second])], axis=1)
    result = {}
    for kind in sorted({(int(a), int(b)) for a, b in pairs}):
        mine = (pairs == kind).all(axis=1)
        result[kind] = (first[mine], second[mine], lengths[mine], directions[mine])
    return result
