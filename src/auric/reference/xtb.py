"""`gfn1-xtb`: the semi-empirical rung, GFN1-xTB by tblite (doi:10.1021/acs.jctc.7b00118)."""

import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import CalculationFailed

from auric.errors import ScfError
from auric.reference.blas import prefer_openblas
from auric.reference.interface import Labels
from auric.reference.orbitals import Orbitals

if TYPE_CHECKING:
    from tblite.ase import TBLite

RETRY_TEMPERATURES_K = (None, 1000.0, 3000.0)
"""Electronic temperatures tried in turn; None is the setting's. Hotter electrons spread over near-degenerate levels."""


@dataclass(frozen=True)
class XtbSettings:
    """Settings of GFN1-xTB.

    Attributes:
        electronic_temperature_k: Fermi smearing (kelvin).
    """

    electronic_temperature_k: float = 300.0


class XtbEngine:
    """GFN1-xTB energies and forces."""

    name = "gfn1-xtb"

    def __init__(self, settings: XtbSettings) -> None:
        self.settings = settings

    def identity(self) -> dict[str, Any]:
        """See `Engine`."""
        return {"engine": self.name, "method": "GFN1-xTB", "basis": "GFN1-xTB"} | asdict(self.settings)

    def check(self, symbols: list[str]) -> None:
        """See `Engine`; GFN1-xTB knows all elements up to radon, which structures are checked for."""

    def calculator(self, charge: int, multiplicity: int, *, temperature_k: float | None = None) -> "TBLite":
        """An ASE calculator at this rung."""
        prefer_openblas()
        from tblite.ase import TBLite  # only now, so that it finds the faster BLAS

        return TBLite(
            method="GFN1-xTB",
            charge=charge,
            multiplicity=multiplicity,
            electronic_temperature=temperature_k or self.settings.electronic_temperature_k,
            verbosity=0,
        )

    def label(self, atoms: Atoms, charge: int, multiplicity: int, *, start: Orbitals | None = None) -> Labels:
        """See `Engine`; forces are always given, and no orbitals to start from are used."""
        started = time.perf_counter()
        failure = ""
        for temperature_k in RETRY_TEMPERATURES_K:
            copy = Atoms(atoms.numbers, atoms.positions)
            copy.calc = self.calculator(charge, multiplicity, temperature_k=temperature_k)
            try:
                energy_ev, forces = float(copy.get_potential_energy()), np.asarray(copy.get_forces())
            except CalculationFailed as error:
                failure = str(error)
                continue
            details = {
                "attempt": "plain" if temperature_k is None else f"electrons at {temperature_k:g} K",
                "seconds": time.perf_counter() - started,
            }
            return Labels(energy_ev, forces, None, details)
        raise ScfError(f"GFN1-xTB did not converge at electronic temperatures up to 3000 K ({failure})")
