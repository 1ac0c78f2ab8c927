"""How a good file is spoiled: bytes, words, and the parts of files whose bytes are guarded by a digest or a checksum."""

import io
import json
import random
import struct
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from auric.modelfile import write_model

from .corpus import Reader

CODE = "__import__('pathlib').Path('executed').touch()"
NUMBERS = (
    "1e400", "-1e400", "nan", "inf", "-0", "0", "-1", "1e308", "1e-320", "9" * 30, "9" * 5000, "2147483648", "-9223372036854775809",
    "1_000", "0x10", "1e", "\uff11", "True", "None", "1;2", "1,5", "1/0", "NaN", "999999999", "1e17", "0.1.2", "10**30", CODE,
)  # fmt: skip
WORDS = (
    *NUMBERS, "", " ", "\0", "\x1b[2J", "\u202e", "\ufeff", "../../../../etc/passwd", "/etc/passwd", "/dev/zero", "file:///etc/passwd",
    "https://example.org/a.xyz", "http://169.254.169.254/", "`id`", "$(id)", "; rm -rf .", "{{7*7}}", "%s%n", "<script>", "\ud7ff",
    "\u2028", "\x85", "[" * 300, "{" * 300, "(" * 300, "=", "==", "\t", "'", '"', "\\", "#", ":", "_JSON [1]", "!!python/object/apply:os.system [id]",
    "&a [*a]", "*b", "<<: *b", "2001-13-45", "C" * 1000, "x" * 20_000, "Q", "Xx", "Lattice=\"1 0 0 0 1e-9 0 0 0 1e9\"", "Properties=species:S:1:pos:R:3:a:R:9999999",
)  # fmt: skip
LEAVES: tuple[Any, ...] = (
    None, True, -1, 0, 10**9, 10**30, 1e300, float("nan"), "", "x", CODE, [], {}, [[]], {"a": 1}, [1, "a"], "../../x", 0.5, -1.5, 2, [0] * 50,
)  # fmt: skip
ARRAYS = (
    lambda array: array[:0], lambda array: array[:1], lambda array: array.ravel(), lambda array: array[None], lambda array: array.astype(str),
    lambda array: np.zeros(()), lambda array: np.zeros(array.shape, complex), lambda array: np.full(array.shape, np.nan),
    lambda array: np.zeros(array.shape, "M8[s]"), lambda array: np.zeros(array.shape, [("a", "f8")]), lambda array: array.astype("f2", errors="ignore") if False else np.zeros((2, 2), "i1"),
    lambda array: np.zeros((3, 0)), lambda array: np.array("text"), lambda array: -np.ones(array.shape), lambda array: np.full(array.shape, 1e300),
)  # fmt: skip


def spoiled(reader: Reader, rng: random.Random) -> bytes:
    """A good file, spoiled in one to four places."""
    content = rng.choice(reader.good)
    special = {"model": _model, "npz": _npz, "safetensors": _safetensors, "netcdf": _netcdf, "zip": _zip}.get(
        reader.kind
    )
    if special is not None and rng.random() < 0.6:
        return special(content, rng)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        words = reader.kind == "text" and rng.random() < 0.75
        content = (_words if words else _bytes)(content, rng)
    return content


