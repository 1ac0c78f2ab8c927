"""Parts of a cluster that move as one."""

import numpy as np
import pytest
from ase import Atoms
from scipy.spatial.distance import pdist

from auric.errors import StructureError
from auric.structures import Block, build_ring, move_block, moving_blocks

RING = build_ring(4, ligand="CH3")


def test_every_atom_of_a_cluster_belongs_to_a_block():
    blocks = moving_blocks(RING)
    assert [block.kind for block in blocks] == ["metal"] * 4 + ["sulfur"] * 4 + ["ligand"] * 4
    assert {i for block in blocks for i in block.moved} == set(range(len(RING)))
    assert all(RING.symbols[b.anchor] == ("C" if b.kind == "sulfur" else "S") for b in blocks if b.kind != "metal")
    assert all(len(block.ligand) == 4 for block in blocks if block.kind == "ligand")


def test_thiols_hydrogen_is_a_ligand_too():
    kinds = [block.kind for block in moving_blocks(build_ring(4))]
    assert kinds.count("ligand") == 4
    assert kinds.count("sulfur") == 4


@pytest.mark.parametrize("block", moving_blocks(RING), ids=lambda block: f"{block.kind}{block.atom}")
def test_a_move_keeps_ligands_rigid_and_facing_their_sulfur(block: Block):
    shift = np.random.default_rng(block.atom).uniform(-0.2, 0.2, 3)
    positions = RING.positions.copy()
    moved = move_block(positions, block, shift, turn_degree=25.0)
    assert (positions == RING.positions).all()
    still = [i for i in range(len(RING)) if i not in block.moved]
    assert (moved[still] == RING.positions[still]).all()
    assert np.allclose(moved[block.atom] - RING.positions[block.atom], shift)
    if block.ligand:
        members = list(block.ligand)
        assert np.allclose(pdist(moved[members]), pdist(RING.positions[members]), atol=1e-12)
        sulfur, root = (block.atom, block.anchor) if block.kind == "sulfur" else (block.anchor, block.atom)
        for hydrogen in (i for i in members if i != root):
            assert _angle(moved, sulfur, root, hydrogen) == pytest.approx(
                _angle(RING.positions, sulfur, root, hydrogen), abs=1e-9
            )


def test_a_turn_alone_is_a_rotation_about_the_bond():
    block = next(block for block in moving_blocks(RING) if block.kind == "ligand")
    there = move_block(RING.positions, block, np.zeros(3), turn_degree=40.0)
    back = move_block(there, block, np.zeros(3), turn_degree=-40.0)
    assert not np.allclose(there, RING.positions, atol=0.1)
    assert np.allclose(back, RING.positions, atol=1e-12)
    assert np.allclose(there[block.atom], RING.positions[block.atom])
    whole = move_block(RING.positions, block, np.zeros(3), turn_degree=360.0)
    assert np.allclose(whole, RING.positions, atol=1e-12)


def test_a_shift_and_its_reverse_cancel():
    for block in moving_blocks(RING):
        there = move_block(RING.positions, block, [0.1, -0.2, 0.05])
        assert np.allclose(move_block(there, block, [-0.1, 0.2, -0.05]), RING.positions, atol=1e-12)


def test_atoms_that_belong_to_no_block_are_refused():
    far = RING + Atoms("OH", positions=[[50, 0, 0], [51, 0, 0]])
    with pytest.raises(StructureError, match="0 bonds to sulfur"):
        moving_blocks(far)
    bridged = Atoms("AuSCCS", positions=[[0, 2.3, 0], [0, 0, 0], [1.8, 0, 0], [2.6, 1.3, 0], [4.4, 1.3, 0]])
    with pytest.raises(StructureError, match="2 bonds to sulfur"):
        moving_blocks(bridged)
    sulfide = Atoms("AuSHH", positions=[[0, 0, 2.3], [0, 0, 0], [1.34, 0, 0], [0, 1.34, 0]])
    with pytest.raises(StructureError, match="two ligands"):
        moving_blocks(sulfide)


def _angle(positions, first, middle, last):
    one, other = positions[first] - positions[middle], positions[last] - positions[middle]
    return np.arccos(one @ other / np.linalg.norm(one) / np.linalg.norm(other))
