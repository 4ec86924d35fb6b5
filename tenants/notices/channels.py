"""The ways on which notices leave the page. A channel is the whole team's, or one person's own."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.infra.crypto import Sealer
from kameng.infra.messenger import new_secret
from tenants.notices.errors import ChannelGone, TooManyChannels
from tenants.notices.kinds import Kind, Way
from tenants.notices.rules import Rules

SEALED = "notice_channels.sealed"
MOST = 20  # of the team, and of each person

COLUMNS = (
    "id, kind, name, staff_id, shown, choices, rules, state, made_at, last_at, last_outcome, last_code, last_answer"
)
OF = """
    FROM notice_channels WHERE state <> 'removed' AND (staff_id = :staff_id OR (:with_teams AND staff_id IS NULL))
"""
ALL = text(f"SELECT {COLUMNS} {OF} ORDER BY staff_id IS NOT NULL, id LIMIT 100")
ACTIVE = text(f"SELECT {COLUMNS} FROM notice_channels WHERE state = 'active' ORDER BY id")  # noqa: S608 - constants
ONE = f"""
    SELECT {COLUMNS} FROM notice_channels
    WHERE id = :id AND state <> 'removed' AND staff_id IS NOT DISTINCT FROM CAST(:staff_id AS uuid)
"""  # noqa: S608 - constants
FIND, LOCK = text(ONE), text(ONE + " FOR UPDATE")
HOLD = text("SELECT pg_advisory_xact_lock(hashtext('notice_channels'), hashtext(current_schema()))")
COUNT = text(
    "SELECT count(*) FROM notice_channels"
    " WHERE state <> 'removed' AND staff_id IS NOT DISTINCT FROM CAST(:staff_id AS uuid)"
)
INSERT = text(
    "INSERT INTO notice_channels (kind, name, staff_id, rules)"
    " VALUES (:kind, :name, :staff_id, CAST(:rules AS jsonb)) RETURNING id"
)
SEAL = text("UPDATE notice_channels SET sealed = :sealed, shown = :shown WHERE id = :id")
CHANGE = text("UPDATE notice_channels SET name = :name, rules = CAST(:rules AS jsonb) WHERE id = :id")
OPEN = text("SELECT sealed FROM notice_channels WHERE id = :id AND state <> 'removed'")
SET_STATE = text("UPDATE notice_channels SET state = :state WHERE id = :id")
# What was sealed goes with the channel.
REMOVE = text("UPDATE notice_channels SET state = 'removed', sealed = NULL WHERE id = :id")
DROP = text(
    "UPDATE notice_deliveries SET state = 'dropped', code = 'channel_removed', ended_at = now()"
    " WHERE channel_id = :id AND state = 'waiting'"
)
CHOOSE = text("UPDATE notice_channels SET choices = CAST(:choices AS jsonb) WHERE id = :id")


class Target(Struct, frozen=True):
    """Where a channel leads: an e-mail address, a chat, a URL; with a bot's token or a signing key."""

    to: str
    secret: str = ""


class Channel(Struct, frozen=True, kw_only=True):
    """`staff_id` is whose own it is; `shown` is what may be said of where it leads; `choices` are kinds of notices that
    it carries, or does not, other than the catalogue says."""

    id: int
    kind: Way
    name: str
    staff_id: UUID | None
    shown: str
    choices: Mapping[str, bool]
    rules: Rules
    state: str
    made_at: datetime
    last_at: datetime | None
    last_outcome: str
    last_code: str
    last_answer: str

    def carries(self, kind: Kind) -> bool:
        """Whether notices of this kind go out on it."""
        return self.choices.get(kind.code, self.kind in kind.ways)


class Draft(Struct, frozen=True, kw_only=True):
    """A channel to be, or to become. An empty `secret` of a channel that is there stays what it was."""

    kind: Way
    name: str
    to: str
    shown: str
    secret: str = ""
    rules: Rules = Rules()


def channel_of(row: Mapping[Any, Any]) -> Channel:
    return msgspec.convert(dict(row), Channel)


