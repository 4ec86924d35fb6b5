"""Keeping tiers, and setting one price at once. Master session. People change prices by `changes`."""

from decimal import Decimal

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from billing.wholesale import queries, writing
from billing.wholesale.change_lines import Line, Value
from billing.wholesale.errors import BadPrice, TierNameTaken
from billing.wholesale.models import Tier


async def add_tier(session: AsyncSession, name: str, rank: int = 0, upgrade_cents: int | None = None) -> Tier:
    """Raises `TierNameTaken`."""
    await _check_name(session, name, 0)
    tier = Tier(name=name, rank=rank, upgrade_cents=upgrade_cents)
    session.add(tier)
    await session.flush()
    return tier


async def change_tier(session: AsyncSession, tier_id: int, name: str, rank: int, upgrade_cents: int | None) -> Tier:
    """`upgrade_cents`: the turnover of a month that brings a station into it; None: none does. Raises `TierGone`,
    `TierNameTaken`."""
    tier = await queries.tier(session, tier_id)
    await _check_name(session, name, tier_id)
    tier.name, tier.rank, tier.upgrade_cents = name, rank, upgrade_cents
    await session.flush()
    return tier


async def _check_name(session: AsyncSession, name: str, but: int) -> None:
    taken = select(func.count()).select_from(Tier).where(Tier.name == name, Tier.id != but)
    if await session.scalar(taken):
        raise TierNameTaken(field="name")


async def set_price(session: AsyncSession, tier_id: int, good_id: int, price: Decimal) -> None:
    """Sets what one unit of the good costs tenants of the tier, in yuan. Raises `BadPrice`."""
    if price <= 0 or price != round(price, 4):
        raise BadPrice(field="price")
    await _set(session, Line(kind="tier", tier_id=tier_id, good_id=good_id, after=Value(price=price)))


async def clear_price(session: AsyncSession, tier_id: int, good_id: int) -> None:
    """Offers the good to the tier's tenants no more; products that list it are sold out from then on."""
    await _set(session, Line(kind="tier", tier_id=tier_id, good_id=good_id))


async def _set(session: AsyncSession, line: Line) -> None:
    await writing.take_turn(session)
    await writing.write(session, await writing.found(session, [line]), actor=writing.SYSTEM)
