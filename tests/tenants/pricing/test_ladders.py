"""A quantity ladder goes with its price, and stays between it and the floor."""

from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from kameng.core import clock
from kameng.infra.runtime import Runtime
from tenants.orders import ladder as selling
from tenants.pricing import ladders
from tenants.pricing import settings as pricing
from tests.support.browser_client import OpenBrowser, browser
from tests.support.house import Shop, open_shop
from tests.tenants.orders import stall
from tests.tenants.pricing import steps
from tests.tenants.pricing.test_prices_of_any_rule import PRICES
from tests.tenants.pricing.test_runs import HOUR
from tests.tenants.storefront.lending import lend_channel, offer

__all__ = ["browser"]
D = Decimal
LADDERS = st.lists(st.tuples(st.integers(2, 1000), PRICES), max_size=8, unique_by=lambda step: step[0])


@settings(max_examples=400, deadline=None)
@given(LADDERS, PRICES, PRICES, PRICES)
def test_no_step_is_above_the_price_or_below_the_floor(
    drawn: list[tuple[int, Decimal]], old: Decimal, new: Decimal, floor: Decimal
) -> None:
    before = [[quantity, str(each)] for quantity, each in drawn]
    after = ladders.moved(before, old, new, floor)

    prices = [Decimal(each) for _, each in after]
    assert [quantity for quantity, _ in after] == sorted(quantity for quantity, _ in drawn)
    assert all(min(floor, new) <= price <= new for price in prices)
    assert all(upper <= lower for lower, upper in pairwise(prices))
    assert ladders.moved(after, new, new, floor) == after
    for quantity in (1, 7, 500):
        assert min(floor, new) <= selling.unit_price(new, after, quantity) <= new


@pytest.fixture
async def shop(runtime: Runtime) -> Shop:
    """Sells for 10.00, from ten on for 9.00, from fifty on for 8.20, what it pays 8.00 for."""
    shop = await open_shop(runtime, keys=["K"])
    await stall.change(shop, ladder=[[10, "9.00"], [50, "8.20"]])
    await steps.set_to(shop, cool_down_min=0, step_percent=D(90), drift_percent=D(90))
    return shop


async def ladder_of(shop: Shop) -> Any:
    async with shop.tenant.begin() as session:
        found = await session.execute(text("SELECT ladder FROM products WHERE id = :id"), {"id": shop.product_id})
        return [(quantity, Decimal(each)) for quantity, each in found.scalar_one()]


async def test_steps_keep_their_share_when_the_price_rises(shop: Shop) -> None:
    await steps.rule(shop, "cost_plus", by=D(50))

    await steps.run(shop, clock.now() + HOUR)

    assert await steps.price(shop) == D("12.00")
    assert await ladder_of(shop) == [(10, D("10.80")), (50, D("9.84"))]


async def test_steps_stop_at_the_floor_when_the_price_falls(shop: Shop, browser: OpenBrowser) -> None:
    await steps.rule(shop, "cost_plus", by=D("12.5"), least=D("8.60"))

    await steps.run(shop, clock.now() + HOUR)

    assert await steps.price(shop) == D("9.00")
    assert await ladder_of(shop) == [(10, D("8.60")), (50, D("8.60"))]
    page = (await browser(shop.tenant).get(f"/p/{shop.product_id}")).text
    assert "data-ladder='[[1, 900.0], [10, 860.0]]'" in page


async def test_a_floor_that_rises_lifts_the_steps_of_a_price_that_stays(shop: Shop) -> None:
    await steps.rule(shop, "cost_plus", by=D(25), least=D("8.50"))

    await steps.run(shop, clock.now() + HOUR)

    assert await steps.price(shop) == D("10.00")
    assert await ladder_of(shop) == [(10, D("9.00")), (50, D("8.50"))]


async def test_floors_count_what_the_masters_channel_takes_now(runtime: Runtime, shop: Shop) -> None:
    channel = await lend_channel(runtime, "http://127.0.0.1:9", fee_rate="0.01")
    await offer(shop, channel)
    async with runtime.database.master_session() as session:
        await session.execute(text("UPDATE payment_channels SET fee_rate = 0.03 WHERE id = :id"), {"id": channel})

    async with shop.tenant.begin() as session:
        shares = await pricing.shares(session, await pricing.read(session))

    assert shares.fee == D("0.03")
