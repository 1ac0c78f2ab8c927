"""The label store: what was once computed is never computed again, whichever job or study asks.

One npz file per entry, named by the hash of structure, settings and method version; written whole or not at all, never
changed. It lies outside the declared outputs of the workflow, which deletes those of a failed job.

Entries that took hours come along with the workflow (`resources/labels`, made by `resources/ship_labels.py`); they are looked
for where the store itself has none.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms

from auric.files import read_npz, write_npz
from auric.progress import log
from auric.provenance import digest

Entry = tuple[dict[str, Any], dict[str, np.ndarray]]
SHIPPED = Path("resources/labels")
"""Where entries that come along lie, from the working folder."""


def structure_hash(atoms: Atoms, charge: int, multiplicity: int) -> str:
    """Hash of elements, positions (to 1e-6 angstrom), charge and multiplicity; names do not count."""
    positions = np.round(atoms.positions, 6) + 0.0  # + 0.0 turns -0.0 into 0.0
    return digest(atoms.numbers.astype("<i4").tobytes(), positions.astype("<f8").tobytes(), f"{charge} {multiplicity}")


_MADE: set[Path] = set()
"""Entries that this process made."""


class Store:
    """Append-only entries in a folder.

    Args:
        folder: Where entries are kept.
        shipped: Where entries lie that come along, one level deep; they are read only.
    """

    def __init__(self, folder: str | Path, shipped: str | Path = SHIPPED) -> None:
        self.folder, self.shipped = Path(folder), Path(shipped)
        self._told = False

    def path(self, key: str) -> Path:
        """Where the entry of a key lies; two levels, so that no folder grows too large."""
        return self.folder / key[:2] / f"{key}.npz"

    def get(self, identity: Mapping[str, Any]) -> Entry | None:
        """The entry of an identity, or None if it is absent, damaged or of another identity."""
        key = entry_key(identity)
        found = self._read(self.path(key), identity)
        return self._read(self.shipped / f"{key}.npz", identity) if found is None else found

    def _read(self, path: Path, identity: Mapping[str, Any]) -> Entry | None:
        try:
            header, arrays = read_npz(path)
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            log.warning("%s is damaged (%s) and is made again", path, error)
            return None
        if header.get("identity") != _json(identity):
            return None
        if sorted(arrays) != header.get("arrays") or not isinstance(header.get("content"), dict):
            log.warning("%s lacks arrays or its content and is made again", path)
            return None
        return header["content"], arrays

    def get_or_make(self, identity: Mapping[str, Any], make: Callable[[], Entry]) -> tuple[Entry, bool]:
        """The entry of an identity, made and kept if it is not there; and whether it was there.

        Of two jobs that make the same entry at once, the one that ends first keeps it, and the other takes that.
        The first entry that an earlier process made is logged: what this job takes is then no measure of its work.
        """
        found, path = self.get(identity), self.path(entry_key(identity))
        if found is not None:
            if path not in _MADE and not self._told:
                log.info("label store: %s and perhaps more kept from before", path.name)
                self._told = True
            return found, True
        content, arrays = make()
        first = self.get(identity)
        if first is not None:  # another job made it meanwhile; both go on from the same digits
            return first, False
        header = {"identity": _json(identity), "content": content, "arrays": sorted(arrays)}
        write_npz(path, header, arrays)
        _MADE.add(path)
        return (content, arrays), False


def _json(identity: Mapping[str, Any]) -> Any:
    """The identity as JSON gives it back (tuples become lists)."""
    return json.loads(json.dumps(identity, sort_keys=True, default=dict))


def entry_key(identity: Mapping[str, Any]) -> str:
    """The name of the entry of an identity."""
    return digest(json.dumps(_json(identity), sort_keys=True), length=32)
