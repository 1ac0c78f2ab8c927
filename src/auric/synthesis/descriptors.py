"""Descriptors of a recipe: those of Table 1 of doi:10.1002/aisy.201900029, and its three molecules.

RDKit counts donors, acceptors and rotatable bonds and gives the polar surface (TPSA), the weight, Crippen's logP in place of xlogP3,
and Bertz's complexity. The ratio of ligand to gold is added, which the paper's tree splits on. A value that neither the record nor
a bundled table has is NaN: models put the median of their own training records in its place and are told that it was missing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pandas as pd
from rdkit.Chem import Descriptors, GraphDescriptors, rdMolDescriptors

from auric.graphs.smiles import parsed
from auric.synthesis.records import CONCENTRATIONS, CONDITIONS, MOLECULES, OPTIONAL, bundled, known_smiles

RATIO = "ligand_to_gold"
OF_LIGAND = (
    "donors", "acceptors", "aromatic", "weight_g_mol", "rotatable_bonds", "complexity", "polar_surface_angstrom_2", "logp",
)  # fmt: skip
NAMES = (*CONDITIONS, RATIO, *OPTIONAL, *OF_LIGAND)
"""Five conditions, the ratio, four of solvent, reducing agent and ligand from tables or the user, eight of the ligand by RDKit."""
LOGARITHMIC = (*CONCENTRATIONS, RATIO)
"""Models see their logarithms: a ratio becomes a difference."""
TABLES = {
    "dielectric_constant": ("dielectric_constants", "solvent"),
    "redox_potential_v": ("redox_potentials", "reducing_agent"),
}


@dataclass(frozen=True)
class Features:
    """What models are given of n recipes.

    Attributes:
        values: Shape (n, len(NAMES)), float64, in the units of the names; missing is NaN.
        parts: Places in `smiles` of ligand, solvent and reducing agent, shape (n, 3), int64.
        smiles: Canonical SMILES, each once.
    """

    values: np.ndarray
    parts: np.ndarray
    smiles: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.values)

    def take(self, index: np.ndarray) -> "Features":
        """Some of the recipes."""
        return replace(self, values=self.values[index], parts=self.parts[index])

    def column(self, name: str) -> np.ndarray:
        """Values of one descriptor, shape (n,)."""
        found: np.ndarray = self.values[:, NAMES.index(name)]
        return found


def describe(recipes: pd.DataFrame) -> Features:
    """Descriptors of recipes.

    Args:
        recipes: Columns `MOLECULES` (canonical SMILES) and `CONDITIONS`, and perhaps `OPTIONAL`; missing numbers are NaN.
    """
    smiles = tuple(dict.fromkeys(recipes[list(MOLECULES)].to_numpy().ravel()))
    places = {each: place for place, each in enumerate(smiles)}
    columns = {name: recipes[name].to_numpy(dtype=float) for name in CONDITIONS}
    columns[RATIO] = columns["ligand_mmol_l"] / columns["gold_mmol_l"]
    for name in OPTIONAL:
        given = recipes[name].to_numpy(dtype=float) if name in recipes else np.full(len(recipes), np.nan)
        if name in TABLES:
            table, part = TABLES[name]
            known = np.array([_tabled(table, name).get(each, np.nan) for each in recipes[part]])
            given = np.where(np.isnan(given), known, given)
        columns[name] = given
    ligands = [of_ligand(each) for each in recipes["ligand"]]
    columns |= {name: np.array([each[name] for each in ligands], dtype=float) for name in OF_LIGAND}
    parts = np.array([[places[each] for each in row] for row in recipes[list(MOLECULES)].to_numpy()], dtype=np.int64)
    return Features(np.stack([columns[name] for name in NAMES], axis=1), parts.reshape(-1, 3), smiles)


@cache
def of_ligand(smiles: str) -> Mapping[str, float]:
    """Descriptors of a ligand by RDKit, by the names of `OF_LIGAND`.

    Raises:
        InputError: No SMILES.
    """
    found = parsed(smiles)
    return {
        "donors": rdMolDescriptors.CalcNumHBD(found),
        "acceptors": rdMolDescriptors.CalcNumHBA(found),
        "aromatic": float(any(atom.GetIsAromatic() for atom in found.GetAtoms())),
        "weight_g_mol": Descriptors.MolWt(found),  # type: ignore[attr-defined]
        "rotatable_bonds": rdMolDescriptors.CalcNumRotatableBonds(found),
        "complexity": float(GraphDescriptors.BertzCT(found)),  # type: ignore[no-untyped-call]
        "polar_surface_angstrom_2": rdMolDescriptors.CalcTPSA(found),
        "logp": rdMolDescriptors.CalcCrippenDescriptors(found)[0],
    }


@cache
def _tabled(table: str, name: str) -> Mapping[str, float]:
    return {known_smiles(row["smiles"]): float(row[name]) for row in bundled(table)}
