"""What is done to a molecule's electrons while its nuclei stay where they are: fields, charges, a bound oxygen."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from ase import Atoms

from auric.elf.plane import planes_of_bond
from auric.errors import StructureError
from auric.reference.electric import NO_FIELD
from auric.structures.bonds import GOLD_SULFUR, Bond, BondRule
from auric.structures.check import electron_count
from auric.structures.sites import with_atom

KINDS = ("parent", "field", "charge", "oxygen")


class State(NamedTuple):
    """One state of a structure's electrons.

    Attributes:
        name: Unique in its structure.
        kind: One of `KINDS`.
        atoms: Nuclei: the structure's, in its order, and an oxygen after them where one is bound.
        charge: Total charge.
        multiplicity: 2S + 1.
        field_au: Uniform electric field (x, y, z), atomic units.
        alternative: Of states of one alternative, the one of lowest energy counts; empty where there is no choice.
    """

    name: str
    kind: str
    atoms: Atoms
    charge: int
    multiplicity: int
    field_au: tuple[float, float, float] = NO_FIELD
    alternative: str = ""


def states_of(atoms: Atoms, settings: Mapping[str, Any], *, rule: BondRule = GOLD_SULFUR) -> list[State]:
    """The parent and all its perturbed states.

    Fields lie along and across some of the bonds (the bonds' directions, the perpendicular towards the nearest other atom, and the
    normal of both), in both senses: what is along one bond is across others. Charges have the lowest multiplicity. An oxygen
    lies beyond the right atom (gold) of the first bond, where it is farthest from all other atoms.

    Args:
        atoms: The structure (angstrom); `info` holds its charge and multiplicity.
        settings: Keys `fields_au`, `field_bonds`, `charges`, `oxygen_angstrom` (0 for none) and `oxygen_multiplicities`.
        rule: What counts as a bond.

    Raises:
        StructureError: If there is no bond, or no place for the oxygen.
    """
    charge, multiplicity = int(atoms.info["charge"]), int(atoms.info["multiplicity"])
    bonds = rule.bonds(atoms)
    if not bonds:
        raise StructureError(f"a structure without an {rule.name} bond cannot be perturbed for the ruler; leave it out")
    found = [State("parent", "parent", atoms, charge, multiplicity)]
    chosen = np.unique(np.linspace(0, len(bonds) - 1, settings["field_bonds"]).round().astype(int))
    for bond in [bonds[place] for place in chosen]:
        for word, axis in _axes(atoms, bond).items():
            for strength in settings["fields_au"]:
                for sign in (1, -1):
                    field = tuple(round(float(sign * strength * part), 9) for part in axis)
                    name = f"{word}_{bond.label}_{sign * strength:+g}"
                    found.append(State(name, "field", atoms, charge, multiplicity, field))  # type: ignore[arg-type]
    for added in settings["charges"]:
        total = charge + added
        found.append(State(f"charge_{added:+d}", "charge", atoms, total, 1 + electron_count(atoms, total) % 2))
    if settings["oxygen_angstrom"]:
        bound = with_atom(atoms, bonds[0].right, settings["oxygen_angstrom"])
        for spin in settings["oxygen_multiplicities"]:
            if (electron_count(bound, charge) + spin) % 2:  # parity allows it
                found.append(State(f"oxygen_{spin}", "oxygen", bound, charge, spin, alternative="oxygen"))
    return found


def _axes(atoms: Atoms, bond: Bond) -> dict[str, np.ndarray]:
    """Unit vectors along a bond, across it towards the nearest atom beside it, and normal to both."""
    along = atoms.positions[bond.right] - atoms.positions[bond.left]
    along = along / bond.length_angstrom
    planes, _ = planes_of_bond(atoms, bond, planes=1)
    if planes:
        across = planes[0].up
    else:  # the nearest atom is on the line of the bond: any perpendicular
        across = np.cross(along, np.eye(3)[int(np.argmin(np.abs(along)))])
        across = across / np.linalg.norm(across)
    return {"along": along, "across": across, "normal": np.cross(along, across)}
