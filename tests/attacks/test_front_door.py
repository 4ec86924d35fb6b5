"""Addresses, headers, cookies and bodies that no browser sends on its own."""

import asyncio
import base64
from typing import Any
from urllib.parse import unquote

import httpx
import pytest
from msgspec import structs
from sqlalchemy import text

from deploy import asgi
from kameng.core import ids
from kameng.identity import sessions
from kameng.infra.runtime import Runtime, running
from kameng.infra.worker import relay
from kameng.web.dispatch import HostDispatch
from tests.support.browser_client import PASSWORD, Browser, OpenBrowser, Unbundled, browser
from tests.support.house import Shop, open_shop, work_off
from tests.support.processes import free_port
from tests.tenants.storefront.gateway import open_channel
from tests.tenants.storefront.steps import bought, count_of_orders, member, order_form

__all__ = ["browser"]

COOKIE = "kameng"
REMEMBERED_S = 1.1  # a process may know for a second who is signed in


@pytest.fixture
async def shop(runtime: Runtime) -> Shop:
    return await open_shop(runtime, keys=["K1", "K2"])


HOSTS = {
    "upper case": ("{HOST}", 200),
    "a closing dot": ("{host}.", 200),
    "a port": ("{host}:8080", 200),
    "two ports": ("{host}:80:80", 404),
    "a port of letters": ("{host}:abc", 404),
    "a user": ("user@{host}", 404),
    "a path": ("{host}/console", 404),
    "an address of version 6": ("[::1]", 404),
    "an address with a zone": ("[fe80::1%25eth0]:80", 404),
    "very long": ("a." * 5000 + "{host}", 404),
    "nothing": ("", 404),
    "a space": ("{host} evil.example", 404),
    "two hosts": ("{host},evil.example", 404),
    "another sub-domain": ("x.{host}", 404),
    "quotes": ("'\"><script>", 404),
}


@pytest.mark.parametrize("case", HOSTS, ids=list(HOSTS))
async def test_hosts(shop: Shop, browser: OpenBrowser, case: str) -> None:
    form, status = HOSTS[case]
    host = form.format(host=shop.tenant.host, HOST=shop.tenant.host.upper())

    answer = await browser(shop.tenant).client.get("/", headers={"Host": host})

    assert answer.status_code == status
    assert "evil.example" not in answer.text
    assert (shop.tenant.name in answer.text) == (status == 200)


@pytest.mark.parametrize(
    "path",
    [
        "/console", "/console/", "//console", "/console//orders", "/console/orders/", "/console/../console/orders",
        "/console/%2e%2e/console/orders", "/console%2forders", "/Console/orders", "/console/orders%00",
        "/console;x=1/orders", "/%63onsole/orders", "/x/../console/orders", "/console/orders?x=/login",
        "/console/products", "/console/channels", "/console/buyers", "/console/audit", "/console/deposit",
        "/console/.", "/console/login/../orders",
    ],
)  # fmt: skip
async def test_no_way_to_the_console_leads_past_its_door(
    shop: Shop, browser: OpenBrowser, door: HostDispatch, path: str
) -> None:
    buyer = await member(shop, browser)

    status, location = await answer_to(door, buyer, path)

    if status == 303:
        assert location.startswith(("/console/login", "/login"))
    else:
        assert status in (401, 403, 404)


async def answer_to(door: HostDispatch, who: Browser, target: str) -> tuple[int, str]:
    """Status and Location of a GET whose target is sent as it stands; a client would tidy it up."""
    path, _, query = target.partition("?")
    cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in who.client.cookies.jar)
    host = who.origin.removeprefix("http://")
    said: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        said.append(message)

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
        "path": unquote(path), "raw_path": path.encode(), "query_string": query.encode(), "root_path": "",
        "headers": [(b"host", host.encode()), (b"cookie", cookies.encode())], "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80), "extensions": {}, "state": {},
    }  # fmt: skip
    await door(scope, receive, send)  # type: ignore[arg-type]  # ASGI's messages are mappings
    headers = dict(said[0]["headers"])
    return said[0]["status"], headers.get(b"location", b"").decode()


