"""What a reader makes of a file: the only good outcomes are an object, or an error in one line, within the time allowed."""

import contextlib
import os
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from auric.errors import LONGEST_MESSAGE, AuricError

LIMIT_SECONDS = 10.0
"""Of processor time."""
PATIENCE = 10
"""So many times as long may it take by the clock: a pipe that is waited for takes no processor time."""
FORBIDDEN = (
    "pickle.find_class", "subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "socket.connect", "socket.getaddrinfo",
    "socket.bind", "ctypes.dlopen", "shutil.rmtree", "os.symlink",
)  # fmt: skip


class Late(BaseException):
    """Past the time allowed; no `except Exception` catches it."""


class Outcome(NamedTuple):
    """`accepted`, `refused` or `fault`; what was said; processor time it took."""

    kind: str
    words: str
    seconds: float


_armed: list[Path] = []
_seen: list[str] = []


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if not _armed:
        return
    if event in FORBIDDEN:
        _seen.append(f"{event} {arguments!r:.200}")
    elif event == "exec" and getattr(arguments[0], "co_filename", "") == "<string>":
        _seen.append("text was executed")
    elif event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
        named = os.fsdecode(arguments[0]) if isinstance(arguments[0], str | bytes) else ""
        if named and not Path(os.path.abspath(named)).is_relative_to(_armed[0]):
            _seen.append(f"writes {named:.200}")


sys.addaudithook(_audit)


@contextlib.contextmanager
def _within(seconds: float) -> Iterator[None]:
    def stop(*_: object) -> None:
        raise Late

    timers = {signal.SIGPROF: (signal.ITIMER_PROF, seconds), signal.SIGALRM: (signal.ITIMER_REAL, PATIENCE * seconds)}
    before = {number: signal.signal(number, stop) for number in timers}
    for timer, allowed in timers.values():
        signal.setitimer(timer, allowed)
    try:
        yield
    finally:
        for number, (timer, _) in timers.items():
            signal.setitimer(timer, 0)
            signal.signal(number, before[number])


def outcome(read: Callable[[Path], Any], path: Path, *, seconds: float = LIMIT_SECONDS) -> Outcome:
    """Read a file and judge what came of it.

    Args:
        read: The reader.
        path: The file; nothing may be written outside of its folder.
        seconds: The processor time allowed.
    """
    started = time.process_time()
    _seen.clear()
    _armed.append(Path(os.path.abspath(path)).parent)
    kind, words = "accepted", ""
    try:
        with warnings.catch_warnings(), _within(seconds):
            warnings.simplefilter("ignore")
            read(path)
    except AuricError as error:
        kind, words = "refused", str(error)
        if "\n" in words or len(words) > LONGEST_MESSAGE + 50 or not words.isprintable() or not words:
            kind = "fault"
    except Late:
        kind, words = "fault", f"not done after {seconds:g} s, or {PATIENCE * seconds:g} s by the clock"
    except Exception:
        kind, words = "fault", traceback.format_exc()
    finally:
        _armed.pop()
    if _seen:
        kind, words = "fault", "; ".join(_seen)
    return Outcome(kind, words, time.process_time() - started)
