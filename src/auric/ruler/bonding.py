"""Whether a ruler follows bonding: its change of reading at fixed nuclei beside the change of bond indices.

Readings are those of rulers that have not learned from the structure: a fold of the split by structure leaves it out. A change is
perturbed minus parent of the same bond, over the same planes. Changes of a whole molecule (a charge shifts all its bonds alike)
and differences between its bonds are judged apart: `across molecules` compares means over the bonds of each state, `within
molecules` what is left of each bond when that mean is taken off, `all bonds` takes both together. A change is put in units of
the null width, too: the root mean square of the error, out of fold, of undisturbed bonds of like length and class. Beside each
correlation stands what it is worth (`auric.ruler.controls`): that of readers with random weights on the same pixels, that of the
field alone, and what is left with the field along the bond held fixed.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from auric.errors import AuricError
from auric.files import read_dataset, read_tables, write_table
from auric.progress import log
from auric.ruler.baselines import RidgeOnImage, RidgeOnLine, SteadyRidgeOnImage
from auric.ruler.controls import Correlation, correlation, partial, random_correlations
from auric.ruler.dataset import ImageSet, read_images
from auric.ruler.masked import readers_behind
from auric.ruler.masks import Mask
from auric.ruler.solved import SolvedElfNet
from auric.ruler.splits import make_fold
from auric.scorecard import write_scorecard

SHIFTS_COLUMNS = (
    "mask", "share", "shape", "scale", "subject", "structure", "state", "kind", "bond", "bond_class",
    "bond_length_angstrom", "planes", "parent_reading_angstrom", "shift_angstrom", "planes_sd_angstrom", "null_width_angstrom",
    "shift_over_null_width", "mayer_change", "delocalisation_change", "field_along_au", "field_across_au",
)  # fmt: skip
CORRELATIONS_COLUMNS = (
    "mask", "share", "shape", "scale", "subject", "role", "index", "kind", "judged", "correlation", "ci_low", "ci_high",
    "rank_correlation", "slope_angstrom", "less_unmasked", "less_unmasked_ci_low", "less_unmasked_ci_high", "less_full_ruler",
    "less_full_ruler_ci_low", "less_full_ruler_ci_high", "partial_correlation", "partial_ci_low", "partial_ci_high", "field_correlation",
    "random_median", "random_stronger", "weakest", "followed", "bonds", "distinct_bonds", "structures", "changes",
)  # fmt: skip
"""`role` is one of `ROLES` or empty; `less_unmasked` the correlation less that of the same subject without a mask, `less_full_ruler` less that of the
full ruler, on the same resamples; `partial_correlation` with the field along the bond held fixed, `field_correlation` of the index with that field;
`random_median` the median size among readers of random weights, `random_stronger` the share of them that is as negative; `weakest` the highest of any
structure, `followed` how many structures are at `FOLLOWED` or below; `distinct_bonds` how many lengths there are in all structures."""
FOLLOWED = -0.9
DISTINCT_DIGITS = 3
"""Of bonds in angstrom: in a symmetric ring many are one."""
ROLES = ("full ruler", "valence ruler")
"""The readers that a study's question is about, chosen before it is run; all others are exploration."""
NULL_COLUMNS = ("mask", "share", "shape", "scale", "subject", "null_width_angstrom", "median_size", "kind", "n")
INDICES = {"mayer": "bond_order_correlation", "delocalisation": "delocalisation_correlation"}
"""Bond index to its quantity in the scorecard."""
JUDGED = ("all bonds", "within molecules", "across molecules")
LIKE_ANGSTROM, FEWEST_LIKE = 0.03, 8
"""Undisturbed bonds within this length are alike; with fewer than so many the range doubles."""
_BOND = re.compile(r".*:([A-Z][a-z]?)(\d+)-([A-Z][a-z]?)(\d+)")


class Reading(NamedTuple):
    """Images read: one row per image; lengths in angstrom, and what the reader sees, or a straight one in its place: (images, features)."""

    names: pd.DataFrame
    predicted_angstrom: np.ndarray
    features: np.ndarray


class Changes(NamedTuple):
    """Perturbed minus parent of each bond and state: a table of columns `SHIFTS_COLUMNS`, and features, one row for each of its rows."""

    table: pd.DataFrame
    features: np.ndarray