@pytest.mark.parametrize(
    "wanted",
    [
        "//evil.example", "///evil.example", "/\\evil.example", "\\\\evil.example", "https://evil.example",
        "https:evil.example", "javascript:alert(1)", "/\t/evil.example", "/\n/evil.example", " //evil.example",
        "//evil.example/%2f..", "/%0d%0aSet-Cookie:%20a=b", "/\r\nSet-Cookie: a=b", "http:///evil.example",
        "//[", "/\u2028/evil.example", "?//evil.example", "/x" * 5000, "/中文", "/a b", "/\x00", "/é?q=中#文",
    ],
)  # fmt: skip
async def test_signing_in_leads_to_this_host_only(shop: Shop, browser: OpenBrowser, wanted: str) -> None:
    visitor = browser(shop.tenant)
    login = f"{ids.code(8)}@example.test"
    form = {"login": login, "password": PASSWORD, **(await visitor.form("/register"))}

    answer = await visitor.client.post(
        "/register", params={"next": wanted}, data=form, headers={"Origin": visitor.origin}
    )

    assert answer.status_code == 303, answer.text
    there = httpx.URL(visitor.origin).join(answer.headers["location"])
    assert (there.scheme, there.host) == ("http", shop.tenant.host)
    assert "a=b" not in str(answer.headers.get_list("set-cookie"))
    page = await visitor.client.get("/login", params={"next": wanted})
    assert page.status_code == 200


ORIGINS = [
    "null", "http://x.{host}", "http://{host}.evil.example", "http://{host}:8443", "https://{host}", "http://evil.example",
    "http://{host}@evil.example", "http://evil.example#{host}", "{host}", "http://{host}/", "http://{host}, http://{host}",
    "http://master.localhost", "file://", "http://",
]  # fmt: skip


@pytest.mark.parametrize("origin", ORIGINS)
async def test_a_form_from_another_origin_is_refused(shop: Shop, browser: OpenBrowser, origin: str) -> None:
    buyer = await member(shop, browser, wallet_cents=5_000)
    form = await order_form(buyer, shop)
    sent = origin.format(host=shop.tenant.host)

    for headers in ({"Origin": sent}, {"Origin": sent, "Referer": f"{buyer.origin}/"}):
        assert (await buyer.client.post("/orders", data=form, headers=headers)).status_code == 403
    assert await count_of_orders(shop.tenant) == 0


@pytest.mark.parametrize(
    "referer", ["", "http://{host}@evil.example/", "http://evil.example/?http://{host}/", "//{host}/", "http://{host}."]
)
async def test_a_form_without_origin_needs_a_referer_of_ours(shop: Shop, browser: OpenBrowser, referer: str) -> None:
    buyer = await member(shop, browser, wallet_cents=5_000)
    form = await order_form(buyer, shop)

    answer = await buyer.client.post("/orders", data=form, headers={"Referer": referer.format(host=shop.tenant.host)})

    assert answer.status_code == 403


async def test_a_cookie_of_one_station_is_worth_nothing_at_another_or_at_a_console(
    runtime: Runtime, shop: Shop, browser: OpenBrowser
) -> None:
    other = await open_shop(runtime)
    buyer = await member(shop, browser)
    stolen = buyer.client.cookies[COOKIE]

    elsewhere = browser(other.tenant)
    elsewhere.client.cookies[COOKIE] = stolen
    assert (await elsewhere.get("/account")).status_code == 303
    for headers in ({"Host": runtime.settings.master_host}, {}):
        answer = await buyer.client.get(
            "/console/orders" if not headers else "/stations",
            headers=headers | {"Cookie": f"{COOKIE}={stolen}; kameng_staff={stolen}"},
        )
        assert answer.status_code in (303, 404)


async def test_signing_in_gives_a_new_session_and_ends_the_one_before(
    runtime: Runtime, shop: Shop, browser: OpenBrowser
) -> None:
    fixed = sessions.new_id()
    visitor = browser(shop.tenant)
    visitor.client.cookies[COOKIE] = fixed
    await visitor.register(f"{ids.code(8)}@example.test")
    first = [cookie.value for cookie in visitor.client.cookies.jar if cookie.name == COOKIE and cookie.value != fixed]
    assert first

    thief = browser(shop.tenant)
    thief.client.cookies[COOKIE] = fixed
    assert (await thief.get("/account")).status_code == 303


