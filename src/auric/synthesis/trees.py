"""All decision trees at once: their mean, weighted by how well each explains the records, without sampling.

A tree splits the records by one column and one limit at each node, at most three times in a row; a leaf draws its outcomes with a
probability of its own. The prior is that of Chipman, George and McCulloch (doi:10.1080/01621459.1998.10473750): a node at depth d is
split with the probability p_d = a (1 + d)^-b, by one of its columns and one of that column's limits, all alike; a leaf's probability has a Beta prior. What the records say for a node is then

    V_d(S) = (1 - p_d) B(S) + p_d sum_j w_j V_d+1(S below j) V_d+1(S above j),

with B the Beta-Bernoulli evidence of the set S of records that reach it. Few sets exist, since many paths end in the same one: each is
met once, level by level, and the sum over billions of trees takes a tenth of a second. Predictions go down the same levels with the
posterior's weights. Nodes whose records have one outcome are not split.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array
from scipy.special import gammaln

from auric.errors import InputError

LEVELS = 3
SPLIT, SPLIT_DECAY = 0.95, 0.5
"""a and b of the prior."""
LEAF = 0.3
"""Both numbers of the Beta prior: leaves are mostly of one kind, as outcomes mostly follow from the recipe."""
LIMITS, KINDS = 15, 128
"""Most limits of a column, at quantiles, and most ways to divide the records, of which the most even ones are kept."""
MOST = 3000
"""Records; with more, a fit takes gigabytes and tens of seconds, and boosting is as good."""
CHUNK = 64


class Splits(NamedTuple):
    """Columns and limits; those that divide the training records in the same way are of one kind.

    Attributes:
        column, limit, weight: Shape (splits,); its share of a column's share of a group.
        kind: Which kind each is of, same shape.
        turned: Whether its side above is the kind's side below, same shape.
    """

    column: np.ndarray
    limit: np.ndarray
    weight: np.ndarray
    kind: np.ndarray
    turned: np.ndarray

    def passed(self, values: np.ndarray) -> np.ndarray:
        """Whether each split sends a recipe to its kind's side below, shape (n, splits), bool."""
        found: np.ndarray = (values[:, self.column] < self.limit) ^ self.turned
        return found

    def below(self, passed: np.ndarray) -> np.ndarray:
        """Probability that a split of each kind sends a recipe below, shape (n, kinds): splits that agree in training may not elsewhere."""
        whole = np.bincount(self.kind, self.weight)
        found: np.ndarray = (self.weight * passed) @ _gather(self.kind, len(whole)) / whole
        return found


@dataclass
class _Level:
    """The sets of records that paths of one length end in, how they can be divided, and the posterior of that.

    Attributes:
        members: Shape (sets, records), bool.
        node, kind: Of each split that divides a set, the set and the split, shape (pairs,).
        below, above: Of each split, what its two parts are: sets of the next level, shape (pairs,); on the last level, where parts are
            leaves, their mean probability of success.
        leaf: Probability that a node is a leaf times its mean probability of success, shape (sets,).
        chosen: Probability of each split, shape (pairs,).
    """

    members: np.ndarray
    node: np.ndarray
    kind: np.ndarray
    below: np.ndarray
    above: np.ndarray
    leaf: np.ndarray
    chosen: np.ndarray


class _End(NamedTuple):
    """What predictions need of the last level, less than half of its memory: where there are three, it has thousands of sets and millions of pairs.

    Attributes:
        leaf: As in `_Level`.
        below, above: Probability of each split of each set times the success there, shape (sets, kinds).
    """

    leaf: np.ndarray
    below: np.ndarray
    above: np.ndarray

    @classmethod
    def of(cls, level: _Level, kinds: int) -> "_End":
        ends = np.zeros((2, len(level.members), kinds))
        ends[:, level.node, level.kind] = level.chosen * level.below, level.chosen * level.above
        return cls(level.leaf, *ends)


