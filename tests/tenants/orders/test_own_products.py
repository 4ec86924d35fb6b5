"""The station's own products: cards of its own pool, or a person's hands."""

import asyncio
from uuid import UUID

import pytest
from sqlalchemy import text

from billing.ledger import queries as ledger
from kameng.infra.runtime import Runtime
from tenants.orders import service
from tenants.orders.errors import CardTaken, NotDeliverable, QuantityOutOfRange, SoldOut
from tenants.orders.states import State
from tests.support.house import Shop, ledger_is_balanced
from tests.tenants.orders import stall


async def pool(shop: Shop) -> list[UUID]:
    async with shop.tenant.begin() as session:
        return [row.id for row in await session.execute(text("SELECT id FROM card_pool ORDER BY id"))]


async def test_an_own_card_is_delivered_at_once_and_costs_no_deposit(runtime: Runtime) -> None:
    shop = await stall.own_shop(runtime, ["OWN-1", "OWN-2"], cost_cents=300)
    buyer = await shop.buyer(wallet_cents=1_500)

    placed = await shop.buy(buyer)

    assert placed.state is State.DELIVERED
    assert await shop.keys(placed.id) == ["OWN-1"]
    assert (await shop.wallet_cents(buyer), await shop.deposit_cents()) == (500, 1)
    order = await stall.order(shop, placed.no)
    assert (order.wholesale_cents, order.cost_cents, order.delivered_quantity) == (0, 300, 1)
    async with shop.tenant.begin() as session:
        lines = {(entry.account, entry.amount_cents) for entry in await ledger.entries_of(session, str(placed.id))}
    assert lines == {("wallet", -1_000), ("revenue", 1_000)}
    assert await ledger_is_balanced(runtime)


async def test_own_cards_sell_out_and_nothing_moves(runtime: Runtime) -> None:
    shop = await stall.own_shop(runtime, ["OWN-1"])
    buyer = await shop.buyer(wallet_cents=5_000)

    with pytest.raises(SoldOut):
        await stall.buy(shop, buyer, 2)

    assert await shop.wallet_cents(buyer) == 5_000
    assert await stall.count(shop, "SELECT count(*) FROM card_pool") == 1


async def test_forty_buyers_race_for_ten_own_cards_and_all_ten_are_sold(runtime: Runtime) -> None:
    keys = [f"OWN-{number:02}" for number in range(10)]
    shop = await stall.own_shop(runtime, keys)
    buyers = [await shop.buyer(wallet_cents=2_000 if number % 4 else 100) for number in range(40)]

    results = await asyncio.gather(*(shop.buy(buyer, 2) for buyer in buyers), return_exceptions=True)

    sold = [result for result in results if not isinstance(result, BaseException)]
    assert sorted([key for order in sold for key in await shop.keys(order.id)]) == keys
    assert sorted([await shop.wallet_cents(buyer) for buyer in buyers]) == [0] * 5 + [100] * 10 + [2_000] * 25


async def test_random_picking_does_not_follow_the_order_of_import(runtime: Runtime) -> None:
    keys = [f"OWN-{number:02}" for number in range(12)]
    shop = await stall.own_shop(runtime, keys)
    await stall.change(shop, picking="random")
    buyer = await shop.buyer(wallet_cents=12_000)

    sold = [(await shop.keys((await shop.buy(buyer)).id))[0] for _ in keys]

    assert sorted(sold) == keys
    assert sold != keys


async def test_a_chosen_card_is_that_very_card_and_costs_more(runtime: Runtime) -> None:
    shop = await stall.own_shop(runtime, ["NO-1", "NO-2", "NO-3"])
    await stall.change(shop, choosable=True, choice_price="2.50")
    buyer = await shop.buyer(wallet_cents=5_000)

    placed = await stall.buy(shop, buyer, card_id=(await pool(shop))[1])

    assert await shop.keys(placed.id) == ["NO-2"]
    assert placed.total_cents == 1_250
    assert (await stall.order(shop, placed.no)).choice_cents == 250


async def test_a_chosen_card_that_is_gone_is_said_to_be_taken(runtime: Runtime) -> None:
    shop = await stall.own_shop(runtime, ["NO-1", "NO-2"])
    await stall.change(shop, choosable=True)
    buyer, card = await shop.buyer(wallet_cents=5_000), (await pool(shop))[0]
    await stall.buy(shop, buyer, card_id=card)

    with pytest.raises(CardTaken):
        await stall.buy(shop, buyer, card_id=card)
    with pytest.raises(QuantityOutOfRange):
        await stall.buy(shop, buyer, 2, card_id=(await pool(shop))[0])

    assert await shop.wallet_cents(buyer) == 4_000


async def test_a_chosen_card_is_kept_for_its_unpaid_order(runtime: Runtime) -> None:
    shop = await stall.own_shop(runtime, ["NO-1", "NO-2"])
    await stall.change(shop, choosable=True)
    buyer, card = await shop.buyer(), (await pool(shop))[1]
    placed = await stall.buy(shop, buyer, pay=await stall.channel(shop), card_id=card)

    with pytest.raises(CardTaken):
        await stall.buy(shop, await shop.buyer(wallet_cents=5_000), card_id=card)
    paid = await stall.pay(shop, buyer, placed.no, 1_000)

    assert paid.state is State.DELIVERED
    assert await shop.keys(placed.id) == ["NO-2"]


async def test_what_a_person_delivers_waits_for_one(runtime: Runtime) -> None:
    shop = await stall.own_shop(runtime)
    await stall.change(shop, fulfilment="by_hand", kind="topup")
    buyer = await shop.buyer(wallet_cents=1_000)
    placed = await shop.buy(buyer)
    assert placed.state is State.WAITING
    assert (await stall.order(shop, placed.no)).reason == "by_hand"

    sealer = await runtime.keyring.tenant(shop.tenant.id)
    async with shop.tenant.begin() as session:
        await service.deliver_by_hand(session, sealer, placed.no, "已充值到账号", "阿站")

    order = await stall.order(shop, placed.no)
    assert (order.state, order.message, order.delivered_quantity) == ("delivered", "已充值到账号", 1)
    async with shop.tenant.begin() as session:
        with pytest.raises(NotDeliverable):
            await service.deliver_by_hand(session, sealer, placed.no, "再来一次", "阿站")


async def test_cards_delivered_by_hand_in_two_parts_are_each_there_once(runtime: Runtime) -> None:
    shop = await stall.own_shop(runtime)
    await stall.change(shop, fulfilment="by_hand")
    buyer = await shop.buyer(wallet_cents=3_000)
    placed = await shop.buy(buyer, 3)
    sealer = await runtime.keyring.tenant(shop.tenant.id)

    for given in (["H-1", "H-2"], ["H-2"], ["H-3"]):
        async with shop.tenant.begin() as session:
            await service.deliver_by_hand(session, sealer, placed.no, given, "阿站")

    assert await shop.keys(placed.id) == ["H-1", "H-2", "H-3"]
    assert await shop.state(placed.no) == "delivered"


async def test_an_own_order_that_nobody_delivers_is_paid_back_in_full(runtime: Runtime) -> None:
    shop = await stall.own_shop(runtime)
    await stall.change(shop, fulfilment="by_hand")
    buyer = await shop.buyer(wallet_cents=1_000)
    placed = await shop.buy(buyer)

    async with shop.tenant.begin() as session:
        assert await service.end_part(session, placed.id, "not_delivered")

    assert await shop.state(placed.no) == "refunded"
    assert await shop.wallet_cents(buyer) == 1_000
    assert await ledger_is_balanced(runtime)
