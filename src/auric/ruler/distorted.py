"""Structures to be compared bond by bond, a parent and what distorts it: made, relaxed, labelled, and their bonds pictured.

Section III.d of Zhang et al., "Build a Ruler to Measure Electron Localization Function with Machine Learning Models", binds an
oxygen to Au7(SH)6 and reads its bonds. Here any structure may be compared with any parent whose atoms come first in it.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from ase import Atoms
from ase.data import chemical_symbols

from auric.elf.images import images_of_frame
from auric.errors import InputError, ScfError, StructureError
from auric.files import read_frames, write_dataset, write_frames, write_table
from auric.progress import log, reason_of
from auric.reference.bond_indices import delocalisation_indices, mayer_bond_orders
from auric.reference.calculators import engine_calculator
from auric.reference.engines import make_engine
from auric.reference.frames import relaxed_structure
from auric.reference.interface import Engine
from auric.reference.label import label_once
from auric.reference.orbitals import Orbitals
from auric.reference.points import StoredCalculator
from auric.reference.store import Store
from auric.reference.xtb import XtbEngine, XtbSettings
from auric.relaxation.hybrid import HybridSettings, relax_hybrid
from auric.ruler.level import LearnedFrame, check_level_of_images, learned_frames
from auric.structures.bonds import BondRule
from auric.structures.check import check_structure, electron_count
from auric.structures.prepare import FAILURE_COLUMNS
from auric.structures.recipes import Places, build_recipe, recipe_words
from auric.structures.sites import distinct_atoms, with_atom

ADSORBED = "adsorbed"
"""Builder that binds an atom to one of the parent's, recipe `atom=O on=Au site=0 distance=2.0`."""
DISTORTED_COLUMNS = (
    "name", "bond", "left_atom", "right_atom", "bond_length_angstrom", "mayer_bond_order", "delocalisation_index",
    "added_atom_angstrom",
)  # fmt: skip


class Distortion(NamedTuple):
    """One structure of `ruler.distortions`.

    Attributes:
        name: Unique.
        parent: Name of what it is compared with; empty for a parent.
        builder: `ADSORBED`, or one of the structures table.
        recipe: Its words.
        charge: Total charge.
        multiplicities: Tried, those that the number of electrons allows; the lowest energy counts.
        relax: Whether GFN1-xTB relaxes it first.
        level_steps: Most steps of relaxation at the level of the images after that, each one gradient; 0 for a single point.
        learned_as: Structure of the training images that no ruler may have learned from; that of the parent.
    """

    name: str
    parent: str
    builder: str
    recipe: str
    charge: int
    multiplicities: tuple[int, ...]
    relax: bool
    level_steps: int
    learned_as: str


class Made(NamedTuple):
    """A structure as it is compared: of lowest energy among its multiplicities, perhaps relaxed."""

    atoms: Atoms
    orbitals: Orbitals


def make_distorted(
    row: Mapping[str, Any], parent: str | Path | None, learned: Sequence[str | Path], structure: str | Path, images: str | Path,
    table: str | Path, failures: str | Path, *, engine: str, settings: Mapping[str, Any], xtb: Mapping[str, Any],
    frames: Mapping[str, Any], elf: Mapping[str, Any], bond: Mapping[str, Any], store: str | Path,
    resources: str | Path = "resources", mirror: str | Path | None = None, threads: int = 1, memory_mb: int = 4000,
) -> None:  # fmt: skip
    """Make one structure of `ruler.distortions`, label it and write what is seen of its bonds.

    Every multiplicity's relaxation and label and every step at the better level are kept in the label store, so that a killed
    job goes on where it was. A structure that fails gives empty files and its reason.

    Args:
        row: Fields of `Distortion`.
        parent: What was written as `structure` for its parent; None for a parent.
        learned: Images of all blocks that rulers learn from (NetCDF), whose level the engine must have.
        structure: Extended xyz to write: the structure of lowest energy. `info`: `energy_ev`, `multiplicity`, `multiplicities_json`
            (energy above the lowest, eV), `geometry`, `steps` and `residual_force_ev_angstrom` (largest, at the level of the images).
        images: NetCDF to write.
        table: CSV to write, columns `DISTORTED_COLUMNS`, one row per bond.
        failures: CSV to write.
        engine: Name of the engine.
        settings: Its settings.
        xtb: Settings of GFN1-xTB.
        frames: Keys of `reference.frames` of the configuration, and `seed`.
        elf: Keys of `elf` of the configuration, without `grid`.
        bond: Fields of `BondRule`.
        store: Folder of the label store.
        resources: Folder of bundled structures and of the manifest.
        mirror: Folder with copies of the manifest's files.
        threads: Threads for engine and ELF.
        memory_mb: Memory for the engine (megabyte).

    Raises:
        InputError: If the engine's level is not that of the images.
    """
    wanted = Distortion(**{**row, "multiplicities": tuple(row["multiplicities"])})
    rule, keep = BondRule(**bond), Store(store)
    rung = make_engine(engine, settings, threads=threads, memory_mb=memory_mb)
    known = learned_frames(learned, elf, "ruler.distortions")
    check_level_of_images(known, rung, "ruler.distortions")
    if wanted.learned_as and wanted.learned_as not in {frame.structure for frame in known.values()}:
        raise InputError(
            f"ruler.distortions, {wanted.name}: the images hold no structure '{wanted.learned_as}'; correct learned_as, "
            "or rulers that have learned from the parent would read it"
        )
    cheap = XtbEngine(XtbSettings(**xtb))
    made: list[Made] = []
    failed: list[dict[str, str]] = []
    try:
        before = _parent_of(parent)
        atoms = _built(wanted, before, Places(Path(resources), Path(mirror) if mirror else None))
        found = _lowest(wanted, atoms, rung, cheap, frames, keep, rule)
        _check_not_learned(found, wanted.learned_as, known)
        if wanted.level_steps:
            with_forces = make_engine(engine, {**settings, "forces": True}, threads=threads, memory_mb=memory_mb)
            found = _relaxed_further(
                found, cheap, with_forces, rung, keep, wanted.level_steps, frames["fmax_ev_angstrom"]
            )
        made.append(found)
    except Exception as error:
        failed.append({
            "stage": "distorted", "structure": wanted.name, "frame": "", "reason": reason_of(error, wanted.name)
        })  # fmt: skip
    rows, pictures = [], []
    for one in made:
        count = len(before) if before is not None else len(one.atoms)
        rows += _bond_rows(one, rule, count)
        pictures += [
            (names, picture)
            for names, picture, fault in images_of_frame(one.atoms, one.orbitals, elf, rule, threads)
            if not fault
        ]
    write_frames(structure, [one.atoms for one in made])
    write_dataset(images, _dataset(pictures, elf["pixels"]))
    write_table(table, rows, DISTORTED_COLUMNS)
    write_table(failures, failed, FAILURE_COLUMNS)


