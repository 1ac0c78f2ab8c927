"""The ELF ruler: bond lengths read off ELF images, validated in folds beside the simplest readings."""

from auric.lazy import public

__getattr__, __all__ = public(
    __name__,
    {
        "baselines": ["MeanLength", "RidgeOnImage", "RidgeOnLine", "bond_line", "coarse_image"],
        "conclusions": ["compare_variants", "conclude"],
        "dataset": ["ImageSet", "join_blocks", "read_images"],
        "domain": ["Domain"],
        "exploration": ["coarsened", "run_variant"],
        "final": ["train_final", "train_rulers"],
        "fold": ["load_or_none", "run_fold", "train_twin"],
        "forecast": ["Forecast", "forecast_measurement"],
        "level": ["Level", "check_level", "engine_of", "level_text"],
        "measure": [
            "computed_orbitals",
            "measure_frame",
            "measured_json",
            "measured_text",
            "shipped_ruler",
        ],
        "modes": ["Kinds", "count_kinds", "mode_names", "mode_scores", "peaks_of", "silverman_p"],
        "names": ["HOLDOUT", "SPLITS", "fold_names"],
        "network": ["ElfNet", "build_network"],
        "reading": ["MEASURED_COLUMNS", "bond_reading", "measure_study_frame"],
        "ridge": ["BlockRidge"],
        "rulers": ["Ruler"],
        "rulerset": ["READERS", "RulerSet", "train_set"],
        "seeing": [
            "fields_of_view",
            "grad_cam",
            "randomised",
            "rank_correlation",
            "read_occluded",
            "summed_maps",
        ],
        "seen": ["explain_study"],
        "solved": ["SolvedElfNet"],
        "splits": ["Fold", "make_fold"],
        "subject": ["orbitals_of_file", "structure_to_measure"],
        "training": ["DivergedError", "NetworkSettings", "train"],
        "validation": ["validate"],
        "variants": ["Variant", "read_variants"],
        "weights": ["bin_index", "bin_weights", "duplicate"],
    },
)
