"""Reading what people were told."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

COLUMNS = "id, kind, subject, detail, created_at, read_at"
UNREAD = text(
    f"SELECT {COLUMNS} FROM notices WHERE read_at IS NULL"  # noqa: S608 - a constant
    " AND (CAST(:kinds AS text[]) IS NULL OR kind = ANY(:kinds)) ORDER BY id DESC LIMIT :limit"
)
ONE = text(f"SELECT {COLUMNS} FROM notices WHERE id = :id")  # noqa: S608 - a constant
# For paging.of_sql.
LINES = f"""
    SELECT {COLUMNS} FROM notices
    WHERE kind = ANY(:kinds) AND (CAST(:is_read AS boolean) IS NULL OR (read_at IS NOT NULL) = :is_read)
    ORDER BY id DESC
"""  # noqa: S608 - a constant
OLDEST = text("SELECT subject FROM notices WHERE read_at IS NULL AND kind = :kind ORDER BY id LIMIT 200")
MUTED = text("SELECT muted FROM notice_people WHERE staff_id = :staff_id")


class Notice(Struct, frozen=True):
    """`kind` is a word of the code that pages translate: `deposit_low`, `order_waits`."""

    id: int
    kind: str
    subject: str
    detail: dict[str, Any]
    created_at: datetime
    read_at: datetime | None = None


async def unread(session: AsyncSession, limit: int = 20, kinds: Sequence[str] | None = None) -> Sequence[Notice]:
    """Newest first; of some kinds, or of all."""
    values = {"limit": limit, "kinds": None if kinds is None else list(kinds)}
    return [Notice(**row) for row in (await session.execute(UNREAD, values)).mappings()]


async def notice(session: AsyncSession, notice_id: int) -> Notice | None:
    """One of them, read or not; None when it is too old to be kept."""
    row = (await session.execute(ONE, {"id": notice_id})).mappings().one_or_none()
    return Notice(**row) if row else None


async def oldest_subjects(session: AsyncSession, kind: str) -> Sequence[str]:
    """What the oldest unread notices of a kind are about."""
    return list((await session.execute(OLDEST, {"kind": kind})).scalars())


async def muted(session: AsyncSession, staff_id: UUID) -> frozenset[str]:
    """The kinds that this person does not want at the bell."""
    return frozenset((await session.execute(MUTED, {"staff_id": staff_id})).scalar_one_or_none() or ())
