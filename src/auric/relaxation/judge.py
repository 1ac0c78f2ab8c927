"""What a relaxed structure is worth: how much energy was recovered, how far it is from another, which way a ring twists."""

from collections.abc import Sequence

import numpy as np
from ase import Atoms

from auric.errors import InputError, StructureError
from auric.structures.motifs import MotifRule, find_motifs

LEAST_TWIST_DEGREE = 2.0
"""Smaller twists have no sense of turn to speak of."""


def energy_recovered(start_ev: float, end_ev: float, reference_end_ev: float) -> float:
    """Share of what the reference's own relaxation of the same start gains: 1 means all of it, above 1 more.

    Args:
        start_ev: Energy of the start; all energies by the reference engine (eV).
        end_ev: Of the structure to judge.
        reference_end_ev: Of the structure that the reference relaxed.

    Raises:
        InputError: If the reference gained nothing.
    """
    gain = start_ev - reference_end_ev
    if not gain > 0:
        raise InputError(f"the reference gained {gain:g} eV from its start; take a start that is not relaxed")
    return (start_ev - end_ev) / gain


def heavy_rmsd(a: Atoms, b: Atoms, *, only: Sequence[int] | None = None) -> float:
    """Root mean square distance (angstrom) of atoms other than hydrogen, in the same order.

    Args:
        a: First structure.
        b: Second structure.
        only: Indices of the atoms to compare, where they lie: for structures whose other atoms are fixed. None compares all,
            best superposed (Kabsch, doi:10.1107/S0567739476001873).

    Raises:
        InputError: If the structures are not made of the same atoms, or nothing but hydrogen is compared.
    """
    if not np.array_equal(a.numbers, b.numbers):
        raise InputError(
            f"{a.get_chemical_formula()} and {b.get_chemical_formula()} are not the same atoms in the same order; compare those"
        )
    chosen = np.arange(len(a)) if only is None else np.asarray(only, dtype=int)
    chosen = chosen[a.numbers[chosen] != 1]
    if not len(chosen):
        raise InputError("nothing but hydrogen is left to compare; name other atoms")
    first, second = a.positions[chosen], b.positions[chosen]
    if only is None:
        first, second = first - first.mean(0), second - second.mean(0)
        left, _, right = np.linalg.svd(second.T @ first)
        left[:, -1] *= np.linalg.det(left) * np.linalg.det(right)
        second = second @ (left @ right)
    return float(np.sqrt(np.mean(np.sum((first - second) ** 2, axis=1))))


def twist_degree(atoms: Atoms) -> float:
    """Twist of a gold-thiolate ring (degree), positive or negative by its hand; nought if the ring is its own mirror image.

    It is the angle whose sine is the mean, over sulfur atoms that share a gold atom, of the sine of the dihedral angle
    R-S...S-R: a mirror turns its sign, and neither rotation nor the order of the atoms changes it.

    Raises:
        StructureError: If there is no ring, or more than one.
    """
    rings = [unit for unit in find_motifs(atoms, MotifRule(3.0)).units if unit.kind.startswith("ring")]
    if len(rings) != 1:
        raise StructureError(f"{atoms.get_chemical_formula('metal')}: {len(rings)} gold-thiolate rings; give one")
    sulfurs = rings[0].sulfurs
    others = np.flatnonzero([symbol == "C" for symbol in atoms.symbols])
    if len(others) < len(sulfurs):
        others = np.flatnonzero([symbol == "H" for symbol in atoms.symbols])
    ligands = {s: int(others[np.argmin(atoms.get_distances(s, others))]) for s in sulfurs}
    following = (*sulfurs[1:], sulfurs[0])
    angles = [atoms.get_dihedral(ligands[s], s, t, ligands[t]) for s, t in zip(sulfurs, following, strict=True)]
    return float(np.degrees(np.arcsin(np.mean(np.sin(np.radians(angles))))))


def turned_over(before_degree: float, after_degree: float) -> bool:
    """Whether a twist has changed its hand, both being large enough to have one."""
    return before_degree * after_degree < 0 and min(abs(before_degree), abs(after_degree)) >= LEAST_TWIST_DEGREE
