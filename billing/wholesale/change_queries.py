"""Reading changes of prices, their previews and the history. Master session."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncSession

from billing.wholesale.change_lines import Line, Value, of_json
from billing.wholesale.errors import ChangeGone

# For `kameng.web.paging.of_sql`.
CHANGES = """
    SELECT c.id, c.state, c.source, c.reason, c.made_by, c.created_at, c.apply_at, c.ended_at,
           (SELECT count(*) FROM price_change_lines l WHERE l.change_id = c.id) AS lines
    FROM price_changes c
    WHERE (:state = '' OR c.state = :state)
        AND (:words = '' OR c.reason ILIKE :pattern OR c.made_by ILIKE :pattern)
    ORDER BY c.id DESC
"""
LINES = """
    SELECT l.line, l.kind, l.good_id, l.tier_id, l.tenant_id, l.special_id, l.before, l.after, g.name AS good,
           w.name AS tier, t.name AS station
    FROM price_change_lines l LEFT JOIN goods g ON g.id = l.good_id LEFT JOIN tiers w ON w.id = l.tier_id
    LEFT JOIN tenants t ON t.id = l.tenant_id
    WHERE l.change_id = :id ORDER BY l.line
"""
FIRST_LINES = text(LINES + " LIMIT :limit")
PREVIEW = """
    SELECT p.tenant_id, t.name AS station, p.product_id, p.product, p.retail, p.old_price, p.new_price, p.floor,
           p.effect, p.is_new
    FROM price_preview_lines p JOIN tenants t ON t.id = p.tenant_id
    WHERE p.change_id = :id ORDER BY p.effect <> 'loss', coalesce(p.retail - p.new_price, 0), p.tenant_id, p.product_id
"""
HISTORY = """
    SELECT h.id, h.change_id, h.kind, h.good_id, h.tier_id, h.tenant_id, h.before, h.after, h.actor, h.reason, h.at,
           g.name AS good, w.name AS tier, t.name AS station
    FROM price_history h LEFT JOIN goods g ON g.id = h.good_id LEFT JOIN tiers w ON w.id = h.tier_id
    LEFT JOIN tenants t ON t.id = h.tenant_id
"""
OF_GOOD = HISTORY + "WHERE h.good_id = :id ORDER BY h.id DESC"
OF_TIER = HISTORY + "WHERE h.tier_id = :id ORDER BY h.id DESC"
SPECIALS = """
    SELECT s.id, s.tenant_id, t.name AS station, s.good_id, g.name AS good, s.price, s.valid_from, s.valid_until,
           s.note, s.made_by, p.price AS tier_price, CASE WHEN s.valid_from > now() THEN 'coming'
               WHEN s.valid_until <= now() THEN 'ended' ELSE 'valid' END AS state
    FROM special_prices s JOIN tenants t ON t.id = s.tenant_id JOIN goods g ON g.id = s.good_id
    LEFT JOIN tier_prices p ON p.tier_id = t.tier_id AND p.good_id = s.good_id
    WHERE (CAST(:tenant AS int) IS NULL OR s.tenant_id = :tenant)
        AND (:words = '' OR g.name ILIKE :pattern OR t.name ILIKE :pattern OR s.note ILIKE :pattern)
        AND (:state = '' OR :state = CASE WHEN s.valid_from > now() THEN 'coming'
            WHEN s.valid_until <= now() THEN 'ended' ELSE 'valid' END)
    ORDER BY s.id DESC
