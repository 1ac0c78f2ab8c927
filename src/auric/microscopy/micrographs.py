"""Reading micrographs: png, tiff and mrc files as one grey image and, where the file states it, the length of a pixel."""

import re
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from auric.errors import InputError

FORMATS = {".png": "PNG", ".tif": "TIFF", ".tiff": "TIFF", ".mrc": "MRC"}
ELSEWHERE = {
    ".dm3": "DigitalMicrograph",
    ".dm4": "DigitalMicrograph",
    ".ser": "TIA",
    ".emd": "Velox",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
}
PIXEL_LIMIT = 80_000_000
LEAST_SIDE = 16
GREY = np.array([0.299, 0.587, 0.114])
"""Weights of red, green and blue (ITU-R BT.601)."""
MRC_HEADER_BYTES = 1024
MRC_TYPES = {0: "i1", 1: "i2", 2: "f4", 6: "u2", 12: "f2"}
PER_INCH, PER_CENTIMETRE = 2, 3
ANGSTROM_PER = {PER_INCH: 2.54e8, PER_CENTIMETRE: 1e8}
ANGSTROM = {"nm": 10.0, "a": 1.0, "angstrom": 1.0, "å": 1.0, "um": 1e4, "µm": 1e4, "micron": 1e4, "pm": 0.01}
PLAUSIBLE_ANGSTROM = (0.001, 1000.0)
"""A resolution outside of this is one for print (72 dots an inch), not a microscope's."""
X_RESOLUTION, RESOLUTION_UNIT, IMAGE_DESCRIPTION = 282, 296, 270


@dataclass(frozen=True)
class Micrograph:
    """An image as read.

    Attributes:
        values: Shape (rows, columns), float64.
        pixel_angstrom: Length of a pixel, or None where the file does not state it.
        kind: What the file held, such as `16-bit grey`.
    """

    values: np.ndarray
    pixel_angstrom: float | None
    kind: str


def read_micrograph(path: str | Path) -> Micrograph:
    """Read one image; colours become grey.

    Args:
        path: A png, tiff or mrc file with one image.

    Raises:
        InputError: If the file is missing, of another format, damaged, too large, tiny, or holds several images.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix in ELSEWHERE:
        raise InputError(
            f"{path}: {ELSEWHERE[suffix]} files are not read; export it as tiff or mrc with its pixel size"
        )
    if suffix not in FORMATS:
        raise InputError(f"{path}: '{suffix}' is not read; give a file that ends in {', '.join(FORMATS)}")
    if not path.is_file():
        raise InputError(f"{path}: there is no such file; correct its name")
    found = _read_mrc(path) if FORMATS[suffix] == "MRC" else _read_picture(path, FORMATS[suffix])
    if min(found.values.shape) < LEAST_SIDE:
        rows, columns = found.values.shape
        raise InputError(f"{path}: {columns} x {rows} pixels; at least {LEAST_SIDE} a side are needed")
    return found


def _read_picture(path: Path, file_format: str) -> Micrograph:
    try:
        with Image.open(path, formats=[file_format]) as picture:
            if picture.width * picture.height > PIXEL_LIMIT:
                raise InputError(_too_large(path, picture.width, picture.height))
            if (count := getattr(picture, "n_frames", 1)) > 1:
                raise InputError(f"{path}: {count} images in one file; save the one to look at")
            tags = getattr(picture, "tag_v2", {}) if file_format == "TIFF" else {}
            pixel = _stated_pixel(dict(tags))
            values = np.asarray(picture.convert("RGBA") if picture.mode in ("P", "PA") else picture)
            kind = picture.mode
    except InputError:
        raise
    except Image.DecompressionBombError as error:
        raise InputError(f"{path}: too large ({error}); cut the image down") from error
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, struct.error) as error:
        raise InputError(f"{path}: not a whole {file_format} file ({error}); export it again") from error
    return Micrograph(_grey(values, path), pixel, f"{8 * values.dtype.itemsize}-bit {kind}")


def _too_large(path: Path, columns: int, rows: int) -> str:
    return f"{path}: {columns} x {rows} pixels are more than {PIXEL_LIMIT}; cut the image down"


def _grey(values: np.ndarray, path: Path) -> np.ndarray:
    if values.ndim == 2:
        return values.astype(float)
    if values.ndim == 3 and values.shape[2] in (2, 4):  # the last channel says how opaque, which is no measurement
        values = values[:, :, :-1]
    if values.ndim == 3 and values.shape[2] == 1:
        return values[:, :, 0].astype(float)
    if values.ndim == 3 and values.shape[2] == 3:
        return np.asarray(values.astype(float) @ GREY)
    raise InputError(
        f"{path}: channels of shape {values.shape} are not read; save it in grey or in red, green and blue"
    )


def _stated_pixel(tags: dict[int, object]) -> float | None:
    """Length of a pixel by TIFF tags: ImageJ's unit in the description, or a resolution that can be a microscope's."""
    try:
        per_unit = float(tags[X_RESOLUTION])  # type: ignore[arg-type]
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    if not (np.isfinite(per_unit) and per_unit > 0):
        return None
    unit = re.search(r"^unit=(.+)$", str(tags.get(IMAGE_DESCRIPTION, "")), re.MULTILINE)
    if unit:
        length = ANGSTROM.get(unit[1].strip().encode().decode("unicode_escape", "ignore").lower())
        return length / per_unit if length else None
    length = ANGSTROM_PER.get(int(str(tags.get(RESOLUTION_UNIT, 0)) or 0))
    if length is None or not PLAUSIBLE_ANGSTROM[0] <= length / per_unit <= PLAUSIBLE_ANGSTROM[1]:
        return None
    return length / per_unit


def _read_mrc(path: Path) -> Micrograph:
    """The MRC2014 format (doi:10.1016/j.jsb.2015.04.002): 1024 bytes of header, an extended header, and one section."""
    size = path.stat().st_size
    with path.open("rb") as file:
        header = file.read(MRC_HEADER_BYTES)
        if len(header) < MRC_HEADER_BYTES:
            raise InputError(f"{path}: not a whole MRC file ({size} bytes); export it again")
        order = ">" if header[212:214] == b"\x11\x11" else "<"
        columns, rows, sections, mode, _, _, _, intervals = struct.unpack(order + "8i", header[:32])
        width = struct.unpack(order + "f", header[40:44])[0]
        extended = struct.unpack(order + "i", header[92:96])[0]
        if min(columns, rows, sections) < 1 or extended < 0:
            raise InputError(f"{path}: not an MRC file (a header of {columns} x {rows} x {sections}); export it again")
        if mode not in MRC_TYPES:
            raise InputError(f"{path}: MRC mode {mode} is not read; save it as one of {', '.join(map(str, MRC_TYPES))}")
        if sections > 1:
            raise InputError(f"{path}: {sections} images in one file; save the one to look at")
        if columns * rows > PIXEL_LIMIT:
            raise InputError(_too_large(path, columns, rows))
        kind = np.dtype(order + MRC_TYPES[mode])
        wanted = columns * rows * kind.itemsize
        if size < MRC_HEADER_BYTES + extended + wanted:
            raise InputError(
                f"{path}: {size} bytes are too few for {columns} x {rows}; the file is cut off, export it again"
            )
        file.seek(MRC_HEADER_BYTES + extended)
        values = np.frombuffer(file.read(wanted), kind).reshape(rows, columns).astype(float)
    pixel = width / intervals if intervals > 0 and np.isfinite(width) and width > 0 else None
    return Micrograph(values, pixel, f"MRC mode {mode}")
