"""`pyscf-gto`: Kohn-Sham density functional theory in Gaussian orbitals, with density fitting.

PySCF's B3LYP is the one of Gaussian (VWN with the RPA fit). Effective core potentials come with the basis of that name for
elements that have one under its name; heavy elements need one. Gold then keeps 19 electrons in def2-SVP and in cc-pVDZ-PP.
"""

import re
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers
from pyscf import dft, gto, lib, scf
from pyscf.gto.basis import load as load_basis
from pyscf.gto.basis import load_ecp
from pyscf.lib.exceptions import BasisNotFoundError

from auric.errors import InputError, ScfError, StructureError
from auric.progress import log
from auric.reference.interface import Labels
from auric.reference.orbitals import Orbitals, make_molecule
from auric.units import BOHR_ANGSTROM, HARTREE_EV

ATTEMPTS = ("plain", "level shift", "smearing", "second order")
_KRYPTON = 36
_BASIS_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9+*(),_-]*")


@dataclass(frozen=True)
class GtoSettings:
    """Settings of a Kohn-Sham calculation.

    Attributes:
        xc: Exchange-correlation functional, by PySCF's name.
        basis: Element to basis name; `default` for all others.
        grid_level: PySCF's integration grid, 0 (coarse) to 9.
        conv_tol_hartree: Energy change that ends the SCF (Hartree).
        max_cycles: SCF cycles of the plain attempt; later attempts take twice as many.
        forces: Whether forces are computed too.
    """

    xc: str = "b3lyp"
    basis: Mapping[str, str] = field(default_factory=lambda: {"default": "def2-svp"})
    grid_level: int = 3
    conv_tol_hartree: float = 1e-8
    max_cycles: int = 60
    forces: bool = False


