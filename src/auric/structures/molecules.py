"""Organic molecules from SMILES: seeded distance geometry (ETKDGv3, doi:10.1021/acs.jcim.0c00025) and MMFF94."""

from typing import Any

import numpy as np
from ase import Atoms

from auric.errors import StructureError
from auric.structures.ligands import LONGEST_SMILES, SMILES_LETTERS

LARGEST_MOLECULE = 200
"""Atoms."""
LARGEST_SEED = 2**31 - 1
"""RDKit takes 32 bits, and a negative seed for no seed."""


def build_molecule(smiles: str, *, seed: int = 0) -> Atoms:
    """One conformer of one molecule.

    Args:
        smiles: The molecule, such as `CCCC` for butane; hydrogen atoms that it leaves out are added.
        seed: Seed of the embedding; another one gives another conformer.

    Returns:
        Positions in angstrom, centred, the atoms of the SMILES in their order, then the hydrogens that were added. `info`
        holds `stated_charge`, the sum of the formal charges (elementary charges).

    Raises:
        StructureError: If the SMILES cannot be read, is not one molecule, is too large, the seed cannot be used, or RDKit
            finds no geometry.
    """
    from rdkit import Chem, rdBase
    from rdkit.Chem import rdDistGeom, rdForceFieldHelpers

    shown = f"smiles={smiles[:80]}"
    if len(smiles) > LONGEST_SMILES:
        raise StructureError(f"{shown}...: {len(smiles)} characters; SMILES up to {LONGEST_SMILES} are read")
    if not 0 <= seed <= LARGEST_SEED:
        raise StructureError(f"{shown}: seed {seed} cannot be used; give a whole number from 0 to {LARGEST_SEED}")
    with rdBase.BlockLogs():
        molecule = Chem.MolFromSmiles(smiles) if SMILES_LETTERS.fullmatch(smiles) else None
        if molecule is None or not molecule.GetNumAtoms():
            raise StructureError(f"{shown}: no valid SMILES; write the molecule as in CCO for ethanol")
        if len(Chem.GetMolFrags(molecule)) > 1:
            raise StructureError(f"{shown}: more than one molecule; give each a row of its own")
        molecule = Chem.AddHs(molecule)
        if molecule.GetNumAtoms() > LARGEST_MOLECULE:
            raise StructureError(
                f"{shown}: {molecule.GetNumAtoms()} atoms, more than {LARGEST_MOLECULE}; take a smaller one"
            )
        settings: Any = rdDistGeom.ETKDGv3()
        settings.randomSeed = seed
        failed = rdDistGeom.EmbedMolecule(molecule, settings) < 0
        if failed or not rdForceFieldHelpers.MMFFHasAllMoleculeParams(molecule):
            raise StructureError(
                f"{shown}: RDKit finds no geometry (MMFF94 knows organic molecules); build it elsewhere and use the builder "
                "file"
            )
        rdForceFieldHelpers.MMFFOptimizeMolecule(molecule, maxIters=5000)
    positions = np.asarray(molecule.GetConformer().GetPositions())
    symbols = [atom.GetSymbol() for atom in molecule.GetAtoms()]
    return Atoms(
        symbols, positions - positions.mean(axis=0), info={"stated_charge": int(Chem.GetFormalCharge(molecule))}
    )
