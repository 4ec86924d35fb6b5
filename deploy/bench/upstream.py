"""`kameng bench upstream`: orders that suppliers deliver over HTTP, against web, worker and scheduler as they are
installed and three sandbox suppliers, one of which goes down when the measurement begins.

One whose port is closed stays down. One that is silent comes back when the last order is placed: before that nobody can
know what it did, so nothing that it was asked for may be bought elsewhere.
"""

import asyncio
import itertools
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack, contextmanager
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlencode

import httpx
import msgspec
import uvloop
from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import text

from billing.ledger import queries as ledger
from deploy import surroundings
from deploy.bench.figures import percentile
from deploy.bench.orders import BenchFailed, Told, client_of
from deploy.bench.station import Station, folder_of, opened, servers_of_its_own
from deploy.bench.wire import Connection
from deploy.installation import processes
from deploy.supervisor import Process, Supervisor, answers
from kameng.core import ids
from kameng.infra import settings as settings_door
from kameng.infra.runtime import Runtime
from kameng.infra.settings import Settings
from supplier_gateway.adapters.sandbox.server import KNOWN_ACCOUNT, KNOWN_CONTROL, KNOWN_SECRET
from supplier_gateway.offers import service as offers
from supplier_gateway.suppliers import service as suppliers

REFUSES, SILENT, NONE = "refuses", "silent", "none"
WAYS = (REFUSES, SILENT, NONE)
SUPPLIERS, ANSWERS_AFTER_MS = 3, 1_000
WARM_UP_S = 5.0
CLIENTS = 24
PATIENCE_S = 90.0  # after which an order that is not delivered has failed
SKU = "bench"
CONTROL = {"X-Control-Token": KNOWN_CONTROL}


class Source(Struct, frozen=True):
    """A running sandbox supplier, and what can stop it."""

    url: str
    running: ExitStack

    def stage(self, *faults: dict[str, object]) -> None:
        plan = {"queue": list(faults), "latency_ms": ANSWERS_AFTER_MS}
        httpx.post(f"{self.url}/control/faults", json=plan, headers=CONTROL, trust_env=False).raise_for_status()


def measure(*, seconds: float, rate: float, down: str) -> dict[str, float]:
    """Runs the measurement. Raises `BenchFailed` when an order has other cards than were bought for it, or the books do
    not balance."""
    with servers_of_its_own() as settings:
        return uvloop.run(_measure(replace(settings, allow_private_suppliers=True), seconds, rate, down))


async def _measure(settings: Settings, seconds: float, rate: float, down: str) -> dict[str, float]:
    folder = folder_of(settings)
    async with AsyncExitStack() as stack:
        runtime, station = await stack.enter_async_context(opened(settings, buyers_wanted=CLIENTS, keys=0))
        with ExitStack() as running:
            sources = [running.enter_context(_source(settings, folder / str(number))) for number in range(SUPPLIERS)]
            await _offer(runtime, station, sources)
            installed = running.enter_context(Supervisor(folder / "processes.json", log_folder=folder))
            for process in processes(settings):
                installed.start(process)
            connections = [await client_of(runtime, station, buyer) for buyer in station.buyers]
            await _buy(connections, station, WARM_UP_S, rate)
            if down == REFUSES:
                sources[0].running.close()
            elif down == SILENT:
                sources[0].stage({"kind": "timeout_before", "on": "any", "count": None, "delay_ms": 60_000})
            first = await _now(runtime)
            await _buy(connections, station, seconds, rate)
            if down == SILENT:
                sources[0].stage()  # what it was asked for by then is unknown until it can be asked what became of it
            took_ms, failed = await _outcome(station, first)
            for connection in connections:
                await connection.close()
            await _check(runtime, station)
    if not failed:  # else the logs in it tell why
        shutil.rmtree(folder)
    return {
        "orders": len(took_ms) + failed,
        "p50_ms": round(percentile(took_ms, 0.50), 1),
        "p95_ms": round(percentile(took_ms, 0.95), 1),
        "p99_ms": round(percentile(took_ms, 0.99), 1),
        "max_ms": round(took_ms[-1], 1),
        "failed": failed,
    }


