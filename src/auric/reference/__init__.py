"""Reference: relaxed structures, thermal frames, energies, forces and orbitals, each stamped with what made it."""

from auric.lazy import public
from auric.reference.blas import load_openblas

load_openblas()  # before PySCF does

__getattr__, __all__ = public(
    __name__,
    {
        "blas": ["load_openblas", "prefer_openblas"],
        "engines": ["make_engine"],
        "frames": ["frames_block"],
        "gth": ["GthEngine", "GthSettings"],
        "gto": ["GtoEngine", "GtoSettings"],
        "imported": ["read_wave_function"],
        "interface": ["Engine", "Labels"],
        "label": ["label_block", "label_once"],
        "orbitals": ["Orbitals", "read_orbitals", "write_orbitals"],
        "search": ["SearchSettings", "rerank", "search_minima"],
        "store": ["Store", "structure_hash"],
        "summary": ["summarise_reference"],
        "version": ["METHOD_VERSION"],
        "xtb": ["XtbEngine", "XtbSettings"],
    },
)