async def seen_by(session: AsyncSession, staff_id: UUID, *, with_teams: bool) -> Sequence[Channel]:
    """A person's own channels, after the team's."""
    rows = await session.execute(ALL, {"staff_id": staff_id, "with_teams": with_teams})
    return [channel_of(row) for row in rows.mappings()]


async def active(session: AsyncSession) -> Sequence[Channel]:
    return [channel_of(row) for row in (await session.execute(ACTIVE)).mappings()]


async def channel(session: AsyncSession, channel_id: int, staff_id: UUID | None, *, lock: bool = False) -> Channel:
    """One of this person's own, or (None) of the team. Raises `ChannelGone`."""
    values = {"id": channel_id, "staff_id": staff_id}
    row = (await session.execute(LOCK if lock else FIND, values)).mappings().one_or_none()
    if row is None:
        raise ChannelGone
    return channel_of(row)


async def add(session: AsyncSession, sealer: Sealer, draft: Draft, staff_id: UUID | None) -> tuple[int, str]:
    """A new channel; returns its number, and its secret, which a webhook has from us. Raises `TooManyChannels`."""
    await session.execute(HOLD)
    if (await session.execute(COUNT, {"staff_id": staff_id})).scalar_one() >= MOST:
        raise TooManyChannels(most=MOST)
    values = {"kind": draft.kind, "name": draft.name, "staff_id": staff_id, "rules": _json(draft.rules)}
    channel_id = int((await session.execute(INSERT, values)).scalar_one())
    secret = new_secret() if draft.kind is Way.WEBHOOK else draft.secret
    await _seal(session, sealer, channel_id, Target(draft.to, secret), draft.shown)
    return channel_id, secret


async def change(
    session: AsyncSession, sealer: Sealer, channel_id: int, staff_id: UUID | None, draft: Draft, *, renew: bool = False
) -> tuple[Channel, str]:
    """Changes a channel; returns what it was, and a new signing key where one was to be made. Raises `ChannelGone`."""
    before = await channel(session, channel_id, staff_id, lock=True)
    kept = await target(session, sealer, channel_id)
    fresh = new_secret() if renew and before.kind is Way.WEBHOOK else ""
    await session.execute(CHANGE, {"id": channel_id, "name": draft.name, "rules": _json(draft.rules)})
    await _seal(session, sealer, channel_id, Target(draft.to, fresh or draft.secret or kept.secret), draft.shown)
    return before, fresh


async def target(session: AsyncSession, sealer: Sealer, channel_id: int) -> Target:
    """Where a channel leads, opened. Raises `ChannelGone`."""
    sealed = (await session.execute(OPEN, {"id": channel_id})).scalar_one_or_none()
    if sealed is None:
        raise ChannelGone
    return msgspec.json.decode(sealer.open(SEALED, channel_id, bytes(sealed)), type=Target)


async def pause(session: AsyncSession, channel_id: int, staff_id: UUID | None, *, paused: bool) -> Channel:
    """What waits goes on waiting while a channel is paused; what is told meanwhile never goes out on it. Raises
    `ChannelGone`."""
    found = await channel(session, channel_id, staff_id, lock=True)
    await session.execute(SET_STATE, {"id": channel_id, "state": "paused" if paused else "active"})
    return found


async def remove(session: AsyncSession, channel_id: int, staff_id: UUID | None) -> Channel:
    """Its log stays, its secret goes. Raises `ChannelGone`."""
    found = await channel(session, channel_id, staff_id, lock=True)
    await session.execute(REMOVE, {"id": channel_id})
    await session.execute(DROP, {"id": channel_id})
    return found


async def choose(session: AsyncSession, one: Channel, wanted: Mapping[str, bool]) -> None:
    """What a channel carries from now on: for each kind that is named, yes or no."""
    await session.execute(CHOOSE, {"id": one.id, "choices": _json({**one.choices, **wanted})})


async def _seal(session: AsyncSession, sealer: Sealer, channel_id: int, where: Target, shown: str) -> None:
    sealed = sealer.seal(SEALED, channel_id, _json(where))
    await session.execute(SEAL, {"id": channel_id, "sealed": sealed, "shown": shown})


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
