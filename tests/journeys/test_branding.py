"""The owner changes how the shop looks and sees it while typing; buyers see it once it is saved."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import FilePayload, Page, expect

from tests.journeys.conftest import DESKTOP, PHONE, Town, shoot
from tests.support.pictures import REFUSED, picture

pytestmark = pytest.mark.xdist_group("browser")

OpenPage = Callable[[dict[str, int]], Page]
SHOP = "lvzhou"


def file(name: str, content: bytes) -> list[FilePayload]:
    return [{"name": name, "mimeType": "image/png", "buffer": content}]


def at_branding(town: Town, page: Page) -> None:
    login = town.login(SHOP)
    page.goto(town.url(SHOP, "/console/login"))
    page.fill("input[name=login]", login.login)
    page.fill("input[name=password]", login.password)
    page.click("main button[type=submit]")
    page.wait_for_url(re.compile(r"/console/?$"))
    page.goto(town.url(SHOP, "/console/branding"))


def test_the_preview_follows_the_form_and_the_shop_follows_the_save(town: Town, open_page: OpenPage) -> None:
    owner, buyer = open_page(DESKTOP), open_page(PHONE)
    at_branding(town, owner)
    preview = owner.frame_locator("#preview iframe")
    old_name = owner.input_value("#name")

    owner.fill("#name", "夜市点卡")
    owner.check("input[name=theme][value=night]", force=True)
    owner.set_input_files("#logo_file", files=file("logo.png", picture(400, 160)))
    expect(preview.locator(".brand")).to_have_text(re.compile("夜市点卡"))
    expect(preview.locator("html")).to_have_attribute("data-look", "night")
    expect(preview.locator(".brand .logo")).to_be_visible()
    shoot(owner, "desktop-console-branding")

    buyer.goto(town.url(SHOP))
    expect(buyer.locator("header .brand")).to_have_text(re.compile(old_name))

    owner.click("[data-preview-width='1280']")
    expect(preview.locator(".top nav")).to_be_visible()  # what a wide window shows
    owner.click("[data-preview-width='360']")
    expect(preview.locator(".tabs")).to_be_visible()

    owner.click("#look-form button[type=submit]")
    expect(owner.locator(".toast-note")).to_be_visible()
    buyer.goto(town.url(SHOP))
    expect(buyer.locator("header .brand")).to_have_text(re.compile("夜市点卡"))
    expect(buyer.locator("header .logo")).to_be_visible()
    shoot(buyer, "phone-shop-night")


def test_a_wrong_file_and_a_weak_colour_are_told_at_once(town: Town, open_page: OpenPage) -> None:
    owner = open_page(PHONE)
    at_branding(town, owner)
    name, content, _ = REFUSED["an SVG with a script"]

    owner.set_input_files("#logo_file", files=file(name, content))
    expect(owner.locator("#logo_file-error")).to_be_visible()

    large = b"\0" * (6 * 1024 * 1024)
    owner.set_input_files("#favicon_file", files=file("a.png", large))
    expect(owner.locator(".toast-error")).to_be_visible()
    assert owner.input_value("#favicon_file") == ""

    owner.fill("#accent", "#ffe000")
    owner.click("[data-put]")
    expect(owner.locator("#accent")).not_to_have_value("#ffe000")
    expect(owner.locator("#accent-seen .state-ok")).to_be_visible()
