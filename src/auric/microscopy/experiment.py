"""Particles of one experiment: cut out of micrographs by a table, or simulated by the second image model and labelled so."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from scipy.spatial.transform import Rotation

from auric.errors import InputError, StructureError, suggestion
from auric.files import read_dataset, write_dataset, write_table
from auric.microscopy.calibration import assumed_microscope, particle_settings
from auric.microscopy.directions import turned_about_beam
from auric.microscopy.imaging import simulated_particle
from auric.microscopy.library import Library, read_libraries
from auric.microscopy.micrographs import read_micrograph
from auric.microscopy.particles import Particle, ParticleSettings, find_particles, prepare_particle
from auric.microscopy.transfer import Microscope
from auric.progress import log
from auric.structures.prepare import FAILURE_COLUMNS

KIND = "particles of an experiment"
TABLE_COLUMNS = ("image", "x_pixel", "y_pixel", "pixel_angstrom")
NEAR_SIZE = (0.5, 1.8)
"""Size of a particle over that of the candidates, outside of which the pixel size is doubted."""


def simulated_experiment(
    library: Library, settings: ParticleSettings, *, particles: int, dose: float, shared: bool, microscope: Microscope, seed: int
) -> tuple[list[Particle], np.ndarray]:  # fmt: skip
    """Particles of a known structure by the second image model, and their orientations.

    Args:
        library: Of the structure.
        settings: Of the particles.
        particles: How many.
        dose: Electrons per square angstrom.
        shared: Whether all lie the same way and are only turned about the beam, as in a crystal.
        microscope: Electrons, lens and detector.
        seed: Of orientations and noise.
    """
    rng = np.random.default_rng(seed)
    orientations = Rotation.random(particles, rng=rng).as_matrix()
    if shared:
        orientations = np.array([turned_about_beam(orientations[0], turn) for turn in rng.uniform(0, 360, particles)])
    made = [simulated_particle(library.atoms, one, microscope, settings, dose=dose, rng=rng) for one in orientations]
    return made, orientations


def read_particle_table(path: str | Path) -> list[dict[str, str]]:
    """Rows of a tab-separated table of particles; lines that are empty or start with # are skipped.

    Args:
        path: Table with the columns `TABLE_COLUMNS`: an image beside the table, the particle's middle (both empty: find particles),
            and the length of a pixel (empty: as the image states).

    Raises:
        InputError: If the table is missing, has other columns, or no rows.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: {error}; give a tab-separated table in UTF-8") from None
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    rows = list(csv.DictReader(lines, delimiter="\t", restval=""))
    header = [] if not lines else lines[0].split("\t")
    for name in header:
        if name not in TABLE_COLUMNS:
            raise InputError(f"{path}: unknown column '{name[:40]}'; {suggestion(name, TABLE_COLUMNS)}")
    if "image" not in header or not rows:
        raise InputError(f"{path}: the table needs the columns {', '.join(TABLE_COLUMNS)} and at least one row")
    if long := [k for k, row in enumerate(rows, 1) if None in row]:
        raise InputError(f"{path}, row {long[0]}: more cells than columns; columns are separated by one tab")
    return rows


def particles_of_row(
    row: Mapping[str, str], folder: Path, settings: ParticleSettings, expected_angstrom: float
) -> list[Particle]:
    """Particles of one row of the table.

    Args:
        row: Columns `TABLE_COLUMNS`.
        folder: Of the table.
        settings: Of the particles.
        expected_angstrom: Root mean square radius of the candidates' images.

    Raises:
        InputError: If the image cannot be used, states no pixel size, no particle is found, or its size fits no candidate.
    """
    path = folder / row["image"]
    image = read_micrograph(path)
    pixel = _number(row, "pixel_angstrom", path) or image.pixel_angstrom
    if pixel is None or pixel <= 0:
        raise InputError(f"{path}: states no length of a pixel; give it in the column pixel_angstrom")
    x, y = _number(row, "x_pixel", path), _number(row, "y_pixel", path)
    if (x is None) != (y is None):
        raise InputError(f"{path}: x_pixel or y_pixel is missing; give both, or neither to have particles found")
    if x is None or y is None:
        places = find_particles(
            image.values, pixel, radius_angstrom=settings.radius_angstrom, contrast=settings.contrast
        )
        if not len(places):
            raise InputError(f"{path}: no particle stands out; give x_pixel and y_pixel, or check the contrast")
    else:
        places = np.array([[x, y]])
    found = [prepare_particle(image.values, at_x, at_y, pixel, settings) for at_x, at_y in places.tolist()]
    for one in found:
        ratio = size_angstrom(one.image, settings.pixel_angstrom) / expected_angstrom
        if not NEAR_SIZE[0] <= ratio <= NEAR_SIZE[1]:
            raise InputError(
                f"{path}: with pixels of {pixel:g} angstrom a particle is {ratio:.1f} times as large as the candidates; "
                "check the pixel size"
            )
    return found


