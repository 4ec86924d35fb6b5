"""The receiving side: a process that runs followers and periodic tasks on one event loop.

A message only names outbox rows; threads of Dramatiq hand them to the loop and take the next one, so a hundred
followers that wait for a supplier cost a hundred coroutines and no thread.
"""

import asyncio
import os
import signal
import threading
from collections.abc import Coroutine, Sequence
from concurrent.futures import Future, wait
from contextlib import AsyncExitStack
from contextvars import Context
from typing import Any
from uuid import UUID

import dramatiq
import structlog
import uvloop
from dramatiq.asyncio import get_event_loop_thread
from dramatiq.brokers.redis import RedisBroker
from dramatiq.middleware import AsyncIO, Middleware
from dramatiq.worker import Worker
from redis.exceptions import RedisError

from kameng.infra import outbox, tasks
from kameng.infra.following import Following
from kameng.infra.outbox import Sent
from kameng.infra.runtime import Runtime, running
from kameng.infra.settings import Settings
from kameng.infra.tasks import Queue

log = structlog.get_logger()

THREADS = 1  # it hands over only
AT_HAND = 128  # rows that a worker has begun; what it records beyond that is anybody's
CONNECTION_WAIT_S = 120.0  # nobody waits for a worker's answer: it is late rather than begun again
POLL_MS = 20  # an idle worker starts a message 11 ms after it was sent, against 425 ms with the default of 1 s
STOP_AFTER_MS = 10_000
ALIVE = "alive:worker"  # the key that a running worker keeps in Redis
BEAT_S = 3


class Resources(Middleware):
    """Opens the runtime on the worker's event loop before the first message and closes it after the last."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.stack = AsyncExitStack()
        self.runtime: Runtime | None = None
        self.following: Following | None = None
        self.begun: set[Future[None]] = set()

    def before_worker_boot(self, broker: dramatiq.Broker, worker: Worker) -> None:  # noqa: ARG002  dramatiq's signature
        loop = get_event_loop_thread()
        assert loop is not None, "AsyncIO comes before Resources"  # noqa: S101 - an order fixed in `serve`
        self.runtime = loop.run_coroutine(
            self.stack.enter_async_context(running(self.settings, connection_wait_s=CONNECTION_WAIT_S))
        )
        self.following = Following(self.runtime)
        self.runtime.database.dispatch = self.take

    def after_worker_shutdown(self, broker: dramatiq.Broker, worker: Worker) -> None:  # noqa: ARG002  dramatiq's signature
        wait(self.begun, timeout=STOP_AFTER_MS / 1000)
        loop = get_event_loop_thread()
        if loop is not None:
            loop.run_coroutine(self.stack.aclose())

    def begin(self, work: Coroutine[Any, Any, None]) -> None:
        """Has the loop do it, and does not wait. Called by the threads, and by the loop itself."""
        thread = get_event_loop_thread()
        if thread is None:
            work.close()
            return
        # In a context of its own: what the caller has bound, its language and its log's words, is not the work's.
        future = Context().run(asyncio.run_coroutine_threadsafe, work, thread.loop)
        self.begun.add(future)
        future.add_done_callback(self._ended)

    def _ended(self, future: Future[None]) -> None:
        self.begun.discard(future)
        if not future.cancelled() and (error := future.exception()) is not None:
            log.error("message_failed", error=repr(error))  # its row is still there

    async def take(self, sent: Sequence[Sent]) -> None:
        """What was recorded here is followed here, without a way through Redis, unless there is much to do."""
        if self.runtime is None or self.following is None:
            return  # it is being opened; the relay finds the rows
        if self.following.running > AT_HAND:
            await self.runtime.queue.send(sent)
            return
        for one in sent:
            self.begin(self.follow(one.id, one.follower))

    async def follow(self, outbox_id: UUID, name: str) -> None:
        if self.following is not None:
            await self.following.follow(outbox_id, name)

    async def tick(self, name: str) -> None:
        if self.runtime is not None:
            await run_periodic(self.runtime, name)


def serve(settings: Settings) -> None:
    """Runs until SIGTERM or SIGINT, then finishes what it has begun."""
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    resources = Resources(settings)
    broker = Queue(settings.redis_url).broker
    broker.add_middleware(AsyncIO())
    broker.add_middleware(resources)
    _declare(broker, resources)
    worker = Worker(broker, worker_timeout=POLL_MS, worker_threads=THREADS)
    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    worker.start()
    log.info("worker_ready", followers=len(tasks.followers), periodics=len(tasks.periodics))
    while True:
        _say_alive(broker)
        if stop.wait(BEAT_S):
            break
    broker.client.delete(ALIVE)
    worker.stop(timeout=STOP_AFTER_MS)
    broker.close()


def _say_alive(broker: RedisBroker) -> None:
    """For whoever waits for a worker: `kameng up`, `kameng doctor`."""
    try:
        broker.client.set(ALIVE, str(os.getpid()), ex=3 * BEAT_S)
    except RedisError as error:
        log.warning("queue_unreachable", error=str(error))


def _declare(broker: RedisBroker, resources: Resources) -> None:
    def follow(rows: Sequence[tuple[str, str]]) -> None:
        for outbox_id, name in rows:
            resources.begin(resources.follow(UUID(outbox_id), name))

    def tick(name: str) -> None:
        resources.begin(resources.tick(name))

    dramatiq.actor(broker=broker, queue_name=tasks.WORK, actor_name=tasks.FOLLOW)(follow)
    dramatiq.actor(broker=broker, queue_name=tasks.WORK, actor_name=tasks.TICK)(tick)


async def run_follower(runtime: Runtime, outbox_id: UUID, name: str) -> None:
    """Runs one follower for one outbox row, as a worker does that is told of it."""
    await Following(runtime).follow(outbox_id, name)


async def run_periodic(runtime: Runtime, name: str) -> None:
    """Runs one periodic task unless another worker is at it. A failure is logged; the next tick tries again."""
    task = tasks.periodics[name]
    lock = runtime.redis.lock(f"periodic:{name}", timeout=max(30.0, task.seconds * 3), blocking=False)
    if not await lock.acquire():
        return
    with structlog.contextvars.bound_contextvars(task=name):
        try:
            await task.body(runtime)
        except Exception:
            log.exception("periodic_failed")
        finally:
            await lock.release()


@tasks.periodic(seconds=2)
async def relay(runtime: Runtime) -> None:
    """Sends outbox rows that are due: those whose first message was lost, and those that were postponed."""
    async with runtime.database.master_session() as session:
        due = await outbox.claim_due(session)
    if due:
        log.info("relay_sends", rows=len(due))
        await runtime.queue.send(due)


async def keep_time(settings: Settings) -> None:
    """The scheduler process: ticks every periodic task at its pace. Several may run; tasks are locked."""
    async with running(settings) as runtime, asyncio.TaskGroup() as clock:
        for task in tasks.periodics.values():
            clock.create_task(_tick_for_ever(runtime, task))


async def _tick_for_ever(runtime: Runtime, task: tasks.Periodic) -> None:
    while True:
        await runtime.queue.tick(task)
        await asyncio.sleep(task.seconds)
