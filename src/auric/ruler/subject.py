"""What is measured: a structure, a wave function made before, or both, checked before anything is computed."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from ase import Atoms

from auric.errors import AuricError, InputError, StructureError, suggestion
from auric.reference.imported import read_wave_function
from auric.reference.orbitals import Orbitals, read_orbitals
from auric.structures.bonds import GOLD_SULFUR, BondRule
from auric.structures.check import check_structure
from auric.structures.readers import check_stated_charge, read_structure

SAME_GEOMETRY_ANGSTROM = 0.01


def structure_to_measure(
    file: Path | None, orbitals_file: Path | None, orbitals: Orbitals | None, *, charge: int | None,
    multiplicity: int | None, rule: BondRule = GOLD_SULFUR,
) -> Atoms:  # fmt: skip
    """The structure, with all that its labels and images are named by in `info`.

    Args:
        file: Structure file; None where a wave function says where the atoms are.
        orbitals_file: File of the wave function, for messages and names.
        orbitals: What was read from it; it decides about positions, charge and multiplicity.
        charge: Total charge; None takes what the structure file states.
        multiplicity: 2S + 1.
        rule: What counts as a bond; there must be one.

    Raises:
        InputError: If charge or multiplicity are not known, or there is no file at all.
        StructureError: If the structure cannot be used (`check_structure`), contradicts the charge, or is another than
            that of the wave function.
    """
    path = file or orbitals_file
    if path is None:
        raise InputError("name a structure file, or a wave function by --wave-function")
    atoms = Atoms() if file is None else read_structure(file)
    try:
        if orbitals is not None:
            if file is not None:
                _check_same_geometry(atoms, orbitals)
            source = atoms.info.get("source", f"file {path}")
            atoms = Atoms(orbitals.symbols, orbitals.positions_angstrom, info=atoms.info | {"source": source})
            charge, multiplicity = orbitals.charge, orbitals.multiplicity
        charge = atoms.info.get("stated_charge") if charge is None else charge
        if charge is None or multiplicity is None:
            raise InputError("give --charge and --multiplicity (2S + 1); no file states both")
        check_stated_charge(atoms, charge)
        check_structure(atoms, charge=charge, multiplicity=multiplicity, rule=rule)
    except AuricError as error:
        raise type(error)(f"{path}: {error}") from None
    atoms.info |= {"name": path.stem, "structure": path.stem, "charge": charge, "multiplicity": multiplicity}
    return atoms


def orbitals_of_file(
    path: str | Path, *, charge: int | None, multiplicity: int | None, method: str | None = None,
    core_electrons: Mapping[str, int] | None = None, frame: str | None = None,
) -> Orbitals:  # fmt: skip
    """Orbitals made before: a program's wave function (molden, fchk) or an orbitals file of a study (npz).

    Args:
        path: The file.
        charge: Total charge, compared with the file's; None takes the file's.
        multiplicity: 2S + 1, likewise.
        method: Functional, for files that do not state it.
        core_electrons: Element to core electrons, likewise.
        frame: Which frame of an orbitals file that holds several.

    Raises:
        InputError: If the file cannot be used or contradicts what is stated.
    """
    if Path(path).suffix.lower() != ".npz":
        return read_wave_function(
            path, method=method, charge=charge, multiplicity=multiplicity, core_electrons=core_electrons
        )
    frames = dict(read_orbitals(path))
    if frame is None and len(frames) != 1:
        raise InputError(f"{path}: holds {len(frames)} frames; name one by --frame: {', '.join(frames)}")
    chosen = next(iter(frames)) if frame is None else frame
    if chosen not in frames:
        raise InputError(f"{path}: no frame '{chosen}'; {suggestion(chosen, list(frames))}")
    orbitals = frames[chosen]
    for name, stated in (("charge", charge), ("multiplicity", multiplicity)):
        if stated is not None and stated != getattr(orbitals, name):
            raise InputError(f"{path}: its {name} is {getattr(orbitals, name)}, {stated} was stated; correct one")
    return orbitals


def _check_same_geometry(atoms: Atoms, orbitals: Orbitals) -> None:
    """Refuse orbitals of another structure; it may be turned and moved, but atoms come in the same order."""
    if atoms.get_chemical_symbols() != orbitals.symbols:
        raise StructureError(
            f"the structure is {atoms.get_chemical_formula()} in the order of its file, the wave function's another; "
            "give atoms in one order, or the wave function alone"
        )
    theirs = Atoms(orbitals.symbols, orbitals.positions_angstrom)
    largest = float(np.abs(atoms.get_all_distances() - theirs.get_all_distances()).max())
    if largest > SAME_GEOMETRY_ANGSTROM:
        raise StructureError(
            f"distances in the structure differ from the wave function's by up to {largest:.3f} angstrom; "
            "give the structure it was computed for, or the wave function alone"
        )
