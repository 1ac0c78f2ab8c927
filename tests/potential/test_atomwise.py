"""Distances atom by atom."""

import numpy as np
import pytest
from ase import Atoms
from scipy.spatial.distance import cdist
from sklearn.preprocessing import MinMaxScaler

from auric.descriptors import Soap, SoapSettings
from auric.errors import InputError, StructureError
from auric.potential import AtomDistances
from auric.structures import build_ring

SOAP = SoapSettings(n_max=2, l_max=2, cutoff_angstrom=4.0, sigma_angstrom=0.5)


def _frames(count: int, seed: int = 0) -> list[Atoms]:
    rng, frames = np.random.default_rng(seed), []
    for _ in range(count):
        atoms = build_ring(3, ligand="H")
        atoms.positions += rng.normal(0, 0.1, atoms.positions.shape)
        frames.append(atoms)
    return frames


@pytest.fixture(scope="module")
def known() -> AtomDistances:
    return AtomDistances(references=12, soap=SOAP).fit(_frames(6))


def test_it_is_a_sum_of_distances_by_other_libraries():
    """With every atom a reference, in any order, the features are sorted alike."""
    frames = _frames(4)
    known = AtomDistances(references=100, soap=SOAP).fit(frames)
    assert known.size == 4 * 9
    asked = _frames(1, seed=1)[0]
    maker, expected = Soap(["Au", "S", "H"], SOAP), []
    for symbol in maker.species:
        rows = [maker.local(a, np.flatnonzero(np.array(a.symbols) == symbol)) for a in [*frames, asked]]
        learned = np.concatenate(rows[:-1])
        kept = np.ptp(learned, axis=0) > 1e-6 * np.abs(learned).max()
        scaler = MinMaxScaler().fit(learned[:, kept])
        apart = cdist(scaler.transform(rows[-1][:, kept]), scaler.transform(learned[:, kept]))
        expected.append(np.sort(apart.sum(axis=0)))
    found = [np.sort(part) for part in known.describe(asked).reshape(3, -1)]
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_rotations_and_orders_change_nothing_and_parts_add_up(known):
    atoms = _frames(1, seed=2)[0]
    found = known.describe(atoms)
    turned = atoms.copy()
    turned.rotate(77, (1, 2, 3))
    np.testing.assert_allclose(known.describe(turned), found, rtol=1e-6)
    np.testing.assert_allclose(known.describe(atoms[::-1]), found, rtol=1e-6)
    two = atoms.copy()
    far = turned.copy()
    far.translate((50, 0, 0))
    np.testing.assert_allclose(known.describe(two + far), 2 * found, rtol=1e-6)
    np.testing.assert_array_equal(known.describe_all([atoms, two + far])[0], found)
    assert not known.describe(atoms[[a.symbol == "S" for a in atoms]])[:12].any()  # an element that is not there


def test_what_it_refuses(known):
    with pytest.raises(InputError, match="0 references for each element; give 1 or more"):
        AtomDistances(references=0)
    with pytest.raises(InputError, match="no frames to choose reference surroundings from"):
        AtomDistances().fit([])
    with pytest.raises(StructureError, match="element C is not among those described"):
        known.describe(build_ring(3, ligand="CH3"))
    broken = _frames(1)[0]
    broken.positions[2, 1] = np.nan
    with pytest.raises(StructureError, match="not finite"):
        known.describe(broken)
