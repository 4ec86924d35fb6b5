"""Which stations a change of wholesale prices reaches. Master session."""

from collections.abc import Sequence

from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncSession

from billing.wholesale import change_queries, outlook
from billing.wholesale.writing import PricesChanged
from tenants.margins import queries as margins


class Reached(Struct, frozen=True):
    """Stations, by their numbers, and the goods that cost them something else now."""

    stations: Sequence[int]
    goods: Sequence[int]


async def reached(session: AsyncSession, changed: PricesChanged) -> Reached:
    """All whose tier or own price is among what changed."""
    if not changed.change_id:
        tiers = [tier for tier, _ in (await outlook.now(session, [changed.good_id])).tiers]
        touched = await margins.stations(session, tiers=tiers)
        return Reached([one.id for one in touched], [changed.good_id])
    lines = await change_queries.written(session, changed.change_id)
    touched = await margins.stations(
        session,
        tiers=sorted({line.tier_id for line in lines if line.tier_id is not None}),
        tenants=sorted({line.tenant_id for line in lines if line.tenant_id is not None}),
        everybody=any(line.kind == "floor" for line in lines),
    )
    goods = sorted({line.good_id for line in lines if line.good_id is not None})
    return Reached([one.id for one in touched], goods)
