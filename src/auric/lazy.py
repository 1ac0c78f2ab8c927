"""Public names of a room, imported when first used.

Snakemake reads the workflow anew for every job; reading it must not load quantum chemistry and neural networks.
"""

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any


def public(room: str, names: Mapping[str, Sequence[str]]) -> tuple[Callable[[str], Any], list[str]]:
    """`__getattr__` and `__all__` of a room.

    Args:
        room: Full name of the room's package.
        names: Module of the room to the public names it defines.
    """
    home = {name: module for module, mine in names.items() for name in mine}

    def get(name: str) -> Any:
        if name not in home:
            raise AttributeError(f"module '{room}' has no attribute '{name}'")
        return getattr(import_module(f"{room}.{home[name]}"), name)

    return get, sorted(home)
