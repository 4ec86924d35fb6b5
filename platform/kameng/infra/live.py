"""Telling open pages that something has changed, across processes, by Redis publish/subscribe.

A message says only *that* a topic changed; the page asks for the new state itself. A lost message costs one poll.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import structlog
from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

log = structlog.get_logger()

PREFIX = "live:"
RETRY_S = 1.0


class Hub:
    """One subscription per process, shared by all open pages. Topics carry their tenant: `t7:order:261122-ABC`."""

    def __init__(self, redis: Redis) -> None:
        self.redis = redis
        self._listeners: dict[str, set[Callable[[], None]]] = defaultdict(set)
        self._pubsub: PubSub | None = None
        self._reader: asyncio.Task[None] | None = None

    async def changed(self, topic: str) -> None:
        """Tells everyone who listens to `topic`. Never fails the caller: pages also poll."""
        try:
            await self.redis.publish(PREFIX + topic, b"1")
        except RedisError as error:
            log.warning("live_unreachable", topic=topic, error=str(error))

    @asynccontextmanager
    async def listen(self, topic: str) -> AsyncIterator[asyncio.Event]:
        """An event that is set each time `topic` changes; the listener clears it."""
        event = asyncio.Event()
        pubsub = await self._started()
        self._listeners[topic].add(event.set)
        await pubsub.subscribe(PREFIX + topic)
        try:
            yield event
        finally:
            self._listeners[topic].discard(event.set)
            if not self._listeners[topic]:
                del self._listeners[topic]
                with suppress(RedisError):  # the connection is gone, and the subscription with it
                    await pubsub.unsubscribe(PREFIX + topic)

    async def on(self, topic: str, call: Callable[[], None]) -> None:
        """Has `call` called each time `topic` changes, as long as the process runs. Raises what Redis raises."""
        pubsub = await self._started()
        self._listeners[topic].add(call)
        await pubsub.subscribe(PREFIX + topic)

    async def close(self) -> None:
        if self._reader:
            self._reader.cancel()
            with suppress(asyncio.CancelledError):
                await self._reader
        if self._pubsub:
            await self._pubsub.aclose()  # type: ignore[no-untyped-call]  # redis-py leaves it untyped

    async def _started(self) -> PubSub:
        if self._pubsub is None:
            pubsub = self.redis.pubsub()
            await pubsub.subscribe(PREFIX)  # so that there is something to read from the start
            self._pubsub = pubsub  # only now: without Redis the next page tries again
            self._reader = asyncio.create_task(self._read(pubsub))
        return self._pubsub

    async def _read(self, pubsub: PubSub) -> None:
        while True:
            try:
                message = await pubsub.get_message(ignore_subscribe_messages=True, timeout=30)
            except RedisError as error:
                log.warning("live_lost", error=str(error))
                await asyncio.sleep(RETRY_S)
                continue
            if message:
                topic = message["channel"].decode().removeprefix(PREFIX)
                for call in tuple(self._listeners.get(topic, ())):
                    call()
