"""Relaxation to a reference engine's minimum that asks the engine seldom, because a coarse potential knows the way.

`hand_over`, as the thesis proposes: the coarse potential goes to its own minimum, the reference goes on from there.
`relax_hybrid`: the coarse energy E_c, corrected at the last reference point x_k,

    S(x) = E_c(x) + (g(x_k) - g_c(x_k)) (x - x_k) + (x - x_k) B (x - x_k) / 2,

has the reference's gradient g there, and is relaxed within a radius that grows and shrinks with how well it foretold the
reference's energy. So every accepted point is lower than the one before, whatever the coarse potential is worth
(first-order consistent surrogates in a trust region: Alexandrov and others, Struct. Optim. 15, 16 (1998),
doi:10.1007/BF01197433). B, nought at first, learns from each new point how the gradients' difference changes (Powell's
symmetric Broyden update): the same as quasi-Newton steps, but for what the coarse potential does not know.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from ase.constraints import FixAtoms
from ase.optimize import LBFGS

from auric.errors import AuricError, InputError, ScfError
from auric.progress import log
from auric.relaxation.calculators import NotFiniteError, Recorder
from auric.relaxation.optimise import Relaxation, RelaxationSettings, relax, verdict

POOR, GOOD = 0.1, 0.7
"""Shares of the foretold decrease below which the radius shrinks, and above which it grows."""
NEARER = 0.2
"""The corrected potential is relaxed to this share of the reference's criterion."""
PATIENCE = 60
"""Calls of the reference alone without a new lowest point that end a run: its own noise is above the criterion then."""


class UntrustedError(AuricError):
    """The coarse potential knows no structure near the last reference point."""


@dataclass(frozen=True)
class HybridSettings:
    """How coarse potential and reference work together.

    Attributes:
        fmax_ev_angstrom: Largest force of the reference at which a structure counts as relaxed (eV/angstrom).
        calls: Most reference calls.
        radius_angstrom: How far an atom may go at first before the reference is asked (angstrom).
        largest_radius_angstrom: Beyond this the radius does not grow (angstrom).
        smallest_radius_angstrom: Below this the coarse potential is left, and the reference goes on alone (angstrom).
        coarse_steps: Most steps on the corrected coarse potential for one reference call.
        coarse_step_angstrom: Largest move of an atom in one of them (angstrom).
        fixed: Indices of atoms that never move.
    """

    fmax_ev_angstrom: float = 0.05
    calls: int = 300
    radius_angstrom: float = 0.8
    largest_radius_angstrom: float = 2.0
    smallest_radius_angstrom: float = 0.005
    coarse_steps: int = 200
    coarse_step_angstrom: float = 0.1
    fixed: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        for name in (
            "fmax_ev_angstrom", "radius_angstrom", "largest_radius_angstrom", "smallest_radius_angstrom", "coarse_step_angstrom",
        ):  # fmt: skip
            if not (math.isfinite(getattr(self, name)) and getattr(self, name) > 0):
                raise InputError(f"hybrid.{name}: {getattr(self, name)} cannot be used; give a number above 0")
        if self.calls < 1 or self.coarse_steps < 1:
            raise InputError(f"hybrid: {self.calls} calls and {self.coarse_steps} coarse steps; give 1 or more of each")


class CorrectedCalculator(Calculator):  # type: ignore[misc]
    """A coarse potential with a correction of first and second order about a point.

    Args:
        coarse: The potential; without energies, its forces alone are corrected.
        centre: The point, shape (atoms, 3), angstrom.
        gradient: Added to the coarse gradient at the centre, shape (3 atoms,), eV/angstrom.
        curvature: Of the correction, shape (3 atoms, 3 atoms), eV/angstrom^2.
    """

    implemented_properties: ClassVar[list[str]] = ["energy", "forces"]

    def __init__(self, coarse: Recorder, centre: np.ndarray, gradient: np.ndarray, curvature: np.ndarray) -> None:
        super().__init__()
        self.coarse, self.centre, self.gradient, self.curvature = coarse, centre, gradient, curvature

    def calculate(
        self, atoms: Atoms | None = None, properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = tuple(all_changes),
    ) -> None:  # fmt: skip
        """Called by ASE."""
        super().calculate(atoms, properties, system_changes)
        shift = (self.atoms.positions - self.centre).ravel()
        bent = self.curvature @ shift
        energy = self.coarse.get_property("energy", self.atoms) + self.gradient @ shift + shift @ bent / 2
        forces = self.coarse.get_property("forces", self.atoms) - (self.gradient + bent).reshape(-1, 3)
        self.results = {"energy": float(energy), "forces": forces}


