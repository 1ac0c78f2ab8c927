"""The fragment of the scorecard on walks."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from auric.files import read_tables
from auric.sampling.beside import WALKERS, WHOLE
from auric.sampling.differences import FAR
from auric.sampling.landscape import DYNAMICS
from auric.scorecard import write_scorecard

SECONDS_PER_HOUR = 3600.0
REWEIGHTED = "reweighted to {}"
PAPER_RUNS = "au38_sch3_24_"
"""How runs of the paper's clusters are called; q or t follows."""
PAPER_SHIFTS = {"core Au-Au": {"q": 0.057, "t": 0.040}, "S-Au-S": {"q": -20.0, "t": -20.0}}
"""Peak of walk less peak of dynamics that doi:10.1021/acs.jpca.0c01512 has for Au38(SCH3)24 (angstrom, degree), by isomer; its gold is that
of the core, nearest neighbours."""
PAPER_SIDE_PEAKS = {"Au-S-Au": {"t": 130.0}}
"""A side peak of the walk that it has (degree)."""
PAPER_STEPS_PER_HOUR = 10_000 / 29
"""Of one core: steps of 86 trials, each of 0.07 and 0.05 s; 10,000 of them take 29 hours. How many independent structures that makes
is not known, since no autocorrelation time is published."""


def summarise_walks(
    walks: Sequence[str | Path], geometry: Sequence[str | Path], scorecard: str | Path, *, study: str,
    energies: Sequence[str | Path] = (), isomers: Sequence[str | Path] = (), rounds: Sequence[str | Path] = (),
    reweighted: Sequence[str | Path] = (), maps: Sequence[str | Path] = (),
) -> None:  # fmt: skip
    """Rows of every walk: shifts of peaks, distances of distributions, effective samples, and where it went.

    Beside the published rate of steps stands `rate_over_paper`, which is also the ratio of independent structures an hour for a
    published chain as quick to forget as ours.

    Args:
        walks: Tables of walks (CSV, `auric.sampling.beside.WALK_COLUMNS`).
        geometry: Tables of bonds and angles (CSV, `GEOMETRY_COLUMNS`).
        scorecard: CSV to write.
        study: Name of the study.
        energies: Tables of differences of energy (CSV, `auric.sampling.differences.DIFFERENCE_COLUMNS`).
        isomers: Tables of isomers beside each other (CSV, `auric.sampling.isomers.ISOMER_COLUMNS`).
        rounds: Tables of expansions (CSV, `auric.sampling.expansion.ROUND_COLUMNS`).
        reweighted: Tables of walks told on other levels of theory (CSV, `auric.sampling.reweighting.REWEIGHTED_COLUMNS`).
        maps: Tables of their places in descriptor space, for dynamics that lie outside of the training (CSV,
            `auric.sampling.landscape.PLACE_COLUMNS`).
    """
    rows: list[dict[str, Any]] = []
    table = read_tables(walks) if walks else pd.DataFrame(columns=["run", "walker"])
    seconds = {(one.run, one.walker): one.seconds_per_step for one in table.itertuples()}
    for one in read_tables(geometry).to_dict("records") if geometry else ():
        subject, place = f"{one['walker']}: {one['coordinate']}", (one["run"], one["part"])
        n = one["effective_samples"]
        # Beside dynamics of another level, what differs is no error.
        other_level = one["walker"] == WALKERS["corrected"]
        for quantity, value, best in (("peak_shift", "shift", "zero"), ("wasserstein", "wasserstein", "lower")):
            better = "nearer" if other_level else best
            interval = {"ci_low": one[f"{value}_low"], "ci_high": one[f"{value}_high"]}
            row = _row(study, quantity, one["unit"], subject, one[value], *place, n, better) | interval
            rows.append(
                row
                | (
                    {"paper": _paper(one["run"], PAPER_SHIFTS.get(one["coordinate"]))}
                    if quantity == "peak_shift"
                    else {}
                )
            )
        if one["part"] == WHOLE:
            length = one["steps"] / one["autocorrelation_steps"]
            rows.append(_row(study, "chain_length", "autocorrelation times", subject, length, *place, n, "higher"))
            rows += _side_peaks(study, one)
            rate = n * SECONDS_PER_HOUR / (one["steps"] * seconds[one["run"], one["walker"]])
            if rate == rate:  # a walk that only went on was not timed
                rows.append(_row(study, "effective_samples_per_core_hour", "1/h", subject, rate, *place, n, "higher"))
    for one in table.to_dict("records"):
        for quantity, unit, value, better in (
            ("outside_share", "1", one["outside_share"], "lower"), ("walled_share", "1", one["walled_share"], "lower"), ("acceptance", "1", one["accepted"], "nearer"),
            ("step_energy_sd", "eV", one["step_energy_sd_ev"], "lower"), ("energy_sd", "eV", one["walk_energy_sd_ev"], "lower"),
            *([("refresh_difference", "eV", one["refresh_difference_ev"], "lower")] if pd.notna(one["refresh_difference_ev"]) else []),
            *([("exchanged", "1", one["exchanged"], "higher")] if one["ladder"] else []),
        ):  # fmt: skip
            n = one["steps"] * one["chains"]
            rows.append(_row(study, quantity, unit, one["walker"], value, one["run"], WHOLE, n, better))
        rows += _rates(study, one)
    for places in (read_tables([path]) for path in maps):
        for run, beside in places[places["source"] == DYNAMICS].groupby("run"):
            share = float(beside["outside"].mean())
            rows.append(_row(study, "outside_share", "1", DYNAMICS, share, str(run), WHOLE, len(beside), "lower"))
    rows += _energies(study, [row for path in energies for row in read_tables([path]).to_dict("records")])
    for one in [row for path in isomers for row in read_tables([path]).to_dict("records")]:
        subject, data = f"{one['source']}: {one['coordinate']}", f"{one['first_run']} less {one['second_run']}"
        for quantity, value, better in (
            ("isomer_shift", "shift", "nearer"),
            ("isomer_wasserstein", "wasserstein", "nearer"),
        ):
            row = _row(study, quantity, one["unit"], subject, one[value], data, WHOLE, 1, better)
            rows.append(row | {"ci_low": one[f"{value}_low"], "ci_high": one[f"{value}_high"]})
    for one in [row for path in rounds for row in read_tables([path]).to_dict("records")]:
        split = f"walk after {one['round'] - 1} rounds"
        for quantity, unit, n in (
            ("outside_share", "1", one["frames"]), ("broken_share", "1", one["frames"]), ("energy_rmse", "eV", one["labelled"])
        ):  # fmt: skip
            value = one["energy_rmse_ev" if quantity == "energy_rmse" else quantity]
            if value == value:  # no outliers, no error
                rows.append(_row(study, quantity, unit, one["walker"], value, one["system"], split, n, "lower"))
    for told in (read_tables([path]).to_dict("records") for path in reweighted):
        for one in told:
            subject, split = f"{one['walker']}: {one['coordinate']}", REWEIGHTED.format(one["method"])
            for name, which, n in (
                ("reweighted", split, one["effective"]), ("walk", f"{split}, as walked", one["labelled"])
            ):  # fmt: skip
                row = _row(study, "mean", one["unit"], subject, one[f"{name}_mean"], one["run"], which, n, "nearer")
                rows.append(row | {"ci_low": one[f"{name}_low"], "ci_high": one[f"{name}_high"]})
        for one in {row["method"]: row for row in told}.values():
            split, n = REWEIGHTED.format(one["method"]), one["labelled"]
            rows.append(
                _row(study, "effective_samples", "1", one["walker"], one["effective"], one["run"], split, n, "higher")
            )
            rows.append(
                _row(
                    study, "difference_sd", "eV", one["walker"], one["difference_sd_ev"], one["run"], split, n, "lower"
                )
            )
    write_scorecard(scorecard, rows)


