"""Folds that keep together what is alike, and a check that nothing alike lies on both sides of a split.

`pair`: examples of one core geometry with one ligand set stay together, as in the paper. `core`: all examples of a geometry stay together,
and of those that an edit by one or two metal atoms makes of it, so that no test core was seen, or one that is nearly the same. In both, cores that stand for one compound (a whole core, and an inner shell of it) count as one. `ligand`: no training
example holds a ligand of a test example, or one that is nearly the same.
"""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from scipy.sparse.csgraph import connected_components

from auric.errors import InputError
from auric.matching.fingerprints import SAME_GEOMETRY, CoreFingerprint, edited, geometry_difference
from auric.matching.negatives import Example

SPLITS = ("pair", "core", "ligand")
SAME_LIGAND = 0.5
"""Likeness from which two ligands are near duplicates: 0.69 for benzyl and phenethyl thiol, 0.58 for triphenylphosphine and dppe; it is 0.44
for neighbours such as 2-methyl and 2,4-dimethylbenzenethiol."""


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
        one = _joined(names + (_edits(examples) if split == "core" else []))
        return [one[own[0]] for own in names]
    if split == "ligand":
        return families_of(examples, together=True)
    raise InputError(f"split '{split}'; choose from {', '.join(SPLITS)}")


def families_of(examples: Sequence[Example], *, together: bool = False) -> list[str]:
    """Families of each example's ligands, joined by ';': near duplicates, directly or in a chain, named after the least of them.

    Args:
        examples: All of them.
        together: Whether ligands that were reported in one set are of one family too, as a split must keep them on one side.
    """
    family = _families(examples, together)
    return [";".join(sorted({family[one] for one in each.ligands.split(".")})) for each in examples]


def _edits(examples: Sequence[Example]) -> list[list[str]]:
    """Numbers of geometries that an edit links, two by two."""
    pairs = {each.pair.name: each.pair for each in examples}.values()
    links = [
        (first.geometry, second.geometry)
        for first, second in combinations(pairs, 2)
        if edited(first.fingerprint, second.fingerprint)
    ]
    return [[f"{first}", f"{second}"] for first, second in links]


def alike(first: CoreFingerprint, second: CoreFingerprint, *, tolerance: float = SAME_GEOMETRY) -> bool:
    """Whether cores are near duplicates where cores are left out: of one geometry, or one an edit of the other."""
    return geometry_difference(first, second) <= tolerance or edited(first, second, tolerance=tolerance)


def _families(examples: Sequence[Example], together: bool) -> dict[str, str]:
    names = sorted({one for each in examples for one in each.ligands.split(".")})
    place = {name: number for number, name in enumerate(names)}
    joined = likeness(names, names) >= SAME_LIGAND
    for each in examples:
        if together and each.label == 1:
            own = [place[one] for one in each.ligands.split(".")]
            joined[own[0], own] = True
    family = connected_components(joined, directed=False)[1]
    least = {number: names[int(np.argmax(family == number))] for number in set(family.tolist())}
    return {name: least[int(number)] for name, number in zip(names, family, strict=True)}


def likeness(first: Sequence[str], second: Sequence[str]) -> np.ndarray:
    """Tanimoto coefficients of Morgan counts of radius 2 (doi:10.1021/ci100050t) between ligands, shape (first, second)."""
    from rdkit import Chem, DataStructs
    from rdkit.Chem import rdFingerprintGenerator

    maker = rdFingerprintGenerator.GetMorganGenerator(radius=2)
    counts = [
        [maker.GetSparseCountFingerprint(Chem.MolFromSmiles(one)) for one in ligands] for ligands in (first, second)
    ]
    return np.array([DataStructs.BulkTanimotoSimilarity(one, counts[1]) for one in counts[0]])


def _joined(sets: Sequence[Sequence[str]]) -> dict[str, str]:
    """What is named together, directly or in a chain, has one family: the least of them by name."""
    family: dict[str, str] = {}
    for together in sets:
        names = {family.setdefault(one, one) for one in together}
        least = min(names)
        family = {one: least if name in names else name for one, name in family.items()}
    return family


def split_folds(
    examples: Sequence[Example], split: str, *, folds: int = 5, seed: int = 0
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Training and test examples of each fold, as numbers.

    Groups are put, large ones first, where fewest examples of their labels are, so that folds have about as many examples and
    as many positives as groups allow. Every example is tested once, but for those of the split by ligand whose ligands lie in several folds: training would know some
    of them, wherever they were tested, so they are tested nowhere. A fold's training leaves out whatever holds one of its ligands.

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
    place_of = {part: place for place, part in enumerate(parts)}
    counts = np.zeros((len(parts), 2))
    for each, group in zip(examples, groups, strict=True):
        counts[[place_of[part] for part in group.split(";")], each.label] += 1
    total = np.maximum(counts.sum(axis=0), 1)
    filled = np.zeros((folds, 2))
    fold_of: dict[str, int] = {}
    for place in sorted(order, key=lambda place: -counts[place].sum()):
        # The fold in which the squared shares of each label grow least.
        fold = int(np.argmin(filled @ (counts[place] / total**2)))
        fold_of[parts[place]] = fold
        filled[fold] += counts[place]
    touched = [{fold_of[part] for part in group.split(";")} for group in groups]
    found = []
    for fold in range(folds):
        test = np.array([i for i, every in enumerate(touched) if every == {fold}], dtype=int)
        train = np.array([i for i, every in enumerate(touched) if fold not in every], dtype=int)
        found.append((train, test))
    return found


def check_split(
    examples: Sequence[Example], train: np.ndarray, test: np.ndarray, split: str, *, tolerance: float = SAME_GEOMETRY
) -> None:
    """Refuse a split that has near duplicates on both sides; geometries and ligands are compared anew, no numbers are believed.

    Raises:
        InputError: Naming the first pair of examples that are alike.
    """
    if split not in SPLITS:
        raise InputError(f"split '{split}'; choose from {', '.join(SPLITS)}")
    if split == "ligand":
        learned, asked = (
            [*dict.fromkeys(one for i in part for one in examples[i].ligands.split("."))] for part in (train, test)
        )
        found = likeness(learned, asked)
        if found.size and found.max() >= SAME_LIGAND:
            i, j = np.unravel_index(found.argmax(), found.shape)
            raise InputError(
                f"split by ligand: {learned[i]} (training) and {asked[j]} (test) are near duplicates; keep them on one side"
            )
        return
    for i in train:
        for j in test:
            first, second = examples[i], examples[j]
            if split == "pair" and first.ligands != second.ligands:
                continue
            cores = first.pair.fingerprint, second.pair.fingerprint
            same = first.pair.identity and first.pair.identity == second.pair.identity
            near = alike(*cores, tolerance=tolerance) if split == "core" else geometry_difference(*cores) <= tolerance
            if same or near:
                raise InputError(
                    f"split by {split}: {first.pair.name} with {first.ligands} (training) and {second.pair.name} with "
                    f"{second.ligands} (test) are near duplicates; keep them on one side"
                )
