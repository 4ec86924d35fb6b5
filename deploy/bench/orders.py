"""`kameng bench orders`: whole checkouts over HTTP, paid from the wallet and delivered from stock, against a server
that is started for it."""

import asyncio
import shutil
import time
from urllib.parse import urlencode
from uuid import UUID

import httpx
import msgspec
import uvloop
from msgspec import Struct
from sqlalchemy import text

from billing.ledger import queries as ledger
from deploy.bench import sql_limit
from deploy.bench.figures import percentile
from deploy.bench.grown import grow
from deploy.bench.station import Station, add_keys, folder_of, opened, servers_of_its_own
from deploy.bench.wire import Connection
from deploy.demo.browser import TOKEN, LoopbackNames
from deploy.installation import processes
from deploy.supervisor import Supervisor
from kameng.core import ids
from kameng.identity import sessions
from kameng.infra.runtime import Runtime
from kameng.infra.settings import Settings
from kameng.web import cookies

WARM_UP_S = 2.0
ISSUED, POOLED = 1_000_000, 100_000
TURNS = 4
KEYS_PER_S = 2_500  # more than a second can sell; topped up when a phase begins


class Told(Struct):
    """What the shop answers to a checkout."""

    no: str
    state: str


class BenchFailed(Exception):
    """What was measured was not right, so its speed means nothing."""


def measure(*, seconds: float, clients: int) -> dict[str, float]:
    """Runs the measurement. Raises `BenchFailed` when a sale was not delivered, sold twice, or not balanced."""
    with servers_of_its_own() as settings:
        return uvloop.run(_measure(settings, seconds, clients))


async def _measure(settings: Settings, seconds: float, clients: int) -> dict[str, float]:
    async with opened(settings, buyers_wanted=clients, keys=int(KEYS_PER_S * WARM_UP_S)) as (runtime, station):
        folder = folder_of(settings)
        with Supervisor(folder / "processes.json", log_folder=folder) as supervisor:
            supervisor.start(processes(settings)[0])
            connections = [await client_of(runtime, station, buyer) for buyer in station.buyers]
            await _buy_all(connections, station, WARM_UP_S)
            await add_keys(runtime, station.good_id, int(KEYS_PER_S * seconds * 2))
            before = await _sql(runtime, station, seconds / 2)
            took_ms, lasted_s = await _buy_all(connections, station, seconds)
            after = await _sql(runtime, station, seconds / 2)
            for connection in connections:
                await connection.close()
            big_ms, small_ms = await _grown(runtime, station, seconds)
        await _check(runtime, station)
        shutil.rmtree(folder)  # kept when something went wrong: the logs are in it
    limit, rate = (before + after) / 2, len(took_ms) / lasted_s
    return {
        "orders_per_s": round(rate, 1),
        "p50_ms": round(percentile(took_ms, 0.50), 2),
        "p95_ms": round(percentile(took_ms, 0.95), 2),
        "p99_ms": round(percentile(took_ms, 0.99), 2),
        "sql_limit_per_s": round(limit, 1),
        "ratio": round(rate / limit, 3),
        "big_ratio": round(percentile(big_ms, 0.95) / percentile(small_ms, 0.95), 3),
    }


async def _grown(runtime: Runtime, station: Station, seconds: float) -> tuple[list[float], list[float]]:
    """Milliseconds of checkouts of a product that has sold much and has much left, and of the fresh one. They take
    turns, so that whatever else the machine does happens to both."""
    big = await grow(runtime, station, issued=ISSUED, pooled=POOLED)
    await add_keys(runtime, station.good_id, int(KEYS_PER_S * seconds))
    connections = [await client_of(runtime, station, buyer) for buyer in station.buyers]
    took: dict[int, list[float]] = {big.product_id: [], station.product_id: []}
    for _ in range(TURNS):
        for one in (big, station):
            took[one.product_id] += (await _buy_all(connections, one, seconds / TURNS / 2))[0]
    for connection in connections:
        await connection.close()
    return sorted(took[big.product_id]), sorted(took[station.product_id])


async def _sql(runtime: Runtime, station: Station, seconds: float) -> float:
    return await sql_limit.measure(runtime, station, connections=runtime.settings.pool_size, seconds=seconds)


async def client_of(runtime: Runtime, station: Station, buyer: UUID) -> Connection:
    """A connection whose requests are those of one signed-in buyer, with the token of a page he has loaded."""
    settings, tenant = runtime.settings, station.tenant
    session = await sessions.create(runtime.redis, "buyer", subject=buyer, name="", tenant_id=tenant.id, role="guest")
    origin = settings.base_url(tenant.host)
    cookie = f"{cookies.name_of(cookies.VISITOR, settings.secure)}={session.id}"
    async with httpx.AsyncClient(transport=LoopbackNames(), trust_env=False) as browser:
        page = await browser.get(f"{origin}/p/{station.product_id}", headers={"Cookie": cookie})
    token = TOKEN.search(page.text)
    if token is None:
        raise BenchFailed(f"the product page has no token (it answered {page.status_code})")
    head = {
        "Host": f"{tenant.host}:{settings.port}",
        "Origin": origin,
        "Cookie": cookie,
        "X-CSRF-Token": token.group(1),
        "Accept": "application/json",
        "Content-Type": "application/x-www-form-urlencoded",
    }
    return await Connection.open("127.0.0.1", settings.port, head)


async def _buy_all(connections: list[Connection], station: Station, seconds: float) -> tuple[list[float], float]:
    """Milliseconds of each checkout, sorted, and how many seconds it all took."""
    began = time.perf_counter()
    until = began + seconds
    each = await asyncio.gather(*(_buy(connection, station, until) for connection in connections))
    lasted_s = time.perf_counter() - began
    return sorted(took for one in each for took in one), lasted_s


async def _buy(connection: Connection, station: Station, until: float) -> list[float]:
    took_ms = []
    while (began := time.perf_counter()) < until:
        fields = {
            "product_id": station.product_id,
            "quantity": 1,
            "pay_method": "wallet",
            "request_key": ids.code(20),
            "contact": "13800000000",
        }
        status, body = await connection.post("/orders", urlencode(fields).encode())
        took_ms.append((time.perf_counter() - began) * 1000)
        if status != 200 or msgspec.json.decode(body, type=Told).state != "delivered":
            raise BenchFailed(f"a checkout answered {status}: {body[:200].decode(errors='replace')}")
    return took_ms


async def _check(runtime: Runtime, station: Station) -> None:
    """Every order has exactly one card, no card two orders, and the ledger balances."""
    async with station.tenant.begin() as session:
        row = await session.execute(
            text(
                "SELECT (SELECT count(*) FROM orders WHERE state = 'delivered'), count(*), count(DISTINCT c.id),"
                " count(DISTINCT c.order_ref) FROM card_issued c JOIN orders o ON o.id = c.order_ref"
            )
        )
        delivered, cards, distinct, orders = row.one()
    async with runtime.database.master_session() as session:
        total, unbalanced = await ledger.total_cents(session), await ledger.unbalanced(session)
    if not delivered == cards == distinct == orders or total or unbalanced:
        raise BenchFailed(
            f"{delivered} orders, {cards} cards ({distinct} distinct) for {orders} orders; ledger off by {total}"
        )
