"""Errors of predicted energies and forces, run by run, with intervals that know that neighbouring frames are alike."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from auric.potential.cosines import angles_and_weights, weighted_angle

BLOCKS = 10
"""A run is cut into so many consecutive blocks, which the bootstrap draws."""
FEWEST, FEWEST_OF_FORCES = 20, 8
"""With fewer frames no interval is given; with forces, of which a frame has many, each frame may be a block."""
FORCE_COLUMNS = (
    "split", "subject", "structure", "run", "class", "n", "force_norm_rmse", "force_norm_rmse_over_sd", "weighted_angle",
    "norm_low", "norm_high", "angle_low", "angle_high",
)  # fmt: skip
"""Of a table of errors of forces."""


def energy_scores(predicted: np.ndarray, true: np.ndarray, *, samples: int, seed: int) -> dict[str, Any]:
    """Errors of one run's energies, in order of time.

    Args:
        predicted: Shape (frames,), eV.
        true: The same.
        samples: Of the bootstrap.
        seed: Of the bootstrap.

    Returns:
        `n`, `energy_sd` (eV), `offset` (mean error, eV), `energy_rmse` (centred, eV), and the latter over the standard
        deviation (`energy_rmse_over_sd`) and over the range (`energy_rmse_over_range`) of the run's energies, with the
        95 % interval of `energy_rmse_over_sd` as `ci_low` and `ci_high` (nan with few frames).
    """
    error = predicted - true
    rmse, spread = error.std(), true.std()
    low, high = _interval(error, true, samples, seed)
    return {
        "n": len(true), "energy_sd": spread, "offset": error.mean(), "energy_rmse": rmse,
        "energy_rmse_over_sd": rmse / spread, "energy_rmse_over_range": rmse / np.ptp(true), "ci_low": low, "ci_high": high,
    }  # fmt: skip


def _interval(error: np.ndarray, true: np.ndarray, samples: int, seed: int) -> tuple[float, float]:
    if len(true) < FEWEST:
        return np.nan, np.nan
    rng = np.random.default_rng(seed)
    blocks = np.array_split(np.arange(len(true)), BLOCKS)
    ratios = []
    for _ in range(samples):
        drawn = np.concatenate([blocks[number] for number in rng.integers(BLOCKS, size=BLOCKS)])
        # The denominator stays that of the whole run: what varies is how well it was predicted.
        ratios.append(error[drawn].std() / true.std())
    low, high = np.percentile(ratios, [2.5, 97.5])
    return float(low), float(high)


def force_scores(
    predicted: Sequence[np.ndarray], true: Sequence[np.ndarray], classes: Sequence[Sequence[str]], *,
    samples: int = 1000, seed: int = 0,
) -> dict[str, dict[str, float]]:  # fmt: skip
    """Errors of forces for each class of atoms.

    Args:
        predicted: Per frame, in order of time, shape (atoms, 3), eV/angstrom.
        true: The same.
        classes: Per frame, the class of every atom.
        samples: Of the bootstrap.
        seed: Of the bootstrap.

    Returns:
        By class: `n` (atoms), `force_norm_rmse` (eV/angstrom), `force_norm_rmse_over_sd`, `weighted_angle` (degrees;
        the mean angle between predicted and true forces, weighted with the squared length of the true ones), and 95 %
        intervals of the norm's error (`norm_low`, `norm_high`) and of the angle (`angle_low`, `angle_high`) from
        consecutive blocks of frames (nan with few).
    """
    ours, theirs = np.concatenate(list(predicted)), np.concatenate(list(true))
    names = np.concatenate([np.array(each) for each in classes])
    frame = np.repeat(np.arange(len(predicted)), [len(each) for each in predicted])
    blocks = np.zeros(len(predicted), dtype=int)
    for number, members in enumerate(np.array_split(np.arange(len(predicted)), min(BLOCKS, len(predicted)))):
        blocks[members] = number
    result = {}
    for name in sorted(set(names.tolist())):
        here = names == name
        mine, given = ours[here], theirs[here]
        true_lengths = np.linalg.norm(given, axis=1)
        squared = (np.linalg.norm(mine, axis=1) - true_lengths) ** 2
        spread, rmse = float(true_lengths.std()), float(np.sqrt(squared.mean()))
        result[name] = {
            "n": float(len(given)), "force_norm_rmse": rmse, "force_norm_rmse_over_sd": rmse / spread if spread else float("nan"),
            "weighted_angle": weighted_angle(mine, given),
        }  # fmt: skip
        angles, weights = angles_and_weights(mine, given)
        for key, values, of, root in (
            ("norm", squared, np.ones(len(squared)), 0.5), ("angle", angles * weights, weights, 1.0)
        ):  # fmt: skip
            bounds = _ratio_interval(values, of, blocks[frame[here]], samples, seed)
            result[name] |= {f"{key}_low": bounds[0] ** root, f"{key}_high": bounds[1] ** root}
    return result


def _ratio_interval(
    values: np.ndarray, weights: np.ndarray, blocks: np.ndarray, samples: int, seed: int
) -> tuple[float, float]:
    """95 % interval of sum(values) / sum(weights), blocks drawn again."""
    sums = np.array([np.bincount(blocks, each) for each in (values, weights)])
    sums = sums[:, sums[1] > 0]
    if sums.shape[1] < FEWEST_OF_FORCES:
        return np.nan, np.nan
    drawn = np.random.default_rng(seed).integers(sums.shape[1], size=(samples, sums.shape[1]))
    totals = sums[:, drawn].sum(axis=2)
    low, high = np.percentile(totals[0] / totals[1], [2.5, 97.5])
    return float(low), float(high)
