"""Deposits: paid in by the tenant, charged by each sale (the SQL function `post_sale`)."""

from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from billing.ledger import service as ledger
from billing.ledger.service import MASTER, Line, Posted

BALANCES = text(
    "SELECT tenant_id, balance_cents FROM ledger_accounts WHERE kind = 'deposit' AND tenant_id = ANY(:tenants)"
)


async def pay_in(session: AsyncSession, tenant_id: int, cents: int, key: str) -> Posted:
    """Credits a deposit with money the master has received (or takes it back, when negative). Master session.

    The commit raises `DepositTooLow` when more is taken back than is there.
    """
    lines = [Line(MASTER, "master_bank", "", -cents), Line(tenant_id, "deposit", "", cents)]
    return await ledger.post(session, f"deposit:{tenant_id}:{key}", "deposit", key, lines, tenant_id)


async def balances(session: AsyncSession, tenants: Sequence[int]) -> dict[int, int]:
    """Cents by tenant. Master session."""
    rows = await session.execute(BALANCES, {"tenants": list(tenants)})
    return {row.tenant_id: row.balance_cents for row in rows}
