"""Bare clusters with energies that cost nothing: built shapes, relaxed by effective-medium theory.

They let the demo pretrain a core encoder without anyone's data. The potential is ASE's EMT (Jacobsen, Stoltze, Norskov, Surf. Sci. 366,
394 (1996), doi:10.1016/0039-6028(96)00816-3), so the energies are a model's and say nothing of real clusters.
"""

import numpy as np
from ase import Atoms
from ase.calculators.emt import EMT
from ase.data import covalent_radii
from ase.optimize import BFGS

from auric.errors import InputError

EMT_METALS = ("Cu", "Ag", "Au", "Ni", "Pd", "Pt")
SMALLEST, LARGEST = 4, 30


def model_clusters(per_metal: int = 24, *, seed: int = 0, steps: int = 25) -> list[Atoms]:
    """Clusters of one metal each with `energy_ev`, of sizes spread over `SMALLEST` to `LARGEST`.

    Args:
        per_metal: Clusters of each of `EMT_METALS`.
        seed: Of their shapes: balls grown atom by atom at random.
        steps: Of relaxation, at most.

    Raises:
        InputError: Fewer than one.
    """
    if per_metal < 1:
        raise InputError(f"{per_metal} model clusters of each metal; give 1 or more")
    rng = np.random.default_rng(seed)
    sizes = np.unique(np.linspace(SMALLEST, LARGEST, per_metal).round().astype(int))
    found = []
    for symbol in EMT_METALS:
        for size in np.resize(sizes, per_metal):
            atoms = _grown(symbol, int(size), rng)
            atoms.calc = EMT()
            BFGS(atoms, logfile=None).run(fmax=0.05, steps=steps)
            energy = float(atoms.get_potential_energy())
            found.append(Atoms(atoms.numbers, atoms.positions, info={"energy_ev": energy, "engine": "emt"}))
    return found


def _grown(symbol: str, size: int, rng: np.random.Generator) -> Atoms:
    """Atoms put one by one where they touch three others, near the centre."""
    length = 2 * float(covalent_radii[Atoms(symbol).numbers[0]]) * 1.03
    places = [np.zeros(3), np.array([length, 0, 0]), length * np.array([0.5, 3**0.5 / 2, 0])]
    while len(places) < size:
        every = np.array(places)
        tries = every[rng.integers(len(every), size=200)] + length * _directions(rng, 200)
        distances = np.linalg.norm(tries[:, None] - every[None], axis=-1)
        touching = (distances < 1.15 * length).sum(axis=1)
        far = np.linalg.norm(tries - every.mean(axis=0), axis=1) / length
        worth = np.where(distances.min(axis=1) > 0.93 * length, touching - 0.6 * far, -np.inf)
        places.append(tries[int(np.argmax(worth))])
    return Atoms(symbol * size, np.array(places[:size]))


def _directions(rng: np.random.Generator, count: int) -> np.ndarray:
    vectors = rng.normal(size=(count, 3))
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1)[:, None])
