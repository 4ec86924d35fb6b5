"""A browser imports a large file: the progress moves by itself, and the bad lines come back as a file."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.conftest import DESKTOP, PHONE, Town, shoot

pytestmark = pytest.mark.xdist_group("browser")

OpenPage = Callable[[dict[str, int]], Page]
SHOP = "xingchen"
LINES = 20_000


def sign_in(page: Page, town: Town, slug: str, path: str) -> None:
    login = town.login(slug)
    page.goto(town.url(slug, path))
    page.fill("input[name=login]", login.login)
    page.fill("input[name=password]", login.password)
    page.click("main form button[type=submit]")
    page.wait_for_url(lambda url: not url.endswith("/login"))


def test_a_large_import_shows_its_progress_and_gives_the_bad_lines_back(
    town: Town, open_page: OpenPage, tmp_path: Path
) -> None:
    page = open_page(DESKTOP)
    sign_in(page, town, "master", "/login")
    page.goto(town.url("master", "/goods"))
    good = page.locator("main tbody td.main-cell a").last.get_attribute("href")
    assert good is not None
    stock = f"/stock/{good.rpartition('/')[2]}"
    page.goto(town.url("master", f"{stock}/format"))
    page.fill("input[name=pattern]", "BULK-[0-9]{6}")
    page.fill("textarea[name=sample]", "BULK-000001\nBULK-1")
    page.click("button[formaction$='/format/try']")
    expect(page.locator("#tried .state-ok")).to_have_count(1)
    expect(page.locator("#tried .state-bad")).to_have_count(1)
    shoot(page, "desktop-master-card-format")
    page.fill("input[name=pattern]", "BULK-[0-9]{6}")
    page.click("form[action$='/format'] button.btn-primary")
    page.wait_for_url(re.compile(r"/format$"))

    page.goto(town.url("master", f"{stock}/imports/new"))
    shoot(page, "desktop-master-card-import-new")
    file = tmp_path / "keys.txt"
    file.write_text("".join(f"BULK-{number:06}\n" for number in range(LINES)) + "wrong-1\nBULK-000000\n")
    page.set_input_files("input[name=file]", file)
    page.click("main form button.btn-primary")
    page.wait_for_url(re.compile(r"/imports/\d+$"))
    progress = page.locator("#progress progress")
    expect(progress).to_have_attribute("max", str(LINES + 2))
    shoot(page, "desktop-master-card-import-running")
    expect(progress).to_have_attribute("value", str(LINES + 2), timeout=60_000)
    expect(page.locator("#progress[hx-trigger]")).to_have_count(0, timeout=60_000)
    shoot(page, "desktop-master-card-import-done")

    with page.expect_download() as told:
        page.click("a[href$='/rejected.csv']")
    report = Path(told.value.path()).read_text(encoding="utf-8-sig").splitlines()
    assert len(report) == 3
    assert report[1].startswith(f"{LINES + 1},")
    assert report[1].endswith("wrong-1")
    assert report[2].startswith(f"{LINES + 2},")
    page.goto(town.url("master", stock))
    page.locator("main tbody input[name=id]").first.check()
    shoot(page, "desktop-master-cards-selected")
    page.click("[data-bulk-bar] button[formaction$='/freeze']")
    page.wait_for_url(re.compile(rf"{stock}$"))
    page.goto(town.url("master", f"{stock}?state=frozen"))
    expect(page.locator("main tbody tr")).to_have_count(1)
    page.goto(town.url("master", f"{stock}/batches"))
    shoot(page, "desktop-master-card-batches")


def test_the_stock_page_fits_a_phone(town: Town, open_page: OpenPage) -> None:
    page = open_page(PHONE)
    sign_in(page, town, SHOP, "/console/login")

    page.goto(town.url(SHOP, "/console/stock"))

    expect(page.locator("main tbody tr").first).to_be_visible()
    shoot(page, "phone-console-stock")


def test_the_cards_of_a_good_fit_a_phone(town: Town, open_page: OpenPage) -> None:
    page = open_page(PHONE)
    sign_in(page, town, "master", "/login")
    page.goto(town.url("master", "/goods"))
    good = page.locator("main tbody td.main-cell a").last.get_attribute("href")
    assert good is not None
    number = good.rpartition("/")[2]

    for part in ("", "/batches", "/imports", "/imports/new?how=paste", "/format", "/export?state=pool"):
        page.goto(town.url("master", f"/stock/{number}{part}"))
        shoot(page, f"phone-master-cards{re.sub('[^a-z]', '-', part)}")
