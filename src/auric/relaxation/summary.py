"""The relaxation room's fragment of the scorecard."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from auric.files import read_frames, read_tables
from auric.relaxation.better import BEFORE
from auric.relaxation.tasks import BOTH, COARSE, DIRECTED, REFERENCE, RISE_EV
from auric.scorecard import write_scorecard

SPLIT, RINGS, STRETCHED = "hot frames", "rings", "pulled unit"
SAME_EV = 0.02
"""An end no more than this above the reference's counts as good as it."""
START = ["system", "run", "step"]


def summarise_relaxations(
    tables: Sequence[str | Path], scorecard: str | Path, *, study: str, samples: int, seed: int,
    rings: Mapping[str, str | Path] | None = None, stretched: Sequence[str | Path] = (),
    series: Sequence[str | Path] = (), training: Sequence[str | Path] = (),
) -> None:  # fmt: skip
    """Write what relaxations on the potential recovered, how far they ended, and what was saved.

    Args:
        tables: Of `relax_run` and `better_of_run` (CSV).
        scorecard: CSV to write.
        study: Name of the study.
        samples: Of the bootstrap over starts.
        seed: Of the bootstrap.
        rings: Of `rings_of_model`, by the potential's system.
        stretched: Of `stretched_of_run`.
        series: Of `series_of_runs`.
        training: Runs that potentials learned from (extended xyz), whose steps are reference calls too.
    """
    drawn: dict[str, Any] = {"study": study, "samples": samples, "seed": seed}
    table = read_tables(tables)
    rows = relaxation_rows(table, calls_of_training=calls_of_runs(training), **drawn)
    for system, path in (rings or {}).items():
        rows += ring_rows(pd.read_csv(path), system, **drawn)
    rows += stretched_rows(read_tables(stretched), **drawn) if stretched else []
    rows += series_rows(read_tables(series), table, **drawn) if series else []
    write_scorecard(scorecard, rows)


def calls_of_runs(paths: Sequence[str | Path]) -> dict[str, int]:
    """Reference calls of the runs of dynamics that potentials learned from, by system: their steps, however few were kept."""
    calls: dict[str, int] = {}
    for path in paths:
        frames = read_frames(path)
        last = max((int(atoms.info.get("step", 0)) for atoms in frames), default=0)
        system = str(frames[0].info.get("system", "")) if frames else ""
        calls[system] = calls.get(system, 0) + max(last, len(frames))
    return calls


def relaxation_rows(
    table: pd.DataFrame, *, study: str, samples: int, seed: int, calls_of_training: Mapping[str, int] | None = None
) -> list[dict[str, Any]]:
    """Rows of the scorecard from a table with the columns `auric.relaxation.tasks.COLUMNS`.

    Reference calls and core seconds are compared start by start with whichever reference-only optimiser took the fewest
    from it; the number is their geometric mean. Where the other way did not converge, the reference has to be asked all the
    same: its calls are added. Energies are compared with the lowest that any reference-only optimiser reached from the start. `starts_to_repay`:
    after so many starts the calls saved are as many as the frames that the potential learned from, or as the steps of
    dynamics that these were taken from.
    """
    rows: list[dict[str, Any]] = []
    drawn = {"samples": samples, "seed": seed}
    for system, mine in table.groupby("system", sort=False):
        by_start = _converged(mine, REFERENCE).groupby(["run", "step"])
        fewest, lowest = by_start["reference_calls"].min(), by_start["energy_ev"].min()
        quickest = by_start["reference_core_seconds"].min()
        alone = mine[(mine["uses"] == REFERENCE) & mine["energy_recovered"].notna()]
        measured = alone.set_index(["run", "step"]).index  # starts from which the reference gained something
        before = _converged(mine, BEFORE).groupby(["run", "step"])["reference_calls"].min()
        for (method, uses), ways in mine.groupby(["method", "uses"], sort=False):
            if uses == REFERENCE:
                continue
            said = _said(study, method, str(system), SPLIT, len(ways))
            if len(shares := ways[ways.set_index(["run", "step"]).index.isin(measured)]):
                rows.append(said | _mean("energy_recovered", "1", _recovered(shares), "higher", **drawn))
            rows.append(
                said | _mean("rmsd_to_reference", "angstrom", ways["rmsd_to_reference_angstrom"], "lower", **drawn)
            )
            rows += _verdict_rows(ways, said, drawn)
            if uses == COARSE:
                continue
            ways = ways.set_index(["run", "step"])
            seconds = ways["reference_core_seconds"] + ways["coarse_core_seconds"]
            calls = _spent(ways["reference_calls"], fewest, ways)
            rows.append(said | _saved("reference_calls_saved", fewest, calls, drawn))
            rows.append(said | _saved("core_seconds_saved", quickest, _spent(seconds, quickest, ways), drawn))
            above = ways["energy_ev"] - lowest
            share = (above <= SAME_EV)[above.notna()].astype(float)
            rows.append(said | _mean("ends_as_low_share", "1", share, "higher", **drawn))
            if uses == BOTH:
                if len(before):
                    rows.append(said | _saved("calls_saved_over_cheap_first", before, calls, drawn))
                rows += _repaid(fewest - calls, ways, said, (calls_of_training or {}).get(str(system)))
    return rows


