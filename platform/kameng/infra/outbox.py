"""Facts that others follow: written with what they tell of, sent right after the commit, sent again until followed.

`record(session, OrderPaid(...))` writes one row for each follower of the event in the caller's transaction. When that
transaction has committed, the rows' ids are sent to the workers at once. A worker deletes the row when the follower is
done; the relay sends again what is left after `due_at`. So Redis may lose anything, a worker may die at any point, and
every follower runs at least once: followers are idempotent. See docs/adr/0003-outbox.md.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
import structlog
from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.core import clock, ids
from kameng.infra.driver import driver

RESEND_AFTER = timedelta(seconds=6)
PENDING = "outbox"  # key in session.info

INSERT = """
    INSERT INTO outbox (id, tenant_id, follower, payload, trace_id, due_at)
    SELECT id, current_tenant(), follower, CAST(%(payload)s AS jsonb), %(trace_id)s, %(due_at)s
    FROM unnest(CAST(%(ids)s AS uuid[]), CAST(%(followers)s AS text[])) AS row (id, follower)
"""
CLAIM_DUE = text(
    """
    UPDATE outbox SET attempts = attempts + 1, due_at = now() + LEAST(interval '5 minutes',
        :resend_after * power(2, LEAST(attempts, 6)))
    WHERE id IN (SELECT id FROM outbox WHERE due_at <= now() ORDER BY due_at LIMIT :limit FOR UPDATE SKIP LOCKED)
    RETURNING id, follower
    """
)
FETCH = "SELECT id, tenant_id, payload, trace_id FROM outbox WHERE id = ANY(%(ids)s)"
REMEMBER = text("UPDATE outbox SET last_error = :error WHERE id = :id")
# In one order, so that two workers that were sent the same rows do not wait for each other.
DONE = "DELETE FROM outbox WHERE id IN (SELECT id FROM outbox WHERE id = ANY(%(ids)s) ORDER BY id FOR UPDATE)"
# A follower that says when to come again has not failed: should it die the next time, its row comes back as soon as the
# first time, and not after minutes.
POSTPONE = text(
    "UPDATE outbox SET due_at = now() + make_interval(secs => :delay_s), last_error = :error, attempts = 0"
    " WHERE id = :id"
)


class Event(Struct, frozen=True):
    """Base of all events: named in the past tense, made of ids and plain values."""


class Sent(Struct, frozen=True):
    """What travels to the workers: which row, and which follower is to read it."""

    id: UUID
    follower: str


class Letter(Struct, frozen=True):
    """A row as the worker reads it. `tenant_id` is None for the master's own events."""

    tenant_id: int | None
    payload: Any
    trace_id: str


followers: dict[type[Event], list[str]] = {}


async def record(session: AsyncSession, event: Event, *, delay: timedelta | None = None) -> None:
    """Writes `event` for each of its followers. An event that nobody follows costs nothing.

    With a `delay` it is followed that much later: the way to a deadline. The request's trace goes with it.
    """
    sent = [Sent(ids.uuid7(), follower) for follower in followers.get(type(event), ())]
    if not sent:
        return
    values = {
        "ids": [one.id for one in sent],
        "followers": [one.follower for one in sent],
        "payload": msgspec.json.encode(event).decode(),
        "trace_id": str(structlog.contextvars.get_contextvars().get("trace_id", "")),
        "due_at": clock.now() + (delay or RESEND_AFTER),
    }
    await driver(session).execute(INSERT, values)
    if delay is None:
        session.info.setdefault(PENDING, []).extend(sent)


def pending(session: AsyncSession) -> Sequence[Sent]:
    """What this session has recorded and not yet sent."""
    sent: Sequence[Sent] = session.info.get(PENDING, ())
    return sent


async def claim_due(session: AsyncSession, limit: int = 500) -> Sequence[Sent]:
    """Rows whose time has come, pushed to a later time before they are sent again. Master session."""
    rows = await session.execute(CLAIM_DUE, {"limit": limit, "resend_after": RESEND_AFTER})
    return [Sent(row.id, row.follower) for row in rows]


async def fetch(session: AsyncSession, outbox_ids: Sequence[UUID]) -> dict[UUID, Letter]:
    """The rows by their ids; those that another worker has finished are missing. Master session."""
    rows = await (await driver(session).execute(FETCH, {"ids": list(outbox_ids)})).fetchall()
    return {row[0]: Letter(*row[1:]) for row in rows}


async def done(session: AsyncSession, outbox_ids: Sequence[UUID]) -> None:
    """The followers of these rows have returned."""
    await driver(session).execute(DONE, {"ids": list(outbox_ids)})


async def postpone(session: AsyncSession, outbox_id: UUID, delay_s: float, error: str = "") -> None:
    await session.execute(POSTPONE, {"id": outbox_id, "delay_s": delay_s, "error": error[:500]})


async def remember_error(session: AsyncSession, outbox_id: UUID, error: str) -> None:
    """Keeps why a follower failed; `claim_due` has already set when the row comes again."""
    await session.execute(REMEMBER, {"id": outbox_id, "error": error[:500]})