@pytest.mark.parametrize(
    "cookie",
    [
        "x", "a.b", "=", "é", "%00", "A" * 4000, base64.urlsafe_b64encode(b"\x00" * 16 + b'[["forged","ok"]]').decode(),
        base64.urlsafe_b64encode(b"short").decode(),
    ],
)  # fmt: skip
async def test_a_forged_toast_is_not_shown(shop: Shop, browser: OpenBrowser, cookie: str) -> None:
    sent = {b"Cookie": b"kameng_flash=" + cookie.encode("latin-1")}
    answer = await browser(shop.tenant).client.get("/", headers=sent)

    assert answer.status_code == 200
    assert "forged" not in answer.text


BODIES: dict[str, tuple[str, bytes]] = {
    "zero bytes": ("application/x-www-form-urlencoded", b"\x00" * 1000),
    "not UTF-8": ("application/x-www-form-urlencoded", b"a=\xff\xfe&b=%ff"),
    "many fields": ("application/x-www-form-urlencoded", b"a&" * 100_000),
    "a million fields": ("application/x-www-form-urlencoded", b"a&" * 1_000_000),
    "nested brackets": ("application/x-www-form-urlencoded", b"a" + b"[b]" * 50_000 + b"=1"),
    "a very long name": ("application/x-www-form-urlencoded", b"a" * 200_000),
    "nothing": ("application/x-www-form-urlencoded", b""),
    "a charset of its own": ("application/x-www-form-urlencoded; charset=utf-7", b"a=+ADw-script+AD4-"),
    "multipart of nothing": ("multipart/form-data; boundary=x", b"--x--"),
    "multipart without end": (
        "multipart/form-data; boundary=x",
        b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\n",
    ),
    "multipart without boundary": ("multipart/form-data", b"--x\r\n"),
    "multipart of many": (
        "multipart/form-data; boundary=x",
        b"".join(b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n' for _ in range(3_000)) + b"--x--",
    ),
    "multipart not UTF-8": (
        "multipart/form-data; boundary=x",
        b'--x\r\nContent-Disposition: form-data; name="\xff"\r\n\r\n\xff\xfe\r\n--x--',
    ),
    "multipart with odd headers": (
        "multipart/form-data; boundary=x",
        b'--x\r\nContent-Disposition: form-data; name="a"\r\nContent-Type: \x00/\xff\r\n\r\n1\r\n--x--',
    ),
    "json": ("application/json", b"[" * 100_000),
    "a type of nonsense": ("\x01;;;", b"a=b"),
}


@pytest.mark.parametrize("path", ["/orders", "/login", "/wallet/topups"])
@pytest.mark.parametrize("case", BODIES, ids=list(BODIES))
async def test_odd_bodies_are_the_senders_fault(shop: Shop, browser: OpenBrowser, case: str, path: str) -> None:
    kind, body = BODIES[case]
    buyer = await member(shop, browser)
    token = (await buyer.form("/"))["csrf_token"]

    for extra in ({}, {"X-CSRF-Token": token}):
        answer = await buyer.client.post(
            path, content=body, headers={"Content-Type": kind, "Origin": buyer.origin, **extra}
        )
        assert 400 <= answer.status_code < 500, answer.text


@pytest.mark.parametrize(
    "path",
    [
        "/?q='+OR+1=1--", "/?q=%25_\\", "/?q=" + "a" * 5000, "/?q[]=1&q[x]=2", "/?q=%ff", "/?q=%00", "/?page=-1",
        f"/?page={10**30}", "/?page=１", "/?page=1e9", "/?sort=id;drop+table+orders", "/orders?page=-1",
        f"/orders?page={10**30}", "/orders?page=%00", "/orders?q=%27&state=%27", "/orders/find?no=%00",
        "/orders/find?no=%25", "/orders/find?no=" + "9" * 5000, "/wallet?page=-1", "/login?next=%ff",
        "/?lang=%ff", "/?lang=../../etc/passwd", "/?" + "a=1&" * 5000,
    ],
)  # fmt: skip
async def test_odd_queries_are_answered(shop: Shop, browser: OpenBrowser, path: str) -> None:
    buyer = await member(shop, browser)

    answer = await buyer.get(path)

    assert answer.status_code in (200, 303, 400, 404)


async def test_orders_and_payments_of_others_cannot_be_told_from_none(runtime: Runtime, browser: OpenBrowser) -> None:
    shop = await open_shop(runtime, keys=["SECRET-KEY"])
    owner, thief = await member(shop, browser, wallet_cents=5_000), await member(shop, browser)
    no = await bought(owner, shop)
    none = no[:7] + ids.code(10)

    for path in ("/orders/{}", "/orders/{}/status", "/orders/{}/live", "/orders/{}/keys.txt", "/orders/find?no={}"):
        there, not_there = await thief.get(path.format(no)), await thief.get(path.format(none))
        assert there.status_code == not_there.status_code == 404
        assert "SECRET-KEY" not in there.text
    elsewhere = await member(await open_shop(runtime), browser)
    assert (await elsewhere.get(f"/orders/{no}")).status_code == 404


async def test_a_price_below_a_cent_is_a_question_of_quantity(runtime: Runtime, browser: OpenBrowser) -> None:
    shop = await open_shop(runtime, keys=["K"] * 1, price="0.0040", wholesale_price="0.0010", max_quantity=1000)
    buyer = await member(shop, browser, wallet_cents=100)

    answer = await buyer.post("/orders", await order_form(buyer, shop), Accept="application/json")

    assert answer.status_code == 422
    assert answer.json()["error"]["field"] == "quantity"


async def test_redis_that_forgets_everything_costs_a_sign_in_and_nothing_else(
    runtime: Runtime, shop: Shop, browser: OpenBrowser
) -> None:
    buyer = await member(shop, browser, wallet_cents=5_000)
    no = await bought(buyer, shop)
    sender = await open_shop(runtime, supplier_url="http://127.0.0.1:9", supplier_sku="x", supplier_secret="x")
    waiting = await sender.buy(await sender.buyer(wallet_cents=1_000))

    await runtime.redis.flushall()
    await relay(runtime)
    await asyncio.sleep(REMEMBERED_S)

    assert (await buyer.get("/account")).status_code == 303
    assert await shop.state(no) == "delivered"
    await work_off(runtime)
    assert await sender.state(waiting.no) == "waiting"


async def test_without_redis_nobody_is_charged_by_a_page_that_fails(
    runtime: Runtime, shop: Shop, browser: OpenBrowser
) -> None:
    buyer = await member(shop, browser, wallet_cents=5_000)
    form = await order_form(buyer, shop)
    channel = await open_channel(shop, "http://127.0.0.1:9")
    await asyncio.sleep(REMEMBERED_S)
    dead = structs.replace(runtime.settings, redis_url=f"redis://127.0.0.1:{free_port()}/0")
    async with running(dead) as without_redis:
        cut_off = asgi.compose(without_redis, Unbundled({}, {}))
        for who, pay_method in ((buyer, "wallet"), (browser(shop.tenant), str(channel))):
            fields = form if who is buyer else await who.form(f"/p/{shop.product_id}")
            cookies = who.client.cookies
            async with httpx.AsyncClient(
                transport=httpx.ASGITransport(cut_off), base_url=who.origin, cookies=cookies
            ) as client:
                answer = await client.post(
                    "/orders",
                    data={**fields, "quantity": "1", "pay_method": pay_method, "contact": ""},
                    headers={"Origin": who.origin},
                )
                assert answer.status_code == 503
        beside = structs.replace(shop, tenant=structs.replace(shop.tenant, database=without_redis.database))
        placed = await beside.buy(await shop.buyer(wallet_cents=1_000))  # whoever is past the session's read

    assert placed.state == "delivered"
    async with shop.tenant.begin() as session:
        charged = await session.execute(text("SELECT count(*) FROM orders WHERE paid_at IS NOT NULL"))
        assert charged.scalar_one() == 1
