"""In a browser: somebody with desk rights only solves a wrong-account order, while the buyer's page stays open."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.conftest import DESKTOP, PHONE, Town, shoot

pytestmark = pytest.mark.xdist_group("browser")

OpenPage = Callable[[dict[str, int]], Page]
SHOP = "xingchen"
PASSWORD = "a-good-password"


def sign_in(page: Page, town: Town, login: str, password: str) -> None:
    page.goto(town.url(SHOP, "/console/login"))
    page.fill("input[name=login]", login)
    page.fill("input[name=password]", password)
    page.click("main button[type=submit], form[action*=login] button[type=submit]")
    page.wait_for_url(re.compile(r"/console(/(?!login).*)?$"))


def test_rules_and_settings_fit_a_phone_and_a_desk(town: Town, open_page: OpenPage) -> None:
    owner = town.login(SHOP)
    for size, name in ((DESKTOP, "desktop"), (PHONE, "phone")):
        page = open_page(size)
        sign_in(page, town, owner.login, owner.password)
        for path in ("", "/rules", "/rules/new", "/settings", "/limits", "/figures"):
            page.goto(town.url(SHOP, f"/console/desk{path}"))
            expect(page.locator("h1")).to_be_visible()
            shoot(page, f"{name}-console-desk{path.replace('/', '-')}")
        page.goto(town.url(SHOP, "/console/desk/rules"))
        page.click("a[data-row] >> nth=0")
        expect(page.locator("#text-seen .talk-said")).to_be_visible()
