"""In a browser: the owner hides a room and lays the shelf out anew; the operator locks a feature and says why."""

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.journeys.conftest import DESKTOP, PHONE, Town, shoot

SHOP = "xingchen"
OpenPage = Callable[[dict[str, int]], Page]


def sign_in(page: Page, town: Town, host: str, path: str) -> None:
    login = town.login(host)
    page.goto(town.url(host, path))
    page.fill("input[name=login]", login.login)
    page.fill("input[name=password]", login.password)
    page.click("main button[type=submit], form[action*=login] button[type=submit]")


def test_what_the_owner_hides_is_gone_and_what_the_operator_locks_says_why(town: Town, open_page: OpenPage) -> None:
    owner, operator, buyer = open_page(PHONE), open_page(DESKTOP), open_page(PHONE)
    sign_in(owner, town, SHOP, "/console/login")
    owner.goto(town.url(SHOP, "/console/features"))
    shoot(owner, "phone-console-features")

    owner.click("tr[id='module.buyers'] button")
    owner.click("dialog[open] button[value=yes]")
    expect(owner.locator("tr[id='module.buyers'] .state-off")).to_be_visible()
    assert owner.locator("a[href='/console/buyers']").count() == 0
    answer = owner.goto(town.url(SHOP, "/console/buyers"))
    assert answer is not None
    assert answer.status == 404

    owner.goto(town.url(SHOP, "/console/features"))
    owner.select_option("tr[id='shop.home_layout'] select", "list")
    owner.click("tr[id='shop.home_layout'] button")
    buyer.goto(town.url(SHOP))
    expect(buyer.locator(".goods-lines")).to_be_visible()
    shoot(buyer, "phone-shelf-in-lines")

    sign_in(operator, town, "master", "/login")
    operator.goto(town.url("master", "/flags"))
    shoot(operator, "desktop-master-features")
    operator.goto(town.url("master", "/flags/shop.stock"))
    operator.fill("#station", SHOP)
    operator.select_option("#mode", "lock")
    operator.select_option("#value", "on")
    operator.fill("#reason", "买家需要看到库存")
    shoot(operator, "desktop-master-feature")
    operator.click("form[action='/flags/shop.stock/policy'] button[type=submit]")
    expect(operator.locator("#list tr", has_text="买家需要看到库存")).to_be_visible()

    owner.goto(town.url(SHOP, "/console/features"))
    locked = owner.locator("tr[id='shop.stock']")
    expect(locked).to_contain_text("买家需要看到库存")
    assert locked.locator("button").count() == 0


def test_the_slider_of_a_roll_out_tells_how_many_stations_it_means(town: Town, open_page: OpenPage) -> None:
    page = open_page(DESKTOP)
    sign_in(page, town, "master", "/login")
    page.goto(town.url("master", "/flags/shop.sales"))

    page.locator("#share").focus()
    page.keyboard.press("End")

    expect(page.locator("#reach")).to_contain_text("100")
    page.locator("#share").scroll_into_view_if_needed()
    shoot(page, "desktop-roll-out")
    page.set_viewport_size({"width": PHONE["width"], "height": PHONE["height"]})
    shoot(page, "phone-master-feature")
