"""Monte Carlo walks on learned potentials, and what they say beside dynamics."""

from auric.lazy import public

__getattr__, __all__ = public(
    __name__,
    {
        "beside": ["compare_beside", "walk_beside"],
        "energies": ["EmlmWalk", "LinearWalk", "WalkingEnergies"],
        "geometry": ["Coordinate", "autocorrelation_time", "coordinates"],
        "guard": ["DomainGuard"],
        "reweighting": ["Reweighted", "reweight"],
        "trajectory": ["read_walk"],
        "walk": ["WalkSettings", "run_walk"],
    },
)
