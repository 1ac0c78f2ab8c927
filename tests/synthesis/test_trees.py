"""The mean over all trees: against trees written out one by one, and its limits."""

import itertools
import math

import numpy as np
import pytest

from auric.errors import InputError
from auric.synthesis import trees
from auric.synthesis.trees import LEAF, SPLIT, SPLIT_DECAY, TreeAverage

VALUES = np.array(
    [
        [0.0, 1.0, 5.0],
        [0.0, 2.0, 5.0],
        [1.0, 3.0, 5.0],
        [1.0, 1.0, 5.0],
        [1.0, 2.0, 5.0],
        [0.0, 3.0, 5.0],
        [0.0, 3.0, 5.0],
    ]
)
OUTCOMES = np.array([1, 1, 0, 0, 1, 0, 1])
GROUPS = np.array([0, 1, 2])
NEW = np.array([[0.0, 1.4, 5.0], [1.0, 9.0, 4.0], [0.2, 2.6, 6.0]])


def evidence(failures: int, successes: int) -> float:
    return math.exp(
        math.lgamma(LEAF + failures) + math.lgamma(LEAF + successes) - math.lgamma(2 * LEAF + failures + successes)
        - 2 * math.lgamma(LEAF) + math.lgamma(2 * LEAF)
    )  # fmt: skip


def written_out(records: list[int], depth: int, levels: int) -> list[tuple[float, object]]:
    """Every tree of some records with its prior times its evidence; a tree is a probability, or (column, limit, below, above)."""
    ones = int(OUTCOMES[records].sum())
    share = evidence(len(records) - ones, ones)
    leaf = (ones + LEAF) / (len(records) + 2 * LEAF)
    cuts = [(0, 0.5, 1 / 2), (1, 1.5, 1 / 4), (1, 2.5, 1 / 4)]
    possible = []
    for column, limit, weight in cuts:
        below = [each for each in records if VALUES[each, column] < limit]
        above = [each for each in records if VALUES[each, column] >= limit]
        if below and above and 0 < ones < len(records):
            possible.append((column, limit, weight, below, above))
    if depth == levels or not possible:
        return [(share, leaf)]
    chance = SPLIT * (1 + depth) ** -SPLIT_DECAY
    whole = sum(each[2] for each in possible)
    found: list[tuple[float, object]] = [((1 - chance) * share, leaf)]
    for column, limit, weight, below, above in possible:
        parts = itertools.product(written_out(below, depth + 1, levels), written_out(above, depth + 1, levels))
        found += [(chance * weight / whole * a[0] * b[0], (column, limit, a[1], b[1])) for a, b in parts]
    return found


def told(tree: object, recipe: np.ndarray) -> float:
    while isinstance(tree, tuple):
        column, limit, below, above = tree
        tree = below if recipe[column] < limit else above
    assert isinstance(tree, float)
    return tree


@pytest.mark.parametrize("levels", [1, 2, 3, 4])
def test_it_is_the_mean_over_all_trees_written_out(levels):
    every = written_out(list(range(len(OUTCOMES))), 0, levels)
    weight = np.array([each for each, _ in every])
    expected = [sum(w * told(tree, recipe) for w, tree in every) / weight.sum() for recipe in NEW]
    found = TreeAverage(GROUPS, levels).fit(VALUES, OUTCOMES).predict_proba(NEW)
    np.testing.assert_allclose(found[:, 1], expected, rtol=1e-12)
    np.testing.assert_allclose(found.sum(1), 1)


def test_columns_that_agree_in_training_share_what_they_say_of_others():
    values = np.array([[0.0, 0.0], [0.0, 0.0], [1.0, 1.0], [1.0, 1.0]] * 4)
    outcomes = np.array([0, 0, 1, 1] * 4)
    model = TreeAverage(np.array([0, 1])).fit(values, outcomes)
    low, high, torn = model.predict_proba(np.array([[0.0, 0.0], [1.0, 1.0], [0.0, 1.0]]))[:, 1]
    assert low < 0.1
    assert high > 0.9
    assert torn == pytest.approx((low + high) / 2)


def test_a_turned_column_changes_nothing():
    rng = np.random.default_rng(3)
    values, outcomes = rng.normal(size=(30, 4)), rng.integers(2, size=30)
    groups = np.arange(4)
    plain = TreeAverage(groups).fit(values, outcomes).predict_proba(values)
    turned = TreeAverage(groups).fit(-values, outcomes).predict_proba(-values)
    np.testing.assert_allclose(plain, turned, rtol=1e-10)


@pytest.mark.parametrize("outcomes", [np.ones(6, dtype=int), np.zeros(6, dtype=int)])
def test_one_outcome_is_a_single_leaf(outcomes):
    found = TreeAverage(np.arange(2)).fit(np.arange(12.0).reshape(6, 2), outcomes).predict_proba(np.zeros((3, 2)))
    np.testing.assert_allclose(found[:, 1], (outcomes.sum() + LEAF) / (6 + 2 * LEAF))


def test_nothing_varies_and_nothing_is_asked():
    model = TreeAverage(np.arange(2)).fit(np.ones((4, 2)), np.array([0, 1, 1, 1]))
    np.testing.assert_allclose(model.predict_proba(np.zeros((2, 2)))[:, 1], (3 + LEAF) / (4 + 2 * LEAF))
    assert model.predict_proba(np.empty((0, 2))).shape == (0, 2)


def test_many_limits_and_as_many_records_as_it_takes():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(2000, 12))
    outcomes = (values[:, 0] > 0.3).astype(int)
    model = TreeAverage(np.arange(12)).fit(values, outcomes)
    assert model.splits_.kind.max() < trees.KINDS
    new = rng.normal(size=(500, 12))
    right = (model.predict_proba(new)[:, 1] > 0.5) == (new[:, 0] > 0.3)
    assert right.mean() > 0.95
    assert np.isfinite(model.predict_proba(new)).all()
    with pytest.raises(InputError, match=f"at most {trees.MOST} records, here are {trees.MOST + 1}"):
        TreeAverage(np.arange(12)).fit(np.zeros((trees.MOST + 1, 12)), np.zeros(trees.MOST + 1))
