"""Motifs: which metal atoms are core, and which units of sulfur and metal protect it ("divide and protect").

A definition, not a law. Metal with two or more sulfur neighbours is *unit* metal; metal with one sulfur neighbour and no
metal near it is *half-unit* metal (a unit that breaks or forms); all other metal is *core*. All sulfur, unit metal and
half-unit metal, joined by their bonds, fall into pieces, and each piece is a unit:

=========  ========================================================================
`ringN`    closed ring of N metal and N sulfur atoms
`nN`       chain S-(M-S)N: N metal atoms, sulfur at both ends
`nN-nM`    such chains joined by a sulfur that is bound to the core as well
`halfN`    chain (S-M)N: the metal at one end is half-unit metal
`b`, `bN`  one sulfur between two core atoms, or between N
`t`        one sulfur on one core atom (terminal)
`net(..)`  any other shape, such as a branched one, with its composition
`free`     one sulfur without metal, such as that of a sulfonate
=========  ========================================================================

`loose` before a chain's name: there is a core that binds sulfur, but not that at an end of this chain. Metals in
brackets, as in `n2(AuAg)`: not all of them are gold.

Divide and protect: Hakkinen, Walter, Gronbeck, J. Phys. Chem. B 110, 9927 (2006), doi:10.1021/jp0619787.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise

import numpy as np
from ase import Atoms
from scipy.spatial.distance import cdist

from auric.errors import InputError, StructureError

METALS = ("Au", "Ag", "Cd", "Co", "Cu", "Fe", "Hg", "Ir", "Ni", "Os", "Pd", "Pt", "Rh", "Ru", "Zn")
"""Elements that are treated like gold, each under its own symbol."""
_FAMILIES = ("ring", "n", "loose", "half", "b", "t", "net", "free")


@dataclass(frozen=True)
class MotifRule:
    """What counts as unit and half-unit metal. `MotifRule(sulfur_cutoff_angstrom=3.0)` is that of arXiv:2203.09788, II.C.

    Attributes:
        sulfur_cutoff_angstrom: Sulfur nearer than this is bound to the metal.
        metal_cutoff_angstrom: Metals nearer than this touch; half-unit metal touches none.
        most_contacts: Metal that touches more metals than this is core, however many sulfur neighbours it has; None
            sets no limit.

    Raises:
        InputError: If a cutoff is not a positive number or the limit is negative.
    """

    sulfur_cutoff_angstrom: float = 2.7
    metal_cutoff_angstrom: float = 3.0
    most_contacts: int | None = None

    def __post_init__(self) -> None:
        for name, cutoff in (("sulfur", self.sulfur_cutoff_angstrom), ("metal", self.metal_cutoff_angstrom)):
            if not 0 < cutoff < np.inf:
                raise InputError(f"motifs: {name} cutoff {cutoff} is no positive number; give angstrom, such as 2.7")
        if self.most_contacts is not None and self.most_contacts < 0:
            raise InputError(
                f"motifs: at most {self.most_contacts} contacts is impossible; give 0 or more, or leave it"
            )


@dataclass(frozen=True)
class Unit:
    """One unit. Indices count from 0; along a chain or ring sulfur and metal take turns, sulfur first."""

    kind: str
    metals: tuple[int, ...]
    sulfurs: tuple[int, ...]
    core: tuple[int, ...]
    """Core atoms that its sulfur is bound to."""


@dataclass(frozen=True)
class Motifs:
    """A cluster as core and units; `str()` gives one line such as `Au38S24: Au23 @ 6 x n2 + 3 x n1`."""

    formula: str
    core_formula: str
    core: tuple[int, ...]
    units: tuple[Unit, ...]
    classes: tuple[str, ...]
    """Class of every atom, see `atom_classes`."""
    rule: MotifRule

    def __str__(self) -> str:
        counts = Counter(unit.kind for unit in self.units)  # keeps the order of the units, which are sorted
        terms = [f"{n}{' x ' if re.match('(loose )?(n|half)[0-9]', kind) else ' '}{kind}" for kind, n in counts.items()]
        return f"{self.formula}: {f'{self.core_formula} @ ' if self.core else ''}{' + '.join(terms)}"

    def as_json(self) -> dict[str, object]:
        """Text, rule, core, units and classes with atom indices, which count from 0, as lists and dictionaries."""
        indices: dict[str, list[int]] = {name: [] for name in sorted(set(self.classes))}
        for index, name in enumerate(self.classes):
            indices[name].append(index)
        return {
            "text": str(self),
            "rule": asdict(self.rule),
            "formula": self.formula,
            "core": {"formula": self.core_formula, "atoms": self.core},
            "units": [asdict(unit) for unit in self.units],
            "classes": indices,
        }


def atom_classes(atoms: Atoms, rule: MotifRule | None = None) -> tuple[str, ...]:
    """Class of every atom: `core Au`, `unit Au` or `half-unit Au` (so for each of `METALS`), else its symbol.

    Args:
        atoms: A cluster, not periodic; positions in angstrom.
        rule: What counts as unit and half-unit metal.

    Raises:
        StructureError: If there is no metal, no sulfur, no bond between them, or a position that is not finite.
    """
    rule = rule or MotifRule()
    metals, sulfurs = _metals_and_sulfurs(atoms)
    bound = _near(atoms, metals, sulfurs, rule.sulfur_cutoff_angstrom).sum(axis=1)
    touched = _near(atoms, metals, metals, rule.metal_cutoff_angstrom).sum(axis=1) - 1  # all but itself
    if not bound.any():
        raise StructureError(
            f"{atoms.get_chemical_formula()} has no sulfur within {rule.sulfur_cutoff_angstrom:g} angstrom of a metal; "
            "check the coordinates' unit (angstrom) or raise the cutoff"
        )
    classes = [str(symbol) for symbol in atoms.symbols]
    for metal, sulfur_count, contacts in zip(metals, bound, touched, strict=True):
        unit = sulfur_count >= 2 and (rule.most_contacts is None or contacts <= rule.most_contacts)
        half_unit = sulfur_count == 1 and contacts == 0
        classes[metal] = f"{'unit' if unit else 'half-unit' if half_unit else 'core'} {classes[metal]}"
    return tuple(classes)


def find_motifs(atoms: Atoms, rule: MotifRule | None = None) -> Motifs:
    """Divide a cluster into its core and the units that protect it. Arguments and errors are those of `atom_classes`."""
    rule = rule or MotifRule()
    classes = atom_classes(atoms, rule)
    metals, sulfurs = _metals_and_sulfurs(atoms)
    neighbours: dict[int, list[int]] = {atom: [] for atom in metals + sulfurs}
    for i, j in np.argwhere(_near(atoms, metals, sulfurs, rule.sulfur_cutoff_angstrom)):
        neighbours[metals[i]].append(sulfurs[j])
        neighbours[sulfurs[j]].append(metals[i])
    core = {metal for metal in metals if classes[metal].startswith("core")}
    shell = {atom: [i for i in near if i not in core] for atom, near in neighbours.items() if atom not in core}
    anchors = {atom: [i for i in neighbours[atom] if i in core] for atom in shell}
    units = [_unit(atoms, piece, shell, anchors) for piece in _pieces(shell)]
    return Motifs(
        formula=_formula(atoms, metals + sulfurs),
        core_formula=_formula(atoms, core),
        core=tuple(sorted(core)),
        units=tuple(sorted(units, key=_rank)),
        classes=classes,
        rule=rule,
    )


def _metals_and_sulfurs(atoms: Atoms) -> tuple[list[int], list[int]]:
    metals = [i for i, symbol in enumerate(atoms.symbols) if symbol in METALS]
    sulfurs = [i for i, symbol in enumerate(atoms.symbols) if symbol == "S"]
    for found, name in ((metals, "gold or like metal"), (sulfurs, "sulfur")):
        if not found:
            raise StructureError(f"{atoms.get_chemical_formula()} holds no {name}; motifs need gold and sulfur")
    bad = np.flatnonzero(~np.isfinite(atoms.positions).all(axis=1))
    if len(bad):
        raise StructureError(
            f"atom {bad[0] + 1} ({atoms.symbols[bad[0]]}) has a coordinate that is not finite; correct it"
        )
    return metals, sulfurs


def _near(atoms: Atoms, first: Sequence[int], second: Sequence[int], cutoff_angstrom: float) -> np.ndarray:
    """Whether atoms are nearer than the cutoff, shape (len(first), len(second))."""
    near: np.ndarray = cdist(atoms.positions[first], atoms.positions[second]) < cutoff_angstrom
    return near


def _pieces(graph: dict[int, list[int]]) -> list[list[int]]:
    """Connected pieces, each sorted."""
    pieces, left = [], set(graph)
    while left:
        found = waiting = {left.pop()}
        while waiting:
            waiting = {near for atom in waiting for near in graph[atom]} - found
            found = found | waiting
        left -= found
        pieces.append(sorted(found))
    return pieces


def _unit(atoms: Atoms, piece: list[int], shell: dict[int, list[int]], anchors: dict[int, list[int]]) -> Unit:
    """Name one piece and put it in order."""
    metals, sulfurs = ([i for i in piece if (atoms.symbols[i] == "S") is sulfur] for sulfur in (False, True))
    core = tuple(sorted({anchor for atom in piece for anchor in anchors[atom]}))
    if not metals:
        return Unit({0: "free", 1: "t", 2: "b"}.get(len(core), f"b{len(core)}"), (), tuple(sulfurs), core)
    ends = [atom for atom in piece if len(shell[atom]) == 1]
    sulfur_ends = [atom for atom in ends if atom in sulfurs]
    if max(len(shell[atom]) for atom in piece) > 2 or (ends and not sulfur_ends):
        return Unit(f"net({_formula(atoms, piece)})", tuple(metals), tuple(sulfurs), core)
    if ends:
        paths = [_walk(end, shell) for end in sulfur_ends]
        # From the end that has the longer part next to it, else from the lower index: a name depends on no order.
        path = max(paths, key=lambda path: (_lengths(path, anchors), -path[0]))
        parts = [f"n{length}" for length in _lengths(path, anchors)]
        if len(sulfur_ends) == 1:
            parts[-1] = parts[-1].replace("n", "half")
        loose = any(anchors.values()) and not all(anchors[end] for end in sulfur_ends)
        kind = ("loose " if loose else "") + "-".join(parts)
    else:
        path = _walk(min(sulfurs), shell)
        kind = f"ring{len(metals)}"
    if any(atoms.symbols[i] != "Au" for i in metals):
        kind += f"({_formula(atoms, metals)})"
    return Unit(kind, tuple(path[1::2]), tuple(path[0::2]), core)


def _lengths(path: list[int], anchors: dict[int, list[int]]) -> list[int]:
    """Numbers of metal atoms between the sulfur atoms of a chain that are bound to the core."""
    cuts = [i for i in range(2, len(path) - 1, 2) if anchors[path[i]]]
    return [(stop - start) // 2 for start, stop in pairwise([0, *cuts, 2 * (len(path) // 2)])]


def _walk(start: int, graph: dict[int, list[int]]) -> list[int]:
    """Atoms of a chain or ring in order, from `start`; in a ring towards the neighbour of the lower index."""
    path = [start]
    while onward := [near for near in graph[path[-1]] if near not in path]:
        path.append(min(onward))
    return path


def _rank(unit: Unit) -> tuple[int, bool, int, str, tuple[int, ...]]:
    """Order of units: families as in `_FAMILIES`, joined chains last in theirs, long before short."""
    family = re.split("[^a-z]", unit.kind)[0]
    return _FAMILIES.index(family), "-" in unit.kind, -len(unit.metals), unit.kind, unit.sulfurs


def _formula(atoms: Atoms, indices: Iterable[int]) -> str:
    """Composition with gold first, the other metals after it and sulfur last, such as `AuAg24S18`."""
    counts = Counter(str(atoms.symbols[i]) for i in indices)
    return "".join(
        f"{symbol}{counts[symbol] if counts[symbol] > 1 else ''}" for symbol in (*METALS, "S") if counts[symbol]
    )
