"""Runs that were killed leave nothing behind that a person must know how to remove: no lock, no orphan at work.

Snakemake's locks are files that stay when Snakemake is killed. Every run here holds a lock of the operating system too, which cannot
stay; a run whose lock is not held was killed, and by its notes what it left is found: the locks that Snakemake made for it, and jobs that
wait or run in Slurm under its name. Jobs on the same machine look after the process that started them and end with it, so that a
run that is started again does not work beside the jobs of the last.
"""

import atexit
import fcntl
import json
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, Any

from auric.errors import EXIT_INPUT, AuricError, InputError, MachineError

FOLDER = Path(".snakemake")
RUN = "AURIC_RUN"
"""In the environment of jobs: the notes of their run."""
LOOK_S = 1.0
"""So often a job looks after the process that started it."""
SLURM_SAYS = "SLURM run ID: "
"""Begins the line in which Snakemake's plugin says the name that all jobs of a run have in Slurm."""
SLURM_S, SLURM_ASK_S = 180.0, 2.0
"""Jobs that were cancelled are waited for so long, asking so often; Slurm itself gives a job 30 s to end, by default."""
_held: list[IO[str]] = []
_watching = threading.Event()


def begin_run(study: str, folder: Path = FOLDER) -> bool:
    """Say that a run of a study is at work here, for as long as this process lives, and put away what killed runs left.

    On file systems without locks nothing is removed, and no other run is seen.

    Args:
        study: Its name. Other studies may run beside it in the same folder, as their files have other names.
        folder: Snakemake's folder, in the working directory.

    Returns:
        Whether a run here was killed, and no other is at work.

    Raises:
        InputError: If another run of the study is at work here, or a lock is left that may be a live run's.
        MachineError: If a killed run's jobs are still in Slurm and cannot be ended.
    """
    runs = folder / "auric_runs"
    try:
        runs.mkdir(parents=True, exist_ok=True)
        # No name comes twice: a container may give the same number to each process that it starts.
        mine = runs / f"{os.uname().nodename}_{os.getpid()}_{time.time_ns()}"
        _held.append(mine.open("w", encoding="utf-8"))
        fcntl.flock(_held[-1], fcntl.LOCK_EX | fcntl.LOCK_NB)
        print(study, file=_held[-1], flush=True)
        # Ours is held before the others are looked at: of two that start at once, each sees the other.
        ended = [path for path in runs.iterdir() if path != mine and not _is_held(path)]
        others = [path for path in runs.iterdir() if path != mine and path not in ended]
        same = [path for path in others if path.read_text().strip() == study and _is_older(path, mine)]
        for path in (mine, _notes_of(mine)):  # what is killed leaves its files
            atexit.register(path.unlink, missing_ok=True)
        if same:
            node, process, _ = same[0].name.rsplit("_", 2)
            raise InputError(
                f"a run of the study {study} is at work in this folder (process {process} on {node}); let it finish, or run in another clone"
            )
        _notes_of(mine).parent.mkdir(exist_ok=True)
        _notes_of(mine).touch()
        os.environ[RUN] = str(_notes_of(mine).absolute())
        for path in ended:
            for name in _notes(_notes_of(path), "slurm"):
                _end_in_slurm(name, path)
        return _put_away(folder, ended, others)
    except OSError:
        return False


def _put_away(folder: Path, ended: list[Path], others: list[Path]) -> bool:
    """Remove the locks of ended runs and, if no other run is at work, their notes; see `begin_run`."""
    noted = {name for path in ended for name in _notes(_notes_of(path), "lock")}
    claimed = {name for path in others for name in _notes(_notes_of(path), "lock")}
    locks = sorted((folder / "locks").glob("*.lock"))
    unclaimed = [path for path in locks if _known_by(path) not in claimed]
    left = [path for path in unclaimed if _known_by(path) in noted or not others]
    unknown = [path for path in unclaimed if path not in left]
    for path in left:
        path.unlink(missing_ok=True)
    if unknown and any(_notes_of(path).exists() and not _notes(_notes_of(path), "lock") for path in ended):
        raise InputError(
            f"{unknown[0]}: a lock of a run that was killed as it started, or of one that starts now, and another study runs here; run the "
            "same command again when that has ended, or remove the lock with snakemake --unlock if nothing else starts"
        )
    for path in ended:
        _notes_of(path).unlink(missing_ok=True)
        if not others:  # what it was writing is removed by a run that is alone; until then this file tells of it
            path.unlink(missing_ok=True)
    if left:
        print("auric: a run here was killed; its lock is removed, and what it had finished is kept", file=sys.stderr)
    return not others and bool(ended)


