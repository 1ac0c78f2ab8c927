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
from auric.given import given_text
from auric.microscopy.calibration import assumed_microscope, particle_settings
from auric.microscopy.directions import turned_about_beam
from auric.microscopy.imaging import simulated_particle
from auric.microscopy.library import Library, read_libraries
from auric.microscopy.particles import Particle, ParticleSettings
from auric.microscopy.rows import Placed, particles_of_row, twin
from auric.microscopy.sizes import candidate_sizes
from auric.microscopy.transfer import Microscope
from auric.progress import log
from auric.structures.prepare import FAILURE_COLUMNS

KIND = "particles of an experiment"
TABLE_COLUMNS = ("image", "x_pixel", "y_pixel", "pixel_angstrom")
SURE_SIZE = (0.88, 1.12)
"""Median size of the particles over that of the candidates, outside of which the pixel size is doubted. Medians over 10 to 16 simulated
particles of three Au25 are 0.95 to 1.06 at 10 000 electrons/angstrom^2 and more (single ones scatter by 0.02 to 0.07), for pixels of 0.3 to
0.5 angstrom and a focus of 30 to 120 where 60 is assumed, and 0.88 to 1 at 1000. With pixels stated 0.8 times as long as they are they
are 0.82 to 0.9; with 1.2 times 1.1 to 1.2, since the cutting circle takes away what grows beyond it."""


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
        InputError: If the table is missing, has other columns or one twice, no rows, or a row without an image.
    """
    text = given_text(path, "give a tab-separated table in UTF-8", what="table")
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    rows = list(csv.DictReader(lines, delimiter="\t", restval=""))
    header = [] if not lines else lines[0].split("\t")
    for name in header:
        if name not in TABLE_COLUMNS:
            raise InputError(f"{path}: unknown column '{name[:40]}'; {suggestion(name, TABLE_COLUMNS)}")
    if twice := [name for name in header if header.count(name) > 1]:
        raise InputError(f"{path}: the column '{twice[0]}' is there twice; keep one")
    if "image" not in header or not rows:
        raise InputError(f"{path}: the table needs the columns {', '.join(TABLE_COLUMNS)} and at least one row")
    if long := [k for k, row in enumerate(rows, 1) if None in row]:
        raise InputError(f"{path}, row {long[0]}: more cells than columns; columns are separated by one tab")
    if empty := [k for k, row in enumerate(rows, 1) if not row["image"].strip()]:
        raise InputError(f"{path}, row {empty[0]}: the cell 'image' is empty; name a micrograph beside the table")
    return rows


def particles_of_table(
    path: Path, settings: ParticleSettings, sizes: tuple[float, float]
) -> tuple[list[Placed], list[str], list[tuple[str, str]]]:
    """Particles of a table of micrographs, each once.

    Args:
        path: Table as `read_particle_table` reads it.
        settings: Of the particles.
        sizes: Of the smallest and the largest candidate, in angstrom.

    Returns:
        The particles, their names, and what cannot be used: images and reasons.
    """
    found: list[Placed] = []
    names: list[str] = []
    bad: list[tuple[str, str]] = []
    for row in read_particle_table(path):
        try:
            here, reasons = particles_of_row(row, path.parent, settings, sizes)
        except InputError as error:
            here, reasons = [], [str(error)]
        for one in here:
            if reason := twin(one, found, settings.radius_angstrom):
                reasons.append(reason)
            else:
                names.append(f"{Path(row['image']).name}_{len(found)}")
                found.append(one)
        for reason in reasons:
            log.warning("%s", reason)
        bad += [(row["image"], reason) for reason in reasons]
    return found, names, bad


def doubt_about_size(particles: Sequence[Placed]) -> str | None:
    """What is wrong with the size of an experiment's particles beside the candidates'; None if nothing is."""
    ratio = float(np.median([one.relative_size for one in particles]))
    if SURE_SIZE[0] <= ratio <= SURE_SIZE[1]:
        return None
    return f"its particles are {ratio:.2f} times as large as the candidates (median), check the pixel size"


def write_experiment(
    experiment: Mapping[str, Any], libraries: Sequence[str | Path], path: str | Path, failures: str | Path, *,
    settings: Mapping[str, Any], seed: int,
) -> None:  # fmt: skip
    """Make the particles of one experiment and write them (NetCDF); what cannot be used goes to a table.

    A doubt about the pixel size becomes part of `source`, which stands beside every answer.

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
    wanted = particle_settings(settings)
    bad: list[tuple[str, str]] = []
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
        attrs["source"] = (
            f"simulated: {library.name}, multislice, {experiment['dose']:,.0f} electrons per square angstrom"
        )
    else:
        table = Path(experiment["table"])
        sizes = candidate_sizes(candidates, wanted, assumed_microscope(settings))
        placed, names, bad = particles_of_table(table, wanted, sizes)
        if not placed:
            raise InputError(f"experiment {experiment['name']}: no particle can be used; {bad[0][1]}")
        found = [one.particle for one in placed]
        attrs["source"] = f"micrographs of {table}"
        if doubt := doubt_about_size(placed):
            log.warning("experiment %s: %s", experiment["name"], doubt)
            attrs["source"] += f"; {doubt}"
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
    failed = [
        dict(zip(FAILURE_COLUMNS, ("microscopy", experiment["name"], image, reason), strict=True))
        for image, reason in bad
    ]
    write_table(failures, failed, FAILURE_COLUMNS)


def read_experiment(path: str | Path) -> xr.Dataset:
    """Read what `write_experiment` wrote.

    Raises:
        InputError: If the file is something else.
    """
    dataset = read_dataset(path)
    if dataset.attrs.get("kind") != KIND:
        raise InputError(f"{path}: no particles of an experiment; run the step that makes them")
    return dataset
