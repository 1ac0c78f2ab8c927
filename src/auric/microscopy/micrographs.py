"""Reading micrographs: png, tiff and mrc files as one grey image and, where the file states it, the length of a pixel."""

import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from auric.errors import InputError
from auric.files import may_unpack_to
from auric.given import regular, shown
from auric.machine import raise_lack

FORMATS = {".png": "PNG", ".tif": "TIFF", ".tiff": "TIFF", ".mrc": "MRC"}
ELSEWHERE = {
    ".dm3": "DigitalMicrograph",
    ".dm4": "DigitalMicrograph",
    ".ser": "TIA",
    ".emd": "Velox",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
}
STARTS = {
    b"\x89PNG\r\n\x1a\n": "PNG", b"II*\0": "TIFF", b"MM\0*": "TIFF", b"II+\0": "TIFF", b"MM\0+": "TIFF", b"\xff\xd8\xff": "JPEG",
    b"GIF8": "GIF", b"\x89HDF\r\n\x1a\n": "HDF5",
}  # fmt: skip
"""First bytes of files of each format; MRC has its mark within the header."""
MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "I", "F")
"""Of Pillow, whose channels are known here; beside them grey of 16 bits in any order of bytes, `I;16...`."""
PNG_DEPTH, PNG_COLOUR, PNG_GREY = 24, 25, 0
"""Places of bits a channel and kind of colour in a PNG's first bytes, and the kind that is grey."""
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
"""A pixel outside of this is one for print (72 dots an inch), not a microscope's."""
X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT, IMAGE_DESCRIPTION, BITS = 282, 283, 296, 270, 258
UNEVEN = 0.01
"""Sides of a pixel that differ by more than this share make no square."""


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
        InputError: If the file is missing, of another format, damaged, too large, tiny, holds several images, colours that would lose
            bits or have no grey, or pixels that are not square.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix in ELSEWHERE:
        raise InputError(
            f"{path}: {ELSEWHERE[suffix]} files are not read; export it as tiff or mrc with its pixel size"
        )
    if suffix not in FORMATS:
        raise InputError(f"{path}: '{suffix}' is not read; give a file that ends in {', '.join(FORMATS)}")
    if not regular(path):
        raise InputError(f"{shown(path)}: there is no such file; correct its name")
    try:
        with path.open("rb") as file:
            start = file.read(MRC_HEADER_BYTES)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; make it readable") from None
    _check_format(start, FORMATS[suffix], path)
    found = _read_mrc(path) if FORMATS[suffix] == "MRC" else _read_picture(path, FORMATS[suffix], start)
    if min(found.values.shape) < LEAST_SIDE:
        rows, columns = found.values.shape
        raise InputError(f"{path}: {columns} x {rows} pixels; at least {LEAST_SIDE} a side are needed")
    return found


def _check_format(start: bytes, file_format: str, path: Path) -> None:
    """By its first bytes, that a file is what its name says; what is not recognised is left to the reader."""
    held = next((name for mark, name in STARTS.items() if start.startswith(mark)), None)
    if held is None and start[208:212] == b"MAP ":
        held = "MRC"
    if held not in (None, file_format):
        endings = [suffix for suffix, name in FORMATS.items() if name == held]
        instead = f"rename it to end in {endings[0]}" if endings else "export it as tiff or mrc"
        raise InputError(f"{path}: what it holds is {held}, not {file_format}; {instead}")


def _read_picture(path: Path, file_format: str, start: bytes) -> Micrograph:
    try:
        with Image.open(path, formats=[file_format]) as picture:
            if picture.width * picture.height > PIXEL_LIMIT:
                raise InputError(_too_large(path, picture.width, picture.height))
            if (count := getattr(picture, "n_frames", 1)) > 1:
                raise InputError(f"{path}: {count} images in one file; save the one to look at")
            tags = dict(getattr(picture, "tag_v2", {})) if file_format == "TIFF" else {}
            _check_channels(picture.mode, tags[BITS] if BITS in tags else _png_bits(start), path)
            pixel = _stated_pixel(tags, path)
            values = np.asarray(picture.convert("RGBA") if picture.mode == "P" else picture)
            kind = picture.mode
    except InputError:
        raise
    except Image.DecompressionBombError as error:
        raise InputError(f"{path}: too large ({error}); cut the image down") from error
    except Exception as error:  # Pillow raises whatever the bytes make it
        raise_lack(error, path, may_take=may_unpack_to(path))
        raise InputError(f"{path}: not a whole {file_format} file ({error}); export it again") from error
    return Micrograph(_grey(values), pixel, f"{8 * values.dtype.itemsize}-bit {kind}")


