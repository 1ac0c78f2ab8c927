"""The electron localization function: its values, images of it on planes through S-Au bonds, and grids."""

from auric.elf.field import OFFSETS, electron_localization, electron_localization_from_densities
from auric.elf.grid import elf_grid
from auric.elf.images import images_block
from auric.elf.plane import Plane, planes_of_bond
from auric.elf.quality import fault_of
from auric.elf.summary import summarise_elf

__all__ = [
    "OFFSETS",
    "Plane",
    "electron_localization",
    "electron_localization_from_densities",
    "elf_grid",
    "fault_of",
    "images_block",
    "planes_of_bond",
    "summarise_elf",
]
