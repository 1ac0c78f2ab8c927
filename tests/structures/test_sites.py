"""Atoms that symmetry does not make equal, and atoms bound to them."""

import numpy as np
import pytest
from ase import Atoms

from auric.errors import StructureError
from auric.structures import build_ring, distinct_atoms, with_atom
from tests.conftest import MOLECULES


def test_atoms_of_a_ring_are_equal_until_one_is_moved(rng):
    atoms = Atoms("Au3S3", np.zeros((6, 3)))
    angles = np.arange(6) * np.pi / 3
    atoms.positions[:, 0], atoms.positions[:, 1] = 2.5 * np.cos(angles), 2.5 * np.sin(angles)
    atoms = Atoms(["Au", "S"] * 3, atoms.positions)
    assert distinct_atoms(atoms, "Au") == [[0, 2, 4]]
    assert distinct_atoms(atoms, "S") == [[1, 3, 5]]
    atoms.positions += rng.normal(0, 0.01, (6, 3))  # as a relaxation leaves it
    assert distinct_atoms(atoms, "Au") == [[0, 2, 4]]
    atoms.positions[1] *= 1.2  # on the axis through gold 4: two are mirror images of each other
    assert distinct_atoms(atoms, "Au") == [[0, 2], [4]]
    turned = atoms.copy()
    turned.rotate(77, (1, 2, 3))
    assert distinct_atoms(turned, "Au") == [[0, 2], [4]]
    with pytest.raises(StructureError, match="has no Pt; name another element"):
        distinct_atoms(atoms, "Pt")


def test_a_bound_atom_lies_at_its_distance_and_away_from_others():
    aush = MOLECULES["AuSH"][0]
    bound = with_atom(aush, 0, 1.9)
    assert bound.get_chemical_symbols() == ["Au", "S", "H", "O"]
    assert bound.get_distance(0, 3) == pytest.approx(1.9)
    assert min(bound.get_distance(3, 1), bound.get_distance(3, 2)) > 3.5  # beyond the gold
    assert with_atom(aush, 0, 2.2, element="Cl").get_chemical_symbols()[-1] == "Cl"
    golden = (1 + 5**0.5) / 2
    corners = np.array([(0, a, b * golden) for a in (1, -1) for b in (1, -1)])
    corners = np.vstack([np.roll(corners, shift, axis=1) for shift in range(3)]) * 2 / np.hypot(1, golden)
    cage = Atoms("Au13", np.vstack([np.zeros(3), corners]))
    with pytest.raises(StructureError, match="no place for O beside Au 0"):
        with_atom(cage, 0, 2.0)


def test_the_ring_as_it_is_built():
    groups = distinct_atoms(build_ring(4), "Au")
    assert sorted(index for group in groups for index in group) == list(range(4))


def test_like_lists_of_distances_do_not_make_atoms_equal(rng):
    ring = build_ring(5)
    ring.positions += rng.normal(0, 0.3, ring.positions.shape)
    distances = ring.get_all_distances()
    kinds = [ring.numbers == number for number in set(ring.numbers)]
    gold = ring.symbols.search("Au")
    lists = np.array([np.concatenate([np.sort(distances[atom, kind]) for kind in kinds]) for atom in gold])
    apart = np.abs(lists - lists[:, None]).max(axis=-1)
    within = np.sort(apart[np.triu_indices(len(gold), 1)])[4]  # half of the ten pairs have lists that are alike
    assert len(distinct_atoms(ring, "Au", alike_angstrom=within + 1e-9)) == len(gold)


def test_equal_atoms_of_a_regular_body():
    corners = np.array([(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], dtype=float)
    cube = Atoms(["Au"] * 8 + ["S"], np.vstack([1.5 * corners, np.zeros(3)]))
    assert distinct_atoms(cube, "Au") == [list(range(8))]
    cube.positions[0] *= 1.3  # three kinds of corners are left beside it, by how far they are from it
    assert [len(group) for group in distinct_atoms(cube, "Au")] == [1, 3, 3, 1]
