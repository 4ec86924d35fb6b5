"""Who may buy what, when, how much of it, and what has to be filled in."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from kameng.core import clock
from kameng.core.errors import Invalid
from kameng.infra.runtime import Runtime
from tenants.orders import service
from tenants.orders.errors import DailyLimitReached, LevelTooLow, LimitReached, NotOnSaleNow, SoldOut
from tenants.orders.service import Item
from tenants.shop.errors import ProductGone
from tests.support.house import Shop, open_shop
from tests.tenants.orders import stall

ACCOUNT = {"label": "充值账号", "kind": "account"}


async def variant(shop: Shop, **head: Any) -> tuple[int, int]:
    """A head and one variant of it that sells the shop's good."""
    head_id = await stall.add_product(shop, name="话费")
    variant_id = await stall.add_product(shop, name="100元", good_id=shop.good_id)
    await stall.change(shop, head_id, specs=[{"name": "面值", "values": ["100"]}], **head)
    await stall.change(shop, variant_id, variant_of=head_id)
    return head_id, variant_id


async def test_a_buyer_has_no_more_than_the_limit_however_fast_he_is(runtime: Runtime) -> None:
    shop = await open_shop(runtime, keys=[f"K{n}" for n in range(20)])
    await stall.change(shop, max_per_buyer=3)
    buyer = await shop.buyer(wallet_cents=100_000)

    results = await asyncio.gather(*(shop.buy(buyer) for _ in range(8)), return_exceptions=True)

    assert sum(isinstance(result, LimitReached) for result in results) == 5
    assert sum(not isinstance(result, BaseException) for result in results) == 3
    assert (await shop.buy(await shop.buyer(wallet_cents=1_000))).state == "delivered"


async def test_what_came_to_nothing_does_not_count(runtime: Runtime) -> None:
    shop = await open_shop(runtime, keys=["A", "B", "C"])
    await stall.change(shop, max_per_buyer=2)
    buyer, channel = await shop.buyer(wallet_cents=100_000), await stall.channel(shop)
    placed = await stall.buy(shop, buyer, 2, pay=channel)

    with pytest.raises(LimitReached):
        await shop.buy(buyer)
    async with shop.tenant.begin() as session:
        await service.cancel(session, placed.id, "")

    assert (await shop.buy(buyer, 2)).state == "delivered"


async def test_a_day_is_the_stations_own(runtime: Runtime) -> None:
    shop = await open_shop(runtime, keys=["A", "B", "C"])
    await stall.change(shop, max_per_day=1)
    buyer = await shop.buyer(wallet_cents=100_000)
    await shop.buy(buyer)
    with pytest.raises(DailyLimitReached):
        await shop.buy(buyer)

    async with shop.tenant.begin() as session:
        midnight = "date_trunc('day', now() AT TIME ZONE 'Asia/Shanghai') AT TIME ZONE 'Asia/Shanghai'"
        await session.execute(text(f"UPDATE orders SET created_at = {midnight} - interval '1 second'"))  # noqa: S608 - see above

    assert (await shop.buy(buyer)).state == "delivered"


async def test_a_head_is_not_sold_and_its_variant_goes_with_it(runtime: Runtime) -> None:
    shop = await open_shop(runtime, keys=["A", "B"])
    head_id, variant_id = await variant(shop, usage_note="到账即可", fields=[ACCOUNT])
    buyer = await shop.buyer(wallet_cents=10_000)

    with pytest.raises(ProductGone):
        await stall.buy(shop, buyer, product_id=head_id)
    placed = await stall.buy(shop, buyer, product_id=variant_id, inputs={"0": " 13800000000 "})
    await stall.change(shop, head_id, state="hidden")

    order = await stall.order(shop, placed.no)
    assert order.product_name.startswith("话费")
    assert "100元" in order.product_name
    assert (order.usage_note, order.inputs) == ("到账即可", {"充值账号": "13800000000"})
    with pytest.raises(ProductGone):
        await stall.buy(shop, buyer, product_id=variant_id, inputs={"0": "13800000000"})


async def test_the_limit_of_a_head_is_one_for_all_its_variants(runtime: Runtime) -> None:
    shop = await open_shop(runtime, keys=["A", "B", "C", "D"])
    head_id, first = await variant(shop, max_per_buyer=2)
    second = await stall.add_product(shop, name="50元", good_id=shop.good_id)
    await stall.change(shop, second, variant_of=head_id, spec_values={"面值": "50"})
    buyer = await shop.buyer(wallet_cents=10_000)
    await stall.buy(shop, buyer, product_id=first)

    with pytest.raises(LimitReached):
        await stall.buy(shop, buyer, 2, product_id=second)

    assert (await stall.buy(shop, buyer, product_id=second)).state == "delivered"


