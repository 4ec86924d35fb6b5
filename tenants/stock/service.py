"""Counting what is left, and saying so once when it gets low. Tenant session."""

from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.infra import outbox
from kameng.infra.outbox import Event
from tenants.notices import service as notices
from tenants.stock.errors import NotStocked
from tenants.stock.queries import LEFT_OWN, OWN, STOCKED

# One statement: counts, compares with the warning level, and says which products have crossed it. A product that is
# back above its level is told of again the next time. What is counted up to 1,000 is never low at 1,000.
MEASURE = text(
    f"""
    WITH stocked AS (
        SELECT p.* FROM products p WHERE (CAST(:products AS bigint[]) IS NULL OR p.id = ANY(:products)) AND {STOCKED}
    ), counted AS MATERIALIZED (
        SELECT p.id, p.name, p.warn_at, p.state,
               CASE WHEN p.good_id IS NULL THEN {LEFT_OWN} ELSE coalesce(q.available, 0) END AS units
        FROM stocked p
        LEFT JOIN quote(ARRAY(SELECT s.good_id FROM stocked s WHERE s.good_id IS NOT NULL)) q ON q.good_id = p.good_id
    ), judged AS (
        SELECT c.*, c.warn_at IS NOT NULL AND c.units <= c.warn_at AND c.units < 1000 AS low FROM counted c
    ), before AS MATERIALIZED (
        SELECT l.product_id, l.is_low FROM stock_levels l
    ), kept AS (
        INSERT INTO stock_levels AS l (product_id, units, is_low, low_since)
        SELECT id, units, low, CASE WHEN low THEN now() END FROM judged ORDER BY id
        ON CONFLICT (product_id) DO UPDATE SET units = excluded.units, is_low = excluded.is_low, counted_at = now(),
            low_since = CASE WHEN NOT excluded.is_low THEN NULL WHEN l.is_low THEN l.low_since ELSE now() END
    )
    SELECT j.id, j.name, j.units FROM judged j LEFT JOIN before b ON b.product_id = j.id
    WHERE j.low AND j.state = 'on_sale' AND NOT coalesce(b.is_low, false) ORDER BY j.id
    """  # noqa: S608 - our own conditions
)
LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(current_schema() || '.stock_levels', 0))")
WARN = text("UPDATE products p SET warn_at = :warn_at WHERE p.id = :id AND " + OWN + " RETURNING p.id")  # noqa: S608


class StockLow(Event, frozen=True):
    """A product has reached its warning level; `left` units are to be had. Once for each crossing."""

    product_id: int
    left: int


async def measure(session: AsyncSession, products: Sequence[int] | None = None) -> int:
    """Counts these products, or all, and tells of those that have become low. Returns how many."""
    await session.execute(LOCK)  # two at once would both see the crossing
    crossed = (await session.execute(MEASURE, {"products": None if products is None else list(products)})).all()
    for row in crossed:
        await outbox.record(session, StockLow(row.id, row.units))
        await notices.tell(session, "stock_low", str(row.id), name=row.name, left=row.units)
    return len(crossed)


async def warn_at(session: AsyncSession, product_id: int, units: int | None) -> None:
    """Sets the level of an own product at which the owner is warned; None: never. Raises `NotStocked`."""
    if (await session.execute(WARN, {"id": product_id, "warn_at": units})).scalar_one_or_none() is None:
        raise NotStocked
    await measure(session, [product_id])
