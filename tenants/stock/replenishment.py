"""More cards for a station. Of the master's goods it can only say that they are short; for products of its own it keeps
the reminder, what was ordered from whom, and what has come. Tenant session."""

from math import ceil

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.core.errors import Invalid
from kameng.infra import outbox
from supplier_gateway.replenishment.service import GoodWanted
from tenants.notices import service as notices
from tenants.shop.errors import ProductGone
from tenants.stock import queries as stock
from tenants.stock import replenishment_queries as queries
from tenants.stock.replenishment_errors import Decided
from tenants.stock.replenishment_queries import Replenishment, Source

COVER_DAYS = 7  # what is ordered is to last so long
MOST_UNITS = 100_000
LONGEST_TOLD = 50  # orders that a reminder names

# What of the product is short, and what is left of its own cards.
PRODUCT = text(
    "SELECT p.good_id, p.name, coalesce(p.warn_at, 0) AS warn_at, p.kind,"  # noqa: S608 - our own conditions
    " (SELECT count(*) FROM card_pool c WHERE c.item_id = p.id)::int AS here, " + stock.OWN + " AS is_own"
    " FROM products p WHERE p.id = :id AND p.archived_at IS NULL"
)
WANT = text(
    """
    INSERT INTO replenishments AS r (product_id, cause, orders)
    VALUES (:product, :cause, CAST(:orders AS jsonb))
    ON CONFLICT (product_id) WHERE state = 'wanted' DO UPDATE
    SET orders = CASE WHEN (SELECT count(*) FROM jsonb_object_keys(r.orders)) < :most THEN r.orders || excluded.orders
                      ELSE r.orders END
    RETURNING id, orders, xmax = 0 AS is_new
    """
)
ON_ORDER = text(
    "SELECT EXISTS (SELECT 1 FROM replenishments WHERE product_id = :product AND state IN ('ordered', 'partial'))"
)
SUGGEST = text("UPDATE replenishments SET suggested = :units WHERE id = :id")
ORDER = text(
    "UPDATE replenishments SET state = 'ordered', quantity = :quantity, supplier = :supplier, note = :note,"
    " made_by = :by, ordered_at = now() WHERE id = :id AND state = 'wanted' RETURNING id"
)
KEEP_SOURCE = text("UPDATE products SET source = CAST(:source AS jsonb) WHERE id = :product")
END = text(
    "UPDATE replenishments SET state = CASE WHEN state = 'wanted' OR received = 0 THEN 'dismissed' ELSE 'received' END,"
    " made_by = :by, settled_at = now() WHERE id = :id AND state IN ('wanted', 'ordered', 'partial') RETURNING state"
)
# Cards that come are those that were ordered first. An import counts once: whoever waits here for the locks then sees
# what the one before has noted, also where that has settled the order.
RECEIVE = text(
    """
    WITH concerned AS (
        SELECT id, state, imports FROM replenishments
        WHERE product_id = :product AND (state IN ('ordered', 'partial') OR imports ? :import) ORDER BY id FOR UPDATE
    ), due AS (
        SELECT min(id) FILTER (WHERE state IN ('ordered', 'partial')) AS id FROM concerned
        HAVING NOT bool_or(imports ? :import)
    )
    UPDATE replenishments r SET received = r.received + :added,
        imports = r.imports || jsonb_build_object(CAST(:import AS text), CAST(:added AS int)),
        state = CASE WHEN r.received + :added >= r.quantity THEN 'received' ELSE 'partial' END,
        settled_at = CASE WHEN r.received + :added >= r.quantity THEN now() END
    FROM due WHERE r.id = due.id
    """
)


async def want(
    session: AsyncSession, product_id: int, quantity: int = 0, order_no: str = "", cause: str = "low"
) -> None:
    """A product is short: the owner is reminded of his own, the master of its good. `quantity` units are missing for
    the order `order_no`, where one waits. Again and again is one reminder. Raises `ProductGone`."""
    product = (await session.execute(PRODUCT, {"id": product_id})).one_or_none()
    if product is None:
        raise ProductGone
    if product.good_id is not None:
        await outbox.record(session, GoodWanted(product.good_id, max(0, quantity), order_no, cause))
        return
    if not product.is_own or await session.scalar(ON_ORDER, {"product": product_id}):
        return
    said = {order_no: max(0, min(quantity, MOST_UNITS))} if order_no else {}
    values = {"product": product_id, "cause": cause, "most": LONGEST_TOLD, "orders": msgspec.json.encode(said).decode()}
    row = (await session.execute(WANT, values)).one()
    waiting = sum(row.orders.values()) if row.orders else max(0, quantity)
    pace = (await stock.sold_a_day(session, [product_id])).get(product_id, 0.0)
    source = await queries.source(session, product_id)
    units = suggestion(pace, source.lead_days, product.warn_at, waiting, product.here)
    await session.execute(SUGGEST, {"id": row.id, "units": units})
    if row.is_new and cause != "low":  # of that the owner was told by its level
        await notices.tell(session, "replenish", str(product_id), name=product.name, units=units)


def suggestion(a_day: float, lead_days: int, warn_at: int, waiting: int, here: int) -> int:
    """How many to order: sales of the days until it comes and of a week after, the warning level, and what waits, less
    what is here."""
    return min(MOST_UNITS, max(1, waiting, ceil(a_day * (lead_days + COVER_DAYS)) + warn_at + waiting - here))


async def order(
    session: AsyncSession, replenishment_id: int, quantity: int, source: Source, note: str, by: str
) -> Replenishment:
    """Notes what was ordered from whom; the product remembers its supplier. Raises `ReplenishmentGone`, `Decided`,
    `Invalid`."""
    found = await queries.find(session, replenishment_id)
    if not 1 <= quantity <= MOST_UNITS:
        raise Invalid({"quantity": "Write a number from 1 to 100,000."})
    values = {"id": replenishment_id, "quantity": quantity, "supplier": source.supplier, "note": note, "by": by}
    if await session.scalar(ORDER, values) is None:
        raise Decided
    kept = msgspec.json.encode(source).decode()
    await session.execute(KEEP_SOURCE, {"product": found.product_id, "source": kept})
    return await queries.find(session, replenishment_id)


async def end(session: AsyncSession, replenishment_id: int, by: str) -> Replenishment:
    """Puts a reminder away, or waits for no more of an order. Raises `ReplenishmentGone`, `Decided`."""
    await queries.find(session, replenishment_id)
    if await session.scalar(END, {"id": replenishment_id, "by": by}) is None:
        raise Decided
    return await queries.find(session, replenishment_id)


async def receive(session: AsyncSession, product_id: int, import_id: int, added: int) -> None:
    """Cards of the product have come by an import: the oldest order of them has so many more."""
    if added:
        await session.execute(RECEIVE, {"product": product_id, "import": str(import_id), "added": added})
