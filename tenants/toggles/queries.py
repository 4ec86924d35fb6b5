"""Reading what is kept about flags. Master session, unless it says otherwise."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from msgspec import Struct, convert
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from tenants.toggles.decision import Facts, Mode, Policy

# All about one station in one row: what is for all stations is as small as the list of flags.
FACTS = text(
    """
    SELECT t.id AS tenant_id, t.plan_id, coalesce(p.name, '') AS plan,
           (SELECT jsonb_object_agg(flag, value) FROM flag_choices WHERE tenant_id = t.id) AS choices,
           (SELECT jsonb_object_agg(flag, value) FROM flag_plan_values WHERE plan_id = t.plan_id) AS of_plan,
           (SELECT jsonb_object_agg(flag, jsonb_build_object('mode', mode, 'value', value, 'reason', reason))
            FROM flag_policies WHERE tenant_id = t.id) AS own_policies,
           (SELECT jsonb_object_agg(flag, jsonb_build_object('mode', mode, 'value', value, 'reason', reason))
            FROM flag_policies WHERE tenant_id IS NULL) AS policies,
           (SELECT jsonb_object_agg(flag, jsonb_build_object('value', value, 'share', share))
            FROM flag_rollouts) AS rollouts
    FROM tenants t LEFT JOIN plans p ON p.id = t.plan_id WHERE t.id = :id
    """
)
# The same bucket as `decision.bucket`.
REACH = text(
    """
    SELECT count(*) FILTER (WHERE bucket < :share) AS reached, count(*) AS stations FROM (
        SELECT ('x' || left(encode(sha256(convert_to(:flag || ':' || id, 'UTF8')), 'hex'), 8))::bit(32)::bigint
               % 10000 AS bucket
        FROM tenants WHERE state <> 'closed') AS of_stations
    """
)
KEPT = text(
    """
    SELECT 'policy' AS place, flag, value, count(*) FILTER (WHERE tenant_id IS NOT NULL) AS stations, count(*) AS rows
    FROM flag_policies GROUP BY flag, value
    UNION ALL SELECT 'plan', flag, value, 0, count(*) FROM flag_plan_values GROUP BY flag, value
    UNION ALL SELECT 'rollout', flag, value, 0, 1 FROM flag_rollouts
    UNION ALL SELECT 'choice', flag, value, count(*), count(*) FROM flag_choices GROUP BY flag, value
    ORDER BY 2, 1, 3
    """
)
ROLLOUTS = text("SELECT flag, value, share, remind_on, changed_at FROM flag_rollouts ORDER BY flag")
POLICY = text(
    "SELECT mode, value, reason FROM flag_policies WHERE flag = :flag AND tenant_id IS NOT DISTINCT FROM :tenant_id"
)
POLICIES = text("SELECT flag, mode, value, reason FROM flag_policies WHERE tenant_id IS NULL")
OWN_POLICIES = text(
    """
    SELECT p.tenant_id, t.name, p.mode, p.value, p.reason, p.changed_at
    FROM flag_policies p JOIN tenants t ON t.id = p.tenant_id
    WHERE p.flag = :flag AND (:words = '' OR t.name ILIKE :pattern OR t.slug ILIKE :pattern)
    ORDER BY p.changed_at DESC, p.tenant_id LIMIT :limit
    """
)
PLAN_VALUES = text(
    """
    SELECT p.id, p.name, v.value, (SELECT count(*) FROM tenants t WHERE t.plan_id = p.id AND t.state <> 'closed')
        AS stations
    FROM plans p LEFT JOIN flag_plan_values v ON v.plan_id = p.id AND v.flag = :flag
    WHERE p.state = 'active' OR v.value IS NOT NULL ORDER BY p.id LIMIT :limit
    """
)
PLAN = text("SELECT id, name FROM plans WHERE id = :id")
OF_PLAN = text("SELECT flag, value FROM flag_plan_values WHERE plan_id = :id")
STATION = text("SELECT id, name FROM tenants WHERE slug = :slug AND state <> 'closed'")
CHOICE = text("SELECT value FROM flag_choices WHERE tenant_id = current_tenant() AND flag = :flag")


class Kept(Struct, frozen=True):
    """How often a value of a flag stands somewhere: `place` is policy, plan, rollout or choice."""

    place: str
    flag: str
    value: Any
    stations: int
    rows: int


class Started(Struct, frozen=True):
    """A roll-out as it stands. `share` in hundredths of a percent."""

    flag: str
    value: Any
    share: int
    remind_on: date
    changed_at: datetime


class OwnPolicy(Struct, frozen=True):
    """The policy for one station."""

    tenant_id: int
    name: str
    mode: Mode
    value: Any
    reason: str
    changed_at: datetime


class PlanValue(Struct, frozen=True):
    """What a plan says of a flag; None is nothing."""

    id: int
    name: str
    value: Any
    stations: int


class Named(Struct, frozen=True):
    id: int
    name: str


class Reach(Struct, frozen=True):
    """How many of all stations a share means."""

    reached: int
    stations: int


async def facts(session: AsyncSession, tenant_id: int) -> Facts:
    """All about the flags of a station; nothing about one that does not exist."""
    row = (await session.execute(FACTS, {"id": tenant_id})).mappings().one_or_none()
    known = {name: value for name, value in (row or {}).items() if value is not None}
    return convert({"tenant_id": tenant_id, **known}, Facts)


async def reach(session: AsyncSession, flag: str, share: int) -> Reach:
    """The stations that a roll-out of `flag` to `share` reaches."""
    return Reach(*(await session.execute(REACH, {"flag": flag, "share": share})).one())


async def kept(session: AsyncSession) -> Sequence[Kept]:
    """Every value that is kept anywhere, with counts."""
    return [Kept(*row) for row in await session.execute(KEPT)]


async def rollouts(session: AsyncSession) -> dict[str, Started]:
    """Roll-outs by flag."""
    return {row.flag: Started(*row) for row in await session.execute(ROLLOUTS)}


async def policy(session: AsyncSession, flag: str, tenant_id: int | None = None) -> Policy | None:
    """The policy for a station, or the one for all."""
    row = (await session.execute(POLICY, {"flag": flag, "tenant_id": tenant_id})).one_or_none()
    return Policy(Mode(row.mode), row.value, row.reason) if row else None


async def policies(session: AsyncSession) -> dict[str, Policy]:
    """The policies for all stations, by flag."""
    rows = await session.execute(POLICIES)
    return {row.flag: Policy(Mode(row.mode), row.value, row.reason) for row in rows}


async def own_policies(session: AsyncSession, flag: str, words: str, pattern: str, limit: int) -> list[OwnPolicy]:
    """Stations with a policy of their own, the newest first."""
    values = {"flag": flag, "words": words, "pattern": pattern, "limit": limit}
    return [convert(dict(row), OwnPolicy) for row in (await session.execute(OWN_POLICIES, values)).mappings()]


async def plan_values(session: AsyncSession, flag: str, limit: int = 200) -> list[PlanValue]:
    """Every plan that can be had, and what it says of the flag."""
    return [PlanValue(*row) for row in await session.execute(PLAN_VALUES, {"flag": flag, "limit": limit})]


async def plan(session: AsyncSession, plan_id: int) -> Named | None:
    row = (await session.execute(PLAN, {"id": plan_id})).one_or_none()
    return Named(*row) if row else None


async def of_plan(session: AsyncSession, plan_id: int) -> dict[str, Any]:
    """What a plan says, by flag."""
    return {row.flag: row.value for row in await session.execute(OF_PLAN, {"id": plan_id})}


async def station(session: AsyncSession, slug: str) -> Named | None:
    """A station that is not closed, by its short name."""
    row = (await session.execute(STATION, {"slug": slug})).one_or_none()
    return Named(*row) if row else None


async def choice(session: AsyncSession, flag: str) -> Any:
    """What the station itself chose, or None. Tenant session."""
    return (await session.execute(CHOICE, {"flag": flag})).scalar_one_or_none()
