"""The linear potential: it learns a known law, its forces are gradients, it refuses what it does not know."""

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.emt import EMT
from ase.calculators.fd import calculate_numerical_forces
from ase.calculators.morse import MorsePotential
from ase.calculators.singlepoint import SinglePointCalculator
from ase.cluster import Icosahedron

from auric.descriptors import PowerSpectrumSettings
from auric.errors import InputError, StructureError
from auric.files import read_npz, write_npz
from auric.modelfile import write_model
from auric.potential import LinearCalculator, LinearPotential, LinearSettings, energy_of, forces_of, runs_of
from auric.structures import build_ring

SMALL = PowerSpectrumSettings(pair_functions=8, functions=3, l_max=1, cutoff_angstrom=4.0)


def _labelled(ring: int, run: str, seed: int) -> Atoms:
    atoms = build_ring(ring)
    atoms.rattle(0.04, seed=seed)
    atoms.calc = MorsePotential(rho0=4.0, r0=2.4, epsilon=0.5, rcut1=4.5, rcut2=5.5)
    energy, forces = atoms.get_potential_energy(), atoms.get_forces()
    atoms.calc = None
    atoms.info |= {"run": run, "energy_ev": energy - 1000.0 * (atoms.numbers == 79).sum()}
    atoms.arrays["forces_ev_angstrom"] = forces
    return atoms


@pytest.fixture(scope="module")
def frames() -> list[Atoms]:
    return [_labelled(ring, f"run{ring}", seed) for ring in (4, 5) for seed in range(20)]


@pytest.fixture(scope="module")
def potential(frames: list[Atoms]) -> LinearPotential:
    return LinearPotential.fit(frames, spectrum=SMALL, trained_on={"engine": "morse"})


class TestLinearPotential:
    def test_it_learns_a_law_of_pairs(self, potential: LinearPotential) -> None:
        unseen = [_labelled(ring, "test", 100 + seed) for ring in (4, 5, 6) for seed in range(3)]
        errors = potential.energies(unseen) - [energy_of(atoms) for atoms in unseen]
        forces = np.concatenate([potential.energy_and_forces(atoms)[1] - forces_of(atoms) for atoms in unseen])
        assert np.abs(errors[:6]).max() < 0.02
        assert np.abs(errors[6:]).max() < 0.2  # larger than any it has seen
        assert np.sqrt((forces**2).mean()) < 0.05 * np.std([forces_of(atoms) for atoms in unseen[:3]])

    def test_forces_are_gradients(self, potential: LinearPotential) -> None:
        atoms = _labelled(4, "test", 7)
        atoms.calc = LinearCalculator(potential)
        forces = atoms.get_forces()
        # Energies near -4000 eV have digits enough for differences of 1e-5 angstrom to be right to about 5e-8.
        np.testing.assert_allclose(forces, calculate_numerical_forces(atoms, eps=1e-5), rtol=0, atol=2e-7)
        assert atoms.get_potential_energy() == pytest.approx(potential.energy(atoms), abs=1e-9)

    def test_by_plain_least_squares(self, frames: list[Atoms]) -> None:
        """The same weights as numpy finds from all rows at once."""
        settings = LinearSettings(penalties=(1e-6,))
        ours = LinearPotential.fit(frames[:12], spectrum=SMALL, settings=settings)
        rows, targets = [], []
        for atoms in frames[:12]:
            features, forces = ours.spectrum.design(atoms)
            counts = [list(atoms.symbols).count(symbol) for symbol in ours.spectrum.species]
            weight = settings.energy_weight_angstrom / np.sqrt(len(atoms))
            rows.append(np.hstack([forces.reshape(-1, ours.spectrum.size), np.zeros((3 * len(atoms), len(counts)))]))
            rows.append(weight * np.concatenate([features, counts])[None])
            targets += [forces_of(atoms).ravel(), [weight * (energy_of(atoms) + 1000 * counts[-1])]]
        matrix, vector = np.vstack(rows), np.concatenate(targets)
        scale = np.sqrt((matrix**2).mean(axis=0))
        varying = scale > 0
        penalty = np.sqrt(1e-6 * len(matrix)) * np.diag(scale[varying])
        expected = np.linalg.lstsq(
            np.vstack([matrix[:, varying], penalty]), np.append(vector, np.zeros(varying.sum())), rcond=None
        )[0]
        found = matrix @ np.concatenate([ours.weights, ours.offsets_ev + np.array([0, 0, 1000])])
        np.testing.assert_allclose(found, matrix[:, varying] @ expected, atol=2e-3 * np.std(vector))

    def test_the_committee_spreads_where_it_knows_less(self, potential: LinearPotential) -> None:
        known, strange = _labelled(4, "test", 8), _labelled(4, "test", 8)
        strange.rattle(0.3, seed=3)
        assert potential.spread(strange) > 5 * potential.spread(known)

    def test_saved_and_loaded(self, potential: LinearPotential, tmp_path: object) -> None:
        path = f"{tmp_path}/potential.npz"
        potential.save(path)
        again, atoms = LinearPotential.load(path), _labelled(5, "test", 9)
        assert again.energy(atoms) == potential.energy(atoms)
        assert again.spread(atoms) == potential.spread(atoms)
        assert potential.header.items() <= again.header.items()

    def test_bad_input(self, frames: list[Atoms], potential: LinearPotential, tmp_path: object) -> None:
        with pytest.raises(InputError, match="3 frames are too few for 4 folds"):
            LinearPotential.fit(frames[:3], spectrum=SMALL)
        with pytest.raises(StructureError, match="element Cu"):
            potential.energy(Atoms("Cu"))
        with pytest.raises(InputError, match="penalties"):
            LinearSettings(penalties=(0.0,))
        with pytest.raises(InputError, match="energy weight"):
            LinearSettings(energy_weight_angstrom=-1)
        path = f"{tmp_path}/other.npz"
        np.savez(path, weights=np.zeros(3))
        with pytest.raises(InputError, match=r"other\.npz"):
            LinearPotential.load(path)

    def test_a_changed_file_is_refused(self, potential: LinearPotential, tmp_path: object) -> None:
        path = f"{tmp_path}/potential.npz"
        potential.save(path)
        header, arrays = read_npz(path)
        weights = arrays["weights"].copy()
        largest = int(np.abs(weights).argmax())
        weights[largest] = np.nextafter(weights[largest], np.inf)
        for changed in ((header, arrays | {"weights": weights}), (header | {"trained_on": {"engine": "pbe"}}, arrays)):
            write_npz(path, *changed)
            with pytest.raises(InputError, match="does not fit its digest"):
                LinearPotential.load(path)
        write_npz(path, header, arrays)
        assert LinearPotential.load(path).header["trained_on"] == {"engine": "morse"}
        cut = {name: array for name, array in arrays.items() if name != "committee"}
        for parts in (cut, arrays | {"weights": weights[:-1]}):  # whole by its digest, and of no use
            write_model(path, {key: value for key, value in header.items() if key != "digest"}, parts)
            with pytest.raises(InputError, match="a part of the potential is missing, or does not fit the others"):
                LinearPotential.load(path)


