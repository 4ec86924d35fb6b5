"""Changing who works at a place (a station, or the master) and as what.

Whoever changes somebody needs every right that the other one's role has, before and after; nobody changes himself
here; and the last owner (at the master: the last operator) stays. A `Giver` holds the place's team, so two owners who
remove each other at once do not both succeed. Master session; the caller audits.
"""

from datetime import datetime
from uuid import UUID

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.core.errors import NotFound, Refused
from kameng.identity import delegations, invitations, outgrown, roles
from kameng.identity.permissions import Role
from kameng.identity.roles import Giver, place_of

HEADS = text(
    """
    SELECT m.staff_id FROM memberships m JOIN staff s ON s.id = m.staff_id
    WHERE m.place = :place AND m.role = :head AND m.disabled_at IS NULL AND s.disabled_at IS NULL
    """
)
ONE = text(
    """
    SELECT s.id, s.login, s.name, m.role, r.name AS role_name, r.permissions,
        m.disabled_at IS NOT NULL AS is_disabled, m.created_at, m.last_sign_in_at
    FROM memberships m JOIN staff s ON s.id = m.staff_id LEFT JOIN roles r ON r.id = m.role_id
    WHERE m.place = :place AND m.staff_id = :staff_id
    """
)
SET_ROLE = text("UPDATE memberships SET role = :role WHERE place = :place AND staff_id = :staff_id")
SET_DISABLED = text(
    """
    UPDATE memberships SET disabled_at = CASE WHEN :disabled THEN now() END
    WHERE place = :place AND staff_id = :staff_id
    """
)
REMOVE = text("DELETE FROM memberships WHERE place = :place AND staff_id = :staff_id")


class MemberGone(NotFound):
    """This person does not work here."""

    message = "This person does not work here any more."


class LastOwner(Refused):
    """Nobody would be left who may do everything."""

    message = "Somebody has to stay who may do everything. Make another person an owner first."


class NotYourself(Refused):
    message = "You cannot change your own role or state. Ask another person of the team."


class Person(Struct, frozen=True):
    """A member with what his role allows."""

    id: UUID
    login: str
    name: str
    role: str
    role_name: str | None
    permissions: list[str] | None
    is_disabled: bool
    created_at: datetime
    last_sign_in_at: datetime | None


async def person(session: AsyncSession, tenant_id: int | None, staff_id: UUID) -> Person:
    """Raises `MemberGone`."""
    row = (await session.execute(ONE, {"place": place_of(tenant_id), "staff_id": staff_id})).mappings().one_or_none()
    if row is None:
        raise MemberGone
    return Person(**row)


async def change_role(session: AsyncSession, tenant_id: int | None, staff_id: UUID, role: str, by: Giver) -> Person:
    """Returns the member as he was. Raises `MemberGone`, `Invalid`, `BeyondOwn`, `NotYourself`, `LastOwner`."""
    before = await _held(session, tenant_id, staff_id, by)
    by.check(await roles.permissions_at(session, tenant_id, role))
    if role != before.role:
        await _keep_a_head(session, tenant_id, before)
        values = {"place": place_of(tenant_id), "staff_id": staff_id, "role": role}
        await session.execute(SET_ROLE, values)
        await outgrown.end(session, tenant_id, staff_id)
    return before


async def disable(session: AsyncSession, tenant_id: int | None, staff_id: UUID, by: Giver, *, disabled: bool) -> Person:
    """Shuts a member out of this place, or lets him in again; what he was stays. Returns him as he was. Raises as
    `change_role`.
    """
    before = await _held(session, tenant_id, staff_id, by)
    if disabled:
        await _keep_a_head(session, tenant_id, before)
        await _end_what_he_gave(session, tenant_id, staff_id)
    values = {"place": place_of(tenant_id), "staff_id": staff_id, "disabled": disabled}
    await session.execute(SET_DISABLED, values)
    return before


async def remove(session: AsyncSession, tenant_id: int | None, staff_id: UUID, by: Giver) -> Person:
    """Ends the membership; the account stays, since its name stands in logs and it may work elsewhere. Returns the
    member as he was. Raises as `change_role`.
    """
    before = await _held(session, tenant_id, staff_id, by)
    await _keep_a_head(session, tenant_id, before)
    await _end_what_he_gave(session, tenant_id, staff_id)
    await delegations.revoke_all_to(session, tenant_id, staff_id)
    await session.execute(REMOVE, {"place": place_of(tenant_id), "staff_id": staff_id})
    return before


async def _held(session: AsyncSession, tenant_id: int | None, staff_id: UUID, by: Giver) -> Person:
    """The member, if `by` may change him."""
    found = await person(session, tenant_id, staff_id)
    if staff_id == by.id:
        raise NotYourself
    by.check(roles.resolve(found.role, found.permissions))
    return found


async def _keep_a_head(session: AsyncSession, tenant_id: int | None, leaving: Person) -> None:
    if leaving.role != _head(tenant_id) or leaving.is_disabled:
        return
    heads = await session.execute(HEADS, {"place": place_of(tenant_id), "head": _head(tenant_id)})
    if {row.staff_id for row in heads} <= {leaving.id}:
        raise LastOwner


async def _end_what_he_gave(session: AsyncSession, tenant_id: int | None, staff_id: UUID) -> None:
    await invitations.revoke_all_by(session, tenant_id, staff_id)
    await delegations.revoke_all_by(session, tenant_id, staff_id)


def _head(tenant_id: int | None) -> str:
    return str(Role.OPERATOR if tenant_id is None else Role.OWNER)