def _verdict_rows(ways: pd.DataFrame, said: Mapping[str, Any], drawn: Mapping[str, int]) -> list[dict[str, Any]]:
    """How often a way converged, and of the thesis's forces what they had recovered where they were lowest, and how far they rose from there."""
    converged = (ways["verdict"] == "converged").astype(float)
    rows = [dict(said) | _mean("converged_share", "1", converged, "higher", **drawn)]
    rises = pd.to_numeric(ways["rise_ev"], errors="coerce").dropna() if "rise_ev" in ways else pd.Series(dtype=float)
    if len(rises) and str(said["subject"]).startswith(DIRECTED):
        few = dict(said) | {"n": len(rises)}
        lowest = ways.loc[rises.index, "lowest_recovered"].astype(float).fillna(0.0)
        rows.append(few | _mean("lowest_recovered", "1", lowest, "higher", **drawn))
        rows.append(few | _mean("energy_rise", "eV", rises, "lower", **drawn))
        rows.append(few | _mean("rising_share", "1", (rises > RISE_EV).astype(float), "lower", **drawn))
    return rows


def _repaid(
    saved: pd.Series, ways: pd.DataFrame, said: Mapping[str, Any], steps: int | None
) -> list[dict[str, Any]]:  # fmt: skip
    """After how many starts the training is paid for, by frames learned from and by steps of dynamics; none if never."""
    gained = float(saved.dropna().mean())
    cost = {
        "frames learned from": float(ways["labels"].max()) if "labels" in ways else 0.0,
        "steps of dynamics": steps or 0.0,
    }
    return [
        dict(said) | {"quantity": "starts_to_repay", "unit": "starts", "subject": f"{said['subject']}, {word}",
                      "ours": calls / gained, "better": "lower"}
        for word, calls in cost.items() if calls and gained > 0
    ]  # fmt: skip


def series_rows(
    series: pd.DataFrame, table: pd.DataFrame, *, study: str, samples: int, seed: int
) -> list[dict[str, Any]]:
    """What learning on the way saves, all calls counted: sums over the starts, the best reference-only way from each beside it.

    Args:
        series: Columns `auric.relaxation.series.SERIES_COLUMNS`.
        table: Columns `auric.relaxation.tasks.COLUMNS`, with the reference-only ways from the same starts.
        study: Name of the study.
        samples: Of the bootstrap over starts but the first, on which nothing can be saved.
        seed: Of the bootstrap.
    """
    rows = []
    alone = _converged(table, REFERENCE).groupby(START)
    best = alone[["reference_calls", "reference_core_seconds", "energy_ev"]].min().add_prefix("best_")
    for system, mine in series.groupby("system", sort=False):
        both = mine.join(best, on=START)
        seconds = both["reference_core_seconds"] + both["coarse_core_seconds"] + both["learning_core_seconds"]
        spent = {
            "reference_calls_saved": (both["best_reference_calls"], both["reference_calls"]),
            "core_seconds_saved": (both["best_reference_core_seconds"], seconds),
        }
        first = both.index == both.index[0]  # always counted: what it cost is the training
        kept = first | both["best_reference_calls"].notna()
        both = both[kept]
        if len(both) < 2:
            continue
        said = _said(study, str(both["method"].iloc[0]), str(system), SPLIT, len(both))
        for quantity, (theirs, ours) in spent.items():
            theirs, ours = theirs.where(~first | theirs.notna(), ours)[kept], ours[kept]
            ours = _spent(ours, theirs, both)
            rows.append(said | {"quantity": quantity, "unit": "times, training counted", "better": "higher"}
                        | _ratio(theirs.to_numpy(float), ours.to_numpy(float), samples, seed))  # fmt: skip
        above = (both["energy_ev"] - both["best_energy_ev"]).dropna()
        as_low = (above <= SAME_EV).astype(float)
        rows.append(said | _mean("ends_as_low_share", "1", as_low, "higher", samples, seed))
        converged = (both["verdict"] == "converged").astype(float)
        rows.append(said | _mean("converged_share", "1", converged, "higher", samples, seed))
    return rows


