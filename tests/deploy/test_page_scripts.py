"""The pages' scripts in a real browser, on the gallery's sample pages, under the product's content policy."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from deploy.frontend.bundle import MANIFEST
from tests.support.gallery.__main__ import CHROMIUM, SWITCHES
from tests.support.gallery.server import ROOT, Gallery, gallery

pytestmark = pytest.mark.xdist_group("browser")


@pytest.fixture
def site() -> Iterator[Gallery]:
    if not MANIFEST.exists():
        subprocess.run([sys.executable, "-m", "deploy.frontend"], cwd=ROOT, check=True)
    with gallery({}) as server:
        yield server


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """While it is open no other event loop can run."""
    expect.set_options(timeout=30_000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
        yield browser
        browser.close()


@pytest.fixture
def page(site: Gallery, chromium: Browser) -> Iterator[Page]:
    """A window of its own, without cookies."""
    window = chromium.new_context(viewport={"width": 1280, "height": 800}, base_url=site.url)
    page = window.new_page()
    page.set_default_timeout(30_000)
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda told: complaints.append(told.text) if "Content Security" in told.text else None)
    yield page
    window.close()
    assert not complaints


def test_the_key_appears_when_the_stream_says_so(site: Gallery, page: Page) -> None:
    page.goto("/live-order")
    expect(page.get_by_text("正在为你取卡")).to_be_visible()

    site.deliver.set()

    expect(page.locator("#key-1")).to_have_text("XC8K-29QF-7TTM-41ZB")


def test_the_key_appears_by_asking_when_there_is_no_stream(site: Gallery, page: Page) -> None:
    site.streams = False
    page.goto("/live-order")
    expect(page.get_by_text("正在为你取卡")).to_be_visible()

    site.deliver.set()

    expect(page.locator("#key-1")).to_have_text("XC8K-29QF-7TTM-41ZB")


def test_the_sum_follows_the_quantity_and_its_ladder(page: Page) -> None:
    page.goto("/product")
    for _ in range(4):
        page.get_by_role("button", name="One more").click()

    expect(page.locator("[data-total]")).to_have_text("¥485.00")


def test_pressing_the_button_twice_sends_one_order(site: Gallery, page: Page) -> None:
    page.goto("/product")
    page.get_by_label("邮箱或手机号").fill("li@example.test")
    page.get_by_role("button", name="购买点卡").dblclick()
    page.wait_for_timeout(500)

    assert site.asked.count(("POST", "/orders")) == 1


def test_a_row_opens_beside_the_list_and_the_address_follows(site: Gallery, page: Page) -> None:
    page.goto("/orders")
    page.get_by_role("link", name="20261122140900K7Q2").click()
    expect(page.get_by_role("dialog")).to_contain_text("沙盒供货商")
    expect(page).to_have_url(f"{site.url}/drawer")

    page.keyboard.press("Escape")

    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page).to_have_url(f"{site.url}/orders")
    page.get_by_role("link", name="20261122140711P0XA").click()
    expect(page).to_have_url(f"{site.url}/drawer")
    page.go_back()
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert site.asked.count(("GET", "/orders")) == 1


def test_selecting_rows_brings_the_bar_and_what_it_does_asks_first(site: Gallery, page: Page) -> None:
    page.goto("/orders")
    expect(page.locator("[data-bulk-bar]")).to_be_hidden()
    page.locator("[data-all]").check()
    expect(page.locator("[data-bulk-count]")).to_have_text("5")

    page.get_by_role("button", name="补发订单").click()
    page.get_by_role("button", name="Cancel").click()
    assert ("POST", "/orders/bulk") not in site.asked
    page.get_by_role("button", name="补发订单").click()
    with page.expect_request("**/orders/bulk"):
        page.locator("dialog.ask button[value=yes]").click()


def test_deleting_wants_the_name_typed(page: Page) -> None:
    page.goto("/form")
    page.get_by_role("button", name="删除商品").click()
    go = page.locator("dialog.ask button[value=yes]")
    expect(go).to_be_disabled()

    page.locator("dialog.ask input").fill("星尘点卡 100 元")

    expect(go).to_be_enabled()


def test_a_slash_goes_to_the_search_field(page: Page) -> None:
    page.goto("/orders")
    page.keyboard.press("/")

    expect(page.get_by_role("searchbox")).to_be_focused()


def test_charts_are_drawn_and_follow_the_theme(page: Page) -> None:
    page.goto("/overview")
    expect(page.locator("[data-chart-ready=yes] canvas")).to_have_count(2)

    page.get_by_role("button", name="Dark").first.click()

    expect(page.locator("html[data-bs-theme=dark]")).to_have_count(1)
    expect(page.locator("[data-chart-ready=yes] canvas")).to_have_count(2)


def test_a_message_sent_with_an_answer_is_shown(page: Page) -> None:
    page.goto("/orders")
    page.evaluate("document.body.dispatchEvent(new CustomEvent('toast', {bubbles: true, detail: {text: '已保存'}}))")

    expect(page.get_by_role("status")).to_contain_text("已保存")


def test_typing_searches_beside_a_filter_that_is_kept(page: Page) -> None:
    page.goto("/orders")

    with page.expect_request("**/orders?*") as asked:
        page.get_by_role("searchbox").press_sequentially("点卡")

    assert asked.value.url.endswith(f"/orders?state=waiting&q={quote('点卡')}")
    expect(page.get_by_role("searchbox")).to_be_focused()


def test_what_is_chosen_in_a_row_that_scrolls_stands_in_sight(page: Page) -> None:
    page.set_viewport_size({"width": 360, "height": 640})
    page.goto("/tabs")

    expect(page.get_by_role("link", name="进入后台")).to_be_in_viewport(ratio=1)
