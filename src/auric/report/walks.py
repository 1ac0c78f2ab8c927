"""What the report says of Monte Carlo walks: bonds, angles and energies beside those of dynamics at the same temperature, and isomers."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from auric.report import inputs
from auric.report.page import UNITS, number
from auric.report.potentials import potential_name

WHOLE = "whole walk"
DYNAMICS = "dynamics"
CORRECTED = "corrected, linear at the better level"
NEXT, FAR = "next", "half the length"
LEAST_PERCENT = 0.5
SETTLED = 0.25
"""Drift of a walk's energy that nobody needs to hear of, as a share of the spread of its differences."""
FALLEN = 3.0
"""Times the harmonic spread of energies that no cluster has at a temperature; walks that settled have 0.7 to 1.2."""


@dataclass(frozen=True)
class Walked:
    """Walks beside one run.

    Attributes:
        run: Its name.
        geometry: Columns `inputs.GEOMETRY`.
        curves: Columns `inputs.CURVES`.
        changes: Columns `inputs.CHANGES`.
        change_curves: Columns `inputs.CURVES`.
        places: Columns `inputs.WALK_PLACES`.
    """

    run: str
    geometry: pd.DataFrame
    curves: pd.DataFrame
    changes: pd.DataFrame
    change_curves: pd.DataFrame
    places: pd.DataFrame

    @property
    def walkers(self) -> list[str]:
        """Potentials that were walked on, in the order of the tables."""
        return list(dict.fromkeys(self.geometry["walker"]))

    @property
    def whole(self) -> pd.DataFrame:
        """Rows on whole walks."""
        return self.geometry[self.geometry["part"] == WHOLE]

    @property
    def title(self) -> str:
        """The run and its temperature."""
        return f"{self.run} ({self.geometry['temperature_k'].iloc[0]:.0f} K)"


def gather(files: inputs.ReportFiles) -> list[Walked]:
    """The walks of a study, run by run.

    Raises:
        InputError: If a table lacks a column.
    """
    columns = (inputs.GEOMETRY, inputs.CURVES, inputs.CHANGES, inputs.CURVES, inputs.WALK_PLACES)
    found = []
    places = (files.geometry, files.curves, files.changes, files.change_curves, files.walk_maps)
    for paths in zip(*places, strict=True):
        tables = [inputs.read_table(path, names) for path, names in zip(paths, columns, strict=True)]
        if len(tables[0]):
            found.append(Walked(str(tables[0]["run"].iloc[0]), *tables))
    return found


@dataclass(frozen=True)
class Isomers:
    """Two structures of the same atoms beside each other.

    Attributes:
        first: Name of one.
        second: Name of the other.
        rows: Columns `inputs.ISOMERS`; shifts are of the first from the second.
    """

    first: str
    second: str
    rows: pd.DataFrame

    @property
    def title(self) -> str:
        """What is subtracted from what."""
        return f"{self.first} less {self.second}"

    @property
    def walkers(self) -> list[str]:
        """Potentials that were walked on."""
        return [source for source in dict.fromkeys(self.rows["source"]) if source != DYNAMICS]


def gather_isomers(paths: Sequence[str | Path]) -> list[Isomers]:
    """All pairs of isomers of a study.

    Args:
        paths: CSV files with the columns `inputs.ISOMERS`.

    Raises:
        InputError: If a table lacks a column.
    """
    every = [inputs.read_table(path, inputs.ISOMERS) for path in paths]
    return [
        Isomers(str(first), str(second), rows)
        for table in every
        for (first, second), rows in table.groupby(["first", "second"], sort=False)
    ]


def words(walked: Walked) -> list[str]:
    """Which walk is nearer to the dynamics, whether these are long enough to tell, and how many samples the walks are worth."""
    whole = walked.whole
    kinds = list(dict.fromkeys(whole["coordinate"]))
    sentences = []
    compared = whole[whole["walker"] != CORRECTED]
    alike = [walker for walker in walked.walkers if walker != CORRECTED]
    if len(alike) > 1:
        nearest = compared.loc[compared.groupby("coordinate")["wasserstein"].idxmin(), "walker"].value_counts()
        told = [f"“{potential_name(walker)}” for {nearest.get(walker, 0)}" for walker in alike]
        sentences.append(
            f"Nearer to the dynamics, of {len(kinds)} kinds of bonds and angles: the walk on {', on '.join(told)}."
        )
    if CORRECTED in walked.walkers:
        sentences.append(
            f"The walk on “{CORRECTED}” (green) is of another level of theory than the dynamics: it differs by what that level changes, and "
            "by what potential and correction err."
        )
    lost = compared[compared["wasserstein"] <= compared["dynamics_halves"]]
    if len(lost):
        sentences.append(
            f"{len(lost)} of {len(compared)} distances are no larger than that between the two halves of the dynamics, which are "
            "too short to tell more."
        )
    worth = [
        f"“{potential_name(walker)}” {number(whole.loc[whole['walker'] == walker, 'effective_samples'].min())}"
        for walker in walked.walkers
    ]
    sentences.append(f"Independent structures that the walk is worth, by its slowest kind: {', '.join(worth)}.")
    outside = 100 * walked.places.groupby("source")["outside"].mean()
    if (outside >= LEAST_PERCENT).any():
        shares = [f"{outside[walker]:.0f} % of the walk on “{potential_name(walker)}”" for walker in walked.walkers]
        sentences.append(
            f"Outside of what the potentials learned from lie {outside[DYNAMICS]:.0f} % of the dynamics, {', '.join(shares)}; there they "
            "extrapolate, rightly or not."
        )
    return sentences


