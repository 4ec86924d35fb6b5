"""Reading orders, and the few large statements of a sale.

A sale is on the hot path, and each statement costs a round trip and the mapping of its rows; so what one sale reads is
one statement, and what it writes is one statement that ends in `post_sale`, which takes the contended locks (wallet,
deposit) last and holds them only until the commit that follows. They go to the driver directly: SQLAlchemy's share of
a statement was as large as PostgreSQL's. Measured by `kameng bench orders`.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, LiteralString
from uuid import UUID

from msgspec import Struct
from sqlalchemy import Select, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.cards.service import Sealed
from kameng.core import clock
from kameng.infra.db import driver
from tenants.orders.errors import OrderGone
from tenants.orders.models import Order

OPEN_SALE = """
    SELECT p.id AS product_id, p.good_id, p.name AS product_name, p.usage_note, p.price, p.min_quantity,
           p.max_quantity, e.no AS earlier_no, s.wholesale_price, s.upstream, s.wallet_cents, s.deposit_cents,
           s.in_pool, s.card_ids, s.card_secrets, s.min_resale, s.basis
    FROM products p
    LEFT JOIN orders e ON e.buyer_id = %(buyer_id)s AND e.request_key = %(request_key)s
    CROSS JOIN LATERAL open_sale(%(order_id)s, p.good_id, %(quantity)s, CAST(%(buyer_id)s AS text),
                                 %(claim)s AND e.no IS NULL) s
    WHERE p.id = %(product_id)s AND p.state = 'on_sale'
"""
CLAIM_LATE = "SELECT id, secret FROM claim_cards_late(%(order_id)s, %(good_id)s, %(quantity)s)"

INSERT_ORDER = """
    INSERT INTO orders (id, no, buyer_id, request_key, product_id, good_id, product_name, usage_note, contact, quantity,
                        unit_price, total_cents, wholesale_price, wholesale_cents, quote, pay_method, state,
                        expires_at, paid_at, delivered_at, flags)
    VALUES (%(id)s, %(no)s, %(buyer_id)s, %(request_key)s, %(product_id)s, %(good_id)s, %(product_name)s,
            %(usage_note)s, %(contact)s, %(quantity)s, %(unit_price)s, %(total_cents)s, %(wholesale_price)s,
            %(wholesale_cents)s, %(quote)s, %(pay_method)s, %(state)s, %(expires_at)s, %(paid_at)s,
            %(delivered_at)s, %(flags)s)
"""
INSERT_CARDS = """
    INSERT INTO card_issued (id, item_id, secret, fingerprint, order_ref)
    SELECT card.id, %(product_id)s, card.secret, card.fingerprint, %(id)s
    FROM unnest(CAST(%(card_ids)s AS uuid[]), CAST(%(card_secrets)s AS bytea[]), CAST(%(card_fingerprints)s AS bytea[]))
         AS card (id, secret, fingerprint)
"""
CHARGE = """
    SELECT post_sale(%(id)s, CAST(%(buyer_id)s AS text), %(good_id)s, %(quantity)s, %(total_cents)s,
                     %(wholesale_cents)s)
"""
PLACE_UNPAID = INSERT_ORDER
PLACE_SOLD = f"WITH placed AS ({INSERT_ORDER}), cards AS ({INSERT_CARDS}) {CHARGE}"
SELL_UNPAID = f"""
    WITH sold AS (
        UPDATE orders SET state = %(state)s, paid_at = %(paid_at)s, delivered_at = %(delivered_at)s, expires_at = NULL,
               wholesale_price = %(wholesale_price)s, wholesale_cents = %(wholesale_cents)s, quote = %(quote)s
        WHERE id = %(id)s AND state = 'unpaid'
    ), cards AS ({INSERT_CARDS}) {CHARGE}
"""  # noqa: S608 - of the constants above
MOVE = """
    UPDATE orders SET state = %(state)s, reason = %(reason)s,
           delivered_at = CASE WHEN %(state)s = 'delivered' THEN clock_timestamp() ELSE delivered_at END,
           delivered_quantity = CASE WHEN %(state)s = 'delivered' THEN quantity ELSE delivered_quantity END
    WHERE id = %(id)s AND state = ANY(%(sources)s)
"""
SETTLE = f"""
    WITH moved AS ({MOVE} RETURNING id, product_id), happened AS (
        INSERT INTO order_events (order_id, state, note) SELECT id, %(state)s, %(note)s FROM moved
        WHERE %(state)s <> 'delivered'
    ), cards AS (
        INSERT INTO card_issued (id, item_id, secret, fingerprint, order_ref)
        SELECT card.id, moved.product_id, card.secret, card.fingerprint, moved.id
        FROM moved, unnest(CAST(%(card_ids)s AS uuid[]), CAST(%(card_secrets)s AS bytea[]),
                           CAST(%(card_fingerprints)s AS bytea[])) AS card (id, secret, fingerprint)
    ) SELECT count(*) AS moved FROM moved
