"""Distances, reference points, EMLM and MLM."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.kernel_ridge import KernelRidge
from sklearn.utils.estimator_checks import check_estimator

from auric.errors import InputError
from auric.potential import (
    DistancesTo,
    Emlm,
    FeaturesError,
    Mlm,
    distance_blocks,
    multilaterate,
    select_references,
)
from auric.potential import distance_solver as solver
from auric.potential.distances import distances

ULPS = 1e-11
"""Five units in the last place of a number near 1e4, where the targets lie."""


def smooth(points):
    return np.sin(3 * points).sum(axis=1) + points[:, 0] * points[:, -1]


@pytest.fixture
def data(rng):
    points = rng.random((300, 6))
    return points, smooth(points) - 1e4


# Distances


def test_distances_are_those_of_scipy_far_from_the_origin_and_for_near_points(rng):
    points = rng.random((400, 300)) + 1e3
    points[5] = points[4]
    points[7] = points[6] + 1e-4 * rng.random(300)
    found, expected = distances(points, points), cdist(points, points)
    assert (np.diag(found) == 0).all()
    assert found[4, 5] == 0
    other = expected > 0
    assert np.abs(found[other] / expected[other] - 1).max() < 1e-10


def test_distances_in_blocks_agree_and_take_float32(rng):
    points, references = rng.random((50, 7)).astype(np.float32), rng.random((20, 7)).astype(np.float32)
    parts = list(distance_blocks(points, references, memory_mib=20 * 34 / 2**17))
    assert [rows.start for rows, _ in parts] == list(range(0, 50, 20))
    expected = cdist(points.astype(float), references.astype(float))
    assert np.allclose(np.concatenate([part for _, part in parts]), expected, rtol=1e-12, atol=0)


def test_products_in_the_space_of_the_references_lose_the_product_of_residuals_only(rng):
    references = rng.random((60, 5)) @ rng.random((5, 40)) + 1e-7 * rng.random((60, 40))
    points = np.concatenate([references[:3], rng.random((4, 40))])
    exact, other = DistancesTo(references), DistancesTo(references)
    other.project(np.linalg.svd(references - references.mean(axis=0))[2][:5])
    outside, least = other.residual(points), other.residual(references)
    assert least.max() < 1e-5 < outside.max()
    assert (np.abs(other(points) ** 2 - exact(points) ** 2) <= 2 * np.outer(outside, least) + 1e-13).all()
    assert np.array_equal(other(points, exact=True), exact(points))
    with pytest.raises(FeaturesError, match="no basis"):
        exact.residual(points)


def test_wrong_shapes_are_refused():
    with pytest.raises(FeaturesError, match=r"references of shape \(3,\)"):
        DistancesTo(np.zeros(3))
    with pytest.raises(ValueError, match="2 features where the references have 3"):
        DistancesTo(np.zeros((4, 3)))(np.zeros((1, 2)))


# Reference points


def plain_maximin(points, count):
    chosen = [int(np.argmin(np.linalg.norm(points - points.mean(axis=0), axis=1)))]
    nearest = np.linalg.norm(points - points[chosen[0]], axis=1)
    while len(chosen) < count:
        chosen.append(int(nearest.argmax()))
        nearest = np.minimum(nearest, np.linalg.norm(points - points[chosen[-1]], axis=1))
    return chosen


@pytest.mark.parametrize("batch", [1, 40, 5000])
def test_maximin_is_the_plain_loop_whatever_the_batch(rng, batch):
    points = rng.normal(size=(800, 9)) * np.linspace(0.1, 1, 9)
    assert select_references(points, 60, batch=batch).tolist() == plain_maximin(points, 60)


def test_maximin_reads_a_memory_map_and_repeats_itself(rng, tmp_path):
    np.save(tmp_path / "points.npy", rng.random((500, 12)).astype(np.float32))
    mapped = np.load(tmp_path / "points.npy", mmap_mode="r")
    found = select_references(mapped, 30, batch=64)
    assert found.tolist() == plain_maximin(np.array(mapped, dtype=float), 30)
    starts = {int(select_references(mapped, 5, start="random", seed=seed)[0]) for seed in range(8)}
    assert len(starts) > 4
    again = [select_references(mapped, 20, start="random", seed=3) for _ in range(2)]
    assert np.array_equal(*again)
    assert select_references(mapped, "all").tolist() == list(range(500))


def test_references_that_cannot_be_chosen(rng):
    points = np.repeat(rng.random((4, 3)), 5, axis=0)
    assert len(select_references(points, 4)) == 4
    with pytest.raises(InputError, match="5 references from 4 distinct points"):
        select_references(points, 5)
    with pytest.raises(InputError, match="21 references from 20 points"):
        select_references(points, 21)
    for count in (0, 2.5, "some", True):
        with pytest.raises(InputError, match="give a number of at least 1, or 'all'"):
            select_references(points, count)
    with pytest.raises(InputError, match=r"unknown start 'meen'.*mean"):
        select_references(points, 2, start="meen")
    points[7, 1] = np.nan
    for count in (2, "all"):
        with pytest.raises(InputError, match="feature 2 of point 8 is not finite"):
            select_references(points, count)
    with pytest.raises(InputError, match="references 'True'"):
        Emlm(references=True).fit(np.eye(3), np.arange(3.0))


# EMLM


@pytest.mark.parametrize("model", [Emlm(), Emlm(scale="none"), Emlm(references=10), Mlm(), Mlm(references=10)])
@pytest.mark.filterwarnings("ignore")
def test_scikit_learn_conventions(model):
    """All of its checks; the one on array API input is skipped by scikit-learn itself unless SCIPY_ARRAY_API is set."""
    results = check_estimator(model, on_fail=None, on_skip=None)
    assert {r["check_name"]: r["exception"] for r in results if r["status"] == "failed"} == {}
    assert {r["check_name"] for r in results if r["status"] == "skipped"} <= {"check_array_api_input"}


@pytest.mark.parametrize("references", [40, "all"])
@pytest.mark.parametrize("penalty", [1e-3, 1.0])
def test_emlm_is_kernel_ridge_with_the_product_of_distances_as_kernel(data, rng, references, penalty):
    points, targets = data
    model = Emlm(references=references, penalty=penalty, scale="none").fit(points, targets)
    chosen = points[model.reference_indices_]
    d = cdist(points, chosen)
    oracle = KernelRidge(alpha=len(points) * penalty / len(chosen), kernel="precomputed")
    oracle.fit(d @ d.T, targets - targets.mean())
    new = rng.random((50, 6))
    expected = targets.mean() + oracle.predict(cdist(new, chosen) @ d.T)
    assert np.abs(model.predict(new) - expected).max() < 1e-7


@pytest.mark.parametrize("coincide", [False, True])
@pytest.mark.parametrize("ridge", [1.2e-4, 1e-2, 1.0])
def test_weights_minimise_the_objective_also_where_points_coincide(rng, monkeypatch, ridge, coincide):
    monkeypatch.setattr(solver, "WIDTH", 60)
    points = rng.random((250, 20))
    if coincide:
        points[10:60] = points[60:110]
    d, y = cdist(points, points), np.stack([smooth(points), points[:, 1]], axis=1)
    left, singular, right = np.linalg.svd(np.vstack([d, ridge * np.eye(250)]), full_matrices=False)
    expected = right.T @ (left[:250].T @ y / singular[:, None])
    blocks = [(d[at : at + 80], y[at : at + 80]) for at in range(0, 250, 80)]
    for weights, condition in (
        solver.solve_all(DistancesTo(points), y, ridge, 0.5),
        solver.solve_rows(blocks, 250, ridge),
    ):
        assert np.abs(weights - expected).max() < 2e-9 * np.abs(expected).max()
        assert 0.7 < condition / (singular[0] / singular[-1]) < 1.001
        gradient = d.T @ (d @ weights - y) + ridge**2 * weights
        assert np.linalg.norm(gradient) < 1e-11 * np.linalg.norm(d.T @ y)


def test_a_huge_penalty_goes_by_rows(data):
    points, targets = data
    assert solver.solve_all(DistancesTo(points), targets[:, None], 1e3, 1.0) is None
    model = Emlm(penalty=1e9, scale="none").fit(points, targets)
    d = cdist(points, points)
    expected = np.linalg.solve(d.T @ d + 1e9 * np.eye(300), d.T @ (targets - targets.mean()))
    assert np.allclose(model.weights_[:, 0], expected, rtol=1e-10, atol=0)


def test_all_references_go_through_the_training_points(data):
    points, targets = data
    model = Emlm(penalty=0.0).fit(points, targets)
    assert np.abs(model.predict(points) - targets).max() < 1e-9
    assert np.abs(Emlm().fit(points, targets).predict(points) - targets).max() < 1e-4
    assert model.condition_ > 10


def test_references_by_number_and_by_index_agree_and_batches_too(data, rng):
    points, targets = data
    many = np.stack([targets, points[:, 0]], axis=1)
    model = Emlm(references=30).fit(points, many)
    again = Emlm(references=model.reference_indices_, memory_mib=0.01).fit(points, many)
    new = rng.random((70, 6))
    single = np.concatenate([again.predict(new[i : i + 1]) for i in range(70)])
    # The second output lies between 0 and 1, and has no last places of 1e4 to lose.
    for column, close in ((0, ULPS), (1, 1e-13)):
        assert np.allclose(again.predict(new)[:, column], model.predict(new)[:, column], rtol=0, atol=close)
        assert np.allclose(single[:, column], again.predict(new)[:, column], rtol=0, atol=close)
    assert again.gradient(new).shape == (70, 2, 6)


@pytest.mark.parametrize("scale", ["min-max", "none"])
def test_gradient_against_differences_and_at_a_reference(data, rng, scale):
    points, targets = data
    points = np.hstack([points * 5 + 2, np.ones((300, 1))])
    model = Emlm(references=50, scale=scale).fit(points, targets)
    new, step = 2 + 5 * rng.random((5, 7)), 1e-5
    slopes = model.gradient(new)
    for feature in range(6):
        moved = np.zeros(7)
        moved[feature] = step
        difference = (model.predict(new + moved) - model.predict(new - moved)) / (2 * step)
        assert np.abs(slopes[:, feature] - difference).max() < 1e-6
    if scale == "min-max":
        assert (slopes[:, 6] == 0).all()
    # At a reference its own term is left out: the mean of the slopes on both sides.
    at = points[model.reference_indices_[0]]
    direction = rng.normal(size=7) * np.array([1, 1, 1, 1, 1, 1, 0]) * 1e-5
    both = (model.predict([at + direction]) - model.predict([at - direction])) / 2
    assert model.gradient([at])[0] @ direction == pytest.approx(both[0], abs=1e-9)


def test_compression_changes_nothing_and_knows_when_it_may_not_be_used(rng, monkeypatch):
    hidden = rng.random((400, 5))
    mixing = rng.random((5, 60))
    points = hidden @ mixing + 1e-9 * rng.random((400, 60))
    targets = smooth(hidden) - 1e4
    model = Emlm(scale="none").fit(points, targets)
    inside = rng.random((40, 5)) @ mixing + 1e-9 * rng.random((40, 60))
    outside = inside + rng.random((40, 60))
    before = model.predict(inside), model.predict(outside)
    model.compress()
    assert len(model.to_references_.basis) < 20
    exact, asked = DistancesTo.__call__, []

    def spy(self, given, count=None, exact=False, call=exact):
        asked.append((len(given), exact))
        return call(self, given, count, exact)

    monkeypatch.setattr(DistancesTo, "__call__", spy)
    assert np.abs(model.predict(inside) - before[0]).max() < 1e-9
    assert asked == [(40, False)]
    assert np.abs(model.predict(outside) - before[1]).max() < 1e-9
    assert asked[1:] == [(40, False), (40, True)]  # beyond the bound: from all features
    with pytest.raises(InputError, match="tolerance 0"):
        model.compress(0)


def test_bad_input_is_refused_in_one_line(data, rng):
    points, targets = data
    spoilt = points.copy()
    spoilt[3, 2] = np.nan
    model = Emlm(references=20).fit(points, targets)
    for call in (lambda: Emlm().fit(spoilt, targets), lambda: model.predict(spoilt)):
        with pytest.raises(InputError, match="NaN") as caught:
            call()
        assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="5 features"):
        model.predict(points[:, :5])
    with pytest.raises(InputError, match="301 references from 300 points"):
        Emlm(references=301).fit(points, targets)
    with pytest.raises(InputError, match="1 sample"):
        Emlm().fit(points[:1], targets[:1])
    with pytest.raises(InputError, match="all points coincide"):
        Emlm().fit(np.repeat(points[:1], 5, axis=0), targets[:5])
    for settings, words in (
        ({"penalty": -1.0}, "penalty -1"), ({"penalty": np.nan}, "penalty nan"), ({"scale": "minmax"}, r"'minmax'.*min-max"),
        ({"memory_mib": 0}, "memory_mib 0"), ({"references": "most"}, "'most'"), ({"references": [0, 0]}, "each once"),
        ({"references": [0, 300]}, "beyond the 300"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=words):
            Emlm(**settings).fit(points, targets)


def test_points_that_coincide_and_constant_targets(data):
    points, targets = data
    twice, both = np.concatenate([points, points]), np.concatenate([targets, targets])
    assert np.allclose(Emlm().fit(twice, both).predict(points), targets, rtol=0, atol=1e-7)
    with pytest.raises(InputError, match="points coincide"):
        Emlm(penalty=0.0).fit(twice, both)
    with pytest.raises(InputError, match="references coincide"):
        Emlm(penalty=0.0, references=[0, 1, 300]).fit(twice, both)
    for model in (Emlm(), Emlm(references=20), Mlm(references=20)):
        model.fit(points, np.full(300, -7.5))
        assert np.allclose(model.predict(points + 0.01), -7.5, rtol=0, atol=1e-12)
    compressed = Emlm().fit(points, np.full(300, -7.5)).compress()
    assert np.allclose(compressed.predict(points), -7.5, rtol=0, atol=1e-12)


# MLM


@pytest.mark.parametrize("offset", [0.0, 1e5])
def test_multilateration_against_a_brute_force_minimiser(rng, offset):
    for trial in range(60):
        t = rng.normal(size=rng.integers(2, 30)) * 10.0 ** rng.integers(-1, 3) + offset
        noise = rng.normal(size=len(t)) * [0, 0.1, 2][trial % 3] * t.std()
        squares = (np.abs(t[0] - t) + noise) ** 2

        def objective(y, t=t, squares=squares):
            return (((np.asarray(y)[..., None] - t) ** 2 - squares) ** 2).sum(axis=-1)

        reach = np.sqrt(squares.max())
        grid = np.linspace(t.min() - reach, t.max() + reach, 4001)
        values = objective(grid)
        best, step = grid[values.argmin()], grid[1] - grid[0]
        fine = np.linspace(best - step, best + step, 4001)
        found = multilaterate(squares[None], t)[0]
        assert objective(found) <= objective(fine).min() + 1e-12 * values[0]
        slope = (4 * (found - t) * ((found - t) ** 2 - squares)).sum()
        assert abs(slope) < 1e-9 * values[0] / reach


def test_multilateration_of_many_is_one_at_a_time_and_handles_degenerate_cases(rng):
    t, squares = rng.normal(size=12), rng.random((30, 12))
    single = [multilaterate(row[None], t)[0] for row in squares]
    assert np.allclose(multilaterate(squares, t), single, rtol=0, atol=1e-14)
    assert multilaterate(np.array([[0.0, 0.0]]), np.array([2.0, 2.0]))[0] == 2
    assert multilaterate(np.array([[4.0]]), np.array([1.0]))[0] == 3  # of 3 and -1, equally good, the larger
    assert multilaterate(np.array([[9.0, 1.0, 1.0]]), np.array([0.0, 2.0, 4.0]))[0] == pytest.approx(3)


def test_mlm_learns_and_goes_through_its_references(data, rng):
    points, targets = data
    model = Mlm(penalty=0.0).fit(points, targets)
    assert np.abs(model.predict(points) - targets).max() < 1e-6
    d = cdist(*[model.scaler_.transform(points)] * 2)
    expected = np.linalg.solve(d, np.abs(targets[:, None] - targets))
    assert np.abs(model.weights_ - expected).max() < 1e-8 * np.abs(expected).max()
    new = rng.random((200, 6))
    some = Mlm(references=100).fit(points, targets)
    assert np.std(some.predict(new) - smooth(new) + 1e4) < 0.3 * smooth(new).std()


@pytest.mark.parametrize("references", [30, "all"])
def test_mlm_of_many_is_one_at_a_time(data, rng, references):
    points, targets = data
    model = Mlm(references=references).fit(points, targets)
    new = rng.random((70, 6))
    single = np.concatenate([model.predict(new[i : i + 1]) for i in range(70)])
    assert np.allclose(single, model.predict(new), rtol=0, atol=ULPS)
    blocks = Mlm(references=references, memory_mib=0.01).fit(points, targets)
    assert np.allclose(blocks.predict(new), model.predict(new), rtol=0, atol=ULPS)
