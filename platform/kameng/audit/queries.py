"""Reading the audit log. A tenant's session sees its own lines, a master session all."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.audit.errors import LineGone

COLUMNS = "id, tenant_id, actor, action, subject, detail, before, after, address, at, seq, encode(hash, 'hex') AS hash"
ONE = text(f"SELECT {COLUMNS} FROM audit_log WHERE id = :id")  # noqa: S608 - our own columns
# Only what is asked for is written into the query, so that each has its index.
CONDITIONS = {
    "older_than": "id < :older_than",
    "actor": "actor = :actor",
    "action": "action = :action",
    "subject": "subject = :subject",
    "address": "address = :address",
    "tenant_id": "coalesce(tenant_id, 0) = :tenant_id",
    "since": "at >= :since",
    "until": "at < :until",
    "words": (
        "(action = ANY(:actions) OR strpos(lower(concat_ws(' ', actor, action, subject, address, detail::text,"
        " before::text, after::text)), lower(:words)) > 0)"
    ),
}


class Search(Struct, frozen=True, kw_only=True):
    """Which lines. `words` stand anywhere in a line, or it is one of `actions`; `until` is the first moment that is
    too late; `tenant_id` 0 is the master's own log; the rest is exact. Empty and None ask for nothing."""

    words: str = ""
    actions: Sequence[str] = ()
    actor: str = ""
    action: str = ""
    subject: str = ""
    address: str = ""
    since: datetime | None = None
    until: datetime | None = None
    tenant_id: int | None = None


class Entry(Struct, frozen=True):
    """One line of the log. `tenant_id` is None for what was done at the master; `seq` is its place in its chain."""

    id: int
    tenant_id: int | None
    actor: str
    action: str
    subject: str
    detail: dict[str, Any]
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    address: str
    at: datetime
    seq: int
    hash: str


async def recent(
    session: AsyncSession, asked: Search, *, older_than: int | None = None, limit: int = 50
) -> list[Entry]:
    """The newest lines, newest first; `older_than` is the id of the last line of the page before."""
    values = {"older_than": older_than, **{name: getattr(asked, name) for name in CONDITIONS if name != "older_than"}}
    values = {name: value for name, value in values.items() if value not in (None, "")}
    where = " AND ".join(CONDITIONS[name] for name in values) or "true"
    query = f"SELECT {COLUMNS} FROM audit_log WHERE {where} ORDER BY id DESC LIMIT :limit"  # noqa: S608 - our own
    if "words" in values:
        values["actions"] = list(asked.actions)
    rows = await session.execute(text(query), {**values, "limit": limit})
    return [Entry(*row) for row in rows]


async def line(session: AsyncSession, line_id: int) -> Entry:
    """Raises `LineGone`, also where it is another's."""
    row = (await session.execute(ONE, {"id": line_id})).one_or_none()
    if row is None:
        raise LineGone
    return Entry(*row)
