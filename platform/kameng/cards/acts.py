"""What is done with many cards at once: set-based, between the pool and the place beside it.

Each act is one statement that passes over rows which a sale holds at this moment, so it never waits for buyers and they
never wait long for it; a card that was sold meanwhile is simply not among those that were moved, and the answer says
how many were.
"""

from typing import Any, Literal

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.cards.service import lock_item
from kameng.cards.shelves import MOST_COUNTED, TABLES, Chosen
from kameng.infra.crypto import Sealer

PICKED = "SELECT c.id FROM {table} c WHERE {where} ORDER BY c.id LIMIT :most FOR UPDATE SKIP LOCKED"
SET_ASIDE = """
    WITH picked AS MATERIALIZED ({picked}),
    taken AS (DELETE FROM card_pool c USING picked WHERE c.id = picked.id RETURNING c.*),
    laid AS (INSERT INTO card_aside (id, item_id, secret, fingerprint, cost_cents, batch_id, label,
                                     state, reason, made_by)
             SELECT id, item_id, secret, fingerprint, cost_cents, batch_id, label, :to_state, :reason, :made_by
             FROM taken RETURNING 1)
    SELECT count(*) FROM laid
"""
CHANGE_ASIDE = """
    WITH picked AS MATERIALIZED ({picked}),
    changed AS (UPDATE card_aside c SET state = :to_state, reason = :reason, made_by = :made_by, since = now()
                FROM picked WHERE c.id = picked.id RETURNING 1)
    SELECT count(*) FROM changed
"""
# A secret is in one place only; should it be elsewhere all the same, this card stays where it is.
ELSEWHERE = """
    AND NOT EXISTS (SELECT 1 FROM card_pool e WHERE e.item_id = :to_item AND e.fingerprint = c.fingerprint)
    AND NOT EXISTS (SELECT 1 FROM card_issued e WHERE e.item_id = :to_item AND e.fingerprint = c.fingerprint)
    AND NOT EXISTS (SELECT 1 FROM card_held e WHERE e.item_id = :to_item AND e.fingerprint = c.fingerprint)
"""
NOT_ASIDE = " AND NOT EXISTS (SELECT 1 FROM card_aside e WHERE e.item_id = :to_item AND e.fingerprint = c.fingerprint)"
TAKE_BACK = """
    WITH picked AS MATERIALIZED ({picked}),
    taken AS (DELETE FROM card_aside c USING picked WHERE c.id = picked.id RETURNING c.*),
    put AS (INSERT INTO card_pool (id, item_id, secret, fingerprint, cost_cents, batch_id, label)
            SELECT id, item_id, secret, fingerprint, cost_cents, batch_id, label FROM taken RETURNING 1)
    SELECT count(*) FROM put
"""
MOVE = """
    WITH picked AS MATERIALIZED ({picked}),
    moved AS (UPDATE {table} c SET item_id = :to_item FROM picked WHERE c.id = picked.id RETURNING 1)
    SELECT count(*) FROM moved
"""
EMPTY = """
    WITH picked AS MATERIALIZED ({picked}),
    gone AS (DELETE FROM card_aside c USING picked WHERE c.id = picked.id RETURNING c.batch_id),
    counted AS (UPDATE card_batches b SET deleted = b.deleted + g.cards
                FROM (SELECT batch_id, count(*)::int AS cards FROM gone GROUP BY batch_id) g WHERE b.id = g.batch_id)
    SELECT count(*) FROM gone
"""


async def set_aside(
    session: AsyncSession,
    sealer: Sealer,
    chosen: Chosen,
    state: Literal["frozen", "recycled"],
    made_by: str,
    reason: str = "",
) -> int:
    """Freezes cards, or throws them into the bin. Returns how many."""
    values = {"to_state": state, "made_by": made_by, "reason": reason}
    statement = SET_ASIDE if chosen.state == "pool" else CHANGE_ASIDE
    return await _done(session, sealer, chosen, statement, "", values)


async def take_back(session: AsyncSession, sealer: Sealer, chosen: Chosen) -> int:
    """Thaws cards, or restores them from the bin: they are for sale again, at their old place in the queue."""
    await lock_item(session, chosen.item_id)
    return await _done(session, sealer, chosen, TAKE_BACK, ELSEWHERE, {"to_item": chosen.item_id})


async def move(session: AsyncSession, sealer: Sealer, chosen: Chosen, to_item: int) -> int:
    """Makes them cards of another item, where it does not have the same secret already."""
    for item_id in sorted((chosen.item_id, to_item)):
        await lock_item(session, item_id)
    return await _done(session, sealer, chosen, MOVE, ELSEWHERE + NOT_ASIDE, {"to_item": to_item})


async def empty(session: AsyncSession, sealer: Sealer, chosen: Chosen) -> int:
    """Deletes cards of the bin for ever; their secrets can be imported again."""
    return await _done(session, sealer, chosen, EMPTY, "", {})


async def _done(
    session: AsyncSession, sealer: Sealer, chosen: Chosen, statement: str, further: str, values: dict[str, Any]
) -> int:
    where, bound = chosen.where(sealer)
    table = TABLES[chosen.state]
    picked = PICKED.format(table=table, where=where + further)
    sql = statement.format(picked=picked, table=table)
    return int((await session.execute(text(sql), {**bound, **values, "most": MOST_COUNTED})).scalar_one())
