"""The last cards: as many are sold as there are, whoever fails in between."""

import asyncio
import random
from collections.abc import Sequence
from uuid import UUID

import pytest

from billing.ledger.errors import WalletTooLow
from kameng.core import ids
from kameng.infra.runtime import Runtime
from tenants.orders.errors import SoldOut
from tests.support.house import Shop, ledger_is_balanced, open_shop

AT_ONCE = 32
BUYERS, KEYS = 1_000, 100


async def race(shop: Shop, buyers: Sequence[UUID], quantities: Sequence[int]) -> list[object]:
    """All of them buy, so many at a time; what became of each."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(buyer: UUID, quantity: int) -> object:
        async with gate:
            return await shop.buy(buyer, quantity)

    wanted = (one(buyer, quantity) for buyer, quantity in zip(buyers, quantities, strict=True))
    return await asyncio.gather(*wanted, return_exceptions=True)


async def keys_of(shop: Shop, results: Sequence[object]) -> list[str]:
    sold = [result for result in results if not isinstance(result, BaseException)]
    return [key for order in sold for key in await shop.keys(order.id)]  # type: ignore[attr-defined]  # each is a Placed


async def test_a_thousand_buyers_race_for_a_hundred_keys_two_each(runtime: Runtime) -> None:
    keys = [f"K-{ids.code(12)}" for _ in range(KEYS)]
    shop = await open_shop(runtime, keys=keys)
    luck = random.Random(4)  # noqa: S311 - which buyers are poor
    money = [luck.choice([2_000, 2_000, 1_999, 0]) for _ in range(BUYERS)]
    buyers = [await shop.buyer(wallet_cents=cents) for cents in money]

    results = await race(shop, buyers, [2] * BUYERS)

    assert sorted(await keys_of(shop, results)) == sorted(keys)
    assert {type(result) for result in results if isinstance(result, BaseException)} == {SoldOut, WalletTooLow}
    for cents, buyer, result in zip(money, buyers, results, strict=True):
        left = cents if isinstance(result, BaseException) else cents - 2_000
        assert await shop.wallet_cents(buyer) == left
    assert await ledger_is_balanced(runtime)


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_whoever_wants_different_quantities_leaves_nothing_that_somebody_was_refused(
    runtime: Runtime, seed: int
) -> None:
    keys = [f"K-{ids.code(12)}" for _ in range(60)]
    shop = await open_shop(runtime, keys=keys)
    luck = random.Random(seed)  # noqa: S311 - quantities and money
    quantities = [luck.randint(1, 3) for _ in range(150)]
    buyers = [await shop.buyer(wallet_cents=luck.choice([3_000, 3_000, 500])) for _ in quantities]

    results = await race(shop, buyers, quantities)

    sold = await keys_of(shop, results)
    assert len(sold) == len(set(sold))
    refused = [n for n, result in zip(quantities, results, strict=True) if isinstance(result, SoldOut)]
    assert len(keys) - len(sold) < min(refused)
    assert {type(one) for one in results if isinstance(one, BaseException)} <= {SoldOut, WalletTooLow}
    assert await ledger_is_balanced(runtime)
