"""Measuring: the bond lengths that a ruler reads off the ELF images of one structure, beside the lengths themselves.

After section III.d of Zhang et al., "Build a Ruler to Measure Electron Localization Function with Machine Learning Models":
where something disturbs a bond's electrons, the reading is the length of an undisturbed bond with electrons like these.
"""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from ase import Atoms

from auric.elf.images import images_of_frame
from auric.errors import InputError, ScfError
from auric.progress import log
from auric.reference.interface import Engine
from auric.reference.label import label_once
from auric.reference.orbitals import Orbitals
from auric.reference.store import Store
from auric.ruler.level import check_level, level_text
from auric.ruler.reading import bond_reading, error_elsewhere, largest_first
from auric.ruler.rulerset import MASKED_READERS, READERS, RulerSet

SHIPPED = Path(__file__).with_name("rulers.safetensors")
VALENCE_FILE = "valence.safetensors"
READER_WORDS = {
    "elfnet": (False, READERS[0]), "ridge": (False, READERS[1]), "valence": (True, MASKED_READERS[2]),
    "valence-image": (True, MASKED_READERS[1]), "valence-elfnet": (True, MASKED_READERS[0]),
}  # fmt: skip
"""Readers of the command line: whether behind a mask, and their names in a set of rulers."""


def shipped_ruler() -> Path:
    """Where the ruler lies that comes along.

    Raises:
        InputError: If it is not there, as in an installation that left data out.
    """
    if not SHIPPED.is_file():
        raise InputError(
            f"there is no ruler at {SHIPPED}; name one by --ruler, such as results/STUDY/ruler/rulers.safetensors, or "
            "install auric again"
        )
    return SHIPPED


def ruler_for(reader: str, given: Path | None) -> tuple[RulerSet, str]:
    """The set of rulers that has a reader of the command line, and the reader's name in it.

    The valence ruler lies beside the full one, in `VALENCE_FILE`.

    Args:
        reader: One of `READER_WORDS`.
        given: A set of rulers, full or behind a mask; None takes the one that comes with the repository.

    Raises:
        InputError: If there is no such file, or it is of the other kind.
    """
    behind_mask, name = READER_WORDS[reader]
    path = given or shipped_ruler()
    if behind_mask and path.name != VALENCE_FILE:
        beside = path.with_name(VALENCE_FILE)
        if not beside.is_file():
            raise InputError(
                f"there is no valence ruler at {beside}; a study with ruler.masks trains one, or take --reader elfnet"
            )
        path = beside
    found = RulerSet.load(path)
    if (found.mask is not None) != behind_mask:
        raise InputError(
            f"{path}: --reader {reader} needs a ruler {'behind' if behind_mask else 'without'} a mask; name another"
        )
    if name not in found.readers:
        raise InputError(
            f"{path}: holds no '{name}', it was made before there was one; run the study that made it again"
        )
    return found, name


def computed_orbitals(atoms: Atoms, engine: Engine, store: str | Path) -> Orbitals:
    """Orbitals of a structure, from the label store or computed and kept there.

    Args:
        atoms: The structure (angstrom); `info` holds its charge and multiplicity.
        engine: That of the ruler's level (`engine_of`).
        store: Folder of the label store.

    Raises:
        ScfError: If the self-consistent field does not converge, or did not before.
    """
    content, arrays = label_once(atoms, engine, Store(store))
    if content["failure"]:
        raise ScfError(content["failure"])
    return Orbitals.from_parts(content["orbitals"], arrays)


def measure_frame(
    atoms: Atoms, orbitals: Orbitals, ruler: RulerSet, *, reader: str = READERS[0], threads: int = 1
) -> pd.DataFrame:
    """Read all bonds of a frame that are of the ruler's kind.

    Args:
        atoms: The frame (angstrom); `info` holds `structure` and the frame's `name`.
        orbitals: Its orbitals.
        ruler: Of the same level of theory.
        reader: One of the ruler's `readers`.
        threads: Threads for the atomic orbitals.

    Returns:
        One row per bond, columns `MEASURED_COLUMNS`, the largest difference first. A bond without a good image has no reading.

    Raises:
        InputError: If the orbitals are of another level of theory than the ruler.
    """
    check_level(ruler.header["level"], orbitals)
    pictures: dict[str, list[np.ndarray]] = {}
    for row, picture, fault in images_of_frame(atoms, orbitals, ruler.header["elf"], ruler.rule, threads):
        if fault:
            log.info("%s, atom %d: %s", row["bond"], row["third_atom"], fault)
        else:
            pictures.setdefault(row["bond"], []).append(picture.astype("float32"))
    rows = []
    for bond in ruler.rule.bonds(atoms):
        elf = np.array(pictures.get(f"{atoms.info['structure']}:{bond.label}", []))
        names = {"structure": atoms.info["structure"], "frame": atoms.info["name"], "bond": bond.label}
        place = {"left_atom": bond.left, "right_atom": bond.right}
        rows.append(names | place | bond_reading(elf, bond.length_angstrom, ruler, reader))
    return largest_first(rows)


def measured_text(table: pd.DataFrame, ruler: RulerSet, reader: str = READERS[0]) -> str:
    """A table for people of what `measure_frame` found."""
    header = ruler.header
    heads = ("length", "reading", "difference", "uncertainty", "by planes", "by members", "inside")
    lines = ["".join([f"{'bond':>12}", *(f"{head:>{len(head) + 3}}" for head in heads)])]
    for row in table.itertuples():
        start = f"{row.bond:>12}{row.length_angstrom:9.4f}"
        if not row.planes:
            lines.append(f"{start}   no image: no third atom beside the bond's line, or values that are not finite")
            continue
        marks = "*" * row.notable + "?" * (row.inside_share < 0.5)
        lines.append(
            f"{start}{row.reading_angstrom:10.4f}{row.difference_angstrom:+13.4f}{row.uncertainty_angstrom:14.4f}"
            f"{row.spread_planes_angstrom:12.4f}{row.spread_members_angstrom:13.4f}"
            f"{f'{round(row.inside_share * row.planes)}/{row.planes}':>9} {marks}"
        )
    trained = header["trained_on"]
    lines += [
        "",
        "Lengths in angstrom; atoms counted from 0; the largest difference first.",
        "reading      the length at which undisturbed bonds have such images; difference: reading - length",
        "uncertainty  spreads by planes and by members of the ruler, and its mean error of "
        f"{error_elsewhere(ruler, reader):.4f} on clusters not learned from",
        "inside       images of a kind the ruler has seen, of all",
        "*            a difference beyond twice its uncertainty      ?  most images are not inside: do not rely on it",
        f"Ruler: {level_text(header['level'])}; {trained['images']} images of {len(trained['structures'])} structures; {reader}"
        f"{f', seen through the mask {ruler.mask.name}' if ruler.mask else ''}.",
    ]
    return "\n".join(line.rstrip() for line in lines)


def measured_json(table: pd.DataFrame, ruler: RulerSet, reader: str = READERS[0]) -> dict[str, Any]:
    """The same for programs, as plain JSON: what is not known is null."""
    rows = [
        {key: None if isinstance(value, float) and math.isnan(value) else value for key, value in row.items()}
        for row in table.drop(columns=["structure", "frame"]).astype(object).to_dict("records")
    ]
    header = ruler.header
    return {
        "ruler": {key: header[key] for key in ("level", "elf", "error_angstrom", "trained_on")}
        | {"reader": reader, "mask": header.get("mask")},
        "bonds": [row | {"notable": bool(row["notable"])} for row in rows],
    }
