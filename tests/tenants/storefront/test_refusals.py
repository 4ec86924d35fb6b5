"""What the shop does with input that no page of its own would send."""

from typing import Any

import httpx
import pytest

from kameng.infra.runtime import Runtime
from tests.support.browser_client import Browser, OpenBrowser
from tests.support.house import Shop, open_shop
from tests.tenants.storefront.steps import bought, buy, count_of_orders, member, order_form

JSON = {"Accept": "application/json"}
NASTY = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "'; DROP TABLE orders; --",
    "{{ 'a' * 9 }}",
]  # fmt: skip


async def stocked(runtime: Runtime, browser: OpenBrowser) -> tuple[Shop, Browser]:
    shop = await open_shop(runtime, keys=["K1", "K2"], max_quantity=10)
    return shop, await member(shop, browser, wallet_cents=100_000)


def error(answer: httpx.Response) -> dict[str, Any]:
    told: dict[str, Any] = answer.json()["error"]
    return told


@pytest.mark.parametrize("quantity", ["0", "-1", "1000000000", "abc", "1.5", "", "99999999999999999999", "11"])
async def test_a_quantity_that_makes_no_sense_is_named(runtime: Runtime, browser: OpenBrowser, quantity: str) -> None:
    shop, buyer = await stocked(runtime, browser)
    form = await order_form(buyer, shop, quantity=quantity)

    told, page = await buyer.post("/orders", form, **JSON), await buyer.post("/orders", form)

    assert told.status_code == page.status_code == 422
    assert error(told)["field"] == "quantity"
    assert 'href="#quantity"' in page.text
    assert await count_of_orders(shop.tenant) == 0


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("product_id", "x"),
        ("product_id", "0"),
        ("product_id", "9" * 30),
        ("request_key", "short"),
        ("request_key", "k" * 65),
        ("pay_method", "w" * 21),
        ("pay_method", "gateway"),
        ("pay_method", "12345678901"),
        ("pay_method", "999"),
        ("contact", "c" * 101),
        ("contact", "a\x00b"),
    ],
)
async def test_every_field_has_its_bounds(runtime: Runtime, browser: OpenBrowser, field: str, value: str) -> None:
    shop, buyer = await stocked(runtime, browser)
    form = await order_form(buyer, shop, **{field: value})

    told, page = await buyer.post("/orders", form, **JSON), await buyer.post("/orders", form)

    assert told.status_code == page.status_code == 422
    assert error(told)["field"] == field
    assert await count_of_orders(shop.tenant) == 0


async def test_a_field_of_a_megabyte_is_too_large(runtime: Runtime, browser: OpenBrowser) -> None:
    shop, buyer = await stocked(runtime, browser)
    form = await order_form(buyer, shop, contact="x" * 1_000_000)

    answer = await buyer.post("/orders", form, **JSON)

    assert answer.status_code == 413
    assert error(answer)["field"] == "contact"


async def test_what_is_not_a_form_is_refused(runtime: Runtime, browser: OpenBrowser) -> None:
    shop, buyer = await stocked(runtime, browser)
    token = (await buyer.form("/"))["csrf_token"]

    for kind in ("application/json", "text/plain", ""):
        answer = await buyer.client.post(
            "/orders",
            content=b'{"quantity": 1}',
            headers={"Origin": buyer.origin, "X-CSRF-Token": token, "Content-Type": kind, **JSON},
        )
        assert answer.status_code == 415
    assert await count_of_orders(shop.tenant) == 0


@pytest.mark.parametrize("text", NASTY)
async def test_text_stays_text(runtime: Runtime, browser: OpenBrowser, text: str) -> None:
    shop, buyer = await stocked(runtime, browser)
    no = await bought(buyer, shop, contact=text)
    pages = [
        await buyer.get(f"/orders/{no}"),
        await buy(buyer, shop, contact=text, quantity="0"),
        await buyer.client.get("/", params={"q": text}),
        await buyer.client.get("/orders/find", params={"no": text}),
        await buyer.post("/login", {"login": text, "password": text}, page="/login"),
        await buyer.post("/register", {"login": text, "password": "x"}, page="/register"),
        await buyer.post("/wallet/topups", {"amount": text, "pay_method": text}, page="/wallet"),
        await buyer.client.get("/login", params={"next": text}),
    ]

    for page in pages:
        assert page.status_code in (200, 404, 422)
        assert "<script>alert" not in page.text
        assert "<img src=x" not in page.text
        assert "aaaaaaaaa" not in page.text
    assert await count_of_orders(shop.tenant) == 1


@pytest.mark.parametrize("path", ["/orders", "/wallet/topups", "/login", "/register", "/logout"])
async def test_a_form_needs_our_token_and_our_origin(runtime: Runtime, browser: OpenBrowser, path: str) -> None:
    shop, buyer = await stocked(runtime, browser)
    form = await order_form(buyer, shop)
    theirs = await order_form(await member(shop, browser), shop)
    ours = {"Origin": buyer.origin}

    refused = [
        await buyer.client.post(path, data={**form, "csrf_token": ""}, headers=ours),
        await buyer.client.post(path, data={**form, "csrf_token": "0" * 64}, headers=ours),
        await buyer.client.post(path, data=theirs, headers=ours),
        await buyer.client.post(path, data=form),
        await buyer.client.post(path, data=form, headers={"Origin": "http://evil.example"}),
        await buyer.client.post(path, data=form, headers={"Origin": "null"}),
    ]

    assert [answer.status_code for answer in refused] == [403] * 6
    assert (await buyer.get("/account")).status_code == 200
    assert await count_of_orders(shop.tenant) == 0


async def test_an_unknown_host_gets_a_plain_404(runtime: Runtime, browser: OpenBrowser) -> None:
    shop, visitor = await stocked(runtime, browser)

    for path in ("/", f"/p/{shop.product_id}", "/orders", "/static/storefront.css"):
        answer = await visitor.client.get(path, headers={"Host": "nobody.localhost"})
        assert answer.status_code == 404
        assert "set-cookie" not in answer.headers
        assert shop.tenant.name not in answer.text


@pytest.mark.parametrize(
    "path",
    ["/p/0", "/p/-1", "/p/99999999999999999999999", "/p/abc", "/orders/x", "/orders/%00",
     "/orders/a%27b/status", "/pay/%00/status", "/pay/P1/live", "/nothing"],
)  # fmt: skip
async def test_what_is_not_there_is_404(runtime: Runtime, browser: OpenBrowser, path: str) -> None:
    _, buyer = await stocked(runtime, browser)

    answer = await buyer.get(path)

    assert answer.status_code == 404


@pytest.mark.parametrize("path", ["/?q=%00&page=999999999", "/orders?page=-1", "/?lang=en", "/login?lang=xx"])
async def test_odd_addresses_are_answered(runtime: Runtime, browser: OpenBrowser, path: str) -> None:
    _, buyer = await stocked(runtime, browser)

    assert (await buyer.get(path)).status_code == 200


@pytest.mark.parametrize("path", ["/", "/orders/none"])
async def test_a_page_says_its_charset_once(runtime: Runtime, browser: OpenBrowser, path: str) -> None:
    _, buyer = await stocked(runtime, browser)

    answer = await buyer.get(path)

    assert answer.headers["content-type"] == "text/html; charset=utf-8"
