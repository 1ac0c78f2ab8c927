"""Own local descriptors: invariances, limits, gradients, and what moves change."""

import numpy as np
import pytest
from ase import Atoms
from scipy.special import eval_legendre
from scipy.stats import special_ortho_group

from auric.descriptors import MovingSums, PowerSpectrum, PowerSpectrumSettings, WeightedPowerSpectrum
from auric.descriptors.harmonics import harmonic_values, radial_functions, real_harmonics
from auric.errors import InputError, StructureError
from auric.structures import build_ring

SMALL = PowerSpectrumSettings(pair_functions=5, functions=3, l_max=2)


@pytest.fixture
def ring() -> Atoms:
    atoms = build_ring(4)
    atoms.rattle(0.05, seed=1)
    return atoms


@pytest.fixture
def spectrum() -> PowerSpectrum:
    return PowerSpectrum(["Au", "S", "H"], SMALL)


def _weights(spectrum: PowerSpectrum) -> np.ndarray:
    return np.random.default_rng(0).normal(size=spectrum.size)


class TestHarmonics:
    def test_addition_theorem(self) -> None:
        rng = np.random.default_rng(0)
        one, other = (v / np.linalg.norm(v, axis=1)[:, None] for v in rng.normal(size=(2, 50, 3)))
        first, second = real_harmonics(one, 6)[0], real_harmonics(other, 6)[0]
        np.testing.assert_allclose(harmonic_values(one, 6).T, first, atol=1e-12)
        for l in range(7):
            part = slice(l * l, (l + 1) ** 2)
            expected = (2 * l + 1) / (4 * np.pi) * eval_legendre(l, (one * other).sum(axis=1))
            np.testing.assert_allclose((first[:, part] * second[:, part]).sum(axis=1), expected, atol=1e-12)

    @pytest.mark.parametrize("point", [[0.3, -0.8, 0.5], [0, 0, 2.0], [0, 0, -1.0]])
    def test_gradients(self, point: list[float]) -> None:
        """Also at the poles, where angles are singular."""
        step = 1e-6

        def at(vector: np.ndarray) -> np.ndarray:
            return real_harmonics(vector[None] / np.linalg.norm(vector), 4)[0][0]

        vector = np.array(point)
        slopes = [(at(vector + step * e) - at(vector - step * e)) / (2 * step) for e in np.eye(3)]
        length = np.linalg.norm(vector)
        ours = real_harmonics(vector[None] / length, 4)[1][0] / length
        np.testing.assert_allclose(ours, slopes, atol=1e-8)


def test_radial_functions_vanish_smoothly_at_the_cutoff() -> None:
    values, slopes = radial_functions(np.array([5 - 1e-9]), count=6, cutoff=5.0, decay=2.0)
    assert np.abs(values).max() < 1e-15
    assert np.abs(slopes).max() < 1e-8
    r, step = np.array([1.1, 2.9, 4.7]), 1e-6
    numeric = [radial_functions(r + sign * step, count=6, cutoff=5.0, decay=2.0)[0] for sign in (1, -1)]
    slopes = radial_functions(r, count=6, cutoff=5.0, decay=2.0)[1]
    np.testing.assert_allclose(slopes, (numeric[0] - numeric[1]) / (2 * step), atol=1e-8)


