"""Which ligands for this core: every candidate, their combinations, and ten thousand at a time.

Cores and ligands are embedded once; after that a set of ligands is a mean of rows, and its score two matrix products.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ase import Atoms

from auric.errors import InputError, StructureError
from auric.given import given_text
from auric.graphs import pack_clusters
from auric.matching.colim import Ensemble
from auric.matching.fixed_ligands import packed_for
from auric.matching.ligand_encoder import BATCH
from auric.matching.ligand_smiles import elements_of, functional_group, standard_smiles
from auric.matching.splitting import check_core

MOST_KINDS = 4
MOST_SETS = 50_000
"""More combinations than this are not tried: the best single ligands are combined instead."""
RANK_COLUMNS = ("rank", "ligands", "kinds", "probability", "spread", "groups", "warning", "ligand_warning")
CHUNK = 4096


@dataclass(frozen=True)
class EmbeddedLigands:
    """Ligands as every member of an ensemble sees them.

    Attributes:
        ligands: Standard SMILES.
        vectors: Shape (members, ligands, width).
    """

    ligands: tuple[str, ...]
    vectors: np.ndarray


def read_candidates(path: str | Path) -> list[str]:
    """Ligands of a file: one SMILES a line, what follows a space or tab is a name; empty lines and lines from # are skipped.

    Raises:
        InputError: If the file cannot be read or holds none.
        StructureError: Naming the line of one that cannot be used.
    """
    lines = given_text(path, "give a file with one SMILES a line").splitlines()
    found: dict[str, None] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        try:
            found.setdefault(standard_smiles(line.split()[0]))
        except StructureError as error:
            hint = "; sets are made of the lines by --kinds" if "." in line.split()[0] else ""
            raise StructureError(f"{path}, line {number}: {error}{hint}") from None
    if not found:
        raise InputError(f"{path}: holds no ligands; give one SMILES a line")
    return list(found)


def embed_ligands(ensemble: Ensemble, ligands: Sequence[str]) -> EmbeddedLigands:
    """Embed ligands once, for any number of cores.

    Raises:
        StructureError: As `standard_smiles`.
    """
    names = tuple(dict.fromkeys(standard_smiles(one) for one in ligands))
    parts: list[list[np.ndarray]] = [[] for _ in ensemble.members]
    with torch.no_grad():
        for start in range(0, len(names), BATCH):
            packed = packed_for(ensemble.members[0].ligand, names[start : start + BATCH])
            for own, member in zip(parts, ensemble.members, strict=True):
                own.append(member.ligand(packed).numpy())
    return EmbeddedLigands(names, np.array([np.concatenate(own) for own in parts]))


def score_sets(ensemble: Ensemble, core: Atoms, embedded: EmbeddedLigands, sets: np.ndarray) -> np.ndarray:
    """Probabilities of sets of ligands for a core, by each member, shape (members, sets).

    Args:
        ensemble: The matchers.
        core: A core.
        embedded: Ligands.
        sets: Numbers of the ligands of each set, shape (sets, kinds).
    """
    packed = pack_clusters([core], reach=ensemble.members[0].core.settings.reach)
    found = np.empty((len(ensemble.members), len(sets)))
    with torch.no_grad():
        for row, (member, vectors) in enumerate(zip(ensemble.members, embedded.vectors, strict=True)):
            of_core, table = member.core.embed(packed)[0], torch.as_tensor(vectors)
            for start in range(0, len(sets), CHUNK):
                means = table[torch.as_tensor(sets[start : start + CHUNK])].mean(dim=1)
                found[row, start : start + CHUNK] = torch.sigmoid(member.score(of_core, means)).numpy()
    return found


def rank_ligands(
    ensemble: Ensemble,
    core: Atoms,
    ligands: Sequence[str] | EmbeddedLigands,
    *,
    kinds: int = 1,
    most_sets: int = MOST_SETS,
) -> list[dict[str, Any]]:
    """Candidates and their combinations for a core, best first.

    Args:
        ensemble: The matchers.
        core: A core (`check_core`).
        ligands: Candidates, SMILES, or embedded before.
        kinds: Up to so many kinds of ligands in a set, 1 to 4.
        most_sets: Where there were more combinations, only those of the best single ligands are tried.

    Returns:
        Rows of `RANK_COLUMNS`: `probability` is the mean over members, `spread` their standard deviation; `warning` says what of
        the core was never, or only late, learned, `ligand_warning` what of the ligands.

    Raises:
        InputError: Kinds other than 1 to 4.
        StructureError: What is no core, or a candidate that is no ligand.
    """
    if not 1 <= kinds <= MOST_KINDS:
        raise InputError(f"{kinds} kinds of ligands in a set; give 1 to {MOST_KINDS}")
    check_core(core)
    embedded = ligands if isinstance(ligands, EmbeddedLigands) else embed_ligands(ensemble, ligands)
    count = len(embedded.ligands)
    singles = np.arange(count)[:, None]
    first = score_sets(ensemble, core, embedded, singles)
    best = np.argsort(-first.mean(axis=0), kind="stable")[: _combined(count, kinds, most_sets)]
    rows = [(singles, first)]
    for number in range(2, kinds + 1):
        sets = np.array(list(combinations(np.sort(best), number)), dtype=int).reshape(-1, number)
        if len(sets):
            rows.append((sets, score_sets(ensemble, core, embedded, sets)))
    warning = "; ".join(warnings_of(ensemble, core))
    found = []
    for sets, scores in rows:
        mean, spread = scores.mean(axis=0), scores.std(axis=0)
        for own, value, width in zip(sets, mean, spread, strict=True):
            names = sorted(embedded.ligands[i] for i in own)
            found.append((".".join(names), len(names), float(value), float(width)))
    found.sort(key=lambda row: (-row[2], row[0]))
    return [
        {"rank": place, "ligands": text, "kinds": number, "probability": value, "spread": width,
         "groups": " + ".join(functional_group(one) for one in text.split(".")), "warning": warning,
         "ligand_warning": "; ".join(ligand_warnings(ensemble, text))}
        for place, (text, number, value, width) in enumerate(found, 1)
    ]  # fmt: skip


def _combined(count: int, kinds: int, most_sets: int) -> int:
    """How many of the best single ligands are combined."""
    number = count
    while number > kinds and sum(comb(number, k) for k in range(2, kinds + 1)) > most_sets:
        number -= max(1, number // 20)
    return number


def warnings_of(ensemble: Ensemble, core: Atoms) -> list[str]:
    """What of a core the matchers never met, or met only beside ligands."""
    return _told(
        {
            "never seen": ensemble.unknown_elements(core),
            "not in the pretraining": ensemble.late_elements(core),
        }
    )


def ligand_warnings(ensemble: Ensemble, ligands: str) -> list[str]:
    """The same of a set of ligands, standard SMILES joined by '.'."""
    symbols = set().union(*(elements_of(one) for one in ligands.split(".")))
    return _told(
        {
            "never seen in a ligand": ensemble.unknown_ligand_elements(symbols),
            "not in the pretraining on ligands": ensemble.late_ligand_elements(symbols),
        }
    )


def _told(found: dict[str, list[str]]) -> list[str]:
    return [f"{what}: {', '.join(symbols)}" for what, symbols in found.items() if symbols]


def screen(ensemble: Ensemble, core: Atoms, embedded: EmbeddedLigands) -> tuple[np.ndarray, np.ndarray]:
    """Mean probability and spread of every single ligand for a core, each of shape (ligands,), in their order.

    Raises:
        StructureError: What is no core.
    """
    check_core(core)
    scores = score_sets(ensemble, core, embedded, np.arange(len(embedded.ligands))[:, None])
    return scores.mean(axis=0), scores.std(axis=0)
