"""ELF on a regular grid around one frame, for viewers: NetCDF and Gaussian cube."""

import json
from pathlib import Path

import numpy as np
import xarray as xr
from ase import Atoms
from ase.io.cube import write_cube

from auric.elf.field import electron_localization
from auric.elf.formula import OFFSETS
from auric.errors import InputError
from auric.files import atomic, write_dataset
from auric.reference.orbitals import Orbitals, read_orbitals
from auric.units import BOHR_ANGSTROM


def elf_grid(
    orbitals: str | Path, netcdf: str | Path, cube: str | Path, *,
    frame: str, spacing_angstrom: float, margin_angstrom: float, offset: str, threads: int = 1,
) -> None:  # fmt: skip
    """Evaluate ELF in a box around a frame and write it.

    Args:
        orbitals: Orbitals of a block of frames (npz).
        netcdf: NetCDF to write: `elf` (x, y, z), coordinates in angstrom.
        cube: Gaussian cube file to write (bohr, as the format has it).
        frame: Name of the frame.
        spacing_angstrom: Distance of grid points.
        margin_angstrom: Space around the outermost atoms.
        offset: Name of the ELF offset.
        threads: Threads for ELF.

    Raises:
        InputError: If the frame is not among the orbitals.
    """
    found = next((each for name, each in read_orbitals(orbitals) if name == frame), None)
    if found is None:
        raise InputError(f"no density of frame '{frame}'; see failures.csv, or leave it out of elf.grid.structures")
    axes = box_axes(found.positions_angstrom, spacing_angstrom, margin_angstrom)
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3) / BOHR_ANGSTROM
    values = electron_localization(found, points, offset=OFFSETS[offset], threads=threads)
    values = values.reshape([len(axis) for axis in axes])
    _write_netcdf(netcdf, values, axes, found, offset)
    _write_cube(cube, values, axes, found, spacing_angstrom)


def box_axes(positions_angstrom: np.ndarray, spacing_angstrom: float, margin_angstrom: float) -> list[np.ndarray]:
    """Coordinates (angstrom) of the grid along x, y and z: at least the margin around all atoms, (atoms, 3)."""
    low = positions_angstrom.min(axis=0) - margin_angstrom
    extent = np.ptp(positions_angstrom, axis=0) + 2 * margin_angstrom
    counts = np.ceil(extent / spacing_angstrom).astype(int) + 1
    return [start + spacing_angstrom * np.arange(count) for start, count in zip(low, counts, strict=True)]


def _write_netcdf(
    path: str | Path, values: np.ndarray, axes: list[np.ndarray], orbitals: Orbitals, offset: str
) -> None:
    dataset = xr.Dataset(
        {
            "elf": (("x", "y", "z"), values.astype("float32"), {"units": "1"}),
            "positions_angstrom": (("atom", "axis"), orbitals.positions_angstrom, {"units": "angstrom"}),
            "element": ("atom", np.array(orbitals.symbols)),
        },
        coords={name: (name, axis, {"units": "angstrom"}) for name, axis in zip(("x", "y", "z"), axes, strict=True)},
        attrs={
            "elf_offset_hartree_per_bohr3": OFFSETS[offset],
            "provenance_json": json.dumps(orbitals.provenance, sort_keys=True),
        },
    )
    write_dataset(path, dataset)


def _write_cube(
    path: str | Path, values: np.ndarray, axes: list[np.ndarray], orbitals: Orbitals, spacing_angstrom: float
) -> None:
    cell = np.diag(spacing_angstrom * np.array(values.shape))
    atoms = Atoms(orbitals.symbols, orbitals.positions_angstrom, cell=cell)
    with atomic(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        write_cube(file, atoms, data=values, origin=np.array([axis[0] for axis in axes]), comment="ELF")
