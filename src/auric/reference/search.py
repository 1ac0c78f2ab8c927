"""A seeded search for low minima of small clusters Au_m(SH)_n, and their ranking by a better engine.

A genetic algorithm: random drawings of bonds are relaxed, the lowest distinct minima are varied and relaxed again. Two
minima are distinct if their gold and sulfur frameworks are; of each framework only the lowest arrangement of hydrogen is
kept, as S-H turns easily and would fill every list.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.calculators.calculator import CalculationFailed
from ase.optimize import BFGS
from scipy.sparse.csgraph import connected_components

from auric.errors import ScfError, StructureError
from auric.progress import log
from auric.reference.calculators import engine_calculator
from auric.reference.interface import Engine
from auric.reference.label import basis_name, label_once
from auric.reference.proposals import GOLD, HYDROGEN, MOVES, SULFUR, drawing, other_side, splice
from auric.reference.store import Store
from auric.reference.xtb import XtbEngine
from auric.structures.check import electron_count

BONDED_ANGSTROM = {(GOLD, GOLD): 3.4, (SULFUR, GOLD): 2.8, (HYDROGEN, SULFUR): 1.6}
"""Atoms of these elements that are closer hold together."""
STIFFNESS_EV_ANGSTROM2 = {(GOLD, GOLD): 2.0, (SULFUR, GOLD): 9.0, (HYDROGEN, SULFUR): 24.0}
FLOOR_EV_ANGSTROM2 = 3.0
"""Force constants of bonds, and of everything, in the first Hessian of a relaxation; they cut its steps by two thirds."""
SAME_FRAMEWORK_ANGSTROM = 0.1
"""Mean difference of sorted distances below which two frameworks count as one."""
SPLICE_SHARE = 0.3
"""Share of children with two parents."""
HOPELESS_EV = 0.8
"""A trial that lies this far above the lowest minimum after `glance_steps` is given up."""
LOWER_EV = 0.002
"""By this much a turned S-H must lower the energy to be kept; two relaxations of one minimum differ by less."""


@dataclass(frozen=True)
class SearchSettings:
    """Length and fineness of one run.

    Attributes:
        starts: Random drawings relaxed first.
        trials: Relaxations altogether.
        pool: Number of lowest minima that are varied.
        keep: Number of lowest minima that are relaxed finely and given back.
        trial_fmax_ev_angstrom: Largest force at which a trial counts as relaxed.
        glance_steps: Steps after which a hopeless trial is given up.
        trial_steps: Further steps after which a trial is taken as it is.
        fmax_ev_angstrom: Largest force of what is given back.
        steps: Steps after which a fine relaxation gives up.
    """

    starts: int = 25
    trials: int = 70
    pool: int = 10
    keep: int = 5
    trial_fmax_ev_angstrom: float = 0.06
    glance_steps: int = 20
    trial_steps: int = 60
    fmax_ev_angstrom: float = 0.02
    steps: int = 400


def search_minima(gold: int, thiolates: int, *, seed: int, engine: XtbEngine, settings: SearchSettings) -> list[Atoms]:
    """Low minima of the neutral Au_m(SH)_n of lowest multiplicity, one run from one seed.

    Args:
        gold: Number of gold atoms.
        thiolates: Number of SH.
        seed: The same seed gives the same run.
        engine: Gives the calculator.
        settings: Length and fineness.

    Returns:
        At most `settings.keep` structures, lowest first, whose `info` carries `charge`, `multiplicity`,
        `gfn1_energy_ev`, `fmax_ev_angstrom`, `seed` and `found_at_trial`.

    Raises:
        StructureError: If the composition cannot be drawn.
        ScfError: If no trial gave a valid structure.
    """
    rng = np.random.default_rng([gold, thiolates, seed])
    pool: list[Atoms] = []
    for trial in range(settings.trials):
        atoms = drawing(gold, thiolates, rng) if trial < settings.starts or not pool else _child(pool, rng)
        fmax, ceiling_ev = settings.trial_fmax_ev_angstrom, _energy(pool[0]) + HOPELESS_EV if pool else np.inf
        promising = _relaxed(atoms, engine, fmax, settings.glance_steps) and _energy(atoms) < ceiling_ev
        if promising and _relaxed(atoms, engine, fmax, settings.trial_steps) and not fault(atoms):
            atoms.info |= {"seed": seed, "found_at_trial": trial}
            pool = distinct([*pool, atoms])[: settings.pool]
    fine = [atoms for atoms in pool[: settings.keep] if _is_minimum(atoms, engine, settings)]
    if not fine:
        raise ScfError(f"Au{gold}(SH){thiolates}: no valid minimum in {settings.trials} trials; allow more")
    return distinct(fine)


def settle_hydrogens(atoms: Atoms, *, engine: XtbEngine, settings: SearchSettings) -> Atoms:
    """The minimum reached by turning one S-H after the other to its other side for as long as that lowers the energy.

    Args:
        atoms: A minimum given by `search_minima`.
        engine: Gives the calculator.
        settings: Fineness.

    Returns:
        A minimum no higher than the given one; the same if no single turn helps.
    """
    best, tried = atoms, 0
    sulfurs = np.flatnonzero(atoms.numbers == SULFUR).tolist()
    while tried < len(sulfurs):
        turned = other_side(best, sulfurs[0])
        sulfurs, tried = [*sulfurs[1:], sulfurs[0]], tried + 1
        if _is_minimum(turned, engine, settings) and _energy(turned) < _energy(best) - LOWER_EV:
            turned.info = best.info | turned.info
            best, tried = turned, 0
    return best


def distinct(minima: Sequence[Atoms]) -> list[Atoms]:
    """The minima by `gfn1_energy_ev`, lowest first; of each framework only the lowest."""
    kept: list[Atoms] = []
    for atoms in sorted(minima, key=_energy):
        if not any(same_framework(atoms, lower) for lower in kept):
            kept.append(atoms)
    return kept


def same_framework(first: Atoms, second: Atoms) -> bool:
    """Whether gold and sulfur of two structures of one composition are arranged alike."""
    return bool(np.abs(fingerprint(first) - fingerprint(second)).mean() < SAME_FRAMEWORK_ANGSTROM)


def fingerprint(atoms: Atoms) -> np.ndarray:
    """Sorted distances (angstrom) of Au-Au, Au-S and S-S; motion, mirroring and renumbering leave them as they are."""
    distances = atoms.get_all_distances()
    gold, sulfur = atoms.numbers == GOLD, atoms.numbers == SULFUR
    upper = np.triu(np.ones_like(distances, dtype=bool), 1)
    blocks = (gold[:, None] & gold & upper, gold[:, None] & sulfur, sulfur[:, None] & sulfur & upper)
    return np.concatenate([np.sort(distances[block]) for block in blocks])


def fault(atoms: Atoms) -> str:
    """What makes a structure no Au_m(SH)_n with whole SH in one piece; empty if nothing does."""
    distances = atoms.get_all_distances()
    gold, sulfur, hydrogen = (np.flatnonzero(atoms.numbers == number) for number in (GOLD, SULFUR, HYDROGEN))
    thiol = distances[np.ix_(hydrogen, sulfur)]
    if not np.array_equal(np.sort(thiol.argmin(axis=1)), np.arange(len(sulfur))):
        return "an S without its H, or with two"
    lengths = thiol.min(axis=1)
    if lengths.min() < 1.3 or lengths.max() > 1.5:
        return f"an S-H of {lengths.min() if lengths.min() < 1.3 else lengths.max():.2f} angstrom"
    if distances[np.ix_(hydrogen, gold)].min() < 2.0:
        return "an H on gold"
    if len(sulfur) > 1 and (distances[np.ix_(sulfur, sulfur)] + 9 * np.eye(len(sulfur))).min() < 2.6:
        return "an S-S bond"
    neighbours = (distances[np.ix_(sulfur, gold)] < BONDED_ANGSTROM[SULFUR, GOLD]).sum(axis=1)
    if neighbours.min() < 1 or neighbours.max() > 3:
        return f"an S with {neighbours.min() if neighbours.min() < 1 else neighbours.max()} gold neighbours"
    if connected_components(_bonds(atoms, 1.0))[0] > 1:
        return "more than one piece"
    return ""


def rerank(
    candidates: Sequence[Atoms], engine: Engine, store: Store, *, multiplicities: Sequence[int] | None = None
) -> list[Atoms]:
    """Rank structures of one composition by single points of an engine, each at its best multiplicity.

    Every single point goes through the label store, so that a stopped ranking goes on where it was.

    Args:
        candidates: Structures with `name`, `charge` in `info`.
        engine: Any engine of the ladder.
        store: The label store.
        multiplicities: 2S + 1 to try; by default the two lowest that the number of electrons allows.

    Returns:
        Copies, lowest first, whose `info` carries the best `multiplicity`, `energy_ev`, `relative_energy_ev`, `engine`,
        `method`, `basis`, and `energies_ev`: all energies as text, `multiplicity: energy`, failures left out.
        Candidates without any label are left out, with a warning.

    Raises:
        StructureError: If the compositions or charges differ.
        ScfError: If no single point converged.
    """
    kinds = {(atoms.get_chemical_formula("metal"), int(atoms.info["charge"])) for atoms in candidates}
    if len(kinds) != 1:
        raise StructureError(f"energies of {len(kinds)} compositions or charges cannot be ranked; give those of one")
    engine.check(sorted(set(candidates[0].get_chemical_symbols())))
    identity = engine.identity()
    ranked: list[Atoms] = []
    for atoms in candidates:
        energies = _single_points(atoms, engine, store, multiplicities)
        if not energies:
            log.warning("%s is left out: no single point converged", atoms.info["name"])
            continue
        best = min(energies, key=lambda multiplicity: energies[multiplicity])
        copy = atoms.copy()
        copy.info |= {
            "engine": identity["engine"],
            "method": identity["method"],
            "basis": basis_name(identity["basis"]),
            "multiplicity": best,
            "energy_ev": energies[best],
            "energies_ev": ", ".join(f"{key}: {energy:.6f}" for key, energy in sorted(energies.items())),
        }
        ranked.append(copy)
    if not ranked:
        raise ScfError(f"no single point of {next(iter(kinds))[0]} converged; try another engine or other settings")
    ranked.sort(key=lambda a: float(a.info["energy_ev"]))
    for atoms in ranked:
        atoms.info["relative_energy_ev"] = atoms.info["energy_ev"] - ranked[0].info["energy_ev"]
    return ranked


def _single_points(
    atoms: Atoms, engine: Engine, store: Store, multiplicities: Sequence[int] | None
) -> dict[int, float]:
    """Energies (eV) by multiplicity, of those that converged."""
    energies: dict[int, float] = {}
    for multiplicity in multiplicities or lowest_multiplicities(atoms, int(atoms.info["charge"])):
        copy = atoms.copy()
        copy.info["multiplicity"] = multiplicity
        content, _ = label_once(copy, engine, store)
        if content["failure"]:
            log.warning("%s, multiplicity %d: %s", atoms.info["name"], multiplicity, content["failure"])
        else:
            energies[multiplicity] = float(content["energy_ev"])
    return energies


def lowest_multiplicities(atoms: Atoms, charge: int) -> tuple[int, int]:
    """The two lowest multiplicities that the number of electrons allows: (1, 3) or (2, 4)."""
    lowest = 1 + electron_count(atoms, charge) % 2
    return lowest, lowest + 2


def _energy(atoms: Atoms) -> float:
    return float(atoms.info["gfn1_energy_ev"])


def _child(pool: list[Atoms], rng: np.random.Generator) -> Atoms:
    """A variation of one or two structures of the pool, low ones more often."""

    def parent() -> Atoms:
        return pool[min(int(rng.geometric(0.3)) - 1, len(pool) - 1)]

    if rng.random() < SPLICE_SHARE:
        return splice(parent(), parent(), rng)
    shares = np.array([share for _, share in MOVES])
    return MOVES[int(rng.choice(len(MOVES), p=shares / shares.sum()))][0](parent(), rng)


def _relaxed(atoms: Atoms, engine: XtbEngine, fmax_ev_angstrom: float, steps: int) -> bool:
    """Relax in place and say whether the engine could; energy and largest force go to `info`."""
    multiplicity = lowest_multiplicities(atoms, 0)[0]
    atoms.calc = engine_calculator(engine, 0, multiplicity)
    optimizer = BFGS(atoms, logfile=None)
    optimizer.H0 = _stiffness(atoms)
    try:
        optimizer.run(fmax=fmax_ev_angstrom, steps=steps)
    except CalculationFailed as error:
        log.debug("a trial is left out: %s", error)
        return False
    atoms.info |= {
        "charge": 0,
        "multiplicity": multiplicity,
        "gfn1_energy_ev": float(atoms.get_potential_energy()),
        "fmax_ev_angstrom": float(np.linalg.norm(atoms.get_forces(), axis=1).max()),
    }
    atoms.calc = None
    return True


def _is_minimum(atoms: Atoms, engine: XtbEngine, settings: SearchSettings) -> bool:
    """Relax finely in place and say whether that ended in a valid minimum."""
    done = _relaxed(atoms, engine, settings.fmax_ev_angstrom, settings.steps)
    return done and atoms.info["fmax_ev_angstrom"] <= settings.fmax_ev_angstrom and not fault(atoms)


def _stiffness(atoms: Atoms) -> np.ndarray:
    """A rough Hessian (eV/angstrom^2), shape (3 atoms, 3 atoms): springs along bonds, and a floor."""
    bonds = _bonds(atoms, 1.1)
    hessian = np.zeros((len(atoms), 3, len(atoms), 3))
    for i, j in zip(*np.nonzero(np.triu(bonds)), strict=True):
        along = atoms.positions[i] - atoms.positions[j]
        first, second = sorted((int(atoms.numbers[i]), int(atoms.numbers[j])))
        spring = STIFFNESS_EV_ANGSTROM2[first, second] * np.outer(along, along) / (along @ along)
        hessian[i, :, i] += spring
        hessian[j, :, j] += spring
        hessian[i, :, j] -= spring
        hessian[j, :, i] -= spring
    size = 3 * len(atoms)
    return hessian.reshape(size, size) + FLOOR_EV_ANGSTROM2 * np.eye(size)


def _bonds(atoms: Atoms, factor: float) -> np.ndarray:
    """Which pairs are nearer than the bonded distance times a factor, shape (atoms, atoms)."""
    distances = atoms.get_all_distances()
    bonded = np.zeros_like(distances, dtype=bool)
    for (first, second), limit in BONDED_ANGSTROM.items():
        pair = (atoms.numbers == first)[:, None] & (atoms.numbers == second)
        bonded |= (pair | pair.T) & (distances < factor * limit)
    np.fill_diagonal(bonded, False)
    return bonded
