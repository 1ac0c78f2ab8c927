"""What the report says of potentials: the contenders of each system, best first, and one or two sentences for each figure.

Numbers that the scorecard states are taken from it, so that one page does not give two values of one thing.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.spatial import ConvexHull, Delaunay, QhullError

from auric.report import inputs, page
from auric.report.page import number

UNSEEN, RANDOM, LEFTOVERS = "independent runs", "random 80/20", "leftovers of training runs"
RECOMMENDED = "linear, energies and forces"
PUBLISHED = ("emlm on MBTR, second parameters", "emlm on MBTR, first parameters")
"""The thesis's models of energies, the later first."""
PUBLISHED_FORCES = "emlm norms, oamlm directions"
MOST_RUNS = 6
"""So many test runs are drawn along their steps."""
NOMINAL = 0.9
"""What intervals are meant to hold."""


@dataclass(frozen=True)
class System:
    """One set of runs, and what its contenders made of it.

    Attributes:
        name: Of the system.
        subjects: Contenders for energies, the one of lowest median error on unseen runs first.
        tests: Runs that were not learned from.
        labels: Name in print of every run.
        errors: Columns subject, run, split, ours, ci_low, ci_high: errors over the run's standard deviation.
        energies: Columns `inputs.ENERGIES`, of unseen runs.
        forces: Columns `inputs.FORCES`.
        held: Columns subject, run, split, coverage, width_ev: of the intervals; by split, whether calibrated on runs as hot.
        places: Columns `inputs.PLACES`; no rows if there is no map.
    """

    name: str
    subjects: tuple[str, ...]
    tests: tuple[str, ...]
    labels: dict[str, str]
    errors: pd.DataFrame
    energies: pd.DataFrame
    forces: pd.DataFrame
    held: pd.DataFrame
    places: pd.DataFrame

    @property
    def recommended(self) -> str:
        """The recommended contender, or the best if it did not take part."""
        return RECOMMENDED if RECOMMENDED in self.subjects else self.subjects[0]

    @property
    def published(self) -> str | None:
        """The thesis's model, if it took part."""
        return next((name for name in PUBLISHED if name in self.subjects and name != self.recommended), None)

    @property
    def force_subjects(self) -> list[str]:
        """Contenders for forces, the one of lowest mean angle on unseen runs first."""
        unseen = self.forces[self.forces["split"] == UNSEEN]
        angle = unseen.groupby("subject")["weighted_angle"].mean()
        return sorted(set(self.forces["subject"]), key=lambda name: (angle.get(name, np.inf), name))

    def errors_of(self, subject: str, split: str) -> pd.DataFrame:
        """Rows of `errors` of one contender in one split."""
        return self.errors[(self.errors["subject"] == subject) & (self.errors["split"] == split)]


def gather(
    scorecard: pd.DataFrame, energies: Sequence[str | Path], forces: Sequence[str | Path], maps: Sequence[str | Path]
) -> list[System]:
    """The systems for which contenders predicted energies of unseen runs.

    Args:
        scorecard: All fragments, joined.
        energies: CSV files with the columns `inputs.ENERGIES`, each in a folder with its system's name.
        forces: CSV files with the columns `inputs.FORCES`, likewise.
        maps: CSV files with the columns `inputs.PLACES`, likewise.

    Raises:
        InputError: If a table lacks a column.
    """
    names = list(dict.fromkeys(Path(path).parent.name for path in energies))
    systems = [
        _system(name, scorecard, *(_of(name, paths, columns) for paths, columns in (
            (energies, inputs.ENERGIES), (forces, inputs.FORCES), (maps, inputs.PLACES)
        ))) for name in names
    ]  # fmt: skip
    return [system for system in systems if system.subjects]


def _of(name: str, paths: Sequence[str | Path], columns: Sequence[str]) -> pd.DataFrame:
    tables = [inputs.read_table(path, columns) for path in paths if Path(path).parent.name == name]
    filled = [table for table in tables if len(table)]
    return pd.concat(filled, ignore_index=True) if filled else pd.DataFrame(columns=list(columns))