class _Listener(logging.Handler):
    """Takes from Snakemake's records, or at their occasion, what must be noted of a run."""

    def __init__(self, locks: Callable[[], Iterable[str]]) -> None:
        super().__init__()
        self.locks, self.noted = locks, False

    def emit(self, record: logging.LogRecord) -> None:
        """Note the name in Slurm when it is said, and the locks as soon as there are any."""
        message = str(record.msg)
        if message.startswith(SLURM_SAYS):
            note(slurm=message.removeprefix(SLURM_SAYS).strip())
        if not self.noted:
            found = [Path(path) for path in self.locks()]
            for path in found:
                note(lock=_known_by(path))
            self.noted = bool(found)


def note_what_is_left(logger: logging.Logger, locks: Callable[[], Iterable[str]]) -> None:
    """Note what this run would leave if it were killed, from now on: its locks, and its name in Slurm.

    Args:
        logger: Snakemake's, which says the name before the first job is submitted.
        locks: Gives the lock files that Snakemake holds for this run.
    """
    logger.addHandler(_Listener(locks))


def refused_before(job: str | Path) -> AuricError | None:
    """Why a job ended in this same run, if more memory or time would not help: another try would end in the same way."""
    for one in _notes(Path(os.environ.get(RUN, "")), "refused"):
        if one["job"] == str(job):
            return (InputError if one["code"] == EXIT_INPUT else AuricError)(one["message"])
    return None


def note_refusal(job: str | Path, error: AuricError) -> None:
    """Note why a job ended, for `refused_before`."""
    note(refused={"job": str(job), "code": error.exit_code, "message": str(error)})


def note(**what: Any) -> None:
    """Add to the notes of the run that this process is, or is a job of."""
    try:
        # Notes that are gone are not made again: their run has ended.
        with open(os.open(os.environ[RUN], os.O_WRONLY | os.O_APPEND), "a", encoding="utf-8") as file:
            file.write(json.dumps(what) + "\n")
    except (KeyError, OSError):  # a job by itself, or no room: nothing is known of it later
        return


def _known_by(lock: Path) -> str:
    """Snakemake uses the names of locks again."""
    try:
        return f"{lock.name} {lock.stat().st_mtime_ns}"
    except FileNotFoundError:  # a run that ends removes all locks
        return ""


def _notes_of(run: Path) -> Path:
    return run.parent.with_name("auric_notes") / run.name


def _notes(path: Path, kind: str) -> list[Any]:
    """What was noted of one kind; a line that a kill cut short is left out."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        try:
            found.append(json.loads(line)[kind])
        except (ValueError, LookupError, TypeError):
            continue
    return found


def _end_in_slurm(name: str, notes: Path) -> None:
    """Cancel the jobs that a killed run left in Slurm, and wait until they are gone: this run would start them a second time.

    Raises:
        MachineError: If Slurm does not answer, or they do not end.
    """
    end, told = time.monotonic() + SLURM_S, False
    try:
        while jobs := _slurm("squeue", "--noheader", "--format=%A", f"--name={name}").split():
            if not told:
                print(
                    f"auric: a run here was killed; {len(jobs)} jobs that it left in Slurm are cancelled",
                    file=sys.stderr,
                )
                told = True
            if time.monotonic() > end:
                raise MachineError(
                    f"jobs {', '.join(jobs[:5])} of a killed run are still in Slurm after {SLURM_S:g} s; when squeue --name={name} lists no "
                    "job, run the same command again"
                )
            _slurm("scancel", f"--name={name}")
            time.sleep(SLURM_ASK_S)
    except (OSError, subprocess.SubprocessError) as error:
        raise MachineError(
            f"a killed run left jobs in Slurm under the name {name}, and Slurm does not answer ({error}); where it does, run scancel "
            f"--name={name}, remove {notes}, and run the same command again"
        ) from error


def _slurm(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout  # noqa: S603


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
