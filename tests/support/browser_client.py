"""A browser without a screen: it calls a station's host, keeps cookies, and sends its pages' forms."""

import re
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from html import unescape
from typing import Any

import httpx
import pytest

from kameng.infra.tenancy import Tenant
from kameng.web import cookies
from kameng.web.bundle import Assets
from kameng.web.dispatch import HostDispatch

PASSWORD = "correct horse"
TOKEN = re.compile(r'name="csrf-token" content="([0-9a-f]+)"')
NONCE = re.compile(r'nonce="[^"]+"')
FIELD = re.compile(r'<input type="hidden" name="([a-z_]+)" value="([^"]*)"')


class Unbundled(Assets):
    """Addresses for pages that nobody looks at: the tests of routes need no front end."""

    def url(self, name: str) -> str:
        return f"/static/{name}"


class Browser:
    """One browser at one host. Without scripts: a page, its hidden fields, a form sent. It reads English, the
    language of the msgids, so that no translator breaks a test.
    """

    def __init__(self, door: HostDispatch, host: str) -> None:
        self.origin = f"http://{host}"
        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(door), base_url=self.origin, cookies={cookies.LANGUAGE: "en"}
        )

    async def get(self, path: str, **headers: str) -> httpx.Response:
        return await self.client.get(path, headers=headers)

    async def form(self, path: str) -> dict[str, str]:
        """The hidden fields of the page's forms, with the token."""
        page = await self.client.get(path)
        fields = {name: unescape(value) for name, value in FIELD.findall(page.text)}
        token = TOKEN.search(page.text)
        assert token, f"{path} answered {page.status_code} without a token"
        return fields | {"csrf_token": token[1]}

    async def post(self, path: str, data: dict[str, Any], *, page: str = "/", **headers: str) -> httpx.Response:
        """Sends a form from `page`, whose token goes with it; redirects are not followed."""
        token = data.get("csrf_token") or (await self.form(page))["csrf_token"]
        return await self.client.post(
            path, data={"csrf_token": token, **data}, headers={"Origin": self.origin, **headers}
        )

    async def register(self, login: str = "li.na@example.test") -> None:
        """Opens a member's account and is signed in to it."""
        answer = await self.post("/register", {"login": login, "password": PASSWORD}, page="/register")
        assert answer.status_code == 303, answer.text


def same_page(one: httpx.Response, other: httpx.Response, *words: str) -> bool:
    """Whether two pages read the same but for `words` and for what is new on every page."""
    texts = [NONCE.sub("", page.text) for page in (one, other)]
    for word in words:
        texts = [text.replace(word, "") for text in texts]
    return texts[0] == texts[1]


OpenBrowser = Callable[[Tenant], Browser]


@pytest.fixture
async def browser(door: HostDispatch) -> AsyncIterator[OpenBrowser]:
    """`browser(tenant)`: a fresh browser at the tenant's host."""
    async with AsyncExitStack() as opened:

        def open_browser(tenant: Tenant) -> Browser:
            made = Browser(door, tenant.host)
            opened.push_async_callback(made.client.aclose)
            return made

        yield open_browser
