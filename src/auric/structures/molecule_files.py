"""mol2 and pdb files: elements from what the file says for certain, never from a guess between two."""

import re
from pathlib import Path

import numpy as np
from ase import Atoms

from auric.errors import StructureError
from auric.structures.fields import (
    ELEMENTS,
    coordinates,
    decimal_number,
    possible_elements,
    whole_number,
    written_element,
)
from auric.structures.periodic import cell_vectors

MOL2_WILDCARDS = frozenset({"Any", "Du", "Hal", "Het", "Hev", "LP"})
"""Atom types of mol2 that stand for no one element."""


def read_mol2(path: Path, text: str, *, listed: bool = False) -> Atoms:
    """One molecule of a Tripos mol2 file (its documentation: Tripos, "Mol2 File Format", SYBYL 7.1).

    A type with a dot (`S.3`, `N.ar`) names the element before it. Any other type may be SYBYL's or a force field's
    (`Ca` calcium, `CA` aromatic carbon), so name and type must leave one element (`CA` with name `C11`: carbon), or
    both begin with it as a symbol is written (`Pd` with name `Pd1`). A charge column that sums to a whole number other
    than zero (within 0.01) states the total charge; zero does not, as programs fill in zeros.

    Args:
        path: The file, for messages.
        text: What is in it.
        listed: Take the atoms as listed where symmetry repeats them, and say so in `info["symmetry"]`, instead of refusing them.

    Raises:
        StructureError: If there is not exactly one molecule, or it is truncated, or an element is not certain.
    """
    sections: dict[str, list[tuple[int, str]]] = {}
    lines: list[tuple[int, str]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if line.startswith("@<TRIPOS>"):
            name = line[len("@<TRIPOS>") :].strip()
            if name in ("MOLECULE", "ATOM") and name in sections:
                raise StructureError(f"{path}, line {number}: a second {name} section; give one molecule per file")
            lines = sections.setdefault(name, [])
        elif not line.startswith("#"):
            lines.append((number, line))
    header = [line.split() for _, line in sections.get("MOLECULE", [])]
    count = whole_number(header[1][0]) if len(header) > 1 and header[1] else None
    if not count:
        raise StructureError(f"{path}: the MOLECULE section gives no number of atoms; is this a mol2 file?")
    rows = [(number, line.split()) for number, line in sections.get("ATOM", []) if line.strip()]
    if len(rows) != count:
        raise StructureError(f"{path}: {count} atoms announced, {len(rows)} found; the file is truncated or damaged")
    symbols, positions, charges = [], [], []
    for number, words in rows:
        where = f"{path}, line {number}"
        if len(words) < 6:
            raise StructureError(f"{where}: expected 'id name x y z type', found '{' '.join(words)[:60]}'")
        positions.append(coordinates(words[2:5], where))
        symbols.append(_mol2_element(words[1], words[5], where))
        charges.append(words[8] if len(words) > 8 else "")
    crystal = [line.split() for _, line in sections.get("CRYSIN", []) if line.strip()]
    atoms = Atoms(symbols, np.array(positions))
    if crystal:
        _set_cell(
            atoms,
            crystal[0][:6],
            symmetry="" if crystal[0][6:7] in ([], ["1"]) else f"space group {crystal[0][6]}",
            listed=listed,
            where=f"{path}, CRYSIN",
        )
    charge_type = header[3][0] if len(header) > 3 and header[3] else ""
    _state_charge(atoms, charges if charge_type != "NO_CHARGES" else [])
    return atoms


def _mol2_element(name: str, kind: str, where: str) -> str:
    symbol, dot, _ = kind.partition(".")
    choices = possible_elements(kind) & possible_elements(name)
    written = written_element(kind)
    if kind in MOL2_WILDCARDS:
        choices = set()
    elif dot:
        choices = {symbol} & ELEMENTS
    elif written and written == written_element(name):
        choices = {written}
    if len(choices) != 1:
        found = " or ".join(sorted(choices)) or "none"
        raise StructureError(
            f"{where}: the element of atom '{name}' of type '{kind}' is not certain ({found}); "
            "give it a SYBYL type (Au, S.3, C.ar) and a name that begins with its symbol (Au1)"
        )
    return choices.pop()


def _state_charge(atoms: Atoms, column: list[str]) -> None:
    total = sum(decimal_number(word) for word in column)  # nan if a row has none
    if abs(total - np.rint(total)) < 0.01 and np.rint(total):
        atoms.info["stated_charge"] = int(np.rint(total))


def read_pdb(path: Path, text: str, *, listed: bool = False) -> Atoms:
    """One model of a pdb file (wwPDB, "Atomic Coordinate Entry Format", version 3.3).

    The element is that of columns 77-78. Where they are empty, the atom's name must leave one element up to radon:
    `AUL`, `ST`, `C` and `HB` do; `CA` (carbon or calcium), `PD`, `PT`, `CD` and `HG` do not and are refused. Formal
    charges (columns 79-80) are not taken for the total: they are rarely given for all atoms.

    Args:
        path: The file, for messages.
        text: What is in it.
        listed: As of `read_mol2`.

    Raises:
        StructureError: If a line is cut off, an element is not certain, or there are several models, alternate
            locations or partial occupancies.
    """
    symbols: list[str] = []
    positions: list[list[float]] = []
    cell: list[str] = []
    symmetry = ""
    for number, line in enumerate(text.splitlines(), start=1):
        record, where = line[:6].strip(), f"{path}, line {number}"
        if record == "MODEL" and positions:
            raise StructureError(f"{where}: a second model; give one structure per file")
        if record == "CRYST1":
            cell = [line[i:j].strip() for i, j in ((6, 15), (15, 24), (24, 33), (33, 40), (40, 47), (47, 54))]
            group = line[55:66].strip()
            symmetry = "" if group.upper() in ("", "P 1", "P1", "1") else f"space group {group}"
        if record not in ("ATOM", "HETATM"):
            continue
        if len(line.rstrip()) < 54:
            raise StructureError(f"{where}: the line ends before the coordinates do (column 54); the file is truncated")
        occupancy = line[54:60].strip()
        if line[16] != " " or re.fullmatch(r"0?\.\d*[1-9]\d*", occupancy):  # 0.00 is a common filler
            raise StructureError(
                f"{where}: alternate location '{line[16].strip()}' or occupancy {occupancy or 'none'} (disorder); "
                "choose one conformation in a crystal viewer and save it as xyz"
            )
        positions.append(coordinates([line[i : i + 8].strip() for i in (30, 38, 46)], where))
        symbols.append(_pdb_element(line, where))
    if not symbols:
        raise StructureError(f"{path}: no ATOM or HETATM lines; is this a pdb file?")
    atoms = Atoms(symbols, np.array(positions))
    if cell:
        _set_cell(atoms, cell, symmetry=symmetry, listed=listed, where=f"{path}, CRYST1")
    return atoms


def _pdb_element(line: str, where: str) -> str:
    given, name = line[76:78].strip(), line[12:16].strip()
    choices = {given.capitalize()} & ELEMENTS if given else possible_elements(name)
    if len(choices) != 1:
        found = f"'{given}' is none" if given else " or ".join(sorted(choices)) or "none"
        raise StructureError(
            f"{where}: the element of atom '{name}' is not certain ({found}); write it into columns 77-78"
        )
    return choices.pop()


def _set_cell(atoms: Atoms, words: list[str], *, symmetry: str, listed: bool, where: str) -> None:
    """Make the atoms periodic; edges in angstrom, angles in degrees."""
    if symmetry and listed:
        atoms.info["symmetry"] = symmetry
    elif symmetry:
        raise StructureError(
            f"{where}: symmetry of a crystal repeats these atoms, so they need not be a whole cluster; "
            "complete it in a crystal viewer (Mercury, VESTA) and save it as xyz"
        )
    edges, angles = coordinates(words[:3], where), coordinates(words[3:6], where)
    if max(edges) <= 1:  # programs write edges of 0 or 1 where there is no cell
        return
    atoms.set_cell(cell_vectors(edges, angles, where))
    atoms.pbc = True
