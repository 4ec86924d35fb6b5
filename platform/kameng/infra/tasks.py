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


WORK = "work"  # the one queue of Dramatiq
FOLLOW, TICK = "follow", "tick"  # its actors
MOST_ROWS = 50  # that one message names


class Broker(RedisBroker):
    """Dramatiq's, less the queue for messages with a delay that belongs to each queue: we send none, and a thread of
    each worker would ask Redis for them fifty times a second."""

    def declare_queue(self, queue_name: str) -> None:
        if queue_name not in self.queues:
            self.emit_before("declare_queue", queue_name)
            self.queues.add(queue_name)
            self.emit_after("declare_queue", queue_name)


class Queue:
    """The sending side of Dramatiq on Redis. Sending never fails the caller: the outbox row is still there.

    Everything goes through one queue: a worker only takes note of a message, and how many followers of a kind run at
    once is its own affair.
    """

    def __init__(self, redis_url: str) -> None:
        pool = ConnectionPool.from_url(redis_url, socket_timeout=2, socket_connect_timeout=2)
        self.broker = Broker(middleware=[], connection_pool=pool)  # type: ignore[no-untyped-call]  # dramatiq has no types here

    async def send(self, sent: Sequence[Sent]) -> None:
        """Enqueues what was recorded together as one message."""
        known = [[str(one.id), one.follower] for one in sent if one.follower in followers]
        if len(known) < len(sent):  # of another version of the program; one of them must not hold up the rest
            log.error("no_such_follower", followers=sorted({one.follower for one in sent} - followers.keys()))
        messages = [
            self._message(FOLLOW, known[start : start + MOST_ROWS]) for start in range(0, len(known), MOST_ROWS)
        ]
        await asyncio.to_thread(self._enqueue, messages)

    async def tick(self, task: Periodic) -> None:
        """Enqueues one run of a periodic task."""
        await asyncio.to_thread(self._enqueue, [self._message(TICK, task.name)])

    def close(self) -> None:
        self.broker.client.close()

    def _message(self, actor: str, *args: Any) -> "dramatiq.Message[Any]":
        return dramatiq.Message(queue_name=WORK, actor_name=actor, args=args, kwargs={}, options={})

    def _enqueue(self, messages: Sequence["dramatiq.Message[Any]"]) -> None:
        try:
            for message in messages:
                self.broker.declare_queue(message.queue_name)
                self.broker.enqueue(message)
        except (RedisError, BrokerConnectionError) as error:
            log.warning("queue_unreachable", error=str(error), messages=len(messages))
