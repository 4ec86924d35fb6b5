"""Keeping offers. Master session."""

from decimal import Decimal

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.infra import outbox
from kameng.infra.outbox import Event
from supplier_gateway.offers.errors import OfferGone, OfferThere
from supplier_gateway.offers.models import Offer

STOCK = text("UPDATE offers SET stock = :stock, checked_at = now() WHERE id = :id")


class CostChanged(Event, frozen=True):
    """What a good costs may be another figure now: an offer came, changed, paused or went on."""

    good_id: int


async def add(
    session: AsyncSession,
    good_id: int,
    supplier_id: int,
    cost: Decimal,
    sku: str = "",
    stock: int | None = None,
    priority: int = 0,
) -> Offer:
    """Offers a good from a supplier at `cost` yuan a unit; lower `priority` is asked first. Raises `OfferThere`."""
    await check(session, good_id, supplier_id, sku)
    offer = Offer(good_id=good_id, supplier_id=supplier_id, cost=cost, sku=sku, stock=stock, priority=priority)
    session.add(offer)
    await session.flush()
    await outbox.record(session, CostChanged(good_id))
    return offer


async def change(
    session: AsyncSession, offer_id: int, cost: Decimal, sku: str, stock: int | None, priority: int
) -> Offer:
    """Raises `OfferGone`, `OfferThere`."""
    offer = await session.get(Offer, offer_id)
    if offer is None:
        raise OfferGone
    await check(session, offer.good_id, offer.supplier_id, sku, but=offer_id)
    offer.cost, offer.sku, offer.stock, offer.priority = cost, sku, stock, priority
    await session.flush()
    await outbox.record(session, CostChanged(offer.good_id))
    return offer


async def pause(session: AsyncSession, offer_id: int, *, paused: bool) -> Offer:
    """Sells by this offer no more, or again. Raises `OfferGone`."""
    offer = await session.get(Offer, offer_id)
    if offer is None:
        raise OfferGone
    offer.state = "paused" if paused else "active"
    await session.flush()
    await outbox.record(session, CostChanged(offer.good_id))
    return offer


async def check(session: AsyncSession, good_id: int, supplier_id: int, sku: str, but: int | None = None) -> None:
    """Raises `OfferThere` when another offer than `but` is for the same article of the same supplier."""
    same = select(Offer.id).where(
        Offer.good_id == good_id, Offer.supplier_id == supplier_id, Offer.sku == sku, Offer.id != (but or 0)
    )
    if await session.scalar(same):
        raise OfferThere(field="sku")


async def stock_told(session: AsyncSession, offer_id: int, stock: int | None) -> None:
    """Keeps what the supplier says it has."""
    await session.execute(STOCK, {"id": offer_id, "stock": stock})