def follow_bonding(
    images: str | Path, perturbed: Sequence[str | Path], tables: Sequence[str | Path], shifts: str | Path,
    correlations: str | Path, null_widths: str | Path, scorecard: str | Path, *, study: str,
    masks: Sequence[Mapping[str, Any]], valence: Mapping[str, Any], folds: int, bootstrap_samples: int, seed: int,
) -> None:  # fmt: skip
    """Read all perturbed bonds by full and masked rulers and write how the changes go along with those of bond indices.

    Args:
        images: Images to learn from (NetCDF).
        perturbed: Images of structures in all their states (NetCDF).
        tables: Bond indices of the same (CSV).
        shifts: CSV to write, columns `SHIFTS_COLUMNS`: one row per mask, subject, state and bond.
        correlations: CSV to write, columns `CORRELATIONS_COLUMNS`.
        null_widths: CSV to write, columns `NULL_COLUMNS`: sizes of changes in units of the null width.
        scorecard: CSV to write.
        study: Name of the study.
        masks: Settings of the masks (`Mask.settings`).
        valence: Settings of the valence ruler's mask, one of them.
        folds: Folds of the split by structure.
        bootstrap_samples: Resamples of structures.
        seed: Seed of folds and bootstrap.

    Raises:
        AuricError: If there is no perturbed bond, or fewer than two structures to learn from.
    """
    data, found = read_images(images), read_tables(tables)
    names, elf = perturbed_images(perturbed)
    if not len(elf) or (found["state"] == "parent").all():
        raise AuricError("no structure has a perturbed state, so nothing can be compared; see failures.csv")
    through, seen_through = Mask(**valence), [Mask(**settings) for settings in masks]
    made = {
        (mask.name, subject): changes(mask, subject, null, read, found)
        for mask in seen_through
        for subject, null, read in readings(
            data, names, elf, mask, readers_behind(mask, through), folds=folds, seed=seed
        )
    }
    table = pd.concat([one.table for one in made.values()], ignore_index=True)
    write_table(shifts, table, SHIFTS_COLUMNS)
    features = {names: one.features for names, one in made.items()}
    judged = judge(table, features, valence=through.name, samples=bootstrap_samples, seed=seed)
    write_table(correlations, judged, CORRELATIONS_COLUMNS)
    sizes = _sizes(table)
    write_table(null_widths, sizes, NULL_COLUMNS)
    words = {mask.name: mask.words for mask in seen_through}
    write_scorecard(scorecard, [*_scores(judged, study, words), *_size_scores(sizes, study, words)])


def perturbed_images(paths: Sequence[str | Path]) -> tuple[pd.DataFrame, np.ndarray]:
    """Images of structures in all their states.

    Args:
        paths: NetCDF files, one for each structure.

    Returns:
        `structure`, `state`, `bond`, `third_atom` and `bond_length_angstrom` of each image, and the images, shape (images, pixels, pixels);
        nothing of structures without any.
    """
    columns = ("structure", "state", "bond", "third_atom", "bond_length_angstrom")
    parts = [part for part in map(read_dataset, paths) if part.sizes["image"]]
    if not parts:
        return pd.DataFrame(columns=list(columns)), np.empty((0, 0, 0))
    names = pd.concat(
        [pd.DataFrame({name: part[name].values for name in columns}) for part in parts], ignore_index=True
    )
    return names, np.concatenate([part["elf"].values for part in parts])


def readings(
    data: ImageSet, names: pd.DataFrame, elf: np.ndarray, mask: Mask, readers: Sequence[Any], *, folds: int, seed: int
) -> Iterator[tuple[str, pd.DataFrame, Reading]]:
    """Yield, for each reader, its errors on undisturbed bonds and what it reads of others, out of fold.

    A structure that was not learned from in any fold is read by all folds' rulers in the mean.

    Args:
        data: Images to learn from.
        names: `structure`, `state`, `bond`, `third_atom` and `bond_length_angstrom` of the images to read.
        elf: The images to read, shape (images, pixels, pixels).
        mask: What is hidden.
        readers: What reads (`readers_behind`).
        folds: Folds of the split by structure.
        seed: Seed of the folds.

    Yields:
        Subject; bonds with `bond_class`, `bond_length_angstrom` and `error_angstrom`; and the readings.

    Raises:
        AuricError: If there are fewer than two structures to learn from.
    """
    seen = mask.masked(data.elf, data.lengths_angstrom)
    looked_at = mask.masked(elf, names["bond_length_angstrom"].to_numpy())
    theirs = names["structure"].to_numpy()
    classes = bond_classes(data.frame, data.bond)
    parts = [part for fold in range(folds) if (part := make_fold(data, "structure", str(fold), folds=folds, seed=seed))]
    if not parts:
        raise AuricError("bonds must be read by rulers of other structures; give two structures at least")
    for reader in readers:
        total, count = np.zeros(len(elf)), np.zeros(len(elf))
        own = np.zeros(len(data))
        for training, test in parts:
            fitted = reader.fit(seen[training], data.lengths_angstrom[training], data.bond[training])
            own[test] = fitted.predict(seen[test])
            mine = ~np.isin(theirs, data.structure[training])
            if mine.any():
                total[mine] += fitted.predict(looked_at[mine])
                count[mine] += 1
        null = pd.DataFrame({
            "frame": data.frame, "bond": data.bond, "bond_class": classes, "bond_length_angstrom": data.lengths_angstrom,
            "error_angstrom": own - data.lengths_angstrom,
        }).groupby(["frame", "bond", "bond_class"], as_index=False).mean()  # fmt: skip
        log.info("%s, %s: null width %.5f angstrom", mask.name, reader.subject, _rms(null["error_angstrom"]))
        sees = reader if isinstance(reader, RidgeOnLine) else RidgeOnImage()
        yield reader.subject, null, Reading(names, total / count, np.hstack(sees.features(looked_at)))