def relax_hybrid(
    atoms: Atoms, coarse: Calculator, reference: Calculator, settings: HybridSettings | None = None, *,
    trusted: Callable[[Atoms], bool] | None = None,
) -> Relaxation:  # fmt: skip
    """Relax to the reference's criterion by way of the corrected coarse potential.

    Args:
        atoms: The start; it is left as it is.
        coarse: A learned potential, or any cheaper calculator; forces alone are enough.
        reference: The engine whose minimum is wanted, with energies.
        settings: How.
        trusted: Whether the coarse potential knows a structure; the reference is asked sooner where it does not.

    Returns:
        The lowest reference point. `calls` and the record are the reference's.

    Raises:
        InputError: If fixed atoms are none of the structure's.
        NotFiniteError: If the reference's forces are not finite at the start.
        StructureError: If the coarse potential does not know an element.
    """
    s = settings or HybridSettings()
    alone = RelaxationSettings(fmax_ev_angstrom=s.fmax_ev_angstrom, fixed=s.fixed)
    bad = [index for index in s.fixed if not 0 <= index < len(atoms)]
    if bad:
        raise InputError(f"hybrid.fixed: there is no atom {bad[0]} among {len(atoms)}; give indices from 0")
    free = np.setdiff1d(np.arange(len(atoms)), s.fixed)
    known, guide = Recorder(reference), Recorder(coarse)
    here = _Point(Atoms(atoms.numbers, atoms.positions), guide, None)  # refuses before the costly step
    here = _Point(here.atoms, guide, known)
    radius, note = s.radius_angstrom, ""
    curvature = np.zeros((3 * len(atoms),) * 2)
    while np.linalg.norm(here.forces[free], axis=1).max() > s.fmax_ev_angstrom and known.calls < s.calls:
        try:
            there, foretold = _search(here, guide, known, curvature, radius, free, s, trusted)
        except (NotFiniteError, UntrustedError) as error:
            note = str(error)
            break
        except ScfError as error:  # the trial went where the reference has no answer
            radius = 0.4 * radius
            log.info("%s; nearer", error)
            if radius < s.smallest_radius_angstrom:
                note = str(error)
                break
            continue
        shift = (there.atoms.positions - here.atoms.positions).ravel()
        curvature = _learn(curvature, shift, there.difference - here.difference)
        gained, reach = here.energy_ev - there.energy_ev, float(np.linalg.norm(shift.reshape(-1, 3), axis=1).max())
        if gained < POOR * foretold:
            radius = 0.4 * reach
        elif gained > GOOD * foretold and reach > 0.8 * radius:
            radius = min(2 * radius, s.largest_radius_angstrom)
        here = there if gained > 0 else here
        if radius < s.smallest_radius_angstrom:
            note = f"the coarse potential was left after {known.calls} calls: it foretold no decrease that came"
            break
    if note and known.calls < s.calls:
        relax(here.atoms, known, replace(alone, steps=s.calls - known.calls, patience=PATIENCE))
    made = verdict(atoms, known, free, s.fmax_ev_angstrom)
    word = "converged" if made.verdict == "converged" else "stalled"  # a trial that was not taken is no rise
    return replace(made, verdict=word, coarse_calls=guide.calls, coarse_core_seconds=guide.core_seconds, note=note)


class _Point:
    """A structure with what the reference and the coarse potential say of it."""

    def __init__(self, atoms: Atoms, coarse: Recorder, reference: Recorder | None) -> None:
        self.atoms = atoms
        coarse_forces = coarse.get_property("forces", atoms)
        if reference is not None:
            self.forces = reference.get_property("forces", atoms)
            self.energy_ev = float(reference.get_property("energy", atoms))
            self.difference = (coarse_forces - self.forces).ravel()


def _search(
    here: _Point, coarse: Recorder, reference: Recorder, curvature: np.ndarray, radius: float, free: np.ndarray,
    s: HybridSettings, trusted: Callable[[Atoms], bool] | None,
) -> tuple[_Point, float]:  # fmt: skip
    """The lowest point of the corrected potential within the radius, and the decrease that it foretells (eV)."""
    moving = here.atoms.copy()
    moving.calc = CorrectedCalculator(coarse, here.atoms.positions, here.difference, curvature)
    held = np.setdiff1d(np.arange(len(moving)), free)
    moving.set_constraint(FixAtoms(held) if len(held) else None)
    before = moving.get_potential_energy()
    optimiser = LBFGS(moving, logfile=None, maxstep=min(s.coarse_step_angstrom, radius))
    for _ in optimiser.irun(NEARER * s.fmax_ev_angstrom, s.coarse_steps):
        if _reach(moving, here) >= radius:
            break
    over = _reach(moving, here) / radius
    if over > 1:
        moving.positions = here.atoms.positions + (moving.positions - here.atoms.positions) / over
    while trusted is not None and not trusted(moving) and _reach(moving, here) > s.smallest_radius_angstrom:
        moving.positions = (moving.positions + here.atoms.positions) / 2
    if trusted is not None and not trusted(moving):
        raise UntrustedError("the coarse potential was left: it is not trusted anywhere near")
    after = moving.get_potential_energy()
    shift = (moving.positions - here.atoms.positions).ravel()
    there = _Point(Atoms(moving.numbers, moving.positions), coarse, reference)
    # Without energies: the work of the corrected forces, by the trapezoidal rule.
    work = float(shift @ (here.forces + moving.get_forces(apply_constraint=False)).ravel()) / 2
    return there, max(before - after if coarse.has_energy else work, 1e-6)