class TestPowerSpectrum:
    def test_motion_and_order_do_not_count(self, ring: Atoms, spectrum: PowerSpectrum) -> None:
        expected = spectrum.describe(ring)
        rotation = special_ortho_group.rvs(3, random_state=2)
        order = np.random.default_rng(3).permutation(len(ring))
        mirrored = ring.copy()
        mirrored.positions[:, 0] *= -1
        moved = ring[order]
        moved.positions = moved.positions @ rotation.T + [1, 2, 3]
        for other in (moved, mirrored):
            np.testing.assert_allclose(spectrum.describe(other), expected, atol=1e-11)

    def test_far_pieces_add_up(self, ring: Atoms, spectrum: PowerSpectrum) -> None:
        other = build_ring(3)
        other.positions += 100
        total = spectrum.describe(ring) + spectrum.describe(other)
        np.testing.assert_allclose(spectrum.describe(ring + other), total, atol=1e-12)

    def test_by_definition(self) -> None:
        """Three atoms, summed by hand from the formulas of the module."""
        atoms = Atoms("AuS2", [[0, 0, 0], [2.3, 0, 0], [0.3, 2.2, 0.4]])
        spectrum = PowerSpectrum(["S", "Au"], SMALL)
        s, half = SMALL, spectrum.size // 2
        gold = spectrum.describe(atoms)[half:]  # S comes first, by its number
        apart = atoms.positions[1:]
        distances = np.linalg.norm(apart, axis=1)
        pair = radial_functions(
            distances, count=s.pair_functions, cutoff=s.pair_cutoff_angstrom, decay=s.pair_decay_angstrom
        )[0].sum(axis=0)
        np.testing.assert_allclose(gold[: s.pair_functions], pair, atol=1e-14)
        radial = radial_functions(distances, count=3, cutoff=s.cutoff_angstrom, decay=s.decay_angstrom)[0]
        cosines = (apart @ apart.T) / np.outer(distances, distances)
        # By the addition theorem a power spectrum holds Legendre polynomials of the angles between neighbours.
        expected = np.array([
            [(2 * l + 1) / (4 * np.pi) * radial[:, n] @ eval_legendre(l, cosines) @ radial[:, m] for l in range(3)]
            for n in range(3) for m in range(n, 3)
        ])  # fmt: skip
        ours = gold[spectrum.pair_size :].reshape(-1, 3)
        rows = [k for k, (q, r) in enumerate(zip(*np.triu_indices(6), strict=True)) if q < 3 and r < 3]
        np.testing.assert_allclose(ours[rows], expected, atol=1e-12)
        assert not np.delete(ours, rows, axis=0).any()  # no gold neighbours

    def test_forces_are_gradients(self, ring: Atoms, spectrum: PowerSpectrum) -> None:
        weights, step = _weights(spectrum), 1e-5
        features, forces = spectrum.design(ring)
        np.testing.assert_allclose(features, spectrum.describe(ring), atol=1e-12)
        np.testing.assert_allclose(forces.sum(axis=0), 0, atol=1e-9)
        for atom, axis in ((0, 0), (5, 1), (11, 2)):
            ends = []
            for sign in (1, -1):
                shifted = ring.copy()
                shifted.positions[atom, axis] += sign * step
                ends.append(spectrum.describe(shifted) @ weights)
            assert forces[atom, axis] @ weights == pytest.approx(-(ends[0] - ends[1]) / (2 * step), abs=1e-6)

    def test_weighted_is_the_same_sum(self, ring: Atoms, spectrum: PowerSpectrum) -> None:
        weights = _weights(spectrum)
        features, forces = spectrum.design(ring)
        weighted = WeightedPowerSpectrum(spectrum, weights)
        values, ours = weighted.values_and_forces(ring)
        assert values.sum() == pytest.approx(features @ weights, abs=1e-10)
        np.testing.assert_allclose(weighted.values(ring), values, atol=1e-12)
        np.testing.assert_allclose(ours, forces @ weights, atol=1e-10)

    def test_lone_atom_and_header(self, spectrum: PowerSpectrum) -> None:
        assert not spectrum.describe(Atoms("Au")).any()
        assert not spectrum.design(Atoms("Au"))[1].any()
        again = PowerSpectrum.from_header(spectrum.header())
        assert (again.species, again.settings) == (["H", "S", "Au"], SMALL)

    def test_bad_input(self, ring: Atoms, spectrum: PowerSpectrum) -> None:
        with pytest.raises(StructureError, match="element Cl is not among"):
            spectrum.describe(Atoms("AuCl", [[0, 0, 0], [0, 0, 2.2]]))
        with pytest.raises(StructureError, match="not finite"):
            spectrum.describe(Atoms("Au2", [[0, 0, 0], [0, np.nan, 0]]))
        with pytest.raises(StructureError, match="on one place"):
            spectrum.describe(Atoms("Au2", [[0, 0, 0], [0, 0, 0]]))
        with pytest.raises(InputError, match="is no element"):
            PowerSpectrum(["Au", "R"])
        with pytest.raises(InputError, match="functions = 0 is out of range"):
            PowerSpectrumSettings(functions=0)
        with pytest.raises(InputError, match="cutoff_angstrom = nan"):
            PowerSpectrumSettings(cutoff_angstrom=np.nan)


class TestMovingSums:
    def test_a_walk_equals_starting_afresh(self, ring: Atoms, spectrum: PowerSpectrum) -> None:
        weighted = WeightedPowerSpectrum(spectrum, _weights(spectrum))
        moving = MovingSums(weighted, ring)
        rng = np.random.default_rng(4)
        walked = ring.copy()
        for size in rng.integers(1, 5, size=60):
            moved = rng.choice(len(ring), size, replace=False)
            where = moving.positions[0, moved] + rng.normal(0, 0.2, size=(size, 3))
            change = moving.trial(moved, where[None])[0]
            trial = walked.copy()
            trial.positions[moved] = where
            assert change == pytest.approx(weighted.values(trial).sum() - weighted.values(walked).sum(), abs=1e-10)
            if rng.random() < 0.5:
                moving.accept()
                walked = trial
        assert moving.values[0] == pytest.approx(weighted.values(walked).sum(), abs=1e-10)
        np.testing.assert_array_equal(moving.positions[0], walked.positions)

    def test_nothing_to_accept(self, ring: Atoms, spectrum: PowerSpectrum) -> None:
        moving = MovingSums(WeightedPowerSpectrum(spectrum, _weights(spectrum)), ring)
        with pytest.raises(ValueError, match="no trial"):
            moving.accept()