"""  # noqa: S608 - of the constants above
# What the order itself tells is not written twice.
EVENTS = text(
    """
    SELECT at, state, note FROM (
        SELECT created_at AS at, 'unpaid' AS state, '' AS note, 0 AS step FROM orders WHERE id = :id
        UNION ALL SELECT paid_at, 'paid', '', 1 FROM orders WHERE id = :id AND paid_at IS NOT NULL
        UNION ALL SELECT at, state, note, 2 FROM order_events WHERE order_id = :id
        UNION ALL SELECT delivered_at, 'delivered', '', 3 FROM orders WHERE id = :id AND delivered_at IS NOT NULL
    ) AS told ORDER BY step, at
    """
)
TODAY = text(
    """
    SELECT count(*) AS orders, coalesce(sum(total_cents), 0)::bigint AS revenue_cents,
           coalesce(sum(total_cents - wholesale_cents), 0)::bigint AS profit_cents,
           count(*) FILTER (WHERE state IN ('paid', 'waiting')) AS open_orders
    FROM orders WHERE paid_at >= :since AND state <> 'refunded'
    """
)
BY_HOUR = text(
    """
    SELECT extract(hour FROM paid_at AT TIME ZONE :zone)::int AS hour, count(*) AS orders,
           sum(total_cents)::bigint AS revenue_cents
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
    SELECT coalesce(sum(wholesale_cents), 0)::bigint FROM orders WHERE paid_at >= :since AND state <> 'refunded'
    """
)


class Opening(Struct, frozen=True):
    """All that a sale reads, and the cards it holds. Prices in yuan for one unit; balances in cents."""

    product_id: int
    good_id: int
    product_name: str
    usage_note: str
    price: Decimal
    min_quantity: int
    max_quantity: int
    earlier_no: str | None  # the order that this request has become before
    wholesale_price: Decimal | None  # None: not offered to this tenant, or its state does not allow it to sell
    upstream: bool
    wallet_cents: int
    deposit_cents: int
    in_pool: bool
    card_ids: list[UUID] | None
    card_secrets: list[bytes] | None
    min_resale: Decimal | None  # the master lets nobody sell one for less
    basis: str | None  # what the wholesale price stands on; kept on the order

    @property
    def held(self) -> Sequence[Sealed]:
        """The cards of the master's stock that this transaction has claimed."""
        return [Sealed(*card) for card in zip(self.card_ids or (), self.card_secrets or (), strict=True)]


class Happening(Struct, frozen=True):
    """One line of an order's history."""

    at: datetime
    state: str
    note: str


class Today(Struct, frozen=True):
    """What was charged since midnight, in cents, without what was refunded."""

    orders: int
    revenue_cents: int
    profit_cents: int
    open_orders: int


async def open_sale(
    session: AsyncSession,
    order_id: UUID,
    product_id: int,
    quantity: int,
    buyer_id: UUID,
    *,
    request_key: str = "",
    claim: bool,
) -> Opening | None:
    """What a sale of `quantity` needs to know; None when the product is not on sale. With `claim` it takes the cards
    of the master's stock, all of them or none; they are back when the transaction does not commit."""
    asked = {
        "order_id": order_id,
        "product_id": product_id,
        "quantity": quantity,
        "buyer_id": buyer_id,
        "request_key": request_key,
        "claim": claim,
    }
    row = await (await driver(session).execute(OPEN_SALE, asked)).fetchone()
    return Opening(*row) if row else None


async def claim_late(session: AsyncSession, order_id: UUID, good_id: int, quantity: int) -> Sequence[Sealed]:
    """Takes cards for an order that waits: all, or none; none while a purchase for it is under way."""
    asked = {"order_id": order_id, "good_id": good_id, "quantity": quantity}
    rows = await (await driver(session).execute(CLAIM_LATE, asked)).fetchall()
    return [Sealed(*row) for row in rows]


async def write(session: AsyncSession, statement: LiteralString, values: Mapping[str, Any]) -> Any:
    """Runs one of the writing statements above and returns its single value, if it has one. Errors are psycopg's."""
    done = await driver(session).execute(statement, values)
    if done.description is None:
        return None
    row = await done.fetchone()
    return row[0] if row else None


async def order_by_no(session: AsyncSession, no: str, *, lock: bool = False) -> Order:
    """Any order of the station. Raises `OrderGone`."""
    statement = select(Order).where(Order.no == no)
    found = await session.scalar(statement.with_for_update() if lock else statement)
    if found is None:
        raise OrderGone
    return found


async def order(session: AsyncSession, order_id: UUID) -> Order:
    """Raises `OrderGone`."""
    found = await session.get(Order, order_id)
    if found is None:
        raise OrderGone
    return found


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
