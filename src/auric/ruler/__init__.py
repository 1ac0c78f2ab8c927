"""The ELF ruler: bond lengths read off ELF images, validated in folds beside the simplest readings."""

from auric.lazy import public

__getattr__, __all__ = public(
    __name__,
    {
        "baselines": ["MeanLength", "RidgeOnLine", "bond_line"],
        "dataset": ["ImageSet", "join_blocks", "read_images"],
        "final": ["train_final"],
        "fold": ["run_fold"],
        "names": ["HOLDOUT", "SPLITS", "fold_names"],
        "network": ["ElfNet"],
        "rulers": ["Ruler"],
        "solved": ["SolvedElfNet"],
        "splits": ["Fold", "make_fold"],
        "training": ["NetworkSettings", "train"],
        "validation": ["validate"],
        "weights": ["bin_index", "bin_weights", "duplicate"],
    },
)
