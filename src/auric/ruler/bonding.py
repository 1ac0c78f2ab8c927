"""Whether a ruler follows bonding: its change of reading at fixed nuclei beside the change of bond indices.

Readings are those of rulers that have not learned from the structure: a fold of the split by structure leaves it out. A change is
perturbed minus parent of the same bond, over the same planes. Changes of a whole molecule (a charge shifts all its bonds alike)
and differences between its bonds are judged apart: `across molecules` compares means over the bonds of each state, `within
molecules` what is left of each bond when that mean is taken off, `all bonds` takes both together. A change is put in units of
the null width, too: the root mean square of the error, out of fold, of undisturbed bonds of like length and class.
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
from auric.ruler.baselines import RidgeOnLine
from auric.ruler.dataset import ImageSet, read_images
from auric.ruler.masked import mask_words, readers_behind
from auric.ruler.masks import Mask
from auric.ruler.solved import SolvedElfNet
from auric.ruler.splits import make_fold
from auric.ruler.validation import MIN_GROUPS
from auric.scorecard import write_scorecard

SHIFTS_COLUMNS = (
    "mask", "share", "shape", "scale", "subject", "structure", "state", "kind", "bond", "bond_class",
    "bond_length_angstrom", "planes", "parent_reading_angstrom", "shift_angstrom", "null_width_angstrom", "shift_over_null_width",
    "mayer_change", "delocalisation_change",
)  # fmt: skip
CORRELATIONS_COLUMNS = (
    "mask", "share", "shape", "scale", "subject", "role", "index", "kind", "judged", "correlation", "ci_low", "ci_high",
    "rank_correlation", "slope_angstrom", "less_full", "less_full_ci_low", "less_full_ci_high", "bonds", "structures", "changes",
)  # fmt: skip
"""`role` is one of `ROLES` or empty; `less_full` the correlation less that of the same subject without a mask, on the same resamples."""
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
    """Images read: one row per image, lengths in angstrom."""

    names: pd.DataFrame
    predicted_angstrom: np.ndarray


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
    parts = [part for part in map(read_dataset, perturbed) if part.sizes["image"]]
    if not parts or (found["state"] == "parent").all():
        raise AuricError("no structure has a perturbed state, so nothing can be compared; see failures.csv")
    names = pd.concat([
        pd.DataFrame({name: part[name].values for name in ("structure", "state", "bond", "third_atom", "bond_length_angstrom")})
        for part in parts
    ], ignore_index=True)  # fmt: skip
    elf = np.concatenate([part["elf"].values for part in parts])
    through = Mask(**valence)
    rows = [
        changes(mask, subject, null, read, found)
        for mask in (Mask(**settings) for settings in masks)
        for subject, null, read in readings(
            data, names, elf, mask, readers_behind(mask, through), folds=folds, seed=seed
        )
    ]
    table = pd.concat(rows, ignore_index=True)
    write_table(shifts, table, SHIFTS_COLUMNS)
    judged = judge(table, valence=through.name, samples=bootstrap_samples, seed=seed)
    write_table(correlations, judged, CORRELATIONS_COLUMNS)
    sizes = _sizes(table)
    write_table(null_widths, sizes, NULL_COLUMNS)
    write_scorecard(scorecard, [*_scores(judged, study), *_size_scores(sizes, study)])


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
        yield reader.subject, null, Reading(names, total / count)


def changes(mask: Mask, subject: str, null: pd.DataFrame, read: Reading, indices: pd.DataFrame) -> pd.DataFrame:
    """Perturbed minus parent of each bond: reading, and bond indices; columns `SHIFTS_COLUMNS`.

    Args:
        mask: What was hidden.
        subject: What read.
        null: Errors on undisturbed bonds (`readings`).
        read: What was read.
        indices: Bond indices, with `structure`, `state`, `kind` and `bond`.
    """
    table = read.names.assign(reading=read.predicted_angstrom)
    parent = table[table["state"] == "parent"].set_index(["bond", "third_atom"])["reading"].rename("parent")
    joined = table[table["state"] != "parent"].join(parent, on=["bond", "third_atom"], how="inner")
    joined = joined.assign(shift=joined["reading"] - joined["parent"])
    by = ["structure", "state", "bond"]
    means = joined.groupby(by, as_index=False).agg(
        planes=("shift", "size"), parent_reading_angstrom=("parent", "mean"), shift_angstrom=("shift", "mean"),
        bond_length_angstrom=("bond_length_angstrom", "mean"),
    )  # fmt: skip
    measured = ["mayer_bond_order", "delocalisation_index"]
    before = indices[indices["state"] == "parent"].set_index("bond")[measured].add_suffix("_before")
    after = indices.set_index(by)[["kind", *measured]]
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
    return means.assign(
        mask=mask.name, share=mask.share, shape=mask.shape, scale=mask.scale, subject=subject,
        shift_over_null_width=means["shift_angstrom"] / means["null_width_angstrom"],
        mayer_change=means["mayer_bond_order"] - means["mayer_bond_order_before"],
        delocalisation_change=means["delocalisation_index"] - means["delocalisation_index_before"],
    )[list(SHIFTS_COLUMNS)]  # fmt: skip


def bond_classes(frames: np.ndarray, bonds: np.ndarray) -> np.ndarray:
    """Class of each bond: how many right atoms (gold) its left one (sulfur) has, and the other way round, as `S2-Au2`.

    Args:
        frames: Frame of each bond, shape (n,).
        bonds: Names, shape (n,), a bond in one or more rows.
    """
    of_left: dict[tuple[str, str], set[str]] = {}
    of_right: dict[tuple[str, str], set[str]] = {}
    pairs = []
    for frame, bond in zip(frames, bonds, strict=True):
        match = _BOND.fullmatch(bond)
        assert match is not None, bond
        left, right = (frame, match[2]), (frame, match[4])
        pairs.append((match[1], left, match[3], right))
        of_left.setdefault(left, set()).add(match[4])
        of_right.setdefault(right, set()).add(match[2])
    return np.array([f"{a}{len(of_left[left])}-{b}{len(of_right[right])}" for a, left, b, right in pairs])


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


def judge(table: pd.DataFrame, *, valence: str, samples: int, seed: int) -> pd.DataFrame:
    """Correlations of changes of reading with changes of bond indices, columns `CORRELATIONS_COLUMNS`.

    Args:
        table: Columns `SHIFTS_COLUMNS`.
        valence: Name of the valence ruler's mask.
        samples: Resamples of whole structures for 95 % intervals.
        seed: Seed of the bootstrap.
    """
    rows = []
    whole: dict[tuple[str, ...], Correlation] = {}
    by = ["mask", "share", "shape", "scale", "subject"]
    groups = sorted(table.groupby(by, sort=False), key=lambda one: one[0][1] != 1)  # without a mask first
    for names, mine in groups:
        mask, share, _, _, subject = names
        for kind in [*dict.fromkeys(mine["kind"]), "all"]:
            chosen = mine if kind == "all" else mine[mine["kind"] == kind]
            for index in INDICES:
                for judged, one in zip(JUDGED, _parts(chosen, f"{index}_change"), strict=True):
                    found = correlation(
                        one["x"].to_numpy(),
                        one["y"].to_numpy(),
                        one["structure"].to_numpy(),
                        samples=samples,
                        seed=seed,
                    )
                    of_full = (
                        whole.setdefault((subject, kind, index, judged), found)
                        if share == 1
                        else whole.get((subject, kind, index, judged))
                    )
                    rows.append(
                        dict(zip(by, names, strict=True)) | {"role": role_of(mask, share, subject, valence)}
                        | {"index": index, "kind": kind, "judged": judged} | found.numbers() | found.less(of_full)
                        | {"rank_correlation": float(one["x"].rank().corr(one["y"].rank())) if len(one) > 1 else np.nan}
                        | {"bonds": chosen["bond"].nunique(), "structures": chosen["structure"].nunique(), "changes": len(one)}
                    )  # fmt: skip
    return pd.DataFrame(rows, columns=list(CORRELATIONS_COLUMNS))


def role_of(mask: str, share: float, subject: str, valence: str) -> str:
    """`full ruler` is ELFnet without a mask, `valence ruler` the bond line behind the valence ruler's; others are none of `ROLES`."""
    if share == 1:
        return ROLES[0] if subject == SolvedElfNet.subject else ""
    return ROLES[1] if (mask, subject) == (valence, RidgeOnLine.subject) else ""


