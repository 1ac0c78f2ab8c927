"""Walks: the distribution they draw from, what stays rigid, and going on after a cut."""

import multiprocessing
import os
import re
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.io import read, write
from ase.units import kB
from scipy.integrate import quad

from auric.errors import InputError, StructureError
from auric.sampling import WalkSettings, read_walk, run_walk
from auric.sampling.walked import visited, walked_chains
from auric.structures import Block, build_ring, move_blocks, moving_blocks

TEMPERATURE = 300.0
KT = kB * TEMPERATURE


class Toy:
    """Energies by a formula of the positions, shape (chains, atoms, 3); nothing is kept from trial to trial."""

    def __init__(self, formula, positions: np.ndarray) -> None:
        self._formula, self.positions = formula, np.array(positions)
        self.refresh()

    def refresh(self) -> None:
        self.values = self._formula(self.positions)

    def trial(self, moved: np.ndarray, positions: np.ndarray) -> np.ndarray:
        self._there = self.positions.copy()
        self._there[:, moved] = positions
        self._new = self._formula(self._there)
        return self._new - self.values

    def accept(self, which: np.ndarray) -> None:
        self.positions[which], self.values[which] = self._there[which], self._new[which]


def _toy(formula):
    return lambda atoms, positions: Toy(formula, positions)


def _production(path: Path) -> np.ndarray:
    """Positions, shape (steps, chains, atoms, 3)."""
    frames = [atoms for atoms in read_walk(path) if atoms.info["step"] > 0]
    chains = 1 + max(int(atoms.info["chain"]) for atoms in frames)
    return np.array([atoms.positions for atoms in frames]).reshape(-1, chains, len(frames[0]), 3)


def _interval(samples: np.ndarray) -> float:
    """Standard error of the mean over chains, the second axis, each one an independent draw."""
    return float(samples.mean(axis=0).std(ddof=1) / np.sqrt(samples.shape[1]))


def test_a_harmonic_well(tmp_path):
    """Mean square displacement kT / k, along each axis alike."""
    stiffness, gold = 2.0, Atoms("Au2", [[0, 0, 0], [5, 0, 0]])

    def well(positions):
        return 0.5 * stiffness * ((positions - gold.positions) ** 2).sum(axis=(1, 2))

    settings = WalkSettings((TEMPERATURE,) * 64, steps=300, equilibration_steps=60, every=5, step_angstrom=0.3, seed=1)
    run_walk([gold] * 64, _toy(well), settings, tmp_path / "walk.extxyz")
    squares = (_production(tmp_path / "walk.extxyz") - gold.positions) ** 2
    for axis in range(3):
        samples = squares[..., axis].mean(axis=2)
        assert abs(samples.mean() - KT / stiffness) < 4 * _interval(samples)
    accepted = [atoms.info["accepted"] for atoms in read_walk(tmp_path / "walk.extxyz") if atoms.info["step"] > 0]
    assert 0.35 < np.mean(accepted) < 0.65


