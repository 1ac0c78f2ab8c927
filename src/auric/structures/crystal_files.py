"""cif and POSCAR files: one cluster in a cell, or all atoms of an ordered crystal; others are refused with reasons."""

import re
import warnings
from collections.abc import Callable, Sequence
from io import StringIO
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from ase import Atoms
from ase.data import covalent_radii
from ase.io import read
from ase.io.cif import CIFBlock, parse_cif
from ase.neighborlist import neighbor_list
from scipy.spatial.distance import pdist

from auric.errors import StructureError
from auric.files import check_columns
from auric.machine import raise_lack
from auric.progress import log
from auric.structures.check import OVERLAP_SHARE
from auric.structures.fields import ATOM_LIMIT, ELEMENTS, coordinates, decimal_number, whole_number, written_element
from auric.structures.periodic import cell_vectors, check_cell

Parsed = TypeVar("Parsed")

CELL_TAGS = [f"_cell_{tag}" for tag in ("length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma")]
OPERATION_TAGS = ("_space_group_symop_operation_xyz", "_symmetry_equiv_pos_as_xyz")
GROUP_TAGS = (
    "_space_group_name_h-m_alt",
    "_symmetry_space_group_name_h-m",
    "_space_group_it_number",
    "_symmetry_int_tables_number",
)

MOST_IN_CELL = 20_000
"""Atoms of a cell that symmetry fills."""
FARTHEST_CELLS = 1000
"""Sites and their images lie no further from the cell, by its edges."""
ONE_SITE_ANGSTROM = 0.1
"""Images of an atom nearer than this are the atom itself, on an element of symmetry; further ones that overlap are disorder about it."""
_TERM = r"(?:([xyz])|(\d+(?:\.\d+)?)(?:/([1-9]\d*))?)"
_TERMS = re.compile(rf"[+-]?{_TERM}(?:[+-]{_TERM})*", re.ASCII)  # one way to read it, whatever its length


def read_cif(path: Path, text: str) -> Atoms:
    """The sites of the one data block that has any, in space group P 1 (IUCr, CIF core dictionary 2.4).

    Raises:
        StructureError: If several blocks hold sites, symmetry repeats them, sites are disordered, partly occupied or
            overlap, or an element, coordinate or the cell is not given.
    """
    block, atoms, labels = _sites(path, text)
    _refuse(path, [_symmetry(block, len(atoms)), _disorder(block), _overlap(atoms, labels)])
    return atoms


def read_cif_cell(path: Path, text: str) -> Atoms:
    """All atoms of the cell: the sites as listed, then their images by the operations of symmetry that the file lists.

    Returns:
        Periodic; `info["listed"]` is the number of sites that are listed. An image on its own site (within `ONE_SITE_ANGSTROM`)
        is left out.

    Raises:
        StructureError: As `read_cif`, but for symmetry, which is refused only where it is named and no operations are listed, or
            one is none.
    """
    block, sites, labels = _sites(path, text)
    words = max((_column(block, tag) for tag in OPERATION_TAGS), key=len)
    unlisted = "" if len(words) > 1 else _symmetry(block, len(sites))
    _refuse(path, [unlisted, _disorder(block)])
    if len(sites) * len(words) > MOST_IN_CELL:
        raise StructureError(
            f"{path}: {len(sites)} sites and {len(words)} operations of symmetry are more than {MOST_IN_CELL} atoms; save one cluster as xyz"
        )
    near = np.abs(sites.get_scaled_positions(wrap=False)) <= FARTHEST_CELLS
    if not near.all():
        raise StructureError(f"{path}: a site lies more than {FARTHEST_CELLS} cells away; correct its coordinates")
    fractions, origin = _images(sites, [_operation(path, str(word)) for word in words])
    atoms = Atoms(sites.numbers[origin], cell=sites.cell, pbc=True, info={"listed": len(sites)})
    atoms.set_scaled_positions(fractions)
    try:
        check_cell(atoms)
    except StructureError as error:
        raise StructureError(f"{path}: {error}") from None
    _refuse(path, [_overlap(atoms, [labels[i] for i in origin] if len(labels) == len(sites) else [], across=True)])
    return atoms


