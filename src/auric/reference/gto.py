"""`pyscf-gto`: Kohn-Sham density functional theory in Gaussian orbitals, with density fitting.

PySCF's B3LYP is the one of Gaussian (VWN with the RPA fit). Effective core potentials come with the basis of that name for
elements that have one under its name; heavy elements need one. Gold then keeps 19 electrons in def2-SVP and in cc-pVDZ-PP.
With the scalar-relativistic X2C Hamiltonian (one-electron, spin-free; doi:10.1063/1.3159445) all electrons may be kept, in a
basis made for that, such as dzp-dkh. A uniform electric field is added to the one-electron Hamiltonian.
"""

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers
from pyscf import df, dft, gto, lib, scf
from pyscf.gto.basis import load as load_basis
from pyscf.gto.basis import load_ecp

from auric.devices import claim_gpu
from auric.errors import InputError, StructureError, suggestion
from auric.reference.electric import NO_FIELD, check_field, in_field, without_field
from auric.reference.interface import Labels
from auric.reference.kohn_sham import converge, look_up, occupied, on_host, transported_density
from auric.reference.orbitals import Orbitals, make_molecule
from auric.units import BOHR_ANGSTROM, HARTREE_EV

RELATIVITY = ("none", "x2c")
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
        relativity: `none`, or `x2c` for the scalar-relativistic X2C Hamiltonian.
        field_au: Uniform electric field (x, y, z), atomic units.
    """

    xc: str = "b3lyp"
    basis: Mapping[str, str] = field(default_factory=lambda: {"default": "def2-svp"})
    grid_level: int = 3
    conv_tol_hartree: float = 1e-8
    max_cycles: int = 60
    forces: bool = False
    relativity: str = "none"
    field_au: Sequence[float] = NO_FIELD


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
        if settings.relativity not in RELATIVITY:
            raise InputError(
                f"reference.gto.relativity: there is no '{settings.relativity}'; {suggestion(settings.relativity, RELATIVITY)}"
            )
        check_field(settings.field_au, forces=settings.forces)

    def identity(self) -> dict[str, Any]:
        """See `Engine`."""
        settings = without_field(asdict(self.settings))
        if settings["relativity"] == RELATIVITY[0]:
            del settings["relativity"]  # labels from before it was a setting stay valid
        return {"engine": self.name, "method": self.settings.xc} | settings

    def check(self, symbols: list[str]) -> None:
        """See `Engine`."""
        self.basis_of(symbols)

    def label(self, atoms: Atoms, charge: int, multiplicity: int, *, start: Orbitals | None = None) -> Labels:
        """See `Engine`; gives orbitals, and forces if the settings ask for them."""
        started = time.perf_counter()
        symbols = atoms.get_chemical_symbols()
        basis, ecp = self.basis_of(symbols)
        molecule = make_molecule(symbols, atoms.positions, basis, ecp, charge, multiplicity)
        with lib.with_omp_threads(self.threads):
            density = transported_density(
                start, symbols=symbols, basis=basis, charge=charge, multiplicity=multiplicity,
                overlap=lambda: np.asarray(molecule.intor("int1e_ovlp", hermi=1)),
            )  # fmt: skip
            fitting = df.DF(molecule)
            mean_field, attempt, cycles = converge(
                lambda: self._mean_field(molecule, fitting),
                max_cycles=self.settings.max_cycles,
                setting="reference.gto.max_cycles",
                density=density,
            )
            forces = None
            if self.settings.forces:
                forces = -on_host(mean_field.nuc_grad_method().kernel()) * HARTREE_EV / BOHR_ANGSTROM
        coefficients, occupations = occupied(mean_field)
        orbitals = Orbitals(
            symbols, np.array(atoms.positions), basis, ecp, charge, multiplicity, coefficients, occupations
        )
        details = {
            "attempt": attempt,
            "cycles": cycles,
            "started_warm": density is not None,
            "seconds": time.perf_counter() - started,
            "threads": self.threads,
            "electrons": int(molecule.nelectron),
            "basis_functions": int(molecule.nao),
        }
        return Labels(float(mean_field.e_tot) * HARTREE_EV, forces, orbitals, details)

    def basis_of(self, symbols: list[str]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Basis and effective core potentials by element, as numbers.

        Raises:
            StructureError: If PySCF does not have them.
        """
        basis, ecp = {}, {}
        for symbol in sorted(set(symbols)):
            name = self.settings.basis.get(symbol, self.settings.basis.get("default", ""))
            basis[symbol] = look_up(load_basis, name, symbol)
            if not basis[symbol]:
                raise StructureError(
                    f"reference.gto.basis: PySCF has no basis '{name}' for {symbol}; name another for {symbol}"
                )
            potential = look_up(load_ecp, name, symbol)
            if potential:
                ecp[symbol] = potential
            elif atomic_numbers[symbol] > _KRYPTON and self.settings.relativity == RELATIVITY[0]:
                raise StructureError(
                    f"reference.gto.basis: '{name}' has no effective core potential for {symbol}, and all its electrons "
                    "would need a relativistic method; name a basis with one, such as def2-svp, or set relativity to x2c"
                )
        return basis, ecp

    def _mean_field(self, molecule: gto.Mole, fitting: Any) -> scf.hf.SCF:
        """A fresh mean field on integrals that all attempts share."""
        kind = dft.RKS if molecule.spin == 0 else dft.UKS
        mean_field = kind(molecule, xc=self.settings.xc).density_fit(with_df=fitting)
        if self.settings.relativity == "x2c":
            mean_field = mean_field.sfx2c1e()
        mean_field.chkfile = None
        mean_field.grids.level = self.settings.grid_level
        mean_field.conv_tol = self.settings.conv_tol_hartree
        mean_field.max_memory = self.memory_mb
        return in_field(mean_field, molecule, self.settings.field_au)


class GpuEngine(GtoEngine):
    """The same on a GPU by gpu4pyscf (optional); labels of both agree but are kept apart."""

    name = "gpu4pyscf"

    def __init__(self, settings: GtoSettings, *, threads: int = 1, memory_mb: int = 4000) -> None:
        super().__init__(settings, threads=threads, memory_mb=memory_mb)
        if any(settings.field_au) or settings.relativity != RELATIVITY[0]:
            raise InputError("gpu4pyscf: electric fields and relativity are not offered on a GPU; use pyscf-gto")

    def _mean_field(self, molecule: gto.Mole, fitting: Any) -> scf.hf.SCF:
        mean_field = super()._mean_field(molecule, None)
        claim_gpu()
        return mean_field.to_gpu()
