"""The matcher of a study: trained on all examples, core editing, and clusters it has not seen."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms

from auric.errors import InputError
from auric.files import write_table
from auric.matching.baselines import COUNTED, baseline_features, baseline_probabilities
from auric.matching.colim import Ensemble, pair_data, train_ensemble
from auric.matching.comparison import PRETRAINED
from auric.matching.editing import edited_core
from auric.matching.encoders import colim_settings, embedder_of, load_ligands
from auric.matching.evaluation import THRESHOLD
from auric.matching.fingerprints import SAME_GEOMETRY, core_fingerprint, geometry_difference
from auric.matching.fixed_ligands import LigandModel
from auric.matching.folds import alike, groups_of
from auric.matching.library import Pair
from auric.matching.ligand_smiles import elements_of, ligand_set
from auric.matching.matcherfile import load_ensemble, save_ensemble
from auric.matching.negatives import Example
from auric.matching.pairs import library_and_examples, reported_pairs
from auric.matching.pretraining import CoreModel
from auric.matching.ranking import ligand_warnings, warnings_of
from auric.matching.tables import read_rows

CASE_COLUMNS = ("case", "core", "edit", "ligands", "known", "left_out", "seed", "probability", "warning")
EXTERNAL_COLUMNS = (
    "name", "formula", "ligands", "subject", "probability", "spread", "called", "library_sets", "library_called", "warning", "source",
)  # fmt: skip
RIVALS = (COUNTED, "ligands only", "acsf")
"""Baselines that are asked about external clusters too."""
CASES = ("case", "core", "edit", "ligands", "known")


def train_matcher(
    cores: str | Path,
    pairs: str | Path,
    examples: str | Path,
    core_encoder: str | Path,
    ligand_encoder: str | Path,
    model: str | Path,
    *,
    settings: Mapping[str, Any],
    seed: int,
) -> None:
    """Train the ensemble on all examples, and write it.

    Args:
        cores: Files of `make_pairs`.
        pairs: Likewise.
        examples: Likewise.
        core_encoder: Pretrained on energies.
        ligand_encoder: Pretrained.
        model: To write.
        settings: Of the room.
        seed: Of the first member.
    """
    _, found = library_and_examples(cores, pairs, examples)
    core, ligand = CoreModel.load(core_encoder), load_ligands(ligand_encoder, settings)
    save_ensemble(model, _trained(found, core, ligand, settings, seed))


def tell_cases(
    cores: str | Path,
    pairs: str | Path,
    examples: str | Path,
    core_encoder: str | Path,
    ligand_encoder: str | Path,
    cases: str | Path,
    output: str | Path,
    *,
    settings: Mapping[str, Any],
    seed: int,
) -> None:
    """Probabilities of edited cores with sets of ligands by every member: the heat map of core editing.

    An edited core may be one that was reported, as Cu19Cl made from Cu20Cl is. So that nothing told here was learned, the members
    that tell of a core are trained without every example of its geometry, and of cores that an edit links with it; `left_out` counts these. `warning` names elements that
    the encoders never met, or only among the examples.

    Args:
        cores: Files of `make_pairs`.
        pairs: Likewise.
        examples: Likewise.
        core_encoder: Pretrained on energies.
        ligand_encoder: Pretrained.
        cases: Tab-separated table with the columns `CASES`; `core` names a pair of the library; '' for none.
        output: To write, rows of `CASE_COLUMNS`.
        settings: Of the room.
        seed: Of the first member.

    Raises:
        InputError: Other columns, a core that the library lacks, or two cases of one name.
    """
    library, found = library_and_examples(cores, pairs, examples)
    known = {pair.name: pair for pair in library.pairs}
    asked: dict[tuple[str, str], list[dict[str, str]]] = {}
    names: set[str] = set()
    for number, row in read_rows(cases, CASES) if cases else ():
        if row["case"] in names:
            raise InputError(
                f"{cases}, line {number}: the case '{row['case']}' is given more than once; names must differ"
            )
        names.add(row["case"])
        if row["core"] not in known:
            raise InputError(
                f"{cases}: case '{row['case']}' is of '{row['core']}', which is not in the library; name one of its pairs"
            )
        asked.setdefault((row["core"], row["edit"]), []).append(row)
    encoders = CoreModel.load(core_encoder), load_ligands(ligand_encoder, settings)
    rows: list[dict[str, Any]] = []
    for (name, edit), mine in asked.items():
        core = edited_core(known[name].core, edit)
        kept = [each for each, near in zip(found, like_core(found, core), strict=True) if not near]
        ensemble = _trained(kept, *encoders, settings, seed)
        told = _probabilities(ensemble, [core] * len(mine), [row["ligands"] for row in mine])
        rows += [
            row | {"ligands": ligand_set(row["ligands"]), "left_out": len(found) - len(kept), "seed": member, "probability": float(p),
                   "warning": warning_of(ensemble, core, ligand_set(row["ligands"]))}
            for row, column in zip(mine, told.T, strict=True) for member, p in enumerate(column)
        ]  # fmt: skip
    write_table(output, rows, CASE_COLUMNS)


def like_core(examples: Sequence[Example], core: Atoms) -> np.ndarray:
    """Which examples are kept together with a core where cores are left out, truth values, shape (n,)."""
    fingerprint, groups = core_fingerprint(core), groups_of(examples, "core")
    near = {
        group for each, group in zip(examples, groups, strict=True) if alike(each.pair.fingerprint, fingerprint)
    }  # fmt: skip
    return np.array([group in near for group in groups], dtype=bool)


def _trained(
    examples: Sequence[Example], core: CoreModel, ligand: LigandModel, settings: Mapping[str, Any], seed: int
) -> Ensemble:
    """The ensemble that learned these examples."""
    data = pair_data(
        [each.pair.core for each in examples],
        [each.ligands for each in examples],
        reach=core.encoder.settings.reach,
        model=ligand,
    )
    return train_ensemble(
        data, np.array([each.label for each in examples]), np.arange(len(examples)), colim_settings(settings),
        core=core.encoder, ligand=ligand, seeds=[seed + number for number in range(settings["seeds"])],
    )  # fmt: skip


def tell_external(
    external: Sequence[str | Path],
    cores: str | Path,
    table: str | Path,
    examples: str | Path,
    model: str | Path,
    output: str | Path,
    *,
    settings: Mapping[str, Any],
) -> None:
    """What the matcher and `RIVALS` say of clusters that they did not learn from, all of them positives: rows of `EXTERNAL_COLUMNS`.

    Whoever calls every set positive is right each time, so all `library_sets` different sets of the library are asked about on
    each core too: `library_called` is the share that is called positive. Rivals are fitted to all examples, with as many seeds as
    the matcher has members, over which `probability` is the mean and `spread` the standard deviation.

    Args:
        external: Tables like that of reported clusters.
        cores: Cores of `make_pairs`.
        table: Its pairs.
        examples: Its examples.
        model: The ensemble.
        output: To write.
        settings: Of the room.

    Raises:
        InputError: A cluster that was learned from (the same compound, or a core of one geometry with the same ligands), or two of one
            name.
    """
    ensemble = load_ensemble(model, embedder_of(settings))
    library, found = library_and_examples(cores, table, examples)
    sets = sorted({pair.ligands for pair in library.pairs})
    rows: list[dict[str, Any]] = []
    for given in external:
        pairs, _ = reported_pairs(given)
        for pair in pairs:
            if pair.name in {row["name"] for row in rows}:
                raise InputError(
                    f"{given}: the name '{pair.name}' is in another table of matching.external too; names must differ"
                )
            if known := [other.name for other in library.pairs if _same(pair, other)]:
                raise InputError(
                    f"{given}: '{pair.name}' is learned from as '{known[0]}'; name a cluster in one of both tables only"
                )
            asked = [pair.core] * (1 + len(sets)), [pair.ligands, *sets]
            answers = {PRETRAINED: _probabilities(ensemble, *asked)}
            answers |= {name: _by_rival(name, found, *asked, seeds=settings["seeds"]) for name in RIVALS}
            for subject, told in answers.items():
                mean = told.mean(axis=0)
                warning = (
                    warning_of(ensemble, pair.core, pair.ligands) if subject == PRETRAINED else _unmet(found, pair)
                )
                rows.append(
                    {"name": pair.name, "formula": pair.fingerprint.formula, "ligands": pair.ligands, "subject": subject, "probability": float(mean[0]),
                     "spread": float(told[:, 0].std()), "called": int(mean[0] > THRESHOLD), "library_sets": len(sets),
                     "library_called": float((mean[1:] > THRESHOLD).mean()), "warning": warning, "source": pair.source}
                )  # fmt: skip
    write_table(output, rows, EXTERNAL_COLUMNS)


def warning_of(ensemble: Ensemble, core: Atoms, ligands: str) -> str:
    """What of a core and of a set of ligands the matchers never met, or only among the examples; '' for nothing."""
    return "; ".join([*warnings_of(ensemble, core), *ligand_warnings(ensemble, ligands)])


def _unmet(examples: Sequence[Example], pair: Pair) -> str:
    """Elements of a pair that no example holds, for what learns from examples alone."""
    cores = set(pair.core.symbols).difference(*(each.pair.core.symbols for each in examples))
    ligands = _elements(pair.ligands).difference(*(_elements(each.ligands) for each in examples))
    return "; ".join(
        f"no example holds: {', '.join(sorted(symbols))} {where}"
        for symbols, where in ((cores, "in a core"), (ligands, "in a ligand"))
        if symbols
    )


def _elements(ligands: str) -> set[str]:
    return set().union(*(elements_of(one) for one in ligands.split(".")))


def _by_rival(
    name: str, examples: Sequence[Example], cores: Sequence[Atoms], sets: Sequence[str], *, seeds: int
) -> np.ndarray:
    """Probabilities of cores with sets of ligands by a baseline that learned all examples, shape (seeds, n)."""
    count, labels = len(examples), np.array([each.label for each in examples])
    features = baseline_features(
        name, [*(each.pair.core for each in examples), *cores], [*(each.ligands for each in examples), *sets]
    )
    train, test = np.arange(count), np.arange(count, len(features))
    return np.array(
        [baseline_probabilities(name, features, labels, train, test, seed=number) for number in range(seeds)]
    )


def _same(first: Pair, second: Pair) -> bool:
    if first.identity and first.identity == second.identity:
        return True
    return (
        first.ligands == second.ligands and geometry_difference(first.fingerprint, second.fingerprint) <= SAME_GEOMETRY
    )


def _probabilities(ensemble: Ensemble, cores: Sequence[Any], sets: Sequence[str]) -> np.ndarray:
    first = ensemble.members[0]
    return ensemble.probabilities(pair_data(cores, sets, reach=first.core.settings.reach, model=first.ligand))
