r"""Bond indices from occupied orbitals: how many electron pairs two atoms share.

Mayer's bond order (doi:10.1016/0009-2614(83)80005-0) counts in atomic orbitals, with the density matrices P of each spin and the
overlap S,

    B_AB = 2 sum over spins of  sum_{mu in A, nu in B} (P S)_{mu nu} (P S)_{nu mu}

and the delocalisation index (doi:10.1021/jp983362q) in space, with the overlaps S^A of occupied spin orbitals in the cell of an atom,

    delta_AB = 2 sum over spins of  sum_{ij} n_i n_j S^A_ij S^B_ij

for one determinant. Cells are Becke's fuzzy ones (doi:10.1063/1.454033; as bond indices doi:10.1039/b312650h): they need no
search for basins and do not depend on the basis, only on the radii that decide where two atoms meet (Bragg's).
"""

import numpy as np
from pyscf.dft import gen_grid, numint, radi

from auric.reference.orbitals import Orbitals

GRID_LEVEL = 2
"""Of PySCF's integration grids: indices are then good to 0.001, and their changes to less."""


def mayer_bond_orders(orbitals: Orbitals) -> np.ndarray:
    """Mayer's bond orders, shape (atoms, atoms); the diagonal is zero."""
    molecule = orbitals.molecule()
    overlap = molecule.intor("int1e_ovlp", hermi=1)
    atoms = _atom_of_function(molecule)
    total = np.zeros((molecule.natm, molecule.natm))
    for coefficients, occupations in _spins(orbitals):
        product = (coefficients * occupations) @ (coefficients.T @ overlap)
        total += 2 * (atoms.T @ (product * product.T) @ atoms)
    np.fill_diagonal(total, 0.0)
    return total


def delocalisation_indices(orbitals: Orbitals, *, grid_level: int = GRID_LEVEL) -> np.ndarray:
    """Delocalisation indices over Becke's fuzzy cells, shape (atoms, atoms); the diagonal is zero.

    Args:
        orbitals: Occupied orbitals.
        grid_level: PySCF's integration grid, 0 (coarse) to 9.
    """
    molecule = orbitals.molecule()
    table = gen_grid.gen_atomic_grids(molecule, level=grid_level)
    points, weights = gen_grid.get_partition(
        molecule, table, radii_adjust=radi.becke_atomic_radii_adjust, atomic_radii=radi.BRAGG_RADII, concat=False
    )
    cells: list[list[np.ndarray]] = [[] for _ in orbitals.coefficients]
    for place, weight in zip(points, weights, strict=True):
        functions = numint.eval_ao(molecule, place)
        for spin, coefficients in enumerate(orbitals.coefficients):
            values = functions @ coefficients
            cells[spin].append((values.T * weight) @ values)
    total = np.zeros((molecule.natm, molecule.natm))
    for spin, (_, occupations) in zip(_indices(orbitals), _spins(orbitals), strict=True):
        overlaps = np.array(cells[spin]) * np.outer(occupations, occupations) ** 0.5
        total += 2 * np.einsum("aij,bij->ab", overlaps, overlaps)
    np.fill_diagonal(total, 0.0)
    return total


def _spins(orbitals: Orbitals) -> list[tuple[np.ndarray, np.ndarray]]:
    """Coefficients and occupations of both spins, given twice where they are alike."""
    return [(orbitals.coefficients[spin], orbitals.occupations[spin]) for spin in _indices(orbitals)]


def _indices(orbitals: Orbitals) -> tuple[int, int]:
    return (0, 0) if orbitals.closed_shell else (0, 1)


def _atom_of_function(molecule: object) -> np.ndarray:
    """Which atom each atomic orbital sits on, shape (functions, atoms), of zeros and ones."""
    slices = molecule.aoslice_by_atom()  # type: ignore[attr-defined]
    atoms = np.zeros((slices[-1, 3], len(slices)))
    for atom, (_, _, start, stop) in enumerate(slices):
        atoms[start:stop, atom] = 1.0
    return atoms