def _too_large(path: Path, columns: int, rows: int) -> str:
    return f"{path}: {columns} x {rows} pixels are more than {PIXEL_LIMIT}; cut the image down"


def _png_bits(start: bytes) -> tuple[int, ...]:
    """Bits of each channel of a PNG's colours; none where it is grey or no PNG."""
    if not start.startswith(b"\x89PNG") or start[PNG_COLOUR] == PNG_GREY:
        return ()
    return (start[PNG_DEPTH],) * 2


def _check_channels(mode: str, bits: object, path: Path) -> None:
    if mode not in MODES and not mode.startswith("I;16"):
        raise InputError(f"{path}: images of mode {mode} are not read; save it in grey or in red, green and blue")
    if isinstance(bits, tuple) and len(bits) > 1 and max(bits) > 8:  # Pillow keeps the first eight of each
        raise InputError(
            f"{path}: colours of {max(bits)} bits a channel would lose bits; save it in {max(bits)}-bit grey"
        )


def _grey(values: np.ndarray) -> np.ndarray:
    if values.ndim == 2:
        return values.astype(float)
    if values.shape[2] in (2, 4):  # the last channel says how opaque, which is no measurement
        values = values[:, :, :-1]
    return np.asarray(values[:, :, 0].astype(float) if values.shape[2] == 1 else values.astype(float) @ GREY)


def _stated_pixel(tags: Mapping[int, object], path: Path) -> float | None:
    """Length of a pixel by TIFF tags: ImageJ's unit in the description, or a resolution that can be a microscope's."""
    unit = re.search(r"^unit=(.+)$", str(tags.get(IMAGE_DESCRIPTION, "")), re.MULTILINE)
    if unit:
        length = ANGSTROM.get(unit[1].strip().encode().decode("unicode_escape", "ignore").lower())
    else:
        length = ANGSTROM_PER.get(int(str(tags.get(RESOLUTION_UNIT, 0)) or 0))
    wide, high = (_positive(tags.get(number)) for number in (X_RESOLUTION, Y_RESOLUTION))
    if length is None or wide is None:
        return None
    return _square([length / wide] + ([length / high] if high else []), path)


def _positive(value: object) -> float | None:
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return number if np.isfinite(number) and number > 0 else None


def _square(sides: Sequence[float], path: Path) -> float | None:
    """The length (angstrom) of a pixel from those of its sides that are stated; None where it is not a microscope's."""
    if not PLAUSIBLE_ANGSTROM[0] <= sides[0] <= PLAUSIBLE_ANGSTROM[1]:
        return None
    if max(sides) > (1 + UNEVEN) * min(sides):
        raise InputError(
            f"{path}: pixels of {sides[0]:g} x {sides[1]:g} angstrom are not square; resample the image, or correct what it states"
        )
    return sides[0]


def _read_mrc(path: Path) -> Micrograph:
    """The MRC2014 format (doi:10.1016/j.jsb.2015.04.002): 1024 bytes of header, an extended header, and one section."""
    size = path.stat().st_size
    with path.open("rb") as file:
        header = file.read(MRC_HEADER_BYTES)
        if len(header) < MRC_HEADER_BYTES:
            raise InputError(f"{path}: not a whole MRC file ({size} bytes); export it again")
        order = ">" if header[212:214] == b"\x11\x11" else "<"
        columns, rows, sections, mode, _, _, _, *intervals = struct.unpack(order + "9i", header[:36])
        edges = struct.unpack(order + "2f", header[40:48])
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
    sides = [
        edge / count if count > 0 and np.isfinite(edge) and edge > 0 else None
        for edge, count in zip(edges, intervals, strict=True)
    ]
    pixel = None if sides[0] is None else _square([side for side in sides if side is not None], path)
    return Micrograph(values, pixel, f"MRC mode {mode}")
