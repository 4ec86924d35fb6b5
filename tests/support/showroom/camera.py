"""`python -m tests.support.showroom.camera FOLDER [NAME …]`: pictures of the showroom's pages into FOLDER/pictures.

Each on a phone, a narrow phone and a desktop, light and dark. What is wider than the screen, and what the browser
complains of, is printed and fails the run.
"""

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec import Struct
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from deploy.seeds.demo import Login
from tests.support.browser_setup import ensure_browser

SCREENS = {"phone": (390, 844), "narrow": (360, 740), "desktop": (1440, 900)}
SWITCHES = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
TAKE_AT_MOST = 3_500  # px of height: below that is more of the same


class Sight(Struct, frozen=True):
    """A page to look at: its address, or else the address of the first link on it that holds `link`, once or again."""

    path: str
    links: tuple[str, ...] = ()


def _sights() -> Iterator[tuple[str, Sight]]:
    for name, path, *links in (
        ("overview", ""),
        ("products", "/products"), ("products-bin", "/products?state=archived"), ("product-new", "/products/new"),
        ("product", "/products?q=原神》", r"/products/\d+$"), ("product-edit", "/products?q=原神》", r"/products/\d+$", r"/edit$"),
        ("product-variants", "/products?q=通行证", r"/products/\d+$"),
        ("product-variants-edit", "/products?q=通行证", r"/products/\d+$", r"/edit$"),
        ("categories", "/categories"), ("category", "/categories", r"/categories/\d+$"),
        ("listing", "/listing"), ("levels", "/levels"),
        ("stock", "/stock"), ("cards", "/stock", r"/stock/\d+$"), ("cards-frozen", "/stock", r"/stock/\d+$", r"state=frozen"),
        ("cards-bin", "/stock", r"/stock/\d+$", r"state=recycled"), ("cards-sold", "/stock", r"/stock/\d+$", r"state=sold"),
        ("card", "/stock", r"/stock/\d+$", r"/cards/[0-9a-f-]{36}$"), ("batches", "/stock", r"/stock/\d+$", r"/batches$"),
        ("batch", "/stock", r"/stock/\d+$", r"/batches$", r"/batches/\d+$"),
        ("imports", "/stock", r"/stock/\d+$", r"/imports$"), ("import", "/stock", r"/stock/\d+$", r"/imports$", r"/imports/\d+$"),
        ("import-new", "/stock", r"/stock/\d+$", r"/imports/new"), ("format", "/stock", r"/stock/\d+$", r"/format$"),
        ("cards-export", "/stock", r"/stock/\d+$", r"/export\?"),
        ("pricing", "/pricing"), ("pricing-rule-new", "/pricing/rules/new"), ("pricing-rule", "/pricing", r"/rules/\d+$"),
        ("pricing-products", "/pricing/products"), ("pricing-product", "/pricing/products", r"/pricing/products/\d+$"),
        ("feeds", "/pricing/feeds"), ("feed", "/pricing/feeds", r"/feeds/\d+$"), ("feed-new", "/pricing/feeds/new"),
        ("pricing-sets", "/pricing/sets"), ("pricing-set", "/pricing/sets", r"/sets/\d+$"),
        ("pricing-set-applied", "/pricing/sets?state=applied", r"/sets/\d+$"), ("pricing-settings", "/pricing/settings"),
        ("orders", "/orders"), ("orders-none", "/orders?q=xyz"), ("orders-exports", "/orders/exports"),
        ("order", "/orders?state=delivered", r"/orders/\d{6}-"), ("order-waiting", "/orders?state=waiting", r"/orders/\d{6}-"),
        ("order-unpaid", "/orders?state=unpaid", r"/orders/\d{6}-"), ("order-refunded", "/orders?q=原神》", r"/orders/\d{6}-"),
        ("order-cards", "/orders?state=delivered", r"/orders/\d{6}-", r"/cards$"),
        ("desk", "/desk"), ("desk-all", "/desk?show=all"), ("desk-case", "/desk", r"/cases/"),
        ("desk-rules", "/desk/rules"), ("desk-rule-new", "/desk/rules/new"), ("desk-rule", "/desk/rules", r"/rules/\d+$"),
        ("desk-trial", "/desk/rules", r"/trial$"), ("desk-settings", "/desk/settings"), ("desk-limits", "/desk/limits"),
        ("desk-figures", "/desk/figures"),
        ("tickets", "/tickets"), ("tickets-all", "/tickets?show=closed"), ("ticket", "/tickets", r"/tickets/T\d{6}-"),
        ("ticket-figures", "/tickets/figures"), ("replies", "/replies"), ("reply-new", "/replies/new"), ("peak-hours", "/peak-hours"),
        ("coupons", "/coupons"), ("coupon", "/coupons", r"/coupons/\d+$"), ("coupon-used", "/coupons?q=DOUBLE12", r"/coupons/\d+$"),
        ("coupon-new", "/coupons/new"),
        ("channels", "/channels"), ("channel", "/channels", r"/channels/\d+$"), ("channel-new", "/channels/new"),
        ("money", "/money"), ("payment", "/money", r"/payments/"), ("withdrawals", "/withdrawals"),
        ("withdrawal", "/withdrawals", r"/withdrawals/[0-9a-f-]{36}"), ("withdrawal-new", "/withdrawals/new"),
        ("statement", "/statements"), ("prices", "/prices"),
        ("notices", "/notices"), ("notice-settings", "/notices/settings"), ("notice-channel-new", "/notices/mine/new"),
        ("deliveries", "/notices/deliveries"), ("delivery", "/notices/deliveries", r"/deliveries/\d+$"),
        ("replenish", "/replenish"), ("replenishment", "/replenish?state=wanted", r"/replenish/\d+$"),
        ("replenishment-ordered", "/replenish?state=ordered", r"/replenish/\d+$"),
        ("buyers", "/buyers"), ("buyer", "/buyers", r"/buyers/[0-9a-f-]{36}"),
    ):  # fmt: skip
        yield name, Sight(path, tuple(links))


