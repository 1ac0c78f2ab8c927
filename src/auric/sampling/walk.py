r"""Metropolis Monte Carlo of ligand-protected clusters by moves of blocks (doi:10.1021/acs.jpca.0c01512).

In a step every part of the cluster is tried once, in random order: metal atoms, sulfur atoms whose ligand turns to keep facing
them, and ligands, which shift and turn about their bond to sulfur. A trial is accepted with probability

    min(1, exp(-dE / (k_B T)))

Shifts are drawn evenly from a cube, turns evenly from an interval, so that a move is as likely as its reverse (`move_blocks`
says why volumes are kept). There is one size of shifts and turns for all parts; it is adapted while the walk equilibrates, then
frozen. Ligands are rigid: mean energies of a walk lie (degrees of freedom frozen) k_B T / 2 below those of dynamics, so that
differences are compared, never absolute energies.
"""

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.units import kB

from auric.errors import InputError
from auric.progress import Counter, log
from auric.provenance import digest
from auric.sampling.energies import WalkingEnergies
from auric.sampling.trajectory import Recording, frame_text
from auric.sampling.wall import Wall
from auric.structures import Block, move_blocks, moving_blocks

SLOWER, FASTER = 0.8, 1.2
"""By how much the step shrinks or grows when acceptance is out of its range."""
WALK_VERSION = 1
"""Raised by hand when the same settings give another walk, so that walks that were kept are not taken for it."""
LARGEST_SHIFT_ANGSTROM, LARGEST_TURN_DEGREE = 1.0, 180.0


@dataclass(frozen=True)
class WalkSettings:
    """How to walk.

    Attributes:
        temperatures_k: One for each chain.
        steps: Recorded steps; each tries every part of the cluster once.
        equilibration_steps: Before them, while the size of the moves is adapted; a multiple of `every`.
        every: Each so many steps energies are computed afresh and a frame is written.
        step_angstrom: Largest shift along each axis, at first.
        turn_degree: Largest turn of a ligand about its bond, at first; it changes in proportion to the shift.
        acceptance: Least and largest share of accepted trials that is left alone.
        exchange: Whether chains of neighbouring temperatures exchange structures, at each frame.
        stop_outside: Frames in a row outside of the potential's domain after which a chain stops; 0: never, they are only marked.
        seed: Of all random numbers.

    Raises:
        InputError: If a number is out of range.
    """

    temperatures_k: tuple[float, ...]
    steps: int = 1000
    equilibration_steps: int = 200
    every: int = 10
    step_angstrom: float = 0.05
    turn_degree: float = 15.0
    acceptance: tuple[float, float] = (0.4, 0.6)
    exchange: bool = False
    stop_outside: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "temperatures_k", tuple(map(float, self.temperatures_k)))  # of arrays, too
        if not self.temperatures_k or not all(0 < t < 1e5 for t in self.temperatures_k):
            raise InputError(f"a walk at {list(self.temperatures_k)} K; give temperatures above 0")
        if self.steps < 1 or self.every < 1 or self.steps % self.every or self.equilibration_steps % self.every:
            raise InputError(
                f"a walk of {self.equilibration_steps} and {self.steps} steps with a frame every {self.every}; "
                "give multiples of `every`, one at least"
            )
        if self.equilibration_steps < 0 or self.stop_outside < 0:
            raise InputError("a walk with fewer than no equilibration steps, or frames outside; give 0 or more")
        if not (0 < self.step_angstrom <= LARGEST_SHIFT_ANGSTROM and 0 <= self.turn_degree <= LARGEST_TURN_DEGREE):
            raise InputError(
                f"moves of {self.step_angstrom} angstrom and {self.turn_degree} degrees; give up to 1 and 180"
            )
        low, high = self.acceptance
        if not 0 < low < high < 1:
            raise InputError(f"acceptance from {low} to {high}; give two shares between 0 and 1, the lower first")


