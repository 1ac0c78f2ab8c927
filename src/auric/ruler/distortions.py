"""What distorts a bond: readings of a distorted structure beside those of its parent, bond by bond, and what of it is beyond noise.

A bond is said to be weakened (tightened) if its reading, less its length, has grown (shrunk) by more than this changes between two
frames of undisturbed bonds of its class, whose length changed about as much, in 95 of 100 cases; rulers have learned neither from
those bonds nor from the parent. Changes of bond indices stand beside, and so does the plain change of length, which needs no ruler.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from ase import Atoms

from auric.errors import AuricError
from auric.files import read_dataset, read_frames, read_tables, write_table
from auric.progress import log
from auric.ruler.bonding import bond_classes, readings
from auric.ruler.controls import FEWEST, correlation
from auric.ruler.dataset import read_images
from auric.ruler.masked import readers_behind
from auric.ruler.masks import Mask
from auric.scorecard import write_scorecard
from auric.structures.blocks import bonded_pairs
from auric.structures.motifs import METALS

CHANGES_COLUMNS = (
    "name", "compared_with", "bond", "left_atom", "right_atom", "bond_class", "mask", "share", "shape", "scale", "subject", "planes",
    "parent_length_angstrom", "length_angstrom", "parent_reading_angstrom", "reading_angstrom", "change_angstrom", "noise_angstrom",
    "verdict", "mayer_change", "delocalisation_change", "added_atom_angstrom",
)  # fmt: skip
"""`change_angstrom` is that of reading minus length; `noise_angstrom` what it stays within in 95 of 100 undisturbed cases."""
STRUCTURES_COLUMNS = (
    "name", "compared_with", "formula", "charge", "multiplicity", "multiplicities_json", "energy_ev", "energy_above_lowest_ev", "geometry",
    "steps", "residual_force_ev_angstrom", "nearest_added_angstrom", "bonds", "broken", "formed",
    "reacted",
)  # fmt: skip
UNKNOWN = (
    "parent_reading_angstrom", "reading_angstrom", "change_angstrom", "noise_angstrom", "mayer_change", "delocalisation_change",
)  # fmt: skip
"""What is not known of a bond that only one of both structures has."""
VERDICTS = ("weakened", "tightened", "within noise", "broken", "formed", "not read")
WITHIN = 0.95
BESIDE_ANGSTROM = 2.5
"""A bond with an added atom nearer than this to one of its own two is beside it: they share electrons."""
FEWEST_PAIRS = 40
"""So many pairs of undisturbed bonds make a quantile; of a class with fewer, those of all classes count."""


def compare_distorted(
    images: str | Path, structures: Sequence[str | Path], pictures: Sequence[str | Path], tables: Sequence[str | Path],
    changes: str | Path, summary: str | Path, scorecard: str | Path, *, rows: Sequence[Mapping[str, Any]], study: str,
    masks: Sequence[Mapping[str, Any]], valence: Mapping[str, Any], folds: int, bootstrap_samples: int, seed: int,
) -> None:  # fmt: skip
    """Read all bonds of parents and distorted structures, out of fold, and write what changed.

    Args:
        images: Images to learn from (NetCDF).
        structures: What `make_distorted` wrote for each of `rows`: structures,
        pictures: images,
        tables: and bonds.
        changes: CSV to write, columns `CHANGES_COLUMNS`: one row per distorted structure, bond, mask and subject.
        summary: CSV to write, columns `STRUCTURES_COLUMNS`.
        scorecard: CSV to write.
        rows: Fields of `Distortion` of each structure.
        study: Name of the study.
        masks: Settings of the masks (`Mask.settings`).
        valence: Settings of the valence ruler's mask, one of them.
        folds: Folds of the split by structure.
        bootstrap_samples: Resamples of structures.
        seed: Seed of folds and bootstrap.

    Raises:
        AuricError: If no distorted structure could be compared.
    """
    made = {str(atoms.info["name"]): atoms for path in structures for atoms in read_frames(path)}
    wanted = {row["name"]: row for row in rows}
    pairs = {
        name: row["parent"] for name, row in wanted.items() if row["parent"] and name in made and row["parent"] in made
    }
    if not pairs:
        raise AuricError(
            "no distorted structure and its parent could be made, so nothing can be compared; see failures.csv"
        )
    bonds = read_tables(tables)
    names, elf = _seen(wanted, pictures)
    data = read_images(images)
    parts, seen_through = [], [Mask(**settings) for settings in masks]
    for mask in seen_through:
        readers = readers_behind(mask, Mask(**valence))
        for subject, null, read in readings(data, names, elf, mask, readers, folds=folds, seed=seed):
            undisturbed = undisturbed_pairs(null)
            said = read.names.assign(reading=read.predicted_angstrom)
            parts += [
                _compared(said, bonds, name, parent, undisturbed).assign(
                    mask=mask.name, share=mask.share, shape=mask.shape, scale=mask.scale, subject=subject
                )
                for name, parent in pairs.items()
            ]
    table = pd.concat(parts, ignore_index=True)[list(CHANGES_COLUMNS)]
    write_table(changes, table, CHANGES_COLUMNS)
    summaries = [_row(made[name], wanted[name], made, wanted, table, bonds) for name in made]
    for row in summaries:
        if row["reacted"]:
            log.warning("%s has reacted (%s): its bonds are those of another molecule", row["name"], row["reacted"])
    write_table(summary, summaries, STRUCTURES_COLUMNS)
    words = {mask.name: mask.words for mask in seen_through}
    write_scorecard(scorecard, scores(table, study, words, samples=bootstrap_samples, seed=seed))


def undisturbed_pairs(null: pd.DataFrame) -> pd.DataFrame:
    """Pairs of frames of one undisturbed bond: how far apart in length (`apart_angstrom`) and in reading less length (`change_angstrom`).

    Where no bond has two frames, pairs of bonds of one class are taken, which can only be wider.

    Args:
        null: Errors out of fold with `bond`, `bond_class`, `frame`, `bond_length_angstrom` and `error_angstrom` (`readings`).
    """
    columns = ["apart_angstrom", "change_angstrom"]
    found: list[pd.DataFrame] = []
    for by in (["bond_class", "bond"], ["bond_class"]):
        for names, mine in null.groupby(by):
            values = mine[["bond_length_angstrom", "error_angstrom"]].to_numpy()
            one, other = np.triu_indices(len(mine), 1)
            if len(one):
                pairs = pd.DataFrame(np.abs(values[one] - values[other]), columns=columns)
                found.append(pairs.assign(bond_class=names[0]))
        if found:
            return pd.concat(found, ignore_index=True)[["bond_class", *columns]]
    return pd.DataFrame({"bond_class": [], **{name: np.empty(0) for name in columns}})


def noise_of(pairs: pd.DataFrame, bond_class: str, apart_angstrom: float) -> float:
    """What the change of reading less length stays within for undisturbed bonds whose length changed about as much (angstrom).

    Readings err more, the more a bond is stretched: so noise is that of the `FEWEST_PAIRS` pairs of the class that are nearest in the
    change of length. nan without pairs.

    Args:
        pairs: `undisturbed_pairs`.
        bond_class: Class of the bond.
        apart_angstrom: By how much its length changed, of either sign.
    """
    like = pairs[pairs["bond_class"] == bond_class]
    if len(like) < FEWEST_PAIRS:
        like = pairs
    nearest = (like["apart_angstrom"] - abs(apart_angstrom)).abs().nsmallest(FEWEST_PAIRS, keep="all").index
    return float(like.loc[nearest, "change_angstrom"].quantile(WITHIN))


def verdict_of(change_angstrom: float, noise_angstrom: float) -> str:
    """One of `VERDICTS` for a bond that both structures have."""
    if not (np.isfinite(change_angstrom) and np.isfinite(noise_angstrom)):
        return "not read"
    if abs(change_angstrom) <= noise_angstrom:
        return "within noise"
    return "weakened" if change_angstrom > 0 else "tightened"


def reaction(parent: Atoms, atoms: Atoms) -> str:
    """Bonds between non-metals that the parent (angstrom) has and the other has not, and the reverse, such as `S7-H13 broken, H13-O19 formed`.

    Empty if there are none. Bonds of added atoms among themselves, which no parent could have, do not count.
    """
    before, after = _non_metal_bonds(parent), _non_metal_bonds(atoms)
    broken = [f"{label} broken" for label in before if label not in after]
    formed = [f"{label} formed" for label, least in after.items() if label not in before and least < len(parent)]
    return ", ".join(broken + formed)


def _non_metal_bonds(atoms: Atoms) -> dict[str, int]:
    """Labels of the bonds between non-metals, and the earlier atom of each."""
    plain = ~np.isin(atoms.get_chemical_symbols(), METALS)
    pairs = np.argwhere(np.triu(bonded_pairs(atoms) & plain[:, None] & plain, 1))
    return {f"{atoms.symbols[i]}{i}-{atoms.symbols[j]}{j}": int(i) for i, j in pairs}


def _seen(wanted: Mapping[str, Mapping[str, Any]], pictures: Sequence[str | Path]) -> tuple[pd.DataFrame, np.ndarray]:
    """Names and images of all structures; `structure` is what no ruler may have learned from."""
    tables, stacks = [], []
    for (name, row), path in zip(wanted.items(), pictures, strict=True):
        part = read_dataset(path)
        first = wanted[row["parent"]] if row["parent"] else row
        tables.append(
            pd.DataFrame({key: part[key].values for key in ("bond", "third_atom", "bond_length_angstrom")}).assign(
                name=name, structure=first["learned_as"] or first["name"]
            )
        )
        stacks.append(part["elf"].values)
    return pd.concat(tables, ignore_index=True), np.concatenate(stacks)


def _compared(
    said: pd.DataFrame, bonds: pd.DataFrame, name: str, parent: str, undisturbed: pd.DataFrame
) -> pd.DataFrame:
    """One row per bond of the parent or of the distorted structure; readings are means over the planes that both have."""
    before, after = (said[said["name"] == one].set_index(["bond", "third_atom"])["reading"] for one in (parent, name))
    both = pd.concat({"before": before, "after": after}, axis=1, join="inner").groupby("bond").agg(["mean", "size"])
    of_parent, of_distorted = (bonds[bonds["name"] == one].set_index("bond") for one in (parent, name))
    classes = dict(
        zip(of_parent.index, bond_classes(np.full(len(of_parent), parent), f"{parent}:" + of_parent.index.to_numpy(dtype=str)), strict=True)
    )  # fmt: skip
    rows = []
    for bond in dict.fromkeys([*of_parent.index, *of_distorted.index]):
        old = of_parent.loc[bond] if bond in of_parent.index else None
        new = of_distorted.loc[bond] if bond in of_distorted.index else None
        known = new if new is not None else old
        assert known is not None
        kind = classes.get(bond, "")
        row: dict[str, Any] = {
            "name": name, "compared_with": parent, "bond": bond, "left_atom": known["left_atom"], "right_atom": known["right_atom"],
            "bond_class": kind, "planes": 0,
            "added_atom_angstrom": known["added_atom_angstrom"], "verdict": "formed" if old is None else "broken",
            "parent_length_angstrom": np.nan if old is None else old["bond_length_angstrom"],
            "length_angstrom": np.nan if new is None else new["bond_length_angstrom"],
        } | dict.fromkeys(UNKNOWN, np.nan)  # fmt: skip
        if old is not None and new is not None:
            apart = new["bond_length_angstrom"] - old["bond_length_angstrom"]
            row["noise_angstrom"] = noise_of(undisturbed, kind, apart)
            row["mayer_change"] = new["mayer_bond_order"] - old["mayer_bond_order"]
            row["delocalisation_change"] = new["delocalisation_index"] - old["delocalisation_index"]
            if bond in both.index:
                row["planes"] = int(both.loc[bond, ("before", "size")])
                row["parent_reading_angstrom"] = both.loc[bond, ("before", "mean")]
                row["reading_angstrom"] = both.loc[bond, ("after", "mean")]
                row["change_angstrom"] = (row["reading_angstrom"] - row["length_angstrom"]) - (
                    row["parent_reading_angstrom"] - row["parent_length_angstrom"]
                )
            row["verdict"] = verdict_of(row["change_angstrom"], row["noise_angstrom"])
        rows.append(row)
    return pd.DataFrame(rows)


def _row(
    atoms: Atoms, row: Mapping[str, Any], made: Mapping[str, Atoms], wanted: Mapping[str, Mapping[str, Any]], table: pd.DataFrame,
    bonds: pd.DataFrame,
) -> dict[str, Any]:  # fmt: skip
    """One line on a structure; energies above the lowest of the same parent, atoms and charge."""
    name = row["name"]
    alike = [
        float(other.info["energy_ev"])
        for key, other in made.items()
        if wanted[key]["parent"] == row["parent"]
        and wanted[key]["charge"] == row["charge"]
        and other.get_chemical_formula() == atoms.get_chemical_formula()
    ]
    mine = table[table["name"] == name].drop_duplicates("bond")
    parent = made.get(row["parent"], atoms)
    count = len(parent)
    added = atoms.get_all_distances()[:count, count:].min(initial=np.inf)
    return {
        "name": name, "compared_with": row["parent"], "formula": atoms.get_chemical_formula("metal"), "charge": row["charge"],
        "energy_above_lowest_ev": float(atoms.info["energy_ev"]) - min(alike), "nearest_added_angstrom": added,
        "bonds": int((bonds["name"] == name).sum()), "broken": int((mine["verdict"] == "broken").sum()),
        "formed": int((mine["verdict"] == "formed").sum()), "reacted": reaction(parent, atoms),
    } | {
        key: json.dumps(value) if isinstance(value, dict) else value
        for key in ("multiplicity", "multiplicities_json", "energy_ev", "geometry", "steps", "residual_force_ev_angstrom")
        for value in (atoms.info[key],)
    }  # fmt: skip


def scores(
    table: pd.DataFrame, study: str, words: Mapping[str, str], *, samples: int, seed: int
) -> list[dict[str, Any]]:
    """Scorecard of changes, by parent: how they go along with bond order, beside the change of length, and the share beyond noise.

    Of all bonds, and where atoms were added also of those beside them and of the others: what an atom does to the electrons of the
    metal that it binds to is another thing than what comes of it elsewhere.

    Args:
        table: Columns `CHANGES_COLUMNS`.
        study: Name of the study.
        words: What the masks are called, by name (`Mask.words`).
        samples: Resamples of whole structures.
        seed: Seed of the bootstrap.
    """
    rows = []
    common = {"study": study, "system": "ruler", "unit": "1", "split": "structure", "comparable": "not comparable"}
    for (mask, subject, parent), mine in table.groupby(
        ["mask", "subject", "compared_with"], sort=False
    ):  # of each parent by itself: one site at two geometries is no second witness
        whole = mine.dropna(subset=["change_angstrom", "mayer_change"])
        reader = f"{subject}, {words[mask]}"
        if whole.empty:
            log.warning("%s: no bond could be read in both structures", reader)
            continue
        beside = whole["added_atom_angstrom"] < BESIDE_ANGSTROM
        parts = {"": whole}
        if min(beside.sum(), (~beside).sum()) >= FEWEST:
            parts |= {", bonds beside the added atom": whole[beside], ", other bonds": whole[~beside]}
        for where, read in parts.items():
            scored = _scored(read, f"distorted from {parent}", where, samples=samples, seed=seed)
            rows += [common | {"subject": reader, "n": len(read)} | row for row in scored]
    return rows


def _scored(read: pd.DataFrame, data: str, where: str, *, samples: int, seed: int) -> list[dict[str, Any]]:
    """Correlations of three changes with that of the bond order, and the share beyond noise, of these bonds."""
    rows: list[dict[str, Any]] = []
    for change, values in (
        ("reading less length", read["change_angstrom"]),
        ("reading", read["reading_angstrom"] - read["parent_reading_angstrom"]),
        ("length alone", read["length_angstrom"] - read["parent_length_angstrom"]),
    ):
        order, names = read["mayer_change"].to_numpy(), read["name"].to_numpy()
        found = correlation(order, values.to_numpy(), names, samples=samples, seed=seed)
        low, high = found.interval()
        rows.append({
            "quantity": "bond_order_correlation", "data": f"{data}, {change}{where}", "ours": found.value, "ci_low": low, "ci_high": high,
            "better": "lower",
        })  # fmt: skip
    beyond = float(read["verdict"].isin(["weakened", "tightened"]).mean())
    return [*rows, {"quantity": "share_beyond_noise", "data": f"{data}{where}", "ours": beyond, "better": "higher"}]
