"""Judging months. A station is moved up or stays; nobody is moved down by a machine."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from kameng.audit import service as audit
from kameng.infra import outbox
from kameng.infra.outbox import Event
from kameng.infra.runtime import Runtime
from tenants.tiering import queries
from tenants.tiering.queries import Standing

SYSTEM = "system"


class TierRaised(Event, frozen=True):
    """A station buys at better prices from now on."""

    tenant_id: int
    month: str
    turnover_cents: int


async def judge(runtime: Runtime, now: datetime) -> int:
    """Judges each station's last month, once, and returns how many moved up. Does nothing while the switch is off;
    months that ended then are judged when it is on, as long as they are the last."""
    moved, after = 0, 0
    while True:
        async with runtime.database.master_session() as session:
            found = await queries.due(session, now, after) if await queries.is_on(session) else []
        if not found:
            break
        after = found[-1].id
        for standing in found:
            async with runtime.database.master_session() as session:
                moved += await _judge(session, standing)
    if moved:
        runtime.directory.forget()
    return moved


async def _judge(session: AsyncSession, standing: Standing) -> bool:
    values = {
        "tenant": standing.id,
        "month": standing.month,
        "turnover_cents": standing.turnover_cents,
        "from_tier": standing.tier_id,
        "to_tier": standing.to_tier_id,
    }
    first = (await session.execute(queries.REVIEW, values)).scalar_one_or_none() is not None
    if not first or standing.to_tier_id == standing.tier_id:
        return False
    if (await session.execute(queries.RAISE, values)).scalar_one_or_none() is None:
        return False  # a person has just given it another tier
    await outbox.record(session, TierRaised(standing.id, f"{standing.month:%Y-%m}", standing.turnover_cents))
    detail = {
        "name": standing.name,
        "from": standing.tier,
        "to": standing.to_tier,
        "month": f"{standing.month:%Y-%m}",
        "turnover_cents": standing.turnover_cents,
    }
    await audit.record(session, SYSTEM, "stations.upgrade", str(standing.id), detail)
    return True


async def switch(session: AsyncSession, *, on: bool) -> None:
    """Moves stations up by their turnover, or leaves them all where they are. Master session."""
    await session.execute(queries.SWITCH, {"on": on})


async def switch_one(session: AsyncSession, tenant_id: int, *, on: bool) -> None:
    """Has one station take part, or not. Master session."""
    await session.execute(queries.SWITCH_ONE, {"tenant": tenant_id, "on": on})
