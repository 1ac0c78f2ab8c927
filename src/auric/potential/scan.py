"""Which SOAP describes the atoms of a class best: the scan of arXiv:2203.09788, sections III.A.

Norms of forces by EMLM are fast, so that they sort out the many sets of parameters; directions by OAMLM decide among the best
few, and how they are found. Always one half of the training data is learned from and the other predicted, and the other way
round: two isomers, or runs of other structures. No test data are looked at.
"""

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from itertools import product
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms

from auric.descriptors import FeatureScaler, Soap, SoapSettings
from auric.errors import InputError, suggestion
from auric.files import read_tables, write_table
from auric.potential.alignment import Aligner
from auric.potential.cosines import LOSSES, direction_from_cosines, weighted_angle
from auric.potential.directed import THESIS_SOAP, ClassSettings, environments_of
from auric.potential.distances import DistancesTo
from auric.potential.emlm import Emlm
from auric.potential.environments import Environments, has_metal, join_environments
from auric.potential.labels import forces_of, read_runs
from auric.potential.oamlm import Oamlm, cosines_of_projections
from auric.potential.references import select_references
from auric.potential.scores import FORCE_COLUMNS
from auric.structures.motifs import METALS

HALVES = "other half of the training"
CHOSEN_SUBJECT, THESIS_SUBJECT = "soap scan, chosen", "soap scan, thesis"
FEWEST = 20
"""A class with fewer atoms in one half is left out; it keeps the settings of all classes."""
SET_COLUMNS = ("class", "n_max", "l_max", "cutoff_angstrom", "sigma_angstrom")
SCORE_COLUMNS = ("force_norm_rmse", "force_norm_rmse_over_sd", "n")
NORM_COLUMNS = (*SET_COLUMNS, "learned_from", "tested_on", *SCORE_COLUMNS)
WAY_COLUMNS = ("target", "loss", "sigma_2_angstrom")
TARGETS = ("cosines", "projections")
ANGLE_COLUMNS = (*SET_COLUMNS, *WAY_COLUMNS, "learned_from", "tested_on", *SCORE_COLUMNS, "weighted_angle")
CHOICE_COLUMNS = (*SET_COLUMNS, *WAY_COLUMNS, "force_norm_rmse", "weighted_angle")
_ROWS = 64


@dataclass(frozen=True)
class ScanSettings:
    """The thesis's, by default: 240 sets for S, C and H, 60 for the classes of gold.

    Attributes:
        n_max: Numbers of radial functions.
        l_max: Highest angular momenta.
        cutoff_angstrom: Cutoffs.
        sigma_angstrom: Widths of the Gaussians.
        metal_sigma_angstrom: The same for classes of metal atoms.
        references: Training points of each model, chosen by RS-maximin; all are references.
        frames: Of each half at most, evenly spread.
        points: Atoms of a class in a half at most; frames are left out, evenly, until so many are left.
        best: Sets of each class whose directions are looked at; the thesis's final one is always among them.
        targets: What OAMLM learns, `cosines` (the thesis's) or `projections` (see `Oamlm.fit`).
        losses: Ways to find a direction (see `auric.potential.cosines`).
        sigma_2_angstrom: Widths of the weights of alignments.

    Raises:
        InputError: If nothing is to be scanned, or a loss is unknown.
    """

    n_max: Sequence[int] = (2, 3, 4, 5, 6, 7)
    l_max: Sequence[int] = (0, 1, 2, 3, 4)
    cutoff_angstrom: Sequence[float] = (4.0, 5.0)
    sigma_angstrom: Sequence[float] = (1.0, 0.75, 0.5, 0.25)
    metal_sigma_angstrom: Sequence[float] = (0.25,)
    references: int = 2500
    frames: int = 1000
    points: int = 20000
    best: int = 6
    targets: Sequence[str] = ("cosines",)
    losses: Sequence[str] = ("average", "minimiser")
    sigma_2_angstrom: Sequence[float] = (0.25, 0.5, 0.75)

    def __post_init__(self) -> None:
        for word in ("n_max", "l_max", "cutoff_angstrom", "targets", "losses", "sigma_2_angstrom"):
            if not len(getattr(self, word)):
                raise InputError(f"scan: {word} is empty; give at least one value")
        for word, given, known in (("loss", self.losses, LOSSES), ("target", self.targets, TARGETS)):
            if unknown := [each for each in given if each not in known]:
                raise InputError(f"scan: {word} '{unknown[0]}' is unknown; {suggestion(unknown[0], known)}")

    def bases(self) -> list[tuple[int, float, float]]:
        """All n_max, cutoff and sigma; one computation of SOAP with the largest l_max holds all smaller ones."""
        sigmas = sorted({*self.sigma_angstrom, *self.metal_sigma_angstrom})
        return list(product(sorted(set(self.n_max)), sorted(set(self.cutoff_angstrom)), sigmas))

    def wanted(self, name: str, sigma_angstrom: float) -> bool:
        """Whether a class is described with this sigma."""
        metal = name.split()[-1] in METALS
        return sigma_angstrom in (self.metal_sigma_angstrom if metal else self.sigma_angstrom)