def size_angstrom(image: np.ndarray, pixel_angstrom: float) -> float:
    """Root mean square distance of what is dark from its middle."""
    steps = (np.arange(len(image)) - (len(image) - 1) / 2) * pixel_angstrom
    weight = np.where(image > 0.25 * image.max(), image, 0.0).astype(float)
    total = weight.sum()
    spread = [
        (weight * along**2).sum() / total - ((weight * along).sum() / total) ** 2
        for along in (steps[None], steps[:, None])
    ]
    return float(np.sqrt(sum(spread)))


def _number(row: Mapping[str, str], name: str, path: Path) -> float | None:
    text = (row.get(name) or "").strip()
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not np.isfinite(value):
        raise InputError(f"{path}: {name} is '{text[:40]}'; give a number, or leave it empty")
    return value


def write_experiment(
    experiment: Mapping[str, Any], libraries: Sequence[str | Path], path: str | Path, failures: str | Path, *,
    settings: Mapping[str, Any], seed: int,
) -> None:  # fmt: skip
    """Make the particles of one experiment and write them (NetCDF); rows that cannot be used go to a table.

    Args:
        experiment: One of `microscopy.experiments`.
        libraries: Files of the candidates.
        path: NetCDF to write.
        failures: CSV to write, columns of failures.
        settings: `microscopy` of the configuration.
        seed: Of the study.

    Raises:
        InputError: If no particle is left.
    """
    candidates = read_libraries(libraries)
    wanted, bad = particle_settings(settings), []
    found: list[Particle] = []
    names: list[str] = []
    attrs = {
        "kind": KIND,
        "experiment": experiment["name"],
        "true": experiment["simulated"],
        "shared": int(experiment["shared"]),
    }
    orientations = np.zeros((0, 3, 3))
    if experiment["simulated"]:
        library = next((one for one in candidates if one.name == experiment["simulated"]), None)
        if library is None:
            raise StructureError(
                f"experiment {experiment['name']}: there is no candidate '{experiment['simulated']}'; add it to the table"
            )
        found, orientations = simulated_experiment(
            library, wanted, particles=experiment["particles"], dose=experiment["dose"], shared=experiment["shared"],
            microscope=assumed_microscope(settings), seed=seed,
        )  # fmt: skip
        names = [f"{experiment['name']}_{k}" for k in range(len(found))]
        attrs["source"] = f"simulated: {library.name}, multislice, {experiment['dose']:g} electrons/angstrom^2"
    else:
        table = Path(experiment["table"])
        expected = float(
            np.median([size_angstrom(image, wanted.pixel_angstrom) for one in candidates for image in one.images])
        )
        for row in read_particle_table(table):
            try:
                here = particles_of_row(row, table.parent, wanted, expected)
            except InputError as error:
                log.warning("%s", error)
                bad.append(
                    dict(
                        zip(FAILURE_COLUMNS, ("microscopy", experiment["name"], row["image"], str(error)), strict=True)
                    )
                )
                continue
            names += [f"{Path(row['image']).name}_{len(found) + k}" for k in range(len(here))]
            found += here
        attrs["source"] = f"micrographs of {table}"
        if not found:
            raise InputError(f"experiment {experiment['name']}: no particle can be used; {bad[0]['reason']}")
    log.info("%s: %d particles", experiment["name"], len(found))
    dataset = xr.Dataset(
        {
            "image": (("particle", "y", "x"), np.array([one.image for one in found])),
            "noise": ("particle", [one.noise for one in found]),
            "true_orientation": (("known", "row", "axis"), orientations),
        },
        coords={"particle": names},
        attrs=attrs,
    )
    write_dataset(path, dataset)
    write_table(failures, bad, FAILURE_COLUMNS)


def read_experiment(path: str | Path) -> xr.Dataset:
    """Read what `write_experiment` wrote.

    Raises:
        InputError: If the file is something else.
    """
    dataset = read_dataset(path)
    if dataset.attrs.get("kind") != KIND:
        raise InputError(f"{path}: no particles of an experiment; run the step that makes them")
    return dataset
