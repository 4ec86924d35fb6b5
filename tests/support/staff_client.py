"""A person at a console, as far as HTTP goes: keeps cookies, carries the last page's token, reads English."""

import itertools
import re
from html import unescape
from types import TracebackType
from typing import Any

import httpx

from kameng.web import cookies
from kameng.web.dispatch import HostDispatch
from kameng.web.i18n.catalogues import SOURCE

TOKEN = re.compile(r'<meta name="csrf-token" content="([^"]+)">')
_addresses = itertools.count(1)


class StaffClient:
    """One browser on one host. Every client comes from an address of its own, so rate limits do not meet."""

    def __init__(self, door: HostDispatch, host: str) -> None:
        number = next(_addresses)
        self.origin = f"http://{host}"
        self.token = ""
        self.http = httpx.AsyncClient(
            transport=httpx.ASGITransport(door, client=(f"10.9.{number // 250}.{number % 250 + 1}", 1234)),
            base_url=self.origin,
            cookies={cookies.LANGUAGE: SOURCE},
        )

    async def __aenter__(self) -> "StaffClient":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.http.aclose()

    async def get(self, path: str, **headers: str) -> httpx.Response:
        """A page; redirects are not followed."""
        return self._seen(await self.http.get(path, headers=headers))

    async def drawer(self, path: str) -> httpx.Response:
        """The page as htmx asks for it when a row is opened."""
        return await self.get(path, **{"HX-Request": "true", "HX-Target": "drawer-body"})

    async def post(self, path: str, /, **fields: Any) -> httpx.Response:
        """Sends a form from our own page; the redirect that answers it is not followed."""
        data = {"csrf_token": self.token, **fields}
        return self._seen(await self.http.post(path, data=data, headers={"Origin": self.origin}))

    async def follow(self, answer: httpx.Response) -> httpx.Response:
        """Goes where `answer` leads."""
        assert answer.status_code == 303, f"{answer.status_code}: {text_of(answer)[:2000]}"
        return await self.get(answer.headers["location"])

    async def sign_in(self, login: str, password: str, page: str) -> httpx.Response:
        """Signs in at `page`; what answers the form."""
        await self.get(page)
        answer = await self.post(page, login=login, password=password)
        if answer.status_code == 303:
            await self.follow(answer)
        return answer

    def _seen(self, answer: httpx.Response) -> httpx.Response:
        if found := TOKEN.search(answer.text):
            self.token = found.group(1)
        return answer


def text_of(answer: httpx.Response) -> str:
    """What a person reads on the page: without tags, spaces folded."""
    main = answer.text.partition('id="main"')[2] or answer.text
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", main)).split())


def error_at(answer: httpx.Response, field: str) -> str:
    """What stands at a field of a form, or nothing."""
    found = re.search(rf'id="{field}-error">(.*?)</div>', answer.text, re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", found.group(1))).split()) if found else ""


def hidden(answer: httpx.Response, name: str) -> str:
    """The value of a hidden field."""
    found = re.search(rf'type="hidden" name="{name}" value="([^"]*)"', answer.text)
    assert found, f"no hidden field {name}"
    return unescape(found.group(1))
