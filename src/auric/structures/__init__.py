"""Structures: built or read, checked before anything costs time.

A structure is an `ase.Atoms` without periodicity whose `info` holds `name`, `charge`, `multiplicity` and `source`.
"""

from auric.structures.bonds import Bond, gold_sulfur_bonds
from auric.structures.check import check_structure, electron_count
from auric.structures.prepare import prepare_block
from auric.structures.readers import read_structure
from auric.structures.rings import build_ring
from auric.structures.table import read_structures_table

__all__ = [
    "Bond",
    "build_ring",
    "check_structure",
    "electron_count",
    "gold_sulfur_bonds",
    "prepare_block",
    "read_structure",
    "read_structures_table",
]
