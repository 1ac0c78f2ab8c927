"""Pairs that are not, or less likely, to be made: drawn from the library, and failures that were reported.

A core of type I has been reported with one ligand set only; of type II, with several. Ligands of the library are candidates
for a core's negatives unless they are too like what does protect it: for type I, those that share the functional group of
a reported ligand and also lie within `carbons_one` carbon atoms of it; for type II, those that share it or lie within
`carbons_two` of it. From the rest as many kinds are drawn as the positive pair has, since their number would otherwise tell
positives from negatives; no set is drawn that the library reports for the core's geometry.

Where every kind of candidate is as likely, ligands that are reported once are drawn as often as those that are reported in most
pairs, so that a rare functional group alone tells a negative. Candidates are therefore drawn as often as they are reported; what the
filter takes away still tells (`docs/matching.md`).

After the paper on core-ligand matching (CoLiM); its thresholds are not given in its text, so they are settings here.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from auric.errors import InputError
from auric.matching.library import MOST_LIGANDS, Library, Pair, dropped_row
from auric.matching.ligand_smiles import carbon_count, functional_group, ligand_set
from auric.matching.tables import read_rows
from auric.provenance import digest

EXAMPLE_COLUMNS = ("name", "core", "geometry", "ligands", "label", "kind", "core_type")
FAILURE_COLUMNS = ("core", "ligands", "source")


@dataclass(frozen=True)
class NegativeSettings:
    """How negatives are drawn.

    Attributes:
        carbons_one: Type I: a ligand of the same functional group within so many carbon atoms is no candidate.
        carbons_two: Type II: a ligand of the same functional group, or within so many carbon atoms, is none.
        kinds: `matched`: as many kinds of ligands as the positive pair; `any`: one to four, which leaks the answer and is there
            to show how much.
        draw: `reported`: a candidate is as likely as the number of the library's pairs that hold it, so that negatives have the ligands of
            positives as far as filters allow; `uniform`: all kinds of candidates alike.
        per_positive: Negatives for each positive pair.
        tries: Draws of a set before it is given up.
    """

    carbons_one: int = 6
    carbons_two: int = 2
    kinds: Literal["matched", "any"] = "matched"
    draw: Literal["reported", "uniform"] = "reported"
    per_positive: int = 1
    tries: int = 200

    def __post_init__(self) -> None:
        if min(self.carbons_one, self.carbons_two) < 0 or min(self.per_positive, self.tries) < 1:
            raise InputError("negatives: carbon differences of 0 or more, and one negative and one try at least")
        if self.kinds not in ("matched", "any"):
            raise InputError(f"negatives: kinds '{self.kinds}'; choose from matched, any")
        if self.draw not in ("reported", "uniform"):
            raise InputError(f"negatives: draw '{self.draw}'; choose from reported, uniform")


@dataclass(frozen=True)
class Example:
    """A pair with its label.

    Attributes:
        pair: The core; its ligands are those it was reported with.
        ligands: The set beside it here.
        label: 1 reported, 0 negative.
        kind: `reported`, `drawn` or `failure` (reported to fail).
        core_type: 1 or 2.
    """

    pair: Pair
    ligands: str
    label: int
    kind: str
    core_type: int


def core_types(library: Library) -> np.ndarray:
    """1 or 2 for each pair, shape (n,): whether its composition and geometry are reported with one ligand set or several."""
    sets: dict[tuple[int, str], set[str]] = {}
    for pair in library.pairs:
        sets.setdefault((pair.geometry, pair.fingerprint.formula), set()).add(pair.ligands)
    return np.array([1 if len(sets[pair.geometry, pair.fingerprint.formula]) == 1 else 2 for pair in library.pairs])


def candidates(library: Library, pair: Pair, core_type: int, settings: NegativeSettings) -> list[str]:
    """Ligands of the library from which negatives of a pair's core may be drawn, sorted."""
    reported = {
        one for other in library.pairs if other.geometry == pair.geometry for one in other.ligands.split(".")
    } if core_type == 2 else set(pair.ligands.split("."))  # fmt: skip
    groups = {functional_group(one) for one in reported}
    allowed = []
    for one in library.ligands:
        if one in reported:
            continue
        group, carbons = functional_group(one), carbon_count(one)
        if core_type == 1:
            like = any(
                functional_group(other) == group and abs(carbon_count(other) - carbons) <= settings.carbons_one
                for other in reported
            )
        else:
            near = any(abs(carbon_count(other) - carbons) <= settings.carbons_two for other in reported)
            like = group in groups or near
        if not like:
            allowed.append(one)
    return allowed


