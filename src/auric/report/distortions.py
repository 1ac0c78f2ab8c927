"""What became of the bonds of distorted structures: each drawn flat, its bonds coloured by what they are said to be."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from ase import Atoms
from matplotlib.lines import Line2D

from auric.errors import InputError
from auric.files import read_frames
from auric.report import inputs
from auric.report.assets import Assets
from auric.report.drawing import INK, figure_at
from auric.report.inputs import ReportFiles
from auric.report.scene import COLOURS as ELEMENTS
from auric.report.scores import subject_name

VERDICTS: dict[str, tuple[str, Any]] = {
    "weakened": ("#D55E00", "-"), "tightened": ("#0072B2", "-"), "within noise": ("#9aa1ab", "-"),
    "formed": ("#009E73", "--"), "broken": ("#D55E00", ":"), "not read": ("#9aa1ab", ":"),
}  # fmt: skip
"""Colour and stroke of each verdict: no two are told apart by colour alone, since bonds carry their numbers too."""
MOST = 12
"""Structures that are drawn."""


class Reader(NamedTuple):
    """A reading of the table: its subject, and the mask that it sees images through."""

    subject: str
    mask: str
    share: float
    shape: str


def draw_distortions(assets: Assets, files: ReportFiles) -> dict[str, Any] | None:
    """Figure, words and tables on distorted bonds; None of a study without."""
    changes = inputs.read_table(files.bond_changes, inputs.BOND_CHANGES)
    made = inputs.read_table(files.distortions, inputs.DISTORTIONS)
    if changes.empty or made.empty:
        return None
    assets.table(changes, "changes", "changes of every bond")
    assets.table(made, "distortions", "parents and distorted structures")
    atoms = {str(one.info["name"]): one for path in files.distorted for one in read_frames(path)}
    shown = [name for name in dict.fromkeys(changes["name"]) if name in atoms][:MOST]
    readers = _readers(changes)
    return {
        "file": assets.draw(
            "distortions.svg", partial(draw_bonds, changes=changes, atoms=[atoms[name] for name in shown], readers=readers)
        ),
        "left_out": changes["name"].nunique() - len(shown),
        "words": [*words(changes, readers), *reactions(made)],
        "rows": _rows(made, changes, readers),
        "readers": [_title(reader) for reader in readers],
    }  # fmt: skip


def draw_bonds(path: Path, changes: pd.DataFrame, atoms: Sequence[Atoms], readers: Sequence[Reader]) -> None:
    """Structures below each other, seen along their thinnest direction, once for each reading.

    Args:
        path: SVG to write.
        changes: Columns `BOND_CHANGES` of the inputs.
        atoms: Distorted structures (angstrom), `info['name']` as in the table.
        readers: The readings, a column of panels each.
    """
    if not atoms:
        raise InputError("no distorted structure to draw; see failures.csv")
    with figure_at(path, 3.6 * len(readers), 2.9 * len(atoms) + 0.5) as figure:
        panels = figure.subplots(len(atoms), len(readers), squeeze=False)
        for row, one in zip(panels, atoms, strict=True):
            flat = _flat(one)
            for axes, reader in zip(row, readers, strict=True):
                _draw_one(axes, one, flat, _of(changes, str(one.info["name"]), reader))
        for axes, reader in zip(panels[0], readers, strict=True):
            axes.set_title(_title(reader))
        for axes, one in zip(panels[:, 0], atoms, strict=True):
            axes.set_ylabel(str(one.info["name"]))
        handles = [
            Line2D([], [], color=colour, linestyle=stroke, linewidth=2.5, label=verdict)
            for verdict, (colour, stroke) in VERDICTS.items()
            if verdict in set(changes["verdict"])
        ]
        figure.legend(handles=handles, loc="outside lower center", ncols=6, frameon=False, fontsize=8)


def _draw_one(axes: Any, atoms: Atoms, flat: np.ndarray, bonds: pd.DataFrame) -> None:
    for bond in bonds.itertuples():
        colour, stroke = VERDICTS[bond.verdict]
        ends = flat[[int(bond.left_atom), int(bond.right_atom)]]
        axes.plot(*ends[:, :2].T, color=colour, linestyle=stroke, linewidth=3, zorder=1)
        if bond.change_angstrom == bond.change_angstrom:
            axes.annotate(
                f"{1000 * bond.change_angstrom:+.1f}", ends[:, :2].mean(axis=0), fontsize=6, ha="center", va="center",
                color=INK, zorder=4, bbox={"boxstyle": "round,pad=0.1", "facecolor": "white", "edgecolor": "none", "alpha": 0.8},
            )  # fmt: skip
    for index in np.argsort(flat[:, 2]):
        symbol = atoms.symbols[index]
        size = {"H": 18}.get(symbol, 150)
        axes.scatter(
            *flat[index, :2], s=size, color=ELEMENTS.get(symbol, "#888888"), edgecolors=INK, linewidths=0.6, zorder=3
        )
        if symbol != "H":
            axes.annotate(f"{symbol}{index}", flat[index, :2], fontsize=5.5, ha="center", va="center", zorder=5)
    axes.set_aspect("equal")
    axes.set(xticks=[], yticks=[])
    for side in axes.spines.values():
        side.set_visible(False)
    axes.margins(0.12)


def _flat(atoms: Atoms) -> np.ndarray:
    """Positions along the structure's principal axes, the thinnest last, shape (atoms, 3)."""
    centred = atoms.positions - atoms.positions.mean(axis=0)
    return np.asarray(centred @ np.linalg.svd(centred, full_matrices=False)[2].T)


