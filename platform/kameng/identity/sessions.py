"""Who is signed in: a random id in the person's cookie, the rest in Redis under a hash of it.

The key holds the tenant, so a session of one host is simply not there on another. `STAFF` sessions last 12
hours, buyers' 30 days, counted from the last use; the clock is set back at most once a minute, so that a
request costs one read.
"""

import hashlib
import secrets
import time
from datetime import UTC, datetime, timedelta
from typing import Literal
from uuid import UUID

import msgspec
from msgspec import Struct
from redis.asyncio import Redis

from kameng.core import clock

Kind = Literal["staff", "buyer"]

LIFETIME_S: dict[Kind, int] = {
    "staff": int(timedelta(hours=12).total_seconds()),
    "buyer": int(timedelta(days=30).total_seconds()),
}
TOUCH_AFTER_S = 60
FRESH_S = 1.0
MOST_REMEMBERED = 10_000
MOST_LISTED = 50
LONGEST_AGENT = 300
SIGNED_IN = "s"  # the first sign of the id of a session that Redis may know
ANONYMOUS = "v"  # and of one that only ties a visitor's forms to his browser


class Session(Struct, frozen=True, kw_only=True):
    """One signed-in browser. `id` is the secret; `tenant_id` is None at the master; `role` is a staff role,
    or what kind of buyer it is; `visit` is set while the operator looks at a station's console. `address` and
    `agent` are of the browser that signed in, for the person's own list.
    """

    id: str
    kind: Kind
    subject: UUID
    name: str
    tenant_id: int | None
    role: str
    created_at: datetime
    visit: UUID | None = None
    address: str = ""
    agent: str = ""


class Opened(Struct, frozen=True, kw_only=True):
    """A line of "where am I signed in": `mark` names the session and cannot be used to be it."""

    mark: str
    kind: Kind
    tenant_id: int | None
    created_at: datetime
    seen_at: datetime
    address: str
    agent: str


_recent: dict[str, tuple[float, "Session"]] = {}


class _Kept(Struct, frozen=True, array_like=True):
    """What Redis keeps: all but the id."""

    subject: UUID
    name: str
    role: str
    created_at: datetime
    touched_at: int
    visit: UUID | None = None
    address: str = ""
    agent: str = ""


def new_id(sign: str = SIGNED_IN) -> str:
    """256 random bits behind their sign: 44 characters that are safe in a cookie."""
    return sign + secrets.token_urlsafe(32)


async def create(
    redis: Redis,
    kind: Kind,
    *,
    subject: UUID,
    name: str,
    tenant_id: int | None,
    role: str,
    visit: UUID | None = None,
    address: str = "",
    agent: str = "",
) -> Session:
    """Signs `subject` in, under a new id. Whatever was known of the browser before is not carried over."""
    session = Session(
        id=new_id(),
        kind=kind,
        subject=subject,
        name=name,
        tenant_id=tenant_id,
        role=role,
        created_at=clock.now(),
        visit=visit,
        address=address,
        agent=agent[:LONGEST_AGENT],
    )
    await _store(redis, session)
    return session


async def load(redis: Redis, session_id: str, kind: Kind, tenant_id: int | None) -> Session | None:
    """The session of this id on this tenant's host (None: the master's), or None. One read.

    A process remembers what it has read for `FRESH_S`, so a page and what it asks for at once cost one read; somebody
    who is signed out by another process is gone that much later.
    """
    if not session_id.startswith(SIGNED_IN):
        return None
    key = _key(session_id, kind, tenant_id)
    remembered = _recent.get(key)
    if remembered is not None and remembered[0] > time.monotonic():
        return remembered[1]
    session = await _read(redis, key, session_id, kind, tenant_id)
    if session is not None:
        if len(_recent) >= MOST_REMEMBERED:
            _recent.clear()
        _recent[key] = (time.monotonic() + FRESH_S, session)
    return session


async def _read(redis: Redis, key: str, session_id: str, kind: Kind, tenant_id: int | None) -> Session | None:
    stored = await redis.get(key)
    if not isinstance(stored, bytes):
        return None
    kept = msgspec.msgpack.decode(stored, type=_Kept)
    session = Session(
        id=session_id,
        kind=kind,
        subject=kept.subject,
        name=kept.name,
        tenant_id=tenant_id,
        role=kept.role,
        created_at=kept.created_at,
        visit=kept.visit,
        address=kept.address,
        agent=kept.agent,
    )
    if time.time() - kept.touched_at > TOUCH_AFTER_S:
        await _store(redis, session, only_if_there=True)
    return session


