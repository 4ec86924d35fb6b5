"""A statement as both consoles show it and as files."""

import io
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from litestar import Response
from openpyxl import Workbook
from openpyxl.styles import Font
from sqlalchemy.ext.asyncio import AsyncSession

from admin_ui import words
from admin_ui.payout_words import Range
from admin_ui.sheets import csv_file, download
from billing.statements import queries
from billing.statements.queries import Entry, Statement
from kameng.core.money import to_yuan
from kameng.web.i18n import gettext
from kameng.web.pages import when

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
SHOWN = 100


async def told(session: AsyncSession, tenant_id: int, asked: Range) -> dict[str, Any]:
    """What `admin/statement.html` draws."""
    statement = await queries.statement(session, tenant_id, asked.since, asked.until)
    entries = await queries.entries(session, tenant_id, asked.since, asked.until)
    return {
        "statement": statement,
        "entries": entries[-SHOWN:][::-1],
        "count": len(entries),
        "range": asked,
        "months": months(),
    }


def months() -> list[str]:
    """The last twelve, newest first."""
    day, found = queries.today().replace(day=1), list[str]()
    for _ in range(12):
        found.append(f"{day:%Y-%m}")
        day = (day - timedelta(days=1)).replace(day=1)
    return found


async def file(session: AsyncSession, tenant_id: int, asked: Range, kind: str) -> Response[Any]:
    """The sums and every entry, `csv` or `xlsx`."""
    statement = await queries.statement(session, tenant_id, asked.since, asked.until)
    entries = await queries.entries(session, tenant_id, asked.since, asked.until)
    name = f"statement-{asked.since:%Y%m%d}-{asked.until:%Y%m%d}.{kind}"
    head, sums = _sums(statement)
    titles, lines = _entries(entries)
    if kind == "csv":
        return csv_file(name, head, [*sums, [], titles, *lines])
    return download(name, XLSX, _workbook([(gettext("Sums"), head, sums), (gettext("Entries"), titles, lines)]))


def _sums(statement: Statement) -> tuple[list[str], list[list[object]]]:
    head = [gettext("Account"), gettext("What"), gettext("In, ¥"), gettext("Out, ¥"), gettext("Entries")]
    rows: list[list[object]] = []
    for account in statement.accounts:
        name = words.say("account", account.kind)
        rows.append([name, gettext("Opening balance"), to_yuan(account.opening_cents), "", ""])
        rows += [
            [
                name,
                words.say("transfer", one.transfer),
                to_yuan(one.credit_cents),
                to_yuan(one.debit_cents),
                one.entries,
            ]
            for one in account.sums
        ]
        rows.append([name, gettext("Closing balance"), to_yuan(account.closing_cents), "", ""])
    rows.append([gettext("Buyers' wallets"), gettext("Now"), to_yuan(statement.wallets_cents), "", ""])
    return head, rows


def _entries(entries: Sequence[Entry]) -> tuple[list[str], list[list[object]]]:
    head = [gettext("Time"), gettext("Account"), gettext("What"), gettext("Reference"), gettext("Amount, ¥")]
    rows: list[list[object]] = [
        [
            when(one.at, "%Y-%m-%d %H:%M:%S"),
            words.say("account", one.account),
            words.say("transfer", one.transfer),
            one.ref,
            to_yuan(one.amount_cents),
        ]
        for one in entries
    ]
    return head, rows


def _workbook(sheets: Sequence[tuple[str, list[str], list[list[object]]]]) -> bytes:
    book = Workbook()
    book.remove(book.worksheets[0])
    for title, head, rows in sheets:
        sheet = book.create_sheet(title)
        sheet.append(head)
        for cell in sheet[1]:
            cell.font = Font(bold=True)
        for row in rows:
            sheet.append(row)
            for cell in sheet[sheet.max_row]:
                if isinstance(cell.value, str):
                    cell.data_type = "s"  # a reference is never a formula
        sheet.freeze_panes = "A2"
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()
