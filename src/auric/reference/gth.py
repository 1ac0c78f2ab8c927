"""`pyscf-gth`: Kohn-Sham density functional theory with Goedecker-Teter-Hutter pseudopotentials in a box.

Gamma point, MOLOPT Gaussians and plane waves on nested grids (`pyscf.pbc`, multigrid), as CP2K's QUICKSTEP does
(doi:10.1016/j.cpc.2004.12.014); pseudopotentials doi:10.1103/PhysRevB.54.1703, basis doi:10.1063/1.2770708. No
four-centre integrals, no exchange matrix: the cost grows little faster than the number of atoms, so that a protected
cluster takes minutes where Gaussian-basis density fitting takes hours. Gold keeps 11 electrons (5d10 6s1, without 5s 5p).

The box is the cluster with a margin on all sides, rounded up to a coarse step so that neighbouring frames share a grid; the
grid has no fewer points along each side than the cutoff asks for, and numbers of points whose Fourier transform is fast.
Charged clusters stand in a uniform background: their total energies shift with the box, their densities hardly do.
A uniform electric field acts inside the box and starts anew in the next one; its jump lies where no Gaussian reaches.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers
from pyscf import lib
from pyscf.pbc import dft, gto
from pyscf.pbc.gto.basis import load as load_basis
from pyscf.pbc.gto.pseudo import load as load_pseudo
from scipy.fft import next_fast_len

from auric.errors import InputError, StructureError, suggestion
from auric.reference.electric import NO_FIELD, check_field, in_field, without_field
from auric.reference.interface import Labels
from auric.reference.kohn_sham import converge, look_up, occupied, on_host, transported_density
from auric.reference.orbitals import Orbitals
from auric.units import BOHR_ANGSTROM, HARTREE_EV

PSEUDOPOTENTIALS = {"pbe": "gth-pbe", "lda,vwn": "gth-pade", "blyp": "gth-blyp"}
"""Functional to the pseudopotentials that were made with it."""
BOX_STEP_ANGSTROM = 0.5


@dataclass(frozen=True)
class GthSettings:
    """Settings of a calculation with pseudopotentials in a box.

    Attributes:
        xc: Exchange-correlation functional, one of `PSEUDOPOTENTIALS`.
        basis: Element to basis name; `default` for all others.
        cutoff_hartree: Kinetic-energy cutoff of the densest grid (hartree).
        margin_angstrom: Vacuum between the outermost atoms and each face of the box.
        conv_tol_hartree: Energy change that ends the SCF (hartree).
        max_cycles: SCF cycles of the plain attempt; later attempts take twice as many.
        forces: Whether forces are computed too.
        field_au: Uniform electric field (x, y, z), atomic units.
    """

    xc: str = "pbe"
    basis: Mapping[str, str] = field(default_factory=lambda: {"default": "gth-dzvp-molopt-sr"})
    cutoff_hartree: float = 120.0
    margin_angstrom: float = 5.0
    conv_tol_hartree: float = 1e-6
    max_cycles: int = 60
    forces: bool = False
    field_au: Sequence[float] = NO_FIELD


class GthEngine:
    """Restricted (singlets) or unrestricted Kohn-Sham energies, forces and orbitals."""

    name = "pyscf-gth"

    def __init__(self, settings: GthSettings, *, threads: int = 1, memory_mb: int = 4000) -> None:
        self.settings, self.threads, self.memory_mb = settings, threads, memory_mb
        if settings.xc not in PSEUDOPOTENTIALS:
            raise InputError(
                f"reference.gth.xc: no pseudopotentials go with '{settings.xc}'; "
                f"{suggestion(settings.xc, list(PSEUDOPOTENTIALS))}"
            )
        for element in settings.basis:
            if element != "default" and element not in atomic_numbers:
                raise InputError(f"reference.gth.basis: '{element}' is no element; use a symbol or 'default'")
        check_field(settings.field_au, forces=settings.forces)

    def identity(self) -> dict[str, Any]:
        """See `Engine`."""
        told = {"engine": self.name, "method": self.settings.xc, "mesh": "next fast length"}
        return told | without_field(asdict(self.settings))

    def check(self, symbols: list[str]) -> None:
        """See `Engine`."""
        self._parts(symbols)

    def label(self, atoms: Atoms, charge: int, multiplicity: int, *, start: Orbitals | None = None) -> Labels:
        """See `Engine`; gives orbitals, and forces if the settings ask for them."""
        started = time.perf_counter()
        symbols = atoms.get_chemical_symbols()
        basis, pseudo, cores = self._parts(symbols)
        cell = self._cell(atoms, basis, pseudo, charge, multiplicity)
        with lib.with_omp_threads(self.threads):
            density = transported_density(
                start, symbols=symbols, basis=basis, charge=charge, multiplicity=multiplicity,
                overlap=lambda: np.asarray(cell.pbc_intor("int1e_ovlp", hermi=1)),
            )  # fmt: skip
            mean_field, attempt, cycles = converge(
                lambda: self._mean_field(cell),
                max_cycles=self.settings.max_cycles,
                setting="reference.gth.max_cycles",
                density=density,
            )
            forces = None
            if self.settings.forces:
                forces = -on_host(mean_field.nuc_grad_method().kernel()) * HARTREE_EV / BOHR_ANGSTROM
        coefficients, occupations = occupied(mean_field)
        # Evaluated without the box: its images are farther than the Gaussians reach.
        orbitals = Orbitals(
            symbols, np.array(atoms.positions), basis, cores, charge, multiplicity, coefficients, occupations
        )
        details = {
            "attempt": attempt,
            "cycles": cycles,
            "started_warm": density is not None,
            "seconds": time.perf_counter() - started,
            "threads": self.threads,
            "electrons": int(cell.nelectron),
            "basis_functions": int(cell.nao),
            "mesh": [int(points) for points in cell.mesh],
        }
        return Labels(float(mean_field.e_tot) * HARTREE_EV, forces, orbitals, details)

    def _parts(self, symbols: list[str]) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        """Basis, pseudopotentials, and (for evaluating orbitals) cores without a potential, by element."""
        basis, pseudo, cores = {}, {}, {}
        family = PSEUDOPOTENTIALS[self.settings.xc]
        for symbol in sorted(set(symbols)):
            name = self.settings.basis.get(symbol, self.settings.basis.get("default", ""))
            basis[symbol] = look_up(load_basis, name, symbol)
            if not basis[symbol]:
                raise StructureError(
                    f"reference.gth.basis: PySCF has no basis '{name[:40]}' for {symbol}; name another for {symbol}"
                )
            pseudo[symbol] = look_up(load_pseudo, family, symbol)
            if not pseudo[symbol]:
                raise StructureError(
                    f"reference.gth: there is no {family} pseudopotential for {symbol}; use the engine pyscf-gto"
                )
            cores[symbol] = [atomic_numbers[symbol] - int(sum(pseudo[symbol][0])), []]
        return basis, pseudo, cores

    def _cell(
        self, atoms: Atoms, basis: dict[str, Any], pseudo: dict[str, Any], charge: int, multiplicity: int
    ) -> gto.Cell:
        margin = self.settings.margin_angstrom
        low = atoms.positions.min(axis=0)
        sides = np.ceil((np.ptp(atoms.positions, axis=0) + 2 * margin) / BOX_STEP_ANGSTROM) * BOX_STEP_ANGSTROM
        shifted = atoms.positions - low + (sides - np.ptp(atoms.positions, axis=0)) / 2
        cell = gto.Cell(verbose=0, unit="Angstrom", charge=charge, spin=multiplicity - 1)
        cell.atom = [(s, tuple(map(float, xyz))) for s, xyz in zip(atoms.get_chemical_symbols(), shifted, strict=True)]
        cell.a, cell.basis, cell.pseudo = np.diag(sides), basis, pseudo
        cell.ke_cutoff, cell.max_memory = self.settings.cutoff_hartree, self.memory_mb
        cell.build(dump_input=False, parse_arg=False)
        cell.mesh = [next_fast_len(int(points)) for points in cell.mesh]  # PySCF's numbers are odd, and prime at times
        return cell

    def _mean_field(self, cell: gto.Cell) -> Any:
        kind = dft.RKS if cell.spin == 0 else dft.UKS
        mean_field = kind(cell, xc=self.settings.xc).multigrid_numint()
        mean_field.chkfile = None
        mean_field.conv_tol = self.settings.conv_tol_hartree
        if cell.charge:
            # PySCF ends by printing the Makov-Payne correction of a charged cell, which fails on nested grids.
            mean_field._finalize = _end_quietly
        # Integrals of the molecule alone: in those over the lattice the position has no meaning.
        return in_field(mean_field, cell.to_mol(), self.settings.field_au)


def _end_quietly() -> None:
    """Nothing is left to do."""
