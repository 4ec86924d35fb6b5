"""Buyers: they press twice, try again, pay late, pay what they called off, and write down what they heard.

What each does follows from the history's seed. When it happens does not: processes are real.
"""

import asyncio
import html
import re
import time
from random import Random
from uuid import UUID

import httpx
import msgspec
from msgspec import Struct

from deploy.chaos import aging
from deploy.chaos.diary import Diary
from deploy.chaos.history import Request
from deploy.chaos.outside import Outside
from deploy.chaos.patience import persist
from deploy.chaos.station import COUPON, Station
from deploy.demo.browser import TOKEN, Unexpected
from kameng.core import ids
from kameng.identity import sessions
from kameng.infra.runtime import Runtime
from kameng.web import cookies

BASKET = re.compile(r".*/baskets/([A-Z0-9-]+)")
LINK = re.compile(r'href="([^"]+/submit\.php\?[^"]+)"')
ANSWERED_WITHIN_S = 8.0
TRIES_FOR_S = 60.0
PAUSE_S = 0.25
ANSWERED, SERVER_FAILED = 200, 500
# Which line, how often, and how many units at most.
WALLET_WANTS = (
    ("stock", 3, 3), ("mixed", 3, 3), ("either", 8, 3), ("shop", 4, 2),
    ("topup", 3, 2), ("scarce", 4, 3), ("own", 2, 2),
)  # fmt: skip
BASKET_WANTS = ("stock", "mixed", "either", "shop", "topup", "own")
GATEWAY_WANTS = (("stock", 3, 2), ("mixed", 2, 2), ("either", 3, 2), ("own", 2, 2), ("scarce", 1, 2))
ENDINGS = (("pay", 6), ("pay twice", 3), ("pay late", 3), ("call off", 2), ("pay what was called off", 2), ("leave", 1))
WALLET_STEPS, GATEWAY_STEPS, BASKET_STEPS = 5, 2, 1
PRESSES_TWICE = 0.3
HAS_A_COUPON = 0.3


class Told(Struct):
    """What the shop answers to a checkout."""

    no: str


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
        steps = [self._buy_from_wallet] * WALLET_STEPS + [self._buy_by_gateway] * GATEWAY_STEPS
        steps += [self._buy_basket] * BASKET_STEPS
        self._dice.shuffle(steps)
        ends = time.monotonic() + for_s
        for number, step in enumerate(steps):
            share = self._dice.random() * 2 / (len(steps) - number)
            await asyncio.sleep(max(0.0, ends - time.monotonic()) * min(1.0, share))
            await step()

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
        no = await self._place(GATEWAY_WANTS, self._some_channel())
        if no is not None:
            await self._bring_money(f"/orders/{no}", no)

    async def _buy_basket(self) -> None:
        """Puts some things into his cart and buys them together."""
        names = self._dice.sample(BASKET_WANTS, self._dice.randint(2, 3))
        wanted = {self._station.products[name]: self._dice.randint(1, 2) for name in names}
        by_gateway = self._dice.random() < 0.5
        form = self._form(self._some_channel() if by_gateway else "wallet")
        form |= {f"quantity.{product_id}": str(units) for product_id, units in wanted.items()}
        twice = self._dice.random() < PRESSES_TWICE
        for product_id, units in wanted.items():
            await self._send("POST", "/cart", {"product_id": str(product_id), "quantity": str(units)})
        answers = await self._press("/cart/checkout", form, twice=twice)
        found = [BASKET.fullmatch(one.headers.get("location", "")) for one in answers]
        told = [match.group(1) for match in found if match]
        self._write_down(form["request_key"], told, answers, is_basket=True)
        if told and by_gateway:
            await self._bring_money(f"/baskets/{told[0]}", told[0])

    def _some_channel(self) -> str:
        return str(self._dice.choice(self._station.channels))

    async def _bring_money(self, path: str, no: str) -> None:
        """To the gateway, in one way or another."""
        ending = _drawn(self._dice, ENDINGS)
        page = await self._send("GET", path)
        link = LINK.search(page.text) if page else None
        if ending in ("call off", "pay what was called off"):
            await self._send("POST", f"{path}/cancel")
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
        form = self._form(pay_method) | {
            "product_id": str(self._station.products[name]),
            "quantity": str(self._dice.randint(1, most)),
        }
        answers = await self._press("/orders", form, twice=self._dice.random() < PRESSES_TWICE)
        told = [msgspec.json.decode(one.content, type=Told).no for one in answers if one.status_code == ANSWERED]
        self._write_down(form["request_key"], told, answers)
        return told[0] if told else None

    def _form(self, pay_method: str) -> dict[str, str]:
        form = {"pay_method": pay_method, "request_key": ids.code(20), "contact": "13800000000"}
        return form | ({"coupon": COUPON} if self._dice.random() < HAS_A_COUPON else {})

    async def _press(self, path: str, form: dict[str, str], *, twice: bool) -> list[httpx.Response]:
        """The answers of the shop; none when it never answered."""
        self._diary.faults["form_twice"] += twice
        answers = await asyncio.gather(*(self._send("POST", path, form) for _ in range(1 + twice)))
        return [one for one in answers if one is not None]

    def _write_down(self, key: str, told: list[str], answers: list[httpx.Response], *, is_basket: bool = False) -> None:
        refused = next((one.text[:200] for one in answers if 400 <= one.status_code < SERVER_FAILED), "")
        self._diary.requests.append(
            Request(
                key=key,
                buyer=str(self.who),
                is_basket=is_basket,
                told=tuple(told),
                refused="" if told else refused,
            )
        )

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