def _parts(table: pd.DataFrame, index: str) -> Iterator[pd.DataFrame]:
    """Changes of the index (`x`) and of the reading (`y`), in the order of `JUDGED`."""
    pairs = pd.DataFrame({
        "structure": table["structure"], "state": table["state"], "x": table[index], "y": table["shift_angstrom"]
    })  # fmt: skip
    states = pairs.groupby(["structure", "state"])[["x", "y"]]
    yield pairs
    yield pairs.assign(**{name: pairs[name] - values for name, values in states.transform("mean").items()})
    yield states.mean().reset_index()


class Correlation(NamedTuple):
    """Pearson's correlation and what resampling whole groups makes of it.

    Attributes:
        value: The correlation.
        slope_angstrom: Slope of y over x.
        drawn: Correlations of the resamples, shape (samples,); empty with too few groups.
    """

    value: float
    slope_angstrom: float
    drawn: np.ndarray

    def numbers(self) -> dict[str, float]:
        """`correlation`, `slope_angstrom`, and `ci_low` and `ci_high` of the correlation (95 %), nan where there is none."""
        low, high = _interval(self.drawn)
        return {
            "correlation": self.value,
            "slope_angstrom": self.slope_angstrom,
            "ci_low": low,
            "ci_high": high,
        }

    def less(self, other: "Correlation | None") -> dict[str, float]:
        """This correlation less another one of the same groups, with a 95 % interval on the same resamples."""
        if other is None:
            return dict.fromkeys(("less_full", "less_full_ci_low", "less_full_ci_high"), np.nan)
        same = len(self.drawn) == len(other.drawn)
        low, high = _interval(self.drawn - other.drawn) if same else (np.nan, np.nan)
        return {"less_full": self.value - other.value, "less_full_ci_low": low, "less_full_ci_high": high}


