"""Who did what, written in the transaction that did it. The log is append-only: the database refuses anything
else.
"""

from collections.abc import Mapping

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

INSERT = text(
    "INSERT INTO audit_log (tenant_id, actor, action, subject, detail, address)"
    " VALUES (current_tenant(), :actor, :action, :subject, CAST(:detail AS jsonb), :address)"
)


async def record(
    session: AsyncSession,
    actor: str,
    action: str,
    subject: str,
    detail: Mapping[str, object] | None = None,
    address: str = "",
) -> None:
    """One line in the log of the session's tenant, or of the master.

    `actor` is the name a person is known by, or `system`; `action` is `noun.verb`; `subject` is what it was
    done to; `detail` is JSON-able and holds no secret.
    """
    await session.execute(
        INSERT,
        {
            "actor": actor,
            "action": action,
            "subject": subject,
            "detail": msgspec.json.encode(detail or {}).decode(),
            "address": address,
        },
    )
