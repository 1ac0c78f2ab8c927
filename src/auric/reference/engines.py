"""The ladder of theory: engines by name, imported only when used."""

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

from auric.errors import InputError, suggestion
from auric.reference.interface import Engine

ENGINES = ("gfn1-xtb", "pyscf-gth", "pyscf-gto", "gpu4pyscf", "gpaw")
SETTINGS_OF = {"gfn1-xtb": "xtb", "pyscf-gth": "gth", "pyscf-gto": "gto", "gpu4pyscf": "gto", "gpaw": "gpaw"}
"""Which part of `reference` in the configuration an engine takes."""
_OPTIONAL = {
    "gpu4pyscf": ("gpu4pyscf", "install gpu4pyscf-cuda12x (needs a CUDA GPU), or use pyscf-gto"),
    "gpaw": ("gpaw", "install gpaw and its setups, or use pyscf-gth"),
}


def make_engine(name: str, settings: Mapping[str, Any], *, threads: int = 1, memory_mb: int = 4000) -> Engine:
    """Make an engine of the ladder by name; engines are imported only when used.

    Raises:
        InputError: If there is no engine of that name, it is not installed, or a setting cannot be used.
    """
    if name not in ENGINES:
        raise InputError(f"unknown engine '{name}'; {suggestion(name, ENGINES)}")
    if name in _OPTIONAL:
        package, cure = _OPTIONAL[name]
        if find_spec(package) is None:
            raise InputError(f"the engine {name} is not installed here; {cure}")
    if name == "gfn1-xtb":
        from auric.reference.xtb import XtbEngine, XtbSettings

        return XtbEngine(XtbSettings(**settings))
    if name == "pyscf-gth":
        from auric.reference.gth import GthEngine, GthSettings

        return GthEngine(GthSettings(**settings), threads=threads, memory_mb=memory_mb)
    if name == "gpaw":
        from auric.reference.paw import PawEngine, PawSettings

        return PawEngine(PawSettings(**settings))
    from auric.reference.gto import GpuEngine, GtoEngine, GtoSettings

    kind = GpuEngine if name == "gpu4pyscf" else GtoEngine
    return kind(GtoSettings(**settings), threads=threads, memory_mb=memory_mb)
