from types import SimpleNamespace

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.calculator import CalculationFailed
from ase.calculators.emt import EMT
from ase.cluster import Octahedron
from scipy.spatial.distance import pdist

from auric.errors import InputError
from auric.potential import LinearCalculator
from auric.reference import Labels, SteadyCalculator, Store, XtbEngine, XtbSettings, points
from auric.reference.points import StoredCalculator
from auric.relaxation import (
    HybridSettings,
    Recorder,
    RelaxationSettings,
    hand_over,
    hessian_of,
    relax,
    relax_hybrid,
)


class Stretched(EMT):
    """A level of theory near EMT: the same of a structure a little smaller, and weaker."""

    def calculate(self, atoms=None, properties=("energy",), system_changes=("positions",)):
        small = Atoms(atoms.numbers, atoms.positions * 0.985)
        super().calculate(small, ["energy", "forces"], list(system_changes))
        self.results = {"energy": 0.9 * self.results["energy"], "forces": 0.9 * 0.985 * self.results["forces"]}


@pytest.fixture
def copper():
    start = Octahedron("Cu", 3)
    start.rattle(0.15, seed=4)
    return start


def test_a_hybrid_reaches_the_reference_minimum_with_fewer_calls(copper):
    alone = relax(copper, EMT())
    both = relax_hybrid(copper, Stretched(), EMT())
    assert both.verdict == "converged"
    assert both.energy_ev <= alone.energy_ev + 0.02
    assert both.calls < alone.calls / 2
    assert both.coarse_calls > both.calls
    handed = hand_over(copper, Stretched(), EMT())
    assert handed.verdict == "converged"
    assert handed.calls < alone.calls / 2
    assert handed.energy_ev == pytest.approx(both.energy_ev, abs=0.02)


def test_an_exact_coarse_potential_costs_two_or_three_calls(copper):
    assert relax_hybrid(copper, EMT(), EMT(), HybridSettings(radius_angstrom=2.0)).calls <= 3


def test_a_useless_coarse_potential_does_no_harm(copper, springs):
    """Springs that pull everything together: the reference goes on alone."""
    for coarse in (
        springs(length=1.0, strength=30.0),
        springs(length=6.0, strength=5.0, curl=8.0, without_energy=True),
    ):
        made = relax_hybrid(copper, coarse, EMT())
        assert made.verdict == "converged"
        assert made.energy_ev == min(made.energies_ev) < made.energies_ev[0]
        handed = hand_over(copper, coarse, EMT())
        assert handed.note
        assert handed.verdict == "converged"


def test_a_reference_that_is_all_noise_is_not_asked_for_ever(copper, rng):
    class Noisy(EMT):
        def calculate(self, *args, **kwargs):
            super().calculate(*args, **kwargs)
            self.results["energy"] += rng.normal(0.0, 0.02)
            self.results["forces"] = self.results["forces"] + rng.normal(0.0, 0.2, self.results["forces"].shape)

    made = relax_hybrid(copper, Stretched(), Noisy(), HybridSettings(calls=1000))
    assert made.verdict == "stalled"
    assert made.calls < 300
    assert made.energy_ev == pytest.approx(relax(copper, EMT()).energy_ev, abs=0.2)


def test_forces_without_an_energy_are_enough(copper):
    class Blind(Stretched):
        implemented_properties = ["forces"]  # noqa: RUF012

    made = relax_hybrid(copper, Blind(), EMT())
    assert made.verdict == "converged"
    assert made.calls < relax(copper, EMT()).calls


def test_fixed_atoms_stay_and_calls_are_limited(copper):
    made = relax_hybrid(copper, Stretched(), EMT(), HybridSettings(fixed=(0, 5)))
    np.testing.assert_array_equal(made.atoms.positions[[0, 5]], copper.positions[[0, 5]])
    assert made.verdict == "converged"
    short = relax_hybrid(copper, Stretched(), EMT(), HybridSettings(calls=2))
    assert (short.verdict, short.calls) == ("stalled", 2)


def test_a_potential_is_not_followed_where_it_is_not_trusted(copper):
    far = lambda atoms: np.linalg.norm(atoms.positions - copper.positions, axis=1).max() < 0.1  # noqa: E731
    made = relax_hybrid(copper, Stretched(), EMT(), HybridSettings(calls=2), trusted=far)
    assert np.linalg.norm(made.positions[1] - copper.positions, axis=1).max() < 0.1
    assert "domain" in hand_over(copper, Stretched(), EMT(), trusted=far).note


