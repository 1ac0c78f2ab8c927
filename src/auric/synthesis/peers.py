"""Peers of the six networks: the mean over all small trees, gradient boosting, a Gaussian process with a fingerprint kernel, and logistic regression.

Each has the same interface, and scales inside its own training records. Trees and boosting see counts of the ligand's circular fragments
(Morgan, doi:10.1021/ci100050t) beside its descriptors; the process multiplies a kernel on conditions with the likeness of ligands by them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from rdkit.Chem import rdFingerprintGenerator
from scipy.special import ndtr
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from auric.graphs.smiles import parsed
from auric.synthesis.descriptors import NAMES, OF_LIGAND, Features
from auric.synthesis.scaling import INPUTS, FoldScaler
from auric.synthesis.splits import fold_members
from auric.synthesis.trees import TreeAverage

FRAGMENTS = 512
RADIUS = 1
COMMITTEE = 5
"""Boosted classifiers, each with draws of its own, whose mean is one member."""
AT_ONCE = 2000
"""Recipes that are asked for together."""
WIDE = np.array([name not in OF_LIGAND for name in NAMES])
"""Descriptors that are no property of the ligand by RDKit: the process sees those through its fragments."""


def fragments(features: Features) -> np.ndarray:
    """Counts of circular fragments of each recipe's ligand, shape (n, FRAGMENTS)."""
    generator = rdFingerprintGenerator.GetMorganGenerator(radius=RADIUS, fpSize=FRAGMENTS)
    each = np.stack([generator.GetCountFingerprintAsNumPy(parsed(smiles)) for smiles in features.smiles]).astype(float)
    found: np.ndarray = each[features.parts[:, 0]]
    return found


def in_parts(features: Features) -> Iterator[Features]:
    """Some recipes at a time, at least one part: each member sees them in its own scale, which for a whole map takes gigabytes."""
    for start in range(0, max(1, len(features)), AT_ONCE):
        yield features.take(np.arange(start, min(start + AT_ONCE, len(features))))


@dataclass
class FoldwisePeer:
    """A classifier with the interface of scikit-learn's, one for each training set.

    Attributes:
        kind: `logistic`, `boosting` or `trees`.
        seed: Of what is drawn.
    """

    kind: str = "logistic"
    seed: int = 0

    def fit(self, features: Features, outcomes: np.ndarray) -> "FoldwisePeer":
        """Train ten, each without one of ten stratified folds."""
        return self.fit_members(features, outcomes, fold_members(outcomes, self.seed))

    def fit_members(self, features: Features, outcomes: np.ndarray, training: np.ndarray) -> "FoldwisePeer":
        """Train one classifier on each training set, (members, n), bool."""
        self.scaler_ = FoldScaler.fit(features.values, training)
        self.models_ = [
            [
                self._make(number).fit(part[mine], outcomes[mine])
                for number in range(COMMITTEE if self.kind == "boosting" else 1)
            ]
            for part, mine in zip(self._seen(features), training, strict=True)
        ]
        return self

    def member_proba(self, features: Features) -> np.ndarray:
        """Probability of success by each classifier, shape (members, n)."""
        return np.concatenate([self._told(part) for part in in_parts(features)], axis=1)

    def _told(self, features: Features) -> np.ndarray:
        seen = zip(self.models_, self._seen(features), strict=True)
        return np.stack(
            [np.mean([model.predict_proba(part)[:, 1] for model in models], axis=0) for models, part in seen]
        )

    def predict_proba(self, features: Features) -> np.ndarray:
        """Probabilities of failure and success, means over the classifiers, shape (n, 2)."""
        mean = self.member_proba(features).mean(axis=0)
        return np.stack([1 - mean, mean], axis=1)

    def _seen(self, features: Features) -> np.ndarray:
        scaled = self.scaler_.transform(features.values)
        if self.kind == "logistic":
            return scaled
        counts = np.broadcast_to(fragments(features), (len(scaled), len(features), FRAGMENTS))
        return np.concatenate([scaled, counts], axis=2)

    def _make(self, number: int) -> LogisticRegression | GradientBoostingClassifier | TreeAverage:
        if self.kind == "logistic":
            return LogisticRegression(C=0.3, max_iter=1000)
        if self.kind == "trees":
            return TreeAverage(np.minimum(np.arange(INPUTS + FRAGMENTS), INPUTS))
        return GradientBoostingClassifier(
            n_estimators=60,
            max_depth=3,
            learning_rate=0.08,
            subsample=0.7,
            max_features=0.3,
            min_samples_leaf=3,
            random_state=COMMITTEE * self.seed + number,
        )


