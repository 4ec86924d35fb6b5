"""Tables as CSV files that Excel opens as they are meant."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

from litestar import Response

BOM = "\ufeff"  # without it Excel takes UTF-8 for the machine's old code page
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def csv_text(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table with its head, as `csv_rows` writes it."""
    return csv_rows([head]) + csv_rows(rows)


def csv_rows(rows: Iterable[Sequence[object]]) -> str:
    """Rows in RFC 4180. A text that a spreadsheet would take for a formula gets an apostrophe before it."""
    text = io.StringIO()
    csv.writer(text).writerows([_cell(value) for value in row] for row in rows)
    return text.getvalue()


def csv_file(name: str, head: Sequence[str], rows: Iterable[Sequence[object]]) -> Response[Any]:
    """The table as a download; `name` is a plain file name."""
    return download(name, "text/csv; charset=utf-8", (BOM + csv_text(head, rows)).encode())


def download(name: str, media_type: str, body: bytes) -> Response[Any]:
    """A file for the person to keep."""
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Response(body, media_type=media_type, headers=headers)


def _cell(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value
