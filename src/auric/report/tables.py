"""Failures and dropped images of all blocks, each in one table."""

from collections.abc import Sequence
from pathlib import Path

from auric.files import read_tables, write_table

FAILURE_COLUMNS = ("stage", "structure", "frame", "reason")
DROPPED_COLUMNS = ("structure", "frame", "bond", "third_atom", "reason")


def join_failures(
    failures: Sequence[str | Path], dropped: Sequence[str | Path], all_failures: str | Path, all_dropped: str | Path
) -> None:
    """Join the tables of failures and of dropped images.

    Args:
        failures: CSV files, columns `FAILURE_COLUMNS`.
        dropped: CSV files, columns `DROPPED_COLUMNS`.
        all_failures: CSV to write.
        all_dropped: CSV to write.
    """
    write_table(all_failures, read_tables(failures), FAILURE_COLUMNS)
    write_table(all_dropped, read_tables(dropped), DROPPED_COLUMNS)
