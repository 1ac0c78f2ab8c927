"""What potentials are asked to relax: hot frames of dynamics, rings, and a cluster with one unit pulled out (arXiv:2203.09788, IV)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import CalculationFailed, Calculator

from auric.errors import InputError, ScfError, StructureError
from auric.potential.calculators import DirectedCalculator, LinearCalculator
from auric.potential.directed import DirectedForces
from auric.potential.linear import LinearPotential
from auric.progress import log
from auric.relaxation.calculators import NotFiniteError
from auric.relaxation.hybrid import HybridSettings, hand_over, relax_hybrid
from auric.relaxation.judge import energy_recovered, heavy_rmsd, turned_over, twist_degree
from auric.relaxation.optimise import Relaxation, RelaxationSettings, outer_layer, relax
from auric.structures.blocks import moving_blocks
from auric.structures.check import check_overlap
from auric.structures.motifs import find_motifs
from auric.structures.rings import build_ring

COLUMNS = (
    "system", "run", "step", "method", "uses", "verdict", "start_ev", "energy_ev", "fmax_ev_angstrom", "energy_recovered",
    "lowest_recovered", "rise_ev", "rmsd_to_reference_angstrom", "reference_calls", "reference_core_seconds", "coarse_calls", "coarse_core_seconds",
    "labels", "note",
)  # fmt: skip
TRACE_COLUMNS = ("system", "run", "step", "method", "uses", "call", "energy_ev")
RING_COLUMNS = (
    "n",
    "seed",
    "stage",
    "verdict",
    "energy_ev",
    "fmax_ev_angstrom",
    "twist_degree",
    "turned_over",
    "calls",
)
STRETCHED_COLUMNS = (
    "system", "structure", "place", "method", "max_step_angstrom", "verdict", "start_ev", "energy_ev", "energy_recovered",
    "rmsd_to_reference_angstrom", "calls",
)  # fmt: skip
REFERENCE, COARSE, BOTH = "reference alone", "potential alone", "both"
"""What a method asks for forces; the first relaxes for comparison, and its best is what the others are measured by."""
ALONE = {
    "bfgs": RelaxationSettings(),
    "bfgs, softer start": RelaxationSettings(curvature_ev_angstrom_2=30.0),
    "precon_lbfgs": RelaxationSettings(optimiser="precon_lbfgs"),
}
STEP_ANGSTROM = 0.1
"""Largest step on a learned potential."""
DIRECTED_STEP_ANGSTROM = 0.05
"""On the thesis's forces: what it found best."""
DIRECTED_STEPS = 150
"""On these forces at most: as many as it shows."""
TRACED_CALLS = (0, 3, 6, 12, 25, 50, 100, 200)
"""Of a way on forces alone, the calls whose energies the reference is asked for, beside the last."""
RISE_EV = 0.01
"""A way whose energy, by the reference, ends above its lowest by more than this has risen."""
DIRECTED = "thesis's forces"


@dataclass(frozen=True)
class Way:
    """One way to relax a start.

    Attributes:
        method: Its name.
        uses: `REFERENCE`, `COARSE` or `BOTH`.
        made: What came of it.
        labels: Frames of the reference that its potential learned from.
        traced: Whether the reference is asked for energies along a way on a potential alone.
    """

    method: str
    uses: str
    made: Relaxation
    labels: int = 0
    traced: bool = False


Told = tuple[dict[str, Any], Atoms, list[dict[str, Any]]]
"""A row of `COLUMNS`, the end, and rows of `TRACE_COLUMNS`, of one way."""


