"""What the machine lacks (memory, room on a disk), told apart from what is wrong with a file or a structure.

Libraries say in many ways that memory ended or a disk is full. A reader must not take that for damage, nor a loop over structures for the
fault of one of them.
"""

import errno
import re
from pathlib import Path

import numpy as np

from auric.errors import MachineError

_NO_MEMORY = re.compile(
    r"out of memory|bad_alloc|allocate memory|memory allocation failed|not enough memory", re.IGNORECASE
)
"""How C and C++ libraries say it: torch, HDF5, zlib, pandas, RDKit."""
_SAYING_SO = ("SafetensorError", "ParserError")
"""Errors of libraries that are neither a RuntimeError nor an OSError."""


def lack_of(error: BaseException, place: str | Path) -> str:
    """What the machine lacks and what to do about it, where that is why an error was raised; empty where it is not.

    Args:
        error: What was raised.
        place: File or folder that was being read or written, or the name of what was being computed.
    """
    named = f"{type(error).__name__}: {error}"
    if isinstance(error, MachineError):
        return str(error)
    if _of_memory(error):
        return f"{place}: not enough memory; a job that may be tried again asks for more then ({named})"
    number = error.errno if isinstance(error, OSError) else None
    if number in (errno.ENOSPC, errno.EDQUOT):
        return f"the disk of {place} is full; make room and run the same command again ({named})"
    if number == errno.EROFS:
        return f"the disk of {place} can only be read; set `results` to a folder you may write to ({named})"
    if number in (errno.EIO, errno.EMFILE, errno.ENFILE):
        return f"{place}: the machine could not read or write ({named}); mend that and run the same command again"
    return ""


def raise_lack(error: BaseException, place: str | Path, *, may_take: int | None = None) -> None:
    """Return if the machine is not to blame for an error.

    Args:
        error: What was raised.
        place: As for `lack_of`.
        may_take: Bytes that reading the file may take at most. If there is so much memory, the file announced more than it holds and is
            damaged, and this returns.

    Raises:
        MachineError: If it is.
    """
    if isinstance(error, MachineError):
        raise error
    if may_take is not None and _of_memory(error) and not _of_device(error) and _at_hand(may_take):
        return
    if told := lack_of(error, place):
        raise MachineError(told) from error


def unwritten(path: Path, error: OSError) -> MachineError:
    """The error of a file of ours that cannot be written; whatever the system says, no structure is to blame."""
    told = lack_of(error, path.parent)
    return MachineError(told or f"cannot write {path}: {error.strerror}; choose a folder you may write to")


def _of_memory(error: BaseException) -> bool:
    if isinstance(error, MemoryError) or _of_device(error):
        return True
    if isinstance(error, OSError) and error.errno == errno.ENOMEM:
        return True
    says = isinstance(error, RuntimeError | OSError) or type(error).__name__ in _SAYING_SO
    return says and _NO_MEMORY.search(str(error)) is not None


def _of_device(error: BaseException) -> bool:
    """Whether it was a GPU's memory; torch and CuPy name their errors alike."""
    return type(error).__name__ == "OutOfMemoryError"


def _at_hand(size: int) -> bool:
    try:
        np.empty(size, np.uint8)  # asked for, but never touched
    except MemoryError:
        return False
    return True
