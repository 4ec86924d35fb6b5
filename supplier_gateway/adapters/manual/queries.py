"""Reading the tasks of people. Master session."""

from collections.abc import Sequence

from msgspec import Struct
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from supplier_gateway.adapters.manual.errors import TaskGone
from supplier_gateway.adapters.manual.models import ManualTask

# For `kameng.web.paging.of_sql`: the oldest open task first, then the newest that are settled.
LINES = """
    SELECT id, supplier_id, reference, sku, quantity, kind, state, claimed_by, created_at AS at, settled_at, settled_by,
           (SELECT g.name FROM purchases p JOIN goods g ON g.id = p.good_id
            WHERE p.reference = manual_tasks.reference) AS good
    FROM manual_tasks
    WHERE (:state = '' OR state = :state) AND (:words = '' OR reference ILIKE :pattern OR sku ILIKE :pattern)
    ORDER BY state <> 'open', CASE WHEN state = 'open' THEN id ELSE -id END
"""
OPEN = text(
    "SELECT count(*) AS waiting, count(*) FILTER (WHERE claimed_by = '') AS unclaimed"
    " FROM manual_tasks WHERE state = 'open'"
)
# Cards of the task's good that somebody has had, or that lie in the stock.
KNOWN = text(
    """
    SELECT known.fingerprint FROM purchases p CROSS JOIN unnest(CAST(:fingerprints AS bytea[])) AS known (fingerprint)
    WHERE p.reference = :reference AND (
        EXISTS (SELECT 1 FROM card_issued i WHERE i.item_id = p.good_id AND i.fingerprint = known.fingerprint)
        OR EXISTS (SELECT 1 FROM card_pool c WHERE c.item_id = p.good_id AND c.fingerprint = known.fingerprint))
    """
)


class Queue(Struct, frozen=True):
    """What waits, and how much of it nobody is at."""

    waiting: int
    unclaimed: int


async def task(session: AsyncSession, task_id: int, *, lock: bool = False) -> ManualTask:
    """Raises `TaskGone`."""
    found = await session.get(ManualTask, task_id, with_for_update=lock or None)
    if found is None:
        raise TaskGone
    return found


async def of_reference(session: AsyncSession, reference: str) -> ManualTask | None:
    return await session.scalar(select(ManualTask).where(ManualTask.reference == reference))


async def waiting(session: AsyncSession) -> Queue:
    row = (await session.execute(OPEN)).one()
    return Queue(row.waiting, row.unclaimed)


async def known(session: AsyncSession, reference: str, fingerprints: Sequence[bytes]) -> set[bytes]:
    """Which of these cards of the purchase's good are not new."""
    rows = await session.execute(KNOWN, {"reference": reference, "fingerprints": list(fingerprints)})
    return {bytes(row.fingerprint) for row in rows}
