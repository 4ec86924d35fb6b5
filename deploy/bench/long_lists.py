"""How long the pages of long lists take over HTTP, one request at a time, as one person asks for them."""

import random
import shutil
import time
from collections.abc import Mapping, Sequence
from urllib.parse import quote, urlencode

from sqlalchemy import text

from deploy.bench.big_shop import PRODUCTS
from deploy.bench.figures import percentile
from deploy.bench.orders import BenchFailed
from deploy.bench.station import Station, folder_of
from deploy.bench.wire import Connection
from deploy.installation import processes
from deploy.supervisor import Supervisor
from kameng.core import ids
from kameng.identity import sessions, staff
from kameng.identity.passwords import Passwords
from kameng.identity.permissions import Role
from kameng.infra.runtime import Runtime
from kameng.web import cookies
from tenants.toggles import flags, service

SEED = 7
ROUNDS = 25
OK = 200
SOME = text(
    "SELECT o.no, o.contact, o.product_name, o.product_id, o.buyer_id, o.total_cents, o.created_at, b.login, o.id"
    " FROM orders o TABLESAMPLE SYSTEM (1) REPEATABLE (7) JOIN buyers b ON b.id = o.buyer_id"
    " ORDER BY md5(o.no) LIMIT :some"
)
NAMES = ("王者荣耀", "会员", "10 元", "steam", "原神 510")

Timings = dict[str, list[float]]


async def products(runtime: Runtime, station: Station) -> Timings:
    """Milliseconds of each kind of page of the catalogue, at the console and in the shop."""
    took = await _timed(runtime, station, _console_pages(), at_console=True)
    took |= await _timed(runtime, station, _shop_pages(), at_console=False)
    async with station.tenant.begin() as session:
        await service.choose(session, flags.SHELF_ORDER, "sales")
        await service.choose(session, flags.SOLD_OUT_LAST, True)
    sorted_shelf = await _timed(runtime, station, _shop_pages(), at_console=False)
    return took | {f"{kind}, best sellers first": one for kind, one in sorted_shelf.items()}


async def searches(runtime: Runtime, station: Station) -> Timings:
    """Milliseconds of each kind of search among orders."""
    async with station.tenant.begin() as session:
        known = (await session.execute(SOME, {"some": ROUNDS})).all()
    return await _timed(runtime, station, _order_pages(known), at_console=True)


def p95(took: Timings) -> float:
    """Of all requests, whatever their kind."""
    return round(percentile(sorted(ms for one in took.values() for ms in one), 0.95), 1)


def slowest(took: Timings) -> tuple[str, float]:
    """The kind of page with the highest p95, and what that is."""
    by_kind = {kind: round(percentile(sorted(one), 0.95), 1) for kind, one in took.items()}
    return max(by_kind.items(), key=lambda one: one[1])


