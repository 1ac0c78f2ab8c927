"""Tables that people keep: CSV, and the first sheet of an Excel workbook (xlsx), read as text with the numbers of rows.

An xlsx is a zip of XML; what a table of records needs of it is read here with the standard library: shared and inline text, numbers.
Sizes are limited before anything is unpacked, and formulas are never evaluated (the value kept beside one is taken).
"""

import csv
import io
import lzma
import re
import struct
import zipfile
import zlib
from pathlib import Path
from xml.etree import ElementTree

from auric.errors import InputError
from auric.given import given_bytes

MAX_BYTES = 20_000_000
"""Of a file, and of each unpacked part of a workbook."""
MAX_COLUMNS = 200
SPACE = {"m": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}
RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    ValueError,
    LookupError,
    EOFError,
    RuntimeError,
    lzma.LZMAError,
    struct.error,
    ElementTree.ParseError,
)

Rows = list[tuple[int, list[str]]]


def read_sheet(path: str | Path) -> Rows:
    """Rows that are not empty, each with its number (the first line is 1) and its cells as text without spaces around.

    Raises:
        InputError: No such file, another ending than csv or xlsx, too large, damaged, not UTF-8, merged cells, or semicolons between cells.
    """
    path = Path(path)
    if path.suffix.lower() not in (".csv", ".xlsx"):
        raise InputError(
            f"{path}: records are read from .csv and .xlsx, not from '{path.suffix}'; save the table as either"
        )
    content = given_bytes(path, "name an existing table of records; those are small", limit=MAX_BYTES)
    rows = _csv(path, content) if path.suffix.lower() == ".csv" else _xlsx(path, content)
    return [(number, cells) for number, cells in rows if any(cells)]


def _csv(path: Path, content: bytes) -> Rows:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: byte {error.start} is not UTF-8 text; save the table as CSV UTF-8") from None
    first = text.partition("\n")[0]
    if ";" in first and "," not in first:
        raise InputError(
            f"{path}, row 1: cells are separated by semicolons; save with commas between cells and decimal points"
        )
    reader = csv.reader(io.StringIO(text))
    try:
        return [(reader.line_num, [cell.strip() for cell in row]) for row in reader]
    except csv.Error as error:
        raise InputError(f"{path}, row {reader.line_num}: {error}; correct the quotes of that row") from None


def _xlsx(path: Path, content: bytes) -> Rows:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as book:
            if large := [each.filename for each in book.infolist() if each.file_size > MAX_BYTES]:
                raise InputError(
                    f"{path}: its part {large[0][:60]} unpacks to more than {MAX_BYTES:,} bytes; keep records in a file of their own"
                )
            shared = _shared(book)
            sheet = ElementTree.fromstring(_text(book, _first_sheet(book)))  # noqa: S314  (no entities: see _text)
            merged = sheet.find("m:mergeCells/m:mergeCell", SPACE)
            rows = [
                _row(element, number, shared)
                for number, element in enumerate(sheet.iterfind("m:sheetData/m:row", SPACE), 1)
            ]
    except DAMAGE as error:
        raise InputError(
            f"{path}: damaged, or no Excel workbook ({error}); save it again as .xlsx or as .csv"
        ) from None
    if merged is not None:
        place = merged.get("ref", "")
        column, row = re.sub("[0-9].*", "", place), re.sub("^[A-Z]*([0-9]*).*", r"\1", place)
        named = dict(enumerate(rows[0][1] if rows else []))
        name = named.get(_column(column), column)
        raise InputError(
            f"{path}, row {row}, column {name}: cells {place} are merged; unmerge them and write the value in each"
        )
    return rows


def _text(book: zipfile.ZipFile, name: str) -> bytes:
    content = book.read(name)
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content or b"\0" in content:  # in UTF-16 these words hold NUL
        raise ValueError("it declares entities, or is not in UTF-8")
    return content


def _first_sheet(book: zipfile.ZipFile) -> str:
    first = ElementTree.fromstring(_text(book, "xl/workbook.xml")).find("m:sheets/m:sheet", SPACE)  # noqa: S314
    if first is None:
        raise ValueError("it has no sheet")
    relations = ElementTree.fromstring(_text(book, "xl/_rels/workbook.xml.rels"))  # noqa: S314
    targets = [str(each.get("Target")) for each in relations if each.get("Id") == first.get(RELATION)]
    if not targets:
        raise ValueError("its first sheet has no part")
    target = targets[0]
    return target.removeprefix("/") if target.startswith("/") else f"xl/{target}"


def _shared(book: zipfile.ZipFile) -> list[str]:
    if "xl/sharedStrings.xml" not in book.namelist():
        return []
    table = ElementTree.fromstring(_text(book, "xl/sharedStrings.xml"))  # noqa: S314
    return [_words(item) for item in table.iterfind("m:si", SPACE)]


def _words(item: ElementTree.Element) -> str:
    return "".join(text.text or "" for text in item.iter(f"{{{SPACE['m']}}}t"))


def _row(element: ElementTree.Element, number: int, shared: list[str]) -> tuple[int, list[str]]:
    cells: list[str] = []
    for cell in element.iterfind("m:c", SPACE):
        column = _column(re.sub("[0-9]", "", cell.get("r", ""))) if cell.get("r") else len(cells)
        if column >= MAX_COLUMNS:
            raise ValueError(f"more than {MAX_COLUMNS} columns")
        cells += [""] * (column + 1 - len(cells))
        cells[column] = _value(cell, shared).strip()
    return int(element.get("r", number)), cells


def _value(cell: ElementTree.Element, shared: list[str]) -> str:
    value, kind = cell.find("m:v", SPACE), cell.get("t", "n")
    if kind == "inlineStr":
        return _words(cell)
    if value is None or not value.text:
        return ""
    if kind == "s":
        return shared[int(value.text)]
    # 0.1 is kept as 0.10000000000000001 by some programs
    return f"{float(value.text):.12g}" if kind == "n" else value.text


def _column(letters: str) -> int:
    place = 0
    for letter in letters:
        place = 26 * place + ord(letter) - ord("A") + 1
    return place - 1
