"""What all Kohn-Sham engines of PySCF share: the retry ladder, warm starts, and the occupied orbitals."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from pyscf import scf
from pyscf.lib.exceptions import BasisNotFoundError

from auric.errors import ScfError
from auric.progress import log
from auric.reference.orbitals import Orbitals

OVERLAP = "maximum overlap"
ATTEMPTS = ("plain", OVERLAP, "level shift", "smearing", "second order")
"""Other physics in turn; each attempt starts from the density the last one left."""
SMEARING_HARTREE = 0.01
LEVEL_SHIFT_HARTREE, DAMPING = 0.3, 0.3
OVERLAP_CYCLES = 30
"""It settles within a dozen or not at all."""
SECOND_ORDER_CYCLES = 15
"""Second-order cycles converge quadratically or not at all, and each costs as much as a dozen others."""


def converge(
    make: Callable[[], scf.hf.SCF], *, max_cycles: int, setting: str, density: np.ndarray | None = None
) -> tuple[scf.hf.SCF, str, int]:
    """Climb the retry ladder until a self-consistent field converges.

    Args:
        make: Makes a fresh mean field; what is costly and the same for all attempts should be made once by the caller.
        max_cycles: SCF cycles of the plain attempt; later attempts take twice as many, the second-order one few.
        setting: Name of the setting of `max_cycles`, for the message.
        density: Density matrix to start from.

    Returns:
        The converged mean field, the attempt that did it, and the cycles of all attempts.

    Raises:
        ScfError: If no attempt converged.
    """
    cycles = 0
    mean_field: Any = None
    for attempt in ATTEMPTS:
        if attempt == OVERLAP:
            if density is None or not _spins_apart(mean_field):
                continue
            mean_field, spent = _held(make, mean_field)
            cycles += spent
        else:
            mean_field = _climbing(make(), attempt, max_cycles)
            mean_field.kernel(dm0=density)
            cycles += _cycles(mean_field)
        density = on_host(mean_field.make_rdm1())
        if not np.isfinite(density).all():
            density = None
        if mean_field.converged and attempt == "smearing":
            # Smeared electrons only lead to a density worth starting from; the label has whole occupations.
            mean_field = make()
            mean_field.max_cycle = max_cycles * 2
            mean_field.kernel(dm0=density)
            cycles += _cycles(mean_field)
        if mean_field.converged and np.isfinite(mean_field.e_tot):
            return mean_field, attempt, cycles
        log.warning("SCF not converged: %s, %d cycles", attempt, cycles)
    raise ScfError(
        f"SCF not converged after {cycles} cycles ({', then '.join(ATTEMPTS)}); "
        f"check charge and multiplicity, or raise {setting}"
    )


def _climbing(mean_field: scf.hf.SCF, attempt: str, max_cycles: int) -> scf.hf.SCF:
    """A fresh mean field, set to what an attempt does."""
    mean_field.max_cycle = max_cycles * (1 if attempt == "plain" else 2)
    if attempt == "level shift":
        mean_field.level_shift, mean_field.damp = LEVEL_SHIFT_HARTREE, DAMPING
    elif attempt == "smearing":
        mean_field = scf.addons.smearing(mean_field, sigma=SMEARING_HARTREE, method="fermi")
    elif attempt == "second order":
        mean_field = mean_field.newton()
        mean_field.max_cycle = SECOND_ORDER_CYCLES
    return mean_field


def _held(make: Callable[[], scf.hf.SCF], before: scf.hf.SCF) -> tuple[scf.hf.SCF, int]:
    """Electrons held in the orbitals most like those they had (doi:10.1021/jp801738f), and the cycles it took.

    Two levels of one spin that all but touch change places from cycle to cycle; held in their places they settle. If the
    lowest levels are then not those that are filled, these are tried in their turn. If both settle and neither fills its
    lowest levels, the levels cross: no filling of the lowest is self-consistent, and the lower of the two energies is taken.
    """
    settled, cycles = [], 0
    orbitals, filled = before.mo_coeff, before.mo_occ
    for _ in range(2):
        field = scf.addons.mom_occ(make(), orbitals, filled)
        # After the last cycle PySCF diagonalises once more, and two levels that all but touch may mix anew.
        field.max_cycle, field.conv_check = OVERLAP_CYCLES, False
        field.kernel(dm0=field.make_rdm1(orbitals, filled))
        del field.get_occ  # a closure around the field itself, which would outlive its use
        cycles += _cycles(field)
        orbitals, filled = field.mo_coeff, field.get_occ(field.mo_energy, field.mo_coeff)
        if not (field.converged and np.isfinite(field.e_tot)):
            return field, cycles
        if (filled == field.mo_occ).all():
            return field, cycles
        settled.append(field)
    log.warning(
        "SCF: two levels cross, no filling of the lowest is self-consistent; the lower of both energies is taken"
    )
    return min(settled, key=lambda field: float(field.e_tot)), cycles


def transported_density(
    start: Orbitals | None, *, symbols: list[str], basis: dict[str, Any], charge: int, multiplicity: int,
    overlap: Callable[[], np.ndarray],
) -> np.ndarray | None:  # fmt: skip
    """Density matrix to start from: the orbitals of a like frame, orthonormalised (Löwdin) in this frame's overlap.

    Args:
        start: Orbitals of another frame.
        symbols: Elements of this frame.
        basis: Basis of this frame.
        charge: Total charge.
        multiplicity: 2S + 1.
        overlap: Gives the overlap matrix of this frame.

    Returns:
        Shape (orbitals, orbitals) for a closed shell, else (2, orbitals, orbitals); None if the frames are not alike.
    """
    if start is None or (start.symbols, start.charge, start.multiplicity) != (symbols, charge, multiplicity):
        return None
    if start.basis != basis or start.closed_shell != (multiplicity == 1):
        return None
    metric = overlap()
    densities = []
    for coefficients, occupations in zip(start.coefficients, start.occupations, strict=True):
        values, vectors = np.linalg.eigh(coefficients.T @ metric @ coefficients)
        if values[0] < 1e-6:
            return None
        orthonormal = coefficients @ (vectors / np.sqrt(values)) @ vectors.T
        densities.append((orthonormal * occupations) @ orthonormal.T)
    return 2 * densities[0] if start.closed_shell else np.array(densities)


def occupied(mean_field: scf.hf.SCF) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Occupied coefficients and occupations per spin; one entry for a closed shell."""
    coefficients, occupations = on_host(mean_field.mo_coeff), on_host(mean_field.mo_occ)
    if occupations.ndim == 1:
        filled = occupations > 0
        return [coefficients[:, filled]], [occupations[filled] / 2]
    spins = [(c, o, o > 0) for c, o in zip(coefficients, occupations, strict=True)]
    return [c[:, keep] for c, _, keep in spins], [o[keep] for _, o, keep in spins]


def look_up(load: Callable[[str, str], Any], name: str, symbol: str) -> Any:
    """What PySCF has of a name for an element; an empty list if nothing."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it advises to install a package that would fetch basis sets
            return plain_numbers(load(name, symbol))
    except (BasisNotFoundError, KeyError, FileNotFoundError):
        return []


def on_host(array: Any) -> np.ndarray:
    """An array as numpy has it; those of a GPU are copied."""
    return np.asarray(array.get() if hasattr(array, "get") else array)


def plain_numbers(numbers: Any) -> Any:
    """Nested tuples and arrays as lists of Python numbers, so that JSON gives back what it was given."""
    if isinstance(numbers, list | tuple | np.ndarray):
        return [plain_numbers(item) for item in numbers]
    return numbers.item() if isinstance(numbers, np.generic) else numbers


def _spins_apart(mean_field: scf.hf.SCF) -> bool:
    """Whether it has orbitals for each spin, on the host."""
    return isinstance(mean_field.mo_occ, np.ndarray) and mean_field.mo_occ.ndim == 2


def _cycles(mean_field: scf.hf.SCF) -> int:
    """SCF cycles of the last run; of a second-order solver its macro-iterations, if it counts them."""
    return int(getattr(mean_field, "cycles", 0) or 0)
