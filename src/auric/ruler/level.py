"""Levels of theory: an image says one thing at one level and another at another, so ruler and image must share it.

Names do not settle it: programs write them in their own ways, and a molden file states none. Basis functions and the electrons
left to effective cores are compared as numbers, functionals by name.
"""

import json
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from ase.data import atomic_numbers
from pyscf.gto.basis import load as load_basis
from pyscf.gto.basis import load_ecp
from pyscf.lib.exceptions import BasisNotFoundError
from pyscf.pbc.gto.basis import load as load_box_basis
from pyscf.pbc.gto.pseudo import load as load_pseudo

from auric.elf.images import check_kind
from auric.errors import InputError, StructureError
from auric.files import read_dataset
from auric.reference.engines import ENGINES, SETTINGS_OF, make_engine
from auric.reference.gth import PSEUDOPOTENTIALS
from auric.reference.interface import Engine
from auric.reference.orbitals import Orbitals
from auric.reference.version import METHOD_VERSION

SAME_FUNCTIONAL = {"pbepbe": "pbe", "pbe,pbe": "pbe", "b3lypg": "b3lyp"}
"""Other programs' names of a functional to PySCF's."""
EXPONENT_TOLERANCE = 1e-4
"""Relative; files carry at least six digits."""
NOT_OF_A_LEVEL = frozenset(("max_cycles", "forces"))
"""Settings of an engine that its images do not depend on."""

Level = Mapping[str, Any]


class LearnedFrame(NamedTuple):
    """A frame that rulers learn from: its structure, and what made its orbitals."""

    structure: str
    made: Mapping[str, Any]


def learned_frames(images: Sequence[str | Path], elf: Mapping[str, Any], where: str) -> dict[str, LearnedFrame]:
    """The frames of images that rulers learn from, by name.

    Args:
        images: Images of blocks (NetCDF).
        elf: Keys `pixels` and `offset` of `elf` of the configuration, which the images must have.
        where: Setting that they are needed for, for the message.

    Raises:
        InputError: If they are images of another kind.
    """
    frames: dict[str, LearnedFrame] = {}
    for data in map(read_dataset, images):
        if data.sizes["image"]:
            check_kind(data, elf, where)
            made = json.loads(data.attrs["frames_json"])
            named = zip(data["frame"].values.astype(str), data["structure"].values.astype(str), strict=True)
            frames |= {name: LearnedFrame(structure, made.get(name, {})) for name, structure in set(named)}
    return frames


def check_level_of_images(frames: Mapping[str, LearnedFrame], engine: Engine, where: str) -> None:
    """Refuse an engine of another level than that of the images, before it computes anything.

    Args:
        frames: What rulers learn from.
        engine: The engine.
        where: Setting that asks for it, for the message.

    Raises:
        InputError: Naming what differs.
    """
    ours = json.loads(json.dumps(engine.identity() | {"method_version": METHOD_VERSION}, default=dict))
    for name, (_, theirs) in frames.items():
        # What only one of both states is newer than the other and of no weight, or one of the first three differs too.
        for key in ("engine", "method", "basis", *sorted((ours.keys() & theirs.keys()) - NOT_OF_A_LEVEL)):
            if theirs.get(key) != ours[key]:
                raise InputError(
                    f"{where}: {key} of the images is {theirs.get(key)} ({name}), that of reference.engine {ours[key]}; "
                    "a ruler reads images of its own level only: set reference as it was for the images"
                )


def level_text(level: Level) -> str:
    """A level in words: functional, basis, engine."""
    basis = level["basis"]
    if isinstance(basis, Mapping):
        basis = ", ".join(name if element == "default" else f"{element} {name}" for element, name in basis.items())
    return f"{level['method']}, {basis} ({level['engine']})"


def engine_of(level: Level, *, threads: int = 1, memory_mb: int = 4000) -> Engine:
    """The engine that computes at a ruler's level, with the settings its training data had.

    Raises:
        InputError: If this version does not compute what the ruler was trained on, or the engine is not installed.
    """
    settings = {key: value for key, value in level["settings"].items() if key not in ("engine", "method")}
    if level.get("method_version") != METHOD_VERSION:
        raise InputError(
            f"the ruler was trained on method version {level.get('method_version')} of {level_text(level)}, this is "
            f"version {METHOD_VERSION}; train it again on labels of this version"
        )
    try:
        return make_engine(level["engine"], settings, threads=threads, memory_mb=memory_mb)
    except TypeError as error:
        raise InputError(f"the ruler's settings of {level['engine']} are of another version ({error})") from None


