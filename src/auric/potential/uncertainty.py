"""How far the energy of a linear potential may be off, from what it was learned from.

Ridge regression is the mean of Bayesian linear regression (Bishop, Pattern Recognition and Machine Learning, 3.3.2): with Z
the scaled rows that were learned from, lambda the penalty and z the scaled features of a structure, the variance of its
energy is

    tau^2 z (Z^T Z + lambda)^-1 z  =  tau^2 / lambda (|z|^2 - sum over k of (z u_k)^2 s_k / (s_k + lambda))

with u_k and s_k the eigenvectors and eigenvalues of Z^T Z. It is large along directions that no training frame has, where
all members of a committee agree since the penalty keeps all of them at nothing. The unit tau is set by what was left out:
the mean squared error of runs that were not learned from is what was expected.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from scipy.linalg import cho_factor, cho_solve, eigh

from auric.descriptors import PowerSpectrum
from auric.potential.labels import counts_of, energy_of, folds_of, forces_of, has_forces, runs_of
from auric.potential.linear import LinearPotential

NEGLECTED = 0.1
"""Eigenvalues below this share of lambda are left out, which makes the variance larger by no more than that share."""


@dataclass(frozen=True)
class EnergyUncertainty:
    """Expected error of energies.

    Attributes:
        spectrum: Makes the features.
        directions: Eigenvectors over the scale of the features (and, after them, of the numbers of atoms of each element),
            and a last row, the inverse of that scale, shape (kept + 1, features + species).
        shares: s / (s + lambda) of each eigenvector, shape (kept,).
        unit_ev: tau over the root of lambda.
    """

    spectrum: PowerSpectrum
    directions: np.ndarray
    shares: np.ndarray
    unit_ev: float

    @classmethod
    def fit(cls, frames: Sequence[Atoms], learned: LinearPotential) -> "EnergyUncertainty":
        """From the frames that a potential has learned from.

        Each run is left out in turn to set the unit; if there is but one, consecutive pieces of it are.

        Args:
            frames: As they were given to `LinearPotential.fit`.
            learned: What came of it.
        """
        settings, penalty = learned.header["settings"], learned.header["penalty"]
        runs = runs_of(frames)
        folds = np.unique(runs, return_inverse=True)[1]
        if folds.max() == 0:
            folds = folds_of(runs, folds=settings["folds"], chunks=settings["chunks"])
        parts = _parts(frames, folds, learned.spectrum, settings["energy_weight_angstrom"])
        matrix, count = sum(part.matrix for part in parts), sum(part.count for part in parts)
        squares = np.diag(matrix) / count
        # Of the scale that `LinearPotential` penalises by. What never varied has no weight there, but counts as unknown here.
        inverse = (squares + settings["floor"] ** 2 * squares.mean()) ** -0.5
        told = [part.left_out(parts, inverse, penalty) for part in parts]
        errors, variances = (np.concatenate(each) for each in zip(*told, strict=True))
        values, vectors = eigh(matrix * inverse[:, None] * inverse)
        kept = values > NEGLECTED * penalty * count
        shares = values[kept] / (values[kept] + penalty * count)
        unit_ev = float(np.sqrt(np.mean(errors**2) / np.mean(variances) / (penalty * count)))
        return cls(learned.spectrum, np.vstack([vectors.T[kept] * inverse, inverse]), shares, unit_ev)

    def expected_error_ev(self, atoms: Atoms) -> float:
        """Standard deviation of the energy of a structure, eV.

        Raises:
            StructureError: If it has elements that were not learned from.
        """
        row = _row(self.spectrum, atoms)
        known = self.directions[:-1] @ row
        left = float(np.sum((self.directions[-1] * row) ** 2) - self.shares @ known**2)
        return self.unit_ev * float(np.sqrt(max(left, 0.0)))


@dataclass(frozen=True)
class _Part:
    """Rows of some frames: their products, and the energies among them.

    Attributes:
        matrix: Products of the rows with each other, weighted, shape (columns, columns).
        vector: Products with what they shall give, shape (columns,).
        count: Rows.
        energy_rows: Rows of the energies, not weighted, shape (frames, columns).
        energies_ev: What they shall give, shape (frames,).
    """

    matrix: np.ndarray
    vector: np.ndarray
    count: int
    energy_rows: np.ndarray
    energies_ev: np.ndarray

    def left_out(self, parts: Sequence["_Part"], inverse: np.ndarray, penalty: float) -> tuple[np.ndarray, np.ndarray]:
        """Errors of this part's energies if the others were learned from, and variances in units of tau^2, shape (frames,)."""
        others = [part for part in parts if part is not self]
        count = sum(part.count for part in others)
        matrix = sum(part.matrix for part in others) * inverse[:, None] * inverse
        matrix[np.diag_indices_from(matrix)] += penalty * count
        factor = cho_factor(matrix, overwrite_a=True)
        rows = self.energy_rows * inverse
        weights = cho_solve(factor, sum(part.vector for part in others) * inverse)
        return self.energies_ev - rows @ weights, np.einsum("fc,cf->f", rows, cho_solve(factor, rows.T))


def _parts(frames: Sequence[Atoms], folds: np.ndarray, spectrum: PowerSpectrum, weight: float) -> list[_Part]:
    counts = counts_of(frames, spectrum.species)
    energies = np.array([energy_of(atoms) for atoms in frames])
    energies -= counts @ np.linalg.lstsq(counts, energies, rcond=None)[0]
    parts = []
    for fold in np.unique(folds):
        mine = np.flatnonzero(folds == fold)
        width = spectrum.size + counts.shape[1]
        matrix, vector, count, energy_rows = np.zeros((width, width)), np.zeros(width), 0, []
        for number in mine.tolist():
            atoms = frames[number]
            rows, targets = np.zeros((0, width)), np.zeros(0)
            if has_forces(atoms):
                features, forces = spectrum.design(atoms)
                targets = forces_of(atoms).ravel()
                rows = np.pad(forces.reshape(len(targets), -1), ((0, 0), (0, counts.shape[1])))
            else:
                features = spectrum.describe(atoms)
            energy_rows.append(np.concatenate([features, counts[number]]))
            share = weight / np.sqrt(len(atoms))
            rows = np.vstack([rows, share * energy_rows[-1]])
            targets = np.append(targets, share * energies[number])
            matrix += rows.T @ rows
            vector += targets @ rows
            count += len(targets)
        parts.append(_Part(matrix, vector, count, np.array(energy_rows), energies[mine]))
    return parts


def _row(spectrum: PowerSpectrum, atoms: Atoms) -> np.ndarray:
    return np.concatenate([spectrum.describe(atoms), counts_of([atoms], spectrum.species)[0]])