def changes(mask: Mask, subject: str, null: pd.DataFrame, read: Reading, indices: pd.DataFrame) -> Changes:
    """Perturbed minus parent of each bond: reading, what was seen, and bond indices.

    Args:
        mask: What was hidden.
        subject: What read.
        null: Errors on undisturbed bonds (`readings`).
        read: What was read.
        indices: Bond indices, with `structure`, `state`, `kind`, `bond`, `field_along_au` and `field_across_au`.
    """
    table = read.names.assign(reading=read.predicted_angstrom, image=np.arange(len(read.names)))
    parent = table[table["state"] == "parent"].set_index(["bond", "third_atom"])[["reading", "image"]]
    joined = table[table["state"] != "parent"].join(
        parent.add_prefix("parent_"), on=["bond", "third_atom"], how="inner"
    )
    by = ["structure", "state", "bond"]
    groups = joined.assign(shift=joined["reading"] - joined["parent_reading"]).groupby(by)
    means = groups.agg(
        planes=("shift", "size"), parent_reading_angstrom=("parent_reading", "mean"), shift_angstrom=("shift", "mean"),
        planes_sd_angstrom=("shift", "std"), bond_length_angstrom=("bond_length_angstrom", "mean"),
    ).reset_index()  # fmt: skip
    seen = read.features[joined["image"]] - read.features[joined["parent_image"]]
    features = np.zeros((len(means), seen.shape[1]))
    np.add.at(features, groups.ngroup().to_numpy(), seen)
    features /= means["planes"].to_numpy()[:, None]
    measured = ["mayer_bond_order", "delocalisation_index"]
    before = indices[indices["state"] == "parent"].set_index("bond")[measured].add_suffix("_before")
    after = indices.set_index(by)[["kind", "field_along_au", "field_across_au", *measured]]
    means = means.join(after, on=by, how="inner").join(before, on="bond", how="inner")
    known = indices.drop_duplicates("bond")
    classes = dict(
        zip(known["bond"], bond_classes(known["structure"].to_numpy(), known["bond"].to_numpy()), strict=True)
    )
    means["bond_class"] = means["bond"].map(classes)
    lengths = means["bond_length_angstrom"]
    widths = {
        (length, kind): null_width(null, float(length), str(kind))
        for length, kind in set(zip(lengths, means["bond_class"], strict=True))
    }
    means["null_width_angstrom"] = [widths[pair] for pair in zip(lengths, means["bond_class"], strict=True)]
    table = means.assign(
        mask=mask.name, share=mask.share, shape=mask.shape, scale=mask.scale, subject=subject,
        shift_over_null_width=means["shift_angstrom"] / means["null_width_angstrom"],
        mayer_change=means["mayer_bond_order"] - means["mayer_bond_order_before"],
        delocalisation_change=means["delocalisation_index"] - means["delocalisation_index_before"],
    )[list(SHIFTS_COLUMNS)]  # fmt: skip
    return Changes(table, features[table.index])


def bond_classes(frames: np.ndarray, bonds: np.ndarray) -> np.ndarray:
    """Class of each bond: how many right atoms (gold) its left one (sulfur) has, and the other way round, as `S2-Au2`.

    Args:
        frames: Frame of each bond, shape (n,).
        bonds: Names, shape (n,), a bond in one or more rows.
    """
    neighbours: dict[tuple[str, str], set[str]] = {}
    pairs = []
    for frame, bond in zip(frames, bonds, strict=True):
        match = _BOND.fullmatch(bond)
        assert match is not None, bond
        left, right = (frame, match[2]), (frame, match[4])
        pairs.append((match[1], left, match[3], right))
        neighbours.setdefault(left, set()).add(match[4])
        neighbours.setdefault(right, set()).add(match[2])
    classes = []
    for a, left, b, right in pairs:
        ends = [f"{a}{len(neighbours[left])}", f"{b}{len(neighbours[right])}"]
        classes.append("-".join(sorted(ends) if a == b else ends))  # of two alike none is left of the other
    return np.array(classes)


