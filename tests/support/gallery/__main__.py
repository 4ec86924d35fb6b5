"""`python -m tests.support.gallery FOLDER [PAGE …]`: pictures of the sample pages.

Each on a phone and a desktop, light and dark. Words come from the Chinese catalogue where there is one.
What the browser complains of is printed and fails the run.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from babel.messages.pofile import read_po
from playwright.sync_api import Browser, sync_playwright

from tests.support.gallery.server import PAGES, ROOT, gallery

CHROMIUM = "/usr/bin/chromium"
SWITCHES = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
SCREENS = {"phone": (360, 640), "desktop": (1280, 800)}
FRAGMENTS = {"drawer"}


def catalogue() -> dict[str, str]:
    """The Chinese words, msgid to text; of a plural the one form that Chinese has."""
    default = ROOT / "platform" / "kameng" / "web" / "locale" / "zh_CN" / "LC_MESSAGES" / "messages.po"
    path = Path(os.environ.get("KAMENG_GALLERY_PO", default))
    if not path.exists():
        return {}
    with path.open("rb") as file:
        messages = [message for message in read_po(file, locale="zh_CN") if message.id]
    words: dict[str, str] = {}
    for message in messages:
        msgids = [message.id] if isinstance(message.id, str) else list(message.id)
        texts = [message.string] if isinstance(message.string, str) else list(message.string or ())
        if texts:
            words[msgids[0]] = texts[0]
    return words


def shoot(browser: Browser, url: str, names: list[str], folder: Path) -> list[str]:
    """Pictures of all pages; returns what the browser complained of, and what is wider than the screen."""
    complaints: list[str] = []
    for screen, (width, height) in SCREENS.items():
        for scheme in ("light", "dark"):
            context = browser.new_context(
                viewport={"width": width, "height": height},
                color_scheme="dark" if scheme == "dark" else "light",
                locale="zh-CN",
            )
            page = context.new_page()
            page.on("console", lambda told: complaints.append(told.text) if told.type == "error" else None)
            page.on("pageerror", lambda error: complaints.append(str(error)))
            for name in names:
                page.goto(f"{url}/{name}", wait_until="load" if name == "order-waiting" else "networkidle")
                wide = page.evaluate("document.documentElement.scrollWidth")
                if wide > width:
                    complaints.append(f"{name} at {width}: {wide} px wide")
                page.screenshot(path=folder / f"{name}-{screen}-{scheme}.png")
                if screen == "phone":
                    page.screenshot(path=folder / f"{name}-{screen}-{scheme}-full.png", full_page=True)
                if name == "orders":
                    page.get_by_role("link", name="20261122140900K7Q2").click()
                    page.get_by_role("heading", name="记账").wait_for()
                    page.screenshot(path=folder / f"drawer-{screen}-{scheme}.png")
            context.close()
    return complaints


def main() -> int:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    names = sys.argv[2:] or sorted(path.stem for path in PAGES.glob("*.html") if path.stem not in FRAGMENTS)
    with gallery(catalogue()) as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
        complaints = shoot(browser, server.url, names, folder)
        browser.close()
    for complaint in sorted(set(complaints)):
        print(complaint, file=sys.stderr)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
