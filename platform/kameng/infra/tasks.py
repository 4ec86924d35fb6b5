"""Work in the background: followers of events and periodic tasks.

    @follows(OrderPaid, queue="orders")
    async def deliver(event: OrderPaid, tenant: Tenant, runtime: Runtime) -> None: ...

    @periodic(seconds=5)
    async def sweep(runtime: Runtime) -> None: ...

They are declared here and nowhere bound to a broker: `Queue` sends them by name, `kameng.infra.worker` runs them. A
message is the id of an outbox row; the row carries the tenant and the event.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import dramatiq
import structlog
from dramatiq.brokers.redis import RedisBroker
from dramatiq.errors import BrokerConnectionError
from msgspec import Struct
from redis import ConnectionPool
from redis.exceptions import RedisError

from kameng.infra import outbox
from kameng.infra.outbox import Event, Sent

log = structlog.get_logger()

E = TypeVar("E", bound=Event)
Body = Callable[..., Awaitable[None]]
B = TypeVar("B", bound=Body)


class Follower(Struct, frozen=True):
    """Who does what when an event has happened."""

    name: str
    queue: str
    event: type[Event]
    body: Body


class Periodic(Struct, frozen=True):
    """What is done every so many seconds, by one worker at a time."""

    name: str
    seconds: float
    body: Body


class Later(Exception):
    """Raised by a follower that cannot go on yet: its event comes again after `delay_s`."""

    def __init__(self, delay_s: float, why: str = "") -> None:
        super().__init__(why)
        self.delay_s = delay_s


followers: dict[str, Follower] = {}
periodics: dict[str, Periodic] = {}


def follows(event: type[Event], *, queue: str = "default") -> Callable[[B], B]:
    """Makes a function `(event, tenant, runtime)` run after each `event`, at least once."""

    def declare(body: B) -> B:
        name = f"{body.__module__}.{body.__qualname__}"
        followers[name] = Follower(name, queue, event, body)
        outbox.followers.setdefault(event, []).append(name)
        return body

    return declare


def periodic(*, seconds: float) -> Callable[[B], B]:
    """Makes a function `(runtime)` run about every `seconds`."""

    def declare(body: B) -> B:
        name = f"{body.__module__}.{body.__qualname__}"
        periodics[name] = Periodic(name, seconds, body)
        return body

    return declare


FOLLOW = "follow"
LETTERS = "letters"  # the queue of Dramatiq that carries the ids of outbox rows
TICK = "tick"
TICKS = "ticks"  # and the one of periodic tasks
MOST_ROWS = 50  # that one message names


class Queue:
    """The sending side of Dramatiq on Redis. Sending never fails the caller: the outbox row is still there.

    There is one queue for all letters: which follower may run how often at once is the worker's affair, and each queue
    of Dramatiq costs a worker two threads that ask Redis fifty times a second.
    """

    def __init__(self, redis_url: str) -> None:
        pool = ConnectionPool.from_url(redis_url, socket_timeout=2, socket_connect_timeout=2)
        self.broker = RedisBroker(middleware=[], connection_pool=pool)  # type: ignore[no-untyped-call]  # dramatiq has no types here

    async def send(self, sent: Sequence[Sent]) -> None:
        """Enqueues what was recorded together as one message."""
        known = [[str(one.id), one.follower] for one in sent if one.follower in followers]
        if len(known) < len(sent):  # of another version of the program; one of them must not hold up the rest
            log.error("no_such_follower", followers=sorted({one.follower for one in sent} - followers.keys()))
        messages = [
            self._message(LETTERS, FOLLOW, known[start : start + MOST_ROWS])
            for start in range(0, len(known), MOST_ROWS)
        ]
        await asyncio.to_thread(self._enqueue, messages)

    async def tick(self, task: Periodic) -> None:
        """Enqueues one run of a periodic task."""
        await asyncio.to_thread(self._enqueue, [self._message(TICKS, TICK, task.name)])

    def close(self) -> None:
        self.broker.client.close()

    def _message(self, queue: str, actor: str, *args: Any) -> "dramatiq.Message[Any]":
        return dramatiq.Message(queue_name=queue, actor_name=actor, args=args, kwargs={}, options={})

    def _enqueue(self, messages: Sequence["dramatiq.Message[Any]"]) -> None:
        try:
            for message in messages:
                self.broker.declare_queue(message.queue_name)
                self.broker.enqueue(message)
        except (RedisError, BrokerConnectionError) as error:
            log.warning("queue_unreachable", error=str(error), messages=len(messages))
