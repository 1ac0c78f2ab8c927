"""Hyperparameters of the networks by Bayesian optimisation: inside each fold, or on the very folds whose score is then told.

The paper's way is the second (its supplement's best of 50 trials on the ten folds of Table 2); both stand side by side in the report.
"""

import numpy as np
from scipy.stats import norm
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import Matern, WhiteKernel

from auric.errors import InputError
from auric.synthesis.descriptors import Features
from auric.synthesis.models import Classifier
from auric.synthesis.networks import SynthesisNetwork
from auric.synthesis.scores import matthews
from auric.synthesis.splits import stratified_folds, training_of

SPACE = {"learning_rate": (1e-3, 3e-2), "weight_decay": (1e-2, 1e1), "dropout": (0.02, 0.6)}
"""Least and largest; sought by their logarithms."""
INNER_FOLDS = 3
RANDOM_FIRST = 5
CANDIDATES = 256


def propose(tried: np.ndarray, reached: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The next point to try in the unit cube: first some at random, then where the expected improvement is largest.

    Args:
        tried: Points so far, shape (trials, dimensions).
        reached: What each was worth (larger is better), shape (trials,).
        rng: Source of random numbers.
    """
    candidates = rng.random((CANDIDATES, tried.shape[1]))
    if len(tried) < RANDOM_FIRST or np.ptp(reached) == 0:
        return np.asarray(candidates[0])
    scaled = (reached - reached.mean()) / reached.std()
    process = GaussianProcessRegressor(Matern(0.5, "fixed", nu=2.5) + WhiteKernel(0.1, "fixed"), optimizer=None).fit(
        tried, scaled
    )
    mean, spread = process.predict(candidates, return_std=True)
    ahead = mean - scaled.max()
    return np.asarray(candidates[np.argmax(ahead * norm.cdf(ahead / spread) + spread * norm.pdf(ahead / spread))])


def settings_at(points: np.ndarray) -> dict[str, np.ndarray]:
    """Hyperparameters of points in the unit cube, by name, each of shape (points,)."""
    return {name: low * (high / low) ** points[:, place] for place, (name, (low, high)) in enumerate(SPACE.items())}


def tuned_on_same(
    model: Classifier, features: Features, outcomes: np.ndarray, folds: np.ndarray, *, trials: int, seed: int
) -> np.ndarray:
    """Out-of-fold probabilities with the hyperparameters that do best on these folds themselves, shape (n,): they flatter.

    Args:
        model: A network.
        features: Of n recipes.
        outcomes: Shape (n,).
        folds: The fold of each record, shape (n,).
        trials: How many hyperparameters are tried.
        seed: Of the trials.

    Raises:
        InputError: A model without hyperparameters here.
    """
    network, rng = _network(model), np.random.default_rng(seed)
    tried, reached, best = np.zeros((0, len(SPACE))), np.zeros(0), np.zeros(len(outcomes))
    training = training_of(folds)
    for _ in range(trials):
        point = propose(tried, reached, rng)
        varied = {name: np.repeat(value, len(training)) for name, value in settings_at(point[None]).items()}
        every = network.fit_members(features, outcomes, training, varied).member_proba(features)
        mine = every[folds, np.arange(len(folds))]
        score = float(matthews(outcomes, mine > 0.5))
        best = mine if not len(reached) or score > reached.max() else best
        tried, reached = np.vstack([tried, point]), np.append(reached, score)
    return best


def tuned_inside(
    model: Classifier, features: Features, outcomes: np.ndarray, folds: np.ndarray, *, trials: int, seed: int
) -> np.ndarray:
    """Out-of-fold probabilities with hyperparameters chosen for each fold on further folds of its training records, shape (n,).

    Arguments and errors are those of `tuned_on_same`. Each fold has a search of its own; their networks are trained together.
    """
    network, rng = _network(model), np.random.default_rng(seed)
    outer = training_of(folds)
    inner = np.full((len(outer), len(outcomes)), -1)
    for number, mine in enumerate(outer):
        inner[number, mine] = stratified_folds(outcomes[mine], INNER_FOLDS, rng)
    training = np.concatenate(
        [mine & (inner[number] != part) for number, mine in enumerate(outer) for part in range(INNER_FOLDS)]
    ).reshape(-1, len(outcomes))
    tried, reached = np.zeros((trials, len(outer), len(SPACE))), np.zeros((trials, len(outer)))
    for trial in range(trials):
        for number in range(len(outer)):
            tried[trial, number] = propose(tried[:trial, number], reached[:trial, number], rng)
        varied = {name: np.repeat(value, INNER_FOLDS) for name, value in settings_at(tried[trial]).items()}
        every = network.fit_members(features, outcomes, training, varied).member_proba(features)
        for number, mine in enumerate(outer):
            rows = np.flatnonzero(mine)
            probability = every[number * INNER_FOLDS + inner[number, rows], rows]
            reached[trial, number] = matthews(outcomes[rows], probability > 0.5)
    chosen = tried[reached.argmax(axis=0), np.arange(len(outer))]
    every = network.fit_members(features, outcomes, outer, settings_at(chosen)).member_proba(features)
    return np.asarray(every[folds, np.arange(len(folds))])


def _network(model: Classifier) -> SynthesisNetwork:
    if not isinstance(model, SynthesisNetwork):
        raise InputError("hyperparameters are sought for the six networks only; take the peers out of synthesis.tuned")
    return model
