"""Graphs: message passing over atoms, for the rooms that learn from molecules and clusters."""

from auric.lazy import public

__getattr__, __all__ = public(
    __name__,
    {
        "crystal": ["LAYERS", "ClusterEncoder", "EncoderSettings"],
        "packed": ["Clusters", "pack_clusters", "pick_clusters"],
    },
)
