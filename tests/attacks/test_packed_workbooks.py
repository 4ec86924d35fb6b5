"""Workbooks of some kilobytes that fill the memory of whoever opens them."""

import io
import zipfile
from collections.abc import Callable

import openpyxl
import pytest

from billing.wholesale import sheets
from billing.wholesale.sheets import Unreadable
from kameng.cards import reading
from kameng.core.errors import Invalid
from kameng.infra import workbooks

NAMESPACE = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
SHEET, STRINGS, STYLES = "xl/worksheets/sheet1.xml", "xl/sharedStrings.xml", "xl/styles.xml"
SECRET = '<!ENTITY x SYSTEM "file:///etc/hostname">'
LAUGHS = "".join(f'<!ENTITY x{n} "{f"&x{n - 1};" * 10}">' for n in range(1, 9)) + '<!ENTITY x "&x8;">'


def sheet(rows: str, before: str = "") -> str:
    return f"{before}<worksheet {NAMESPACE}><sheetData>{rows}</sheetData></worksheet>"


def packed(name: str, body: str) -> bytes:
    """A workbook with something else in one of its parts, or with one part more."""
    plain, made = io.BytesIO(), io.BytesIO()
    book = openpyxl.Workbook()
    book.worksheets[0]["A1"] = "K1"
    book.save(plain)
    with zipfile.ZipFile(plain) as source, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as target:
        for part in source.namelist():
            if part != name:
                target.writestr(part, source.read(part))
        if name:
            target.writestr(name, body)
    return made.getvalue()


CELL = '<row><c t="inlineStr"><is><t>{}</t></is></c></row>'
BOMBS: dict[str, Callable[[], bytes]] = {
    "one row of very many cells": lambda: packed(SHEET, sheet("<row>" + "<c/>" * 200_000 + "</row>")),
    "many rows of many cells": lambda: packed(SHEET, sheet(("<row>" + "<c/>" * 16_000 + "</row>") * 200)),
    "very many texts": lambda: packed(STRINGS, f"<sst {NAMESPACE}>" + "<si/>" * 3_100_000 + "</sst>"),
    "a text of very many pieces": lambda: packed(STRINGS, f"<sst {NAMESPACE}><si>" + "<r/>" * 200_000 + "</si></sst>"),
    "very many styles": lambda: packed(STYLES, f"<styleSheet {NAMESPACE}>" + "<xf/>" * 200_000 + "</styleSheet>"),
    "no end of one cell": lambda: packed(SHEET, sheet(CELL.format("a" * 140_000_000))),
    "a file of this machine": lambda: packed(SHEET, sheet(CELL.format("&x;"), f"<!DOCTYPE w [{SECRET}]>")),
    "a billion laughs": lambda: packed(SHEET, sheet(CELL.format("&x;"), f'<!DOCTYPE w [<!ENTITY x0 "">{LAUGHS}]>')),
}


@pytest.mark.parametrize("what", BOMBS)
def test_a_workbook_that_is_a_bomb_is_refused_before_it_is_opened(what: str) -> None:
    """A row of a million cells took a third of a gigabyte; a file of 250 KB held sixty million."""
    bomb = BOMBS[what]()

    with pytest.raises(Invalid) as refused:
        reading.lines("cards.xlsx", bomb)
    with pytest.raises(Unreadable):
        sheets.read(bomb)

    assert "too large when it is unpacked" in refused.value.errors["file"]


def test_a_hundred_thousand_rows_of_five_cells_are_no_bomb() -> None:
    cell = '<c t="inlineStr"><is><t>K</t></is></c>'
    book = packed(SHEET, sheet(("<row>" + cell * 5 + "</row>") * reading.MOST_LINES))

    workbooks.check(book, reading.MOST_UNPACKED)


def test_a_workbook_as_people_save_it_is_read() -> None:
    book = packed("", "")

    assert reading.lines("cards.xlsx", book) == [(1, "K1")]
    assert [line.cells[0] for line in sheets.read(book)] == ["K1"]
