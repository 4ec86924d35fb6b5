"""Who did what, written in the transaction that did it. The log is append-only and chained by hash: the database
refuses anything else, and `kameng audit verify` finds what was changed past it.
"""

from collections.abc import Mapping

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

INSERT = text(
    "INSERT INTO audit_log (tenant_id, actor, action, subject, detail, before, after, address)"
    " VALUES (current_tenant(), :actor, :action, :subject, CAST(:detail AS jsonb), CAST(:before AS jsonb),"
    " CAST(:after AS jsonb), :address)"
)
Values = Mapping[str, object]


async def record(
    session: AsyncSession,
    actor: str,
    action: str,
    subject: str,
    detail: Values | None = None,
    address: str = "",
    *,
    before: Values | None = None,
    after: Values | None = None,
) -> None:
    """One line in the log of the session's tenant, or of the master. The last statement of a transaction: it locks the
    end of the log's chain until the commit, and whoever writes to the same log waits.

    `actor` is the name a person is known by, or `system`; `action` is `noun.verb`; `subject` is what it was
    done to; `before` and `after` are the values that changed, by the same names; `detail` is what else is worth
    knowing. All are JSON-able and hold no secret.
    """
    await session.execute(
        INSERT,
        {
            "actor": actor,
            "action": action,
            "subject": subject,
            "detail": _json(detail or {}),
            "before": None if before is None else _json(before),
            "after": None if after is None else _json(after),
            "address": address,
        },
    )


def _json(values: Values) -> str:
    return msgspec.json.encode(values).decode()
