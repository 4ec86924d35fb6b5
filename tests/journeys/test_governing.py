"""A station from its opening to its rules, in browsers: the operator opens it, its owner comes by the invitation and
arranges it on a phone, a deputy gets one room, and what the operator locks is locked.
"""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.journeys.conftest import DESKTOP, PHONE, PUBLIC_ADDRESS, Town, shoot

pytestmark = pytest.mark.xdist_group("browser")

OpenPage = Callable[[dict[str, int]], Page]
SHOP = "yeshi"
DOMAIN = "www.yeshi-dianka.com"
PASSWORD = "a good password"
REASON = "监管要求展示库存"


def sign_in_operator(town: Town, page: Page) -> None:
    login = town.login("master")
    page.goto(town.url("master", "/login"))
    page.fill("input[name=login]", login.login)
    page.fill("input[name=password]", login.password)
    page.click("main form button[type=submit]")
    page.wait_for_url(lambda url: not url.endswith("/login"))


def unfold(page: Page, field: str) -> Locator:
    """A field in a folded part of the form, once that is open."""
    found = page.locator(field)
    if not found.is_visible():
        page.locator("details", has=found).locator("summary").click()
    return found


def open_station(town: Town, operator: Page) -> str:
    """By the form, with everything that is his to say. Returns the owner's link."""
    operator.goto(town.url("master", "/tenants/new"))
    operator.select_option("#owner", "account")
    expect(operator.locator("#owner_password")).to_be_visible()
    operator.select_option("#owner", "invite")
    expect(operator.locator("#owner_password")).to_be_hidden()
    operator.fill("#name", "夜市点卡铺")
    operator.fill("#slug", SHOP)
    unfold(operator, "#domains").fill(DOMAIN)
    unfold(operator, "#theme").select_option("market")
    operator.fill("#deposit", "500")
    operator.fill("#owner_name", "周站长")
    operator.fill("#owner_email", "zhou@example.com")
    shoot(operator, "desktop-master-station-new")
    operator.click("main form button[type=submit]")
    link = operator.locator("p.link").inner_text()
    expect(operator.locator("[data-copy]").first).to_be_visible()
    shoot(operator, "desktop-master-station-opened")
    return link


def join(page: Page, link: str, login: str) -> None:
    page.goto(link)
    page.fill("input[name=login]", login)
    page.fill("input[name=password]", PASSWORD)
    page.locator("main form button[type=submit]").first.click()
    page.wait_for_url(re.compile(r"/console(/orders)?/?$"))


def prove_the_domain(town: Town, owner: Page) -> None:
    """As the page of the domain says."""
    owner.goto(town.url(SHOP, "/console/domains"))
    claim = owner.locator("section[id^=claim-]")
    name, value = claim.locator("code.mono").all_inner_texts()[:2]
    shoot(owner, "phone-console-domain-claimed")
    town.names.set(name, ("TXT", value))
    town.names.set(DOMAIN, ("A", PUBLIC_ADDRESS))
    claim.locator("form[action$='/check'] button").click()
    expect(owner.locator("#list td.main-cell", has_text=DOMAIN)).to_be_visible()
    shoot(owner, "phone-console-domain-served")


def status_at(town: Town, host: str) -> tuple[int, str]:
    with town.stack.client(host) as client:
        answer = client.get("/")
        return answer.status_code, answer.text


def hide_buyers(town: Town, owner: Page) -> None:
    owner.goto(town.url(SHOP, "/console/features"))
    owner.click("tr[id='module.buyers'] button")
    owner.click("dialog[open] button[value=yes]")
    expect(owner.locator("tr[id='module.buyers'] .state-off")).to_be_visible()
    expect(owner.locator("a[href='/console/buyers']")).to_have_count(0)


def invite_a_deputy(town: Town, owner: Page) -> str:
    """With a role of one permission, composed for him. Returns his link."""
    owner.goto(town.url(SHOP, "/console/roles/new"))
    owner.fill("#name", "看单副站长")
    owner.check("input[name=permissions][value='orders.read']")
    owner.click("main form button[type=submit]")
    owner.wait_for_url(re.compile(r"/console/roles$"))
    owner.goto(town.url(SHOP, "/console/team/invite"))
    owner.fill("#name", "小陈")
    owner.select_option("#role", label="看单副站长")
    owner.click("main form button[type=submit]")
    shoot(owner, "phone-console-deputy-invited")
    return owner.locator("p.link").inner_text()


def lock_stock(town: Town, operator: Page) -> None:
    operator.goto(town.url("master", "/flags/shop.stock"))
    operator.fill("#station", SHOP)
    operator.select_option("#mode", "lock")
    operator.select_option("#value", "on")
    operator.fill("#reason", REASON)
    operator.click("form[action='/flags/shop.stock/policy'] button[type=submit]")
    expect(operator.locator("#list tr", has_text=REASON)).to_be_visible()


def answer_at(town: Town, page: Page, path: str) -> int:
    answer = page.goto(town.url(SHOP, path))
    assert answer is not None
    return answer.status


def test_a_station_is_opened_taken_over_arranged_shared_and_governed(town: Town, open_page: OpenPage) -> None:
    operator, owner, deputy = open_page(DESKTOP), open_page(PHONE), open_page(DESKTOP)
    sign_in_operator(town, operator)
    link = open_station(town, operator)

    join(owner, link, "zhou-zhan")
    shoot(owner, "phone-console-taken-over")
    owner.goto(town.url(SHOP))
    expect(owner.locator("html")).to_have_attribute("data-look", "market")
    assert status_at(town, DOMAIN)[0] == 404
    prove_the_domain(town, owner)
    status, page = status_at(town, DOMAIN)
    assert status == 200
    assert "夜市点卡铺" in page

    hide_buyers(town, owner)
    assert answer_at(town, owner, "/console/buyers") == 404

    join(deputy, invite_a_deputy(town, owner), "xiao-chen")
    expect(deputy).to_have_url(town.url(SHOP, "/console/orders"))
    expect(deputy.locator("aside.side .side-nav a")).to_have_count(1)
    shoot(deputy, "desktop-console-deputy")
    refused = [answer_at(town, deputy, f"/console/{room}") for room in ("products", "money", "team", "features")]
    assert refused == [403, 403, 403, 403]
    assert answer_at(town, deputy, "/console/buyers") == 404

    lock_stock(town, operator)
    owner.goto(town.url(SHOP, "/console/features"))
    locked = owner.locator("tr[id='shop.stock']")
    expect(locked).to_contain_text(REASON)
    expect(locked.locator("button")).to_have_count(0)
    locked.scroll_into_view_if_needed()
    shoot(owner, "phone-console-feature-locked")
