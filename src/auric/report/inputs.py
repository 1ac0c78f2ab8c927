"""What the report reads: tables with names kept as text, images, and labelled frames."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from auric.errors import InputError
from auric.scorecard import COLUMNS

PREDICTIONS = (
    "split", "fold", "image", "structure", "frame", "bond", "third_atom", "bond_length_angstrom", "weight", "subject",
    "predicted_angstrom",
)  # fmt: skip
HISTORY = (
    "split", "fold", "epoch", "learning_rate", "training_mae_angstrom", "validation_mae_angstrom", "seconds",
)  # fmt: skip
FAILURES = ("stage", "structure", "frame", "reason")
ENERGIES = ("split", "subject", "run", "step", "energy_ev", "predicted_ev")
FORCES = ("split", "subject", "run", "class", "n", "force_norm_rmse", "weighted_angle")
PLACES = (
    "role", "run", "formula", "step", "temperature_k", "energy_ev", "pc1", "pc2", "pc1_share", "pc2_share",
)  # fmt: skip
RECOMMENDED = ("system", "task", "unit", "recommended", "ours", "runner_up", "runner_up_ours", "ahead", "runs")
GEOMETRY = (
    "system", "run", "walker", "temperature_k", "part", "coordinate", "unit", "shift", "shift_low", "shift_high", "wasserstein",
    "wasserstein_low", "wasserstein_high", "dynamics_halves", "autocorrelation_steps", "effective_samples",
)  # fmt: skip
CURVES = ("run", "walker", "coordinate", "unit", "value", "walk", "dynamics")
CHANGES = (
    "run", "walker", "apart", "walk_sd_ev", "dynamics_sd_ev", "walk_harmonic_ev", "dynamics_harmonic_ev",
)  # fmt: skip
WALK_PLACES = ("run", "source", "pc1", "pc2", "pc1_share", "pc2_share")
ISOMERS = (
    "first", "second", "temperature_k", "source", "coordinate", "unit", "shift", "shift_low", "shift_high", "wasserstein",
    "wasserstein_low", "wasserstein_high",
)  # fmt: skip
RELAXATIONS = (
    "system", "run", "step", "method", "uses", "verdict", "energy_ev", "energy_recovered", "rise_ev", "reference_calls",
    "reference_core_seconds", "coarse_calls", "coarse_core_seconds",
)  # fmt: skip
TRACES = ("system", "run", "step", "method", "uses", "call", "energy_ev")
SERIES = ("system", "run", "step", "reference_calls", "energy_ev")
RINGS = ("n", "seed", "stage", "verdict", "energy_ev", "twist_degree", "turned_over", "calls")
STRETCHED = (
    "structure", "place", "method", "max_step_angstrom", "verdict", "energy_recovered", "rmsd_to_reference_angstrom", "calls",
)  # fmt: skip
DROPPED = ("structure", "frame", "bond", "third_atom", "reason")

HOLDOUT = "holdout"
NUMBERS = frozenset(
    {"bond_length_angstrom", "weight", "predicted_angstrom", "epoch", "learning_rate", "training_mae_angstrom",
     "validation_mae_angstrom", "seconds", "ours", "ci_low", "ci_high", "n", "step", "energy_ev", "predicted_ev",
     "force_norm_rmse", "weighted_angle", "temperature_k", "pc1", "pc2", "pc1_share", "pc2_share", "runner_up_ours", "ahead",
     "runs", "shift", "shift_low", "shift_high", "wasserstein", "wasserstein_low", "wasserstein_high", "dynamics_halves",
     "autocorrelation_steps", "effective_samples", "value", "walk", "dynamics", "walk_sd_ev", "dynamics_sd_ev", "walk_harmonic_ev", "dynamics_harmonic_ev",
     "energy_recovered", "rise_ev", "reference_calls",
     "reference_core_seconds", "coarse_calls", "coarse_core_seconds", "call", "seed", "twist_degree", "calls", "max_step_angstrom",
     "rmsd_to_reference_angstrom"}
)  # fmt: skip


def read_table(path: str | Path | None, columns: Sequence[str]) -> pd.DataFrame:
    """Read a CSV file; names stay text (a structure called `001` is not the number one), empty text is ''.

    Args:
        path: CSV with at least these columns, perhaps without rows; None gives a table without rows.
        columns: Names of the columns to keep, in this order; those in `NUMBERS` become float64 (empty: NaN).

    Raises:
        InputError: If a column is missing, or a number cannot be read.
    """
    if path is None:
        return pd.DataFrame({name: np.zeros(0) if name in NUMBERS else np.array([], dtype=str) for name in columns})
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except pd.errors.EmptyDataError as error:
        raise InputError(f"{path} is empty; it needs at least a line with {', '.join(columns)}") from error
    missing = [name for name in columns if name not in table.columns]
    if missing:
        raise InputError(f"{path} has no column {', '.join(missing)}; it needs {', '.join(columns)}")
    table = table.loc[:, list(columns)]
    for name in columns:
        if name in NUMBERS:
            try:
                table[name] = np.array([float(text or "nan") for text in table[name]], dtype=float)
            except ValueError as error:
                raise InputError(f"{path}, column {name}: {error}; it needs numbers") from error
    return table


def read_scorecards(paths: Sequence[str | Path]) -> pd.DataFrame:
    """Join scorecard fragments; no fragments, or only empty ones, give a table without rows."""
    tables = [table for table in (read_table(path, COLUMNS) for path in paths) if len(table)]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=list(COLUMNS))


def finite_predictions(predictions: pd.DataFrame) -> pd.DataFrame:
    """The rows with a finite true and predicted bond length, with `error_angstrom` = predicted - true added."""
    error = predictions["predicted_angstrom"] - predictions["bond_length_angstrom"]
    kept = predictions.assign(error_angstrom=error)
    return kept[np.isfinite(kept["error_angstrom"].to_numpy(dtype=float))].reset_index(drop=True)


def in_order(found: Sequence[str], known: Sequence[str]) -> list[str]:
    """The distinct words found: the known ones in their order, then the others by the alphabet."""
    distinct = set(found)
    return [word for word in known if word in distinct] + sorted(distinct - set(known))