def _console_pages() -> Mapping[str, Sequence[str]]:
    chance = random.Random(SEED)  # noqa: S311 - which page is asked for is no secret

    def asked(**query: object) -> str:
        return f"/console/products?{urlencode(query)}"

    return {
        "console": ["/console/products"] * ROUNDS,
        "console, a page": [asked(page=chance.randint(2, PRODUCTS // 20)) for _ in range(ROUNDS)],
        "console, words": [asked(q=chance.choice(NAMES)) for _ in range(ROUNDS)],
        "console, category": [asked(category=chance.randint(1, 40)) for _ in range(ROUNDS)],
        "console, label": [asked(label=f"游戏/标签 {chance.randint(0, 49)}") for _ in range(ROUNDS)],
        "console, hidden": [asked(state="hidden")] * ROUNDS,
    }


def _shop_pages() -> Mapping[str, Sequence[str]]:
    chance = random.Random(SEED)  # noqa: S311
    return {
        "shop": ["/"] * ROUNDS,
        "shop, a page": [f"/?page={chance.randint(2, 100)}" for _ in range(ROUNDS)],
        "shop, words": [f"/?q={quote(chance.choice(NAMES))}" for _ in range(ROUNDS)],
        "shop, category": [f"/c/{chance.randint(1, 40)}" for _ in range(ROUNDS)],
        "shop, label": [f"/?label={quote(f'游戏/标签 {chance.randint(0, 49)}')}" for _ in range(ROUNDS)],
    }


def _order_pages(known: Sequence[object]) -> Mapping[str, Sequence[str]]:
    chance = random.Random(SEED)  # noqa: S311

    def asked(**query: object) -> str:
        return f"/console/orders?{urlencode({name.rstrip('_'): value for name, value in query.items()})}"

    def each(write: object) -> list[str]:
        return [write(one) for one in known]  # type: ignore[operator]

    return {
        "all": ["/console/orders"] * ROUNDS,
        "far back": each(lambda one: asked(after=one.id)),
        "number": each(lambda one: asked(q=one.no)),
        "part of the number": each(lambda one: asked(q=one.no[7:12])),
        "day of the number": each(lambda one: asked(q=one.no[:6])),
        "contact": each(lambda one: asked(q=one.contact)),
        "beginning of a contact": each(lambda one: asked(q=one.contact[: chance.randint(3, 8)])),
        "login": each(lambda one: asked(q=one.login or "nobody")),
        "product": each(lambda one: asked(q=one.product_name)),
        "word of products": each(lambda _: asked(q=chance.choice(NAMES))),
        "nothing": each(lambda _: asked(q=ids.code(6).lower() + "不")),
        "state": each(lambda _: asked(state=chance.choice(["refunded", "partial", "cancelled", "waiting", "unpaid"]))),
        "days": each(lambda one: asked(from_=f"{one.created_at:%Y-%m-%d}", to=f"{one.created_at:%Y-%m-%d}")),
        "buyer": each(lambda one: asked(buyer=one.buyer_id)),
        "product and state": each(lambda one: asked(product=one.product_id, state="refunded")),
        "words and state": each(lambda _: asked(q=chance.choice(NAMES), state="cancelled")),
        "amount": each(lambda one: asked(least=one.total_cents / 100, most=one.total_cents / 100)),
        "amounts that nobody paid": each(lambda _: asked(least="5000")),
        "channel and day": each(lambda one: asked(channel=chance.randint(1, 4), to=f"{one.created_at:%Y-%m-%d}")),
        "channel nobody used": each(lambda _: asked(channel="77")),
    }


async def _timed(
    runtime: Runtime, station: Station, pages: Mapping[str, Sequence[str]], *, at_console: bool
) -> Timings:
    """Asks a web process of its own for every page once in turn, after each kind has been asked for once."""
    folder = folder_of(runtime.settings)
    with Supervisor(folder / "processes.json", log_folder=folder) as supervisor:
        supervisor.start(processes(runtime.settings)[0])
        connection = await _person(runtime, station) if at_console else await _visitor(runtime, station)
        for urls in pages.values():
            await _get(connection, urls[0])
        took: Timings = {kind: [] for kind in pages}
        for turn in range(ROUNDS):
            for kind, urls in pages.items():
                took[kind].append(await _get(connection, urls[turn % len(urls)]))
        await connection.close()
    shutil.rmtree(folder, ignore_errors=True)
    return took


async def _get(connection: Connection, path: str) -> float:
    began = time.perf_counter()
    status, body = await connection.get(path)
    if status != OK or b"<html" not in body:
        raise BenchFailed(f"{path} answered {status}")
    return (time.perf_counter() - began) * 1000


async def _person(runtime: Runtime, station: Station) -> Connection:
    """The owner, signed in."""
    tenant = station.tenant
    async with runtime.database.master_session() as session:
        owner = await staff.create_staff(
            session, f"bench-{ids.code(6).lower()}", "bench", ids.code(16), tenant.id, Role.OWNER,
            hasher=Passwords.cheap(),
        )  # fmt: skip
    held = await sessions.create(
        runtime.redis, "staff", subject=owner, name="bench", tenant_id=tenant.id, role=str(Role.OWNER)
    )
    cookie = f"{cookies.name_of(cookies.STAFF, runtime.settings.secure)}={held.id}"
    return await _connected(runtime, station, {"Cookie": cookie})


async def _visitor(runtime: Runtime, station: Station) -> Connection:
    return await _connected(runtime, station, {})


async def _connected(runtime: Runtime, station: Station, head: dict[str, str]) -> Connection:
    settings = runtime.settings
    host = f"{station.tenant.host}:{settings.port}"
    return await Connection.open("127.0.0.1", settings.port, {"Host": host, "Accept": "text/html", **head})
