"""Reference: relaxed structures, thermal frames, energies, forces and orbitals, each stamped with what made it."""

from auric.lazy import public
from auric.reference.blas import load_openblas

load_openblas()  # before PySCF does

__getattr__, __all__ = public(
    __name__,
    {
        "blas": ["load_openblas", "prefer_openblas"],
        "bond_indices": ["delocalisation_indices", "mayer_bond_orders"],
        "calculators": ["EngineCalculator", "SteadyCalculator", "engine_calculator"],
        "dynamics": ["DynamicsSettings", "DynamicsSummary", "run_dynamics"],
        "engines": ["make_engine"],
        "frames": ["frames_block", "relaxed_structure"],
        "gth": ["GthEngine", "GthSettings"],
        "gto": ["GtoEngine", "GtoSettings"],
        "imported": ["read_wave_function"],
        "interface": ["Engine", "Labels"],
        "label": ["known_label", "label_block", "label_frames", "label_once"],
        "orbitals": ["Orbitals", "make_molecule", "read_orbitals", "write_orbitals"],
        "points": ["StoredCalculator"],
        "relabel": ["relabel_run"],
        "runs": ["Run", "read_runs", "reference_run", "reference_set"],
        "search": ["SearchSettings", "rerank", "search_minima"],
        "store": ["Store", "structure_hash"],
        "summary": ["summarise_reference"],
        "trials": ["MoveSettings", "trial_moves"],
        "version": ["METHOD_VERSION"],
        "xtb": ["XtbEngine", "XtbSettings"],
    },
)
