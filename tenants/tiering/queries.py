"""What stations bought in the last full month, and which tier that is worth. Master session."""

from collections.abc import Sequence
from datetime import date, datetime

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

# The month is one of the station's own calendar. Turnover is what its sales took from the deposit, without what was
# given back. The tier it leads to is the best whose threshold was reached and that is better (of lower rank) than its
# own.
STANDINGS = """
    SELECT t.id, t.name, t.auto_tier, t.tier_id, w.name AS tier, m.month, bought.cents AS turnover_cents,
           coalesce(better.id, t.tier_id) AS to_tier_id, coalesce(better.name, w.name) AS to_tier
    FROM tenants t JOIN tiers w ON w.id = t.tier_id
    CROSS JOIN LATERAL (
        SELECT CAST(date_trunc('month', CAST(:now AS timestamptz) AT TIME ZONE t.time_zone) - interval '1 month'
                    AS date) AS month
    ) m
    CROSS JOIN LATERAL (
        SELECT CAST(coalesce(-sum(e.amount_cents), 0) AS bigint) AS cents FROM ledger_accounts a
        JOIN ledger_entries e ON e.account_id = a.id
            AND e.created_at >= CAST(m.month AS timestamp) AT TIME ZONE t.time_zone
            AND e.created_at < (m.month + interval '1 month') AT TIME ZONE t.time_zone
        JOIN ledger_transfers x ON x.id = e.transfer_id AND x.kind IN ('sale', 'reversal')
        WHERE a.tenant_id = t.id AND a.kind = 'deposit' AND a.owner = ''
    ) bought
    LEFT JOIN LATERAL (
        SELECT b.id, b.name FROM tiers b
        WHERE b.upgrade_cents <= bought.cents AND b.rank < w.rank ORDER BY b.rank, b.upgrade_cents DESC LIMIT 1
    ) better ON true
    WHERE t.state IN ('trial', 'active', 'overdue')
"""
# For `kameng.web.paging.of_sql`: who would move.
MOVES = f"SELECT * FROM ({STANDINGS}) s WHERE s.to_tier_id <> s.tier_id ORDER BY s.turnover_cents DESC, s.id"  # noqa: S608 - of a constant
DUE = text(
    f"""
    SELECT * FROM ({STANDINGS}) s WHERE s.auto_tier AND s.id > :after
    AND NOT EXISTS (SELECT 1 FROM tier_reviews r WHERE r.tenant_id = s.id AND r.month = s.month)
    ORDER BY s.id LIMIT :limit
    """  # noqa: S608 - of a constant
)
REVIEW = text(
    """
    INSERT INTO tier_reviews (tenant_id, month, turnover_cents, from_tier, to_tier)
    VALUES (:tenant, :month, :turnover_cents, :from_tier, :to_tier) ON CONFLICT DO NOTHING RETURNING tenant_id
    """
)
RAISE = text(
    "UPDATE tenants SET tier_id = :to_tier, tier_since = now() WHERE id = :tenant AND tier_id = :from_tier RETURNING id"
)
IS_ON = text("SELECT upgrades FROM tier_policy")
SWITCH = text("UPDATE tier_policy SET upgrades = :on")
SWITCH_ONE = text("UPDATE tenants SET auto_tier = :on WHERE id = :tenant")
OF_ONE = text("SELECT auto_tier, tier_since FROM tenants WHERE id = :tenant")
LATEST = text(
    """
    SELECT r.tenant_id, t.name, r.month, r.turnover_cents, f.name AS from_tier, w.name AS to_tier, r.at
    FROM tier_reviews r JOIN tenants t ON t.id = r.tenant_id JOIN tiers f ON f.id = r.from_tier
    JOIN tiers w ON w.id = r.to_tier
    WHERE r.from_tier <> r.to_tier ORDER BY r.at DESC, r.tenant_id LIMIT :limit
    """
)


class Standing(Struct, frozen=True):
    """A station after a month. `turnover_cents` is what it paid the master for sales; equal tiers: it stays."""

    id: int
    name: str
    auto_tier: bool
    tier_id: int
    tier: str
    month: date
    turnover_cents: int
    to_tier_id: int
    to_tier: str


class Moved(Struct, frozen=True):
    """A station that has been moved up."""

    tenant_id: int
    name: str
    month: date
    turnover_cents: int
    from_tier: str
    to_tier: str
    at: datetime


async def due(session: AsyncSession, now: datetime, after: int, limit: int = 200) -> Sequence[Standing]:
    """Stations with a higher number than `after` whose last month has not been judged yet."""
    return [Standing(*row) for row in await session.execute(DUE, {"now": now, "after": after, "limit": limit})]


async def is_on(session: AsyncSession) -> bool:
    """Whether stations are moved up by themselves at all."""
    return bool((await session.execute(IS_ON)).scalar_one())


async def is_on_for(session: AsyncSession, tenant_id: int) -> bool:
    """Whether this station takes part."""
    row = (await session.execute(OF_ONE, {"tenant": tenant_id})).one_or_none()
    return bool(row and row.auto_tier)


async def latest(session: AsyncSession, limit: int = 20) -> Sequence[Moved]:
    """Who was moved up last."""
    return [Moved(*row) for row in await session.execute(LATEST, {"limit": limit})]
