"""Tables as files: CSV that a spreadsheet opens as it is, and XLSX. What a cell holds is text or a number, never a
formula, whoever wrote it.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any

from msgspec import Struct
from openpyxl import Workbook, load_workbook
from openpyxl.cell import WriteOnlyCell

from kameng.core.errors import Refused
from kameng.infra import workbooks

CSV, XLSX = "csv", "xlsx"
TYPES = {
    CSV: "text/csv; charset=utf-8",
    XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
BEGINS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r")
MOST_LINES = 20_000
MOST_COLUMNS = 60
LONGEST_CELL = 500
MOST_UNPACKED_BYTES = 60_000_000
ZIP_BEGINS = b"PK\x03\x04"

Cell = str | Decimal | int | None


class Unreadable(Refused):
    """The file as a whole cannot be used."""

    message = "This file cannot be read. Send a CSV or XLSX file, for example the one that you exported."


class TooManyLines(Refused):
    message = "The file has more than %(most)s lines."


class SheetLine(Struct, frozen=True):
    """One line of a file with its number there; texts are trimmed."""

    number: int
    cells: list[str]


def write(kind: str, head: Sequence[str], lines: Iterable[Sequence[Cell]]) -> bytes:
    """A file of `kind` (csv or xlsx)."""
    return _write_xlsx(head, lines) if kind == XLSX else _write_csv(head, lines)


def _write_csv(head: Sequence[str], lines: Iterable[Sequence[Cell]]) -> bytes:
    """With the mark by which Excel knows UTF-8, and its line ends."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(head)
    writer.writerows([_harmless(cell) for cell in line] for line in lines)
    return out.getvalue().encode("utf-8-sig")


def _harmless(cell: Cell) -> str:
    if isinstance(cell, Decimal):
        return f"{cell:f}"
    text = "" if cell is None else str(cell)
    return f"'{text}" if isinstance(cell, str) and text.startswith(BEGINS_A_FORMULA) else text


def _write_xlsx(head: Sequence[str], lines: Iterable[Sequence[Cell]]) -> bytes:
    book = Workbook(write_only=True)
    sheet = book.create_sheet()
    sheet.freeze_panes = "A2"
    sheet.append([_typed(sheet, cell) for cell in head])
    for line in lines:
        sheet.append([_typed(sheet, cell) for cell in line])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _typed(sheet: Any, cell: Any) -> Any:
    """A text stays a text: openpyxl takes what begins with = for a formula."""
    made = WriteOnlyCell(sheet, value=cell)
    if isinstance(cell, str):
        made.data_type = "s"
    return made


def read(body: bytes) -> list[SheetLine]:
    """The lines of a CSV or XLSX file, the head first, without empty ones. Raises `Unreadable`, `TooManyLines`."""
    lines: list[SheetLine] = []
    for number, cells in enumerate(_read_xlsx(body) if body.startswith(ZIP_BEGINS) else _read_csv(body), start=1):
        if any(cells):
            lines.append(SheetLine(number, cells))
        if number > MOST_LINES + 1:
            raise TooManyLines(most=f"{MOST_LINES:,}")
    if not lines:
        raise Unreadable
    return lines


def _read_csv(body: bytes) -> Iterator[list[str]]:
    """UTF-8, or GB 18030, which Excel in China writes. Separated by commas, semicolons or tabs."""
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        try:
            text = body.decode("gb18030")
        except UnicodeDecodeError:
            raise Unreadable from None
    if "\x00" in text:
        raise Unreadable
    head = text.partition("\n")[0]
    separator = max(",;\t", key=head.count)
    try:
        for line in csv.reader(io.StringIO(text, newline=""), delimiter=separator):
            yield [_plain(cell) for cell in line[:MOST_COLUMNS]]
    except csv.Error:
        raise Unreadable from None


def _read_xlsx(body: bytes) -> Iterator[list[str]]:
    try:
        workbooks.check(body, MOST_UNPACKED_BYTES)
        book = load_workbook(io.BytesIO(body), read_only=True, data_only=True, keep_links=False)
        try:
            sheet = book.worksheets[0]
            sheet.reset_dimensions()  # a file may lie about its size
            for line in sheet.iter_rows(values_only=True, max_col=MOST_COLUMNS):
                yield [_plain("" if cell is None else _number(cell)) for cell in line]
        finally:
            book.close()
    except Exception as error:
        raise Unreadable from error


def _number(cell: object) -> str:
    """A cell as a person reads it: 8.4, not 8.4000000000000004."""
    if isinstance(cell, float):
        return f"{round(cell, 6):.6f}".rstrip("0").rstrip(".")
    return str(cell)


def _plain(cell: str) -> str:
    text = cell.strip()[:LONGEST_CELL]
    return text[1:] if text.startswith("'") and text[1:].startswith(BEGINS_A_FORMULA) else text
