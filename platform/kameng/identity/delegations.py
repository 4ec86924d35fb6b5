"""One permission, lent to one person until a moment: the refunds to the deputy until Friday.

It ends by itself, because it is looked at in each resolution of somebody's rights (`standing`). Master session; the
caller audits.
"""

from datetime import datetime, timedelta
from uuid import UUID

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.core import clock, ids
from kameng.core.errors import Invalid, NotFound, Refused
from kameng.identity import roles
from kameng.identity.permissions import Permission
from kameng.identity.roles import Giver, place_of

LONGEST = timedelta(days=366)
MOST = 100

INSERT = text(
    """
    INSERT INTO delegations (id, tenant_id, staff_id, permission, note, given_by, given_by_id, ends_at)
    VALUES (:id, :tenant_id, :staff_id, :permission, :note, :by, :by_id, :ends_at)
    """
)
OPEN = text(
    """
    SELECT d.id, d.staff_id, s.name AS staff_name, d.permission, d.note, d.given_by, d.created_at, d.ends_at
    FROM delegations d JOIN staff s ON s.id = d.staff_id
    WHERE d.place = :place AND d.revoked_at IS NULL AND d.ends_at > now() ORDER BY d.ends_at, d.id LIMIT :limit
    """
)
MEMBER = text(
    """
    SELECT m.role, r.permissions FROM memberships m LEFT JOIN roles r ON r.id = m.role_id
    WHERE m.place = :place AND m.staff_id = :staff_id FOR SHARE OF m
    """
)
REVOKE = text(
    """
    UPDATE delegations d SET revoked_at = now() FROM staff s
    WHERE d.place = :place AND d.id = :id AND s.id = d.staff_id AND d.revoked_at IS NULL AND d.ends_at > now()
    RETURNING d.id, d.staff_id, s.name AS staff_name, d.permission, d.note, d.given_by, d.created_at, d.ends_at
    """
)
REVOKE_TO = text(
    "UPDATE delegations SET revoked_at = now() WHERE place = :place AND staff_id = :staff_id AND revoked_at IS NULL"
)
REVOKE_BY = text(
    "UPDATE delegations SET revoked_at = now() WHERE place = :place AND given_by_id = :staff_id AND revoked_at IS NULL"
)


class DelegationGone(NotFound):
    message = "This delegation has ended already."


class HasIt(Refused):
    """His role allows it anyway."""

    message = "This person's role has this permission already."


class Delegation(Struct, frozen=True):
    """What is lent now."""

    id: UUID
    staff_id: UUID
    staff_name: str
    permission: str
    note: str
    given_by: str
    created_at: datetime
    ends_at: datetime


async def lend(
    session: AsyncSession,
    tenant_id: int | None,
    staff_id: UUID,
    permission: Permission,
    ends_at: datetime,
    note: str,
    by: Giver,
) -> UUID:
    """Raises `Invalid` at `staff_id`, `ends_at` or `permission`, `BeyondOwn`, `HasIt`."""
    now = clock.now()
    if not now < ends_at <= now + LONGEST:
        raise Invalid({"ends_at": "Choose a time in the future, at most a year from now."})
    if by.id is None or permission not in roles.grantable(tenant_id):
        raise Invalid({"permission": "Choose one of the list."})
    by.check([permission])
    row = (await session.execute(MEMBER, {"place": place_of(tenant_id), "staff_id": staff_id})).one_or_none()
    if row is None:
        raise Invalid({"staff_id": "This person does not work here any more."})
    if permission in roles.resolve(row.role, row.permissions):
        raise HasIt(field="permission")
    delegation_id = ids.uuid7()
    await session.execute(
        INSERT,
        {
            "id": delegation_id,
            "tenant_id": tenant_id,
            "staff_id": staff_id,
            "permission": str(permission),
            "note": note,
            "by": by.name,
            "by_id": by.id,
            "ends_at": ends_at,
        },
    )
    return delegation_id


async def current(session: AsyncSession, tenant_id: int | None) -> list[Delegation]:
    """What is lent at this place now, the first to end first."""
    rows = await session.execute(OPEN, {"place": place_of(tenant_id), "limit": MOST})
    return [Delegation(**row) for row in rows.mappings()]


async def revoke(session: AsyncSession, tenant_id: int | None, delegation_id: UUID, by: Giver) -> Delegation:
    """Returns what has ended with this. Raises `DelegationGone`, `BeyondOwn` unless `by` could lend it himself."""
    values = {"place": place_of(tenant_id), "id": delegation_id}
    row = (await session.execute(REVOKE, values)).mappings().one_or_none()
    if row is None:
        raise DelegationGone
    by.check(roles.known([row["permission"]]))
    return Delegation(**row)


async def revoke_all_to(session: AsyncSession, tenant_id: int | None, staff_id: UUID) -> None:
    """What was lent to somebody who leaves."""
    await session.execute(REVOKE_TO, {"place": place_of(tenant_id), "staff_id": staff_id})


async def revoke_all_by(session: AsyncSession, tenant_id: int | None, staff_id: UUID) -> None:
    """What somebody who leaves has lent to others."""
    await session.execute(REVOKE_BY, {"place": place_of(tenant_id), "staff_id": staff_id})
