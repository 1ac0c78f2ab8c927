"""Proposals for a structure search of Au_m(SH)_n: random drawings of bonds brought into space, and moves.

Atoms are kept in one order: m gold, n sulfur, then n hydrogen, the i-th hydrogen on the i-th sulfur. A unit is one gold
atom, or one S with its H.
"""

from collections.abc import Callable

import numpy as np
from ase import Atoms
from scipy.optimize import minimize

from auric.errors import StructureError

GOLD, SULFUR, HYDROGEN = 79, 16, 1
SPRING_ANGSTROM = {"Au-S": 2.33, "S-H": 1.35, "Au-Au": 2.8, "S-Au-S": 4.6, "Au-S-Au": 3.4, "Au-S-H": 2.75}
"""Lengths that a drawing asks for: bonds, and distances across one atom (straight at gold, bent at sulfur)."""
CONTACT_ANGSTROM = {
    (GOLD, GOLD): 2.6, (SULFUR, GOLD): 2.25, (SULFUR, SULFUR): 3.3, (HYDROGEN, GOLD): 2.4, (HYDROGEN, SULFUR): 2.6,
    (HYDROGEN, HYDROGEN): 2.1,
}  # fmt: skip
"""Atoms that a drawing does not join are pushed apart to these distances."""
GAP_ANGSTROM = 0.5
"""Gold and sulfur, or gold and gold, that a drawing leaves unbonded stay this much farther apart than a contact."""
GRAVITY = 0.003
"""Pull on the gold of a drawing; it keeps unbonded pieces together."""
HALF_GAP_ANGSTROM = 0.4
"""Spliced halves are put together with twice this between their outermost units."""

Wanted = dict[tuple[int, int], float]


def drawing(gold: int, thiolates: int, rng: np.random.Generator) -> Atoms:
    """A random Au_m(SH)_n: a compact gold core, SH-(Au-SH)x staples on it, and rings; each S between two Au.

    Args:
        gold: Number of gold atoms, m.
        thiolates: Number of SH, n.
        rng: Source of randomness.

    Returns:
        m gold, n sulfur and n hydrogen atoms, positions in angstrom.

    Raises:
        StructureError: If there are fewer than three thiolates, or fewer gold atoms than thiolates.
    """
    if not 3 <= thiolates <= gold:
        raise StructureError(
            f"Au{gold}(SH){thiolates} cannot be drawn; give at least three thiolates and as many gold atoms or more"
        )
    chains = _chains(thiolates, gold - thiolates, rng)
    core = gold - sum(length - 1 + ring for length, ring in chains)
    wanted = _core(core, rng)
    load = np.zeros(core)
    next_gold, next_sulfur = core, gold
    for length, ring in chains:
        inner = list(range(next_gold, next_gold + length - 1 + ring))
        sulfurs = list(range(next_sulfur, next_sulfur + length))
        if ring:
            golds = [inner[-1], *inner]
        else:
            first, last = _anchors(load, wanted, near=length == 1, rng=rng)
            golds = [first, *inner, last]
        _join(wanted, golds, sulfurs, thiolates, ring)
        next_gold, next_sulfur = next_gold + len(inner), next_sulfur + length
    scattered = _atoms(gold, thiolates, rng.normal(scale=3.0, size=(gold + 2 * thiolates, 3)))
    return embed(scattered, wanted, gap_angstrom=GAP_ANGSTROM, gravity=GRAVITY)


def embed(atoms: Atoms, wanted: Wanted, *, gap_angstrom: float = 0.0, gravity: float = 0.0) -> Atoms:
    """The atoms, moved until wanted pairs have their distances and no others are in contact, as far as both can be.

    Args:
        atoms: Any atoms of gold, sulfur and hydrogen.
        wanted: Distance (angstrom) by pair of indices, the smaller first.
        gap_angstrom: Added to the contact distances of Au-Au and Au-S pairs that are not wanted.
        gravity: Pull of gold towards the centre, in units of a spring's force constant.
    """
    i, j = np.triu_indices(len(atoms), 1)
    pair = list(zip(i.tolist(), j.tolist(), strict=True))
    joined = np.array([p in wanted for p in pair])
    numbers = np.sort(atoms.numbers[np.c_[i, j]], axis=1)
    contact = np.array([CONTACT_ANGSTROM[int(a), int(b)] for a, b in numbers])
    contact[(numbers[:, 0] != HYDROGEN) & (numbers[:, 1] == GOLD)] += gap_angstrom
    length = np.array([wanted.get(p, d) for p, d in zip(pair, contact, strict=True)])
    pulled = (atoms.numbers == GOLD)[:, None]

    def strain(flat: np.ndarray) -> tuple[float, np.ndarray]:
        positions = flat.reshape(-1, 3)
        apart = positions[i] - positions[j]
        distance = np.linalg.norm(apart, axis=1) + 1e-9
        off = np.where(joined, distance - length, np.minimum(distance - length, 0.0))
        pull = (2 * off / distance)[:, None] * apart
        gradient = 2 * gravity * pulled * positions
        np.add.at(gradient, i, pull)
        np.add.at(gradient, j, -pull)
        return float(off @ off + gravity * ((pulled * positions) ** 2).sum()), gradient.ravel()

    found = minimize(strain, (atoms.positions - atoms.positions.mean(axis=0)).ravel(), jac=True, method="L-BFGS-B")
    moved: Atoms = atoms.copy()
    moved.positions = found.x.reshape(-1, 3)
    return moved