def test_the_volume_of_a_ligand(tmp_path):
    """A bond length r of a harmonic spring is drawn as r^2 exp(-E / kT), a torsion as exp(-E / kT), whatever turns the ligand.

    Gold, sulfur and methyl; were turns to leave out or repeat a volume, the torsion's distribution would show it.
    """
    gold, sulfur, carbon = np.array([[0, 0, 0], [2.3, 0, 0], [2.9, 1.7, 0]])
    axis = (carbon - sulfur) / np.linalg.norm(carbon - sulfur)
    across = np.cross(axis, [0, 0, 1])
    around = 2 * np.pi / 3 * np.arange(3)[:, None]
    hydrogens = carbon + 0.36 * axis + 1.03 * (np.cos(around) * across + np.sin(around) * np.array([0, 0, 1]))
    start = Atoms("AuSCH3", [gold, sulfur, carbon, *hydrogens])
    length, stiffness, height = 1.8, 4.0, 0.03

    def torsion(positions):
        gold, sulfur, carbon, hydrogen = (positions[..., i, :] for i in range(4))
        axis = carbon - sulfur
        axis = axis / np.linalg.norm(axis, axis=-1)[..., None]
        one = gold - sulfur
        one = one - (one * axis).sum(-1)[..., None] * axis
        other = hydrogen - carbon
        other = other - (other * axis).sum(-1)[..., None] * axis
        return np.arctan2((np.cross(one, other) * axis).sum(-1), (one * other).sum(-1))

    def energy(positions):
        gold, sulfur, carbon = (positions[:, i] for i in range(3))
        bond = np.linalg.norm(carbon - sulfur, axis=1)
        well = 0.5 * 2.0 * ((gold**2).sum(axis=1) + ((sulfur - [2.3, 0, 0]) ** 2).sum(axis=1))
        return well + 0.5 * stiffness * (bond - length) ** 2 + height * np.cos(torsion(positions))

    settings = WalkSettings(
        (TEMPERATURE,) * 128, steps=600, equilibration_steps=100, every=5, step_angstrom=0.2, turn_degree=60, seed=2
    )
    run_walk([start] * 128, _toy(energy), settings, tmp_path / "walk.extxyz")
    found = _production(tmp_path / "walk.extxyz")
    bonds = np.linalg.norm(found[:, :, 2] - found[:, :, 1], axis=-1)

    def weight(r: float) -> float:
        return r**2 * np.exp(-0.5 * stiffness * (r - length) ** 2 / KT)

    expected = quad(lambda r: r * weight(r), 0.5, 3.5)[0] / quad(weight, 0.5, 3.5)[0]
    assert abs(bonds.mean() - expected) < 4 * _interval(bonds)
    assert abs(bonds.mean() - length) > 4 * _interval(bonds)  # r^2 is seen
    cosine = np.cos(torsion(found))
    turns = [
        quad(lambda x, k=k: np.cos(x) ** k * np.exp(-height * np.cos(x) / KT), -np.pi, np.pi)[0] for k in (0, 1, 2)
    ]
    for power, value in ((1, cosine), (2, cosine**2)):
        assert abs(value.mean() - turns[power] / turns[0]) < 4 * _interval(value)
    shapes = np.linalg.norm(found[..., 2:, None, :] - found[..., None, 2:, :], axis=-1)
    np.testing.assert_allclose(shapes, np.broadcast_to(shapes[0, 0], shapes.shape), atol=1e-9)
    angles = (
        np.einsum("tcai,tci->tca", found[..., 3:, :] - found[..., 2:3, :], found[..., 2, :] - found[..., 1, :])
        / bonds[..., None]
    )
    np.testing.assert_allclose(angles, np.broadcast_to(angles[0, 0], angles.shape), atol=1e-9)  # it faces its sulfur


def test_exact_energies_decide_the_distribution(tmp_path):
    """Steps in a well that is too soft, frames as in the stiff one; energies that are not there are never taken; and it goes on."""
    soft, stiff, gold = 2.0, 3.0, Atoms("Au", [[0, 0, 0]])

    def well(positions):
        return 0.5 * soft * (positions**2).sum(axis=(1, 2))

    def exact(atoms):
        return 0.5 * stiff * (atoms.positions**2).sum() if atoms.positions[0, 0] < 0.15 else np.inf

    path = tmp_path / "walk.extxyz"
    settings = WalkSettings((TEMPERATURE,) * 64, steps=450, equilibration_steps=60, every=3, step_angstrom=0.2, seed=7)
    run_walk([gold] * 64, _toy(well), settings, path, exact=exact)
    found = _production(path)[:, :, 0]
    for axis in (1, 2):
        squares = found[:, :, axis] ** 2
        assert abs(squares.mean() - KT / stiff) < 4 * _interval(squares)
        assert abs(squares.mean() - KT / soft) > 4 * _interval(squares)
    assert found[..., 0].max() < 0.15
    last = read_walk(path)[-1]
    assert last.info["exact_ev"] == pytest.approx(exact(last))
    assert 0.3 < np.mean([atoms.info["kept"] for atoms in read_walk(path)]) < 0.95
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 9 // 10])
    run_walk([gold] * 64, _toy(well), settings, path, exact=exact)
    assert path.read_bytes() == whole
    some = iter([0.0, np.nan])
    with pytest.raises(InputError, match="chain 1 has an exact energy of nan eV at its start"):
        run_walk([gold] * 2, _toy(well), WalkSettings((TEMPERATURE,) * 2), tmp_path / "x", exact=lambda _: next(some))
    assert not (tmp_path / "x").exists()
    with pytest.raises(InputError, match="exchanges no structures"):
        run_walk([gold], _toy(well), WalkSettings((TEMPERATURE,), exchange=True), tmp_path / "x", exact=exact)


