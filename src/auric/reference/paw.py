"""`gpaw`: projector-augmented waves on a real-space grid, by GPAW (doi:10.1088/0953-8984/22/25/253202); optional.

The thesis's engine (PBE, 0.2 angstrom). It gives energies and forces but no orbitals in a Gaussian basis, so that the
rooms `elf` and `ruler` cannot use its labels.
"""

import time
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from ase import Atoms

from auric.errors import ScfError, StructureError
from auric.reference.interface import Labels
from auric.reference.orbitals import Orbitals


@dataclass(frozen=True)
class PawSettings:
    """Settings of a GPAW calculation.

    Attributes:
        xc: Exchange-correlation functional, by GPAW's name.
        spacing_angstrom: Distance of grid points.
        vacuum_angstrom: Space between the outermost atoms and each face of the box.
        forces: Whether forces are computed too.
    """

    xc: str = "PBE"
    spacing_angstrom: float = 0.2
    vacuum_angstrom: float = 5.0
    forces: bool = True


class PawEngine:
    """Energies and forces on a real-space grid."""

    name = "gpaw"

    def __init__(self, settings: PawSettings) -> None:
        self.settings = settings

    def identity(self) -> dict[str, Any]:
        """See `Engine`."""
        return {"engine": self.name, "method": self.settings.xc, "basis": "grid"} | asdict(self.settings)

    def check(self, symbols: list[str]) -> None:
        """See `Engine`; an element without a setup is refused."""
        from gpaw.setup_data import search_for_file

        for symbol in sorted(set(symbols)):
            try:
                search_for_file(f"{symbol}.{self.settings.xc}")
            except (FileNotFoundError, RuntimeError) as error:
                raise StructureError(
                    f"gpaw has no {self.settings.xc} setup for {symbol} ({error}); run `gpaw install-data`"
                ) from None

    def label(self, atoms: Atoms, charge: int, multiplicity: int, *, start: Orbitals | None = None) -> Labels:
        """See `Engine`; `start` is not used."""
        from gpaw import GPAW, KohnShamConvergenceError

        started = time.perf_counter()
        boxed = Atoms(atoms.numbers, atoms.positions)
        boxed.center(vacuum=self.settings.vacuum_angstrom)
        moments = np.zeros(len(boxed))
        moments[0] = multiplicity - 1
        boxed.set_initial_magnetic_moments(moments)
        boxed.calc = GPAW(
            mode="fd", h=self.settings.spacing_angstrom, xc=self.settings.xc, charge=charge, txt=None,
            spinpol=multiplicity > 1, occupations={"name": "fermi-dirac", "width": 0.0, "fixmagmom": multiplicity > 1},
        )  # fmt: skip
        try:
            energy_ev = float(boxed.get_potential_energy())
            forces = np.asarray(boxed.get_forces()) if self.settings.forces else None
        except KohnShamConvergenceError as error:
            raise ScfError(f"GPAW did not converge ({error}); check charge and multiplicity") from error
        return Labels(energy_ev, forces, None, {"attempt": "plain", "seconds": time.perf_counter() - started})
