from itertools import pairwise

import numpy as np
import pytest
from ase import Atoms
from scipy.spatial.transform import Rotation

from auric.errors import ScfError, StructureError
from auric.files import read_frames
from auric.reference import Labels, SearchSettings, Store, XtbEngine, XtbSettings, rerank, search_minima
from auric.reference.proposals import MOVES, drawing, embed, other_side, splice
from auric.reference.search import (
    distinct,
    fault,
    fingerprint,
    lowest_multiplicities,
    same_framework,
    settle_hydrogens,
)
from auric.structures import build_ring, gold_sulfur_bonds

COMPOSITIONS = [(3, 3), (7, 6), (8, 7), (9, 5), (11, 8)]
SHORT = SearchSettings(starts=3, trials=8, keep=2)


@pytest.fixture(scope="module")
def engine():
    return XtbEngine(XtbSettings())


@pytest.fixture
def ring():
    return ordered(build_ring(4))


def ordered(atoms):
    """Gold, sulfur, hydrogen; the i-th H nearest the i-th S."""
    gold, sulfur, hydrogen = (np.flatnonzero(atoms.numbers == number) for number in (79, 16, 1))
    hydrogen = hydrogen[atoms.get_all_distances()[np.ix_(sulfur, hydrogen)].argmin(axis=1)]
    plain = atoms[np.r_[gold, sulfur, hydrogen]]
    return Atoms(plain.numbers, plain.positions)


def whole(atoms, gold, thiolates, *, tolerance_angstrom=0.3):
    """Whether composition, order and S-H are those of Au_m(SH)_n, without overlaps."""
    lengths = [atoms.get_distance(gold + k, gold + thiolates + k) for k in range(thiolates)]
    distances = atoms.get_all_distances() + 9 * np.eye(len(atoms))
    order = [79] * gold + [16] * thiolates + [1] * thiolates
    return atoms.numbers.tolist() == order and np.ptp([*lengths, 1.35]) < tolerance_angstrom and distances.min() > 0.8


@pytest.mark.parametrize(("gold", "thiolates"), COMPOSITIONS)
def test_drawings_are_whole_and_mostly_sound(gold, thiolates, rng):
    drawings = [drawing(gold, thiolates, rng) for _ in range(12)]
    assert all(whole(atoms, gold, thiolates, tolerance_angstrom=0.5) for atoms in drawings)
    assert sum(not fault(atoms) for atoms in drawings) >= 4
    # Each S is drawn between two gold atoms.
    assert min(len(gold_sulfur_bonds(atoms, cutoff_angstrom=2.8)) for atoms in drawings) >= 2 * thiolates


@pytest.mark.parametrize(("gold", "thiolates"), [(2, 2), (5, 6)])
def test_what_cannot_be_drawn_is_refused(gold, thiolates, rng):
    with pytest.raises(StructureError, match="at least three thiolates and as many gold atoms"):
        drawing(gold, thiolates, rng)


def test_embedding_reaches_wanted_distances(rng):
    triangle = Atoms([79, 79, 79, 16], rng.normal(size=(4, 3)))
    found = embed(triangle, {(0, 1): 2.8, (0, 2): 2.8, (1, 2): 2.8, (0, 3): 2.3})
    assert found.get_all_distances()[0, 1:] == pytest.approx([2.8, 2.8, 2.3], abs=0.05)
    assert found.get_distance(1, 3) > 2.2


@pytest.mark.parametrize("move", [move for move, _ in MOVES], ids=lambda move: move.__name__)
def test_moves_change_the_structure_and_keep_units_whole(move, rng):
    parent = drawing(8, 6, rng)
    before = parent.copy()
    children = [move(parent, rng) for _ in range(10)]
    assert parent == before
    assert all(whole(child, 8, 6) for child in children)
    assert all(np.abs(child.get_all_distances() - parent.get_all_distances()).max() > 0.05 for child in children)


def test_turning_a_hydrogen_keeps_the_framework(ring, rng):
    child = dict((move.__name__, move) for move, _ in MOVES)["turn_hydrogen"](ring, rng)
    assert same_framework(child, ring)
    assert np.abs(child.positions[8:] - ring.positions[8:]).max() > 0.5


def test_spliced_children_have_the_composition_of_their_parents(rng):
    for _ in range(6):
        first, second = drawing(9, 7, rng), drawing(9, 7, rng)
        assert whole(splice(first, second, rng), 9, 7)


def test_fingerprint_does_not_depend_on_place_turn_mirror_and_numbering(rng):
    atoms = drawing(7, 6, rng)
    turn = Rotation.from_rotvec([0.4, 1.0, -0.3]).as_matrix() * [1, 1, -1]
    moved = Atoms(atoms.numbers, atoms.positions @ turn + [3, -2, 1])[rng.permutation(len(atoms))]
    assert fingerprint(moved) == pytest.approx(fingerprint(atoms), abs=1e-9)
    assert same_framework(moved, atoms)
    assert not same_framework(drawing(7, 6, rng), atoms)


