"""A worker is killed with SIGKILL while it buys; nothing is lost, nothing is bought twice."""

import asyncio
import os
import signal
import time
from pathlib import Path

from msgspec import structs
from sqlalchemy import text

from deploy.supervisor import Supervisor
from kameng.infra.runtime import Runtime, running
from tests.support.house import Shop, ledger_is_balanced, open_shop
from tests.support.sandbox import SUPPLIER_SECRET, running_supplier
from tests.support.stack import process

PATIENCE_S = 40.0
BUYING_TAKES_MS = 700


async def until_delivered(shop: Shop, no: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while await shop.state(no) != "delivered":
        assert time.monotonic() < deadline, f"order {no} is {await shop.state(no)}"
        await asyncio.sleep(0.05)


async def test_an_order_survives_the_worker_that_was_buying_it(runtime: Runtime, tmp_path: Path) -> None:
    settings = structs.replace(runtime.settings, log_level="info", log_format="json")
    with (
        running_supplier() as supplier,
        Supervisor(tmp_path / "processes.json", log_folder=tmp_path / "log") as supervisor,
    ):
        supplier.stage(latency_ms=BUYING_TAKES_MS)
        shop = await open_shop(
            runtime, price="60.00", wholesale_price="55.00", supplier_url=supplier.url, supplier_sku="steam-50",
            supplier_secret=SUPPLIER_SECRET, supplier_cost="50.00",
        )  # fmt: skip
        buyer = await shop.buyer(wallet_cents=6_000)
        first = process("worker", settings)
        supervisor.start(first)
        async with running(settings) as sender:  # sends as the web process does
            shop = structs.replace(shop, runtime=sender, tenant=structs.replace(shop.tenant, database=sender.database))
            placed = await shop.buy(buyer)

        await _until_submitted(runtime, placed.id)
        os.kill(supervisor.pid_of("worker"), signal.SIGKILL)
        assert await shop_state(runtime, shop, placed.no) == "paid"

        supervisor.start(structs.replace(first, name="another worker"))
        supervisor.start(process("scheduler", settings))
        shop = structs.replace(shop, runtime=runtime, tenant=structs.replace(shop.tenant, database=runtime.database))
        await until_delivered(shop, placed.no)

        (bought,) = supplier.orders()
        assert await shop.keys(placed.id) == bought["cards"]
        assert await shop.wallet_cents(buyer) == 0
        assert await ledger_is_balanced(runtime)


async def shop_state(runtime: Runtime, shop: Shop, no: str) -> str:
    return await structs.replace(shop, tenant=structs.replace(shop.tenant, database=runtime.database)).state(no)


async def _until_submitted(runtime: Runtime, order_id: object) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        async with runtime.database.master_session() as session:
            row = await session.execute(
                text("SELECT count(*) FROM purchases WHERE order_ref = :order AND state = 'submitted'"),
                {"order": order_id},
            )
            if row.scalar_one():
                return
        assert time.monotonic() < deadline, "nothing was submitted"
        await asyncio.sleep(0.01)
