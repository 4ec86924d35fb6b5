"""Reading the audit log. A tenant's session sees its own lines, a master session all."""

from datetime import datetime
from typing import Any

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

RECENT = text(
    """
    SELECT id, tenant_id, actor, action, subject, detail, address, at FROM audit_log
    WHERE (CAST(:before AS bigint) IS NULL OR id < :before)
        AND (:search = '' OR strpos(lower(concat_ws(' ', actor, action, subject, address)), lower(:search)) >
        0) ORDER BY id DESC LIMIT :limit
    """
)


class Entry(Struct, frozen=True):
    """One line of the log. `tenant_id` is None for what was done at the master."""

    id: int
    tenant_id: int | None
    actor: str
    action: str
    subject: str
    detail: dict[str, Any]
    address: str
    at: datetime


async def recent(session: AsyncSession, *, before: int | None = None, limit: int = 50, search: str = "") -> list[Entry]:
    """The newest lines, newest first; `before` is the id of the last line of the page before."""
    rows = await session.execute(RECENT, {"before": before, "search": search, "limit": limit})
    return [Entry(*row) for row in rows]
