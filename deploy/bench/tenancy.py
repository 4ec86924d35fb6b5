"""`kameng bench tenancy`: how long opening a station takes among many, migrating all, finding nothing to migrate; and
what a connection that has served all of them weighs."""

import asyncio
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import uvloop
from msgspec import Struct, structs
from sqlalchemy import text

from billing.wholesale import service as wholesale
from deploy.bench.figures import percentile
from deploy.bench.memory import own_memory_mb
from deploy.bench.orders import BenchFailed
from deploy.bench.station import servers_of_its_own
from deploy.migrations import history, runner
from deploy.migrations.status import status
from deploy.provisioning import provisioner
from kameng.infra.db import Database
from kameng.infra.runtime import Runtime, running
from kameng.infra.settings import Settings
from kameng.infra.tenancy import begin_as
from supplier_gateway.goods import service as goods
from tenants.notices import queries as notices
from tenants.orders import queries as orders
from tenants.registry import provisioning
from tenants.registry.provisioning import By, Owner, Provisioner
from tenants.registry.service import TenantDraft
from tenants.shop import queries as shop
from tenants.shop import service as shop_service
from tenants.shop.service import ProductDraft

SAMPLES = 100  # stations opened as the operator's form does it, the last ones; the others are filled in
OPENERS = 2
BY = By("bench", "127.0.0.1")
# What is asked for: a column and an index, on a table that every sale writes.
ADDED = """
ALTER TABLE orders ADD COLUMN bench_mark text NOT NULL DEFAULT '';
CREATE INDEX orders_bench_mark ON orders (bench_mark, created_at);
"""
TABLES = text("SELECT c.relname FROM pg_class c WHERE c.relkind = 'r' AND c.relnamespace = to_regnamespace(:schema)")

Progress = Callable[[str, int, int], None]


class Bench(Struct, frozen=True, kw_only=True):
    """What the parts of the measurement share."""

    runtime: Runtime
    provisioner: Provisioner
    tier_id: int
    good_id: int
    progress: Progress

    def draft(self, number: int) -> TenantDraft:
        slug = f"bench-{number}"
        return TenantDraft(slug=slug, name=f"bench {number}", tier_id=self.tier_id, hosts=[f"{slug}.localhost"])


def measure(*, tenants: int, progress: Progress) -> dict[str, float]:
    """Runs the measurement; `progress(what, done, total)`. Raises `BenchFailed` when something was not right."""
    with servers_of_its_own() as settings:
        return uvloop.run(_measure(settings, tenants, progress))


async def _measure(settings: Settings, tenants: int, progress: Progress) -> dict[str, float]:
    samples = min(SAMPLES, tenants)
    async with _bench(settings, progress) as bench:
        cold, warm = samples // 5, samples - samples // 5
        await _fill(bench, tenants - samples)
        cold_ms = await _open(bench, tenants - samples + 1, cold)
        await bench.provisioner.fill(warm)
        opened_ms = await _open(bench, tenants - warm + 1, warm)
        with _further_history() as folder:
            migrate_all_s = await _seconds(_migrate(bench, folder, tenants))
            migrate_noop_s = await _seconds(_migrate(bench, folder, 0))
        await _check(bench, tenants)
        pages = await _visit_all(settings, bench)
    return {
        "tenants": tenants,
        "provision_p50_ms": round(percentile(opened_ms, 0.50), 1),
        "provision_p95_ms": round(percentile(opened_ms, 0.95), 1),
        "provision_cold_p95_ms": round(percentile(cold_ms, 0.95), 1),
        "migrate_all_s": round(migrate_all_s, 2),
        "migrate_noop_s": round(migrate_noop_s, 3),
        "backend_rss_mb": round(pages.most_mb, 1),
        "backend_fresh_mb": round(pages.fresh_mb, 1),
        "backends": pages.backends,
        "tables_per_tenant": pages.tables,
    }


@asynccontextmanager
async def _bench(settings: Settings, progress: Progress) -> AsyncIterator[Bench]:
    await runner.migrate(settings)
    async with running(settings) as runtime:
        async with runtime.database.master_session() as session:
            tier = await wholesale.add_tier(session, "bench")
            good = await goods.add(session, "bench")
            await wholesale.set_price(session, tier.id, good.id, Decimal("8.00"))
        yield Bench(
            runtime=runtime,
            provisioner=provisioner(settings),
            tier_id=tier.id,
            good_id=good.id,
            progress=progress,
        )


async def _fill(bench: Bench, count: int) -> None:
    """Stations 1 to `count`, without owners."""
    numbers = iter(range(1, count + 1))

    async def work() -> None:
        for number in numbers:
            await bench.provisioner.open(bench.draft(number))
            bench.progress("stations filled in", number, count)

    await asyncio.gather(*(work() for _ in range(OPENERS)))


