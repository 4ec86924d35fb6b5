"""The audit log as both consoles show it: a list with filters, one line with what was before and after, a file."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from datetime import datetime, time, timedelta
from typing import Annotated, Any

import msgspec
from litestar.params import PathParameter
from litestar.response import Stream, Template
from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncSession

from admin_ui import words
from admin_ui.frame import AnyRequest, Chip, page
from admin_ui.sheets import BOM, csv_rows
from admin_ui.vocabulary import log
from kameng.audit import queries
from kameng.audit.queries import Entry, Search
from kameng.core.money import format_cents
from kameng.web import context, i18n, paging
from kameng.web.i18n import N_, gettext
from kameng.web.paging import Wanted
from tenants.registry import queries as registry

SIZE = 50
BATCH = 1_000
MOST_EXPORTED = 100_000
MASTER = "master"
NOBODY = -1  # a station that is not there has no lines
LineId = Annotated[int, PathParameter(ge=1, le=2**63 - 1)]
Begin = Callable[[], AbstractAsyncContextManager[AsyncSession]]

FILTERS = {
    "action": N_("Action"),
    "actor": N_("Person"),
    "subject": N_("Subject"),
    "address": N_("Address"),
    "station": N_("Station"),
    "from": N_("From"),
    "to": N_("Until"),
}

STATION = N_("Station")
COLUMNS = (
    N_("Time"), STATION, N_("Who"), N_("What"), N_("Subject"), N_("Before"), N_("After"), N_("Details"),
    N_("Address"), N_("Line"), N_("Hash"),
)  # fmt: skip
PAIRS = (("before", "after"), ("from", "to"))
SHORT = 16


class Change(Struct, frozen=True):
    """One value, in words."""

    name: str
    before: str
    after: str

    @property
    def is_one(self) -> bool:
        return self.before != self.after


async def show(request: AnyRequest, session: AsyncSession, *, is_master: bool = False) -> Template:
    """The newest lines that the session may read and the address asks for, `?before=` for older ones."""
    asked = paging.wanted(request)
    search = await _search(session, asked, is_master=is_master)
    entries = await queries.recent(session, search, older_than=_number(asked.get("before")), limit=SIZE + 1)
    filters = {name: asked.get(name) for name in FILTERS if asked.get(name)}
    return page(
        request,
        "admin/audit.html",
        entries=entries[:SIZE],
        older=_address(asked, before=str(entries[SIZE - 1].id)) if len(entries) > SIZE else "",
        asked=asked,
        kept=filters,
        active=[_chip(asked, name, value) for name, value in filters.items()],
        everything=_address(asked, **dict.fromkeys([*FILTERS, "q", "before"], "")),
        export=f"{context.of(request.scope).base}/audit/export{_query(asked)}",
        actions=_choices(),
        stations=await _stations(session, entries) if is_master else None,
        told=told,
    )


async def show_line(request: AnyRequest, session: AsyncSession, line_id: int, *, is_master: bool = False) -> Template:
    """One line. Raises `LineGone`."""
    entry = await queries.line(session, line_id)
    return page(
        request,
        "admin/audit_line.html",
        entry=entry,
        changes=changes(entry),
        detail=detail(entry),
        station=(await _stations(session, [entry])).get(entry.tenant_id or 0) if is_master else None,
    )


async def export(request: AnyRequest, begin: Begin, *, is_master: bool = False) -> Stream:
    """The lines that the list shows, all pages of it, as CSV; each piece is read in a transaction of its own."""
    asked, reader = paging.wanted(request), i18n.reader()
    async with begin() as session:
        search = await _search(session, asked, is_master=is_master)
    titles = [gettext(title) for title in COLUMNS if is_master or title != STATION]

    async def content() -> AsyncIterator[bytes]:
        i18n.use(reader.locale, reader.zone.key)
        yield (BOM + csv_rows([titles])).encode()
        older_than, left = None, MOST_EXPORTED
        while left > 0:
            async with begin() as session:
                entries = await queries.recent(session, search, older_than=older_than, limit=min(BATCH, left))
                names = await _stations(session, entries) if is_master else None
            if not entries:
                return
            yield csv_rows(_row(entry, names) for entry in entries).encode()
            older_than, left = entries[-1].id, left - len(entries)

    name = f"audit-{datetime.now(reader.zone):%Y%m%d-%H%M}.csv"
    return Stream(
        content(),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def told(entry: Entry) -> list[tuple[str, str]]:
    """A line in short, for the list: what has changed, then the rest."""
    changed = [one for one in changes(entry) if one.is_one]
    return [*((one.name, f"{one.before or '–'} → {one.after or '–'}") for one in changed), *detail(entry)]


def changes(entry: Entry) -> list[Change]:
    """What was before and after, by names; also where a line has it in its detail as `from` and `to`."""
    before, after = entry.before, entry.after
    if before is None and after is None:
        before, after = _pair(entry.detail)
    if before is None and after is None:
        return []
    before, after = before or {}, after or {}
    return [
        Change(words.say("detail", name), _said(name, before), _said(name, after))
        for name in dict.fromkeys([*before, *after])
    ]


def detail(entry: Entry) -> list[tuple[str, str]]:
    """What a line says beside its subject and its changes: names and values in words."""
    is_pair = entry.before is None and entry.after is None and _pair(entry.detail) != (None, None)
    shown = {name for pair in PAIRS for name in pair} if is_pair else set[str]()
    return [
        (words.say("detail", name), _text(name, value)) for name, value in entry.detail.items() if name not in shown
    ]


def _pair(kept: Mapping[str, Any]) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    for first, second in PAIRS:
        if first in kept and second in kept:
            before, after = kept[first], kept[second]
            if isinstance(before, dict) and isinstance(after, dict):
                return before, after
            return {"value": before}, {"value": after}
    return None, None


async def _search(session: AsyncSession, asked: Wanted, *, is_master: bool) -> Search:
    station = asked.get("station") if is_master else ""
    until = _day(asked.get("to"))
    return Search(
        words=asked.search,
        actions=words.codes_saying("action", asked.search) if asked.search else (),
        actor=asked.get("actor"),
        action=asked.get("action"),
        subject=asked.get("subject").removeprefix("#"),
        address=asked.get("address"),
        since=_day(asked.get("from")),
        until=until + timedelta(days=1) if until else None,
        tenant_id=await _tenant_id(session, station) if station else None,
    )


async def _tenant_id(session: AsyncSession, station: str) -> int:
    if station == MASTER:
        return 0
    found = await registry.find_number(session, station)
    return NOBODY if found is None else found


def _day(text: str) -> datetime | None:
    """Midnight of a day in the reader's time zone; nonsense counts as absent."""
    try:
        return datetime.combine(datetime.fromisoformat(text).date(), time(), i18n.reader().zone)
    except (ValueError, OverflowError):
        return None


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


