"""What a set of rulers reads off the images of bonds, and how far it can be believed; no quantum chemistry is needed."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from auric.errors import InputError
from auric.files import read_dataset, write_table
from auric.progress import log
from auric.ruler.rulerset import READERS, RulerSet

MEASURED_COLUMNS = (
    "structure", "frame", "bond", "left_atom", "right_atom", "length_angstrom", "planes", "reading_angstrom",
    "spread_planes_angstrom", "spread_members_angstrom", "difference_angstrom", "uncertainty_angstrom", "inside_share",
    "notable",
)  # fmt: skip
SD_OVER_MAE = math.sqrt(math.pi / 2)
"""Of a normal distribution."""


def bond_reading(elf: np.ndarray, length_angstrom: float, ruler: RulerSet, reader: str = READERS[0]) -> dict[str, Any]:
    """The reading of one bond from the images of its planes.

    Spreads are standard deviations: over planes, of the members' means; over members, of the planes' means. The
    uncertainty adds them, and the ruler's error on structures it was not trained on, as independent. A difference is
    notable beyond twice that. An image is inside if the domain says so and its reading is a length that was trained on, give or
    take the error.

    Args:
        elf: ELF values, shape (planes, pixels, pixels); no planes give no reading.
        length_angstrom: Length of the bond.
        ruler: Reads it.
        reader: One of the ruler's `readers`.
    """
    if not len(elf):
        return {"length_angstrom": length_angstrom, "planes": 0, "notable": False}
    readings = ruler.read(elf, reader=reader)
    by_plane, by_member = readings.mean(axis=0), readings.mean(axis=1)
    planes, members = (float(np.std(each, ddof=1)) if len(each) > 1 else 0.0 for each in (by_plane, by_member))
    reading, error = float(readings.mean()), SD_OVER_MAE * error_elsewhere(ruler, reader)
    uncertainty = math.sqrt(planes**2 + members**2 + error**2)
    shortest, longest = ruler.header["trained_on"]["lengths_angstrom"]
    near = (by_plane >= shortest - error) & (by_plane <= longest + error)
    inside = (ruler.domain.score(elf) <= 1) & near
    return {
        "length_angstrom": length_angstrom, "planes": len(elf), "reading_angstrom": reading, "spread_planes_angstrom": planes,
        "spread_members_angstrom": members, "difference_angstrom": reading - length_angstrom,
        "uncertainty_angstrom": uncertainty, "inside_share": float(inside.mean()),
        "notable": abs(reading - length_angstrom) > 2 * uncertainty,
    }  # fmt: skip


def error_elsewhere(ruler: RulerSet, reader: str) -> float:
    """A reader's mean absolute error on structures it was not trained on; without that, the largest it tells.

    Raises:
        InputError: If the ruler tells none.
    """
    errors = ruler.header["error_angstrom"][reader]
    if not errors:
        raise InputError(f"the ruler tells no error of '{reader}'; train it in a study that cross-validates")
    return float(errors.get("structure", max(errors.values())))


def largest_first(rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Bonds as a table, columns `MEASURED_COLUMNS`, the largest difference first, those without a reading last."""
    table = pd.DataFrame(rows, columns=list(MEASURED_COLUMNS))
    sizes = table["difference_angstrom"].astype(float).abs()
    return table.loc[sizes.sort_values(ascending=False, kind="stable").index].reset_index(drop=True)


def measure_study_frame(images: str | Path, rulers: str | Path, table: str | Path, *, frame: str) -> None:
    """Measure one frame of a study with the study's own rulers and write its bonds (CSV, columns `MEASURED_COLUMNS`).

    A frame without images gives an empty table: failures.csv and dropped.csv say why, and other structures go on.

    Args:
        images: Images of the frame's block (NetCDF).
        rulers: Set of rulers, trained on images of the same level of theory.
        table: CSV to write.
        frame: Name of the frame.
    """
    data, ruler = read_dataset(images), RulerSet.load(rulers)
    data = data.isel(image=np.flatnonzero(data["frame"].values.astype(str) == frame))
    if not data.sizes["image"]:
        log.warning("frame '%s' has no image; see failures.csv and dropped.csv", frame)
    names = data["bond"].values.astype(str)
    rows = []
    for name in dict.fromkeys(names):
        mine = data.isel(image=np.flatnonzero(names == name))
        structure, label = name.split(":")
        place = {key: int(mine[key].values[0]) for key in ("left_atom", "right_atom")}
        reading = bond_reading(mine["elf"].values, float(mine["bond_length_angstrom"].values[0]), ruler)
        rows.append({"structure": structure, "frame": frame, "bond": label} | place | reading)
    write_table(table, largest_first(rows), MEASURED_COLUMNS)
