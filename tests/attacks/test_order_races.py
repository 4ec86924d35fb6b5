"""Orders, refunds and stock that come at the same moment: money is spent once, and a card is somebody's once."""

import asyncio
from decimal import Decimal

from kameng.core import ids
from kameng.core.errors import KamengError
from kameng.infra.runtime import Runtime
from supplier_gateway.offers import service as offers
from supplier_gateway.suppliers import service as suppliers
from tenants.orders import queries as order_queries
from tenants.orders import service as orders
from tests.support.house import Shop, ledger_is_balanced, open_shop


async def test_two_orders_at_once_do_not_spend_the_same_money(runtime: Runtime) -> None:
    shop = await open_shop(runtime, keys=[f"K{n}" for n in range(10)])
    buyer = await shop.buyer(wallet_cents=1_999)

    done = await asyncio.gather(*(shop.buy(buyer) for _ in range(6)), return_exceptions=True)

    assert sum(not isinstance(one, BaseException) for one in done) == 1
    assert await shop.wallet_cents(buyer) == 999
    assert await ledger_is_balanced(runtime)


async def test_a_refund_and_stock_that_comes_in_meet_in_one_order(runtime: Runtime) -> None:
    """Either the money is back or the key is there: never both, and neither waits for the other in a circle."""
    shop = await open_shop(runtime, supplier_url="http://127.0.0.1:9", supplier_sku="x", supplier_secret="x")
    vault = await runtime.keyring.vault(shop.tenant.id)
    buyers = [await shop.buyer(wallet_cents=1_000) for _ in range(8)]
    placed = [await shop.buy(buyer) for buyer in buyers]
    await put_into_stock(shop, [f"K{n}" for n in range(8)])

    async def refund(no: str) -> None:
        async with shop.tenant.begin() as session:
            await orders.refund(session, no)

    async def deliver(no: str) -> None:
        async with shop.tenant.begin() as session:
            order = await order_queries.order_by_no(session, no)
            await orders.deliver_from_stock(session, vault, order)

    sides = [side for one in placed for side in (refund(one.no), deliver(one.no))]
    done = await asyncio.gather(*sides, return_exceptions=True)

    assert not [one for one in done if isinstance(one, BaseException) and not isinstance(one, KamengError)]
    for buyer, one in zip(buyers, placed, strict=True):
        found = (await shop.state(one.no), await shop.wallet_cents(buyer), len(await shop.keys(one.id)))
        assert found in [("refunded", 1_000, 0), ("delivered", 0, 1)]
    assert await ledger_is_balanced(runtime)


async def test_a_refund_that_has_begun_lets_stock_that_comes_in_wait(runtime: Runtime) -> None:
    """Both lock the order first. One took the order's lock before its row, the other after it."""
    shop = await open_shop(runtime, supplier_url="http://127.0.0.1:9", supplier_sku="x", supplier_secret="x")
    vault = await runtime.keyring.vault(shop.tenant.id)
    placed = await shop.buy(await shop.buyer(wallet_cents=1_000))
    await put_into_stock(shop, ["K"])

    async def deliver() -> bool:
        async with shop.tenant.begin() as session:
            order = await order_queries.order_by_no(session, placed.no)
            return await orders.deliver_from_stock(session, vault, order)

    async with shop.tenant.begin() as session:
        await order_queries.order_by_no(session, placed.no, lock=True)
        delivering = asyncio.create_task(deliver())
        await asyncio.sleep(0.2)
        await orders.refund(session, placed.no)

    assert await delivering is False
    assert await shop.state(placed.no) == "refunded"


async def put_into_stock(shop: Shop, keys: list[str]) -> None:
    """The master begins to sell the good from its own stock."""
    sealer = await shop.runtime.keyring.master()
    async with shop.runtime.database.master_session() as session:
        own = await suppliers.add_stock(session, sealer, f"stock {ids.code(6)}")
        await offers.add(session, shop.good_id, own.id, Decimal("5.00"))
    await shop.add_keys(keys)