async def _stations(session: AsyncSession, entries: list[Entry]) -> dict[int, str]:
    places = {entry.tenant_id for entry in entries if entry.tenant_id is not None}
    return await registry.names(session, list(places))


def _choices() -> list[tuple[str, str]]:
    """Every action, by its word."""
    named = [(code, words.say("action", code)) for code in log.ACTIONS]
    return [("", gettext("Any")), *sorted(named, key=lambda one: one[1])]


def _chip(asked: Wanted, name: str, value: str) -> Chip:
    said = words.say("action", value) if name == "action" else value
    label = gettext("%(filter)s: %(value)s", filter=gettext(FILTERS[name]), value=said)
    return Chip(f"{label} ×", _address(asked, **{name: "", "before": ""}), True)


def _address(asked: Wanted, **changes: str) -> str:
    return paging.address(asked.path, {**asked.query, **changes})


def _query(asked: Wanted) -> str:
    return paging.address("", {**asked.query, "before": ""})


def _said(name: str, values: Mapping[str, Any]) -> str:
    value = values.get(name)
    return "" if value is None else _text(name, value)


def _text(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    if name.endswith("_cents") and isinstance(value, int):
        return format_cents(value)
    if name in ("role", "role_before"):
        return words.say("role", str(value))
    if name in ("logo", "favicon") and len(str(value)) > SHORT:  # its name is its checksum
        return f"{str(value)[:SHORT]}…"
    if name == "proof":
        return words.say("proof", str(value))
    if isinstance(value, list):
        return ", ".join(str(one) for one in value)
    if isinstance(value, dict):
        return ", ".join(f"{words.say('detail', key)} {_text(key, one) or '–'}" for key, one in value.items())
    return "" if value is None else str(value)


def _row(entry: Entry, stations: Mapping[int, str] | None) -> list[str]:
    at = entry.at.astimezone(i18n.reader().zone).strftime("%Y-%m-%d %H:%M:%S")
    where = [] if stations is None else [stations.get(entry.tenant_id or 0, "")]
    kept = [msgspec.json.encode(one).decode() if one else "" for one in (entry.before, entry.after, entry.detail)]
    said = words.say("action", entry.action)
    return [at, *where, entry.actor, said, entry.subject, *kept, entry.address, str(entry.seq), entry.hash]
