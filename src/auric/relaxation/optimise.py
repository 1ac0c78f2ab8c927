"""Structure optimisation on any ASE calculator, with a verdict.

Forces that were learned can lead upwards: what is returned is always the lowest point of the way (of the least largest
force, where a force field has no energy), and a verdict says how the way ended. ASE's optimisers take the steps.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator
from ase.constraints import FixAtoms
from ase.optimize import BFGS, FIRE
from ase.optimize.optimize import Optimizer
from ase.optimize.precon import Exp, PreconLBFGS

from auric.errors import InputError, ScfError, suggestion
from auric.relaxation.calculators import NotFiniteError, Recorder
from auric.structures.motifs import MotifRule, atom_classes

SCHEMES = ("full", "shell", "partwise", "partwise_reset")
OPTIMISERS = ("bfgs", "fire", "precon_lbfgs")
SAME_EV = 1e-3
"""An end so little above the lowest point is the lowest point."""
FORCE_RISE = 1.5
"""Without energies, a largest force at the end this many times the least on the way means rising."""
NEIGHBOUR_ANGSTROM, REACH_ANGSTROM = 2.35, 5.0
"""Of the preconditioner, whose own estimates suit crystals: a bond of gold to sulfur, and about twice that."""


@dataclass(frozen=True)
class RelaxationSettings:
    """How a structure is optimised.

    Attributes:
        scheme: `full`, all atoms move; `shell`, the core stays; `partwise`, outer layer and core in turn, as the thesis has
            it; `partwise_reset`, the same with the approximate Hessian forgotten after each round.
        optimiser: `bfgs`, `fire` or `precon_lbfgs` (doi:10.1063/1.4947024); partwise schemes take BFGS.
        fmax_ev_angstrom: Largest force at which a structure counts as relaxed (eV/angstrom).
        steps: Most steps.
        max_step_angstrom: Largest move of an atom in one step (angstrom).
        curvature_ev_angstrom_2: Initial Hessian of BFGS, times the unit matrix (eV/angstrom^2).
        shell_steps: Steps of the outer layer in one round of a partwise scheme.
        core_steps: Steps of the core in one round.
        fixed: Indices of atoms that never move.
        patience: Steps without a new lowest point that end the run; None: all `steps` are taken.
    """

    scheme: str = "full"
    optimiser: str = "bfgs"
    fmax_ev_angstrom: float = 0.05
    steps: int = 500
    max_step_angstrom: float = 0.2
    curvature_ev_angstrom_2: float = 70.0
    shell_steps: int = 24
    core_steps: int = 12
    fixed: tuple[int, ...] = ()
    patience: int | None = None

    def __post_init__(self) -> None:
        for name, value, known in (("scheme", self.scheme, SCHEMES), ("optimiser", self.optimiser, OPTIMISERS)):
            if value not in known:
                raise InputError(f"relaxation.{name} '{str(value)[:40]}' is unknown; {suggestion(str(value), known)}")
        for name in ("fmax_ev_angstrom", "max_step_angstrom", "curvature_ev_angstrom_2"):
            if not (math.isfinite(getattr(self, name)) and getattr(self, name) > 0):
                raise InputError(f"relaxation.{name}: {getattr(self, name)} cannot be used; give a number above 0")
        for name in ("steps", "shell_steps", "core_steps"):
            if getattr(self, name) < 1:
                raise InputError(f"relaxation.{name}: {getattr(self, name)} cannot be used; give 1 or more")
        if self.patience is not None and self.patience < 1:
            raise InputError(f"relaxation.patience: {self.patience} cannot be used; give 1 or more, or none")
        if self.scheme.startswith("partwise") and self.optimiser != "bfgs":
            raise InputError(
                f"relaxation.scheme {self.scheme} goes with bfgs, not {self.optimiser}; change one of them"
            )


@dataclass(frozen=True)
class Relaxation:
    """What came of an optimisation.

    Attributes:
        atoms: The lowest point (of the least largest force, without energies); no calculator.
        energy_ev: Its energy; None without energies.
        fmax_ev_angstrom: Its largest force on an atom that may move.
        verdict: `converged`; `rising`, the way ended above its lowest point; `stalled`, neither.
        calls: Force calls.
        core_seconds: Processor time of these.
        energies_ev: Of each call; empty without energies.
        forces_ev_angstrom: Largest force of each call.
        positions: Of each call, shape (atoms, 3), angstrom.
        coarse_calls: Force calls of the coarse potential, if there was one.
        coarse_core_seconds: Processor time of these.
        note: Why a coarse potential was left, or the way broke off; empty if neither.
    """

    atoms: Atoms
    energy_ev: float | None
    fmax_ev_angstrom: float
    verdict: str
    calls: int
    core_seconds: float
    energies_ev: list[float] = field(repr=False)
    forces_ev_angstrom: list[float] = field(repr=False)
    positions: list[np.ndarray] = field(repr=False)
    coarse_calls: int = 0
    coarse_core_seconds: float = 0.0
    note: str = ""


def outer_layer(atoms: Atoms, rule: MotifRule | None = None) -> tuple[int, ...]:
    """Indices of all atoms but core metal: unit and half-unit metal, sulfur and ligands.

    Args:
        atoms: A cluster.
        rule: What counts as unit metal; by default sulfur within 3 angstrom is bound, as in hot frames.

    Raises:
        InputError: If nothing is outside the core, or nothing is core.
        StructureError: If it has no metal, no sulfur, or no bond of the two.
    """
    classes = atom_classes(atoms, rule or MotifRule(sulfur_cutoff_angstrom=3.0))
    outer = tuple(index for index, name in enumerate(classes) if not name.startswith("core"))
    if len(outer) == len(atoms):
        raise InputError(f"{atoms.get_chemical_formula('metal')} has no core; relax it with the scheme full")
    return outer


def relax(
    atoms: Atoms, calculator: Calculator, settings: RelaxationSettings | None = None, *,
    outer: Sequence[int] | None = None, hessian: np.ndarray | None = None,
) -> Relaxation:  # fmt: skip
    """Optimise a structure.

    Args:
        atoms: The start; it is left as it is.
        calculator: Gives forces, and energies if it has any.
        settings: How.
        outer: Indices of the outer layer; None finds it (`outer_layer`), which only schemes but `full` need.
        hessian: To start BFGS from, shape (3 atoms, 3 atoms), eV/angstrom^2, positive definite.

    Raises:
        InputError: If fixed atoms or the outer layer are none of the structure's, or nothing is left to move.
        NotFiniteError: If forces are not finite at the start.
        ScfError: If the calculator fails at the start.
        StructureError: If the calculator does not know an element.
    """
    s = settings or RelaxationSettings()
    parts = _parts(atoms, s, outer)
    if hessian is not None and (s.optimiser != "bfgs" or np.shape(hessian) != (3 * len(atoms),) * 2):
        raise InputError(f"a Hessian of shape {np.shape(hessian)} cannot start {s.optimiser} of {len(atoms)} atoms")
    moving, recorder = Atoms(atoms.numbers, atoms.positions), Recorder(calculator)
    if s.optimiser == "precon_lbfgs" and not recorder.has_energy:
        raise InputError(
            "relaxation: precon_lbfgs searches along energies, and the calculator has none; use bfgs or fire"
        )
    moving.calc = recorder
    free = np.unique(np.concatenate([part for part, _ in parts]))
    moving.get_forces()
    note = ""
    try:
        (_whole if len(parts) == 1 else _in_turns)(moving, recorder, parts, free, s, hessian)
    except (NotFiniteError, ScfError) as error:
        note = str(error)  # what came before stands
    except RuntimeError as error:
        # So ASE ends a line search that finds nothing lower: the noise of a self-consistent field's energies is enough.
        if s.optimiser != "precon_lbfgs" or "linesearch" not in str(error):
            raise
        note = f"the line search found no lower point ({error})"
    return replace(verdict(atoms, recorder, free, s.fmax_ev_angstrom), note=note)


def verdict(atoms: Atoms, recorder: Recorder, free: np.ndarray, fmax: float) -> Relaxation:
    """Choose the lowest point of what was recorded, and say how the way ended."""
    forces = [float(np.linalg.norm(each[free], axis=1).max()) for each in recorder.forces]
    energies = [energy for energy in recorder.energies_ev if energy is not None]
    if energies:
        best = int(np.argmin(energies))
        near = np.flatnonzero(np.array(energies) <= energies[best] + SAME_EV)
        if forces[best] > fmax:
            best = int(near[np.argmin(np.array(forces)[near])])
        rising = energies[-1] > energies[best] + SAME_EV
    else:
        best = int(np.argmin(forces))
        rising = forces[-1] > FORCE_RISE * forces[best]
    end = Atoms(atoms.numbers, recorder.positions[best], info=dict(atoms.info))
    word = "converged" if forces[best] <= fmax else "rising" if rising else "stalled"
    return Relaxation(
        end, energies[best] if energies else None, forces[best], word, recorder.calls, recorder.core_seconds,
        energies, forces, recorder.positions,
    )  # fmt: skip


def _parts(atoms: Atoms, s: RelaxationSettings, outer: Sequence[int] | None) -> list[tuple[np.ndarray, int]]:
    """Groups of atoms that move in turn, each with its steps in a round."""
    everything = np.arange(len(atoms))
    bad = [index for index in s.fixed if not 0 <= index < len(atoms)]
    if bad:
        raise InputError(
            f"relaxation.fixed: there is no atom {bad[0]} among {len(atoms)}; give indices from 0 to {len(atoms) - 1}"
        )
    if s.scheme == "full":
        groups = [(everything, s.steps)]
    else:
        shell = np.unique(np.asarray(outer_layer(atoms) if outer is None else outer, dtype=int))
        if len(shell) and (shell[0] < 0 or shell[-1] >= len(atoms)):
            raise InputError(
                f"relaxation: the outer layer names atom {shell[-1]}, and there are {len(atoms)}; correct it"
            )
        groups = [(shell, s.steps)]
        if s.scheme != "shell":
            groups = [(shell, s.shell_steps), (np.setdiff1d(everything, shell), s.core_steps)]
    groups = [(np.setdiff1d(part, s.fixed), steps) for part, steps in groups]
    if not all(len(part) for part, _ in groups):
        which = "nothing is left to move" if len(groups) == 1 else "the outer layer or the core is empty"
        raise InputError(
            f"relaxation: {which} in {atoms.get_chemical_formula('metal')}; fix fewer atoms or use the scheme full"
        )
    return groups


def _whole(
    moving: Atoms, recorder: Recorder, parts: list[tuple[np.ndarray, int]], free: np.ndarray, s: RelaxationSettings,
    hessian: np.ndarray | None,
) -> None:  # fmt: skip
    _hold(moving, free)
    optimiser = _optimiser(moving, s, hessian)
    for _ in optimiser.irun(fmax=s.fmax_ev_angstrom, steps=s.steps):
        if _tired(recorder, free, s):
            break


def _in_turns(
    moving: Atoms, recorder: Recorder, parts: list[tuple[np.ndarray, int]], free: np.ndarray, s: RelaxationSettings,
    hessian: np.ndarray | None,
) -> None:  # fmt: skip
    """Each part has an optimiser, and so a Hessian, of its own."""
    optimisers = [_optimiser(moving, s, hessian) for _ in parts]
    taken = 0
    while taken < s.steps:
        for number, (part, steps) in enumerate(parts):
            _hold(moving, part)
            optimiser = optimisers[number]
            if optimiser.H is not None:
                # What the other part did since is no step of this one.
                optimiser.pos0, optimiser.forces0 = moving.positions.ravel().copy(), moving.get_forces().ravel()
            before = optimiser.nsteps
            for _ in optimiser.irun(fmax=s.fmax_ev_angstrom, steps=min(steps, s.steps - taken)):
                if _tired(recorder, free, s):
                    return
            taken += optimiser.nsteps - before
            if taken >= s.steps:
                return
        if np.linalg.norm(recorder.forces[-1][free], axis=1).max() <= s.fmax_ev_angstrom:
            return
        if s.scheme == "partwise_reset":
            optimisers = [_optimiser(moving, s, hessian) for _ in parts]


def _hold(moving: Atoms, free: np.ndarray) -> None:
    """Let these atoms move and no others."""
    held = np.setdiff1d(np.arange(len(moving)), free)
    moving.set_constraint(FixAtoms(held) if len(held) else None)


def _optimiser(moving: Atoms, s: RelaxationSettings, hessian: np.ndarray | None) -> Optimizer:
    if s.optimiser == "fire":
        return FIRE(moving, logfile=None, maxstep=s.max_step_angstrom)
    if s.optimiser == "precon_lbfgs":
        # mu, the scale of the preconditioner, is estimated by a call with atoms displaced, which more than pays.
        precon = Exp(r_NN=NEIGHBOUR_ANGSTROM, r_cut=REACH_ANGSTROM)
        return PreconLBFGS(moving, logfile=None, maxstep=s.max_step_angstrom, precon=precon)
    optimiser = BFGS(moving, logfile=None, maxstep=s.max_step_angstrom, alpha=s.curvature_ev_angstrom_2)
    if hessian is not None:
        optimiser.H0 = np.array(hessian, dtype=float)
    return optimiser


def _tired(recorder: Recorder, free: np.ndarray, s: RelaxationSettings) -> bool:
    """Whether the last `patience` calls brought no new lowest point."""
    if s.patience is None or recorder.calls <= s.patience:
        return False
    if recorder.has_energy:
        values = np.array(recorder.energies_ev, dtype=float)
    else:
        values = np.array([np.linalg.norm(each[free], axis=1).max() for each in recorder.forces])
    return bool(values[-s.patience :].min() > values[: -s.patience].min() - SAME_EV)
