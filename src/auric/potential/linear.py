"""A potential linear in sums of local descriptors, learned from energies and forces.

The energy is a constant for each element and a sum over features (`auric.descriptors.PowerSpectrum`) times weights, so that
energies, forces, and their errors on left-out frames are all quadratic forms of the weights: training needs one pass over
the frames, whatever is tried afterwards.

    minimise  sum over frames  (energy_weight^2 / atoms) (E - sum_Z n_Z e_Z - x w)^2 + |F - G w|^2  +  penalty rows |s w|^2

with G minus the gradients of the features, and s the root mean square of each feature's column of G, with a floor. Products
of descriptors (`auric.descriptors.ProductSpectrum`) make the energy of an atom quadratic in them; the weights stay linear.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from scipy.linalg import cho_factor, cho_solve
from scipy.linalg.blas import dsymv, dsyrk

from auric.descriptors import (
    PowerSpectrum,
    PowerSpectrumSettings,
    ProductSpectrum,
    WeightedPowerSpectrum,
    WeightedProducts,
)
from auric.errors import InputError
from auric.modelfile import fitting, read_model, write_model
from auric.potential.labels import counts_of, energy_of, folds_of, forces_of, has_forces, level_told, read_runs, runs_of
from auric.progress import Counter

FORMAT = "auric LinearPotential 1"
_ROWS = 2000
"""Rows gathered for one matrix product."""


@dataclass(frozen=True)
class LinearSettings:
    """How a linear potential is learned.

    Attributes:
        energy_weight_angstrom: Weight of an energy's error per root of the number of atoms against that of a force.
        penalties: Those tried, relative to the mean square of the features' forces.
        folds: Parts of the training data that take turns in being left out; each leaves a member of the committee.
        floor: Features weaker than this share of the root mean square over all are penalised as if they were as strong.
        chunks: Consecutive pieces each run is cut into; frames of one piece are left out together, as they are alike.
        products: Directions for each element whose products are features too; 0 for none.
    """

    energy_weight_angstrom: float = 60.0
    penalties: tuple[float, ...] = (1e-9, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4)
    floor: float = 0.03
    folds: int = 4
    chunks: int = 8
    products: int = 0

    def __post_init__(self) -> None:
        if not (self.energy_weight_angstrom > 0 and self.folds >= 2 and self.chunks >= 1):
            raise InputError(
                "linear potential: the energy weight must be positive, with two folds and a chunk at least"
            )
        if self.products < 0:
            raise InputError(f"linear potential: products of {self.products} directions; give 0 for none, or more")
        if not self.penalties or not all(0 < penalty < np.inf for penalty in self.penalties):
            raise InputError(f"linear potential: penalties {self.penalties} must be positive numbers")
        if not 0 <= self.floor < np.inf:
            raise InputError(f"linear potential: floor {self.floor}; give a share, 0 or more")


@dataclass
class _Normal:
    """Normal equations of some rows: their products with each other and with what they shall give."""

    matrix: np.ndarray
    vector: np.ndarray
    square: float = 0.0
    rows: int = 0

    @classmethod
    def empty(cls, size: int) -> "_Normal":
        return cls(np.zeros((size, size), order="F"), np.zeros(size))

    def add(self, rows: np.ndarray, targets: np.ndarray) -> None:
        self.matrix = dsyrk(1.0, rows.T, beta=1.0, c=self.matrix, overwrite_c=True)  # its upper half
        self.vector += targets @ rows
        self.square += float(targets @ targets)
        self.rows += len(targets)

    def error(self, weights: np.ndarray) -> float:
        """Sum of squared residuals."""
        return float(weights @ dsymv(1.0, self.matrix, weights) - 2 * self.vector @ weights + self.square)


class LinearPotential:
    """Energies and forces of structures made of the elements it has learned.

    Attributes:
        spectrum: Makes the features.
        weights: eV per feature, shape (features,).
        offsets_ev: A constant for each element, shape (species,).
        weighted: The rest of the energy, taken apart into the atoms' parts.
        committee: Weights, then offsets, of the members, shape (members, features + species).
        header: What it was learned from and how.
    """

    def __init__(
        self,
        spectrum: PowerSpectrum,
        weights: np.ndarray,
        offsets_ev: np.ndarray,
        committee: np.ndarray,
        header: dict[str, Any],
    ) -> None:
        self.spectrum, self.weights, self.offsets_ev = spectrum, weights, offsets_ev
        self.committee, self.header = committee, header
        self.weighted = (
            WeightedProducts(spectrum, weights)
            if isinstance(spectrum, ProductSpectrum)
            else WeightedPowerSpectrum(spectrum, weights)
        )

    @classmethod
    def fit(
        cls,
        frames: Sequence[Atoms],
        *,
        spectrum: PowerSpectrumSettings | None = None,
        settings: LinearSettings | None = None,
        trained_on: Mapping[str, Any] | None = None,
    ) -> "LinearPotential":
        """Learn from labelled frames of one level of theory.

        Args:
            frames: With energies, and forces where they are known; `info['run']` says which come from one run, in their order in time.
            spectrum: Reach and resolution of the features.
            settings: How.
            trained_on: Kept in the model's file.

        Raises:
            InputError: If there are too few frames, or one is not labelled.
        """
        settings = settings or LinearSettings()
        if len(frames) < 2 * settings.folds:
            raise InputError(
                f"{len(frames)} frames are too few for {settings.folds} folds; give {2 * settings.folds} or more"
            )
        maker = PowerSpectrum(sorted({symbol for atoms in frames for symbol in atoms.symbols}), spectrum)
        if settings.products:
            maker = ProductSpectrum.learn(maker, frames, settings.products)
        counts = counts_of(frames, maker.species)
        energies = np.array([energy_of(atoms) for atoms in frames])
        # Energies are thousands of eV; what compositions explain is taken off before the fit, for the digits' sake.
        offsets = np.linalg.lstsq(counts, energies, rcond=None)[0]
        folds = folds_of(runs_of(frames), folds=settings.folds, chunks=settings.chunks)
        parts = _accumulate(frames, energies - counts @ offsets, counts, maker, folds, settings)
        scale = _scale(parts, settings.floor)
        solutions, errors = _cross_validate(parts, scale, settings.penalties)
        best = int(np.argmin(errors))
        solution = _solve(_sum(parts), scale, settings.penalties[best])
        committee = np.array([member[best] for member in solutions])
        size = maker.size
        committee[:, size:] += offsets
        header = {
            "format": FORMAT, "spectrum": maker.header(), "settings": asdict(settings) | {"penalties": list(settings.penalties)}, "trained_on": dict(trained_on or {}),
            "penalty": settings.penalties[best], "frames": len(frames), "runs": sorted(set(runs_of(frames).tolist())),
            "left_out_error": {f"{p:g}": float(e) for p, e in zip(settings.penalties, errors, strict=True)},
        }  # fmt: skip
        return cls(maker, solution[:size], solution[size:] + offsets, committee, header)

    def plus(self, other: "LinearPotential") -> "LinearPotential":
        """The sum of two potentials, as one; with the header of the first.

        Members of the committees are added in their order: those that left out the same part of their runs.

        Raises:
            InputError: If their descriptors, elements or numbers of members differ.
        """
        if self.spectrum.header() != other.spectrum.header() or self.committee.shape != other.committee.shape:
            raise InputError(
                "potentials of different descriptors, elements or committees have no sum; learn both alike"
            )
        return LinearPotential(
            self.spectrum, self.weights + other.weights, self.offsets_ev + other.offsets_ev,
            self.committee + other.committee, dict(self.header),
        )  # fmt: skip

    def energy(self, atoms: Atoms) -> float:
        """Energy, eV."""
        return float(self.weighted.values(atoms).sum() + self.constant_ev(atoms))

    def energy_and_forces(self, atoms: Atoms) -> tuple[float, np.ndarray]:
        """Energy (eV) and forces (eV/angstrom, shape (atoms, 3)), which are minus its gradient."""
        values, forces = self.weighted.values_and_forces(atoms)
        return float(values.sum() + self.constant_ev(atoms)), forces

    def forces(self, atoms: Atoms) -> np.ndarray:
        """Forces alone, shape (atoms, 3), eV/angstrom."""
        return self.energy_and_forces(atoms)[1]

    def energies(self, frames: Iterable[Atoms]) -> np.ndarray:
        """Energies of structures that need not be alike, shape (frames,), eV."""
        return np.array([self.energy(atoms) for atoms in frames])

    def spread(self, atoms: Atoms) -> float:
        """How far the members of the committee lie apart in the energy of this structure: their standard deviation, eV."""
        features = np.concatenate([self.spectrum.describe(atoms), counts_of([atoms], self.spectrum.species)[0]])
        return float(np.std(self.committee @ features, ddof=1))

    def constant_ev(self, atoms: Atoms) -> float:
        """The part of the energy that the numbers of atoms give, eV."""
        return float(counts_of([atoms], self.spectrum.species)[0] @ self.offsets_ev)

    def save(self, path: str | Path) -> None:
        """Write npz with a JSON header (`auric.modelfile`)."""
        write_model(path, self.header, self.arrays())

    def arrays(self) -> dict[str, np.ndarray]:
        """All numbers of it by name; `from_parts` takes them back."""
        arrays = {"weights": self.weights, "offsets_ev": self.offsets_ev, "committee": self.committee}
        if isinstance(self.spectrum, ProductSpectrum):
            arrays |= {"directions": self.spectrum.directions, "centres": self.spectrum.centres}
        return arrays

    @classmethod
    def load(cls, path: str | Path) -> "LinearPotential":
        """Read what `save` wrote.

        Raises:
            InputError: If the file is another one, damaged or changed.
        """
        header, arrays = read_model(path, FORMAT)
        with fitting(path, "potential"):
            return cls.from_parts(header, arrays)

    @classmethod
    def from_parts(cls, header: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> "LinearPotential":
        """The same again from its header and its arrays; other arrays are left aside."""
        maker = PowerSpectrum.from_header(header["spectrum"])
        if "directions" in arrays:
            maker = ProductSpectrum(maker.species, maker.settings, arrays["directions"], arrays["centres"])
        return cls(maker, arrays["weights"], arrays["offsets_ev"], arrays["committee"], header)


def train_linear(
    training: Sequence[str | Path], model: str | Path, *, study: str, products: int = 0,
    sample: Mapping[str, Any] | None = None, collected: Sequence[str | Path] = (),
) -> None:  # fmt: skip
    """Learn a potential from runs of dynamics and write its file.

    Args:
        training: Runs (extended xyz).
        model: npz to write.
        study: Name of the study, for the file.
        products: See `LinearSettings`.
        sample: Which frames of each run, see `sampled`; all by default.
        collected: Labelled frames to learn from beside them, all of them (extended xyz).

    Raises:
        InputError: If there are no frames, or they are of several levels of theory.
    """
    frames = read_runs(training, "training", sample, collected)
    systems = sorted({str(atoms.info.get("system", "")) for atoms in frames})
    told = level_told(frames) | {"systems": systems, "study": study}
    LinearPotential.fit(frames, settings=LinearSettings(products=products), trained_on=told).save(model)


def _accumulate(
    frames: Sequence[Atoms],
    energies: np.ndarray,
    counts: np.ndarray,
    maker: PowerSpectrum,
    folds: np.ndarray,
    settings: LinearSettings,
) -> list[_Normal]:
    """Normal equations of each fold: forces, and energies whose rows hold the numbers of atoms too."""
    size = maker.size + counts.shape[1]
    parts = [_Normal.empty(size) for _ in range(settings.folds)]
    counter = Counter("frame", len(frames))
    for fold, part in enumerate(parts):
        waiting: list[tuple[np.ndarray, np.ndarray]] = []
        for number in np.flatnonzero(folds == fold):
            atoms = frames[int(number)]
            weight = settings.energy_weight_angstrom / np.sqrt(len(atoms))
            if has_forces(atoms):
                features, forces = maker.design(atoms)
                given = forces_of(atoms).ravel()
            else:
                features, forces, given = maker.describe(atoms), np.zeros((0, maker.size)), np.zeros(0)
            rows = np.zeros((len(given) + 1, size))
            rows[:-1, : maker.size] = forces.reshape(-1, maker.size)
            rows[-1] = weight * np.concatenate([features, counts[number]])
            targets = np.append(given, weight * energies[number])
            waiting.append((rows, targets))
            if sum(len(targets) for _, targets in waiting) > _ROWS:
                part.add(*map(np.concatenate, zip(*waiting, strict=True)))
                waiting = []
            counter.step(str(atoms.info.get("name", number)))
        if waiting:
            part.add(*map(np.concatenate, zip(*waiting, strict=True)))
    return parts


def _sum(parts: Sequence[_Normal]) -> _Normal:
    return _Normal(
        np.sum([part.matrix for part in parts], axis=0), np.sum([part.vector for part in parts], axis=0),
        sum(part.square for part in parts), sum(part.rows for part in parts),
    )  # fmt: skip


def _scale(parts: Sequence[_Normal], floor: float) -> np.ndarray:
    """Root mean square of each column, but no less than a share of the typical one; infinite for those that never vary.

    Without the floor, features that hardly occur in training would be free to take any weight, and structures a little
    different would get absurd energies.
    """
    squares = np.sum([np.diag(part.matrix) for part in parts], axis=0) / sum(part.rows for part in parts)
    return np.where(squares > 0, np.sqrt(squares + floor**2 * squares.mean()), np.inf)


def _solve(part: _Normal, scale: np.ndarray, penalty: float) -> np.ndarray:
    """Weights with the least penalised error."""
    scaled = part.matrix / scale[:, None] / scale
    scaled[np.diag_indices_from(scaled)] += penalty * part.rows + (scale == np.inf)
    return np.asarray(cho_solve(cho_factor(scaled, lower=False, overwrite_a=True), part.vector / scale) / scale)


def _cross_validate(
    parts: Sequence[_Normal], scale: np.ndarray, penalties: Sequence[float]
) -> tuple[list[list[np.ndarray]], np.ndarray]:
    """Weights without each fold for each penalty, and the summed squared error on what was left out, for each penalty."""
    solutions, errors = [], np.zeros(len(penalties))
    for left_out in parts:
        rest = _sum([part for part in parts if part is not left_out])
        solutions.append([_solve(rest, scale, penalty) for penalty in penalties])
        errors += [left_out.error(weights) for weights in solutions[-1]]
    return solutions, errors
