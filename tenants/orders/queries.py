"""Reading orders."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct
from sqlalchemy import Select, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import load_only

from kameng.cards.service import Sealed
from kameng.core import clock
from kameng.infra.driver import driver
from tenants.orders.errors import OrderGone
from tenants.orders.models import Order

# Half of an order's columns tell of its sale. Reading one of those here is a mistake, and raises.
ON_ITS_WAY = load_only(
    Order.id, Order.no, Order.state, Order.reason, Order.kind, Order.product_id, Order.good_id, Order.quantity,
    Order.delivered_quantity, Order.wholesale_price, Order.inputs, Order.paid_at, Order.created_at, Order.due_at,
    raiseload=True,
)  # fmt: skip
CLAIM_LATE = "SELECT id, secret FROM claim_cards_late(%(order_id)s, %(good_id)s, %(quantity)s)"
# What the order itself tells is not written twice.
EVENTS = text(
    """
    SELECT at, state, note, actor FROM (
        SELECT created_at AS at, 'unpaid' AS state, '' AS note, '' AS actor, 0 AS step FROM orders WHERE id = :id
        UNION ALL SELECT paid_at, 'paid', '', '', 1 FROM orders WHERE id = :id AND paid_at IS NOT NULL
        UNION ALL SELECT at, state, note, actor, 2 FROM order_events WHERE order_id = :id
            AND (state <> 'delivered' OR note <> '')
        UNION ALL SELECT delivered_at, 'delivered', '',
            coalesce((SELECT max(actor) FROM order_events WHERE order_id = :id AND state = 'delivered'), ''), 2
            FROM orders WHERE id = :id AND delivered_at IS NOT NULL AND delivered_quantity = quantity
    ) AS told ORDER BY step, at
    """
)
TODAY = text(
    """
    SELECT count(*) AS orders, coalesce(sum(total_cents - refunded_cents), 0)::bigint AS revenue_cents,
           coalesce(sum(total_cents - refunded_cents - wholesale_cents + wholesale_back_cents - cost_cents), 0)::bigint
               AS profit_cents,
           count(*) FILTER (WHERE state IN ('paid', 'waiting')) AS open_orders
    FROM orders WHERE paid_at >= :since AND state <> 'refunded'
    """
)
BY_HOUR = text(
    """
    SELECT extract(hour FROM paid_at AT TIME ZONE :zone)::int AS hour, count(*) AS orders,
           sum(total_cents - refunded_cents)::bigint AS revenue_cents
    FROM orders WHERE paid_at >= :since AND paid_at < :until AND state <> 'refunded' GROUP BY 1 ORDER BY 1
    """
)
OPEN_COUNTS = text(
    "SELECT state, count(*) AS orders FROM orders WHERE state IN ('unpaid', 'paid', 'waiting') GROUP BY state"
)
NUMBERS = text("SELECT id, no FROM orders WHERE id = ANY(CAST(:ids AS uuid[]))")
WAITING = text("SELECT no FROM orders WHERE no = ANY(:nos) AND state = 'waiting'")
WHOLESALE_SINCE = text(
    """
    SELECT coalesce(sum(wholesale_cents - wholesale_back_cents), 0)::bigint FROM orders
    WHERE paid_at >= :since AND state <> 'refunded'
    """
)


class Happening(Struct, frozen=True):
    """One line of an order's history."""

    at: datetime
    state: str
    note: str
    actor: str  # empty: it happened by rule


class Today(Struct, frozen=True):
    """What was charged since midnight, in cents, without what was refunded."""

    orders: int
    revenue_cents: int
    profit_cents: int
    open_orders: int


async def claim_late(session: AsyncSession, order_id: UUID, good_id: int, quantity: int) -> Sequence[Sealed]:
    """Takes cards for an order that waits: all, or none; none while a purchase for it is under way."""
    asked = {"order_id": order_id, "good_id": good_id, "quantity": quantity}
    rows = await (await driver(session).execute(CLAIM_LATE, asked)).fetchall()
    return [Sealed(*row) for row in rows]


async def order_by_no(session: AsyncSession, no: str, *, lock: bool = False) -> Order:
    """Any order of the station; with `lock` as it is now, and until the commit nobody else's. Raises `OrderGone`."""
    statement = select(Order).where(Order.no == no)
    if lock:
        statement = statement.with_for_update().execution_options(populate_existing=True)
    found = await session.scalar(statement)
    if found is None:
        raise OrderGone
    return found


