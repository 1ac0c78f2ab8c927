"""Structures: built or read, checked before anything costs time.

A structure is an `ase.Atoms` without periodicity whose `info` holds `name`, `charge`, `multiplicity` and `source`.
"""

from auric.lazy import public

__getattr__, __all__ = public(
    __name__,
    {
        "bonds": ["Bond", "gold_sulfur_bonds"],
        "check": ["check_structure", "electron_count"],
        "prepare": ["FAILURE_COLUMNS", "prepare_block"],
        "readers": ["read_structure"],
        "rings": ["build_ring"],
        "table": ["Row", "frame_name", "frame_names", "read_structures_table"],
    },
)