@dataclass(frozen=True)
class _Atoms:
    """Atoms of one class in one half."""

    half: str
    frames: Sequence[Atoms]
    frame: np.ndarray
    around: Environments
    forces: np.ndarray

    @property
    def norms(self) -> np.ndarray:
        return np.asarray(np.linalg.norm(self.forces, axis=1))

    def described(self, soap: Soap) -> np.ndarray:
        rows = [soap.local(self.frames[k], self.around.atoms[self.frame == k]) for k in np.unique(self.frame)]
        return np.concatenate(rows).astype(np.float32)


def halves(frames: Sequence[Atoms]) -> dict[str, list[Atoms]]:
    """Frames in two groups with nothing in common: by structure, if there is one only by run, if one only by time.

    Args:
        frames: Each with `structure` and `run` in its `info`, in order of time within a run.

    Raises:
        InputError: If there is a single frame.
    """
    if len(frames) < 2:
        raise InputError(f"{len(frames)} frames cannot be halved; give two at least")
    for key in ("structure", "run"):
        names = sorted({str(atoms.info[key]) for atoms in frames})
        if len(names) > 1:
            first, second = names[: ceil(len(names) / 2)], names[ceil(len(names) / 2) :]
            return {"+".join(part): [a for a in frames if str(a.info[key]) in part] for part in (first, second)}
    middle, name = len(frames) // 2, frames[0].info["run"]
    return {f"{name}, early": list(frames[:middle]), f"{name}, late": list(frames[middle:])}


