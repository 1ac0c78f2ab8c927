"""The map of descriptor space: components against other ways to them, signs, and what may not move it."""

import numpy as np
import pandas as pd
import pytest
from ase import Atoms
from sklearn.decomposition import PCA
from sklearn.metrics import pairwise_distances
from sklearn.preprocessing import MinMaxScaler

from auric.descriptors import MBTR_SECOND, Mbtr
from auric.errors import InputError
from auric.files import read_frames, write_frames
from auric.potential import descriptor_map, principal_components
from auric.potential.chart import MAP_COLUMNS
from auric.structures import build_ring


def _features(seed: int = 0, count: int = 60) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(count, 4)) @ np.diag([3.0, 2.0, 0.5, 0.1]) @ rng.normal(size=(4, 7)) + 5


def test_components_are_eigenvectors_of_the_covariance():
    features = _features()
    found = principal_components(features, 3)
    covariance = np.cov(features.T)
    values = np.linalg.eigvalsh(covariance)[::-1]
    np.testing.assert_allclose(found.shares, values[:3] / values.sum())
    np.testing.assert_allclose(covariance @ found.axes.T, found.axes.T * values[:3], atol=1e-10)
    np.testing.assert_allclose(found.axes @ found.axes.T, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(np.var(found.scores(features), axis=0, ddof=1), values[:3])


def test_signs_do_not_depend_on_the_order_of_frames_or_on_rounding():
    features = _features()
    order = np.random.default_rng(1).permutation(len(features))
    first, second = principal_components(features), principal_components(features[order])
    np.testing.assert_allclose(first.axes, second.axes, atol=1e-12)
    assert (first.axes[[0, 1], np.abs(first.axes).argmax(axis=1)] > 0).all()
    # Two entries of equal size and opposite sign: the first of them is positive, whichever rounding makes the larger.
    for nudge in (-1e-9, 1e-9):
        pair = np.array([[1.0, -1.0 + nudge, 0], [-1.0, 1.0 - nudge, 0], [0, 0, 0.1], [0, 0, -0.1]])
        np.testing.assert_allclose(principal_components(pair).axes[0], [0.5**0.5, -(0.5**0.5), 0], atol=1e-8)


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (np.full((5, 3), np.nan), "not all finite"),
        (_features(count=2), "span fewer than 2 directions"),
        (_features()[:, :1], "span fewer than 2 directions"),
        (np.ones((5, 3)), "all 5 frames are the same"),
    ],
)
def test_data_that_span_no_plane_are_refused(features, message):
    with pytest.raises(InputError, match=message):
        principal_components(features)


def _run(path: str, name: str, seed: int, frames: int, *, hot: bool = False) -> str:
    rng = np.random.default_rng(seed)
    made = []
    for step in range(frames):
        atoms = build_ring(3)
        atoms.positions += rng.normal(0, 0.15 if hot else 0.05, atoms.positions.shape)
        atoms.info = {"name": f"{name}_{step}", "structure": "au3_sh3", "system": "tiny", "run": name, "step": step,
                      "energy_ev": float(step)}  # fmt: skip
        if hot:
            atoms.info["temperature_k"] = 600.0 + step
        made.append(atoms)
    write_frames(path, made)
    return path


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("runs")
    return {
        "training": _run(f"{folder}/training.extxyz", "training", 1, 30),
        "test": _run(f"{folder}/test.extxyz", "test", 2, 10),
        "hot": _run(f"{folder}/hot.extxyz", "hot", 3, 10, hot=True),
    }


def _map(tmp_path, training: list[str], tests: list[str]) -> pd.DataFrame:
    descriptor_map(training, tests, tmp_path / "map.csv")
    return pd.read_csv(tmp_path / "map.csv")


def test_the_map_is_that_of_other_libraries_up_to_signs(tmp_path, runs):
    table = _map(tmp_path, [runs["training"]], [runs["test"]])
    assert tuple(table.columns) == MAP_COLUMNS
    assert table["role"].tolist() == ["train"] * 30 + ["test"] * 10
    assert set(table["formula"]) == {"Au3H3S3"}
    maker = Mbtr(["Au", "S", "H"])
    learned, unseen = (maker.describe_all(read_frames(runs[name])) for name in ("training", "test"))
    learned, unseen = (part[:, np.ptp(learned, axis=0) > 1e-6 * np.abs(learned).max()] for part in (learned, unseen))
    scaler = MinMaxScaler().fit(learned)
    other = PCA(2, svd_solver="full").fit(scaler.transform(learned))
    expected = other.transform(scaler.transform(np.concatenate([learned, unseen])))
    np.testing.assert_allclose(np.abs(table[["pc1", "pc2"]]), np.abs(expected), atol=1e-7)
    np.testing.assert_allclose(table[["pc1_share", "pc2_share"]].iloc[-1], other.explained_variance_ratio_, rtol=1e-8)