def ring_rows(table: pd.DataFrame, system: str, *, study: str, samples: int, seed: int) -> list[dict[str, Any]]:
    """Energies above the reference's end from the same start, and whose twist has turned over; columns `RING_COLUMNS`."""
    rows = []
    direct = table[table["stage"] == "reference"].set_index(["n", "seed"])["energy_ev"]
    for (n, stage), ways in table[table["stage"] != "reference"].groupby(["n", "stage"], sort=False):
        said = _said(study, f"{n} gold, {stage}", system, RINGS, len(ways))
        above = ways.set_index(["n", "seed"])["energy_ev"] - direct
        drawn = {"samples": samples, "seed": seed}
        rows.append(said | _mean("energy_above_reference", "eV", above.dropna(), "lower", **drawn))
        rows.append(said | _mean("turned_over_share", "1", ways["turned_over"].astype(float), "lower", **drawn))
    return rows


def stretched_rows(table: pd.DataFrame, *, study: str, samples: int, seed: int) -> list[dict[str, Any]]:
    """What pulled units recover, by step size, over structures and places; columns `STRETCHED_COLUMNS`."""
    rows = []
    drawn = {"samples": samples, "seed": seed}
    direct = table[table["method"] == "reference"].set_index(["system", "structure", "place"])["calls"]
    for (system, method, size), ways in table.groupby(["system", "method", "max_step_angstrom"], sort=False):
        if method == "reference":
            continue
        subject = f"{method}, step {size:g}" if method == "potential" else str(method)
        said = _said(study, subject, str(system), STRETCHED, len(ways))
        rows.append(said | _mean("energy_recovered", "1", _recovered(ways), "higher", **drawn))
        rows.append(said | _mean("rmsd_to_reference", "angstrom", ways["rmsd_to_reference_angstrom"], "lower", **drawn))
        if method != "potential":
            ways = ways.set_index(["system", "structure", "place"])
            rows.append(said | _saved("calls_saved_over_bfgs", direct, _spent(ways["calls"], direct, ways), drawn))
    return rows


def _said(study: str, subject: str, data: str, split: str, n: int) -> dict[str, Any]:
    return {
        "study": study, "system": "relaxation", "subject": subject, "data": data, "split": split, "n": n,
        "comparable": "not comparable",
    }  # fmt: skip


def _converged(table: pd.DataFrame, uses: str) -> pd.DataFrame:
    return table[(table["uses"] == uses) & (table["verdict"] == "converged")]


def _recovered(ways: pd.DataFrame) -> pd.Series:
    """Shares of energy recovered; nothing where a way ended above its start, which is still at hand, or the reference has no answer."""
    return ways["energy_recovered"].astype(float).fillna(0.0).clip(lower=0.0)


def _spent(ours: pd.Series, theirs: pd.Series, ways: pd.DataFrame) -> pd.Series:
    """What ways took, and where they did not converge what the reference takes besides."""
    return ours.where(ways["verdict"] == "converged", ours + theirs)


def _saved(quantity: str, theirs: pd.Series, ours: pd.Series, drawn: Mapping[str, int]) -> dict[str, Any]:
    """How many times as much the reference took, a geometric mean over starts."""
    row = _mean(quantity, "times", np.log((theirs / ours).dropna()), "higher", **drawn)
    return row | {key: float(np.exp(row[key])) for key in ("ours", "ci_low", "ci_high") if key in row}


def _ratio(theirs: np.ndarray, ours: np.ndarray, samples: int, seed: int) -> dict[str, Any]:
    """A ratio of sums, the first of each in every draw; with three or more others, its 95 % interval by bootstrap."""
    row: dict[str, Any] = {"ours": float(theirs.sum() / ours.sum())}
    if len(ours) >= 4:
        drawn = np.random.default_rng(seed).integers(1, len(ours), size=(samples, len(ours) - 1))
        ratios = (theirs[0] + theirs[drawn].sum(axis=1)) / (ours[0] + ours[drawn].sum(axis=1))
        row["ci_low"], row["ci_high"] = (float(bound) for bound in np.percentile(ratios, [2.5, 97.5]))
    return row


def _mean(quantity: str, unit: str, values: pd.Series, better: str, samples: int, seed: int) -> dict[str, Any]:
    """A mean over starts; with three or more, its 95 % interval by bootstrap."""
    numbers = values.to_numpy(dtype=float)
    row: dict[str, Any] = {"quantity": quantity, "unit": unit, "ours": float(numbers.mean()), "better": better}
    if len(numbers) >= 3:
        drawn = np.random.default_rng(seed).choice(numbers, size=(samples, len(numbers))).mean(axis=1)
        row["ci_low"], row["ci_high"] = (float(bound) for bound in np.percentile(drawn, [2.5, 97.5]))
    return row
