"""Reading modes of ELFnet, measured: where the weight of a Grad-CAM map lies, and whether there are kinds of maps.

Zhang et al. name three modes by eye: from gold to the centre, from sulfur to the centre, and vertical. Here a map has three scores, moments
of its positive part in units of the outermost cell. Where its centre of weight lies: `toward_right` is -1 if all weight lies at the
left atom (sulfur) and 1 at the right one (gold), `upward` is 1 if all lies on the third atom's side. How it is stretched: `stretch`
is the variance of its weight along the bond less that across it, 1 if half lies at each atom, -1 if half lies above and half below
the bond's middle. A map is called vertical if it leans, or is stretched, more across the bond than it leans along it; else right or left;
and centre if it does none of that by more than `LEAST_LEAN`. So a map that is even, or alike at both atoms, is called centre too: the first
two scores put its weight there, and the third tells them apart where kinds are counted.

Taking the positive part alone is Grad-CAM's own rule, made for classes; a length may speak in both signs, so agreement between trainings
is measured with both as well.

Names can be given to anything; kinds are there if the density of scores has several peaks. It is estimated by Gaussian mixtures, their
number chosen by the Bayesian information criterion, and its peaks are counted: a mixture may need three Gaussians for one
skewed heap. Bootstrap over bonds or structures says how sure the count is. Silverman's test (doi:10.1111/j.2517-6161.1981.tb01155.x)
asks the same of one score at a time without a mixture.
"""

import warnings
from typing import NamedTuple

import numpy as np
from scipy.ndimage import gaussian_filter1d
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture

MODES = ("right", "left", "vertical", "centre")
SCORES = ("toward_right", "upward", "stretch")
LEAST_LEAN = 0.1
"""A map whose scores stay within this leans nowhere: a tenth of the way from the middle to the outermost cell."""
SILENT = "none"
"""Of a map without a positive part."""
MOST_KINDS = 5
VALLEY = 0.9
"""Two peaks are two if the density between them falls below this share of the lower one."""
LEAST_SHARE = 0.02
"""Peaks that hold less than this share of the weight are not counted."""
SMOOTHING = 1e-3
"""Added to variances of mixtures: scores closer than about 0.03 are not told apart."""
FEWEST = 30
"""With fewer maps no kinds are looked for."""


class Kinds(NamedTuple):
    """How many kinds of maps there are.

    Attributes:
        gaussians: Number of Gaussians by the information criterion.
        peaks: Peaks of that mixture's density.
        places: Scores at the peaks, shape (peaks, 3).
        sampled_gaussians: Number of Gaussians in each bootstrap sample.
        sampled_peaks: Number of peaks in each.
        stability: Mean adjusted Rand index between three clusters of all maps and those of each sample, on all maps.
    """

    gaussians: int
    peaks: int
    places: np.ndarray
    sampled_gaussians: np.ndarray
    sampled_peaks: np.ndarray
    stability: float


def mode_scores(maps: np.ndarray, *, both_signs: bool = False) -> np.ndarray:
    """Scores `SCORES`, shape (images, 3), between -1 and 1; NaN for a map without weight.

    Args:
        maps: Grad-CAM maps, shape (images, side, side), rows from below, columns from the left atom.
        both_signs: Whether what speaks for a shorter bond counts as well; Grad-CAM takes the positive part alone.
    """
    weight = np.abs(maps) if both_signs else np.clip(maps, 0, None)
    places = np.linspace(-1, 1, maps.shape[-1])
    with np.errstate(invalid="ignore"):
        weight = weight / weight.sum(axis=(1, 2), keepdims=True)
    columns, rows = weight.sum(axis=1), weight.sum(axis=2)
    along, across = columns @ places, rows @ places
    stretch = (columns @ places**2 - along**2) - (rows @ places**2 - across**2)
    return np.stack([along, across, stretch], axis=1)


def mode_names(scores: np.ndarray) -> np.ndarray:
    """The mode that each map is called by its scores, shape (images, 3); shape (images,)."""
    along, across, upright = leanings(scores)
    named = np.where(scores[:, 0] > 0, "right", "left")
    named = np.where(np.maximum(across, upright) > along, "vertical", named)
    named = np.where(np.max([along, across, upright], axis=0) < LEAST_LEAN, "centre", named)
    return np.where(np.isfinite(along), named, SILENT)


