"""Orders paid from the wallet and delivered from the master's stock."""

import asyncio

import pytest

from billing.ledger.errors import DepositTooLow, WalletTooLow
from kameng.core.errors import KamengError
from kameng.infra.runtime import Runtime
from tenants.orders.errors import QuantityOutOfRange, SoldOut
from tenants.orders.states import State
from tests.support.house import ledger_is_balanced, open_shop


async def test_a_paid_order_holds_its_key_at_once(runtime: Runtime) -> None:
    shop = await open_shop(runtime, keys=["KEY-1"], price="10.00", wholesale_price="8.00", deposit_cents=5_000)
    buyer = await shop.buyer(wallet_cents=2_500)

    placed = await shop.buy(buyer)

    assert placed.state is State.DELIVERED
    assert await shop.keys(placed.id) == ["KEY-1"]
    assert await shop.wallet_cents(buyer) == 1_500
    assert await shop.deposit_cents() == 4_200
    assert await ledger_is_balanced(runtime)


async def test_the_same_request_twice_is_one_order(runtime: Runtime) -> None:
    shop = await open_shop(runtime, keys=["A", "B"])
    buyer = await shop.buyer(wallet_cents=5_000)

    first = await shop.buy(buyer, request_key="the-same-form-again")
    second = await shop.buy(buyer, request_key="the-same-form-again")

    assert first == second
    assert await shop.wallet_cents(buyer) == 4_000


async def test_the_same_request_at_the_same_moment_charges_once(runtime: Runtime) -> None:
    shop = await open_shop(runtime, keys=[f"K{n}" for n in range(20)])
    buyer = await shop.buyer(wallet_cents=50_000)

    results = await asyncio.gather(
        *(shop.buy(buyer, request_key="pressed-many-times") for _ in range(8)), return_exceptions=True
    )

    assert len({result.no for result in results if not isinstance(result, BaseException)}) == 1
    assert await shop.wallet_cents(buyer) == 49_000


async def test_fifty_buyers_race_for_ten_keys(runtime: Runtime) -> None:
    keys = [f"KEY-{number:02}" for number in range(10)]
    shop = await open_shop(runtime, keys=keys)
    buyers = [await shop.buyer(wallet_cents=1_000) for _ in range(50)]

    results = await asyncio.gather(*(shop.buy(buyer) for buyer in buyers), return_exceptions=True)

    delivered = [result for result in results if not isinstance(result, BaseException)]
    refused = [result for result in results if isinstance(result, SoldOut)]
    assert (len(delivered), len(refused)) == (10, 40)
    held = [key for order in delivered for key in await shop.keys(order.id)]
    assert sorted(held) == keys
    balances = [await shop.wallet_cents(buyer) for buyer in buyers]
    assert sorted(balances) == [0] * 10 + [1_000] * 40
    assert await ledger_is_balanced(runtime)


async def test_an_empty_wallet_is_refused_and_nothing_moves(runtime: Runtime) -> None:
    shop = await open_shop(runtime, keys=["K"])
    buyer = await shop.buyer(wallet_cents=999)
    before = await shop.deposit_cents()

    with pytest.raises(WalletTooLow):
        await shop.buy(buyer)

    assert (await shop.wallet_cents(buyer), await shop.deposit_cents()) == (999, before)


async def test_a_deposit_that_does_not_cover_the_wholesale_price_refuses_before_money_moves(runtime: Runtime) -> None:
    shop = await open_shop(runtime, keys=["K"], wholesale_price="8.00", deposit_cents=799)
    buyer = await shop.buyer(wallet_cents=5_000)

    with pytest.raises(DepositTooLow):
        await shop.buy(buyer)

    assert (await shop.wallet_cents(buyer), await shop.deposit_cents()) == (5_000, 799)


async def test_a_race_for_the_last_of_the_deposit_never_overdraws_it(runtime: Runtime) -> None:
    shop = await open_shop(runtime, keys=[f"K{n}" for n in range(10)], wholesale_price="8.00", deposit_cents=2_000)
    buyers = [await shop.buyer(wallet_cents=1_000) for _ in range(8)]

    results = await asyncio.gather(*(shop.buy(buyer) for buyer in buyers), return_exceptions=True)

    assert all(isinstance(result, DepositTooLow) for result in results if isinstance(result, KamengError))
    assert sum(not isinstance(result, BaseException) for result in results) == 2
    assert await shop.deposit_cents() == 400


@pytest.mark.parametrize("quantity", [11, 1000])
async def test_more_than_the_product_allows_names_the_field(runtime: Runtime, quantity: int) -> None:
    shop = await open_shop(runtime, keys=["K"], max_quantity=10)
    buyer = await shop.buyer(wallet_cents=100_000_000)

    with pytest.raises(QuantityOutOfRange) as refusal:
        await shop.buy(buyer, quantity=quantity)

    assert refusal.value.field == "quantity"
