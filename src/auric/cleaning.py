"""Removing what a study left behind, and nothing else: its folder in results/, never labels, which other studies share."""

import os
import re
import shutil
from pathlib import Path
from typing import NamedTuple

from auric import study
from auric.errors import InputError
from auric.running import at_work

DOOMED = ".removed-"
"""Begins the name of a folder that is being removed, so that a half-removed one is nobody's result."""
MARKS = ("benchmarks", "logs", "report")
"""A study's folder has one of these."""


class Removable(NamedTuple):
    """What would be removed.

    Attributes:
        study: Its name.
        folder: Its folder.
        files: Number of files.
        megabytes: Their size.
        core_seconds: What its jobs took, by their benchmarks: an upper limit of what they take again, as labels are kept.
        store_megabytes: Size of the label store, which stays.
    """

    study: str
    folder: Path
    files: int
    megabytes: float
    core_seconds: float
    store_megabytes: float


def removable(name: str, root: Path) -> Removable:
    """Look up what a study has left; its file in config/studies need not be there any more.

    Raises:
        InputError: If there is nothing, or what is there is not a study's folder, or a run is at work.
    """
    if not re.fullmatch("[a-z][a-z0-9_-]{0,31}", name) or name in study.SHARED:
        raise InputError(f"clean {name[:40]!r}: not a study's name; use one of config/studies, or demo")
    results = root / _results(name, root)
    folder = results / name
    if folder.is_symlink() or not folder.is_dir():
        raise InputError(f"{folder}: {'a link' if folder.is_symlink() else 'no such folder'}; nothing was removed")
    if not any((folder / mark).is_dir() for mark in MARKS):
        raise InputError(f"{folder}: has none of {', '.join(MARKS)}, so it is not a study's; remove it by hand")
    if at_work(root / ".snakemake"):
        raise InputError("a run is at work in this folder; let it finish, or end it first")
    files, megabytes = _size(folder)
    return Removable(name, folder, files, megabytes, _spent(folder / "benchmarks"), _size(results / "store")[1])


def remove(found: Removable) -> None:
    """Remove it: out of its place at once, then file by file. What an earlier removal left goes too."""
    doomed = found.folder.with_name(f"{DOOMED}{found.study}-{os.getpid()}")
    found.folder.rename(doomed)
    for left in doomed.parent.glob(f"{DOOMED}*"):
        shutil.rmtree(left)


def _results(name: str, root: Path) -> str:
    """The folder of results that a study's configuration names; the usual one where it has none."""
    for given in ({"study": name}, {}):
        try:
            settings = study.load(given, root)
        except InputError:
            continue
        if settings["study"] == name:
            return str(settings["results"])
    return "results"


def _size(folder: Path) -> tuple[int, float]:
    sizes = [path.lstat().st_size for path in folder.rglob("*") if path.is_symlink() or path.is_file()]
    return len(sizes), sum(sizes) / 1e6


def _spent(benchmarks: Path) -> float:
    """Processor time of all benchmarks; those that cannot be read count nothing."""
    spent = 0.0
    for path in benchmarks.rglob("*.tsv"):
        try:
            names, values = (line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()[:2])
            spent += float(dict(zip(names, values, strict=True))["cpu_time"])
        except (OSError, ValueError, KeyError):
            continue
    return spent
