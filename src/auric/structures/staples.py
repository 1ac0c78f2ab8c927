"""Staple-protected gold clusters, core @ units, built from an ideal core ("divide and protect").

The core stays as it is. Each unit S-(Au-S)n starts as an arch between the core atoms it joins; its atoms then settle where
bonds and angles have typical values and everything else keeps its distance. That is a least-squares problem over pair
distances without any random number. R goes last: sulfur is a pyramid, so that R lies on one of two sides of its staple.
"""

from collections.abc import Iterator
from itertools import pairwise, permutations, product

import numpy as np
from ase import Atoms
from scipy.optimize import least_squares

from auric.errors import StructureError
from auric.structures.cores import Core, Staple
from auric.structures.ligands import Ligand, attach

CORE_S_ANGSTROM, UNIT_S_ANGSTROM = 2.42, 2.33
"""Typical S-Au distances to a core atom and in a unit; relaxation decides the final ones."""
S_AU_S_DEG, UNIT_S_UNIT_DEG, CORE_S_UNIT_DEG = 172.0, 98.0, 88.0
"""Typical angles at a unit's gold, and at sulfur between gold atoms of unit and unit or core and unit."""
APART_ANGSTROM = {("Au", "Au"): 3.2, ("Au", "S"): 3.7, ("S", "S"): 4.0}
"""Atoms that are neither bound nor at the ends of an angle push each other away, weakly beyond this distance."""
PUSH, PUSH_POWER = 0.15, 3
"""Their residual is PUSH (apart / distance)^PUSH_POWER, that of a bond its error in angstrom."""
TILT_DEG = 22.0
"""R leaves sulfur at this angle above the direction across the staple; the S-Au-C angles are then about 105 degrees."""
LISTED_SULFUR = 18
"""Of so many R all patterns are listed, 2^18 before symmetry."""


Chain = tuple[int, ...]
"""Indices of a staple's atoms in the order of its bonds, with the core atoms that it joins at both ends."""


def build_staple_cluster(core: Core, ligand: Ligand, updown: str = "") -> Atoms:
    """Build a cluster: gold of the core, gold of the units, sulfur, then each ligand's atoms (angstrom).

    Args:
        core: Core and staples, such as `ideal_core("Au13", "6xn2")`.
        ligand: R, one of `LIGANDS` or made by `thiol_ligand`.
        updown: Side of each R: one word of U and D per staple, joined by `-`, or one per kind of staple, the same on all
            of the kind. Seen along a staple from its first to its last sulfur with the core below, U is right (see
            `staple_conformers`). By default the sides of `core`.

    Raises:
        StructureError: If `updown` does not fit the staples.
    """
    sides = _sides(core, updown)
    symbols, chains = _chains(core)
    positions = _settle(core, symbols, chains)
    order = np.argsort([symbol != "Au" for symbol in symbols], kind="stable")
    framework = Atoms([symbols[k] for k in order], positions[order])
    outward, across = [], []
    for chain, word in zip(chains, sides, strict=True):
        for k, side in enumerate(word):
            before, sulfur, after = positions[list(chain[2 * k : 2 * k + 3])]
            normal = _unit(np.cross(before - sulfur, after - sulfur))
            away = -_unit(_unit(before - sulfur) + _unit(after - sulfur))
            tilt = np.radians(TILT_DEG)
            outward.append(np.sin(tilt) * away + np.cos(tilt) * (normal if side == "U" else -normal))
            across.append(away)
    first = len(core.positions_angstrom) + sum(staple.golds for staple in core.staples)
    atoms = attach(framework, range(first, len(framework)), np.array(outward), np.array(across), ligand)
    atoms.positions = np.round(atoms.positions, 6) + 0.0
    return atoms


