"""What somebody gave while he had more rights than now: invitations that wait, and permissions that he lent.

They end when his role is changed or cut down. Else an owner who is about to lose his role would keep the link of an
invitation, and be the owner again by it. Master session, in the transaction that takes the rights away.
"""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.core.errors import Forbidden
from kameng.identity import delegations, invitations, roles
from kameng.identity.permissions import Permission
from kameng.identity.roles import BeyondOwn, Giver, place_of

WITH_ROLE = text("SELECT staff_id FROM memberships WHERE place = :place AND role_id = :role_id")
INVITED = text(
    """
    SELECT id, role FROM invitations
    WHERE place = :place AND invited_by_id = :staff_id AND accepted_at IS NULL AND revoked_at IS NULL
    """
)
LENT = text(
    """
    SELECT id, permission FROM delegations
    WHERE place = :place AND given_by_id = :staff_id AND revoked_at IS NULL AND ends_at > now()
    """
)


async def end_of_role(session: AsyncSession, tenant_id: int | None, role_id: int) -> None:
    """After a composed role was changed: for everybody who has it."""
    staff_ids: Sequence[UUID] = (
        await session.scalars(WITH_ROLE, {"place": place_of(tenant_id), "role_id": role_id})
    ).all()
    for staff_id in staff_ids:
        await end(session, tenant_id, staff_id)


async def end(session: AsyncSession, tenant_id: int | None, staff_id: UUID) -> None:
    """After his role was changed: ends what he could not give any more."""
    try:
        giver = await roles.giver_now(session, tenant_id, staff_id)
    except Forbidden:  # he is shut out, and what he gave has ended with that
        return
    of_his = {"place": place_of(tenant_id), "staff_id": staff_id}
    for row in (await session.execute(INVITED, of_his)).all():
        if not _may_give(giver, await roles.permissions_at(session, tenant_id, row.role)):
            await invitations.revoke(session, tenant_id, row.id, roles.MASTER)
    for row in (await session.execute(LENT, of_his)).all():
        if not _may_give(giver, roles.known([row.permission])):
            await delegations.revoke(session, tenant_id, row.id, roles.MASTER)


def _may_give(giver: Giver, permissions: frozenset[Permission]) -> bool:
    try:
        giver.check(permissions)
    except BeyondOwn:
        return False
    return True