def test_exchange_keeps_both_temperatures(tmp_path):
    """Structures change places between chains, and each temperature keeps its own distribution."""
    stiffness, gold = 2.0, Atoms("Au", [[0, 0, 0]])

    def well(positions):
        return 0.5 * stiffness * (positions**2).sum(axis=(1, 2))

    temperatures = (200.0, 300.0, 450.0)
    path = tmp_path / "walk.extxyz"
    settings = WalkSettings(
        temperatures, steps=12000, equilibration_steps=100, every=5, step_angstrom=0.3, exchange=True, seed=3
    )
    run_walk([gold] * 3, _toy(well), settings, path)
    found = _production(path)
    for chain, temperature in enumerate(temperatures):
        blocks = (found[:, chain, 0] ** 2).mean(axis=1).reshape(20, -1).mean(axis=1)
        assert abs(blocks.mean() - kB * temperature / stiffness) < 4 * blocks.std(ddof=1) / np.sqrt(20)
    jumps = np.linalg.norm(np.diff(found[:, :, 0], axis=0), axis=-1)
    assert (jumps.max(axis=0) > 0.4).all()


def test_only_neighbouring_temperatures_exchange(tmp_path):
    """The first chain of one temperature with the first of the next; chains of one temperature keep to themselves."""
    start = Atoms("Au", [[0, 0, 0]])
    settings = WalkSettings(
        (300.0, 300.0, 360.0, 360.0), steps=20, equilibration_steps=0, every=1, exchange=True, seed=6
    )
    run_walk(
        [start] * 4, _toy(lambda positions: 0 * positions[:, 0, 0]), settings, tmp_path / "walk"
    )  # always exchanged
    moved = np.array([int(atoms.info["exchanged"]) for atoms in read_walk(tmp_path / "walk")]).reshape(-1, 4)
    assert moved[1:].tolist() == [[step % 2 == 0] * 4 for step in range(1, 21)]
    still = WalkSettings((300.0,) * 4, steps=20, equilibration_steps=0, every=1, exchange=True, seed=6)
    run_walk([start] * 4, _toy(lambda positions: 0 * positions[:, 0, 0]), still, tmp_path / "still")
    assert not any(atoms.info["exchanged"] for atoms in read_walk(tmp_path / "still"))


@pytest.mark.parametrize(
    "block", moving_blocks(build_ring(3, "CH3"))[::3], ids=lambda block: f"{block.kind}{block.atom}"
)
def test_a_move_keeps_volumes(block):
    """Of (sulfur, the ligand's atom next to it, angle about their bond): the determinant of any move is 1, so that a move drawn
    evenly is as likely as its reverse, which the opposite shift and turn make."""
    ring = build_ring(3, "CH3")
    metal = block.kind == "metal"
    sulfur, root = (
        (-1, -1) if metal else (block.atom, block.anchor) if block.kind == "sulfur" else (block.anchor, block.atom)
    )
    shift, turn = np.array([[0.11, -0.07, 0.05]]), np.array([17.0])

    def place(free):
        """A structure with these six Cartesian coordinates and this angle about the bond, all else rigid."""
        where = ring.positions.copy()
        if metal:
            where[block.atom] = free
            return where
        for one, to in (
            (Block("sulfur", sulfur, block.ligand, root), free[:3]),
            (Block("ligand", root, block.ligand, sulfur), free[3:6]),
        ):
            moved = move_blocks(where[None], one, (to - where[one.atom])[None], np.zeros(1))[0]
            where[list(one.moved)] = moved
        turned = Block("ligand", root, block.ligand, sulfur)
        where[list(turned.moved)] = move_blocks(where[None], turned, np.zeros((1, 3)), np.degrees(free[6:7]))[0]
        return where

    def after(free):
        where = place(free)
        where[list(block.moved)] = move_blocks(where[None], block, shift, turn)[0]
        if metal:
            return where[block.atom]
        # the angle at which `place` would have to turn the ligand to have it here
        plain = place(np.concatenate([where[sulfur], where[root], [0.0]]))
        hydrogen = next(atom for atom in block.ligand if atom != root)
        axis = where[root] - where[sulfur]
        axis /= np.linalg.norm(axis)
        one, other = ((each[hydrogen] - where[root]) for each in (plain, where))
        one, other = (each - (each @ axis) * axis for each in (one, other))
        angle = np.arctan2(np.cross(one, other) @ axis, one @ other)
        return np.concatenate([where[sulfur], where[root], [angle]])

    here = (
        ring.positions[block.atom] if metal else np.concatenate([ring.positions[sulfur], ring.positions[root], [0.3]])
    )
    small = 1e-5
    columns = [(after(here + small * unit) - after(here - small * unit)) / (2 * small) for unit in np.eye(len(here))]
    assert np.linalg.det(np.array(columns)) == pytest.approx(1, abs=1e-6)


