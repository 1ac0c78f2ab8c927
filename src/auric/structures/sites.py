"""Atoms of a structure that symmetry does not make equal, and an atom bound to one of them."""

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers

from auric.errors import StructureError

ALIKE_ANGSTROM = 0.1
"""Atoms are equal whose distances to all others differ by less: a relaxation leaves symmetry to a few hundredths."""
NEAREST_ANGSTROM = 1.5
"""An atom is bound to one other alone if it stays so far from all others."""
_DIRECTIONS = 400


def distinct_atoms(atoms: Atoms, element: str, *, alike_angstrom: float = ALIKE_ANGSTROM) -> list[list[int]]:
    """Atoms of an element in groups of equal ones, each group in order, groups in the order of their first atoms.

    Two are equal if their sorted distances to the atoms of each element are: mirror images are equal too.

    Args:
        atoms: The structure (angstrom).
        element: Symbol.
        alike_angstrom: Largest difference of equal distances.

    Raises:
        StructureError: If there is no atom of the element.
    """
    chosen = np.flatnonzero(atoms.numbers == atomic_numbers.get(element, -1))
    if not len(chosen):
        raise StructureError(f"{atoms.get_chemical_formula()} has no {element}; name another element")
    distances = atoms.get_all_distances()
    kinds = [np.flatnonzero(atoms.numbers == number) for number in np.unique(atoms.numbers)]
    seen = {int(atom): np.concatenate([np.sort(distances[atom, kind]) for kind in kinds]) for atom in chosen}
    groups: list[list[int]] = []
    for atom, mine in seen.items():
        for group in groups:
            if np.abs(mine - seen[group[0]]).max() < alike_angstrom:
                group.append(atom)
                break
        else:
            groups.append([atom])
    return groups


def with_atom(atoms: Atoms, site: int, distance_angstrom: float, *, element: str = "O") -> Atoms:
    """The structure with an atom bound to one of its own, as far from all others as can be, last in its order.

    Args:
        atoms: The structure (angstrom).
        site: Index of the atom that it is bound to.
        distance_angstrom: Its distance from it.
        element: What is bound.

    Raises:
        StructureError: If it comes nearer than `NEAREST_ANGSTROM` to another atom.
    """
    height = 1 - (2 * np.arange(_DIRECTIONS) + 1) / _DIRECTIONS
    angle = np.pi * (1 + 5**0.5) * np.arange(_DIRECTIONS)
    around = np.sqrt(1 - height**2)
    places = atoms.positions[site] + distance_angstrom * np.column_stack(
        [around * np.cos(angle), around * np.sin(angle), height]
    )
    others = np.delete(atoms.positions, site, axis=0)
    nearest = np.linalg.norm(places[:, None] - others, axis=-1).min(axis=1)
    best = int(np.argmax(nearest))
    if nearest[best] < NEAREST_ANGSTROM:
        raise StructureError(
            f"no place for {element} beside {atoms.symbols[site]} {site}: it would be {nearest[best]:.2f} angstrom from another atom"
        )
    bound = atoms.copy()
    bound.extend(Atoms(element, [places[best]]))
    return bound
