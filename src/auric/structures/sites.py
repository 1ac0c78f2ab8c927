"""Atoms of a structure that symmetry does not make equal, and an atom bound to one of them."""

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers

from auric.errors import StructureError

ALIKE_ANGSTROM = 0.1
"""Distances are equal that differ by less: a relaxation leaves symmetry to a few hundredths."""
NEAREST_ANGSTROM = 1.5
"""An atom is bound to one other alone if it stays so far from all others."""
_DIRECTIONS = 400


def distinct_atoms(atoms: Atoms, element: str, *, alike_angstrom: float = ALIKE_ANGSTROM) -> list[list[int]]:
    """Atoms of an element in groups of equal ones, each group in order, groups in the order of their first atoms.

    Two are equal if the atoms can be put in such an order that one takes the other's place and every distance stays: then a
    rotation or a reflection takes the structure onto itself.

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
    alike = _alike(atoms.numbers, distances, alike_angstrom)
    groups: list[list[int]] = []
    for atom in map(int, chosen):
        for group in groups:
            if alike[atom, group[0]] and _onto_itself(distances, alike, group[0], atom, alike_angstrom):
                group.append(atom)
                break
        else:
            groups.append([atom])
    return groups


def _alike(numbers: np.ndarray, distances: np.ndarray, within: float) -> np.ndarray:
    """Which atoms are of one element and have the same sorted distances to those of each, shape (atoms, atoms)."""
    kinds = [np.flatnonzero(numbers == number) for number in np.unique(numbers)]
    seen = np.column_stack([np.sort(distances[:, kind], axis=1) for kind in kinds])
    same: np.ndarray = numbers[:, None] == numbers
    for one in range(len(numbers)):
        same[one] &= np.abs(seen - seen[one]).max(axis=1) < within
    return same


def _onto_itself(distances: np.ndarray, alike: np.ndarray, first: int, other: int, within: float) -> bool:
    """Whether an order of the atoms with `other` in the place of `first` leaves all distances as they are (backtracking)."""
    order = [first, *np.delete(np.arange(len(distances)), first)]
    placed = [other]
    untried: list[list[int]] = []
    while len(placed) < len(order):
        if len(untried) < len(placed):  # a new place: who could take it
            atom = order[len(placed)]
            fits = np.abs(distances[:, placed] - distances[atom, order[: len(placed)]]).max(axis=1) < within
            fits[placed] = False
            untried.append(list(np.flatnonzero(fits & alike[:, atom])))
        while not untried[-1]:
            untried.pop()
            placed.pop()
            if not placed:
                return False
        placed[len(untried) :] = [untried[-1].pop()]
    return True


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
