"""A supplier's cost changes, and a moment later buyers see other prices: by the real worker, in the clock's time."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec import structs
from sqlalchemy import text

from deploy.supervisor import Supervisor
from kameng.infra.runtime import Runtime, running
from supplier_gateway.offers import service as offers
from tenants.pricing import rule_book
from tenants.pricing.rule_book import RuleDraft
from tenants.pricing.rules import Terms
from tenants.shop import service as shop_service
from tenants.shop.service import ProductDraft
from tests.support.house import Shop, open_shop, open_station, work_off
from tests.support.prices import applied, priced, tier_of
from tests.support.stack import process
from tests.tenants.pricing import steps

D = Decimal
WITHIN_S = 30.0  # by then somebody would have to look; at leisure it takes a fraction of a second
STATIONS = 12


@pytest.fixture
async def shop(runtime: Runtime) -> Shop:
    """Pays what its supplier's cost and a tenth make; sells for 30 % more, by rule."""
    shop = await open_shop(runtime, keys=["K"], price="8.00", wholesale_price="5.50")
    await applied(shop, await priced(shop, rule="cost+10%"))
    await steps.rule(shop, "cost_plus", by=D(30))
    await steps.set_to(shop, cool_down_min=0)
    await steps.set_price(shop, "7.15")
    await steps.set_to(shop, cool_down_min=60)
    return shop


async def cost(shop: Shop, value: str) -> None:
    """What the supplier asks from now on."""
    async with shop.runtime.database.master_session() as session:
        offer = (await session.execute(text("SELECT id FROM offers WHERE good_id = :id"), {"id": shop.good_id})).one()
        await offers.change(session, offer.id, D(value), "", None, 0)


@asynccontextmanager
async def a_worker(runtime: Runtime, folder: Path) -> AsyncIterator[Runtime]:
    """The worker as a process, and a sender like the web process is one."""
    settings = structs.replace(runtime.settings, log_level="info", log_format="json")
    with Supervisor(folder / "processes.json", log_folder=folder / "log") as supervisor:
        supervisor.start(process("worker", settings))
        async with running(settings) as sender:
            yield sender


async def sells_at(shop: Shop, value: Decimal) -> None:
    """Waits until buyers are asked this price."""
    began = time.monotonic()
    while (now := await steps.price(shop)) != value:
        assert time.monotonic() - began < WITHIN_S, f"it still is {now}"
        await asyncio.sleep(0.02)


async def test_a_suppliers_cost_reaches_the_retail_price_by_itself(
    shop: Shop, runtime: Runtime, tmp_path: Path
) -> None:
    await work_off(runtime)
    async with a_worker(runtime, tmp_path) as sender:
        shop = structs.replace(shop, runtime=sender, tenant=structs.replace(shop.tenant, database=sender.database))
        for value, wanted in (("6.00", D("8.58")), ("8.00", D("11.44"))):  # the second far beyond a step
            await cost(shop, value)
            await sells_at(shop, wanted)
            assert await steps.price(shop) == wanted


async def test_every_station_that_the_change_reaches_follows_by_its_own_rule(shop: Shop) -> None:
    tier, others = await tier_of(shop), []
    for number in range(STATIONS):
        tenant = await open_station(shop.runtime, tier_id=tier)
        async with tenant.begin() as session:
            draft = ProductDraft(good_id=shop.good_id, name="Pass", price=D(20))
            product = await shop_service.list_product(session, draft)
            if number:
                terms = Terms(by=D(100 + number), by_percent=True)
                await rule_book.add(session, RuleDraft(kind="cost_plus", terms=terms, is_automatic=True))
        others.append(Shop(runtime=shop.runtime, tenant=tenant, good_id=shop.good_id, product_id=product.id))
    await work_off(shop.runtime)

    await cost(shop, "10.00")
    for _ in range(2):
        await work_off(shop.runtime)  # the cost moves the wholesale price, and that the retail prices

    assert await steps.price(shop) == D("14.30")
    assert await steps.price(others[0]) == D(20)  # no rule, so nobody moves it
    assert [await steps.price(one) for one in others[1:]] == [
        D(11) + D(11) * (100 + number) / 100 for number in range(1, STATIONS)
    ]


async def test_a_cost_that_falls_is_followed_by_a_step_at_once(shop: Shop) -> None:
    await work_off(shop.runtime)
    await cost(shop, "2.50")
    for _ in range(2):
        await work_off(shop.runtime)

    assert await steps.price(shop) == D("6.80")  # 5 % down from 7.15, rounded up to a fen