def test_of_each_framework_the_lowest_is_kept(ring):
    other = ring.copy()
    other.positions *= 1.2
    minima = []
    for atoms, energy in ((ring, -1.0), (other, -3.0), (ring, -2.0)):
        minima.append(atoms.copy())
        minima[-1].info["gfn1_energy_ev"] = energy
    assert [atoms.info["gfn1_energy_ev"] for atoms in distinct(minima)] == [-3.0, -2.0]


def test_faults_are_named(ring):
    assert fault(ring) == ""
    gold, sulfur, hydrogen = range(0, 4), range(4, 8), range(8, 12)

    def changed(change):
        atoms = ring.copy()
        change(atoms)
        return fault(atoms)

    def put(index, where):
        return lambda atoms: atoms.positions.__setitem__(index, where)

    outward = ring.positions[hydrogen[0]] - ring.positions[sulfur[0]]
    outward /= np.linalg.norm(outward)
    assert changed(put(hydrogen[0], ring.positions[sulfur[1]] - 1.35 * outward)) == "an S without its H, or with two"
    assert changed(put(hydrogen[0], ring.positions[sulfur[0]] + 1.7 * outward)) == "an S-H of 1.70 angstrom"
    assert changed(put(hydrogen[0], ring.positions[sulfur[0]] + 1.1 * outward)) == "an S-H of 1.10 angstrom"
    nearest = min(gold, key=lambda k: ring.get_distance(k, sulfur[0]))
    along = ring.positions[nearest] - ring.positions[sulfur[0]]
    toward = ring.positions[sulfur[0]] + 1.35 * along / np.linalg.norm(along)
    assert changed(put(hydrogen[0], toward)) == "an H on gold"

    def lift(atoms):
        atoms.positions[[sulfur[0], hydrogen[0]]] += [0, 0, 9]

    assert changed(lift) == "an S with 0 gold neighbours"

    pair = Atoms("Au2S2H2", [[-1.5, 2.3, 0], [1.5, 2.3, 0], [-1, 0, 0], [1, 0, 0], [-1, -1.35, 0], [1, -1.35, 0]])
    assert fault(pair) == "an S-S bond"
    two = ring.copy()
    far = ring.copy()
    far.positions += [20, 0, 0]
    assert fault(two + far) == "more than one piece"


def test_search_finds_the_ring_and_repeats_itself(engine):
    first, again = (search_minima(3, 3, seed=2, engine=engine, settings=SHORT) for _ in range(2))
    # Sums over threads round differently from run to run, and relaxations end within their tolerance of a minimum.
    assert first[0].info["gfn1_energy_ev"] == pytest.approx(again[0].info["gfn1_energy_ev"], abs=2e-3)
    assert same_framework(first[0], again[0])
    best = first[0]
    assert fault(best) == ""
    assert best.info["charge"] == 0
    assert best.info["multiplicity"] == 1
    assert best.info["fmax_ev_angstrom"] <= SHORT.fmax_ev_angstrom
    assert len(gold_sulfur_bonds(best)) == 6
    assert {bond.left for bond in gold_sulfur_bonds(best)} == {3, 4, 5}
    # The label of the engine, computed afresh, agrees; the built ring of three is no lower.
    fresh = engine.label(best, 0, 1)
    assert fresh.energy_ev == pytest.approx(best.info["gfn1_energy_ev"], abs=1e-4)
    assert np.linalg.norm(fresh.forces_ev_angstrom, axis=1).max() < 0.025
    assert best.info["gfn1_energy_ev"] < engine.label(build_ring(3), 0, 1).energy_ev


def test_settled_hydrogens_lower_the_energy_and_keep_the_framework(engine):
    fine = SearchSettings(fmax_ev_angstrom=0.05)
    # All H on one side of a ring of three is not the best that they can do.
    atoms = ordered(build_ring(3))
    for sulfur in (3, 4, 5):
        up = atoms.positions[sulfur + 3, 2] > atoms.positions[sulfur, 2]
        atoms = atoms if up else other_side(atoms, sulfur)
    atoms.info = {"seed": 5, "gfn1_energy_ev": engine.label(atoms, 0, 1).energy_ev}
    best = settle_hydrogens(atoms, engine=engine, settings=fine)
    assert best.info["gfn1_energy_ev"] < atoms.info["gfn1_energy_ev"] - 0.01
    assert best.info["seed"] == 5
    assert len(gold_sulfur_bonds(best)) == 6
    again = settle_hydrogens(best, engine=engine, settings=fine)
    assert again is best


def test_search_without_a_minimum_says_so(engine):
    with pytest.raises(ScfError, match=r"Au3\(SH\)3: no valid minimum in 0 trials"):
        search_minima(3, 3, seed=1, engine=engine, settings=SearchSettings(trials=0))


