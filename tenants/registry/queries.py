"""Reading the stations for the master: who they are, what they have deposited, how they end. Master session."""

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from tenants.registry.errors import StationGone
from tenants.registry.service import TenantDraft

# For `kameng.web.paging.of_sql`, with one of `ORDERS` behind it.
LINES = """
    SELECT t.id, t.slug, t.name, t.state, t.version, t.created_at, t.state_since, t.paid_until, w.name AS tier,
           coalesce(p.name, '') AS plan, coalesce(h.host, '') AS host, coalesce(a.balance_cents, 0) AS deposit_cents
    FROM tenants t JOIN tiers w ON w.id = t.tier_id
    LEFT JOIN plans p ON p.id = t.plan_id
    LEFT JOIN hosts h ON h.tenant_id = t.id AND h.is_primary
    LEFT JOIN ledger_accounts a ON a.tenant_id = t.id AND a.kind = 'deposit' AND a.owner = ''
    WHERE (:words = '' OR t.name ILIKE :pattern OR t.slug ILIKE :pattern
           OR EXISTS (SELECT 1 FROM hosts o WHERE o.tenant_id = t.id AND o.host ILIKE :pattern))
        AND (:state = '' OR t.state = :state)
        AND (:tier_id = 0 OR t.tier_id = :tier_id)
        AND (:plan_id = 0 OR t.plan_id = :plan_id)
"""
ORDERS = {
    "newest": " ORDER BY t.id DESC",
    "name": " ORDER BY t.name, t.id",
    "deposit": " ORDER BY coalesce(a.balance_cents, 0), t.id",
    "changed": " ORDER BY t.state_since DESC, t.id DESC",
    "due": " ORDER BY t.paid_until NULLS LAST, t.id",
}
ONE = text(
    """
    SELECT t.id, t.slug, t.name, t.state, t.version, t.created_at, t.tier_id, w.name AS tier, t.accent, t.theme,
           t.notice, t.contact, t.locale, t.time_zone, coalesce(a.balance_cents, 0) AS deposit_cents,
           t.state_reason, t.state_since, t.closing_until, t.closing_by, coalesce(p.name, '') AS plan, t.paid_until,
           coalesce((SELECT array_agg(h.host ORDER BY h.is_primary DESC, h.host) FROM hosts h
                     WHERE h.tenant_id = t.id), '{}') AS hosts,
           coalesce((SELECT array_agg(c.host ORDER BY c.host) FROM host_claims c
                     WHERE c.tenant_id = t.id), '{}') AS claims
    FROM tenants t JOIN tiers w ON w.id = t.tier_id
    LEFT JOIN plans p ON p.id = t.plan_id
    LEFT JOIN ledger_accounts a ON a.tenant_id = t.id AND a.kind = 'deposit' AND a.owner = ''
    WHERE t.id = :id
    """
)
COUNTS = text("SELECT state, count(*) AS stations FROM tenants GROUP BY state")
BY_TIER = text("SELECT tier_id, count(*) AS stations FROM tenants WHERE state <> 'closed' GROUP BY tier_id")
NAMES = text("SELECT id, name FROM tenants WHERE id = ANY(:ids)")
NUMBER_OF = text("SELECT id FROM tenants WHERE slug = :slug")
PLANS = text("SELECT id, name, trial_days FROM plans WHERE state = 'active' ORDER BY price_cents, id")
TAKEN = text(
    """
    SELECT EXISTS (SELECT 1 FROM tenants WHERE slug = :slug) AS slug,
           EXISTS (SELECT 1 FROM hosts WHERE host = ANY(:hosts)) AS hosts,
           NOT EXISTS (SELECT 1 FROM tiers WHERE id = :tier_id) AS tier_id,
           CAST(:plan_id AS int) IS NOT NULL
               AND NOT EXISTS (SELECT 1 FROM plans WHERE id = :plan_id AND state = 'active') AS plan_id
    """
)
MONEY_LEFT = text(
    """
    SELECT coalesce(sum(balance_cents) FILTER (WHERE kind = 'deposit'), 0)::bigint AS deposit_cents,
           coalesce(sum(balance_cents) FILTER (WHERE kind = 'wallet'), 0)::bigint AS wallets_cents,
           count(*) FILTER (WHERE kind = 'wallet' AND balance_cents > 0) AS wallets,
           coalesce(sum(balance_cents) FILTER (WHERE kind IN ('collected', 'earnings', 'payout')), 0)::bigint
               AS owed_cents
    FROM ledger_accounts WHERE tenant_id = :id AND kind IN ('wallet', 'deposit', 'collected', 'earnings', 'payout')
    """
)
GONE_BY_NOW = text(
    "SELECT id FROM tenants WHERE state = 'closing' AND closing_until <= now() ORDER BY closing_until LIMIT :limit"
)
WAITING_IN_POOL = text("SELECT count(*) FROM pooled_schemas WHERE version = :version")
CERTIFICATE = text("SELECT document, sha256, made_at FROM closing_certificates WHERE tenant_id = :id")
# A deposit is low when it would not last three days at the pace of the last seven.
LOW_DEPOSITS = text(
    """
    SELECT t.id, t.name, coalesce(a.balance_cents, 0) AS deposit_cents, coalesce(spent.cents, 0) AS week_cents
    FROM tenants t LEFT JOIN ledger_accounts a ON a.tenant_id = t.id AND a.kind = 'deposit' AND a.owner = ''
    LEFT JOIN LATERAL (
        SELECT -sum(e.amount_cents)::bigint AS cents FROM ledger_entries e
        JOIN ledger_transfers x ON x.id = e.transfer_id AND x.kind IN ('sale', 'reversal')
        WHERE e.account_id = a.id AND e.created_at >= :since
    ) spent ON true
    WHERE t.state IN ('trial', 'active')
        AND (coalesce(a.balance_cents, 0) = 0 OR a.balance_cents * 7 < coalesce(spent.cents, 0) * 3)
        AND (:idle_too OR coalesce(spent.cents, 0) > 0)
    ORDER BY coalesce(a.balance_cents, 0), t.id LIMIT :limit
    """
)


