"""The whole product over two demo shops, and a browser."""

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from msgspec import Struct
from playwright.sync_api import Browser, Page, expect, sync_playwright

from deploy.embedded import Servers, embedded_servers
from deploy.migrations.runner import migrate
from deploy.seeds.demo import Login, seed
from kameng.infra.runtime import running
from tests.support.browser_client import browser
from tests.support.browser_setup import ensure_browser
from tests.support.house import settings_for
from tests.support.name_server import NameServer, name_server_aside
from tests.support.stack import Stack, on_a_port_of_its_own, process, running_stack

__all__ = ["browser"]  # a browser without a screen

CHECKOUT = Path(__file__).parents[2]
SCREENSHOTS = CHECKOUT / ".kameng" / "screenshots"
PHONE = {"width": 360, "height": 640}
PUBLIC_ADDRESS = "198.51.100.4"  # where custom domains must lead
PATIENCE_MS = 30_000  # with a machine that does other things too; what is there is not waited for
DESKTOP = {"width": 1280, "height": 800}
SWITCHES = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


class Town(Struct, frozen=True):
    """The running product, everybody's logins, and who is asked about custom domains."""

    stack: Stack
    logins: list[Login]
    names: NameServer

    def url(self, slug: str, path: str = "/") -> str:
        return f"{self.stack.url(f'{slug}.localhost')}{path}"

    def login(self, slug: str) -> Login:
        return next(login for login in self.logins if f"//{slug}." in login.where)


@pytest.fixture(scope="session")
def servers_of_the_town(worker_id: str) -> Iterator[Servers]:
    """Servers of its own: its worker would take other tests' messages."""
    with embedded_servers(CHECKOUT / ".kameng" / "test" / f"{worker_id}-town", durable=False, fresh=True) as started:
        yield started


@pytest.fixture(scope="session")
async def town(servers_of_the_town: Servers, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    folder = tmp_path_factory.mktemp("town")
    with name_server_aside() as names:
        own = on_a_port_of_its_own(
            settings_for(servers_of_the_town, dns_servers=names.address, public_addresses=PUBLIC_ADDRESS)
        )
        await migrate(own)
        with running_stack(own, folder) as stack:
            async with running(own) as runtime:
                logins = list(await seed(runtime, stack.sandboxes, folder / "logins.json"))
            for name in ("web", "worker", "scheduler"):
                stack.supervisor.start(process(name, own))
            yield Town(stack, logins, names)


@pytest.fixture(scope="module")
def chromium(town: Town) -> Iterator[Browser]:
    """For modules of plain tests only: while it is open no other event loop can run."""
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(ensure_browser()), args=SWITCHES)
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium: Browser) -> Iterator[Callable[[dict[str, int]], Page]]:
    """Opens a browser window of its own; scripts that fail or break the content policy fail the test."""
    complaints: list[str] = []
    opened = []

    def open_one(size: dict[str, int]) -> Page:
        context = chromium.new_context(
            viewport={"width": size["width"], "height": size["height"]},
            locale="zh-CN",
            has_touch=size is PHONE,
            accept_downloads=True,
        )
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if "Content Security" in said.text else None)
        opened.append(context)
        return page

    yield open_one
    for context in opened:
        context.close()
    assert complaints == []


def shoot(page: Page, name: str) -> None:
    """Keeps a picture of the whole page; pages must not be wider than the window."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)
    width = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    assert width <= 0, f"{name} is {width} px wider than the window"
