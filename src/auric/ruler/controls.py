"""What a correlation of readings with bond indices is worth: beside readers that have learned nothing, and with the field held fixed.

In a weak field everything answers in proportion to it, ELF and bond order alike. Then whatever looks at the bond goes along with the bond
order, up to its sign, and a strong correlation alone does not tell a ruler from chance.
"""

from typing import NamedTuple

import numpy as np

from auric.ruler.validation import MIN_GROUPS

RANDOM_READERS = 1000
"""Readers with normally distributed weights."""
FEWEST = 3
"""Changes of a structure that have a correlation of their own."""
ROUNDING = 1e-12
"""A variance below this share of the mean square is what rounding leaves of none."""


class Correlation(NamedTuple):
    """Pearson's correlation and what resampling whole groups makes of it.

    Attributes:
        value: The correlation.
        slope_angstrom: Slope of y over x.
        drawn: Correlations of the resamples, shape (samples,); empty with too few groups.
        by_group: Correlation within each group, shape (groups,); nan where it has too few pairs or no spread.
    """

    value: float
    slope_angstrom: float
    drawn: np.ndarray
    by_group: np.ndarray

    def interval(self) -> tuple[float, float]:
        """95 % interval of the correlation, nan where there is none."""
        return _interval(self.drawn)

    def less(self, other: "Correlation | None") -> tuple[float, float, float]:
        """This correlation less another one of the same groups, with a 95 % interval on the same resamples."""
        if other is None:
            return np.nan, np.nan, np.nan
        same = len(self.drawn) == len(other.drawn)
        return (self.value - other.value, *(_interval(self.drawn - other.drawn) if same else (np.nan, np.nan)))


def correlation(x: np.ndarray, y: np.ndarray, groups: np.ndarray, *, samples: int, seed: int) -> Correlation:
    """Pearson's correlation and the slope of y over x, with resamples of whole groups: the same ones for the same groups and seed.

    Args:
        x: Shape (n,).
        y: Shape (n,).
        groups: Group of each pair, shape (n,).
        samples: Number of resamples.
        seed: Seed of the bootstrap.
    """
    _, group = np.unique(groups, return_inverse=True)
    x, y = x - x.mean(), y - y.mean()  # sums of squares of small numbers on large ones would be rounding
    terms = (np.ones_like(x), x, y, x * x, y * y, x * y)
    sums = np.column_stack([np.bincount(group, term) for term in terms])
    whole, slope = _pearson(sums.sum(axis=0, keepdims=True))
    own = np.where(sums[:, 0] >= FEWEST, _pearson(sums)[0], np.nan)
    drawn = np.empty(0)
    if len(sums) >= MIN_GROUPS:
        rng = np.random.default_rng([seed, 4])
        times = rng.multinomial(len(sums), np.full(len(sums), 1 / len(sums)), size=samples)
        drawn, _ = _pearson(times @ sums)
    return Correlation(float(whole[0]), float(slope[0]), drawn, own)


def partial(xy: Correlation, xz: Correlation, yz: Correlation) -> Correlation:
    """Correlation of x and y with z held fixed, from those of the three pairs on the same resamples; it has no slope."""

    def held(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray((a - b * c) / np.sqrt((1 - b**2) * (1 - c**2)))

    value = held(np.array(xy.value), np.array(xz.value), np.array(yz.value))
    drawn = held(xy.drawn, xz.drawn, yz.drawn)
    return Correlation(float(value), float("nan"), drawn, held(xy.by_group, xz.by_group, yz.by_group))


def random_correlations(x: np.ndarray, features: np.ndarray, *, seed: int) -> np.ndarray:
    """Correlations of x with what `RANDOM_READERS` linear readers of random weights make of features.

    Args:
        x: Shape (n,).
        features: What a reader sees of each change, shape (n, features).
        seed: Seed of the weights.

    Returns:
        Shape (RANDOM_READERS,); nan where there is no spread.
    """
    weights = np.random.default_rng([seed, 5]).normal(size=(features.shape[1], RANDOM_READERS))
    read = (features - features.mean(axis=0)) @ weights
    x = x - x.mean()
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((x @ read) / np.sqrt((x @ x) * (read**2).sum(axis=0)))


def _interval(drawn: np.ndarray) -> tuple[float, float]:
    if not np.isfinite(drawn).any():
        return float("nan"), float("nan")
    low, high = np.nanpercentile(drawn, [2.5, 97.5])
    return float(low), float(high)


def _pearson(sums: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Correlations and slopes from rows of n and the sums of x, y, xx, yy, xy; nan where there is no spread."""
    n, x, y, xx, yy, xy = sums.T
    spread_x, spread_y, both = xx - x * x / n, yy - y * y / n, xy - x * y / n
    spread_x, spread_y = (np.where(each > ROUNDING * of, each, np.nan) for each, of in ((spread_x, xx), (spread_y, yy)))
    with np.errstate(invalid="ignore", divide="ignore"):
        return both / np.sqrt(spread_x * spread_y), both / spread_x
