"""Distances atom by atom: EMLM on sums over atoms.

The published EMLM compares whole structures: one distance to each reference structure. A structure of a hundred atoms then lies as far
from its own next step as from anything else. Here every atom's surroundings are compared with reference surroundings of its
element, and the distances summed over atoms, so that the energy is a sum of one EMLM for each element:

    E = sum_i sum_k w_k |x_i - r_k|

Linear in w like EMLM itself, and fitted to energies alike; neither this nor its name is in the publication (doi:10.1021/acs.jpca.0c01512).
"""

from collections.abc import Sequence

import numpy as np
from ase import Atoms

from auric.descriptors import FeatureScaler, Soap, SoapSettings
from auric.errors import InputError, StructureError
from auric.potential.distances import DistancesTo
from auric.potential.references import select_references

SOAP = SoapSettings(n_max=6, l_max=3, cutoff_angstrom=4.0, sigma_angstrom=0.35)
"""The best of five by cross-validation inside the training runs of the ring Au4(SCH3)4."""
ATOMS = 30_000
"""References are chosen among so many atoms at most, of evenly spaced frames."""


class AtomDistances:
    """Sums over atoms of the distances of their surroundings to reference surroundings of their element.

    Args:
        references: Of each element, chosen by RS-maximin; all its atoms if there are fewer.
        soap: Describes surroundings, scaled to [0, 1] element by element.

    Attributes:
        size: Number of features.
    """

    def __init__(self, references: int = 300, soap: SoapSettings = SOAP) -> None:
        if references < 1:
            raise InputError(f"{references} references for each element; give 1 or more")
        self._references, self._settings = references, soap

    def fit(self, frames: Sequence[Atoms]) -> "AtomDistances":
        """Choose references, of frames that need no labels.

        Raises:
            InputError: If there are no frames, or all atoms of an element have the same surroundings.
            StructureError: If positions are not finite, or two atoms lie on one place.
        """
        if not frames:
            raise InputError("no frames to choose reference surroundings from; give one at least")
        self._soap = Soap(sorted({symbol for atoms in frames for symbol in atoms.symbols}), self._settings)
        some = frames[:: -(-sum(len(atoms) for atoms in frames) // ATOMS)]
        self._known: dict[str, tuple[FeatureScaler, DistancesTo]] = {}
        for symbol in self._soap.species:
            rows = np.concatenate([self._local(atoms, symbol) for atoms in some])
            scaler = FeatureScaler().fit(rows)
            scaled = scaler.transform(rows).astype(np.float32)
            chosen = select_references(scaled, min(self._references, len(scaled)))
            self._known[symbol] = scaler, DistancesTo(scaled[chosen])
        self.size = sum(len(references) for _, references in self._known.values())
        return self

    def describe(self, atoms: Atoms) -> np.ndarray:
        """Features of a structure, shape (size,); they add up over parts that do not see each other.

        Raises:
            StructureError: If an element is unknown, positions are not finite, or two atoms lie on one place.
        """
        if strange := sorted(set(atoms.symbols) - set(self._known)):
            raise StructureError(f"element {strange[0]} is not among those described ({', '.join(self._known)})")
        found: list[np.ndarray] = []
        for symbol, (scaler, references) in self._known.items():
            rows = self._local(atoms, symbol)
            found.append(references(scaler.transform(rows)).sum(axis=0) if len(rows) else np.zeros(len(references)))
        return np.concatenate(found)

    def describe_all(self, frames: Sequence[Atoms]) -> np.ndarray:
        """Features of structures that need not be alike, shape (frames, size)."""
        return np.array([self.describe(atoms) for atoms in frames])

    def _local(self, atoms: Atoms, symbol: str) -> np.ndarray:
        mine = np.flatnonzero(np.array(atoms.symbols) == symbol)
        return np.asarray(self._soap.local(atoms, mine))
