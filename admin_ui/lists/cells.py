"""Cells of an export: what a column holds, and how CSV and XLSX write it."""

import asyncio
import io
import re
import zipfile
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal
from xml.sax.saxutils import escape
from zoneinfo import ZoneInfo

from msgspec import Struct

from admin_ui import sheets
from kameng.web.i18n import gettext, reader

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
CSV = "text/csv; charset=utf-8"
DAY_ZERO = datetime(1899, 12, 30, tzinfo=UTC)  # of Excel's calendar
DAY_S = 86_400
NO_XML = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
LONGEST_TEXT = 32_767  # signs that a cell of Excel takes
HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATED = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
PLAIN, MONEY, MOMENT, BOLD = 0, 1, 2, 3  # the styles below, in their order
FIXED = {
    "[Content_Types].xml": f"""{HEAD}<Types xmlns="{PACKAGE}/content-types"><Default Extension="rels" \
ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" \
ContentType="application/xml"/><Override PartName="/xl/workbook.xml" ContentType="{TYPE}.sheet.main+xml"/>\
<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{TYPE}.worksheet+xml"/>\
<Override PartName="/xl/styles.xml" ContentType="{TYPE}.styles+xml"/></Types>""",
    "_rels/.rels": f"""{HEAD}<Relationships xmlns="{PACKAGE}/relationships"><Relationship Id="rId1" \
Type="{RELATED}/officeDocument" Target="xl/workbook.xml"/></Relationships>""",
    "xl/workbook.xml": f"""{HEAD}<workbook xmlns="{MAIN}" xmlns:r="{RELATED}"><sheets>\
<sheet name="1" sheetId="1" r:id="rId1"/></sheets></workbook>""",
    "xl/_rels/workbook.xml.rels": f"""{HEAD}<Relationships xmlns="{PACKAGE}/relationships"><Relationship Id="rId1" \
Type="{RELATED}/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="rId2" Type="{RELATED}/styles" \
Target="styles.xml"/></Relationships>""",
    "xl/styles.xml": f"""{HEAD}<styleSheet xmlns="{MAIN}"><numFmts count="1"><numFmt numFmtId="164" \
formatCode="yyyy\\-mm\\-dd hh:mm:ss"/></numFmts><fonts count="2"><font/><font><b/></font>\
</fonts><fills count="2"><fill><patternFill patternType="none"/></fill>\
<fill><patternFill patternType="gray125"/></fill></fills>\
<borders count="1"><border/></borders><cellStyleXfs count="1"><xf/></cellStyleXfs><cellXfs count="4"><xf xfId="0"/>\
<xf xfId="0" numFmtId="2" applyNumberFormat="1"/><xf xfId="0" numFmtId="164" applyNumberFormat="1"/>\
<xf xfId="0" fontId="1" applyFont="1"/></cellXfs>\
<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>""",
}
SHEET = "xl/worksheets/sheet1.xml"
PANE = (
    '<sheetViews><sheetView workbookViewId="0"><pane ySplit="1" topLeftCell="A2" state="frozen"/></sheetView>'
    "</sheetViews>"
)
BEFORE = f'{HEAD}<worksheet xmlns="{MAIN}">{PANE}<sheetData>'
AFTER = "</sheetData></worksheet>"


Parts = AsyncIterator[list[list[Any]]]


class Column(Struct, frozen=True):
    """`cents` holds amounts in cents and shows yuan; `price` yuan in a text; `moment` seconds since 1970, None for
    never. `is_money`: only for those who may see costs."""

    label: str
    kind: Literal["text", "number", "cents", "price", "moment"] = "text"
    is_money: bool = False


def moment(at: datetime | None) -> float | None:
    """A cell of kind `moment`."""
    return None if at is None else at.timestamp()


class Layout(Struct, frozen=True):
    """The columns that somebody gets, the words above them, and his time zone."""

    kinds: Sequence[str]
    heads: Sequence[str]
    zone: ZoneInfo