def _reach(moving: Atoms, here: _Point) -> float:
    return float(np.linalg.norm(moving.positions - here.atoms.positions, axis=1).max())


def _learn(curvature: np.ndarray, shift: np.ndarray, change: np.ndarray) -> np.ndarray:
    """Powell's symmetric Broyden update: the least change that gives the new difference of gradients."""
    square = float(shift @ shift)
    if square == 0:
        return curvature
    missing = change - curvature @ shift
    crossed = np.outer(missing, shift) + np.outer(shift, missing)
    return np.asarray(curvature + crossed / square - (missing @ shift) * np.outer(shift, shift) / square**2)


def hessian_of(
    atoms: Atoms, calculator: Calculator, *, step_angstrom: float = 0.01, least_ev_angstrom_2: float = 2.0
) -> np.ndarray:
    """The Hessian of a potential by central differences of its forces, made positive definite for BFGS to start from.

    Args:
        atoms: Where, best at a minimum of the potential.
        calculator: Gives the forces, 6 calls for each atom.
        step_angstrom: Half of the difference (angstrom).
        least_ev_angstrom_2: Eigenvalues count by their size, and this much at least (eV/angstrom^2).

    Returns:
        Shape (3 atoms, 3 atoms), eV/angstrom^2.
    """
    moving = Atoms(atoms.numbers, atoms.positions)
    moving.calc = calculator
    rows = np.empty((3 * len(atoms),) * 2)
    for number in range(len(rows)):
        told = []
        for sign in (1, -1):
            moving.positions = atoms.positions
            moving.positions[number // 3, number % 3] += sign * step_angstrom
            told.append(moving.get_forces().ravel())
        rows[number] = (told[1] - told[0]) / (2 * step_angstrom)
    values, vectors = np.linalg.eigh((rows + rows.T) / 2)
    return np.asarray((vectors * np.maximum(np.abs(values), least_ev_angstrom_2)) @ vectors.T)


def hand_over(
    atoms: Atoms, coarse: Calculator, reference: Calculator, *,
    first: RelaxationSettings | None = None, second: RelaxationSettings | None = None,
    curved: bool = True, trusted: Callable[[Atoms], bool] | None = None, checked: bool = True,
) -> Relaxation:  # fmt: skip
    """The coarse potential to its own minimum, the reference to its criterion from there.

    Where the coarse way rises, ends where it may not be trusted, or ends above the start by the reference's word, the
    reference goes on from the start instead.

    Args:
        atoms: The start.
        coarse: A learned potential or another cheap calculator.
        reference: The engine whose minimum is wanted, with energies.
        first: Of the coarse way; by default to 0.01 eV/angstrom with steps of 0.1 angstrom at most, and what `second` holds fixed.
        second: Of the reference.
        curved: Whether the reference's BFGS starts from the coarse Hessian (`hessian_of`).
        trusted: Whether the coarse potential knows a structure.
        checked: Whether the reference is asked for the start's energy, which is a call, to see whether the coarse way led above it.
    """
    second = second or RelaxationSettings()
    first = first or RelaxationSettings(fmax_ev_angstrom=0.01, max_step_angstrom=0.1, fixed=second.fixed)
    known = Recorder(reference)
    coarse_way = relax(atoms, coarse, first)
    start, note, guide = coarse_way.atoms, "", Recorder(coarse)
    if coarse_way.verdict == "rising":
        note = "the coarse potential led upwards"
    elif trusted is not None and not trusted(start):
        note = "the coarse potential led out of its domain"
    elif checked:
        note = _led_astray(known, Atoms(atoms.numbers, atoms.positions), start)
    start = atoms if note else start
    hessian = hessian_of(start, guide) if curved and not note else None
    made = relax(start, known, second, hessian=hessian)
    free = np.setdiff1d(np.arange(len(atoms)), second.fixed)
    return replace(
        verdict(atoms, known, free, second.fmax_ev_angstrom), verdict=made.verdict,
        coarse_calls=coarse_way.calls + guide.calls,
        coarse_core_seconds=coarse_way.core_seconds + guide.core_seconds, note=note or made.note,
    )  # fmt: skip


def _led_astray(reference: Recorder, start: Atoms, end: Atoms) -> str:
    """Why a coarse way's end is no place to go on from, by the reference's word; empty if it is one."""
    before = reference.get_property("energy", start)
    try:
        above = before < reference.get_property("energy", end)
    except (NotFiniteError, ScfError) as error:
        return f"the reference has no answer where the coarse potential led ({error})"
    return "the coarse potential led above the start" if above else ""
