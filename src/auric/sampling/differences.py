"""Differences of energy along a walk beside those along dynamics; absolute energies of the two do not compare.

A walk with rigid ligands lacks their inner degrees of freedom. Of f harmonic ones, the energies of two independent structures
differ with a standard deviation of k_B T sqrt(f), which tells how much of a narrower distribution that explains.
"""

from typing import Any

import numpy as np
from ase.units import kB
from scipy.stats import t as student_t

from auric.sampling.geometry import density
from auric.sampling.walked import Walked

DIFFERENCE_COLUMNS = (
    "system", "run", "walker", "temperature_k", "apart", "walk_sd_ev", "dynamics_sd_ev", "walk_harmonic_ev", "dynamics_harmonic_ev",
    "walk_drift_ev", "walk_drift_half_width_ev", "dynamics_drift_ev",
)  # fmt: skip
NEXT, FAR = "next", "half the length"
"""How far apart: consecutive recorded steps (a walk's steps, the frames of dynamics that are kept), or half of what there is."""
SMOOTHING = 0.15
"""Width of the Gaussians that smooth distributions, in standard deviations."""
POINTS = 200
REACH = 4.5
"""Distributions are drawn so many standard deviations to either side."""


def energy_differences(
    walked: Walked, dynamics_ev: np.ndarray, atoms: int
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """How energies change along a walk, and along the run it stands beside.

    Args:
        walked: The walk.
        dynamics_ev: Energies of the run's frames, in order of time, shape (frames,).
        atoms: Of the structure.

    Returns:
        Rows with the columns `DIFFERENCE_COLUMNS`, and those of smoothed distributions
        (`auric.sampling.beside.CURVE_COLUMNS`), per eV.
    """
    rows: list[dict[str, Any]] = []
    drawn: list[dict[str, Any]] = []
    common, thermal = walked.common("system", "run", "walker", "temperature_k"), kB * walked.told["temperature_k"]
    inner = 3 * atoms - 6
    ours, theirs = walked.energies_ev, dynamics_ev[:, None]
    drifts = _drift(ours)
    told = {
        "walk_drift_ev": drifts.mean(), "dynamics_drift_ev": float(_drift(theirs)[0]),
        "walk_drift_half_width_ev": student_t.ppf(0.975, len(drifts) - 1) * drifts.std(ddof=1) / np.sqrt(len(drifts)) if len(drifts) > 1 else np.nan,
    }  # fmt: skip
    for apart in (NEXT, FAR):
        if apart == NEXT:
            changes = [walked.next_changes(), _changes(theirs, 1)]
        else:
            changes = [_changes(each, max(1, len(each) // 2)) for each in (ours, theirs)]
        harmonic = [
            thermal * np.sqrt(f) if apart == FAR else np.nan for f in (inner - walked.told["rigid_degrees"], inner)
        ]
        spreads = [float(each.std()) for each in changes]
        rows.append(
            common | {"apart": apart} | dict(zip(DIFFERENCE_COLUMNS[5:9], [*spreads, *harmonic], strict=True)) | told
        )
        reach = REACH * max(spreads) or 1.0  # a walk that never moved has no spread
        points = np.linspace(-reach, reach, POINTS)
        heights = [
            density(each, points, SMOOTHING * spread or reach / POINTS)
            for each, spread in zip(changes, spreads, strict=True)
        ]
        name = walked.common("system", "run", "walker") | {"coordinate": apart, "unit": "eV"}
        drawn += [
            name | {"value": x, "walk": walk, "dynamics": run} for x, walk, run in zip(points, *heights, strict=True)
        ]
    return rows, drawn


def _changes(energies: np.ndarray, apart: int) -> np.ndarray:
    """Of energies, shape (steps, chains), from each step to one so many later, shape (n,)."""
    return np.asarray(energies[apart:] - energies[:-apart]).ravel()


def _drift(energies: np.ndarray) -> np.ndarray:
    """Mean of the second half less that of the first, shape (chains,)."""
    half = len(energies) // 2
    return np.asarray(energies[half:].mean(axis=0) - energies[:half].mean(axis=0))
