"""How long a measurement will take, before it starts."""

import math
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from ase import Atoms

from auric.elf.field import electron_localization
from auric.elf.plane import planes_of_bond
from auric.reference.orbitals import Orbitals, make_molecule
from auric.ruler.level import Level, level_parts
from auric.structures.bonds import BondRule
from auric.units import BOHR_ANGSTROM


class Forecast(NamedTuple):
    """Wall time of a self-consistent field and of the images after it.

    Attributes:
        field_seconds: Most likely time of the field; 0 where the orbitals are given, None where nothing is known.
        factor: Two standard deviations, as a factor up and down.
        images_seconds: Time of all images.
        threads: Threads it is for.
        electrons: Of the structure, effective cores left out.
        points: How many single points the cost was judged by.
        fewest: Electrons of the smallest of them.
        most: Electrons of the largest.
    """

    field_seconds: float | None
    factor: float
    images_seconds: float
    threads: int
    electrons: int
    points: int
    fewest: int
    most: int

    @property
    def most_seconds(self) -> float:
        """Time that is rarely exceeded."""
        return (self.field_seconds or 0.0) * self.factor + self.images_seconds

    def __str__(self) -> str:
        images = f"images about {duration(self.images_seconds)}"
        if self.field_seconds is None:
            return f"self-consistent field unknown (the ruler's own were too few to judge by), {images}"
        if not self.field_seconds:
            return images
        words = (
            f"about {duration(self.field_seconds)} on {self.threads} thread{'s' * (self.threads > 1)} "
            f"({duration(self.field_seconds / self.factor)} to {duration(self.field_seconds * self.factor)}), judged by "
            f"{self.points} single points of {self.fewest} to {self.most} electrons; {images}"
        )
        if self.fewest <= self.electrons <= self.most:
            return words
        return f"{words}. The structure has {self.electrons} electrons, outside that range: the time is a guess"


def forecast_measurement(
    header: Mapping[str, Any], atoms: Atoms, *, orbitals: Orbitals | None, threads: int
) -> Forecast:
    """Time of a measurement: the field by a power law of the electrons, the images by timing one plane.

    Args:
        header: A ruler's: `level`, `elf`, `bond` and `cost`, by which core seconds are
            exp(`log_intercept`) electrons^`log_slope`, times exp(`log_open_shell`) where the shells are open, `log_sd` being
            the standard deviation of the logarithm.
        atoms: The structure (angstrom); `info` holds its charge and multiplicity.
        orbitals: Its orbitals, where there is no field to converge.
        threads: Threads, assumed to share the work without loss.

    Raises:
        StructureError: If the ruler's level has no basis for an element.
    """
    given = orbitals is not None
    orbitals = orbitals or _stand_in(atoms, header["level"])
    electrons = round(sum(float(o.sum()) for o in orbitals.occupations) * (2 // len(orbitals.occupations)))
    images = _images_seconds(atoms, orbitals, header["elf"], BondRule(**header["bond"]), threads)
    cost = header["cost"]
    if given or not cost:
        return Forecast(0.0 if given else None, 1.0, images, threads, electrons, 0, 0, 0)
    opened = cost["log_open_shell"] * (len(orbitals.occupations) > 1)
    field = math.exp(cost["log_intercept"] + cost["log_slope"] * math.log(electrons) + opened) / threads
    fewest, most = (round(bound) for bound in cost["range"])
    return Forecast(field, math.exp(2 * cost["log_sd"]), images, threads, electrons, int(cost["points"]), fewest, most)


def duration(seconds: float) -> str:
    """A time in words, to two digits or so."""
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= 1.5 * length:
            number = f"{seconds / length:.{0 if seconds >= 10 * length else 1}f}"
            return f"{number.removesuffix('.0')} {unit}"
    return f"{max(1, round(seconds))} s"


def _stand_in(atoms: Atoms, level: Level) -> Orbitals:
    """Orbitals of the shape that a structure's own will have, filled with random numbers: they cost the same to evaluate."""
    symbols, charge, multiplicity = atoms.get_chemical_symbols(), atoms.info["charge"], atoms.info["multiplicity"]
    basis, cores = level_parts(level, symbols)
    molecule = make_molecule(symbols, atoms.positions, basis, cores, charge, multiplicity)
    occupied = molecule.nelec[: 1 if multiplicity == 1 else 2]
    rng = np.random.default_rng(0)
    return Orbitals(
        symbols, atoms.positions, basis, cores, charge, multiplicity,
        [rng.normal(size=(molecule.nao, count)) for count in occupied], [np.ones(count) for count in occupied],
    )  # fmt: skip


def _images_seconds(atoms: Atoms, orbitals: Orbitals, elf: Mapping[str, Any], rule: BondRule, threads: int) -> float:
    """Wall time of all images, by timing one plane."""
    settings = {name: elf[name] for name in ("planes", "min_perpendicular_angstrom")}
    planes = [plane for bond in rule.bonds(atoms) for plane in planes_of_bond(atoms, bond, **settings)[0]]
    if not planes:
        return 0.0
    points = planes[0].points_angstrom(elf["pixels"]).reshape(-1, 3) / BOHR_ANGSTROM
    molecule = orbitals.molecule()
    electron_localization(orbitals, points[:1], molecule=molecule, threads=threads)  # what only the first call costs
    started = time.perf_counter()
    electron_localization(orbitals, points, molecule=molecule, threads=threads)
    return (time.perf_counter() - started) * len(planes)
