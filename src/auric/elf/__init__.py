"""The electron localization function: its values, images of it on planes through S-Au bonds, and grids."""

from auric.lazy import public

__getattr__, __all__ = public(
    __name__,
    {
        "bundle": ["pack", "unpack"],
        "field": ["electron_localization"],
        "formula": ["OFFSETS", "electron_localization_from_densities"],
        "grid": ["elf_grid"],
        "images": ["images_block", "images_of_frame", "images_of_planes"],
        "plane": ["Plane", "planes_of_bond"],
        "quality": ["fault_of"],
        "summary": ["summarise_elf"],
    },
)