def _check_not_learned(found: Made, learned_as: str, frames: Mapping[str, LearnedFrame]) -> None:
    """Refuse a frame of the images, whatever it is called there, unless no ruler that has learned from it reads it."""
    mine = found.orbitals.provenance.get("structure_hash")
    for name, frame in frames.items():
        if mine and frame.made.get("structure_hash") == mine and frame.structure != learned_as:
            raise StructureError(
                f"it is the frame {name} of the images, and rulers that have learned from it would read it; say so by "
                f"learned_as: {frame.structure} (of the parent), or leave {frame.structure} out of the images"
            )


def _parent_of(path: str | Path | None) -> Atoms | None:
    if path is None:
        return None
    found = read_frames(path)
    if not found:
        raise StructureError("its parent could not be made; see failures.csv")
    return found[0]


def _built(wanted: Distortion, parent: Atoms | None, places: Places) -> Atoms:
    if wanted.builder == ADSORBED:
        assert parent is not None  # the workflow refuses it
        atoms = _adsorbed(wanted.recipe, parent)
    else:
        atoms = build_recipe(wanted.builder, wanted.recipe, places)
    if parent is not None and list(atoms.numbers[: len(parent)]) != list(parent.numbers):
        raise StructureError(
            f"its first {len(parent)} atoms are not those of {wanted.parent} in the same order; bonds cannot be compared, put added atoms last"
        )
    atoms.info = {
        "name": wanted.name,
        "structure": wanted.name,
        "charge": wanted.charge,
        "source": atoms.info["source"],
    }
    return atoms


def _adsorbed(recipe: str, parent: Atoms) -> Atoms:
    words = recipe_words(ADSORBED, recipe, needed=["atom", "on", "site"], others=["distance"])
    if words["atom"] not in chemical_symbols[1:]:
        raise StructureError(f"{ADSORBED} recipe '{recipe}': there is no element '{words['atom'][:10]}'")
    groups = distinct_atoms(parent, words["on"])
    if not words["site"].isdecimal() or int(words["site"]) >= len(groups):
        raise StructureError(
            f"{ADSORBED} recipe '{recipe}': site {words['site'][:10]} is none of the {len(groups)} different {words['on']} atoms; "
            f"give 0 to {len(groups) - 1}"
        )
    try:
        distance = float(words.get("distance", "2.0"))
    except ValueError:
        distance = 0.0
    if not 1 <= distance <= 5:
        raise StructureError(f"{ADSORBED} recipe '{recipe}': give a distance of 1 to 5 angstrom")
    site = groups[int(words["site"])][0]
    atoms = with_atom(parent, site, distance, element=words["atom"])
    atoms.info["source"] = f"{parent.info['source']}, {words['atom']} on {words['on']}{site}"
    return atoms


