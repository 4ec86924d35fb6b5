"""The first sale, in a real browser on a phone: register, top up, buy, hold the key; and the owner sees it."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.conftest import DESKTOP, PHONE, Town, shoot

pytestmark = pytest.mark.xdist_group("browser")

OpenPage = Callable[[dict[str, int]], Page]
KEY = "[data-copy-from], .card-key, .key"
SHOP = "xingchen"
BOUGHT_UPSTREAM = "Steam 充值卡 100 元"


def buy_on_the_phone(town: Town, page: Page) -> str:
    """From the shop's first page to the key. Returns the order's number."""
    page.goto(town.url(SHOP))
    expect(page.get_by_role("heading", name=re.compile("星辰点卡|Steam")).first).to_be_visible()
    shoot(page, "phone-shop")

    page.goto(town.url(SHOP, "/register"))
    page.fill("input[name=login]", "13800138000")
    page.fill("input[name=password]", "a-good-password")
    page.click("main form[action^='/register'] button[type=submit]")

    page.goto(town.url(SHOP, "/wallet"))
    page.fill("input[name=amount]", "150")
    shoot(page, "phone-wallet")
    page.click("form[action='/wallet/topups'] button[type=submit]")
    shoot(page, "phone-cashier")
    page.click("a[href*='submit.php']")
    shoot(page, "phone-gateway")
    page.click("form button[type=submit]")
    page.wait_for_url(re.compile(r"/pay/P"))
    expect(page.locator("#payment")).to_have_attribute("data-final", re.compile(".*"))
    shoot(page, "phone-paid")

    page.goto(town.url(SHOP))
    page.click(f"a:has-text('{BOUGHT_UPSTREAM}')")
    expect(page.locator(".buy-bar .btn-primary")).to_be_in_viewport()
    shoot(page, "phone-product")
    page.check("input[name=pay_method][value=wallet]", force=True)
    page.fill("input[name=contact]", "13800138000")
    page.click(".buy-bar .btn-primary")
    page.wait_for_url(re.compile(r"/orders/\d{6}-"))
    return page.url.rsplit("/", 1)[-1]


def test_a_buyer_on_a_phone_pays_and_holds_a_key_and_the_owner_sees_the_order(town: Town, open_page: OpenPage) -> None:
    page = open_page(PHONE)
    town.stack.supplier.stage(latency_ms=600)  # so that the key is not there when the page opens
    try:
        no = buy_on_the_phone(town, page)
        page.evaluate("window.sameDocument = true")
        expect(page.locator("#key-1")).to_have_count(0)
        shoot(page, "phone-order-on-its-way")

        expect(page.locator("#key-1")).to_have_text(re.compile(r"^SBX-"))
        assert page.evaluate("window.sameDocument") is True, "the page was loaded again"
    finally:
        town.stack.supplier.stage()
    key = page.locator("#key-1").inner_text()
    shoot(page, "phone-order-delivered")

    with page.expect_download() as download:
        page.click("a[href$='/keys.txt']")
    assert download.value.path().read_text(encoding="utf-8").strip() == key

    page.goto(town.url(SHOP, "/orders"))
    shoot(page, "phone-orders")
    page.click(f"a[href='/orders/{no}']")
    expect(page.locator("#key-1")).to_have_text(key)

    the_owner_sees(town, open_page(DESKTOP), no, "desktop")
    the_owner_sees(town, open_page(PHONE), no, "phone")


def the_owner_sees(town: Town, page: Page, no: str, size: str) -> None:
    """The order, with its ledger entries, in the station's console."""
    login = town.login(SHOP)
    page.goto(town.url(SHOP, "/console"))
    page.wait_for_url(re.compile("/console/login"))
    shoot(page, f"{size}-console-login")
    page.fill("input[name=login]", login.login)
    page.fill("input[name=password]", login.password)
    page.click("main button[type=submit], form[action*=login] button[type=submit]")
    page.wait_for_url(re.compile(r"/console/?$"))
    shoot(page, f"{size}-console-overview")

    page.goto(town.url(SHOP, "/console/orders"))
    expect(page.get_by_text(no).first).to_be_visible()
    shoot(page, f"{size}-console-orders")
    page.goto(town.url(SHOP, f"/console/orders/{no}"))
    expect(page.get_by_text("¥98.80").first).to_be_visible()
    expect(page.get_by_text("95.20").first).to_be_visible()
    shoot(page, f"{size}-console-order")


def test_a_key_appears_without_the_event_stream_too(town: Town, open_page: OpenPage) -> None:
    page = open_page(PHONE)
    page.route("**/live*", lambda route: route.abort())
    page.goto(town.url("lvzhou", "/"))
    page.click(f"a:has-text('{BOUGHT_UPSTREAM}')")
    page.fill("input[name=contact]", "guest@example.com")
    page.click(".buy-bar .btn-primary")  # a guest, straight to the gateway
    page.wait_for_url(re.compile(r"/orders/\d{6}-"))
    shoot(page, "phone-order-unpaid")

    page.click("a[href*='submit.php']")
    page.click("form button[type=submit]")
    page.wait_for_url(re.compile(r"/orders/\d{6}-"))

    expect(page.locator("#key-1")).to_have_text(re.compile(r"^SBX-"))
