"""A thousand buyers race for the last cards with a coupon that is not enough for all of them."""

import asyncio
from collections import Counter
from uuid import UUID

from kameng.core import ids
from kameng.infra.runtime import Runtime
from tenants.marketing.coupons.errors import CouponRefused
from tenants.orders.errors import SoldOut
from tenants.orders.service import Placed
from tests.support.house import Shop, ledger_is_balanced, open_shop
from tests.tenants.marketing.coupons.making import buy_with, counts, coupon, uses_of

BUYERS, KEYS, EACH, COUPONS = 1_000, 100, 2, 20
AT_ONCE = 40
OFF, PRICE = 100, 1_000


async def test_a_thousand_buyers_race_for_a_hundred_keys_with_a_limited_coupon(runtime: Runtime) -> None:
    """Exactly 100 keys are sold, the coupon stands exactly at its limit, and nobody is charged for nothing."""
    shop = await open_shop(runtime, keys=[f"K{n:03}" for n in range(KEYS)], wholesale_price="5.00")
    made = await coupon(shop, amount_cents=OFF, most=COUPONS, most_per_buyer=1)
    buyers = [await shop.buyer(wallet_cents=EACH * PRICE) for _ in range(BUYERS)]
    gate = asyncio.Semaphore(AT_ONCE)

    async def try_to_buy(buyer: UUID) -> Placed | None:
        async with gate:
            for code in (made.code, ""):  # whoever is told that the coupon is used up buys without it
                try:
                    return await buy_with(shop, buyer, code, quantity=EACH)
                except CouponRefused:
                    continue
                except SoldOut:
                    return None
        return None

    sold = dict(zip(buyers, await asyncio.gather(*(try_to_buy(buyer) for buyer in buyers)), strict=True))

    placed = {buyer: one for buyer, one in sold.items() if one is not None}
    keys = [key for one in placed.values() for key in await shop.keys(one.id)]
    assert len(keys) == len(set(keys)) == KEYS
    assert len(placed) == KEYS // EACH
    charged = Counter(one.total_cents for one in placed.values())
    full = EACH * PRICE
    assert charged == {full - OFF: COUPONS, full: KEYS // EACH - COUPONS}
    assert await counts(shop, made) == (COUPONS, COUPONS, COUPONS * OFF, COUPONS * (full - OFF))
    assert await uses_of(shop, made) == [("used", 1, OFF)] * COUPONS
    for buyer in buyers:
        paid = placed[buyer].total_cents if buyer in placed else 0
        assert await shop.wallet_cents(buyer) == full - paid
    assert await ledger_is_balanced(runtime)


async def test_the_last_coupon_is_one_buyers_and_he_has_it_back_when_he_goes(runtime: Runtime) -> None:
    """A sale that takes the last coupon and comes to nothing lets whoever waits behind it have it."""
    shop: Shop = await open_shop(runtime, keys=["A", "B"], wholesale_price="5.00")
    made = await coupon(shop, amount_cents=OFF, most=1)
    poor, rich = await shop.buyer(wallet_cents=PRICE - OFF - 1), await shop.buyer(wallet_cents=PRICE)

    done = await asyncio.gather(
        buy_with(shop, poor, made.code, request_key=ids.code(20)),
        buy_with(shop, rich, made.code, request_key=ids.code(20)),
        return_exceptions=True,
    )

    assert isinstance(done[0], Exception)
    assert isinstance(done[1], Placed)
    assert done[1].total_cents == PRICE - OFF
    assert (await counts(shop, made))[:2] == (1, 1)
