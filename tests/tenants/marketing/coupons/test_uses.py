"""What a coupon takes off an order, how often, and when it is given back."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from kameng.core import clock, ids
from kameng.core.errors import KamengError
from kameng.infra.runtime import Runtime
from tenants.marketing.coupons import errors, service
from tenants.marketing.coupons.worth import spread
from tenants.orders import service as orders
from tenants.orders.errors import BelowFloor
from tenants.shop import categories
from tenants.shop.categories import CategoryDraft
from tests.support.house import Shop, ledger_is_balanced, open_shop
from tests.tenants.marketing.coupons.making import buy_with, counts, coupon, uses_of

CHANNEL = text(
    "INSERT INTO payment_channels (provider, name, base_url, merchant_id, secret)"
    " VALUES ('epay', 'x', 'http://127.0.0.1:9', 'x', 'x') RETURNING id"
)


async def stall(runtime: Runtime, keys: int = 3, **terms: Any) -> Shop:
    """A shop whose product costs ¥10.00, and the shop ¥5.00."""
    return await open_shop(runtime, keys=[f"K{n}" for n in range(keys)], wholesale_price="5.00", **terms)


async def channel(shop: Shop) -> str:
    async with shop.tenant.begin() as session:
        return str((await session.execute(CHANNEL)).scalar_one())


@pytest.mark.parametrize(
    ("terms", "quantity", "charged"),
    [
        ({"amount_cents": 100}, 1, 900),
        ({"kind": "threshold", "amount_cents": 300, "least_cents": 2_000}, 2, 1_700),
        ({"kind": "percent", "amount_cents": None, "percent": 15}, 1, 850),
        ({"kind": "percent", "amount_cents": None, "percent": 40, "cap_cents": 250}, 1, 750),
    ],
)
async def test_a_coupon_takes_its_share_off_and_is_used_with_the_sale(
    runtime: Runtime, terms: dict[str, Any], quantity: int, charged: int
) -> None:
    shop = await stall(runtime)
    made = await coupon(shop, **terms)
    buyer = await shop.buyer(wallet_cents=5_000)

    placed = await buy_with(shop, buyer, made.code.lower(), quantity=quantity)

    assert placed.total_cents == charged
    assert await shop.wallet_cents(buyer) == 5_000 - charged
    off = quantity * 1_000 - charged
    assert await counts(shop, made) == (1, 1, off, charged)
    assert await uses_of(shop, made) == [("used", 1, off)]
    assert await ledger_is_balanced(runtime)


async def test_each_reason_why_a_coupon_does_not_count_has_its_own_words(runtime: Runtime) -> None:
    shop = await stall(runtime, keys=9)
    buyer = await shop.buyer(wallet_cents=9_000)
    day, now = timedelta(days=1), clock.now()
    async with shop.tenant.begin() as session:
        elsewhere = (
            await session.execute(text("INSERT INTO categories (name) VALUES ('x') RETURNING id"))
        ).scalar_one()
    stopped = await coupon(shop)
    async with shop.tenant.begin() as session:
        await service.switch(session, stopped.id, stopped=True)
    once, mine = await coupon(shop, most=1), await coupon(shop, most_per_buyer=1)
    await buy_with(shop, buyer, once.code)
    await buy_with(shop, buyer, mine.code)
    told: dict[type[KamengError], str] = {
        errors.CouponUnknown: "NO-SUCH-CODE",
        errors.CouponStopped: stopped.code,
        errors.CouponNotYet: (await coupon(shop, starts_at=now + day)).code,
        errors.CouponOver: (await coupon(shop, ends_at=now - day)).code,
        errors.CouponUsedUp: once.code,
        errors.CouponUsedBefore: mine.code,
        errors.CouponForMembers: (await coupon(shop, members_only=True)).code,
        errors.CouponNotForThis: (await coupon(shop, scope="categories", scope_ids=[elsewhere])).code,
        errors.CouponTooLittle: (await coupon(shop, least_cents=1_001)).code,
        errors.CouponWorthNothing: (await coupon(shop, kind="percent", percent=1, cap_cents=None)).code,
        BelowFloor: (await coupon(shop, amount_cents=501)).code,
    }
    await set_price(shop, "0.3")
    with pytest.raises(errors.CouponWorthNothing):
        await buy_with(shop, buyer, told.pop(errors.CouponWorthNothing))
    await set_price(shop, "10")
    had, said = await shop.wallet_cents(buyer), set[str]()

    for reason, code in told.items():
        with pytest.raises(reason) as refused:
            await buy_with(shop, buyer, code)
        assert refused.value.field == "coupon"
        said.add(refused.value.message)

    assert len(said) == len(told)
    assert await shop.wallet_cents(buyer) == had


async def set_price(shop: Shop, price: str) -> None:
    values = {"price": price, "id": shop.product_id}
    async with shop.tenant.begin() as session:
        await session.execute(text("UPDATE products SET price = CAST(:price AS numeric) WHERE id = :id"), values)
    async with shop.runtime.database.master_session() as session:
        await session.execute(
            text("UPDATE tier_prices SET price = least(5, CAST(:price AS numeric) / 2) WHERE good_id = :good"),
            {"price": price, "good": shop.good_id},
        )


async def test_a_coupon_for_a_category_counts_for_all_that_is_below_it(runtime: Runtime) -> None:
    shop = await stall(runtime)
    async with shop.tenant.begin() as session:
        top = (await categories.add(session, CategoryDraft(name="游戏"))).id
        below = (await categories.add(session, CategoryDraft(name="月卡", parent_id=top))).id
        await session.execute(
            text("UPDATE products SET category_id = :category WHERE id = :id"),
            {"category": below, "id": shop.product_id},
        )
    made = await coupon(shop, scope="categories", scope_ids=[top])

    placed = await buy_with(shop, await shop.buyer(wallet_cents=1_000), made.code)

    assert placed.total_cents == 900


@pytest.mark.parametrize("ending", ["expire", "cancel"])
async def test_an_unpaid_order_keeps_its_coupon_until_it_ends(runtime: Runtime, ending: str) -> None:
    shop = await stall(runtime)
    made = await coupon(shop, most=1, most_per_buyer=1)
    buyer, other = await shop.buyer(), await shop.buyer(wallet_cents=1_000)
    placed = await buy_with(shop, buyer, made.code, pay_method=await channel(shop))
    assert await counts(shop, made) == (1, 0, 0, 0)
    with pytest.raises(errors.CouponUsedUp):
        await buy_with(shop, other, made.code)

    for _ in range(2):
        async with shop.tenant.begin() as session:
            await (orders.expire(session, placed.id, "not_paid") if ending == "expire"
                   else orders.cancel(session, placed.id, ""))  # fmt: skip

    assert await counts(shop, made) == (0, 0, 0, 0)
    assert await uses_of(shop, made) == [("released", 0, 100)]
    assert (await buy_with(shop, other, made.code)).total_cents == 900


async def test_a_reserved_coupon_is_used_when_the_payment_comes_even_if_it_was_stopped(runtime: Runtime) -> None:
    shop = await stall(runtime)
    made = await coupon(shop)
    buyer = await shop.buyer(wallet_cents=900)
    placed = await buy_with(shop, buyer, made.code, pay_method=await channel(shop))
    async with shop.tenant.begin() as session:
        await service.switch(session, made.id, stopped=True)

    vault = await runtime.keyring.vault(shop.tenant.id)
    for _ in range(2):
        async with shop.tenant.begin() as session:
            await orders.charge(session, vault, placed.no)

    assert await shop.state(placed.no) == "delivered"
    assert await counts(shop, made) == (1, 1, 100, 900)


async def test_a_refund_before_delivery_gives_the_coupon_back_with_the_money(runtime: Runtime) -> None:
    shop = await open_shop(runtime, supplier_url="http://127.0.0.1:9", supplier_sku="x", supplier_secret="x")
    made = await coupon(shop, most=1)
    buyer = await shop.buyer(wallet_cents=900)
    placed = await buy_with(shop, buyer, made.code)
    assert await counts(shop, made) == (1, 1, 100, 900)

    async with shop.tenant.begin() as session:
        await orders.refund(session, placed.no)

    assert await shop.wallet_cents(buyer) == 900
    assert await counts(shop, made) == (0, 0, 0, 0)


async def test_the_same_request_takes_a_coupon_once(runtime: Runtime) -> None:
    shop = await stall(runtime)
    made = await coupon(shop)
    buyer, key = await shop.buyer(wallet_cents=2_000), ids.code(20)

    first, again = [await buy_with(shop, buyer, made.code, request_key=key) for _ in range(2)]

    assert first.no == again.no
    assert (await counts(shop, made))[:2] == (1, 1)


async def test_what_is_refused_below_the_floor_leaves_the_coupon_as_it_was(runtime: Runtime) -> None:
    shop = await stall(runtime)
    made = await coupon(shop, amount_cents=501)

    with pytest.raises(BelowFloor):
        await buy_with(shop, await shop.buyer(wallet_cents=1_000), made.code)

    assert await counts(shop, made) == (0, 0, 0, 0)
    assert await uses_of(shop, made) == []


async def test_one_buyer_who_asks_many_times_at_once_stays_within_his_limit(runtime: Runtime) -> None:
    shop = await stall(runtime, keys=12)
    made = await coupon(shop, most_per_buyer=2)
    buyer = await shop.buyer(wallet_cents=10_000)

    done = await asyncio.gather(*(buy_with(shop, buyer, made.code) for _ in range(10)), return_exceptions=True)

    refused = [one for one in done if isinstance(one, BaseException)]
    assert {type(one) for one in refused} <= {errors.CouponUsedBefore}
    assert len(done) - len(refused) == 2
    assert (await counts(shop, made))[:2] == (2, 2)


async def test_taking_and_giving_back_at_once_counts_right(runtime: Runtime) -> None:
    shop = await stall(runtime, keys=40)
    made = await coupon(shop, most=10)
    way = await channel(shop)
    buyers = [await shop.buyer(wallet_cents=1_000) for _ in range(20)]

    async def come_and_go(n: int) -> None:
        placed = await buy_with(shop, buyers[n], made.code, pay_method=way)
        async with shop.tenant.begin() as session:
            await orders.cancel(session, placed.id, "")

    async def stay(n: int) -> None:
        await buy_with(shop, buyers[n], made.code)

    done = await asyncio.gather(*(come_and_go(n) if n % 2 else stay(n) for n in range(20)), return_exceptions=True)

    assert not [one for one in done if isinstance(one, BaseException) and not isinstance(one, KamengError)]
    stayed = sum(one is None for one in done[::2])
    assert (await counts(shop, made))[:2] == (stayed, stayed)
    assert [state for state, _, _ in await uses_of(shop, made)].count("used") == stayed


@pytest.mark.parametrize(
    ("cents", "weights", "parts"),
    [(100, [1, 1, 1], [34, 33, 33]), (1, [300, 700], [0, 1]), (500, [0, 999], [0, 500]), (7, [7], [7])],
)
def test_a_discount_is_spread_to_the_cent(cents: int, weights: list[int], parts: list[int]) -> None:
    assert spread(cents, weights) == parts