def _bytes(content: bytes, rng: random.Random) -> bytes:
    data = bytearray(content)
    place = rng.randrange(len(data) + 1)
    what = rng.randrange(8)
    if what == 0 and data:
        for _ in range(rng.choice((1, 1, 3, 20))):
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    elif what == 1:
        del data[place:]
    elif what == 2:
        del data[place : place + rng.choice((1, 4, 100))]
    elif what == 3:
        data[place:place] = rng.randbytes(rng.choice((1, 4, 64)))
    elif what == 4:
        data[place : place + 4] = rng.choice((b"\xff\xff\xff\xff", b"\0\0\0\0", b"\xff\xff\xff\x7f", b"\0\0\0\x80"))
    elif what == 5:
        end = rng.randrange(place, min(len(data), place + 2000) + 1)
        data[place:place] = data[place:end] * rng.choice((1, 3))
    elif what == 6:
        data = bytearray(rng.randbytes(rng.choice((0, 1, 10, 1000))))
    else:
        data[place : place + 1] = rng.choice(
            (b"\0", b"\xff", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\x80", b"\r", b"\n", b"\t")
        )
    return bytes(data)


def _words(content: bytes, rng: random.Random) -> bytes:
    text = content.decode("utf-8", "surrogateescape")
    lines = text.splitlines(keepends=True) or [""]
    number = rng.randrange(len(lines))
    what = rng.randrange(8)
    if what <= 3:
        line, separator = lines[number], rng.choice(("\t", " ", "=", ":", ","))
        cells = line.rstrip("\n").split(separator)
        cells[rng.randrange(len(cells))] = rng.choice(WORDS if rng.random() < 0.5 else NUMBERS)
        lines[number] = separator.join(cells) + "\n"
    elif what == 4:
        del lines[number]
    elif what == 5:
        lines.insert(rng.randrange(len(lines) + 1), lines[number])
    elif what == 6:
        lines.insert(number, rng.choice(WORDS) + "\n")
    else:
        encoding = rng.choice(("utf-16", "utf-32", "latin-1", "cp037", "utf-7"))
        return text.encode(encoding, "replace")
    return "".join(lines).encode("utf-8", "surrogateescape" if rng.random() < 0.9 else "replace")


def changed(value: Any, rng: random.Random) -> Any:
    """Plain values with one of them replaced, taken out, or doubled."""
    if isinstance(value, dict) and value and rng.random() < 0.9:
        key = rng.choice(sorted(value))
        if rng.random() < 0.15:
            return {other: value[other] for other in value if other != key}
        return value | {key: changed(value[key], rng)}
    if isinstance(value, list) and value and rng.random() < 0.8:
        place = rng.randrange(len(value))
        return [*value[:place], changed(value[place], rng), *value[place + 1 :]]
    return rng.choice(LEAVES)


def _parts(content: bytes) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    with np.load(io.BytesIO(content)) as file:
        return json.loads(str(file["header_json"])), {name: file[name] for name in file.files if name != "header_json"}


def _spoil_arrays(arrays: dict[str, np.ndarray], rng: random.Random) -> dict[str, np.ndarray]:
    arrays = dict(arrays)
    name = rng.choice(sorted(arrays))
    if rng.random() < 0.2:
        del arrays[name]
    else:
        arrays[name] = rng.choice(ARRAYS)(np.atleast_1d(arrays[name]))
    return arrays


def _model(content: bytes, rng: random.Random) -> bytes:
    """Another header or other arrays, with the digest that fits them: what only malice makes."""
    header, arrays = _parts(content)
    name = header["format"]
    if rng.random() < 0.6:
        header = changed(header, rng)
    else:
        arrays = _spoil_arrays(arrays, rng)
    header = header if isinstance(header, dict) else {}
    header.pop("digest", None)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "m.npz")
        try:
            write_model(path, header | {"format": name}, arrays)
        except Exception:  # what cannot be written needs no reader
            return content[: len(content) // 2]
        return path.read_bytes()


def _npz(content: bytes, rng: random.Random) -> bytes:
    what = rng.randrange(4)
    header, arrays = _parts(content)
    if what == 0:
        header = changed(header, rng)
    elif what == 1:
        arrays = _spoil_arrays(arrays, rng)
    else:
        return _zip(content, rng)
    made = io.BytesIO()
    np.savez(made, header_json=np.array(json.dumps(header)), **arrays)
    return made.getvalue()


def _zip(content: bytes, rng: random.Random) -> bytes:
    """Members spoiled, packed anew, so that checksums fit."""
    made = io.BytesIO()
    packing = rng.choice(
        (zipfile.ZIP_STORED, zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
    )
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(made, "w", packing) as new:
        names = old.namelist()
        chosen = rng.choice(names)
        for name in names:
            data = old.read(name)
            if name == chosen:
                if rng.random() < 0.1:
                    continue
                data = (_words if name.endswith((".xml", ".rels")) and rng.random() < 0.5 else _bytes)(data, rng)
            new.writestr(name, data)
    return made.getvalue()


def _safetensors(content: bytes, rng: random.Random) -> bytes:
    """Another header of the tensors, or of the model in their metadata."""
    size = struct.unpack("<Q", content[:8])[0]
    table = json.loads(content[8 : 8 + size])
    if rng.random() < 0.8:
        table["__metadata__"]["header"] = json.dumps(changed(json.loads(table["__metadata__"]["header"]), rng))
    else:
        table = changed(table, rng)
    packed = json.dumps(table).encode()
    return struct.pack("<Q", len(packed)) + packed + content[8 + size :]


def _netcdf(content: bytes, rng: random.Random) -> bytes:
    """A variable or an attribute taken out or replaced."""
    held = io.BytesIO(content)
    with h5py.File(held, "r+") as file:
        name = rng.choice(sorted(file))
        what = rng.randrange(5)
        try:
            if what == 0:
                del file[name]
            elif what == 1:
                kept = dict(file[name].attrs)
                array = rng.choice(ARRAYS)(np.atleast_1d(file[name][()]))
                del file[name]
                file[name] = array
                for key, value in kept.items():
                    if key not in ("REFERENCE_LIST", "DIMENSION_LIST", "CLASS", "NAME"):
                        file[name].attrs[key] = value
            elif what == 2:
                file[name].attrs[rng.choice(("units", "_FillValue", "dtype", "scale_factor", "calendar"))] = rng.choice(
                    ("days since 1-1-1", "x", -1, np.nan, "bool", np.zeros(3))
                )
            elif what == 3:
                file.attrs[rng.choice(sorted(file.attrs))] = rng.choice(("x", -1, np.nan, np.zeros(3)))
            else:
                values = file[name][()]
                flat = np.atleast_1d(values).ravel()
                place = rng.randrange(max(1, flat.size))
                if flat.dtype.kind in "iuf" and flat.size:
                    flat[place] = rng.choice((0, 1, 255)) if flat.dtype.kind in "iu" else np.nan
                    file[name][...] = flat.reshape(np.shape(values))
                elif flat.size:
                    flat[place] = rng.choice((b"x", b"{", b"[1]", b'{"name": 1}', b"[" * 5000))
                    file[name][...] = flat.reshape(np.shape(values))
        except Exception:  # what HDF5 itself refuses to write needs no reader
            return _bytes(content, rng)
    return held.getvalue()
