"""Who may give money back on the desk without the right to refunds, up to how much of an order, and until when."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.core import clock
from tenants.desk.errors import NoMoneyRight
from tenants.settings import service as rooms
from tenants.settings.service import Room


class Limit(Struct, frozen=True):
    """`limit_cents` for each order; `delegations` are permissions that were lent with it."""

    staff_id: UUID
    staff_name: str
    limit_cents: int
    ends_at: datetime
    delegations: Sequence[UUID]
    given_by: str
    given_at: datetime


async def give(
    session: AsyncSession,
    staff_id: UUID,
    name: str,
    cents: int,
    ends_at: datetime,
    delegations: Sequence[UUID],
    by: str,
) -> None:
    """Instead of what the person had before; what was lent with that still goes when this does."""
    kept = await _kept(session, lock=True)
    before = kept[staff_id].delegations if staff_id in kept else ()
    kept[staff_id] = Limit(staff_id, name, cents, ends_at, [*before, *delegations], by, clock.now())
    await rooms.note(session, Room.DESK, limits=list(kept.values()))


async def take(session: AsyncSession, staff_id: UUID) -> Limit | None:
    """What the person had, or None."""
    kept = await _kept(session, lock=True)
    taken = kept.pop(staff_id, None)
    if taken is not None:
        await rooms.note(session, Room.DESK, limits=list(kept.values()))
    return taken


async def current(session: AsyncSession) -> Sequence[Limit]:
    """Those that have not ended; the one that ends first before the others."""
    now, kept = clock.now(), await _kept(session)
    return sorted((one for one in kept.values() if one.ends_at > now), key=lambda one: (one.ends_at, one.staff_name))


async def of(session: AsyncSession, staff_id: UUID) -> Limit | None:
    return next((one for one in await current(session) if one.staff_id == staff_id), None)


async def most_cents(session: AsyncSession, staff_id: UUID, *, may_refund: bool) -> int | None:
    """What the person may give back of one order; None: any amount. Raises `NoMoneyRight`."""
    if may_refund:
        return None
    limit = await of(session, staff_id)
    if limit is None or not limit.limit_cents:
        raise NoMoneyRight
    return limit.limit_cents


async def _kept(session: AsyncSession, *, lock: bool = False) -> dict[UUID, Limit]:
    """By person, those that have ended too: what was lent with them is taken back by hand."""
    kept = await rooms.read(session, Room.DESK, lock=lock)
    return {one.staff_id: one for one in msgspec.convert(kept.notes.get("limits", []), list[Limit])}
