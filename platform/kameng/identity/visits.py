"""The operator at a station's console: with a reason, for an hour, seen by everybody there.

A visit is a row that the station's own session writes together with the line in the station's log, so there is no visit
without its line. It ends when the operator leaves, when the owner ends it, or by itself; each is a line in the log too.
"""

from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.audit import service as audit
from kameng.core import clock, ids
from kameng.core.errors import NotFound
from kameng.identity.standing import Visit
from kameng.infra import outbox
from kameng.infra.outbox import Event
from kameng.infra.runtime import Runtime
from kameng.infra.tasks import follows
from kameng.infra.tenancy import Tenant

LASTS = timedelta(hours=1)

INSERT = text(
    """
    INSERT INTO visits (id, tenant_id, staff_id, name, reason, mode, ends_at)
    VALUES (:id, current_tenant(), :staff_id, :name, :reason, :mode, :ends_at)
    """
)
END = text(
    """
    UPDATE visits SET ended_at = now() WHERE id = :id AND ended_at IS NULL RETURNING id, name, reason, mode, ends_at
    """
)


LATEST = text(
    """
    SELECT id, name, reason, mode, begun_at, least(coalesce(ended_at, ends_at), ends_at) AS ended_at,
        ended_at IS NULL AND ends_at > now() AS lasts
    FROM visits WHERE tenant_id = :tenant_id ORDER BY begun_at DESC LIMIT :limit
    """
)


class Past(Struct, frozen=True):
    """A visit in the list at the master; `ended_at` is when it ended or will."""

    id: UUID
    name: str
    reason: str
    mode: str
    begun_at: datetime
    ended_at: datetime
    lasts: bool


class VisitGone(NotFound):
    message = "This visit has ended already."


class VisitRunsOut(Event, frozen=True):
    """A visit's hour is over; followed when that is so."""

    visit_id: UUID


class By(Struct, frozen=True):
    """Who begins or ends a visit, for the log."""

    name: str
    address: str


async def begin(
    session: AsyncSession, staff_id: UUID, name: str, reason: str, mode: Literal["view", "act"], address: str
) -> Visit:
    """A visit that begins now; `name` is the operator's. The tenant's session."""
    visit = Visit(ids.uuid7(), name, reason, mode, clock.now() + LASTS)
    await session.execute(
        INSERT,
        {
            "id": visit.id,
            "staff_id": staff_id,
            "name": name,
            "reason": reason,
            "mode": mode,
            "ends_at": visit.ends_at,
        },
    )
    await outbox.record(session, VisitRunsOut(visit.id), delay=LASTS)
    detail = {"reason": reason, "mode": mode}
    await audit.record(session, visit.actor, "visits.begin", str(visit.id), detail, address)
    return visit


async def latest(session: AsyncSession, tenant_id: int, limit: int = 20) -> list[Past]:
    """The newest visits at a station. Master session."""
    rows = await session.execute(LATEST, {"tenant_id": tenant_id, "limit": limit})
    return [Past(**row) for row in rows.mappings()]


async def end(session: AsyncSession, visit_id: UUID, by: By) -> None:
    """Ends it at once for whoever is asked within the next two seconds, and writes who did. The tenant's session.

    Raises `VisitGone`.
    """
    row = (await session.execute(END, {"id": visit_id})).one_or_none()
    if row is None:
        raise VisitGone
    detail = {"visitor": row.name, "reason": row.reason}
    await audit.record(session, by.name, "visits.end", str(visit_id), detail, by.address)


@follows(VisitRunsOut)
async def end_what_ran_out(event: VisitRunsOut, tenant: Tenant, runtime: Runtime) -> None:  # noqa: ARG001 - a follower
    """A visit that was ended before is left alone."""
    async with tenant.begin() as session:
        try:
            await end(session, event.visit_id, By("system", ""))
        except VisitGone:
            return
