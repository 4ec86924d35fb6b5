"""A real browser goes from host to host: the operator visits a station, and an invited person joins it on a phone."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.conftest import DESKTOP, PHONE, Town, shoot

pytestmark = pytest.mark.xdist_group("browser")

OpenPage = Callable[[dict[str, int]], Page]
SHOP = "xingchen"
REASON = "工单 4711"


def sign_in(page: Page, town: Town, slug: str, path: str) -> None:
    login = town.login(slug)
    page.goto(town.url(slug, path))
    page.fill("input[name=login]", login.login)
    page.fill("input[name=password]", login.password)
    page.click("main form button[type=submit]")
    page.wait_for_url(lambda url: not url.endswith("/login"))


def test_the_operator_visits_a_console_and_its_owner_ends_that_on_a_phone(town: Town, open_page: OpenPage) -> None:
    operator, owner = open_page(DESKTOP), open_page(PHONE)
    sign_in(operator, town, "master", "/login")
    operator.goto(town.url("master", f"/tenants?q={SHOP}"))
    address = operator.locator("main tbody td.main-cell a").first.get_attribute("href")

    operator.goto(town.url("master", f"{address}/visit"))
    operator.fill("input[name=reason]", REASON)
    shoot(operator, "desktop-master-visit")
    operator.click("main form button[type=submit]")
    operator.wait_for_url(town.url(SHOP, "/console"))
    expect(operator.locator(".visit")).to_contain_text(REASON)

    sign_in(owner, town, SHOP, "/console/login")
    owner.goto(town.url(SHOP, "/console/team"))
    expect(owner.locator(".visit")).to_contain_text(REASON)
    shoot(owner, "phone-console-team-visited")
    owner.click("form[action*='/visits/'] button")
    owner.click("dialog[open] .btn-danger, dialog[open] .btn-primary")
    owner.wait_for_url(town.url(SHOP, "/console"))
    expect(owner.locator(".visit")).to_have_count(0)


def test_the_owner_invites_and_the_guest_joins_on_a_phone(town: Town, open_page: OpenPage) -> None:
    owner, guest = open_page(DESKTOP), open_page(PHONE)
    sign_in(owner, town, SHOP, "/console/login")
    owner.goto(town.url(SHOP, "/console/team/invite"))
    owner.fill("input[name=name]", "小李")
    owner.select_option("select[name=role]", "service")
    owner.click("main form button[type=submit]")
    link = owner.locator("p.link").inner_text()
    shoot(owner, "desktop-console-invited")

    guest.goto(link)
    shoot(guest, "phone-console-join")
    guest.fill("input[name=login]", "xiaoli")
    guest.fill("input[name=password]", "a good password")
    guest.locator("main form button[type=submit]").first.click()
    guest.wait_for_url(town.url(SHOP, "/console"))
    guest.goto(town.url(SHOP, "/console/account"))
    shoot(guest, "phone-console-account")

    owner.goto(town.url(SHOP, "/console/roles/new"))
    shoot(owner, "desktop-console-role")
    owner.goto(town.url(SHOP, "/console/team"))
    expect(owner.locator("main")).to_contain_text("小李")
    assert re.search(r"/console/join\?token=", link)