class TestProducts:
    """The option `products`, on a law of many bodies: effective-medium theory of a gold cluster."""

    @staticmethod
    def _frame(run: str, seed: int) -> Atoms:
        atoms = Icosahedron("Au", 2)
        atoms.rattle(0.2, seed=seed)
        atoms.calc = EMT()
        atoms.info |= {"run": run, "energy_ev": atoms.get_potential_energy()}
        atoms.arrays["forces_ev_angstrom"] = atoms.get_forces()
        atoms.calc = None
        return atoms

    @pytest.fixture(scope="class")
    def potentials(self) -> list[LinearPotential]:
        """Without and with products."""
        frames = [self._frame("training", seed) for seed in range(100)]
        return [LinearPotential.fit(frames, spectrum=SMALL, settings=LinearSettings(products=rank)) for rank in (0, 10)]

    def test_they_learn_more(self, potentials: list[LinearPotential]) -> None:
        unseen = [self._frame("test", 1000 + seed) for seed in range(20)]
        errors = [(each.energies(unseen) - [energy_of(atoms) for atoms in unseen]).std() for each in potentials]
        assert errors[1] < 0.6 * errors[0]

    def test_forces_are_gradients(self, potentials: list[LinearPotential]) -> None:
        atoms = self._frame("test", 1000)
        for potential in potentials:
            atoms.calc = LinearCalculator(potential)
            forces = atoms.get_forces()
            np.testing.assert_allclose(forces, calculate_numerical_forces(atoms, eps=1e-5), rtol=0, atol=2e-8)

    def test_saved_and_loaded(self, potentials: list[LinearPotential], tmp_path: object) -> None:
        path, atoms = f"{tmp_path}/potential.npz", self._frame("test", 1000)
        potentials[1].save(path)
        again = LinearPotential.load(path)
        assert again.energy(atoms) == potentials[1].energy(atoms)
        assert again.spread(atoms) == potentials[1].spread(atoms)
        features = np.append(again.spectrum.describe(atoms), len(atoms))
        assert again.energy(atoms) == pytest.approx(np.append(again.weights, again.offsets_ev) @ features, abs=1e-8)

    def test_bad_input(self) -> None:
        with pytest.raises(InputError, match="products of -1 directions"):
            LinearSettings(products=-1)


class TestLabels:
    def test_both_conventions(self) -> None:
        atoms = Atoms("Au2", [[0, 0, 0], [0, 0, 2.5]], info={"isomer": "Q", "run": "heating"})
        with pytest.raises(InputError, match="no finite energy"):
            energy_of(atoms)
        with pytest.raises(InputError, match="no finite forces"):
            forces_of(atoms)
        atoms.calc = SinglePointCalculator(atoms, energy=1.5, forces=np.ones((2, 3)))
        assert (energy_of(atoms), forces_of(atoms).sum()) == (1.5, 6.0)
        atoms.info["energy_ev"] = 2.5
        assert energy_of(atoms) == 2.5
        assert runs_of([atoms]).tolist() == ["Q heating"]
