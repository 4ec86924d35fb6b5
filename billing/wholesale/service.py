"""Setting tiers and prices. Master session."""

from decimal import Decimal

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from billing.wholesale import queries
from billing.wholesale.models import Tier, TierPrice
from kameng.core.errors import Conflict, Refused


class TierNameTaken(Conflict):
    message = "There is a tier of this name already."


class BadPrice(Refused):
    message = "A price is more than 0 and has at most four decimals."


async def add_tier(session: AsyncSession, name: str, rank: int = 0) -> Tier:
    """Raises `TierNameTaken`."""
    if await session.scalar(select(func.count()).select_from(Tier).where(Tier.name == name)):
        raise TierNameTaken(field="name")
    tier = Tier(name=name, rank=rank)
    session.add(tier)
    await session.flush()
    return tier


async def rename_tier(session: AsyncSession, tier_id: int, name: str) -> Tier:
    """Raises `TierGone`, `TierNameTaken`."""
    tier = await queries.tier(session, tier_id)
    taken = select(func.count()).select_from(Tier).where(Tier.name == name, Tier.id != tier_id)
    if await session.scalar(taken):
        raise TierNameTaken(field="name")
    tier.name = name
    await session.flush()
    return tier


async def clear_price(session: AsyncSession, tier_id: int, good_id: int) -> None:
    """Offers the good to the tier's tenants no more; products that list it are sold out from then on."""
    await session.execute(delete(TierPrice).where(TierPrice.tier_id == tier_id, TierPrice.good_id == good_id))


async def set_price(session: AsyncSession, tier_id: int, good_id: int, price: Decimal) -> None:
    """Sets what one unit of the good costs tenants of the tier, in yuan. Raises `BadPrice`."""
    if price <= 0 or price != round(price, 4):
        raise BadPrice(field="price")
    statement = insert(TierPrice).values(tier_id=tier_id, good_id=good_id, price=price)
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=["tier_id", "good_id"], set_={"price": price, "changed_at": func.now()}
        )
    )