def relax_ways(
    start: Atoms,
    potential: LinearPotential,
    reference: Calculator,
    settings: Mapping[str, Any],
    *,
    directed: DirectedForces | None = None,
    traced: bool = False,
    alone: Mapping[str, RelaxationSettings] = ALONE,
) -> list[Told]:
    """One start relaxed in all ways.

    Args:
        start: A structure, `info` with charge and multiplicity. Without a core it is relaxed in the scheme `full` alone.
        potential: The linear one.
        reference: Judges, and relaxes for comparison.
        settings: `schemes`, `fmax_ev_angstrom`, `steps`, and `max_spread_ev` if there is a limit.
        directed: The thesis's forces, to relax by in the same schemes.
        traced: Whether the reference is asked for energies along the ways of potentials alone (`TRACED_CALLS`).
        alone: The reference's own ways; energy recovered and distances are measured against the first.
    """
    criterion = {"fmax_ev_angstrom": settings["fmax_ev_angstrom"]}
    coarse, limit = LinearCalculator(potential), settings.get("max_spread_ev")
    trusted = None if limit is None else (lambda atoms: potential.spread(atoms) <= limit)
    labels = int(potential.header["frames"])
    done = [
        Way(name, REFERENCE, relax(start, reference, replace(chosen, **criterion))) for name, chosen in alone.items()
    ]
    try:
        outer, schemes = outer_layer(start), settings["schemes"]
    except (InputError, StructureError):
        outer, schemes = None, [scheme for scheme in settings["schemes"] if scheme == "full"]
    learned: list[tuple[str, Calculator, float, int]] = [("linear", coarse, STEP_ANGSTROM, settings["steps"])]
    if directed is not None:
        steps = min(settings["steps"], DIRECTED_STEPS)
        learned.append((DIRECTED, DirectedCalculator(directed, unknown="zero"), DIRECTED_STEP_ANGSTROM, steps))
    for name, calculator, step_angstrom, steps in learned:
        for scheme in schemes:
            rough = RelaxationSettings(scheme, steps=steps, max_step_angstrom=step_angstrom, **criterion)
            done.append(Way(f"{name}, {scheme}", COARSE, relax(start, calculator, rough, outer=outer), labels, traced))
    polish = RelaxationSettings(**criterion)
    handed = hand_over(start, coarse, reference, second=polish, trusted=trusted)
    done.append(Way("linear, then bfgs", BOTH, handed, labels))
    hybrid = HybridSettings(**criterion)
    done.append(Way("hybrid", BOTH, relax_hybrid(start, coarse, reference, hybrid, trusted=trusted), labels))
    return tell(start, done, reference)


def tell(start: Atoms, ways: Sequence[Way], reference: Calculator) -> list[Told]:
    """What ways from one start came to; the first of them is what the others are measured by."""
    best = ways[0].made
    start_ev, best_ev = best.energies_ev[0], _judged(best, reference)
    if not best_ev < start_ev:
        log.warning(
            "%s: the first way gained nothing, so that no share of its gain can be told", start.info.get("name", "")
        )
    told = []
    for way in ways:
        made, alone = way.made, way.uses == COARSE
        energy_ev, trace = _judged(made, reference, learned=alone), _trace(way, reference)
        lowest_ev = min(
            [*(point["energy_ev"] for point in trace), *([energy_ev] if np.isfinite(energy_ev) else [])], default=np.nan
        )
        rise_ev = trace[-1]["energy_ev"] - min(point["energy_ev"] for point in trace) if alone and trace else 0.0
        # Forces without an energy do not know that they lead upwards; the reference does.
        lost = not np.isfinite(energy_ev)
        verdict = "rising" if lost or (rise_ev > RISE_EV and made.verdict != "converged") else made.verdict
        row = {
            "method": way.method, "uses": way.uses, "verdict": verdict, "start_ev": start_ev, "energy_ev": energy_ev,
            "fmax_ev_angstrom": made.fmax_ev_angstrom,
            "energy_recovered": _share(start_ev, energy_ev, best_ev),
            "lowest_recovered": _share(start_ev, lowest_ev, best_ev),
            "rise_ev": rise_ev if alone and trace else "",
            "rmsd_to_reference_angstrom": heavy_rmsd(made.atoms, best.atoms),
            "reference_calls": 0 if alone else made.calls,
            "reference_core_seconds": 0.0 if alone else made.core_seconds,
            "coarse_calls": made.calls if alone else made.coarse_calls,
            "coarse_core_seconds": made.core_seconds if alone else made.coarse_core_seconds,
            "labels": way.labels, "note": "the reference has no answer for the end" if lost else made.note,
        }  # fmt: skip
        end = made.atoms.copy()
        end.info = {
            key: start.info[key] for key in ("name", "charge", "multiplicity", "run", "step") if key in start.info
        }
        end.info |= {"method": way.method, "energy_ev": energy_ev, "verdict": verdict}
        told.append((row, end, trace))
    return told


def _share(start_ev: float, energy_ev: float, best_ev: float) -> float:
    """Of the first way's gain; nan where it gained nothing."""
    return energy_recovered(start_ev, energy_ev, best_ev) if best_ev < start_ev else np.nan


