"""Molecules as graphs, and message passing on them."""

from auric.lazy import public

__getattr__, __all__ = public(
    __name__,
    {
        "fingerprint": ["FingerprintShape", "fingerprints", "initial_fingerprint"],
        "molecules": ["ATOM_FEATURES", "BOND_FEATURES", "MoleculeGraphs", "molecule_graphs"],
        "smiles": ["parsed"],
    },
)