def test_the_step_is_frozen_after_equilibration(walked):
    go, _, folder = walked
    go("walk.extxyz")
    steps = np.array([[atoms.info["step"], atoms.info["step_angstrom"]] for atoms in read_walk(folder / "walk.extxyz")])
    assert len(set(steps[steps[:, 0] >= 0][::3, 1])) == 1


def test_the_papers_cluster_has_86_parts():
    mirror = os.environ.get("AURIC_MIRROR")
    path = Path(mirror or ".") / "nc_database/sch3_protected/038_24q_cp2k_opt.xyz"
    if not mirror or not path.is_file():
        pytest.skip("AURIC_MIRROR names no folder with copies of the external data sets")
    kinds = [block.kind for block in moving_blocks(read(path, format="xyz"))]
    assert [kinds.count(kind) for kind in ("metal", "sulfur", "ligand")] == [38, 24, 24]


def _slow_walk(path: Path, pause: float) -> None:
    def slow(positions):
        time.sleep(pause)
        return (positions**2).sum(axis=(1, 2))

    settings = WalkSettings((300.0, 300.0), steps=200, equilibration_steps=20, every=2, seed=9)
    run_walk([Atoms("Au", [[0, 0, 0]])] * 2, _toy(slow), settings, path)


def test_a_killed_walk_goes_on_bit_for_bit(tmp_path):
    """Killed as the kernel does it, in the middle of whatever it was doing."""
    process = multiprocessing.get_context("fork").Process(target=_slow_walk, args=(tmp_path / "killed", 0.005))
    process.start()
    while process.is_alive() and not ((tmp_path / "killed").exists() and (tmp_path / "killed").stat().st_size > 5000):
        time.sleep(0.01)
    process.kill()
    process.join()
    assert process.exitcode == -9
    _slow_walk(tmp_path / "killed", 0.0)
    _slow_walk(tmp_path / "whole", 0.0)
    assert (tmp_path / "killed").read_bytes() == (tmp_path / "whole").read_bytes()


@pytest.fixture
def walked(tmp_path):
    """A short walk of a ring in springs, its settings, and how to repeat it."""
    ring = build_ring(4, "CH3")

    def springs(positions):
        return 3.0 * ((positions - ring.positions) ** 2).sum(axis=(1, 2))

    settings = WalkSettings((250.0, 300.0, 300.0), steps=20, equilibration_steps=10, every=5, seed=4)

    def go(name: str, settings: WalkSettings = settings, **how) -> bytes:
        run_walk([ring] * 3, _toy(springs), settings, tmp_path / name, **how)
        return (tmp_path / name).read_bytes()

    return go, settings, tmp_path


