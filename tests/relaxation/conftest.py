import numpy as np
import pytest
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes

from auric.potential import LinearPotential, LinearSettings
from auric.structures import LIGANDS, build_staple_cluster, ideal_core


class Springs(Calculator):
    """Harmonic bonds between all atoms, another length or strength making another level of theory."""

    implemented_properties = ["energy", "forces"]  # noqa: RUF012

    def __init__(self, length=2.5, strength=2.0, curl=0.0, without_energy=False):
        super().__init__()
        self.length, self.strength, self.curl = length, strength, curl
        if without_energy:
            self.implemented_properties = ["forces"]

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        x = self.atoms.positions
        away = x[:, None] - x
        distance = np.linalg.norm(away, axis=2) + np.eye(len(x))
        excess = (distance - self.length) * (1 - np.eye(len(x)))
        forces = -self.strength * (excess[:, :, None] * away / distance[:, :, None]).sum(axis=1)
        forces += self.curl * np.cross([0, 0, 1], x - x.mean(axis=0))
        self.results = {"energy": float(self.strength * (excess**2).sum() / 4), "forces": forces}


@pytest.fixture
def springs():
    return Springs


def _tetrahedron() -> Atoms:
    atoms = Atoms("Au4", [[0, 0, 0], [2.9, 0.1, 0], [1.2, 2.6, 0.2], [1.3, 0.8, 2.2]])
    atoms.info |= {"name": "au4", "charge": 0, "multiplicity": 1}
    return atoms


@pytest.fixture
def tetrahedron():
    return _tetrahedron()


@pytest.fixture(scope="session")
def au25():
    """Built: a core of 13, six long units."""
    return build_staple_cluster(ideal_core("Au13", "6xn2"), LIGANDS["CH3"])


@pytest.fixture(scope="session")
def au38():
    """Built: a core of 23, six long units and three short ones."""
    return build_staple_cluster(ideal_core("Au23", "6xn2+3xn1"), LIGANDS["CH3"])


@pytest.fixture(scope="session")
def learned():
    """A linear potential of the springs, from displaced frames."""
    rng, frames, tetrahedron = np.random.default_rng(0), [], _tetrahedron()
    for number in range(60):
        frame = Atoms(tetrahedron.symbols, tetrahedron.positions + rng.normal(scale=0.2, size=(4, 3)))
        frame.calc = Springs()
        forces, energy = frame.get_forces(), frame.get_potential_energy()
        frame.calc = None
        frame.info |= {"energy_ev": energy, "run": f"run{number // 15}", "charge": 0, "multiplicity": 1}
        frame.arrays["forces_ev_angstrom"] = forces
        frames.append(frame)
    return LinearPotential.fit(frames, settings=LinearSettings(folds=2))