def words_on_energies(walked: Walked) -> str:
    """How far energies of structures differ that lie far apart, and how much of that rigid ligands explain."""
    far = walked.changes[walked.changes["apart"] == FAR].set_index("walker")
    told = [f"{number(far.loc[walker, 'walk_sd_ev'])} eV on “{potential_name(walker)}”" for walker in walked.walkers]
    row = far.iloc[0]
    lost = [walker for walker in walked.walkers if _fell(far.loc[walker])]
    fallen = "".join(
        f" That is far more than any motion of the walk on “{potential_name(walker)}” can make: a chain has fallen into a hole of the potential, "
        "and nothing that is told of this walk counts; keep sampling.wall_share above 0, stop_outside, or expand the potential."
        for walker in lost
    )
    drifting = [walker for walker in walked.walkers if walker not in lost and _drifts(far.loc[walker])]
    unsettled = "".join(
        f" The walk on “{potential_name(walker)}” has not settled: its mean energy "
        f"{'falls' if far.loc[walker, 'walk_drift_ev'] < 0 else 'rises'} by {number(abs(far.loc[walker, 'walk_drift_ev']))} eV from its "
        "first half to its second; give it more equilibration_steps."
        for walker in drifting
    )
    return (
        f"Energies of structures half a walk apart differ with a standard deviation of {', '.join(told)}; half the dynamics apart, of "
        f"{number(row['dynamics_sd_ev'])} eV. Were all harmonic, it would be {number(row['walk_harmonic_ev'])} eV with rigid ligands and "
        f"{number(row['dynamics_harmonic_ev'])} eV without.{fallen}{unsettled}"
    )


def _fell(far: pd.Series) -> bool:
    """Whether energies spread as no cluster's do."""
    return bool(far["walk_sd_ev"] > FALLEN * far["walk_harmonic_ev"])


def _drifts(far: pd.Series) -> bool:
    """Whether a walk's mean energy moves: beyond chance, and by more than a part of what it varies by."""
    drift = abs(far["walk_drift_ev"])
    return bool(drift > far["walk_drift_half_width_ev"] and drift > SETTLED * far["walk_sd_ev"])


def words_on_isomers(isomers: Isomers) -> list[str]:
    """Whether walks tell the isomers apart as dynamics do."""
    keys = ["temperature_k", "coordinate"]
    told = isomers.rows.set_index(keys)
    theirs = told[told["source"] == DYNAMICS]
    sentences = []
    for walker in isomers.walkers:
        if walker == CORRECTED:  # of another level
            continue
        both = told[told["source"] == walker].join(theirs, rsuffix="_dynamics")
        meet = (both["shift_low"] <= both["shift_high_dynamics"]) & (both["shift_low_dynamics"] <= both["shift_high"])
        sentences.append(
            f"Walk on “{potential_name(walker)}”: for {int(meet.sum())} of {len(both)} kinds and temperatures, the interval of the difference "
            "between the isomers' peaks meets that of the dynamics."
        )
    return sentences


def rows(walked: Walked) -> list[dict[str, str]]:
    """For print: shifts of peaks and distances between the distributions, beside that between two halves of the dynamics."""
    return [
        {
            "walker": potential_name(row["walker"]), "coordinate": row["coordinate"], "unit": UNITS.get(row["unit"], row["unit"]),
            "shift": _signed(row["shift"], row["unit"]),
            "shift_interval": " to ".join(_signed(row[name], row["unit"]) for name in ("shift_low", "shift_high")),
            "distance": number(row["wasserstein"]),
            "interval": f"{number(row['wasserstein_low'])} to {number(row['wasserstein_high'])}",
            "halves": number(row["dynamics_halves"]), "time": number(row["autocorrelation_steps"]),
        }
        for row in walked.whole.to_dict("records")
    ]  # fmt: skip


def _signed(value: float, unit: str) -> str:
    return f"{value:+.3f}" if unit == "angstrom" else f"{value:+.1f}"
