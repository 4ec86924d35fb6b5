"""A file of stations: read from CSV, and each line checked as the form that opens one station is."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncSession

from admin_ui.master import station_form
from billing.wholesale import queries as wholesale
from kameng.core.errors import Invalid
from kameng.infra.settings import Settings
from kameng.web.i18n import N_, gettext
from tenants.registry import queries
from tenants.registry.imports.service import Line

MOST_BYTES = 1024 * 1024
MOST_LINES = 1000
LONGEST_CELL = 2000
LONGEST_NAME = 40


class Column(Struct, frozen=True):
    """One column of the file, with an example."""

    name: str
    help: str
    example: str
    is_required: bool = False


COLUMNS = (
    Column("name", N_("Name of the shop."), "星辰点卡", is_required=True),
    Column("slug", N_("Short name: small letters, digits and hyphens."), "xingchen", is_required=True),
    Column("tier", N_("Name of its tier."), "", is_required=True),
    Column("plan", N_("Name of its plan; empty: none."), ""),
    Column("hosts", N_("Names under the stations' domain, with spaces between; empty: the short name."), ""),
    Column("domains", N_("Custom domains, with spaces between; served once they are proved."), ""),
    Column("owner_name", N_("The owner's full name; whoever is named is invited."), "张三"),
    Column("owner_email", N_("Where the owner's invitation is sent. Nobody gets access by the file."), ""),
    Column("accent", N_("Colour such as #2563eb."), "#2563eb"),
    Column("theme", N_("classic, market or night."), "classic"),
    Column("notice", N_("Stands on top of the shop."), ""),
    Column("contact", N_("How buyers reach the shop."), "QQ 800-1001"),
    Column("deposit", N_("Opening deposit in yuan."), "1000.00"),
    Column(
        "markup", N_("Percent on the wholesale price: all goods of its tier are listed. Empty: an empty shop."), "10"
    ),
)
NAMES = tuple(column.name for column in COLUMNS)
IGNORED = {"line", "error"}  # what a report of refused lines adds
IN_FILE = {"tier_id": "tier", "plan_id": "plan"}  # field of the form -> column
MANY = ("hosts", "domains")
NO_TIER = N_("There is no tier of this name.")
NO_PLAN = N_("There is no plan of this name.")


class Row(Struct, frozen=True):
    """A line as it stands in the file; `number` counts as an editor does."""

    number: int
    cells: dict[str, str]
    is_too_long: bool


def read(body: bytes) -> list[Row]:
    """The lines of a CSV file: UTF-8 or GB 18030; commas, semicolons or tabs. Raises `Invalid` at `file`."""
    try:
        rows = list(_rows(_text(body)))
    except csv.Error:
        raise Invalid({"file": "This is not a CSV file that can be read."}) from None
    if not rows:
        raise Invalid({"file": "There is no line below the head."})
    if len(rows) > MOST_LINES:
        raise Invalid({"file": "The file has more than 1,000 lines. Send it in parts."})
    return rows


async def checked(session: AsyncSession, settings: Settings, rows: Sequence[Row]) -> list[Line]:
    """Each line with what can be opened from it, or why it cannot, in the reader's language. Master session."""
    tiers = {tier.name: tier.id for tier in await wholesale.tiers(session)}
    plans = {plan.name: plan.id for plan in await queries.plans(session)}
    seen: dict[tuple[str, str], int] = {}
    lines = []
    for row in rows:
        errors = _foreign(row, tiers, plans) | _twice(row, seen)
        line = await _line(session, settings, row, tiers, plans)
        all_errors = {**line.errors, **errors}
        lines.append(Line(number=row.number, cells=row.cells, draft=None, errors=all_errors) if all_errors else line)
    return lines


