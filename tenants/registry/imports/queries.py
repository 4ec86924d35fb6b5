"""Reading imports and their lines. Master session."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from tenants.registry.errors import ImportGone
from tenants.registry.provisioning import Invitee
from tenants.registry.service import TenantDraft

SUMMARY = """
    SELECT i.id, i.file_name, i.by_name, i.by_address, i.created_at, i.started_at, i.finished_at,
           count(*) FILTER (WHERE l.state = 'waiting')::int AS waiting,
           count(*) FILTER (WHERE l.state = 'opened')::int AS opened,
           count(*) FILTER (WHERE l.state = 'refused')::int AS refused,
           count(*) FILTER (WHERE l.state = 'opened' AND l.owner IS NOT NULL)::int AS invited
    FROM station_imports i LEFT JOIN station_import_lines l ON l.import_id = i.id
"""
ONE = text(SUMMARY + " WHERE i.id = :id GROUP BY i.id")
LATEST = " WHERE i.id > (SELECT max(id) FROM station_imports) - 10 GROUP BY i.id ORDER BY i.id DESC"
RECENT = text(SUMMARY + LATEST)
# For `kameng.web.paging.of_sql`.
LINES = """
    SELECT l.line, l.cells, l.state, l.errors, l.tenant_id, coalesce(h.host, '') AS host FROM station_import_lines l
    LEFT JOIN hosts h ON h.tenant_id = l.tenant_id AND h.is_primary
    WHERE l.import_id = :id AND (:state = '' OR l.state = :state) ORDER BY l.line
"""
# Another worker may be at the same import: each line is held by one of them.
NEXT = text(
    "SELECT line, draft, owner, deposit_cents FROM station_import_lines WHERE import_id = :id AND state = 'waiting'"
    " ORDER BY line LIMIT 1 FOR UPDATE SKIP LOCKED"
)


class Import(Struct, frozen=True):
    """One file and how far it is. Not started: it was only checked. `invited`: opened lines that name an owner."""

    id: int
    file_name: str
    by_name: str
    by_address: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    waiting: int
    opened: int
    refused: int
    invited: int

    @property
    def total(self) -> int:
        return self.waiting + self.opened + self.refused

    @property
    def is_running(self) -> bool:
        return self.started_at is not None and self.finished_at is None


class Waiting(Struct, frozen=True):
    """A line to open."""

    line: int
    draft: TenantDraft
    owner: Invitee | None
    deposit_cents: int


async def find(session: AsyncSession, import_id: int) -> Import:
    """Raises `ImportGone`."""
    row = (await session.execute(ONE, {"id": import_id})).one_or_none()
    if row is None:
        raise ImportGone
    return Import(*row)


async def recent(session: AsyncSession) -> Sequence[Import]:
    """The latest ten, newest first."""
    return [Import(*row) for row in await session.execute(RECENT)]


async def lines(session: AsyncSession, import_id: int, state: str) -> Sequence[Any]:
    """All lines in this state: `line cells state errors tenant_id host`."""
    return (await session.execute(text(LINES), {"id": import_id, "state": state})).all()


async def next_waiting(session: AsyncSession, import_id: int) -> Waiting | None:
    """A line that nobody else is at, held until the end of the transaction."""
    row = (await session.execute(NEXT, {"id": import_id})).one_or_none()
    if row is None:
        return None
    draft = msgspec.convert(row.draft, TenantDraft, strict=False)
    return Waiting(row.line, draft, msgspec.convert(row.owner, Invitee | None), row.deposit_cents)
