"""Reading the stations for the master: who they are, what they have deposited. Master session."""

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from tenants.registry.errors import StationGone

# For `kameng.web.paging.of_sql`.
LINES = """
    SELECT t.id, t.slug, t.name, t.state, t.version, t.created_at, w.name AS tier, h.host,
           coalesce(a.balance_cents, 0) AS deposit_cents
    FROM tenants t JOIN tiers w ON w.id = t.tier_id
    LEFT JOIN hosts h ON h.tenant_id = t.id AND h.is_primary
    LEFT JOIN ledger_accounts a ON a.tenant_id = t.id AND a.kind = 'deposit' AND a.owner = ''
    WHERE (:words = '' OR t.name ILIKE :pattern OR t.slug ILIKE :pattern
           OR EXISTS (SELECT 1 FROM hosts o WHERE o.tenant_id = t.id AND o.host ILIKE :pattern))
        AND (:state = '' OR t.state = :state)
    ORDER BY t.id DESC
"""
ONE = text(
    """
    SELECT t.id, t.slug, t.name, t.state, t.version, t.created_at, t.tier_id, w.name AS tier, t.accent,
           t.notice, t.contact, t.locale, t.time_zone, coalesce(a.balance_cents, 0) AS deposit_cents,
           coalesce((SELECT array_agg(h.host ORDER BY h.is_primary DESC, h.host) FROM hosts h
                     WHERE h.tenant_id = t.id), '{}') AS hosts
    FROM tenants t JOIN tiers w ON w.id = t.tier_id
    LEFT JOIN ledger_accounts a ON a.tenant_id = t.id AND a.kind = 'deposit' AND a.owner = ''
    WHERE t.id = :id
    """
)
COUNTS = text("SELECT state, count(*) AS stations FROM tenants GROUP BY state")
BY_TIER = text("SELECT tier_id, count(*) AS stations FROM tenants WHERE state <> 'closed' GROUP BY tier_id")
NUMBER = text("SELECT id FROM tenants WHERE slug = :slug")
NAMES = text("SELECT id, name FROM tenants WHERE id = ANY(:ids)")
TAKEN = text(
    """
    SELECT EXISTS (SELECT 1 FROM tenants WHERE slug = :slug) AS slug,
           EXISTS (SELECT 1 FROM hosts WHERE host = ANY(:hosts)) AS hosts,
           NOT EXISTS (SELECT 1 FROM tiers WHERE id = :tier_id) AS tier_id
    """
)
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
    WHERE t.state = 'active'
        AND (coalesce(a.balance_cents, 0) = 0 OR a.balance_cents * 7 < coalesce(spent.cents, 0) * 3)
    ORDER BY coalesce(a.balance_cents, 0), t.id LIMIT :limit
    """
)


class Station(Struct, frozen=True):
    """A station as the master sees it. The first host is the primary one; `deposit_cents` in cents."""

    id: int
    slug: str
    name: str
    state: str
    version: int
    created_at: datetime
    tier_id: int
    tier: str
    accent: str
    notice: str
    contact: str
    locale: str
    time_zone: str
    deposit_cents: int
    hosts: list[str]


class LowDeposit(Struct, frozen=True):
    """A station whose deposit will soon be used up; `week_cents` is what the last seven days took from it."""

    id: int
    name: str
    deposit_cents: int
    week_cents: int


class Taken(Struct, frozen=True):
    """Which parts of a draft are somebody else's; `tier_id` is true when there is no such tier."""

    slug: bool
    hosts: bool
    tier_id: bool


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


async def number_of(session: AsyncSession, slug: str) -> int | None:
    """The station with this short name."""
    return (await session.execute(NUMBER, {"slug": slug})).scalar_one_or_none()


async def taken(session: AsyncSession, slug: str, hosts: Sequence[str], tier_id: int) -> Taken:
    """What stands in the way of opening a station."""
    return Taken(*(await session.execute(TAKEN, {"slug": slug, "hosts": list(hosts), "tier_id": tier_id})).one())


async def low_deposits(session: AsyncSession, since: datetime, limit: int = 10) -> Sequence[LowDeposit]:
    """Active stations whose deposit lasts less than three days, emptiest first; `since` is seven days ago."""
    rows = await session.execute(LOW_DEPOSITS, {"since": since, "limit": limit})
    return [LowDeposit(**row) for row in rows.mappings()]
