"""Graphs of molecules and clusters, and message passing on them."""

from auric.lazy import public

__getattr__, __all__ = public(
    __name__,
    {
        "crystal": ["LAYERS", "ClusterEncoder", "EncoderSettings"],
        "fingerprint": ["FingerprintShape", "fingerprints", "initial_fingerprint"],
        "molecules": ["ATOM_FEATURES", "BOND_FEATURES", "MoleculeGraphs", "molecule_graphs"],
        "smiles": ["parsed"],
        "packed": ["Clusters", "pack_clusters", "pick_clusters"],
    },
)
