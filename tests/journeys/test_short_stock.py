"""In a browser: an order finds no stock. Its page calms the buyer by itself, the shortage becomes a reminder, the
operator orders cards with a click, and the key appears on the page that is still open, on a phone."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.conftest import DESKTOP, PHONE, Town, shoot

pytestmark = pytest.mark.xdist_group("browser")

OpenPage = Callable[[dict[str, int]], Page]
TOO_DEAR, USUAL = "29.00", "27.50"  # beside the wholesale price of 28.20: nobody buys at a loss for one order


def sign_in(page: Page, town: Town) -> None:
    login = town.login("master")
    page.goto(town.url("master", "/login"))
    page.fill("input[name=login]", login.login)
    page.fill("input[name=password]", login.password)
    page.click("main button[type=submit], form[action*=login] button[type=submit]")
    page.wait_for_url(town.url("master"))


def buy_as_a_guest(town: Town, page: Page, good: str) -> None:
    """Straight to the gateway, and back to the order's page."""
    page.goto(town.url("xingchen"))
    page.click(f"a:has-text('{good}')")
    page.fill("input[name=contact]", "short@example.com")
    page.click(".buy-bar .btn-primary")
    page.wait_for_url(re.compile(r"/orders/\d{6}-"))
    address = page.url
    page.click("a[href*='submit.php']")
    page.click("form button[type=submit]")
    page.wait_for_url(re.compile(r"/(pay|orders)/"))
    page.goto(address)


def set_cost(town: Town, page: Page, good: str, cost: str) -> None:
    """The operator sets what the offer of the good costs."""
    page.goto(town.url("master", f"/goods?q={good}"))
    page.goto(town.url("master", page.locator("#list a", has_text=good).first.get_attribute("href") or ""))
    page.click("a[href*='/offers/']:not([href$='/new'])")
    page.fill("#cost", cost)
    page.click("form[data-guard] button[type=submit]")
    page.wait_for_url(re.compile(r"/goods/\d+$"))


def test_a_short_order_calms_its_buyer_and_is_delivered_when_cards_come(town: Town, open_page: OpenPage) -> None:
    operator, buyer = open_page(DESKTOP), open_page(PHONE)
    sign_in(operator, town)
    good = "原神 空月祝福 月卡"
    set_cost(town, operator, good, TOO_DEAR)
    try:
        buy_as_a_guest(town, buyer, good)
        expect(buyer.locator("main")).to_contain_text("款项已记在此订单名下", timeout=20_000)
        buyer.evaluate("window.sameDocument = true")
        shoot(buyer, "phone-short-stock")

        for _ in range(20):
            operator.goto(town.url("master", "/replenishments?state=wanted"))
            if operator.locator("#list a", has_text=good).count():
                break
            operator.wait_for_timeout(2_000)
        operator.click(f"#list a:has-text('{good}')")
        shoot(operator, "desktop-replenishment")
        operator.fill("#quantity", "2")
        operator.click("form[action$='/order'] button[type=submit]")

        expect(buyer.locator("main")).to_contain_text("SBX-", timeout=30_000)
        assert buyer.evaluate("window.sameDocument") is True
        shoot(buyer, "phone-short-stock-delivered")
        operator.goto(town.url("master", "/replenishments?state=received"))
        expect(operator.locator("#list")).to_contain_text(good)
    finally:
        set_cost(town, operator, good, USUAL)
