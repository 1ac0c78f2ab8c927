"""Relaxing at a better level of theory by way of a cheap one: what a learned correction saves beside what everybody does."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from ase import Atoms
from ase.calculators.calculator import Calculator
from ase.calculators.mixing import SumCalculator

from auric.potential.calculators import LinearCalculator
from auric.potential.correction import Correction
from auric.relaxation.hybrid import HybridSettings, hand_over, relax_hybrid
from auric.relaxation.names import WAYS
from auric.relaxation.optimise import RelaxationSettings, relax
from auric.relaxation.tasks import ALONE, BOTH, REFERENCE, Told, Way, tell

BEFORE = "cheap level first"
"""What a way uses that relaxes at the cheap level, then at the better one, and learns nothing."""
CORRECTED = "hybrid, corrected"


def ways_at_better_level(
    start: Atoms, cheap_of: Callable[[], Calculator], correction: Correction, better: Calculator, settings: Mapping[str, Any]
) -> dict[str, Callable[[], Way]]:  # fmt: skip
    """How one start is relaxed to the better level's criterion: by that level alone, after a relaxation at the cheap one, and hybrid.

    Args:
        start: A structure.
        cheap_of: Gives the cheap level afresh, for each way its own: one that remembers where another way was would answer by some
            1e-5 eV/angstrom otherwise, and ways gone by themselves would ask the better level for other points.
        correction: From it to the better one.
        better: The better level, with energies: its calls are the reference's.
        settings: `fmax_ev_angstrom`.

    Returns:
        What goes each of `WAYS` when called.
    """
    plain = RelaxationSettings(fmax_ev_angstrom=settings["fmax_ev_angstrom"])
    hybrid = HybridSettings(fmax_ev_angstrom=settings["fmax_ev_angstrom"])
    labels = int(correction.difference.header["frames"])
    name = correction.cheap[1]

    def alone(told: str) -> Way:
        return Way(told, REFERENCE, relax(start, better, replace(ALONE[told], fmax_ev_angstrom=plain.fmax_ev_angstrom)))

    def cheap_first(told: str, second: RelaxationSettings, **how: Any) -> Way:
        # Who relaxes at a cheap level first asks nothing of the better one before.
        return Way(told, BEFORE, hand_over(start, cheap_of(), better, second=second, checked=False, **how))

    def corrected() -> Calculator:
        return SumCalculator([cheap_of(), LinearCalculator(correction.difference)])

    softer = replace(plain, curvature_ev_angstrom_2=ALONE["bfgs, softer start"].curvature_ev_angstrom_2)
    return {
        **{way: partial(alone, told) for way, told in zip(WAYS, ALONE, strict=False)},
        "cheap_bfgs": lambda: cheap_first(f"{name}, then bfgs", plain, first=plain, curved=False),
        "cheap_bfgs_softer": lambda: cheap_first(f"{name}, then bfgs, softer start", softer, first=plain, curved=False),
        "cheap_hessian_bfgs": lambda: cheap_first(f"{name} and its Hessian, then bfgs", plain),
        "hybrid": lambda: Way(f"hybrid, {name}", BOTH, relax_hybrid(start, cheap_of(), better, hybrid)),
        "hybrid_corrected": lambda: Way(CORRECTED, BOTH, relax_hybrid(start, corrected(), better, hybrid), labels),
    }


def relax_at_better_level(
    start: Atoms, cheap_of: Callable[[], Calculator], correction: Correction, better: Calculator, settings: Mapping[str, Any]
) -> list[Told]:  # fmt: skip
    """One start relaxed in all ways (`ways_at_better_level`), and what they came to.

    Args:
        start: A structure.
        cheap_of: Gives the cheap level afresh.
        correction: From it to the better one.
        better: The better level.
        settings: `fmax_ev_angstrom`.

    Raises:
        InputError: If the correction does not know an element.
    """
    return tell(
        start, [go() for go in ways_at_better_level(start, cheap_of, correction, better, settings).values()], better
    )
