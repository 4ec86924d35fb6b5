"""A browser without scripts: cookies, redirects, the page's token, and the shop's own Origin on what it sends."""

import asyncio
import html
import re
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Self

import httpx

PATIENCE_S = 30.0
TOKEN = re.compile(r'<meta name="csrf-token" content="([^"]+)"')
INPUT = re.compile(r"<input[^>]*>")


class Unexpected(Exception):
    """A page did not come as a buyer would expect; says which and what came."""


class LoopbackNames(httpx.AsyncHTTPTransport):
    """Reaches `*.localhost` on this machine, as browsers do whatever the resolver says."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if not request.url.host.endswith(".localhost"):
            return await super().handle_async_request(request)
        here = httpx.Request(  # a request of its own: cookies belong to the name, not to the address
            request.method,
            request.url.copy_with(host="127.0.0.1"),
            headers=request.headers,
            stream=request.stream,
            extensions=request.extensions,
        )
        return await super().handle_async_request(here)


class Browser:
    """One visitor of one site, such as `http://shop.localhost:8000`."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.token = ""
        self.client = httpx.AsyncClient(
            base_url=origin, transport=LoopbackNames(), timeout=PATIENCE_S, follow_redirects=True, trust_env=False
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.client.aclose()

    async def page(self, path: str) -> str:
        """The page's text. Raises `Unexpected`."""
        return self._seen(await self.client.get(path)).text

    async def send(self, path: str, fields: Mapping[str, str]) -> httpx.Response:
        """Sends a form, with the token of the last page, and follows where it leads. Raises `Unexpected`."""
        if not self.token:
            await self.page("/login")
        answer = await self.client.post(
            path, data={**fields, "csrf_token": self.token}, headers={"Origin": self.origin}
        )
        return self._seen(answer)

    async def until(self, path: str, words: str) -> str:
        """Loads a page again and again until it holds `words`. Raises `Unexpected`."""
        deadline = time.monotonic() + PATIENCE_S
        while words not in (text := await self.page(path)):
            if time.monotonic() > deadline:
                raise Unexpected(f"{path} does not say {words!r} after {PATIENCE_S:.0f} s")
            await asyncio.sleep(0.1)
        return text

    def _seen(self, answer: httpx.Response) -> httpx.Response:
        if answer.status_code >= 400:
            raise Unexpected(f"{answer.request.method} {answer.request.url.path} answered {answer.status_code}")
        if token := TOKEN.search(answer.text):
            self.token = html.unescape(token.group(1))
        return answer


def fields_of(form: str) -> list[tuple[str, str]]:
    """Names and values of the inputs in a piece of HTML; of radio buttons the one that is chosen."""
    found = []
    for tag in INPUT.findall(form):
        name, value = re.search(r'name="([^"]*)"', tag), re.search(r'value="([^"]*)"', tag)
        is_off = ('type="radio"' in tag or 'type="checkbox"' in tag) and "checked" not in tag
        if name and not is_off:
            found.append((name.group(1), html.unescape(value.group(1)) if value else ""))
    return found