def _readers(changes: pd.DataFrame) -> list[Reader]:
    """The full ruler's reading, and the valence ruler's: of the table's masks the first is none, the last is its."""
    wanted = ((changes.iloc[0], "elfnet, solved"), (changes.iloc[-1], "steady ridge on the image"))
    return [Reader(subject, str(row["mask"]), float(row["share"]), str(row["shape"])) for row, subject in wanted]


def _of(changes: pd.DataFrame, name: str, reader: Reader) -> pd.DataFrame:
    mine = (changes["name"] == name) & (changes["subject"] == reader.subject)
    return changes[mine & (changes["mask"] == reader.mask)]


def _title(reader: Reader) -> str:
    if reader.share == 1:
        return subject_name(reader.subject)
    shape = "" if reader.shape == "strip" else f" ({reader.shape})"
    return f"{subject_name(reader.subject)}, central {100 * reader.share:.3g} %{shape}"


def words(changes: pd.DataFrame, readers: Sequence[Reader]) -> list[str]:
    """How many bonds are beyond noise by each reading, how many chance would put there, and how small a change can be told."""
    said = []
    for reader in readers:
        mine = pd.concat([_of(changes, name, reader) for name in dict.fromkeys(changes["name"])])
        read = mine[mine["verdict"].isin(["weakened", "tightened", "within noise"])]
        if read.empty:
            continue
        count = read["verdict"].value_counts()
        beyond = read[read["verdict"] != "within noise"]
        alike = int(((beyond["mayer_change"] < 0) == (beyond["verdict"] == "weakened")).sum())
        agrees = (
            f" Mayer's bond order changes in the same sense in {alike} of these {len(beyond)}." if len(beyond) else ""
        )
        said.append(
            f"{_title(reader)}: {count.get('weakened', 0)} of {len(read)} bonds read as weakened, {count.get('tightened', 0)} as tightened; "
            f"of undisturbed bonds {0.05 * len(read):.0f} would be.{agrees} A change must exceed {read['noise_angstrom'].median():.4f} Å to be told "
            f"(median); those read are {read['change_angstrom'].abs().median():.4f} Å."
        )
    return said


def reactions(made: pd.DataFrame) -> list[str]:
    """What is to be known of structures whose other bonds are not those of the parent."""
    reacted = made[made["reacted"].fillna("") != ""]
    return [
        f"{row.name} has reacted: {row.reacted}. It is another molecule than its parent, and its changes are those of the reaction."
        for row in reacted.itertuples(index=False)
    ]


def _rows(made: pd.DataFrame, changes: pd.DataFrame, readers: Sequence[Reader]) -> list[dict[str, Any]]:
    rows = []
    for one in made.to_dict("records"):
        verdicts = []
        for reader in readers:
            count = _of(changes, str(one["name"]), reader)["verdict"].value_counts()
            verdicts.append(f"{count.get('weakened', 0)} / {count.get('tightened', 0)}" if one["compared_with"] else "")
        force = one["residual_force_ev_angstrom"]
        rows.append({
            "name": str(one["name"]), "formula": str(one["formula"]), "multiplicity": int(one["multiplicity"]),
            "above": f"{one['energy_above_lowest_ev']:.2f}", "geometry": str(one["geometry"]),
            "force": f"{force:.3f}" if force == force else "not computed",
            "added": f"{one['nearest_added_angstrom']:.2f}" if np.isfinite(one["nearest_added_angstrom"]) else "",
            "verdicts": verdicts, "broken": int(one["broken"]), "formed": int(one["formed"]),
        })  # fmt: skip
    return rows
