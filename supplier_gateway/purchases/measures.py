"""How suppliers have answered lately. Master session."""

from collections.abc import Mapping

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

LAST = 100
# An index leads to the last purchases of each supplier, so the length of their history does not matter.
ANSWERS = text(
    """
    SELECT s.id AS supplier_id, count(p.state) AS purchases,
           count(*) FILTER (WHERE p.state IN ('delivered', 'partial')) AS delivered,
           count(*) FILTER (WHERE p.state = 'failed') AS failed,
           percentile_disc(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY p.took_ms) FILTER (
               WHERE p.state IN ('delivered', 'partial')) AS took
    FROM suppliers s LEFT JOIN LATERAL (
        SELECT state, CAST(extract(epoch FROM settled_at - created_at) * 1000 AS bigint) AS took_ms
        FROM purchases WHERE supplier_id = s.id ORDER BY created_at DESC LIMIT :last) p ON true
    WHERE CAST(:supplier AS int) IS NULL OR s.id = :supplier GROUP BY s.id
    """
)
FAULTS = text(
    """
    SELECT fault, count(*) AS times FROM (
        SELECT fault FROM purchases WHERE supplier_id = :supplier ORDER BY created_at DESC LIMIT :last) latest
    WHERE fault <> '' GROUP BY fault ORDER BY times DESC, fault
    """
)


class Answers(Struct, frozen=True):
    """Of a supplier's last 100 purchases. Times are from the purchase to its delivery, None without any."""

    purchases: int
    delivered: int
    failed: int
    p50_ms: int | None
    p95_ms: int | None

    @property
    def success_percent(self) -> int | None:
        """Of those that have ended."""
        ended = self.delivered + self.failed
        return round(100 * self.delivered / ended) if ended else None


async def answers(session: AsyncSession, supplier_id: int | None = None) -> Mapping[int, Answers]:
    """By supplier; of one only where it is named."""
    rows = await session.execute(ANSWERS, {"supplier": supplier_id, "last": LAST})
    return {
        row.supplier_id: Answers(row.purchases, row.delivered, row.failed, *(row.took or (None, None))) for row in rows
    }


async def faults(session: AsyncSession, supplier_id: int) -> list[tuple[str, int]]:
    """What went wrong in the last 100 purchases, and how often; the commonest first."""
    rows = await session.execute(FAULTS, {"supplier": supplier_id, "last": LAST})
    return [(row.fault, row.times) for row in rows]
