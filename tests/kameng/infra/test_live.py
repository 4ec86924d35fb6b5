"""Open pages and a Redis that is not always there."""

import asyncio

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError

from kameng.core import ids
from kameng.infra.live import Hub
from kameng.infra.runtime import Runtime


async def test_a_hub_that_found_no_redis_tells_pages_once_there_is_one(
    runtime: Runtime,
) -> None:
    dead = Redis(host="127.0.0.1", port=9, socket_connect_timeout=1)
    hub, topic = Hub(dead), ids.code(10)
    with pytest.raises(RedisError):
        async with hub.listen(topic):
            pass

    hub.redis = runtime.redis
    async with asyncio.timeout(30), hub.listen(topic) as news:
        await hub.changed(topic)
        await news.wait()

    await hub.close()
    await dead.aclose()
