"""The receiving side: a process that runs followers and periodic tasks on one event loop.

A message only says which outbox row to look at; threads of Dramatiq hand it to the loop and take the next one, so a
hundred followers that wait for a supplier cost a hundred coroutines and no thread. A row is deleted after its
follower has
returned. When it raises, the row waits with a growing delay; when the process is killed, the relay sends the row again.
"""

import asyncio
import os
import signal
import threading
from collections import defaultdict
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, wait
from contextlib import AsyncExitStack
from typing import Any
from uuid import UUID

import dramatiq
import msgspec
import structlog
import uvloop
from dramatiq.asyncio import get_event_loop_thread
from dramatiq.brokers.redis import RedisBroker
from dramatiq.middleware import AsyncIO, Middleware
from dramatiq.worker import Worker
from redis.exceptions import RedisError

from kameng.infra import outbox, tasks
from kameng.infra.runtime import Runtime, running
from kameng.infra.settings import Settings
from kameng.infra.tasks import Later, Queue

log = structlog.get_logger()

THREADS = 4  # they hand over only
AT_ONCE = 256  # followers of one queue that run at the same time; more wait, in no other queue's way
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
        self.begun: set[Future[None]] = set()
        self.rows: set[UUID] = set()  # what is being followed here; the relay sends a row again while it takes long
        self.slots: defaultdict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(AT_ONCE))

    def before_worker_boot(self, broker: dramatiq.Broker, worker: Worker) -> None:  # noqa: ARG002  dramatiq's signature
        loop = get_event_loop_thread()
        assert loop is not None, "AsyncIO comes before Resources"  # noqa: S101 - an order fixed in `serve`
        self.runtime = loop.run_coroutine(self.stack.enter_async_context(running(self.settings)))

    def after_worker_shutdown(self, broker: dramatiq.Broker, worker: Worker) -> None:  # noqa: ARG002  dramatiq's signature
        wait(self.begun, timeout=STOP_AFTER_MS / 1000)
        loop = get_event_loop_thread()
        if loop is not None:
            loop.run_coroutine(self.stack.aclose())

    def begin(self, work: Coroutine[Any, Any, None]) -> None:
        """Has the loop do it, and does not wait. Called by the threads."""
        thread = get_event_loop_thread()
        if thread is None:
            work.close()
            return
        future = asyncio.run_coroutine_threadsafe(work, thread.loop)
        self.begun.add(future)
        future.add_done_callback(self._ended)

    def _ended(self, future: Future[None]) -> None:
        self.begun.discard(future)
        if not future.cancelled() and (error := future.exception()) is not None:
            log.error("message_failed", error=repr(error))  # its row is still there

    async def follow(self, queue: str, outbox_id: UUID, name: str) -> None:
        """Runs a follower when there is room, unless it is already running for this row."""
        if self.runtime is None or outbox_id in self.rows:
            return
        self.rows.add(outbox_id)
        try:
            async with self.slots[queue]:
                await run_follower(self.runtime, outbox_id, name)
        finally:
            self.rows.discard(outbox_id)

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
    def tick(name: str) -> None:
        resources.begin(resources.tick(name))

    for queue in {follower.queue for follower in tasks.followers.values()}:
        dramatiq.actor(broker=broker, queue_name=queue, actor_name=f"{tasks.FOLLOW}.{queue}")(_follow(resources, queue))
    dramatiq.actor(broker=broker, queue_name=tasks.TICKS, actor_name=f"{tasks.TICK}.{tasks.TICKS}")(tick)


def _follow(resources: Resources, queue: str) -> Callable[[str, str], None]:
    def follow(outbox_id: str, name: str) -> None:
        resources.begin(resources.follow(queue, UUID(outbox_id), name))

    return follow


async def run_follower(runtime: Runtime, outbox_id: UUID, name: str) -> None:
    """Runs one follower for one outbox row, then deletes the row. Whatever it raises postpones the row."""
    follower = tasks.followers[name]
    async with runtime.database.master_session() as session:
        letter = await outbox.fetch(session, outbox_id)
    if letter is None:
        return
    event = msgspec.convert(letter.payload, follower.event, strict=False)
    with structlog.contextvars.bound_contextvars(
        task=name, tenant=letter.tenant_id, trace_id=letter.trace_id, outbox_id=str(outbox_id)
    ):
        try:
            tenant = await runtime.directory.tenant(letter.tenant_id) if letter.tenant_id is not None else None
            await follower.body(event, tenant, runtime)
        except Later as later:
            log.info("follower_waits", delay_s=later.delay_s, why=str(later))
            async with runtime.database.master_session() as session:
                await outbox.postpone(session, outbox_id, later.delay_s, str(later))
            return
        except Exception as error:
            log.exception("follower_failed")
            async with runtime.database.master_session() as session:
                await outbox.remember_error(session, outbox_id, repr(error))
            return
        async with runtime.database.master_session() as session:
            await outbox.done(session, outbox_id)


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