def leanings(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """How far maps lean along the bond and across it, and how far they are stretched across it, each of shape (images,)."""
    along, across, stretch = scores.T
    return np.abs(along), np.abs(across), -stretch


def count_kinds(scores: np.ndarray, groups: np.ndarray, *, samples: int, seed: int) -> Kinds | None:
    """How many kinds of maps there are; None with fewer than `FEWEST` maps.

    Args:
        scores: Shape (images, 3), finite.
        groups: Bond or structure of each image, shape (images,); bootstrap draws them whole.
        samples: Bootstrap samples.
        seed: Seed of the bootstrap and of the mixtures.
    """
    if len(scores) < FEWEST:
        return None
    rng = np.random.default_rng(seed)
    best = _best_mixture(scores, seed)
    three = _mixture(scores, 3, seed).predict(scores)
    members = _members(groups)
    gaussians, peaks, agreements = [], [], []
    for _ in range(samples):
        drawn = _draw(members, rng)
        mixture = _best_mixture(scores[drawn], seed)
        gaussians.append(mixture.n_components)
        peaks.append(len(peaks_of(mixture)))
        agreements.append(adjusted_rand_score(three, _mixture(scores[drawn], 3, seed).predict(scores)))
    places = peaks_of(best)
    return Kinds(
        best.n_components, len(places), places, np.array(gaussians), np.array(peaks), float(np.mean(agreements))
    )


def _members(groups: np.ndarray) -> list[np.ndarray]:
    _, index = np.unique(groups, return_inverse=True)
    return np.split(np.argsort(index, kind="stable"), np.cumsum(np.bincount(index))[:-1])


def _draw(members: list[np.ndarray], rng: np.random.Generator) -> np.ndarray:
    return np.concatenate([members[group] for group in rng.integers(len(members), size=len(members))])


def _mixture(scores: np.ndarray, number: int, seed: int) -> GaussianMixture:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # samples may hold fewer distinct maps than Gaussians
        return GaussianMixture(number, reg_covar=SMOOTHING, random_state=seed).fit(scores)


def _best_mixture(scores: np.ndarray, seed: int) -> GaussianMixture:
    mixtures = [_mixture(scores, number, seed) for number in range(1, MOST_KINDS + 1)]
    return min(mixtures, key=lambda mixture: float(mixture.bic(scores)))


def peaks_of(mixture: GaussianMixture) -> np.ndarray:
    """Places of the peaks of a mixture's density, shape (peaks, dimensions), highest first.

    From the middle of each Gaussian the fixed-point iteration of Carreira-Perpinan (doi:10.1109/34.888716) climbs to a peak;
    peaks without a valley between (`VALLEY`) are one.
    """
    precisions, weights = mixture.precisions_, mixture.weights_
    places = mixture.means_.copy()
    for _ in range(500):
        shares = mixture.predict_proba(places)
        pulled = np.einsum("pk,kij,kj->pi", shares, precisions, mixture.means_)
        moved = np.linalg.solve(np.einsum("pk,kij->pij", shares, precisions), pulled[..., None])[..., 0]
        done = np.abs(moved - places).max() < 1e-7
        places = moved
        if done:
            break
    height = np.exp(mixture.score_samples(places))
    found: list[int] = []
    held = np.zeros(len(places))
    for place in np.argsort(-height):
        home = next((other for other in found if not _valley(mixture, places[other], places[place])), None)
        if home is None:
            found.append(int(place))
        held[place if home is None else home] += weights[place]
    return np.asarray(places[[place for place in found if held[place] >= LEAST_SHARE]])


def _valley(mixture: GaussianMixture, first: np.ndarray, second: np.ndarray) -> bool:
    along = first + np.linspace(0, 1, 60)[:, None] * (second - first)
    density = np.exp(mixture.score_samples(along))
    return bool(density.min() < VALLEY * min(density[0], density[-1]))


def silverman_p(values: np.ndarray, groups: np.ndarray, *, modes: int, samples: int, seed: int) -> float:
    """Probability of a heap as split as this if the density has so many modes at most; small: it has more.

    Args:
        values: One score of each map, shape (images,), finite.
        groups: Bond or structure of each image, shape (images,).
        modes: Number of modes.
        samples: Bootstrap samples.
        seed: Seed.
    """
    low, high = 1e-3, 4.0
    for _ in range(30):  # the smallest bandwidth with so few modes; there are never more with a larger one
        middle = np.sqrt(low * high)
        low, high = (low, middle) if _modes_of(values, middle) <= modes else (middle, high)
    rng, members = np.random.default_rng(seed), _members(groups)
    shrink = 1 / np.sqrt(1 + high**2 / max(values.var(), 1e-12))
    more = 0
    for _ in range(samples):
        drawn = values[_draw(members, rng)]
        smooth = drawn.mean() + shrink * (drawn - drawn.mean() + high * rng.normal(size=len(drawn)))
        more += _modes_of(smooth, high) > modes
    return (1 + more) / (1 + samples)


def _modes_of(values: np.ndarray, bandwidth: float) -> int:
    """Number of peaks of a kernel density, on a grid of a twentieth of the bandwidth."""
    edges = np.arange(values.min() - 5 * bandwidth, values.max() + 5 * bandwidth, bandwidth / 20)
    counts = np.histogram(values, edges)[0].astype(float)
    density = gaussian_filter1d(counts, 20.0, mode="constant", truncate=5.0)
    rising = np.diff(density[density > 1e-9 * density.max()])
    signs = np.sign(rising[np.abs(rising) > 1e-12 * density.max()])
    return int(((signs[:-1] > 0) & (signs[1:] < 0)).sum()) or 1


def kappa(first: np.ndarray, second: np.ndarray) -> float:
    """Cohen's kappa of two namings of the same images: 1 where they agree, 0 where they agree as by chance."""
    agreed = float((first == second).mean())
    chance = sum(float((first == name).mean() * (second == name).mean()) for name in np.unique(first))
    return (agreed - chance) / (1 - chance) if chance < 1 else 1.0


def share_between(values: np.ndarray, groups: np.ndarray) -> float:
    """Share of the variance of values, shape (images,), that lies between groups (eta squared)."""
    _, index = np.unique(groups, return_inverse=True)
    counts = np.bincount(index)
    means = np.bincount(index, values) / counts
    spread = float(((values - values.mean()) ** 2).sum())
    return float((counts * (means - values.mean()) ** 2).sum() / spread) if spread > 0 else 0.0
