"""Tiers and prices for the master; the quote for a tenant."""

from collections.abc import Sequence
from decimal import Decimal

from msgspec import Struct
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from billing.wholesale.errors import TierGone
from billing.wholesale.models import Tier, TierPrice

QUOTES = text("SELECT good_id, wholesale_price, in_pool, available FROM quote(CAST(:goods AS bigint[]))")


class Quote(Struct, frozen=True):
    """What a tenant pays for one unit, in yuan, and how many units can be had (counted up to 1,000)."""

    good_id: int
    wholesale_price: Decimal
    in_pool: int
    available: int


async def quotes(session: AsyncSession, goods: Sequence[int]) -> dict[int, Quote]:
    """The asking tenant's quotes by good; goods it cannot have are missing. Tenant session."""
    rows = await session.execute(QUOTES, {"goods": list(goods)})
    return {row.good_id: Quote(*row) for row in rows}


async def tiers(session: AsyncSession) -> Sequence[Tier]:
    """All tiers, lowest rank first. Master session."""
    return (await session.scalars(select(Tier).order_by(Tier.rank, Tier.id))).all()


async def tier(session: AsyncSession, tier_id: int) -> Tier:
    """Raises `TierGone`. Master session."""
    found = await session.get(Tier, tier_id)
    if found is None:
        raise TierGone
    return found


async def goods_by_tier(session: AsyncSession) -> dict[int, int]:
    """How many goods have a price in each tier. Master session."""
    rows = await session.execute(select(TierPrice.tier_id, func.count()).group_by(TierPrice.tier_id))
    return {row[0]: row[1] for row in rows}


async def prices_of(session: AsyncSession, goods: Sequence[int]) -> dict[tuple[int, int], Decimal]:
    """`(good, tier) -> yuan`. Master session."""
    found = await session.scalars(select(TierPrice).where(TierPrice.good_id.in_(goods)))
    return {(price.good_id, price.tier_id): price.price for price in found}
