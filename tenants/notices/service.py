"""Telling the owner. Tenant session."""

from typing import Any

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

TELL = text(
    "INSERT INTO notices (kind, subject, detail) VALUES (:kind, :subject, CAST(:detail AS jsonb))"
    " ON CONFLICT (kind, subject) WHERE read_at IS NULL DO NOTHING"
)
READ = text("UPDATE notices SET read_at = now() WHERE id = :id AND read_at IS NULL")


async def tell(session: AsyncSession, kind: str, subject: str = "", **detail: Any) -> None:
    """Tells the owner of `kind` about `subject`, unless an unread notice says so already."""
    await session.execute(TELL, {"kind": kind, "subject": subject, "detail": msgspec.json.encode(detail).decode()})


async def read(session: AsyncSession, notice_id: int) -> None:
    """Marks a notice as read."""
    await session.execute(READ, {"id": notice_id})
