"""Figures and tables that lie beside a report's page."""

import gzip
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from auric.files import write_table
from auric.progress import log

LARGE_BYTES = 500_000
"""Tables beyond this are stored compressed, so that the report stays small."""


@dataclass
class Assets:
    """The folder beside the page, and what was put into it."""

    folder: Path
    links: dict[str, dict[str, str]] = field(default_factory=dict)

    def add(self, name: str, label: str) -> None:
        """Link a CSV file written here; a large one is compressed first."""
        path = self.folder / f"{name}.csv"
        if path.stat().st_size > LARGE_BYTES:
            packed = path.with_name(path.name + ".gz")
            packed.write_bytes(gzip.compress(path.read_bytes(), mtime=0))
            path.unlink()
            path = packed
        size = f"{max(1, round(path.stat().st_size / 1000)):,} kB"
        self.links[name] = {"href": f"assets/{path.name}", "label": label, "size": size}

    def copy(self, source: str | Path, name: str, label: str) -> None:
        """Copy a CSV file as it is."""
        shutil.copyfile(source, self.folder / f"{name}.csv")
        self.add(name, label)

    def table(self, rows: pd.DataFrame, name: str, label: str) -> None:
        """Write a table of our own."""
        write_table(self.folder / f"{name}.csv", rows, list(rows.columns))
        self.add(name, label)

    def draw(self, name: str, drawing: Callable[[Path], None]) -> str:
        """Draw a figure to a file of that name; returns its address on the page."""
        drawing(self.folder / name)
        log.info("drew %s", name)
        return f"assets/{name}"
