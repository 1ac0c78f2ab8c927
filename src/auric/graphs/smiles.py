"""Molecules from SMILES."""

from rdkit import Chem, rdBase

from auric.errors import InputError

MAX_ATOMS = 500
LONGEST_SMILES = 5_000


def parsed(smiles: str) -> Chem.Mol:
    """The molecule of a SMILES.

    Raises:
        InputError: It cannot be read, has no atom, or more than `MAX_ATOMS`.
    """
    rdBase.DisableLog("rdApp.*")  # its words on a bad SMILES go to the terminal; ours say the same in one line
    if len(smiles) > LONGEST_SMILES:
        raise InputError(f"'{smiles[:80]}...': {len(smiles)} characters; SMILES up to {LONGEST_SMILES} are read")
    found = Chem.MolFromSmiles(smiles)
    if found is None or not found.GetNumAtoms():
        raise InputError(f"'{smiles[:80]}' is no SMILES that RDKit can read; correct it, or use a known name")
    if found.GetNumAtoms() > MAX_ATOMS:
        raise InputError(
            f"molecule '{smiles[:40]}' has {found.GetNumAtoms()} atoms; at most {MAX_ATOMS} are taken here"
        )
    return found