def _paper(run: str, known: Mapping[str, float] | None) -> float | str:
    """What the paper has for the isomer of a run."""
    return next((value for isomer, value in (known or {}).items() if run.startswith(f"{PAPER_RUNS}{isomer}_")), "")


def _side_peaks(study: str, one: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Of angles at sulfur, where there is one; the run's own stands in the row of each walker's walk."""
    if one["unit"] != "degree" or "-S-" not in one["coordinate"]:
        return []
    paper = _paper(one["run"], PAPER_SIDE_PEAKS.get(one["coordinate"]))
    rows = []
    for source, name in (("walk", ""), ("dynamics", ", dynamics beside it")):
        subject, place = (
            f"{one['walker']}{name}: {one['coordinate']}",
            (one["run"], one["part"], one["effective_samples"], "nearer"),
        )
        if one[f"{source}_side_height"] > 0:
            row = _row(study, "side_peak", one["unit"], subject, one[f"{source}_side_peak"], *place)
            rows.append(row | ({"paper": paper} if source == "walk" else {}))
        rows.append(_row(study, "side_peak_height", "1", subject, one[f"{source}_side_height"], *place))
    return rows


def _rates(study: str, one: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Steps of all chains in an hour of one core, beside the paper's; chains of other temperatures cost, and count for nothing."""
    if one["seconds_per_step"] != one["seconds_per_step"]:  # a walk that only went on was not timed
        return []
    rate = one["chains"] * SECONDS_PER_HOUR / one["seconds_per_step"]
    place = (one["run"], WHOLE, one["steps"] * one["chains"], "higher")
    if not one["run"].startswith(PAPER_RUNS):
        return [_row(study, "steps_per_core_hour", "1/h", one["walker"], rate, *place)]
    return [
        _row(study, "steps_per_core_hour", "1/h", one["walker"], rate, *place) | {"paper": PAPER_STEPS_PER_HOUR},
        _row(study, "rate_over_paper", "1", one["walker"], rate / PAPER_STEPS_PER_HOUR, *place),
    ]


def _energies(study: str, told: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Differences of energy of walks and of the runs beside them, and whether a walk's energies drift."""
    rows, runs = [], set()
    for one in told:
        place = (one["run"], one["apart"], 1, "nearer")
        rows.append(_row(study, "energy_difference_sd", "eV", one["walker"], one["walk_sd_ev"], *place))
        if (one["run"], one["apart"]) not in runs:
            runs.add((one["run"], one["apart"]))
            rows.append(_row(study, "energy_difference_sd", "eV", "dynamics", one["dynamics_sd_ev"], *place))
        if one["apart"] == FAR:
            for subject, name in ((one["walker"], "walk"), (f"{one['walker']}, dynamics beside it", "dynamics")):
                ratio = one[f"{name}_sd_ev"] / one[f"{name}_harmonic_ev"]
                rows.append(_row(study, "energy_difference_over_harmonic", "1", subject, ratio, *place))
            drift, error = one["walk_drift_ev"], one["walk_drift_half_width_ev"]
            row = _row(study, "energy_drift", "eV", one["walker"], drift, one["run"], WHOLE, 1, "zero")
            rows.append(row | {"ci_low": drift - error, "ci_high": drift + error})
    return rows


def _row(
    study: str, quantity: str, unit: str, subject: str, ours: float, data: str, split: str, n: float, better: str
) -> dict[str, Any]:
    return {
        "study": study, "system": "sampling", "quantity": quantity, "unit": unit, "subject": subject, "ours": ours, "n": int(n),
        "data": data, "split": split, "comparable": "not comparable", "better": better,
    }  # fmt: skip