async def _line(
    session: AsyncSession, settings: Settings, row: Row, tiers: Mapping[str, int], plans: Mapping[str, int]
) -> Line:
    try:
        form = await station_form.checked(session, settings, list(_pairs(row.cells, tiers, plans)))
    except Invalid as wrong:
        errors = {IN_FILE.get(field, field): gettext(said) for field, said in wrong.errors.items()}
        return Line(number=row.number, cells=row.cells, draft=None, errors=errors)
    return Line(
        number=row.number,
        cells=row.cells,
        draft=form.draft(settings.station_domain),
        owner=form.invitee,
        deposit_cents=form.deposit_cents,
    )


def _pairs(cells: Mapping[str, str], tiers: Mapping[str, int], plans: Mapping[str, int]) -> Iterator[tuple[str, str]]:
    """The line as the form would have sent it."""
    name, email = cells.get("owner_name", ""), cells.get("owner_email", "")
    yield "owner", "invite" if name or email else "none"
    yield "owner_name", name or email.partition("@")[0][:LONGEST_NAME]
    for name, text in cells.items():
        if name == "tier":
            yield "tier_id", str(tiers.get(text, 0))
        elif name == "plan":
            yield "plan_id", str(plans.get(text, 0)) if text else ""
        elif name == "markup":
            yield "catalogue", "all" if text else "none"
            yield name, text
        elif name != "owner_name":
            yield name, "\n".join(text.replace(";", " ").split()) if name in MANY else text


def _foreign(row: Row, tiers: Mapping[str, int], plans: Mapping[str, int]) -> dict[str, str]:
    """What is wrong with a line beyond the form's own rules."""
    errors = {}
    if row.is_too_long:
        errors[""] = gettext("This line has more cells than the head.")
    if row.cells.get("tier") and row.cells["tier"] not in tiers:
        errors["tier"] = gettext(NO_TIER)
    if row.cells.get("plan") and row.cells["plan"] not in plans:
        errors["plan"] = gettext(NO_PLAN)
    return errors


def _twice(row: Row, seen: dict[tuple[str, str], int]) -> dict[str, str]:
    """What a line above says already. Domains may be claimed by several."""
    errors = {}
    for column in ("slug", "hosts"):
        for name in row.cells.get(column, "").lower().replace(";", " ").split():
            first = seen.setdefault((column, name), row.number)
            if first != row.number:
                errors[column] = gettext("%(name)s stands in line %(line)s already.", name=name, line=first)
    return errors


def _text(body: bytes) -> str:
    """Excel saves Chinese as GB 18030 unless it is told otherwise. No text has a NUL, and the database keeps none."""
    if b"\x00" in body:
        raise Invalid({"file": "This is not a CSV file that can be read."})
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        try:
            return body.decode("gb18030")
        except UnicodeDecodeError:
            raise Invalid({"file": "This is not a CSV file that can be read."}) from None


def _rows(text: str) -> Iterator[Row]:
    first = text.lstrip("\r\n").partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=first.count), strict=True)
    head: list[str] = []
    begins = 1
    for cells in reader:
        number, begins = begins, reader.line_num + 1
        if not any(cell.strip() for cell in cells):
            continue
        if not head:
            head = _head(cells)
            continue
        named = {name: _cell(cell) for name, cell in zip(head, cells, strict=False) if name not in IGNORED}
        yield Row(number, named, is_too_long=any(cells[len(head) :]))


def _head(cells: Sequence[str]) -> list[str]:
    head = [cell.strip().lower() for cell in cells]
    if unknown := [name for name in head if name and name not in (*NAMES, *IGNORED)]:
        raise Invalid(
            {"file": gettext("The head names columns that there are not: %(names)s.", names=", ".join(unknown))}
        )
    missing = [column.name for column in COLUMNS if column.is_required and column.name not in head]
    if missing:
        raise Invalid({"file": gettext("The head lacks columns: %(names)s.", names=", ".join(missing))})
    if len(set(head)) < len(head):
        raise Invalid({"file": gettext("The head names a column twice.")})
    return head


def _cell(text: str) -> str:
    """Without the apostrophe that keeps a spreadsheet from taking it for a formula."""
    text = text.strip()[:LONGEST_CELL]
    return text[1:] if text[:2] in ("'=", "'+", "'-", "'@") else text
