"""Which application answers, and what it knows of the request."""

import asyncio
from pathlib import Path

import msgspec
import pytest

from kameng.infra.runtime import Runtime
from kameng.infra.tenancy import Tenant
from kameng.web.addresses import Proxies, host_of, trace_of
from kameng.web.dispatch import HostDispatch
from tests.kameng.web.house import House, build

TRACE = "0af7651916cd43dd8448eb211c80319c"


async def test_an_unknown_host_gets_a_bare_404_that_reveals_nothing(house: House) -> None:
    async with house.browser("stranger.example") as browser:
        answer = await browser.get("/")

    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")
    assert "kameng" not in f"{answer.text} {answer.headers}".lower()
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("host", ["", "a b", "x" * 300, "shop.localhost:", "[::1]", "a..b", "a:b:c"])
async def test_what_cannot_be_a_host_gets_the_same_404(house: House, host: str) -> None:
    async with house.browser("stranger.example") as browser:
        answer = await browser.get("/", headers={"Host": host})

    assert answer.status_code == 404


async def test_each_host_has_its_own_routes(house: House, tenant: Tenant) -> None:
    async with house.browser(tenant.host) as shop, house.browser("master.localhost") as master:
        assert (await shop.get("/tenants")).status_code == 404
        assert (await master.get("/number?n=1")).status_code == 404
        assert tenant.name in (await shop.get("/")).text
        assert "Kameng|" in (await master.get("/")).text


async def test_a_host_is_the_same_in_capitals_with_port_and_dot(house: House, tenant: Tenant) -> None:
    async with house.browser(tenant.host) as browser:
        answer = await browser.get("/who", headers={"Host": f"{tenant.host.upper()}.:8000"})

    assert answer.json()["tenant"] == tenant.id


async def test_health_and_readiness_answer_on_every_host(house: House) -> None:
    async with house.browser("stranger.example") as browser:
        health, ready = await browser.get("/healthz"), await browser.get("/readyz")

    assert health.text == "ok\n"
    assert ready.status_code == 200
    assert [msgspec.json.decode(line) for line in ready.text.splitlines()] == [
        {"check": "database", "state": "ok"},
        {"check": "redis", "state": "ok"},
    ]


async def test_readiness_is_503_when_one_check_is_not_ok(house: House) -> None:
    async def not_well() -> dict[str, str]:
        return {"database": "ok", "migrations": "3 stations are behind"}

    door = HostDispatch(house.runtime, house.door.master, house.door.station, not_well)
    async with House(runtime=house.runtime, door=door).browser("stranger.example") as browser:
        answer = await browser.get("/readyz")

    assert answer.status_code == 503
    assert "3 stations are behind" in answer.text


async def test_a_stranger_cannot_say_who_he_is(house: House, tenant: Tenant) -> None:
    async with house.browser(tenant.host) as browser:
        answer = await browser.get("/who", headers={"X-Forwarded-For": "198.51.100.1", "X-Request-Id": "mine"})

    assert answer.json()["address"] == "203.0.113.9"
    assert answer.headers["x-request-id"] != "mine"


async def test_a_trusted_proxy_is_believed(runtime: Runtime, tenant: Tenant, tmp_path: Path) -> None:
    house = build(tmp_path, runtime, trusted_proxies="203.0.113.0/24")
    async with house.browser(tenant.host) as browser:
        chain = "6.6.6.6, 198.51.100.1, 203.0.113.77"
        answer = await browser.get("/who", headers={"X-Forwarded-For": chain, "X-Request-Id": "mine"})

    assert answer.json()["address"] == "198.51.100.1"
    assert answer.headers["x-request-id"] == "mine"


async def test_a_suspended_shop_is_closed_and_its_console_and_notices_are_not(
    runtime: Runtime, house: House, tenant: Tenant
) -> None:
    class Suspended:
        async def at_host(self, _: str) -> Tenant:
            return msgspec.structs.replace(tenant, state="suspended")

    door = HostDispatch(runtime, house.door.master, house.door.station, house.door.ready)
    door.directory = Suspended()  # type: ignore[assignment]  # the same question, another answer
    async with House(runtime=house.runtime, door=door).browser(tenant.host) as browser:
        assert (await browser.get("/")).status_code == 503
        assert (await browser.get("/console")).headers["location"] == "/console/login?next=/console"
        assert (await browser.post("/notify", {"a": "1"})).status_code == 201


def test_hosts_traces_and_proxies_are_read_strictly() -> None:
    assert host_of("Shop.Example.:443") == "shop.example"
    assert host_of("shop.example:https") is None
    assert trace_of(f"00-{TRACE}-b7ad6b7169203331-01") == TRACE
    assert trace_of(f"00-{'0' * 32}-b7ad6b7169203331-01") is None
    assert trace_of(f"ff-{TRACE}-b7ad6b7169203331-01") is None
    proxies = Proxies("10.0.0.0/8, ::1")
    assert proxies.client("10.1.1.1", ["9.9.9.9, 10.2.2.2"]) == "9.9.9.9"
    assert proxies.client("10.1.1.1", ["unknown"]) == "10.1.1.1"
    assert proxies.client("8.8.8.8", ["9.9.9.9"]) == "8.8.8.8"


async def test_both_applications_are_told_of_start_and_end(house: House) -> None:
    heard: list[str] = []

    def application(name: str) -> object:
        async def app(_: object, receive: object, send: object) -> None:
            for event in ("startup", "shutdown"):
                await receive()  # type: ignore[operator]  # plain ASGI
                heard.append(f"{name} {event}")
                await send({"type": f"lifespan.{event}.complete"})  # type: ignore[operator]  # plain ASGI

        return app

    said: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    answers: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    door = HostDispatch(house.runtime, application("master"), application("station"), house.door.ready)  # type: ignore[arg-type]  # plain ASGI
    for event in ("startup", "shutdown"):
        said.put_nowait({"type": f"lifespan.{event}"})
    await door({"type": "lifespan"}, said.get, answers.put)  # type: ignore[arg-type]  # plain ASGI

    assert heard == ["master startup", "station startup", "station shutdown", "master shutdown"]
    assert [answers.get_nowait()["type"] for _ in range(2)] == [
        "lifespan.startup.complete",
        "lifespan.shutdown.complete",
    ]


async def test_an_application_that_cannot_start_is_reported(house: House) -> None:
    async def cannot(_: object, __: object, ___: object) -> None:
        raise RuntimeError("no room")

    said: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    answers: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    said.put_nowait({"type": "lifespan.startup"})
    door = HostDispatch(house.runtime, cannot, cannot, house.door.ready)
    await door({"type": "lifespan"}, said.get, answers.put)  # type: ignore[arg-type]  # plain ASGI

    answer = answers.get_nowait()
    assert answer["type"] == "lifespan.startup.failed"
    assert "no room" in answer["message"]
