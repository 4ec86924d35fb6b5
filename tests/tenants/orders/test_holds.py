"""Cards that an unpaid order keeps from others, until it is paid or ends."""

import pytest
from sqlalchemy import text

from billing.wholesale import queries as wholesale
from kameng.infra.runtime import Runtime
from tenants.orders import service
from tenants.orders.errors import NotCancellable, SoldOut, TooManyUnpaid
from tenants.orders.states import State
from tenants.toggles import flags
from tenants.toggles.flags import DEFAULTS
from tenants.toggles.reading import Reading
from tests.support.house import Shop, ledger_is_balanced, open_shop
from tests.tenants.orders import stall

BOTH = pytest.mark.parametrize("own", [False, True], ids=["the master's", "its own"])


async def shop_of(runtime: Runtime, *, own: bool, keys: list[str]) -> Shop:
    return await (stall.own_shop(runtime, keys) if own else open_shop(runtime, keys=keys))


async def places(shop: Shop, *, own: bool) -> tuple[int, int, int]:
    """How many cards are for sale, held, and sold."""
    if own:
        return tuple([await stall.count(shop, f"SELECT count(*) FROM {t}") for t in TABLES])  # type: ignore[return-value]  # noqa: S608 - three of them, names of ours
    return tuple([await stall.master_count(shop, t) for t in TABLES])  # type: ignore[return-value]  # three of them


TABLES = ("card_pool", "card_held", "card_issued")


@BOTH
async def test_an_unpaid_order_keeps_its_cards_and_has_them_when_it_is_paid(runtime: Runtime, own: bool) -> None:
    shop = await shop_of(runtime, own=own, keys=["A", "B", "C"])
    buyer = await shop.buyer()
    placed = await stall.buy(shop, buyer, 2, pay=await stall.channel(shop))
    assert await places(shop, own=own) == (1, 2, 0)

    with pytest.raises(SoldOut):
        await shop.buy(await shop.buyer(wallet_cents=9_000), 2)
    paid = await stall.pay(shop, buyer, placed.no, 2_000)

    assert paid.state is State.DELIVERED
    assert await shop.keys(placed.id) == ["A", "B"]
    assert await places(shop, own=own) == (1, 0, 2)
    assert await ledger_is_balanced(runtime)


@BOTH
@pytest.mark.parametrize("end", ["expire", "cancel"])
async def test_an_order_that_ends_unpaid_frees_its_cards(runtime: Runtime, own: bool, end: str) -> None:
    shop = await shop_of(runtime, own=own, keys=["A", "B"])
    placed = await stall.buy(shop, await shop.buyer(), 2, pay=await stall.channel(shop))

    for _ in range(2):
        async with shop.tenant.begin() as session:
            await (service.expire(session, placed.id, "not_paid") if end == "expire"
                   else service.cancel(session, placed.id, ""))  # fmt: skip

    assert await places(shop, own=own) == (2, 0, 0)
    assert (await shop.buy(await shop.buyer(wallet_cents=9_000), 2)).state is State.DELIVERED


async def test_cards_on_hold_are_not_counted_as_stock(runtime: Runtime) -> None:
    shop = await open_shop(runtime, keys=["A", "B", "C"])
    await stall.buy(shop, await shop.buyer(), 2, pay=await stall.channel(shop))

    async with shop.tenant.begin() as session:
        quote = (await wholesale.quotes(session, [shop.good_id]))[shop.good_id]

    assert quote.in_pool == 1


async def test_nobody_blocks_the_stock_with_unpaid_orders(runtime: Runtime) -> None:
    shop = await open_shop(runtime, keys=[f"K{n}" for n in range(9)])
    buyer, channel = await shop.buyer(), await stall.channel(shop)
    placed = [await stall.buy(shop, buyer, pay=channel, request_key=f"the-form-number-{n}") for n in range(3)]

    with pytest.raises(TooManyUnpaid):
        await stall.buy(shop, buyer, pay=channel)
    assert await stall.buy(shop, buyer, pay=channel, request_key="the-form-number-2") == placed[2]
    async with shop.tenant.begin() as session:
        await service.cancel(session, placed[0].id, "")

    assert (await stall.buy(shop, buyer, pay=channel)).state is State.UNPAID


async def test_a_shop_that_holds_nothing_sells_to_whoever_pays_first(runtime: Runtime) -> None:
    shop = await open_shop(runtime, keys=["ONLY"])
    first = await shop.buyer()
    reading = Reading({**DEFAULTS, flags.HOLD_STOCK.key: False})
    placed = await stall.buy(shop, first, pay=await stall.channel(shop), reading=reading)

    await shop.buy(await shop.buyer(wallet_cents=1_000))

    with pytest.raises(SoldOut):
        await stall.pay(shop, first, placed.no, 1_000)
    assert await shop.wallet_cents(first) == 1_000


async def test_an_order_whose_money_does_not_suffice_keeps_its_cards_until_it_ends(runtime: Runtime) -> None:
    shop = await open_shop(runtime, keys=["A"], deposit_cents=800)
    buyer, channel = await shop.buyer(), await stall.channel(shop)
    placed = await stall.buy(shop, buyer, pay=channel)
    async with shop.runtime.database.master_session() as session:
        await session.execute(text("UPDATE tier_prices SET price = 11 WHERE good_id = :g"), {"g": shop.good_id})

    with pytest.raises(Exception, match="price"):
        await stall.pay(shop, buyer, placed.no, 1_000)

    assert await places(shop, own=False) == (0, 1, 0)


async def test_a_paid_order_cannot_be_cancelled(runtime: Runtime) -> None:
    shop = await open_shop(runtime, keys=["A"])
    placed = await shop.buy(await shop.buyer(wallet_cents=1_000))

    async with shop.tenant.begin() as session:
        with pytest.raises(NotCancellable):
            await service.cancel(session, placed.id, "")

    assert await shop.state(placed.no) == "delivered"