def staple_conformers(core: Core, *, alike: bool = True) -> list[str]:
    """Patterns of the sides of R that no symmetry of core and staples (rotation, reflection, inversion) makes equal.

    Args:
        core: Core and staples.
        alike: Only patterns with one word for all staples of a kind; others number thousands.

    Returns:
        Words for `build_staple_cluster`: those alike one per kind of staple, others one per staple.

    Raises:
        StructureError: If all patterns are asked for where there are more than 2^18.
    """
    sizes = [staple.golds + 1 for staple in core.staples]
    if alike:
        kinds = [["".join(word) for word in product("UD", repeat=size)] for size in dict.fromkeys(sizes)]
        words = ["-".join(choice) for choice in product(*kinds)]
        sides = np.array([[letter == "D" for letter in "".join(_sides(core, word))] for word in words])
    elif sum(sizes) <= LISTED_SULFUR:
        sides = np.array(list(product([False, True], repeat=sum(sizes))))
        words = []
    else:
        raise StructureError(
            f"{core.name} @ {core.units}: 2^{sum(sizes)} patterns are too many to list; list those alike"
        )
    weights = 1 << np.arange(sum(sizes) - 1, -1, -1)
    smallest = np.full(len(sides), 1 << sum(sizes))
    for source, exchanged in _images(core):
        smallest = np.minimum(smallest, (sides[:, source] ^ exchanged) @ weights)
    _, first = np.unique(smallest, return_index=True)
    if alike:
        return [words[k] for k in np.sort(first)]
    letters = np.array(["U", "D"])[sides[np.sort(first)].astype(int)]
    return ["-".join("".join(word) for word in np.split(row, np.cumsum(sizes)[:-1])) for row in letters]


def _sides(core: Core, updown: str) -> list[str]:
    """The word of each staple."""
    if not updown:
        return [staple.sides for staple in core.staples]
    sizes = [staple.golds + 1 for staple in core.staples]
    words = updown.split("-")
    kinds = list(dict.fromkeys(sizes))
    if len(words) == len(kinds):
        words = [words[kinds.index(size)] for size in sizes]
    if [len(word) for word in words] != sizes or set("".join(words)) - set("UD"):
        example = "-".join("UDUDUDUD"[:size] for size in kinds)
        raise StructureError(
            f"updown={updown[:80]} does not fit {core.name} @ {core.units}; give one word of U and D per kind of staple, "
            f"such as {example}, or {len(sizes)} words, one per staple, joined by -"
        )
    return words


def _chains(core: Core) -> tuple[list[str], list[Chain]]:
    """Elements of core and staples, the staples' in the order of their bonds, and the chains."""
    symbols, chains = ["Au"] * len(core.positions_angstrom), []
    for staple in core.staples:
        start, size = len(symbols), 2 * staple.golds + 1
        symbols += ["S" if k % 2 == 0 else "Au" for k in range(size)]
        chains.append((staple.anchors[0], *range(start, start + size), staple.anchors[1]))
    return symbols, chains


