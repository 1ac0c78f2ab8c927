"""Wave functions made elsewhere: molden files and Gaussian's formatted checkpoints, as `Orbitals`.

Nothing in them is taken on trust. Programs disagree about what the numbers of a molden file mean, so the orbitals must be
orthonormal in the basis as it was read (C^T S C = 1), and their electrons must fit nuclei, core electrons and charge.
"""

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers

from auric.errors import InputError, StructureError, suggestion
from auric.progress import log
from auric.provenance import library_versions
from auric.reference.fchk import read_fchk
from auric.reference.molden import read_molden
from auric.reference.orbitals import Orbitals, make_molecule
from auric.reference.shells import CONVENTIONS, Convention, Expansion, expand, largest_deviations
from auric.reference.store import structure_hash
from auric.reference.wavefile import TextLines, WaveFunction, with_lines
from auric.structures.check import LARGEST_ANGSTROM

OCCUPIED_TOLERANCE = 1e-4
"""Of the overlaps among occupied orbitals; files with six decimals stay below 1e-5."""
ORBITAL_TOLERANCE = 1e-2
"""Of the overlaps among all orbitals: diffuse virtual ones magnify the rounding of a file."""
ELECTRON_TOLERANCE = 0.01
OCCUPATION_TOLERANCE = 1e-4
LARGEST_UNSTATED_CHARGE = 2
"""A larger one, where none is stated, rather means core electrons that the file does not tell."""


