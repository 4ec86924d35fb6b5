"""The world outside: two suppliers and a payment gateway, as servers of their own, with the control that each has."""

import secrets
import sys
from collections import Counter
from collections.abc import Mapping
from typing import Any

import httpx
import msgspec
from msgspec import Struct

from deploy.supervisor import Process, Supervisor, answers
from kameng.infra import settings as settings_door
from kameng.infra.settings import Settings
from supplier_gateway.adapters.acg.shop import server as acg_shop
from supplier_gateway.adapters.sandbox import server as sandbox
from supplier_gateway.adapters.staging.faults import FaultKind, Plan

SANDBOX, ACG = "sandbox", "acg"
MERCHANT, COLLECTING = "1001", "1002"  # of the stations, and of the master who collects for them
TIMEOUTS = (FaultKind.SLOW, FaultKind.TIMEOUT_BEFORE, FaultKind.TIMEOUT_AFTER_SUCCESS, FaultKind.DRIP)
BALANCE_CENTS = 10**12


class Supplier(Struct, frozen=True):
    """A running supplier. `account` and `secret` are ours there."""

    protocol: str
    url: str
    account: str
    secret: str
    token: str


class Gateway(Struct, frozen=True):
    """The running payment gateway."""

    url: str
    key: str
    token: str


class Outside(Struct, frozen=True):
    """All of it, and a client for it."""

    suppliers: tuple[Supplier, ...]
    gateway: Gateway
    http: httpx.AsyncClient

    async def stage(self, supplier: Supplier, plan: Plan) -> None:
        """Replaces what is wrong at a supplier."""
        await self._post(supplier.url, "faults", supplier.token, msgspec.to_builtins(plan))

    async def stock(self, supplier: Supplier, lines: list[dict[str, Any]]) -> None:
        """Puts goods on a supplier's shelf, as its control API takes them."""
        await self._post(supplier.url, "goods" if supplier.protocol == SANDBOX else "items", supplier.token, lines)

    async def fill(self, supplier: Supplier) -> None:
        await self._post(supplier.url, "balance", supplier.token, {"balance_cents": BALANCE_CENTS})

    async def book(self, supplier: Supplier) -> list[dict[str, Any]]:
        """Every order that a supplier ever took."""
        return list(await self._get(supplier.url, "orders", supplier.token))

    async def struck(self) -> Counter[str]:
        """How often each fault has struck, at both suppliers."""
        total: Counter[str] = Counter()
        for supplier in self.suppliers:
            total.update(await self._get(supplier.url, "faults/struck", supplier.token))
        return total

    async def payments(self) -> list[dict[str, Any]]:
        """The gateway's own book."""
        return list(await self._get(self.gateway.url, "orders", self.gateway.token))

    async def notices(self) -> list[dict[str, Any]]:
        """What the gateway has told us, and what we said."""
        return list(await self._get(self.gateway.url, "notices", self.gateway.token))

    async def notify(self, mode: str, delay_ms: int = 0) -> None:
        """How the gateway reports from now on."""
        await self._post(self.gateway.url, "notify", self.gateway.token, {"mode": mode, "delay_ms": delay_ms})

    async def pay(self, link: str, times: int) -> None:
        """A buyer at the gateway: opens the cashier, and presses its button so many times."""
        (await self.http.get(link)).raise_for_status()
        no = httpx.URL(link).params["out_trade_no"]
        for _ in range(times):
            await self._post(self.gateway.url, f"orders/{no}/pay", self.gateway.token, {})

    async def tell_again(self, no: str) -> None:
        """The gateway reports a paid payment once more."""
        await self._post(self.gateway.url, f"orders/{no}/notice", self.gateway.token, {})

    async def _post(self, url: str, path: str, token: str, body: object) -> None:
        answer = await self.http.post(f"{url}/control/{path}", json=body, headers={"X-Control-Token": token})
        answer.raise_for_status()

    async def _get(self, url: str, path: str, token: str) -> Any:
        answer = await self.http.get(f"{url}/control/{path}", headers={"X-Control-Token": token})
        return answer.raise_for_status().json()


def started(
    supervisor: Supervisor, settings: Settings, ports: tuple[int, int, int], http: httpx.AsyncClient
) -> Outside:
    """Starts the three servers, on these ports."""
    environ = settings_door.to_environ(settings)
    known = (
        Supplier(SANDBOX, _url(ports[0]), sandbox.KNOWN_ACCOUNT, sandbox.KNOWN_SECRET, sandbox.KNOWN_CONTROL),
        Supplier(ACG, _url(ports[1]), acg_shop.KNOWN_ACCOUNT, acg_shop.KNOWN_KEY, acg_shop.KNOWN_CONTROL),
    )
    gateway = Gateway(_url(ports[2]), secrets.token_hex(16), secrets.token_hex(16))
    gateway_environ = {
        **environ,
        "SANDBOX_GATEWAY_MERCHANTS": ",".join(f"{one}:{gateway.key}:chaos" for one in (MERCHANT, COLLECTING)),
        "SANDBOX_GATEWAY_CONTROL": gateway.token,
    }
    for name, module, url, port, environment in (
        ("supplier", "supplier_gateway.adapters.sandbox.server", known[0].url, ports[0], environ),
        ("acg shop", "supplier_gateway.adapters.acg.shop.server", known[1].url, ports[1], environ),
        ("gateway", "billing.payments.adapters.epay.sandbox", gateway.url, ports[2], gateway_environ),
    ):
        supervisor.start(_process(name, module, url, port, environment))
    return Outside(known, gateway, http)


def _url(port: int) -> str:
    return f"http://127.0.0.1:{port}"


def _process(name: str, module: str, url: str, port: int, environ: Mapping[str, str]) -> Process:
    argv = (sys.executable, "-m", module, "--port", str(port))
    return Process(name, argv, environ, ready=answers(f"{url}/healthz"))
