"""The correction between two levels: it finds a known difference, and refuses what it does not know."""

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.morse import MorsePotential

from auric.descriptors import PowerSpectrumSettings
from auric.errors import InputError, StructureError
from auric.potential import Correction, LinearPotential, energy_of, forces_of
from auric.structures import build_ring

SMALL = PowerSpectrumSettings(pair_functions=8, functions=3, l_max=1, cutoff_angstrom=4.0)
LEVELS = {"cheap": 2.35, "better": 2.40}


def _frame(seed: int, level: str, *, forces: bool = True, rattle: float = 0.04) -> Atoms:
    atoms = build_ring(4)
    atoms.rattle(rattle, seed=seed)
    atoms.calc = MorsePotential(rho0=4.0, r0=LEVELS[level], epsilon=0.5, rcut1=4.5, rcut2=5.5)
    energy, pulls = atoms.get_potential_energy(), atoms.get_forces()
    atoms.calc = None
    atoms.info |= {"name": f"f{seed}", "run": "a", "engine": level, "method": "m", "basis": "b", "energy_ev": energy}
    if forces:
        atoms.arrays["forces_ev_angstrom"] = pulls
    return atoms


@pytest.fixture(scope="module")
def correction() -> Correction:
    pairs = [[_frame(seed, level, forces=seed % 2 == 0) for seed in range(30)] for level in LEVELS]
    return Correction.fit(*pairs, spectrum=SMALL)


def test_a_known_difference_is_found(correction: Correction) -> None:
    for seed in (50, 51):
        energy, forces = correction.corrected(_frame(seed, "cheap"))
        true = _frame(seed, "better")
        before = abs(energy_of(_frame(seed, "cheap")) - energy_of(true))
        assert abs(energy - energy_of(true)) < 0.02 * before
        np.testing.assert_allclose(forces, forces_of(true), atol=0.05)


def test_saved_and_loaded(correction: Correction, tmp_path: object) -> None:
    correction.save(f"{tmp_path}/c.npz")
    again = Correction.load(f"{tmp_path}/c.npz")
    assert again.corrected(_frame(52, "cheap"))[0] == correction.corrected(_frame(52, "cheap"))[0]
    frames = [_frame(seed, "cheap") for seed in range(10)]
    LinearPotential.fit(frames, spectrum=SMALL).save(f"{tmp_path}/p.npz")
    with pytest.raises(InputError, match="no correction between two levels"):
        Correction.load(f"{tmp_path}/p.npz")


def test_what_it_refuses(correction: Correction) -> None:
    with pytest.raises(InputError, match="on a frame of better m b"):
        correction.corrected(_frame(53, "better"))
    with pytest.raises(StructureError, match="f54: the correction is uncertain"):
        correction.corrected(_frame(54, "cheap", rattle=0.4))
    with pytest.raises(InputError, match="2 frames of one level and 1 of the other"):
        Correction.fit([_frame(1, "cheap"), _frame(2, "cheap")], [_frame(1, "better")])
    with pytest.raises(InputError, match="f1 and f2 are not the same structure"):
        Correction.fit([_frame(1, "cheap")], [_frame(2, "better")])
    with pytest.raises(InputError, match="the better frames are of 2 levels"):
        Correction.fit([_frame(1, "cheap")] * 2, [_frame(1, "better"), _frame(1, "cheap")])
