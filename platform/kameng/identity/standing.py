"""What a person at a console may do at this moment, whatever his session was told when he signed in.

One query: his role's permissions and those that are lent to him, the stations he can switch to, and the visits of the
operator that everybody is to see. A process remembers the answer for `TTL_S`, so who is removed, disabled or given
another role is treated so within two seconds, without being signed out.
"""

import time
from collections.abc import Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec
from msgspec import Struct
from sqlalchemy import text

from kameng.identity import roles
from kameng.identity.permissions import PERMISSIONS, Permission, Role
from kameng.identity.roles import place_of
from kameng.infra.db import Database

TTL_S = 2.0
CAPACITY = 10_000
VISITOR = "master.visitor"  # what the operator is at a station's console
# A visit must not leave behind what outlasts it: an account, a role, a key to the station's API.
NOT_ON_A_VISIT = frozenset({Permission.TEAM_WRITE, Permission.KEYS_WRITE})

MEMBER = text(
    """
    SELECT s.name, m.role, r.name AS role_name, r.permissions,
        ARRAY(SELECT DISTINCT d.permission FROM delegations d
              WHERE d.place = m.place AND d.staff_id = s.id AND d.revoked_at IS NULL AND d.ends_at > now()) AS lent,
        (SELECT coalesce(jsonb_agg(jsonb_build_object('id', o.place, 'name', t.name)
                                   ORDER BY o.place = 0 DESC, t.name), '[]')
         FROM (SELECT * FROM memberships o WHERE o.staff_id = s.id AND o.disabled_at IS NULL
               ORDER BY o.created_at LIMIT 50) o
         LEFT JOIN tenants t ON t.id = o.tenant_id WHERE o.place = 0 OR t.state <> 'closed') AS places,
        (SELECT coalesce(jsonb_agg(jsonb_build_object('id', v.id, 'name', v.name, 'reason', v.reason, 'mode', v.mode,
                                                      'ends_at', v.ends_at) ORDER BY v.begun_at), '[]')
         FROM visits v WHERE v.tenant_id = m.tenant_id AND v.ended_at IS NULL AND v.ends_at > now()) AS visits
    FROM staff s JOIN memberships m ON m.staff_id = s.id AND m.place = :place
    LEFT JOIN roles r ON r.id = m.role_id
    WHERE s.id = :staff_id AND s.disabled_at IS NULL AND m.disabled_at IS NULL
    """
)
# A visit lasts as long as the visitor may visit: his membership of the master is looked at too.
VISITING = text(
    """
    SELECT v.id, v.name, v.reason, v.mode, v.ends_at, m.role, r.permissions
    FROM visits v JOIN staff s ON s.id = v.staff_id AND s.disabled_at IS NULL
    JOIN memberships m ON m.staff_id = s.id AND m.place = 0 AND m.disabled_at IS NULL
    LEFT JOIN roles r ON r.id = m.role_id
    WHERE v.id = :visit_id AND v.staff_id = :staff_id AND v.tenant_id = :place
        AND v.ended_at IS NULL AND v.ends_at > now()
    """
)


class Place(Struct, frozen=True):
    """A station that a person works at; 0 is the master, which has no `name` here."""

    id: int
    name: str | None


class Visit(Struct, frozen=True):
    """The operator at a station's console: who, why, until when. `mode` view: he can change nothing."""

    id: UUID
    name: str
    reason: str
    mode: Literal["view", "act"]
    ends_at: datetime

    @property
    def actor(self) -> str:
        """The name under which his acts stand in the station's log."""
        return f"master: {self.name}"


class Standing(Struct, frozen=True, kw_only=True):
    """`role_name` is that of a composed role. `own` are the role's permissions, `permissions` those and what is lent.
    `visit` is the visit that this person makes, `visits` all that last at this station.
    """

    name: str
    role: str
    role_name: str | None
    own: frozenset[Permission]
    permissions: frozenset[Permission]
    places: Sequence[Place] = ()
    visit: Visit | None = None
    visits: Sequence[Visit] = ()


_Key = tuple[UUID, int, UUID | None]
_known: dict[_Key, tuple[float, Standing | None]] = {}


async def of(
    database: Database, staff_id: UUID, tenant_id: int | None, visit_id: UUID | None = None
) -> Standing | None:
    """How this person stands at a station (None: the master), or None when he is nobody there any more."""
    key = (staff_id, place_of(tenant_id), visit_id)
    remembered = _known.get(key)
    if remembered is not None and remembered[0] > time.monotonic():
        return remembered[1]
    found = await (_member(database, key) if visit_id is None else _visitor(database, key))
    if len(_known) >= CAPACITY:
        _known.clear()
    _known[key] = (time.monotonic() + TTL_S, found)
    return found


def forget() -> None:
    """Drops what this process remembers; for whoever has just changed somebody's rights."""
    _known.clear()


async def _member(database: Database, key: _Key) -> Standing | None:
    async with database.master_session() as session:
        row = (await session.execute(MEMBER, {"staff_id": key[0], "place": key[1]})).one_or_none()
    if row is None:
        return None
    own = roles.resolve(row.role, row.permissions)
    lent = roles.known(row.lent) & roles.grantable(key[1] or None)
    return Standing(
        name=row.name,
        role=row.role,
        role_name=row.role_name,
        own=own,
        permissions=own | lent,
        places=msgspec.convert(row.places, list[Place]),
        visits=msgspec.convert(row.visits, list[Visit]),
    )


async def _visitor(database: Database, key: _Key) -> Standing | None:
    async with database.master_session() as session:
        values = {"staff_id": key[0], "place": key[1], "visit_id": key[2]}
        row = (await session.execute(VISITING, values)).one_or_none()
    if row is None or Permission.STATIONS_ENTER not in roles.resolve(row.role, row.permissions):
        return None
    visit = Visit(row.id, row.name, row.reason, row.mode, row.ends_at)
    allowed = visit_permissions(visit.mode)
    return Standing(
        name=visit.actor,
        role=VISITOR,
        role_name=None,
        own=allowed,
        permissions=allowed,
        visit=visit,
        visits=[visit],
    )


def visit_permissions(mode: str) -> frozenset[Permission]:
    """Looking shows all that the owner sees; acting leaves out what would outlast the visit."""
    everything = PERMISSIONS[Role.OWNER] - NOT_ON_A_VISIT
    if mode == "act":
        return everything
    return frozenset(one for one in everything if one.endswith(".read"))