def _trace(way: Way, reference: Calculator) -> list[dict[str, Any]]:
    """The reference's energies along a way: all that it knows, or those that it is asked for."""
    made = way.made
    if way.uses != COARSE:
        points = dict(enumerate(made.energies_ev))
    else:
        wanted = (
            sorted({*(call for call in TRACED_CALLS if call < len(made.positions)), len(made.positions) - 1})
            if way.traced
            else []
        )
        frames = {call: Atoms(made.atoms.numbers, made.positions[call]) for call in wanted}
        points = {call: _single_point(reference, frame) for call, frame in frames.items()}
    told = {call: ev for call, ev in points.items() if ev is not None and np.isfinite(ev)}
    return [{"method": way.method, "uses": way.uses, "call": call, "energy_ev": ev} for call, ev in told.items()]


def relax_rings(
    sizes: Sequence[int], coarse: Calculator, reference: Calculator, *, ligand: str = "CH3", fmax_ev_angstrom: float = 0.05,
    rattle_angstrom: float = 0.02, seeds: Sequence[int] = (0,),
) -> tuple[list[dict[str, Any]], list[Atoms]]:  # fmt: skip
    """Rings from even shapes: by the reference, by the potential, by the reference from where the potential ended, by both.

    The built ring is its own mirror image, so that nothing but the last bit would decide which way it twists: atoms are
    displaced at random first, alike for all.

    Args:
        sizes: Numbers of gold atoms.
        coarse: The potential.
        reference: Judges, and relaxes in turn.
        ligand: R, see `build_ring`.
        fmax_ev_angstrom: Criterion of the reference; twice of it is the potential's, as in the thesis.
        rattle_angstrom: Standard deviation of the displacements.
        seeds: Of these, one start each.

    Returns:
        Rows of `RING_COLUMNS` and the structures; `turned_over` compares the twist with the reference's, and with the
        potential's where the reference has gone on from it. A twist is nan where the ring has opened.
    """
    rows, structures = [], []
    for n, seed in product(sizes, seeds):
        start = build_ring(n, ligand)
        start.rattle(rattle_angstrom, seed=seed)
        plain = RelaxationSettings(fmax_ev_angstrom=fmax_ev_angstrom)
        rough = replace(plain, fmax_ev_angstrom=2 * fmax_ev_angstrom, max_step_angstrom=STEP_ANGSTROM, steps=200)
        try:
            direct, learned = relax(start, reference, plain), relax(start, coarse, rough)
            again = relax(learned.atoms, reference, plain)
            hybrid = relax_hybrid(start, coarse, reference, HybridSettings(fmax_ev_angstrom=fmax_ev_angstrom))
        except (NotFiniteError, ScfError, StructureError) as error:  # the other rings go on
            log.warning("ring of %d, seed %d: left out: %s", n, seed, error)
            continue
        direct_twist, learned_twist = _twist(direct.atoms), _twist(learned.atoms)
        for stage, way, before in (
            ("reference", direct, direct_twist), ("potential", learned, direct_twist),
            ("potential, then reference", again, learned_twist), ("hybrid", hybrid, direct_twist),
        ):  # fmt: skip
            twist = _twist(way.atoms)
            rows.append({
                "n": n, "seed": seed, "stage": stage, "verdict": way.verdict, "fmax_ev_angstrom": way.fmax_ev_angstrom,
                "calls": way.calls, "energy_ev": _judged(way, reference, learned=way is learned),
                "twist_degree": twist, "turned_over": turned_over(before, twist),
            })  # fmt: skip
            structures.append(way.atoms)
            way.atoms.info |= {"name": f"ring{n} {stage}", "twist_degree": twist}
    return rows, structures


