"""Formation energies in folds: the liquid-drop line, kernel ridge regression on SOAP, and encoders, on the same clusters.

Kernel ridge is the strongest of what needs no network: means over atoms of SOAP and of its products, of coordinates in units
of the element's covalent radius, so that all elements share one description. What a line of the element explains of a
feature is taken off first, as it is of the energy; then clusters of one element are alike as their features are, and those of
different elements a tenth as much.
"""

import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from ase import Atoms
from ase.data import covalent_radii
from scipy.linalg import cho_factor, cho_solve

from auric.errors import InputError
from auric.graphs import LAYERS, Clusters, EncoderSettings, pack_clusters
from auric.matching.formation import (
    FURTHEST,
    HUBER_SDS,
    LARGE,
    ClusterEnergies,
    DropLines,
    drop_terms,
    element_folds,
    fit_lines,
    size_folds,
    universal_lines,
)
from auric.matching.pretraining import PretrainSettings, pretrain
from auric.progress import log

FORMATION_SPLITS = ("size", "random", "larger", "element")
FORMATION_COLUMNS = (
    "split", "fold", "subject", "cluster", "element", "size", "energy_ev", "predicted_ev", "formation_ev", "predicted_formation_ev", "seconds",
)  # fmt: skip
"""Energies per atom, as calculated, and less the reference energy of the element that was fitted in that fold."""
LINE, RIDGE, BOTH = "line", "kernel ridge", "encoder and kernel ridge"
DIRECTIONS, ACROSS, PENALTY = 24, 0.1, 0.02


class Fold(NamedTuple):
    """Training and test clusters of one fold of one split."""

    split: str
    fold: int
    train: np.ndarray
    test: np.ndarray


def formation_folds(data: ClusterEnergies, split: str, *, folds: int = 5, seed: int = 0) -> list[Fold]:
    """Folds of a split: `size`: whole sizes are left out; `random`: clusters; `larger`: those of more than `LARGE` atoms; `element`: whole elements.

    Raises:
        InputError: An unknown split, or too few clusters for it.
    """
    count = len(data.size)
    if split == "larger":
        large = data.size > LARGE
        if not large.any() or large.all():
            raise InputError(f"split 'larger': no clusters above and below {LARGE} atoms; leave it out")
        return [Fold(split, 0, np.flatnonzero(~large), np.flatnonzero(large))]
    if split not in FORMATION_SPLITS:
        raise InputError(f"split '{split}'; choose from {', '.join(FORMATION_SPLITS)}")
    if split == "random":
        fold_of = np.random.default_rng(seed).permutation(count) % folds
    else:
        fold_of = (size_folds if split == "size" else element_folds)(
            data.size if split == "size" else data.element, folds=folds, seed=seed
        )
    return [Fold(split, k, np.flatnonzero(fold_of != k), np.flatnonzero(fold_of == k)) for k in range(folds)]


def shape_features(frames: Sequence[Atoms]) -> np.ndarray:
    """Means over atoms of SOAP, its principal directions and their products, shape (n, features), in reduced coordinates."""
    from dscribe.descriptors import SOAP  # type: ignore[import-untyped]

    maker = SOAP(species=["H"], n_max=6, l_max=5, r_cut=2.6, sigma=0.18, periodic=False)
    local, owner = [], []
    for number, atoms in enumerate(frames):
        places = atoms.positions / (2 * covalent_radii[atoms.numbers].mean())
        local.append(np.atleast_2d(maker.create(Atoms("H" * len(atoms), places))))
        owner.append(np.full(len(atoms), number))
    every, owners = np.vstack(local), np.concatenate(owner)
    every -= every.mean(axis=0)
    directions = np.linalg.eigh(every.T @ every)[1][:, ::-1][:, :DIRECTIONS]
    reduced = every @ directions
    reduced /= max(float(reduced[:, 0].std()), 1e-12)
    first, second = np.triu_indices(reduced.shape[1])
    counts = np.bincount(owners)[:, None]
    starts = np.searchsorted(owners, np.arange(len(frames)))
    products = reduced[:, first] * reduced[:, second] * np.where(first == second, 1, 2**0.5)
    return np.hstack([np.add.reduceat(reduced, starts), np.add.reduceat(products, starts)]) / counts


