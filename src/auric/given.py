"""Files that a user names: regular ones of a credible size, read whole, in UTF-8."""

import stat
from pathlib import Path

from auric.errors import InputError

TABLE_LIMIT_BYTES = 20_000_000
"""Of a table or a list that people write."""


def given_bytes(path: str | Path, remedy: str, *, limit: int, fault: type[InputError] = InputError) -> bytes:
    """The bytes of a file.

    Args:
        path: The file.
        remedy: What to do where there is none.
        limit: Bytes that it may have at most.
        fault: What is raised.

    Raises:
        InputError: If the file is missing, no regular one (a pipe would wait for ever, a device give bytes for ever) or too large.
    """
    try:
        status = Path(path).stat()
        if stat.S_ISREG(status.st_mode) and status.st_size <= limit:
            return Path(path).read_bytes()
    except (OSError, ValueError) as error:  # a ValueError for a name that holds NUL
        raise fault(f"{shown(path)}: {getattr(error, 'strerror', None) or error}; {remedy}") from None
    if not stat.S_ISREG(status.st_mode):
        raise fault(f"{shown(path)}: not a regular file; {remedy}")
    size = f"{status.st_size / 1e6:.0f} MB is above {limit / 1e6:.0f} MB"
    raise fault(f"{shown(path)}: {size}; cut it down, or {remedy}")


def given_text(
    path: str | Path, remedy: str, *, what: str = "file", limit: int = TABLE_LIMIT_BYTES,
    fault: type[InputError] = InputError,
) -> str:  # fmt: skip
    """The text of a file in UTF-8, without the mark that some programs begin it with.

    Args:
        path: The file.
        remedy: What to do where there is none.
        what: What the file is, for the message of one in another encoding.
        limit: Bytes that it may have at most.
        fault: What is raised.

    Raises:
        InputError: As `given_bytes`, or if the file is not UTF-8.
    """
    try:
        return given_bytes(path, remedy, limit=limit, fault=fault).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise fault(f"{path}: byte {error.start} is not UTF-8 text; save the {what} as UTF-8") from None


def regular(path: str | Path) -> bool:
    """Whether a path is a regular file's; names that no file can have are none."""
    try:
        return stat.S_ISREG(Path(path).stat().st_mode)
    except (OSError, ValueError):
        return False


def shown(path: str | Path) -> str:
    """A path as messages have it: names that are too long for a file are cut."""
    return str(path)[:200]
