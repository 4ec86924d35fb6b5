"""`kameng chaos orders`: histories in batches, each batch a storm, a calm, and the judgement."""

import asyncio
import logging
import os
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from random import Random

import httpx
import structlog
import uvloop
from msgspec import Struct
from msgspec.structs import replace

from billing.ledger import queries as ledger
from deploy import surroundings
from deploy.bench.station import fresh_key
from deploy.chaos import checker, collecting, outside, station, weather
from deploy.chaos.buyers import Buyer, Diary
from deploy.chaos.checker import Violation
from deploy.chaos.database import Database, servers
from deploy.chaos.history import History
from deploy.chaos.outside import TIMEOUTS, Outside
from deploy.chaos.patience import persist
from deploy.chaos.settling import PERSON_AFTER_MINUTES, Settling
from deploy.chaos.station import Common
from deploy.chaos.weather import Weather
from deploy.installation import processes
from deploy.migrations.runner import migrate
from deploy.supervisor import Supervisor
from deploy.wiring import MODULES
from kameng.infra.runtime import Runtime, running
from kameng.infra.settings import Settings
from supplier_gateway.routing import service as routing
from supplier_gateway.routing.choice import Rules

AT_ONCE = 40  # histories of one batch
STORM_S = 26.0
DEADLINE_S = 90.0  # from the calm until nothing of a history moves any more
SUPPLIER_TIMEOUT_S = 0.5
FIRST_PORT = 26_000
MOST_CONNECTIONS = 400
OUTSIDE_TIMEOUT_S = 60.0  # the gateway answers when it has told us
Tell = Callable[[str], None]


class Outcome(Struct, frozen=True, kw_only=True):
    """What all histories came to. `timeouts`: calls that were not answered in time, ours and our buyers'; `refusals`:
    forms that were answered with a reason why not."""

    histories: int
    orders: int
    purchases: int
    states: dict[str, int]
    kills: dict[str, int]
    faults: dict[str, int]
    refusals: int
    timeouts: int
    settled_by_hand: int
    violations: list[Violation]
    longest_settle_s: float
    seconds: float


def orders(*, histories: int, seed: int, tell: Tell) -> Outcome:
    """Runs so many histories, with the seeds from `seed` on. `tell` hears how far it is."""
    with installation() as (settings, supervisor, database):
        return uvloop.run(_orders(settings, supervisor, database, histories, seed, tell))


@contextmanager
def installation() -> Iterator[tuple[Settings, Supervisor, Database]]:
    """Durable servers of its own, and what starts processes. When all went well nothing of it stays, else the logs."""
    folder = surroundings.CHECKOUT / ".kameng" / "chaos" / str(os.getpid())
    folder.mkdir(parents=True)
    port = surroundings.free_port(FIRST_PORT)
    with ExitStack() as stack:
        embedded, database = stack.enter_context(servers(folder / "servers"))
        settings = Settings(
            database_url=embedded.database_url,
            admin_url=embedded.admin_url,
            redis_url=embedded.redis_url,
            secret_key=fresh_key(),
            vault_key=fresh_key(),
            port=port,
            public_port=port,
            allow_private_suppliers=True,
            allow_private_stations=True,
            supplier_timeout_s=SUPPLIER_TIMEOUT_S,
            pool_schemas=0,
            log_format="json",
        )
        log = folder / "log"
        supervisor = stack.enter_context(Supervisor(folder / "processes.json", log_folder=log))
        yield settings, supervisor, database
    shutil.rmtree(folder)


class Harness(Struct, frozen=True):
    """Everything that runs."""

    runtime: Runtime
    outside: Outside
    shared: Common
    weather: Weather


