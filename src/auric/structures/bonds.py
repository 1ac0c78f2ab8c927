"""Bonds whose images are read: pairs of atoms of two elements that lie near each other, sulfur and gold unless told otherwise."""

from typing import NamedTuple

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers

from auric.errors import InputError


class Bond(NamedTuple):
    """One bond: indices of the atoms at the left and the right of its images, length (angstrom), and their elements."""

    left: int
    right: int
    length_angstrom: float
    elements: tuple[str, str] = ("S", "Au")

    @property
    def label(self) -> str:
        """Name of the bond inside its structure, the same in all its frames, such as `S3-Au0`."""
        return f"{self.elements[0]}{self.left}-{self.elements[1]}{self.right}"


class BondRule(NamedTuple):
    """What counts as a bond.

    Attributes:
        left: Element at the left of an image.
        right: Element at its right; of two equal ones the atom that comes later.
        cutoff_angstrom: Atoms nearer than this are bonded.
    """

    left: str = "S"
    right: str = "Au"
    cutoff_angstrom: float = 2.7

    @property
    def name(self) -> str:
        """Such as `S-Au`."""
        return f"{self.left}-{self.right}"

    def bonds(self, atoms: Atoms) -> list[Bond]:
        """All bonds of a structure (angstrom), in order of their indices.

        Raises:
            InputError: If there is no such element.
        """
        for symbol in (self.left, self.right):
            if symbol not in atomic_numbers or symbol == "X":
                raise InputError(
                    f"bonds {self.name}: there is no element '{symbol[:20]}'; give symbols such as S and Au"
                )
        left, right = (np.flatnonzero(atoms.numbers == atomic_numbers[symbol]) for symbol in (self.left, self.right))
        distances = np.linalg.norm(atoms.positions[left][:, None] - atoms.positions[right][None], axis=-1)
        near = distances < self.cutoff_angstrom
        if self.left == self.right:
            near = np.triu(near, 1)
        return [
            Bond(int(left[i]), int(right[j]), float(distances[i, j]), (self.left, self.right))
            for i, j in zip(*np.nonzero(near), strict=True)
        ]


GOLD_SULFUR = BondRule()


def gold_sulfur_bonds(atoms: Atoms, *, cutoff_angstrom: float = 2.7) -> list[Bond]:
    """All pairs of sulfur and gold closer than the cutoff, in order of their indices."""
    return BondRule(cutoff_angstrom=cutoff_angstrom).bonds(atoms)