def stretched_unit(atoms: Atoms, *, place: str = "end", length_angstrom: float = 2.0) -> tuple[Atoms, tuple[int, ...]]:
    """Pull one long unit, S-(Au-S)2 with its ligands, and the core atoms that it is bound to, away from the middle.

    Args:
        atoms: A cluster with long units (`n2` of `find_motifs`).
        place: `end`, the unit farthest along the longest axis, as the thesis has it for isomer Q of Au38; or `middle`.
        length_angstrom: How far (angstrom).

    Returns:
        The pulled structure and the indices of the atoms that were pulled: 19 with methyl.

    Raises:
        InputError: If the place is another one or there is no long unit.
    """
    if place not in ("end", "middle"):
        raise InputError(f"stretched unit: place '{place[:40]}' is unknown; choose end or middle")
    units = [unit for unit in find_motifs(atoms).units if unit.kind == "n2"]
    if not units:
        raise InputError(
            f"{atoms.get_chemical_formula('metal')} has no long unit to pull; give Au25(SR)18 or Au38(SR)24"
        )
    metal = np.flatnonzero(atoms.numbers == 79)
    middle = atoms.positions[metal].mean(axis=0)
    axis = np.linalg.svd(atoms.positions[metal] - middle)[2][0]
    along = [abs((atoms.positions[list(unit.metals)].mean(axis=0) - middle) @ axis) for unit in units]
    unit = units[int(np.argmax(along) if place == "end" else np.argmin(along))]
    ligands = {block.anchor: block.ligand for block in moving_blocks(atoms) if block.kind == "ligand"}
    members = {*unit.metals, *unit.sulfurs, *unit.core}.union(*(ligands.get(s, ()) for s in unit.sulfurs))
    pulled = atoms.copy()
    outward = atoms.positions[[*unit.metals, *unit.sulfurs]].mean(axis=0) - middle
    moved = tuple(sorted(members))
    pulled.positions[list(moved)] += length_angstrom * outward / np.linalg.norm(outward)
    return pulled, moved


def relax_stretched(
    atoms: Atoms, coarse: Calculator, reference: Calculator, *, place: str = "end", length_angstrom: float = 2.0,
    max_steps_angstrom: Sequence[float] = (0.05, 0.1, 0.2), steps: int = 150, fmax_ev_angstrom: float = 0.05,
) -> tuple[list[dict[str, Any]], Relaxation]:  # fmt: skip
    """A pulled unit let go, all else fixed: by the reference, and by the potential with several step sizes.

    Args:
        atoms: The relaxed cluster.
        coarse: The potential.
        reference: Judges by single points, and relaxes for comparison.
        place: See `stretched_unit`.
        length_angstrom: Likewise.
        max_steps_angstrom: Largest moves of an atom in one step that are compared.
        steps: Most steps of the potential.
        fmax_ev_angstrom: Criterion of both.

    Returns:
        Rows of `STRETCHED_COLUMNS` (distances of the pulled atoms but hydrogen, as they lie), and the reference's way.
    """
    start, pulled = stretched_unit(atoms, place=place, length_angstrom=length_angstrom)
    fixed = tuple(int(i) for i in np.setdiff1d(np.arange(len(atoms)), pulled))
    plain = RelaxationSettings(fmax_ev_angstrom=fmax_ev_angstrom, fixed=fixed)
    best = relax(start, reference, plain)
    ways = [("reference", plain.max_step_angstrom, best)]
    for size in max_steps_angstrom:
        ways.append(("potential", size, relax(start, coarse, replace(plain, max_step_angstrom=size, steps=steps))))
    hybrid = HybridSettings(fmax_ev_angstrom=fmax_ev_angstrom, fixed=fixed)
    ways.append(("hybrid", hybrid.coarse_step_angstrom, relax_hybrid(start, coarse, reference, hybrid)))
    rows = []
    for method, size, way in ways:
        energy_ev = _judged(way, reference, learned=method == "potential")
        rows.append({
            "structure": str(atoms.info.get("name", "")), "place": place, "method": method, "max_step_angstrom": size, "verdict": way.verdict,
            "start_ev": best.energies_ev[0], "energy_ev": energy_ev, "calls": way.calls,
            "energy_recovered": energy_recovered(best.energies_ev[0], energy_ev, _judged(best, reference)),
            "rmsd_to_reference_angstrom": heavy_rmsd(way.atoms, best.atoms, only=pulled),
        })  # fmt: skip
    return rows, best


def _judged(way: Relaxation, reference: Calculator, *, learned: bool = False) -> float:
    """The reference's energy of where a way ended (eV): its own, or a single point; NaN if it has none for it."""
    return _single_point(reference, way.atoms) if learned or way.energy_ev is None else way.energy_ev


def _single_point(reference: Calculator, atoms: Atoms) -> float:
    """The reference's energy (eV); NaN where learned forces led to what it has no answer for."""
    try:
        check_overlap(atoms)
        return float(reference.get_property("energy", atoms))
    except (CalculationFailed, ScfError, StructureError) as error:
        log.info("%s", error)
        return float("nan")


def _twist(atoms: Atoms) -> float:
    """The twist of a ring, nan if it is none any more."""
    try:
        return twist_degree(atoms)
    except StructureError:
        return float("nan")
