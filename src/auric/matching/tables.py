"""Tab-separated tables that people write: a line of column names, a row a line, lines that begin with # left out."""

from collections.abc import Sequence
from pathlib import Path

from auric.errors import InputError
from auric.given import given_text


def read_rows(
    path: str | Path, columns: Sequence[str], optional: Sequence[str] = ()
) -> list[tuple[int, dict[str, str]]]:
    """Rows of a table, each with the number of its line. A # inside a line stays: it is a bond of a SMILES.

    Args:
        path: The table.
        columns: That it must have.
        optional: That it may have after them, in this order; cells that are not there are ''.

    Raises:
        InputError: If the file cannot be read, has other columns, or a row has another number of cells.
    """
    lines = given_text(path, "name an existing table", what="table").splitlines()
    given = [
        (number, line.split("\t")) for number, line in enumerate(lines, 1) if line.strip() and not line.startswith("#")
    ]
    offered = (*columns, *optional)
    names = tuple(given[0][1]) if given else ()
    if len(names) < len(columns) or names != offered[: len(names)]:
        perhaps = f" (and, if you like, {', '.join(optional)})" if optional else ""
        raise InputError(f"{path}: give the columns {', '.join(columns)}{perhaps} in its first line, separated by tabs")
    rows = []
    for number, cells in given[1:]:
        if not len(columns) <= len(cells) <= len(names):
            raise InputError(
                f"{path}, line {number}: {len(cells)} cells for {len(names)} columns; columns are separated by one tab"
            )
        filled = [*cells, *[""] * (len(offered) - len(cells))]
        rows.append((number, {name: cell.strip() for name, cell in zip(offered, filled, strict=True)}))
    return rows
