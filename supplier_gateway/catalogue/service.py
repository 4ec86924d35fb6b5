"""What people decide about catalogues: which articles become goods, and which costs hold. Master session."""

from collections.abc import Sequence
from decimal import Decimal

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.infra import outbox
from supplier_gateway.catalogue import queries
from supplier_gateway.catalogue.errors import AdoptedAlready, KindDiffers, NotHeld
from supplier_gateway.goods import queries as goods_queries
from supplier_gateway.goods import service as goods
from supplier_gateway.offers import service as offers
from supplier_gateway.offers.errors import OfferGone
from supplier_gateway.offers.service import CostChanged

IGNORE = text(
    "UPDATE supplier_goods SET ignored = :ignored WHERE supplier_id = :supplier AND sku = :sku AND ignored <> :ignored"
)
FOLLOW = text(
    "UPDATE goods g SET kind = a.kind, category = a.category, fields = a.fields, follows_supplier = a.supplier_id,"
    " follows_sku = a.sku FROM supplier_goods a WHERE g.id = :good AND a.supplier_id = :supplier AND a.sku = :sku"
)
APPROVE = text(
    """
    UPDATE offers SET cost = held_cost, held_cost = NULL, held_at = NULL, declined_cost = NULL, priced_at = now(),
        state = CASE WHEN state = 'held' THEN 'active' ELSE state END
    WHERE id = :id AND held_cost = :told RETURNING good_id, sku
    """
)
DECLINE = text(
    "UPDATE offers SET declined_cost = held_cost, held_cost = NULL, held_at = NULL"
    " WHERE id = :id AND held_cost = :told RETURNING good_id, sku"
)
EXISTS = text("SELECT held_cost FROM offers WHERE id = :id FOR UPDATE")
CHANGE_TERMS = text(
    "UPDATE suppliers SET sync_minutes = :sync_minutes, jump_percent = :jump_percent, vanish_percent = :vanish_percent,"
    " calls_a_minute = :calls_a_minute,"
    " sync_next_at = least(sync_next_at, now() + make_interval(mins => greatest(:sync_minutes, 1))) WHERE id = :id"
)


class Adopted(Struct, frozen=True):
    """An article that is offered now. `is_new`: the good was made of it."""

    good_id: int
    offer_id: int
    name: str
    cost: Decimal
    is_new: bool


async def adopt(session: AsyncSession, supplier_id: int, sku: str, good_id: int | None = None) -> Adopted:
    """Offers an article: as `good_id`, else as the good of the same name and kind, else as a new good that follows it.
    The offer follows the supplier in all things. Raises `ArticleGone`, `AdoptedAlready`, `KindDiffers`, `GoodGone`."""
    article = await queries.find(session, supplier_id, sku)
    if article.good_id is not None:
        raise AdoptedAlready
    good = await goods_queries.good(session, good_id) if good_id else await goods_queries.named(session, article.name)
    if good is not None and good.kind != article.kind:
        raise KindDiffers
    is_new = good is None
    if good is None:
        good = await goods.add(session, article.name)
        await session.execute(FOLLOW, {"good": good.id, "supplier": supplier_id, "sku": sku})
    offer = await offers.add(
        session, good.id, supplier_id, article.cost, sku, article.stock, hand_set=(), told=True
    )  # fmt: skip
    await session.execute(IGNORE, {"supplier": supplier_id, "sku": sku, "ignored": False})
    return Adopted(good.id, offer.id, good.name, article.cost, is_new)


async def ignore(session: AsyncSession, articles: Sequence[tuple[int, str]], *, ignored: bool) -> int:
    """Puts articles away, or takes them out again. Returns how many."""
    done = 0
    for supplier_id, sku in articles:
        values = {"supplier": supplier_id, "sku": sku, "ignored": ignored}
        done += (await session.execute(IGNORE, values)).rowcount  # type: ignore[attr-defined]  # an UPDATE gives a CursorResult
    return done


class Decided(Struct, frozen=True):
    """A held cost that was decided."""

    good_id: int
    sku: str


async def decide_cost(session: AsyncSession, offer_id: int, told: Decimal, *, approved: bool) -> Decided:
    """Takes a held cost over, or leaves the old one. `told` is the figure that the person saw: another one is not
    decided. An offer that stands still for a declined cost goes on by itself when its supplier asks less again.
    Raises `OfferGone`, `NotHeld`."""
    if (await session.execute(EXISTS, {"id": offer_id})).one_or_none() is None:
        raise OfferGone
    row = (await session.execute(APPROVE if approved else DECLINE, {"id": offer_id, "told": told})).one_or_none()
    if row is None:
        raise NotHeld
    await outbox.record(session, CostChanged(row.good_id))
    return Decided(row.good_id, row.sku)


async def change_terms(
    session: AsyncSession,
    supplier_id: int,
    *,
    sync_minutes: int,
    jump_percent: Decimal,
    vanish_percent: int,
    calls_a_minute: int,
) -> None:
    """How a supplier's catalogue and stock are asked for."""
    values = {"id": supplier_id, "sync_minutes": sync_minutes, "jump_percent": jump_percent,
              "vanish_percent": vanish_percent, "calls_a_minute": calls_a_minute}  # fmt: skip
    await session.execute(CHANGE_TERMS, values)
