"""Errors a user can act on, and the one table of exit codes.

Every message says what is wrong, where, and what to do instead, in one line.
"""

from collections.abc import Sequence
from difflib import get_close_matches

EXIT_OK = 0
EXIT_FAILURE = 1
"""A step failed while it ran (see its log)."""
EXIT_INPUT = 2
"""Configuration, table or file given by the user is wrong; nothing expensive was started."""


LONGEST_MESSAGE = 1000
"""Characters; of a longer one the middle is left out, as it begins with where and ends with what to do."""


class AuricError(Exception):
    """Base of the errors that are shown as one line, without a traceback.

    A message may quote a file: characters that would not be printed (and could steer a terminal) become question marks.
    """

    exit_code = EXIT_FAILURE

    def __init__(self, message: str) -> None:
        if len(message) > LONGEST_MESSAGE:
            message = f"{message[: LONGEST_MESSAGE // 2]} [...] {message[-LONGEST_MESSAGE // 3 :]}"
        line = " ".join(message.split())
        super().__init__("".join(letter if letter.isprintable() else "?" for letter in line))


class InputError(AuricError):
    """Something the user gave is wrong."""

    exit_code = EXIT_INPUT


class StructureError(InputError):
    """One structure cannot be used; others go on."""


class ScfError(AuricError):
    """A self-consistent field did not converge, whatever was tried."""


class MachineError(AuricError):
    """The machine lacks something: memory, room on a disk, leave to write. What was computed is not to blame, and the job ends."""


def nearest(word: str, choices: Sequence[str]) -> str:
    """The choice that is written most like a word, whatever the case of its letters; '' if none is near."""
    lowered = {choice.lower(): choice for choice in sorted(choices, reverse=True)}
    near = get_close_matches(word.lower(), list(lowered), n=1)
    return lowered[near[0]] if near else ""


def suggestion(word: str, choices: list[str] | tuple[str, ...]) -> str:
    """A sentence that names the allowed words, and the nearest one if there is one."""
    near = nearest(word, choices)
    return f"choose from {', '.join(choices)}." + (f" Did you mean '{near}'?" if near else "")
