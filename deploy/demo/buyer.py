"""A buyer who tries a shop through its pages, as a browser without scripts would: register, top up, buy a key."""

import asyncio
import html
import re
import time
from urllib.parse import urlsplit

import httpx
from msgspec import Struct

from deploy.demo.browser import Browser, fields_of
from kameng.core import ids
from kameng.core.money import format_cents

PATIENCE_S = 30.0
LOOK_EVERY_S = 0.02
TOP_UP_YUAN = "200"
PRODUCT = re.compile(r'href="(/p/\d+)"')
HEADING = re.compile(r"<h1[^>]*>(.*?)</h1>", re.DOTALL)
LINK = re.compile(r'href="([^"]+/submit\.php\?[^"]+)"')


class Bought(Struct, frozen=True):
    """What the buyer holds. `delivered_ms`: from pressing the button to holding the key."""

    product: str
    total: str
    order_no: str
    key: str
    delivered_ms: float


class ShopFailed(Exception):
    """The shop did not do what a buyer expects; says at which step."""


async def buy_one(shop_url: str) -> Bought:
    """Buys one unit of the first product that a supplier has to deliver, or of the first at all."""
    async with Browser(shop_url) as browser:
        await browser.send("/register", {"login": f"demo-{ids.code(8).lower()}", "password": ids.code(12)})
        await _top_up(browser)
        home = await browser.page("/")
        products = list(dict.fromkeys(PRODUCT.findall(home)))
        if not products:
            raise ShopFailed("no product is on sale")
        return await _buy(browser, products[min(1, len(products) - 1)])


async def _top_up(browser: Browser) -> None:
    form = _form(await browser.page("/wallet"), "/wallet/topups")
    cashier = await browser.send("/wallet/topups", {**form, "amount": TOP_UP_YUAN})
    link = LINK.search(cashier.text)
    if link is None:
        raise ShopFailed("the cashier has no way to the gateway")
    await _pay(browser, html.unescape(link.group(1)))
    await browser.until("/wallet", f"¥{TOP_UP_YUAN}.00")


def _form(page: str, action: str) -> dict[str, str]:
    """What a form of the page would send as it stands. Raises `ShopFailed` when the page has no such form."""
    form = re.search(rf'<form[^>]*action="{re.escape(action)}"[^>]*>(.*?)</form>', page, re.DOTALL)
    if form is None:
        raise ShopFailed(f"the page has no form for {action}")
    return dict(fields_of(form.group(1)))


async def _pay(browser: Browser, url: str) -> None:
    """Presses the gateway's button."""
    page = await browser.client.get(url)
    form = re.search(r'<form[^>]*action="([^"]+)"[^>]*>(.*?)</form>', page.text, re.DOTALL)
    if form is None:
        raise ShopFailed("the gateway shows no form")
    fields = dict(fields_of(form.group(2)))
    target = httpx.URL(url).join(html.unescape(form.group(1)))
    answer = await browser.client.post(target, data=fields)
    if answer.status_code >= 400:
        raise ShopFailed(f"the gateway answered {answer.status_code}")


async def _buy(browser: Browser, path: str) -> Bought:
    product = await browser.page(path)
    fields = {**_form(product, "/orders"), "quantity": "1", "pay_method": "wallet"}
    pressed = time.perf_counter()
    order = await browser.send("/orders", fields)
    no = urlsplit(str(order.url)).path.rsplit("/", 1)[-1]
    while True:
        status = await browser.client.get(f"/orders/{no}/status", headers={"Accept": "application/json"})
        told = status.json()
        if told["state"] == "delivered":
            break
        if time.perf_counter() - pressed > PATIENCE_S:
            raise ShopFailed(f"order {no} is still {told['state']} after {PATIENCE_S:.0f} s")
        await asyncio.sleep(LOOK_EVERY_S)
    delivered_ms = (time.perf_counter() - pressed) * 1000
    heading = HEADING.search(product)
    name = re.sub(r"<[^>]+>", "", heading.group(1)).strip() if heading else path
    return Bought(html.unescape(name), format_cents(told["total_cents"]), no, told["keys"][0], delivered_ms)
