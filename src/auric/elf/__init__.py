"""The electron localization function: its values, images of it on planes through S-Au bonds, and grids."""

from auric.lazy import public

__getattr__, __all__ = public(
    __name__,
    {
        "field": ["OFFSETS", "electron_localization", "electron_localization_from_densities"],
        "grid": ["elf_grid"],
        "images": ["images_block"],
        "plane": ["Plane", "planes_of_bond"],
        "quality": ["fault_of"],
        "summary": ["summarise_elf"],
    },
)
