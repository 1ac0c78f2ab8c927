"""Reference: relaxed structures, thermal frames, energies, forces and orbitals, each stamped with what made it."""

from auric.reference.engines import METHOD_VERSION, Engine, Labels, make_engine
from auric.reference.frames import frames_block
from auric.reference.gto import GtoEngine, GtoSettings
from auric.reference.label import label_block
from auric.reference.orbitals import Orbitals, read_orbitals, write_orbitals
from auric.reference.store import Store, structure_hash
from auric.reference.summary import summarise_reference
from auric.reference.xtb import XtbEngine, XtbSettings

__all__ = [
    "METHOD_VERSION",
    "Engine",
    "GtoEngine",
    "GtoSettings",
    "Labels",
    "Orbitals",
    "Store",
    "XtbEngine",
    "XtbSettings",
    "frames_block",
    "label_block",
    "make_engine",
    "read_orbitals",
    "structure_hash",
    "summarise_reference",
    "write_orbitals",
]
