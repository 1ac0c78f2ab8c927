"""Smooth overlap of atomic positions (SOAP; Bartok et al., doi:10.1103/PhysRevB.87.184115) of atoms, through DScribe.

Power spectrum in DScribe's orthonormal Gaussian-type radial basis (doi:10.1016/j.cpc.2019.106949), neither normalised nor
weighted by distance.

DScribe does not fade atoms out. Its radial functions end near the cutoff, but an atom beyond still overlaps with them, and
counts until its Gaussian has fallen to a thousandth there: at cutoff + 3.717 sigma it is dropped at once. So features step
when an atom crosses that sphere (seen for one of two neighbours, n_max 7, l_max 4, sigma 0.25 to 1 angstrom: by 5e-5 to
1.3e-3 of their norm), energies made of them step with them, and no force accounts for it. Sums of local features with a
smooth cutoff do not have this.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols

from auric.descriptors.checks import elements_and_distances, species_numbers
from auric.errors import InputError


@dataclass(frozen=True)
class SoapSettings:
    """Basis of the atomic density.

    Attributes:
        n_max: Number of radial functions, at least 1.
        l_max: Highest angular momentum, 0 to 20.
        cutoff_angstrom: Radius of the surroundings, above 1.
        sigma_angstrom: Standard deviation of an atom's Gaussian.
    """

    n_max: int
    l_max: int
    cutoff_angstrom: float
    sigma_angstrom: float

    def __post_init__(self) -> None:
        """Refuse what has no basis.

        Raises:
            InputError: Naming the settings.
        """
        if self.n_max < 1 or not 0 <= self.l_max <= 20:
            raise InputError(f"SOAP n_max {self.n_max}, l_max {self.l_max}: give n_max from 1 and l_max from 0 to 20")
        if not (1 < self.cutoff_angstrom < np.inf and 0 < self.sigma_angstrom < np.inf):
            raise InputError(
                f"SOAP cutoff {self.cutoff_angstrom} and sigma {self.sigma_angstrom} angstrom: "
                "give a cutoff above 1 and a sigma above 0"
            )


class Soap:
    """SOAP of the surroundings of atoms in free clusters; a cell is not looked at.

    Args:
        species: Symbols of all elements that will be met, in any order.
        settings: The basis.

    Attributes:
        species: The symbols by atomic number.
        size: Number of features of one centre.

    Raises:
        InputError: An unknown symbol, or no symbols.
    """

    def __init__(self, species: Sequence[str], settings: SoapSettings) -> None:
        self.numbers = species_numbers(species)
        self.species = tuple(chemical_symbols[number] for number in self.numbers)
        self.settings = settings
        radial = len(self.numbers) * settings.n_max
        self.size = radial * (radial + 1) // 2 * (settings.l_max + 1)

    def local(self, atoms: Atoms, centres: Sequence[int] | np.ndarray) -> np.ndarray:
        """Features around atoms, shape (centres, size).

        Args:
            atoms: The structure.
            centres: Indices of atoms.

        Raises:
            InputError: A centre that is no atom.
            StructureError: An element that is not in `species`, coordinates that are not finite, two atoms on one place.
        """
        elements_and_distances(self.numbers, atoms)
        wanted = np.asarray(centres)
        if not wanted.size:
            return np.zeros((0, self.size))
        if wanted.ndim != 1 or wanted.dtype.kind not in "iu" or not 0 <= wanted.min() <= wanted.max() < len(atoms):
            raise InputError(f"centres {centres!s:.60} in {len(atoms)} atoms; give indices from 0 to {len(atoms) - 1}")
        free = Atoms(numbers=atoms.numbers, positions=atoms.positions)
        return np.asarray(self._dscribe.create(free, centers=wanted.tolist()))

    def summed(self, atoms: Atoms) -> np.ndarray:
        """Sums of the features around the atoms of each element, shape (elements x size,); zeros where there are none.

        Raises:
            StructureError: As `local`.
        """
        local = self.local(atoms, np.arange(len(atoms)))
        return np.concatenate([local[atoms.numbers == number].sum(axis=0) for number in self.numbers])

    @cached_property
    def _dscribe(self) -> Any:
        """Made when first used: importing DScribe takes a second."""
        from dscribe.descriptors import SOAP  # type: ignore[import-untyped]

        s = self.settings
        return SOAP(
            species=self.species,
            n_max=s.n_max,
            l_max=s.l_max,
            r_cut=s.cutoff_angstrom,
            sigma=s.sigma_angstrom,
            periodic=False,
        )
