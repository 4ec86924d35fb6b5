"""Stock that is asked for while a buyer looks (`mode` live): with a short memory, together for all who look at the same
moment, and never longer than the page may take. What is not told in time keeps its figure; the answer is kept when it
comes."""

import asyncio
import time
from collections.abc import Iterable
from weakref import WeakKeyDictionary

import structlog
from redis.exceptions import RedisError
from sqlalchemy.exc import DBAPIError

from kameng.infra.db import Database
from kameng.infra.runtime import Runtime
from supplier_gateway.adapters.registry import UnknownProtocol
from supplier_gateway.offers import asking, queries
from supplier_gateway.offers.queries import Asked

log = structlog.get_logger()

FRESH_S = 3.0  # an answer is good for so long
KNOWN_S = 5.0  # so late a process hears that an offer is live
PAGE_S, CHECKOUT_S = 0.3, 1.0
KEY = "stock-asked"


class Memory:
    """What this process knows: which goods have live offers, and what it is asking now."""

    def __init__(self) -> None:
        self.goods: dict[int, list[Asked]] = {}
        self.known_until = 0.0
        self.refreshing: asyncio.Task[None] | None = None
        self.asking: dict[int, asyncio.Task[None]] = {}


_memories: WeakKeyDictionary[Database, Memory] = WeakKeyDictionary()


def _memory_of(runtime: Runtime) -> Memory:
    return _memories.setdefault(runtime.database, Memory())


def forget(runtime: Runtime) -> None:
    """For whoever has just changed an offer: this process reads anew which are live."""
    _memory_of(runtime).known_until = 0.0


def has_any(runtime: Runtime) -> bool:
    """Whether some good may have a live offer: false costs nothing, and is up to 5 seconds old."""
    memory = _memory_of(runtime)
    if memory.known_until <= time.monotonic() and (memory.refreshing is None or memory.refreshing.done()):
        memory.refreshing = asyncio.ensure_future(_refresh(runtime, memory))
    return bool(memory.goods) or not memory.known_until


async def look(runtime: Runtime, goods: Iterable[int], within_s: float) -> None:
    """Has live offers of these goods asked, for at most `within_s` seconds. Raises nothing."""
    if not has_any(runtime):
        return
    until = time.monotonic() + within_s
    memory = _memory_of(runtime)
    if memory.refreshing is not None:
        await asyncio.wait({memory.refreshing}, timeout=within_s)
    offers = [offer for good_id in goods for offer in memory.goods.get(good_id, ())]
    waiting = {_asked(runtime, memory, offer) for offer in offers}
    if waiting:
        await asyncio.wait(waiting, timeout=max(0.0, until - time.monotonic()))


def _asked(runtime: Runtime, memory: Memory, offer: Asked) -> "asyncio.Task[None]":
    """The question that is under way for this offer, or a new one."""
    if offer.id not in memory.asking:
        task = asyncio.ensure_future(_ask(runtime, offer))
        memory.asking[offer.id] = task
        task.add_done_callback(lambda _: memory.asking.pop(offer.id, None))
    return memory.asking[offer.id]


async def _ask(runtime: Runtime, offer: Asked) -> None:
    try:
        if await _is_turn(runtime, offer):
            await asking.ask(runtime, offer)
    except (DBAPIError, UnknownProtocol, OSError) as error:
        log.warning("live_stock_not_asked", offer=offer.id, why=str(error))


async def _is_turn(runtime: Runtime, offer: Asked) -> bool:
    """Whether no process has asked within `FRESH_S`. Without Redis each process asks for itself."""
    try:
        return bool(await runtime.redis.set(f"{KEY}:{offer.id}", b"1", nx=True, px=int(FRESH_S * 1000)))
    except RedisError:
        return True


async def _refresh(runtime: Runtime, memory: Memory) -> None:
    try:
        async with runtime.database.master_session() as session:
            offers = await queries.live(session)
    except (DBAPIError, OSError) as error:
        log.warning("live_offers_not_read", why=str(error))
        return
    goods: dict[int, list[Asked]] = {}
    for offer in offers:
        goods.setdefault(offer.good_id, []).append(offer)
    memory.goods, memory.known_until = goods, time.monotonic() + KNOWN_S