async def order_locked(session: AsyncSession, order_id: UUID) -> Order:
    """As it is now, and locked until the commit. Raises `OrderGone`."""
    found = await session.scalar(
        select(Order).where(Order.id == order_id).with_for_update().execution_options(populate_existing=True)
    )
    if found is None:
        raise OrderGone
    return found


async def on_its_way(session: AsyncSession, order_id: UUID) -> Order:
    """What a delivery needs of an order, as it is now, and locked until the commit. Raises `OrderGone`."""
    found = await session.scalar(
        select(Order)
        .where(Order.id == order_id)
        .options(ON_ITS_WAY)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if found is None:
        raise OrderGone
    return found


async def order(session: AsyncSession, order_id: UUID) -> Order:
    """Raises `OrderGone`."""
    found = await session.get(Order, order_id)
    if found is None:
        raise OrderGone
    return found


async def owed(session: AsyncSession, order_id: UUID) -> tuple[Order, int]:
    """An order, and how many units of its good the master says it owes it, whatever its row says; 0: it was not
    charged. Raises `OrderGone`."""
    asked = select(Order, func.owed_units(Order.id, Order.good_id)).where(Order.id == order_id).options(ON_ITS_WAY)
    found = (await session.execute(asked)).one_or_none()
    if found is None:
        raise OrderGone
    return found[0], found[1]


async def order_of(session: AsyncSession, buyer_id: UUID, no: str) -> Order:
    """An order of this buyer. Raises `OrderGone`, for somebody else's too."""
    found = await session.scalar(select(Order).where(Order.no == no, Order.buyer_id == buyer_id))
    if found is None:
        raise OrderGone
    return found


async def order_requested(session: AsyncSession, buyer_id: UUID, request_key: str) -> Order | None:
    """What an earlier sending of the same form became."""
    return await session.scalar(select(Order).where(Order.buyer_id == buyer_id, Order.request_key == request_key))


async def by_ids(session: AsyncSession, order_ids: Sequence[UUID]) -> dict[UUID, Order]:
    """Orders by their ids; those that are not there are left out."""
    found = await session.scalars(select(Order).where(Order.id.in_(order_ids)))
    return {order.id: order for order in found}


def of_buyer(buyer_id: UUID) -> Select[Order]:
    """A buyer's orders, newest first."""
    return select(Order).where(Order.buyer_id == buyer_id).order_by(Order.id.desc())


def search(words: str = "", state: str = "") -> Select[Order]:
    """Orders for the owner's list, by number, product or contact, newest first."""
    found = select(Order).order_by(Order.id.desc())
    if words:
        found = found.where(
            Order.no.icontains(words, autoescape=True)
            | Order.product_name.icontains(words, autoescape=True)
            | Order.contact.icontains(words, autoescape=True)
        )
    return found.where(Order.state == state) if state else found


async def history(session: AsyncSession, order_id: UUID) -> Sequence[Happening]:
    return [Happening(*row) for row in await session.execute(EVENTS, {"id": order_id})]


async def today(session: AsyncSession, since: datetime) -> Today:
    """Since `since`, the tenant's midnight."""
    return Today(*(await session.execute(TODAY, {"since": since})).one())


async def by_hour(
    session: AsyncSession, since: datetime, zone: str, until: datetime | None = None
) -> Sequence[tuple[int, int, int]]:
    """`(hour of the tenant's day, orders, revenue in cents)` for hours that had any, before `until` or up to now."""
    rows = await session.execute(BY_HOUR, {"since": since, "until": until or clock.now(), "zone": zone})
    return [(row.hour, row.orders, row.revenue_cents) for row in rows]


async def open_counts(session: AsyncSession) -> dict[str, int]:
    """How many orders are unpaid, paid and waiting; a state without orders is missing."""
    return {row.state: row.orders for row in await session.execute(OPEN_COUNTS)}


async def numbers(session: AsyncSession, order_ids: Sequence[UUID]) -> dict[str, str]:
    """Orders' numbers by their ids as text, which is how the ledger refers to them."""
    rows = await session.execute(NUMBERS, {"ids": list(order_ids)})
    return {str(row.id): row.no for row in rows}


async def wholesale_since(session: AsyncSession, since: datetime) -> int:
    """What the master was paid for sales since `since`, in cents."""
    return int((await session.execute(WHOLESALE_SINCE, {"since": since})).scalar_one())


async def waiting(session: AsyncSession, nos: Sequence[str]) -> set[str]:
    """Those of the orders with these numbers that still wait."""
    return {row.no for row in await session.execute(WAITING, {"nos": list(nos)})}