async def test_a_product_for_a_level_is_sold_to_that_level(runtime: Runtime) -> None:
    shop = await open_shop(runtime, keys=["A", "B"])
    await stall.change(shop, min_level=2)
    plain, gold = await shop.buyer(wallet_cents=1_000), await shop.buyer(wallet_cents=1_000)
    async with shop.tenant.begin() as session:
        await session.execute(text("INSERT INTO buyer_levels (name, rank) VALUES ('金牌', 2)"))
        await session.execute(text("UPDATE buyers SET level_id = 1 WHERE id = :id"), {"id": gold})

    with pytest.raises(LevelTooLow):
        await shop.buy(plain)

    assert (await shop.buy(gold)).state == "delivered"


@pytest.mark.parametrize(("begins", "ends"), [(1, 2), (-2, -1)])
async def test_outside_its_time_a_product_is_not_sold(runtime: Runtime, begins: int, ends: int) -> None:
    shop = await open_shop(runtime, keys=["A"])
    now = clock.now()
    await stall.change(shop, sale_from=now + timedelta(hours=begins), sale_until=now + timedelta(hours=ends))

    with pytest.raises(NotOnSaleNow):
        await shop.buy(await shop.buyer(wallet_cents=1_000))


async def test_a_wrong_account_is_named_at_its_field_and_nothing_is_charged(runtime: Runtime) -> None:
    shop = await open_shop(runtime, keys=["A"])
    await stall.change(shop, fields=[ACCOUNT, {"label": "手机", "kind": "phone"}])
    buyer = await shop.buyer(wallet_cents=1_000)

    with pytest.raises(Invalid) as refused:
        await stall.buy(shop, buyer, inputs={"0": "abc", "1": "12345"})

    assert list(refused.value.errors) == ["inputs.1"]
    assert await shop.wallet_cents(buyer) == 1_000


async def test_a_basket_is_placed_whole_or_not_at_all(runtime: Runtime) -> None:
    shop = await open_shop(runtime, keys=["A", "B"])
    own_id = await stall.add_product(shop)
    await stall.add_own(shop, own_id, ["OWN"])
    buyer = await shop.buyer(wallet_cents=3_000)
    vault = await runtime.keyring.vault(shop.tenant.id)

    async def basket(*lines: tuple[int, int]) -> list[service.Placed]:
        items = [Item(draft=stall.draft(shop, product_id, quantity)) for product_id, quantity in lines]
        async with shop.tenant.begin() as session:
            return await service.place_all(session, vault, buyer, items, basket_no="B1")

    with pytest.raises(SoldOut):
        await basket((shop.product_id, 1), (own_id, 2))
    assert await stall.master_count(shop, "card_pool") == 2
    placed = await basket((own_id, 1), (shop.product_id, 2))

    assert [await shop.keys(one.id) for one in placed] == [["OWN"], ["A", "B"]]
    assert await shop.wallet_cents(buyer) == 0
    assert (await stall.order(shop, placed[0].no)).basket_no == "B1"


async def test_baskets_that_take_the_same_cards_crosswise_do_not_wait_in_a_circle(runtime: Runtime) -> None:
    shop = await open_shop(runtime, keys=[f"K{n}" for n in range(9)])
    own_id = await stall.add_product(shop)
    await stall.add_own(shop, own_id, [f"OWN{n}" for n in range(9)])
    vault = await runtime.keyring.vault(shop.tenant.id)
    buyers = [await shop.buyer(wallet_cents=100_000) for _ in range(12)]

    async def basket(number: int) -> list[service.Placed]:
        lines = [own_id, shop.product_id]
        items = [Item(draft=stall.draft(shop, line, 2)) for line in (lines if number % 2 else reversed(lines))]
        async with shop.tenant.begin() as session:
            return await service.place_all(session, vault, buyers[number], items)

    results = await asyncio.gather(*(basket(number) for number in range(12)), return_exceptions=True)

    assert sum(not isinstance(result, BaseException) for result in results) == 4
    assert await stall.count(shop, "SELECT count(*) FROM card_pool") == 1
