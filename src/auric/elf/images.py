"""ELF images of all bonds, S-Au or as the rule says, of a block of frames."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from ase import Atoms
from pyscf import gto

from auric.elf.field import electron_localization
from auric.elf.formula import OFFSETS
from auric.elf.plane import Plane, planes_of_bond
from auric.elf.quality import fault_of
from auric.errors import InputError
from auric.files import read_frames, write_dataset, write_table
from auric.progress import Counter, log
from auric.provenance import library_versions
from auric.reference.orbitals import Orbitals, read_orbitals
from auric.structures.bonds import BondRule
from auric.units import BOHR_ANGSTROM

STEPS = 65535
"""Images hold whole multiples of 1 / STEPS. Beside a nucleus ELF falls to 1e-10 and still varies smoothly with the bond: a fit that
may weigh such values with slopes of 1e7 angstrom reads the bond off digits that no other wave function shares."""
DROPPED_COLUMNS = ("structure", "frame", "bond", "third_atom", "reason")
_LABELS = ("image", "structure", "frame", "bond", "third_element")


def check_kind(images: xr.Dataset, elf: Mapping[str, Any], where: str) -> None:
    """Refuse images of another size or offset than the study's own.

    Args:
        images: Images that rulers learn from.
        elf: Keys `pixels` and `offset` of `elf` of the configuration.
        where: Setting that named them, for the message.

    Raises:
        InputError: Naming what differs.
    """
    theirs = {"pixels": images.sizes["x"], "offset": images.attrs["elf_offset_hartree_per_bohr3"]}
    for key, ours in {"pixels": elf["pixels"], "offset": OFFSETS[elf["offset"]]}.items():
        if theirs[key] != ours:
            raise InputError(
                f"{where}: elf.{key} of the images that rulers learn from is {theirs[key]}, here {ours}; "
                "a ruler reads images of its own kind only: set elf as it was for the images"
            )


def images_block(
    labels: str | Path, orbitals: str | Path, failures: str | Path, images: str | Path, dropped: str | Path, *,
    settings: Mapping[str, Any], bond: Mapping[str, Any] | None = None, threads: int = 1,
) -> None:  # fmt: skip
    """Evaluate the images of a block and write the good ones (NetCDF) and the others' reasons (CSV).

    Args:
        labels: Labelled frames (extended xyz).
        orbitals: Their orbitals (npz).
        failures: Frames without a density (CSV), which are listed among the dropped.
        images: NetCDF to write: `elf` (image, y, x) and the lengths and names of each image.
        dropped: CSV to write, columns `DROPPED_COLUMNS`.
        settings: Keys of `elf` of the configuration.
        bond: Fields of `BondRule`; sulfur and gold by default.
        threads: Threads for ELF.
    """
    rule = BondRule(**(bond or {}))
    frames = {str(atoms.info["name"]): atoms for atoms in read_frames(labels)}
    failed = pd.read_csv(failures, keep_default_na=False)
    poor: list[dict[str, Any]] = [
        {
            "structure": row.structure,
            "frame": row.frame,
            "bond": "",
            "third_atom": "",
            "reason": f"no density: {row.reason}",
        }
        for row in failed.itertuples()
    ]
    rows: list[dict[str, Any]] = []
    pictures: list[np.ndarray] = []
    provenance: dict[str, Any] = {}
    counter = Counter("frame", len(frames))
    for name, wave_function in read_orbitals(orbitals):
        provenance[name] = wave_function.provenance
        for row, picture, fault in images_of_frame(frames[name], wave_function, settings, rule, threads):
            if fault:
                poor.append({key: row[key] for key in DROPPED_COLUMNS[:-1]} | {"reason": fault})
            else:
                rows.append(row)
                pictures.append(picture)
        counter.step(name)
    log.info("%d images kept, %d dropped", len(rows), len(poor))
    write_dataset(images, _dataset(rows, pictures, settings, provenance))
    write_table(dropped, poor, DROPPED_COLUMNS)


def images_of_frame(
    atoms: Atoms, orbitals: Orbitals, settings: Mapping[str, Any], rule: BondRule, threads: int
) -> Iterator[tuple[dict[str, Any], np.ndarray, str]]:
    """Yield, for each plane of each bond of a frame, its row, its picture and its fault.

    Args:
        atoms: The frame (angstrom); `info` holds `structure` and the frame's `name`.
        orbitals: Its orbitals.
        settings: Keys `pixels`, `planes`, `min_perpendicular_angstrom` and `offset` (one of `OFFSETS`).
        rule: What counts as a bond.
        threads: Threads for ELF.

    Yields:
        The names and lengths of the image; ELF values (`resolved`), shape (pixels, pixels), empty where an atom gives no
        plane; and why the image must be dropped, an empty text if it need not.
    """
    molecule, pixels = orbitals.molecule(), settings["pixels"]
    structure, frame = str(atoms.info["structure"]), str(atoms.info["name"])
    for bond in rule.bonds(atoms):
        planes, refused = planes_of_bond(
            atoms, bond, planes=settings["planes"], min_perpendicular_angstrom=settings["min_perpendicular_angstrom"]
        )
        common = {"structure": structure, "frame": frame, "bond": f"{structure}:{bond.label}"}
        for third, reason in refused.items():
            yield common | {"third_atom": third}, np.empty(0), reason
        pictures = images_of_planes(
            orbitals, planes, pixels=pixels, offset=settings["offset"], molecule=molecule, threads=threads
        )
        for plane, picture in zip(planes, pictures, strict=True):
            yield common | _row(frame, plane, atoms), picture, fault_of(picture)


def images_of_planes(
    orbitals: Orbitals, planes: Sequence[Plane], *, pixels: int, offset: str, molecule: gto.Mole, threads: int
) -> np.ndarray:
    """ELF values (`resolved`) on planes, shape (planes, pixels, pixels).

    Args:
        orbitals: Occupied orbitals.
        planes: Best all planes of a bond: their points share boxes, and with them what is prepared for a box.
        pixels: Side of the images.
        offset: One of `OFFSETS`.
        molecule: `orbitals.molecule()`.
        threads: Threads for ELF.
    """
    points = [plane.points_angstrom(pixels).reshape(-1, 3) / BOHR_ANGSTROM for plane in planes]
    values = electron_localization(
        orbitals,
        np.concatenate([np.empty((0, 3)), *points]),
        offset=OFFSETS[offset],
        molecule=molecule,
        threads=threads,
    )
    return resolved(values.reshape(len(planes), pixels, pixels))


def resolved(elf: np.ndarray) -> np.ndarray:
    """ELF values, of any shape, to the resolution that images have; what is not a number stays so."""
    return np.asarray(np.round(elf * STEPS) / STEPS)


def _row(frame: str, plane: Plane, atoms: Atoms) -> dict[str, Any]:
    return {
        "image": f"{frame}:{plane.bond.label}:{plane.third_atom}",
        "bond_length_angstrom": plane.bond.length_angstrom,
        "left_atom": plane.bond.left,
        "right_atom": plane.bond.right,
        "third_atom": plane.third_atom,
        "third_element": atoms.symbols[plane.third_atom],
    }


def _dataset(
    rows: list[dict[str, Any]], pictures: list[np.ndarray], settings: Mapping[str, Any], provenance: dict[str, Any]
) -> xr.Dataset:
    pixels = settings["pixels"]
    centres = (np.arange(pixels) + 0.5) / pixels
    stack = np.array(pictures, dtype="float32").reshape(len(rows), pixels, pixels)
    shares = {"units": "1", "long_name": "share of the bond length"}
    dataset = xr.Dataset(
        {"elf": (("image", "y", "x"), stack, {"units": "1", "long_name": "electron localization function"})},
        coords={"y": ("y", centres, shares), "x": ("x", centres, shares)},
    )
    for name in _LABELS:
        dataset[name] = ("image", np.array([row[name] for row in rows], dtype=object).astype(str))
    for name in ("left_atom", "right_atom", "third_atom"):
        dataset[name] = ("image", np.array([row[name] for row in rows], dtype="int32"))
    lengths = np.array([row["bond_length_angstrom"] for row in rows], dtype=float)
    dataset["bond_length_angstrom"] = ("image", lengths, {"units": "angstrom"})
    dataset.attrs = {
        "elf_offset_hartree_per_bohr3": OFFSETS[settings["offset"]],
        "frames_json": json.dumps(provenance, sort_keys=True),
        "versions_json": json.dumps(library_versions(("pyscf", "numpy", "xarray"))),
    }
    return dataset
