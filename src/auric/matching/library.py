"""From structures to a library of pairs: cores, the ligand sets they were reported with, and what was dropped on the way."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from ase import Atoms
from ase.data import chemical_symbols
from ase.formula import Formula

from auric.errors import InputError, StructureError
from auric.files import read_frames, write_frames, write_table
from auric.matching.crystals import read_cluster
from auric.matching.fingerprints import SAME_GEOMETRY, CoreFingerprint, core_fingerprint, geometry_groups
from auric.matching.ligand_smiles import METALS, functional_group, ligand_set
from auric.matching.splitting import check_core, split_cluster

PAIR_COLUMNS = ("name", "formula", "geometry", "nuclearity", "ligands", "source", "compound", "simplified")
DROPPED_COLUMNS = ("structure", "step", "what", "reason")
SUSPICIOUS = "kept, suspicious"
"""Step of what is not dropped but may be wrong."""
SYMMETRY_LEFT = (
    "atoms are taken as the file lists them; where the cluster lies on an element of symmetry, export it whole"
)
MOST_LIGANDS = 4
"""Kinds of ligands of one cluster, as in the paper."""
LEAST_METALS, MOST_METALS = 3, 400
SIZES = f"a cluster has {LEAST_METALS} to {MOST_METALS} here"
LONGEST_FORMULA = 300


@dataclass(frozen=True)
class Pair:
    """A core and the ligands it was reported with.

    Attributes:
        name: Of the structure.
        core: Metals with their halide, hydride and chalcogenide atoms, positions in angstrom.
        ligands: Set of ligands, standard SMILES joined by '.'.
        source: Where it was reported.
        fingerprint: Of the core.
        geometry: Number of its geometry in the library.
        compound: Formula of the whole cluster (`standard_formula`); '' where it is not known.
        simplified: What of the reported core is left out here, such as an outer shell; '' for a whole core.
    """

    name: str
    core: Atoms
    ligands: str
    source: str
    fingerprint: CoreFingerprint
    geometry: int = -1
    compound: str = ""
    simplified: str = ""

    @property
    def identity(self) -> str:
        """What is made: the compound and its ligands, as ligands may be isomers of each other; '' where it is not known."""
        return f"{self.compound} of {self.ligands}" if self.compound else ""


@dataclass(frozen=True)
class Library:
    """Reported pairs.

    Attributes:
        pairs: Each once.
        dropped: What was dropped, rows of `DROPPED_COLUMNS`.
        same_as: Names of pairs that were dropped as duplicates, and of those kept in their place.
    """

    pairs: tuple[Pair, ...]
    dropped: tuple[dict[str, str], ...] = ()
    same_as: Mapping[str, str] = field(default_factory=dict)

    @property
    def ligands(self) -> tuple[str, ...]:
        """Every ligand of the library, once, sorted."""
        return tuple(sorted({one for pair in self.pairs for one in pair.ligands.split(".")}))


def standard_formula(text: str) -> str:
    """A formula such as `Ag25(SC8H9)18` in the order of Hill, brackets multiplied out; '' stays.

    Raises:
        StructureError: What is no formula.
    """
    if not text:
        return ""
    try:
        formula = Formula(text[:LONGEST_FORMULA])
        counts = formula.count()
        if not counts or len(text) > LONGEST_FORMULA or not set(counts) <= set(chemical_symbols[1:]):
            raise ValueError
        return str(formula.convert("hill"))
    except ValueError:
        raise StructureError(f"compound '{text[:60]}' is no formula; write one such as Ag25(SC8H9)18") from None


def pair_of(name: str, core: Atoms, ligands: str, source: str, *, compound: str = "", simplified: str = "") -> Pair:
    """A checked pair.

    Raises:
        StructureError: A core that is none (`check_core`), ligands that are none (`ligand_set`), or a compound that is no formula.
    """
    check_core(core)
    return Pair(
        name, core, ligand_set(ligands), source, core_fingerprint(core), compound=standard_formula(compound), simplified=simplified
    )  # fmt: skip


def pair_of_file(
    path: str | Path, *, name: str | None = None, source: str | None = None
) -> tuple[Pair, list[dict[str, str]]]:
    """The pair of a structure's file, and what of the file was dropped, or kept though it may be wrong.

    Raises:
        StructureError: If the file cannot be read or taken apart, or holds no ligands.
    """
    atoms = read_cluster(path)
    name = name or Path(path).stem
    split = split_cluster(atoms)
    dropped = [dropped_row(name, "pieces of the file", what, reason) for what, reason in split.dropped]
    dropped += [dropped_row(name, SUSPICIOUS, what, reason) for what, reason in split.suspicious]
    if "symmetry" in atoms.info:
        dropped.append(dropped_row(name, SUSPICIOUS, str(atoms.info["symmetry"]), SYMMETRY_LEFT))
    pair = pair_of(name, split.core, split.ligand_set, source or str(atoms.info["source"]), compound=split.compound)
    return pair, dropped


def cleaned(pairs: Sequence[Pair], *, tolerance: float = SAME_GEOMETRY) -> Library:
    """Number the geometries, and drop what is no cluster and what is there already.

    Steps, in order: size (`LEAST_METALS` to `MOST_METALS`), kinds of ligands (`MOST_LIGANDS`), compounds (a simplified core where
    a whole one of the same compound is there), duplicates (the same composition and geometry of the core with the same ligands;
    the first is kept).
    """
    whole = {pair.identity: pair.name for pair in pairs if pair.identity and not pair.simplified}
    kept, dropped = [], []
    for pair in pairs:
        metals, kinds = pair.fingerprint.nuclearity, pair.ligands.count(".") + 1
        if not LEAST_METALS <= metals <= MOST_METALS:
            dropped.append(dropped_row(pair.name, "size", pair.fingerprint.formula, f"{metals} metal atoms: {SIZES}"))
        elif kinds > MOST_LIGANDS:
            dropped.append(
                dropped_row(pair.name, "ligands", pair.ligands, f"{kinds} kinds of ligands, at most {MOST_LIGANDS}")
            )
        elif pair.simplified and pair.identity in whole:
            dropped.append(
                dropped_row(
                    pair.name,
                    "compounds",
                    pair.compound,
                    f"{pair.simplified}; {whole[pair.identity]} has the whole core",
                )
            )
        else:
            kept.append(pair)
    groups = geometry_groups([pair.fingerprint for pair in kept], tolerance=tolerance)
    met: dict[tuple[int, str, str], str] = {}
    same_as: dict[str, str] = {}
    pure = []
    for pair, group in zip(kept, groups, strict=True):
        key = (int(group), pair.fingerprint.formula, pair.ligands)
        if key in met:
            dropped.append(
                dropped_row(pair.name, "duplicates", pair.fingerprint.formula, f"the same pair as {met[key]}")
            )
            same_as[pair.name] = met[key]
            continue
        met[key] = pair.name
        pure.append(replace(pair, geometry=int(group)))
    return Library(tuple(pure), tuple(dropped), same_as)


def library_statistics(library: Library) -> list[dict[str, Any]]:
    """Counts of the library as rows `what`, `which`, `count`: cores by metals and size, ligands by group, number of kinds."""
    rows: list[dict[str, Any]] = []

    def tell(what: str, values: Sequence[Any]) -> None:
        rows.extend({"what": what, "which": value, "count": count} for value, count in sorted(Counter(values).items()))

    pairs = library.pairs
    tell("pairs", ["all"] * len(pairs))
    tell("geometries", ["all"] * len({pair.geometry for pair in pairs}))
    tell("ligands", ["all"] * len(library.ligands))
    tell("metals of the core", ["+".join(_metals(pair.core)) for pair in pairs])
    tell("cores", ["simplified" if pair.simplified else "whole" for pair in pairs])
    tell("number of metals", [f"{len(_metals(pair.core))}" for pair in pairs])
    tell("nuclearity", [_range(pair.fingerprint.nuclearity) for pair in pairs])
    tell("kinds of ligands", [f"{pair.ligands.count('.') + 1}" for pair in pairs])
    tell("functional group", [functional_group(one) for one in library.ligands])
    return rows


def write_library(library: Library, cores: str | Path, table: str | Path, dropped: str | Path) -> None:
    """Write the cores (extended xyz), the table of pairs and that of what was dropped."""
    frames = []
    for pair in library.pairs:
        frame = Atoms(pair.core.numbers, pair.core.positions, info={"name": pair.name, "source": pair.source})
        frames.append(frame)
    write_frames(cores, frames)
    rows = [
        {"name": pair.name, "formula": pair.fingerprint.formula, "geometry": pair.geometry, "nuclearity": pair.fingerprint.nuclearity,
         "ligands": pair.ligands, "source": pair.source, "compound": pair.compound, "simplified": pair.simplified}
        for pair in library.pairs
    ]  # fmt: skip
    write_table(table, rows, PAIR_COLUMNS)
    write_table(dropped, list(library.dropped), DROPPED_COLUMNS)


def read_library(cores: str | Path, table: str | Path) -> Library:
    """Read what `write_library` wrote.

    Raises:
        InputError: If the two do not belong together.
    """
    frames = read_frames(cores)
    rows = pd.read_csv(table, dtype=str, keep_default_na=False).to_dict("records")
    if [frame.info.get("name") for frame in frames] != [row.get("name") for row in rows]:
        raise InputError(f"{cores} and {table}: the names of cores and pairs differ; make both again")
    pairs = [
        Pair(row["name"], Atoms(frame.numbers, frame.positions), row["ligands"], row["source"], core_fingerprint(frame), int(row["geometry"]),
             row["compound"], row["simplified"])
        for frame, row in zip(frames, rows, strict=True)
    ]  # fmt: skip
    return Library(tuple(pairs))


def dropped_row(structure: str, step: str, what: str, reason: str) -> dict[str, str]:
    """A row of `DROPPED_COLUMNS`."""
    return {"structure": structure, "step": step, "what": what, "reason": reason}


def _metals(core: Atoms) -> list[str]:
    return sorted({str(core.symbols[i]) for i in np.flatnonzero(np.isin(core.numbers, list(METALS)))})


def _range(count: int) -> str:
    edges = (10, 20, 30, 40, 60, 100, MOST_METALS)
    top = next(edge for edge in edges if count <= edge)
    return f"up to {top:3d}"
