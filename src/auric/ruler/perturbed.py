"""One structure in all its states at fixed nuclei: images of its bonds on the parent's planes, and their bond indices."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from ase import Atoms

from auric.elf.formula import OFFSETS
from auric.elf.images import images_of_planes
from auric.elf.plane import Plane, planes_of_bond
from auric.elf.quality import fault_of
from auric.errors import ScfError
from auric.files import read_frames, write_dataset, write_table
from auric.progress import Counter, log, reason_of
from auric.reference.bond_indices import delocalisation_indices, mayer_bond_orders
from auric.reference.engines import make_engine
from auric.reference.label import label_once
from auric.reference.orbitals import Orbitals
from auric.reference.store import Store
from auric.ruler.level import check_level_of_images, learned_frames
from auric.ruler.states import State, states_of
from auric.structures.bonds import Bond, BondRule
from auric.structures.prepare import FAILURE_COLUMNS

PERTURBED_COLUMNS = (
    "structure", "state", "kind", "charge", "multiplicity", "field_along_au", "field_across_au", "energy_ev", "bond", "left_atom",
    "right_atom", "bond_length_angstrom", "mayer_bond_order", "delocalisation_index",
)  # fmt: skip


def perturb_structure(
    labels: str | Path, learned: str | Path, images: str | Path, table: str | Path, failures: str | Path, *, frame: str, engine: str,
    settings: Mapping[str, Any], perturb: Mapping[str, Any], elf: Mapping[str, Any], bond: Mapping[str, Any],
    store: str | Path, threads: int = 1, memory_mb: int = 4000,
) -> None:  # fmt: skip
    """Label a frame's states, each kept in the label store, and write what is seen of its bonds.

    A frame without a label, or whose parent state fails, gives empty files; a state that fails leaves its reason.

    Args:
        labels: Labelled frames of the frame's block (extended xyz).
        learned: Images of that block (NetCDF), whose level and kind the states must have.
        images: NetCDF to write: `elf` (image, y, x) with `state`, `bond` and `third_atom` of each image.
        table: CSV to write, columns `PERTURBED_COLUMNS`, one row per state and bond.
        failures: CSV to write.
        frame: Name of the frame.
        engine: Name of the engine.
        settings: Its settings.
        perturb: Keys of `ruler.perturb` of the configuration (`states_of`).
        elf: Keys `pixels`, `planes`, `min_perpendicular_angstrom` and `offset` of `elf` of the configuration.
        bond: Fields of `BondRule`.
        store: Folder of the label store.
        threads: Threads for engine and ELF.
        memory_mb: Memory for the engine (megabyte).

    Raises:
        InputError: If the engine's level or the images' kind is not that of the images that rulers learn from.
    """
    parent_rung = make_engine(engine, dict(settings), threads=threads, memory_mb=memory_mb)
    check_level_of_images(learned_frames([learned], elf, "ruler.perturb"), parent_rung, "ruler.perturb")
    found = [atoms for atoms in read_frames(labels) if atoms.info["name"] == frame]
    rule = BondRule(**bond)
    rows: list[dict[str, Any]] = []
    pictures: list[tuple[dict[str, Any], np.ndarray]] = []
    failed: list[dict[str, str]] = []
    if not found:
        log.warning("frame '%s' has no label; see failures.csv", frame)
    for atoms in found:
        structure = str(atoms.info["structure"])
        bonds = rule.bonds(atoms)
        where = {name: elf[name] for name in ("planes", "min_perpendicular_angstrom")}
        planes = {each: planes_of_bond(atoms, each, **where)[0] for each in bonds}
        labelled: list[tuple[State, float, Orbitals]] = []
        states = states_of(atoms, perturb, rule=rule)
        counter = Counter("state", len(states))
        for state in states:
            try:
                with_field = dict(settings) | ({"field_au": list(state.field_au)} if any(state.field_au) else {})
                rung = make_engine(engine, with_field, threads=threads, memory_mb=memory_mb)
                start = labelled[0][2] if labelled else None
                labelled.append(_labelled(state, atoms, rung, Store(store), start))
            except Exception as error:
                reason = reason_of(error, f"{structure}, {state.name}")
                failed.append({"stage": "perturbed", "structure": structure, "frame": state.name, "reason": reason})
                if state.kind == "parent":  # nothing to compare with
                    break
            counter.step(state.name)
        for state, energy, orbitals in _lowest(labelled):
            rows += _rows(structure, state, energy, orbitals, bonds)
            pictures += _pictures(structure, state, orbitals, planes, elf, threads)
    write_dataset(images, _dataset(pictures, elf))
    write_table(table, rows, PERTURBED_COLUMNS)
    write_table(failures, failed, FAILURE_COLUMNS)


def _labelled(
    state: State, parent: Atoms, engine: Any, store: Store, start: Orbitals | None
) -> tuple[State, float, Orbitals]:
    atoms = state.atoms.copy()
    atoms.info |= {
        "charge": state.charge,
        "multiplicity": state.multiplicity,
        "name": f"{parent.info['name']}, {state.name}",
    }
    content, arrays = label_once(atoms, engine, store, start=start)
    if content["failure"]:
        raise ScfError(content["failure"])
    return state, float(content["energy_ev"]), Orbitals.from_parts(content["orbitals"], arrays)


def _lowest(labelled: list[tuple[State, float, Orbitals]]) -> list[tuple[State, float, Orbitals]]:
    """Without those states whose alternatives lie lower in energy."""
    lowest: dict[str, float] = {}
    for state, energy, _ in labelled:
        lowest[state.alternative] = min(energy, lowest.get(state.alternative, energy))
    return [one for one in labelled if not one[0].alternative or one[1] == lowest[one[0].alternative]]


def _rows(
    structure: str, state: State, energy_ev: float, orbitals: Orbitals, bonds: list[Bond]
) -> list[dict[str, Any]]:
    orders, shared = mayer_bond_orders(orbitals), delocalisation_indices(orbitals)
    field = np.array(state.field_au)
    rows = []
    for bond in bonds:
        axis = state.atoms.positions[bond.right] - state.atoms.positions[bond.left]
        along = float(field @ axis / np.linalg.norm(axis))
        rows.append({
            "structure": structure, "state": state.name, "kind": state.kind, "charge": state.charge,
            "multiplicity": state.multiplicity, "field_along_au": along,
            "field_across_au": float(np.sqrt(max(field @ field - along**2, 0.0))), "energy_ev": energy_ev,
            "bond": f"{structure}:{bond.label}", "left_atom": bond.left, "right_atom": bond.right,
            "bond_length_angstrom": bond.length_angstrom, "mayer_bond_order": orders[bond.left, bond.right],
            "delocalisation_index": shared[bond.left, bond.right],
        })  # fmt: skip
    return rows


def _pictures(
    structure: str,
    state: State,
    orbitals: Orbitals,
    planes: Mapping[Bond, list[Plane]],
    elf: Mapping[str, Any],
    threads: int,
) -> list[tuple[dict[str, Any], np.ndarray]]:
    molecule = orbitals.molecule()
    found = []
    for bond, mine in planes.items():
        drawn = images_of_planes(
            orbitals, mine, pixels=elf["pixels"], offset=elf["offset"], molecule=molecule, threads=threads
        )
        for plane, picture in zip(mine, drawn, strict=True):
            fault = fault_of(picture)
            if fault:
                log.info("%s, %s, atom %d: %s", state.name, bond.label, plane.third_atom, fault)
                continue
            names = {"structure": structure, "state": state.name, "bond": f"{structure}:{bond.label}"}
            found.append(
                (names | {"third_atom": plane.third_atom, "length": bond.length_angstrom}, picture.astype("float32"))
            )
    return found


def _dataset(pictures: list[tuple[dict[str, Any], np.ndarray]], elf: Mapping[str, Any]) -> xr.Dataset:
    pixels = elf["pixels"]
    stack = np.array([picture for _, picture in pictures], dtype="float32").reshape(len(pictures), pixels, pixels)
    dataset = xr.Dataset(
        {"elf": (("image", "y", "x"), stack, {"units": "1", "long_name": "electron localization function"})}
    )
    for name in ("structure", "state", "bond"):
        dataset[name] = ("image", np.array([row[name] for row, _ in pictures], dtype=object).astype(str))
    dataset["third_atom"] = ("image", np.array([row["third_atom"] for row, _ in pictures], dtype="int32"))
    lengths = np.array([row["length"] for row, _ in pictures], dtype=float)
    dataset["bond_length_angstrom"] = ("image", lengths, {"units": "angstrom"})
    dataset.attrs = {
        "elf_offset_hartree_per_bohr3": OFFSETS[elf["offset"]], "elf_json": json.dumps(dict(elf), sort_keys=True),
    }  # fmt: skip
    return dataset
