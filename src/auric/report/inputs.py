"""What the report reads: tables with names kept as text, images, and labelled frames."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
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
    "run", "walker", "apart", "walk_sd_ev", "dynamics_sd_ev", "walk_harmonic_ev", "dynamics_harmonic_ev", "walk_drift_ev",
    "walk_drift_half_width_ev",
)  # fmt: skip
WALK_PLACES = ("run", "source", "pc1", "pc2", "pc1_share", "pc2_share", "outside")
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
MODES = ("image", "bond", "fold", "bond_length_angstrom", "toward_right", "upward", "stretch", "mode", "twin_mode")
OCCLUSION = ("fill", "row", "column", "mae_angstrom", "rise_percent", "rise_low", "rise_high", "n")
CHECKS = ("about", "check", "value", "low", "high", "n")
VARIANTS = (
    "variant", "changed", "split", "folds", "diverged", "n", "parameters", "seconds", "training_mae_angstrom", "mae_angstrom", "mae_low",
    "mae_high", "difference_angstrom", "difference_low", "difference_high",
)  # fmt: skip
CONCLUSIONS = (
    "conclusion", "papers", "tested", "verdict", "nearest", "difference_angstrom", "difference_low", "difference_high", "seed_sd_angstrom",
)  # fmt: skip
MASKS = ("share", "shape", "scale", "subject", "split", "mae_angstrom", "ci_low_angstrom", "ci_high_angstrom")
BONDING = (
    "share", "shape", "scale", "subject", "role", "index", "kind", "judged", "correlation", "ci_low", "ci_high", "rank_correlation",
    "less_full_ruler", "less_full_ruler_ci_low", "less_full_ruler_ci_high", "partial_correlation", "partial_ci_low", "partial_ci_high",
    "field_correlation", "random_median", "random_stronger", "followed", "bonds", "distinct_bonds", "structures",
)  # fmt: skip
BOND_CHANGES = (
    "name", "compared_with", "bond", "left_atom", "right_atom", "mask", "share", "shape", "scale", "subject", "parent_length_angstrom",
    "length_angstrom",
    "change_angstrom", "noise_angstrom", "verdict", "mayer_change", "added_atom_angstrom",
)  # fmt: skip
DISTORTIONS = (
    "name", "compared_with", "formula", "charge", "multiplicity", "energy_above_lowest_ev", "geometry", "steps", "residual_force_ev_angstrom",
    "nearest_added_angstrom", "bonds", "broken", "formed", "reacted",
)  # fmt: skip
TEM_ANSWERS = (
    "experiment", "measure", "recommended", "particles", "answer", "nearest", "similarity", "margin", "p_other", "p_fit", "p_least",
    "noise", "dose", "underfocus_angstrom", "top", "top_of", "top_permuted", "from_line", "beam_error_degree", "expected_beam_error_degree",
    "true", "source", "reason",
)  # fmt: skip
TEM_SCORES = (
    "experiment", "measure", "scope", "candidate", "image", "direction_x", "direction_y", "direction_z", "similarity", "score", "rank",
)  # fmt: skip
TEM_ORIENTATIONS = (
    "experiment", "measure", "particle", "candidate", "image", "direction_x", "direction_y", "direction_z", "angle_degree",
)  # fmt: skip
TEM_ANGLES = ("experiment", "measure", "candidate", "place", "image", "particle", "angle_degree")
TEM_CASES = ("true", "dose", "underfocus_angstrom", "case", "measure", "candidate", "similarity")
TEM_POWER = (
    "measure",
    "dose",
    "underfocus_angstrom",
    "particles",
    "right",
    "low",
    "high",
    "cases",
    "own_refused",
    "other_refused",
)
SYNTHESIS_SCORES = (
    "data", "sets", "split", "tuning", "model", "measure", "ours", "ci_low", "ci_high", "n", "seconds",
)  # fmt: skip
SYNTHESIS_PAIRS = ("data", "split", "measure", "first", "second", "difference", "ci_low", "ci_high", "p")
SYNTHESIS_RECOMMENDED = (
    "data", "sets", "split", "model", "mcc", "runner_up", "runner_up_mcc", "difference", "ci_low", "ci_high", "p",
)  # fmt: skip
SYNTHESIS_TABLES = {
    "map": ("data", "model", "ligand", "temperature_celsius", "ph", "probability", "spread"),
    "five": (
        "data", "model", "ligand_mmol_l", "gold_mmol_l", "reducing_agent_mmol_l", "temperature_celsius", "ph", "probability",
    ),
    "distances": ("data", "model", "first", "second", "distance"),
    "proposals": (
        "data", "model", "kind", "ligand", "solvent", "reducing_agent", "ligand_mmol_l", "gold_mmol_l", "reducing_agent_mmol_l",
        "temperature_celsius", "ph", "probability", "spread", "nearest", "distance", "ligand_likeness",
    ),
    "tree": ("data", "model", "node", "parent", "side", "feature", "threshold", "words", "share", "examples"),
    "rules": ("data", "model", "rule", "success", "share", "examples"),
    "fidelity": ("data", "model", "examples", "fresh", "teacher_share", "depth", "leaves", "f1", "mcc"),
    "limits": ("data", "model", "feature", "planted", "found", "relative_error"),
    "external": ("data", "model", "name", "outcome", "paper_probability", "probability", "spread"),
}  # fmt: skip
"""Tables on one fitted model, side by side in a folder of its own."""
MATCHED_PAIRS = ("name", "formula", "geometry", "nuclearity", "ligands", "source", "compound", "simplified")
MATCHED_DROPPED = ("structure", "step", "what", "reason")
MATCHED_STATISTICS = ("what", "which", "count")
MATCHED_METRICS = (
    "split", "subject", "learner", "metric", "mean", "sd_over_seeds", "low", "high", "examples", "positives", "groups", "families",
    "seeds", "floor", "floor_high",
)  # fmt: skip
MATCHED_CURVES = ("split", "subject", "seed", "bin", "n", "probability", "share")
MATCHED_CONFUSION = (
    "split", "subject", "seed", "true_positives", "false_positives", "false_negatives", "true_negatives",
)  # fmt: skip
MATCHED_PAIRED = (
    "split", "first", "second", "difference", "low", "high", "p_value", "p_holm", "examples", "groups", "families",
)  # fmt: skip
MATCHED_FOLDS = ("split", "fold", "examples", "positives", "share")
FORMATION_ERRORS = (
    "quantity",
    "split",
    "subject",
    "mae_ev",
    "low",
    "high",
    "median_ev",
    "clusters",
    "groups",
    "seconds",
)
REFERENCE_ENERGIES = ("element", "reference_ev", "surface_ev", "edge_ev", "spread_ev", "clusters")
BARE_PLACES = (
    "encoder", "told_by", "cluster", "element", "size", "value_ev", "third", "x", "y",
    "davies_bouldin", "calinski_harabasz", "davies_bouldin_plane", "calinski_harabasz_plane",
)  # fmt: skip
MATCHED_PLACES = (
    "split",
    "fold",
    "encoder",
    "name",
    "ligands",
    "label",
    "x",
    "y",
    "davies_bouldin",
    "calinski_harabasz",
)
MATCHED_CASES = ("case", "core", "edit", "ligands", "known", "left_out", "seed", "probability", "warning")
MATCHED_EXTERNAL = (
    "name", "formula", "ligands", "subject", "probability", "spread", "called", "library_sets", "library_called", "warning", "source",
)  # fmt: skip
DROPPED = ("structure", "frame", "bond", "third_atom", "reason")

HOLDOUT = "holdout"
NUMBERS = frozenset(
    {"bond_length_angstrom", "weight", "predicted_angstrom", "epoch", "learning_rate", "training_mae_angstrom",
     "validation_mae_angstrom", "seconds", "ours", "ci_low", "ci_high", "n", "step", "energy_ev", "predicted_ev",
     "force_norm_rmse", "weighted_angle", "temperature_k", "pc1", "pc2", "pc1_share", "pc2_share", "outside", "runner_up_ours", "ahead",
     "runs", "shift", "shift_low", "shift_high", "wasserstein", "wasserstein_low", "wasserstein_high", "dynamics_halves",
     "autocorrelation_steps", "effective_samples", "value", "walk", "dynamics", "walk_sd_ev", "dynamics_sd_ev", "walk_harmonic_ev", "dynamics_harmonic_ev",
     "walk_drift_ev", "walk_drift_half_width_ev", "energy_recovered", "rise_ev", "reference_calls",
     "reference_core_seconds", "coarse_calls", "coarse_core_seconds", "call", "seed", "twist_degree", "calls", "max_step_angstrom",
     "rmsd_to_reference_angstrom", "toward_right", "upward", "stretch", "mae_angstrom", "rise_percent", "rise_low", "rise_high", "low", "high",
     "folds", "diverged", "parameters", "mae_low", "mae_high", "difference_angstrom", "difference_low", "difference_high", "tested",
     "noise_angstrom", "rank_correlation", "less_full_ruler", "less_full_ruler_ci_low", "less_full_ruler_ci_high", "partial_correlation",
     "partial_ci_low", "partial_ci_high", "field_correlation", "random_median", "random_stronger", "followed", "distinct_bonds",
     "seed_sd_angstrom",
     "share", "ci_low_angstrom", "ci_high_angstrom", "correlation", "bonds", "structures",
     "particles", "similarity", "margin", "p_other", "p_fit", "p_least", "noise", "dose", "top", "top_of",
     "top_permuted", "from_line", "beam_error_degree", "expected_beam_error_degree", "direction_x", "direction_y", "direction_z", "score", "rank",
     "angle_degree", "underfocus_angstrom", "right", "cases", "own_refused", "other_refused",
     "sets", "difference", "p", "mcc", "runner_up_mcc", "temperature_celsius", "ph", "probability",
     "spread", "ligand_mmol_l", "gold_mmol_l", "reducing_agent_mmol_l", "distance", "ligand_likeness", "node", "parent", "threshold",
     "left_atom", "right_atom", "parent_length_angstrom", "length_angstrom", "change_angstrom", "mayer_change", "added_atom_angstrom",
     "charge", "multiplicity", "energy_above_lowest_ev", "steps", "residual_force_ev_angstrom", "nearest_added_angstrom", "broken", "formed",
     "examples", "success", "fresh", "teacher_share", "depth", "leaves", "f1", "planted", "found", "relative_error",
     "outcome", "paper_probability",
     "nuclearity", "count", "mean", "sd_over_seeds", "positives", "groups", "families", "seeds", "floor", "floor_high", "library_sets", "library_called", "p_value", "p_holm", "mae_ev", "median_ev", "clusters", "label", "x", "y", "davies_bouldin", "calinski_harabasz", "called", "bin",
     "value_ev", "third", "davies_bouldin_plane", "calinski_harabasz_plane", "reference_ev", "surface_ev", "edge_ev", "spread_ev",
     "true_positives", "false_positives", "false_negatives", "true_negatives"}
)  # fmt: skip


@dataclass(frozen=True)
class ReportFiles:
    """What a report is made of, named as the inputs of the rule `report`; what a study does not have is left empty.

    Attributes:
        scorecards: CSV files with the columns of `auric.scorecard`.
        frames: Extended xyz files of labelled frames.
        failures: CSV with the columns `FAILURES`.
        dropped: CSV with the columns `DROPPED`.
        predictions: CSV with the columns `PREDICTIONS`, lengths in angstrom; empty in a study without a ruler.
        history: CSV with the columns `HISTORY`; likewise.
        images: NetCDF with elf (image, y, x) between 0 and 1 and bond_length_angstrom (image); likewise.
        explanations: NetCDF of ELFnet's explanations; empty here and below: no section on them.
        modes: CSV of reading modes, columns `MODES`.
        occlusion: CSV of errors with a zone hidden, columns `OCCLUSION`.
        checks: CSV of what the explanations are worth, columns `CHECKS`.
        variants: CSV of a model exploration, columns `VARIANTS`; empty: no section on it.
        conclusions: CSV of the paper's conclusions, columns `CONCLUSIONS`.
        recommended: CSV of the best contender for each task and system, columns `RECOMMENDED`.
        energies: CSV files of predicted energies with the columns `ENERGIES`, each in a folder named after its system of runs;
            none: no section on potentials.
        forces: CSV files of errors of forces, columns `FORCES`, in the same folders.
        maps: CSV files of places in descriptor space, columns `PLACES`, in the same folders.
        geometry: CSV files of bonds and angles of walks, columns `GEOMETRY`; none: no section on walks.
        curves: CSV files of their distributions, columns `CURVES`, in the same order.
        changes: CSV files of differences of energy along them, columns `CHANGES`, in the same order.
        change_curves: CSV files of the distributions of these, columns `CURVES`, in the same order.
        walk_maps: CSV files of their places in descriptor space, columns `WALK_PLACES`, in the same order.
        isomers: CSV files of isomers beside each other, columns `ISOMERS`.
        relaxations: CSV files of relaxations, columns `RELAXATIONS`; none here and below: no section on them.
        traces: CSV files of energies along their way, columns `TRACES`.
        series: CSV files of relaxations by a potential that learns on the way, columns `SERIES`.
        rings: CSV files of rings from even shapes, columns `RINGS`, in folders named after the potential's system.
        stretched: CSV files of units with their anchors pulled out, columns `STRETCHED`.
        masks: CSV of errors behind masks, columns `MASKS`; empty: no section on them.
        bonding: CSV of correlations of readings with bond indices, columns `BONDING`; likewise.
        bond_changes: CSV of distorted bonds, columns `BOND_CHANGES`; empty: no section on them.
        distortions: CSV of distorted structures and their parents, columns `DISTORTIONS`; likewise.
        distorted: The same structures (extended xyz).
        tem_answers: CSV files of what experiments of microscopy answer, columns `TEM_ANSWERS`; none: no section on it.
        tem_scores: CSV files of scores of simulated images, columns `TEM_SCORES`, in the same order.
        tem_orientations: CSV files of how particles lie, columns `TEM_ORIENTATIONS`, in the same order.
        tem_angles: CSV files of rotations at the best images, columns `TEM_ANGLES`, in the same order.
        tem_particles: NetCDF files of the particles' images, in the same order.
        tem_libraries: NetCDF files of the candidates and their simulated images.
        tem_cases: CSV of simulated cases of known isomer and orientation.
        tem_power: CSV of how often the right isomer wins among them, columns `TEM_POWER`.
        synthesis_scores: CSV of models on records of syntheses, columns `SYNTHESIS_SCORES`; empty here and below: no section on them.
        synthesis_pairs: CSV of models beside each other, columns `SYNTHESIS_PAIRS`.
        synthesis_recommended: CSV of the best model of each kind of records, columns `SYNTHESIS_RECOMMENDED`.
        synthesis_maps: CSV files of maps of fitted models, beside each of which the other tables of `SYNTHESIS_TABLES` lie.
        synthesis_tables: These others, all in one list.
        matching_pairs: CSV of reported pairs, columns `MATCHED_PAIRS`, in a list; none here and below: no section on matching.
        matching_dropped: What was dropped on the way, columns `MATCHED_DROPPED`.
        matching_statistics: Counts of the library, columns `MATCHED_STATISTICS`.
        matching_metrics: Metrics in folds, columns `MATCHED_METRICS`.
        matching_reliability: Shares beside probabilities, columns `MATCHED_CURVES`.
        matching_confusion: Confusion matrices, columns `MATCHED_CONFUSION`.
        matching_paired: Differences of AUC, columns `MATCHED_PAIRED`.
        matching_folds: Examples and share of positives of each fold, columns `MATCHED_FOLDS`.
        matching_errors: Errors of formation energies and gaps, columns `FORMATION_ERRORS`.
        matching_references: Reference energies of elements, columns `REFERENCE_ENERGIES`.
        matching_bare: Bare clusters in the space of core encoders, columns `BARE_PLACES`.
        matching_places: Examples in latent space, a file for each split, columns `MATCHED_PLACES`.
        matching_cases: Edited cores, columns `MATCHED_CASES`.
        matching_external: Clusters not learned from, columns `MATCHED_EXTERNAL`.
    """

    scorecards: Sequence[str | Path]
    frames: Sequence[str | Path]
    failures: str | Path
    dropped: str | Path
    predictions: str | Path = ""
    history: str | Path = ""
    images: str | Path = ""
    explanations: str | Path = ""
    modes: str | Path = ""
    occlusion: str | Path = ""
    checks: str | Path = ""
    variants: str | Path = ""
    conclusions: str | Path = ""
    recommended: str | Path = ""
    energies: Sequence[str | Path] = ()
    forces: Sequence[str | Path] = ()
    maps: Sequence[str | Path] = ()
    geometry: Sequence[str | Path] = ()
    curves: Sequence[str | Path] = ()
    changes: Sequence[str | Path] = ()
    change_curves: Sequence[str | Path] = ()
    walk_maps: Sequence[str | Path] = ()
    isomers: Sequence[str | Path] = ()
    relaxations: Sequence[str | Path] = ()
    traces: Sequence[str | Path] = ()
    series: Sequence[str | Path] = ()
    rings: Sequence[str | Path] = ()
    stretched: Sequence[str | Path] = ()
    masks: str | Path = ""
    bonding: str | Path = ""
    bond_changes: str | Path = ""
    distortions: str | Path = ""
    distorted: Sequence[str | Path] = ()
    tem_answers: Sequence[str | Path] = ()
    tem_scores: Sequence[str | Path] = ()
    tem_orientations: Sequence[str | Path] = ()
    tem_angles: Sequence[str | Path] = ()
    tem_particles: Sequence[str | Path] = ()
    tem_libraries: Sequence[str | Path] = ()
    tem_cases: str | Path = ""
    tem_power: str | Path = ""
    synthesis_scores: str | Path = ""
    synthesis_pairs: str | Path = ""
    synthesis_recommended: str | Path = ""
    synthesis_maps: Sequence[str | Path] = ()
    synthesis_tables: Sequence[str | Path] = ()
    matching_pairs: Sequence[str | Path] = ()
    matching_dropped: Sequence[str | Path] = ()
    matching_statistics: Sequence[str | Path] = ()
    matching_metrics: Sequence[str | Path] = ()
    matching_reliability: Sequence[str | Path] = ()
    matching_confusion: Sequence[str | Path] = ()
    matching_paired: Sequence[str | Path] = ()
    matching_folds: Sequence[str | Path] = ()
    matching_errors: Sequence[str | Path] = ()
    matching_references: Sequence[str | Path] = ()
    matching_bare: Sequence[str | Path] = ()
    matching_places: Sequence[str | Path] = ()
    matching_cases: Sequence[str | Path] = ()
    matching_external: Sequence[str | Path] = ()


def read_table(path: str | Path, columns: Sequence[str], *, words: Collection[str] = ()) -> pd.DataFrame:
    """Read a CSV file; names stay text (a structure called `001` is not the number one), empty text is ''.

    Args:
        path: CSV with at least these columns, perhaps without rows; '' gives a table without rows.
        columns: Names of the columns to keep, in this order; those in `NUMBERS` become float64 (empty: NaN).
        words: Of them, what holds words in this table, whatever `NUMBERS` says.

    Raises:
        InputError: If a column is missing, or a number cannot be read.
    """
    numbers = NUMBERS.difference(words)
    if not path:
        return pd.DataFrame({name: np.zeros(0) if name in numbers else np.array([], dtype=str) for name in columns})
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except pd.errors.EmptyDataError as error:
        raise InputError(f"{path} is empty; it needs at least a line with {', '.join(columns)}") from error
    missing = [name for name in columns if name not in table.columns]
    if missing:
        raise InputError(f"{path} has no column {', '.join(missing)}; it needs {', '.join(columns)}")
    table = table.loc[:, list(columns)]
    for name in columns:
        if name in numbers:
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
