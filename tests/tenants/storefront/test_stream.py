"""The stream of an open page."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

from kameng.core import ids
from kameng.infra.runtime import Runtime
from tenants.storefront.stream import CHANGED, HEARTBEAT, Seen, follow


class Thing:
    """Something that changes, and that is looked at."""

    def __init__(self, mark: str) -> None:
        self.mark, self.final, self.looks = mark, False, 0

    async def look(self) -> Seen:
        self.looks += 1
        return Seen(self.mark, self.final)


async def next_of(stream: AsyncIterator[bytes]) -> bytes:
    async with asyncio.timeout(30):
        return await anext(stream)


async def test_a_change_is_told_and_the_last_one_ends_the_stream(runtime: Runtime) -> None:
    thing, topic = Thing("paid"), ids.code(10)

    async with aclosing(follow(runtime.hub, topic, "paid", thing.look)) as stream:
        assert await next_of(stream) == HEARTBEAT
        thing.mark, thing.final = "delivered", True
        await runtime.hub.changed(topic)
        assert [told async for told in stream] == [CHANGED]


async def test_a_change_between_drawing_and_listening_is_not_lost(runtime: Runtime) -> None:
    thing = Thing("waiting")

    async with aclosing(follow(runtime.hub, ids.code(10), "paid", thing.look)) as stream:
        assert await next_of(stream) == CHANGED


async def test_a_page_that_shows_the_end_already_is_let_go(runtime: Runtime) -> None:
    thing = Thing("delivered")
    thing.final = True

    stream = follow(runtime.hub, ids.code(10), "delivered", thing.look)

    assert [told async for told in stream] == [HEARTBEAT]


async def test_a_lost_message_costs_one_heartbeat(runtime: Runtime) -> None:
    thing = Thing("paid")

    async with aclosing(follow(runtime.hub, ids.code(10), "paid", thing.look, every_s=0.05)) as stream:
        assert [await next_of(stream) for _ in range(2)] == [HEARTBEAT] * 2
        thing.mark = "waiting"
        assert await next_of(stream) == CHANGED


async def test_whoever_leaves_is_forgotten(runtime: Runtime) -> None:
    thing, topic = Thing("paid"), ids.code(10)

    async with aclosing(follow(runtime.hub, topic, "paid", thing.look)) as stream:
        await next_of(stream)
        assert topic in runtime.hub._listeners

    assert topic not in runtime.hub._listeners
