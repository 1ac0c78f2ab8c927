"""Logs, progress lines and threads of one job."""

import logging
import os
import shutil
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from threadpoolctl import threadpool_limits

from auric.errors import EXIT_FAILURE, AuricError, MachineError
from auric.machine import lack_of, raise_lack, unwritten
from auric.memory import keep_freed_memory
from auric.running import end_with_parent, note_refusal, refused_before

log = logging.getLogger("auric")
LEAST_FREE = 1_000_000
"""Bytes free on a disk that is called full where writing has failed; libraries do not always say why."""


@contextmanager
def log_to(path: str | Path, *, threads: int = 1) -> Iterator[None]:
    """Run a job with its records in a file.

    An `AuricError` becomes one line on the terminal and the job's exit code; any other exception is a defect of ours:
    its traceback goes to the log and one line to the terminal. A job that is tried again, after an error that neither more memory nor more
    time can mend, ends at once with the same line. Numerical libraries get `threads` threads, and keep memory that they free. A job whose scheduler
    was killed ends too.
    """
    end_with_parent()
    keep_freed_memory()
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        handler = logging.FileHandler(path, mode="w", encoding="utf-8")
    except OSError as error:
        print(f"auric: {unwritten(Path(path), error)}", file=sys.stderr, flush=True)
        sys.exit(EXIT_FAILURE)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    logging.raiseExceptions = False  # a log on a full disk says nothing more; the line on the terminal does
    started = time.perf_counter()
    os.environ["OMP_NUM_THREADS"] = str(threads)
    try:
        if again := refused_before(path):
            raise again
        with threadpool_limits(threads):
            yield
        log.info("done in %.1f s", time.perf_counter() - started)
    except AuricError as error:
        log.error("%s", error, exc_info=isinstance(error, MachineError))
        if not isinstance(error, MachineError):
            note_refusal(path, error)
        print(f"auric: {error}", file=sys.stderr, flush=True)
        sys.exit(error.exit_code)
    except Exception as error:  # the one place that turns a defect into a line; the traceback is kept
        log.error("%s", traceback.format_exc())
        print(f"auric: {_cause(error, Path(path).parent)} (traceback in {path})", file=sys.stderr, flush=True)
        sys.exit(EXIT_FAILURE)
    finally:
        log.removeHandler(handler)
        handler.close()


def _cause(error: Exception, folder: Path) -> str:
    """What an unexpected error was, or the machine's lack that explains it."""
    if told := lack_of(error, folder):
        return told
    named = f"{type(error).__name__}: {error}"
    if shutil.disk_usage(folder).free < LEAST_FREE:
        return f"the disk of {folder} is full; make room and run the same command again ({named})"
    return named


def reason_of(error: Exception, name: str) -> str:
    """Why one structure or frame failed, for its row in the table of failures, so that the others go on.

    Errors a user can act on are their own reason; anything else is a defect, whose traceback goes to the log.

    Raises:
        MachineError: What the machine lacks is no fault of a structure: with too little memory the scheduler tries the whole job with
            more, and a full disk ends it.
    """
    raise_lack(error, name)
    if isinstance(error, AuricError):
        log.warning("%s: %s", name, error)
        return str(error)
    log.error("%s: %s", name, traceback.format_exc())
    return " ".join(f"{type(error).__name__}: {error} (unexpected; the log has the traceback)".split())


class Counter:
    """Progress of a loop: a log record at most every few seconds, with what remains."""

    def __init__(self, what: str, total: int, *, every_seconds: float = 5.0) -> None:
        self.what, self.total, self.every = what, total, every_seconds
        self.done, self.started = 0, time.perf_counter()
        self.last = self.started

    def step(self, note: str = "") -> None:
        """Count one; tell if it is time to, or if it was the last."""
        self.done += 1
        now = time.perf_counter()
        if now - self.last < self.every and self.done < self.total:
            return
        self.last = now
        left = (now - self.started) / self.done * (self.total - self.done)
        log.info("%s %d/%d, about %.0f s left %s", self.what, self.done, self.total, left, note)
