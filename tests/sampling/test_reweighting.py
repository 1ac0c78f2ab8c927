"""Reweighting a walk to another potential, where both distributions are known."""

import numpy as np
import pytest
from ase.units import kB

from auric.errors import InputError
from auric.sampling import reweight

TEMPERATURE = 300.0
KT = kB * TEMPERATURE


def test_one_spring_told_as_another():
    """Drawn for a stiffness k, the mean square for k' is kT / k', the effective size what theory says."""
    rng, stiffness, wanted = np.random.default_rng(0), 2.0, 2.6
    x = rng.normal(0, np.sqrt(KT / stiffness), 200_000)
    found = reweight(0.5 * stiffness * x**2, 0.5 * wanted * x**2 - 7.0, TEMPERATURE)
    assert found.mean(x**2) == pytest.approx(KT / wanted, rel=0.02)
    # <w>^2 / <w^2> of w = exp(-(k' - k) x^2 / 2 kT)
    excess = (wanted - stiffness) / stiffness
    assert found.effective / len(x) == pytest.approx(np.sqrt(1 + 2 * excess) / (1 + excess), rel=0.02)


def test_intervals_hold_the_truth():
    rng, hits = np.random.default_rng(1), 0
    for seed in range(60):
        x = rng.normal(0, np.sqrt(KT / 2.0), 300)
        found = reweight(1.0 * x**2, 1.3 * x**2, TEMPERATURE)
        low, high = found.interval(x**2, samples=300, seed=seed)
        hits += low < KT / 2.6 < high
    assert hits >= 50


def test_limits():
    same = reweight(np.zeros(10), np.full(10, -3.0), TEMPERATURE)
    assert same.effective == pytest.approx(10)
    assert same.spread_ev == 0
    one = reweight(np.zeros(10), np.array([0.0, *np.full(9, 100.0)]), TEMPERATURE)
    assert one.effective == pytest.approx(1)
    assert one.mean(np.arange(10.0)) == pytest.approx(0)


def test_bad_input():
    with pytest.raises(InputError, match="one of each structure"):
        reweight(np.zeros(3), np.zeros(4), TEMPERATURE)
    with pytest.raises(InputError, match="one of each structure"):
        reweight(np.zeros(0), np.zeros(0), TEMPERATURE)
    with pytest.raises(InputError, match="finite energies"):
        reweight(np.zeros(2), np.array([0.0, np.nan]), TEMPERATURE)
    with pytest.raises(InputError, match="above 0"):
        reweight(np.zeros(2), np.zeros(2), 0.0)
