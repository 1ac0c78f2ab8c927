"""From a cheap level of theory to a better one: the difference of two labels, learned as a linear potential.

What two levels disagree about is smoother than what either says, so that few labels of the better one go far. Where the
difference is not known, none is given: on frames of another level, of unknown elements, or unlike those it was learned from.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from ase import Atoms

from auric.descriptors import PowerSpectrumSettings
from auric.errors import InputError, StructureError
from auric.potential.labels import energy_of, forces_of, has_forces, level_of
from auric.potential.linear import LinearPotential, LinearSettings

SAME_ANGSTROM = 1e-4
"""Two labels are of one structure if no atom lies further apart."""
FARTHEST = 3.0
"""A structure is refused if the committee's spread is this many times the largest among the frames learned from."""


class Correction:
    """Energies and forces of a cheap level brought to a better one.

    Args:
        difference: Better less cheap, with `levels` and `limit_ev` in what it was trained on.
    """

    def __init__(self, difference: LinearPotential) -> None:
        self.difference = difference
        told = difference.header["trained_on"]
        self.cheap, self.better = (tuple(told["levels"][key]) for key in ("cheap", "better"))
        self.limit_ev = float(told["limit_ev"])

    @classmethod
    def fit(
        cls,
        cheap: Sequence[Atoms],
        better: Sequence[Atoms],
        *,
        spectrum: PowerSpectrumSettings | None = None,
        settings: LinearSettings | None = None,
    ) -> "Correction":
        """Learn from frames labelled at both levels; forces are learned from where both have them.

        Args:
            cheap: Frames of one level.
            better: The same structures at the other level, in the same order.
            spectrum: See `LinearPotential.fit`.
            settings: See `LinearPotential.fit`.

        Raises:
            InputError: If structures differ, or frames of one side are of several levels.
        """
        if len(cheap) != len(better):
            raise InputError(f"{len(cheap)} frames of one level and {len(better)} of the other; label the same ones")
        levels = {}
        for key, frames in (("cheap", cheap), ("better", better)):
            found = sorted({level_of(atoms) for atoms in frames})
            if len(found) != 1:
                raise InputError(
                    f"correction: the {key} frames are of {len(found)} levels of theory; give those of one"
                )
            levels[key] = list(found[0])
        frames = [_difference(*pair) for pair in zip(cheap, better, strict=True)]
        learned = LinearPotential.fit(frames, spectrum=spectrum, settings=settings)
        limit = FARTHEST * max(_spread(learned, atoms) for atoms in frames)
        learned.header["trained_on"] = {"levels": levels, "limit_ev": limit}
        return cls(learned)

    def corrected(self, atoms: Atoms) -> tuple[float, np.ndarray]:
        """Energy (eV) and forces (eV/angstrom, shape (atoms, 3)) of a frame labelled at the cheap level.

        Raises:
            InputError: If the frame is of another level.
            StructureError: If it is unlike what the difference was learned from, or has other elements.
        """
        if level_of(atoms) != self.cheap:
            raise InputError(
                f"a correction of {' '.join(self.cheap)} on a frame of {' '.join(level_of(atoms))}; label it anew"
            )
        spread = _spread(self.difference, atoms)
        if spread > self.limit_ev:
            raise StructureError(
                f"{atoms.info.get('name', atoms.get_chemical_formula())}: the correction is uncertain by {spread:.3f} eV per root "
                f"of atoms, above {self.limit_ev:.3f}; label it at the better level, and learn from it"
            )
        energy, forces = self.difference.energy_and_forces(atoms)
        return energy_of(atoms) + energy, forces_of(atoms) + forces

    def save(self, path: str | Path) -> None:
        """Write npz with a JSON header."""
        self.difference.save(path)

    @classmethod
    def load(cls, path: str | Path) -> "Correction":
        """Read what `save` wrote.

        Raises:
            InputError: If the file is another one, damaged, or a potential that is no correction.
        """
        difference = LinearPotential.load(path)
        if "levels" not in difference.header["trained_on"]:
            raise InputError(f"{path}: a potential, but no correction between two levels; give another file")
        return cls(difference)


def _difference(cheap: Atoms, better: Atoms) -> Atoms:
    alike = len(cheap) == len(better) and (cheap.numbers == better.numbers).all()
    if not alike or np.abs(cheap.positions - better.positions).max() > SAME_ANGSTROM:
        raise InputError(
            f"correction: {cheap.info.get('name', 'a frame')} and {better.info.get('name', 'its partner')} are not the same "
            "structure; give labels of the same ones, in the same order"
        )
    frame = cheap.copy()
    frame.calc = None
    frame.arrays.pop("forces_ev_angstrom", None)
    frame.info = {key: cheap.info[key] for key in ("name", "system", "run") if key in cheap.info}
    frame.info["energy_ev"] = energy_of(better) - energy_of(cheap)
    if has_forces(cheap) and has_forces(better):
        frame.arrays["forces_ev_angstrom"] = forces_of(better) - forces_of(cheap)
    return frame


def _spread(learned: LinearPotential, atoms: Atoms) -> float:
    """In eV per root of the number of atoms, so that clusters of different size compare."""
    return learned.spread(atoms) / float(np.sqrt(len(atoms)))