def _system(
    name: str, scorecard: pd.DataFrame, energies: pd.DataFrame, forces: pd.DataFrame, places: pd.DataFrame
) -> System:
    unseen = energies[energies["split"] == UNSEEN]
    unseen = unseen[np.isfinite(unseen[["energy_ev", "predicted_ev"]].to_numpy(dtype=float)).all(axis=1)]
    mine = scorecard[(scorecard["system"] == "potential") & scorecard["data"].isin(set(energies["run"]))]
    errors = _quantity(mine, "energy_rmse_over_sd")
    errors = errors[errors["split"].isin((UNSEEN, RANDOM)) & (errors["ours"] > 0)]
    judged = errors[errors["split"] == UNSEEN]
    both = set(_pairs(judged)) & set(_pairs(unseen))  # a score without its energies, or the reverse, is left out
    judged, unseen = (
        table[np.array([pair in both for pair in _pairs(table)], dtype=bool)] for table in (judged, unseen)
    )
    errors = pd.concat([judged, errors[errors["split"] == RANDOM]], ignore_index=True)
    middle = judged.groupby("subject")["ours"].median()
    subjects = tuple(sorted(middle.index, key=lambda subject: (middle[subject], subject)))
    widths = _quantity(mine, "interval_width").set_index(["subject", "run", "split"])["ours"]
    held = _quantity(mine, "coverage_90").rename(columns={"ours": "coverage"})
    held = held[held["subject"].isin(subjects)].reset_index(drop=True)
    held["width_ev"] = [widths.get((row.subject, row.run, row.split), np.nan) for row in held.itertuples()]
    tests = tuple(dict.fromkeys(judged["run"]))
    runs = dict.fromkeys([*tests, *places["run"]])
    return System(
        name, subjects, tests, {run: _label(run, places) for run in runs}, errors, unseen,
        forces[np.isfinite(forces["weighted_angle"].to_numpy(dtype=float))], held, places,
    )  # fmt: skip


def _pairs(table: pd.DataFrame) -> list[tuple[str, str]]:
    return list(zip(table["subject"], table["run"], strict=True))


def _quantity(scorecard: pd.DataFrame, quantity: str) -> pd.DataFrame:
    rows = scorecard[(scorecard["quantity"] == quantity) & np.isfinite(scorecard["ours"].to_numpy(dtype=float))]
    return rows.rename(columns={"data": "run"})[["subject", "run", "split", "ours", "ci_low", "ci_high"]]


def _label(run: str, places: pd.DataFrame) -> str:
    """The run's name and mean temperature, where frames tell it."""
    temperatures = places.loc[places["run"] == run, "temperature_k"].to_numpy(dtype=float)
    known = temperatures[np.isfinite(temperatures)]
    return f"{run} ({known.mean():.0f} K)" if len(known) else run


def potential_name(subject: str) -> str:
    """How a contender is called in print."""
    return re.sub(r"\b(oamlm|emlm|mlm)\b", lambda match: match[1].upper(), subject)


def range_of(values: Sequence[float] | pd.Series) -> str:
    """The least and the largest of some numbers in print, or the one."""
    low, high = number(min(values)), number(max(values))
    return low if low == high else f"{low} to {high}"


def on_contenders(system: System) -> list[str]:
    """Which contender is ahead on runs it has not seen, and what random frames would have said."""
    best = system.subjects[0]
    values = system.errors_of(best, UNSEEN)["ours"]
    first = (
        f"{_quoted(best)} has the lowest error on {_plural(len(system.tests), 'run')} that nothing was learned from: "
        f"{range_of(values)} of a run's own standard deviation, where a constant has 1."
    )
    if len(system.subjects) > 1:
        second = system.subjects[1]
        first = first[:-1] + (f"; next is {_quoted(second)} with {range_of(system.errors_of(second, UNSEEN)['ours'])}.")
    leak = _leak(system, system.published or best)
    return [first, *([leak] if leak else [])]


def _leak(system: System, subject: str) -> str | None:
    honest, random = (system.errors_of(subject, split)["ours"] for split in (UNSEEN, RANDOM))
    if not len(random):
        return None
    name, times = _quoted(subject), honest.median() / random.median()
    if times <= 1:
        return f"Frames drawn at random from training runs would make {name} look no better ({range_of(random)})."
    return (
        f"Frames drawn at random from its own training runs would make {name} look {times:.1f} times better: "
        f"{range_of(random)} instead of {range_of(honest)}."
    )


def tasks(winners: pd.DataFrame) -> list[dict[str, str]]:
    """For print: the best contender for each task, the next, and on how many runs the first is ahead.

    Args:
        winners: Rows of one system, columns `inputs.RECOMMENDED`.
    """
    return [
        {
            "task": row["task"], "unit": page.unit_name(row["unit"]),
            "recommended": potential_name(row["recommended"]), "ours": number(row["ours"]),
            "runner_up": potential_name(row["runner_up"]), "runner_up_ours": number(row["runner_up_ours"]),
            "ahead": f"{row['ahead']:.0f} of {_plural(int(row['runs']), 'run')}" if row["runner_up"] else "",
        }
        for row in winners.to_dict("records")
    ]  # fmt: skip


def shown_subjects(system: System) -> list[str]:
    """The recommended contender and the published one."""
    return [name for name in (system.recommended, system.published) if name]


