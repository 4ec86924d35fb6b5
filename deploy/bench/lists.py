"""`kameng bench lists`: what an owner waits for with a large stock. Each part is a function that fills what it needs
and returns its figures, so that another list is another function in `PARTS`."""

import time
from collections.abc import Awaitable, Callable
from decimal import Decimal

import uvloop
from msgspec import Struct
from sqlalchemy import text

from deploy.bench import big_shop, long_lists
from deploy.bench.orders import BenchFailed
from deploy.bench.station import Station, opened, servers_of_its_own
from kameng.cards import import_queries, imports, tasks
from kameng.cards.batches import BatchDraft
from kameng.cards.formats import Rule
from kameng.cards.imports import By
from kameng.core import ids
from kameng.infra import worker
from kameng.infra.runtime import Runtime

KEYS = 100_000
OWN = text("INSERT INTO products (name, price) VALUES ('bench', :price) RETURNING id")
WAITING = text("SELECT id FROM outbox WHERE follower = :follower")
# What most shops ask of a line, so that reading it is measured too.
RULE = Rule(min_length=10, pattern="[0-9A-Z]{4}-[0-9A-Z]{16}-[0-9]{6}")

Progress = Callable[[str, int, int], None]


class Bench(Struct, frozen=True, kw_only=True):
    """What the parts share."""

    runtime: Runtime
    station: Station
    progress: Progress


Part = Callable[[Bench], Awaitable[dict[str, float]]]


def measure(*, progress: Progress) -> dict[str, float]:
    """Runs all parts; `progress(what, done, total)`. Raises `BenchFailed` when something was not right."""
    with servers_of_its_own() as settings:

        async def run() -> dict[str, float]:
            async with opened(settings, buyers_wanted=1, keys=0) as (runtime, station):
                bench = Bench(runtime=runtime, station=station, progress=progress)
                found: dict[str, float] = {}
                for part in PARTS:
                    found |= await part(bench)
                return found

        return uvloop.run(run())


async def import_keys(bench: Bench) -> dict[str, float]:
    """`import_s`: from the lines in hand to the last card for sale, through the job as a worker does it."""
    runtime, tenant = bench.runtime, bench.station.tenant
    place = await tasks.place_of(runtime, tenant)
    async with place.begin() as session:
        product_id = int((await session.execute(OWN, {"price": Decimal(10)})).scalar_one())
    lines = [(number, f"KEYS-{ids.code(16)}-{number:06}") for number in range(1, KEYS + 1)]
    began = time.perf_counter()
    async with place.begin() as session:
        draft = BatchDraft(item_id=product_id, cost_cents=500, made_by="bench")
        import_id = await imports.send(session, place.sealer, draft, RULE, lines, By("bench", ""))
    done = await _found(bench, product_id, import_id)
    while done.is_running:
        await _work(runtime)
        done = await _found(bench, product_id, import_id)
        bench.progress("cards imported", done.done, KEYS)
    took_s = time.perf_counter() - began
    if (done.state, done.added) != ("done", KEYS):
        raise BenchFailed(f"{done.added} of {KEYS} cards were imported")
    return {"import_keys": KEYS, "import_s": round(took_s, 2)}


async def _found(bench: Bench, product_id: int, import_id: int) -> import_queries.Import:
    async with bench.station.tenant.begin() as session:
        return await import_queries.find(session, product_id, import_id)


async def _work(runtime: Runtime) -> None:
    """What a worker does with the events that wait."""
    name = f"{tasks.import_cards.__module__}.{tasks.import_cards.__qualname__}"
    async with runtime.database.master_session() as session:
        waiting = list((await session.execute(WAITING, {"follower": name})).scalars())
    for outbox_id in waiting:
        await worker.run_follower(runtime, outbox_id, name)


async def leaf_through(bench: Bench) -> dict[str, float]:
    """`products_p95_ms`: pages of 10,000 products over a million keys, at the console and in the shop, by hand and by
    sales; `search_p95_ms`: searches among a million orders. `…_worst_ms` is the p95 of the slowest kind of page."""
    await big_shop.fill(bench.runtime, bench.station, bench.progress)
    bench.progress("pages of products", 0, 1)
    pages = await long_lists.products(bench.runtime, bench.station)
    bench.progress("searches among orders", 0, 1)
    found = await long_lists.searches(bench.runtime, bench.station)
    for kind, took_ms in (long_lists.slowest(pages), long_lists.slowest(found)):
        bench.progress(f"slowest, in ms: {kind}", int(took_ms), int(took_ms))
    return {
        "products_p95_ms": long_lists.p95(pages),
        "products_worst_ms": long_lists.slowest(pages)[1],
        "search_p95_ms": long_lists.p95(found),
        "search_worst_ms": long_lists.slowest(found)[1],
    }


PARTS: tuple[Part, ...] = (import_keys, leaf_through)
