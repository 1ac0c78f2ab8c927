"""Molecules as packed tensors: the atoms of all of them in one list, with their features, bonds and neighbours."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from rdkit import Chem

from auric.errors import InputError
from auric.graphs.smiles import parsed

ELEMENTS = ("C", "N", "O", "S", "P", "B", "Na", "F", "Cl", "Br", "Au", "other")
DEGREES = range(6)
"""Of an atom, by its bonds to heavier ones than hydrogen; beyond these it counts as the last."""
HYDROGENS = range(5)
CHARGES = (-1, 0, 1)
BONDS = (Chem.BondType.SINGLE, Chem.BondType.DOUBLE, Chem.BondType.TRIPLE, Chem.BondType.AROMATIC)
ATOM_FEATURES = len(ELEMENTS) + len(DEGREES) + len(HYDROGENS) + len(CHARGES) + 1
"""Element, degree, hydrogens and charge, each one of several; aromatic or not."""
BOND_FEATURES = len(BONDS) + 2
"""Kind of bond, one of several; conjugated or not; in a ring or not."""


@dataclass(frozen=True)
class MoleculeGraphs:
    """Molecules without their hydrogens, the atoms of all of them in one list, in ascending order of their degree.

    Attributes:
        atoms: Features, shape (n_atoms, ATOM_FEATURES), float32.
        bonds: Features of each atom's bonds, summed, shape (n_atoms, BOND_FEATURES), float32.
        neighbours: Indices of each atom's neighbours, shape (n_atoms, max(DEGREES)), int64; n_atoms where there is none.
        degrees: How many atoms have each of `DEGREES`.
        molecule: The molecule of each atom, shape (n_atoms,), int64.
        count: How many molecules there are.
    """

    atoms: torch.Tensor
    bonds: torch.Tensor
    neighbours: torch.Tensor
    degrees: tuple[int, ...]
    molecule: torch.Tensor
    count: int


def molecule_graphs(smiles: Sequence[str]) -> MoleculeGraphs:
    """Graphs of molecules.

    Args:
        smiles: SMILES of each; those of several parts (a salt) are one molecule.

    Raises:
        InputError: A SMILES that cannot be read, has no atom, too many, or an atom of more than five neighbours.
    """
    atoms: list[np.ndarray] = []
    bonds: list[np.ndarray] = []
    neighbours: list[list[int]] = []
    molecule: list[int] = []
    for number, text in enumerate(smiles):
        found = parsed(text)
        first = len(atoms)
        for atom in found.GetAtoms():
            near = [first + other.GetIdx() for other in atom.GetNeighbors()]
            if len(near) > DEGREES[-1]:
                raise InputError(
                    f"molecule '{text}': an atom has {len(near)} neighbours; at most {DEGREES[-1]} are known here"
                )
            atoms.append(_atom(atom))
            bonds.append(np.sum([_bond(bond) for bond in atom.GetBonds()], axis=0) if near else np.zeros(BOND_FEATURES))
            neighbours.append(near)
            molecule.append(number)
    order = np.argsort([len(near) for near in neighbours], kind="stable")
    place = np.empty(len(order) + 1, dtype=np.int64)
    place[order], place[-1] = np.arange(len(order)), len(order)
    padded = np.full((len(order), DEGREES[-1]), len(order), dtype=np.int64)
    for row, near in enumerate(neighbours):
        padded[row, : len(near)] = near
    degrees = np.bincount([len(near) for near in neighbours], minlength=len(DEGREES))
    return MoleculeGraphs(
        atoms=torch.tensor(np.array(atoms)[order], dtype=torch.float32),
        bonds=torch.tensor(np.array(bonds)[order], dtype=torch.float32),
        neighbours=torch.tensor(place[padded][order]),
        degrees=tuple(int(each) for each in degrees),
        molecule=torch.tensor(np.array(molecule)[order]),
        count=len(smiles),
    )


def _atom(atom: Chem.Atom) -> np.ndarray:
    return np.concatenate(
        [
            _one_of(atom.GetSymbol() if atom.GetSymbol() in ELEMENTS else "other", ELEMENTS),
            _one_of(atom.GetDegree(), DEGREES),
            _one_of(min(atom.GetTotalNumHs(), HYDROGENS[-1]), HYDROGENS),
            _one_of(int(np.sign(atom.GetFormalCharge())), CHARGES),
            [float(atom.GetIsAromatic())],
        ]
    )


def _bond(bond: Chem.Bond) -> np.ndarray:
    kind = _one_of(bond.GetBondType(), BONDS)
    return np.concatenate([kind, [float(bond.GetIsConjugated()), float(bond.IsInRing())]])


def _one_of(value: object, choices: Sequence[object]) -> np.ndarray:
    return np.array([float(value == choice) for choice in choices])