class GtoEngine:
    """Restricted (singlets) or unrestricted Kohn-Sham energies, forces and orbitals."""

    name = "pyscf-gto"

    def __init__(self, settings: GtoSettings, *, threads: int = 1, memory_mb: int = 4000) -> None:
        self.settings, self.threads, self.memory_mb = settings, threads, memory_mb
        try:
            dft.libxc.parse_xc(settings.xc)
        except (KeyError, ValueError) as error:
            raise InputError(
                f"reference.gto.xc: PySCF has no functional '{settings.xc}' ({error}); try b3lyp or pbe"
            ) from None
        for element, name in settings.basis.items():
            if element != "default" and element not in atomic_numbers:
                raise InputError(f"reference.gto.basis: '{element}' is no element; use a symbol or 'default'")
            if not _BASIS_NAME.fullmatch(name):
                raise InputError(f"reference.gto.basis: '{name}' is no basis name; use one of PySCF's, e.g. def2-svp")

    def identity(self) -> dict[str, Any]:
        """See `Engine`."""
        return {"engine": self.name, "method": self.settings.xc} | asdict(self.settings)

    def check(self, symbols: list[str]) -> None:
        """See `Engine`."""
        self._basis(symbols)

    def label(self, atoms: Atoms, charge: int, multiplicity: int) -> Labels:
        """See `Engine`; gives orbitals, and forces if the settings ask for them."""
        started = time.perf_counter()
        symbols = atoms.get_chemical_symbols()
        basis, ecp = self._basis(symbols)
        molecule = make_molecule(symbols, atoms.positions, basis, ecp, charge, multiplicity)
        with lib.with_omp_threads(self.threads):
            field_, attempt, cycles = self._converge(molecule)
            forces = None
            if self.settings.forces:
                forces = -np.asarray(field_.nuc_grad_method().kernel()) * HARTREE_EV / BOHR_ANGSTROM
        coefficients, occupations = _occupied(field_)
        orbitals = Orbitals(
            symbols, np.array(atoms.positions), basis, ecp, charge, multiplicity, coefficients, occupations
        )
        details = {
            "attempt": attempt,
            "cycles": cycles,
            "seconds": time.perf_counter() - started,
            "threads": self.threads,
            "electrons": int(molecule.nelectron),
            "basis_functions": int(molecule.nao),
        }
        return Labels(float(field_.e_tot) * HARTREE_EV, forces, orbitals, details)

    def _basis(self, symbols: list[str]) -> tuple[dict[str, Any], dict[str, Any]]:
        basis, ecp = {}, {}
        for symbol in sorted(set(symbols)):
            name = self.settings.basis.get(symbol, self.settings.basis.get("default", ""))
            basis[symbol] = _look_up(load_basis, name, symbol)
            if not basis[symbol]:
                raise StructureError(
                    f"reference.gto.basis: PySCF has no basis '{name}' for {symbol}; name another for {symbol}"
                )
            potential = _look_up(load_ecp, name, symbol)
            if potential:
                ecp[symbol] = potential
            elif atomic_numbers[symbol] > _KRYPTON:
                raise StructureError(
                    f"reference.gto.basis: '{name}' has no effective core potential for {symbol}, and all its electrons "
                    "would need a relativistic method; name a basis with one, such as def2-svp"
                )
        return basis, ecp

    def _converge(self, molecule: gto.Mole) -> tuple[scf.hf.SCF, str, int]:
        """Climb the retry ladder; each attempt starts from the density the last one left."""
        density, fitting, cycles = None, None, 0
        for attempt in ATTEMPTS:
            mean_field = self._mean_field(molecule, attempt)
            mean_field.with_df = fitting or mean_field.with_df
            fitting = mean_field.with_df
            if attempt == "second order":
                mean_field = mean_field.newton()
            mean_field.kernel(dm0=density)
            density = mean_field.make_rdm1()
            if not np.isfinite(density).all():
                density = None
            cycles += _cycles(mean_field)
            if mean_field.converged and attempt == "smearing":
                # Smeared electrons only lead to a density worth starting from; the label has whole occupations.
                mean_field = self._mean_field(molecule, "plain")
                mean_field.with_df = fitting
                mean_field.kernel(dm0=density)
                cycles += _cycles(mean_field)
            if mean_field.converged and np.isfinite(mean_field.e_tot):
                return mean_field, attempt, cycles
            log.warning("SCF not converged: %s, %d cycles", attempt, cycles)
        raise ScfError(
            f"SCF not converged after {cycles} cycles ({', then '.join(ATTEMPTS)}); "
            "check charge and multiplicity, or raise reference.gto.max_cycles"
        )

    def _mean_field(self, molecule: gto.Mole, attempt: str) -> scf.hf.SCF:
        kind = dft.RKS if molecule.spin == 0 else dft.UKS
        mean_field = kind(molecule, xc=self.settings.xc).density_fit()
        mean_field.chkfile = None
        mean_field.grids.level = self.settings.grid_level
        mean_field.conv_tol = self.settings.conv_tol_hartree
        mean_field.max_memory = self.memory_mb
        mean_field.max_cycle = self.settings.max_cycles * (1 if attempt == "plain" else 2)
        if attempt == "level shift":
            mean_field.level_shift, mean_field.damp = 0.3, 0.3
        elif attempt == "smearing":
            mean_field = scf.addons.smearing(mean_field, sigma=0.01, method="fermi")
        return mean_field


def _cycles(mean_field: scf.hf.SCF) -> int:
    """SCF cycles of the last run; of a second-order solver its macro-iterations, if it counts them."""
    return int(getattr(mean_field, "cycles", 0) or 0)


def _look_up(load: Callable[[str, str], Any], name: str, symbol: str) -> Any:
    """What PySCF has of a name for an element; an empty list if nothing."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it advises to install a package that would fetch basis sets
            return _plain(load(name, symbol))
    except (BasisNotFoundError, KeyError, FileNotFoundError):
        return []


def _plain(numbers: Any) -> Any:
    """Nested tuples and arrays as lists of Python numbers, so that JSON gives back what it was given."""
    if isinstance(numbers, list | tuple | np.ndarray):
        return [_plain(item) for item in numbers]
    return numbers.item() if isinstance(numbers, np.generic) else numbers


def _occupied(mean_field: scf.hf.SCF) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Occupied coefficients and occupations per spin; one entry for a closed shell."""
    if np.ndim(mean_field.mo_occ) == 1:
        occupied = mean_field.mo_occ > 0
        return [mean_field.mo_coeff[:, occupied]], [mean_field.mo_occ[occupied] / 2]
    spins = [(c, o, o > 0) for c, o in zip(mean_field.mo_coeff, mean_field.mo_occ, strict=True)]
    return [c[:, keep] for c, _, keep in spins], [o[keep] for _, o, keep in spins]
