"""A payment gateway for these tests: the sandbox as a process of its own, or none behind the address."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from msgspec import Struct

from billing.payments import service as payments
from billing.payments.service import ChannelDraft
from tests.support.house import Shop
from tests.support.loopback import async_client
from tests.support.processes import free_port, running

MODULE = "billing.payments.adapters.epay.sandbox"
PID, KEY, CONTROL = "1001", "key-of-1001", {"X-Control-Token": "test-control"}
CASHIER = re.compile(r"/cashier/([0-9A-Za-z]+)/pay")


class Gateway(Struct, frozen=True):
    """A running sandbox. Its own notices go to hosts without a server, so tests carry them by hand."""

    url: str

    async def pay(self, pay_url: str) -> dict[str, str]:
        """Opens the cashier that a shop's page leads to and pays; the signed set that it notifies with."""
        async with async_client() as client:
            cashier = await client.get(pay_url)
            found = CASHIER.search(cashier.text)
            assert found, cashier.text
            paid = await client.post(f"{self.url}{found[0]}", data={"type": "alipay"})
        return dict(parse_qsl(urlsplit(paid.headers["location"]).query))

    async def orders(self) -> list[dict[str, Any]]:
        async with async_client() as client:
            found: list[dict[str, Any]] = (await client.get(f"{self.url}/control/orders", headers=CONTROL)).json()
        return found


@contextmanager
def running_gateway() -> Iterator[Gateway]:
    port = free_port()
    env = {
        "SANDBOX_GATEWAY_MERCHANTS": f"{PID}:{KEY}:Test,1002:key-of-1002:Other",
        "SANDBOX_GATEWAY_CONTROL": CONTROL["X-Control-Token"],
    }
    argv = ["-m", MODULE, "--port", str(port), "--retry-ms", "60000"]
    with running(argv, f"http://127.0.0.1:{port}/healthz", env=env):
        yield Gateway(f"http://127.0.0.1:{port}")


async def open_channel(shop: Shop, url: str, *, name: str = "支付宝") -> int:
    """A channel of the shop at this gateway; its number."""
    draft = ChannelDraft(provider="epay", name=name, base_url=url, merchant_id=PID, secret=KEY)
    sealer = await shop.runtime.keyring.tenant(shop.tenant.id)
    async with shop.tenant.begin() as session:
        return (await payments.add_channel(session, sealer, draft)).id
