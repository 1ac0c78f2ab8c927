"""Masks: the inner regions of the atoms of a bond are taken out of its image.

The side of an image is the bond length, so that whatever has a fixed size in angstrom, as an atom's shells have, tells the length
by its size alone. A ruler that reads such things reads geometry and cannot see a weakened bond. Radii are given by element in
angstrom at one reference length, or as the central share of the line that is kept, and are then the same share of
every image (`scale: bond`). A mask whose radii are so many angstrom in every image (`scale: angstrom`) has its edge at radius /
length and would tell the length itself, with nothing behind it; stretching what it leaves to one size (`scale: resampled`)
hides the edge, and only moves the rest about. Both are there to show that.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from auric.errors import InputError, suggestion

FILL = 0.5
"""ELF that masked pixels are given: of a uniform electron gas, and what networks take as zero."""
SCALES = ("bond", "angstrom", "resampled")
SHAPES = ("strip", "discs", "window")
REFERENCE_ANGSTROM = 2.35
"""Length at which radii in angstrom are turned into shares of the bond, unless another is given."""
_TOUCHES = 1e-9


@dataclass(frozen=True)
class Mask:
    """What is taken out of images.

    Attributes:
        left_angstrom: Radius at sulfur (or what is on the left), angstrom at the reference length.
        right_angstrom: Radius at gold (or what is on the right).
        shape: What is kept: all between the radii (`strip`), all outside two `discs`, or the `window` of the bond's middle that is
            as high as it is wide, which other atoms near the bond hardly reach into.
        scale: One of `SCALES`.
        reference_angstrom: Length of the bond for which the radii are meant.
    """

    left_angstrom: float = 0.0
    right_angstrom: float = 0.0
    shape: str = SHAPES[0]
    scale: str = SCALES[0]
    reference_angstrom: float = REFERENCE_ANGSTROM

    @classmethod
    def of(
        cls, settings: Mapping[str, Any], *, elements: tuple[str, str] = ("S", "Au"), where: str = "a mask"
    ) -> "Mask":
        """The mask that settings name.

        Args:
            settings: Either `share`, the central share of the bond line that is kept, or `radii_angstrom` by element; and
                `shape`, `scale` and `reference_angstrom` where they are not the defaults.
            elements: On the left and on the right of images.
            where: What messages call it: the setting that it comes from.

        Raises:
            InputError: If nothing would be kept, an element has no radius, or there is no such shape or scale.
        """
        plain: dict[str, Any] = {
            "shape": settings.get("shape", SHAPES[0]), "scale": settings.get("scale", SCALES[0]),
            "reference_angstrom": float(settings.get("reference_angstrom", REFERENCE_ANGSTROM)),
        }  # fmt: skip
        for name, known in (("shape", SHAPES), ("scale", SCALES)):
            if plain[name] not in known:
                raise InputError(f"{where}: there is no {name} '{plain[name]}'; {suggestion(plain[name], known)}")
        if ("share" in settings) == ("radii_angstrom" in settings):
            raise InputError(f"{where}: either 'share' or 'radii_angstrom' is needed; give one of them")
        if "share" in settings:
            share = float(settings["share"])
            if not 0 < share <= 1:
                raise InputError(
                    f"{where}: a mask cannot keep a share of {share:g} of the bond line; give one in (0, 1]"
                )
            radii = [plain["reference_angstrom"] * (1 - share) / 2] * 2
        else:
            missing = [element for element in elements if element not in settings["radii_angstrom"]]
            if missing:
                raise InputError(
                    f"{where}: there is no radius of {missing[0]}; give radii_angstrom of {' and '.join(elements)}"
                )
            radii = [float(settings["radii_angstrom"][element]) for element in elements]
        if min(radii) < 0 or sum(radii) >= plain["reference_angstrom"]:
            raise InputError(
                f"{where}: radii of {radii[0]:g} and {radii[1]:g} angstrom leave nothing of a bond of "
                f"{plain['reference_angstrom']:g}; give smaller ones"
            )
        return cls(radii[0], radii[1], **plain)

    @property
    def share(self) -> float:
        """Share of the bond line that is kept, at the reference length."""
        return 1 - (self.left_angstrom + self.right_angstrom) / self.reference_angstrom

    @property
    def name(self) -> str:
        """A short name, fit for a file."""
        if self.left_angstrom == self.right_angstrom:
            start = f"share_{self.share:.3g}"
        else:
            start = f"radii_{self.left_angstrom:.3g}_{self.right_angstrom:.3g}"
        reference = "" if self.reference_angstrom == REFERENCE_ANGSTROM else f"_at_{self.reference_angstrom:g}"
        return start + reference + "".join(
            f"_{value}" for value, plain in ((self.shape, SHAPES[0]), (self.scale, SCALES[0])) if value != plain
        )  # fmt: skip

    @property
    def words(self) -> str:
        """The mask in a few words, different for masks that differ in their name."""
        words = "no mask" if self.share == 1 else f"central {100 * self.share:.3g} % of the bond"
        words += "" if self.shape == SHAPES[0] else f", {self.shape}"
        words += {"bond": "", "angstrom": ", edge fixed in angstrom", "resampled": ", stretched"}[self.scale]
        if self.left_angstrom != self.right_angstrom:
            words += f" ({self.left_angstrom:.3g} and {self.right_angstrom:.3g} angstrom)"
        return (
            words
            if self.reference_angstrom == REFERENCE_ANGSTROM
            else f"{words} (of {self.reference_angstrom:g} angstrom)"
        )

    def settings(self) -> dict[str, Any]:
        """All of it as plain JSON; `Mask(**settings)` is the same mask."""
        return asdict(self)

    def kept(self, pixels: int, length_angstrom: float | None = None) -> np.ndarray:
        """Which pixels are kept, shape (pixels, pixels), first index y from below, second x from the left atom.

        Args:
            pixels: Side of the images.
            length_angstrom: Length of the bond; needed where the scale is `angstrom` or `resampled`, else of no consequence.

        Raises:
            ValueError: If it is needed and not given.
        """
        side = self.reference_angstrom
        if self.scale != SCALES[0]:
            if length_angstrom is None:
                raise ValueError(f"the pixels that a mask of scale '{self.scale}' keeps depend on the bond's length")
            side = length_angstrom
        left, right = self.left_angstrom / side, self.right_angstrom / side
        centres = (np.arange(pixels) + 0.5) / pixels
        x, y = np.meshgrid(centres, centres - 0.5)
        if self.shape == "discs":
            return np.asarray((np.hypot(x, y) >= left - _TOUCHES) & (np.hypot(x - 1, y) >= right - _TOUCHES))
        strip = (x >= left - _TOUCHES) & (x <= 1 - right + _TOUCHES)
        if self.shape == "window":
            strip &= np.abs(y) <= (1 - left - right) / 2 + _TOUCHES
        return np.asarray(strip)

    def masked(self, elf: np.ndarray, lengths_angstrom: np.ndarray | None = None) -> np.ndarray:
        """Images with masked pixels set to `FILL`, or, if resampled, with what is kept stretched along the bond to the whole side.

        Args:
            elf: ELF values, shape (images, pixels, pixels).
            lengths_angstrom: Lengths of the bonds, shape (images,); needed as in `kept`.

        Returns:
            Same shape; the images themselves where nothing is masked.

        Raises:
            ValueError: If the lengths are needed and not given.
        """
        pixels = elf.shape[-1]
        if self.left_angstrom == self.right_angstrom == 0 and self.shape != "window":
            return elf
        if self.scale == SCALES[0]:
            return np.where(self.kept(pixels), elf, elf.dtype.type(FILL))
        if lengths_angstrom is None:
            raise ValueError(f"what a mask of scale '{self.scale}' leaves depends on the bonds' lengths")
        if self.scale == "angstrom":
            kept = np.array([self.kept(pixels, length) for length in lengths_angstrom])
            return np.where(kept, elf, elf.dtype.type(FILL))
        return np.array([self._stretched(each, length) for each, length in zip(elf, lengths_angstrom, strict=True)])

    def _stretched(self, elf: np.ndarray, length_angstrom: float) -> np.ndarray:
        """What lies between the radii along the bond, linearly interpolated to as many pixels as before."""
        pixels = elf.shape[-1]
        left, right = self.left_angstrom / length_angstrom, self.right_angstrom / length_angstrom
        centres = (np.arange(pixels) + 0.5) / pixels
        places = np.clip((left + centres * (1 - left - right)) * pixels - 0.5, 0, pixels - 1)
        below = np.minimum(places.astype(int), pixels - 2)
        above = places - below
        return np.asarray(elf[:, below] * (1 - above) + elf[:, below + 1] * above, dtype=elf.dtype)


NO_MASK = Mask()


def masks_of(settings: Mapping[str, Any], elements: tuple[str, str] = ("S", "Au")) -> dict[str, Mask]:
    """Masks of a study by name: none first, those of `ruler.masks`, and that of the valence ruler last.

    Args:
        settings: Keys `masks` and `valence_mask` of `ruler` of the configuration.
        elements: On the left and on the right of images.

    Raises:
        InputError: If a mask cannot be used, two that differ have one name, or that of the valence ruler moves with the length.
    """
    valence = Mask.of(settings["valence_mask"], elements=elements, where="ruler.valence_mask")
    if valence.scale != SCALES[0]:
        raise InputError(
            f"ruler.valence_mask: a mask of scale '{valence.scale}' knows the length before it is read; use the scale 'bond'"
        )
    given = {
        f"ruler.masks[{place}]": Mask.of(each, elements=elements, where=f"ruler.masks[{place}]")
        for place, each in enumerate(settings["masks"])
    } | {"ruler.valence_mask": valence}
    found, first = {NO_MASK.name: NO_MASK}, {NO_MASK.name: "no mask"}
    for where, mask in given.items():
        if found.setdefault(mask.name, mask) != mask:
            raise InputError(
                f"{where}: its name, {mask.name}, is that of {first[mask.name]}, which is another mask; names have three digits, "
                "so make them differ by more, or leave one out"
            )
        first.setdefault(mask.name, where)
    return {name: mask for name, mask in found.items() if mask != valence} | {valence.name: valence}
