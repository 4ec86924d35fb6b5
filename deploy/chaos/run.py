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
from deploy.chaos.buyers import Buyer
from deploy.chaos.checker import Violation
from deploy.chaos.clerk import Clerk
from deploy.chaos.database import Cache, Database, servers
from deploy.chaos.diary import Diary
from deploy.chaos.history import History
from deploy.chaos.outside import TIMEOUTS, Outside
from deploy.chaos.patience import persist
from deploy.chaos.settling import PERSON_AFTER_MINUTES, Settling
from deploy.chaos.station import Common, Station
from deploy.chaos.weather import Weather
from deploy.installation import processes
from deploy.migrations.runner import migrate
from deploy.supervisor import Supervisor
from deploy.wiring import MODULES
from kameng.infra.runtime import Runtime, running
from kameng.infra.settings import Settings
from supplier_gateway.routing import service as routing
from supplier_gateway.routing.choice import Rules

AT_ONCE = 50  # histories of one batch
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
    with installation() as installed:
        return uvloop.run(_orders(installed, histories, seed, tell))


class Installed(Struct, frozen=True):
    """Servers of its own, and what starts processes."""

    settings: Settings
    supervisor: Supervisor
    database: Database
    cache: Cache


@contextmanager
def installation() -> Iterator[Installed]:
    """Durable servers. When all went well nothing of it stays, else the logs."""
    folder = surroundings.CHECKOUT / ".kameng" / "chaos" / str(os.getpid())
    folder.mkdir(parents=True)
    port = surroundings.free_port(FIRST_PORT)
    with ExitStack() as stack:
        embedded, database, cache = stack.enter_context(servers(folder / "servers"))
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
        yield Installed(settings, supervisor, database, cache)
    shutil.rmtree(folder)


class Harness(Struct, frozen=True):
    """Everything that runs."""

    runtime: Runtime
    outside: Outside
    shared: Common
    weather: Weather


async def _orders(installed: Installed, histories: int, seed: int, tell: Tell) -> Outcome:
    settings, supervisor = installed.settings, installed.supervisor
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
        storms = Weather(runtime, world, supervisor, installed.database, installed.cache)
        harness = Harness(runtime, world, shared, storms)
        judged: list[History] = []
        found: list[Violation] = []
        diaries: list[Diary] = []
        by_hand = 0
        batches = [
            range(seed + first, seed + min(first + AT_ONCE, histories)) for first in range(0, histories, AT_ONCE)
        ]
        opening = asyncio.create_task(_open(harness, batches[0]))
        for seeds, following in zip(batches, [*batches[1:], None], strict=True):
            stations = await opening
            done = len(judged)
            tell(f"history {done + 1} to {done + len(seeds)} of {histories}, {len(found)} violations")
            people = await _storm(harness, stations)
            if following:  # while this one settles: in a storm nobody could
                opening = asyncio.create_task(_open(harness, following))
            batch, lived, hands = await _judged(harness, stations, people)
            by_hand += hands
            diaries += lived
            judged += [_outline(history) for history in batch]
            for history in batch:
                found += checker.violations(history)
        collected = (await collecting.books(world, settings.master_host)).collected.values()
        found += checker.across(judged, collected)
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


class People(Struct, frozen=True):
    """Who lives in the stations of a batch, and what they write down. `diaries` by the station's seed."""

    buyers: list[tuple[Station, Buyer]]
    diaries: dict[int, Diary]


async def _open(harness: Harness, seeds: Sequence[int]) -> list[Station]:
    return [await station.opened(harness.runtime, harness.outside, harness.shared, seed) for seed in seeds]


async def _storm(harness: Harness, stations: Sequence[Station]) -> People:
    runtime, world = harness.runtime, harness.outside
    diaries = {one.seed: Diary() for one in stations}
    buyers = [(one, Buyer(runtime, world, one, who, diaries[one.seed])) for one in stations for who in one.buyers]
    clerks = [Clerk(runtime, one, diaries[one.seed]) for one in stations]
    for _, buyer in buyers:
        await buyer.enter()
    dice = Random(f"weather:{stations[0].seed}")  # noqa: S311 - chance, not secrets
    await asyncio.gather(
        harness.weather.storm(dice, STORM_S, stations),
        *(buyer.live(STORM_S) for _, buyer in buyers),
        *(clerk.live(STORM_S) for clerk in clerks),
    )
    await harness.weather.calm()
    return People(buyers, diaries)


async def _judged(
    harness: Harness, stations: Sequence[Station], people: People
) -> tuple[list[History], list[Diary], int]:
    """The calm, and what everybody knows after it."""
    runtime, world = harness.runtime, harness.outside
    settling = Settling(runtime, world, stations)
    await settling.until(DEADLINE_S)
    known = await collecting.books(world, runtime.settings.master_host)
    histories = []
    for one in stations:
        history = await persist(partial(collecting.collect, runtime, one, known, people.diaries[one.seed]))
        shown = await _shown(history, {str(buyer.who): buyer for where, buyer in people.buyers if where is one})
        history = collecting.seen_by_buyers(history, shown)
        histories.append(replace(history, settle_s=settling.took_s[one.seed], deadline_s=DEADLINE_S))
    await persist(lambda: station.close(runtime, stations))
    return histories, list(people.diaries.values()), settling.settled_by_hand


async def _shown(history: History, buyers: dict[str, Buyer]) -> dict[str, tuple[str, ...]]:
    """The keys on the pages of the orders that show some: what was refunded shows none."""
    orders = [one for one in history.orders if one.keys and one.state in checker.CHARGED and one.buyer in buyers]
    keys = await asyncio.gather(*(buyers[one.buyer].keys_of(one.no) for one in orders))
    return {one.no: seen or () for one, seen in zip(orders, keys, strict=True)}
