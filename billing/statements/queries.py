"""Accounts over a time. Days are days in China, for every station, so that all statements add up to the master's.

What lies before `ledger_rolled.until` is read from sums by day, the rest from the entries. In a tenant's session
row-level security shows the tenant's own.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.core import clock

ZONE = ZoneInfo("Asia/Shanghai")
ACCOUNTS = ("deposit", "collected", "earnings")
MOST_ENTRIES = 50_000

# `opening`: all days before `since`; the others: by kind of transfer from `since` to before `until`.
SUMS = text(
    """
    WITH rolled AS (SELECT until FROM ledger_rolled), sums AS (
        SELECT d.account, d.day, d.transfer, d.credit_cents, d.debit_cents, d.entries
        FROM ledger_daily d, rolled
        WHERE d.tenant_id = :tenant AND d.account = ANY(:accounts) AND d.day < CAST(:until AS date)
          AND d.day < rolled.until
        UNION ALL
        SELECT a.kind, business_day(e.created_at), t.kind, greatest(e.amount_cents, 0), greatest(-e.amount_cents, 0), 1
        FROM rolled, ledger_accounts a JOIN ledger_entries e ON e.account_id = a.id
        JOIN ledger_transfers t ON t.id = e.transfer_id
        WHERE a.tenant_id = :tenant AND a.kind = ANY(:accounts) AND a.owner = ''
          AND e.created_at >= day_begins(rolled.until) AND e.created_at < day_begins(CAST(:until AS date))
    )
    SELECT account, CASE WHEN day >= CAST(:since AS date) THEN transfer ELSE '' END AS transfer,
           sum(credit_cents)::bigint AS credit_cents, sum(debit_cents)::bigint AS debit_cents,
           sum(entries)::int AS entries
    FROM sums GROUP BY 1, 2 ORDER BY 1, 2
    """
)
ENTRIES = """
    SELECT t.created_at AS at, a.kind AS account, t.kind AS transfer, t.ref, e.amount_cents, t.id, e.line
    FROM ledger_accounts a JOIN ledger_entries e ON e.account_id = a.id
    JOIN ledger_transfers t ON t.id = e.transfer_id
    WHERE a.tenant_id = :tenant AND a.kind = ANY(:accounts) AND a.owner = ''
      AND e.created_at >= day_begins(CAST(:since AS date)) AND e.created_at < day_begins(CAST(:until AS date))
    ORDER BY t.id, e.line
"""
LISTED = text(f"{ENTRIES} LIMIT :most")
BALANCES = text(
    """
    SELECT kind, balance_cents FROM ledger_accounts
    WHERE tenant_id = :tenant AND kind = ANY(:accounts) AND owner = ''
    """
)
WALLETS = text(
    "SELECT coalesce(sum(balance_cents), 0)::bigint FROM ledger_accounts WHERE tenant_id = :tenant AND kind = 'wallet'"
)


class Sum(Struct, frozen=True):
    """What one kind of transfer did to an account, in cents; `debit_cents` is positive."""

    transfer: str
    credit_cents: int
    debit_cents: int
    entries: int


class Account(Struct, frozen=True):
    """One account over the time, in cents. `is_proven`: to this day the sum of all its entries is the balance that the
    ledger keeps; for a time that has ended it is of that day, and nothing is proved by it."""

    kind: str
    opening_cents: int
    sums: Sequence[Sum]
    closing_cents: int
    is_proven: bool


class Statement(Struct, frozen=True):
    """Of a station, from `since` to `until`, both days included."""

    since: date
    until: date
    accounts: Sequence[Account]
    wallets_cents: int


class Entry(Struct, frozen=True):
    """One line; positive cents are a credit."""

    at: datetime
    account: str
    transfer: str
    ref: str
    amount_cents: int


async def statement(session: AsyncSession, tenant_id: int, since: date, until: date) -> Statement:
    """`wallets_cents` is what buyers have in their wallets now."""
    values = {"tenant": tenant_id, "accounts": list(ACCOUNTS), "since": since, "until": until + timedelta(days=1)}
    rows = list(await session.execute(SUMS, values))
    until_now = values | {"until": today() + timedelta(days=2)}
    totals = rows if until >= today() else list(await session.execute(SUMS, until_now))
    kept = {row.kind: row.balance_cents for row in await session.execute(BALANCES, values)}
    accounts = []
    for kind in ACCOUNTS:
        own = [row for row in rows if row.account == kind]
        opening = sum(row.credit_cents - row.debit_cents for row in own if not row.transfer)
        sums = [Sum(row.transfer, row.credit_cents, row.debit_cents, row.entries) for row in own if row.transfer]
        closing = opening + sum(one.credit_cents - one.debit_cents for one in sums)
        total = sum(row.credit_cents - row.debit_cents for row in totals if row.account == kind)
        accounts.append(Account(kind, opening, sums, closing, total == kept.get(kind, 0)))
    wallets = int((await session.execute(WALLETS, values)).scalar_one())
    return Statement(since, until, accounts, wallets)


async def entries(session: AsyncSession, tenant_id: int, since: date, until: date) -> Sequence[Entry]:
    """At most `MOST_ENTRIES`, oldest first."""
    values = {
        "tenant": tenant_id,
        "accounts": list(ACCOUNTS),
        "since": since,
        "until": until + timedelta(days=1),
        "most": MOST_ENTRIES,
    }
    rows = await session.execute(LISTED, values)
    return [Entry(row.at, row.account, row.transfer, row.ref, row.amount_cents) for row in rows]


def today() -> date:
    return clock.now().astimezone(ZONE).date()
