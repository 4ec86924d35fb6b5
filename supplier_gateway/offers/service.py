"""Keeping offers. Master session."""

from collections.abc import Sequence
from decimal import Decimal

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.core import clock
from kameng.infra import outbox
from kameng.infra.outbox import Event
from supplier_gateway.offers import rhythm
from supplier_gateway.offers.errors import OfferGone, OfferThere
from supplier_gateway.offers.models import Offer

HAND_SET = ("cost",)  # of an offer that a person writes

SETTLED = text(
    "UPDATE offers SET held_cost = NULL, held_at = NULL, declined_cost = NULL, priced_at = NULL,"
    " state = CASE WHEN state = 'held' THEN 'active' ELSE state END WHERE id = :id"
)
BEFORE = text("SELECT good_id, stock, warn_at FROM offers WHERE id = :id FOR UPDATE")
STOCK = text(
    "UPDATE offers SET stock = :stock, checked_at = now(), ask_at = now() + make_interval(secs => :wait_s)"
    " WHERE id = :id"
)
WATCH = text("UPDATE offers SET mode = :mode, warn_at = :warn_at, ask_at = now() WHERE id = :id")


class CostChanged(Event, frozen=True):
    """What a good costs may be another figure now: an offer came, changed, paused or went on."""

    good_id: int


class OfferLow(Event, frozen=True):
    """A supplier has told so little stock that it is at the offer's warning level. Once for each crossing."""

    offer_id: int
    good_id: int
    stock: int


async def add(
    session: AsyncSession,
    good_id: int,
    supplier_id: int,
    cost: Decimal,
    sku: str = "",
    stock: int | None = None,
    priority: int = 0,
    *,
    hand_set: Sequence[str] = HAND_SET,
    told: bool = False,
) -> Offer:
    """Offers a good from a supplier at `cost` yuan a unit; lower `priority` is asked first. `hand_set` names what the
    supplier's catalogue does not change; `told`: the figures are its own, of now. Raises `OfferThere`."""
    await check(session, good_id, supplier_id, sku)
    now = clock.now() if told else None
    offer = Offer(
        good_id=good_id, supplier_id=supplier_id, cost=cost, sku=sku, stock=stock, priority=priority,
        hand_set=list(hand_set), priced_at=now, checked_at=now,
    )  # fmt: skip
    session.add(offer)
    await session.flush()
    await outbox.record(session, CostChanged(good_id))
    return offer


async def change(
    session: AsyncSession,
    offer_id: int,
    cost: Decimal,
    sku: str,
    stock: int | None,
    priority: int,
    *,
    hand_set: Sequence[str] = HAND_SET,
) -> Offer:
    """A cost that a person sets is his own word: what waits for a decision about the supplier's is over.

    Raises `OfferGone`, `OfferThere`."""
    offer = await session.get(Offer, offer_id)
    if offer is None:
        raise OfferGone
    await check(session, offer.good_id, offer.supplier_id, sku, but=offer_id)
    offer.cost, offer.sku, offer.stock, offer.priority = cost, sku, stock, priority
    offer.hand_set = list(hand_set)
    await session.flush()
    if "cost" in hand_set:
        await session.execute(SETTLED, {"id": offer_id})
        await session.refresh(offer)
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


async def stock_told(session: AsyncSession, offer_id: int, stock: int | None, sold: int = 0) -> None:
    """Keeps what the supplier says it has, and when to ask again; `sold` of the good within the last hour. Whoever
    waits for it hears when it gets low."""
    before = (await session.execute(BEFORE, {"id": offer_id})).one_or_none()
    if before is None:
        return
    wait_s = rhythm.next_ask_s(stock, sold, before.warn_at)
    await session.execute(STOCK, {"id": offer_id, "stock": stock, "wait_s": wait_s})
    if stock is None or before.warn_at is None or stock > before.warn_at:
        return
    if before.stock is None or before.stock > before.warn_at:
        await outbox.record(session, OfferLow(offer_id, before.good_id, stock))


async def watch(session: AsyncSession, offer_id: int, *, mode: str, warn_at: int | None) -> None:
    """How the offer's stock is asked for: `live` or `cached`; at `warn_at` units it is low."""
    await session.execute(WATCH, {"id": offer_id, "mode": mode, "warn_at": warn_at})
