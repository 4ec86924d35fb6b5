"""Changing what is kept about flags. Values are those that their flag accepts; whoever calls audits, commits, and then
calls `Toggles.changed`. Each function returns what stood there before."""

from datetime import date
from typing import Any

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from tenants.toggles import queries
from tenants.toggles.decision import Policy
from tenants.toggles.flags import Flag, Value
from tenants.toggles.queries import Started

SET_POLICY = text(
    """
    INSERT INTO flag_policies (flag, tenant_id, mode, value, reason)
    VALUES (:flag, :tenant_id, :mode, CAST(:value AS jsonb), :reason)
    ON CONFLICT (flag, tenant_id) DO UPDATE
        SET mode = excluded.mode, value = excluded.value, reason = excluded.reason, changed_at = now()
    """
)
DROP_POLICY = text("DELETE FROM flag_policies WHERE flag = :flag AND tenant_id IS NOT DISTINCT FROM :tenant_id")
SET_PLAN_VALUE = text(
    """
    INSERT INTO flag_plan_values (plan_id, flag, value) VALUES (:plan_id, :flag, CAST(:value AS jsonb))
    ON CONFLICT (plan_id, flag) DO UPDATE SET value = excluded.value
    """
)
DROP_PLAN_VALUE = text("DELETE FROM flag_plan_values WHERE plan_id = :plan_id AND flag = :flag")
SET_ROLLOUT = text(
    """
    INSERT INTO flag_rollouts (flag, value, share, remind_on)
    VALUES (:flag, CAST(:value AS jsonb), :share, :remind_on)
    ON CONFLICT (flag) DO UPDATE
        SET value = excluded.value, share = excluded.share, remind_on = excluded.remind_on, changed_at = now()
    """
)
DROP_ROLLOUT = text("DELETE FROM flag_rollouts WHERE flag = :flag")
CHOOSE = text(
    """
    INSERT INTO flag_choices (tenant_id, flag, value) VALUES (current_tenant(), :flag, CAST(:value AS jsonb))
    ON CONFLICT (tenant_id, flag) DO UPDATE SET value = excluded.value, changed_at = now()
    """
)
UNCHOOSE = text("DELETE FROM flag_choices WHERE tenant_id = current_tenant() AND flag = :flag")
FORGET = [
    text(f"DELETE FROM {table} WHERE flag = :flag")  # noqa: S608 - the names below
    for table in ("flag_policies", "flag_plan_values", "flag_rollouts", "flag_choices")
]


async def set_policy(session: AsyncSession, flag: Flag, policy: Policy, tenant_id: int | None) -> Policy | None:
    """What the master says of the flag, for one station or (None) for all without a policy of their own."""
    before = await queries.policy(session, flag.key, tenant_id)
    values = {
        "flag": flag.key,
        "tenant_id": tenant_id,
        "mode": str(policy.mode),
        "value": None if policy.value is None else _json(policy.value),
        "reason": policy.reason,
    }
    await session.execute(SET_POLICY, values)
    return before


async def drop_policy(session: AsyncSession, flag: Flag, tenant_id: int | None) -> Policy | None:
    before = await queries.policy(session, flag.key, tenant_id)
    await session.execute(DROP_POLICY, {"flag": flag.key, "tenant_id": tenant_id})
    return before


async def set_plan_value(session: AsyncSession, flag: Flag, plan_id: int, value: Value | None) -> Any:
    """What the flag is for stations of a plan; None takes the plan's word back."""
    before = (await queries.of_plan(session, plan_id)).get(flag.key)
    if value is None:
        await session.execute(DROP_PLAN_VALUE, {"plan_id": plan_id, "flag": flag.key})
    else:
        await session.execute(SET_PLAN_VALUE, {"plan_id": plan_id, "flag": flag.key, "value": _json(value)})
    return before


async def set_rollout(session: AsyncSession, flag: Flag, value: Value, share: int, remind_on: date) -> Started | None:
    """Gives `share` hundredths of a percent of all stations `value` as their default."""
    before = (await queries.rollouts(session)).get(flag.key)
    values = {"flag": flag.key, "value": _json(value), "share": share, "remind_on": remind_on}
    await session.execute(SET_ROLLOUT, values)
    return before


async def drop_rollout(session: AsyncSession, flag: Flag) -> Started | None:
    before = (await queries.rollouts(session)).get(flag.key)
    await session.execute(DROP_ROLLOUT, {"flag": flag.key})
    return before


async def choose(session: AsyncSession, flag: Flag, value: Value) -> Any:
    """The station's own choice; it counts as long as the master lets it. Tenant session."""
    before = await queries.choice(session, flag.key)
    await session.execute(CHOOSE, {"flag": flag.key, "value": _json(value)})
    return before


async def unchoose(session: AsyncSession, flag: Flag) -> Any:
    """Takes the station's choice back. Tenant session."""
    before = await queries.choice(session, flag.key)
    await session.execute(UNCHOOSE, {"flag": flag.key})
    return before


async def forget(session: AsyncSession, key: str) -> None:
    """Deletes whatever is kept of a flag that code does not know any more."""
    for statement in FORGET:
        await session.execute(statement, {"flag": key})


def _json(value: Value) -> str:
    return msgspec.json.encode(value).decode()
