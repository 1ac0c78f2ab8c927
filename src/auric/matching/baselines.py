"""What a matcher must beat, in the same folds: functional groups counted, ligands alone, the core alone, and descriptors of both
under gradient boosting.

The first of them is not trained: a set of ligands is as probable as the share of positives among the training examples that hold its
functional groups (`group_shares`). It tells how far the way in which pairs were reported and negatives drawn answers for chemistry.

The boosting is XGBoost (Chen, Guestrin, doi:10.1145/2939672.2939785), as in the paper. Descriptors of cores: MBTR (Huo, Rupp, doi:10.1088/2632-2153/aca005), SOAP
(doi:10.1103/PhysRevB.87.184115) and ACSF (doi:10.1063/1.3553717), the last two made with DScribe
(doi:10.1016/j.cpc.2019.106949), over the number of atoms; of ligands: counts of Morgan fragments and RDKit descriptors, means over the set.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers

from auric.descriptors import Mbtr, MbtrSettings
from auric.errors import InputError, suggestion
from auric.matching.ligand_encoder import ligand_descriptors
from auric.matching.ligand_smiles import FUNCTIONAL_GROUPS, functional_group, ligand_set

BOOSTING = "XGBoost"
COUNTED = "functional group"
BASELINES = (COUNTED, "ligands only", "core only", "mbtr", "soap", "acsf")
MBTR_GRID = MbtrSettings(0.02, 0.6, 20, 0.03, 0.5, 1e-3)
MORGAN_BITS, MORGAN_RADIUS = 256, 2


def ligand_features(sets: Sequence[str]) -> np.ndarray:
    """Features of sets of ligands, shape (n, bits + descriptors): means over the set."""
    from rdkit import Chem
    from rdkit.Chem import rdFingerprintGenerator

    texts = [ligand_set(text) for text in sets]
    names = sorted({one for text in texts for one in text.split(".")})
    maker = rdFingerprintGenerator.GetMorganGenerator(radius=MORGAN_RADIUS, fpSize=MORGAN_BITS)
    counts = np.array([maker.GetCountFingerprintAsNumPy(Chem.MolFromSmiles(name)) for name in names], dtype=float)
    table = np.hstack([counts, ligand_descriptors(names)])
    place = {name: row for row, name in enumerate(names)}
    return np.array([table[[place[one] for one in text.split(".")]].mean(axis=0) for text in texts])


def group_features(sets: Sequence[str]) -> np.ndarray:
    """Share of a set's ligands in each of `FUNCTIONAL_GROUPS`, shape (n, groups)."""
    place = {name: column for column, (name, _) in enumerate(FUNCTIONAL_GROUPS)}
    table = np.zeros((len(sets), len(place)))
    for row, text in zip(table, sets, strict=True):
        ligands = ligand_set(text).split(".")
        for one in ligands:
            row[place[functional_group(one)]] += 1 / len(ligands)
    return table


def core_features(cores: Sequence[Atoms], kind: Literal["mbtr", "soap", "acsf", "core only"]) -> np.ndarray:
    """Features of cores, shape (n, width); equal objects are described once.

    Raises:
        InputError: An unknown kind.
    """
    different = list({id(core): core for core in cores}.values())
    species = sorted({symbol for core in different for symbol in core.symbols}, key=atomic_numbers.__getitem__)
    makers = {"mbtr": _mbtr, "soap": _soap, "acsf": _acsf, "core only": _acsf}
    if kind not in makers:
        raise InputError(f"descriptor '{kind}'; {suggestion(kind, list(makers))}")
    rows = makers[kind](different, species)
    counts = np.array([[list(core.symbols).count(symbol) for symbol in species] for core in different], dtype=float)
    table = {id(core): row for core, row in zip(different, np.hstack([counts, rows]), strict=True)}
    return np.array([table[id(core)] for core in cores])


def _mbtr(cores: Sequence[Atoms], species: list[str]) -> np.ndarray:
    maker = Mbtr(species, MBTR_GRID)
    return np.array([maker.describe(core) / len(core) for core in cores])


def _soap(cores: Sequence[Atoms], species: list[str]) -> np.ndarray:
    from dscribe.descriptors import SOAP  # type: ignore[import-untyped]

    maker = SOAP(
        species=species, n_max=4, l_max=3, r_cut=5.0, sigma=0.5, periodic=False, compression={"mode": "mu1nu1"}
    )
    return np.array([np.atleast_2d(maker.create(core)).mean(axis=0) for core in cores])


def _acsf(cores: Sequence[Atoms], species: list[str]) -> np.ndarray:
    from dscribe.descriptors import ACSF

    maker = ACSF(
        species=species, r_cut=6.0, g2_params=[[eta, shift] for eta in (0.5, 4.0) for shift in (2.0, 3.0, 4.5)],
        g4_params=[[0.05, 1.0, sign] for sign in (1, -1)], periodic=False,
    )  # fmt: skip
    return np.array([np.atleast_2d(maker.create(core)).mean(axis=0) for core in cores])


def baseline_features(name: str, cores: Sequence[Atoms], sets: Sequence[str]) -> np.ndarray:
    """Features of examples for one of `BASELINES`, shape (n, width).

    Raises:
        InputError: An unknown name.
    """
    if name not in BASELINES:
        raise InputError(f"baseline '{name}'; {suggestion(name, BASELINES)}")
    if name == COUNTED:
        return group_features(sets)
    if name == "ligands only":
        return ligand_features(sets)
    if name == "core only":
        return core_features(cores, "core only")
    return np.hstack([core_features(cores, name), ligand_features(sets)])  # type: ignore[arg-type]


def learner_of(name: str) -> str:
    """What `baseline_probabilities` learns with for one of `BASELINES`."""
    return "shares counted" if name == COUNTED else BOOSTING


def baseline_probabilities(
    name: str, features: np.ndarray, labels: np.ndarray, train: np.ndarray, test: np.ndarray, *, seed: int = 0
) -> np.ndarray:
    """Probabilities of test examples by one of `BASELINES` from its features, shape (test,)."""
    if name == COUNTED:
        return group_shares(features, labels, train, test)
    return boosted(features, labels, train, test, seed=seed)


def group_shares(features: np.ndarray, labels: np.ndarray, train: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Share of positives among training examples that hold a functional group, mean over the ligands of a test example, shape (test,).

    One example more, of the base rate of the training examples, is counted with every group, so that a group that none of them holds
    gets the base rate.

    Args:
        features: Of `group_features`.
        labels: 1 or 0, of the training examples at least.
        train: Numbers of the training examples.
        test: Likewise.
    """
    holds, given = features[train] > 0, np.asarray(labels)[train]
    shares = (holds.T @ given + given.mean()) / (holds.sum(axis=0) + 1)
    return np.asarray(features[test] @ shares)


def boosted(
    features: np.ndarray, labels: np.ndarray, train: np.ndarray, test: np.ndarray, *, seed: int = 0
) -> np.ndarray:
    """Probabilities of test examples by gradient boosting on the training examples, shape (test,)."""
    from xgboost import XGBClassifier

    leaf = 3 if len(train) < 200 else 10
    # XGBoost's least weight of a leaf is in units of p (1 - p), at most 1/4 for each example.
    model = XGBClassifier(
        n_estimators=60, learning_rate=0.1, grow_policy="lossguide", max_depth=0, max_leaves=8, min_child_weight=leaf / 4,
        reg_lambda=1.0, colsample_bynode=0.3, tree_method="hist", n_jobs=1, random_state=seed,
    )  # fmt: skip
    return np.asarray(model.fit(features[train], labels[train]).predict_proba(features[test])[:, 1], dtype=float)
