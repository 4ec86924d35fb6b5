"""What people change about a station's state. Master session; call `directory.forget()` after the commit.

Each is one statement that checks and changes. All raise `StationGone`, and `NotInThisState` where the edge is not in
`states.EDGES`.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.core import clock
from tenants.registry.errors import NotInThisState, StationGone
from tenants.registry.states import State, before

MOVE = """
    WITH held AS (SELECT id, state AS state_held FROM tenants WHERE id = :id FOR UPDATE)
    UPDATE tenants t SET {change}, state_since = now() FROM held WHERE t.id = held.id AND t.state = ANY(:sources)
    RETURNING t.name, held.state_held, t.state, t.closing_until
"""
SUSPEND = "state = 'suspended', state_reason = :reason"
RESUME = """
    state = CASE WHEN plan_id IS NOT NULL AND paid_until < now() THEN 'overdue' ELSE 'active' END, state_reason = ''
"""
CLOSE = """
    state = 'closing', state_before = state, reason_before = state_reason,
    state_reason = :reason, closing_until = :until, closing_by = :by
"""
REOPEN = """
    state = state_before, state_reason = reason_before,
    state_before = '', reason_before = '', closing_until = NULL, closing_by = ''
"""
IS_THERE = text("SELECT EXISTS (SELECT 1 FROM tenants WHERE id = :id)")


class Moved(Struct, frozen=True):
    """A station that has changed its state; `closing_until` is when a closing one is gone for good."""

    name: str
    before: State
    after: State
    closing_until: datetime | None


async def suspend(session: AsyncSession, tenant_id: int, reason: str) -> Moved:
    """Closes a shop to its buyers for a time; its console stays open, and paid orders are delivered."""
    return await _move(session, SUSPEND, tenant_id, before(State.SUSPENDED), reason=reason)


async def resume(session: AsyncSession, tenant_id: int) -> Moved:
    """Opens a suspended shop again: `active`, or `overdue` where its plan is not paid for."""
    return await _move(session, RESUME, tenant_id, [State.SUSPENDED])


async def close(session: AsyncSession, tenant_id: int, reason: str, by: str, grace: timedelta) -> Moved:
    """Closes a shop to its buyers, and for good when the grace period is over."""
    until = clock.now() + grace
    return await _move(session, CLOSE, tenant_id, before(State.CLOSING), reason=reason, by=by, until=until)


async def reopen(session: AsyncSession, tenant_id: int) -> Moved:
    """Undoes a closing: the station is again what it was before."""
    return await _move(session, REOPEN, tenant_id, [State.CLOSING])


async def _move(session: AsyncSession, change: str, tenant_id: int, sources: Sequence[str], **values: object) -> Moved:
    statement = text(MOVE.replace("{change}", change))
    row = (await session.execute(statement, {"id": tenant_id, "sources": list(sources), **values})).one_or_none()
    if row is not None:
        return Moved(row.name, State(row.state_held), State(row.state), row.closing_until)
    if (await session.execute(IS_THERE, {"id": tenant_id})).scalar_one():
        raise NotInThisState
    raise StationGone
