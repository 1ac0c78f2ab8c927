"""Structures of others, which the package names but does not carry: where each comes from, and its sha256.

A file is taken from a local mirror folder, else from the cache, else it is downloaded; in each case its sha256 is
checked before anything reads it. `docs/data.md` tells how to add rows.
"""

import hashlib
import http.client
import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, NamedTuple
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from ase import Atoms

from auric.errors import InputError, StructureError, suggestion
from auric.files import atomic
from auric.given import given_text, regular
from auric.progress import log
from auric.structures.readers import FORMATS, SIZE_LIMIT_BYTES, read_structure

TIMEOUT_SECONDS = 20.0
"""For each answer of a server; a whole download may take `DOWNLOAD_SECONDS`."""
DOWNLOAD_SECONDS = 120.0


class Entry(NamedTuple):
    """One row of the manifest. `path` is that in the mirror; `charge` and `multiplicity` are those the origin states."""

    name: str
    url: str
    commit: str
    sha256: str
    licence: str
    bytes: int
    format: str
    path: str
    charge: int
    multiplicity: int
    about: str


def _safe(path: str) -> bool:
    return not {"", ".", ".."} & set(path.split("/"))


RULES: dict[str, tuple[Callable[[str], object], str]] = {
    "name": (re.compile("[A-Za-z][A-Za-z0-9_-]*").fullmatch, "letters, digits, - and _, a letter first"),
    "url": (lambda url: _allowed(url), "https://..., of letters, digits and /%+~:._-"),
    "commit": (re.compile(r"[\w.-]+").fullmatch, "the commit or revision"),
    "sha256": (re.compile("[0-9a-f]{64}").fullmatch, "64 hexadecimal digits (sha256sum FILE)"),
    "licence": (bool, "the licence, or 'none stated'"),
    "bytes": (lambda n: re.fullmatch("[1-9][0-9]{0,8}", n) and int(n) <= SIZE_LIMIT_BYTES, "the size of the file"),
    "format": (FORMATS.__contains__, f"one of {', '.join(FORMATS)}"),
    "path": (lambda path: re.fullmatch(r"[\w/.+-]+", path) and _safe(path), "a path inside the mirror"),
    "charge": (re.compile("-?[0-9]{1,3}").fullmatch, "a whole number"),
    "multiplicity": (re.compile("[1-9][0-9]{0,2}").fullmatch, "2S + 1, from 1"),
    "about": (bool, "a few words"),
}
"""For each column: whether a cell is good, and what it should be."""


def read_manifest(path: str | Path) -> dict[str, Entry]:
    """Read the tab-separated manifest; lines that are empty or start with # are skipped.

    Args:
        path: The manifest, columns those of `Entry`.

    Returns:
        The entries by name.

    Raises:
        InputError: If the manifest cannot be read, has other columns, no rows, a name twice, or a cell that is wrong.
    """
    lines = given_text(path, "name an existing manifest", what="manifest").splitlines()
    rows = [(n, line.split("\t")) for n, line in enumerate(lines, 1) if line.strip() and not line.startswith("#")]
    if not rows or tuple(rows[0][1]) != Entry._fields:
        raise InputError(f"{path}: its first line must name the columns {', '.join(Entry._fields)}, separated by tabs")
    entries: dict[str, Entry] = {}
    for number, cells in rows[1:]:
        entry = _entry(cells, f"{path}, line {number}")
        if entry.name.casefold() in (name.casefold() for name in entries):
            raise InputError(
                f"{path}, line {number}: the name '{entry.name}' is given more than once; names must differ"
            )
        entries[entry.name] = entry
    if not entries:
        raise InputError(f"{path}: the manifest has no rows; add at least one")
    return entries


def _entry(cells: list[str], where: str) -> Entry:
    cells = [cell.strip() for cell in cells]
    if len(cells) != len(RULES):
        raise InputError(f"{where}: {len(cells)} cells for {len(RULES)} columns; columns are separated by one tab")
    for cell, (column, (good, wanted)) in zip(cells, RULES.items(), strict=True):
        if not good(cell):
            raise InputError(f"{where}: {column} '{cell[:80]}' is wrong; give {wanted}")
    fields: dict[str, Any] = dict(zip(RULES, cells, strict=True))
    return Entry(**fields | {column: int(fields[column]) for column in ("bytes", "charge", "multiplicity")})


def mirror_folder(setting: str | Path | None = None) -> Path | None:
    """The mirror: the setting if there is one, else the environment variable AURIC_MIRROR, else none.

    Raises:
        InputError: If it names no folder.
    """
    named = setting or os.environ.get("AURIC_MIRROR")
    if named and not Path(named).is_dir():
        source = "the setting structures.mirror" if setting else "AURIC_MIRROR"
        raise InputError(f"{source} names '{named}', which is no folder; correct it, or leave it empty to download")
    return Path(named) if named else None


