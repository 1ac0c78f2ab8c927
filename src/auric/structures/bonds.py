"""S-Au bonds: neighbouring sulfur and gold atoms."""

from typing import NamedTuple

import numpy as np
from ase import Atoms


class Bond(NamedTuple):
    """One S-Au bond: atom indices and length (angstrom)."""

    sulfur: int
    gold: int
    length_angstrom: float

    @property
    def label(self) -> str:
        """Name of the bond inside its structure, the same in all its frames."""
        return f"S{self.sulfur}-Au{self.gold}"


def gold_sulfur_bonds(atoms: Atoms, *, cutoff_angstrom: float = 2.7) -> list[Bond]:
    """All pairs of sulfur and gold closer than the cutoff, in order of their indices."""
    gold, sulfur = (np.flatnonzero(atoms.numbers == number) for number in (79, 16))
    distances = np.linalg.norm(atoms.positions[sulfur][:, None] - atoms.positions[gold][None], axis=-1)
    return [
        Bond(int(sulfur[i]), int(gold[j]), float(distances[i, j]))
        for i, j in zip(*np.nonzero(distances < cutoff_angstrom), strict=True)
    ]
