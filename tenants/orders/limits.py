"""What one buyer may have. Counted under a lock that is taken before any card, and only where a limit is set."""

from collections import Counter
from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from kameng.infra.driver import driver
from tenants.orders import drafts
from tenants.orders.drafts import OrderDraft
from tenants.orders.errors import DailyLimitReached, LimitReached, TooManyUnpaid

LOCK = "SELECT pg_advisory_xact_lock(hashtextextended(%(of)s, 9))"
# The limits of the product itself, and those of its head, which all variants use up together. `day` is the station's.
COUNT = """
    WITH day AS (
        SELECT date_trunc('day', now() AT TIME ZONE t.time_zone) AT TIME ZONE t.time_zone AS began
        FROM tenants t WHERE t.id = current_tenant()
    ), had AS (
        SELECT o.product_id, o.created_at >= day.began AS today,
               CASE WHEN o.state = 'partial' THEN o.delivered_quantity ELSE o.quantity END AS units
        FROM orders o, day
        WHERE o.buyer_id = %(buyer_id)s AND o.state NOT IN ('expired', 'cancelled', 'refunded')
            AND o.product_id IN (SELECT id FROM products WHERE id = %(family)s OR variant_of = %(family)s)
    )
    SELECT limited.id, limited.max_per_buyer, limited.max_per_day, coalesce(sum(had.units), 0)::int,
           coalesce(sum(had.units) FILTER (WHERE had.today), 0)::int
    FROM products limited
    LEFT JOIN had ON limited.id = %(family)s OR had.product_id = limited.id
    WHERE limited.id IN (%(product_id)s, %(family)s)
    GROUP BY limited.id, limited.max_per_buyer, limited.max_per_day
"""
UNPAID = """
    SELECT count(DISTINCT CASE basket_no WHEN '' THEN no ELSE basket_no END)
    FROM orders WHERE buyer_id = %(buyer_id)s AND state = 'unpaid' AND NOT EXISTS (
        SELECT 1 FROM orders e WHERE e.buyer_id = %(buyer_id)s AND e.request_key = %(request_key)s)
"""


async def admit(session: AsyncSession, buyer_id: UUID, wanted: Sequence[tuple[OrderDraft, int]]) -> None:
    """Whether the buyer may have this much more. `wanted`: each draft with its product, or the head of it.

    Until the commit nobody else is counted for him. Raises `LimitReached`, `DailyLimitReached`.
    """
    connection = driver(session)
    for family in sorted({family for _, family in wanted}):
        await connection.execute(LOCK, {"of": f"{buyer_id}:{family}"})
    adding: Counter[int] = Counter()  # what this basket has of each product and head before
    for draft, family in wanted:
        asked = {"buyer_id": buyer_id, "product_id": draft.product_id, "family": family}
        for limited, most, most_today, had, today in await (await connection.execute(COUNT, asked)).fetchall():
            if most is not None and had + adding[limited] + draft.quantity > most:
                raise LimitReached(field=drafts.field_of(draft, "quantity"), most=most, had=had + adding[limited])
            if most_today is not None and today + adding[limited] + draft.quantity > most_today:
                raise DailyLimitReached(
                    field=drafts.field_of(draft, "quantity"), most=most_today, had=today + adding[limited]
                )
        for limited in {draft.product_id, family}:
            adding[limited] += draft.quantity


async def admit_unpaid(session: AsyncSession, buyer_id: UUID, request_key: str, most: int) -> None:
    """Whether the buyer may leave one more order or basket to be paid: each keeps cards from others. A request that
    became an order before is no more than that order. Raises `TooManyUnpaid`."""
    connection = driver(session)
    await connection.execute(LOCK, {"of": f"{buyer_id}:unpaid"})
    row = await (await connection.execute(UNPAID, {"buyer_id": buyer_id, "request_key": request_key})).fetchone()
    if row and row[0] >= most:
        raise TooManyUnpaid(field="pay_method", most=most)
