"""Matching: which ligands can hold a core, from an encoder of each, beside baselines in the same folds."""

from auric.lazy import public

__getattr__, __all__ = public(
    __name__,
    {
        "asked": ["ask_ligands", "core_of_file"],
        "baselines": ["BASELINES", "baseline_features", "boosted"],
        "built_cores": ["SHAPES", "build_core"],
        "colim": ["Colim", "ColimSettings", "Ensemble", "PairData", "pair_data", "train_colim", "train_ensemble"],
        "editing": ["add_atom", "edited_core", "remove_atom", "substitute_atom"],
        "evaluation": ["METRICS", "intervals_of", "paired_difference", "reliability", "scores_of", "separation"],
        "fingerprints": ["CoreFingerprint", "core_fingerprint", "edited", "geometry_difference", "geometry_groups"],
        "fixed_ligands": ["FixedLigands"],
        "folds": ["SPLITS", "check_split", "split_folds"],
        "formation": ["ClusterEnergies", "DropLines", "fit_lines", "read_cluster_energies", "size_folds"],
        "library": ["Library", "Pair", "cleaned", "library_statistics", "pair_of"],
        "ligand_encoder": ["LigandEmbedder", "LigandEncoder", "LigandPretraining", "UniMolEmbedder", "pretrain_ligands"],
        "ligand_library": ["enumerated_ligands"],
        "ligand_smiles": ["functional_group", "ligand_set", "standard_smiles"],
        "matcherfile": ["load_ensemble", "save_ensemble"],
        "negatives": ["Example", "NegativeSettings", "examples_of", "read_failures"],
        "pretraining": ["CoreModel", "PretrainSettings", "pretrain"],
        "ranking": ["RANK_COLUMNS", "embed_ligands", "rank_ligands", "read_candidates", "screen"],
        "small_clusters": ["model_clusters"],
        "splitting": ["Split", "check_core", "split_cluster"],
        "whole_networks": ["WholeGraphs", "WholeNetwork", "train_whole", "whole_graphs"],
    },
)  # fmt: skip
