"""The wall: where it stands, what it refuses, and that the rest of the distribution stays as it was."""

import itertools

import numpy as np
import pytest
from ase import Atoms
from ase.units import kB
from scipy.integrate import quad

from auric.errors import InputError
from auric.sampling import StandingWall, WalkSettings, Wall, read_walk, run_walk
from auric.structures import build_ring

KT = kB * 300.0
GOLD, SULFUR, CARBON, HYDROGEN, CERIUM = 79, 16, 6, 1, 58


class Pair:
    """Energies of two atoms by a formula of their distance."""

    def __init__(self, formula, positions):
        self._formula, self.positions = formula, np.array(positions)
        self.refresh()

    def refresh(self):
        self.values = self._of(self.positions)

    def _of(self, positions):
        return self._formula(np.linalg.norm(positions[:, 1] - positions[:, 0], axis=1))

    def trial(self, moved, positions):
        self._there = self.positions.copy()
        self._there[:, moved] = positions
        return self._of(self._there) - self.values

    def accept(self, which):
        self.positions[which] = self._there[which]
        self.refresh()


def _walk(path, formula, wall, *, chains=64, steps=400, start=4.0, **how):
    gold = Atoms("Au2", [[0, 0, 0], [start, 0, 0]])
    settings = WalkSettings(
        (300.0,) * chains, steps=steps, equilibration_steps=100, every=5, step_angstrom=0.3, seed=2, **how
    )
    run_walk([gold] * chains, lambda atoms, where: Pair(formula, where), settings, path, wall=wall)
    return [atoms for atoms in read_walk(path) if atoms.info["step"] > 0]


def _known(distance):
    return [Atoms("Au2", [[0, 0, 0], [distance, 0, 0]])]


def test_it_stands_before_the_shortest_distance_of_training():
    """By hand: of all pairs of different parts, in all frames; atoms of one ligand, its sulfur among them, do not count."""
    rng, ring = np.random.default_rng(1), build_ring(4, "CH3")
    frames = []
    for _ in range(5):
        frames.append(ring.copy())
        frames[-1].positions += rng.normal(0, 0.05, ring.positions.shape)
    symbols = list(ring.symbols)
    sulfur = [n for n, symbol in enumerate(symbols) if symbol == "S"]
    part = [
        n if symbol in ("Au", "S") else min(sulfur, key=lambda s, n=n: ring.get_distance(n, s))
        for n, symbol in enumerate(symbols)
    ]
    closest = dict.fromkeys(itertools.combinations_with_replacement(("Au", "C", "H", "S"), 2), np.inf)
    for atoms in frames:
        for i, j in itertools.combinations(range(len(ring)), 2):
            if part[i] != part[j]:
                pair = tuple(sorted((symbols[i], symbols[j])))
                closest[pair] = min(closest[pair], atoms.get_distance(i, j))
    wall = Wall(frames, 0.9)
    assert wall.limit_angstrom(GOLD, SULFUR) == wall.limit_angstrom(SULFUR, GOLD)
    assert wall.limit_angstrom(GOLD, SULFUR) == pytest.approx(0.9 * closest["Au", "S"])
    # Training has no contact of these: the wall leaves room for it, where training would not.
    for element, symbol, touching in ((HYDROGEN, "H", 2.2), (CARBON, "C", 3.4)):
        assert 0.8 * touching < 0.9 * closest[symbol, symbol]
        assert wall.limit_angstrom(element, element) == pytest.approx(0.8 * touching)
    standing = wall.around([ring])
    limits = standing.limits
    assert (limits == limits.T).all()
    for i, j in itertools.combinations(range(len(ring)), 2):
        assert (limits[i, j] > 0) == (part[i] != part[j])
    assert not standing.behind(np.array([atoms.positions for atoms in frames])).any()


def test_elements_without_a_radius_or_without_training():
    seen = [Atoms("CeAu", [[0, 0, 0], [3.0, 0, 0]])]
    wall = Wall(seen, 0.95)
    assert wall.limit_angstrom(CERIUM, GOLD) == pytest.approx(0.95 * 3.0)
    assert wall.limit_angstrom(CERIUM, CERIUM) == 0
    assert wall.limit_angstrom(SULFUR, SULFUR) == pytest.approx(0.8 * 3.6)