def splice(upper: Atoms, lower: Atoms, rng: np.random.Generator) -> Atoms:
    """Cut and splice (doi:10.1103/PhysRevLett.75.288): the top of one structure on the bottom of another, both turned.

    The cut is made in the first, at a random height; the second gives those units that make the composition right.
    """
    gold, thiolates = _sizes(upper)
    units = gold + thiolates
    top, bottom = _turned(upper, rng), _turned(lower, rng)
    share = int(rng.integers(2, units - 1))
    above = np.sort(np.argsort(-top[:units, 2])[:share])
    above_gold = int((above < gold).sum())
    order = np.argsort(bottom[:units, 2])
    below_gold = gold - above_gold
    below = np.r_[order[order < gold][:below_gold], order[order >= gold][: thiolates - share + above_gold]]
    top[:, 2] -= top[above, 2].min() - HALF_GAP_ANGSTROM
    bottom[:, 2] -= bottom[below, 2].max() + HALF_GAP_ANGSTROM
    sulfurs = np.r_[top[above[above_gold:]], bottom[below[below_gold:]]]
    hydrogens = np.r_[top[above[above_gold:] + thiolates], bottom[below[below_gold:] + thiolates]]
    positions = np.r_[top[above[:above_gold]], bottom[below[:below_gold]], sulfurs, hydrogens]
    return _relieved(_atoms(gold, thiolates, positions))


def rattle(atoms: Atoms, rng: np.random.Generator) -> Atoms:
    """All units displaced at random, by some tenths of an angstrom, each S with its H."""
    gold, thiolates = _sizes(atoms)
    shift = rng.normal(scale=rng.uniform(0.1, 0.4), size=(gold + thiolates, 3))
    return _relieved(_atoms(gold, thiolates, atoms.positions + np.r_[shift, shift[gold:]]))


def twist(atoms: Atoms, rng: np.random.Generator) -> Atoms:
    """One half turned against the other about a random axis through the centre."""
    gold, thiolates = _sizes(atoms)
    positions = _turned(atoms, rng)
    above = positions[: gold + thiolates, 2] > 0
    angle = rng.uniform(0.5, np.pi)
    cosine, sine = np.cos(angle), np.sin(angle)
    turn = np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]])
    rows = np.r_[above, above[gold:]]
    positions[rows] = positions[rows] @ turn.T
    return _relieved(_atoms(gold, thiolates, positions))


def move_unit(atoms: Atoms, rng: np.random.Generator) -> Atoms:
    """One unit taken off and put, from outside, over the middle of a random pair of near atoms: SH on Au-Au, Au on any."""
    gold, thiolates = _sizes(atoms)
    positions = atoms.positions - atoms.positions.mean(axis=0)
    unit = int(rng.integers(gold + thiolates))
    seats = [k for k in range(gold if unit >= gold else gold + thiolates) if k != unit]
    first = int(rng.choice(seats))
    nearest = sorted(seats, key=lambda k: float(np.linalg.norm(positions[k] - positions[first])))[1:4]
    middle = (positions[first] + positions[int(rng.choice(nearest))]) / 2
    outside = middle + rng.normal(scale=1.0, size=3)
    outside /= np.linalg.norm(outside)
    positions[unit] = middle + 1.9 * outside
    if unit >= gold:
        positions[unit + thiolates] = positions[unit] + SPRING_ANGSTROM["S-H"] * outside
    return _relieved(_atoms(gold, thiolates, positions))


def turn_hydrogen(atoms: Atoms, rng: np.random.Generator) -> Atoms:
    """One H, or two, put on the other side."""
    gold, thiolates = _sizes(atoms)
    turned = atoms
    for sulfur in gold + rng.permutation(thiolates)[: int(rng.integers(1, 3))]:
        turned = other_side(turned, int(sulfur))
    return _relieved(turned)


