"""The last cards: as many are sold as there are, whoever fails in between."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from uuid import UUID

import msgspec
import pytest

from billing.ledger.errors import WalletTooLow
from kameng.core import ids
from kameng.infra.admin import admin_connection
from kameng.infra.runtime import Runtime, running
from kameng.infra.settings import Settings
from tenants.orders import service
from tenants.orders.errors import SoldOut
from tenants.orders.service import Placed
from tests.support.house import Shop, ledger_is_balanced, open_shop
from tests.tenants.orders import stall

AT_ONCE = 32
BUYERS, KEYS = 1_000, 100


@pytest.fixture
async def crowd(settings: Settings) -> AsyncIterator[Runtime]:
    """As many transactions at once as there are buyers at the counter."""
    async with running(msgspec.structs.replace(settings, pool_size=AT_ONCE)) as opened:
        yield opened


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


async def test_a_thousand_buyers_race_for_a_hundred_keys_two_each(crowd: Runtime) -> None:
    keys = [f"K-{ids.code(12)}" for _ in range(KEYS)]
    shop = await open_shop(crowd, keys=keys)
    luck = random.Random(4)  # noqa: S311 - which buyers are poor
    money = [luck.choice([2_000, 2_000, 1_999, 0]) for _ in range(BUYERS)]
    buyers = [await shop.buyer(wallet_cents=cents) for cents in money]

    results = await race(shop, buyers, [2] * BUYERS)

    assert sorted(await keys_of(shop, results)) == sorted(keys)
    assert {type(result) for result in results if isinstance(result, BaseException)} == {SoldOut, WalletTooLow}
    for cents, buyer, result in zip(money, buyers, results, strict=True):
        left = cents if isinstance(result, BaseException) else cents - 2_000
        assert await shop.wallet_cents(buyer) == left
    assert await ledger_is_balanced(crowd)


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_whoever_wants_different_quantities_leaves_nothing_that_somebody_was_refused(
    crowd: Runtime, seed: int
) -> None:
    keys = [f"K-{ids.code(12)}" for _ in range(60)]
    shop = await open_shop(crowd, keys=keys)
    luck = random.Random(seed)  # noqa: S311 - quantities and money
    quantities = [luck.randint(1, 3) for _ in range(150)]
    buyers = [await shop.buyer(wallet_cents=luck.choice([3_000, 3_000, 500])) for _ in quantities]

    results = await race(shop, buyers, quantities)

    sold = await keys_of(shop, results)
    assert len(sold) == len(set(sold))
    refused = [n for n, result in zip(quantities, results, strict=True) if isinstance(result, SoldOut)]
    assert len(keys) - len(sold) < min(refused)
    assert {type(one) for one in results if isinstance(one, BaseException)} <= {SoldOut, WalletTooLow}
    assert await ledger_is_balanced(crowd)


class ChangedHisMind(Exception):
    """Ends a sale in the middle."""


WAITERS = "SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted"


async def until_waiting(runtime: Runtime, tasks: Sequence[asyncio.Task[Placed]]) -> None:
    """Until each task that is still going waits for somebody else's cards."""
    while any(not task.done() for task in tasks):
        async with admin_connection(runtime.settings) as connection:
            row = await (await connection.execute(WAITERS)).fetchone()
        if row is not None and row[0] >= sum(not task.done() for task in tasks):
            return


@pytest.mark.parametrize("own", [False, True], ids=["the master's", "its own"])
@pytest.mark.parametrize("comes_back", [True, False])
@pytest.mark.parametrize(("taken", "wanted"), [(2, 2), (1, 2), (2, 1)])
async def test_whoever_finds_the_last_cards_taken_waits_for_what_becomes_of_them(
    crowd: Runtime, own: bool, comes_back: bool, taken: int, wanted: int
) -> None:
    keys = [ids.code(9), ids.code(9)]
    shop = await (stall.own_shop(crowd, keys) if own else open_shop(crowd, keys=keys))
    first = await shop.buyer(wallet_cents=2_000)
    others = [await shop.buyer(wallet_cents=2_000) for _ in range(2)]
    vault = await crowd.keyring.vault(shop.tenant.id)

    tasks: list[asyncio.Task[Placed]] = []
    with suppress(ChangedHisMind):
        async with shop.tenant.begin() as session:
            await service.place(session, vault, first, stall.draft(shop, quantity=taken))
            tasks = [asyncio.create_task(shop.buy(other, wanted)) for other in others]
            await until_waiting(crowd, tasks)
            if comes_back:
                raise ChangedHisMind
    results = await asyncio.gather(*tasks, return_exceptions=True)

    left = 2 if comes_back else 2 - taken
    assert sum(not isinstance(result, BaseException) for result in results) == min(2, left // wanted)
    assert {type(one) for one in results if isinstance(one, BaseException)} <= {SoldOut}
    assert await ledger_is_balanced(crowd)
