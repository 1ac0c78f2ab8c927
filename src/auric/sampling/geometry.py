"""Bond lengths and angles of a walk beside those of dynamics: peaks, distances between distributions, effective samples.

Which atoms make a bond is decided once, by their mean distance, so that no cut decides what a distribution holds. So is which metal
is core: that which is in more than half of the frames.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from scipy.signal import find_peaks
from scipy.spatial.distance import cdist
from scipy.stats import norm, wasserstein_distance
from scipy.stats import t as student_t

from auric.errors import InputError, StructureError
from auric.structures.blocks import bonded_pairs
from auric.structures.motifs import METALS, atom_classes

LENGTH_WIDTH_ANGSTROM, ANGLE_WIDTH_DEGREE = 0.05, 1.75
"""Widths of the Gaussians that smooth distributions, as in doi:10.1021/acs.jpca.0c01512, figures 6 and 7."""
POINTS = 400
PROMINENT, APART = 0.02, 8.0
"""A side peak rises above the valley to its neighbour by at least this share of the main peak's height, and lies so many widths of the
smoothing from it, so that what a short run splits off its main peak does not count."""
BLOCKS, FEWEST_BLOCKS, BLOCK_TIMES = 10, 4, 4.0
"""Consecutive parts of a run of dynamics that are drawn again for intervals, at most and at least; between these, each is so many
autocorrelation times long."""
WINDOW = 5.0
"""Autocorrelation is summed up to this many autocorrelation times (Sokal's window)."""


@dataclass(frozen=True)
class Coordinate:
    """A kind of bond or angle.

    Attributes:
        name: Such as Au-Au, core Au-Au, or S-Au-S with the middle atom at the vertex.
        unit: angstrom or degree.
        atoms: Numbers of the atoms of each, shape (n, 2) or (n, 3).
    """

    name: str
    unit: str
    atoms: np.ndarray

    @property
    def width(self) -> float:
        """Of the Gaussian that smooths its distribution."""
        return LENGTH_WIDTH_ANGSTROM if self.unit == "angstrom" else ANGLE_WIDTH_DEGREE

    def measure(self, positions: np.ndarray) -> np.ndarray:
        """Values in structures.

        Args:
            positions: Shape (..., atoms, 3), angstrom.

        Returns:
            Shape (..., n).
        """
        if self.unit == "angstrom":
            first, second = (positions[..., self.atoms[:, k], :] for k in range(2))
            return np.asarray(np.linalg.norm(second - first, axis=-1))
        first, middle, last = (positions[..., self.atoms[:, k], :] for k in range(3))
        one, other = first - middle, last - middle
        across = np.linalg.norm(np.cross(one, other), axis=-1)
        return np.asarray(np.degrees(np.arctan2(across, np.einsum("...i,...i->...", one, other))))


def coordinates(frames: Sequence[Atoms]) -> list[Coordinate]:
    """Bonds between metals, those within the core by themselves, metal and sulfur, sulfur and carbon; angles metal-sulfur-metal, and
    sulfur-metal-sulfur.

    The last are of metals bound to two sulfurs, those of protecting units. Kinds that the structure lacks are left out: rings have
    no core.

    Args:
        frames: A cluster, as it moves about a minimum or in one structure near it; pairs that are bonded in the mean of all
            frames are bonds.
    """
    symbols = np.array(frames[0].symbols)
    apart = np.zeros((len(symbols), len(symbols)))
    for atoms in frames:  # one after the other: of long runs all at once would fill the memory
        apart += cdist(atoms.positions, atoms.positions) / len(frames)
    bonded = bonded_pairs(frames[0], apart)
    metal, sulfur, carbon = np.isin(symbols, METALS), symbols == "S", symbols == "C"
    core = metal & _core(frames)
    name = "-".join(sorted(set(symbols[metal].tolist()))) or "M"
    found = [
        Coordinate(f"{name}-{name}", "angstrom", _pairs(bonded, metal, metal)),
        Coordinate(f"core {name}-{name}", "angstrom", _pairs(bonded, core, core)),
        Coordinate(f"S-{name}", "angstrom", _pairs(bonded, sulfur, metal)),
        Coordinate("S-C", "angstrom", _pairs(bonded, sulfur, carbon)),
        Coordinate(f"{name}-S-{name}", "degree", _angles(bonded, sulfur, metal)),
        Coordinate(f"S-{name}-S", "degree", _angles(bonded, metal, sulfur)),
    ]
    return [one for one in found if len(one.atoms)]


def _core(frames: Sequence[Atoms]) -> np.ndarray:
    """Which atoms are core metal (`atom_classes`) in more than half of the frames, shape (atoms,); none without protecting sulfur."""
    try:
        classes = [[name.startswith("core ") for name in atom_classes(atoms)] for atoms in frames]
    except StructureError:
        return np.zeros(len(frames[0]), dtype=bool)
    return np.asarray(np.mean(classes, axis=0) > 0.5)


def _pairs(bonded: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Bonded pairs from one kind to another, each once."""
    rows, columns = np.nonzero(bonded & first[:, None] & second)
    once = rows < columns if (first == second).all() else rows != columns
    return np.column_stack([rows, columns])[once]


def _angles(bonded: np.ndarray, vertex: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Angles at atoms of one kind that are bound to exactly two of the other."""
    found = []
    for middle in np.flatnonzero(vertex):
        ends = np.flatnonzero(bonded[middle] & end)
        if len(ends) == 2:
            found.append((ends[0], middle, ends[1]))
    return np.array(found, dtype=int).reshape(-1, 3)


def density(values: np.ndarray, points: np.ndarray, width: float) -> np.ndarray:
    """Distribution smoothed with Gaussians, shape of `points`, per unit of the values.

    Angles are reflected at 180 degrees, where there are no more, so that a peak there is not cut in half.
    """
    fine = np.linspace(points[0], points[-1], 2001)
    counts, edges = np.histogram(values, bins=fine)
    middle = (edges[1:] + edges[:-1]) / 2
    kernel = np.exp(-0.5 * ((points[:, None] - middle) / width) ** 2) / (width * np.sqrt(2 * np.pi))
    if points[-1] > 179.0:
        kernel += np.exp(-0.5 * ((points[:, None] - 360.0 + middle) / width) ** 2) / (width * np.sqrt(2 * np.pi))
    return np.asarray(kernel @ counts / max(1, values.size))


def grid(samples: Sequence[np.ndarray], unit: str, width: float) -> np.ndarray:
    """Points that hold all samples and the tails of the smoothing, shape (points,)."""
    low = min(float(values.min()) for values in samples) - 3 * width
    high = max(float(values.max()) for values in samples) + 3 * width
    if unit == "degree":
        low, high = max(low, 0.0), 180.0 if high > 170.0 else high
    return np.linspace(low, high, POINTS)


def _top(points: np.ndarray, heights: np.ndarray) -> float:
    """Where a curve is highest, between its points by a parabola."""
    top = int(np.argmax(heights))
    if not 0 < top < len(points) - 1:
        return float(points[top])
    before, here, after = heights[top - 1 : top + 2]
    bend = before - 2 * here + after
    return float(points[top] + 0.5 * (before - after) / bend * (points[1] - points[0])) if bend else float(points[top])


def side_peak(values: np.ndarray, unit: str, width: float) -> tuple[float, float]:
    """Where the highest peak beside the main one lies, and its height over that of the main one; NaN and 0 if there is none."""
    points = grid([values], unit, width)
    heights = density(values, points, width)
    top = int(np.argmax(heights))
    found, _ = find_peaks(heights, prominence=PROMINENT * heights[top])
    others = [place for place in found if abs(points[place] - points[top]) >= APART * width]
    if not others:
        return float("nan"), 0.0
    second = max(others, key=lambda place: heights[place])
    return float(points[second]), float(heights[second] / heights[top])


@dataclass(frozen=True)
class Comparison:
    """One distribution beside another.

    Attributes:
        peaks: Of both.
        shift: Peak of the first less that of the second, with its 95 % interval.
        distance: Wasserstein distance of the distributions, with its 95 % interval, which holds 0 where they may be the same.
    """

    peaks: tuple[float, float]
    shift: tuple[float, float, float]
    distance: tuple[float, float, float]


def chains_of(walk: np.ndarray) -> list[np.ndarray]:
    """What is drawn again of a walk: its chains, from values of shape (steps, chains, n)."""
    return [walk[:, chain].ravel() for chain in range(walk.shape[1])]


def blocks_of(dynamics: np.ndarray) -> list[np.ndarray]:
    """What is drawn again of dynamics: consecutive blocks, from values of shape (frames, n) in order of time.

    A run too short for blocks that know nothing of each other is cut into a few all the same; its intervals are too narrow then.

    Raises:
        InputError: If there are fewer frames than blocks.
    """
    if len(dynamics) < BLOCKS:
        raise InputError(f"{len(dynamics)} frames to compare; give {BLOCKS} frames or more")
    slow = autocorrelation_time(dynamics.mean(axis=1, keepdims=True))
    count = int(np.clip(len(dynamics) / (BLOCK_TIMES * slow), FEWEST_BLOCKS, BLOCKS))
    return [part.ravel() for part in np.array_split(dynamics, count)]


def halves_apart(dynamics: np.ndarray) -> float:
    """Wasserstein distance between two halves of dynamics, shape (frames, n): what chance and drift make of one distribution."""
    first, second = np.array_split(dynamics, 2)
    return float(wasserstein_distance(first.ravel(), second.ravel()))


def compare(
    ours: Sequence[np.ndarray], theirs: Sequence[np.ndarray], unit: str, *, samples: int, seed: int
) -> Comparison:
    """Compare two distributions, each given in pieces that are drawn again for intervals (`chains_of`, `blocks_of`).

    Of n pieces n - 1 are drawn, whose mean then varies as that of the n given ones does; intervals are wider by Student's factor for
    so few. Pieces drawn again lie farther apart than those given, by chance alone, so that the interval of the distance mirrors
    its draws at the estimate (basic bootstrap).

    Args:
        ours: Values, shape (n,) each.
        theirs: The same of the other distribution.
        unit: angstrom or degree.
        samples: Of the bootstrap.
        seed: Of the bootstrap.
    """
    width = LENGTH_WIDTH_ANGSTROM if unit == "angstrom" else ANGLE_WIDTH_DEGREE
    rng = np.random.default_rng(seed)
    points = grid([*ours, *theirs], unit, width)
    fine = np.linspace(points[0], points[-1], 2001)
    both = [_Pieces(each, points, fine, width) for each in (ours, theirs)]

    def told(weights: Sequence[np.ndarray]) -> tuple[float, float, float]:
        (first, sums), (second, other_sums) = (each.mean(w) for each, w in zip(both, weights, strict=True))
        apart = float(np.abs(sums - other_sums).sum() * (fine[1] - fine[0]))
        return _top(points, first), _top(points, second), apart

    first, second, apart = told([each.sizes for each in both])
    draws = np.array([told([each.drawn(rng) for each in both]) for _ in range(samples)])
    wider = student_t.ppf(0.975, max(1, min(len(ours), len(theirs)) - 1)) / norm.ppf(0.975)
    shift = first - second
    low, high = wider * (np.percentile(draws[:, 0] - draws[:, 1], [2.5, 97.5]) - shift)
    near, far = wider * (np.percentile(draws[:, 2], [2.5, 97.5]) - apart)
    return Comparison(
        (first, second),
        (shift, shift + min(0.0, float(low)), shift + max(0.0, float(high))),
        (apart, max(0.0, apart - max(0.0, float(far))), apart - min(0.0, float(near))),
    )


class _Pieces:
    """Smoothed densities and cumulated shares of the pieces of a distribution, and how many values each has."""

    def __init__(self, pieces: Sequence[np.ndarray], points: np.ndarray, fine: np.ndarray, width: float) -> None:
        self._heights = np.array([density(values, points, width) for values in pieces])
        self._sums = np.array([_cumulated(values, fine) for values in pieces])
        self.sizes = np.array([len(values) for values in pieces], dtype=float)

    def drawn(self, rng: np.random.Generator) -> np.ndarray:
        """Weights of the pieces in a draw, shape (pieces,)."""
        count = len(self.sizes)
        times = np.bincount(rng.integers(count, size=max(1, count - 1)), minlength=count)
        return np.asarray(times * self.sizes)

    def mean(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Density and cumulated shares of the pieces together."""
        shares = weights / weights.sum()
        return shares @ self._heights, shares @ self._sums


def _cumulated(values: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Share of values at or below each point."""
    return np.asarray(np.searchsorted(np.sort(values), points, side="right") / len(values))


def autocorrelation_time(series: np.ndarray) -> float:
    """Integrated autocorrelation time, in steps: 1 + 2 sum over t of rho(t), at least 1; all of them where nothing changes.

    The autocorrelation rho is averaged over the chains, about the mean of all of them, so that chains that stay apart are seen as
    slow; the sum ends at five times itself.

    Args:
        series: Shape (steps, chains).
    """
    steps = len(series)
    centred = series - series.mean()
    padded = np.fft.rfft(centred, n=2 * steps, axis=0)
    correlation = np.fft.irfft(np.abs(padded) ** 2, axis=0)[:steps].mean(axis=1) / steps
    if not correlation[0]:
        return float(steps)  # what never changed is one sample
    times = 2 * np.cumsum(correlation / correlation[0]) - 1
    ends = np.flatnonzero(np.arange(steps) >= WINDOW * times)
    return max(1.0, float(times[ends[0]] if len(ends) else times[-1]))