def other_side(atoms: Atoms, sulfur: int) -> Atoms:
    """The H of a sulfur (its index among the atoms) mirrored at the plane of that sulfur and its two nearest gold atoms."""
    gold, thiolates = _sizes(atoms)
    positions = atoms.positions.copy()
    spokes = positions[:gold] - positions[sulfur]
    first, second = spokes[np.argsort(np.linalg.norm(spokes, axis=1))[:2]]
    normal = np.cross(first, second)
    normal /= np.linalg.norm(normal)
    hydrogen = sulfur + thiolates
    positions[hydrogen] -= 2 * ((positions[hydrogen] - positions[sulfur]) @ normal) * normal
    return _atoms(gold, thiolates, positions)


MOVES: tuple[tuple[Callable[[Atoms, np.random.Generator], Atoms], float], ...] = (
    (rattle, 0.15), (twist, 0.15), (move_unit, 0.4), (turn_hydrogen, 0.3),
)  # fmt: skip
"""Moves of one structure, and how often each is taken."""


def _sizes(atoms: Atoms) -> tuple[int, int]:
    return int((atoms.numbers == GOLD).sum()), int((atoms.numbers == SULFUR).sum())


def _atoms(gold: int, thiolates: int, positions: np.ndarray) -> Atoms:
    return Atoms([GOLD] * gold + [SULFUR] * thiolates + [HYDROGEN] * thiolates, positions)


def _relieved(atoms: Atoms) -> Atoms:
    """The atoms without close contacts, each H at its S."""
    gold, thiolates = _sizes(atoms)
    return embed(atoms, {(gold + k, gold + thiolates + k): SPRING_ANGSTROM["S-H"] for k in range(thiolates)})


def _turned(atoms: Atoms, rng: np.random.Generator) -> np.ndarray:
    """Positions about the centre, in a random orientation, shape (atoms, 3)."""
    frame, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    turned: np.ndarray = (atoms.positions - atoms.positions.mean(axis=0)) @ frame
    return turned


def _chains(thiolates: int, spare: int, rng: np.random.Generator) -> list[tuple[int, bool]]:
    """Random chains as (number of SH, whether it is a ring); `spare` gold atoms stay when each SH has taken one."""
    if spare == 0:
        return [(thiolates, True)]
    chains, left = [], thiolates
    if rng.random() < 0.4:
        chains.append((int(rng.integers(3, left + 1)), True))
        left -= chains[0][0]
    if left:
        cuts = np.sort(rng.choice(np.arange(1, left), size=int(rng.integers(left)), replace=False))
        chains += [(int(length), False) for length in np.diff(np.r_[0, cuts, left])]
    return chains


def _core(core: int, rng: np.random.Generator) -> Wanted:
    """Wanted Au-Au distances: each further atom sits on an edge or a face of those before."""
    wanted: Wanted = {}
    for atom in range(1, core):
        seat = [int(rng.integers(atom))]
        for other in rng.permutation(atom).tolist():
            if len(seat) < 3 and all((min(other, s), max(other, s)) in wanted for s in seat):
                seat.append(other)
        for other in seat[: int(rng.integers(2, 4))]:
            wanted[other, atom] = SPRING_ANGSTROM["Au-Au"]
    return wanted


def _anchors(load: np.ndarray, wanted: Wanted, *, near: bool, rng: np.random.Generator) -> tuple[int, int]:
    """Two core atoms for the ends of a staple, little loaded ones first; neighbours for a single SH."""
    order = np.argsort(load + rng.random(len(load))).tolist()
    first = order[0]
    bonded = [k for k in order[1:] if (min(first, k), max(first, k)) in wanted]
    second = bonded[0] if near else order[1]
    load[[first, second]] += 1
    return first, second


def _join(wanted: Wanted, golds: list[int], sulfurs: list[int], thiolates: int, ring: bool) -> None:
    """Add a chain's distances; the k-th sulfur lies between the k-th and the next gold."""

    def want(first: int, second: int, kind: str) -> None:
        if first != second:
            wanted.setdefault((min(first, second), max(first, second)), SPRING_ANGSTROM[kind])

    for k, sulfur in enumerate(sulfurs):
        hydrogen = sulfur + thiolates
        want(sulfur, hydrogen, "S-H")
        want(golds[k], golds[k + 1], "Au-S-Au")
        for gold in golds[k : k + 2]:
            want(gold, sulfur, "Au-S")
            want(gold, hydrogen, "Au-S-H")
        if k or ring:
            want(sulfurs[k - 1], sulfur, "S-Au-S")
