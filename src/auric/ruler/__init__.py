"""The ELF ruler: bond lengths read off ELF images, validated in folds beside the simplest readings."""

from auric.lazy import public

__getattr__, __all__ = public(
    __name__,
    {
        "baselines": ["MeanLength", "RidgeOnImage", "RidgeOnLine", "bond_line", "coarse_image"],
        "dataset": ["ImageSet", "join_blocks", "read_images"],
        "domain": ["Domain"],
        "final": ["train_final", "train_rulers"],
        "fold": ["run_fold"],
        "forecast": ["Forecast", "forecast_measurement"],
        "level": ["Level", "check_level", "engine_of", "level_text"],
        "measure": [
            "computed_orbitals",
            "measure_frame",
            "measured_json",
            "measured_text",
            "shipped_ruler",
        ],
        "names": ["HOLDOUT", "SPLITS", "fold_names"],
        "network": ["ElfNet"],
        "reading": ["MEASURED_COLUMNS", "bond_reading", "measure_study_frame"],
        "ridge": ["BlockRidge"],
        "rulers": ["Ruler"],
        "rulerset": ["READERS", "RulerSet", "train_set"],
        "solved": ["SolvedElfNet"],
        "splits": ["Fold", "make_fold"],
        "subject": ["orbitals_of_file", "structure_to_measure"],
        "training": ["NetworkSettings", "train"],
        "validation": ["validate"],
        "weights": ["bin_index", "bin_weights", "duplicate"],
    },
)
