"""Energies and forces that a frame is labelled with, and by which level of theory."""

import numpy as np
from ase import Atoms

from auric.errors import InputError


def energy_of(atoms: Atoms) -> float:
    """The frame's energy (eV): `energy_ev` of its `info`, or what a file gave its calculator.

    Raises:
        InputError: If it has none, or it is not finite.
    """
    given = atoms.info.get("energy_ev", atoms.calc.results.get("energy") if atoms.calc else None)
    if not isinstance(given, int | float | np.number) or not np.isfinite(given):
        raise InputError(f"{_name(atoms)}: no finite energy; label it, or give info 'energy_ev' (eV)")
    return float(given)


def forces_of(atoms: Atoms) -> np.ndarray:
    """The frame's forces (eV/angstrom), shape (atoms, 3): the array `forces_ev_angstrom`, or those of its calculator.

    Raises:
        InputError: If it has none, or they are not finite.
    """
    given = atoms.arrays.get("forces_ev_angstrom", atoms.calc.results.get("forces") if atoms.calc else None)
    forces = np.asarray(given)
    if forces.dtype.kind not in "fiu" or forces.shape != (len(atoms), 3) or not np.isfinite(forces).all():
        raise InputError(f"{_name(atoms)}: no finite forces; label it, or give the array 'forces_ev_angstrom'")
    return forces.astype(float)


def has_forces(atoms: Atoms) -> bool:
    """Whether the frame is labelled with forces."""
    return "forces_ev_angstrom" in atoms.arrays or bool(atoms.calc and "forces" in atoms.calc.results)


def level_of(atoms: Atoms) -> tuple[str, str, str]:
    """Engine, method and basis that the frame is stamped with; empty where it is not."""
    engine, method, basis = (str(atoms.info.get(key, "")) for key in ("engine", "method", "basis"))
    return engine, method, basis


def _name(atoms: Atoms) -> str:
    return str(atoms.info.get("name", atoms.get_chemical_formula("metal")))