def drawn_runs(system: System) -> list[str]:
    """The unseen runs that are drawn along their steps: of those that the shown contenders predicted, the first few."""
    predicted = {run for subject, run in _pairs(system.energies) if subject in shown_subjects(system)}
    return [run for run in system.tests if run in predicted][:MOST_RUNS]


def centred(system: System, subject: str, run: str) -> pd.DataFrame:
    """Reference and predicted energies of a run (eV), each less its mean, in order of steps."""
    table = system.energies
    rows = table[(table["subject"] == subject) & (table["run"] == run)].sort_values("step", kind="stable")
    return rows.assign(**{name: rows[name] - rows[name].mean() for name in ("energy_ev", "predicted_ev")})


def on_energies(system: System) -> list[str]:
    """Errors in eV beside what there is to predict."""
    spreads, told = [], []
    for subject in shown_subjects(system):
        parts = [centred(system, subject, run) for run in system.tests]
        errors = [float((part["predicted_ev"] - part["energy_ev"]).std(ddof=0)) for part in parts if len(part)]
        spreads += [float(part["energy_ev"].std(ddof=0)) for part in parts if len(part)]
        told.append(f"{range_of(errors)}\u00a0eV with {_quoted(subject)}")
    return [
        f"Within a run, energies vary by {range_of(spreads)}\u00a0eV (standard deviation); "
        f"predictions are off by {_and(told)} (root mean square)."
    ]


def on_forces(system: System) -> list[str]:
    """How far directions and sizes of forces are off."""
    unseen = system.forces[system.forces["split"] == UNSEEN]
    told = [
        f"{_quoted(subject)} {range_of(mine['weighted_angle'])}°"
        for subject in system.force_subjects
        if len(mine := unseen[unseen["subject"] == subject])
    ]
    worst = unseen.loc[unseen["weighted_angle"].idxmax()] if len(unseen) else None
    sentences = [f"Directions of forces on unseen runs are off by, over the classes of atoms: {'; '.join(told)}."]
    if worst is not None:
        sentences.append(
            f"The worst angle is that of {_quoted(worst['subject'])} for {worst['class']}, "
            f"{number(worst['weighted_angle'])}°."
        )
    return sentences


def outline(places: pd.DataFrame) -> np.ndarray | None:
    """Corners of the area around the training frames in the plane of the map, shape (corners, 2); None if they lie in line."""
    points = places.loc[places["role"] == "train", ["pc1", "pc2"]].to_numpy(dtype=float)
    try:
        return np.asarray(points[ConvexHull(points).vertices])
    except (QhullError, ValueError):
        return None


def on_map(system: System) -> list[str]:
    """How much of the spread the map shows, and how many test frames lie where training frames do."""
    places = system.places
    share = 100 * (places["pc1_share"].iloc[0] + places["pc2_share"].iloc[0])
    sentences = [f"The plane of the map holds {share:.0f} % of the variance of the training frames' descriptors."]
    corners = outline(places)
    if corners is not None:
        inside = Delaunay(corners)
        shares = []
        for run in dict.fromkeys(places.loc[places["role"] == "test", "run"]):
            points = places.loc[places["run"] == run, ["pc1", "pc2"]].to_numpy(dtype=float)
            held = 100 * float((inside.find_simplex(points) >= 0).mean())
            shares.append(f"{held:.0f} % of {system.labels[run]}")
        sentences.append(
            f"Inside the area of the training frames (outlined) lie {_and(shares)}; outside it a model extrapolates, "
            "inside it other directions may still be new."
        )
    return sentences


def on_coverage(system: System) -> list[str]:
    """What 90 % intervals hold."""
    known = set(system.held["subject"])
    subject = next(name for name in (system.recommended, *system.subjects) if name in known)
    mine = system.held[system.held["subject"] == subject]
    sentences = []
    for source, part in (
        ("runs as hot", mine[mine["split"] == UNSEEN]),
        ("runs at other temperatures, which they do not suppose,", mine[mine["split"] != UNSEEN]),
    ):
        if len(part):
            sentences.append(
                f"Intervals meant to hold {100 * NOMINAL:.0f} % of energy differences, calibrated on {source} "
                f"hold {_percent(part['coverage'])} % for {_quoted(subject)}, with a width of "
                f"{range_of(part['width_ev'])}\u00a0eV."
            )
    return sentences


def _percent(shares: pd.Series) -> str:
    """The least and the largest of some shares, in whole percent."""
    low, high = f"{100 * shares.min():.0f}", f"{100 * shares.max():.0f}"
    return low if low == high else f"{low} to {high}"


def _plural(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"


def _and(parts: Sequence[str]) -> str:
    return " and ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else parts[0]


def _quoted(subject: str) -> str:
    """A contender inside a sentence; its name may hold commas."""
    return f"“{potential_name(subject)}”"
