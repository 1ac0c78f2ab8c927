"""Whether the structures of a walk are like those that its potential has learned from."""

from collections.abc import Sequence

import numpy as np
from ase import Atoms

from auric.descriptors import MBTR_SECOND, FeatureScaler, Mbtr
from auric.potential import TrainingDomain, pieces_of, runs_of

PIECES = 8
"""Consecutive pieces of each run of the training: how far its frames lie from each other is told across pieces."""


class DomainGuard:
    """Distance to the nearest training frame, against distances of training frames to those of other pieces of runs.

    Distances are those of MBTR (second parameters of doi:10.1021/acs.jpca.0c01512), scaled to [0, 1] over the training frames.

    Args:
        frames: What was learned from.

    Raises:
        InputError: If they are too few, or of one piece.
    """

    def __init__(self, frames: Sequence[Atoms]) -> None:
        self._mbtr = Mbtr(sorted({symbol for atoms in frames for symbol in atoms.symbols}), MBTR_SECOND)
        features = self._mbtr.describe_all(frames)
        self._scaler = FeatureScaler().fit(features)
        self._domain = TrainingDomain(self._scaler.transform(features), runs=pieces_of(runs_of(frames), PIECES))

    def outside(self, frames: Sequence[Atoms]) -> np.ndarray:
        """Which structures are farther from training than 99 % of the training frames, shape (frames,), boolean."""
        return self.judge(self.features(frames))

    def judge(self, features: np.ndarray) -> np.ndarray:
        """The same of features that are known, shape (frames, features)."""
        return np.asarray(self._domain.judge(features).outside)

    def features(self, frames: Sequence[Atoms]) -> np.ndarray:
        """Scaled descriptors, shape (frames, features)."""
        return np.asarray(self._scaler.transform(self._mbtr.describe_all(frames)))
