"""Releasing what the master holds when its time is over."""

import time
from datetime import date

import structlog

from billing.ledger.errors import CollectedTooLow
from billing.payouts import queries, service
from kameng.infra.runtime import Runtime
from kameng.infra.tasks import periodic

log = structlog.get_logger()

TURN_S = 20.0


@periodic(seconds=600)
async def release_ripe(runtime: Runtime) -> None:
    """Every station that money is held for, once a day. A day is summed up before (`billing.statements`)."""
    after, released, ends = 0, 0, time.monotonic() + TURN_S
    while time.monotonic() < ends:
        async with runtime.database.master_session() as session:
            stations = await queries.with_collected(session, after)
        for tenant_id, day in stations:
            after = tenant_id
            released += await release_one(runtime, tenant_id, day)
        if not stations:
            break
    if released:
        log.info("collected_released", cents=released)


async def release_one(runtime: Runtime, tenant_id: int, day: date) -> int:
    """One station, in cents; one that fails does not stop the others."""
    try:
        async with runtime.database.master_session() as session:
            return await service.release(session, tenant_id, day)
    except CollectedTooLow:  # a refund was quicker by a moment
        return 0
    except Exception:
        log.exception("release_failed", tenant=tenant_id)
        return 0
