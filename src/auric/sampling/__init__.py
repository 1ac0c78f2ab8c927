"""Monte Carlo walks on learned potentials, and what they say beside dynamics."""

from auric.lazy import public

__getattr__, __all__ = public(
    __name__,
    {
        "beside": ["compare_beside", "potential_walk", "walk_beside"],
        "differences": ["energy_differences"],
        "energies": ["CalculatorWalk", "EmlmWalk", "LinearWalk", "WalkingEnergies"],
        "geometry": ["Coordinate", "autocorrelation_time", "coordinates"],
        "guard": ["DomainGuard"],
        "isomers": ["compare_isomers"],
        "landscape": ["walk_map"],
        "reweighting": ["Reweighted", "reweight"],
        "trajectory": ["read_walk"],
        "walk": ["WalkSettings", "run_walk"],
        "walked": ["Walked", "read_walked"],
        "wall": ["StandingWall", "Wall"],
    },
)
