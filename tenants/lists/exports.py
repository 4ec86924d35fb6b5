"""Exports that take longer than a request: their rows lie in parts until they are fetched. Tenant session.

Who reads the rows is somebody else's business (`admin_ui.lists`): what is kept here is how far it got. A part and the
place where the next one begins are one commit, so a worker that dies loses one part's work and nothing else.
"""

import zlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.infra import outbox
from kameng.infra.outbox import Event
from tenants.lists.errors import ExportGone, ExportUnderWay

MOST_ROWS = 1_000_000  # a sheet of Excel holds little more
KEPT = timedelta(days=3)
LATEST = 20
LEVEL = 3  # of packing: a quarter of the size at little cost

COLUMNS = (
    "id, list, kind, query, sees_money, staff_id, made_by, locale, state, total, done, parts, after, created_at,"
    " finished_at"
)
LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(current_schema() || :whose, 0))")
RUNNING = text("SELECT 1 FROM list_exports WHERE staff_id = :staff_id AND state = 'running' LIMIT 1")
ADD = text(
    """
    INSERT INTO list_exports (list, kind, query, sees_money, staff_id, made_by, address, locale, total)
    VALUES (:list, :kind, CAST(:query AS jsonb), :sees_money, :staff_id, :made_by, :address, :locale, :total)
    RETURNING id
    """
)
FIND = text(f"SELECT {COLUMNS} FROM list_exports WHERE id = :id AND list = :list AND staff_id = :staff_id")  # noqa: S608
MINE = text(
    f"SELECT {COLUMNS} FROM list_exports WHERE list = :list AND staff_id = :staff_id ORDER BY id DESC LIMIT {LATEST}"  # noqa: S608
)
HOLD = text(f"SELECT {COLUMNS} FROM list_exports WHERE id = :id AND state = 'running' FOR UPDATE SKIP LOCKED")  # noqa: S608
PUT = text("INSERT INTO list_export_parts (export_id, part, body) VALUES (:id, :part, :body)")
GET = text("SELECT body FROM list_export_parts WHERE export_id = :id AND part = :part")
GO_ON = text(
    """
    UPDATE list_exports SET done = done + :rows, parts = parts + 1, after = :after,
           total = greatest(total, done + :rows),
           state = CASE WHEN :is_last THEN 'done' ELSE state END,
           finished_at = CASE WHEN :is_last THEN now() END
    WHERE id = :id
    """
)
CANCEL = text(
    "UPDATE list_exports SET state = 'cancelled', finished_at = now()"
    " WHERE id = :id AND list = :list AND staff_id = :staff_id AND state = 'running' RETURNING id"
)
FORGET_PARTS = text("DELETE FROM list_export_parts WHERE export_id = :id")
FORGET = text("DELETE FROM list_exports WHERE id = :id")

Row = list[Any]


class ExportAsked(Event, frozen=True):
    """An export has a part to be made."""

    export_id: int


class ExportKept(Event, frozen=True):
    """An export was begun; followed when it is to be thrown away."""

    export_id: int


class Export(Struct, frozen=True):
    """`total` is what was counted when it was asked for; `after` where the next part begins."""

    id: int
    list: str
    kind: str
    query: Mapping[str, str]
    sees_money: bool
    staff_id: UUID
    made_by: str
    locale: str
    state: str
    total: int
    done: int
    parts: int
    after: str
    created_at: datetime
    finished_at: datetime | None

    @property
    def is_running(self) -> bool:
        return self.state == "running"


class ExportDraft(Struct, frozen=True, kw_only=True):
    """What is asked for. `query` is the list's address; `locale` the language of heads and words."""

    list: str
    kind: str
    query: Mapping[str, str]
    sees_money: bool
    staff_id: UUID
    made_by: str
    address: str
    locale: str
    total: int


async def begin(session: AsyncSession, draft: ExportDraft) -> int:
    """Has it made. One at a time for each person. Raises `ExportUnderWay`."""
    await session.execute(LOCK, {"whose": f".list_exports.{draft.staff_id}"})
    if (await session.execute(RUNNING, {"staff_id": draft.staff_id})).one_or_none() is not None:
        raise ExportUnderWay
    values = msgspec.structs.asdict(draft) | {"query": msgspec.json.encode(draft.query).decode()}
    export_id = int((await session.execute(ADD, values)).scalar_one())
    await outbox.record(session, ExportAsked(export_id))
    await outbox.record(session, ExportKept(export_id), delay=KEPT)
    return export_id


async def find(session: AsyncSession, which: str, export_id: int, staff_id: UUID) -> Export:
    """A person's own export. Raises `ExportGone`, for others' too."""
    row = (await session.execute(FIND, {"id": export_id, "list": which, "staff_id": staff_id})).one_or_none()
    if row is None:
        raise ExportGone
    return Export(*row)


async def latest(session: AsyncSession, which: str, staff_id: UUID) -> Sequence[Export]:
    """A person's exports of a list, newest first."""
    return [Export(*row) for row in await session.execute(MINE, {"list": which, "staff_id": staff_id})]


async def hold(session: AsyncSession, export_id: int) -> Export | None:
    """The export, locked until the commit; None when it is over, or another worker is at it."""
    row = (await session.execute(HOLD, {"id": export_id})).one_or_none()
    return Export(*row) if row else None


async def put(session: AsyncSession, export: Export, rows: Sequence[Row], after: str, *, again: bool) -> None:
    """Keeps the next part. Without an `after` it was the last one; `again` has the rest made by another message."""
    if rows:
        body = zlib.compress(msgspec.json.encode(rows), LEVEL)
        await session.execute(PUT, {"id": export.id, "part": export.parts, "body": body})
    values = {"id": export.id, "rows": len(rows), "after": after, "is_last": not after}
    await session.execute(GO_ON, values)
    if after and again:
        await outbox.record(session, ExportAsked(export.id))


async def part(session: AsyncSession, export_id: int, number: int) -> list[Row] | None:
    """The rows of a part; None when there is none of this number."""
    body = (await session.execute(GET, {"id": export_id, "part": number})).scalar_one_or_none()
    return None if body is None else msgspec.json.decode(zlib.decompress(body), type=list[Row])


async def cancel(session: AsyncSession, which: str, export_id: int, staff_id: UUID) -> bool:
    """Ends an export that is under way and throws away what it made. False when it was over. Raises `ExportGone`."""
    await find(session, which, export_id, staff_id)
    named = {"id": export_id, "list": which, "staff_id": staff_id}
    if (await session.execute(CANCEL, named)).scalar_one_or_none() is None:
        return False
    await session.execute(FORGET_PARTS, {"id": export_id})
    return True


async def forget(session: AsyncSession, export_id: int) -> None:
    """Throws an export away; its parts go with it."""
    await session.execute(FORGET, {"id": export_id})
