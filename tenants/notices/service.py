"""Telling people, and noting that they have read it. A tenant's session, or the master's for the master's notices."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.infra import outbox
from kameng.infra.outbox import Event

# Twice the same fact is one notice: while it is unread, and for some minutes after that, since whoever follows an event
# may do so twice.
TELL = text(
    """
    INSERT INTO notices (kind, subject, detail)
    SELECT :kind, :subject, CAST(:detail AS jsonb)
    WHERE NOT EXISTS (SELECT FROM notices WHERE kind = :kind AND subject = :subject
                      AND detail = CAST(:detail AS jsonb) AND read_at > now() - interval '10 minutes')
    ON CONFLICT (kind, subject) WHERE read_at IS NULL DO NOTHING RETURNING id
    """
)
TELL_ONCE = text(
    """
    INSERT INTO notices (kind, subject, detail) SELECT :kind, :subject, CAST(:detail AS jsonb)
    WHERE NOT EXISTS (SELECT FROM notices WHERE kind = :kind AND subject = :subject)
    ON CONFLICT (kind, subject) WHERE read_at IS NULL DO NOTHING RETURNING id
    """
)
READ = text("UPDATE notices SET read_at = now() WHERE id = :id AND read_at IS NULL")
READ_ALL = text(
    "UPDATE notices SET read_at = now() WHERE read_at IS NULL AND kind = ANY(:kinds) AND id <= :upto RETURNING id"
)
SETTLE = text("UPDATE notices SET read_at = now() WHERE read_at IS NULL AND kind = :kind AND subject = ANY(:subjects)")
MUTE = text(
    "INSERT INTO notice_people (staff_id, muted) VALUES (:staff_id, :muted)"
    " ON CONFLICT (staff_id) DO UPDATE SET muted = excluded.muted"
)
# What was read half a year ago goes, a little with each new notice, and its deliveries with it.
FORGET = text(
    """
    DELETE FROM notices WHERE id IN (SELECT id FROM notices WHERE read_at < now() - interval '180 days'
                                     ORDER BY read_at LIMIT 20 FOR UPDATE SKIP LOCKED)
    """
)


class NoticeTold(Event, frozen=True):
    """There is a new notice."""

    notice_id: int


async def tell(session: AsyncSession, kind: str, subject: str = "", **detail: Any) -> None:
    """Tells the people of this place of `kind` about `subject`, unless an unread notice says so already."""
    await _tell(session, TELL, kind, subject, detail)


async def tell_once(session: AsyncSession, kind: str, subject: str, **detail: Any) -> None:
    """`tell` for what is looked at again and again: never twice of one subject, read or not."""
    await _tell(session, TELL_ONCE, kind, subject, detail)


async def _tell(session: AsyncSession, statement: TextClause, kind: str, subject: str, detail: dict[str, Any]) -> None:
    values = {"kind": kind, "subject": subject, "detail": msgspec.json.encode(detail).decode()}
    notice_id = (await session.execute(statement, values)).scalar_one_or_none()
    if notice_id is not None:
        await outbox.record(session, NoticeTold(notice_id))


async def read(session: AsyncSession, notice_id: int) -> None:
    """Marks a notice as read."""
    await session.execute(READ, {"id": notice_id})


async def read_all(session: AsyncSession, kinds: Sequence[str], upto: int) -> int:
    """Marks the unread notices of these kinds as read, as far as they were seen: `upto` is the newest of them. Returns
    how many."""
    return len((await session.execute(READ_ALL, {"kinds": list(kinds), "upto": upto})).all())


async def settle(session: AsyncSession, kind: str, subjects: Sequence[str]) -> None:
    """Nobody needs to be told of these any more: what they said is over."""
    if subjects:
        await session.execute(SETTLE, {"kind": kind, "subjects": list(subjects)})


async def mute(session: AsyncSession, staff_id: UUID, kinds: Sequence[str]) -> None:
    """From now on this person's bell leaves out these kinds, and no others."""
    await session.execute(MUTE, {"staff_id": staff_id, "muted": sorted(kinds)})


async def forget_old(session: AsyncSession) -> None:
    await session.execute(FORGET)
