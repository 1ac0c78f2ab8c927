"""What `auric ligands` does: a core, candidates, a matcher; a ranked table."""

from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms

from auric.errors import InputError, StructureError
from auric.matching.crystals import read_cluster
from auric.matching.editing import edited_core
from auric.matching.library import LEAST_METALS, MOST_METALS, SIZES, SYMMETRY_LEFT
from auric.matching.ligand_smiles import METALS, bonded_pairs
from auric.matching.matcherfile import load_ensemble
from auric.matching.ranking import embed_ligands, rank_ligands, read_candidates, screen
from auric.matching.splitting import CORE_ATOMS, core_formula, split_cluster
from auric.progress import log

SCREENED_ABOVE = 1000
"""So many candidates or more are ranked one by one before the best are combined."""


def core_of_file(path: str | Path) -> Atoms:
    """The core in a file: the file itself if it holds nothing else, else what is left of the cluster without its ligands.

    Elements alone do not tell: all of Au25(SH)18 may stand in a core, but its sulfur is bonded to hydrogen.

    Raises:
        StructureError: If the file cannot be read, or holds no core.
    """
    atoms = read_cluster(path)
    if all(int(number) in METALS | CORE_ATOMS for number in atoms.numbers) and not len(bonded_pairs(atoms)):
        return Atoms(atoms.numbers, atoms.positions)
    try:
        split = split_cluster(atoms)
    except StructureError as error:
        raise StructureError(f"{path}: {error}") from None
    for what, reason in split.suspicious:
        log.warning("%s: %s: %s", path, what, reason)
    if "symmetry" in atoms.info:
        log.warning("%s: %s: %s", path, atoms.info["symmetry"], SYMMETRY_LEFT)
    return split.core


def ask_ligands(
    core_file: str | Path, candidates: str | Path, model: str | Path, *, kinds: int = 1, edit: str = "", most: int = 20
) -> tuple[str, list[dict[str, Any]]]:
    """Rank candidates and their combinations for a core.

    Args:
        core_file: A core, or a whole cluster whose core is taken.
        candidates: File with one SMILES a line.
        model: Matcher of a study (`colim.npz`).
        kinds: Up to so many kinds of ligands in a set, 1 to 4.
        edit: Edits of the core (`edited_core`); '' for none.
        most: Rows that are returned.

    Returns:
        The core's formula, and rows of `RANK_COLUMNS`.

    Raises:
        InputError: Fewer than one row asked for, or what the functions called here refuse.
        StructureError: A core of fewer or more metal atoms than those that are learned from.
    """
    if most < 1:
        raise InputError(f"--top {most}: give 1 or more")
    core = edited_core(core_of_file(core_file), edit)
    metals = int(np.isin(core.numbers, list(METALS)).sum())
    if not LEAST_METALS <= metals <= MOST_METALS:
        raise StructureError(f"{core_file}: core {core_formula(core)}, number of metal atoms {metals}; {SIZES}")
    ensemble, ligands = load_ensemble(model), read_candidates(candidates)
    if len(ligands) >= SCREENED_ABOVE and kinds > 1:
        embedded = embed_ligands(ensemble, ligands)
        best = screen(ensemble, core, embedded)[0].argsort()[::-1][:200]
        ligands = [embedded.ligands[place] for place in best]
    return core_formula(core), rank_ligands(ensemble, core, ligands, kinds=kinds)[:most]
