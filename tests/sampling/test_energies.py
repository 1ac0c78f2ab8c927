"""Energies that follow moves: equal to starting afresh, for every potential, and along a whole walk."""

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.calculator import CalculationFailed
from ase.calculators.morse import MorsePotential

from auric.descriptors import MBTR_SECOND, Mbtr, PowerSpectrumSettings
from auric.errors import StructureError
from auric.potential import Emlm, LinearPotential, LinearSettings
from auric.sampling import CalculatorWalk, DomainGuard, EmlmWalk, LinearWalk, WalkSettings, read_walk, run_walk
from auric.structures import build_ring, move_blocks, moving_blocks

CHAINS = 3
SMALL = PowerSpectrumSettings(functions=3, l_max=2)


def _labelled(count: int, size: float, run: str) -> list[Atoms]:
    """Rattled rings with energies and forces of springs between all atoms."""
    rng, frames = np.random.default_rng(len(run)), []
    for number in range(count):
        atoms = build_ring(3, "CH3")
        atoms.positions += rng.normal(0, size, atoms.positions.shape)
        atoms.calc = _morse()
        atoms.info |= {"energy_ev": atoms.get_potential_energy(), "run": run, "name": f"{run}_{number}"}
        atoms.arrays["forces"] = atoms.get_forces()
        atoms.calc = None
        frames.append(atoms)
    return frames


@pytest.fixture(scope="module")
def frames() -> list[Atoms]:
    return _labelled(12, 0.05, "a") + _labelled(12, 0.08, "bb")


@pytest.fixture(scope="module")
def linear(frames):
    return LinearPotential.fit(frames, spectrum=SMALL)


@pytest.fixture(scope="module")
def quadratic(frames):
    return LinearPotential.fit(frames, spectrum=SMALL, settings=LinearSettings(products=4))


@pytest.fixture(scope="module")
def emlm(frames):
    mbtr = Mbtr(["H", "C", "S", "Au"], MBTR_SECOND)
    model = Emlm().fit(mbtr.describe_all(frames), np.array([atoms.info["energy_ev"] for atoms in frames]))
    return mbtr, model.compress()


def _morse() -> MorsePotential:
    return MorsePotential(rho0=4.0, r0=2.2, epsilon=0.3, rcut1=4.5, rcut2=5.5)


def _by_morse(atoms: Atoms) -> float:
    return float(_morse().get_property("energy", atoms))


def _walks(linear, quadratic, emlm):
    def fresh_emlm(atoms: Atoms) -> float:
        return float(emlm[1].predict(emlm[0].describe(atoms)[None])[0])

    return {
        "linear": (lambda atoms, where: LinearWalk(linear, atoms, where), linear.energy),
        "quadratic": (lambda atoms, where: LinearWalk(quadratic, atoms, where), quadratic.energy),
        "emlm": (lambda atoms, where: EmlmWalk(*emlm, atoms, where), fresh_emlm),
        "calculator": (lambda atoms, where: CalculatorWalk(_morse(), atoms, where), _by_morse),
    }


