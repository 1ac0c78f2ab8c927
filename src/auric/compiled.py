"""Loops that numpy has no call for, compiled by Numba."""

from collections.abc import Callable
from typing import Any

from numba import njit


def compiled(function: Callable[..., Any], **options: Any) -> Callable[..., Any]:
    """Compile at the first call, and keep the machine code for the next process where there is a folder that can be written.

    Args:
        function: Of arrays and numbers alone.
        options: Of `numba.njit`.
    """
    try:
        return njit(function, cache=True, **options)  # type: ignore[no-any-return]
    except RuntimeError:  # neither beside the module nor in the user's cache
        return njit(function, **options)  # type: ignore[no-any-return]
