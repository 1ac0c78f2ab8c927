"""What the 3-D view shows: labelled frames as compact data for `viewer.js`."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers, covalent_radii
from ase.data.colors import jmol_colors

COLOURS = {
    "Au": "#dc9a1a", "Ag": "#b4bcc6", "Cu": "#b4623a", "Pt": "#8c97a6", "Pd": "#4f8d9b", "S": "#f3dd3c",
    "Se": "#e0a0c8", "P": "#d9628f", "C": "#5a5f66", "H": "#eef0f2", "N": "#4169c8", "O": "#cf3a34", "F": "#7cc36a",
    "Cl": "#3ca457", "Br": "#8c4a2f",
}  # fmt: skip
MOST_COORDINATES = 150_000
"""About 0.8 MB of text; beyond it frames, and at last structures, are shown at even intervals."""


def scene(frames: Sequence[Atoms]) -> dict[str, Any]:
    """Data of the 3-D view: frames grouped by structure, positions in 0.001 angstrom.

    Args:
        frames: Labelled frames; `info` names the structure, charge, energy and method where known.

    Returns:
        Elements (symbol, colour, covalent radius in angstrom) and structures, each with its frames; `found` counts
        the structures there were. Everything a user may have named is text here and stays text in the viewer.
    """
    groups: dict[str, list[Atoms]] = {}
    for atoms in frames:
        if len(atoms) and np.isfinite(atoms.positions).all():
            groups.setdefault(structure_of(atoms), []).append(atoms)
    names = sorted(groups)
    names = names[:: _stride(sum(3 * len(group[0]) for group in groups.values()))]  # enough for one frame of each
    stride = _stride(sum(3 * len(atoms) for name in names for atoms in groups[name]))
    symbols = sorted({symbol for name in names for atoms in groups[name] for symbol in set(atoms.symbols)})
    return {
        "elements": [[symbol, _colour(symbol), round(_radius(symbol), 2)] for symbol in symbols],
        "structures": [_structure(name, groups[name], stride, symbols) for name in names],
        "found": len(groups),
    }


def structure_of(atoms: Atoms) -> str:
    """Name of the structure that a frame belongs to."""
    return str(atoms.info.get("structure", atoms.info.get("name", atoms.symbols)))


def script(content: Any, variable: str) -> str:
    """JavaScript that sets one global variable; no text in it can end the script or a string.

    Args:
        content: Anything JSON knows.
        variable: Name of the global, ours and never the user's.
    """
    text = json.dumps(content, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    for character in "<>&":  # only ever inside strings, where the escape means the same
        text = text.replace(character, f"\\u{ord(character):04x}")
    return f"window.{variable} = {text};\n"


def _stride(coordinates: int) -> int:
    return max(1, -(-coordinates // MOST_COORDINATES))


def _structure(name: str, group: Sequence[Atoms], stride: int, symbols: list[str]) -> dict[str, Any]:
    return {
        "name": name,
        "formula": group[0].symbols.get_chemical_formula(mode="metal"),
        "total": len(group),
        "facing": _facing(group[0].positions),
        "frames": [_frame(group[number], number, symbols) for number in range(0, len(group), stride)],
    }


def _frame(atoms: Atoms, number: int, symbols: list[str]) -> dict[str, Any]:
    return {
        "name": str(atoms.info.get("name", f"frame {number + 1}")),
        "facts": _facts(atoms),
        "kinds": [symbols.index(symbol) for symbol in atoms.symbols],
        "xyz": np.rint(atoms.positions * 1000).astype(int).ravel().tolist(),
    }


def _facts(atoms: Atoms) -> str:
    """One line on a frame, of what its file says."""
    info = atoms.info
    facts = [f"{name} {info[name]}" for name in ("charge", "multiplicity") if name in info]
    if "energy_ev" in info:
        try:
            facts.append(f"energy {float(info['energy_ev']):.3f} eV")
        except (TypeError, ValueError):
            facts.append(f"energy {info['energy_ev']} eV")
    facts += [str(info[name]) for name in ("method", "basis", "engine", "source") if str(info.get(name, "")).strip()]
    return " · ".join(facts)


def _colour(symbol: str) -> str:
    red, green, blue = (round(255 * value) for value in jmol_colors[atomic_numbers[symbol]])
    return COLOURS.get(symbol, f"#{red:02x}{green:02x}{blue:02x}")


def _radius(symbol: str) -> float:
    return float(covalent_radii[atomic_numbers[symbol]])


def _facing(positions: np.ndarray) -> list[list[float]]:
    """Rotation (3, 3) that turns the widest face of a cluster to the reader: rows are the axes right, up, near."""
    centred = positions - positions.mean(axis=0)
    _, axes = np.linalg.eigh(centred.T @ centred)
    rows = axes.T[::-1].copy()  # widest first
    for row in rows[:2]:  # an axis has no sign of its own
        row *= 1 if row[np.argmax(np.abs(row))] > 0 else -1
    rows[2] = np.cross(rows[0], rows[1])
    return [[round(float(value), 4) for value in row] for row in rows]
