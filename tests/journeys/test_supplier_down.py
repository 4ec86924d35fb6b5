"""The supplier is down: the order waits and says why. It comes back: the order is delivered without a person."""

import asyncio
import time
from pathlib import Path

from msgspec import structs

from deploy.supervisor import Supervisor
from kameng.infra.runtime import Runtime
from tests.support.browser_client import Browser, OpenBrowser
from tests.support.house import ledger_is_balanced, open_shop
from tests.support.processes import free_port
from tests.support.sandbox import SUPPLIER_SECRET, running_supplier
from tests.support.stack import process
from tests.tenants.storefront.steps import bought, member, newest_buyer

PATIENCE_S = 40.0


async def test_an_order_waits_for_its_supplier_and_is_delivered_when_it_is_back(
    runtime: Runtime, browser: OpenBrowser, tmp_path: Path
) -> None:
    port = free_port()
    shop = await open_shop(
        runtime, price="60.00", wholesale_price="55.00", supplier_url=f"http://127.0.0.1:{port}",
        supplier_sku="steam-50", supplier_secret=SUPPLIER_SECRET, supplier_cost="50.00",
    )  # fmt: skip
    settings = structs.replace(runtime.settings, log_level="info", log_format="json")
    buyer = await member(shop, browser, wallet_cents=6_000)

    with Supervisor(tmp_path / "processes.json", log_folder=tmp_path / "log") as supervisor:
        for name in ("worker", "scheduler"):
            supervisor.start(process(name, settings))
        address = f"/orders/{await bought(buyer, shop)}"

        told = await until(buyer, address, "does not answer at the moment")
        assert "Nothing is lost" in told

        with running_supplier(port) as supplier:
            delivered = await until(buyer, address, "SBX-")
            (order,) = supplier.orders()
        assert order["cards"][0] in delivered
    assert await shop.wallet_cents(await newest_buyer(shop.tenant)) == 0
    assert await ledger_is_balanced(runtime)


async def until(buyer: Browser, address: str, words: str) -> str:
    """Looks at the order's page until it says so."""
    deadline = time.monotonic() + PATIENCE_S
    while words not in (text := (await buyer.get(address)).text):
        assert time.monotonic() < deadline, f"{address} never said {words!r}"
        await asyncio.sleep(0.1)
    return text
