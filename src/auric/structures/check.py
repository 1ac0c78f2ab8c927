"""What a structure must satisfy before anything is computed on it."""

import numpy as np
from ase import Atoms
from ase.data import covalent_radii

from auric.errors import StructureError
from auric.structures.bonds import GOLD_SULFUR, BondRule

LARGEST_ANGSTROM = 500.0
HEAVIEST = 86
OVERLAP_SHARE = 0.6
"""Atoms nearer than this share of the sum of their covalent radii overlap; the shortest real contact, H2, has 1.2."""


def electron_count(atoms: Atoms, charge: int) -> int:
    """Number of electrons, those of the atomic cores included."""
    return int(atoms.numbers.sum()) - charge


def check_structure(atoms: Atoms, *, charge: int, multiplicity: int, rule: BondRule = GOLD_SULFUR) -> None:
    """Refuse what no engine should be started on.

    Args:
        atoms: The structure; positions in angstrom.
        charge: Total charge (elementary charges).
        multiplicity: 2S + 1.
        rule: What counts as a bond; a structure needs one.

    Raises:
        StructureError: Non-finite or overlapping positions, impossible electron numbers, or no bond.
    """
    if not np.isfinite(atoms.positions).all():
        bad = int(np.flatnonzero(~np.isfinite(atoms.positions).all(axis=1))[0])
        raise StructureError(f"atom {bad + 1} ({atoms.symbols[bad]}) has a coordinate that is not finite; correct it")
    if np.ptp(atoms.positions, axis=0).max() > LARGEST_ANGSTROM:
        raise StructureError(f"the structure is wider than {LARGEST_ANGSTROM:g} angstrom; check the coordinates' unit")
    if atoms.numbers.max() > HEAVIEST:
        heavy = atoms.symbols[int(atoms.numbers.argmax())]
        raise StructureError(f"element {heavy} is heavier than radon, which no engine here treats; leave it out")
    check_overlap(atoms)
    electrons, unpaired = electron_count(atoms, charge), multiplicity - 1
    if electrons < 1:
        raise StructureError(f"charge {charge} leaves {electrons} electrons; correct the charge")
    if not 0 <= unpaired <= electrons or (electrons - unpaired) % 2:
        kind = "odd" if electrons % 2 else "even"
        needed = "2, 4, ..." if electrons % 2 else "1, 3, ..."
        raise StructureError(
            f"multiplicity {multiplicity} is impossible with {electrons} electrons (charge {charge}); "
            f"an {kind} number of electrons needs multiplicity {needed}"
        )
    if not rule.bonds(atoms):
        raise StructureError(
            f"{atoms.get_chemical_formula()} has no {rule.name} bond below {rule.cutoff_angstrom:g} angstrom; "
            "check the coordinates' unit (angstrom), or structures.bond"
        )


def check_overlap(atoms: Atoms) -> None:
    """Refuse atoms on top of each other, as disorder or a wrong unit leaves them.

    Raises:
        StructureError: Naming the two that overlap most.
    """
    radii = covalent_radii[atoms.numbers]
    ratio = atoms.get_all_distances() / (radii[:, None] + radii[None])
    np.fill_diagonal(ratio, np.inf)
    i, j = np.unravel_index(int(ratio.argmin()), ratio.shape) if len(atoms) > 1 else (0, 0)
    if ratio[i, j] < OVERLAP_SHARE:
        raise StructureError(
            f"atoms {i + 1} ({atoms.symbols[i]}) and {j + 1} ({atoms.symbols[j]}) overlap: "
            f"{atoms.get_distance(i, j):.3f} angstrom apart; remove one or correct the coordinates"
        )
