"""Roles at one place (a station, or the master): the built-in ones, and those that are composed of permissions.

A composed role is written `custom.<id>` wherever a role stands. Nobody gives what he does not have: every change
here is made by a `Giver`, whose rights are read in the same transaction.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from msgspec import Struct
from sqlalchemy import Row, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.core.errors import Conflict, Forbidden, Invalid, NotFound, Refused
from kameng.identity.permissions import PERMISSIONS, STATION_ROLES, Permission, Role, permissions_of

CUSTOM = "custom."
CUSTOM_FORM = re.compile(r"custom\.([1-9][0-9]{0,8})")
BUILT_IN: Mapping[bool, Sequence[Role]] = {True: (Role.OPERATOR,), False: STATION_ROLES}  # by "is the master"
# Whoever holds one of these at a station can come by the rest, so only its owner hands them on.
GUARDED = frozenset({Permission.TEAM_WRITE, Permission.SETTINGS_WRITE, Permission.IDENTITY_WRITE})
MOST = 30

ALL = text(
    """
    SELECT r.id, r.name, r.permissions, (SELECT count(*) FROM memberships m WHERE m.role_id = r.id) AS members
    FROM roles r WHERE r.place = :place ORDER BY lower(r.name)
    """
)
ONE = text(
    """
    SELECT r.id, r.name, r.permissions, (SELECT count(*) FROM memberships m WHERE m.role_id = r.id) AS members
    FROM roles r WHERE r.place = :place AND r.id = :id
    """
)
LOCK = text("SELECT id FROM roles WHERE place = :place AND id = :id FOR UPDATE")
INSERT = text("INSERT INTO roles (tenant_id, name, permissions) VALUES (:tenant_id, :name, :permissions) RETURNING id")
UPDATE = text("UPDATE roles SET name = :name, permissions = :permissions WHERE place = :place AND id = :id")
# Invitations that were answered or have ended do not keep a role; who took one up has a membership.
FREE = text(
    """
    DELETE FROM invitations WHERE place = :place AND role_id = :id
        AND (accepted_at IS NOT NULL OR revoked_at IS NOT NULL OR expires_at <= now())
    """
)
DELETE = text("DELETE FROM roles WHERE place = :place AND id = :id RETURNING name")
GIVER = text(
    """
    SELECT s.id, s.name, m.role, r.permissions FROM memberships m JOIN staff s ON s.id = m.staff_id
    LEFT JOIN roles r ON r.id = m.role_id
    WHERE m.staff_id = :staff_id AND m.place = :place AND m.disabled_at IS NULL AND s.disabled_at IS NULL
    """
)
HOLD = text("SELECT pg_advisory_xact_lock(:subject, :place)")
TEAM_OF = 7_301  # the first half of the lock's key: the team of a place


class RoleGone(NotFound):
    """There is no such role here."""

    message = "This role does not exist here."


class RoleNameTaken(Conflict):
    """Another role of the place has this name."""

    message = "Another role has this name."


class RoleInUse(Refused):
    """Somebody has it, or is invited to it."""

    message = "Somebody has this role or is invited to it. Give them another one first."


class BeyondOwn(Forbidden):
    """More would be given, or taken from somebody who has more, than the giver has himself."""

    message = "You can only give and take rights that your own role has."


class TooManyRoles(Refused):
    message = "There are 30 roles already. Change one of them."


class RoleLine(Struct, frozen=True):
    """A composed role; `members` is how many have it."""

    id: int
    name: str
    permissions: frozenset[Permission]
    members: int

    @property
    def code(self) -> str:
        return f"{CUSTOM}{self.id}"


class Giver(Struct, frozen=True):
    """Somebody who gives and takes rights. `own` are those of his role: what was only lent him he cannot hand on."""

    id: UUID | None
    name: str
    is_head: bool  # an owner of the station, an operator of the master
    own: frozenset[Permission]

    def check(self, permissions: Iterable[Permission]) -> None:
        """Raises `BeyondOwn`."""
        wanted = frozenset(permissions)
        if not wanted <= self.own or (wanted & GUARDED and not self.is_head):
            raise BeyondOwn


MASTER = Giver(None, "", True, frozenset(Permission))


def place_of(tenant_id: int | None) -> int:
    """How a place is keyed in the tables: 0 is the master."""
    return tenant_id or 0


def known(codes: Sequence[str] | None) -> frozenset[Permission]:
    """Permissions as the database keeps them; those that this program no longer knows are left out."""
    values = {str(one): one for one in Permission}
    return frozenset(values[code] for code in codes or () if code in values)


def grantable(tenant_id: int | None) -> frozenset[Permission]:
    """All that anybody can hold at this place."""
    return PERMISSIONS[Role.OPERATOR if tenant_id is None else Role.OWNER]


def is_head(role: str, tenant_id: int | None) -> bool:
    """Whether the role is the first one of its place, of which one must always remain."""
    return role == (Role.OPERATOR if tenant_id is None else Role.OWNER)


async def composed(session: AsyncSession, tenant_id: int | None) -> list[RoleLine]:
    """The roles that were composed here, by name. Master session, as everything here."""
    rows = await session.execute(ALL, {"place": place_of(tenant_id)})
    return [_line(row) for row in rows]


async def one(session: AsyncSession, tenant_id: int | None, role_id: int) -> RoleLine:
    """Raises `RoleGone`."""
    row = (await session.execute(ONE, {"place": place_of(tenant_id), "id": role_id})).one_or_none()
    if row is None:
        raise RoleGone
    return _line(row)


async def permissions_at(session: AsyncSession, tenant_id: int | None, role: str) -> frozenset[Permission]:
    """What `role` may do at this place. Raises `Invalid` for a role that does not exist there."""
    for built_in in BUILT_IN[tenant_id is None]:
        if role == built_in:
            return PERMISSIONS[built_in]
    found = CUSTOM_FORM.fullmatch(role)
    if found:
        row = (await session.execute(ONE, {"place": place_of(tenant_id), "id": int(found[1])})).one_or_none()
        if row is not None:
            return _line(row).permissions
    raise Invalid({"role": "This role does not exist here."})


async def giver(session: AsyncSession, tenant_id: int | None, staff_id: UUID) -> Giver:
    """The person with what his role allows, for a change: until the end of the transaction nobody else changes the
    team of this place, so what was looked at stays true. Raises `Forbidden` when he does not work here any more.
    """
    await session.execute(HOLD, {"subject": TEAM_OF, "place": place_of(tenant_id)})
    return await giver_now(session, tenant_id, staff_id)


async def giver_now(session: AsyncSession, tenant_id: int | None, staff_id: UUID) -> Giver:
    """The same for a page that only shows what he could do."""
    row = (await session.execute(GIVER, {"staff_id": staff_id, "place": place_of(tenant_id)})).one_or_none()
    if row is None:
        raise Forbidden
    own = resolve(row.role, row.permissions)
    return Giver(row.id, row.name, is_head(row.role, tenant_id), own)


def resolve(role: str, permissions: Sequence[str] | None) -> frozenset[Permission]:
    """What a role may do: of the built-in ones by the code, of a composed one what its row says."""
    return known(permissions) if role.startswith(CUSTOM) else permissions_of(role)


async def add(
    session: AsyncSession, tenant_id: int | None, name: str, permissions: Iterable[Permission], by: Giver
) -> int:
    """A new role; returns its number. Raises `Invalid`, `BeyondOwn`, `RoleNameTaken`, `TooManyRoles`."""
    wanted = _checked(tenant_id, permissions, by)
    if len(await composed(session, tenant_id)) >= MOST:
        raise TooManyRoles(field="name")
    values = {"tenant_id": tenant_id, "name": name, "permissions": wanted}
    try:
        async with session.begin_nested():
            return int((await session.execute(INSERT, values)).scalar_one())
    except IntegrityError as error:  # of the name: nothing else of a new role can be taken
        raise RoleNameTaken(field="name") from error


async def change(
    session: AsyncSession,
    tenant_id: int | None,
    role_id: int,
    name: str,
    permissions: Iterable[Permission],
    by: Giver,
) -> RoleLine:
    """Returns the role as it was before. Raises `RoleGone`, and what `add` raises."""
    await session.execute(LOCK, {"place": place_of(tenant_id), "id": role_id})
    before = await one(session, tenant_id, role_id)
    by.check(before.permissions)
    values = {
        "place": place_of(tenant_id),
        "id": role_id,
        "name": name,
        "permissions": _checked(tenant_id, permissions, by),
    }
    try:
        async with session.begin_nested():
            await session.execute(UPDATE, values)
    except IntegrityError as error:
        raise RoleNameTaken(field="name") from error
    return before


async def remove(session: AsyncSession, tenant_id: int | None, role_id: int, by: Giver) -> RoleLine:
    """Returns the role that was there. Raises `RoleGone`, `BeyondOwn`, `RoleInUse`."""
    values = {"place": place_of(tenant_id), "id": role_id}
    await session.execute(LOCK, values)
    before = await one(session, tenant_id, role_id)
    by.check(before.permissions)
    await session.execute(FREE, values)
    try:
        async with session.begin_nested():
            await session.execute(DELETE, values)
    except IntegrityError as error:  # a membership or an open invitation holds it
        raise RoleInUse from error
    return before


def _checked(tenant_id: int | None, permissions: Iterable[Permission], by: Giver) -> list[str]:
    wanted = frozenset(permissions) & grantable(tenant_id)
    if not wanted:
        raise Invalid({"permissions": "Choose at least one permission."})
    by.check(wanted)
    return sorted(str(one) for one in wanted)


def _line(row: Row[Any]) -> RoleLine:
    return RoleLine(row.id, row.name, known(row.permissions), row.members)