class TreeAverage:
    """Bayesian mean over all trees of a few splits in a row.

    Args:
        groups: Number of the group of each column, shape (columns,); a priori a split is as likely by one group as by another.
        levels: Most splits in a row; time and memory grow some twentyfold with each.
    """

    def __init__(self, groups: np.ndarray, levels: int = LEVELS) -> None:
        self.groups = np.asarray(groups, dtype=int)
        self.levels = levels

    def fit(self, values: np.ndarray, outcomes: np.ndarray) -> "TreeAverage":
        """Learn.

        Args:
            values: Shape (records, columns), no NaN.
            outcomes: 0 or 1, shape (records,).

        Raises:
            InputError: More than `MOST` records.
        """
        if len(outcomes) > MOST:
            raise InputError(
                f"the mean over trees is for at most {MOST} records, here are {len(outcomes)}; leave out the model 'trees'"
            )
        self.splits_, sides = possible_splits(np.asarray(values, dtype=float), self.groups)
        prior = np.bincount(self.splits_.kind, self.splits_.weight, len(sides))
        *self.levels_, last = _levels(sides, np.asarray(outcomes, dtype=int), prior, self.levels)
        self.last_ = _End.of(last, len(sides))
        return self

    def predict_proba(self, values: np.ndarray) -> np.ndarray:
        """Probabilities of failure and success, shape (n, 2).

        Args:
            values: Shape (n, columns), no NaN.
        """
        passed = self.splits_.passed(np.asarray(values, dtype=float))
        first, place = _distinct(passed)  # many points of a map lie between the same limits
        told = np.empty(len(first))
        for start in range(0, len(first), CHUNK):
            here = slice(start, start + CHUNK)
            told[here] = self._success(self.splits_.below(passed[first[here]]))
        success = told[place]
        return np.stack([1 - success, success], axis=1)

    def _success(self, below: np.ndarray) -> np.ndarray:
        """Mean probability of success, shape (n,), of recipes that splits send below with the probabilities `below`, (n, kinds)."""
        here = np.ones((len(below), 1))
        found = np.zeros(len(below))
        afters: list[_Level | _End] = [*self.levels_[1:], self.last_]
        for level, after in zip(self.levels_, afters, strict=False):
            found += here @ level.leaf
            took, size = here[:, level.node] * level.chosen, len(after.leaf)
            passed = took * below[:, level.kind]
            here = passed @ _gather(level.below, size) + (took - passed) @ _gather(level.above, size)
        found += here @ self.last_.leaf
        found += (here @ self.last_.below * below + here @ self.last_.above * (1 - below)).sum(1)
        return found


def possible_splits(values: np.ndarray, groups: np.ndarray) -> tuple[Splits, np.ndarray]:
    """All splits that divide some records.

    Args:
        values: Shape (records, columns).
        groups: Of columns.

    Returns:
        Splits, and for each kind of them which records are below, shape (kinds, records), bool.
    """
    limits = [_limits(each) for each in values.T]
    column = np.repeat(np.arange(len(limits)), [len(each) for each in limits])
    limit = np.concatenate([*limits, np.empty(0)])
    varying = np.array([len(each) > 0 for each in limits])
    weight = 1.0 / (np.bincount(groups[varying])[groups[column]] * np.bincount(column)[column])
    sides = (values[:, column] < limit).T
    turned = sides[:, 0].copy()
    sides ^= turned[:, None]
    first, kind = _distinct(sides)
    unevenness = np.abs(sides[first].mean(axis=1) - 0.5)
    kept = np.argsort(unevenness, kind="stable")[:KINDS]
    place = np.full(len(first), -1)
    place[kept] = np.arange(len(kept))
    kind = place[kind]
    mine = kind >= 0
    return Splits(column[mine], limit[mine], weight[mine], kind[mine], turned[mine]), sides[first[kept]]


def _limits(column: np.ndarray) -> np.ndarray:
    """Midway between neighbouring values, or where there are many, between quantiles."""
    known = np.unique(column)
    if len(known) > LIMITS + 1:
        known = np.unique(np.quantile(column, np.linspace(0, 1, LIMITS + 1), method="nearest"))
    found: np.ndarray = (known[1:] + known[:-1]) / 2
    return found


