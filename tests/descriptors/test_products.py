"""Products of leading descriptors: definition, invariances, gradients, limits, and what moves change."""

import numpy as np
import pytest
from ase import Atoms
from scipy.stats import special_ortho_group

from auric.descriptors import MovingSums, PowerSpectrum, PowerSpectrumSettings, ProductSpectrum, WeightedProducts
from auric.errors import InputError
from auric.structures import build_ring

SMALL = PowerSpectrumSettings(pair_functions=5, functions=3, l_max=2)
RANK = 4


def _rattled(seed: int, ring: int = 4) -> Atoms:
    atoms = build_ring(ring)
    atoms.rattle(0.1, seed=seed)
    return atoms


@pytest.fixture(scope="module")
def spectrum() -> ProductSpectrum:
    return ProductSpectrum.learn(PowerSpectrum(["Au", "S", "H"], SMALL), [_rattled(seed) for seed in range(12)], RANK)


@pytest.fixture(scope="module")
def weighted(spectrum: ProductSpectrum) -> WeightedProducts:
    return WeightedProducts(spectrum, _weights(spectrum))


def _weights(spectrum: ProductSpectrum) -> np.ndarray:
    return np.random.default_rng(0).normal(size=spectrum.size)


def _projections(spectrum: ProductSpectrum, element: int, atoms: Atoms) -> np.ndarray:
    elements, neighbours = spectrum.prepare(atoms)
    return spectrum.projected(element, spectrum.density(elements, *spectrum.products(neighbours))[elements == element])


class TestDirections:
    def test_projections_are_uncorrelated_with_variance_one(self, spectrum: ProductSpectrum) -> None:
        for element in range(3):
            q = np.concatenate([_projections(spectrum, element, _rattled(seed)) for seed in range(12)])
            np.testing.assert_allclose(q.mean(axis=0), 0, atol=1e-9)
            # Components of scaled descriptors are uncorrelated, whatever the scale was.
            np.testing.assert_allclose(np.cov(q.T, bias=True), np.eye(RANK), atol=1e-7)

    def test_few_atoms_have_few_directions(self) -> None:
        frames = [Atoms("AuS2", [[0, 0, 0], [2.3, 0, 0], [0.3, 2.2, z]]) for z in (0.0, 0.4, 0.5)]
        spectrum = ProductSpectrum.learn(PowerSpectrum(["Au", "S", "C"], SMALL), frames, RANK)
        assert (np.abs(spectrum.directions).max(axis=1) > 0).sum(axis=1).tolist() == [0, 4, 2]  # C, S, Au
        assert np.isfinite(spectrum.design(frames[0])[1]).all()

    def test_bad_input(self, spectrum: ProductSpectrum) -> None:
        linear = PowerSpectrum(["Au", "S", "H"], SMALL)
        for rank in (0, 1000):
            with pytest.raises(InputError, match=f"{rank} directions of"):
                ProductSpectrum.learn(linear, [_rattled(0)], rank)
        with pytest.raises(InputError, match="learn them with the same species"):
            ProductSpectrum(["Au", "S"], SMALL, spectrum.directions, spectrum.centres)


class TestProductSpectrum:
    def test_by_definition(self, spectrum: ProductSpectrum) -> None:
        """With one gold atom its sums are its own descriptors; the products of their projections follow."""
        atoms = Atoms("AuS2H", [[0, 0, 0], [2.3, 0, 0], [0.3, 2.2, 0.4], [3.0, 1.1, 0]])
        features = spectrum.describe(atoms)
        linear = PowerSpectrum(spectrum.species, SMALL).describe(atoms)
        np.testing.assert_array_equal(features[: spectrum.linear_size], linear)
        p = linear.reshape(3, -1)[2, spectrum.pair_size :]
        q = p @ spectrum.directions[2] - spectrum.centres[2]
        expected = [q[a] * q[b] for a in range(RANK) for b in range(a, RANK)]
        np.testing.assert_allclose(features[-len(expected) :], expected, atol=1e-10)

    def test_motion_and_order_do_not_count(self, spectrum: ProductSpectrum) -> None:
        ring = _rattled(20)
        expected = spectrum.describe(ring)
        mirrored, moved = ring.copy(), ring[np.random.default_rng(3).permutation(len(ring))]
        mirrored.positions[:, 0] *= -1
        moved.positions = moved.positions @ special_ortho_group.rvs(3, random_state=2).T + [1, 2, 3]
        for other in (moved, mirrored):
            np.testing.assert_allclose(spectrum.describe(other), expected, atol=1e-9)

    def test_far_pieces_add_up(self, spectrum: ProductSpectrum) -> None:
        ring, other = _rattled(20), _rattled(21, ring=3)
        other.positions += 100
        total = spectrum.describe(ring) + spectrum.describe(other)
        np.testing.assert_allclose(spectrum.describe(ring + other), total, atol=1e-9)

    def test_forces_are_gradients(self, spectrum: ProductSpectrum) -> None:
        ring, step = _rattled(20), 1e-5
        features, forces = spectrum.design(ring)
        assert forces.shape == (len(ring), 3, spectrum.size)
        np.testing.assert_allclose(features, spectrum.describe(ring), atol=1e-12)
        for atom, axis in ((0, 0), (5, 1), (11, 2)):
            ends = []
            for sign in (1, -1):
                shifted = ring.copy()
                shifted.positions[atom, axis] += sign * step
                ends.append(spectrum.describe(shifted))
            np.testing.assert_allclose(forces[atom, axis], -(ends[0] - ends[1]) / (2 * step), atol=2e-6)

    def test_an_atom_that_crosses_the_cutoff(self, weighted: WeightedProducts) -> None:
        sides = []
        for shift in (-1e-7, 1e-7):
            atoms = _rattled(20) + Atoms("Au", [[0, 0, 0]])
            away = atoms.positions[0] / np.linalg.norm(atoms.positions[0])
            atoms.positions[-1] = atoms.positions[0] + away * (SMALL.cutoff_angstrom + shift)
            values, forces = weighted.values_and_forces(atoms)
            sides.append(np.column_stack([values, forces]))
        np.testing.assert_allclose(sides[0], sides[1], atol=1e-4)


class TestWeightedProducts:
    def test_the_same_sum(self, spectrum: ProductSpectrum, weighted: WeightedProducts) -> None:
        ring = _rattled(20)
        features, forces = spectrum.design(ring)
        values, ours = weighted.values_and_forces(ring)
        assert values.sum() == pytest.approx(features @ _weights(spectrum), abs=1e-9)
        np.testing.assert_allclose(weighted.values(ring), values, atol=1e-12)
        np.testing.assert_allclose(ours, forces @ _weights(spectrum), atol=1e-9)

    def test_a_walk_equals_starting_afresh(self, weighted: WeightedProducts) -> None:
        walked = _rattled(20)
        moving, rng = MovingSums(weighted, walked), np.random.default_rng(4)
        for size in rng.integers(1, 5, size=30):
            moved = rng.choice(len(walked), size, replace=False)
            trial = walked.copy()
            trial.positions[moved] += rng.normal(0, 0.2, size=(size, 3))
            change = moving.trial(moved, trial.positions[None, moved])[0]
            assert change == pytest.approx(weighted.values(trial).sum() - weighted.values(walked).sum(), abs=1e-7)
            if rng.random() < 0.5:
                moving.accept()
                walked = trial
        assert moving.values[0] == pytest.approx(weighted.values(walked).sum(), rel=1e-10)
