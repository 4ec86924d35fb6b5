"""Buyers: they press twice, try again, pay late, pay what they called off, and write down what they heard.

What each does follows from the history's seed. When it happens does not: processes are real.
"""

import asyncio
import html
import re
import time
from collections import Counter
from random import Random
from uuid import UUID

import httpx
import msgspec
from msgspec import Struct

from deploy.chaos import aging
from deploy.chaos.history import Request
from deploy.chaos.outside import Outside
from deploy.chaos.patience import persist
from deploy.chaos.station import Station
from deploy.demo.browser import TOKEN, Unexpected
from kameng.core import ids
from kameng.identity import sessions
from kameng.infra.runtime import Runtime
from kameng.web import cookies

LINK = re.compile(r'href="([^"]+/submit\.php\?[^"]+)"')
ANSWERED_WITHIN_S = 8.0
TRIES_FOR_S = 60.0
PAUSE_S = 0.25
SERVER_FAILED = 500
# Which line, how often, and how many units at most.
WALLET_WANTS = (
    ("stock", 3, 3), ("mixed", 3, 3), ("either", 8, 3), ("shop", 4, 2),
    ("topup", 3, 2), ("scarce", 2, 2), ("own", 2, 2),
)  # fmt: skip
GATEWAY_WANTS = (("stock", 3, 2), ("mixed", 2, 2), ("either", 3, 2), ("own", 2, 2), ("scarce", 1, 2))
ENDINGS = (("pay", 6), ("pay twice", 3), ("pay late", 3), ("call off", 2), ("pay what was called off", 2), ("leave", 1))
WALLET_STEPS, GATEWAY_STEPS = 4, 2
PRESSES_TWICE = 0.3


class Told(Struct):
    """What the shop answers to a checkout."""

    no: str


class Diary:
    """What the buyers of one history have lived through."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.timeouts = 0
        self.faults: Counter[str] = Counter()


class Buyer:
    """One of them, with a browser of his own."""

    def __init__(self, runtime: Runtime, outside: Outside, station: Station, who: UUID, diary: Diary) -> None:
        self._runtime = runtime
        self._outside = outside
        self._station = station
        self.who = who
        self._diary = diary
        self._dice = Random(f"{station.seed}:{station.buyers.index(who)}")  # noqa: S311 - chance, not secrets
        self._headers: dict[str, str] = {}

    async def live(self, for_s: float) -> None:
        """All that he does, spread over `for_s` seconds."""
        steps = ["wallet"] * WALLET_STEPS + ["gateway"] * GATEWAY_STEPS
        self._dice.shuffle(steps)
        ends = time.monotonic() + for_s
        for number, step in enumerate(steps):
            share = self._dice.random() * 2 / (len(steps) - number)
            await asyncio.sleep(max(0.0, ends - time.monotonic()) * min(1.0, share))
            await (self._buy_from_wallet() if step == "wallet" else self._buy_by_gateway())

    async def enter(self) -> None:
        """Opens the shop in his browser. Raises `Unexpected`."""
        runtime, tenant = self._runtime, self._station.tenant
        settings = runtime.settings
        session = await persist(
            lambda: sessions.create(
                runtime.redis, "buyer", subject=self.who, name="", tenant_id=tenant.id, role="guest"
            )
        )
        self._headers = {
            "Host": f"{tenant.host}:{settings.port}",
            "Origin": settings.base_url(tenant.host),
            "Cookie": f"{cookies.name_of(cookies.VISITOR, settings.secure)}={session.id}",
        }
        page = await self._send("GET", f"/p/{self._station.products['own']}")
        token = TOKEN.search(page.text) if page else None
        if token is None:
            raise Unexpected("the page of a product cannot be had")
        self._headers["X-CSRF-Token"] = token.group(1)

    async def _buy_from_wallet(self) -> None:
        await self._place(WALLET_WANTS, "wallet")

    async def _buy_by_gateway(self) -> None:
        no = await self._place(GATEWAY_WANTS, str(self._station.channel_id))
        if no is None:
            return
        ending = _drawn(self._dice, ENDINGS)
        page = await self._send("GET", f"/orders/{no}")
        link = LINK.search(page.text) if page else None
        if ending in ("call off", "pay what was called off"):
            await self._send("POST", f"/orders/{no}/cancel")
        elif ending == "pay late":
            await aging.payment_time_is_over(self._runtime, self._station.tenant, no)
        if link and ending not in ("call off", "leave"):
            await self._pay(html.unescape(link.group(1)), 2 if ending == "pay twice" else 1)

    async def _pay(self, link: str, times: int) -> None:
        await self._outside.pay(link, times)
        if self._dice.random() < PRESSES_TWICE:  # the gateway says it again, when everybody has forgotten
            await asyncio.sleep(self._dice.random() * 5)
            await self._outside.tell_again(httpx.URL(link).params["out_trade_no"])
            self._diary.faults["notice_again"] += 1

    async def _place(self, wants: tuple[tuple[str, int, int], ...], pay_method: str) -> str | None:
        """Sends a form until somebody answers. The order's number, if it became one."""
        name = _drawn(self._dice, [(line, weight) for line, weight, _ in wants])
        most = next(units for line, _, units in wants if line == name)
        form = {
            "product_id": str(self._station.products[name]),
            "quantity": str(self._dice.randint(1, most)),
            "pay_method": pay_method,
            "request_key": ids.code(20),
            "contact": "13800000000",
        }
        if self._dice.random() < PRESSES_TWICE:
            self._diary.faults["form_twice"] += 1
            answers = list(await asyncio.gather(*(self._send("POST", "/orders", form) for _ in range(2))))
        else:
            answers = [await self._send("POST", "/orders", form)]
        told = [msgspec.json.decode(one.content, type=Told).no for one in answers if one and one.status_code == 200]
        refused = next((one.text[:200] for one in answers if one and 400 <= one.status_code < SERVER_FAILED), "")
        self._diary.requests.append(
            Request(key=form["request_key"], buyer=str(self.who), told=tuple(told), refused="" if told else refused)
        )
        return told[0] if told else None

    async def _send(self, method: str, path: str, form: dict[str, str] | None = None) -> httpx.Response | None:
        """Asks until it is answered by the shop itself, as a browser's user who presses again does; None: never."""
        url = f"http://127.0.0.1:{self._runtime.settings.port}{path}"
        gives_up = time.monotonic() + TRIES_FOR_S
        accept = "application/json" if form else "text/html"
        while time.monotonic() < gives_up:
            try:
                answer = await self._outside.http.request(
                    method, url, data=form, headers={**self._headers, "Accept": accept}, timeout=ANSWERED_WITHIN_S
                )
            except httpx.TimeoutException:
                self._diary.timeouts += 1
            except (httpx.TransportError, AttributeError):  # anyio's, of a connection that died as it was made
                pass
            else:
                if answer.status_code < SERVER_FAILED:
                    return answer
            await asyncio.sleep(PAUSE_S * (1 + 3 * self._dice.random()))
        return None

    async def keys_of(self, no: str) -> tuple[str, ...] | None:
        """The keys that the page of an order shows him."""
        answer = await self._send("GET", f"/orders/{no}/keys.txt")
        if answer is None or answer.status_code != 200:
            return None
        return tuple(answer.text.split())


def _drawn(dice: Random, weighed: tuple[tuple[str, int], ...] | list[tuple[str, int]]) -> str:
    return dice.choices([name for name, _ in weighed], [weight for _, weight in weighed])[0]
