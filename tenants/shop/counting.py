"""What the shelf is sorted by and told beside: sales of the last 30 days, margins, what is sold out. Counted every few
minutes, each station in a transaction of its own, and only rows that differ are written."""

from collections.abc import Sequence

import structlog
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.infra.db import Database
from kameng.infra.tenancy import begin_as

log = structlog.get_logger()

BATCH = 200

STATIONS = text(
    "SELECT id FROM tenants WHERE state IN ('trial', 'active', 'overdue') AND id > :after ORDER BY id LIMIT :limit"
)
SOLD = text(
    """
    WITH units AS (
        SELECT o.product_id, sum(CASE WHEN o.state = 'delivered' THEN o.quantity ELSE o.delivered_quantity END) AS sold
        FROM orders o WHERE o.paid_at > now() - interval '30 days' AND o.state IN ('delivered', 'partial')
        GROUP BY o.product_id
    ), counted AS (
        SELECT coalesce(p.variant_of, p.id) AS id, sum(u.sold)::int AS sold
        FROM units u JOIN products p ON p.id = u.product_id GROUP BY 1
        UNION ALL
        SELECT p.id, u.sold::int FROM units u JOIN products p ON p.id = u.product_id AND p.variant_of IS NOT NULL
    )
    UPDATE products p SET sold = coalesce(c.sold, 0)
    FROM products q LEFT JOIN counted c ON c.id = q.id
    WHERE p.id = q.id AND p.sold <> coalesce(c.sold, 0)
    """
)
# A head is sold out when all its variants are, and its margin is that of the worst.
STANDING = text(
    """
    WITH quoted AS MATERIALIZED (
        SELECT * FROM quote(ARRAY(SELECT DISTINCT good_id FROM products
                                  WHERE state = 'on_sale' AND good_id IS NOT NULL))
    ), units AS (
        SELECT coalesce(u.variant_of, u.id) AS head,
               CASE WHEN u.good_id IS NULL THEN
                    h.fulfilment = 'auto' AND NOT EXISTS (SELECT 1 FROM card_pool c WHERE c.item_id = u.id)
                    ELSE coalesce(u.price < q.min_resale, false) OR coalesce(q.available, 0) < h.min_quantity
               END AS sold_out,
               round((u.price - CASE WHEN u.good_id IS NULL THEN 0 ELSE q.wholesale_price END) / u.price, 6) AS margin
        FROM products u JOIN products h ON h.id = coalesce(u.variant_of, u.id)
        LEFT JOIN quoted q ON q.good_id = u.good_id
        WHERE u.state = 'on_sale' AND h.state = 'on_sale' AND u.specs = '[]'
    ), heads AS (
        SELECT head, bool_and(sold_out) AS sold_out, min(margin) AS margin FROM units GROUP BY head
    )
    UPDATE products p SET sold_out = n.sold_out, margin = n.margin FROM heads n
    WHERE p.id = n.head AND (p.sold_out, p.margin) IS DISTINCT FROM (n.sold_out, n.margin)
    """
)


async def count(session: AsyncSession) -> None:
    """Counts one station's products. Tenant session."""
    await session.execute(SOLD)
    await session.execute(STANDING)


async def count_all(database: Database) -> int:
    """Counts every open station's. One that cannot be counted now stops nobody else. Returns how many were."""
    after = done = 0
    while batch := await _stations(database, after):
        for tenant_id in batch:
            try:
                async with begin_as(database, tenant_id) as session:
                    await count(session)
                done += 1
            except DBAPIError as error:
                log.warning("shelf_not_counted", tenant=tenant_id, error=str(error.orig))
        after = batch[-1]
    return done


async def _stations(database: Database, after: int) -> Sequence[int]:
    async with database.master_session() as session:
        return (await session.scalars(STATIONS, {"after": after, "limit": BATCH})).all()