def angular_momenta(elements: int, n_max: int, l_max: int) -> np.ndarray:
    """The angular momentum l of every feature of SOAP, shape (features,): those up to l are SOAP with l_max = l.

    The radial functions of an l do not depend on l_max, and the features lie pair of elements by pair, l by l.
    """
    pairs = [(i, j) for i in range(elements) for j in range(i, elements)]
    sizes = [n_max * (n_max + 1) // 2 if i == j else n_max**2 for i, j in pairs]
    return np.concatenate([np.repeat(np.arange(l_max + 1), size) for size in sizes])


def scan_norms(
    training: Sequence[str | Path], table: str | Path, *, settings: Mapping[str, Any], block: int, blocks: int,
    sample: Mapping[str, Any] | None = None,
) -> None:  # fmt: skip
    """Errors of norms of forces with each set of parameters of one block.

    Args:
        training: Runs to learn from (extended xyz).
        table: CSV to write, columns `NORM_COLUMNS`.
        settings: Of `ScanSettings`.
        block: Number of this block, from 0.
        blocks: How many there are.
        sample: See `auric.potential.labels.read_runs`.
    """
    scan, rows = ScanSettings(**settings), []
    frames = read_runs(training, "training", sample)
    species, pairs = _species(frames), _pairs(frames, scan)
    # Sets of one n_max cost about the same and follow each other, so that dealing them out in turn gives equal blocks.
    for n_max, cutoff, sigma in scan.bases()[block::blocks]:
        highest = SoapSettings(n_max, max(scan.l_max), cutoff, sigma)
        degrees = angular_momenta(len(species), n_max, highest.l_max)
        for name, members in pairs.items():
            if not scan.wanted(name, sigma):
                continue
            described = [half.described(Soap(species, highest)) for half in members]
            for l_max in sorted(set(scan.l_max)):
                kept = [half[:, degrees <= l_max] for half in described]
                common = dict(zip(SET_COLUMNS, (name, n_max, l_max, cutoff, sigma), strict=True))
                for learned, tested in ((0, 1), (1, 0)):
                    score = _norm_score(kept[learned], members[learned], kept[tested], members[tested], scan)
                    rows.append(common | _ways(members[learned], members[tested]) | score)
    write_table(table, rows, NORM_COLUMNS)


def choose_soap(
    training: Sequence[str | Path], norms: Sequence[str | Path], angles: str | Path, choice: str | Path,
    scores: str | Path, *, settings: Mapping[str, Any], sample: Mapping[str, Any] | None = None,
) -> None:  # fmt: skip
    """Errors of directions with the best few sets of parameters of each class, and which is chosen.

    Args:
        training: Runs to learn from (extended xyz), those of the scan.
        norms: Tables of all blocks (CSV).
        angles: CSV to write, columns `ANGLE_COLUMNS`.
        choice: CSV to write, columns `CHOICE_COLUMNS`, one row for each class: the least mean angle of both ways; of
            equal ones the first in the order of the columns.
        scores: CSV to write, of what was chosen and of the thesis's settings, with the columns of tables of forces.
        settings: Of `ScanSettings`.
        sample: See `auric.potential.labels.read_runs`.
    """
    scan = ScanSettings(**settings)
    frames = read_runs(training, "training", sample)
    best = best_sets(norms, scan.best)
    rows: list[dict[str, Any]] = []
    for name, members in _pairs(frames, scan).items():
        for soap in best.get(name, []):
            described = [half.described(Soap(_species(frames), soap)) for half in members]
            for one, other in ((0, 1), (1, 0)):
                halves_of = (described[one], members[one], described[other], members[other])
                common = dict(zip(SET_COLUMNS, (name, *astuple(soap)), strict=True))
                common |= _ways(members[one], members[other]) | _norm_score(*halves_of, scan)
                for way, angle in _angles(*halves_of, scan).items():
                    rows.append(common | dict(zip(WAY_COLUMNS, way, strict=True)) | {"weighted_angle": angle})
    write_table(angles, rows, ANGLE_COLUMNS)
    chosen = _chosen(angles)
    write_table(choice, chosen, CHOICE_COLUMNS)
    write_table(scores, _scores(rows, chosen, str(frames[0].info["structure"])), FORCE_COLUMNS)


def best_sets(norms: Sequence[str | Path], count: int) -> dict[str, list[SoapSettings]]:
    """The sets of each class with the least mean error of norms of both ways, best first, and the thesis's last if not among them."""
    table = read_tables(norms)
    mean = table.groupby(list(SET_COLUMNS), as_index=False)["force_norm_rmse"].mean()
    ordered = mean.sort_values(["class", "force_norm_rmse", *SET_COLUMNS[1:]], kind="stable")
    result: dict[str, list[SoapSettings]] = {}
    for name, mine in ordered.groupby("class"):
        found = [_soap(row) for row in mine.head(count).to_dict("records")]
        result[str(name)] = found + [THESIS_SOAP] * (THESIS_SOAP not in found)
    return result


def read_choice(path: str | Path) -> dict[str, ClassSettings]:
    """Settings by class, as `choose_soap` chose them.

    Raises:
        InputError: If the table lacks a column.
    """
    table = read_tables([path])
    if missing := [name for name in CHOICE_COLUMNS if name not in table]:
        raise InputError(f"{path}: no column '{missing[0]}'; give the choice of a scan")
    return {str(row["class"]): _settings(row) for row in table.to_dict("records")}


def _species(frames: Sequence[Atoms]) -> list[str]:
    return sorted({symbol for atoms in frames for symbol in atoms.symbols})


def _soap(row: Mapping[Any, Any]) -> SoapSettings:
    n_max, l_max, cutoff, sigma = (row[name] for name in SET_COLUMNS[1:])
    return SoapSettings(int(n_max), int(l_max), float(cutoff), float(sigma))


def _settings(row: Mapping[Any, Any]) -> ClassSettings:
    width, projections = float(row["sigma_2_angstrom"]), row["target"] == "projections"
    return ClassSettings(_soap(row), str(row["loss"]), width, projections)


def _ways(learned: _Atoms, tested: _Atoms) -> dict[str, str]:
    return {"learned_from": learned.half, "tested_on": tested.half}


def _pairs(frames: Sequence[Atoms], scan: ScanSettings) -> dict[str, tuple[_Atoms, _Atoms]]:
    """Atoms of both halves, by class; classes that are rare in one are left out."""
    first, second = (_by_class(half, members, scan) for half, members in halves(frames).items())
    return {
        name: (first[name], second[name])
        for name in sorted(set(first) & set(second))
        if min(len(first[name].around), len(second[name].around)) >= FEWEST
    }


def _by_class(half: str, given: Sequence[Atoms], scan: ScanSettings) -> dict[str, _Atoms]:
    frames = given[:: ceil(len(given) / scan.frames)]
    plain = not has_metal(frames)
    parts: dict[str, list[tuple[int, Environments]]] = {}
    for number, atoms in enumerate(frames):
        for name, around in environments_of(atoms, plain=plain).items():
            parts.setdefault(name, []).append((number, around))
    for name, members in parts.items():
        parts[name] = members[:: ceil(sum(len(around) for _, around in members) / scan.points)]
    return {
        name: _Atoms(
            half,
            frames,
            np.concatenate([np.full(len(around), number) for number, around in members]),
            join_environments([around for _, around in members]),
            np.concatenate([forces_of(frames[number])[around.atoms] for number, around in members]),
        )
        for name, members in parts.items()
    }


def _norm_score(
    mine: np.ndarray, learned: _Atoms, theirs: np.ndarray, tested: _Atoms, scan: ScanSettings
) -> dict[str, Any]:
    chosen = select_references(FeatureScaler().fit_transform(mine).astype(np.float32), min(scan.references, len(mine)))
    model = Emlm().fit(mine[chosen], learned.norms[chosen])
    error, spread = model.predict(theirs) - tested.norms, tested.norms.std()
    rmse = float(np.sqrt((error**2).mean()))
    return dict(zip(SCORE_COLUMNS, (rmse, rmse / spread, len(error)), strict=True))


def _angles(
    mine: np.ndarray, learned: _Atoms, theirs: np.ndarray, tested: _Atoms, scan: ScanSettings
) -> dict[tuple[str, str, float], float]:
    """Weighted angles (degrees) by target, loss and width; references and alignments are the same for all."""
    scaler = FeatureScaler().fit(mine)
    scaled = scaler.transform(mine).astype(np.float32)
    chosen = select_references(scaled, min(scan.references, len(mine)))
    chosen = chosen[learned.norms[chosen] > 0]
    references, around = scaled[chosen].astype(float), learned.around[chosen]
    directions = learned.forces[chosen] / learned.norms[chosen, None]
    lengths = {"cosines": None, "projections": learned.norms[chosen]}
    weights = {
        target: Oamlm().fit(references, around, directions, lengths[target]).cosine_weights_ for target in scan.targets
    }
    aligner, distances = Aligner(around, directions, reflections=True), DistancesTo(references)
    found: dict[tuple[str, str, float], list[np.ndarray]] = {}
    for start in range(0, len(theirs), _ROWS):
        rows = slice(start, start + _ROWS)
        turned, errors = aligner.align(tested.around[rows])
        apart, least = distances(scaler.transform(theirs[rows])), errors.min(axis=1, keepdims=True)
        for target, loss, width in product(scan.targets, scan.losses, scan.sigma_2_angstrom):
            near = np.exp((least**2 - errors**2) / width**2)
            cosines = apart @ weights[target]
            if target == "projections":
                cosines = cosines_of_projections(turned, cosines, near)
            nearest = tested.around.vectors[rows, 0]
            directed = direction_from_cosines(turned, cosines, near, loss=loss, start=nearest)
            found.setdefault((target, loss, width), []).append(directed)
    return {way: weighted_angle(np.concatenate(parts), tested.forces) for way, parts in found.items()}


def _chosen(angles: str | Path) -> list[dict[str, Any]]:
    """Of the written table, so that the digits that decide are those that can be read."""
    keys = [*SET_COLUMNS, *WAY_COLUMNS]
    mean = read_tables([angles]).groupby(keys, as_index=False)[["force_norm_rmse", "weighted_angle"]].mean()
    ordered = mean.sort_values(["class", "weighted_angle", *keys[1:]], kind="stable")
    return [dict(row) for row in ordered.drop_duplicates("class").to_dict("records")]


def _scores(
    rows: Sequence[Mapping[str, Any]], chosen: Sequence[Mapping[str, Any]], structure: str
) -> list[dict[str, Any]]:
    """Both ways of what was chosen and of what the thesis took, for the scorecard."""
    settings = {str(row["class"]): _settings(row) for row in chosen}
    result = []
    for row in rows:
        name, mine = str(row["class"]), _settings(row)
        thesis = ClassSettings(THESIS_SOAP, "average", 0.25 if name.startswith("unit") else 0.5)
        for subject, wanted in ((CHOSEN_SUBJECT, settings[name]), (THESIS_SUBJECT, thesis)):
            if mine == wanted:
                run = f"{row['learned_from']} to {row['tested_on']}"
                kept = {key: row[key] for key in ("class", *SCORE_COLUMNS, "weighted_angle")}
                result.append({"split": HALVES, "subject": subject, "structure": structure, "run": run} | kept)
    return result
