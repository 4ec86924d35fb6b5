"""No order is taken below its floor, whatever prices, ladders, discounts and fees come together."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from sqlalchemy import text

from kameng.core import ids
from kameng.core.errors import KamengError
from kameng.core.money import total_cents
from kameng.infra.runtime import Runtime
from tenants.orders.errors import BelowFloor, QuantityOutOfRange, SoldOut
from tenants.orders.ladder import unit_price as ladder_price
from tenants.orders.service import Discount
from tenants.orders.terms import fee_cents
from tests.support.house import Shop, open_shop
from tests.tenants.orders import stall

PRICES = st.decimals("0.01", "30", places=4)
LADDERS = st.lists(st.tuples(st.integers(2, 9), PRICES), max_size=3)


async def set_prices(shop: Shop, wholesale: Decimal, min_resale: Decimal | None) -> None:
    async with shop.runtime.database.master_session() as session:
        asked = {"good": shop.good_id, "price": wholesale, "floor": min_resale}
        await session.execute(text("UPDATE tier_prices SET price = :price WHERE good_id = :good"), asked)
        await session.execute(text("UPDATE goods SET min_resale = :floor WHERE id = :good"), asked)


@examples(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    price=PRICES, wholesale=PRICES, floor=st.none() | PRICES, min_resale=st.none() | PRICES, ladder=LADDERS,
    quantity=st.integers(1, 9), discount=st.none() | st.integers(1, 5_000), own=st.booleans(),
    fee=st.none() | st.decimals("0", "0.2", places=5),
)  # fmt: skip
async def test_nothing_is_sold_below_its_floor(
    runtime: Runtime, price: Decimal, wholesale: Decimal, floor: Decimal | None, min_resale: Decimal | None,
    ladder: list[Any], quantity: int, discount: int | None, own: bool, fee: Decimal | None,
) -> None:  # fmt: skip
    keys = [ids.code(9) for _ in range(quantity)]
    shop = await (stall.own_shop(runtime, keys, cost_cents=700) if own else open_shop(runtime, keys=keys))
    buyer = await shop.buyer(wallet_cents=10**6)
    await set_prices(shop, wholesale, min_resale)
    steps = [[least, str(each)] for least, each in ladder]
    await stall.change(shop, price=price, floor_price=floor, ladder=steps)
    pay = "wallet" if fee is None else await stall.channel(shop, fee_rate=str(fee))
    coupon = Discount(1, discount) if discount else None
    least = max((total_cents(one, quantity) for one in (floor, None if own else min_resale) if one), default=1)
    cost = 700 * quantity if own else total_cents(wholesale, quantity)

    try:
        placed = await stall.buy(shop, buyer, quantity, pay=pay, discount=coupon)
    except (BelowFloor, SoldOut, QuantityOutOfRange) as refusal:
        each = ladder_price(price, steps, quantity)
        total = total_cents(each, quantity) - (discount or 0)
        kept = total - fee_cents(total, fee or Decimal(0))
        event(type(refusal).__name__)
        assert total < max(least, 1) or kept < cost or cost == 0
    else:
        order = await stall.order(shop, placed.no)
        event("taken")
        assert order.total_cents >= least
        assert order.total_cents - order.fee_cents >= cost


async def test_a_coupon_that_would_break_the_floor_is_refused_and_one_that_would_not_is_taken(runtime: Runtime) -> None:
    shop = await open_shop(runtime, keys=["A", "B"], price="10.00", wholesale_price="8.00")
    buyer = await shop.buyer(wallet_cents=2_000)

    with pytest.raises(BelowFloor):
        await stall.buy(shop, buyer, discount=Discount(7, 201))
    placed = await stall.buy(shop, buyer, discount=Discount(7, 200))

    order = await stall.order(shop, placed.no)
    assert (order.total_cents, order.discount_cents, order.coupon_id) == (800, 200, 7)
    assert await shop.wallet_cents(buyer) == 1_200


async def test_a_wholesale_price_that_rose_above_the_price_ends_the_sale_with_the_money_in_the_wallet(
    runtime: Runtime,
) -> None:
    shop = await open_shop(runtime, keys=["A"], price="10.00", wholesale_price="8.00")
    buyer = await shop.buyer()
    placed = await stall.buy(shop, buyer, pay=await stall.channel(shop))
    await set_prices(shop, Decimal("10.01"), None)

    with pytest.raises(KamengError, match="price"):
        await stall.pay(shop, buyer, placed.no, 1_000)

    assert await shop.wallet_cents(buyer) == 1_000


async def test_the_ladder_prices_the_quantity(runtime: Runtime) -> None:
    shop = await open_shop(runtime, keys=[f"K{n}" for n in range(10)], max_quantity=10)
    await stall.change(shop, ladder=[[3, "9.5"], [5, "9.0000"]])
    buyer = await shop.buyer(wallet_cents=20_000)

    totals = [(await shop.buy(buyer, quantity)).total_cents for quantity in (2, 3, 5)]

    assert totals == [2_000, 2_850, 4_500]
