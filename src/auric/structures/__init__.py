"""Structures: built or read, checked before anything costs time.

A structure is an `ase.Atoms` without periodicity whose `info` holds `name`, `charge`, `multiplicity` and `source`.
"""

from auric.lazy import public

__getattr__, __all__ = public(
    __name__,
    {
        "alignment": ["framework_rmsd"],
        "blocks": ["Block", "move_block", "move_blocks", "moving_blocks"],
        "bonds": ["Bond", "BondRule", "gold_sulfur_bonds"],
        "check": ["check_overlap", "check_structure", "electron_count"],
        "cores": ["Core", "Staple", "ideal_core"],
        "ligands": ["LIGANDS", "Ligand", "attach", "thiol_ligand"],
        "manifest": ["Entry", "fetch_entry", "manifest_structure", "mirror_folder", "read_manifest"],
        "molecules": ["build_molecule"],
        "motifs": ["MotifRule", "Motifs", "Unit", "atom_classes", "find_motifs"],
        "periodic": ["check_cell", "whole_cluster"],
        "prepare": ["FAILURE_COLUMNS", "prepare_block"],
        "readers": ["check_stated_charge", "read_crystal", "read_structure"],
        "recipes": ["BUILDERS", "Places", "build_recipe"],
        "rings": ["build_ring", "ring_conformers"],
        "sites": ["distinct_atoms", "with_atom"],
        "staples": ["build_staple_cluster", "staple_conformers"],
        "table": ["Row", "file_of", "frame_name", "frame_names", "read_structures_table"],
    },
)
