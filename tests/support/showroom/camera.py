"""`python -m tests.support.showroom.camera FOLDER [NAME …]`: pictures of the showroom's pages into FOLDER/pictures.

Each on a phone, a narrow phone and a desktop, light and dark. What is wider than the screen, and what the browser
complains of, is printed and fails the run.
"""

import argparse
import re
import sys
from pathlib import Path

import msgspec
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from deploy.seeds.demo import Login
from tests.support.browser_setup import ensure_browser
from tests.support.showroom.sights import Sight, all_sights

SCREENS = {"phone": (390, 844), "narrow": (360, 740), "desktop": (1440, 900)}
SWITCHES = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
TAKE_AT_MOST = 3_500  # px of height: below that is more of the same


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
        page.evaluate("theme => localStorage.setItem('theme', theme)", theme)
        page.reload()
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
    said = asked.parse_intermixed_args()
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
        for sight in all_sights():
            if said.names and sight.name not in said.names:
                continue
            address = found(page, sight, login.where)
            if not address:
                complaints.append(f"{sight.name}: nothing leads there")
                continue
            complaints += shoot(page, sight.name, address, folder, said.themes.split(","), said.screens.split(","))
        browser.close()
    print(*sorted(set(complaints)), sep="\n", file=sys.stderr)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
