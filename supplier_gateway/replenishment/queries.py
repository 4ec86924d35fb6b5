"""Reading replenishments, and what to suggest. Master session."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from supplier_gateway.replenishment.errors import ReplenishmentGone

COLUMNS = """
    SELECT r.id, r.reference, r.good_id, g.name AS good, r.state, r.cause, r.suggested, r.orders, r.offer_id,
           r.supplier_id, coalesce(s.name, '') AS supplier, r.sku, r.quantity, r.max_unit_cost, r.fault, r.detail,
           r.supplier_order_no, r.cost_cents, r.received, r.batch_id, r.made_by, r.created_at, r.sent_at,
           r.submitted_at, r.settled_at
    FROM replenishments r JOIN goods g ON g.id = r.good_id LEFT JOIN suppliers s ON s.id = r.supplier_id
"""
# For `kameng.web.paging.of_sql`: what is to be done first.
LINES = (
    COLUMNS
    + """
    WHERE (:words = '' OR g.name ILIKE :pattern OR r.reference ILIKE :pattern) AND (:state = '' OR r.state = :state)
    ORDER BY r.state <> 'wanted', r.created_at DESC
    """
)
ONE = text(COLUMNS + " WHERE r.reference = :reference")
WAITING = text("SELECT count(*) FROM replenishments WHERE state IN ('wanted', 'unknown')")
RULES = text("SELECT order_cents, day_cents, lead_days, cover_days FROM replenish_rules")
SETTING = text("SELECT warn_at, auto_units FROM replenish_goods WHERE good_id = :good")
SPENT = text(
    """
    SELECT coalesce(sum(CASE WHEN state IN ('received', 'partial') THEN cost_cents WHEN state = 'failed' THEN 0
                             ELSE ceil(quantity * max_unit_cost * 100) END), 0)::bigint
    FROM replenishments WHERE submitted_at > now() - interval '1 day'
    """
)
# Two weeks of the good, counted up to 20,000; and what is left of own cards.
PACE = text(
    """
    SELECT (SELECT count(*) FROM (SELECT 1 FROM card_issued WHERE item_id = :good
                                  AND issued_at > now() - interval '14 days' LIMIT 20000) sold)::int AS sold,
           (SELECT count(*) FROM card_pool WHERE item_id = :good)::int AS here
    """
)
# Orders that nobody could deliver when they were decided about, and that wait still.
STUCK_ORDERS = text(
    """
    SELECT count(*) FROM order_deadlines d WHERE d.state = 'waiting'
    AND EXISTS (SELECT 1 FROM routing_decisions r WHERE r.order_ref = d.order_ref AND r.good_id = :good)
    """
)
# Goods whose own cards are at their level, or that orders wait for since nobody could deliver; and of which nothing is
# wanted, on its way, or lately refused.
LOW = text(
    """
    WITH l AS (
        SELECT good_id, warn_at, 'low' AS cause FROM replenish_goods WHERE warn_at IS NOT NULL
        UNION ALL
        SELECT DISTINCT r.good_id, NULL::int, 'short' FROM order_deadlines d
        JOIN routing_decisions r ON r.order_ref = d.order_ref AND (r.offer_id IS NULL OR r.fault = 'out_of_stock')
        WHERE d.state = 'waiting'
    )
    SELECT l.good_id, max(l.cause) AS cause FROM l WHERE (l.warn_at IS NULL OR
         (SELECT count(*) FROM (SELECT 1 FROM card_pool c WHERE c.item_id = l.good_id LIMIT l.warn_at + 1) c)
         <= l.warn_at)
    AND NOT EXISTS (SELECT 1 FROM replenishments r WHERE r.good_id = l.good_id
                    AND (r.state IN ('wanted', 'submitted', 'unknown')
                         OR r.state IN ('dismissed', 'failed') AND r.settled_at > now() - interval '1 hour'))
    GROUP BY l.good_id ORDER BY l.good_id LIMIT 100
    """
)


class Replenishment(Struct, frozen=True):
    """Cards that are wanted, on order, or here. `orders`: who asked, and for how many."""

    id: UUID
    reference: str
    good_id: int
    good: str
    state: str
    cause: str
    suggested: int
    orders: dict[str, int]
    offer_id: int | None
    supplier_id: int | None
    supplier: str
    sku: str
    quantity: int
    max_unit_cost: Decimal
    fault: str
    detail: str
    supplier_order_no: str
    cost_cents: int
    received: int
    batch_id: int | None
    made_by: str
    created_at: datetime
    sent_at: datetime | None
    submitted_at: datetime | None
    settled_at: datetime | None

    @property
    def is_open(self) -> bool:
        return self.state in ("submitted", "unknown")


class Rules(Struct, frozen=True):
    """What may be spent, in cents, and how far ahead is ordered."""

    order_cents: int
    day_cents: int
    lead_days: int
    cover_days: int


class Setting(Struct, frozen=True):
    """Of one good: own cards left at which more are wanted, and how many are ordered without a person."""

    warn_at: int | None = None
    auto_units: int = 0


class Pace(Struct, frozen=True):
    """Units sold in the last 14 days, and own cards left."""

    sold: int
    here: int


def line(row: Any) -> Replenishment:
    """A row of `LINES`."""
    return Replenishment(*row)


async def find(session: AsyncSession, reference: str) -> Replenishment:
    """Raises `ReplenishmentGone`."""
    row = (await session.execute(ONE, {"reference": reference})).one_or_none()
    if row is None:
        raise ReplenishmentGone
    return Replenishment(*row)


async def rules(session: AsyncSession) -> Rules:
    return Rules(*(await session.execute(RULES)).one())


async def setting(session: AsyncSession, good_id: int) -> Setting:
    row = (await session.execute(SETTING, {"good": good_id})).one_or_none()
    return Setting(*row) if row else Setting()


async def spent_cents(session: AsyncSession) -> int:
    """What orders of the last 24 hours have cost, or may yet."""
    return int((await session.execute(SPENT)).scalar_one())


async def pace(session: AsyncSession, good_id: int) -> Pace:
    return Pace(*(await session.execute(PACE, {"good": good_id})).one())


async def stuck_orders(session: AsyncSession, good_id: int) -> int:
    """Orders that wait for the good."""
    return int((await session.execute(STUCK_ORDERS, {"good": good_id})).scalar_one())


async def to_decide(session: AsyncSession) -> int:
    """How many wait for a person."""
    return int((await session.execute(WAITING)).scalar_one())


async def low(session: AsyncSession) -> Sequence[tuple[int, str]]:
    """Goods that are short, and of which nothing is wanted yet, each with why: `low`, or `short` where orders wait."""
    return [(row.good_id, row.cause) for row in await session.execute(LOW)]
