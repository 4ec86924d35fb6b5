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
           o.state, s.state AS supplier_state, o.checked_at
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
POLLED = text(OFFERS + "WHERE o.state = 'active' AND s.state = 'active' AND s.protocol <> 'stock' ORDER BY o.id")


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


async def polled(session: AsyncSession) -> Sequence[OfferLine]:
    """Offers whose stock is to be asked for."""
    return [OfferLine(**row) for row in (await session.execute(POLLED)).mappings()]
