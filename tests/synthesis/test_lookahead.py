"""The tree that looks ahead."""

import numpy as np
import pytest
from sklearn.tree import DecisionTreeClassifier

from auric.synthesis.lookahead import grow


@pytest.fixture
def rng():
    return np.random.default_rng(4)


def test_it_finds_what_two_columns_decide_together(rng):
    """No single split of a chessboard separates anything, so a greedy tree is lost on it."""
    values = rng.uniform(size=(3000, 4))
    answers = ((values[:, 1] > 0.5) ^ (values[:, 2] > 0.5)).astype(int)
    tree = grow(values, answers, depth=2, least=20)
    assert (tree.predict(values) == answers).mean() > 0.97
    assert (tree.depth, tree.leaves) == (2, 4)
    greedy = DecisionTreeClassifier(max_depth=2, min_samples_leaf=20, random_state=0).fit(values, answers)
    assert (greedy.predict(values) == answers).mean() < 0.8
    found = {tree.feature: tree.limit, tree.below.feature: tree.below.limit}
    assert found == {1: pytest.approx(0.5, abs=0.02), 2: pytest.approx(0.5, abs=0.02)}


def test_it_errs_no_more_than_a_greedy_one(rng):
    values = rng.normal(size=(1500, 6))
    answers = (values @ rng.normal(size=6) + 0.5 * np.sin(3 * values[:, 0]) > 0.2).astype(int)
    for depth in (1, 2, 3):
        mine = (grow(values, answers, depth=depth, least=15).predict(values) != answers).sum()
        greedy = DecisionTreeClassifier(max_depth=depth, min_samples_leaf=15, random_state=0).fit(values, answers)
        assert mine <= (greedy.predict(values) != answers).sum()


def test_missing_values_lie_above_every_limit(rng):
    values = rng.uniform(size=(400, 1))
    values[::4] = np.nan
    answers = (values[:, 0] < 0.5).astype(int)
    tree = grow(values, answers, depth=2, least=5)
    np.testing.assert_array_equal(tree.predict(values), answers)


def test_whether_a_value_is_missing_is_asked_by_infinity(rng):
    values = rng.uniform(size=(400, 1))
    values[::4] = np.nan
    tree = grow(values, np.isnan(values[:, 0]).astype(int), depth=2, least=5)
    assert (tree.limit, tree.below.share, tree.above.share) == (np.inf, 0, 1)


@pytest.mark.parametrize("answers", [np.zeros(30, dtype=int), np.arange(30) % 2])
def test_nothing_to_ask_is_a_leaf(answers):
    tree = grow(np.ones((30, 3)), answers, depth=4, least=2)
    assert (tree.depth, tree.leaves, tree.feature) == (0, 1, -1)


def test_questions_whose_answers_say_the_same_are_not_asked(rng):
    values = rng.uniform(size=(500, 2))
    tree = grow(values, (rng.uniform(size=500) < 0.02).astype(int), depth=3, least=25)
    assert tree.leaves == 1


def test_a_leaf_has_its_least_examples(rng):
    values = rng.uniform(size=(300, 3))
    tree = grow(values, (values[:, 0] < 0.02).astype(int), depth=3, least=40)

    def sizes(node):
        return [node.examples] if node.below is None else sizes(node.below) + sizes(node.above)

    assert min(sizes(tree)) >= 40
