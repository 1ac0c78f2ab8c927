"""Runs that were killed leave nothing behind that a person must know how to remove: no lock, no orphan at work.

Snakemake's lock is a file that stays when Snakemake is killed. Every run here holds a lock of the operating system too, which cannot
stay; if no such lock is held in a folder, no run is at work there, and Snakemake's may go. Jobs look after the process that
started them and end with it, so that a run that is started again does not work beside the jobs of the last.
"""

import atexit
import fcntl
import logging
import os
import sys
import threading
import time
from pathlib import Path
from typing import IO

from auric.errors import InputError

FOLDER = Path(".snakemake")
LOOK_S = 1.0
"""So often a job looks after the process that started it."""
_held: list[IO[str]] = []
_watching = threading.Event()


def begin_run(study: str, folder: Path = FOLDER) -> bool:
    """Say that a run of a study is at work here, for as long as this process lives, and remove the locks of runs that were killed.

    On file systems without locks nothing is removed, and no other run is seen.

    Args:
        study: Its name. Other studies may run beside it in the same folder, as their files have other names.
        folder: Snakemake's folder, in the working directory.

    Returns:
        Whether the last run here was killed, and no other is at work.

    Raises:
        InputError: If another run of the study is at work here.
    """
    runs = folder / "auric_runs"
    try:
        runs.mkdir(parents=True, exist_ok=True)
        mine = runs / f"{os.uname().nodename}_{os.getpid()}"
        _held.append(mine.open("w"))
        fcntl.flock(_held[-1], fcntl.LOCK_EX | fcntl.LOCK_NB)
        print(study, file=_held[-1], flush=True)
        # Ours is held before the others are looked at: of two that start at once, each sees the other.
        ended = [path for path in runs.iterdir() if path != mine and not _is_held(path)]
        others = [path for path in runs.iterdir() if path != mine and path not in ended]
        alone = not others
        same = [path for path in others if path.read_text().strip() == study and _is_older(path, mine)]
        left = sorted((folder / "locks").glob("*.lock")) if alone else []
        for path in [*ended, *left]:
            path.unlink(missing_ok=True)
    except OSError:
        return False
    atexit.register(mine.unlink, missing_ok=True)  # what is killed leaves its file
    if same:
        raise InputError(
            f"a run of the study {study} is at work in this folder (process {same[0].name.rpartition('_')[2]} on "
            f"{same[0].name.rpartition('_')[0]}); let it finish, or run in another clone"
        )
    if left:
        print(
            "auric: the last run here was killed; its lock is removed, and what it had finished is kept",
            file=sys.stderr,
        )
    return alone and bool(ended)


def _is_older(path: Path, mine: Path) -> bool:
    """Whether another run was here first, so that of two that start at once one goes on."""
    return (path.stat().st_mtime_ns, path.name) < (mine.stat().st_mtime_ns, mine.name)


def at_work(folder: Path = FOLDER) -> bool:
    """Whether a run holds a lock here, on a file system that has them."""
    runs = folder / "auric_runs"
    try:
        return runs.is_dir() and any(_is_held(path) for path in runs.iterdir())
    except OSError:
        return False


def _is_held(path: Path) -> bool:
    try:
        with path.open("r+") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def end_with_parent() -> None:
    """End this process, at once, when the one that started it has ended; called again, nothing changes."""
    parent = os.getppid()
    if parent == 1 or _watching.is_set():  # started by init, or its parent has ended already and it is nobody's job
        return
    _watching.set()
    threading.Thread(target=_watch, args=(parent,), daemon=True, name="auric-parent").start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(LOOK_S)
    logging.getLogger("auric").warning("the process that started this job has ended; so does the job")
    os._exit(1)
