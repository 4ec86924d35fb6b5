"""Reading offers. Master session; a tenant never sees one."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from supplier_gateway.offers.errors import OfferGone

OFFERS = """
    SELECT o.id, o.good_id, o.supplier_id, s.name AS supplier, s.protocol, o.sku, o.cost, o.stock, o.priority,
           o.state, s.state AS supplier_state, o.checked_at, o.hand_set, o.mode, o.warn_at, o.held_cost
    FROM offers o JOIN suppliers s ON s.id = o.supplier_id
"""
OF_GOODS = text(OFFERS + "WHERE o.good_id = ANY(:goods) ORDER BY o.good_id, o.priority, o.cost, o.id")
ONE = text(OFFERS + "WHERE o.id = :id")
UPSTREAM = text(
    OFFERS
    + """
    WHERE o.good_id = :good AND o.state = 'active' AND s.state = 'active' AND s.protocol <> 'stock'
    AND (o.stock IS NULL OR o.stock >= :quantity)
    ORDER BY o.priority, o.cost, o.id
    """
)
GOODS_OF = text("SELECT DISTINCT good_id FROM offers WHERE supplier_id = :supplier ORDER BY good_id")
# Whoever is asked now comes again in a minute when nothing is told; a figure that is told says when it is asked next.
TAKE_DUE = text(
    """
    UPDATE offers o SET ask_at = now() + interval '1 minute' FROM (
        SELECT o.id, row_number() OVER (PARTITION BY o.supplier_id ORDER BY o.ask_at) AS n, s.calls_a_minute
        FROM offers o JOIN suppliers s ON s.id = o.supplier_id
        WHERE o.state = 'active' AND o.ask_at <= now() AND s.state = 'active' AND s.protocol = ANY(:protocols)
        AND NOT 'stock' = ANY (o.hand_set)
    ) due
    WHERE o.id = due.id AND due.n <= greatest(1, due.calls_a_minute * :seconds / 60)
    RETURNING o.id, o.good_id, o.supplier_id, o.sku
    """
)
LIVE = text(
    "SELECT o.id, o.good_id, o.supplier_id, o.sku FROM offers o JOIN suppliers s ON s.id = o.supplier_id"
    " WHERE o.mode = 'live' AND o.state = 'active' AND s.state = 'active' AND s.protocol <> 'stock'"
    " AND NOT 'stock' = ANY (o.hand_set)"
)
SOLD_LATELY = text(
    "SELECT good_id, sum(quantity)::int AS units FROM purchases"
    " WHERE good_id = ANY(:goods) AND created_at > now() - interval '1 hour' GROUP BY good_id"
)


class OfferLine(Struct, frozen=True):
    """An offer with its supplier. `cost` in yuan for one unit."""

    id: int
    good_id: int
    supplier_id: int
    supplier: str
    protocol: str
    sku: str
    cost: Decimal
    stock: int | None
    priority: int
    state: str
    supplier_state: str
    checked_at: datetime | None
    hand_set: list[str]
    mode: str
    warn_at: int | None
    held_cost: Decimal | None


async def of_goods(session: AsyncSession, goods: Sequence[int]) -> Sequence[OfferLine]:
    """All offers of these goods, best first within each."""
    rows = await session.execute(OF_GOODS, {"goods": list(goods)})
    return [OfferLine(**row) for row in rows.mappings()]


async def line(session: AsyncSession, offer_id: int) -> OfferLine:
    """Raises `OfferGone`."""
    row = (await session.execute(ONE, {"id": offer_id})).mappings().one_or_none()
    if row is None:
        raise OfferGone
    return OfferLine(**row)


async def upstream(session: AsyncSession, good_id: int, quantity: int) -> Sequence[OfferLine]:
    """Offers over the wire that may deliver `quantity` units, in the order in which to ask them."""
    rows = await session.execute(UPSTREAM, {"good": good_id, "quantity": quantity})
    return [OfferLine(**row) for row in rows.mappings()]


async def goods_of(session: AsyncSession, supplier_id: int) -> Sequence[int]:
    """The goods that a supplier has offers for."""
    return [row.good_id for row in await session.execute(GOODS_OF, {"supplier": supplier_id})]


class Asked(Struct, frozen=True):
    """An offer whose stock is to be asked for."""

    id: int
    good_id: int
    supplier_id: int
    sku: str


async def take_due(session: AsyncSession, protocols: Sequence[str], seconds: int) -> Sequence[Asked]:
    """Offers whose stock is to be asked for now; of each supplier as many as it allows in `seconds`."""
    rows = await session.execute(TAKE_DUE, {"protocols": list(protocols), "seconds": seconds})
    return [Asked(*row) for row in rows]


async def live(session: AsyncSession) -> Sequence[Asked]:
    """Offers that are asked when a buyer looks."""
    return [Asked(*row) for row in await session.execute(LIVE)]


async def sold_lately(session: AsyncSession, goods: Sequence[int]) -> dict[int, int]:
    """Units of these goods that were bought within the last hour."""
    return {row.good_id: row.units for row in await session.execute(SOLD_LATELY, {"goods": list(goods)})}