class Station(Struct, frozen=True):
    """A station as the master sees it. The first host is the primary one; `claims` are domains that are not proved yet;
    `plan` is its name, or empty; `deposit_cents` in cents.
    """

    id: int
    slug: str
    name: str
    state: str
    version: int
    created_at: datetime
    tier_id: int
    tier: str
    accent: str
    theme: str
    notice: str
    contact: str
    locale: str
    time_zone: str
    deposit_cents: int
    state_reason: str
    state_since: datetime
    closing_until: datetime | None
    closing_by: str
    plan: str
    paid_until: datetime | None
    hosts: list[str]
    claims: list[str]


class LowDeposit(Struct, frozen=True):
    """A station whose deposit will soon be used up; `week_cents` is what the last seven days took from it."""

    id: int
    name: str
    deposit_cents: int
    week_cents: int


class Taken(Struct, frozen=True):
    """Which parts of a draft are somebody else's; `tier_id` and `plan_id` are true when there is no such one."""

    slug: bool
    hosts: bool
    tier_id: bool
    plan_id: bool


class Plan(Struct, frozen=True):
    """A plan that a station may be opened with."""

    id: int
    name: str
    trial_days: int


class MoneyLeft(Struct, frozen=True):
    """What a station holds of others' money, in cents; `wallets` counts those that are not empty; `owed_cents` is what
    the master holds for the station: collected, released, and asked for."""

    deposit_cents: int
    wallets_cents: int
    wallets: int
    owed_cents: int

    @property
    def cents(self) -> int:
        return self.deposit_cents + self.wallets_cents + self.owed_cents


class Certificate(Struct, frozen=True):
    """What is left of a closed station: canonical JSON, and the SHA-256 of its bytes in hex."""

    document: str
    sha256: str
    made_at: datetime


async def station(session: AsyncSession, tenant_id: int) -> Station:
    """Raises `StationGone`."""
    row = (await session.execute(ONE, {"id": tenant_id})).mappings().one_or_none()
    if row is None:
        raise StationGone
    return Station(**row)


async def counts(session: AsyncSession) -> dict[str, int]:
    """Stations by state."""
    return {row.state: row.stations for row in await session.execute(COUNTS)}


async def by_tier(session: AsyncSession) -> dict[int, int]:
    """Stations by tier, without those that are closed."""
    return {row.tier_id: row.stations for row in await session.execute(BY_TIER)}


async def names(session: AsyncSession, tenant_ids: Sequence[int]) -> dict[int, str]:
    """Stations' names by number."""
    return {row.id: row.name for row in await session.execute(NAMES, {"ids": list(tenant_ids)})}


async def find_number(session: AsyncSession, slug: str) -> int | None:
    """The station with this short name, if there is one."""
    return (await session.execute(NUMBER_OF, {"slug": slug})).scalar_one_or_none()


async def number_of(session: AsyncSession, slug: str) -> int:
    """The number of the station with this short name. Raises `StationGone`."""
    found = await find_number(session, slug)
    if found is None:
        raise StationGone
    return found


async def plans(session: AsyncSession) -> Sequence[Plan]:
    """The plans that a station may be opened with, cheapest first."""
    return [Plan(*row) for row in await session.execute(PLANS)]


async def taken(session: AsyncSession, draft: TenantDraft) -> Taken:
    """What stands in the way of opening a station."""
    values = {"slug": draft.slug, "hosts": list(draft.hosts), "tier_id": draft.tier_id, "plan_id": draft.plan_id}
    return Taken(*(await session.execute(TAKEN, values)).one())


async def money_left(session: AsyncSession, tenant_id: int) -> MoneyLeft:
    """What would be left on the ledger if the station were closed now."""
    return MoneyLeft(*(await session.execute(MONEY_LEFT, {"id": tenant_id})).one())


async def gone_by_now(session: AsyncSession, limit: int) -> list[int]:
    """Closing stations whose grace period is over, the longest first."""
    return [row.id for row in await session.execute(GONE_BY_NOW, {"limit": limit})]


async def waiting_in_pool(session: AsyncSession, version: int) -> int:
    """How many schemas of this version wait for a station."""
    return int((await session.execute(WAITING_IN_POOL, {"version": version})).scalar_one())


async def certificate(session: AsyncSession, tenant_id: int) -> Certificate | None:
    """The certificate of a closed station, or None."""
    row = (await session.execute(CERTIFICATE, {"id": tenant_id})).one_or_none()
    return Certificate(*row) if row else None


async def low_deposits(
    session: AsyncSession, since: datetime, limit: int = 10, *, idle_too: bool = True
) -> Sequence[LowDeposit]:
    """Active stations whose deposit lasts less than three days, emptiest first; `since` is seven days ago. `idle_too`:
    also those that have none and sold nothing in that time."""
    rows = await session.execute(LOW_DEPOSITS, {"since": since, "limit": limit, "idle_too": idle_too})
    return [LowDeposit(**row) for row in rows.mappings()]
