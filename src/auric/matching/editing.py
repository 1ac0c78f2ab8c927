"""Designing a core from another: an atom less, an atom more, an atom exchanged, as from Cu20Cl to Cu19Cl."""

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers

from auric.errors import InputError
from auric.matching.splitting import check_core


def remove_atom(core: Atoms, index: int) -> Atoms:
    """The core without one atom.

    Args:
        core: A core.
        index: Of the atom, from 0.

    Raises:
        InputError: No such atom.
        StructureError: If what is left is no core.
    """
    _check_index(core, index)
    kept = [i for i in range(len(core)) if i != index]
    edited = Atoms(core.numbers[kept], core.positions[kept])
    check_core(edited)
    return edited


def add_atom(core: Atoms, symbol: str, position_angstrom: np.ndarray) -> Atoms:
    """The core with one atom more.

    Args:
        core: A core.
        symbol: Its element.
        position_angstrom: Its place, shape (3,).

    Raises:
        InputError: An unknown element, or a place that is none.
        StructureError: If the result is no core: an atom too near another, or apart from all.
    """
    _check_symbol(symbol)
    place = np.asarray(position_angstrom, dtype=float)
    if place.shape != (3,) or not np.isfinite(place).all():
        raise InputError(f"place {position_angstrom}: give three finite numbers (angstrom)")
    edited = Atoms([*core.numbers, atomic_numbers[symbol]], np.vstack([core.positions, place]))
    check_core(edited)
    return edited


def substitute_atom(core: Atoms, index: int, symbol: str) -> Atoms:
    """The core with another element in one atom's place.

    Args:
        core: A core.
        index: Of the atom, from 0.
        symbol: The new element.

    Raises:
        InputError: No such atom or element.
        StructureError: If the result is no core.
    """
    _check_index(core, index)
    _check_symbol(symbol)
    numbers = core.numbers.copy()
    numbers[index] = atomic_numbers[symbol]
    edited = Atoms(numbers, core.positions)
    check_core(edited)
    return edited


def edited_core(core: Atoms, words: str) -> Atoms:
    """Edits in words, one after the other: `-3` removes atom 3, `3=Ag` exchanges it, `+Cu@1.0/2.0/0.5` adds one (angstrom).

    Indices count from 0 and are those of the core as given; so removals are carried out last, from the highest.

    Args:
        core: A core.
        words: Edits separated by commas.

    Raises:
        InputError: What is no edit.
        StructureError: If a result is no core.
    """
    removed = []
    for word in filter(None, (part.strip() for part in words.split(","))):
        try:
            if word.startswith("+"):
                symbol, _, place = word[1:].partition("@")
                core = add_atom(core, symbol, np.array([float(number) for number in place.split("/")]))
            elif "=" in word:
                index, _, symbol = word.partition("=")
                core = substitute_atom(core, int(index), symbol)
            elif word.startswith("-"):
                removed.append(int(word[1:]))
                _check_index(core, removed[-1])
            else:
                raise ValueError
        except ValueError:
            raise InputError(f"edit '{word}': write -3, 3=Ag or +Cu@1.0/2.0/0.5, separated by commas") from None
    for place_removed in sorted(set(removed), reverse=True):
        core = remove_atom(core, place_removed)
    return core


def _check_index(core: Atoms, index: int) -> None:
    if not 0 <= index < len(core):
        raise InputError(f"atom {index} of a core of {len(core)} atoms; give 0 to {len(core) - 1}")


def _check_symbol(symbol: str) -> None:
    if symbol not in atomic_numbers or symbol == "X":
        raise InputError(f"element '{symbol[:20]}' is unknown; use a symbol such as Ag")
