"""Reference: relaxed structures, thermal frames, energies, forces and orbitals, each stamped with what made it."""

from auric.lazy import public

__getattr__, __all__ = public(
    __name__,
    {
        "engines": ["make_engine"],
        "frames": ["frames_block"],
        "gto": ["GtoEngine", "GtoSettings"],
        "interface": ["Engine", "Labels"],
        "label": ["label_block", "label_once"],
        "orbitals": ["Orbitals", "read_orbitals", "write_orbitals"],
        "store": ["Store", "structure_hash"],
        "summary": ["summarise_reference"],
        "version": ["METHOD_VERSION"],
        "xtb": ["XtbEngine", "XtbSettings"],
    },
)