def test_moves_behind_it_are_those_that_would_stand_behind_it():
    rng, count = np.random.default_rng(5), 7
    limits = rng.uniform(0, 3, (count, count)) * (rng.uniform(size=(count, count)) < 0.6)
    limits = np.triu(limits, 1) + np.triu(limits, 1).T
    moved = np.array([2, 5])
    limits[np.ix_(moved, moved)] = 0  # what moves together keeps its distances
    wall, found = StandingWall(limits), []
    while len(found) < 400:
        positions, there = rng.uniform(0, 8, (3, count, 3)), rng.uniform(0, 8, (3, 2, 3))
        after = positions.copy()
        after[:, moved] = there
        before = wall.behind(positions)
        told = wall.blocks(positions, moved, there)
        assert (told[~before] == wall.behind(after)[~before]).all()
        found += told[~before].tolist()
    assert 0.05 < np.mean(found) < 0.9


def test_the_distribution_before_it_stays(tmp_path):
    """Two atoms in a spring: r^2 exp(-E / kT) where the wall lets them, nothing behind it."""
    stiffness, rest, limit = 0.3, 2.7, 2.6

    def spring(r):
        return 0.5 * stiffness * (r - rest) ** 2

    frames = _walk(tmp_path / "walk", spring, Wall(_known(limit), 1.0), steps=800)
    lengths = np.array([atoms.get_distance(0, 1) for atoms in frames]).reshape(-1, 64)
    assert lengths.min() >= limit

    def weight(r):
        return r**2 * np.exp(-spring(r) / KT)

    mean = quad(lambda r: r * weight(r), limit, 8)[0] / quad(weight, limit, 8)[0]
    free = quad(lambda r: r * weight(r), 1, 8)[0] / quad(weight, 1, 8)[0]
    error = lengths.mean(axis=0).std(ddof=1) / 8
    assert abs(lengths.mean() - mean) < 4 * error
    assert abs(lengths.mean() - free) > 8 * error  # the wall is felt
    walled = np.mean([atoms.info["walled"] for atoms in frames])
    assert 0.001 < walled < 0.4


def test_a_hole_is_not_fallen_into(tmp_path):
    """Attraction without end below 2.3 angstrom: without the wall every chain ends there, with it none."""

    def hole(r):
        return np.where(r < 2.3, -1e3 * (2.3 - r), (r - 2.8) ** 2)

    fallen = _walk(tmp_path / "fallen", hole, None, chains=8, steps=1500, start=2.8)
    assert min(atoms.info["energy_ev"] for atoms in fallen) < -100
    assert "walled" not in fallen[0].info
    kept = _walk(tmp_path / "kept", hole, Wall(_known(2.6), 0.95), chains=8, steps=1500, start=2.8)
    assert min(atoms.info["energy_ev"] for atoms in kept) >= 0


def test_it_leaves_out_what_starts_behind_it(caplog):
    ring = build_ring(4, "CH3")
    start = ring.copy()
    gold = [n for n, symbol in enumerate(ring.symbols) if symbol == "Au"][:2]
    limit = Wall([ring], 0.95).limit_angstrom(GOLD, GOLD)
    start.set_distance(gold[0], gold[1], 0.9 * limit, fix=0)
    standing = Wall([ring], 0.95).around([start])
    assert standing.limits[gold[0], gold[1]] == 0
    assert (standing.limits > 0).any()
    assert "2 pairs of atoms start nearer than the wall" in caplog.text
    assert not standing.behind(start.positions[None]).any()


def test_a_walk_with_a_wall_goes_on_bit_for_bit(tmp_path):
    def spring(r):
        return (r - 2.8) ** 2

    wall = Wall(_known(2.7), 0.95)
    _walk(tmp_path / "whole", spring, wall, chains=3, steps=60, start=2.8)
    whole = (tmp_path / "whole").read_bytes()
    assert any(atoms.info["walled"] > 0 for atoms in read_walk(tmp_path / "whole"))
    for share in (0.1, 0.5, 0.93):
        (tmp_path / "cut").write_bytes(whole[: round(share * len(whole))])
        _walk(tmp_path / "cut", spring, wall, chains=3, steps=60, start=2.8)
        assert (tmp_path / "cut").read_bytes() == whole
    with pytest.raises(InputError, match="another potential, start or settings"):
        _walk(tmp_path / "cut", spring, None, chains=3, steps=60, start=2.8)


@pytest.mark.parametrize("share", [0.0, -0.5, 1.01, float("nan")])
def test_a_share_out_of_range(share):
    with pytest.raises(InputError, match="give a share above 0 and up to 1"):
        Wall(_known(2.7), share)