async def destroy(redis: Redis, session: Session) -> None:
    """Signs this browser out."""
    key = _key(session.id, session.kind, session.tenant_id)
    async with redis.pipeline(transaction=True) as pipe:
        pipe.delete(key)
        pipe.zrem(_index(session.subject), key)
        await pipe.execute()
    _recent.pop(key, None)


async def rotate(redis: Redis, session: Session, *, name: str | None = None, role: str | None = None) -> Session:
    """The same person under a new id, with a new name or role if given; the old id is worth nothing from here
    on.
    """
    await destroy(redis, session)
    return await create(
        redis,
        session.kind,
        subject=session.subject,
        name=session.name if name is None else name,
        tenant_id=session.tenant_id,
        role=session.role if role is None else role,
        visit=session.visit,
        address=session.address,
        agent=session.agent,
    )


async def opened(redis: Redis, subject: UUID) -> list[Opened]:
    """Where `subject` is signed in now, the latest sign-in first; at most `MOST_LISTED`."""
    keys = (await _keys(redis, subject))[-MOST_LISTED:]
    stored = await redis.mget(keys) if keys else []
    found = [_opened(key, one) for key, one in zip(keys, stored, strict=True)]
    return sorted((one for one in found if one is not None), key=lambda one: one.created_at, reverse=True)


def mark_of(session: Session) -> str:
    """How `opened` names this session."""
    return _key(session.id, session.kind, session.tenant_id).rpartition(":")[2]


async def destroy_one(redis: Redis, subject: UUID, mark: str) -> bool:
    """Ends one of `subject`'s own sessions, named as `opened` names it. False when it is not there."""
    for name in await _keys(redis, subject):
        if name.rpartition(":")[2] == mark:
            async with redis.pipeline(transaction=True) as pipe:
                pipe.delete(name)
                pipe.zrem(_index(subject), name)
                await pipe.execute()
            _recent.pop(name, None)
            return True
    return False


async def destroy_all(redis: Redis, subject: UUID) -> None:
    """Signs `subject` out everywhere: after a change of password, role or state."""
    index = _index(subject)
    keys = [str(key, "ascii") async for key, _ in redis.zscan_iter(index)]
    await redis.delete(index, *keys)
    for key in keys:
        _recent.pop(key.decode() if isinstance(key, bytes) else key, None)


async def _store(redis: Redis, session: Session, *, only_if_there: bool = False) -> None:
    now, lifetime = int(time.time()), LIFETIME_S[session.kind]
    key, index = _key(session.id, session.kind, session.tenant_id), _index(session.subject)
    kept = msgspec.msgpack.encode(
        _Kept(
            session.subject,
            session.name,
            session.role,
            session.created_at,
            now,
            session.visit,
            session.address,
            session.agent,
        )
    )
    async with redis.pipeline(transaction=True) as pipe:
        pipe.set(key, kept, ex=lifetime, xx=only_if_there)
        pipe.zadd(index, {key: now + lifetime}, xx=only_if_there)
        pipe.zremrangebyscore(index, 0, now)
        pipe.expire(index, max(LIFETIME_S.values()))
        await pipe.execute()


async def _keys(redis: Redis, subject: UUID) -> list[str]:
    """What the index knows, the one that ends first at first."""
    found = await redis.zrange(_index(subject), 0, -1)
    return [key.decode() for key in found if isinstance(key, bytes)]


def _opened(key: str, stored: bytes | str | None) -> Opened | None:
    """None when it ended and only the index still knows it."""
    if not isinstance(stored, bytes):
        return None
    _, place, kind, mark = key.split(":")
    kept = msgspec.msgpack.decode(stored, type=_Kept)
    return Opened(
        mark=mark,
        kind="staff" if kind == "staff" else "buyer",
        tenant_id=None if place == "master" else int(place),
        created_at=kept.created_at,
        seen_at=datetime.fromtimestamp(kept.touched_at, UTC),
        address=kept.address,
        agent=kept.agent,
    )


def _key(session_id: str, kind: Kind, tenant_id: int | None) -> str:
    place = "master" if tenant_id is None else str(tenant_id)
    return f"session:{place}:{kind}:{hashlib.sha256(session_id.encode()).hexdigest()}"


def _index(subject: UUID) -> str:
    return f"sessions:{subject}"
