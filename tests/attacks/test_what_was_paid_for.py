"""What the master delivers and gives back follows from what it was paid for, not from what a station's rows say."""

import json
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from kameng.core import ids
from kameng.infra import outbox
from kameng.infra.runtime import Runtime
from tenants.orders import service as orders
from tenants.orders.errors import NotDeliverable
from tenants.orders.service import OrderPaid
from tests.attacks.test_ledger_functions import in_pool, try_out
from tests.attacks.test_supplier_lies import honest, liar, purchases, shop_at
from tests.support.house import Shop, ledger_is_balanced, open_shop, work_off
from tests.support.liar import Asked, Liar

__all__ = ["liar"]

CLAIM_LATE = "SELECT * FROM claim_cards_late(CAST(:order AS uuid), CAST(:good AS bigint), CAST(:quantity AS int))"
BEGIN = (
    "SELECT * FROM begin_sale(CAST(:order AS uuid), CAST(:good AS bigint), CAST(:quantity AS int), 'nobody', :stock)"
)
CHARGE = """SELECT charge_sale(CAST(:order AS uuid), CAST(:buyer AS text), CAST(:good AS bigint),
    CAST(:quantity AS int), CAST(:retail AS bigint), CAST(:wholesale AS bigint), :settlement)"""
TAMPER = text("UPDATE orders SET quantity = 9, good_id = coalesce(:good, good_id) WHERE id = :id")
FORGE = text("UPDATE orders SET id = :forged WHERE id = :id")


async def from_nowhere(runtime: Runtime, **more: Any) -> Shop:
    """A shop whose only supplier does not answer, so that what is sold has to wait."""
    return await open_shop(runtime, supplier_url="http://127.0.0.1:9", supplier_sku="x", supplier_secret="x", **more)


def as_asked(asked: Asked) -> tuple[int, bytes]:
    """A supplier that delivers what is ordered, however much it is."""
    quantity = int(json.loads(asked.body)["quantity"]) if asked.body else 2
    reference = json.loads(asked.body)["reference"] if asked.body else asked.target.rpartition("/")[2]
    cards = [f"{number}-{reference}" for number in range(quantity)]
    return honest(asked, quantity=quantity, cost_cents=600 * quantity, cards=cards)


async def send(shop: Shop, order_id: UUID) -> None:
    async with shop.tenant.begin() as session:
        await outbox.record(session, OrderPaid(order_id))


async def cards_of(runtime: Runtime, order: UUID) -> int:
    async with runtime.database.master_session() as session:
        found = await session.execute(text("SELECT count(*) FROM card_issued WHERE order_ref = :o"), {"o": order})
        return int(found.scalar_one())


async def test_an_order_for_one_takes_one_card_from_the_stock_and_none_of_another_good(runtime: Runtime) -> None:
    shop, dear = await from_nowhere(runtime, keys=[]), await open_shop(runtime, keys=["D1", "D2"])
    placed = await shop.buy(await shop.buyer(wallet_cents=5_000))
    stocked = await open_shop(runtime, keys=["K1", "K2", "K3"])
    await stock_as(runtime, shop.good_id, stocked)
    await shop.add_keys(["A1", "A2", "A3"])

    for good, quantity in ((shop.good_id, 2), (shop.good_id, 3), (dear.good_id, 1), (dear.good_id, 2)):
        await try_out(shop, CLAIM_LATE, {"order": placed.id, "good": good, "quantity": quantity})
    assert (await in_pool(shop), await in_pool(dear)) == (3, 2)

    for _ in range(3):
        await try_out(shop, CLAIM_LATE, {"order": placed.id, "good": shop.good_id, "quantity": 1})
    assert await in_pool(shop) == 2


async def stock_as(runtime: Runtime, good_id: int, like: Shop) -> None:
    """Has the master's stock offer a good as it offers another."""
    async with runtime.database.master_session() as session:
        await session.execute(
            text(
                "INSERT INTO offers (good_id, supplier_id, sku, cost, priority)"
                " SELECT :good, supplier_id, sku, cost, 0 FROM offers WHERE good_id = :like LIMIT 1"
            ),
            {"good": good_id, "like": like.good_id},
        )


async def test_a_sale_by_the_version_before_takes_no_more_cards_than_its_price_buys(runtime: Runtime) -> None:
    shop = await open_shop(runtime, keys=["K1", "K2", "K3"], wholesale_price="8.00")
    buyer, order = await shop.buyer(wallet_cents=5_000), ids.uuid7()
    old = "SELECT post_sale(CAST(:order AS uuid), CAST(:buyer AS text), CAST(:good AS bigint), 1, 1000, 800)"
    assert await try_out(shop, old, {"order": order, "buyer": buyer, "good": shop.good_id}) == ""

    await try_out(shop, CLAIM_LATE, {"order": order, "good": shop.good_id, "quantity": 2})
    assert await in_pool(shop) == 3
    await try_out(shop, CLAIM_LATE, {"order": order, "good": shop.good_id, "quantity": 1})
    assert await in_pool(shop) == 2


