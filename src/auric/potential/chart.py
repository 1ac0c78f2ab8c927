"""A chart of descriptor space: where runs of dynamics move, seen along the two directions in which training frames differ most."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from ase import Atoms

from auric.descriptors import MBTR_SECOND, FeatureScaler, Mbtr
from auric.errors import InputError
from auric.files import write_table
from auric.potential.domain import TrainingDomain
from auric.potential.labels import energy_of, pieces_of, read_runs, runs_of

MAP_COLUMNS = (
    "system", "role", "run", "structure", "formula", "step", "temperature_k", "energy_ev",
    "pc1", "pc2", "pc1_share", "pc2_share", "outside",
)  # fmt: skip
CHUNKS = 8
"""Consecutive pieces of each run; how far training frames lie from each other is told across pieces."""
NEARLY = 1 - 1e-6
"""Loadings this near to the largest count as equally large, so that rounding does not decide a sign."""


class Components(NamedTuple):
    """Principal components.

    Attributes:
        centre: Mean of the data, shape (features,).
        axes: Orthonormal directions, the one of largest variance first, shape (components, features).
        shares: Of the variance of the data along each, shape (components,).
    """

    centre: np.ndarray
    axes: np.ndarray
    shares: np.ndarray

    def scores(self, features: np.ndarray) -> np.ndarray:
        """Coordinates of points, shape (n, components), from features, shape (n, features)."""
        return np.asarray((features - self.centre) @ self.axes.T)


def principal_components(features: np.ndarray, count: int = 2) -> Components:
    """Directions in which the data vary most: right singular vectors of the centred data.

    A singular vector has no sign of its own. Here the first of its entries that is as large as the largest (to one
    in a million) is positive.

    Args:
        features: Shape (n, features).
        count: How many.

    Raises:
        InputError: If the data span fewer directions, or are not finite.
    """
    if not np.isfinite(features).all():
        raise InputError("features of a chart are not all finite; leave those frames out or correct them")
    if min(len(features) - 1, features.shape[1]) < count:
        raise InputError(
            f"{len(features)} frames of {features.shape[1]} features span fewer than {count} directions; give more frames"
        )
    centre = features.mean(axis=0)
    _, stretches, axes = np.linalg.svd(features - centre, full_matrices=False)
    if not stretches[0]:
        raise InputError(f"all {len(features)} frames are the same; give different ones")
    axes = axes[:count]
    for axis in axes:
        size = np.abs(axis)
        axis *= np.sign(axis[np.argmax(size >= NEARLY * size.max())])
    variances = stretches**2
    return Components(centre, axes, variances[:count] / variances.sum())


def descriptor_map(
    training: Sequence[str | Path], tests: Sequence[str | Path], table: str | Path, *, sample: Mapping[str, Any] | None = None
) -> None:  # fmt: skip
    """Place frames of dynamics in the space of their descriptors, as the published potentials see it.

    Descriptors are the MBTR of whole structures with the second set of parameters of doi:10.1021/acs.jpca.0c01512, scaled to
    [0, 1]. Scaling and principal components come from the training frames alone; test frames are only placed.

    Args:
        training: Runs that are learned from (extended xyz).
        tests: Runs that are predicted.
        sample: Which frames of each training run are learned from, see `sampled`; all by default.
        table: CSV to write, columns `MAP_COLUMNS`; a row a frame, coordinates in scaled descriptors (no unit), shares of
            the training frames' variance, the same in every row; `outside` is 1 where a test frame is farther from its nearest
            training frame than all but 1 % of the training frames are from those of other pieces of runs (`TrainingDomain`;
            all features count, not the two drawn). A temperature that a frame does not tell is empty.

    Raises:
        InputError: If there are no frames, or training frames do not differ in two directions.
    """
    frames, unseen = read_runs(training, "training", sample), read_runs(tests, "test")
    maker = Mbtr(sorted({symbol for atoms in frames for symbol in atoms.symbols}), MBTR_SECOND)
    learned = maker.describe_all(frames)
    scaler = FeatureScaler().fit(learned)
    scaled = scaler.transform(learned)
    asked = scaler.transform(maker.describe_all(unseen))
    components = principal_components(scaled)
    places = np.concatenate([components.scores(scaled), components.scores(asked)])
    domain = TrainingDomain(scaled, runs=pieces_of(runs_of(frames), CHUNKS))
    outside = [*np.zeros(len(frames), dtype=int), *domain.judge(asked).outside.astype(int)]
    roles = ["train"] * len(frames) + ["test"] * len(unseen)
    shares = {f"pc{k}_share": share for k, share in enumerate(components.shares, 1)}
    rows = [
        _row(atoms, role) | {"pc1": pc1, "pc2": pc2, "outside": flag} | shares
        for atoms, role, (pc1, pc2), flag in zip([*frames, *unseen], roles, places, outside, strict=True)
    ]
    write_table(table, rows, MAP_COLUMNS)


def _row(atoms: Atoms, role: str) -> dict[str, Any]:
    """What a frame tells of itself."""
    info = atoms.info
    return {
        "system": info.get("system", ""), "role": role, "run": info["run"], "structure": info.get("structure", info["name"]),
        "formula": atoms.get_chemical_formula("metal"), "step": info["step"],
        "temperature_k": info.get("temperature_k", np.nan), "energy_ev": energy_of(atoms),
    }  # fmt: skip