def test_test_frames_move_nothing_and_may_be_turned(tmp_path, runs):
    table = _map(tmp_path, [runs["training"]], [runs["test"]])
    turned = read_frames(runs["test"])
    for atoms in turned:
        atoms.rotate(40, (1, 2, 3))
        atoms.positions += [3, -2, 1]
    write_frames(tmp_path / "turned.extxyz", turned)
    more = _map(tmp_path, [runs["training"]], [str(tmp_path / "turned.extxyz"), runs["hot"]])
    pd.testing.assert_frame_equal(more.iloc[:40], table, atol=1e-5, check_dtype=False)  # positions have eight decimals
    hot = more[more["run"] == "hot"]
    assert hot["temperature_k"].tolist() == [600.0 + step for step in range(10)]
    assert table["temperature_k"].isna().all()
    # A hotter run reaches further than the training did.
    spread = {run: np.hypot(*part[["pc1", "pc2"]].to_numpy().T).mean() for run, part in more.groupby("run")}
    assert spread["hot"] > 1.5 * spread["training"]


def test_a_frame_seen_in_training_is_placed_where_it_was(tmp_path, runs):
    table = _map(tmp_path, [runs["training"]], [runs["training"]])
    np.testing.assert_array_equal(table[["pc1", "pc2"]].to_numpy()[:30], table[["pc1", "pc2"]].to_numpy()[30:])
    again = _map(tmp_path, [runs["training"]], [runs["training"]])
    pd.testing.assert_frame_equal(again, table, check_exact=True)


def test_frames_unlike_all_training_are_outside(tmp_path, runs):
    """Told by distances to nearest training frames, here those of scikit-learn, across pieces of runs."""
    hot = _run(str(tmp_path / "hot.extxyz"), "hot", 5, 12, hot=True)
    swollen = read_frames(runs["training"])[3].copy()
    swollen.positions *= 1.3
    swollen.info["run"] = "swollen"
    write_frames(tmp_path / "swollen.extxyz", [swollen])
    table = _map(tmp_path, [runs["training"]], [hot, str(tmp_path / "swollen.extxyz"), runs["training"]])
    assert not table.loc[table["role"] == "train", "outside"].any()
    assert table.loc[table["run"] == "swollen", "outside"].tolist() == [1]
    frames, asked = read_frames(runs["training"]), read_frames(hot)
    maker = Mbtr(sorted(set(frames[0].symbols)), MBTR_SECOND)
    scaler = MinMaxScaler().fit(maker.describe_all(frames))
    learned, theirs = (scaler.transform(maker.describe_all(each)) for each in (frames, asked))
    pieces = np.repeat(np.arange(8), [len(part) for part in np.array_split(frames, 8)])
    apart = pairwise_distances(learned)
    apart[pieces[:, None] == pieces] = np.inf
    expected = pairwise_distances(theirs, learned).min(axis=1) > np.quantile(apart.min(axis=1), 0.99)
    assert table.loc[table["run"] == "hot", "outside"].astype(bool).tolist() == expected.tolist()


def test_no_frames_are_refused_and_so_is_an_element_never_seen(tmp_path, runs):
    write_frames(tmp_path / "none.extxyz", [])
    with pytest.raises(InputError, match="no test frames"):
        _map(tmp_path, [runs["training"]], [str(tmp_path / "none.extxyz")])
    stranger = Atoms("AuCu", [[0, 0, 0], [0, 0, 2.5]], info={"name": "x", "run": "x", "step": 0, "energy_ev": 0.0})
    write_frames(tmp_path / "stranger.extxyz", [stranger])
    with pytest.raises(InputError, match="Cu"):
        _map(tmp_path, [runs["training"]], [str(tmp_path / "stranger.extxyz")])