@pytest.mark.parametrize("change", ["quantity", "good"])
async def test_a_supplier_is_not_paid_for_more_than_the_master_was_paid_for(
    runtime: Runtime, liar: Liar, change: str
) -> None:
    liar.says = as_asked
    shop, dear = await shop_at(runtime, liar), await shop_at(runtime, liar)
    placed = await shop.buy(await shop.buyer(wallet_cents=5_000))
    async with shop.tenant.begin() as session:
        good = dear.good_id if change == "good" else None
        await session.execute(TAMPER, {"id": placed.id, "good": good})

    await work_off(runtime)

    assert await purchases(runtime, placed.id) == []
    assert await ledger_is_balanced(runtime)


async def test_an_order_that_was_never_charged_is_bought_from_nobody(runtime: Runtime, liar: Liar) -> None:
    liar.says = as_asked
    shop = await shop_at(runtime, liar)
    placed, forged = await shop.buy(await shop.buyer(wallet_cents=5_000)), ids.uuid7()
    async with shop.tenant.begin() as session:
        await session.execute(FORGE, {"id": placed.id, "forged": forged})
    await send(shop, forged)

    await work_off(runtime)

    assert await purchases(runtime, forged) == []


@pytest.mark.parametrize("stock", ["claim", "hold", "held", "look"])
@pytest.mark.parametrize("quantity", [None, 0, -1, 10**6])
async def test_an_opening_of_an_odd_quantity_takes_nothing(runtime: Runtime, stock: str, quantity: int | None) -> None:
    shop = await open_shop(runtime, keys=["K1", "K2", "K3"])

    await try_out(shop, BEGIN, {"order": ids.uuid7(), "good": shop.good_id, "quantity": quantity, "stock": stock})

    assert await in_pool(shop) == 3


async def test_cards_that_were_taken_and_not_charged_are_back_with_the_end_of_the_transaction(runtime: Runtime) -> None:
    shop = await open_shop(runtime, keys=["K1", "K2", "K3"])

    refused = await try_out(shop, BEGIN, {"order": ids.uuid7(), "good": shop.good_id, "quantity": 2, "stock": "claim"})

    assert refused == "KM500"
    assert await in_pool(shop) == 3


@pytest.mark.parametrize("settlement", [None, "", "gift", "MASTER"])
async def test_a_sale_is_charged_to_an_account_that_there_is(runtime: Runtime, settlement: str | None) -> None:
    shop = await open_shop(runtime, keys=["K"])
    buyer = await shop.buyer(wallet_cents=5_000)
    values = {"order": ids.uuid7(), "buyer": buyer, "good": shop.good_id, "quantity": 1, "retail": 1000,
              "wholesale": 800, "settlement": settlement}  # fmt: skip

    assert await try_out(shop, CHARGE, values) == "22023"
    assert await try_out(shop, CHARGE, values | {"settlement": "master"}) == "KM402"  # it has collected nothing
    assert await shop.wallet_cents(buyer) == 5_000


async def test_a_hand_that_delivers_while_a_supplier_may_is_refused(runtime: Runtime, liar: Liar) -> None:
    """Else the buyer has both, and two have paid for it."""
    shop = await shop_at(runtime, liar)
    placed = await shop.buy(await shop.buyer(wallet_cents=5_000), quantity=2)
    liar.says = lambda _: (500, b"later")
    await work_off(runtime)
    assert await shop.state(placed.no) == "waiting"
    sealer = await runtime.keyring.tenant(shop.tenant.id)

    with pytest.raises(Exception, match="under way"):
        async with shop.tenant.begin() as session:
            await orders.deliver_by_hand(session, sealer, placed.no, ["BY-HAND"], "owner")

    assert await shop.keys(placed.id) == []


async def test_what_a_hand_has_delivered_is_not_bought_and_the_station_is_paid_back_for_it(
    runtime: Runtime, liar: Liar
) -> None:
    liar.says = as_asked
    shop = await from_nowhere(runtime)
    placed = await shop.buy(await shop.buyer(wallet_cents=50_000), quantity=5)
    before = await shop.deposit_cents()
    sealer = await runtime.keyring.tenant(shop.tenant.id)
    async with shop.tenant.begin() as session:
        await orders.deliver_by_hand(session, sealer, placed.no, ["H1", "H2"], "owner")
        await orders.deliver_by_hand(session, sealer, placed.no, ["H2"], "owner")  # sent twice
    async with shop.tenant.begin() as session:  # as a worker that had read the order before would see it
        await session.execute(text("UPDATE orders SET delivered_quantity = 0 WHERE id = :id"), {"id": placed.id})
    await point_at(runtime, shop, liar)

    await work_off(runtime)

    assert await cards_of(runtime, placed.id) == 3
    async with shop.tenant.begin() as session:
        await session.execute(text("UPDATE orders SET delivered_quantity = 4 WHERE id = :id"), {"id": placed.id})
        with pytest.raises(NotDeliverable):
            await orders.deliver_by_hand(session, sealer, placed.no, ["H3", "H4"], "owner")
    assert await shop.deposit_cents() == before


async def point_at(runtime: Runtime, shop: Shop, liar: Liar) -> None:
    """The supplier can be reached again."""
    async with runtime.database.master_session() as session:
        await session.execute(
            text(
                "UPDATE suppliers SET base_url = :url WHERE id IN (SELECT supplier_id FROM offers WHERE good_id = :g)"
            ),
            {"url": liar.url, "g": shop.good_id},
        )
