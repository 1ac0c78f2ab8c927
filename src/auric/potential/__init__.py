"""Potentials learned from labelled frames: a linear one on local descriptors, and distance-based ones (MLM, EMLM, OAMLM)."""

from auric.lazy import public

__getattr__, __all__ = public(
    __name__,
    {
        "alignment": ["Aligner", "best_rotations"],
        "atomwise": ["AtomDistances"],
        "calculators": ["DirectedCalculator", "EmlmCalculator", "LinearCalculator"],
        "chart": ["Components", "descriptor_map", "principal_components"],
        "conformal": ["ConformalIntervals", "conformal_intervals"],
        "corrected": ["compare_correction"],
        "correction": ["Correction"],
        "cosines": ["direction_from_cosines", "weighted_angle"],
        "directed": ["ClassSettings", "DirectedForces", "DirectedSettings"],
        "distances": ["DistancesTo", "FeaturesError", "distance_blocks"],
        "domain": ["DomainVerdict", "TrainingDomain"],
        "emlm": ["Emlm"],
        "stepping": ["SteppingEmlm"],
        "environments": ["Environments", "atom_environments", "join_environments", "plain_classes"],
        "huber": ["huber_weights", "least_squares"],
        "labels": ["energy_of", "forces_of", "pieces_of", "runs_of"],
        "linear": ["LinearPotential", "LinearSettings"],
        "mlm": ["Mlm", "multilaterate"],
        "modelfile": ["load_model", "save_model"],
        "oamlm": ["Oamlm"],
        "published": ["load_emlm", "train_emlm"],
        "references": ["select_references"],
        "scan": ["ScanSettings", "read_choice"],
        "stretch": ["BondStretch"],
        "uncertainty": ["EnergyUncertainty"],
    },
)