def found(page: Page, sight: Sight, console: str) -> str:
    """The address of the page that is meant; nothing where no link leads on."""
    address = f"{console}{sight.path}"
    for link in sight.links:
        page.goto(address)
        hrefs = [one.get_attribute("href") or "" for one in page.locator("main a").all()]
        href = next((one for one in hrefs if re.search(link, one)), "")
        if not href:
            return ""
        address = console.removesuffix("/console") + href
    return address


def signed_in(browser: Browser, login: Login, language: str) -> BrowserContext:
    context = browser.new_context(locale="en" if language == "en" else "zh-CN")
    if language == "en":
        context.add_cookies([{"name": "lang", "value": "en", "url": login.where}])
    page = context.new_page()
    page.goto(f"{login.where}/login")
    page.fill("input[name=login]", login.login)
    page.fill("input[name=password]", login.password)
    page.click("main button[type=submit], form[action*=login] button[type=submit]")
    page.wait_for_url(re.compile(r"/console/?$"))
    return context


def shoot(page: Page, name: str, address: str, folder: Path, themes: list[str], screens: list[str]) -> list[str]:
    """Pictures of one page; what is wider than its screen."""
    complaints = []
    page.goto(address)
    for theme in themes:
        page.evaluate("theme => document.documentElement.setAttribute('data-bs-theme', theme)", theme)
        for screen in screens:
            width, height = SCREENS[screen]
            page.set_viewport_size({"width": width, "height": height})
            page.wait_for_timeout(250)  # charts draw themselves anew
            wide = page.evaluate("document.documentElement.scrollWidth")
            if wide > width:
                complaints.append(f"{name} at {width}: {wide} px wide")
            whole = min(page.evaluate("document.documentElement.scrollHeight"), TAKE_AT_MOST)
            page.set_viewport_size({"width": width, "height": max(whole, height)})
            page.screenshot(path=folder / f"{name}-{screen}-{theme}.png")
    return complaints


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("folder", type=Path)
    asked.add_argument("names", nargs="*")
    asked.add_argument("--screens", default="phone,desktop")
    asked.add_argument("--themes", default="light")
    asked.add_argument("--language", default="zh")
    asked.add_argument("--shop", default="xingchen")
    said = asked.parse_args()
    folder = said.folder / "pictures" / said.language
    folder.mkdir(parents=True, exist_ok=True)
    logins = msgspec.json.decode((said.folder / "logins.json").read_bytes(), type=list[Login])
    login = next(one for one in logins if f"//{said.shop}." in one.where)
    complaints: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(ensure_browser()), args=SWITCHES)
        context = signed_in(browser, login, said.language)
        page = context.new_page()
        page.on("console", lambda told: complaints.append(told.text) if told.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        for name, sight in _sights():
            if said.names and name not in said.names:
                continue
            address = found(page, sight, login.where)
            if not address:
                complaints.append(f"{name}: nothing leads there")
                continue
            complaints += shoot(page, name, address, folder, said.themes.split(","), said.screens.split(","))
        browser.close()
    print(*sorted(set(complaints)), sep="\n", file=sys.stderr)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