def test_a_cut_trajectory_goes_on_bit_for_bit(walked):
    go, _, folder = walked
    whole = go("whole.extxyz")
    for share in (0.0, 0.01, 0.16, 0.3, 0.51, 0.77, 0.9999, 1.0):
        (folder / "cut.extxyz").write_bytes(whole[: round(share * len(whole))])
        assert go("cut.extxyz") == whole
    damaged = bytearray(whole)
    damaged[len(whole) // 2 : len(whole) // 2 + 200] = b"\0" * 200
    (folder / "cut.extxyz").write_bytes(bytes(damaged))
    assert go("cut.extxyz") == whole


def test_what_is_left_of_the_first_frames_goes_on_bit_for_bit(walked):
    """Cut at any byte of the first lines, or overwritten by zeros, as a machine that went down leaves it."""
    go, _, folder = walked
    whole = go("whole.extxyz")
    comment = whole.index(b"\n", 5) + 1
    for end in (1, 2, 5, 40, comment - 20, comment - 1, comment, comment + 1, comment + 100):
        (folder / "cut.extxyz").write_bytes(whole[:end])
        assert go("cut.extxyz") == whole
    for begin, end in ((0, 2), (0, comment // 2), (comment // 2, comment + 50), (comment + 10, comment + 90)):
        (folder / "cut.extxyz").write_bytes(whole[:begin] + b"\0" * (end - begin) + whole[end:])
        assert go("cut.extxyz") == whole
    (folder / "cut.extxyz").write_bytes(b"\0" * 100)
    assert go("cut.extxyz") == whole


def test_a_foreign_file_is_left_alone(walked, tmp_path):
    go, _, folder = walked
    ring, gold = build_ring(4, "CH3"), Atoms("Au", [[0, 0, 0]])
    write(folder / "frames.extxyz", [ring] * 30, format="extxyz")
    (folder / "notes.txt").write_text("precious\n" * 1000)
    (folder / "short.txt").write_text("25")
    (folder / "zeros").write_bytes(b"\0" * 10**6)
    go("another", identity="another")
    (folder / "cut").write_bytes((folder / "another").read_bytes()[:3000])
    for name in ("frames.extxyz", "notes.txt", "short.txt", "zeros", "another", "cut"):
        before = (folder / name).read_bytes()
        with pytest.raises(InputError, match="another potential, start or settings; remove it, or write elsewhere"):
            go(name)
        assert (folder / name).read_bytes() == before

    def chains(count):
        settings = WalkSettings((300.0,) * count, steps=40, equilibration_steps=0)
        run_walk([gold] * count, _toy(lambda positions: (positions**2).sum(axis=(1, 2))), settings, tmp_path / "chains")

    chains(8)
    before = (tmp_path / "chains").read_bytes()
    for count in (16, 4):
        with pytest.raises(InputError, match="another potential, start or settings"):
            chains(count)
        assert (tmp_path / "chains").read_bytes() == before


def test_frames_say_how_far_energies_were_off(walked):
    """Energies that follow moves with an error; walks of before, whose frames do not say it, are read and go on."""
    go, settings, folder = walked
    whole = go("whole.extxyz")
    told = [atoms.info.get("refreshed_ev") for atoms in read_walk(folder / "whole.extxyz")]
    assert told == [None] * 3 + [0.0] * 18
    old = re.sub(rb" refreshed_ev=\S+", b"", whole)
    (folder / "old.extxyz").write_bytes(old)
    assert go("old.extxyz") == old
    longer = WalkSettings(settings.temperatures_k, steps=30, equilibration_steps=10, every=5, seed=4)
    grown = go("old.extxyz", longer)
    assert grown[: len(old)] == old
    assert grown[len(old) :] == go("longer.extxyz", longer)[len(whole) :]
    assert len(visited(folder / "old.extxyz", 3)) == 3 * 6

    class Wrong(Toy):
        def accept(self, which: np.ndarray) -> None:
            super().accept(which)
            self.values[1] += 1e-3

    gold = Atoms("Au", [[0, 0, 0]])
    settings = WalkSettings((300.0,) * 2, steps=20, equilibration_steps=0, every=10)
    run_walk(
        [gold] * 2, lambda atoms, where: Wrong(lambda at: (at**2).sum(axis=(1, 2)), where), settings, folder / "wrong"
    )
    told = [atoms.info["refreshed_ev"] for atoms in read_walk(folder / "wrong")[2:]]
    assert (told[0], told[2]) == (0, 0)
    assert min(told[1], told[3]) > 0.9e-3


def test_more_steps_go_on(walked):
    go, settings, _ = walked
    longer = WalkSettings(settings.temperatures_k, steps=30, equilibration_steps=10, every=5, seed=4)
    go("grown.extxyz")
    assert go("grown.extxyz", longer) == go("longer.extxyz", longer)


def test_a_walk_that_two_wrote_at_once_is_refused(walked):
    go, _, folder = walked
    (folder / "twice.extxyz").write_bytes(2 * go("once.extxyz"))
    with pytest.raises(InputError, match="step -10 of chain 0 follows step 20 of chain 2; two walks wrote it at once"):
        read_walk(folder / "twice.extxyz")


def test_ase_reads_it(walked):
    go, _, folder = walked
    go("walk.extxyz")
    frames, ours = read(folder / "walk.extxyz", ":"), read_walk(folder / "walk.extxyz")
    assert len(frames) == len(ours) == 3 * 7
    assert [atoms.info["step"] for atoms in frames[::3]] == [-10, -5, 0, 5, 10, 15, 20]
    assert all(
        (a.positions == b.positions).all() and list(a.symbols) == list(b.symbols)
        for a, b in zip(frames, ours, strict=True)
    )
    assert len(frames[-1].info["step_energies_ev"]) == 5


def test_a_chain_that_leaves_stops_or_is_marked(walked):
    go, settings, folder = walked

    def outside(frames):
        return np.array([False, True, False])

    go("marked.extxyz", outside=outside)
    last = read_walk(folder / "marked.extxyz")[-3:]
    assert [int(atoms.info["outside"]) for atoms in last] == [0, 6, 0]
    stopping = WalkSettings(settings.temperatures_k, steps=20, equilibration_steps=10, every=5, seed=4, stop_outside=2)
    go("stopped.extxyz", stopping, outside=outside)
    frames = read_walk(folder / "stopped.extxyz")
    assert [int(atoms.info["stopped"]) for atoms in frames[-3:]] == [0, 1, 0]
    stood = np.array([atoms.positions for atoms in frames]).reshape(-1, 3, len(frames[0]), 3)
    assert (stood[2:, 1] == stood[2, 1]).all()
    assert (stood[3, 0] != stood[2, 0]).any()
    # Of the chain that stopped while it equilibrated, that frame alone; a ladder's chains are left out.
    assert Counter(int(atoms.info["chain"]) for atoms in visited(folder / "stopped.extxyz", 3)) == {0: 4, 1: 1, 2: 4}
    assert {atoms.info["chain"] for atoms in visited(folder / "stopped.extxyz", 1)} == {0}
    with pytest.raises(InputError, match="stop_outside: 0"):
        walked_chains(folder / "stopped.extxyz", 3, {})
    later = WalkSettings(settings.temperatures_k, steps=20, equilibration_steps=10, every=5, seed=4, stop_outside=4)
    go("later.extxyz", later, outside=outside)
    told = walked_chains(folder / "later.extxyz", 3, {})
    assert (len(told.positions), told.energies_ev.shape) == (1, (5, 3))


def test_chains_that_stopped_have_no_say_in_the_step(tmp_path):
    gold = Atoms("Au", [[0, 0, 0]])
    settings = WalkSettings((300.0,) * 3, steps=10, equilibration_steps=50, every=10, stop_outside=1)
    run_walk(
        [gold] * 3, _toy(lambda positions: 0 * positions[:, 0, 0]), settings, tmp_path / "w",
        outside=lambda frames: np.array([False, True, True]),
    )  # fmt: skip
    assert read_walk(tmp_path / "w")[-3].info["step_angstrom"] == pytest.approx(settings.step_angstrom * 1.2**5)


def test_energies_that_are_no_numbers_are_refused(tmp_path):
    gold = Atoms("Au", [[0, 0, 0]])

    def cliff(positions):
        return np.where(positions[:, 0, 0] > 0.1, -np.inf, 0.0)

    run_walk(
        [gold],
        _toy(cliff),
        WalkSettings((300.0,), steps=50, equilibration_steps=0, every=10, step_angstrom=0.2),
        tmp_path / "w",
    )
    assert (_production(tmp_path / "w")[..., 0] <= 0.1).all()


@pytest.mark.parametrize("lost", [np.nan, np.inf, -np.inf])
def test_a_start_or_a_frame_without_an_energy(tmp_path, lost):
    gold = Atoms("Au", [[0, 0, 0]])
    settings = WalkSettings((300.0,) * 2, steps=10, equilibration_steps=10, every=5)
    start = _toy(lambda positions: np.array([0.0, lost]))
    with pytest.raises(InputError, match=f"chain 1 has an energy of {lost} eV at step -10; give another start, or"):
        run_walk([gold] * 2, start, settings, tmp_path / "start")
    assert not (tmp_path / "start").exists()

    class Late(Toy):
        def refresh(self) -> None:
            super().refresh()
            self.times = getattr(self, "times", -1) + 1
            if self.times == 3:
                self.values = np.array([lost, 0.0])

    flat = lambda atoms, where: Late(lambda positions: 0 * positions[:, 0, 0], where)  # noqa: E731
    with pytest.raises(InputError, match=f"chain 0 has an energy of {lost} eV at step 5"):
        run_walk([gold] * 2, flat, settings, tmp_path / "late")
    assert read_walk(tmp_path / "late")[-1].info["step"] == 0


def test_temperatures_may_come_from_an_array_and_a_longer_walk_is_told(tmp_path, caplog):
    flat = _toy(lambda positions: 0 * positions[:, 0, 0])
    settings = WalkSettings(tuple(np.array([300, 330])), steps=20, equilibration_steps=0, every=5)
    run_walk([Atoms("Au", [[0, 0, 0]])] * 2, flat, settings, tmp_path / "walk")
    assert read_walk(tmp_path / "walk")[-1].info["step"] == 20
    run_walk([Atoms("Au", [[0, 0, 0]])] * 2, flat, replace(settings, steps=10), tmp_path / "walk")
    assert "the walk was made of 20 steps, more than the 10 asked for" in caplog.text


def test_bad_input(walked, tmp_path):
    go, _, _ = walked
    go("walk.extxyz")
    with pytest.raises(InputError, match="another potential, start or settings"):
        go("walk.extxyz", identity="another")
    gold = Atoms("Au2", [[0, 0, 0], [3, 0, 0]])
    with pytest.raises(InputError, match="2 starts for 1 chains"):
        run_walk([gold] * 2, _toy(lambda positions: positions[:, 0, 0]), WalkSettings((300.0,)), tmp_path / "x")
    with pytest.raises(InputError, match="all of the same atoms"):
        run_walk(
            [gold, gold[:1]], _toy(lambda positions: positions[:, 0, 0]), WalkSettings((300.0,) * 2), tmp_path / "x"
        )
    with pytest.raises(InputError, match="0 starts for 1 chains"):
        run_walk([], _toy(lambda positions: positions[:, 0, 0]), WalkSettings((300.0,)), tmp_path / "x")
    ring = build_ring(4, "H")
    sulfurs, other = np.flatnonzero(ring.symbols == "S"), ring.copy()
    other.positions[sulfurs[:2]] = ring.positions[sulfurs[1::-1]]
    with pytest.raises(InputError, match="the start of chain 2 has its ligands on other sulfurs than that of chain 0"):
        run_walk(
            [ring, ring.copy(), other],
            _toy(lambda positions: positions[:, 0, 0]),
            WalkSettings((300.0,) * 3),
            tmp_path / "x",
        )
    assert not (tmp_path / "x").exists()
    loose = gold + Atoms("H", [[0, 0, 9]])
    with pytest.raises(StructureError, match="thiolates"):
        run_walk([loose], _toy(lambda positions: positions[:, 0, 0]), WalkSettings((300.0,)), tmp_path / "x")
    (tmp_path / "text").write_text("hello")
    with pytest.raises(InputError, match="no whole frame"):
        read_walk(tmp_path / "text")
    with pytest.raises(InputError, match="no such file"):
        read_walk(tmp_path / "absent")
    for wrong, told in (
        ({"temperatures_k": ()}, "temperatures above 0"), ({"temperatures_k": (-1.0,)}, "temperatures above 0"),
        ({"steps": 15, "every": 10}, "multiples of `every`"), ({"equilibration_steps": -10}, "fewer than no"),
        ({"step_angstrom": 0.0}, "moves of 0.0 angstrom"), ({"acceptance": (0.6, 0.4)}, "the lower first"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=re.escape(told)):
            WalkSettings(**{"temperatures_k": (300.0,)} | wrong)
