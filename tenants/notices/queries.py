"""Reading what the owner was told."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

UNREAD = text(
    "SELECT id, kind, subject, detail, created_at FROM notices WHERE read_at IS NULL ORDER BY id DESC LIMIT :limit"
)


class Notice(Struct, frozen=True):
    """`kind` is a word of the code that pages translate: `deposit_low`, `order_waits`."""

    id: int
    kind: str
    subject: str
    detail: dict[str, Any]
    created_at: datetime


async def unread(session: AsyncSession, limit: int = 20) -> Sequence[Notice]:
    """Newest first."""
    return [Notice(**row) for row in (await session.execute(UNREAD, {"limit": limit})).mappings()]
