"""Scheduled changes of prices, when their time has come."""

import structlog

from billing.wholesale import change_queries, changes
from billing.wholesale.errors import ChangeOver
from billing.wholesale.writing import SYSTEM
from kameng.audit import service as audit
from kameng.core.errors import KamengError
from kameng.infra.runtime import Runtime
from kameng.infra.tasks import periodic

log = structlog.get_logger()


@periodic(seconds=5)
async def apply_due(runtime: Runtime) -> None:
    """Applies each in a transaction of its own, once. One that is refused is kept with the reason, and nothing of it is
    done: the operator decides again."""
    async with runtime.database.master_session() as session:
        due = await change_queries.due(session)
    for change_id in due:
        try:
            async with runtime.database.master_session() as session:
                lines = await changes.apply(session, change_id, SYSTEM)
                await audit.record(session, SYSTEM, "prices.apply", str(change_id), {"lines": len(lines)})
        except ChangeOver:
            continue  # another worker was faster, or somebody has cancelled it
        except KamengError as refusal:
            log.warning("scheduled_prices_refused", change=change_id, why=str(refusal))
            async with runtime.database.master_session() as session:
                await changes.fail(session, change_id, refusal)
                await audit.record(session, SYSTEM, "prices.fail", str(change_id), {"error": str(refusal)})
