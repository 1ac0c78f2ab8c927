"""What simulated cases say of an experiment whose noise lies between the noises that were simulated.

Similarities fall with noise, so that particles judged by cases of another noise look foreign, or foreign ones look like their own. Mean and
spread of what cases give are therefore interpolated in the logarithm of the noise, by a curve through all calibrated conditions that rises
and falls only where they do (doi:10.1137/0717021): a straight line between two doses a factor of ten apart lies a spread below the truth.
Beyond the noises of all cases nothing is said.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats
from scipy.interpolate import PchipInterpolator

LEAST_NOISE = 1e-3
"""Of a particle (255 is the darkest place); below it, noise is none."""


@dataclass(frozen=True)
class Moments:
    """Of known cases.

    Attributes:
        mean: Of their values.
        spread: Standard deviation.
        cases: Their number.
    """

    mean: float
    spread: float
    cases: int


def moments(values: np.ndarray) -> Moments:
    """Of cases under one condition.

    Raises:
        ValueError: If there are fewer than two.
    """
    if len(values) < 2:
        raise ValueError(f"{len(values)} cases; a spread needs at least two")
    return Moments(float(values.mean()), float(np.std(values, ddof=1)), len(values))


def at_noise(known: Sequence[Moments], log_noise: np.ndarray, place: float) -> Moments:
    """Moments between those of several conditions; as many cases as the condition with fewest has.

    Args:
        known: Of the conditions.
        log_noise: Logarithm of the noise of each, rising, shape (conditions,).
        place: Logarithm of the noise that is asked for; beyond the conditions, the nearest counts.
    """
    mean, spread = (
        PchipInterpolator(log_noise, values)(np.clip(place, log_noise[0], log_noise[-1]))
        if len(values) > 1
        else values[0]
        for values in ([one.mean for one in known], [one.spread for one in known])
    )
    return Moments(float(mean), float(spread), min(one.cases for one in known))


def probability_below(value: float, size: int, known: Moments) -> float:
    """How likely the mean of so many new cases is at most a value, by Student's t of the known ones.

    Args:
        value: Mean of the new cases.
        size: Their number.
        known: Of the known cases.
    """
    spread = known.spread * np.sqrt(1 / size + 1 / known.cases)
    return float(stats.t.cdf((value - known.mean) / max(spread, 1e-12), known.cases - 1))


@dataclass(frozen=True)
class Condition:
    """Cases of one dose.

    Attributes:
        dose: Electrons per square angstrom.
        noise: Median over its cases (255 is the darkest place of a particle).
        lowest: Least noise of a case.
        highest: Largest noise of a case.
        similarity: For each true candidate, to every candidate; shape (cases, candidates).
    """

    dose: float
    noise: float
    lowest: float
    highest: float
    similarity: Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Expectation:
    """What is expected of one measure at the first focus.

    Attributes:
        names: Of the candidates.
        conditions: The least noise first.
    """

    names: tuple[str, ...]
    conditions: tuple[Condition, ...]

    def own(self, name: str, noise: float) -> Moments:
        """Similarity of a candidate's particles to itself."""
        column = self.names.index(name)
        return self._at(noise, lambda one: one.similarity[name][:, column])

    def lead(self, true: str, over: str, noise: float) -> Moments:
        """By how much particles of a candidate are more similar to it than to another."""
        mine, other = self.names.index(true), self.names.index(over)
        return self._at(noise, lambda one: one.similarity[true][:, mine] - one.similarity[true][:, other])

    def outside(self, noise: float) -> str:
        """Why nothing is said at a noise; empty if something is."""
        lowest, highest = self.conditions[0].lowest, self.conditions[-1].highest
        if lowest <= noise <= highest:
            return ""
        side, dose = ("below", "higher") if noise < lowest else ("above", "lower")
        return (
            f"the noise of the particles ({noise:.3g} of 255) is {side} that of the calibration ({lowest:.3g} to {highest:.3g}); "
            f"add a {dose} dose to microscopy.calibration.doses"
        )

    def nearest(self, noise: float) -> Condition:
        """The condition whose noise is nearest, as a ratio."""
        return min(self.conditions, key=lambda one: abs(_log(one.noise) - _log(noise)))

    def _at(self, noise: float, values: Callable[[Condition], np.ndarray]) -> Moments:
        levels, kept = np.unique([_log(one.noise) for one in self.conditions], return_index=True)
        return at_noise([moments(values(self.conditions[k])) for k in kept], levels, _log(noise))


def expectation(cases: pd.DataFrame, names: Sequence[str]) -> Expectation:
    """Of the cases of one measure at the first focus.

    Args:
        cases: Columns `auric.microscopy.calibration.CASE_COLUMNS`, one measure.
        names: Of the candidates.
    """
    first = cases[cases["underfocus_angstrom"] == cases["underfocus_angstrom"].iloc[0]]
    found = []
    for dose, mine in first.groupby("dose"):
        wide = mine.pivot_table(index=["true", "case"], columns="candidate", values="similarity")[list(names)]
        noise = mine["noise"]
        known = {name: wide.loc[name].to_numpy() for name in names}
        found.append(Condition(float(str(dose)), float(noise.median()), float(noise.min()), float(noise.max()), known))
    return Expectation(tuple(names), tuple(sorted(found, key=lambda one: one.noise)))


def _log(noise: float) -> float:
    return float(np.log(max(noise, LEAST_NOISE)))
