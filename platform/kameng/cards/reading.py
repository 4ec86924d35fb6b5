"""From what a person sends to lines: text in UTF-8, UTF-16 or GB 18030, CSV with any usual delimiter, XLSX."""

import csv
import io
import zipfile
from collections.abc import Iterator, Sequence

import openpyxl
from openpyxl.utils.exceptions import InvalidFileException

from kameng.cards.formats import DEFAULT_SEPARATOR
from kameng.core.errors import Invalid
from kameng.infra import workbooks

MOST_LINES = 100_000
MOST_BYTES = 32 * 1024 * 1024
MOST_UNPACKED = 128 * 1024 * 1024  # a small XLSX may hold a very large sheet
LONGEST_CELL = 20_000
MOST_COLUMNS = 50  # what stands further right is not read: a sheet may say that it is 16,384 wide
MOST_ROWS = 2 * MOST_LINES  # empty ones among them
TOO_MANY = "These are more than 100,000 lines. Send them in several files."
DELIMITERS = ",;\t|"
HEADS = {
    "key", "keys", "card", "cards", "secret", "code", "codes", "password", "account", "label", "number",
    "卡密", "卡号", "密码", "账号", "标签", "号码", "兑换码", "激活码",
}  # fmt: skip
ZIP, UTF16 = b"PK\x03\x04", (b"\xff\xfe", b"\xfe\xff")

Line = tuple[int, str]


def lines(file_name: str, body: bytes, separator: str = "") -> list[Line]:
    """The lines that are not empty, each with its number in the file, from 1. The cells of a row stand behind each
    other with the format's `separator` between. Raises `Invalid` at `file`."""
    is_table = file_name.lower().endswith(".csv")
    if body.startswith(ZIP):
        rows = _sheet(body)
    elif is_table:
        rows = _table(decoded(body))
    else:
        return pasted(decoded(body))
    joined = ((number, (separator or DEFAULT_SEPARATOR).join(cells)) for number, cells in rows)
    return _counted(joined)


def pasted(text: str, field: str = "file") -> list[Line]:
    """The same for plain text. Raises `Invalid` at `field`."""
    return _counted(((number, line.strip()) for number, line in enumerate(text.split("\n"), start=1)), field)


def decoded(body: bytes) -> str:
    """Raises `Invalid`."""
    try:
        if body.startswith(UTF16):
            return body.decode("utf-16")
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        pass
    try:
        return body.decode("gb18030")
    except UnicodeDecodeError:
        raise Invalid({"file": "This file is no text in UTF-8 or GB 18030, and no XLSX."}) from None


def _counted(found: Iterator[Line], field: str = "file") -> list[Line]:
    kept = list[Line]()
    for number, line in found:
        if not line:
            continue
        if len(kept) == MOST_LINES:
            raise Invalid({field: TOO_MANY})
        kept.append((number, line[:LONGEST_CELL]))
    if not kept:
        raise Invalid({field: "There is no line in it."})
    return kept


def _table(text: str) -> Iterator[tuple[int, Sequence[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), skipinitialspace=True)
    try:
        for row in reader:
            cells = _cells(row)
            if not (reader.line_num == 1 and _is_head(cells)):
                yield reader.line_num, cells
    except csv.Error:
        raise Invalid({"file": "The CSV cannot be read: a quotation mark is left open."}) from None


def _delimiter(text: str) -> str:
    """The sign that cuts most of the first lines into the same number of cells."""
    sample = [line for line in text[:20_000].split("\n")[:50] if line.strip()]

    def regular(sign: str) -> tuple[int, int]:
        counts = [line.count(sign) for line in sample]
        usual = max(set(counts), key=counts.count) if counts else 0
        return (counts.count(usual) if usual else 0, usual)

    return max(DELIMITERS, key=regular)


def _sheet(body: bytes) -> Iterator[tuple[int, Sequence[str]]]:
    """The first sheet of a workbook."""
    try:
        workbooks.check(body, MOST_UNPACKED)
        book = openpyxl.load_workbook(io.BytesIO(body), read_only=True, data_only=True, keep_links=False)
        sheet = book.worksheets[0]
        sheet.reset_dimensions()  # what the file says of itself is not believed
        for number, row in enumerate(sheet.iter_rows(values_only=True, max_col=MOST_COLUMNS), start=1):
            if number > MOST_ROWS:
                raise Invalid({"file": TOO_MANY})
            cells = _cells([_text(value) for value in row]) if any(row) else []
            if not (number == 1 and _is_head(cells)):
                yield number, cells
    except workbooks.Overfull:
        raise Invalid({"file": "This workbook is too large when it is unpacked. Send it as CSV."}) from None
    except (zipfile.BadZipFile, InvalidFileException, KeyError, ValueError, IndexError, SyntaxError, OSError):
        raise Invalid({"file": "This workbook cannot be read. Save it again as XLSX, or send it as CSV."}) from None


def _text(value: object) -> str:
    """A cell as it is written: whole numbers without a decimal point."""
    if value is None:
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _cells(row: Sequence[str]) -> list[str]:
    """Trimmed, and without the empty ones at the end."""
    cells = [cell.strip() for cell in row]
    while cells and not cells[-1]:
        cells.pop()
    return cells


def _is_head(cells: Sequence[str]) -> bool:
    return bool(cells) and all(cell.lower() in HEADS for cell in cells)
