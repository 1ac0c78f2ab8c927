"""Rounds of active expansion, on real labels of a small ring."""

import numpy as np
import pandas as pd
import pytest
from ase import Atoms

from auric.errors import InputError
from auric.files import read_frames, write_frames
from auric.modelfile import content_digest
from auric.potential.linear import LinearPotential, train_linear
from auric.potential.published import train_emlm
from auric.provenance import digest
from auric.reference import Store, label_frames, make_engine
from auric.sampling import WalkSettings, read_walk
from auric.sampling.expansion import ROUND_COLUMNS, expansion_round
from auric.sampling.summary import summarise_walks
from auric.sampling.walk import WALK_VERSION
from auric.structures import build_ring

WALK = {"steps": 20, "equilibration_steps": 0, "every": 5, "step_angstrom": 0.1, "turn_degree": 30, "stop_outside": 0}


def _run(name: str, size: float, count: int) -> list[Atoms]:
    """Rattled rings with labels of GFN1-xTB."""
    rng, frames = np.random.default_rng(len(name)), []
    for number in range(count):
        atoms = build_ring(3, "H")
        atoms.positions += rng.normal(0, size, atoms.positions.shape)
        atoms.info |= {
            "name": f"{name}_{number}", "structure": "ring", "system": "small", "run": name, "role": "train", "step": number,
            "charge": 0, "multiplicity": 1,
        }  # fmt: skip
        frames.append(atoms)
    return frames


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two training runs near the minimum, in files."""
    place = tmp_path_factory.mktemp("expansion")
    for name in ("one", "other"):
        good, _, failed = label_frames(
            _run(name, 0.03, 16), make_engine("gfn1-xtb", {}), Store(place / "store"), warm_start=False
        )
        assert not failed
        write_frames(place / f"{name}.extxyz", good)
    return place


def _round(
    folder,
    model: str,
    walker: str,
    number: int,
    collected: list,
    training=("one", "other"),
    store=None,
    sample=None,
    **how,
) -> pd.Series:
    expansion_round(
        folder / model, [folder / f"{name}.extxyz" for name in training], collected, folder / f"{walker}_{number}.extxyz",
        folder / f"{walker}_{number}.csv", folder / f"failures_{walker}_{number}.csv", number=number, walker=walker,
        settings={"temperatures_k": [300.0, 1500.0], "chains": 2, "labels": 12, "walk": WALK} | how, xtb={}, seed=0,
        store=store or folder / "store", sample=sample,
    )  # fmt: skip
    table = pd.read_csv(folder / f"{walker}_{number}.csv")
    assert list(table) == list(ROUND_COLUMNS)
    return table.iloc[0]


def test_what_was_learned_from_is_known_afterwards(folder):
    runs = [folder / "one.extxyz", folder / "other.extxyz"]
    train_linear(runs, folder / "linear_0.npz", study="tests")
    first = _round(folder, "linear_0.npz", "linear", 1, [])
    assert first["outside_share"] > 0.2
    assert first["labelled"] == 12
    found = read_frames(folder / "linear_1.extxyz")
    assert {atoms.info["run"] for atoms in found} == {"expansion_linear_1"}
    assert all("forces_ev_angstrom" in atoms.arrays for atoms in found)
    again = (folder / "linear_1.extxyz").read_bytes()
    _round(folder, "linear_0.npz", "linear", 1, [])  # from the store
    assert (folder / "linear_1.extxyz").read_bytes() == again
    train_linear([*runs, folder / "linear_1.extxyz"], folder / "linear_1.npz", study="tests")
    second = _round(folder, "linear_1.npz", "linear", 2, [folder / "linear_1.extxyz"])
    assert second["known_frames"] == 32 + 12
    sample = {"frames": 10, "spacing": "even"}  # of each run of dynamics; what was collected is learned whole
    train_linear(runs, folder / "few.npz", study="tests", sample=sample, collected=[folder / "linear_1.extxyz"])
    assert LinearPotential.load(folder / "few.npz").header["frames"] == 20 + 12
    few = _round(
        folder, "few.npz", "linear", 3, [folder / "linear_1.extxyz"], sample=sample, temperatures_k=[1.0], chains=1
    )
    assert few["known_frames"] == 20 + 12
    assert second["energy_rmse_ev"] < first["energy_rmse_ev"]
    summarise_walks(
        [], [], folder / "card.csv", study="tests", rounds=[folder / "linear_1.csv", folder / "linear_2.csv"]
    )
    card = pd.read_csv(folder / "card.csv")
    assert set(card["split"]) == {"walk after 0 rounds", "walk after 1 rounds"}
    assert set(card["quantity"]) == {"outside_share", "broken_share", "energy_rmse"}


def test_a_walk_that_stays_inside_collects_nothing(folder):
    train_emlm([folder / "one.extxyz", folder / "other.extxyz"], folder / "emlm_0.npz", study="tests")
    told = _round(
        folder,
        "emlm_0.npz",
        "emlm",
        1,
        [],
        temperatures_k=[1.0],
        chains=1,
        walk=WALK | {"step_angstrom": 0.001, "turn_degree": 1},
    )
    assert (told["outside_share"], told["labelled"], told["broken_share"]) == (0, 0, 0)
    assert np.isnan(told["energy_rmse_ev"])
    assert read_frames(folder / "emlm_1.extxyz") == []


def _walks_in(store) -> dict[str, list[Atoms]]:
    return {path.stem: read_walk(path) for path in (store / "walks").glob("*.extxyz")}


def test_one_structure_is_walked_on_as_ever(folder, tmp_path):
    """The walk's name in the store, from which rounds of before go on."""
    runs = [folder / "one.extxyz", folder / "other.extxyz"]
    train_linear(runs, tmp_path / "linear_0.npz", study="tests")
    _round(folder, tmp_path / "linear_0.npz", "linear", 1, [], labels=1, store=tmp_path)
    starts = [read_frames(path)[0] for path in (*runs, *runs)]
    plan = WalkSettings((300.0, 300.0, 1500.0, 1500.0), **WALK, seed=1)
    identity = digest("linear", content_digest(tmp_path / "linear_0.npz"))
    name = digest(f"{WALK_VERSION} {identity}", str(plan), *(atoms.positions.tobytes() for atoms in starts))
    assert list(_walks_in(tmp_path)) == [name]