def _lowest(
    wanted: Distortion, atoms: Atoms, engine: Engine, cheap: XtbEngine, frames: Mapping[str, Any], store: Store, rule: BondRule
) -> Made:  # fmt: skip
    """The structure of lowest energy among all multiplicities that parity allows."""
    engine.check(atoms.get_chemical_symbols())
    allowed = [spin for spin in wanted.multiplicities if (electron_count(atoms, wanted.charge) + spin) % 2]
    if not allowed:
        raise StructureError(
            f"none of the multiplicities {', '.join(map(str, wanted.multiplicities))} goes with {electron_count(atoms, wanted.charge)} "
            "electrons; add one of the other parity"
        )
    found: list[Made] = []
    reasons: list[str] = []
    for spin in allowed:
        one = atoms.copy()
        one.info["multiplicity"] = spin
        check_structure(one, charge=wanted.charge, multiplicity=spin, rule=rule)
        try:
            if wanted.relax:
                one = relaxed_structure(one, cheap, frames, store, rule)
            content, arrays = label_once(one, engine, store)
            if content["failure"]:
                raise ScfError(content["failure"])
        except (ScfError, StructureError) as error:  # another multiplicity may do
            log.warning("%s, multiplicity %d: %s", wanted.name, spin, error)
            reasons.append(f"multiplicity {spin}: {error}")
            continue
        one.info |= {
            "energy_ev": content["energy_ev"], "geometry": cheap.name if wanted.relax else "given", "steps": 0,
            "residual_force_ev_angstrom": float("nan"),
        }  # fmt: skip
        found.append(Made(one, Orbitals.from_parts(content["orbitals"], arrays)))
    if not found:
        raise StructureError("; ".join(reasons))
    energies = {str(one.atoms.info["multiplicity"]): float(one.atoms.info["energy_ev"]) for one in found}
    best = min(found, key=lambda one: float(one.atoms.info["energy_ev"]))
    above = {spin: energy - min(energies.values()) for spin, energy in energies.items()}
    best.atoms.info["multiplicities_json"] = json.dumps(above | {reason.split(":")[0]: None for reason in reasons})
    log.info("%s: multiplicity %d is lowest", wanted.name, best.atoms.info["multiplicity"])
    return best


def _relaxed_further(
    made: Made, cheap: Engine, with_forces: Engine, engine: Engine, store: Store, steps: int, fmax_ev_angstrom: float
) -> Made:
    """The structure relaxed at the level of the images, by way of a cheap engine: a step costs one gradient of the level."""
    info = dict(made.atoms.info)
    charge, multiplicity = int(info["charge"]), int(info["multiplicity"])
    level = StoredCalculator(with_forces, charge, multiplicity, store)
    settings = HybridSettings(fmax_ev_angstrom=fmax_ev_angstrom, calls=steps + 1)
    way = relax_hybrid(made.atoms, engine_calculator(cheap, charge, multiplicity), level, settings)
    done = way.verdict == "converged"
    log.info(
        "%s: %d steps, force %.3f eV/angstrom%s",
        info["name"], way.calls - 1, way.fmax_ev_angstrom, "" if done else f", not done. {way.note}",
    )  # fmt: skip
    method = str(engine.identity()["method"])
    relaxed = Atoms(way.atoms.numbers, way.atoms.positions, info=info)
    content, arrays = label_once(relaxed, engine, store, start=made.orbitals)
    if content["failure"]:
        raise StructureError(content["failure"])
    relaxed.info |= {
        "energy_ev": content["energy_ev"], "geometry": method if done else f"{method}, unfinished", "steps": way.calls - 1,
        "residual_force_ev_angstrom": way.fmax_ev_angstrom,
    }  # fmt: skip
    return Made(relaxed, Orbitals.from_parts(content["orbitals"], arrays))


def _bond_rows(made: Made, rule: BondRule, parents: int) -> list[dict[str, Any]]:
    """Bonds with their indices; `parents` atoms are the parent's, others were added."""
    orders, shared = mayer_bond_orders(made.orbitals), delocalisation_indices(made.orbitals)
    distances = made.atoms.get_all_distances()
    return [
        {
            "name": made.atoms.info["name"], "bond": bond.label, "left_atom": bond.left, "right_atom": bond.right,
            "bond_length_angstrom": bond.length_angstrom, "mayer_bond_order": orders[bond.left, bond.right],
            "delocalisation_index": shared[bond.left, bond.right],
            "added_atom_angstrom": distances[[bond.left, bond.right], parents:].min(initial=np.inf),
        }
        for bond in rule.bonds(made.atoms)
    ]  # fmt: skip


def _dataset(pictures: list[tuple[dict[str, Any], np.ndarray]], pixels: int) -> xr.Dataset:
    stack = np.array([picture for _, picture in pictures], dtype="float32").reshape(len(pictures), pixels, pixels)
    dataset = xr.Dataset(
        {"elf": (("image", "y", "x"), stack, {"units": "1", "long_name": "electron localization function"})}
    )
    bonds = [str(names["bond"]).rpartition(":")[2] for names, _ in pictures]
    dataset["bond"] = ("image", np.array(bonds, dtype=object).astype(str))
    dataset["third_atom"] = ("image", np.array([names["third_atom"] for names, _ in pictures], dtype="int32"))
    lengths = np.array([names["bond_length_angstrom"] for names, _ in pictures], dtype=float)
    dataset["bond_length_angstrom"] = ("image", lengths, {"units": "angstrom"})
    return dataset