def layout(columns: Sequence[Column]) -> Layout:
    """In the reader's words and time zone."""
    return Layout([one.kind for one in columns], [gettext(one.label) for one in columns], reader().zone)


def as_csv(rows: Sequence[Sequence[Any]], shape: Layout) -> str:
    """Rows of CSV: amounts with two decimals, moments of the reader's clock."""
    return sheets.csv_rows(
        [_csv(kind, cell, shape.zone) for kind, cell in zip(shape.kinds, row, strict=True)] for row in rows
    )


def _csv(kind: str, cell: Any, zone: ZoneInfo) -> object:
    if cell is None:
        return ""
    if kind == "cents":
        return Decimal(cell).scaleb(-2)  # not a text: a minus before it is no formula
    if kind == "moment":
        return f"{datetime.fromtimestamp(cell, zone):%Y-%m-%d %H:%M:%S}"
    return cell


class _Tray(io.RawIOBase):
    """What a zip file is written to, and taken from again while it grows."""

    def __init__(self) -> None:
        self.held = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.held += data
        return len(data)

    def take(self) -> bytes:
        taken = bytes(self.held)
        self.held.clear()
        return taken


class Workbook:
    """One sheet, written as a stream: no more of it is in memory than the part that was put in last (ECMA-376, part 1,
    section 18; texts stand in their cells)."""

    def __init__(self, shape: Layout) -> None:
        self.shape = shape
        self.tray = _Tray()
        self.zip = zipfile.ZipFile(self.tray, "w", zipfile.ZIP_DEFLATED, compresslevel=3)
        for name, body in FIXED.items():
            self.zip.writestr(name, body)
        self.sheet = self.zip.open(SHEET, "w", force_zip64=True)
        heads = "".join(_text(head, BOLD) for head in shape.heads)
        self.sheet.write(f"{BEFORE}<row>{heads}</row>".encode())

    def put(self, rows: Sequence[Sequence[Any]]) -> bytes:
        """Writes rows; returns what of the file is ready."""
        kinds, zone = self.shape.kinds, self.shape.zone
        lines = ("".join([_cell(kind, cell, zone) for kind, cell in zip(kinds, row, strict=True)]) for row in rows)
        self.sheet.write("".join([f"<row>{line}</row>" for line in lines]).encode())
        return self.tray.take()

    def end(self) -> bytes:
        """The rest of the file."""
        self.sheet.write(AFTER.encode())
        self.sheet.close()
        self.zip.close()
        return self.tray.take()


def _cell(kind: str, cell: Any, zone: ZoneInfo) -> str:
    if cell is None or cell == "":
        return "<c/>"
    if kind == "cents":
        return f'<c s="{MONEY}"><v>{cell / 100:.2f}</v></c>'
    if kind == "moment":
        local = datetime.fromtimestamp(cell, zone).replace(tzinfo=UTC)
        return f'<c s="{MOMENT}"><v>{(local - DAY_ZERO).total_seconds() / DAY_S:.8f}</v></c>'
    if kind in ("number", "price"):
        return f"<c><v>{cell}</v></c>"
    return _text(str(cell), PLAIN)


def _text(said: str, style: int) -> str:
    plain = escape(NO_XML.sub(" ", said[:LONGEST_TEXT]))
    return f'<c t="inlineStr" s="{style}"><is><t xml:space="preserve">{plain}</t></is></c>'


async def csv_file(parts: Parts, shape: Layout) -> AsyncIterator[bytes]:
    """A file of CSV, as it is read."""
    yield (sheets.BOM + sheets.csv_rows([shape.heads])).encode()
    async for rows in parts:
        yield (await asyncio.to_thread(as_csv, rows, shape)).encode()


async def xlsx_file(parts: Parts, shape: Layout) -> AsyncIterator[bytes]:
    """A workbook, as it is read."""
    book = Workbook(shape)
    async for rows in parts:
        yield await asyncio.to_thread(book.put, rows)
    yield book.end()
