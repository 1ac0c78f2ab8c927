"""Recipes of the structures table: each builder's words, and the structure they make."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from ase import Atoms

from auric.errors import StructureError, suggestion
from auric.files import read_frames
from auric.machine import raise_lack
from auric.provenance import digest
from auric.structures.cores import ideal_core
from auric.structures.ligands import Ligand, short_hand, thiol_ligand
from auric.structures.manifest import manifest_structure, mirror_folder
from auric.structures.molecules import build_molecule
from auric.structures.readers import read_structure
from auric.structures.rings import RING_SIZES, build_ring
from auric.structures.staples import build_staple_cluster
from auric.structures.table import bundled_place


class Places(NamedTuple):
    """Folders that recipes take structures from.

    Attributes:
        resources: Bundled structures and `manifest.tsv`.
        mirror: Copies of the manifest's files; None for the folder that AURIC_MIRROR names, if any.
        cache: Downloads of the manifest's files.
    """

    resources: Path = Path("resources")
    mirror: Path | None = None
    cache: Path = Path("results/external")


def build_recipe(builder: str, recipe: str, places: Places | None = None) -> Atoms:
    """Make or read the structure of one row; positions in angstrom.

    Args:
        builder: One of `BUILDERS`.
        recipe: Its words, such as `n=4 R=CH3` for a ring.
        places: Where bundled and external structures lie.

    Returns:
        The structure; `info` holds `source`, and `stated_charge` where its origin states one.

    Raises:
        StructureError: If the builder or the recipe is wrong, or the structure cannot be had.
        InputError: If the manifest is wrong.
    """
    if builder not in BUILDERS:
        raise StructureError(f"builder '{builder[:40]}' is unknown; {suggestion(builder, list(BUILDERS))}")
    return BUILDERS[builder](recipe.strip(), places or Places())


def recipe_words(builder: str, recipe: str, *, needed: Sequence[str], others: Sequence[str] = ()) -> dict[str, str]:
    """The words `name=value` of a recipe, by name.

    Args:
        builder: Named in errors.
        recipe: Words separated by blanks.
        needed: Names that must be given.
        others: Names that may be given.

    Raises:
        StructureError: If a word is no `name=value`, unknown, given twice, or missing.
    """
    words: dict[str, str] = {}
    allowed = [*needed, *others]
    for word in recipe.split():
        name, equals, value = word.partition("=")
        if name not in allowed:
            raise StructureError(f"{builder} recipe '{recipe}': unknown word '{name}'; {suggestion(name, allowed)}")
        if not (equals and value):
            raise StructureError(f"{builder} recipe '{recipe}': '{word}' has no value; write {name}=...")
        if name in words:
            raise StructureError(f"{builder} recipe '{recipe}': {name} is given twice; give it once")
        words[name] = value
    for name in needed:
        if name not in words:
            raise StructureError(f"{builder} recipe '{recipe}': {name}= is missing; add it")
    return words


def _ligand(builder: str, recipe: str, words: dict[str, str]) -> Ligand:
    if "R" in words and "thiol" in words:
        raise StructureError(f"{builder} recipe '{recipe}': R and thiol both name the ligand; give one of them")
    if "thiol" in words:
        return thiol_ligand(words["thiol"])
    return short_hand(words.get("R", "H"))


def _ring(recipe: str, places: Places) -> Atoms:
    words = recipe_words("ring", recipe, needed=["n"], others=["R", "thiol", "updown", "metal"])
    if not re.fullmatch("[0-9]{1,3}", words["n"]):
        raise StructureError(
            f"ring recipe '{recipe}': n={words['n']} is no size; give {', '.join(map(str, RING_SIZES))}"
        )
    ligand = _ligand("ring", recipe, words)
    atoms = build_ring(int(words["n"]), ligand, words.get("updown", ""), words.get("metal", "Au"))
    atoms.info["source"] = _told("ring", f"n={words['n']}", ligand, words)
    return atoms


def _staple(recipe: str, places: Places) -> Atoms:
    words = recipe_words("staple", recipe, needed=["core", "units"], others=["R", "thiol", "updown"])
    core = ideal_core(words["core"], words["units"])
    ligand = _ligand("staple", recipe, words)
    atoms = build_staple_cluster(core, ligand, words.get("updown", ""))
    atoms.info["source"] = _told("staple", f"core={core.name} units={core.units}", ligand, words)
    return atoms


def _smiles(recipe: str, places: Places) -> Atoms:
    words = recipe_words("smiles", recipe, needed=["smiles"], others=["seed"])
    seed = words.get("seed", "0")
    if not re.fullmatch("[0-9]{1,10}", seed):
        raise StructureError(f"smiles recipe '{recipe}': seed={seed} is no seed; give a whole number from 0")
    atoms = build_molecule(words["smiles"], seed=int(seed))
    atoms.info["source"] = f"smiles smiles={words['smiles']} seed={int(seed)}".replace("\\", "_")
    return atoms


def _bundled(recipe: str, places: Places) -> Atoms:
    file, name = bundled_place(recipe)
    path = places.resources / file
    try:
        data = path.read_bytes()
        frames = read_frames(path)
    except Exception as error:  # ASE's reader raises whatever the text makes it; the reason is kept for the user
        raise_lack(error, path)
        raise StructureError(
            f"bundled recipe '{recipe}': {path} cannot be read ({type(error).__name__}: {error}); restore it or name another"
        ) from error
    found = {str(frame.info.get("name")): frame for frame in frames}
    if name not in found:
        raise StructureError(f"bundled recipe '{recipe}': {path} holds no '{name}'; {suggestion(name, list(found))}")
    frame = found[name]
    atoms = Atoms(
        frame.numbers, frame.positions, info={"source": f"bundled {file}:{name} sha256:{digest(data, length=64)}"}
    )
    if "charge" in frame.info:
        atoms.info["stated_charge"] = int(frame.info["charge"])
    return atoms


def _manifest(recipe: str, places: Places) -> Atoms:
    manifest = places.resources / "manifest.tsv"
    return manifest_structure(recipe, manifest=manifest, mirror=mirror_folder(places.mirror), cache=places.cache)


def _told(builder: str, what: str, ligand: Ligand, words: dict[str, str]) -> str:
    """The recipe in a fixed order, without the backslash, which extended xyz cannot carry."""
    others = "".join(f" {name}={words[name]}" for name in ("updown", "metal") if name in words)
    return f"{builder} {what} {ligand.recipe}{others}".replace("\\", "_")


BUILDERS: dict[str, Callable[[str, Places], Atoms]] = {
    "ring": _ring,
    "staple": _staple,
    "smiles": _smiles,
    "bundled": _bundled,
    "manifest": _manifest,
    "file": lambda recipe, places: read_structure(recipe),
}
"""What each builder of the structures table makes of a recipe."""