@dataclass
class FingerprintProcess:
    """Gaussian process on outcomes -1 and 1 (least squares), one for each training set, all fitted at once.

    The kernel is a^2 G (w + (1 - w) T) + b^2 T, with G a Gaussian of the conditions with a length for each, T the likeness of ligands,
    sum of least over sum of largest counts of fragments; all numbers by marginal likelihood with broad priors on the lengths.

    Attributes:
        steps: Steps of Adam.
        seed: Of the folds of `fit`.
    """

    steps: int = 80
    seed: int = 0

    def fit(self, features: Features, outcomes: np.ndarray) -> "FingerprintProcess":
        """Train ten, each without one of ten stratified folds."""
        return self.fit_members(features, outcomes, fold_members(outcomes, self.seed))

    def fit_members(self, features: Features, outcomes: np.ndarray, training: np.ndarray) -> "FingerprintProcess":
        """Train on each training set, (members, n), bool."""
        self.scaler_ = FoldScaler.fit(features.values, training)
        inputs, counts = self._inputs(features), fragments(features)
        known = torch.tensor(training)
        share = torch.tensor([outcomes[mine].mean() for mine in training])
        wanted = torch.tensor(2.0 * outcomes - 1) - (2 * share[:, None] - 1)
        wanted = torch.where(known, wanted, 0.0)
        likeness = torch.tensor(_likeness(counts, counts))
        members, width = len(training), inputs.shape[2]
        hyper = {
            "length": torch.full((members, 1, width), np.log(3.0), dtype=torch.float64),
            "amplitude": torch.full((members, 1, 1), -0.2, dtype=torch.float64),
            "share": torch.zeros((members, 1, 1), dtype=torch.float64),
            "ligand": torch.full((members, 1, 1), -0.7, dtype=torch.float64),
            "noise": torch.full((members, 1, 1), -0.7, dtype=torch.float64),
        }
        leaves = [each.requires_grad_() for each in hyper.values()]
        adam = torch.optim.Adam(leaves, lr=0.1)
        for _ in range(self.steps):
            adam.zero_grad()
            factor = torch.linalg.cholesky(_covariance(hyper, inputs, likeness, known))
            solved = torch.cholesky_solve(wanted[:, :, None], factor)
            fit = 0.5 * (wanted * solved[:, :, 0]).sum(1) + factor.diagonal(dim1=1, dim2=2).log().sum(1)
            prior = 0.5 * (hyper["length"] - np.log(3.0)).square().sum((1, 2))
            prior = prior + sum(
                0.5 * (hyper[name] + 0.5).square().sum((1, 2)) for name in ("amplitude", "ligand", "noise")
            )
            (fit + prior).sum().backward()
            adam.step()
        self.hyper_ = {name: each.detach() for name, each in hyper.items()}
        with torch.no_grad():
            self.factor_ = torch.linalg.cholesky(_covariance(self.hyper_, inputs, likeness, known))
            self.solved_ = torch.cholesky_solve(wanted[:, :, None], self.factor_)
        self.inputs_, self.counts_, self.known_, self.centre_ = inputs, counts, known, 2 * share - 1
        return self

    def member_proba(self, features: Features) -> np.ndarray:
        """Probability of success by each process, shape (members, n): that a normal variable of its mean and spread is above zero."""
        found = []
        for part in in_parts(features):
            kernel = _kernel(
                self.hyper_, self._inputs(part), self.inputs_, torch.tensor(_likeness(fragments(part), self.counts_))
            )
            kernel = kernel * self.known_[:, None]
            mean = (kernel @ self.solved_)[:, :, 0] + self.centre_[:, None]
            explained = (kernel * torch.cholesky_solve(kernel.mT, self.factor_).mT).sum(2)
            most = (
                (2 * self.hyper_["amplitude"]).exp()
                + (2 * self.hyper_["ligand"]).exp()
                + (2 * self.hyper_["noise"]).exp()
            )
            spread = (most[:, :, 0] - explained).clamp(min=1e-6).sqrt()
            found.append(ndtr((mean / spread).numpy()))
        return np.concatenate(found, axis=1)

    def predict_proba(self, features: Features) -> np.ndarray:
        """Probabilities of failure and success, means over the processes, shape (n, 2)."""
        mean = self.member_proba(features).mean(axis=0)
        return np.stack([1 - mean, mean], axis=1)

    def _inputs(self, features: Features) -> torch.Tensor:
        scaled = self.scaler_.transform(features.values)[:, :, : len(NAMES)]
        return torch.tensor(scaled[:, :, WIDE])


def _covariance(
    hyper: Mapping[str, torch.Tensor], inputs: torch.Tensor, likeness: torch.Tensor, known: torch.Tensor
) -> torch.Tensor:
    """Of the training records; the others stand apart with a variance of one, so that they change nothing."""
    kernel = _kernel(hyper, inputs, inputs, likeness) * (known[:, :, None] & known[:, None])
    noise = torch.where(known, (2 * hyper["noise"][:, :, 0]).exp() + 1e-6, 1.0)
    return kernel + torch.diag_embed(noise)


def _kernel(
    hyper: Mapping[str, torch.Tensor], first: torch.Tensor, second: torch.Tensor, likeness: torch.Tensor
) -> torch.Tensor:
    scale = (-hyper["length"]).exp()
    apart = torch.cdist(first * scale, second * scale, compute_mode="donot_use_mm_for_euclid_dist").square()
    share = torch.sigmoid(hyper["share"])
    near = (2 * hyper["amplitude"]).exp() * (-0.5 * apart).exp() * (share + (1 - share) * likeness)
    return near + (2 * hyper["ligand"]).exp() * likeness


def _likeness(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    least = np.minimum(first[:, None], second[None]).sum(2)
    found: np.ndarray = least / (first.sum(1)[:, None] + second.sum(1)[None] - least)
    return found
