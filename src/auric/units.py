"""Unit conversions, named once.

Everything outside `reference` and `elf` speaks electronvolt, angstrom and kelvin.
"""

BOHR_ANGSTROM = 0.52917721092
"""Bohr radius (angstrom); the value PySCF converts coordinates with, so that positions make the round trip."""

HARTREE_EV = 27.211386245988
"""Hartree energy (eV), CODATA 2018."""
