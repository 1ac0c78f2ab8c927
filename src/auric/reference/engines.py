"""The ladder of theory: engines by name, imported only when used."""

from collections.abc import Mapping
from typing import Any

from auric.errors import InputError, suggestion
from auric.reference.interface import Engine

ENGINES = ("gfn1-xtb", "pyscf-gto")


def make_engine(name: str, settings: Mapping[str, Any], *, threads: int = 1, memory_mb: int = 4000) -> Engine:
    """Make an engine of the ladder by name; engines are imported only when used.

    Raises:
        InputError: If there is no engine of that name, or a setting cannot be used.
    """
    if name == "gfn1-xtb":
        from auric.reference.xtb import XtbEngine, XtbSettings

        return XtbEngine(XtbSettings(**settings))
    if name == "pyscf-gto":
        from auric.reference.gto import GtoEngine, GtoSettings

        return GtoEngine(GtoSettings(**settings), threads=threads, memory_mb=memory_mb)
    raise InputError(f"unknown engine '{name}'; {suggestion(name, ENGINES)}")
