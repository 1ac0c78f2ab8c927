"""From a cheap level of theory to a better one: the difference of two labels, learned as a linear potential.

What two levels disagree about is smoother than what either says, so that few labels of the better one go far. Where the
difference is not known, none is given: on frames of another level, of unknown elements, or where its expected error
(`EnergyUncertainty`) is more than a quarter of how much energies vary in thermal motion.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from ase import Atoms, units

from auric.descriptors import PowerSpectrumSettings
from auric.errors import InputError, StructureError
from auric.modelfile import fitting, read_model, write_model
from auric.potential.labels import energy_of, forces_of, has_forces, level_of
from auric.potential.linear import LinearPotential, LinearSettings
from auric.potential.uncertainty import EnergyUncertainty

FORMAT = "auric Correction 2"
LEVEL = ("engine", "method", "basis")
"""What a level of theory is called in the headers of potentials."""
SAME_ANGSTROM = 1e-4
"""Two labels are of one structure if no atom lies further apart."""
SETTINGS = LinearSettings(penalties=(1e-9, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1))
"""Few frames may want stronger penalties than many."""
LIMIT_EV = 0.25 * units.kB * 300 * 1.5**0.5
"""Largest expected error per root of the number of atoms: a quarter of the standard deviation of the potential energy of
harmonic atoms at 300 K, whose 3 N coordinates each have kT/2 on average and (kT)^2/2 as variance."""


class Correction:
    """Energies and forces of a cheap level brought to a better one.

    Args:
        difference: Better less cheap, with `levels`, `states` (charges and multiplicities) and `limit_ev` in what it was trained on.
        uncertainty: How far it may be off.
    """

    def __init__(self, difference: LinearPotential, uncertainty: EnergyUncertainty) -> None:
        self.difference, self.uncertainty = difference, uncertainty
        told = difference.header["trained_on"]
        self.cheap, self.better = (tuple(told["levels"][key]) for key in ("cheap", "better"))
        self.states = [tuple(state) for state in told["states"]]
        self.limit_ev = float(told["limit_ev"])

    @classmethod
    def fit(
        cls,
        cheap: Sequence[Atoms],
        better: Sequence[Atoms],
        *,
        spectrum: PowerSpectrumSettings | None = None,
        settings: LinearSettings | None = None,
        limit_ev: float = LIMIT_EV,
        study: str = "",
    ) -> "Correction":
        """Learn from frames labelled at both levels; forces are learned from where both have them.

        Args:
            cheap: Frames of one level.
            better: The same structures at the other level, in the same order.
            spectrum: See `LinearPotential.fit`.
            settings: See `LinearPotential.fit`; `SETTINGS` by default.
            limit_ev: Expected error above which a structure is refused, per root of the number of atoms.
            study: Name of the study, for the file.

        Raises:
            InputError: If structures differ, frames of one side are of several levels, or both sides are of one.
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
        if levels["cheap"] == levels["better"]:
            raise InputError(f"correction: both labels are of {' '.join(levels['cheap'])}; give those of two levels")
        frames = [difference_of(*pair) for pair in zip(cheap, better, strict=True)]
        learned = LinearPotential.fit(frames, spectrum=spectrum, settings=settings or SETTINGS)
        states = sorted({_state(atoms) for atoms in cheap})
        learned.header["trained_on"] = {"levels": levels, "states": states, "limit_ev": limit_ev, "study": study}
        return cls(learned, EnergyUncertainty.fit(frames, learned))

    def refusal(self, atoms: Atoms) -> str:
        """Why no correction of a frame is to be trusted, in one line; empty if it may be.

        Raises:
            InputError: If the frame is of another level than the cheap one.
        """
        if level_of(atoms) != self.cheap:
            raise InputError(
                f"a correction of {' '.join(self.cheap)} on a frame of {' '.join(level_of(atoms))}; label it anew"
            )
        name = atoms.info.get("name", atoms.get_chemical_formula())
        if _state(atoms) not in self.states:
            known = ", ".join(f"{charge} and {multiplicity}" for charge, multiplicity in self.states)
            return (
                f"{name}: charge {_state(atoms)[0]}, multiplicity {_state(atoms)[1]}, but the correction was learned from "
                f"{known}; label it at the better level"
            )
        try:
            error_ev = self.uncertainty.expected_error_ev(atoms) / float(np.sqrt(len(atoms)))
        except StructureError as error:
            return f"{name}: {error}"
        if error_ev <= self.limit_ev:
            return ""
        return (
            f"{name}: the correction is uncertain by {error_ev:.3f} eV per root of atoms, above {self.limit_ev:.3f}; "
            "label it at the better level, and learn from it"
        )

    def corrected(self, atoms: Atoms) -> tuple[float, np.ndarray]:
        """Energy (eV) and forces (eV/angstrom, shape (atoms, 3)) of a frame labelled at the cheap level.

        Raises:
            InputError: If the frame is of another level.
            StructureError: If it is unlike what the difference was learned from, or has other elements.
        """
        if reason := self.refusal(atoms):
            raise StructureError(reason)
        return self.unchecked(atoms)

    def unchecked(self, atoms: Atoms) -> tuple[float, np.ndarray]:
        """`corrected` of a frame whatever it is like, to measure what refusal is worth."""
        energy, forces = self.difference.energy_and_forces(atoms)
        return energy_of(atoms) + energy, forces_of(atoms) + forces

    def added_to(self, potential: LinearPotential) -> LinearPotential:
        """A potential of the better level, which asks nobody for the cheap one: what was learned of that, and the difference.

        Raises:
            InputError: If the potential is of another level than the cheap one, or of other descriptors or elements.
        """
        told = potential.header["trained_on"]
        level = tuple(told.get(key) for key in LEVEL)
        if level != self.cheap:
            raise InputError(
                f"a correction of {' '.join(self.cheap)} on a potential of {' '.join(map(str, level))}; learn one of the other"
            )
        whole = potential.plus(self.difference)
        ours = self.difference.header
        of_ours = {key: ours[key] for key in ("frames", "runs", "penalty")} | ours["trained_on"]
        whole.header["trained_on"] = told | dict(zip(LEVEL, self.better, strict=True)) | {"correction": of_ours}
        del whole.header["left_out_error"]  # of the cheap level alone
        return whole

    def save(self, path: str | Path) -> None:
        """Write npz with a JSON header (`auric.modelfile`)."""
        known = self.uncertainty
        header = self.difference.header | {"format": FORMAT, "unit_ev": known.unit_ev}
        arrays = {"uncertainty.directions": known.directions, "uncertainty.shares": known.shares}
        write_model(path, header, self.difference.arrays() | arrays)

    @classmethod
    def load(cls, path: str | Path) -> "Correction":
        """Read what `save` wrote.

        Raises:
            InputError: If the file is another one, damaged or changed.
        """
        header, arrays = read_model(path, FORMAT)
        with fitting(path, "correction"):
            difference = LinearPotential.from_parts(header, arrays)
            directions, shares = (arrays[f"uncertainty.{name}"] for name in ("directions", "shares"))
            return cls(difference, EnergyUncertainty(difference.spectrum, directions, shares, header["unit_ev"]))


def _state(atoms: Atoms) -> tuple[int, int]:
    """Charge and multiplicity; neutral and a singlet where a frame does not say."""
    return int(atoms.info.get("charge", 0)), int(atoms.info.get("multiplicity", 1))


def difference_of(cheap: Atoms, better: Atoms) -> Atoms:
    """One structure with what the better level's energy, and forces where both have them, are more than the cheap one's.

    Raises:
        InputError: If the two are not the same structure.
    """
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
