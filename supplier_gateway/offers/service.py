"""Keeping offers. Master session."""

from decimal import Decimal

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from supplier_gateway.offers.models import Offer

STOCK = text("UPDATE offers SET stock = :stock, checked_at = now() WHERE id = :id")


async def add(
    session: AsyncSession,
    good_id: int,
    supplier_id: int,
    cost: Decimal,
    sku: str = "",
    stock: int | None = None,
    priority: int = 0,
) -> Offer:
    """Offers a good from a supplier at `cost` yuan a unit; lower `priority` is asked first."""
    offer = Offer(
        good_id=good_id, supplier_id=supplier_id, cost=cost, sku=sku, stock=stock, priority=priority
    )
    session.add(offer)
    await session.flush()
    return offer


async def stock_told(session: AsyncSession, offer_id: int, stock: int | None) -> None:
    """Keeps what the supplier says it has."""
    await session.execute(STOCK, {"id": offer_id, "stock": stock})