def ridge_distances(
    data: ClusterEnergies, features: np.ndarray, lines: DropLines, train: np.ndarray, test: np.ndarray
) -> np.ndarray:
    """Distances of test clusters from their lines by kernel ridge regression, in standard deviations, shape (test,)."""
    place, x = lines.place(data.element), drop_terms(data.size)
    rest = np.array(features)
    for number in np.unique(data.element):
        mine = data.element == number
        known = np.intersect1d(np.flatnonzero(mine), train)
        if len(known) > x.shape[1]:
            rest[mine] -= x[mine] @ np.linalg.lstsq(x[known], rest[known], rcond=None)[0]
        else:
            rest[mine] -= rest[mine].mean(axis=0)  # of a left-out element, by its structures alone
    rest /= np.sqrt((rest[train] ** 2).sum(axis=1).mean())
    alike = data.element[:, None] == data.element[None, train]
    kernel = rest @ rest[train].T * np.where(alike, 1.0, ACROSS)
    off = (data.energy_ev - lines.predict(data.element, data.size)) / lines.spread_ev[place]
    wanted = np.clip(off[train], -FURTHEST, FURTHEST)
    solved = cho_solve(cho_factor(kernel[train] + PENALTY * np.eye(len(train))), wanted)
    return np.asarray(kernel[test] @ solved)


def formation_rows(
    data: ClusterEnergies,
    splits: Sequence[str],
    kinds: Sequence[str],
    settings: PretrainSettings,
    *,
    folds: int = 5,
    only: Sequence[int] | None = None,
) -> list[dict[str, Any]]:
    """Predictions of all contenders on all test clusters, rows of `FORMATION_COLUMNS`.

    Args:
        data: Clusters with energies.
        splits: Of `FORMATION_SPLITS`.
        kinds: Kinds of encoders; the first also stands in the mean with kernel ridge. None: no encoder.
        settings: How they are pretrained; the kind there is replaced.
        folds: Of each split but `larger`.
        only: Numbers of the folds that are done; None: all.

    Raises:
        InputError: As `formation_folds`, or an unknown kind.
    """
    if wrong := [kind for kind in kinds if kind not in LAYERS]:
        raise InputError(f"encoder '{wrong[0]}'; choose from {', '.join(LAYERS)}")
    started = time.perf_counter()
    features = shape_features(data.frames)
    seconds_features = time.perf_counter() - started
    packed: Clusters | None = pack_clusters(data.frames, reach=settings.encoder.reach) if kinds else None
    rows = []
    for split in splits:
        for fold in formation_folds(data, split, folds=folds, seed=settings.seed):
            if only is None or fold.fold in only:
                rows += _fold_rows(data, fold, kinds, settings, features, packed, seconds_features)
    return rows


def _fold_rows(
    data: ClusterEnergies, fold: Fold, kinds: Sequence[str], settings: PretrainSettings, features: np.ndarray,
    packed: Clusters | None, seconds_features: float,
) -> list[dict[str, Any]]:  # fmt: skip
    train, test = fold.train, fold.test
    by_element = fold.split == "element"
    lines = universal_lines(data, train) if by_element else fit_lines(data, train, huber_sds=HUBER_SDS)
    plain = lines if by_element else fit_lines(data, train)
    element, size = data.element[test], data.size[test]
    base, spread = lines.predict(element, size), lines.spread_ev[lines.place(element)]
    found: dict[str, tuple[np.ndarray, float]] = {LINE: (plain.predict(element, size), 0.0)}
    reference = lines.terms_ev[lines.place(element), 0]
    started = time.perf_counter()
    ridge = ridge_distances(data, features, lines, train, test)
    found[RIDGE] = (base + spread * ridge, time.perf_counter() - started + seconds_features)
    for kind in kinds:
        shape = EncoderSettings(**(vars(settings.encoder) | {"kind": kind}))
        own = PretrainSettings(**(vars(settings) | {"encoder": shape}))
        model = pretrain(data, train, own, packed=packed, lines=lines if by_element else None)
        assert packed is not None  # made wherever there are kinds
        off = model.distances(packed, data.element, data.size)[test]
        found[kind] = (base + spread * off, model.header["seconds"])
        if kind == kinds[0]:
            found[BOTH] = (base + spread * (off + ridge) / 2, model.header["seconds"] + found[RIDGE][1])
    for subject, (predicted, seconds) in found.items():
        error = float(np.abs(predicted - data.energy_ev[test]).mean())
        log.info("%s, fold %d, %s: %.4f eV/atom (%.0f s)", fold.split, fold.fold, subject, error, seconds)
    return [
        {"split": fold.split, "fold": fold.fold, "subject": subject, "cluster": int(test[i]), "element": data.frames[test[i]].symbols[0],
         "size": int(size[i]), "energy_ev": float(data.energy_ev[test[i]]), "predicted_ev": float(predicted[i]),
         "formation_ev": float(data.energy_ev[test[i]] - reference[i]), "predicted_formation_ev": float(predicted[i] - reference[i]), "seconds": seconds}
        for subject, (predicted, seconds) in found.items() for i in range(len(test))
    ]  # fmt: skip
