"""Monte Carlo walks on learned potentials, and what they say beside dynamics."""

from auric.lazy import public

__getattr__, __all__ = public(
    __name__,
    {
        "energies": ["EmlmWalk", "LinearWalk", "WalkingEnergies"],
        "guard": ["DomainGuard"],
        "trajectory": ["read_walk"],
        "walk": ["WalkSettings", "run_walk"],
    },
)
