"""Electron micrographs of clusters: simulated images, how alike two are, which isomer is seen and how it lies."""

from auric.lazy import public

__getattr__, __all__ = public(
    __name__,
    {
        "answers": ["NEITHER", "UNCALIBRATED", "decide"],
        "calibration": ["calibrate", "power_curve"],
        "directions": [
            "orientation_error",
            "orientations_along",
            "spread_directions",
            "symmetry_operations",
            "turned_about_beam",
        ],
        "expected": ["Expectation", "expectation", "moments", "probability_below"],
        "experiment": ["read_particle_table", "simulated_experiment"],
        "imaging": ["noiseless_particle", "simulated_particle"],
        "library": ["Library", "make_library", "read_library"],
        "micrographs": ["Micrograph", "read_micrograph"],
        "particles": ["Particle", "ParticleSettings", "find_particles", "prepare_particle"],
        "projection": ["ImageSettings", "eight_bits", "project", "simulated_images"],
        "ranking": ["departure_from_line", "rank_scores", "top_share"],
        "refinement": ["RefinedFits", "refined_fits", "refined_orientation"],
        "similarity": ["MEASURES", "ComparisonSettings", "Match", "match", "wavelet_similarity"],
        "transfer": ["Microscope", "counted", "exit_wave", "micrograph", "through_lens"],
        "turning": ["rotation_matrix"],
        "wavelets": ["default_widths", "ricker", "transform"],
    },
)
