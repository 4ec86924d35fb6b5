"""Rate limits in Redis."""

import pytest
from redis.asyncio import Redis

from kameng.core import ids
from kameng.core.errors import TooManyRequests
from kameng.infra import ratelimit
from kameng.infra.ratelimit import Limit
from kameng.infra.runtime import Runtime

OPEN = Limit(name="open", attempts=3, per_s=600, fails_open=True)
CLOSED = Limit(name="closed", attempts=1, per_s=60, fails_open=False)


async def pass_time(runtime: Runtime, limit: Limit, who: str, seconds: float) -> None:
    """As if so much time had passed: what was taken will have been given back that much earlier."""
    await runtime.redis.decrby(limit.key(who), round(seconds * 1_000_000))


async def test_a_burst_passes_then_one_for_each_interval(runtime: Runtime) -> None:
    who = ids.code(8)
    for _ in range(3):
        await ratelimit.take(runtime.redis, (OPEN, who))
    with pytest.raises(TooManyRequests):
        await ratelimit.take(runtime.redis, (OPEN, who))

    await pass_time(runtime, OPEN, who, 100)
    with pytest.raises(TooManyRequests):
        await ratelimit.take(runtime.redis, (OPEN, who))
    await pass_time(runtime, OPEN, who, 100)
    await ratelimit.take(runtime.redis, (OPEN, who))
    with pytest.raises(TooManyRequests):
        await ratelimit.take(runtime.redis, (OPEN, who))


async def test_what_one_limit_refuses_takes_nothing_from_another(runtime: Runtime) -> None:
    one, other = ids.code(8), ids.code(8)
    await ratelimit.take(runtime.redis, (CLOSED, one))
    with pytest.raises(TooManyRequests) as limited:
        await ratelimit.take(runtime.redis, (CLOSED, other), (CLOSED, one))

    await ratelimit.take(runtime.redis, (CLOSED, other))
    assert 55 < limited.value.retry_after_s <= 60


async def test_without_redis_a_limit_fails_as_it_says() -> None:
    async with Redis(host="127.0.0.1", port=1, socket_connect_timeout=0.2) as nowhere:
        await ratelimit.take(nowhere, (OPEN, "x"))
        with pytest.raises(TooManyRequests):
            await ratelimit.take(nowhere, (OPEN, "x"), (CLOSED, "x"))