def examples_of(
    library: Library,
    settings: NegativeSettings | None = None,
    *,
    failures: Sequence[tuple[str, str]] = (),
    seed: int = 0,
) -> tuple[list[Example], list[dict[str, str]]]:
    """All pairs of the library as positives, their negatives, and reported failures.

    The negatives of a pair depend on the seed, the pair and the ligands of the library, not on the order of pairs.

    Args:
        library: Reported pairs.
        settings: How negatives are drawn.
        failures: Names of pairs whose core was tried with a set of ligands in vain, and that set; all of them are kept.
        seed: Of the draws.

    Returns:
        The examples, and rows of what could not be drawn, with the reason.

    Raises:
        InputError: No pairs, or a failure of a core that is not in the library or that is reported to work.
    """
    settings = settings or NegativeSettings()
    if not library.pairs:
        raise InputError("the library holds no pairs; give structures of protected clusters")
    types = core_types(library)
    worked = {(pair.geometry, pair.ligands) for pair in library.pairs}
    reported = Counter(one for pair in library.pairs for one in pair.ligands.split("."))
    examples, short = [], []
    for pair, core_type in zip(library.pairs, types, strict=True):
        examples.append(Example(pair, pair.ligands, 1, "reported", int(core_type)))
        allowed = candidates(library, pair, int(core_type), settings)
        weights = np.array([reported[one] if settings.draw == "reported" else 1.0 for one in allowed])
        rng = np.random.default_rng(int(digest(str(seed), pair.name, pair.ligands), 16) % 2**32)
        drawn: set[str] = set()
        for _ in range(settings.tries):
            if len(drawn) == settings.per_positive:
                break
            kinds = (
                pair.ligands.count(".") + 1 if settings.kinds == "matched" else int(rng.integers(1, MOST_LIGANDS + 1))
            )
            if kinds > len(allowed):
                continue
            text = ".".join(sorted(rng.choice(allowed, size=kinds, replace=False, p=weights / weights.sum()).tolist()))
            if (pair.geometry, text) not in worked:
                drawn.add(text)
        examples += [Example(pair, text, 0, "drawn", int(core_type)) for text in sorted(drawn)]
        if len(drawn) < settings.per_positive:
            reason = f"{len(allowed)} ligands of the library are unlike its own: {len(drawn)} of {settings.per_positive} negatives"
            short.append(dropped_row(pair.name, "negatives", pair.ligands, reason))
    return examples + _failed(library, types, failures, worked), short


def _failed(
    library: Library, types: np.ndarray, failures: Sequence[tuple[str, str]], worked: set[tuple[int, str]]
) -> list[Example]:
    places = {pair.name: place for place, pair in enumerate(library.pairs)}
    found = []
    for name, ligands in failures:
        if name not in places:
            raise InputError(f"failure of '{name}': no such core in the library; name one of its pairs")
        pair, text = library.pairs[places[name]], ligand_set(ligands)
        if (pair.geometry, text) in worked:
            raise InputError(f"failure of '{name}' with {text}: the library reports this pair as made; correct either")
        found.append(Example(pair, text, 0, "failure", int(types[places[name]])))
    return found


def read_failures(path: str | Path) -> list[tuple[str, str]]:
    """Reported failures of a tab-separated table with the columns `FAILURE_COLUMNS`; each needs a source.

    Raises:
        InputError: Other columns, or a row without a source.
    """
    found = []
    for number, row in read_rows(path, FAILURE_COLUMNS):
        if not row["source"]:
            raise InputError(f"{path}, line {number}: a failure without a source; say where it was reported")
        found.append((row["core"], row["ligands"]))
    return found


def example_rows(examples: Sequence[Example]) -> list[dict[str, Any]]:
    """Rows of `EXAMPLE_COLUMNS`."""
    return [
        {"name": each.pair.name, "core": each.pair.fingerprint.formula, "geometry": each.pair.geometry, "ligands": each.ligands,
         "label": each.label, "kind": each.kind, "core_type": each.core_type}
        for each in examples
    ]  # fmt: skip
