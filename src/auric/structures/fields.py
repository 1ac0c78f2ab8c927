"""Words of structure files: numbers and elements, taken only where they are certain."""

import math
import re
from collections.abc import Sequence

from ase.data import atomic_numbers

from auric.errors import StructureError
from auric.structures.check import HEAVIEST

ELEMENTS = frozenset(symbol for symbol, number in atomic_numbers.items() if 1 <= number <= HEAVIEST)
"""Symbols up to radon: no engine here treats heavier ones, so `SG` of a protein's sulfur is not seaborgium."""

ATOM_LIMIT = 5_000

_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", re.ASCII)


def decimal_number(word: str) -> float:
    """The finite number a word states, or nan; Python's other spellings (`1_0`, `inf`) are not taken."""
    value = float(word) if _NUMBER.fullmatch(word) else math.nan
    return value if math.isfinite(value) else math.nan


def coordinates(words: Sequence[str], where: str) -> list[float]:
    """Three coordinates.

    Raises:
        StructureError: If a word is no finite number, or there are fewer than three.
    """
    values = [decimal_number(word) for word in words]
    if len(values) != 3 or any(map(math.isnan, values)):
        raise StructureError(f"{where}: a coordinate in '{' '.join(words)[:60]}' is no number; correct it")
    return values


def whole_number(word: str) -> int | None:
    """The count that a word states, or None."""
    return int(word) if re.fullmatch(r"\d{1,9}", word, re.ASCII) else None


def possible_elements(word: str) -> set[str]:
    """Elements that an atom's name or type may mean: its first letter, or its first two, in any case.

    `CA` may be carbon or calcium; `AUL`, `ST` and `HC` mean one element each. Digits in front (`1HB`) do not count.
    """
    letters = re.match("[A-Za-z]*", word.lstrip("0123456789"))
    assert letters is not None  # an empty match is a match
    starts = {letters[0][:1].upper(), letters[0][:2].capitalize()}
    return starts & ELEMENTS


def written_element(word: str) -> str | None:
    """The element of a label that begins with a symbol in its own case and no further letter: `Au12`, `C1A`."""
    match = re.match("([A-Z][a-z]?)(?![A-Za-z])", word)
    return match[1] if match and match[1] in ELEMENTS else None