def _levels(sides: np.ndarray, outcomes: np.ndarray, prior: np.ndarray, depth: int) -> list[_Level]:
    """All sets of records that paths reach, from the root on, and the posterior, from the last level back."""
    levels = _reached(sides, outcomes, depth)
    evidence = _Evidence(len(outcomes))
    value = np.empty(0)  # logarithm of V, of the level after
    for place, level in reversed(list(enumerate(levels))):
        size, successes = level.members.sum(1), level.members @ outcomes
        if place == depth - 1:
            n, k = (
                (mine.astype(np.float32) @ sides.T.astype(np.float32))[level.node, level.kind].astype(int)
                for mine in (level.members, level.members & (outcomes > 0))
            )
            rest, left = size[level.node] - n, successes[level.node] - k
            parts = evidence(n, k) + evidence(rest, left)
            level.below, level.above = _mean(n, k), _mean(rest, left)
        else:
            parts = value[level.below] + value[level.above]
        whole = np.bincount(level.node, prior[level.kind], len(size))
        chance = np.where(whole > 0, SPLIT * (1 + place) ** -SPLIT_DECAY, 0.0)
        leaf = np.log1p(-chance) + evidence(size, successes)
        split = np.log(chance[level.node] * prior[level.kind] / whole[level.node]) + parts
        most = leaf.copy()
        np.maximum.at(most, level.node, split)
        value = most + np.log(
            np.exp(leaf - most) + np.bincount(level.node, np.exp(split - most[level.node]), len(size))
        )
        level.leaf, level.chosen = np.exp(leaf - value) * _mean(size, successes), np.exp(split - value[level.node])
    return levels


def _reached(sides: np.ndarray, outcomes: np.ndarray, depth: int) -> list[_Level]:
    """Sets of records on each level: only sets of both outcomes are divided, and only into parts that have records."""
    members = np.ones((1, len(outcomes)), dtype=bool)
    found: list[_Level] = []
    nothing = np.empty(0)
    while True:
        size, successes = members.sum(1)[:, None], members @ outcomes[:, None]
        below = members.astype(np.float32) @ sides.T.astype(np.float32)
        node, kind = np.nonzero((below > 0) & (below < size) & (successes > 0) & (successes < size))
        if len(found) == depth - 1:
            return [*found, _Level(members, node, kind, nothing, nothing, nothing, nothing)]
        parts = np.concatenate([members[node] & sides[kind], members[node] & ~sides[kind]])
        first, place = _distinct(parts)
        found.append(_Level(members, node, kind, place[: len(node)], place[len(node) :], nothing, nothing))
        members = parts[first]


class _Evidence:
    """Logarithm of the Beta-Bernoulli evidence of leaves, from a table of up to so many records."""

    def __init__(self, records: int) -> None:
        count = np.arange(records + 1)
        self.one = gammaln(LEAF + count) - gammaln(LEAF)
        self.both = gammaln(2 * LEAF + count) - gammaln(2 * LEAF)

    def __call__(self, size: np.ndarray, successes: np.ndarray) -> np.ndarray:
        found: np.ndarray = self.one[size - successes] + self.one[successes] - self.both[size]
        return found


def _mean(size: np.ndarray, successes: np.ndarray) -> np.ndarray:
    """Mean probability of success of a leaf."""
    return (successes + LEAF) / (size + 2 * LEAF)


def _distinct(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of rows of truth values, (n, m): where each distinct one is first, and which of those each row is."""
    packed = np.packbits(rows, axis=1)
    words = np.zeros((len(rows), -(-packed.shape[1] // 8) * 8), dtype=np.uint8)
    words[:, : packed.shape[1]] = packed
    keys = words.view(np.uint64)
    _, first, place = np.unique(
        keys[:, 0] if keys.shape[1] == 1 else keys, axis=0, return_index=True, return_inverse=True
    )
    return first, np.ravel(place)


def _gather(goals: np.ndarray, size: int) -> csr_array:
    """Matrix that sums columns by their goals, shape (len(goals), size)."""
    return csr_array((np.ones(len(goals)), (np.arange(len(goals)), goals)), shape=(len(goals), size))
