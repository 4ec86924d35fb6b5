"""Summing up the ledger by day. Master session."""

from collections.abc import Sequence
from datetime import date, timedelta

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

ROLL_UP = text("SELECT roll_up_ledger(CAST(:day AS date))")
UNTIL = text("SELECT until FROM ledger_rolled")
# An entry bears the time at which its transaction began: a day is only summed up when every transaction of it is over.
CLOSED_BEFORE = text("SELECT business_day(now() - interval '1 hour')")
DIFFERENCES = text(
    """
    WITH rolled AS (SELECT day_begins(until) AS until FROM ledger_rolled), summed AS (
        SELECT tenant_id, account, sum(credit_cents - debit_cents) AS cents FROM ledger_daily GROUP BY 1, 2
    ), written AS (
        SELECT a.tenant_id, a.kind AS account, sum(e.amount_cents) AS cents
        FROM rolled, ledger_entries e JOIN ledger_accounts a ON a.id = e.account_id
        WHERE e.created_at < rolled.until GROUP BY 1, 2
    )
    SELECT coalesce(s.tenant_id, w.tenant_id) AS tenant_id, coalesce(s.account, w.account) AS account,
           coalesce(s.cents, 0)::bigint AS summed_cents, coalesce(w.cents, 0)::bigint AS written_cents
    FROM summed s FULL JOIN written w ON w.tenant_id = s.tenant_id AND w.account = s.account
    WHERE coalesce(s.cents, 0) <> coalesce(w.cents, 0) ORDER BY 1, 2
    """
)


class Difference(Struct, frozen=True):
    """An account whose sums by day are not what its entries say: the sums are wrong and have to be built again."""

    tenant_id: int
    account: str
    summed_cents: int
    written_cents: int


async def roll_up_next(session: AsyncSession) -> date | None:
    """Sums up the next day that is over; None when there is none. The day before it is summed up once more."""
    until: date = (await session.execute(UNTIL)).scalar_one()
    closed: date = (await session.execute(CLOSED_BEFORE)).scalar_one()
    if until >= closed:
        return None
    await session.execute(ROLL_UP, {"day": until - timedelta(days=1)})
    await session.execute(ROLL_UP, {"day": until})
    return until


async def roll_up(session: AsyncSession, day: date) -> None:
    """Sums up one day, again if need be: for building sums anew."""
    await session.execute(ROLL_UP, {"day": day})


async def differences(session: AsyncSession) -> Sequence[Difference]:
    """None, or the sums are broken. Reads the whole ledger."""
    return [Difference(**row) for row in (await session.execute(DIFFERENCES)).mappings()]