async def _orders(
    settings: Settings, supervisor: Supervisor, database: Database, histories: int, seed: int, tell: Tell
) -> Outcome:
    began = time.monotonic()
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL)
    )  # the processes have logs of their own
    tell(f"starting servers; {len(MODULES)} modules follow what the harness records, too")
    await migrate(settings)
    limits = httpx.Limits(max_connections=MOST_CONNECTIONS, max_keepalive_connections=40)
    outbound = httpx.AsyncClient(trust_env=False, timeout=OUTSIDE_TIMEOUT_S, limits=limits)
    async with running(settings) as runtime, outbound as http:
        ports = _ports(settings.port)
        world = outside.started(supervisor, settings, ports, http)
        shared = await station.common(runtime, world)
        async with runtime.database.master_session() as session:
            await routing.change_rules(session, replace(Rules(), person_after_minutes=PERSON_AFTER_MINUTES))
        for process in processes(settings):
            supervisor.start(process)
        harness = Harness(runtime, world, shared, Weather(runtime, world, supervisor, database))
        judged: list[History] = []
        found: list[Violation] = []
        diaries: list[Diary] = []
        by_hand = 0
        for first in range(0, histories, AT_ONCE):
            seeds = range(seed + first, seed + min(first + AT_ONCE, histories))
            tell(f"history {first + 1} to {first + len(seeds)} of {histories}, {len(found)} violations")
            batch, lived, hands = await _batch(harness, seeds)
            by_hand += hands
            diaries += lived
            judged += [_outline(history) for history in batch]
            for history in batch:
                found += checker.violations(history)
        found += checker.across(judged)
        async with runtime.database.master_session() as session:
            if off := await ledger.total_cents(session):
                found.append(Violation(seed, "the_ledger_balances", f"all entries sum to {off}"))
        struck = await world.struck()
    buyers = Counter[str]()
    refused = sum(bool(one.refused) for diary in diaries for one in diary.requests)
    for diary in diaries:
        buyers.update(diary.faults)
    return Outcome(
        histories=len(judged),
        orders=sum(len(history.orders) for history in judged),
        purchases=sum(len(history.purchases) for history in judged),
        states=dict(Counter(order.state for history in judged for order in history.orders)),
        kills=dict(harness.weather.kills),
        faults=weather.told([struck, harness.weather.faults, buyers]),
        refusals=refused,
        timeouts=sum(struck[str(kind)] for kind in TIMEOUTS) + sum(diary.timeouts for diary in diaries),
        settled_by_hand=by_hand,
        violations=found,
        longest_settle_s=round(max((history.settle_s for history in judged), default=0.0), 1),
        seconds=round(time.monotonic() - began, 1),
    )


def _ports(taken: int) -> tuple[int, int, int]:
    first = surroundings.free_port(taken + 1)
    second = surroundings.free_port(first + 1)
    return first, second, surroundings.free_port(second + 1)


def _outline(history: History) -> History:
    """What is still needed when a history has been judged."""
    return replace(history, cards=(), bought=(), requests=(), accounts=(), imported=())


async def _batch(harness: Harness, seeds: Sequence[int]) -> tuple[list[History], list[Diary], int]:
    runtime, world = harness.runtime, harness.outside
    stations = [await station.opened(runtime, world, harness.shared, seed) for seed in seeds]
    diaries = {one.seed: Diary() for one in stations}
    people = [(one, Buyer(runtime, world, one, who, diaries[one.seed])) for one in stations for who in one.buyers]
    for _, buyer in people:
        await buyer.enter()
    dice = Random(f"weather:{seeds[0]}")  # noqa: S311 - chance, not secrets
    await asyncio.gather(harness.weather.storm(dice, STORM_S), *(buyer.live(STORM_S) for _, buyer in people))
    await harness.weather.calm()
    settling = Settling(runtime, world, stations)
    await settling.until(DEADLINE_S)
    known = await collecting.books(world)
    histories = []
    for one in stations:
        history = await persist(partial(collecting.collect, runtime, one, known, diaries[one.seed].requests))
        shown = await _shown(history, {str(buyer.who): buyer for where, buyer in people if where is one})
        history = collecting.seen_by_buyers(history, shown)
        histories.append(replace(history, settle_s=settling.took_s[one.seed], deadline_s=DEADLINE_S))
    await persist(lambda: station.close(runtime, stations))
    return histories, list(diaries.values()), settling.settled_by_hand


async def _shown(history: History, buyers: dict[str, Buyer]) -> dict[str, tuple[str, ...]]:
    """The keys on the pages of the orders that have some."""
    shown = {}
    for order in history.orders:
        if order.keys and order.buyer in buyers:
            keys = await buyers[order.buyer].keys_of(order.no)
            shown[order.no] = keys or ()
    return shown
