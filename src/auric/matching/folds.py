"""Folds that keep together what is alike, and a check that nothing alike lies on both sides of a split.

`pair`: examples of one core geometry with one ligand set stay together, as in the paper. `core`: all examples of a geometry stay together,
so that a test core was never seen. In both, cores that stand for one compound (a whole core, and an inner shell of it) count as one. `ligand`: a test example holds a ligand that no training example holds.
"""

from collections.abc import Sequence

import numpy as np

from auric.errors import InputError
from auric.matching.fingerprints import SAME_GEOMETRY, geometry_difference
from auric.matching.negatives import Example

SPLITS = ("pair", "core", "ligand")


def groups_of(examples: Sequence[Example], split: str) -> list[str]:
    """What of each example must stay together: geometry and ligands, geometry, or the families of its ligands (joined by ';').

    Raises:
        InputError: An unknown split.
    """
    if split in ("pair", "core"):
        beside = [f":{each.ligands}" if split == "pair" else "" for each in examples]
        names = [
            [f"{core}{text}" for core in (each.pair.geometry, each.pair.identity) if core != ""]
            for each, text in zip(examples, beside, strict=True)
        ]
        one = _families(names)
        return [one[own[0]] for own in names]
    if split == "ligand":
        family = _families([each.ligands.split(".") for each in examples if each.label == 1])
        return [";".join(sorted({family.get(one, one) for one in each.ligands.split(".")})) for each in examples]
    raise InputError(f"split '{split}'; choose from {', '.join(SPLITS)}")


def _families(sets: Sequence[Sequence[str]]) -> dict[str, str]:
    """What is named together, directly or in a chain, has one family: the least of them by name."""
    family: dict[str, str] = {}
    for ligands in sets:
        names = {family.setdefault(one, one) for one in ligands}
        least = min(names)
        family = {one: least if name in names else name for one, name in family.items()}
    return family


def split_folds(
    examples: Sequence[Example], split: str, *, folds: int = 5, seed: int = 0
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Training and test examples of each fold, as numbers.

    Every example is tested once. In the split by ligand, a fold's training leaves out whatever holds one of its ligands, so
    training and test need not make up the whole.

    Raises:
        InputError: An unknown split, or fewer groups than folds.
    """
    groups = groups_of(examples, split)
    parts = sorted({part for group in groups for part in group.split(";")})
    if folds < 2 or len(parts) < folds:
        raise InputError(
            f"split by {split}: {len(parts)} groups for {folds} folds; give more data, or fewer folds from two on"
        )
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(parts))
    # Large groups first, each to the fold that holds least, so that folds are about even.
    weight = {part: sum(part in group.split(";") for group in groups) for part in parts}
    filled = np.zeros(folds)
    fold_of: dict[str, int] = {}
    for place in sorted(order, key=lambda place: -weight[parts[place]]):
        fold_of[parts[place]] = int(np.argmin(filled))
        filled[fold_of[parts[place]]] += weight[parts[place]]
    touched = [{fold_of[part] for part in group.split(";")} for group in groups]
    tested = [fold_of[group.split(";")[0]] for group in groups]
    found = []
    for fold in range(folds):
        test = np.array([i for i, own in enumerate(tested) if own == fold], dtype=int)
        train = np.array([i for i, every in enumerate(touched) if fold not in every], dtype=int)
        found.append((train, test))
    return found


def check_split(
    examples: Sequence[Example], train: np.ndarray, test: np.ndarray, split: str, *, tolerance: float = SAME_GEOMETRY
) -> None:
    """Refuse a split that has near duplicates on both sides; geometries are compared anew, their numbers are not believed.

    Raises:
        InputError: Naming the first pair of examples that are alike.
    """
    if split not in SPLITS:
        raise InputError(f"split '{split}'; choose from {', '.join(SPLITS)}")
    if split == "ligand":
        learned = {one for i in train for one in examples[i].ligands.split(".")}
        for j in test:
            if set(examples[j].ligands.split(".")) <= learned:
                raise InputError(
                    f"split by ligand: training holds every ligand of {examples[j].pair.name} with {examples[j].ligands} (test); "
                    "leave one out"
                )
        return
    for i in train:
        for j in test:
            first, second = examples[i], examples[j]
            if split == "pair" and first.ligands != second.ligands:
                continue
            same = first.pair.identity and first.pair.identity == second.pair.identity
            if same or geometry_difference(first.pair.fingerprint, second.pair.fingerprint) <= tolerance:
                raise InputError(
                    f"split by {split}: {first.pair.name} with {first.ligands} (training) and {second.pair.name} with "
                    f"{second.ligands} (test) are near duplicates; keep them on one side"
                )
