"""Reading the ledger. In a tenant's session row-level security shows the tenant's own lines only."""

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

ENTRIES = text(
    """
    SELECT t.kind AS transfer, t.created_at AS at, a.kind AS account, a.owner, e.amount_cents
    FROM ledger_transfers t JOIN ledger_entries e ON e.transfer_id = t.id
    JOIN ledger_accounts a ON a.id = e.account_id
    WHERE t.ref = :ref ORDER BY t.id, e.line
    """
)
HISTORY = text(
    """
    SELECT t.kind AS transfer, t.created_at AS at, a.kind AS account, t.ref AS owner, e.amount_cents
    FROM ledger_accounts a JOIN ledger_entries e ON e.account_id = a.id
    JOIN ledger_transfers t ON t.id = e.transfer_id
    WHERE a.kind = :kind AND a.owner = :owner AND a.tenant_id = current_tenant()
    ORDER BY t.id DESC LIMIT :limit
    """
)
BALANCE = text(
    "SELECT balance_cents FROM ledger_accounts WHERE tenant_id = current_tenant() AND kind = :kind AND owner = :owner"
)
HISTORY_OF = text(
    """
    SELECT t.kind AS transfer, t.created_at AS at, a.kind AS account, t.ref AS owner, e.amount_cents
    FROM ledger_accounts a JOIN ledger_entries e ON e.account_id = a.id
    JOIN ledger_transfers t ON t.id = e.transfer_id
    WHERE a.kind = :kind AND a.owner = :owner AND a.tenant_id = :tenant
    ORDER BY t.id DESC LIMIT :limit
    """
)
INCOME = text(
    """
    SELECT a.kind, a.owner, coalesce(sum(e.amount_cents), 0)::bigint AS month_cents,
           coalesce(sum(e.amount_cents) FILTER (WHERE e.created_at >= :today), 0)::bigint AS today_cents
    FROM ledger_accounts a LEFT JOIN ledger_entries e ON e.account_id = a.id AND e.created_at >= :since
    WHERE a.tenant_id = current_tenant() AND a.kind IN ('revenue', 'gateway')
    GROUP BY a.kind, a.owner ORDER BY a.kind DESC, a.owner
    """
)
MASTER_DAY = text(
    """
    SELECT coalesce(sum(e.amount_cents) FILTER (WHERE a.kind = 'master_revenue'), 0)::bigint AS revenue_cents,
           coalesce(sum(e.amount_cents) FILTER (WHERE a.kind = 'supplier_cost'), 0)::bigint AS cost_cents,
           (count(*) FILTER (WHERE a.kind = 'master_revenue' AND a.owner = '' AND e.amount_cents > 0)
            - count(*) FILTER (WHERE a.kind = 'master_revenue' AND a.owner = '' AND e.amount_cents < 0))::int AS sales
    FROM ledger_accounts a JOIN ledger_entries e ON e.account_id = a.id
    WHERE a.tenant_id = 0 AND a.kind IN ('master_revenue', 'supplier_cost') AND e.created_at >= :since
    """
)
MASTER_HOURS = text(
    """
    SELECT extract(hour FROM e.created_at AT TIME ZONE :zone)::int AS hour,
           (count(*) FILTER (WHERE a.owner = '' AND e.amount_cents > 0)
            - count(*) FILTER (WHERE a.owner = '' AND e.amount_cents < 0))::int AS sales,
           sum(e.amount_cents)::bigint AS revenue_cents
    FROM ledger_accounts a JOIN ledger_entries e ON e.account_id = a.id
    WHERE a.tenant_id = 0 AND a.kind = 'master_revenue' AND e.created_at >= :since AND e.created_at < :until
    GROUP BY 1 ORDER BY 1
    """
)
TOTAL = text("SELECT coalesce(sum(amount_cents), 0) FROM ledger_entries")
UNBALANCED = text(
    "SELECT count(*) FROM (SELECT 1 FROM ledger_entries GROUP BY transfer_id HAVING sum(amount_cents) <> 0) AS wrong"
)


class Entry(Struct, frozen=True):
    """One line of a transfer; `amount_cents` positive is a credit to `account`."""

    transfer: str
    at: datetime
    account: str
    owner: str
    amount_cents: int


class Income(Struct, frozen=True):
    """What one account took in, in cents: since the beginning of the month asked for, and today. `kind` is
    `revenue`, or `gateway` with the payment channel as `owner`; a gateway's figures are negative, as it holds the
    money for the station.
    """

    kind: str
    owner: str
    month_cents: int
    today_cents: int


class MasterDay(Struct, frozen=True):
    """What the master took from stations and paid to suppliers, in cents, and sales without those given back. Plans and
    opening fees are revenue with an owner of their own, and no sales."""

    revenue_cents: int
    cost_cents: int
    sales: int


async def entries_of(session: AsyncSession, ref: str) -> Sequence[Entry]:
    """All lines that belong to an order, payment or purchase and that this session may read."""
    return [Entry(**row) for row in (await session.execute(ENTRIES, {"ref": ref})).mappings()]


async def history(session: AsyncSession, kind: str, owner: str, limit: int = 50) -> Sequence[Entry]:
    """The newest lines of one of the tenant's accounts."""
    rows = await session.execute(HISTORY, {"kind": kind, "owner": owner, "limit": limit})
    return [Entry(**row) for row in rows.mappings()]


async def history_of(
    session: AsyncSession, tenant_id: int, kind: str, owner: str = "", limit: int = 50
) -> Sequence[Entry]:
    """The newest lines of a tenant's account. Master session."""
    values = {"tenant": tenant_id, "kind": kind, "owner": owner, "limit": limit}
    return [Entry(**row) for row in (await session.execute(HISTORY_OF, values)).mappings()]


async def income(session: AsyncSession, since: datetime, today: datetime) -> Sequence[Income]:
    """The tenant's revenue and gateway accounts since `since`, and since `today`, its midnight. Tenant session."""
    rows = await session.execute(INCOME, {"since": since, "today": today})
    return [Income(**row) for row in rows.mappings()]


async def master_day(session: AsyncSession, since: datetime) -> MasterDay:
    """The master's own day since `since`. Master session."""
    return MasterDay(*(await session.execute(MASTER_DAY, {"since": since})).one())


async def master_hours(
    session: AsyncSession, since: datetime, until: datetime, zone: str
) -> Sequence[tuple[int, int, int]]:
    """`(hour of the day in zone, sales, revenue in cents)` of all stations, for hours that had any. Master session."""
    rows = await session.execute(MASTER_HOURS, {"since": since, "until": until, "zone": zone})
    return [(row.hour, row.sales, row.revenue_cents) for row in rows]


async def balance_cents(session: AsyncSession, kind: str, owner: str = "") -> int:
    """The balance of the tenant's wallet or deposit; 0 where none was ever used. Tenant session."""
    return (await session.execute(BALANCE, {"kind": kind, "owner": owner})).scalar_one_or_none() or 0


async def total_cents(session: AsyncSession) -> int:
    """The sum of all entries: 0, or the ledger is broken. Master session; reads the whole table."""
    return int((await session.execute(TOTAL)).scalar_one())


async def unbalanced(session: AsyncSession) -> int:
    """How many transfers do not sum to zero: 0, or the ledger is broken. Master session; reads the whole table."""
    return int((await session.execute(UNBALANCED)).scalar_one())