def _settle(core: Core, symbols: list[str], chains: list[Chain]) -> np.ndarray:
    """Positions of core and staples, shape (atoms, 3), where the residuals of all pairs are least."""
    fixed = len(core.positions_angstrom)
    arches = [_arch(core, staple) for staple in core.staples]
    start = np.vstack([core.positions_angstrom, *arches])
    typical = _typical_distances(symbols, chains, fixed)
    first, second = np.triu_indices(len(start), 1)
    first, second = first[second >= fixed], second[second >= fixed]
    pairs = list(zip(first.tolist(), second.tolist(), strict=True))
    target = np.array([typical.get(pair, np.nan) for pair in pairs])
    apart = np.array([APART_ANGSTROM[min(symbols[i], symbols[j]), max(symbols[i], symbols[j])] for i, j in pairs])
    bound, rows = np.isfinite(target), np.arange(len(pairs))

    def vectors(free: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        positions = np.vstack([core.positions_angstrom, free.reshape(-1, 3)])
        vector = positions[first] - positions[second]
        return vector, np.linalg.norm(vector, axis=1)

    def residuals(free: np.ndarray) -> np.ndarray:
        _, distance = vectors(free)
        return np.asarray(np.where(bound, distance - target, PUSH * (apart / distance) ** PUSH_POWER))

    def slopes(free: np.ndarray) -> np.ndarray:
        vector, distance = vectors(free)
        slope = np.where(bound, 1.0, -PUSH_POWER * PUSH * (apart / distance) ** PUSH_POWER / distance)
        gradient = np.zeros((len(pairs), len(start), 3))
        gradient[rows, first] = (slope / distance)[:, None] * vector
        gradient[rows, second] = -gradient[rows, first]
        return gradient[:, fixed:].reshape(len(pairs), -1)

    # So tight that what machines round differently lies far below the digits that are kept.
    tight = {"xtol": 1e-14, "ftol": 1e-14, "gtol": 1e-14}
    settled = least_squares(residuals, start[fixed:].ravel(), jac=slopes, method="lm", **tight)
    return np.asarray(np.vstack([core.positions_angstrom, np.reshape(settled.x, (-1, 3))]))


def _arch(core: Core, staple: Staple) -> np.ndarray:
    """Atoms of a staple, shape (2 golds + 1, 3), on an arc from above one anchor to above the other."""
    ends = core.positions_angstrom[list(staple.anchors)] - staple.centre_angstrom
    radius = np.linalg.norm(ends, axis=1).mean() + CORE_S_ANGSTROM
    directions = np.array([_unit(end) for end in ends])
    angle = np.arccos(directions[0] @ directions[1])
    share = np.linspace(0, 1, 2 * staple.golds + 1)[:, None]
    arc = (np.sin((1 - share) * angle) * directions[0] + np.sin(share * angle) * directions[1]) / np.sin(angle)
    return np.asarray(staple.centre_angstrom + radius * arc)


def _typical_distances(symbols: list[str], chains: list[Chain], fixed: int) -> dict[tuple[int, int], float]:
    """Of bonds and of the ends of angles, by the pair of atoms (smaller index first)."""
    found = {}

    def bond(i: int, j: int) -> float:
        return CORE_S_ANGSTROM if min(i, j) < fixed else UNIT_S_ANGSTROM

    for chain in chains:
        for i, j in pairwise(chain):
            found[min(i, j), max(i, j)] = bond(i, j)
        for i, j, k in zip(chain, chain[1:], chain[2:], strict=False):
            angle = S_AU_S_DEG if symbols[j] == "Au" else CORE_S_UNIT_DEG if min(i, k) < fixed else UNIT_S_UNIT_DEG
            one, other = bond(i, j), bond(j, k)
            found[min(i, k), max(i, k)] = float(
                np.sqrt(one**2 + other**2 - 2 * one * other * np.cos(np.radians(angle)))
            )
    return found


def _images(core: Core) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """For each symmetry: of which sulfur each one takes its side, and whether U and D are exchanged, shapes (sulfurs,)."""
    sizes = [staple.golds + 1 for staple in core.staples]
    starts = np.cumsum([0, *sizes])
    ends = np.array([staple.anchors for staple in core.staples])
    for turn in _symmetries(core):
        moved = core.positions_angstrom[ends] @ turn.T
        source, exchanged = np.empty(starts[-1], int), np.empty(starts[-1], bool)
        for number, target in enumerate(moved):
            place = np.abs(core.positions_angstrom[ends][:, None] - [target, target[::-1]]).max((2, 3)) < 1e-6
            ((other, backward),) = np.argwhere(place)
            here = np.arange(starts[number], starts[number + 1])
            there = np.arange(starts[other], starts[other + 1])
            source[there] = here[::-1] if backward else here
            # Right becomes left for who walks the other way, and in a mirror.
            exchanged[there] = bool(backward) ^ (np.linalg.det(turn) < 0)
        yield source, exchanged


def _symmetries(core: Core) -> Iterator[np.ndarray]:
    """Orthogonal matrices (3, 3) about the origin that lay core on core and staples on staples.

    Each is fixed by where it takes three corners that do not lie in one plane with the origin.
    """
    joined = [core.positions_angstrom[list(staple.anchors)] for staple in core.staples]
    corners = np.vstack(joined)
    first = next(
        list(three) for three in permutations(range(len(corners)), 3) if abs(np.linalg.det(corners[list(three)])) > 1
    )
    frame, inverse = corners[first] @ corners[first].T, np.linalg.inv(corners[first])
    for three in permutations(range(len(corners)), 3):
        if np.abs(corners[list(three)] @ corners[list(three)].T - frame).max() < 1e-6:
            turn = (inverse @ corners[list(three)]).T
            if _contains(core.positions_angstrom, core.positions_angstrom @ turn.T) and all(
                any(_contains(other, pair @ turn.T) for other in joined) for pair in joined
            ):
                yield turn


def _contains(points: np.ndarray, others: np.ndarray) -> bool:
    return bool((np.linalg.norm(points[:, None] - others[None], axis=-1).min(axis=0) < 1e-6).all())


def _unit(vector: np.ndarray) -> np.ndarray:
    return np.asarray(vector / np.linalg.norm(vector))