"""
CHANGE = text(
    """
    SELECT id, state, source, reason, made_by, created_at, allows_loss, apply_at, ended_by, ended_at, error, reverts,
           stations_total, stations_done, products_seen, previewed_at
    FROM price_changes WHERE id = :id
    """
)
OF_CHANGE = text(
    """
    SELECT kind, good_id, tier_id, tenant_id, special_id, before, after FROM price_change_lines
    WHERE change_id = :id ORDER BY line
    """
)
WRITTEN = text(
    """
    SELECT kind, good_id, tier_id, tenant_id, special_id, before, after FROM price_history
    WHERE change_id = :id ORDER BY id
    """
)
COUNTS = text("SELECT state, count(*) AS sets FROM price_changes GROUP BY state")
DUE = text(
    "SELECT id FROM price_changes WHERE state = 'scheduled' AND apply_at <= now() ORDER BY apply_at, id LIMIT 50"
)
LOSING = text(
    """
    SELECT count(*) FILTER (WHERE effect = 'loss') AS losing, count(*) FILTER (WHERE effect = 'floor') AS below_floor,
           count(*) FILTER (WHERE effect = 'gone') AS gone,
           count(DISTINCT tenant_id) FILTER (WHERE effect = 'loss' AND is_new) AS stations
    FROM price_preview_lines WHERE change_id = :id
    """
)
SPECIAL = text(
    """
    SELECT id, tenant_id, good_id, price, valid_from, valid_until, note FROM special_prices
    WHERE id = :id AND (valid_until IS NULL OR valid_until > now())
    """
)
SPECIALS_OF = text(
    """
    SELECT id, tenant_id, good_id, price, valid_from, valid_until, note FROM special_prices
    WHERE tenant_id = :tenant AND (valid_until IS NULL OR valid_until > now()) ORDER BY good_id, valid_from
    """
)
OVERLAPS = text(
    """
    SELECT EXISTS (
        SELECT 1 FROM special_prices WHERE tenant_id = :tenant AND good_id = :good
        AND tstzrange(valid_from, valid_until)
            && tstzrange(greatest(CAST(:starts AS timestamptz), now()), CAST(:ends AS timestamptz)))
    """
)


class Change(Struct, frozen=True):
    """A change set. `stations_done` of `stations_total` are compared; `previewed_at` when all were."""

    id: int
    state: str
    source: str
    reason: str
    made_by: str
    created_at: datetime
    allows_loss: bool
    apply_at: datetime | None
    ended_by: str
    ended_at: datetime | None
    error: str
    reverts: int | None
    stations_total: int
    stations_done: int
    products_seen: int
    previewed_at: datetime | None


class ShownLine(Struct, frozen=True):
    """A line of a change or of the history with names."""

    kind: str
    good: str | None
    tier: str | None
    station: str | None
    good_id: int | None
    tier_id: int | None
    tenant_id: int | None
    before: Value | None
    after: Value | None


class Losing(Struct, frozen=True):
    """What a preview has found: products sold at a loss, below their minimum, not offered any more; and the stations
    whose margin turns negative."""

    losing: int
    below_floor: int
    gone: int
    stations: int


async def change(session: AsyncSession, change_id: int) -> Change:
    """Raises `ChangeGone`."""
    row = (await session.execute(CHANGE, {"id": change_id})).one_or_none()
    if row is None:
        raise ChangeGone
    return Change(*row)


async def lines(session: AsyncSession, change_id: int) -> list[Line]:
    """A change set's lines, as they were drafted."""
    return [_line(row) for row in await session.execute(OF_CHANGE, {"id": change_id})]


async def written(session: AsyncSession, change_id: int) -> list[Line]:
    """What a change set has changed in fact, by the history."""
    return [_line(row) for row in await session.execute(WRITTEN, {"id": change_id})]


def _line(row: Any) -> Line:
    kind, good_id, tier_id, tenant_id, special_id, before, after = row
    return Line(
        kind=kind,
        good_id=good_id,
        tier_id=tier_id,
        tenant_id=tenant_id,
        special_id=special_id,
        before=of_json(before),
        after=of_json(after),
    )


def shown(row: Any) -> ShownLine:
    """A row of `LINES` or `HISTORY`."""
    values = {name: getattr(row, name) for name in ShownLine.__struct_fields__ if name not in ("before", "after")}
    return ShownLine(**values, before=of_json(row.before), after=of_json(row.after))


async def counts(session: AsyncSession) -> dict[str, int]:
    """Change sets by state."""
    return {row.state: row.sets for row in await session.execute(COUNTS)}


async def due(session: AsyncSession) -> Sequence[int]:
    """Scheduled change sets whose time has come, earliest first."""
    return [row.id for row in await session.execute(DUE)]


async def losing(session: AsyncSession, change_id: int) -> Losing:
    return Losing(*(await session.execute(LOSING, {"id": change_id})).one())


async def findings(session: AsyncSession, change_id: int, limit: int) -> Sequence[Row[Any]]:
    """What a preview has found, worst first: rows of `PREVIEW`."""
    return (await session.execute(text(PREVIEW + " LIMIT :limit"), {"id": change_id, "limit": limit})).all()


async def special(session: AsyncSession, special_id: int) -> Line | None:
    """A special price that holds or will hold, as a line that changes nothing."""
    row = (await session.execute(SPECIAL, {"id": special_id})).one_or_none()
    return None if row is None else _special(row)


async def specials_of(session: AsyncSession, tenant_id: int) -> Sequence[Line]:
    """A station's special prices that hold or will hold, as lines that change nothing."""
    return [_special(row) for row in await session.execute(SPECIALS_OF, {"tenant": tenant_id})]


async def overlaps(session: AsyncSession, line: Line) -> bool:
    """Whether a new special price would hold while another does."""
    value = line.after or Value()
    asked = {"tenant": line.tenant_id, "good": line.good_id, "starts": value.starts, "ends": value.ends}
    return bool((await session.execute(OVERLAPS, asked)).scalar_one())


def _special(row: Row[Any]) -> Line:
    value = Value(price=row.price, starts=row.valid_from, ends=row.valid_until, note=row.note)
    return Line(
        kind="special", good_id=row.good_id, tenant_id=row.tenant_id, special_id=row.id, before=value, after=value
    )
