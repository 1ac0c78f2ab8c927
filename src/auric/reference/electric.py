"""A uniform electric field on the electrons of a mean field.

With the field F (atomic units) electrons gain F . r each and nuclei lose F . R for each unit of their charge, positions
counted from the centre of nuclear charge: so the energy of a neutral molecule falls by its dipole along the field, and the
density of any molecule does not depend on where positions are counted from.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from pyscf import gto

from auric.errors import InputError

NO_FIELD = (0.0, 0.0, 0.0)
LARGEST_FIELD_AU = 0.1
"""Beyond it electrons leave molecules."""


def check_field(field_au: Sequence[float], *, forces: bool) -> None:
    """Refuse what is no field, and forces in one.

    Args:
        field_au: Field (x, y, z), atomic units.
        forces: Whether forces are asked for.

    Raises:
        InputError: If it has not three finite components, is too strong, or forces are asked for in it.
    """
    if len(field_au) != 3 or not all(math.isfinite(part) for part in field_au):
        raise InputError(f"field_au: {list(field_au)} is no field; give three finite numbers in atomic units")
    if math.hypot(*field_au) > LARGEST_FIELD_AU:
        raise InputError(f"field_au: {list(field_au)} is stronger than {LARGEST_FIELD_AU}; take a weaker field")
    if forces and any(field_au):
        raise InputError("field_au: forces are not offered in an electric field; set forces to false")


def without_field(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings for an identity: no field is left out, so that labels from before it was a setting stay valid."""
    return {key: value for key, value in settings.items() if key != "field_au" or any(value)}


def in_field(mean_field: Any, molecule: gto.Mole, field_au: Sequence[float]) -> Any:
    """Put a mean field into a uniform electric field; without one it is left as it is.

    Args:
        mean_field: Of PySCF, changed in place.
        molecule: Its molecule; for one in a box, the molecule alone.
        field_au: Field (x, y, z), atomic units.
    """
    if not any(field_au):
        return mean_field
    field = np.asarray(field_au, dtype=float)
    charges, places = molecule.atom_charges(), molecule.atom_coords()
    centre = charges @ places / charges.sum()
    with molecule.with_common_orig(centre):
        positions = molecule.intor_symmetric("int1e_r", comp=3)
    core = mean_field.get_hcore() + np.einsum("x,xij->ij", field, positions)
    nuclear = float(mean_field.energy_nuc()) - float(field @ (charges @ (places - centre)))
    mean_field.get_hcore = lambda *_, **__: core
    mean_field.energy_nuc = lambda *_, **__: nuclear
    return mean_field