def test_a_start_that_is_not_trusted_is_left_to_the_reference(copper):
    made = relax_hybrid(copper, Stretched(), EMT(), trusted=lambda atoms: False)
    assert made.verdict == "converged"
    assert "not trusted anywhere near" in made.note
    assert made.calls <= relax(copper, EMT()).calls + 1


def test_what_is_handed_over_keeps_fixed_atoms_and_says_what_went_wrong(copper):
    held = RelaxationSettings(fixed=(0, 1))
    made = hand_over(copper, Stretched(), EMT(), second=held)
    np.testing.assert_array_equal(made.atoms.positions[:2], copper.positions[:2])

    class Failing(EMT):
        def __init__(self, calls):
            super().__init__()
            self.calls, self.count = calls, 0

        def calculate(self, *args, **kwargs):
            self.count += 1
            if self.count in self.calls:
                raise CalculationFailed("no field")
            super().calculate(*args, **kwargs)

    astray = hand_over(copper, Stretched(), Failing({2}))
    assert astray.verdict == "converged", "from the start instead"
    assert "no answer where the coarse potential led" in astray.note
    broken = hand_over(copper, Stretched(), Failing(range(3, 99)))
    assert broken.verdict == "stalled"
    assert "no field" in broken.note


def test_a_coarse_potential_that_breaks_leaves_the_reference_alone(copper):
    class Breaks(Stretched):
        def calculate(self, *args, **kwargs):
            super().calculate(*args, **kwargs)
            self.calls = getattr(self, "calls", 0) + 1
            if self.calls > 20:
                self.results["energy"] = np.nan

    made = relax_hybrid(copper, Breaks(), EMT())
    assert made.verdict == "converged"
    assert "not finite" in made.note


def test_hessian_of_springs_is_known(springs):
    """Two atoms at rest: the spring's strength along the bond, the least value elsewhere."""
    pair = Atoms("Au2", [[0, 0, 0], [2.5, 0, 0]])
    values = np.linalg.eigvalsh(hessian_of(pair, springs(strength=7.0), least_ev_angstrom_2=0.5))
    assert values == pytest.approx([0.5] * 5 + [14.0], abs=1e-3)


@pytest.mark.parametrize(
    ("settings", "words"), [({"radius_angstrom": 0.0}, "radius_angstrom: 0.0"), ({"calls": 0}, "0 calls")]
)
def test_wrong_settings(settings, words):
    with pytest.raises(InputError, match=words):
        HybridSettings(**settings)


def test_wrong_structures(copper, learned):
    with pytest.raises(InputError, match="there is no atom 99"):
        relax_hybrid(copper, EMT(), EMT(), HybridSettings(fixed=(99,)))
    reference = Recorder(EMT())
    with pytest.raises(InputError, match="Cu"):
        relax_hybrid(copper, LinearCalculator(learned), reference)
    assert reference.calls == 0, "refused before the costly step"


class Engine:
    """Labels with springs, and dies when told to."""

    name = "springs"

    def __init__(self, calculator, dies_at=None):
        self.calculator, self.dies_at, self.made = calculator, dies_at, 0

    def identity(self):
        return {"engine": self.name, "method": "springs"}

    def check(self, symbols):
        pass

    def label(self, atoms, charge, multiplicity, *, start=None):
        if self.made == self.dies_at:
            raise KeyboardInterrupt
        self.made += 1
        copy = Atoms(atoms.numbers, atoms.positions)
        copy.calc = self.calculator
        return Labels(copy.get_potential_energy(), copy.get_forces(), None, {})


def test_a_killed_relaxation_finds_its_points_again(tmp_path, springs, tetrahedron, learned):
    def run(engine, store):
        return relax_hybrid(
            tetrahedron, LinearCalculator(learned), StoredCalculator(engine, 0, 1, store), HybridSettings(1e-4)
        )

    whole = run(Engine(springs(length=2.7)), Store(tmp_path / "whole"))
    assert whole.calls >= 3
    store = Store(tmp_path / "killed")
    with pytest.raises(KeyboardInterrupt):
        run(Engine(springs(length=2.7), dies_at=2), store)
    after = Engine(springs(length=2.7))
    resumed = run(after, store)
    assert after.made == whole.calls - 2
    np.testing.assert_array_equal(resumed.atoms.positions, whole.atoms.positions)
    assert resumed.energies_ev == whole.energies_ev


