"""Calculators that begin afresh where the structure before leads them astray."""

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.calculator import CalculationFailed
from ase.calculators.emt import EMT

from auric.errors import ScfError
from auric.reference import SteadyCalculator, XtbEngine, XtbSettings, engine_calculator

PAIR = Atoms("Cu2", [[0, 0, 0], [0, 0, 2.3]])
made = []


class Remembering(EMT):
    """Far too low once it has seen atoms on top of each other, where it fails if it was told to."""

    def __init__(self, fails):
        super().__init__()
        self.fails, self.lost, self.calls = fails, False, 0
        made.append(self)

    def calculate(self, atoms=None, properties=("energy",), system_changes=("positions",)):
        super().calculate(atoms, properties, system_changes)
        self.calls += 1
        overlapping = atoms.get_distance(0, 1) < 1.0
        self.results["energy"] -= 500.0 if overlapping else 17.0 if self.lost else 0.0
        self.lost |= overlapping
        if overlapping and self.fails:
            raise self.fails("no convergence")


@pytest.mark.parametrize("fails", [None, CalculationFailed, ScfError])
def test_what_follows_an_unphysical_structure_is_right(fails):
    made.clear()
    steady, right = SteadyCalculator(lambda: Remembering(fails)), EMT().get_property("energy", PAIR.copy())
    near = PAIR.copy()
    near.positions[1, 2] = 0.6
    assert steady.get_property("energy", PAIR.copy()) == pytest.approx(right)
    if fails:
        with pytest.raises(fails):
            steady.get_property("energy", near)
    else:
        assert steady.get_property("energy", near) < right - 100
    moved = PAIR.copy()
    moved.positions[1, 2] += 0.01
    assert steady.get_property("energy", moved) == pytest.approx(EMT().get_property("energy", moved.copy()))


def test_an_energy_that_is_no_number_is_not_gone_on_from():
    class Lost(EMT):
        def calculate(self, atoms=None, properties=("energy",), system_changes=("positions",)):
            super().calculate(atoms, properties, system_changes)
            self.results["energy"] = np.nan

    begun = []
    steady = SteadyCalculator(lambda: begun.append(1) or (Lost() if len(begun) == 1 else EMT()))
    assert np.isnan(steady.get_property("energy", PAIR.copy()))
    moved = PAIR.copy()
    moved.positions[1, 2] += 0.01
    assert np.isfinite(steady.get_property("energy", moved))


def test_small_steps_begin_once():
    made.clear()
    steady, atoms = SteadyCalculator(lambda: Remembering(None)), PAIR.copy()
    atoms.calc = steady
    for _ in range(5):
        atoms.positions[1, 2] += 0.02
        atoms.get_potential_energy()
        atoms.get_forces()
    assert [one.calls for one in made] == [5]


def test_the_semi_empirical_rung_is_watched_too():
    steady, engine = (engine_calculator(XtbEngine(XtbSettings()), 0, 1), XtbEngine(XtbSettings()))
    assert isinstance(steady, SteadyCalculator)
    assert steady.get_property("energy", PAIR.copy()) == pytest.approx(engine.label(PAIR, 0, 1).energy_ev, abs=1e-6)
