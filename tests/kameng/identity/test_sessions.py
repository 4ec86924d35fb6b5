"""Server-side sessions."""

import time
from unittest.mock import patch

from redis.asyncio import Redis

from kameng.core import ids
from kameng.identity import sessions
from kameng.infra.runtime import Runtime


async def signed_in(redis: Redis, tenant_id: int | None = 1) -> sessions.Session:
    return await sessions.create(redis, "buyer", subject=ids.uuid7(), name="小明", tenant_id=tenant_id, role="member")


async def test_a_session_is_found_by_its_id_on_its_own_host_only(runtime: Runtime) -> None:
    session = await signed_in(runtime.redis)

    assert await sessions.load(runtime.redis, session.id, "buyer", 1) == session
    assert await sessions.load(runtime.redis, session.id, "buyer", 2) is None
    assert await sessions.load(runtime.redis, session.id, "buyer", None) is None
    assert await sessions.load(runtime.redis, session.id, "staff", 1) is None


async def test_redis_does_not_hold_the_id(runtime: Runtime) -> None:
    session = await signed_in(runtime.redis)

    async for key in runtime.redis.scan_iter("session*"):
        assert session.id.encode() not in key


async def test_an_anonymous_id_is_never_looked_up(runtime: Runtime) -> None:
    with patch.object(runtime.redis, "get", side_effect=AssertionError):
        assert await sessions.load(runtime.redis, sessions.new_id(sessions.ANONYMOUS), "buyer", 1) is None


async def test_a_rotated_session_leaves_the_old_id_worthless(runtime: Runtime) -> None:
    old = await signed_in(runtime.redis)
    new = await sessions.rotate(runtime.redis, old, role="guest")

    assert await sessions.load(runtime.redis, old.id, "buyer", 1) is None
    assert (new.subject, new.name, new.role) == (old.subject, "小明", "guest")
    assert await sessions.load(runtime.redis, new.id, "buyer", 1) == new


async def test_signing_out_everywhere_spares_others(runtime: Runtime) -> None:
    first, other = await signed_in(runtime.redis), await signed_in(runtime.redis)
    second = await sessions.rotate(runtime.redis, first)
    third = await sessions.create(
        runtime.redis, "buyer", subject=first.subject, name="小明", tenant_id=1, role="member"
    )
    await sessions.destroy_all(runtime.redis, first.subject)

    assert await sessions.load(runtime.redis, second.id, "buyer", 1) is None
    assert await sessions.load(runtime.redis, third.id, "buyer", 1) is None
    assert await sessions.load(runtime.redis, other.id, "buyer", 1) == other


async def test_use_prolongs_a_session_at_most_once_a_minute(runtime: Runtime) -> None:
    session = await signed_in(runtime.redis)
    key = sessions._key(session.id, "buyer", 1)
    await runtime.redis.expire(key, 1000)

    await sessions.load(runtime.redis, session.id, "buyer", 1)
    assert await runtime.redis.ttl(key) <= 1000

    later = time.time() + 61
    with patch("time.time", return_value=later), patch("time.monotonic", return_value=time.monotonic() + 61):
        await sessions.load(runtime.redis, session.id, "buyer", 1)
    assert await runtime.redis.ttl(key) > 29 * 24 * 3600


async def test_a_session_is_read_once_a_second_and_a_sign_out_elsewhere_is_seen_then(runtime: Runtime) -> None:
    session = await signed_in(runtime.redis)
    await sessions.load(runtime.redis, session.id, "buyer", 1)
    await runtime.redis.delete(sessions._key(session.id, "buyer", 1))  # as another process would

    assert await sessions.load(runtime.redis, session.id, "buyer", 1) == session
    with patch("time.monotonic", return_value=time.monotonic() + sessions.FRESH_S):
        assert await sessions.load(runtime.redis, session.id, "buyer", 1) is None


async def test_a_session_that_was_ended_does_not_come_back_by_being_used(runtime: Runtime) -> None:
    session = await signed_in(runtime.redis)
    await sessions.destroy(runtime.redis, session)
    await sessions._store(runtime.redis, session, only_if_there=True)

    assert await sessions.load(runtime.redis, session.id, "buyer", 1) is None