@pytest.mark.parametrize("name", ["linear", "quadratic", "emlm", "calculator"])
def test_a_walk_equals_full_recomputation(linear, quadratic, emlm, name):
    make, energy = _walks(linear, quadratic, emlm)[name]
    ring, rng = build_ring(3, "CH3"), np.random.default_rng(0)
    energies = make(ring, np.repeat(ring.positions[None], CHAINS, axis=0))
    reached = []
    for _ in range(12):
        for block in moving_blocks(ring):
            shifts, turns = rng.uniform(-0.1, 0.1, (CHAINS, 3)), rng.uniform(-20, 20, CHAINS)
            there = move_blocks(energies.positions, block, shifts, turns)
            change, before = energies.trial(np.array(block.moved), there), energies.values.copy()
            taken = rng.random(CHAINS) < 0.5
            energies.accept(taken)
            np.testing.assert_allclose(energies.values[taken], (before + change)[taken], rtol=0, atol=1e-9)
            np.testing.assert_array_equal(energies.values[~taken], before[~taken])
        reached.append(energies.values.copy())
        full = [energy(Atoms(ring.symbols, where)) for where in energies.positions]
        assert np.abs(energies.values - full).max() < 1e-9 * max(1.0, np.ptp(reached))
    kept = energies.values.copy()
    energies.refresh()
    np.testing.assert_allclose(energies.values, kept, rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", ["linear", "emlm", "calculator"])
def test_resumed_on_a_potential(linear, quadratic, emlm, name, tmp_path):
    make, energy = _walks(linear, quadratic, emlm)[name]
    settings = WalkSettings((300.0, 300.0), steps=6, equilibration_steps=4, every=2, seed=1)
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    run_walk([build_ring(3, "CH3")] * 2, make, settings, whole)
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 3 // 5])
    run_walk([build_ring(3, "CH3")] * 2, make, settings, cut)
    assert cut.read_bytes() == whole.read_bytes()
    last = read_walk(whole)[-1]
    assert energy(last) == pytest.approx(float(last.info["energy_ev"]), abs=1e-10)
    assert last.info["step_energies_ev"][-1] == pytest.approx(float(last.info["energy_ev"]), abs=1e-9)


def test_where_a_calculator_fails_no_trial_leads(tmp_path):
    class Failing(MorsePotential):
        def calculate(self, atoms=None, *args, **kwargs):
            if atoms.positions[0, 0] > 0.1:
                raise CalculationFailed("no field there")
            super().calculate(atoms, *args, **kwargs)

    gold = Atoms("Au", [[0.0, 0.0, 0.0]])
    settings = WalkSettings((300.0,) * 8, steps=40, equilibration_steps=0, every=10)
    run_walk([gold] * 8, lambda atoms, where: CalculatorWalk(Failing(), atoms, where), settings, tmp_path / "walk")
    reached = np.array([atoms.positions[0, 0] for atoms in read_walk(tmp_path / "walk")])
    assert reached.max() <= 0.1 < -reached.min()
    with pytest.raises(ValueError, match="call `trial` first"):
        CalculatorWalk(_morse(), gold, np.zeros((1, 1, 3))).accept(np.array([True]))


def test_an_element_that_was_not_learned(linear, emlm):
    silver = build_ring(3, "CH3")
    silver.symbols[list(silver.symbols).index("Au")] = "Ag"
    with pytest.raises(StructureError, match="Ag"):
        LinearWalk(linear, silver, silver.positions[None])
    with pytest.raises(StructureError, match="Ag"):
        EmlmWalk(*emlm, silver, silver.positions[None])


def test_nothing_to_accept(emlm):
    ring = build_ring(3, "CH3")
    with pytest.raises(ValueError, match="no trial"):
        EmlmWalk(*emlm, ring, ring.positions[None]).accept(np.array([True]))


def test_atoms_on_one_place_are_refused(linear):
    ring = build_ring(3, "CH3")
    energies = LinearWalk(linear, ring, np.repeat(ring.positions[None], 2, axis=0))
    there = np.array([ring.positions[[1]], ring.positions[[0]] + 0.01])
    change = energies.trial(np.array([0]), there)
    assert np.isinf(change[0])
    assert np.isfinite(change[1])


@pytest.mark.parametrize("name", ["linear", "quadratic"])
def test_an_atom_that_no_other_is_near(linear, quadratic, emlm, name):
    """One chain, in which the atom that moves has no neighbour before, after, or either."""
    make, energy = _walks(linear, quadratic, emlm)[name]
    lone = build_ring(3, "CH3")
    gold = int(np.flatnonzero(lone.symbols == "Au")[0])
    home = lone.positions[gold].copy()
    lone.positions[gold, 2] += 12
    energies = make(lone, lone.positions[None])
    for shift in ((0, 0, 12.1), (0, 0, 0), (0, 0, 12), (0.1, 0, 0)):
        where = home + np.array(shift)
        change, before = energies.trial(np.array([gold]), where[None, None]), energies.values.copy()
        lone.positions[gold] = where
        assert change[0] == pytest.approx(energy(lone) - before[0], abs=1e-9)
        energies.accept(np.array([True]))
        assert energies.values[0] == pytest.approx(energy(lone), abs=1e-9)


def test_the_guard_knows_training_frames_from_broken_ones(frames):
    guard = DomainGuard(frames)
    near, far = build_ring(3, "CH3"), build_ring(3, "CH3")
    far.positions[list(far.symbols).index("Au")] += 1.5
    assert guard.outside([near, far]).tolist() == [False, True]