def run_walk(
    start: Sequence[Atoms],
    energies: Callable[[Atoms, np.ndarray], WalkingEnergies],
    settings: WalkSettings,
    trajectory: str | Path,
    *,
    identity: str = "",
    outside: Callable[[Sequence[Atoms]], np.ndarray] | None = None,
    wall: Wall | None = None,
    exact: Callable[[Atoms], float] | None = None,
) -> None:
    """Walk, or go on with a walk that was interrupted; the same frames come of it, bit for bit.

    Args:
        start: A structure for each chain, all of the same atoms.
        energies: Makes the energies of structures of these atoms at positions, shape (chains, atoms, 3), angstrom.
        settings: How. A walk that has ended goes on if there are more `steps`.
        trajectory: Extended xyz to write. `info` of a frame: step (zero and below while equilibrating), chain, temperature_k,
            energy_ev, step_energies_ev (after each step since the frame before), step_angstrom, accepted (share of trials
            since the frame before), exchanged (0 or 1: whether the structure came from another temperature), outside (frames in
            a row outside of the domain), stopped (0 or 1), walk (see `identity`), and, but at the start, refreshed_ev (by how much
            the energy that followed the moves since the frame before was off from that computed afresh).
        identity: Of the potential, to tell its walks from those of others.
        outside: Says of structures whether they lie outside of what the potential has learned; by default none is.
        wall: Trials that lead behind it are refused; `info` adds walled, the share of trials since the frame before that the
            potential alone would have taken there.
        exact: Energy (eV) of a structure on a better level, infinite where there is none. Then all that happens between two frames
            is one proposal (delayed acceptance, doi:10.1198/106186005X76983): it is taken with the probability
            min(1, exp(-(dE_exact - dE) / (k_B T))), else the chain goes back to its last frame. Since steps on the potential keep
            its own distribution in detailed balance, frames have that of the better level, whatever the potential's errors;
            these cost acceptance alone. `info` adds exact_ev and kept (0 or 1); step_energies_ev are those of the proposal.
            Name the level in `identity`.

    Raises:
        InputError: If the structures differ in their atoms or in what moves as one, an energy is no finite number at the start or
            at a frame, there is a file that is no beginning of this walk, which is left as it is, or chains that have an exact
            energy are to exchange structures.
        StructureError: If a structure cannot be taken apart into blocks, or the potential does not know an element.
    """
    if exact is not None and settings.exchange:
        raise InputError("a walk with exact energies exchanges no structures; give one of `exact` and `exchange`")
    walker = _Walk(start, energies, settings, Path(trajectory), identity, outside, wall, exact)
    last = settings.equilibration_steps + settings.steps
    counter = Counter("frame", (last - walker.done) // settings.every)
    while walker.done < last:
        for _ in range(settings.every):
            walker.step()
        walker.record()
        counter.step(f"after step {walker.done}")


class _Walk:
    """A walk under way."""

    def __init__(
        self, start: Sequence[Atoms], energies: Callable[[Atoms, np.ndarray], WalkingEnergies], settings: WalkSettings,
        trajectory: Path, identity: str, outside: Callable[[Sequence[Atoms]], np.ndarray] | None, wall: Wall | None,
        exact: Callable[[Atoms], float] | None,
    ) -> None:  # fmt: skip
        self._settings, self._trajectory, self._judge, self._exact = settings, trajectory, outside, exact
        self._beta = 1 / (kB * np.array(settings.temperatures_k))
        chains = len(self._beta)
        if len(start) != chains or any(list(atoms.symbols) != list(start[0].symbols) for atoms in start):
            raise InputError(
                f"{len(start)} starts for {chains} chains; give one for each, all of the same atoms in one order"
            )
        self._atoms = start[0].copy()
        symbols = list(self._atoms.symbols)
        self._blocks = _blocks(start)
        self._wall = wall and wall.around(start)
        behind = [self._wall.limits.tobytes()] if self._wall else []
        plan = {key: value for key, value in asdict(settings).items() if key != "steps"}
        self._walk = "w" + digest(
            f"{WALK_VERSION} {identity}",
            json.dumps(plan),
            *symbols,
            *(atoms.positions.tobytes() for atoms in start),
            *behind,
        )
        self._tried, self._taken, self._kept = 0, np.zeros(chains), []  # type: int, np.ndarray, list[np.ndarray]
        self._walled = np.zeros(chains)
        self._refreshed: np.ndarray | None = None
        self._exchanged = np.zeros(chains, dtype=bool)
        found = Recording(trajectory, chains)
        if found.frames:
            self._go_on(found, energies)
        else:
            self.done = 0
            self._shift, self._outside = np.full(chains, settings.step_angstrom), np.zeros(chains, dtype=int)
            self._energies = energies(self._atoms, np.array([atoms.positions for atoms in start]))
            self._finite()
            self._stopped = np.zeros(chains, dtype=bool)
            better = self._exact_energies()
            if self._exact is not None and len(lost := np.flatnonzero(~np.isfinite(better))):
                raise InputError(
                    f"chain {lost[0]} has an exact energy of {better[lost[0]]} eV at its start, from which no step would be taken; "
                    "give another start"
                )
            self._hold(np.ones(chains, dtype=bool), better)
            self._begin()

    def _begin(self) -> None:
        """Write the first frames, in place of what is left of them."""
        first = self._frames()
        if self._trajectory.exists() and not self._begins(first):
            raise self._another()
        self._trajectory.parent.mkdir(parents=True, exist_ok=True)
        self._trajectory.write_bytes(first)

    def _begins(self, first: bytes) -> bool:
        """Whether the file is a beginning of this walk, cut or overwritten within its first frames."""
        with self._trajectory.open("rb") as file:
            found = file.read(len(first))
        lines = found.split(b"\n", 2)
        if len(lines) > 2 and f" walk={self._walk} ".encode() in lines[1]:
            return True
        there, expected = (np.frombuffer(text[: len(found)], dtype=np.uint8) for text in (found, first))
        zero = there == 0  # what a machine that went down leaves
        return bool((zero | (there == expected)).all() and (len(found) < len(first) or not zero.all()))

    def _another(self) -> InputError:
        return InputError(
            f"{self._trajectory}: the trajectory of a walk with another potential, start or settings; remove it, or write elsewhere"
        )

    def _go_on(self, found: Recording, energies: Callable[[Atoms, np.ndarray], WalkingEnergies]) -> None:
        """Take up the last frames."""
        told = [info for _, info in found.frames]
        if any(info.get("walk") != self._walk for info in told):
            raise self._another()
        self.done = found.step + self._settings.equilibration_steps
        self._shift = np.array([float(info["step_angstrom"]) for info in told])
        self._outside = np.array([int(info["outside"]) for info in told])
        self._stopped = np.array([bool(info["stopped"]) for info in told])
        self._energies = energies(self._atoms, np.array([where for where, _ in found.frames]))
        self._finite()
        exact = np.array([float(info.get("exact_ev", np.nan)) for info in told])
        self._hold(np.ones(len(told), dtype=bool), exact)
        if self._trajectory.stat().st_size > found.size:  # else its time stays: it may be another study's result
            os.truncate(self._trajectory, found.size)
        if found.step > self._settings.steps:
            log.warning(
                "%s: the walk was made of %d steps, more than the %d asked for",
                self._trajectory,
                found.step,
                self._settings.steps,
            )
        if self.done:
            log.info("the walk goes on after step %d (kept from before)", self.done)

    def step(self) -> None:
        """Try every part once."""
        rng = np.random.default_rng([self._settings.seed, self.done])
        chains = len(self._beta)
        for number in rng.permutation(len(self._blocks)):
            block = self._blocks[number]
            moved = np.array(block.moved)
            shifts = rng.uniform(-1, 1, (chains, 3)) * self._shift[:, None]
            largest = self._settings.turn_degree * self._shift / self._settings.step_angstrom
            turns, chance = (
                rng.uniform(-1, 1, chains) * np.minimum(largest, LARGEST_TURN_DEGREE),
                rng.uniform(size=chains),
            )
            there = move_blocks(self._energies.positions, block, shifts, turns)
            change = self._energies.trial(moved, there)
            with np.errstate(over="ignore"):
                taken = np.isfinite(change) & (chance < np.exp(-self._beta * change)) & ~self._stopped
            if self._wall:
                refused = taken & self._wall.blocks(self._energies.positions, moved, there)
                self._walled += refused
                taken &= ~refused
            self._energies.accept(taken)
            self._taken += taken
            self._tried += 1
        self._kept.append(self._energies.values.copy())
        self.done += 1

    def record(self) -> None:
        """Compute energies afresh, adapt the step while equilibrating, exchange, look at the domain, and write frames."""
        settings = self._settings
        if self.done <= settings.equilibration_steps:
            self._adapt()
        followed = self._energies.values.copy()
        self._refresh()
        self._refreshed = np.abs(self._energies.values - followed)
        if self._exact is not None:
            self._decide()
        if settings.exchange:
            self._exchange()
        if self._judge is not None:
            flags = self._judge(self._structures())
            self._outside = np.where(flags, self._outside + 1, 0)
            if settings.stop_outside:
                leaving = (self._outside >= settings.stop_outside) & ~self._stopped
                for chain in np.flatnonzero(leaving):
                    log.warning("chain %d has left the domain of the potential and stops at step %d", chain, self.done)
                self._stopped |= leaving
        self._write()

    def _refresh(self) -> None:
        self._energies.refresh()
        self._finite()

    def _finite(self) -> None:
        """See that every chain has an energy: from one that has none, no trial would ever be taken."""
        if len(lost := np.flatnonzero(~np.isfinite(self._energies.values))):
            step = self.done - self._settings.equilibration_steps
            raise InputError(
                f"chain {lost[0]} has an energy of {self._energies.values[lost[0]]} eV at step {step}; give another start, or a "
                "potential that has learned such structures"
            )

    def _decide(self) -> None:
        """Keep what the steps since the last frame led to, or go back to that frame, by the better level's energies."""
        chance = np.random.default_rng([self._settings.seed, self.done, 2]).uniform(size=len(self._beta))
        there = self._exact_energies()
        with np.errstate(over="ignore", invalid="ignore"):
            change = (there - self._held_exact) - (self._energies.values - self._held_ev)
            kept = np.isfinite(there) & (chance < np.exp(-self._beta * change))
        if not kept.all():
            self._energies.positions[~kept] = self._held[~kept]
            self._refresh()
        self._hold(kept, np.where(kept, there, self._held_exact))

    def _hold(self, kept: np.ndarray, exact_ev: np.ndarray) -> None:
        """Remember where the chains are, and whether they came there, shape (chains,)."""
        self._held, self._held_ev = self._energies.positions.copy(), self._energies.values.copy()
        self._held_exact, self._came = exact_ev, kept

    def _exact_energies(self) -> np.ndarray:
        if self._exact is None:
            return np.full(len(self._beta), np.nan)
        return np.array([self._exact(atoms) for atoms in self._structures()], dtype=float)

    def _adapt(self) -> None:
        """Chains of one temperature share their step; those that stopped accept nothing, and have no say."""
        low, high = self._settings.acceptance
        for beta in np.unique(self._beta[~self._stopped]):
            mine = (self._beta == beta) & ~self._stopped
            share = self._taken[mine].sum() / (self._tried * mine.sum())
            self._shift[mine] *= SLOWER if share < low else FASTER if share > high else 1.0
        self._shift = np.minimum(self._shift, LARGEST_SHIFT_ANGSTROM)

    def _exchange(self) -> None:
        """Exchange structures of neighbouring temperatures, in turns the even and the odd pairs (Metropolis).

        Of several chains at each temperature, the first of one exchanges with the first of the next, and so on.
        """
        rng = np.random.default_rng([self._settings.seed, self.done, 1])
        levels = [np.flatnonzero(self._beta == beta) for beta in np.unique(self._beta)]
        places = np.arange(len(self._beta))
        values = self._energies.values
        for one, other in list(pairwise(levels))[self._parity :: 2]:
            for first, second in zip(one, other, strict=False):
                gain = (self._beta[first] - self._beta[second]) * (values[first] - values[second])
                if rng.uniform() < np.exp(min(gain, 0.0)) and not self._stopped[[first, second]].any():
                    places[[first, second]] = places[[second, first]]
        self._exchanged = places != np.arange(len(places))
        if self._exchanged.any():
            self._energies.positions[:] = self._energies.positions[places]
            self._outside = self._outside[places]
            self._refresh()

    @property
    def _parity(self) -> int:
        return self.done // self._settings.every % 2

    def _structures(self) -> list[Atoms]:
        found = []
        for where in self._energies.positions:
            found.append(self._atoms.copy())
            found[-1].positions = where
        return found

    def _write(self) -> None:
        """Append one frame of each chain."""
        with self._trajectory.open("ab") as file:
            file.write(self._frames())
        self._forget()

    def _forget(self) -> None:
        """Count from this frame on."""
        self._tried, self._taken, self._kept = 0, np.zeros(len(self._beta)), []
        self._walled = np.zeros(len(self._beta))

    def _frames(self) -> bytes:
        """One frame of each chain, as they stand in the file."""
        values, text = self._energies.values, []
        kept = np.array(self._kept).reshape(-1, len(values))
        for chain, where in enumerate(self._energies.positions):
            info = {
                "step": self.done - self._settings.equilibration_steps, "chain": chain,
                "temperature_k": float(self._settings.temperatures_k[chain]), "energy_ev": float(values[chain]),
                "step_energies_ev": kept[:, chain], "step_angstrom": float(self._shift[chain]),
                "accepted": float(self._taken[chain] / max(1, self._tried)), "exchanged": int(self._exchanged[chain]),
                "outside": int(self._outside[chain]),
                "stopped": int(self._stopped[chain]), "walk": self._walk,
            }  # fmt: skip
            if self._wall:
                info["walled"] = float(self._walled[chain] / max(1, self._tried))
            if self._exact is not None:
                info |= {"exact_ev": float(self._held_exact[chain]), "kept": int(self._came[chain])}
            if self._refreshed is not None:
                info["refreshed_ev"] = float(self._refreshed[chain])
            text.append(frame_text(list(self._atoms.symbols), where, info))
        return "".join(text).encode("ascii")


def _blocks(start: Sequence[Atoms]) -> list[Block]:
    """What moves as one, which must be the same in all starts: a ligand elsewhere would turn about a sulfur that is not its own."""
    each = {id(atoms): moving_blocks(atoms) for atoms in start}
    first: list[Block] = each[id(start[0])]
    if other := [chain for chain, atoms in enumerate(start) if each[id(atoms)] != first]:
        raise InputError(
            f"the start of chain {other[0]} has its ligands on other sulfurs than that of chain 0; walk on each structure by itself"
        )
    return first
