"""Relaxation: structures optimised on learned potentials, on reference engines, and on both together."""

from auric.lazy import public

__getattr__, __all__ = public(
    __name__,
    {
        "better": ["relax_at_better_level", "ways_at_better_level"],
        "calculators": ["NotFiniteError", "Recorder"],
        "hybrid": ["HybridSettings", "hand_over", "hessian_of", "relax_hybrid"],
        "judge": ["energy_recovered", "heavy_rmsd", "turned_over", "twist_degree"],
        "optimise": ["Relaxation", "RelaxationSettings", "outer_layer", "relax"],
        "rules": [
            "better_of_run",
            "one_way_of_run",
            "relax_run",
            "rings_of_model",
            "series_of_runs",
            "stretched_of_run",
            "train_directed",
        ],
        "series": ["relax_series"],
        "summary": ["relaxation_rows", "summarise_relaxations"],
        "tasks": ["relax_rings", "relax_stretched", "relax_ways", "stretched_unit"],
    },
)