async def _open(bench: Bench, first: int, count: int) -> list[float]:
    """Milliseconds of opening one whole: station, deposit, audit line, owner's account; sorted."""
    took_ms = []
    for number in range(first, first + count):
        owner = Owner(f"owner-{number}", f"owner {number}", f"correct horse {number}")
        began = time.perf_counter()
        await provisioning.open_station(bench.runtime, bench.provisioner, bench.draft(number), owner, 100_00, BY)
        took_ms.append((time.perf_counter() - began) * 1000)
        bench.progress("stations opened", number - first + 1, count)
    return sorted(took_ms)


@contextmanager
def _further_history() -> Iterator[Path]:
    """A copy of the history with one more file for tenants."""
    with tempfile.TemporaryDirectory() as folder:
        copied = shutil.copytree(history.HERE, Path(folder) / "migrations", ignore=shutil.ignore_patterns("*.py*"))
        version = len(history.load("tenant")) + 1
        (copied / "tenant" / f"{version:04}_bench.sql").write_text(ADDED, encoding="utf-8")
        yield copied


async def _seconds(work: Coroutine[Any, Any, None]) -> float:
    began = time.perf_counter()
    await work
    return time.perf_counter() - began


async def _migrate(bench: Bench, folder: Path, expected: int) -> None:
    def tell(done: int, total: int) -> None:
        bench.progress("stations migrated", done, total)

    report = await runner.migrate(bench.runtime.settings, tell, folder=folder)
    if report.failed or report.stopped or report.tenants - report.pooled != expected:
        raise BenchFailed(f"{report.tenants} of {expected} stations were migrated: {report.failed} {report.stopped}")


async def _check(bench: Bench, tenants: int) -> None:
    """That the new column is there, for the first and the last, and all stand at the version."""
    async with bench.runtime.database.master_session() as session:
        found = await status(session)
    if [(one.version, one.schemas) for one in found.tenants] != [(found.newest + 1, tenants)]:
        raise BenchFailed(f"stations stand at {found.tenants}")
    for number in (1, tenants):
        tenant = await bench.runtime.directory.at_host(f"bench-{number}.localhost")
        if tenant is None:
            raise BenchFailed(f"station {number} is not there")
        async with tenant.begin() as session:
            await session.execute(text("SELECT bench_mark FROM orders ORDER BY bench_mark, created_at LIMIT 1"))


class Pages(Struct, kw_only=True):
    """What the backends of one pooled connection weighed. `most_mb` is the heaviest that any was at any time."""

    most_mb: float = 0.0
    fresh_mb: float = 0.0
    backends: int = 0
    tables: int = 0


async def _visit_all(settings: Settings, bench: Bench) -> Pages:
    """One pooled connection serves every tenant: the queries of the home page, a product, the consoles' lists, and one
    of every table that there is, so that no page could touch more."""
    pages = Pages()
    async with bench.runtime.database.master_session() as session:
        rows = await session.execute(text("SELECT id FROM tenants WHERE state <> 'closed' ORDER BY id"))
        tenant_ids = [row.id for row in rows]
        found = await session.execute(TABLES, {"schema": f"tenant_{tenant_ids[0]}"})
        every_table = " UNION ALL ".join(f"SELECT count(*) FROM {row.relname}" for row in found)  # noqa: S608 - ours
    pages.tables = every_table.count("SELECT")
    database = Database(structs.replace(settings, pool_size=1))
    try:
        seen: set[int] = set()
        for done, tenant_id in enumerate(tenant_ids, start=1):
            pid, weight = await _visit(database, tenant_id, bench.good_id, every_table)
            if not seen:
                pages.fresh_mb = weight
            seen.add(pid)
            pages.most_mb = max(pages.most_mb, weight)
            bench.progress("stations served", done, len(tenant_ids))
        pages.backends = len(seen)
    finally:
        await database.close()
    return pages


async def _visit(database: Database, tenant_id: int, good_id: int, every_table: str) -> tuple[int, float]:
    """The process that served it, and its own memory in MB before the pool has it back, which may close it."""
    async with begin_as(database, tenant_id) as session:
        draft = ProductDraft(good_id=good_id, name="bench", price=Decimal("10.00"))
        product = await shop_service.list_product(session, draft)
        await shop.shelf(session)
        await shop.on_sale(session, product.id)
        await session.execute(orders.search().limit(20))
        await orders.open_counts(session)
        await notices.unread(session)
        await session.execute(text(every_table))
        pid = int((await session.execute(text("SELECT pg_backend_pid()"))).scalar_one())
        return pid, own_memory_mb(pid)
