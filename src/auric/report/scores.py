"""Mean absolute errors of predicted bond lengths, their intervals, and what may be said of them.

Errors are pooled over the folds of the cross-validation. Intervals are percentiles of a bootstrap that draws whole
bonds (whole structures where these were held out), for images of one bond resemble each other and are no independent
evidence. Comparisons use the same draws for all subjects.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from auric.report.inputs import HOLDOUT, in_order

LEAKY = "leaky"
"""A split that is shown but never the headline."""
SPLITS = ("structure", "bond", "image", LEAKY)
"""Strictest first."""
SUBJECTS = ("elfnet", "elfnet, solved", "ridge on the image", "ridge on the bond line", "mean")
"""Most elaborate first."""
SUBJECT_NAMES = {
    "elfnet": "ELFnet",
    "elfnet, solved": "ELFnet, solved",
    "ridge on the image": "ridge on the image",
    "ridge on the bond line": "ridge on the bond line",
    "mean": "mean",
}
BIN_EDGES_ANGSTROM = (2.4, 2.5, 2.6, 2.7)
"""Bins are half-open; bonds shorter than 2.3 angstrom join the first."""

DRAWS = 2000
FEWEST_GROUPS = 5
"""With fewer bonds or structures than this a bootstrap says nothing, and none is given."""


@dataclass(frozen=True)
class Score:
    """Mean absolute error of one subject in one split (angstrom); the interval is NaN where none can be given."""

    subject: str
    mae_angstrom: float
    low_angstrom: float
    high_angstrom: float
    n: int


@dataclass(frozen=True)
class SplitScores:
    """All scores of one split, what they rest on, the simplest subject that is as good as the best, and in words.

    `untested` counts the images that other folds or splits know and no cross-validation fold of this one tested: how
    many folds there should be depends on the number of groups, so a lost fold shows by its images.
    """

    split: str
    scores: tuple[Score, ...]
    folds: int
    untested: int
    compared: bool
    winner: str
    plainly: str


def cross_validated(predictions: pd.DataFrame) -> pd.DataFrame:
    """The predictions of the cross-validation folds, without those of the 7:3 split."""
    return predictions[predictions["fold"] != HOLDOUT]


def subject_name(subject: str) -> str:
    """How a subject is called in print."""
    return SUBJECT_NAMES.get(subject, subject)


def in_angstrom(value: float) -> str:
    """A length in print: four decimals, or as many as show two figures of a smaller one, down to 0.000001 angstrom."""
    size = abs(value)
    if size == 0 or size >= 0.001:
        return f"{value:.4f}"
    return f"{value:.{min(6, 1 - int(np.floor(np.log10(size))))}f}"


def split_title(split: str) -> str:
    """How a split is called in print."""
    return f"split by {split}" if split in SPLITS and split != LEAKY else f"{split} split"


def split_scores(predictions: pd.DataFrame, scorecard: pd.DataFrame) -> list[SplitScores]:
    """Scores of every split found among cross-validated predictions, strictest split first.

    Args:
        predictions: Finite predictions with `error_angstrom` (of all folds).
        scorecard: Joined scorecard; where the ruler states the same error, its interval is shown, so that one page does
            not give two intervals of one number.
    """
    table = cross_validated(predictions)
    known = set(predictions["image"])
    return [
        _one_split(split, table[table["split"] == split], known, scorecard)
        for split in in_order(table["split"], SPLITS)
    ]


def _one_split(split: str, table: pd.DataFrame, known: set[str], scorecard: pd.DataFrame) -> SplitScores:
    subjects = in_order(table["subject"], SUBJECTS)
    drawn = _bootstrap(table, subjects, by_structure=split == "structure")
    maes = [float(table.loc[table["subject"] == name, "error_angstrom"].abs().mean()) for name in subjects]
    scores = []
    for position, (name, mae) in enumerate(zip(subjects, maes, strict=True)):
        low, high = _percentiles(drawn[:, position]) if drawn is not None else (np.nan, np.nan)
        low, high = _stated_interval(scorecard, split, name, mae) or (low, high)
        scores.append(Score(name, mae, low, high, int((table["subject"] == name).sum())))
    winner, plainly = _verdict(subjects, maes, drawn, "structures" if split == "structure" else "bonds")
    untested = len(known - set(table["image"]))
    return SplitScores(split, tuple(scores), table["fold"].nunique(), untested, drawn is not None, winner, plainly)


def _bootstrap(table: pd.DataFrame, subjects: list[str], *, by_structure: bool) -> np.ndarray | None:
    """Mean absolute errors of resampled groups, shape (draws, subjects), or None if there are too few groups."""
    groups = table["structure"] if by_structure else table["structure"] + "\t" + table["bond"]
    errors = table["error_angstrom"].abs().groupby([groups.rename("group"), table["subject"]])
    sums = errors.sum().unstack(fill_value=0.0).reindex(columns=subjects).to_numpy()
    counts = errors.count().unstack(fill_value=0).reindex(columns=subjects).to_numpy()
    size = len(sums)
    if size < FEWEST_GROUPS:
        return None
    rng = np.random.default_rng(0)  # fixed: the same files give the same page
    drawn = []
    for _ in range(DRAWS // 100):  # in portions, so that many bonds do not fill the memory
        times = rng.multinomial(size, np.full(size, 1 / size), size=100)
        with np.errstate(invalid="ignore"):  # a draw may miss a subject that few groups have
            drawn.append((times @ sums) / (times @ counts))
    return np.concatenate(drawn)


def _percentiles(values: np.ndarray) -> tuple[float, float]:
    low, high = np.nanpercentile(values, [2.5, 97.5])
    return float(low), float(high)


def _stated_interval(scorecard: pd.DataFrame, split: str, subject: str, mae: float) -> tuple[float, float] | None:
    rows = scorecard[
        (scorecard["system"] == "ruler")
        & (scorecard["quantity"] == "mae")
        & (scorecard["split"] == split)
        & (scorecard["subject"] == subject)
    ]
    for row in rows.itertuples():
        if np.isclose(row.ours, mae, rtol=1e-6, atol=0) and np.isfinite([row.ci_low, row.ci_high]).all():
            return float(row.ci_low), float(row.ci_high)
    return None


def _verdict(subjects: list[str], maes: list[float], drawn: np.ndarray | None, groups: str) -> tuple[str, str]:
    """The simplest subject that is as good as the best, and a sentence on it."""
    order = sorted(range(len(subjects)), key=lambda position: maes[position])
    best = order[0]
    name = subject_name(subjects[best])
    if len(subjects) == 1:
        return subjects[best], f"Only {name} was tested."
    if drawn is None:
        return subjects[best], f"{_capital(name)} has the lowest error; too few {groups} to say whether by chance."
    ranges = {other: _percentiles(drawn[:, other] - drawn[:, best]) for other in order[1:]}
    as_good = [other for other, (low, _) in ranges.items() if low <= 0]
    simpler = [other for other in as_good if other > best]  # subjects come most elaborate first
    if simpler:
        other = max(simpler)
        gap, between = _difference(maes[other] - maes[best], *ranges[other])
        sentence = (
            f"{_capital(name)} has the lowest error, but the simpler {subject_name(subjects[other])} is as good within "
            f"the uncertainty: it errs by {gap} more {between}."
        )
        return subjects[other], sentence
    other = order[1]
    gap, between = _difference(maes[other] - maes[best], *ranges[other])
    if as_good:
        return subjects[best], (
            f"{_capital(name)} has the lowest error and is the simpler; {subject_name(subjects[other])} is "
            f"{gap} behind {between}, which may be chance."
        )
    return subjects[
        best
    ], f"{_capital(name)} wins; the next, {subject_name(subjects[other])}, errs by {gap} more {between}."


def _difference(middle: float, low: float, high: float) -> tuple[str, str]:
    """A difference of errors and its interval in print; no line breaks before the unit."""
    return f"{in_angstrom(middle)}\u00a0Å", f"({in_angstrom(low)} to {in_angstrom(high)})"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def bin_labels() -> list[str]:
    """Names of the bond-length bins (angstrom), the last for bonds beyond all bins."""
    edges = [f"{edge:.1f}" for edge in BIN_EDGES_ANGSTROM]
    between = [f"{low}-{high}" for low, high in pairwise(edges)]
    return [f"below {edges[0]}", *between, f"{edges[-1]} and longer"]


def error_by_bin(predictions: pd.DataFrame) -> pd.DataFrame:
    """Mean absolute error in each bond-length bin, from the cross-validation.

    Returns:
        Columns split, bin, subject, mae_angstrom, n; bins without an image are left out.
    """
    table = cross_validated(predictions)
    labels = np.array(bin_labels(), dtype=object)
    places = np.digitize(table["bond_length_angstrom"].to_numpy(dtype=float), BIN_EDGES_ANGSTROM)
    table = table.assign(bin=labels[places], mae_angstrom=table["error_angstrom"].abs())
    rows = [
        {"split": split, "bin": label, "subject": subject, "mae_angstrom": part.mean(), "n": len(part)}
        for split in in_order(table["split"], SPLITS)
        for label in labels
        for subject in in_order(table["subject"], SUBJECTS)
        if len(part := table.loc[_is(table, split, label, subject), "mae_angstrom"])
    ]
    return pd.DataFrame(rows, columns=["split", "bin", "subject", "mae_angstrom", "n"])


def _is(table: pd.DataFrame, split: str, label: str, subject: str) -> pd.Series:
    return (table["split"] == split) & (table["bin"] == label) & (table["subject"] == subject)