@contextmanager
def _source(settings: Settings, folder: Path) -> Iterator[Source]:
    """A supplier with plenty of the good."""
    port = surroundings.free_port(24_000)
    url = f"http://127.0.0.1:{port}"
    argv = (sys.executable, "-m", "supplier_gateway.adapters.sandbox.server", "--port", str(port))
    process = Process("supplier", argv, settings_door.to_environ(settings), ready=answers(f"{url}/healthz"))
    with ExitStack() as running:
        running.enter_context(Supervisor(folder / "processes.json", log_folder=folder)).start(process)
        good = {"sku": SKU, "name": "bench", "cost": "5.00", "stock": 10**9}
        for path, body in (("goods", [good]), ("balance", {"balance_cents": 10**12})):
            httpx.post(f"{url}/control/{path}", json=body, headers=CONTROL, trust_env=False).raise_for_status()
        source = Source(url, running)
        source.stage()
        yield source


async def _offer(runtime: Runtime, station: Station, sources: Sequence[Source]) -> None:
    sealer = await runtime.keyring.master()
    async with runtime.database.master_session() as session:
        for number, source in enumerate(sources):
            supplier = await suppliers.add(
                session, sealer, f"sandbox {number}", "sandbox", source.url, KNOWN_ACCOUNT, KNOWN_SECRET
            )
            await offers.add(session, station.good_id, supplier.id, Decimal("5.00"), sku=SKU, stock=None)


async def _buy(connections: Sequence[Connection], station: Station, seconds: float, rate: float) -> None:
    """Places `rate` orders a second, whatever becomes of them: a shop's buyers do not wait for each other."""
    begun, numbers = time.perf_counter(), itertools.count()

    async def client(connection: Connection) -> None:
        while (number := next(numbers)) < seconds * rate:
            await asyncio.sleep(max(0.0, begun + number / rate - time.perf_counter()))
            await _place(connection, station)

    await asyncio.gather(*(client(connection) for connection in connections))


async def _place(connection: Connection, station: Station) -> None:
    fields = {
        "product_id": station.product_id,
        "quantity": 1,
        "pay_method": "wallet",
        "request_key": ids.code(20),
        "contact": "13800000000",
    }
    status, body = await connection.post("/orders", urlencode(fields).encode())
    if status != 200 or msgspec.json.decode(body, type=Told).state != "paid":
        raise BenchFailed(f"a checkout answered {status}: {body[:200].decode(errors='replace')}")


async def _now(runtime: Runtime) -> str:
    async with runtime.database.master_session() as session:
        return str((await session.execute(text("SELECT clock_timestamp()"))).scalar_one())


async def _outcome(station: Station, since: str) -> tuple[list[float], int]:
    """Sorted milliseconds from paid to delivered of the orders paid since, and how many were not delivered."""
    gives_up = time.perf_counter() + PATIENCE_S
    while True:
        async with station.tenant.begin() as session:
            rows = await session.execute(
                text(
                    "SELECT state, extract(epoch FROM delivered_at - paid_at) * 1000 AS took_ms FROM orders"
                    " WHERE paid_at >= CAST(:since AS timestamptz)"
                ),
                {"since": since},
            )
            found = rows.all()
        took_ms = sorted(float(row.took_ms) for row in found if row.state == "delivered")
        if len(took_ms) == len(found) or time.perf_counter() > gives_up:
            return took_ms, len(found) - len(took_ms)
        await asyncio.sleep(1)


async def _check(runtime: Runtime, station: Station) -> None:
    """Every delivered order has the cards of one purchase, no card two orders, and the ledger balances."""
    async with station.tenant.begin() as session:
        row = await session.execute(
            text(
                "SELECT (SELECT count(*) FROM orders WHERE state = 'delivered'), count(*), count(DISTINCT fingerprint),"
                " count(DISTINCT order_ref) FROM card_issued"
            )
        )
        delivered, cards, distinct, orders = row.one()
    async with runtime.database.master_session() as session:
        bought = (await session.execute(text("SELECT count(*) FROM purchases WHERE state = 'delivered'"))).scalar_one()
        total, unbalanced = await ledger.total_cents(session), await ledger.unbalanced(session)
    if not delivered == cards == distinct == orders <= bought or total or unbalanced:
        raise BenchFailed(
            f"{delivered} orders, {cards} cards ({distinct} distinct) for {orders} orders, {bought} purchases;"
            f" ledger off by {total}"
        )
