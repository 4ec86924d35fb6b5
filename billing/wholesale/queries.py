"""Tiers and prices for the master; the quote for a tenant."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from msgspec import Struct
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from billing.wholesale.errors import TierGone
from billing.wholesale.models import Tier, TierPrice

QUOTES = text(
    "SELECT good_id, wholesale_price, in_pool, available, min_resale, basis FROM quote(CAST(:goods AS bigint[]))"
)
# The lowest cost among the offers that sell: what the master's page of a good calls its best cost.
COSTS = text(
    """
    SELECT o.good_id, min(o.cost) AS cost FROM offers o JOIN suppliers s ON s.id = o.supplier_id AND s.state = 'active'
    WHERE o.state = 'active' AND o.good_id = ANY(:goods) GROUP BY o.good_id
    """
)
# For `kameng.web.paging.of_sql`: all goods, with what a tier pays for them.
TIER_LINES = """
    SELECT g.id AS good_id, g.name, g.state, c.cost, p.price, coalesce(p.rule, '') AS rule,
           coalesce(p.is_default, false) AS is_default, p.min_resale, g.min_resale AS good_floor
    FROM goods g LEFT JOIN tier_prices p ON p.good_id = g.id AND p.tier_id = :tier
    LEFT JOIN LATERAL (
        SELECT min(o.cost) AS cost FROM offers o JOIN suppliers s ON s.id = o.supplier_id AND s.state = 'active'
        WHERE o.good_id = g.id AND o.state = 'active') c ON true
    WHERE (:words = '' OR g.name ILIKE :pattern)
        AND (:state = '' OR (:state = 'priced') = (p.price IS NOT NULL))
    ORDER BY g.id DESC
"""
NAMES = text("SELECT id, name FROM goods WHERE id = ANY(:goods)")
# For `kameng.web.paging.of_sql`: the goods that the asking tenant can have. Tenant session.
OFFERED = """
    SELECT g.id, g.name FROM own_goods() o JOIN goods g ON g.id = o.good_id
    WHERE (:words = '' OR g.name ILIKE :pattern) ORDER BY g.name, g.id
"""
TERMS = text(
    """
    SELECT p.tier_id, g.id AS good_id, g.name, g.state, NULL AS cost, p.price, p.rule, p.is_default, p.min_resale,
           g.min_resale AS good_floor
    FROM goods g JOIN tier_prices p ON p.good_id = g.id AND p.price IS NOT NULL WHERE g.id = :good
    """
)
FLOOR = text("SELECT min_resale FROM goods WHERE id = :good")
OWN_SPECIALS = text("SELECT good_id, price, tier_price, valid_from, valid_until FROM own_special_prices()")
OWN_CHANGES = text("SELECT * FROM own_price_changes(:since, :limit)")


class Quote(Struct, frozen=True):
    """What a tenant pays for one unit, in yuan, how many units can be had (counted up to 1,000), the least that one may
    be sold for, and what the price stands on: `tier:<n>` or `special:<n>`."""

    good_id: int
    wholesale_price: Decimal
    in_pool: int
    available: int
    min_resale: Decimal | None
    basis: str

    @property
    def is_special(self) -> bool:
        return self.basis.startswith("special:")


class TierLine(Struct, frozen=True):
    """A good as a tier's price list shows it. No `price`: not offered to the tier. `floor` is the tier's own."""

    good_id: int
    name: str
    state: str
    cost: Decimal | None
    price: Decimal | None
    rule: str
    is_default: bool
    floor: Decimal | None
    good_floor: Decimal | None


class OwnSpecial(Struct, frozen=True):
    """A special price of the asking tenant that holds or will hold, and what its tier pays otherwise."""

    good_id: int
    price: Decimal
    tier_price: Decimal | None
    valid_from: datetime
    valid_until: datetime | None


class OwnChange(Struct, frozen=True):
    """What has changed for the asking tenant, or is announced. `kind`: tier, special or floor. Prices in yuan."""

    good_id: int
    kind: str
    is_announced: bool
    at: datetime
    old_price: Decimal | None
    new_price: Decimal | None
    old_floor: Decimal | None
    new_floor: Decimal | None


async def quotes(session: AsyncSession, goods: Sequence[int]) -> dict[int, Quote]:
    """The asking tenant's quotes by good; goods it cannot have are missing. Tenant session."""
    rows = await session.execute(QUOTES, {"goods": list(goods)})
    return {row.good_id: Quote(*row) for row in rows}


async def own_specials(session: AsyncSession) -> Sequence[OwnSpecial]:
    """Tenant session."""
    return [OwnSpecial(*row) for row in await session.execute(OWN_SPECIALS)]


async def own_changes(session: AsyncSession, since: datetime, limit: int = 100) -> Sequence[OwnChange]:
    """What was changed since then, newest first, after what is announced. Tenant session."""
    return [OwnChange(*row) for row in await session.execute(OWN_CHANGES, {"since": since, "limit": limit})]


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
    rows = await session.execute(
        select(TierPrice.tier_id, func.count()).where(TierPrice.price.is_not(None)).group_by(TierPrice.tier_id)
    )
    return {row[0]: row[1] for row in rows}


async def prices_of(session: AsyncSession, goods: Sequence[int]) -> dict[tuple[int, int], Decimal]:
    """`(good, tier) -> yuan`. Master session."""
    found = await session.scalars(select(TierPrice).where(TierPrice.good_id.in_(goods), TierPrice.price.is_not(None)))
    return {(price.good_id, price.tier_id): price.price for price in found if price.price is not None}


async def tier_terms(session: AsyncSession, good_id: int) -> dict[int, TierLine]:
    """What each tier pays for a good, by tier; a tier that it is not offered to is missing. Master session."""
    rows = await session.execute(TERMS, {"good": good_id})
    return {row.tier_id: TierLine(*list(row)[1:]) for row in rows}


async def floor_of(session: AsyncSession, good_id: int) -> Decimal | None:
    """The least resale price of a good, unless a tier has one of its own."""
    return (await session.execute(FLOOR, {"good": good_id})).scalar_one_or_none()


async def costs(session: AsyncSession, goods: Sequence[int]) -> dict[int, Decimal]:
    """The best cost of each good in yuan; a good that nobody supplies is missing. Master session."""
    return {row.good_id: row.cost for row in await session.execute(COSTS, {"goods": list(goods)})}


async def good_names(session: AsyncSession, goods: Sequence[int]) -> dict[int, str]:
    """Names by number; a number that is no good's is missing."""
    return {row.id: row.name for row in await session.execute(NAMES, {"goods": list(goods)})}


async def tier_lines(session: AsyncSession, tier_id: int) -> Sequence[TierLine]:
    """Every good with what the tier pays, for a price list. Master session."""
    values = {"tier": tier_id, "words": "", "pattern": "%", "state": ""}
    return [TierLine(*row) for row in await session.execute(text(TIER_LINES), values)]