def _images(sites: Atoms, operations: list[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """Fractions of all atoms of a cell, shape (atoms, 3), the sites first, and the number of each atom's site."""
    listed = sites.get_scaled_positions(wrap=False)
    every = np.array([listed, *(listed @ turn.T + shift for turn, shift in operations)])
    kept = np.ones(every.shape[:2], dtype=bool)
    for later in range(1, len(every)):
        apart = every[:later] - every[later]
        apart -= np.rint(apart)
        near = np.linalg.norm(apart @ sites.cell.array, axis=2) < ONE_SITE_ANGSTROM
        kept[later] = ~(near & kept[:later]).any(axis=0)
    return every[kept], np.broadcast_to(np.arange(len(sites)), kept.shape)[kept]


def _operation(path: Path, text: str) -> tuple[np.ndarray, np.ndarray]:
    """Matrix, shape (3, 3), and shift, shape (3,), of an operation such as `-x, y+1/2, -z`, on fractions."""
    turn, shift = np.zeros((3, 3)), np.zeros(3)
    parts = text.lower().replace(" ", "").split(",")
    if len(parts) == 3 and all(map(_TERMS.fullmatch, parts)):
        for row, part in enumerate(parts):
            for sign, axis, number, below in re.findall(f"([+-]?){_TERM}", part, re.ASCII):
                value = -1.0 if sign == "-" else 1.0
                if axis:
                    turn[row, "xyz".index(axis)] += value
                else:
                    shift[row] += value * float(number) / float(below or 1)
    if abs(abs(np.linalg.det(turn)) - 1) > 1e-6 or not np.abs(shift).max() <= FARTHEST_CELLS:
        raise StructureError(f"{path}: '{text[:40]}' is no operation of symmetry; write one such as -x,y+1/2,-z")
    return turn, shift


def _refuse(path: Path, reasons: Sequence[str]) -> None:
    if any(reasons):
        raise StructureError(
            f"{path}: a crystal, not one whole cluster: {'; '.join(filter(None, reasons))}. In a crystal viewer "
            "(Mercury, VESTA) complete the cluster, choose one conformation, drop solvent, and save it as xyz"
        )


def _sites(path: Path, text: str) -> tuple[CIFBlock, Atoms, list[str]]:
    """The block with sites, they as listed in their cell, and their labels."""
    blocks = [block for block in _blocks(path, text) if _column(block, "_atom_site_fract_x")]
    if len(blocks) != 1:
        names = ", ".join(block.name for block in blocks)[:100]
        raise StructureError(
            f"{path}: holds {len(blocks)} data blocks with atoms ({names}); keep one"
            if blocks
            else f"{path}: no atoms in it (no column _atom_site_fract_x); provide a structure"
        )
    block = blocks[0]
    labels = [str(label) for label in _column(block, "_atom_site_label")]
    symbols = _cif_elements(path, block, labels)
    axes = [_column(block, f"_atom_site_fract_{axis}") for axis in "xyz"]
    if not 0 < len(symbols) == len(axes[0]) == len(axes[1]) == len(axes[2]):
        raise StructureError(f"{path}: the columns of its sites differ in length; correct the file")
    if len(symbols) > ATOM_LIMIT:
        raise StructureError(f"{path}: {len(symbols)} sites are more than {ATOM_LIMIT}; cut the structure down")
    fractions = [coordinates([str(axis[i]) for axis in axes], f"{path}, site {i + 1}") for i in range(len(symbols))]
    cell = [decimal_number(str(block.get(tag))) for tag in CELL_TAGS]
    atoms = Atoms(symbols, cell=cell_vectors(cell[:3], cell[3:], str(path)), pbc=True)
    atoms.set_scaled_positions(np.array(fractions))
    return block, atoms, labels


def _blocks(path: Path, text: str) -> list[CIFBlock]:
    blocks, doubts = _through_ase(path, "cif", lambda: list(parse_cif(StringIO(text))))
    for doubt in doubts:
        if doubt.startswith("Wrong number"):  # the parser drops such rows
            raise StructureError(f"{path}: {doubt[:200]}; write one row of a loop per line")
    return blocks


def _column(block: CIFBlock, tag: str) -> list[Any]:
    column = block.get(tag, [])
    return column if isinstance(column, list) else [column]


def _cif_elements(path: Path, block: CIFBlock, labels: list[str]) -> list[str]:
    kinds = [str(kind) for kind in _column(block, "_atom_site_type_symbol")]
    symbols: list[str] = []
    for i, word in enumerate(kinds or labels):
        match = re.fullmatch(r"([A-Za-z]{1,2})[0-9+-]*", word) if kinds else None  # Au, S2-, Au0+
        symbol = match[1].capitalize() if match else written_element(word)
        if symbol is None or symbol not in ELEMENTS:
            raise StructureError(
                f"{path}, site {i + 1}: the element of '{word[:40]}' is not certain; "
                "give the column _atom_site_type_symbol with symbols such as Au"
            )
        symbols.append(symbol)
    return symbols


def _symmetry(block: CIFBlock, count: int) -> str:
    operations = max((len(_column(block, tag)) for tag in OPERATION_TAGS), default=0)
    groups = [str(block[tag]) for tag in GROUP_TAGS if tag in block]
    named = [group for group in groups if group.replace(" ", "").upper() not in ("P1", "1", "?", ".")]
    if operations <= 1 and not named:
        return ""
    name = (named or groups or ["not named"])[0]
    return f"space group {name} repeats its {count} sites ({operations or 'unlisted'} operations)"


def _disorder(block: CIFBlock) -> str:
    occupancies = [decimal_number(str(value)) for value in _column(block, "_atom_site_occupancy")]
    partial = sum(value < 0.999 for value in occupancies)  # what is not given ('?', '.') is full
    marked = [str(group) not in (".", "?", "0", "") for group in _column(block, "_atom_site_disorder_group")]
    found = [f"{partial} sites are partly occupied"] if partial else []
    found += [f"{sum(marked)} sites are marked as disordered"] if any(marked) else []
    return ", ".join(found)


def _overlap(atoms: Atoms, labels: Sequence[str], *, across: bool = False) -> str:
    """The nearest sites, if they overlap (`across` the cell's walls too): disorder that the file does not mark."""
    radii = covalent_radii[atoms.numbers]
    if across:
        first, second, lengths = neighbor_list("ijd", atoms, OVERLAP_SHARE * 2 * radii.max())
    else:
        first, second = np.triu_indices(len(atoms), 1)
        lengths = pdist(atoms.positions)
    ratios = lengths / (radii[first] + radii[second])
    if not len(ratios) or ratios.min() >= OVERLAP_SHARE:
        return ""
    worst = int(ratios.argmin())
    names = labels if len(labels) == len(atoms) else [f"site {n + 1}" for n in range(len(atoms))]
    i, j = sorted((first[worst], second[worst]))
    return f"{names[i]} and {names[j]} are {lengths[worst]:.2f} angstrom apart (disorder that is not marked)"


def read_poscar(path: Path, text: str) -> Atoms:
    """A POSCAR or CONTCAR of VASP 5 or later; velocities and what else follows the coordinates is left out.

    Raises:
        StructureError: If the line of element symbols is missing (VASP 4), or the file is truncated or damaged.
    """
    lines = text.splitlines()
    symbols = [re.split("[/_]", word)[0] for word in (lines[5].split() if len(lines) > 7 else [])]  # Au_pv, Au/5c1e
    if not symbols or any(symbol not in ELEMENTS for symbol in symbols):
        raise StructureError(
            f"{path}, line 6: expected element symbols (VASP 5 or later); add the line 'Au S ...' before the counts"
        )
    counts = [whole_number(word) for word in lines[6].partition("!")[0].split()]
    if len(counts) != len(symbols) or not all(counts):
        raise StructureError(
            f"{path}, line 7: expected {len(symbols)} numbers of atoms, found '{lines[6].strip()[:40]}'"
        )
    first = 9 if lines[7].strip()[:1].lower() == "s" else 8  # selective dynamics
    if len(lines) < first or lines[first - 1].strip()[:1].lower() not in ("d", "c", "k"):
        raise StructureError(f"{path}, line {first}: expected 'Direct' or 'Cartesian'")
    total = sum(count for count in counts if count)
    rows = lines[first : first + total]
    for number, row in enumerate(rows, start=first + 1):
        coordinates(row.split()[:3], f"{path}, line {number}")
    if len(rows) < total:
        raise StructureError(
            f"{path}: {total} atoms announced, {len(rows)} lines of atoms found; the file is truncated"
        )
    lines[5] = " ".join(symbols)
    return read_with_ase(path, "\n".join([*lines[: first + total], ""]), "vasp")


def read_with_ase(path: Path, text: str, file_format: str) -> Atoms:
    """The first frame as ASE reads it, its warnings logged.

    Raises:
        StructureError: If ASE cannot read it, or finds unknown elements.
    """

    def parse() -> Atoms:
        if file_format == "extxyz":
            check_columns("".join(text.splitlines()[1:2]))
        return read(StringIO(text), index=0, format=file_format)

    atoms, _ = _through_ase(path, file_format, parse)
    if (atoms.numbers == 0).any():
        raise StructureError(f"{path}: holds an unknown element; use symbols such as Au")
    return atoms


def _through_ase(path: Path, file_format: str, parse: Callable[[], Parsed]) -> tuple[Parsed, list[str]]:
    """What ASE makes of a text, and its warnings, which are logged."""
    try:
        with warnings.catch_warnings(record=True) as doubts:
            warnings.simplefilter("always")
            parsed = parse()
    except Exception as error:  # ASE's readers raise whatever the text makes them; the reason is kept for the user
        raise_lack(error, path)
        raise StructureError(
            f"{path}: not readable as {file_format} ({type(error).__name__}: {error}); correct it or save it as xyz"
        ) from error
    messages = [str(doubt.message) for doubt in doubts]
    for message in messages:
        log.warning("%s: %s", path, message)
    return parsed, messages
