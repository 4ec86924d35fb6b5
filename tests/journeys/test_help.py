"""In a browser: at a busy hour a buyer asks for help and is answered at once, then by a person, on pages that stay
open; and the owner sees how well help is given."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.conftest import DESKTOP, PHONE, Town, shoot
from tests.support.pictures import picture

pytestmark = pytest.mark.xdist_group("browser")

OpenPage = Callable[[dict[str, int]], Page]
SHOP = "xingchen"
BUYER = "13900139000"


def sign_in(page: Page, town: Town) -> None:
    login = town.login(SHOP)
    page.goto(town.url(SHOP, "/console/login"))
    page.fill("input[name=login]", login.login)
    page.fill("input[name=password]", login.password)
    page.click("main button[type=submit], form[action*=login] button[type=submit]")
    page.wait_for_url(re.compile(r"/console/?$"))


def every_hour_is_a_peak(town: Town, page: Page) -> None:
    page.goto(town.url(SHOP, "/console/peak-hours"))
    expect(page.locator("#peak-seen")).to_contain_text("T261122-K7Q2M9XW")
    page.select_option("#peaks", "by_hand")
    for day in range(7):
        page.fill(f"#peak_{day}", "0-24")
    page.fill("#peak_text", "{{ buyer }}，{% if nonsense %}x{% endif %}")
    expect(page.locator("#peak-seen .notice-bad")).to_contain_text("nonsense")
    page.fill("#peak_text", "{{ buyer }}，工单 {{ ticket }} 已收到。{{ product }}：{{ state }}。")
    expect(page.locator("#peak-seen .talk-said")).to_be_visible()
    shoot(page, "desktop-console-peak-hours")
    page.click("form[data-guard] button[type=submit]")
    expect(page.locator(".notice-info").first).to_be_visible()


def order_of_a_new_member(town: Town, page: Page) -> None:
    """Leaves the page on an order that waits for its payment."""
    page.goto(town.url(SHOP, "/register"))
    page.fill("input[name=login]", BUYER)
    page.fill("input[name=password]", "a-good-password")
    page.click("main form[action^='/register'] button[type=submit]")
    page.goto(town.url(SHOP))
    page.click("main a[href^='/p/'] >> nth=0")
    page.fill("input[name=contact]", BUYER)
    page.click(".buy-bar .btn-primary")
    page.wait_for_url(re.compile(r"/orders/\d{6}-"))


def leaving_is_refused(page: Page, link: str) -> None:
    """Follows the link, is asked, and stays."""
    page.once("dialog", lambda dialog: dialog.dismiss())
    with page.expect_event("dialog") as asked:
        page.click(link, no_wait_after=True)  # the navigation that it begins is refused
    assert asked.value.type == "beforeunload"
    expect(page.locator("#body")).not_to_have_value("")


def test_a_peak_hour_ticket_is_answered_at_once_and_then_by_a_person(
    town: Town, open_page: OpenPage, tmp_path: Path
) -> None:
    owner, buyer = open_page(DESKTOP), open_page(PHONE)
    sign_in(owner, town)
    every_hour_is_a_peak(town, owner)
    order_of_a_new_member(town, buyer)
    proof = tmp_path / "proof.png"
    proof.write_bytes(picture())

    buyer.click("a[href^='/tickets/new?order=']")
    buyer.check("input[name=kind][value=not_received]", force=True)
    buyer.fill("#body", "付款后一直没有收到卡密")
    buyer.click("summary")
    buyer.set_input_files("#picture1", proof)
    shoot(buyer, "phone-ticket-form")
    leaving_is_refused(buyer, "a[href='/orders']:visible")
    buyer.click("main form button[type=submit]")
    buyer.wait_for_url(re.compile(r"/tickets/T\d{6}-"))
    no = re.sub(r".*/tickets/([^#?]+).*", r"\1", buyer.url)

    expect(buyer.locator(".talk-theirs")).to_contain_text(f"工单 {no} 已收到。")
    expect(buyer.locator(".talk-pictures img")).to_be_visible()
    buyer.evaluate("window.sameDocument = true")

    owner.goto(town.url(SHOP, "/console/tickets"))
    shoot(owner, "desktop-console-tickets")
    owner.keyboard.press("j")
    owner.keyboard.press("Enter")
    owner.wait_for_url(re.compile(rf"/console/tickets/{no}"))
    owner.keyboard.press("r")
    owner.keyboard.type("您好，这笔订单还没有付款，付款后会立即发货。")
    shoot(owner, "desktop-console-ticket")
    owner.keyboard.press("Control+Enter")
    expect(owner.locator(".talk-staff")).to_contain_text("还没有付款")

    expect(buyer.locator(".talk-theirs").nth(1)).to_contain_text("付款后会立即发货")
    assert buyer.evaluate("window.sameDocument") is True, "the page was loaded again"
    owner.evaluate("window.sameDocument = true")
    buyer.fill("#body", "明白了，谢谢")
    buyer.click("form[action$='/messages'] button[type=submit]")
    expect(owner.locator(".talk-buyer").nth(1)).to_contain_text("明白了")
    assert owner.evaluate("window.sameDocument") is True, "the page was loaded again"
    shoot(buyer, "phone-ticket")

    buyer.click("form[action$='/close'] button")
    buyer.click("dialog[open] button[value=yes]")
    buyer.click("label[for=stars5]")
    buyer.click("form[action$='/rating'] button[type=submit]")
    expect(buyer.locator("#ticket")).to_contain_text("5")
    shoot(buyer, "phone-ticket-rated")
    buyer.goto(town.url(SHOP, "/tickets"))
    shoot(buyer, "phone-tickets")
    buyer.goto(town.url(SHOP, "/lookup"))
    shoot(buyer, "phone-lookup")

    owner.goto(town.url(SHOP, "/console/tickets?show=closed"))
    expect(owner.locator(".tile", has_text="5.0 / 5")).to_be_visible()
    owner.set_viewport_size({"width": PHONE["width"], "height": PHONE["height"]})
    shoot(owner, "phone-console-tickets")
    owner.goto(town.url(SHOP, f"/console/tickets/{no}"))
    shoot(owner, "phone-console-ticket")
    owner.goto(town.url(SHOP, "/console/peak-hours"))
    shoot(owner, "phone-console-peak-hours")
    owner.goto(town.url(SHOP, "/console/replies/new"))
    shoot(owner, "phone-console-reply")
