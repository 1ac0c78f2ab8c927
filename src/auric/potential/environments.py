"""The neighbours that an atom's surroundings are laid upon another's with, in the order its class needs.

=============  =======================================================================================================
class          neighbours, in order
=============  =======================================================================================================
`H`            its carbon, the two other hydrogens of that carbon
`C`            its sulfur, its three hydrogens
`S`            its carbon, its two nearest metal atoms
`unit Au`      two blocks: a sulfur, the carbon of that sulfur, the nearest other metal of that sulfur
`half-unit Au` one such block
`core Au`      a sulfur if there is one within the rule's cutoff, then the nearest metal atoms, at most twelve in all
`plain X`      the nearest atoms of any element (four), in no order that matters: all permutations are tried
=============  =======================================================================================================

The first six are those of arXiv:2203.09788, section II.C, for methyl thiolates; the last is that of alkanes in
ESANN 2021, pages 529-534. A longer or other ligand has atoms for which the first rules make no sense, such as a carbon
with two hydrogens; with `missing="plain"` these get the class `plain C` (so for every element) and models of their own.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from scipy.spatial.distance import cdist

from auric.errors import InputError, StructureError, suggestion
from auric.structures.motifs import METALS, MotifRule, atom_classes

THESIS_RULE = MotifRule(sulfur_cutoff_angstrom=3.0)
CORE_NEIGHBOURS = 12
METAL_REACH_ANGSTROM = 5.0
CARBON_SULFUR_REACH_ANGSTROM = 2.5
CARBON_HYDROGEN_REACH_ANGSTROM = 1.7
"""Far above the bonds (1.8 and 1.1 angstrom), so that hot dynamics pass and only atoms without such a neighbour fail."""
SCHEMES = ("H", "C", "S", "unit", "half-unit", "core", "plain")
MISSING = ("refuse", "leave out", "plain")
_NEEDS = {
    "H": "a carbon with two other hydrogens",
    "C": "a sulfur and three hydrogens",
    "S": "a carbon and two metal atoms",
    "unit": "two sulfurs, each with a carbon and another metal atom",
    "half-unit": "a sulfur with a carbon and another metal atom",
    "core": f"two metal atoms within {METAL_REACH_ANGSTROM:g} angstrom",
}


@dataclass(frozen=True)
class Environments:
    """Surroundings of N atoms of one class.

    Attributes:
        name: The class, such as `unit Au`.
        vectors: From the atom to its neighbours (angstrom), shape (N, M, 3); zero where there are fewer than M.
        counts: Number of neighbours of each atom, shape (N,).
        has_sulfur: Whether the first neighbour of a core atom is sulfur, shape (N,).
        atoms: Index of each atom in its structure, shape (N,).

    Raises:
        InputError: If shapes do not fit each other, a number is not finite or the class has no rule.
    """

    name: str
    vectors: np.ndarray
    counts: np.ndarray
    has_sulfur: np.ndarray
    atoms: np.ndarray

    def __post_init__(self) -> None:
        size = len(self.vectors)
        if self.vectors.ndim != 3 or self.vectors.shape[2] != 3:
            raise InputError(f"environments '{self.name}': vectors have shape {self.vectors.shape}; give (N, M, 3)")
        for word in ("counts", "has_sulfur", "atoms"):
            if getattr(self, word).shape != (size,):
                raise InputError(
                    f"environments '{self.name}': {word} has shape {getattr(self, word).shape}; give ({size},)"
                )
        if not np.isfinite(self.vectors).all():
            bad = np.argwhere(~np.isfinite(self.vectors))[0][0]
            raise InputError(f"environments '{self.name}': number {bad} has a vector that is not finite; correct it")
        if size and not (self.counts.min() >= 1 and self.counts.max() <= self.vectors.shape[1]):
            raise InputError(
                f"environments '{self.name}': counts lie outside 1 .. {self.vectors.shape[1]}; count the vectors"
            )
        if self.scheme not in SCHEMES:
            raise InputError(
                f"environments '{self.name}': no rule for '{self.scheme}'; {suggestion(self.scheme, SCHEMES)}"
            )

    @property
    def scheme(self) -> str:
        """The class without the element: `unit` of `unit Au`."""
        return self.name.split()[0] if self.name else ""

    def __len__(self) -> int:
        return len(self.vectors)

    def __getitem__(self, rows: slice | np.ndarray) -> "Environments":
        """Those in these rows (a slice or an array, not a single number)."""
        return Environments(self.name, self.vectors[rows], self.counts[rows], self.has_sulfur[rows], self.atoms[rows])


def join_environments(parts: Sequence[Environments]) -> Environments:
    """One after another, such as those of the frames of a run.

    Raises:
        InputError: If there are none, or of different classes or numbers of neighbours.
    """
    kinds = sorted({(part.name, part.vectors.shape[1]) for part in parts})
    if len(kinds) != 1:
        raise InputError(f"environments of {kinds or 'nothing'} cannot be joined; join those of one class")
    return Environments(
        kinds[0][0],
        np.concatenate([part.vectors for part in parts]),
        np.concatenate([part.counts for part in parts]),
        np.concatenate([part.has_sulfur for part in parts]),
        np.concatenate([part.atoms for part in parts]),
    )


def has_metal(frames: Sequence[Atoms]) -> bool:
    """Whether structures are clusters of a coinage metal, whose atoms fall into the classes above, or plain molecules."""
    return any(symbol in METALS for symbol in frames[0].symbols)


def plain_classes(atoms: Atoms) -> tuple[str, ...]:
    """Class `plain X` for every atom, X its element: for molecules without gold, such as alkanes."""
    return tuple(f"plain {symbol}" for symbol in atoms.symbols)


def atom_environments(
    atoms: Atoms,
    classes: Sequence[str] | None = None,
    *,
    rule: MotifRule = THESIS_RULE,
    missing: str = "refuse",
    neighbours: int = 4,
    only: Sequence[str] | None = None,
) -> dict[str, Environments]:
    """Surroundings of all atoms, by class.

    Args:
        atoms: A structure, not periodic; positions in angstrom.
        classes: Class of every atom; by default `atom_classes(atoms, rule)`.
        rule: What counts as unit and half-unit metal; its sulfur cutoff is that of all classes.
        missing: What happens to an atom without the neighbours that its class needs: `refuse`, `leave out` (the
            others' `atoms` tell which are there), or `plain` (it gets the class `plain X`, X its element).
        neighbours: Number of neighbours of the class `plain`.
        only: Classes wanted; by default all. Atoms of others are not looked at.

    Raises:
        StructureError: If a position is not finite, or an atom lacks neighbours and `missing` is `refuse`; with `plain`
            if there are not even enough atoms for that.
        InputError: If a setting or class is unknown, or there is not one class for each atom.
    """
    if missing not in MISSING:
        raise InputError(f"environments: missing='{missing}' is unknown; {suggestion(missing, MISSING)}")
    if not 1 <= neighbours <= 5:
        raise InputError(f"environments: {neighbours} plain neighbours; give 1 to 5 (all permutations are tried)")
    bad = np.flatnonzero(~np.isfinite(atoms.positions).all(axis=1))
    if len(bad):
        raise StructureError(
            f"atom {bad[0] + 1} ({atoms.symbols[bad[0]]}) has a coordinate that is not finite; correct it"
        )
    names = atom_classes(atoms, rule) if classes is None else tuple(classes)
    if len(names) != len(atoms):
        raise InputError(f"environments: {len(names)} classes for {len(atoms)} atoms; give one for each")
    search = _Search(atoms, rule.sulfur_cutoff_angstrom, neighbours)
    found: dict[str, list[tuple[int, list[int]]]] = {}
    for index, name in enumerate(names):
        if only is not None and name not in only and missing != "plain":
            continue
        scheme, symbol = name.split()[0] if name else "", str(atoms.symbols[index])
        if scheme not in SCHEMES and name != symbol:
            raise InputError(
                f"environments: no rule for class '{name}' of atom {index + 1}; {suggestion(scheme, SCHEMES)}"
            )
        near = search.neighbours(index, scheme)
        if not near and missing == "plain":
            name, scheme = f"plain {symbol}", "plain"
            near = search.neighbours(index, scheme)
        if near:
            found.setdefault(name, []).append((index, near))
        elif missing != "leave out":
            raise StructureError(
                f"atom {index + 1} ({symbol}) of class '{name}' lacks neighbours: needs "
                f"{_NEEDS.get(scheme, f'{neighbours} other atoms' if scheme == 'plain' else 'a rule of its own')}; "
                "take missing='plain' or 'leave out'"
            )
    return {
        name: _pack(name, atoms.positions, members, search.sulfur)
        for name, members in sorted(found.items())
        if only is None or name in only
    }


class _Search:
    """Nearest atoms of one structure."""

    def __init__(self, atoms: Atoms, sulfur_cutoff_angstrom: float, plain: int) -> None:
        self.distances = cdist(atoms.positions, atoms.positions)
        np.fill_diagonal(self.distances, np.inf)
        symbols = np.array(atoms.symbols)
        self.groups = {symbol: np.flatnonzero(symbols == symbol) for symbol in ("H", "C", "S")}
        self.groups |= {"metal": np.flatnonzero(np.isin(symbols, METALS)), "any": np.arange(len(atoms))}
        self.sulfur = symbols == "S"
        self.cutoff, self.plain = sulfur_cutoff_angstrom, plain

    def nearest(self, centre: int, group: str, count: int, reach: float = np.inf, without: int = -1) -> list[int]:
        """At most so many atoms of a group nearer than the reach, nearest first."""
        members = self.groups[group]
        lengths = self.distances[centre, members]
        order = np.argsort(lengths, kind="stable")
        return [int(i) for i in members[order[lengths[order] < reach]] if i != without][:count]

    def neighbours(self, index: int, scheme: str) -> list[int]:
        """In the order of the class, empty if some are missing."""
        if scheme == "H":
            carbon = self.nearest(index, "C", 1, CARBON_HYDROGEN_REACH_ANGSTROM)
            others = [self.nearest(i, "H", 2, CARBON_HYDROGEN_REACH_ANGSTROM, index) for i in carbon]
            return _all_of(3, carbon, *others)
        if scheme == "C":
            sulfur = self.nearest(index, "S", 1, CARBON_SULFUR_REACH_ANGSTROM)
            return _all_of(4, sulfur, self.nearest(index, "H", 3, CARBON_HYDROGEN_REACH_ANGSTROM))
        if scheme == "S":
            carbon = self.nearest(index, "C", 1, CARBON_SULFUR_REACH_ANGSTROM)
            return _all_of(3, carbon, self.nearest(index, "metal", 2, METAL_REACH_ANGSTROM))
        if scheme in ("unit", "half-unit"):
            blocks = 2 if scheme == "unit" else 1
            sulfurs = self.nearest(index, "S", blocks, self.cutoff)
            return _all_of(3 * blocks, *(self._block(sulfur, index) for sulfur in sulfurs))
        if scheme == "core":
            first = self.nearest(index, "S", 1, self.cutoff)
            metals = self.nearest(index, "metal", CORE_NEIGHBOURS - len(first), METAL_REACH_ANGSTROM)
            return first + metals if len(metals) >= 2 else []
        return _all_of(self.plain, self.nearest(index, "any", self.plain)) if scheme == "plain" else []

    def _block(self, sulfur: int, metal: int) -> list[int]:
        carbon = self.nearest(sulfur, "C", 1, CARBON_SULFUR_REACH_ANGSTROM)
        return _all_of(3, [sulfur], carbon, self.nearest(sulfur, "metal", 1, METAL_REACH_ANGSTROM, metal))


def _all_of(count: int, *parts: list[int]) -> list[int]:
    joined = [index for part in parts for index in part]
    return joined if len(joined) == count else []


def _pack(name: str, positions: np.ndarray, members: list[tuple[int, list[int]]], sulfur: np.ndarray) -> Environments:
    core = name.startswith("core")
    width = CORE_NEIGHBOURS if core else len(members[0][1])
    vectors = np.zeros((len(members), width, 3))
    for row, (index, near) in enumerate(members):
        vectors[row, : len(near)] = positions[near] - positions[index]
    return Environments(
        name,
        vectors,
        np.array([len(near) for _, near in members]),
        np.array([core and bool(sulfur[near[0]]) for _, near in members]),
        np.array([index for index, _ in members]),
    )