def _interval(drawn: np.ndarray) -> tuple[float, float]:
    if not np.isfinite(drawn).any():
        return float("nan"), float("nan")
    low, high = np.nanpercentile(drawn, [2.5, 97.5])
    return float(low), float(high)


def correlation(x: np.ndarray, y: np.ndarray, groups: np.ndarray, *, samples: int, seed: int) -> Correlation:
    """Pearson's correlation and the slope of y over x, with resamples of whole groups: the same ones for the same groups and seed.

    Args:
        x: Shape (n,).
        y: Shape (n,).
        groups: Group of each pair, shape (n,).
        samples: Number of resamples.
        seed: Seed of the bootstrap.
    """
    _, group = np.unique(groups, return_inverse=True)
    x, y = x - x.mean(), y - y.mean()  # sums of squares of small numbers on large ones would be rounding
    terms = (np.ones_like(x), x, y, x * x, y * y, x * y)
    sums = np.column_stack([np.bincount(group, term) for term in terms])
    whole, slope = _pearson(sums.sum(axis=0, keepdims=True))
    drawn = np.empty(0)
    if len(sums) >= MIN_GROUPS:
        rng = np.random.default_rng([seed, 4])
        times = rng.multinomial(len(sums), np.full(len(sums), 1 / len(sums)), size=samples)
        drawn, _ = _pearson(times @ sums)
    return Correlation(float(whole[0]), float(slope[0]), drawn)


def _pearson(sums: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Correlations and slopes from rows of n and the sums of x, y, xx, yy, xy; nan where there is no spread."""
    n, x, y, xx, yy, xy = sums.T
    spread_x, spread_y, both = xx - x * x / n, yy - y * y / n, xy - x * y / n
    with np.errstate(invalid="ignore", divide="ignore"):
        return both / np.sqrt(spread_x * spread_y), both / spread_x


def _rms(errors: pd.Series) -> float:
    return float(np.sqrt((errors**2).mean()))


def _sizes(table: pd.DataFrame) -> pd.DataFrame:
    """Null widths, and how large changes are in units of them, by mask, subject and kind."""
    by = ["mask", "share", "shape", "scale", "subject", "kind"]
    return table.assign(size=table["shift_over_null_width"].abs()).groupby(by, sort=False, as_index=False).agg(
        null_width_angstrom=("null_width_angstrom", "median"), median_size=("size", "median"), n=("size", "size")
    )  # fmt: skip


def _subject(row: Mapping[Any, Any]) -> str:
    role = f"{row['role']}: " if row.get("role") else ""
    return f"{role}{row['subject']}, {mask_words(row['share'], row['shape'], row['scale'])}"


def _scores(judged: pd.DataFrame, study: str) -> list[dict[str, Any]]:
    return [
        {
            "study": study, "system": "ruler", "quantity": INDICES[row["index"]], "unit": "1", "subject": _subject(row),
            "ours": row["correlation"], "ci_low": row["ci_low"], "ci_high": row["ci_high"], "n": row["bonds"],
            "data": row["kind"], "split": row["judged"], "comparable": "not comparable", "better": "lower",
        }
        for row in judged.to_dict("records")
    ]  # fmt: skip


def _size_scores(sizes: pd.DataFrame, study: str) -> list[dict[str, Any]]:
    common = {"study": study, "system": "ruler", "split": "structure", "comparable": "not comparable"}
    return [
        common | {
            "quantity": quantity, "unit": unit, "subject": _subject(row), "ours": row[key], "n": row["n"], "data": row["kind"],
            "better": better,
        }
        for row in sizes.to_dict("records")
        for quantity, unit, key, better in (
            ("null_width", "angstrom", "null_width_angstrom", "lower"),
            ("shift_over_null_width", "1", "median_size", "higher"),
        )
    ]  # fmt: skip