class Fake:
    """An engine whose energy is the Au-Au extent plus twice the multiplicity's distance from 3."""

    name = "fake"

    def __init__(self, failing=()):
        self.failing, self.calls, self.checked = failing, 0, []

    def identity(self):
        return {"engine": "fake", "method": "none", "basis": "none"}

    def check(self, symbols):
        self.checked.append(symbols)

    def label(self, atoms, charge, multiplicity, *, start=None):
        self.calls += 1
        if (round(float(np.ptp(atoms.positions[:, 0])), 3), multiplicity) in self.failing:
            raise ScfError("it does not converge")
        energy = float(np.ptp(atoms.positions[:, 0])) + 2 * abs(multiplicity - 3)
        return Labels(energy, None, None, {"attempt": "plain", "seconds": 0.0})


@pytest.fixture
def candidates(ring):
    made = []
    for k, scale in enumerate((1.2, 1.0, 1.1)):
        made.append(ring.copy())
        made[-1].positions *= scale
        made[-1].info = {"name": f"au4_sh4_{k + 1}", "charge": 0, "multiplicity": 1}
    return made


def test_reranking_takes_the_best_multiplicity_and_is_resumable(candidates, tmp_path):
    fake = Fake()
    ranked = rerank(candidates, fake, Store(tmp_path))
    assert [atoms.info["name"] for atoms in ranked] == ["au4_sh4_2", "au4_sh4_3", "au4_sh4_1"]
    assert all(atoms.info["multiplicity"] == 3 for atoms in ranked)
    assert candidates[0].info["multiplicity"] == 1
    assert ranked[0].info["relative_energy_ev"] == 0
    assert all(a.info["energy_ev"] < b.info["energy_ev"] for a, b in pairwise(ranked))
    width = float(np.ptp(candidates[1].positions[:, 0]))
    assert ranked[0].info["energies_ev"] == f"1: {width + 4:.6f}, 3: {width:.6f}"
    assert fake.checked == [["Au", "H", "S"]]
    assert fake.calls == 6
    again = rerank(candidates, fake, Store(tmp_path))
    assert fake.calls == 6
    assert [atoms.info for atoms in again] == [atoms.info for atoms in ranked]
    rerank(candidates, fake, Store(tmp_path), multiplicities=(1, 3, 5))
    assert fake.calls == 9


def test_a_failed_single_point_is_passed_over(candidates, tmp_path, caplog):
    widths = [round(float(np.ptp(atoms.positions[:, 0])), 3) for atoms in candidates]
    fake = Fake(failing={(widths[1], 3), (widths[0], 1), (widths[0], 3)})
    ranked = rerank(candidates, fake, Store(tmp_path))
    assert [(atoms.info["name"], atoms.info["multiplicity"]) for atoms in ranked] == [
        ("au4_sh4_3", 3),
        ("au4_sh4_2", 1),
    ]
    with pytest.raises(ScfError, match="no single point of Au4H4S4 converged"):
        rerank(candidates[:1], fake, Store(tmp_path))


def test_different_compositions_are_not_ranked(candidates, tmp_path):
    charged = candidates[1].copy()
    charged.info["charge"] = 1
    with pytest.raises(StructureError, match="energies of 2 compositions or charges cannot be ranked"):
        rerank([candidates[0], charged], Fake(), Store(tmp_path))


def test_lowest_multiplicities_follow_the_number_of_electrons(rng):
    assert lowest_multiplicities(drawing(8, 6, rng), 0) == (1, 3)
    assert lowest_multiplicities(drawing(7, 6, rng), 0) == (2, 4)
    assert lowest_multiplicities(drawing(7, 6, rng), 1) == (1, 3)


def test_bundled_minima_are_sound_and_relaxed(root, engine):
    frames = read_frames(root / "resources/small_clusters.extxyz")
    names = [atoms.info["name"] for atoms in frames]
    assert len(set(names)) == len(names)
    for gold, thiolates in ((7, 6), (8, 6), (8, 7), (9, 5), (9, 6), (9, 7), (10, 7), (11, 6), (11, 7), (11, 8)):
        mine = [atoms for atoms in frames if atoms.info["name"].startswith(f"au{gold}_sh{thiolates}_")]
        assert [atoms.info["name"][-2:] for atoms in mine] == ["_1", "_2", "_3"]
        assert all(whole(atoms, gold, thiolates) and not fault(atoms) for atoms in mine)
        assert distinct(mine) == mine
        # Two S-Au bonds per SH, as the published table of bonds has.
        assert len(gold_sulfur_bonds(mine[0])) == 2 * thiolates
    notes = (root / "resources/small_clusters.md").read_text(encoding="utf-8")
    assert all(f"| {name} |" in notes for name in names)
    label = engine.label(frames[0], 0, frames[0].info["multiplicity"])
    assert label.energy_ev == pytest.approx(frames[0].info["gfn1_energy_ev"], abs=1e-3)
    assert np.linalg.norm(label.forces_ev_angstrom, axis=1).max() < 0.025