def test_different_structures_are_walked_on_each_by_itself(folder, tmp_path):
    """The same rings with their atoms in another order, and a run that has no blocks to move."""
    one, turned = read_frames(folder / "one.extxyz"), []
    for atoms in read_frames(folder / "other.extxyz"):
        turned.append(atoms[::-1])
        turned[-1].info |= {"structure": "turned", "run": "turned"}
    loose = one[0] + Atoms("H", [[0, 0, 9]])
    loose.info |= {"run": "loose"}
    for name, frames in (("one", one), ("turned", turned), ("loose", [loose])):
        write_frames(tmp_path / f"{name}.extxyz", frames)
    train_linear([tmp_path / "one.extxyz", tmp_path / "turned.extxyz"], tmp_path / "linear_0.npz", study="tests")
    how = {"training": ("one", "turned", "loose"), "store": tmp_path, "temperatures_k": [1500.0]}
    told = _round(tmp_path, "linear_0.npz", "linear", 1, [], chains=3, walk=WALK | {"step_angstrom": 0.02}, **how)
    assert (told["chains"], told["frames"], told["broken_share"]) == (3, 3 * 4, 0)
    walks = {tuple(frames[0].symbols): frames for frames in _walks_in(tmp_path).values()}
    chains = {symbols: len({atoms.info["chain"] for atoms in frames}) for symbols, frames in walks.items()}
    assert chains == {tuple(one[0].symbols): 2, tuple(turned[0].symbols): 1}
    labelled = read_frames(tmp_path / "linear_1.extxyz")
    assert {tuple(atoms.symbols): atoms.info["structure"] for atoms in labelled} == {
        tuple(one[0].symbols): "ring", tuple(turned[0].symbols): "turned",
    }  # fmt: skip
    assert len({atoms.info["name"] for atoms in labelled}) == len(labelled)
    fewest = _round(tmp_path, "linear_0.npz", "linear", 1, [], chains=1, labels=1, **how)
    assert fewest["chains"] == 2
    with pytest.raises(InputError, match="no training run has frames that can be walked on"):
        _round(tmp_path, "linear_0.npz", "linear", 1, [], **how | {"training": ("loose",)})
