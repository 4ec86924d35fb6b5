"""Reading withdrawals and terms. A tenant's session sees its own."""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from uuid import UUID

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from billing.payouts.errors import NoSuchPayout

FIELDS = """p.id, p.no, p.tenant_id, p.amount_cents, p.fee_cents, p.method, p.account, p.state, p.asked_by, p.note,
            p.reference, p.reason, p.created_at, p.decided_at"""
# For `kameng.web.paging.of_sql`. In a master session of all stations, with their names.
OWN = f"""
    SELECT {FIELDS} FROM payouts p
    WHERE (:words = '' OR p.no ILIKE :pattern OR p.reference ILIKE :pattern OR p.asked_by ILIKE :pattern)
        AND (:state = '' OR p.state = :state)
    ORDER BY p.created_at DESC, p.id
"""  # noqa: S608 - the constant above
ALL = f"""
    SELECT {FIELDS}, t.name AS station FROM payouts p JOIN tenants t ON t.id = p.tenant_id
    WHERE (:words = '' OR p.no ILIKE :pattern OR p.reference ILIKE :pattern OR t.name ILIKE :pattern
           OR t.slug ILIKE :pattern)
        AND (:state = '' OR p.state = :state) AND (:tenant = 0 OR p.tenant_id = :tenant)
    ORDER BY p.created_at DESC, p.id
"""  # noqa: S608 - the constant above
ONE = text(f"SELECT {FIELDS} FROM payouts p WHERE p.id = :id")  # noqa: S608 - the constant above
COUNTS = text("SELECT state, count(*)::int AS payouts FROM payouts WHERE state = 'requested' GROUP BY state")
OWN_TERMS = text("SELECT * FROM own_terms()")
TERMS_OF = text("SELECT t.*, 0::bigint AS asked_today_cents FROM terms_of(:tenant) t")
OVERRIDES = text(
    "SELECT hold_days, least_cents, daily_cents, fee_rate, fee_cents FROM settlement_terms WHERE tenant_id = :tenant"
)
BALANCES = text(
    """
    SELECT coalesce(sum(a.balance_cents) FILTER (WHERE a.kind = 'collected'), 0)::bigint AS collected_cents,
           coalesce(sum(a.balance_cents) FILTER (WHERE a.kind = 'earnings'), 0)::bigint AS earnings_cents,
           coalesce(sum(a.balance_cents) FILTER (WHERE a.kind = 'payout'), 0)::bigint AS payout_cents,
           coalesce(sum(a.balance_cents) FILTER (WHERE a.kind = 'deposit'), 0)::bigint AS deposit_cents,
           (SELECT coalesce(sum(amount_cents), 0)::bigint FROM payouts
            WHERE tenant_id = :tenant AND state = 'paid') AS paid_cents
    FROM ledger_accounts a
    WHERE a.tenant_id = :tenant AND a.owner = '' AND a.kind IN ('collected', 'earnings', 'payout', 'deposit')
    """
)
# What flowed into the collected money on each of the last days, less what sales took of it.
BY_DAY = text(
    """
    SELECT business_day(e.created_at) AS day, sum(e.amount_cents)::bigint AS cents
    FROM ledger_accounts a JOIN ledger_entries e ON e.account_id = a.id
    JOIN ledger_transfers t ON t.id = e.transfer_id
    WHERE a.tenant_id = :tenant AND a.kind = 'collected' AND a.owner = ''
      AND e.created_at >= day_begins(business_day(now()) - CAST(:days AS int))
      AND t.kind NOT IN ('release', 'refund', 'refund_undo')
    GROUP BY 1 ORDER BY 1
    """
)
WITH_COLLECTED = text(
    """
    SELECT a.tenant_id, business_day(now()) - (terms_of(a.tenant_id)).hold_days AS day FROM ledger_accounts a
    WHERE a.kind = 'collected' AND a.balance_cents > 0 AND a.tenant_id > :after ORDER BY a.tenant_id LIMIT 200
    """
)


class Payout(Struct, frozen=True, kw_only=True):
    """One withdrawal, in cents. `account` is sealed with the master's key (`payouts.account`, the id)."""

    id: UUID
    no: str
    tenant_id: int
    amount_cents: int
    fee_cents: int
    method: str
    account: bytes
    state: str
    asked_by: str
    note: str
    reference: str
    reason: str
    created_at: datetime
    decided_at: datetime | None
    station: str = ""

    @property
    def paid_cents(self) -> int:
        """What arrives at the station."""
        return self.amount_cents - self.fee_cents


class Terms(Struct, frozen=True, kw_only=True):
    """What holds for a station's money at the master. `fee_rate` and `fee_cents` of each withdrawal add up."""

    hold_days: int
    least_cents: int
    daily_cents: int
    fee_rate: Decimal
    fee_cents: int
    asked_today_cents: int = 0

    @property
    def left_today_cents(self) -> int:
        return max(0, self.daily_cents - self.asked_today_cents)

    def fee_of(self, cents: int) -> int:
        """In cents, as `ask_payout` rounds it."""
        return int((cents * self.fee_rate).quantize(Decimal(1), ROUND_HALF_UP)) + self.fee_cents


class Overrides(Struct, frozen=True, kw_only=True):
    """Where a station's terms are its own; None: as for everybody."""

    hold_days: int | None = None
    least_cents: int | None = None
    daily_cents: int | None = None
    fee_rate: Decimal | None = None
    fee_cents: int | None = None


class Balances(Struct, frozen=True):
    """A station's money at the master in cents: not yet its own, its own, on its way, deposit, and paid out so far."""

    collected_cents: int
    earnings_cents: int
    payout_cents: int
    deposit_cents: int
    paid_cents: int


async def payout(session: AsyncSession, payout_id: UUID) -> Payout:
    """Raises `NoSuchPayout`."""
    row = (await session.execute(ONE, {"id": payout_id})).mappings().one_or_none()
    if row is None:
        raise NoSuchPayout
    return Payout(**row)


async def waiting(session: AsyncSession) -> dict[str, int]:
    """How many wait to be decided, by state."""
    return {row.state: row.payouts for row in await session.execute(COUNTS)}


async def own_terms(session: AsyncSession) -> Terms:
    """Tenant session."""
    return Terms(**(await session.execute(OWN_TERMS)).mappings().one())


async def terms_of(session: AsyncSession, tenant_id: int) -> Terms:
    """Tenant 0: those for everybody. Master session."""
    return Terms(**(await session.execute(TERMS_OF, {"tenant": tenant_id})).mappings().one())


async def overrides_of(session: AsyncSession, tenant_id: int) -> Overrides:
    """Master session."""
    row = (await session.execute(OVERRIDES, {"tenant": tenant_id})).mappings().one_or_none()
    return Overrides(**row) if row else Overrides()


async def balances(session: AsyncSession, tenant_id: int) -> Balances:
    return Balances(*(await session.execute(BALANCES, {"tenant": tenant_id})).one())


async def held_by_day(session: AsyncSession, tenant_id: int, days: int) -> Sequence[tuple[date, int]]:
    """What came in on each of the last `days` days and is still held for that, oldest first, in cents."""
    rows = await session.execute(BY_DAY, {"tenant": tenant_id, "days": days})
    return [(row.day, row.cents) for row in rows if row.cents]


async def with_collected(session: AsyncSession, after: int) -> Sequence[tuple[int, date]]:
    """The next stations that the master holds money for, and the day before which theirs is ripe. Master session."""
    return [(row.tenant_id, row.day) for row in await session.execute(WITH_COLLECTED, {"after": after})]
