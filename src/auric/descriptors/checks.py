"""What a descriptor needs of elements, positions and moves, checked before anything is computed."""

from collections.abc import Sequence

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers, chemical_symbols
from scipy.spatial.distance import pdist

from auric.errors import InputError, StructureError, suggestion

SAME_PLACE_ANGSTROM = 1e-3
"""Atoms nearer than this are on one place."""


def species_numbers(species: Sequence[str]) -> np.ndarray:
    """Atomic numbers of these symbols, ascending, each once.

    Raises:
        InputError: An unknown symbol, or no symbols.
    """
    if isinstance(species, str) or not len(species):
        raise InputError(
            f"species {species!r}: give a list of the symbols of all elements, such as ['H', 'C', 'S', 'Au']"
        )
    for symbol in species:
        if atomic_numbers.get(symbol, 0) < 1:
            raise InputError(f"species {symbol!r} is no element; {suggestion(str(symbol), chemical_symbols[1:])}")
    return np.unique([atomic_numbers[symbol] for symbol in species])


def elements_of(known: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """Place of each atom's element among the known ones, shape (atoms,).

    Args:
        known: Atomic numbers, ascending.
        numbers: Atomic numbers, shape (atoms,).

    Raises:
        StructureError: Naming an element that is not among the known ones.
    """
    places = np.minimum(np.searchsorted(known, numbers), len(known) - 1)
    if (unseen := known[places] != numbers).any():
        symbol = chemical_symbols[int(numbers[unseen][0])]
        raise StructureError(
            f"element {symbol} is not among those described ({', '.join(chemical_symbols[n] for n in known)}); "
            "leave the structure out, or make the descriptor anew with this element"
        )
    return np.asarray(places)


def elements_and_distances(known: np.ndarray, atoms: Atoms) -> tuple[np.ndarray, np.ndarray]:
    """Places of the atoms' elements among the known ones, and distances (angstrom) of all pairs as scipy's pdist has them.

    Args:
        known: Atomic numbers, ascending.
        atoms: The structure.

    Raises:
        StructureError: No atoms, an element that is not known, a coordinate that is not finite, two atoms on one place.
    """
    if not len(atoms):
        raise StructureError("a structure without atoms has no descriptor; leave it out")
    elements = elements_of(known, atoms.numbers)
    if not np.isfinite(atoms.positions).all():
        bad = int(np.flatnonzero(~np.isfinite(atoms.positions).all(axis=1))[0])
        raise StructureError(f"atom {bad + 1} ({atoms.symbols[bad]}) has a coordinate that is not finite; correct it")
    distances = pdist(atoms.positions)
    if len(distances) and distances.min() < SAME_PLACE_ANGSTROM:
        first, second = (int(each[distances.argmin()]) for each in np.triu_indices(len(atoms), 1))
        raise same_place(first, second, atoms.numbers)
    return elements, distances


def same_place(first: int, second: int, numbers: np.ndarray) -> StructureError:
    """What is wrong with two atoms, counted from 0, that are on one place."""
    one, two = (f"{atom + 1} ({chemical_symbols[numbers[atom]]})" for atom in sorted((first, second)))
    return StructureError(f"atoms {one} and {two} are on one place; remove one or correct the coordinates")


def check_move(before: np.ndarray, after: np.ndarray, atoms_moved: np.ndarray, atoms: int) -> np.ndarray:
    """Indices of the moved atoms, shape (chains, moved), if the move is one.

    Args:
        before: Positions, shape (chains, atoms, 3), angstrom.
        after: The same.
        atoms_moved: Indices, shape (moved,) or (chains, moved).
        atoms: Number of atoms.

    Raises:
        InputError: Shapes that do not fit, an index twice or out of range, or another atom has moved.
        StructureError: A position is not finite.
    """
    if before.ndim != 3 or before.shape[1:] != (atoms, 3) or before.shape != after.shape:
        raise InputError(
            f"positions of shapes {before.shape} and {after.shape} for {atoms} atoms; "
            f"give (chains, {atoms}, 3) before and after"
        )
    for positions in (before, after):
        if not np.isfinite(positions).all():
            atom = int(np.argwhere(~np.isfinite(positions))[0, 1])
            raise StructureError(f"atom {atom + 1} has a coordinate that is not finite; correct it")
    chains = len(before)
    if atoms_moved.shape[:-1] not in ((), (chains,)) or not atoms_moved.ndim or atoms_moved.dtype.kind not in "iu":
        raise InputError(
            f"moved atoms of shape {atoms_moved.shape} and type {atoms_moved.dtype} for {chains} chains; "
            f"give indices of shape (moved,) or ({chains}, moved)"
        )
    if atoms_moved.size and not 0 <= atoms_moved.min() <= atoms_moved.max() < atoms:
        raise InputError(
            f"moved atoms {atoms_moved.min()} to {atoms_moved.max()} of {atoms}; count from 0 to {atoms - 1}"
        )
    moved = np.broadcast_to(atoms_moved, (chains, atoms_moved.shape[-1]))
    still = np.ones((chains, atoms), dtype=bool)
    still[np.arange(chains)[:, None], moved] = False
    if np.count_nonzero(still) != still.size - moved.size:
        raise InputError("an atom is named twice among the moved atoms; name each once")
    if (strayed := (before != after).any(axis=2) & still).any():
        atom = int(np.argwhere(strayed)[0, 1])
        raise InputError(f"atom {atom + 1} has moved but is not among the moved atoms; name all that move")
    return moved
