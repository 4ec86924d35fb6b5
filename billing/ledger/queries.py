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


async def entries_of(session: AsyncSession, ref: str) -> Sequence[Entry]:
    """All lines that belong to an order, payment or purchase and that this session may read."""
    return [Entry(**row) for row in (await session.execute(ENTRIES, {"ref": ref})).mappings()]


async def history(session: AsyncSession, kind: str, owner: str, limit: int = 50) -> Sequence[Entry]:
    """The newest lines of one of the tenant's accounts."""
    rows = await session.execute(HISTORY, {"kind": kind, "owner": owner, "limit": limit})
    return [Entry(**row) for row in rows.mappings()]


async def balance_cents(session: AsyncSession, kind: str, owner: str = "") -> int:
    """The balance of the tenant's wallet or deposit; 0 where none was ever used. Tenant session."""
    return (await session.execute(BALANCE, {"kind": kind, "owner": owner})).scalar_one_or_none() or 0


async def total_cents(session: AsyncSession) -> int:
    """The sum of all entries: 0, or the ledger is broken. Master session; reads the whole table."""
    return int((await session.execute(TOTAL)).scalar_one())


async def unbalanced(session: AsyncSession) -> int:
    """How many transfers do not sum to zero: 0, or the ledger is broken. Master session; reads the whole table."""
    return int((await session.execute(UNBALANCED)).scalar_one())