def test_stored_points_of_xtb_are_those_of_its_calculator(tmp_path):
    atoms = Atoms("SH2", [[0, 0, 0], [1.0, 0.9, 0], [-1.0, 0.9, 0]])
    engine = XtbEngine(XtbSettings())
    stored = StoredCalculator(engine, 0, 1, Store(tmp_path))
    labels = engine.label(atoms, 0, 1)
    assert stored.get_property("energy", atoms) == pytest.approx(labels.energy_ev, abs=1e-6)
    np.testing.assert_allclose(stored.get_property("forces", atoms), labels.forces_ev_angstrom, atol=1e-5)
    again = StoredCalculator(engine, 0, 1, Store(tmp_path))
    made = relax(atoms, again, RelaxationSettings())
    assert again.computed == made.calls - 1, "the first point was known"
    assert made.core_seconds > 0


def test_nothing_is_asked_of_atoms_on_top_of_each_other(copper):
    """A coarse potential without repulsion, and a reference that rewards collapse, as tight-binding energies do."""

    class Hole(EMT):
        def calculate(self, atoms=None, properties=("energy",), system_changes=("positions",)):
            super().calculate(atoms, properties, system_changes)
            if pdist(atoms.positions).min() < 1.0:
                self.results["energy"] -= 2e4

    class Collapsing(EMT):
        def calculate(self, atoms=None, properties=("energy",), system_changes=("positions",)):
            super().calculate(atoms, properties, system_changes)
            first, second = atoms.positions[:2]
            self.results["forces"] = 0 * self.results["forces"]
            self.results["forces"][0], self.results["energy"] = (
                20 * (second - first),
                10 * ((second - first) ** 2).sum(),
            )

    made = relax_hybrid(copper, Collapsing(), Hole(), HybridSettings(radius_angstrom=3.0, largest_radius_angstrom=3.0))
    assert made.verdict == "converged"
    assert made.energy_ev == pytest.approx(relax(copper, EMT()).energy_ev, abs=0.05)
    assert "overlap" in relax(copper, Collapsing(), RelaxationSettings(max_step_angstrom=0.5)).note


def test_a_field_that_was_led_astray_is_begun_afresh(copper, tmp_path, monkeypatch):
    """An engine whose field, once it has seen a stretched cluster, stays in a state far too low."""

    class Astray(EMT):
        lost = False

        def calculate(self, atoms=None, properties=("energy",), system_changes=("positions",)):
            super().calculate(atoms, properties, system_changes)
            stretched = np.ptp(atoms.positions) > 1.5 * np.ptp(copper.positions)
            self.results["energy"] += 500.0 if stretched else -17.0 if self.lost else 0.0
            self.lost |= stretched

    monkeypatch.setattr(points, "engine_calculator", lambda *_: SteadyCalculator(Astray))
    engine = SimpleNamespace(identity=lambda: {"engine": "x"}, check=lambda symbols: None)
    stored, wide = StoredCalculator(engine, 0, 1, Store(tmp_path)), copper.copy()
    wide.positions *= 1.6
    right = EMT().get_property("energy", copper.copy())
    told = [stored.get_property("energy", atoms) for atoms in (copper, wide, _rattled(copper))]
    assert told[1] > right + 400
    assert told[2] == pytest.approx(EMT().get_property("energy", _rattled(copper)))
    assert stored.computed == 3


def _rattled(atoms):
    moved = atoms.copy()
    moved.rattle(0.01, seed=8)
    return moved


def test_trials_where_the_reference_fails_are_made_nearer(copper):
    asked = []

    class Fails(EMT):
        def calculate(self, atoms=None, properties=("energy",), system_changes=("positions",)):
            asked.append(atoms.positions.copy())
            if np.linalg.norm(atoms.positions - copper.positions, axis=1).max() > 0.3:
                raise CalculationFailed("too far")
            super().calculate(atoms, properties, system_changes)

    made = relax_hybrid(copper, Stretched(), Fails())
    assert made.energy_ev < made.energies_ev[0]
    assert made.calls == len(asked) > len(made.energies_ev)
    stopped = relax(copper, Fails(), RelaxationSettings(max_step_angstrom=0.31, curvature_ev_angstrom_2=1.0))
    assert "too far" in stopped.note