def null_width(null: pd.DataFrame, length_angstrom: float, bond_class: str) -> float:
    """Root mean square of the errors of undisturbed bonds of like length and class; of all, where its class was never seen.

    Args:
        null: Bonds with `bond_class`, `bond_length_angstrom` and `error_angstrom`.
        length_angstrom: Length of the bond.
        bond_class: Its class.
    """
    like = null[null["bond_class"] == bond_class]
    if len(like) < FEWEST_LIKE:
        like = null
    apart = (like["bond_length_angstrom"] - length_angstrom).abs()
    width = LIKE_ANGSTROM
    while (apart <= width).sum() < min(FEWEST_LIKE, len(like)):
        width *= 2
    return _rms(like.loc[apart <= width, "error_angstrom"])


def judge(
    table: pd.DataFrame, features: Mapping[tuple[str, str], np.ndarray] | None = None, *, valence: str, samples: int, seed: int
) -> pd.DataFrame:  # fmt: skip
    """Correlations of changes of reading with changes of bond indices, columns `CORRELATIONS_COLUMNS`.

    Args:
        table: Columns `SHIFTS_COLUMNS`.
        features: For each mask and subject what was seen to change, rows as those of the table; without, nothing is said of random readers.
        valence: Name of the valence ruler's mask.
        samples: Resamples of whole structures for 95 % intervals.
        seed: Seed of resamples and random readers.
    """
    rows = []
    whole: dict[tuple[str, ...], Correlation] = {}
    by = ["mask", "share", "shape", "scale", "subject"]
    groups = sorted(table.groupby(by, sort=False), key=lambda one: (one[0][1] != 1, one[0][4] != SolvedElfNet.subject))
    for names, mine in groups:  # without a mask first, the full ruler before all
        mask, share, _, _, subject = names
        role = role_of(mask, share, subject, valence)
        seen = (features or {}).get((mask, subject), np.empty((len(mine), 0)))
        for kind in [*dict.fromkeys(mine["kind"]), "all"]:
            chosen = np.full(len(mine), True) if kind == "all" else (mine["kind"] == kind).to_numpy()
            some = mine[chosen]
            bonds = some.drop_duplicates("bond")
            lengths = bonds["bond_length_angstrom"].round(DISTINCT_DIGITS)
            counted = {
                "bonds": len(bonds), "distinct_bonds": len(set(zip(bonds["structure"], lengths, strict=True))),
                "structures": bonds["structure"].nunique(),
            }  # fmt: skip
            for index in INDICES:
                for part in _parts(some, f"{index}_change", seen[chosen], kind):
                    how = {"samples": samples, "seed": seed}
                    found = correlation(part.x, part.y, part.structure, **how)
                    field = correlation(part.x, part.field, part.structure, **how)
                    held = partial(found, field, correlation(part.y, part.field, part.structure, **how))
                    place = kind, index, part.judged
                    if share == 1:
                        whole[subject, *place] = found
                    random = (
                        random_correlations(part.x, part.features, seed=seed) if part.features.size else np.array([])
                    )
                    rows.append(
                        dict(zip(by, names, strict=True)) | {"role": role, "index": index, "kind": kind, "judged": part.judged}
                        | {"correlation": found.value, "slope_angstrom": found.slope_angstrom, "field_correlation": field.value}
                        | dict(zip(("ci_low", "ci_high"), found.interval(), strict=True))
                        | {"partial_correlation": held.value} | dict(zip(("partial_ci_low", "partial_ci_high"), held.interval(), strict=True))
                        | _less("less_unmasked", found, whole.get((subject, *place)))
                        | _less("less_full_ruler", found, whole.get((SolvedElfNet.subject, *place)))
                        | _beside_random(found.value, random)
                        | {"rank_correlation": float(pd.Series(part.x).rank().corr(pd.Series(part.y).rank())) if len(part.x) > 1 else np.nan}
                        | {"weakest": float(np.nanmax(found.by_group)) if np.isfinite(found.by_group).any() else np.nan}
                        | {"followed": int((found.by_group <= FOLLOWED).sum()), "changes": len(part.x)} | counted
                    )  # fmt: skip
    return pd.DataFrame(rows, columns=list(CORRELATIONS_COLUMNS))


