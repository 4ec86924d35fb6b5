"""Putting a catalogue in force that was read to its end. One transaction; the caller opens it, in the master's schema.

Never changed: what `hand_set` names, and an offer that a person has paused. A cost that moves further than its
supplier's `jump_percent` stays as it was and waits for a person: upwards the offer sells no more meanwhile (*held*),
since nobody would sell to us at the old cost; downwards it sells on at the old one. What vanishes is *gone*, and sells
again when it comes back.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.infra import outbox
from kameng.infra.outbox import Event
from supplier_gateway.offers.service import CostChanged
from supplier_gateway.suppliers.service import Supplier

MOST_REPORTED = 1_000

COMPARED = text(
    f"""
    WITH told AS (SELECT * FROM sync_lines WHERE run_id = :run),
    compared AS (
        SELECT CASE WHEN g.sku IS NULL THEN 'fresh' WHEN t.sku IS NULL THEN 'vanished'
                    WHEN g.vanished_at IS NOT NULL THEN 'returned' ELSE 'changed' END AS what,
               coalesce(t.sku, g.sku) AS sku, coalesce(t.name, g.name) AS name, g.cost AS was, t.cost AS cost
        FROM told t FULL JOIN (SELECT * FROM supplier_goods WHERE supplier_id = :supplier) g ON g.sku = t.sku
        WHERE CASE WHEN t.sku IS NULL THEN g.vanished_at IS NULL
                   WHEN t.cost IS NULL THEN false
                   WHEN g.sku IS NULL OR g.vanished_at IS NOT NULL THEN true
                   ELSE (g.name, g.cost, g.kind, g.category, g.fields) IS DISTINCT FROM
                        (t.name, t.cost, t.kind, t.category, t.fields) END
    ), numbered AS (SELECT *, row_number() OVER (PARTITION BY what ORDER BY sku) AS n,
                           count(*) OVER (PARTITION BY what) AS total FROM compared)
    SELECT what, sku, name, was, cost, total FROM numbered WHERE n <= {MOST_REPORTED // 4} ORDER BY what, n
    """  # noqa: S608 - a number of ours
)
VANISH = text(
    """
    UPDATE supplier_goods g SET vanished_at = now() WHERE g.supplier_id = :supplier AND g.vanished_at IS NULL
    AND NOT EXISTS (SELECT 1 FROM sync_lines l WHERE l.run_id = :run AND l.sku = g.sku)
    """
)
TAKE_OVER = text(
    """
    INSERT INTO supplier_goods (supplier_id, sku, name, cost, stock, kind, category, fields, min_quantity, max_quantity)
    SELECT :supplier, sku, name, cost, stock, kind, category, fields, min_quantity, max_quantity
    FROM sync_lines WHERE run_id = :run AND cost IS NOT NULL
    ON CONFLICT (supplier_id, sku) DO UPDATE SET name = excluded.name, cost = excluded.cost, stock = excluded.stock,
        kind = excluded.kind, category = excluded.category, fields = excluded.fields,
        min_quantity = excluded.min_quantity, max_quantity = excluded.max_quantity, seen_at = now(), vanished_at = NULL
    """
)
OFFERS = text(
    """
    WITH told AS (
        SELECT o.id, o.cost AS was, o.state AS stood, o.held_cost AS held_before, l.cost AS told, l.stock,
               NOT 'cost' = ANY (o.hand_set) AS follows,
               NOT 'cost' = ANY (o.hand_set) AND abs(l.cost - o.cost) * 100 > o.cost * CAST(:jump AS numeric) AS jumps
        FROM offers o JOIN sync_lines l ON l.run_id = :run AND l.sku = o.sku AND l.cost IS NOT NULL
        WHERE o.supplier_id = :supplier ORDER BY o.id FOR UPDATE OF o
    )
    UPDATE offers o SET
        cost = CASE WHEN t.follows AND NOT t.jumps THEN t.told ELSE o.cost END,
        priced_at = CASE WHEN t.follows THEN now() ELSE o.priced_at END,
        stock = CASE WHEN 'stock' = ANY (o.hand_set) THEN o.stock ELSE t.stock END,
        checked_at = CASE WHEN 'stock' = ANY (o.hand_set) THEN o.checked_at ELSE now() END,
        declined_cost = CASE WHEN t.jumps AND o.declined_cost = t.told THEN o.declined_cost END,
        held_cost = CASE WHEN t.jumps AND o.declined_cost IS DISTINCT FROM t.told THEN t.told END,
        held_at = CASE WHEN t.jumps AND o.declined_cost IS DISTINCT FROM t.told
                       THEN CASE WHEN o.held_cost = t.told THEN o.held_at ELSE now() END END,
        state = CASE WHEN o.state = 'paused' THEN 'paused' WHEN t.jumps AND t.told > t.was THEN 'held' ELSE 'active' END
    FROM told t WHERE o.id = t.id
    RETURNING o.id, o.good_id, o.sku, t.was, o.cost, t.stood, o.state, t.held_before, o.held_cost
    """
)
GONE = text(
    """
    UPDATE offers o SET state = 'gone' FROM supplier_goods g
    WHERE o.supplier_id = :supplier AND g.supplier_id = :supplier AND g.sku = o.sku AND g.vanished_at IS NOT NULL
    AND o.state IN ('active', 'held') RETURNING o.good_id
    """
)
# A name that another good has, or that two articles of this catalogue share, is not taken over.
GOODS = text(
    """
    UPDATE goods g SET
        category = CASE WHEN 'category' = ANY (g.hand_set) THEN g.category ELSE l.category END,
        fields = CASE WHEN 'fields' = ANY (g.hand_set) THEN g.fields ELSE l.fields END,
        name = CASE WHEN 'name' = ANY (g.hand_set) OR EXISTS (SELECT 1 FROM goods x WHERE x.name = l.name)
            OR (SELECT count(*) FROM sync_lines x WHERE x.run_id = :run AND x.name = l.name) > 1
            THEN g.name ELSE l.name END
    FROM sync_lines l
    WHERE l.run_id = :run AND l.cost IS NOT NULL AND g.follows_supplier = :supplier AND g.follows_sku = l.sku
    """
)
COUNT = text(
    "UPDATE sync_runs SET fresh = :fresh, changed = :changed, vanished = :vanished, returned = :returned, held = :held,"
    " report = CAST(:report AS jsonb) WHERE id = :id"
)
TERMS = text("SELECT jump_percent FROM suppliers WHERE id = :supplier")


class CostsHeld(Event, frozen=True):
    """Costs of `offers` offers have moved so far that a person is to decide about them."""

    run_id: int
    supplier_id: int
    name: str
    offers: int


async def apply(session: AsyncSession, run_id: int, supplier: Supplier) -> None:
    """Makes catalogue, offers and goods what the run has read, and writes its report."""
    asked: dict[str, Any] = {"run": run_id, "supplier": supplier.id}
    counts = dict.fromkeys(("fresh", "changed", "vanished", "returned"), 0)
    report: list[list[str]] = []
    for row in await session.execute(COMPARED, asked):
        counts[row.what] = row.total
        report.append([row.what, row.sku, row.name, _yuan(row.was), _yuan(row.cost)])
    await session.execute(VANISH, asked)
    await session.execute(TAKE_OVER, asked)
    jump = await session.scalar(TERMS, {"supplier": supplier.id})
    told = (await session.execute(OFFERS, asked | {"jump": jump})).all()
    gone = (await session.execute(GONE, asked)).scalars().all()
    await session.execute(GOODS, asked)
    held = [row for row in told if row.held_cost is not None]
    report += [["held", row.sku, "", _yuan(row.was), _yuan(row.held_cost)] for row in held[:MOST_REPORTED]]
    said = msgspec.json.encode(report).decode()
    await session.execute(COUNT, {"id": run_id, "held": len(held), "report": said, **counts})
    for good_id in _touched(told, gone):
        await outbox.record(session, CostChanged(good_id))
    asked_now = sum(row.held_cost != row.held_before for row in held)
    if asked_now:
        await outbox.record(session, CostsHeld(run_id, supplier.id, supplier.name, asked_now))


def _touched(told: Sequence[Row[Any]], gone: Sequence[int]) -> list[int]:
    """Goods that may cost another figure now."""
    moved = {row.good_id for row in told if (row.was, row.stood) != (row.cost, row.state)}
    return sorted(moved | set(gone))


def _yuan(cost: Any) -> str:
    return "" if cost is None else str(cost)