def read_wave_function(
    path: str | Path, *, method: str | None = None, basis_name: str | None = None, charge: int | None = None,
    multiplicity: int | None = None, core_electrons: Mapping[str, int] | None = None,
) -> Orbitals:  # fmt: skip
    """Read the occupied orbitals of a wave function that another program computed.

    Args:
        path: File ending in .molden, .molden.input, .fchk or .fch.
        method: Level of theory, for the provenance; a molden file does not state it.
        basis_name: Name of the basis, likewise.
        charge: Total charge, compared with the file's electrons; a molden file does not state it.
        multiplicity: 2S + 1, compared likewise.
        core_electrons: Element to electrons that its effective core potential stands for, where the file does not tell.

    Returns:
        Occupied orbitals. `ecp` holds core electrons without a potential: enough for densities, not for energies.

    Raises:
        StructureError: If the file is missing, damaged, too large, contradicts itself or what is stated here, or means
            its basis functions in no way that is known.
        InputError: If the ending names no format, or `core_electrons` an element that is not in the file.
    """
    path = Path(path)
    reader = next((READERS[ending] for ending in READERS if path.name.lower().endswith(ending)), None)
    if reader is None:
        raise InputError(f"{path}: '{path.suffix}' is no wave function; {suggestion(path.suffix, list(READERS))}")
    wave = with_lines(path, reader)
    try:
        ecp = _core_potentials(wave, core_electrons or {})
        _check_shells(wave)
        spins = _spin_occupations(wave)
        charge = _charge(wave, ecp, spins, charge)
        multiplicity = _multiplicity(wave, spins, multiplicity)
        expansion, convention = _resolve(wave, ecp, charge, multiplicity)
    except StructureError as error:
        raise StructureError(f"{path}: {error}") from None
    log.info("%s: charge %d, multiplicity %d, basis functions as in '%s'", path, charge, multiplicity, convention.name)
    coefficients = expansion.coefficients * (len(spins) // len(expansion.coefficients))
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    provenance = {
        "engine": wave.engine, "method": method or wave.method or "unknown",
        "basis": basis_name or wave.basis or "unknown", "file": path.name, "sha256": digest,
        "convention": convention.name, "versions": library_versions(("pyscf", "numpy")),
        "structure_hash": structure_hash(Atoms(wave.symbols, wave.positions_angstrom), charge, multiplicity),
    }  # fmt: skip
    return Orbitals(
        wave.symbols, wave.positions_angstrom, expansion.basis, ecp, charge, multiplicity,
        [c[:, o > 0] for c, o in zip(coefficients, spins, strict=True)], [o[o > 0] for o in spins], provenance,
        cartesian=expansion.cartesian,
    )  # fmt: skip


READERS: dict[str, Callable[[TextLines], WaveFunction]] = {
    ".molden": read_molden, ".molden.input": read_molden, ".fchk": read_fchk, ".fch": read_fchk,
}  # fmt: skip


def _core_potentials(wave: WaveFunction, stated: Mapping[str, int]) -> dict[str, Any]:
    """Potentials in PySCF's form that have core electrons and no terms, for elements with core electrons."""
    found: dict[str, int] = {}
    for i, (symbol, core) in enumerate(zip(wave.symbols, wave.core_electrons, strict=True)):
        if found.setdefault(symbol, core) != core:
            raise StructureError(
                f"atom {i + 1} ({symbol}) has {core} core electrons, another {symbol} {found[symbol]}; one per element"
            )
    for symbol, core in stated.items():
        if symbol not in found:
            raise InputError(f"core_electrons: no {symbol} in the file; {suggestion(symbol, sorted(found))}")
        if found[symbol] not in (0, core):
            raise StructureError(f"{found[symbol]} core electrons of {symbol} in the file, {core} stated; correct one")
        found[symbol] = core
    for symbol, core in found.items():
        if not 0 <= core < atomic_numbers[symbol]:
            raise StructureError(f"{core} core electrons of {symbol} cannot be; correct them")
    return {symbol: [core, []] for symbol, core in sorted(found.items()) if core}


def _check_shells(wave: WaveFunction) -> None:
    atoms = len(wave.symbols)
    bare = set(range(atoms)) - {shell.atom for shell in wave.shells}
    if bare:
        raise StructureError(f"atom {min(bare) + 1} ({wave.symbols[min(bare)]}) has no basis functions; write them all")
    for shell in wave.shells:
        if not 0 <= shell.atom < atoms:
            raise StructureError(f"a shell belongs to atom {shell.atom + 1}, but there are {atoms} atoms")
        if min(shell.exponents, default=0.0) <= 0:
            raise StructureError(f"a shell of atom {shell.atom + 1} has an exponent that is not positive, or none")
    if np.ptp(wave.positions_angstrom, axis=0).max() > LARGEST_ANGSTROM:
        raise StructureError(f"it is wider than {LARGEST_ANGSTROM:g} angstrom; check the coordinates' unit")


def _spin_occupations(wave: WaveFunction) -> list[np.ndarray]:
    """Occupations per spin, each in [0, 1]; one entry for a closed shell.

    One set of orbitals with whole occupations, some of them 1, is a high-spin open shell; with fractional ones it is a
    closed shell, smeared or of natural orbitals.
    """
    most = 2.0 if len(wave.occupations) == 1 else 1.0
    numbers = [np.clip(occupations, 0, most) for occupations in wave.occupations]
    for before, after in zip(wave.occupations, numbers, strict=True):
        if np.abs(before - after).max(initial=0) > OCCUPATION_TOLERANCE:
            worst = before[np.abs(before - after).argmax()]
            raise StructureError(f"an orbital is occupied by {worst:g} electrons; between 0 and {most:g} can be")
    whole = [occupations.round() for occupations in numbers]
    rounded = max(np.abs(n - w).max(initial=0) for n, w in zip(numbers, whole, strict=True)) < OCCUPATION_TOLERANCE
    if rounded:
        numbers = whole
    electrons = sum(float(n.sum()) for n in numbers)
    if not electrons or abs(electrons - round(electrons)) > ELECTRON_TOLERANCE:
        raise StructureError(
            f"its orbitals hold {electrons:.4f} electrons, no whole number; write all occupied orbitals"
        )
    if len(numbers) == 2:
        return numbers
    if rounded and (numbers[0] == 1).any():
        return [(numbers[0] >= 1) * 1.0, (numbers[0] == 2) * 1.0]
    if round(electrons) % 2:
        raise StructureError(
            "natural orbitals of both spins together do not tell the spin densities of an odd number of electrons; "
            "write alpha and beta orbitals"
        )
    return [numbers[0] / 2]


def _charge(wave: WaveFunction, ecp: Mapping[str, Any], spins: list[np.ndarray], stated: int | None) -> int:
    """The charge that nuclei, core electrons and orbitals leave, compared with what is stated."""
    electrons = round(sum(float(o.sum()) for o in spins) * (2 // len(spins)))
    nuclei = sum(int(atomic_numbers[symbol]) for symbol in wave.symbols)
    core = sum(int(ecp[symbol][0]) for symbol in wave.symbols if symbol in ecp)
    charge = nuclei - core - electrons
    count = (
        f"nuclei {nuclei}, core electrons {core} and {electrons} electrons in orbitals leave a charge of {charge:+d}"
    )
    for said, where in ((wave.charge, "the file says"), (stated, "stated was")):
        if said is not None and said != charge:
            raise StructureError(f"{count}, {where} {said:+d}; state the charge, or core_electrons of heavy elements")
    if wave.charge is None and stated is None and abs(charge) > LARGEST_UNSTATED_CHARGE:
        raise StructureError(f"{count}; state core_electrons of elements with effective core potentials, or the charge")
    return charge


def _multiplicity(wave: WaveFunction, spins: list[np.ndarray], stated: int | None) -> int:
    unpaired = float(spins[0].sum() - spins[1].sum()) if len(spins) == 2 else 0.0
    if unpaired < -ELECTRON_TOLERANCE or abs(unpaired - round(unpaired)) > ELECTRON_TOLERANCE:
        raise StructureError(f"{unpaired:.3f} more alpha than beta electrons; this must be a whole number from 0 on")
    multiplicity = round(unpaired) + 1
    for said, where in ((wave.multiplicity, "the file says"), (stated, "stated was")):
        if said is not None and said != multiplicity:
            raise StructureError(f"its orbitals have multiplicity {multiplicity}, {where} {said}; correct one")
    return multiplicity


def _resolve(wave: WaveFunction, ecp: dict[str, Any], charge: int, multiplicity: int) -> tuple[Expansion, Convention]:
    """The orbitals in PySCF's basis: as the format means them if that makes them orthonormal, else as fits best."""
    overlaps: dict[bool, np.ndarray] = {}
    first = ""
    best: tuple[float, Expansion | None, Convention] = (np.inf, None, CONVENTIONS[0])
    for convention in CONVENTIONS:
        expansion = expand(wave, convention)
        bare = convention.contraction == "bare"  # only these are other functions; all else is in the coefficients
        if bare not in overlaps:
            molecule = make_molecule(
                wave.symbols, wave.positions_angstrom, expansion.basis, ecp, charge, multiplicity,
                cartesian=expansion.cartesian,
            )  # fmt: skip
            overlaps[bare] = molecule.intor("int1e_ovlp")
        occupied, every = largest_deviations(overlaps[bare], expansion.coefficients, wave.occupations)
        share = round(max(occupied / OCCUPIED_TOLERANCE, every / ORBITAL_TOLERANCE), 2)
        first = first or f"{occupied:.2g} among occupied and {every:.2g} among all orbitals"
        if share < best[0]:
            best = (share, expansion, convention)
        if share < 1 and convention is CONVENTIONS[0]:
            break
    share, found, convention = best
    if found is None or not share < 1:
        raise StructureError(
            "its orbitals are not orthonormal in its basis, whatever convention of the known ones is meant: overlaps differ "
            f"from 1 and 0 by up to {first} ({OCCUPIED_TOLERANCE:g} and {ORBITAL_TOLERANCE:g} allowed); the basis "
            "convention is another one, so convert the file with the program that made it"
        )
    return found, convention