def level_parts(level: Level, symbols: Sequence[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Basis and effective cores of a level, by element, as `Orbitals` holds them; cores without their potentials.

    Args:
        level: A ruler's level.
        symbols: Elements.

    Raises:
        StructureError: If the level has no basis or core for one of them.
    """
    basis, cores = {}, {}
    for symbol in sorted(set(symbols)):
        name = level["basis"]
        name = name if isinstance(name, str) else name.get(symbol, name.get("default", ""))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # PySCF advises to install a package that would fetch basis sets
                if SETTINGS_OF[level["engine"]] == "gth":
                    basis[symbol] = load_box_basis(name, symbol)
                    valence = int(sum(load_pseudo(PSEUDOPOTENTIALS[level["method"]], symbol)[0]))
                    core = int(atomic_numbers[symbol]) - valence
                else:
                    basis[symbol] = load_basis(name, symbol)
                    core = _core_of_potential(name, symbol)
        except (BasisNotFoundError, KeyError, FileNotFoundError):
            raise StructureError(f"the ruler's level, {level_text(level)}, has no basis for {symbol}") from None
        if core:
            cores[symbol] = [core, []]
    return basis, cores


def _core_of_potential(name: str, symbol: str) -> int:
    try:
        return int((load_ecp(name, symbol) or [0])[0])
    except (BasisNotFoundError, KeyError):
        return 0


def check_level(level: Level, orbitals: Orbitals) -> None:
    """Refuse orbitals of another level of theory than a ruler's.

    The engine is compared where both are ours: potentials in a box and Gaussian bases are different kinds. Programs elsewhere
    are taken by what they computed: functional (by name), basis functions (spherical ones, as our engines have them) and core
    electrons (as numbers).

    Args:
        level: The ruler's level.
        orbitals: Of the frame to be measured; their provenance holds engine, method and basis.

    Raises:
        InputError: If they differ, naming both levels; or if no functional is stated.
    """
    theirs = {"method": "unknown", "basis": "unknown", "engine": "unknown"} | orbitals.provenance
    both = f"it is of {level_text(theirs)}, the ruler was trained on {level_text(level)}"
    cure = "choose a ruler of its level, or compute it at the ruler's"
    engine, method = theirs["engine"], _functional(theirs["method"])
    if method == "unknown":
        raise InputError("the wave function does not state its functional; say it, e.g. --method b3lyp")
    if engine in ENGINES and SETTINGS_OF[engine] != SETTINGS_OF[level["engine"]]:
        raise InputError(f"the wave function is of another engine: {both}; {cure}")
    if engine in ENGINES and theirs.get("method_version") != level.get("method_version"):
        versions = f"{theirs.get('method_version')} and {level.get('method_version')}"
        raise InputError(f"wave function and ruler are of method versions {versions}; compute it again")
    if method != _functional(level["method"]):
        raise InputError(f"the wave function is of another functional: {both}; {cure}")
    basis, cores = level_parts(level, orbitals.symbols)
    for symbol in basis:
        core, wanted = (int((each.get(symbol) or [0])[0]) for each in (orbitals.ecp, cores))
        if core != wanted:
            raise InputError(f"the wave function has {core} core electrons of {symbol}, not {wanted}: {both}; {cure}")
        curved = any(shell[0] > 1 for shell in orbitals.basis[symbol])  # of s and p there is one kind
        if (orbitals.cartesian and curved) or not _same_exponents(orbitals.basis[symbol], basis[symbol]):
            raise InputError(f"the wave function has another basis of {symbol}: {both}; {cure}")


def _functional(name: str) -> str:
    plain = str(name).strip().lower()
    return SAME_FUNCTIONAL.get(plain, plain)


def _same_exponents(one: Any, other: Any) -> bool:
    """Whether two bases have the same primitive functions, by angular momentum and exponent."""
    ours, theirs = _exponents(one), _exponents(other)
    return ours.keys() == theirs.keys() and all(
        len(ours[momentum]) == len(theirs[momentum])
        and np.allclose(ours[momentum], theirs[momentum], rtol=EXPONENT_TOLERANCE, atol=0)
        for momentum in ours
    )


def _exponents(shells: Any) -> dict[int, list[float]]:
    """Different exponents of each angular momentum, rising, from shells in PySCF's form."""
    found: dict[int, list[float]] = {}
    for momentum, *rows in shells:
        found.setdefault(int(momentum), []).extend(float(row[0]) for row in rows if not isinstance(row, int))
    return {
        momentum: [e for i, e in enumerate(values) if i == 0 or e > values[i - 1] * (1 + EXPONENT_TOLERANCE)]
        for momentum, values in ((m, sorted(found[m])) for m in found)
    }