def fetch_entry(entry: Entry, *, mirror: str | Path | None, cache: str | Path) -> Path:
    """The file of an entry, its sha256 checked: from the mirror, else from the cache, else downloaded into the cache.

    Args:
        entry: Row of the manifest.
        mirror: Folder that holds `entry.path`; a file there that differs is refused, not replaced by a download.
        cache: Folder of downloads (`results/external`), each under its sha256.

    Raises:
        StructureError: If the sha256 or size differs, or the file is in no place and cannot be downloaded.
    """
    mirrored = Path(mirror) / entry.path if mirror else None
    cached = Path(cache) / entry.sha256
    for place, remedy in ((mirrored, "put the right file there, or correct the manifest"), (cached, "delete it")):
        if place is not None and regular(place):
            _check(entry, _head(place, entry.bytes + 1), str(place), remedy)
            return place
    try:
        data = _download(entry.url, entry.bytes)
    except (
        OSError,
        ValueError,
        OverflowError,
        http.client.HTTPException,
    ) as error:  # the middle ones for names that no server has
        lacks = f"mirror {mirror} lacks {entry.path}, and" if mirror else "no mirror is set, and"
        target = mirrored or f"MIRROR/{entry.path}"
        raise StructureError(
            f"manifest entry {entry.name}: {lacks} {entry.url} cannot be downloaded ({_reason(error)}); "
            f"put the file at {target}" + ("" if mirror else " and set AURIC_MIRROR to that folder")
        ) from None
    _check(entry, data, entry.url, "run again, then correct the manifest or put the right file into the mirror")
    with atomic(cached) as temporary:
        temporary.write_bytes(data)
    log.info("%s: downloaded from %s", entry.name, entry.url)
    return cached


def manifest_structure(name: str, *, manifest: str | Path, mirror: str | Path | None, cache: str | Path) -> Atoms:
    """The structure of an entry; `info` holds `source` and `stated_charge` (the file's own, else the manifest's).

    Args:
        name: Name of the entry.
        manifest: The manifest.
        mirror: Folder of local copies, or None; see `mirror_folder`.
        cache: Folder of downloads.

    Raises:
        InputError: If the manifest is wrong.
        StructureError: If there is no such entry, it cannot be fetched, or its file is no usable structure.
    """
    entries = read_manifest(manifest)
    if name not in entries:
        raise StructureError(f"{manifest}: no entry '{name[:80]}'; {suggestion(name, list(entries))}")
    entry = entries[name]
    atoms = read_structure(fetch_entry(entry, mirror=mirror, cache=cache), file_format=entry.format)
    atoms.info["source"] = f"manifest {name} {entry.url} commit {entry.commit} sha256:{entry.sha256}"
    atoms.info.setdefault("stated_charge", entry.charge)
    return atoms


def _head(path: Path, limit: int) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(limit)
    except OSError as error:
        raise StructureError(f"{path}: {error.strerror}; make it readable") from None


def _check(entry: Entry, data: bytes, place: str, remedy: str) -> None:
    if len(data) != entry.bytes:
        size = f"more than {entry.bytes}" if len(data) > entry.bytes else f"{len(data)} instead of {entry.bytes}"
        raise StructureError(f"manifest entry {entry.name}: {place} holds {size} bytes; {remedy}")
    found = hashlib.sha256(data).hexdigest()
    if found != entry.sha256:
        raise StructureError(
            f"manifest entry {entry.name}: {place} has sha256 {found}, the manifest says {entry.sha256}; {remedy}"
        )


def _local(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost")


def _allowed(url: str) -> bool:
    """Whether the scheme is https, or http on this machine, and extended xyz can carry all characters."""
    return bool(re.fullmatch(r"https?://[\w.:/%+~-]+", url, re.ASCII)) and (url.startswith("https://") or _local(url))


class _Redirects(HTTPRedirectHandler):
    """Follow redirects to https, or from this machine to itself; refuse others (file:, plain http, inner hosts)."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: http.client.HTTPMessage, newurl: str
    ) -> Request | None:
        if urlsplit(newurl).scheme != "https" and not (_local(req.full_url) and _local(newurl)):
            raise HTTPError(req.full_url, code, f"and its redirect to {newurl[:200]} is refused", headers, fp)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _download(url: str, limit: int) -> bytes:
    """At most limit + 1 bytes of the answer."""
    until = time.monotonic() + DOWNLOAD_SECONDS
    data = b""
    # The scheme is checked when the manifest is read, and again at each redirect.
    with build_opener(_Redirects).open(Request(url), timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310
        while len(data) <= limit and (chunk := answer.read1(min(limit + 1 - len(data), 1 << 16))):
            data += chunk
            if time.monotonic() > until:
                raise TimeoutError(f"not finished after {DOWNLOAD_SECONDS:g} s")
    return data


def _reason(error: Exception) -> str:
    if isinstance(error, HTTPError):
        error.close()
        return f"the server answers {error.code} {error.reason}"
    if isinstance(error, URLError):
        return f"no network, or no such server: {error.reason}"
    return f"{type(error).__name__}: {error}"
