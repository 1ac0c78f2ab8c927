"""An enumeration of ligands of coinage-metal clusters: donor groups times residues, made here and always the same.

It is what the ligand encoder learns on (RDKit descriptors, not labels), and what a screening falls back on.
"""

from functools import cache
from itertools import product

import numpy as np

from auric.errors import InputError, StructureError
from auric.matching.ligand_smiles import standard_smiles

ALKYL = (
    "C", "CC", "CCC", "CC(C)C", "CCCC", "CC(C)(C)C", "CCCCC", "CCCCCC", "CCCCCCCC", "CCCCCCCCCC", "CCCCCCCCCCCC", "C1CCCC1", "C1CCCCC1",
    "C12CC3CC(CC(C3)C1)C2", "CC1CCCCC1", "CCC1CCCCC1", "Cc1ccccc1", "CCc1ccccc1", "CCCc1ccccc1", "Cc1ccc(C)cc1", "Cc1ccc(C(C)(C)C)cc1", "Cc1ccc(F)cc1",
    "CCO", "CCCO", "CCOC", "CCOCCOC", "CCN", "CCN(C)C", "CC(=O)O", "CCC(=O)O", "CCCC(=O)O", "C(C(=O)O)CC(=O)O", "CC(F)(F)F", "CCC#N", "CC(=O)NC", "C[Si](C)(C)C",
)  # fmt: skip
"""Residues whose first atom is a carbon atom of an alkyl group."""
ARYL = (
    "c1ccccc1", "c1ccc(C)cc1", "c1ccccc1C", "c1cccc(C)c1", "c1ccc(C)cc1C", "c1cc(C)cc(C)c1", "c1c(C)cccc1C", "c1ccc(C(C)(C)C)cc1", "c1ccc(OC)cc1", "c1ccc(F)cc1",
    "c1cc(F)c(F)c(F)c1", "c1cc(F)cc(F)c1", "c1c(F)c(F)c(F)c(F)c1F", "c1ccc(Cl)cc1", "c1ccc(Br)cc1", "c1ccc(C(F)(F)F)cc1", "c1ccc(C(=O)O)cc1", "c1cccc(C(=O)O)c1",
    "c1ccc(N)cc1", "c1ccc(O)cc1", "c1ccc(N(=O)=O)cc1", "c1ccc2ccccc2c1", "c1cccc2ccccc12", "c1ccc(-c2ccccc2)cc1", "c1ccccn1", "c1ccncc1", "c1ccc(C#N)cc1", "c1cccs1", "c1ccc[nH]1",
)  # fmt: skip
"""Residues whose first atom is aromatic."""
SINGLE = {
    "thiol": "S{0}", "selenol": "[SeH]{0}", "alkyne": "C#C{0}", "carboxylic acid": "OC(=O){0}", "amine": "N{0}",
    "nitrile": "N#C{0}", "amide": "NC(=O){0}", "thioacid": "SC(=O){0}",
}  # fmt: skip
DOUBLE = {
    "amine": "N({0}){1}", "dithiocarbamate": "SC(=S)N({0}){1}", "dithiophosphate": "SP(=S)(O{0})O{1}", "carbene": "{0}N1[C]N({1})C=C1",
    "phosphine": "P({0})({0}){1}", "diphenylphosphine": "P(c1ccccc1)({0}){1}",
}  # fmt: skip
LINKERS = ("C", "CC", "CCC", "CCCC", "CCCCC", "C=C", "c2ccccc2")
BIDENTATE = {"diphosphine": "P({0})({0}){1}P({0}){0}", "dithiol": "S{1}S", "dicarboxylic acid": "OC(=O){1}C(=O)O"}


@cache
def enumerated_ligands(limit: int | None = None) -> tuple[str, ...]:
    """Standard SMILES of the enumeration, each once, in an order that mixes the kinds but is always the same.

    Args:
        limit: The first so many; None: all.

    Raises:
        InputError: A limit below 1.
    """
    if limit is not None and limit < 1:
        raise InputError(f"{limit} enumerated ligands; ask for one or more")
    residues = [*ALKYL, *ARYL]
    written: list[str] = [pattern.format(residue) for pattern, residue in product(SINGLE.values(), residues)]
    carbon = [*ALKYL[:30], *ARYL[:20]]
    pairs = list(product(carbon, repeat=2))
    written += [
        pattern.format(_renumbered(first, 3), _renumbered(second, 5))
        for pattern in DOUBLE.values()
        for first, second in pairs
    ]
    written += [
        BIDENTATE[kind].format(_renumbered(residue, 5), linker)
        for kind in BIDENTATE
        for linker in LINKERS
        for residue in carbon
    ]
    found: dict[str, None] = {}
    for place in np.random.default_rng(0).permutation(len(written)):
        try:
            found.setdefault(standard_smiles(written[place]))
        except StructureError:  # a few combinations are no molecules
            continue
        if len(found) == limit:
            break
    return tuple(found)


def _renumbered(residue: str, shift: int) -> str:
    """A residue whose rings are counted from another number, so that several fit into one SMILES."""
    return "".join(str(int(letter) + shift) if letter.isdigit() else letter for letter in residue)