def _less(name: str, found: Correlation, other: Correlation | None) -> dict[str, float]:
    return dict(zip((name, f"{name}_ci_low", f"{name}_ci_high"), found.less(other), strict=True))


def _beside_random(value: float, random: np.ndarray) -> dict[str, float]:
    known = random[np.isfinite(random)]
    if not (len(known) and np.isfinite(value)):
        return {"random_median": np.nan, "random_stronger": np.nan}
    return {"random_median": float(np.median(np.abs(known))), "random_stronger": float((known <= value).mean())}


def role_of(mask: str, share: float, subject: str, valence: str) -> str:
    """`full ruler` is ELFnet without a mask, `valence ruler` the steady reading behind its mask; others are none of `ROLES`."""
    if share == 1:
        return ROLES[0] if subject == SolvedElfNet.subject else ""
    return ROLES[1] if (mask, subject) == (valence, SteadyRidgeOnImage.subject) else ""


class _Part(NamedTuple):
    """Changes that are judged together: of the index (`x`), of the reading (`y`), the field along the bond, what was seen."""

    judged: str
    x: np.ndarray
    y: np.ndarray
    field: np.ndarray
    features: np.ndarray
    structure: np.ndarray


def _parts(table: pd.DataFrame, index: str, features: np.ndarray, kind: str) -> Iterator[_Part]:
    """Changes in the order of `JUDGED`. In fields the mean over a molecule's bonds is nothing but what is left of second order."""
    states, structure = table[["structure", "state"]], table["structure"].to_numpy()
    state = states.groupby(["structure", "state"], sort=False).ngroup().to_numpy()
    first = np.flatnonzero(~states.duplicated())
    columns = np.column_stack([table[[index, "shift_angstrom", "field_along_au"]].to_numpy(dtype=float), features])
    means = np.zeros((len(first), columns.shape[1]))
    np.add.at(means, state, columns)
    means /= np.bincount(state)[:, None]
    yield _Part(JUDGED[0], columns[:, 0], columns[:, 1], columns[:, 2], columns[:, 3:], structure)
    within = columns - means[state]
    yield _Part(JUDGED[1], within[:, 0], within[:, 1], within[:, 2], within[:, 3:], structure)
    if kind != "field":
        yield _Part(JUDGED[2], means[:, 0], means[:, 1], means[:, 2], means[:, 3:], structure[first])


def _rms(errors: pd.Series) -> float:
    return float(np.sqrt((errors**2).mean()))


def _sizes(table: pd.DataFrame) -> pd.DataFrame:
    """Null widths, and how large changes are in units of them, by mask, subject and kind."""
    by = ["mask", "share", "shape", "scale", "subject", "kind"]
    return table.assign(size=table["shift_over_null_width"].abs()).groupby(by, sort=False, as_index=False).agg(
        null_width_angstrom=("null_width_angstrom", "median"), median_size=("size", "median"), n=("size", "size")
    )  # fmt: skip


def _subject(row: Mapping[Any, Any], words: Mapping[str, str]) -> str:
    role = f"{row['role']}: " if row.get("role") else ""
    return f"{role}{row['subject']}, {words[row['mask']]}"


def _scores(judged: pd.DataFrame, study: str, words: Mapping[str, str]) -> list[dict[str, Any]]:
    return [
        {
            "study": study, "system": "ruler", "quantity": INDICES[row["index"]], "unit": "1", "subject": _subject(row, words),
            "ours": row["correlation"], "ci_low": row["ci_low"], "ci_high": row["ci_high"], "n": row["bonds"],
            "data": row["kind"], "split": row["judged"], "comparable": "not comparable", "better": "lower",
        }
        for row in judged.to_dict("records")
    ]  # fmt: skip


def _size_scores(sizes: pd.DataFrame, study: str, words: Mapping[str, str]) -> list[dict[str, Any]]:
    common = {"study": study, "system": "ruler", "split": "structure", "comparable": "not comparable"}
    return [
        common | {
            "quantity": quantity, "unit": unit, "subject": _subject(row, words), "ours": row[key], "n": row["n"], "data": row["kind"],
            "better": better,
        }
        for row in sizes.to_dict("records")
        for quantity, unit, key, better in (
            ("null_width", "angstrom", "null_width_angstrom", "lower"),
            ("shift_over_null_width", "1", "median_size", "higher"),
        )
    ]  # fmt: skip
