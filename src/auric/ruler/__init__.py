"""The ELF ruler: bond lengths read off ELF images, validated in folds beside the simplest readings."""

from auric.lazy import public

__getattr__, __all__ = public(
    __name__,
    {
        "baselines": ["MeanLength", "RidgeOnImage", "RidgeOnLine", "bond_line", "coarse_image"],
        "bonding": [
            "CORRELATIONS_COLUMNS",
            "SHIFTS_COLUMNS",
            "bond_classes",
            "correlation",
            "follow_bonding",
            "judge",
            "null_width",
        ],
        "dataset": ["ImageSet", "join_blocks", "read_images"],
        "domain": ["Domain"],
        "final": ["train_final", "train_rulers", "train_valence"],
        "fold": ["run_fold"],
        "forecast": ["Forecast", "forecast_measurement"],
        "level": ["Level", "check_level", "engine_of", "level_text"],
        "masked": ["MASKED_COLUMNS", "MASKS_COLUMNS", "join_masks", "masked_fold", "read_through_mask"],
        "masks": ["NO_MASK", "Mask", "masks_of"],
        "measure": [
            "computed_orbitals",
            "measure_frame",
            "measured_json",
            "measured_text",
            "ruler_for",
            "shipped_ruler",
        ],
        "names": ["HOLDOUT", "SPLITS", "fold_names"],
        "network": ["ElfNet"],
        "perturbed": ["PERTURBED_COLUMNS", "perturb_structure"],
        "reading": ["MEASURED_COLUMNS", "bond_reading", "measure_study_frame"],
        "ridge": ["BlockRidge"],
        "rulers": ["Ruler"],
        "rulerset": ["MASKED_READERS", "READERS", "RulerSet", "train_set"],
        "solved": ["SolvedElfNet"],
        "splits": ["Fold", "make_fold"],
        "states": ["State", "states_of", "with_oxygen"],
        "subject": ["orbitals_of_file", "structure_to_measure"],
        "training": ["NetworkSettings", "train"],
        "validation": ["validate"],
        "weights": ["bin_index", "bin_weights", "duplicate"],
    },
)
