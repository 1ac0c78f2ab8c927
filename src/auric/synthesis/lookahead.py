"""A small decision tree that looks ahead: at each node the split is taken after which greedy trees err least, not the one that separates best at once.

Greedy trees of four levels waste a level where what decides is decided by two conditions together; looking ahead to the end costs some
hundreds of greedy trees, a few seconds for ten thousand examples. Splits are sought over quantiles of each column, then closer around the best.
"""

from dataclasses import dataclass
from typing import Optional

import numpy as np
from sklearn.tree import DecisionTreeClassifier

COARSE, FINE = 10, 9
"""Limits of a column that are tried, then those about the best one."""
MISSING = float(np.finfo(np.float32).max)
"""Stands for a missing value while a tree grows."""


@dataclass
class Node:
    """A node; a leaf has no feature.

    Attributes:
        share: Of successes among its examples.
        examples: How many.
        feature: Column that it asks for, -1 for a leaf.
        limit: At most this: `below`, more or missing: `above`; infinity where all that is known is below.
        below, above: Its children.
    """

    share: float
    examples: int
    feature: int = -1
    limit: float = np.nan
    below: Optional["Node"] = None
    above: Optional["Node"] = None

    @property
    def depth(self) -> int:
        """Splits on the longest way to a leaf."""
        return 1 + max(self.below.depth, self.above.depth) if self.below and self.above else 0

    @property
    def leaves(self) -> int:
        """Number of leaves."""
        return self.below.leaves + self.above.leaves if self.below and self.above else 1

    def predict(self, values: np.ndarray) -> np.ndarray:
        """0 or 1 for each row of values, shape (n, columns), NaN where missing; returns shape (n,)."""
        if not (self.below and self.above):
            return np.full(len(values), int(self.share > 0.5))
        under = values[:, self.feature] <= self.limit
        return np.where(under, self.below.predict(values), self.above.predict(values))


def grow(values: np.ndarray, answers: np.ndarray, *, depth: int, least: int) -> Node:
    """Grow a tree.

    Args:
        values: Shape (n, columns); missing is NaN and counts as above every limit, also that of infinity, which asks for just this.
        answers: 0 or 1, shape (n,).
        depth: Most splits in a row.
        least: Fewest examples in a leaf.
    """
    known = np.where(np.isnan(values), MISSING, values)
    return _grow(known, np.asarray(answers, dtype=int), depth, least)


def _grow(values: np.ndarray, answers: np.ndarray, depth: int, least: int) -> Node:
    node = Node(float(answers.mean()), len(answers))
    if depth == 0 or len(set(answers)) < 2:
        return node
    feature, limit = _split(values, answers, depth, least)
    if feature < 0:
        return node
    under = values[:, feature] <= limit
    below, above = (_grow(values[mine], answers[mine], depth - 1, least) for mine in (under, ~under))
    if not (below.below or above.below) and (below.share > 0.5) == (above.share > 0.5):
        return node  # a question whose answers say the same
    node.feature, node.limit, node.below, node.above = feature, np.inf if limit > MISSING / 4 else limit, below, above
    return node


def _split(values: np.ndarray, answers: np.ndarray, depth: int, least: int) -> tuple[int, float]:
    """The column and the limit after which greedy trees of one level less err least; column -1 where none divides the examples."""
    greedy = _greedy(values, answers, depth, least).tree_
    tried: dict[tuple[int, float], int] = {}

    def errors(feature: int, limit: float) -> int:
        if (feature, limit) not in tried:
            under = values[:, feature] <= limit
            tried[feature, limit] = (
                sum(_errors(values[mine], answers[mine], depth - 1, least) for mine in (under, ~under))
                if least <= under.sum() <= len(under) - least
                else len(answers) + 1
            )
        return tried[feature, limit]

    if greedy.feature[0] >= 0:
        errors(int(greedy.feature[0]), float(greedy.threshold[0]))
    if depth > 1:
        for feature, column in enumerate(values.T):
            for limit in _limits(column, COARSE):
                errors(feature, limit)
    if not tried:
        return -1, np.nan
    best = min(tried, key=lambda each: tried[each])
    if depth > 1:
        mine = sorted(limit for feature, limit in tried if feature == best[0])
        place = mine.index(best[1])
        column = values[:, best[0]]
        near = column[(column >= mine[max(0, place - 1)]) & (column <= mine[min(len(mine) - 1, place + 1)])]
        for limit in _limits(near, FINE):
            errors(best[0], limit)
        best = min(tried, key=lambda each: tried[each])
    return best if tried[best] <= len(answers) else (-1, np.nan)


def _errors(values: np.ndarray, answers: np.ndarray, depth: int, least: int) -> int:
    """Examples that a greedy tree of so many levels tells wrongly."""
    if depth == 0:
        return int(min(answers.sum(), len(answers) - answers.sum()))
    return int((_greedy(values, answers, depth, least).predict(values) != answers).sum())


def _greedy(values: np.ndarray, answers: np.ndarray, depth: int, least: int) -> DecisionTreeClassifier:
    return DecisionTreeClassifier(max_depth=depth, min_samples_leaf=least, random_state=0).fit(values, answers)


def _limits(column: np.ndarray, count: int) -> list[float]:
    """Limits that divide a column into parts of about equal size, midway between values that are there."""
    values = np.unique(column)
    if len(values) > count:
        values = np.unique(np.quantile(column, np.linspace(0, 1, count + 1), method="nearest"))
    return [float(each) for each in (values[1:] + values[:-1]) / 2]
